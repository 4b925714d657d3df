package storetest

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/page"
)

func organizationListCases() []testCase {
	return []testCase{
		{"pages of every size walk the whole list once", organizationPages},
		{"what is created during a walk comes at its end", organizationPagesGrow},
		{"equal times are ordered by identifier", organizationTies},
		{"names are compared without regard to case", organizationCase},
		{"wildcards in names are ordinary characters", organizationWildcards},
		{"prefixes end where they should", organizationPrefixes},
		{"an empty scope is empty", organizationNothing},
		{"more roots than a statement takes are merged", organizationManyRoots},
		{"every combination of scope and filters agrees with a simple model", organizationModel},
	}
}

func organizationPages(w *world) {
	root := w.root("Root")
	all := []org.Organization{root}
	for i := range 7 {
		all = append(all, w.below(all[i/2], fmt.Sprint("o", i)))
	}
	for size := 1; size <= len(all)+1; size++ {
		q := org.OrganizationQuery{Scope: auth.Scope{Roots: []id.Organization{root.ID}}, Request: page.Request{Size: size}}
		want(w, fmt.Sprint("pages of ", size), w.walkOrganizations(q, nil), all)
	}
	past := org.OrganizationQuery{
		Scope:   auth.Scope{Roots: []id.Organization{root.ID}},
		Request: page.Request{Size: 3, After: &page.Position{Time: w.now()}},
	}
	p, err := w.store.ListOrganizations(w.Context(), past)
	found(w, "past the end", page.Page[org.Organization]{Total: int64(len(all))})(p, err)
}

// walkOrganizations follows a list to its end. It calls between after each page.
func (w *world) walkOrganizations(q org.OrganizationQuery, between func()) []org.Organization {
	w.Helper()
	var all []org.Organization
	for range 10_000 {
		p, err := w.store.ListOrganizations(w.Context(), q)
		if err != nil {
			w.Fatal(err)
		}
		if len(p.Items) > q.Size {
			w.Fatalf("a page of %d has %d items", q.Size, len(p.Items))
		}
		all = append(all, p.Items...)
		if p.Next == nil {
			if between == nil && p.Total != int64(len(all)) {
				w.Errorf("the total is %d, the list has %d", p.Total, len(all))
			}
			return all
		}
		if len(p.Items) < q.Size {
			w.Fatalf("a page of %d has %d items, but another follows", q.Size, len(p.Items))
		}
		q.After = p.Next
		if between != nil {
			between()
		}
	}
	w.Fatal("the walk does not end")
	return nil
}

func organizationPagesGrow(w *world) {
	root := w.root("Root")
	all := []org.Organization{root}
	for range 4 {
		all = append(all, w.below(root, "early"))
	}
	q := org.OrganizationQuery{Scope: auth.Scope{Roots: []id.Organization{root.ID}}, Request: page.Request{Size: 2}}
	got := w.walkOrganizations(q, func() {
		if len(all) < 8 {
			all = append(all, w.below(root, "late"))
		}
	})
	want(w, "the walk", got, all)
}

func organizationTies(w *world) {
	root := w.root("Root")
	at := w.now()
	var all []org.Organization
	for i := range 5 {
		o := w.newOrganization(&root, fmt.Sprint(i))
		o.Created, o.Updated = at, at
		all = append(all, o)
	}
	for _, i := range []int{3, 0, 4, 2, 1} {
		w.update(func(ctx context.Context, tx org.Tx) error { return w.insertOrganization(ctx, tx, all[i]) })
	}
	q := org.OrganizationQuery{Scope: auth.Scope{Roots: []id.Organization{root.ID}}, Request: page.Request{Size: 2}}
	want(w, "the walk", w.walkOrganizations(q, nil), append([]org.Organization{root}, all...))
}

func organizationCase(w *world) {
	root := w.root("Root")
	w.below(root, "STRASSE Äpfel")
	w.below(root, "strasse äpfel")
	w.below(root, "Straße Äpfel")
	for filter, matches := range map[org.TextFilter][]string{
		{Equal: "Strasse ÄPFEL"}:                    {"STRASSE Äpfel", "strasse äpfel"},
		{Equal: "STRAßE äpfel"}:                     {"Straße Äpfel"},
		{StartsWith: "STRASSE"}:                     {"STRASSE Äpfel", "strasse äpfel"},
		{EndsWith: "ÄPFEL"}:                         {"STRASSE Äpfel", "strasse äpfel", "Straße Äpfel"},
		{Contains: "E ä"}:                           {"STRASSE Äpfel", "strasse äpfel", "Straße Äpfel"},
		{Contains: "ss", StartsWith: "strass"}:      {"STRASSE Äpfel", "strasse äpfel"},
		{Equal: "strasse äpfel", EndsWith: "Birne"}: nil,
	} {
		want(w, fmt.Sprintf("%+v", filter), w.names(filter, root), matches)
	}
}

