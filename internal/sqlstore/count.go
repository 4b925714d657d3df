package sqlstore

import (
	"cmp"
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

// countChanges are changes of counts that are not written yet.
type countChanges []countChange

func (c *countChanges) add(o id.Organization, organizations, accounts int64) {
	i := slices.IndexFunc(*c, func(other countChange) bool { return other.organization == o })
	if i < 0 {
		i = len(*c)
		*c = append(*c, countChange{organization: o})
	}
	(*c)[i].organizations += organizations
	(*c)[i].accounts += accounts
}

// addBound adds what addCounts with these arguments does.
func (c *countChanges) addBound(args []any) {
	var path []string
	switch list := args[0].(type) {
	case []string: // of PostgreSQL
		path = list
	case jsonList:
		path = list
	}
	organizations, _ := args[1].(int64)
	accounts, _ := args[2].(int64)
	for _, o := range path {
		c.add(id.Organization(o), organizations, accounts)
	}
}

// merge adds other changes.
func (c *countChanges) merge(others countChanges) {
	for _, o := range others {
		c.add(o.organization, o.organizations, o.accounts)
	}
}

// next takes all that change alike, and returns what writes them; ok is false
// when there are none.
func (c *countChanges) next(d *dialect) (b bound, ok bool) {
	for len(*c) > 0 {
		first := (*c)[0]
		var alike []id.Organization
		*c = slices.DeleteFunc(*c, func(other countChange) bool {
			same := other.organizations == first.organizations && other.accounts == first.accounts
			if same {
				alike = append(alike, other.organization)
			}
			return same
		})
		if first.organizations != 0 || first.accounts != 0 {
			return bound{addCounts, []any{list(d, alike), first.organizations, first.accounts}}, true
		}
	}
	return bound{}, false
}

// all returns what writes all of them on PostgreSQL; ok is false when there
// are none. It takes the rows in the order of the identifiers.
func (c countChanges) all() (s statement, ok bool) {
	var ids []string
	var organizations, accounts []int64
	slices.SortFunc(c, func(a, b countChange) int { return cmp.Compare(a.organization, b.organization) })
	for _, change := range c {
		if change.organizations != 0 || change.accounts != 0 {
			ids = append(ids, string(change.organization))
			organizations, accounts = append(organizations, change.organizations), append(accounts, change.accounts)
		}
	}
	return statement{addAllCountsSQL, []any{ids, organizations, accounts}}, len(ids) > 0
}

const (
	addAllCountsSQL = `INSERT INTO subtree_counts (organization_id, slot, organizations, accounts)
	SELECT id, ` + slotSQL + `, organizations, accounts
	FROM unnest(CAST($1 AS TEXT[]), CAST($2 AS BIGINT[]), CAST($3 AS BIGINT[])) AS change(id, organizations, accounts)` + onCountsSQL

	onCountsSQL = ` ON CONFLICT (organization_id, slot) DO UPDATE SET
	organizations = subtree_counts.organizations + excluded.organizations,
	accounts = subtree_counts.accounts + excluded.accounts`
)

// addCounts takes the rows in the order of the identifiers.
var addCounts = &part{name: "counts", text: `INSERT INTO subtree_counts (organization_id, slot, organizations, accounts)
	SELECT value, slot(), CAST($2 AS BIGINT), CAST($3 AS BIGINT) FROM list($1) WHERE TRUE ORDER BY value` + onCountsSQL}

// count adds to the counts of the organizations on a path. That is written
// with the commit, so that others wait for the counters as short as possible,
// and always after the numbers of audit logs were taken, so that no two
// transactions wait for each other.
func (t *tx) count(path []id.Organization, organizations, accounts int64) {
	for _, o := range path {
		t.counts.add(o, organizations, accounts)
	}
}

// settle writes the counts that were put off, one statement for all that
// change alike.
func (t *tx) settle(ctx context.Context) error {
	for {
		b, ok := t.counts.next(t.dialect)
		if !ok {
			return nil
		}
		if err := t.join(ctx, b); err != nil {
			return err
		}
	}
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
