package sqlstore

import (
	"context"

	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/page"
)

const userColumns = `u.id, u.email, u.first_name, u.last_name, u.two_factor, u.administrator, u.status, u.created_at, u.updated_at`

// userScan is where a row of userColumns goes.
type userScan struct {
	user             org.User
	created, updated int64
}

func (s *userScan) into() []any {
	u := &s.user
	return []any{
		(*string)(&u.ID), &u.Email, &u.FirstName, &u.LastName, &u.TwoFactor, &u.Administrator, (*string)(&u.Status),
		&s.created, &s.updated,
	}
}

func (s *userScan) value() org.User {
	u := s.user
	u.Created, u.Updated = moment(s.created), moment(s.updated)
	return u
}

// User implements org.UserReader.
func (r *reader) User(ctx context.Context, u id.User) (org.User, error) {
	const userSQL = `SELECT ` + userColumns + ` FROM users u WHERE u.id = $1`
	var s userScan
	err := r.one(ctx, "user", userSQL, []any{string(u)}, s.into()...)
	return s.value(), err
}

// UserByEmail implements org.UserReader.
func (r *reader) UserByEmail(ctx context.Context, email string) (org.User, error) {
	const userByEmailSQL = `SELECT ` + userColumns + ` FROM users u WHERE u.email_fold = $1`
	var s userScan
	err := r.one(ctx, "user", userByEmailSQL, []any{fold(email)}, s.into()...)
	return s.value(), err
}

// UsersByEmail implements org.UserReader.
func (r *reader) UsersByEmail(ctx context.Context, emails []string) ([]org.User, error) {
	const usersByEmailSQL = `SELECT ` + userColumns + ` FROM users u WHERE u.email_fold IN (SELECT value FROM list($1)) ORDER BY u.id`
	folded := make([]string, 0, len(emails))
	for _, e := range emails {
		if storable(e) {
			folded = append(folded, fold(e))
		}
	}
	var all []org.User
	err := r.query(ctx, usersByEmailSQL, []any{list(r.dialect, folded)}, func(row row) error {
		var s userScan
		err := row.Scan(s.into()...)
		all = append(all, s.value())
		return err
	})
	return all, err
}

// ListUsers implements org.UserReader.
func (r *reader) ListUsers(ctx context.Context, q org.UserQuery) (page.Page[org.User], error) {
	from := func(b *builder) {
		b.add(" FROM users u WHERE TRUE")
		b.where("u.email_fold", q.Email)
	}
	var p page.Page[org.User]
	err := r.snapshot(ctx, func(r *reader) error {
		var err error
		if p.Total, err = r.countFrom(ctx, from); err != nil {
			return err
		}
		b := &builder{dialect: r.dialect}
		b.add("SELECT ", userColumns)
		from(b)
		b.after(q.After, "u.created_at", "u.id")
		b.add(" ORDER BY u.created_at, u.id LIMIT ", b.arg(q.Size+1))
		return r.search(ctx, b.text.String(), b.args, func(row row) error {
			var s userScan
			err := row.Scan(s.into()...)
			p.Items = append(p.Items, s.value())
			return err
		})
	})
	p.Cut(q.Size, func(u *org.User) page.Position { return page.Position{Time: u.Created, ID: string(u.ID)} })
	return p, err
}

// AnyUser implements org.UserReader.
func (r *reader) AnyUser(ctx context.Context) (bool, error) {
	const anyUserSQL = `SELECT COUNT(*) FROM (SELECT id FROM users LIMIT 1) one`
	n, err := r.number(ctx, anyUserSQL)
	return n > 0, err
}

// The columns that name a membership of a user u: its kind, its identifier,
// the role, the account and the path of the organization.
const (
	organizationGrants = `'organization', m.id, m.role, '', o.path`
	accountGrants      = `'account', m.id, m.role, a.id, COALESCE(o.path, '')`
)

const organizationGrantsFrom = ` JOIN members m ON m.user_id = u.id AND m.status = 'active'
	JOIN organizations o ON o.id = m.organization_id AND o.deleted_at = 0`

const accountGrantsFrom = ` JOIN account_members m ON m.user_id = u.id
	JOIN accounts a ON a.id = m.account_id AND a.deleted_at = 0
	LEFT JOIN organizations o ON o.id = a.organization_id`

// grantScan is where the columns of a membership go.
type grantScan struct {
	kind, member, role, account, path string
}

func (s *grantScan) into() []any { return []any{&s.kind, &s.member, &s.role, &s.account, &s.path} }

// add appends the membership to the list of its kind.
func (s *grantScan) add(grants *[]auth.Grant, accounts *[]auth.AccountGrant) {
	switch s.kind {
	case "organization":
		*grants = append(*grants, auth.Grant{Member: id.Member(s.member), Role: auth.Role(s.role), Path: splitPath(s.path)})
	case "account":
		*accounts = append(*accounts, auth.AccountGrant{
			Member: id.Member(s.member), Role: auth.Role(s.role), Account: id.Account(s.account), Path: splitPath(s.path),
		})
	}
}

// Grants implements org.UserReader.
func (r *reader) Grants(ctx context.Context, u id.User) (grants []auth.Grant, accounts []auth.AccountGrant, err error) {
	const grantsSQL = `SELECT ` + organizationGrants + ` FROM users u` + organizationGrantsFrom + ` WHERE u.id = $1
		UNION ALL SELECT ` + accountGrants + ` FROM users u` + accountGrantsFrom + ` WHERE u.id = $1 ORDER BY 1, 2`
	err = r.query(ctx, grantsSQL, []any{string(u)}, func(row row) error {
		var s grantScan
		err := row.Scan(s.into()...)
		s.add(&grants, &accounts)
		return err
	})
	return grants, accounts, err
}

// InsertUser implements org.UserTx.
func (t *tx) InsertUser(ctx context.Context, u org.User) error {
	const insertUserSQL = `INSERT INTO users (id, email, email_fold, first_name, last_name, two_factor, administrator, status, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`
	return t.exec(ctx, insertUserSQL, string(u.ID), u.Email, fold(u.Email), u.FirstName, u.LastName, u.TwoFactor,
		u.Administrator, string(u.Status), micros(u.Created), micros(u.Updated))
}

// UpdateUser implements org.UserTx.
func (t *tx) UpdateUser(ctx context.Context, u org.User) error {
	const updateUserSQL = `UPDATE users SET first_name = $2, last_name = $3, two_factor = $4, administrator = $5, status = $6, updated_at = $7
		WHERE id = $1`
	return t.must(ctx, updateUserSQL, string(u.ID), u.FirstName, u.LastName, u.TwoFactor, u.Administrator, string(u.Status), micros(u.Updated))
}
