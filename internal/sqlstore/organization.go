package sqlstore

import (
	"context"
	"time"

	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
)

const organizationColumns = `o.id, o.name, COALESCE(o.parent_id, ''), COALESCE(p.name, ''), o.path, o.managed_by,
	o.created_at, o.updated_at, o.deleted_at, COALESCE(f.owner_id, ''), COALESCE(f.business_address, ''),
	COALESCE(f.business_email, ''), COALESCE(f.business_name, ''), COALESCE(f.business_phone, ''),
	COALESCE(f.external_metadata, '')`

const organizationJoins = ` LEFT JOIN organizations p ON p.id = o.parent_id
	LEFT JOIN profiles f ON f.owner_id = o.id AND f.echoed = TRUE`

const selectOrganization = `SELECT ` + organizationColumns + ` FROM organizations o` + organizationJoins

// organizationScan is where a row of organizationColumns goes.
type organizationScan struct {
	organization              org.Organization
	path, owner               string
	profile                   org.Profile
	created, updated, deleted int64
}

func (s *organizationScan) into() []any {
	o, p := &s.organization, &s.profile
	return []any{
		(*string)(&o.ID), &o.Name, (*string)(&o.Parent), &o.ParentName, &s.path, &o.ManagedBy,
		&s.created, &s.updated, &s.deleted, &s.owner, &p.BusinessAddress,
		&p.BusinessEmail, &p.BusinessName, &p.BusinessPhone, &p.ExternalMetadata,
	}
}

func (s *organizationScan) value() org.Organization {
	o := s.organization
	o.Path = splitPath(s.path)
	o.Created, o.Updated, o.Deleted = moment(s.created), moment(s.updated), moment(s.deleted)
	if s.owner != "" {
		p := s.profile
		o.Profile = &p
	}
	return o
}

const organizationSQL = selectOrganization + ` WHERE o.id = $1 AND o.deleted_at = 0`

// Organization implements org.OrganizationReader.
func (r *reader) Organization(ctx context.Context, o id.Organization) (org.Organization, error) {
	if r.store == nil { // a transaction has its own view
		return r.organization(ctx, o)
	}
	known, v, ok := r.store.memo.find(o)
	if ok {
		return known, nil
	}
	found, err := r.organization(ctx, o)
	if err == nil {
		r.store.memo.keep(v, found)
		r.store.recent.keepPlace(org.Place{ID: found.ID, Name: found.Name, Path: found.Path})
	}
	return found, err
}

func (r *reader) organization(ctx context.Context, o id.Organization) (org.Organization, error) {
	var s organizationScan
	err := r.one(ctx, "organization", organizationSQL, []any{string(o)}, s.into()...)
	return s.value(), err
}

// DeletedOrganization implements org.OrganizationReader.
func (r *reader) DeletedOrganization(ctx context.Context, o id.Organization) (org.Organization, error) {
	const deletedOrganizationSQL = selectOrganization + ` WHERE o.id = $1 AND o.deleted_at <> 0`
	var s organizationScan
	err := r.one(ctx, "deleted organization", deletedOrganizationSQL, []any{string(o)}, s.into()...)
	return s.value(), err
}

// OrganizationsByID implements org.OrganizationReader.
func (r *reader) OrganizationsByID(ctx context.Context, ids []id.Organization) ([]org.Organization, error) {
	const organizationsByIDSQL = selectOrganization + ` WHERE o.id IN (SELECT value FROM list($1)) AND o.deleted_at = 0
		ORDER BY o.created_at, o.id`
	var all []org.Organization
	err := r.query(ctx, organizationsByIDSQL, []any{list(r.dialect, ids)}, func(row row) error {
		var s organizationScan
		if err := row.Scan(s.into()...); err != nil {
			return err
		}
		all = append(all, s.value())
		return nil
	})
	return all, err
}

