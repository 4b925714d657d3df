package sqlstore

import (
	"context"
	"fmt"
	"time"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/proof"
)

// The reader of a View also shows the tables as they are, for package fsck:
// row by row, deleted ones included, with what is derived as it is stored.

// InspectOrganizations calls f for every organization, with its stored depth.
func (r *reader) InspectOrganizations(ctx context.Context, f func(o org.Organization, depth int) error) error {
	const inspectOrganizationsSQL = `SELECT id, COALESCE(parent_id, ''), path, depth, name, created_at, updated_at, deleted_at
		FROM organizations ORDER BY id`
	return r.query(ctx, inspectOrganizationsSQL, nil, func(row row) error {
		var o org.Organization
		var path string
		var depth int
		var created, updated, deleted int64
		if err := row.Scan((*string)(&o.ID), (*string)(&o.Parent), &path, &depth, &o.Name, &created, &updated, &deleted); err != nil {
			return err
		}
		o.Path, o.Created, o.Updated, o.Deleted = splitPath(path), moment(created), moment(updated), moment(deleted)
		return f(o, depth)
	})
}

// InspectClosure calls f for every pair of ancestor and descendant.
func (r *reader) InspectClosure(ctx context.Context, f func(ancestor, descendant id.Organization, created time.Time) error) error {
	const inspectClosureSQL = `SELECT ancestor_id, descendant_id, created_at FROM organization_closure
		ORDER BY ancestor_id, created_at, descendant_id`
	return r.query(ctx, inspectClosureSQL, nil, func(row row) error {
		var ancestor, descendant id.Organization
		var created int64
		if err := row.Scan((*string)(&ancestor), (*string)(&descendant), &created); err != nil {
			return err
		}
		return f(ancestor, descendant, moment(created))
	})
}

// InspectCounts calls f for every organization that has counters.
func (r *reader) InspectCounts(ctx context.Context, f func(o id.Organization, organizations, accounts int64) error) error {
	const inspectCountsSQL = `SELECT organization_id, CAST(SUM(organizations) AS BIGINT), CAST(SUM(accounts) AS BIGINT)
		FROM subtree_counts GROUP BY organization_id ORDER BY organization_id`
	return r.query(ctx, inspectCountsSQL, nil, func(row row) error {
		var o id.Organization
		var organizations, accounts int64
		if err := row.Scan((*string)(&o), &organizations, &accounts); err != nil {
			return err
		}
		return f(o, organizations, accounts)
	})
}

// InspectAccounts calls f for every account, without its path but with its
// stored root.
func (r *reader) InspectAccounts(ctx context.Context, f func(a org.Account, root id.Organization) error) error {
	const inspectAccountsSQL = `SELECT id, COALESCE(organization_id, ''), root_id, created_at, updated_at, deleted_at FROM accounts ORDER BY id`
	return r.query(ctx, inspectAccountsSQL, nil, func(row row) error {
		var a org.Account
		var root id.Organization
		var created, updated, deleted int64
		if err := row.Scan((*string)(&a.ID), (*string)(&a.Organization), (*string)(&root), &created, &updated, &deleted); err != nil {
			return err
		}
		a.Created, a.Updated, a.Deleted = moment(created), moment(updated), moment(deleted)
		return f(a, root)
	})
}

// InspectMembers calls f for every membership in an organization.
func (r *reader) InspectMembers(ctx context.Context, f func(org.Member) error) error {
	const inspectMembersSQL = `SELECT ` + memberColumns + memberFrom + ` ORDER BY m.id`
	return r.query(ctx, inspectMembersSQL, nil, func(row row) error {
		var s memberScan
		if err := row.Scan(s.into()...); err != nil {
			return err
		}
		return f(s.value())
	})
}

// InspectAccountMembers calls f for every explicit membership in an account.
func (r *reader) InspectAccountMembers(ctx context.Context, f func(org.AccountMember) error) error {
	const inspectAccountMembersSQL = `SELECT ` + accountMemberColumns + accountMemberFrom + ` ORDER BY m.id`
	return r.query(ctx, inspectAccountMembersSQL, nil, func(row row) error {
		var s accountMemberScan
		if err := row.Scan(s.into()...); err != nil {
			return err
		}
		return f(s.value())
	})
}

// InspectUsers calls f for every user.
func (r *reader) InspectUsers(ctx context.Context, f func(org.User) error) error {
	const inspectUsersSQL = `SELECT ` + userColumns + ` FROM users u ORDER BY u.id`
	return r.query(ctx, inspectUsersSQL, nil, func(row row) error {
		var s userScan
		if err := row.Scan(s.into()...); err != nil {
			return err
		}
		return f(s.value())
	})
}

