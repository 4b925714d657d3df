package sqlstore

import (
	"context"

	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/page"
)

const grantAccess = `SELECT m.id AS member_id, m.role, o.id AS organization_id, '' AS account_id, o.name, ` + summaryColumns + ` AS two_factor
	FROM members m JOIN organizations o ON o.id = m.organization_id AND o.deleted_at = 0
	JOIN users u ON u.id = m.user_id AND u.status <> 'disabled'
	WHERE m.status = 'active' AND m.organization_id IN (SELECT value FROM list($1))`

const explicitAccess = `SELECT m.id, m.role, '', a.id, a.name, ` + summaryColumns + `
	FROM account_members m JOIN accounts a ON a.id = m.account_id AND a.deleted_at = 0
	JOIN users u ON u.id = m.user_id AND u.status <> 'disabled'
	WHERE m.account_id = $2`

// ListAccess implements org.MemberReader.
func (r *reader) ListAccess(ctx context.Context, q org.AccessQuery) (page.Page[org.Access], error) {
	const countAccessSQL = `SELECT COUNT(*) FROM (` + grantAccess + ` UNION ALL ` + explicitAccess + `) g`
	const listAccessSQL = `SELECT member_id, role, organization_id, account_id, name, id, email, first_name, last_name, two_factor
		FROM (` + grantAccess + ` UNION ALL ` + explicitAccess + `) g WHERE member_id > $3 ORDER BY member_id LIMIT $4`
	path, after := list(r.dialect, q.Path), ""
	if q.After != nil {
		after = q.After.ID
	}
	var p page.Page[org.Access]
	err := r.snapshot(ctx, func(r *reader) error {
		var err error
		if p.Total, err = r.number(ctx, countAccessSQL, path, string(q.Account)); err != nil {
			return err
		}
		return r.query(ctx, listAccessSQL, []any{path, string(q.Account), after, q.Size + 1}, func(row row) error {
			var a org.Access
			err := row.Scan(append([]any{
				(*string)(&a.Member), (*string)(&a.Role), (*string)(&a.Organization), (*string)(&a.Account), &a.Name,
			}, intoSummary(&a.User)...)...)
			a.Inherited = inherited(&q, a.Organization)
			a.Permissions = a.Role.Permissions(a.Inherited)
			p.Items = append(p.Items, a)
			return err
		})
	})
	p.Cut(q.Size, func(a *org.Access) page.Position { return page.Position{ID: string(a.Member)} })
	return p, err
}

// inherited reports whether a role granted on o reaches the object from above.
func inherited(q *org.AccessQuery, o id.Organization) bool {
	if o == "" {
		return false
	}
	return q.Account != "" || o != q.Path[len(q.Path)-1]
}
