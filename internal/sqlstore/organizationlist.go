package sqlstore

import (
	"context"
	"math"
	"slices"

	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/page"
)

// maxBranches bounds the parts that a list statement is made of. A caller
// with more roots costs several statements.
const maxBranches = 50

// listPlan says from where the rows of a list of organizations are found:
// the most selective thing that is known.
type listPlan int

const (
	bySubtree listPlan = iota // along the closure of each root
	byID
	byParent
	byName
)

// organizationList is a query for organizations on its way into SQL.
type organizationList struct {
	*org.OrganizationQuery
	dialect *dialect
	plan    listPlan
	ids     []id.Organization // with byID
}

func newOrganizationList(q *org.OrganizationQuery, d *dialect) *organizationList {
	l := &organizationList{OrganizationQuery: q, dialect: d, ids: q.IDs}
	switch {
	case q.IDs != nil:
		l.plan = byID
	case q.Parent.ID != "":
		l.plan = byParent
	case q.Parent.Roots:
		// What has no parent and is in scope is a root or a name itself.
		l.plan, l.ids = byID, slices.Concat(q.Scope.Roots, q.Scope.Names)
	case q.Name.Equal != "" || q.Name.StartsWith != "":
		l.plan = byName
	}
	return l
}

// ListOrganizations implements org.OrganizationReader.
func (r *reader) ListOrganizations(ctx context.Context, q org.OrganizationQuery) (page.Page[org.Organization], error) {
	l := newOrganizationList(&q, r.dialect)
	if l.plan == bySubtree && len(q.Scope.Roots) > maxBranches {
		return r.listManyRoots(ctx, l)
	}
	b := l.builder()
	b.add("SELECT ", organizationColumns, ", (")
	l.total(b, q.Scope.Roots, true)
	b.add(") FROM (")
	l.keys(b, q.Scope.Roots, true)
	b.add(") k JOIN organizations o ON o.id = k.id", organizationJoins, " ORDER BY k.created_at, k.id")

	total := int64(0)
	var items []org.Organization
	err := r.search(ctx, b.text.String(), b.args, func(row row) error {
		var s organizationScan
		if err := row.Scan(append(s.into(), &total)...); err != nil {
			return err
		}
		items = append(items, s.value())
		return nil
	})
	if err == nil && len(items) == 0 && q.After != nil {
		total, err = r.countOrganizations(ctx, l, q.Scope.Roots, true)
	}
	return organizationPage(items, q.Size, total), err
}

func organizationPage(items []org.Organization, size int, total int64) page.Page[org.Organization] {
	p := page.Page[org.Organization]{Items: items, Total: total}
	p.Cut(size, func(o *org.Organization) page.Position { return page.Position{Time: o.Created, ID: string(o.ID)} })
	return p
}

func (r *reader) countOrganizations(ctx context.Context, l *organizationList, roots []id.Organization, names bool) (int64, error) {
	b := l.builder()
	l.total(b, roots, names)
	total := int64(0)
	err := r.search(ctx, b.text.String(), b.args, func(row row) error { return row.Scan(&total) })
	return total, err
}

// listManyRoots asks for the keys of some roots at a time and merges them.
func (r *reader) listManyRoots(ctx context.Context, l *organizationList) (page.Page[org.Organization], error) {
	type key struct {
		created int64
		id      id.Organization
	}
	var keys []key
	var items []org.Organization
	total := int64(0)
	err := r.snapshot(ctx, func(r *reader) error {
		names := true
		for roots := range slices.Chunk(l.Scope.Roots, maxBranches) {
			n, err := r.countOrganizations(ctx, l, roots, names)
			if err != nil {
				return err
			}
			total += n
			b := l.builder()
			l.keys(b, roots, names)
			err = r.search(ctx, b.text.String(), b.args, func(row row) error {
				var k key
				keys = append(keys, k)
				return row.Scan(&keys[len(keys)-1].created, (*string)(&keys[len(keys)-1].id))
			})
			if err != nil {
				return err
			}
			names = false
		}
		slices.SortFunc(keys, func(a, b key) int { return compareKeys(a.created, b.created, a.id, b.id) })
		var ids []id.Organization
		for _, k := range keys[:min(len(keys), l.Size+1)] {
			ids = append(ids, k.id)
		}
		var err error
		items, err = r.OrganizationsByID(ctx, ids)
		return err
	})
	return organizationPage(items, l.Size, total), err
}

func (l *organizationList) builder() *builder { return &builder{dialect: l.dialect} }

// keys appends a statement for the first keys of the page and one more: the
// columns created_at and id, in order. Without names only what is below roots
// is looked for.
func (l *organizationList) keys(b *builder, roots []id.Organization, names bool) {
	limit := b.arg(l.Size + 1)
	if l.plan != bySubtree {
		b.add("SELECT o.created_at, o.id")
		l.fromOrganizations(b)
		l.after(b, "o.created_at", "o.id")
		b.add(" ORDER BY o.created_at, o.id LIMIT ", limit)
		return
	}
	for i, root := range roots {
		if i > 0 {
			b.add(" UNION ALL ")
		}
		b.add("SELECT created_at, id FROM (SELECT c.created_at, c.descendant_id AS id")
		l.fromClosure(b, root)
		l.after(b, "c.created_at", "c.descendant_id")
		b.add(" ORDER BY c.created_at, c.descendant_id LIMIT ", limit, ") s")
	}
	if names && len(l.Scope.Names) > 0 || len(roots) == 0 {
		if len(roots) > 0 {
			b.add(" UNION ALL ")
		}
		b.add("SELECT created_at, id FROM (SELECT o.created_at, o.id")
		l.fromNames(b)
		l.after(b, "o.created_at", "o.id")
		b.add(" ORDER BY o.created_at, o.id LIMIT ", limit, ") n")
	}
	b.add(" ORDER BY created_at, id LIMIT ", limit)
}

