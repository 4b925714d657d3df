package sqlstore

import (
	"context"
	"slices"

	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/page"
)

// countChange is a change of the counts of an organization.
type countChange struct {
	organization            id.Organization
	organizations, accounts int64
}

// count adds to the counts of the organizations on a path. That is written
// with the commit, so that others wait for the counters as short as possible,
// and always after the numbers of audit logs were taken, so that no two
// transactions wait for each other.
func (t *tx) count(path []id.Organization, organizations, accounts int64) {
	for _, o := range path {
		i := slices.IndexFunc(t.counts, func(c countChange) bool { return c.organization == o })
		if i < 0 {
			i = len(t.counts)
			t.counts = append(t.counts, countChange{organization: o})
		}
		t.counts[i].organizations += organizations
		t.counts[i].accounts += accounts
	}
}

// settle writes the counts that were put off, one statement for all that
// change alike.
func (t *tx) settle(ctx context.Context) error {
	for len(t.counts) > 0 {
		first := t.counts[0]
		var alike []id.Organization
		t.counts = slices.DeleteFunc(t.counts, func(c countChange) bool {
			same := c.organizations == first.organizations && c.accounts == first.accounts
			if same {
				alike = append(alike, c.organization)
			}
			return same
		})
		if first.organizations == 0 && first.accounts == 0 {
			continue
		}
		if err := t.addCounts(ctx, alike, first); err != nil {
			return err
		}
	}
	return nil
}

var addCounts = &part{name: "counts", text: `INSERT INTO subtree_counts (organization_id, slot, organizations, accounts)
	SELECT value, CAST($2 AS INTEGER), CAST($3 AS BIGINT), CAST($4 AS BIGINT) FROM list($1) WHERE TRUE ORDER BY value
	ON CONFLICT (organization_id, slot) DO UPDATE SET
	organizations = subtree_counts.organizations + excluded.organizations,
	accounts = subtree_counts.accounts + excluded.accounts`}

// addCounts takes the rows in the order of the identifiers.
func (t *tx) addCounts(ctx context.Context, organizations []id.Organization, c countChange) error {
	return t.join(ctx, bound{addCounts, []any{list(t.dialect, organizations), t.slot(), c.organizations, c.accounts}})
}

// Those who read counts within a transaction have its own written before.

// Subtree implements org.OrganizationReader.
func (t *tx) Subtree(ctx context.Context, o id.Organization) (organizations, accounts int64, height int, err error) {
	if err := t.settle(ctx); err != nil {
		return 0, 0, 0, err
	}
	return t.reader.Subtree(ctx, o)
}

// SubtreeAccounts implements org.OrganizationReader.
func (t *tx) SubtreeAccounts(ctx context.Context, o id.Organization) (int64, error) {
	if err := t.settle(ctx); err != nil {
		return 0, err
	}
	return t.reader.SubtreeAccounts(ctx, o)
}

// ListOrganizations implements org.OrganizationReader.
func (t *tx) ListOrganizations(ctx context.Context, q org.OrganizationQuery) (page.Page[org.Organization], error) {
	if err := t.settle(ctx); err != nil {
		return page.Page[org.Organization]{}, err
	}
	return t.reader.ListOrganizations(ctx, q)
}

// ListAccounts implements org.AccountReader.
func (t *tx) ListAccounts(ctx context.Context, q org.AccountQuery) (page.Page[org.Account], error) {
	if err := t.settle(ctx); err != nil {
		return page.Page[org.Account]{}, err
	}
	return t.reader.ListAccounts(ctx, q)
}