// CountBelow implements org.OrganizationReader.
func (r *reader) CountBelow(ctx context.Context, o id.Organization) (organizations, accounts int64, err error) {
	const countBelowSQL = `SELECT
		(SELECT COUNT(*) FROM organizations WHERE parent_id = $1 AND deleted_at = 0),
		(SELECT COUNT(*) FROM accounts WHERE organization_id = $1 AND deleted_at = 0)`
	err = r.one(ctx, "number", countBelowSQL, []any{string(o)}, &organizations, &accounts)
	return organizations, accounts, err
}

// Subtree implements org.OrganizationReader.
func (r *reader) Subtree(ctx context.Context, o id.Organization) (organizations, accounts int64, height int, err error) {
	const subtreeSQL = `SELECT CAST(COALESCE(SUM(organizations), 0) AS BIGINT), CAST(COALESCE(SUM(accounts), 0) AS BIGINT),
		COALESCE((SELECT MAX(o.depth) FROM organization_closure c JOIN organizations o ON o.id = c.descendant_id
			WHERE c.ancestor_id = $1) - (SELECT depth FROM organizations WHERE id = $1), 0)
		FROM subtree_counts WHERE organization_id = $1`
	err = r.one(ctx, "number", subtreeSQL, []any{string(o)}, &organizations, &accounts, &height)
	return organizations, accounts, height, err
}

// SubtreeAccounts implements org.OrganizationReader.
func (r *reader) SubtreeAccounts(ctx context.Context, o id.Organization) (int64, error) {
	const subtreeAccountsSQL = `SELECT CAST(COALESCE(SUM(accounts), 0) AS BIGINT) FROM subtree_counts WHERE organization_id = $1`
	return r.number(ctx, subtreeAccountsSQL, string(o))
}

var (
	insertOrganization = &part{name: "organization", text: `INSERT INTO organizations
		(id, parent_id, path, depth, name, name_fold, managed_by, created_at, updated_at, deleted_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0)`}
	insertClosure = &part{name: "closure", text: `INSERT INTO organization_closure (ancestor_id, created_at, descendant_id)
		SELECT value, CAST($2 AS BIGINT), CAST($3 AS TEXT) FROM list($1)`}
)

// InsertOrganization implements org.OrganizationTx.
func (t *tx) InsertOrganization(ctx context.Context, o org.Organization) error {
	insert := bound{insertOrganization, []any{
		string(o.ID), orNull(o.Parent), joinPath(o.Path), o.Depth(), o.Name, fold(o.Name), o.ManagedBy, micros(o.Created), micros(o.Updated),
	}}
	if err := t.join(ctx, insert, t.hang(&o)); err != nil {
		return err
	}
	t.count(o.Path[:len(o.Path)-1], 1, 0)
	return nil
}

// hang returns the statement that puts an organization that has nothing below
// it into the closure.
func (t *tx) hang(o *org.Organization) bound {
	return bound{insertClosure, []any{list(t.dialect, o.Path), micros(o.Created), string(o.ID)}}
}

// RenameOrganization implements org.OrganizationTx.
func (t *tx) RenameOrganization(ctx context.Context, o id.Organization, name string, updated time.Time) error {
	const renameOrganizationSQL = `UPDATE organizations SET name = $2, name_fold = $3, updated_at = $4 WHERE id = $1 AND deleted_at = 0`
	return t.must(ctx, renameOrganizationSQL, string(o), name, fold(name), micros(updated))
}

// DeleteOrganization implements org.OrganizationTx.
func (t *tx) DeleteOrganization(ctx context.Context, o org.Organization, deleted time.Time) error {
	const deleteOrganizationSQL = `UPDATE organizations SET deleted_at = $2, updated_at = $2 WHERE id = $1 AND deleted_at = 0`
	if err := t.must(ctx, deleteOrganizationSQL, string(o.ID), micros(deleted)); err != nil {
		return err
	}
	const unhangSQL = `DELETE FROM organization_closure WHERE ancestor_id IN (SELECT value FROM list($1))
		AND created_at = $2 AND descendant_id = $3`
	if err := t.exec(ctx, unhangSQL, list(t.dialect, o.Path), micros(o.Created), string(o.ID)); err != nil {
		return err
	}
	t.count(o.Path[:len(o.Path)-1], -1, 0)
	return nil
}