func organizationWildcards(w *world) {
	root := w.root("Root")
	for _, name := range []string{"100%", "100_", `100\`, "100x", `1%0_0\`} {
		w.below(root, name)
	}
	for filter, matches := range map[org.TextFilter][]string{
		{Contains: "%"}:       {"100%", `1%0_0\`},
		{Contains: "_"}:       {"100_", `1%0_0\`},
		{EndsWith: `\`}:       {`100\`, `1%0_0\`},
		{StartsWith: "1%"}:    {`1%0_0\`},
		{Contains: `%0_0\`}:   {`1%0_0\`},
		{EndsWith: "0_"}:      {"100_"},
		{StartsWith: "100"}:   {"100%", "100_", `100\`, "100x"},
		{Equal: "100%"}:       {"100%"},
		{Contains: "*"}:       nil,
		{StartsWith: `100\x`}: nil,
	} {
		want(w, fmt.Sprintf("%+v", filter), w.names(filter, root), matches)
	}
}

func organizationPrefixes(w *world) {
	root := w.root("Root")
	for _, name := range []string{"a", "ab", "b", "a\U0010FFFF", "a\U0010FFFFz", "\uD7FFx", "\uE000x", "\U0010FFFFx"} {
		w.below(root, name)
	}
	for prefix, matches := range map[string][]string{
		"a":                      {"a", "ab", "a\U0010FFFF", "a\U0010FFFFz"},
		"a\U0010FFFF":            {"a\U0010FFFF", "a\U0010FFFFz"},
		"\uD7FF":                 {"\uD7FFx"},
		"\uE000":                 {"\uE000x"},
		"\U0010FFFF":             {"\U0010FFFFx"},
		"\U0010FFFF\uD7FF":       nil,
		strings.Repeat("a", 200): nil,
	} {
		want(w, fmt.Sprintf("%q", prefix), w.names(org.TextFilter{StartsWith: prefix}, root), matches)
	}
}

func organizationNothing(w *world) {
	root := w.root("Root")
	none := page.Page[org.Organization]{}
	for what, q := range map[string]org.OrganizationQuery{
		"no scope":       {},
		"no identifiers": {Scope: auth.Scope{Roots: []id.Organization{root.ID}}, IDs: []id.Organization{}},
		"absent root":    {Scope: auth.Scope{Roots: []id.Organization{"nothing"}, Names: []id.Organization{"none"}}},
		"denied root":    {Scope: auth.Scope{Roots: []id.Organization{root.ID}, DeniedOrganizations: []id.Organization{root.ID}}},
	} {
		q.Size = 3
		found(w, what, none)(w.store.ListOrganizations(w.Context(), q))
	}
}

func organizationManyRoots(w *world) {
	const roots = 120
	var all []org.Organization
	q := org.OrganizationQuery{Request: page.Request{Size: 50}}
	at := w.now()
	w.update(func(ctx context.Context, tx org.Tx) error {
		all = all[:0]
		for i := range roots {
			o := w.newOrganization(nil, fmt.Sprint("o", i))
			o.Created = at.Add(time.Duration(i*7%roots) * time.Microsecond)
			o.Updated = o.Created
			if err := w.insertOrganization(ctx, tx, o); err != nil {
				return err
			}
			all = append(all, o)
		}
		return nil
	})
	for i, o := range all {
		if i%10 == 0 {
			q.Scope.Names = append(q.Scope.Names, o.ID)
		} else {
			q.Scope.Roots = append(q.Scope.Roots, o.ID)
		}
	}
	slices.SortFunc(all, byCreation)
	want(w, "the walk", w.walkOrganizations(q, nil), all)
	q.Name = org.TextFilter{Contains: "9"}
	want(w, "the filtered walk", w.walkOrganizations(q, nil), slices.DeleteFunc(all, func(o org.Organization) bool { return !strings.Contains(o.Name, "9") }))
}

func byCreation(a, b org.Organization) int {
	return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
}

// forest is a random set of trees with accounts, kept beside the store.
type forest struct {
	organizations []org.Organization
	accounts      []org.Account
}

func (w *world) forest(r *rand.Rand, organizations, accounts int) *forest {
	w.Helper()
	f := &forest{}
	words := []string{"Alpha", "alpha beta", "Beta%", "ÄLPHA", "gamma_", "Al"}
	w.update(func(ctx context.Context, tx org.Tx) error {
		*f = forest{}
		for range organizations {
			var parent *org.Organization
			if n := len(f.organizations); n > 0 && r.IntN(4) > 0 {
				parent = &f.organizations[r.IntN(n)]
			}
			o := w.newOrganization(parent, words[r.IntN(len(words))])
			if err := w.insertOrganization(ctx, tx, o); err != nil {
				return err
			}
			f.organizations = append(f.organizations, o)
		}
		for range accounts {
			at := w.now()
			a := org.Account{ID: id.Account(w.id()), Name: words[r.IntN(len(words))], Type: org.Standard, Created: at, Updated: at}
			if r.IntN(6) > 0 {
				o := &f.organizations[r.IntN(len(f.organizations))]
				a.Organization, a.OrganizationName, a.Path = o.ID, o.Name, o.Path
			}
			if err := w.insertAccount(ctx, tx, a); err != nil {
				return err
			}
			f.accounts = append(f.accounts, a)
		}
		return nil
	})
	return f
}

// scope returns a random scope as a caller could have it: no root lies below
// another, and names are outside of the roots.
func (f *forest) scope(r *rand.Rand) auth.Scope {
	var s auth.Scope
	for range r.IntN(4) {
		o := f.any(r)
		inside := func(x id.Organization) bool { return slices.Contains(o.Path, x) }
		around := func(x id.Organization) bool { return slices.Contains(f.byID(x).Path, o.ID) }
		if !slices.ContainsFunc(s.Roots, inside) && !slices.ContainsFunc(s.Roots, around) {
			s.Roots = append(s.Roots, o.ID)
		}
	}
	for range r.IntN(3) {
		if o := f.any(r); !under(o.Path, s.Roots) && !slices.Contains(s.Names, o.ID) {
			s.Names = append(s.Names, o.ID)
		}
	}
	if r.IntN(3) == 0 {
		s.DeniedOrganizations = append(s.DeniedOrganizations, f.any(r).ID)
	}
	for range r.IntN(3) {
		s.Accounts = append(s.Accounts, f.accounts[r.IntN(len(f.accounts))].ID)
	}
	slices.Sort(s.Accounts)
	s.Accounts = slices.Compact(s.Accounts)
	if r.IntN(3) == 0 {
		s.DeniedAccounts = append(s.DeniedAccounts, f.accounts[r.IntN(len(f.accounts))].ID)
	}
	return s
}

func (f *forest) any(r *rand.Rand) *org.Organization {
	return &f.organizations[r.IntN(len(f.organizations))]
}

func (f *forest) byID(o id.Organization) *org.Organization {
	i := slices.IndexFunc(f.organizations, func(x org.Organization) bool { return x.ID == o })
	return &f.organizations[i]
}

// under reports whether a path leads through one of tops.
func under(path, tops []id.Organization) bool {
	return slices.ContainsFunc(path, func(o id.Organization) bool { return slices.Contains(tops, o) })
}

// matches is the plain meaning of a filter.
func matches(f org.TextFilter, name string) bool {
	low := strings.ToLower
	name = low(name)
	return (f.Equal == "" || name == low(f.Equal)) && strings.HasPrefix(name, low(f.StartsWith)) &&
		strings.HasSuffix(name, low(f.EndsWith)) && strings.Contains(name, low(f.Contains))
}

func randomFilter(r *rand.Rand) org.TextFilter {
	pick := func(words ...string) string {
		if r.IntN(5) > 0 {
			return ""
		}
		return words[r.IntN(len(words))]
	}
	return org.TextFilter{
		Equal: pick("ALPHA", "äLPHA", "beta%"), StartsWith: pick("a", "AL", "ä", "x"),
		EndsWith: pick("A", "%", "_"), Contains: pick("LPH", "t", "%"),
	}
}

func organizationModel(w *world) {
	r := rand.New(rand.NewPCG(1, 2))
	f := w.forest(r, 25, 10)
	for i := range 120 {
		q := org.OrganizationQuery{Scope: f.scope(r), Request: page.Request{Size: 1 + r.IntN(8)}}
		if r.IntN(2) == 0 {
			q.Name = randomFilter(r)
		}
		switch r.IntN(5) {
		case 0:
			q.Parent.Roots = true
		case 1:
			q.Parent.ID = f.any(r).ID
		case 2:
			q.IDs = []id.Organization{f.any(r).ID, f.any(r).ID, "nothing", f.any(r).ID}
		}
		var wanted []org.Organization
		for _, o := range f.organizations {
			if selects(&q, &o) {
				wanted = append(wanted, o)
			}
		}
		want(w, fmt.Sprintf("query %d: %+v", i, q), w.walkOrganizations(q, nil), wanted)
		if w.Failed() {
			return
		}
	}
}

// selects is the plain meaning of a query.
func selects(q *org.OrganizationQuery, o *org.Organization) bool {
	inScope := slices.Contains(q.Scope.Names, o.ID) || under(o.Path, q.Scope.Roots) && !under(o.Path, q.Scope.DeniedOrganizations)
	return inScope && matches(q.Name, o.Name) && (q.IDs == nil || slices.Contains(q.IDs, o.ID)) &&
		(!q.Parent.Roots || o.Parent == "") && (q.Parent.ID == "" || o.Parent == q.Parent.ID)
}
