package sqlstore

import (
	"context"

	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/page"
)

const accountMemberColumns = `m.id, m.account_id, m.role, m.created_at, ` + summaryColumns

const accountMemberFrom = ` FROM account_members m JOIN users u ON u.id = m.user_id`

// accountMemberScan is where a row of accountMemberColumns goes.
type accountMemberScan struct {
	member  org.AccountMember
	created int64
}

func (s *accountMemberScan) into() []any {
	m := &s.member
	return append([]any{(*string)(&m.ID), (*string)(&m.Account), (*string)(&m.Role), &s.created}, intoSummary(&m.User)...)
}

func (s *accountMemberScan) value() org.AccountMember {
	m := s.member
	m.Created = moment(s.created)
	return m
}

// AccountMember implements org.MemberReader.
func (r *reader) AccountMember(ctx context.Context, a id.Account, m id.Member) (org.AccountMember, error) {
	const accountMemberSQL = `SELECT ` + accountMemberColumns + accountMemberFrom + ` WHERE m.id = $1 AND m.account_id = $2`
	var s accountMemberScan
	err := r.one(ctx, "member", accountMemberSQL, []any{string(m), string(a)}, s.into()...)
	return s.value(), err
}

// AccountMemberOf implements org.MemberReader.
func (r *reader) AccountMemberOf(ctx context.Context, a id.Account, u id.User) (org.AccountMember, error) {
	const accountMemberOfSQL = `SELECT ` + accountMemberColumns + accountMemberFrom + ` WHERE m.account_id = $1 AND m.user_id = $2`
	var s accountMemberScan
	err := r.one(ctx, "member", accountMemberOfSQL, []any{string(a), string(u)}, s.into()...)
	return s.value(), err
}

// CountAccountSuperAdministrators implements org.MemberReader.
func (r *reader) CountAccountSuperAdministrators(ctx context.Context, a id.Account) (int64, error) {
	const countAccountSuperAdministratorsSQL = `SELECT COUNT(*) FROM account_members m JOIN users u ON u.id = m.user_id
		WHERE m.account_id = $1 AND m.role = 'account_super_administrator' AND u.status <> 'disabled'`
	return r.number(ctx, countAccountSuperAdministratorsSQL, string(a))
}

// ListAccountMembers implements org.MemberReader.
func (r *reader) ListAccountMembers(ctx context.Context, a id.Account, request page.Request) (page.Page[org.AccountMember], error) {
	from := func(b *builder) { b.add(accountMemberFrom, " WHERE m.account_id = ", b.arg(string(a))) }
	var p page.Page[org.AccountMember]
	err := r.snapshot(ctx, func(r *reader) error {
		var err error
		if p.Total, err = r.countFrom(ctx, from); err != nil {
			return err
		}
		b := &builder{dialect: r.dialect}
		b.add("SELECT ", accountMemberColumns)
		from(b)
		b.after(request.After, "m.created_at", "m.id")
		b.add(" ORDER BY m.created_at, m.id LIMIT ", b.arg(request.Size+1))
		return r.search(ctx, b.text.String(), b.args, func(row row) error {
			var s accountMemberScan
			err := row.Scan(s.into()...)
			p.Items = append(p.Items, s.value())
			return err
		})
	})
	p.Cut(request.Size, func(m *org.AccountMember) page.Position {
		return page.Position{Time: m.Created, ID: string(m.ID)}
	})
	return p, err
}

// ListMemberships implements org.MemberReader.
func (r *reader) ListMemberships(ctx context.Context, q org.MembershipQuery) (page.Page[org.Membership], error) {
	from := func(b *builder) {
		b.add(" FROM account_members m JOIN accounts a ON a.id = m.account_id AND a.deleted_at = 0", accountJoin,
			" WHERE m.user_id = ", b.arg(string(q.User)))
		if q.Name != "" {
			b.add(" AND a.name_fold = ", b.arg(fold(q.Name)))
		}
		if q.Scope != nil {
			inScope(b, q.Scope)
		}
	}
	var p page.Page[org.Membership]
	err := r.snapshot(ctx, func(r *reader) error {
		var err error
		if p.Total, err = r.countFrom(ctx, from); err != nil {
			return err
		}
		b := &builder{dialect: r.dialect}
		b.add("SELECT m.id, m.role, ", accountColumns)
		from(b)
		b.add(membershipOrder(q.Order, q.Desc), " LIMIT ", b.arg(q.PerPage), " OFFSET ", b.arg(q.Offset()))
		return r.search(ctx, b.text.String(), b.args, func(row row) error {
			var m org.Membership
			var s accountScan
			err := row.Scan(append([]any{(*string)(&m.ID), (*string)(&m.Role)}, s.into()...)...)
			m.Account = s.value()
			p.Items = append(p.Items, m)
			return err
		})
	})
	return p, err
}

func membershipOrder(order string, desc bool) string {
	direction := ""
	if desc {
		direction = " DESC"
	}
	switch order {
	case "id":
		return " ORDER BY m.id" + direction
	case "account.id":
		return " ORDER BY m.account_id" + direction + ", m.id" + direction
	case "account.name":
		return " ORDER BY a.name_fold" + direction + ", m.id" + direction
	}
	return " ORDER BY m.created_at" + direction + ", m.id" + direction
}

// InsertAccountMember implements org.MemberTx.
func (t *tx) InsertAccountMember(ctx context.Context, m org.AccountMember) error {
	const insertAccountMemberSQL = `INSERT INTO account_members (id, account_id, user_id, role, created_at) VALUES ($1, $2, $3, $4, $5)`
	return t.exec(ctx, insertAccountMemberSQL, string(m.ID), string(m.Account), string(m.User.ID), string(m.Role), micros(m.Created))
}

// DeleteAccountMember implements org.MemberTx.
func (t *tx) DeleteAccountMember(ctx context.Context, m org.AccountMember) error {
	const deleteAccountMemberSQL = `DELETE FROM account_members WHERE id = $1`
	return t.must(ctx, deleteAccountMemberSQL, string(m.ID))
}