// RestoreOrganization implements org.OrganizationTx.
func (t *tx) RestoreOrganization(ctx context.Context, o org.Organization, updated time.Time) error {
	const restoreOrganizationSQL = `UPDATE organizations SET deleted_at = 0, updated_at = $2, path = $3, depth = $4
		WHERE id = $1 AND deleted_at <> 0`
	if err := t.must(ctx, restoreOrganizationSQL, string(o.ID), micros(updated), joinPath(o.Path), o.Depth()); err != nil {
		return err
	}
	if err := t.join(ctx, t.hang(&o)); err != nil {
		return err
	}
	t.count(o.Path[:len(o.Path)-1], 1, 0)
	return nil
}

// MoveOrganization implements org.OrganizationTx. It needs the tree locked
// exclusively.
func (t *tx) MoveOrganization(ctx context.Context, o, parent org.Organization, updated time.Time) error {
	organizations, accounts, _, err := t.Subtree(ctx, o.ID)
	if err != nil {
		return err
	}
	t.count(o.Path[:len(o.Path)-1], -organizations-1, -accounts)
	t.count(parent.Path, organizations+1, accounts)
	if err := t.movePaths(ctx, &o, &parent, updated); err != nil {
		return err
	}
	if err := t.moveClosure(ctx, &o, parent.Path); err != nil {
		return err
	}
	if o.Root() == parent.Root() {
		return nil
	}
	const moveAccountRootsSQL = `UPDATE accounts SET root_id = $2 WHERE deleted_at = 0
		AND organization_id IN (SELECT descendant_id FROM organization_closure WHERE ancestor_id = $1)`
	return t.exec(ctx, moveAccountRootsSQL, string(o.ID), string(parent.Root()))
}

// movePaths replaces what stands before o in the paths of its subtree.
func (t *tx) movePaths(ctx context.Context, o, parent *org.Organization, updated time.Time) error {
	const moveSQL = `UPDATE organizations SET parent_id = $2, updated_at = $3 WHERE id = $1 AND path = $4 AND deleted_at = 0`
	if err := t.must(ctx, moveSQL, string(o.ID), string(parent.ID), micros(updated), joinPath(o.Path)); err != nil {
		return err
	}
	const movePathsSQL = `UPDATE organizations SET path = $2 || substr(path, $3), depth = depth + $4
		WHERE id IN (SELECT descendant_id FROM organization_closure WHERE ancestor_id = $1)`
	before, after := joinPath(o.Path[:len(o.Path)-1]), joinPath(parent.Path)
	if before != "" {
		before += "/"
	}
	return t.exec(ctx, movePathsSQL, string(o.ID), after+"/", len(before)+1, len(parent.Path)-o.Depth())
}

// moveClosure replaces the pairs of what is above o and what is in its subtree.
func (t *tx) moveClosure(ctx context.Context, o *org.Organization, parent []id.Organization) error {
	const takeSQL = `DELETE FROM organization_closure WHERE ancestor_id IN (SELECT value FROM list($2))
		AND (created_at, descendant_id) IN (SELECT d.created_at, d.descendant_id FROM organization_closure d WHERE d.ancestor_id = $1)`
	if err := t.exec(ctx, takeSQL, string(o.ID), list(t.dialect, o.Path[:len(o.Path)-1])); err != nil {
		return err
	}
	const putSQL = `INSERT INTO organization_closure (ancestor_id, created_at, descendant_id)
		SELECT above.value, d.created_at, d.descendant_id
		FROM (SELECT value FROM list($2)) above CROSS JOIN organization_closure d WHERE d.ancestor_id = $1`
	return t.exec(ctx, putSQL, string(o.ID), list(t.dialect, parent))
}
