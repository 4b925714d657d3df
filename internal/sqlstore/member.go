package sqlstore

import (
	"context"

	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/page"
)

const summaryColumns = `u.id, u.email, u.first_name, u.last_name, u.two_factor`

const memberColumns = `m.id, m.organization_id, m.role, m.status, m.code_hash, m.code_expires_at, m.created_at, m.updated_at, ` + summaryColumns

const memberFrom = ` FROM members m JOIN users u ON u.id = m.user_id`

func intoSummary(u *org.UserSummary) []any {
	return []any{(*string)(&u.ID), &u.Email, &u.FirstName, &u.LastName, &u.TwoFactor}
}

// memberScan is where a row of memberColumns goes.
type memberScan struct {
	member                    org.Member
	expires, created, updated int64
}

func (s *memberScan) into() []any {
	m := &s.member
	return append([]any{
		(*string)(&m.ID), (*string)(&m.Organization), (*string)(&m.Role), (*string)(&m.Status), &m.CodeHash,
		&s.expires, &s.created, &s.updated,
	}, intoSummary(&m.User)...)
}

func (s *memberScan) value() org.Member {
	m := s.member
	m.CodeExpires, m.Created, m.Updated = moment(s.expires), moment(s.created), moment(s.updated)
	return m
}

func (r *reader) member(ctx context.Context, sql string, args ...any) (org.Member, error) {
	var s memberScan
	err := r.one(ctx, "member", sql, args, s.into()...)
	return s.value(), err
}

// Member implements org.MemberReader.
func (r *reader) Member(ctx context.Context, o id.Organization, m id.Member) (org.Member, error) {
	const memberSQL = `SELECT ` + memberColumns + memberFrom + ` WHERE m.id = $1 AND m.organization_id = $2`
	return r.member(ctx, memberSQL, string(m), string(o))
}

// LiveMember implements org.MemberReader.
func (r *reader) LiveMember(ctx context.Context, o id.Organization, u id.User) (org.Member, error) {
	const liveMemberSQL = `SELECT ` + memberColumns + memberFrom + `
		WHERE m.organization_id = $1 AND m.user_id = $2 AND m.status IN ('pending', 'active')`
	return r.member(ctx, liveMemberSQL, string(o), string(u))
}

// MemberByCode implements org.MemberReader.
func (r *reader) MemberByCode(ctx context.Context, o id.Organization, codeHash string) (org.Member, error) {
	const memberByCodeSQL = `SELECT ` + memberColumns + memberFrom + `
		WHERE m.code_hash = $1 AND m.code_hash <> '' AND m.organization_id = $2`
	return r.member(ctx, memberByCodeSQL, codeHash, string(o))
}

// ListMembers implements org.MemberReader.
func (r *reader) ListMembers(ctx context.Context, q org.MemberQuery) (page.Page[org.Member], error) {
	statuses := q.Statuses
	if statuses == nil {
		statuses = []org.MemberStatus{org.Pending, org.Active}
	}
	from := func(b *builder, source string) {
		b.add(source, " WHERE m.organization_id = ", b.arg(string(q.Organization)),
			" AND m.status IN (SELECT value FROM list(", b.arg(list(b.dialect, statuses)), "))")
		b.where("u.email_fold", q.Email)
	}
	var p page.Page[org.Member]
	err := r.snapshot(ctx, func(r *reader) error {
		var err error
		source := memberFrom
		if q.Email.Empty() {
			source = " FROM members m" // counting needs no users
		}
		if p.Total, err = r.countFrom(ctx, func(b *builder) { from(b, source) }); err != nil {
			return err
		}
		b := &builder{dialect: r.dialect}
		b.add("SELECT ", memberColumns)
		from(b, memberFrom)
		b.after(q.After, "m.created_at", "m.id")
		b.add(" ORDER BY m.created_at, m.id LIMIT ", b.arg(q.Size+1))
		return r.search(ctx, b.text.String(), b.args, func(row row) error {
			var s memberScan
			err := row.Scan(s.into()...)
			p.Items = append(p.Items, s.value())
			return err
		})
	})
	p.Cut(q.Size, func(m *org.Member) page.Position { return page.Position{Time: m.Created, ID: string(m.ID)} })
	return p, err
}

// countFrom counts the rows of what from appends.
func (r *reader) countFrom(ctx context.Context, from func(*builder)) (int64, error) {
	b := &builder{dialect: r.dialect}
	b.add("SELECT COUNT(*)")
	from(b)
	n := int64(0)
	err := r.search(ctx, b.text.String(), b.args, func(row row) error { return row.Scan(&n) })
	return n, err
}

// CountMembers implements org.MemberReader.
func (r *reader) CountMembers(ctx context.Context, o id.Organization, except id.User) (int64, error) {
	const countMembersSQL = `SELECT COUNT(*) FROM members
		WHERE organization_id = $1 AND user_id <> $2 AND status IN ('pending', 'active')`
	return r.number(ctx, countMembersSQL, string(o), string(except))
}

// CountSuperAdministrators implements org.MemberReader.
func (r *reader) CountSuperAdministrators(ctx context.Context, o id.Organization) (int64, error) {
	const countSuperAdministratorsSQL = `SELECT COUNT(*) FROM members m JOIN users u ON u.id = m.user_id
		WHERE m.organization_id = $1 AND m.status = 'active' AND m.role = 'organization_super_administrator'
		AND u.status <> 'disabled'`
	return r.number(ctx, countSuperAdministratorsSQL, string(o))
}

// MemberPlaces implements org.MemberReader.
func (r *reader) MemberPlaces(ctx context.Context, u id.User) ([]org.MemberPlace, error) {
	const memberPlacesSQL = `SELECT m.id, m.role, o.path, o.name
		FROM members m JOIN organizations o ON o.id = m.organization_id AND o.deleted_at = 0
		WHERE m.user_id = $1 AND m.status = 'active' ORDER BY m.created_at, m.id`
	var all []org.MemberPlace
	err := r.query(ctx, memberPlacesSQL, []any{string(u)}, func(row row) error {
		var p org.MemberPlace
		var path string
		err := row.Scan((*string)(&p.Member), (*string)(&p.Role), &path, &p.Name)
		p.Path = splitPath(path)
		all = append(all, p)
		return err
	})
	return all, err
}

// InsertMember implements org.MemberTx.
func (t *tx) InsertMember(ctx context.Context, m org.Member) error {
	const insertMemberSQL = `INSERT INTO members (id, organization_id, user_id, role, status, code_hash, code_expires_at, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`
	return t.exec(ctx, insertMemberSQL, string(m.ID), string(m.Organization), string(m.User.ID), string(m.Role),
		string(m.Status), m.CodeHash, micros(m.CodeExpires), micros(m.Created), micros(m.Updated))
}

// UpdateMember implements org.MemberTx.
func (t *tx) UpdateMember(ctx context.Context, m org.Member) error {
	const updateMemberSQL = `UPDATE members SET role = $2, status = $3, code_hash = $4, code_expires_at = $5, updated_at = $6
		WHERE id = $1`
	return t.must(ctx, updateMemberSQL, string(m.ID), string(m.Role), string(m.Status), m.CodeHash, micros(m.CodeExpires), micros(m.Updated))
}