// total appends a statement for the number of organizations.
func (l *organizationList) total(b *builder, roots []id.Organization, names bool) {
	if l.plan != bySubtree {
		b.add("SELECT COUNT(*)")
		l.fromOrganizations(b)
		return
	}
	if names {
		b.add("SELECT (SELECT COUNT(*)")
		l.fromNames(b)
		b.add(")")
	} else {
		b.add("SELECT 0")
	}
	if l.unfiltered() {
		all := b.arg(list(l.dialect, roots))
		b.add(" + (SELECT COUNT(*) FROM organizations WHERE deleted_at = 0 AND id IN (SELECT value FROM list(", all, ")))",
			" + (SELECT CAST(COALESCE(SUM(organizations), 0) AS BIGINT) FROM subtree_counts",
			" WHERE organization_id IN (SELECT value FROM list(", all, ")))")
		return
	}
	for _, root := range roots {
		b.add(" + (SELECT COUNT(*)")
		l.fromClosure(b, root)
		b.add(")")
	}
}

// unfiltered reports whether whole subtrees are asked for, so that their
// sizes are known.
func (l *organizationList) unfiltered() bool {
	return l.Name.Empty() && len(l.Scope.DeniedOrganizations) == 0
}

// fromClosure appends the source for the subtree of a root.
func (l *organizationList) fromClosure(b *builder, root id.Organization) {
	b.add(" FROM organization_closure c")
	if !l.Name.Empty() {
		b.add(" JOIN organizations o ON o.id = c.descendant_id")
	}
	b.add(" WHERE c.ancestor_id = ", b.arg(string(root)))
	b.where("o.name_fold", l.Name)
	l.notDenied(b, "c.created_at", "c.descendant_id")
}

// fromNames appends the source for what is visible by name only.
func (l *organizationList) fromNames(b *builder) {
	b.add(" FROM organizations o WHERE o.id IN (SELECT value FROM list(", b.arg(list(l.dialect, l.Scope.Names)), ")) AND o.deleted_at = 0")
	b.where("o.name_fold", l.Name)
}

// fromOrganizations appends the source for what is found other than along the
// closure; the scope is checked for each row.
func (l *organizationList) fromOrganizations(b *builder) {
	b.add(" FROM organizations o WHERE o.deleted_at = 0")
	if l.plan == byID {
		b.add(" AND o.id IN (SELECT value FROM list(", b.arg(list(l.dialect, l.ids)), "))")
	}
	if l.Parent.ID != "" {
		b.add(" AND o.parent_id = ", b.arg(string(l.Parent.ID)))
	}
	if l.Parent.Roots {
		b.add(" AND o.parent_id IS NULL")
	}
	b.where("o.name_fold", l.Name)
	b.add(" AND (o.id IN (SELECT value FROM list(", b.arg(list(l.dialect, l.Scope.Names)), "))",
		" OR EXISTS (SELECT 1 FROM organization_closure c WHERE c.ancestor_id IN",
		" (SELECT value FROM list(", b.arg(list(l.dialect, l.Scope.Roots)), "))",
		" AND c.created_at = o.created_at AND c.descendant_id = o.id)")
	l.notDenied(b, "o.created_at", "o.id")
	b.add(")")
}

// notDenied appends the condition that nothing denied stands above the
// organization with these columns.
func (l *organizationList) notDenied(b *builder, created, id string) {
	if len(l.Scope.DeniedOrganizations) == 0 {
		return
	}
	b.add(" AND NOT EXISTS (SELECT 1 FROM organization_closure d WHERE d.ancestor_id IN",
		" (SELECT value FROM list(", b.arg(list(l.dialect, l.Scope.DeniedOrganizations)), "))",
		" AND d.created_at = ", created, " AND d.descendant_id = ", id, ")")
}

// after appends the condition for what comes after the position.
func (l *organizationList) after(b *builder, created, id string) {
	b.after(l.After, created, id)
}

// after appends the condition for what comes after a position in time.
func (b *builder) after(p *page.Position, created, id string) {
	if p == nil {
		return
	}
	at := int64(math.MinInt64)
	if !p.Time.IsZero() {
		at = micros(p.Time)
	}
	b.add(" AND (", created, ", ", id, ") > (", b.arg(at), ", ", b.arg(p.ID), ")")
}

func compareKeys[T ~string](createdA, createdB int64, a, b T) int {
	switch {
	case createdA < createdB || createdA == createdB && a < b:
		return -1
	case createdA == createdB && a == b:
		return 0
	}
	return 1
}
