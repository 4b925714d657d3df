package sqlstore

import (
	"context"
	"time"

	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
)

const accountColumns = `a.id, a.name, a.type, a.abuse_contact_email, a.enforce_two_factor, COALESCE(a.organization_id, ''),
	COALESCE(o.name, ''), COALESCE(o.path, ''), a.created_at, a.updated_at, a.deleted_at`

const accountJoin = ` LEFT JOIN organizations o ON o.id = a.organization_id`

const selectAccount = `SELECT ` + accountColumns + ` FROM accounts a` + accountJoin

// accountScan is where a row of accountColumns goes.
type accountScan struct {
	account                   org.Account
	path                      string
	created, updated, deleted int64
}

func (s *accountScan) into() []any {
	a := &s.account
	return []any{
		(*string)(&a.ID), &a.Name, (*string)(&a.Type), &a.Settings.AbuseContactEmail, &a.Settings.EnforceTwoFactor,
		(*string)(&a.Organization), &a.OrganizationName, &s.path, &s.created, &s.updated, &s.deleted,
	}
}

func (s *accountScan) value() org.Account {
	a := s.account
	a.Path = splitPath(s.path)
	a.Created, a.Updated, a.Deleted = moment(s.created), moment(s.updated), moment(s.deleted)
	return a
}

// Account implements org.AccountReader.
func (r *reader) Account(ctx context.Context, a id.Account) (org.Account, error) {
	const accountSQL = selectAccount + ` WHERE a.id = $1 AND a.deleted_at = 0`
	var s accountScan
	err := r.one(ctx, "account", accountSQL, []any{string(a)}, s.into()...)
	return s.value(), err
}

// AccountsByID implements org.AccountReader.
func (r *reader) AccountsByID(ctx context.Context, ids []id.Account) ([]org.Account, error) {
	const accountsByIDSQL = selectAccount + ` WHERE a.id IN (SELECT value FROM list($1)) AND a.deleted_at = 0 ORDER BY a.id`
	return r.accounts(ctx, accountsByIDSQL, list(r.dialect, ids))
}

// DeletedAccount implements org.AccountReader.
func (r *reader) DeletedAccount(ctx context.Context, a id.Account) (org.Account, error) {
	const deletedAccountSQL = selectAccount + ` WHERE a.id = $1 AND a.deleted_at <> 0`
	var s accountScan
	err := r.one(ctx, "deleted account", deletedAccountSQL, []any{string(a)}, s.into()...)
	return s.value(), err
}

// DeletedAccounts implements org.AccountReader.
func (r *reader) DeletedAccounts(ctx context.Context, organizations []id.Organization) ([]org.Account, error) {
	const deletedAccountsSQL = selectAccount + ` WHERE a.organization_id IN (SELECT value FROM list($1)) AND a.deleted_at <> 0 ORDER BY a.id`
	return r.accounts(ctx, deletedAccountsSQL, list(r.dialect, organizations))
}

func (r *reader) accounts(ctx context.Context, sql string, args ...any) ([]org.Account, error) {
	var all []org.Account
	err := r.query(ctx, sql, args, func(row row) error {
		var s accountScan
		if err := row.Scan(s.into()...); err != nil {
			return err
		}
		all = append(all, s.value())
		return nil
	})
	return all, err
}

var insertAccount = &part{name: "account", text: `INSERT INTO accounts (id, organization_id, root_id, name, name_fold, type,
	abuse_contact_email, enforce_two_factor, created_at, updated_at, deleted_at)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0)`}

// InsertAccount implements org.AccountTx.
func (t *tx) InsertAccount(ctx context.Context, a org.Account) error {
	err := t.join(ctx, bound{insertAccount, []any{
		string(a.ID), orNull(a.Organization), string(a.Root()), a.Name, fold(a.Name),
		string(a.Type), text(a.Settings.AbuseContactEmail), a.Settings.EnforceTwoFactor, micros(a.Created), micros(a.Updated),
	}})
	if err != nil {
		return err
	}
	t.count(a.Path, 0, 1)
	return nil
}

// text returns the parameter for text that may be absent.
func text(s *string) any {
	if s == nil {
		return nil
	}
	return *s
}

// UpdateAccount implements org.AccountTx.
func (t *tx) UpdateAccount(ctx context.Context, a org.Account) error {
	const updateAccountSQL = `UPDATE accounts SET name = $2, name_fold = $3, abuse_contact_email = $4,
		enforce_two_factor = $5, updated_at = $6 WHERE id = $1 AND deleted_at = 0`
	return t.must(ctx, updateAccountSQL, string(a.ID), a.Name, fold(a.Name), text(a.Settings.AbuseContactEmail), a.Settings.EnforceTwoFactor, micros(a.Updated))
}

// DeleteAccount implements org.AccountTx.
func (t *tx) DeleteAccount(ctx context.Context, a org.Account, deleted time.Time) error {
	const deleteAccountSQL = `UPDATE accounts SET deleted_at = $2, updated_at = $2
		WHERE id = $1 AND deleted_at = 0 AND COALESCE(organization_id, '') = $3`
	if err := t.must(ctx, deleteAccountSQL, string(a.ID), micros(deleted), string(a.Organization)); err != nil {
		return err
	}
	const deleteMembersSQL = `DELETE FROM account_members WHERE account_id = $1`
	if err := t.exec(ctx, deleteMembersSQL, string(a.ID)); err != nil {
		return err
	}
	t.count(a.Path, 0, -1)
	return nil
}

// MoveAccount implements org.AccountTx.
func (t *tx) MoveAccount(ctx context.Context, a org.Account, path []id.Organization, updated time.Time) error {
	const moveAccountSQL = `UPDATE accounts SET organization_id = $2, root_id = $3, updated_at = $4
		WHERE id = $1 AND deleted_at = 0 AND COALESCE(organization_id, '') = $5`
	var to, root id.Organization
	if len(path) > 0 {
		to, root = path[len(path)-1], path[0]
	}
	err := t.must(ctx, moveAccountSQL, string(a.ID), orNull(to), string(root), micros(updated), string(a.Organization))
	if err != nil {
		return err
	}
	t.count(a.Path, 0, -1)
	t.count(path, 0, 1)
	return nil
}
