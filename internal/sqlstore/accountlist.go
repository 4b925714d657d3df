package sqlstore

import (
	"context"

	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/page"
)

// accountList is a query for the accounts in a scope on its way into SQL.
type accountList struct {
	scope   *auth.Scope
	name    string // folded, exact
	dialect *dialect
	// whole are those roots of the scope that are roots of their trees, part
	// the others.
	whole, part []id.Organization
}

// ListAccounts implements org.AccountReader.
func (r *reader) ListAccounts(ctx context.Context, q org.AccountQuery) (page.Page[org.Account], error) {
	var p page.Page[org.Account]
	err := r.snapshot(ctx, func(r *reader) error {
		l := &accountList{scope: &q.Scope, name: fold(q.Name), dialect: r.dialect}
		if err := l.sortRoots(ctx, r); err != nil {
			return err
		}
		var err error
		if p.Total, err = l.count(ctx, r); err != nil {
			return err
		}
		p.Items, err = l.page(ctx, r, q.Numbered)
		return err
	})
	return p, err
}

// sortRoots finds out which roots of the scope are roots of trees: their
// accounts lie in order in an index.
func (l *accountList) sortRoots(ctx context.Context, r *reader) error {
	const rootsSQL = `SELECT id, parent_id IS NULL FROM organizations
		WHERE id IN (SELECT value FROM list($1)) AND deleted_at = 0 ORDER BY id`
	if len(l.scope.Roots) == 0 {
		return nil
	}
	return r.query(ctx, rootsSQL, []any{list(r.dialect, l.scope.Roots)}, func(row row) error {
		var o id.Organization
		var top bool
		if err := row.Scan((*string)(&o), &top); err != nil {
			return err
		}
		if top {
			l.whole = append(l.whole, o)
		} else {
			l.part = append(l.part, o)
		}
		return nil
	})
}

func (l *accountList) page(ctx context.Context, r *reader, n page.Numbered) ([]org.Account, error) {
	b := &builder{dialect: l.dialect}
	b.add("SELECT ", accountColumns, " FROM (")
	l.keys(b, n)
	b.add(byCreation("s", n.Desc), " LIMIT ", b.arg(n.PerPage), " OFFSET ", b.arg(n.Offset()),
		") k JOIN accounts a ON a.id = k.id", accountJoin, byCreation("k", n.Desc))
	return r.searchAccounts(ctx, b)
}

func (r *reader) searchAccounts(ctx context.Context, b *builder) ([]org.Account, error) {
	var items []org.Account
	err := r.search(ctx, b.text.String(), b.args, func(row row) error {
		var s accountScan
		if err := row.Scan(s.into()...); err != nil {
			return err
		}
		items = append(items, s.value())
		return nil
	})
	return items, err
}

func byCreation(table string, desc bool) string {
	if desc {
		return " ORDER BY " + table + ".created_at DESC, " + table + ".id DESC"
	}
	return " ORDER BY " + table + ".created_at, " + table + ".id"
}

// keys appends the union s of what is found by name, or else along every root
// and among the single accounts.
func (l *accountList) keys(b *builder, n page.Numbered) {
	limit := b.arg(n.Offset() + n.PerPage)
	b.add("SELECT s.created_at, s.id FROM (")
	defer b.add(") s")
	first := true
	branch := func(from func()) {
		if !first {
			b.add(" UNION ALL ")
		}
		first = false
		b.add("SELECT created_at, id FROM (SELECT a.created_at, a.id")
		from()
		b.add(byCreation("a", n.Desc), " LIMIT ", limit, ") p")
	}
	if l.byName() {
		branch(func() { l.fromName(b) })
		return
	}
	if len(l.whole) <= maxBranches {
		for _, root := range l.whole {
			branch(func() { l.fromWhole(b, []id.Organization{root}) })
		}
	} else {
		branch(func() { l.fromWhole(b, l.whole) })
	}
	if len(l.part) > 0 {
		branch(func() { l.fromPart(b) })
	}
	branch(func() { l.fromSingle(b) })
}

// count returns the number of accounts in the list, from the counters when
// whole subtrees are asked for.
func (l *accountList) count(ctx context.Context, r *reader) (int64, error) {
	b := &builder{dialect: l.dialect}
	switch {
	case l.byName():
		b.add("SELECT COUNT(*)")
		l.fromName(b)
	case len(l.scope.DeniedOrganizations) == 0 && len(l.scope.DeniedAccounts) == 0:
		b.add("SELECT (SELECT COUNT(*)")
		l.fromSingle(b)
		b.add(") + (SELECT CAST(COALESCE(SUM(accounts), 0) AS BIGINT) FROM subtree_counts",
			" WHERE organization_id IN (SELECT value FROM list(", b.arg(list(l.dialect, l.scope.Roots)), ")))")
	default:
		b.add("SELECT (SELECT COUNT(*)")
		l.fromSingle(b)
		b.add(") + (SELECT COUNT(*)")
		l.fromWhole(b, l.whole)
		b.add(") + (SELECT COUNT(*)")
		l.fromPart(b)
		b.add(")")
	}
	total := int64(0)
	err := r.search(ctx, b.text.String(), b.args, func(row row) error { return row.Scan(&total) })
	return total, err
}

func (l *accountList) byName() bool { return l.name != "" }

func (l *accountList) fromName(b *builder) {
	b.add(" FROM accounts a WHERE a.deleted_at = 0 AND a.name_fold = ", b.arg(l.name))
	inScope(b, l.scope)
}