// InspectProfiles calls f for every profile: whose it is and when it was put.
func (r *reader) InspectProfiles(ctx context.Context, f func(owner string, updated time.Time) error) error {
	const inspectProfilesSQL = `SELECT owner_id, updated_at FROM profiles ORDER BY owner_id`
	return r.query(ctx, inspectProfilesSQL, nil, func(row row) error {
		var owner string
		var updated int64
		if err := row.Scan(&owner, &updated); err != nil {
			return err
		}
		return f(owner, moment(updated))
	})
}

// InspectTokens calls f for every API token.
func (r *reader) InspectTokens(ctx context.Context, f func(org.Token) error) error {
	const inspectTokensSQL = `SELECT ` + tokenColumns + ` FROM api_tokens t ORDER BY t.id`
	return r.query(ctx, inspectTokensSQL, nil, func(row row) error {
		var s tokenScan
		if err := row.Scan(s.into()...); err != nil {
			return err
		}
		t, err := s.value()
		if err != nil {
			return err
		}
		return f(t)
	})
}

// InspectBudgets calls f for every budget, without its crossings.
func (r *reader) InspectBudgets(ctx context.Context, f func(org.Budget) error) error {
	const inspectBudgetsSQL = `SELECT ` + budgetColumns + ` FROM budgets b ORDER BY b.id`
	return r.query(ctx, inspectBudgetsSQL, nil, func(row row) error {
		var s budgetScan
		if err := row.Scan(s.into()...); err != nil {
			return err
		}
		b, err := s.value()
		if err != nil {
			return err
		}
		return f(b)
	})
}

// InspectCrossings calls f for everything that was crossed.
func (r *reader) InspectCrossings(ctx context.Context, f func(org.Crossing) error) error {
	const inspectCrossingsSQL = `SELECT ` + crossingColumns + crossingFrom + ` ORDER BY x.id`
	return r.query(ctx, inspectCrossingsSQL, nil, func(row row) error {
		var s crossingScan
		if err := row.Scan(s.into()...); err != nil {
			return err
		}
		x, err := s.value()
		if err != nil {
			return err
		}
		return f(x)
	})
}

// InspectHeads calls f for every audit log with its first and its last
// sequence number and the time of its last record.
func (r *reader) InspectHeads(ctx context.Context, f func(log id.Log, first, seq int64, last time.Time) error) error {
	const inspectHeadsSQL = `SELECT log_id, first_seq, seq, time FROM audit_heads ORDER BY log_id`
	return r.query(ctx, inspectHeadsSQL, nil, func(row row) error {
		var log id.Log
		var first, seq, last int64
		if err := row.Scan((*string)(&log), &first, &seq, &last); err != nil {
			return err
		}
		return f(log, first, seq, moment(last))
	})
}

// InspectRecords calls f for every audit record, by log and sequence.
func (r *reader) InspectRecords(ctx context.Context, f func(*audit.Record) error) error {
	const inspectRecordsSQL = `SELECT ` + recordColumns + ` FROM audit_records ORDER BY log_id, seq`
	return r.query(ctx, inspectRecordsSQL, nil, eachRecord(f))
}

// InspectTrees calls f for the tree of every log that has one, without the
// head of the log.
func (r *reader) InspectTrees(ctx context.Context, f func(org.Tree) error) error {
	const inspectTreesSQL = `SELECT log_id, size, nodes, checkpoint, time FROM audit_trees ORDER BY log_id`
	return r.query(ctx, inspectTreesSQL, nil, func(row row) error {
		var t org.Tree
		var nodes []byte
		var at int64
		if err := row.Scan((*string)(&t.Log), &t.Size, &nodes, &t.Checkpoint, &at); err != nil {
			return err
		}
		var err error
		if t.Nodes, err = proof.SplitHashes(nodes); err != nil {
			return fmt.Errorf("read the tree of log %s: %w", t.Log, err)
		}
		t.Time = moment(at)
		return f(t)
	})
}

// InspectTiles calls f for the hashes of every level of every tree, in order,
// a few at a time; first is the number of the first of them.
func (r *reader) InspectTiles(ctx context.Context, f func(log id.Log, level int, first int64, hashes []byte) error) error {
	const inspectTilesSQL = `SELECT log_id, level, idx, data FROM audit_tiles ORDER BY log_id, level, idx`
	return r.query(ctx, inspectTilesSQL, nil, func(row row) error {
		var log id.Log
		var level int
		var idx int64
		var data []byte
		if err := row.Scan((*string)(&log), &level, &idx, &data); err != nil {
			return err
		}
		return f(log, level, idx*rowHashes, data)
	})
}