func (l *accountList) fromWhole(b *builder, roots []id.Organization) {
	b.add(" FROM accounts a WHERE a.deleted_at = 0")
	if len(roots) == 1 {
		b.add(" AND a.root_id = ", b.arg(string(roots[0])))
	} else {
		b.add(" AND a.root_id IN (SELECT value FROM list(", b.arg(list(l.dialect, roots)), "))")
	}
	notDenied(b, l.scope)
}

func (l *accountList) fromPart(b *builder) {
	b.add(" FROM organization_closure c JOIN accounts a ON a.organization_id = c.descendant_id AND a.deleted_at = 0",
		" WHERE c.ancestor_id IN (SELECT value FROM list(", b.arg(list(l.dialect, l.part)), "))")
	notDenied(b, l.scope)
}

// fromSingle appends the source for single accounts that lie in no subtree of
// the scope.
func (l *accountList) fromSingle(b *builder) {
	b.add(" FROM accounts a WHERE a.deleted_at = 0 AND a.id IN (SELECT value FROM list(", b.arg(list(l.dialect, l.scope.Accounts)), "))",
		" AND NOT EXISTS (")
	below(b, l.scope.Roots)
	b.add(")")
	notDenied(b, l.scope)
}

// inScope appends the condition that an account a is in the scope.
func inScope(b *builder, s *auth.Scope) {
	b.add(" AND (a.id IN (SELECT value FROM list(", b.arg(list(b.dialect, s.Accounts)), "))",
		" OR EXISTS (")
	below(b, s.Roots)
	b.add("))")
	notDenied(b, s)
}

// below appends a statement for the pairs of an account's organization and
// those of the given ones that stand above it.
func below(b *builder, organizations []id.Organization) {
	b.add("SELECT 1 FROM organizations i JOIN organization_closure c ON c.created_at = i.created_at AND c.descendant_id = i.id",
		" WHERE i.id = a.organization_id AND c.ancestor_id IN (SELECT value FROM list(", b.arg(list(b.dialect, organizations)), "))")
}

// notDenied appends the condition that neither an account a nor anything
// above it is denied.
func notDenied(b *builder, s *auth.Scope) {
	if len(s.DeniedAccounts) > 0 {
		b.add(" AND a.id NOT IN (SELECT value FROM list(", b.arg(list(b.dialect, s.DeniedAccounts)), "))")
	}
	if len(s.DeniedOrganizations) > 0 {
		b.add(" AND NOT EXISTS (")
		below(b, s.DeniedOrganizations)
		b.add(")")
	}
}

// ListOrganizationAccounts implements org.AccountReader.
func (r *reader) ListOrganizationAccounts(ctx context.Context, q org.OrganizationAccountQuery) (page.Page[org.Account], error) {
	p := page.Page[org.Account]{Total: -1}
	err := r.snapshot(ctx, func(r *reader) error {
		if q.WithTotal || q.Numbered.Page > 0 {
			b := &builder{dialect: r.dialect}
			b.add("SELECT COUNT(*)")
			fromOrganizationAccounts(b, &q)
			err := r.search(ctx, b.text.String(), b.args, func(row row) error { return row.Scan(&p.Total) })
			if err != nil {
				return err
			}
		}
		b := &builder{dialect: r.dialect}
		b.add("SELECT ", accountColumns)
		fromOrganizationAccounts(b, &q)
		limit := placeOrganizationAccounts(b, &q)
		items, err := r.searchAccounts(ctx, b)
		p.Items = items
		if err == nil && q.Numbered.Page == 0 && len(items) > limit {
			p.Items = items[:limit]
			p.Next = organizationAccountPosition(&p.Items[limit-1], q.ByName)
		}
		return err
	})
	return p, err
}

func organizationAccountPosition(last *org.Account, byName bool) *page.Position {
	p := &page.Position{ID: string(last.ID)}
	if byName {
		p.Key = fold(last.Name)
	}
	return p
}

func fromOrganizationAccounts(b *builder, q *org.OrganizationAccountQuery) {
	b.add(" FROM accounts a", accountJoin, " WHERE a.deleted_at = 0 AND a.organization_id = ", b.arg(string(q.Organization)))
	b.where("a.name_fold", q.Name)
	b.where("a.name_fold", q.PublicName)
	if len(q.Exclude) > 0 {
		b.add(" AND a.id NOT IN (SELECT value FROM list(", b.arg(list(b.dialect, q.Exclude)), "))")
	}
}

// placeOrganizationAccounts appends position, order and limit, and returns
// the number of items on the page; one more is asked for to know whether
// another page follows.
func placeOrganizationAccounts(b *builder, q *org.OrganizationAccountQuery) int {
	compare, direction := " > ", ""
	if q.Desc {
		compare, direction = " < ", " DESC"
	}
	if q.Numbered.Page == 0 && q.After != nil {
		if q.ByName {
			b.add(" AND (a.name_fold, a.id)", compare, "(", b.arg(q.After.Key), ", ", b.arg(q.After.ID), ")")
		} else {
			b.add(" AND a.id", compare, b.arg(q.After.ID))
		}
	}
	b.add(" ORDER BY ")
	if q.ByName {
		b.add("a.name_fold", direction, ", ")
	}
	b.add("a.id", direction)
	if q.Numbered.Page > 0 {
		b.add(" LIMIT ", b.arg(q.Numbered.PerPage), " OFFSET ", b.arg(q.Numbered.Offset()))
		return q.Numbered.PerPage
	}
	b.add(" LIMIT ", b.arg(q.Size+1))
	return q.Size
}
