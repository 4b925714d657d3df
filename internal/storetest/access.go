package storetest

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/page"
)

func accessCases() []testCase {
	return []testCase{
		{"whoever reaches an account is listed with the way", accountAccess},
		{"whoever reaches an organization is listed with the way", organizationAccess},
		{"who cannot act is left out", accessOfDisabled},
	}
}

func (w *world) walkAccess(q org.AccessQuery) []org.Access {
	w.Helper()
	var all []org.Access
	for {
		p, err := w.store.ListAccess(w.Context(), q)
		if err != nil {
			w.Fatal(err)
		}
		all = append(all, p.Items...)
		if q.After = p.Next; q.After == nil {
			want(w, "total", p.Total, int64(len(all)))
			return all
		}
	}
}

// founder returns the access that the admin of the world has by a root.
func (w *world) founder(root org.Organization, below bool) org.Access {
	w.Helper()
	m, err := w.store.LiveMember(w.Context(), root.ID, w.admin.ID)
	if err != nil {
		w.Fatal(err)
	}
	return access(m, root.Name, below)
}

func access(m org.Member, name string, below bool) org.Access {
	return org.Access{
		User: m.User, Member: m.ID, Role: m.Role, Organization: m.Organization, Name: name, Inherited: below, Permissions: m.Role.Permissions(below),
	}
}

func accountAccess(w *world) {
	g := w.grove()
	u, v := w.user("u@example.com"), w.user("v@example.com")
	wanted := []org.Access{
		w.founder(g.a, true),
		access(w.member(g.leaf, u, auth.Administrator, org.Active), "Leaf", true),
		access(w.member(g.a, v, auth.Billing, org.Active), "A", true),
	}
	w.member(g.mid, u, auth.Administrator, org.Pending)
	w.member(g.b, u, auth.Administrator, org.Active)
	m := w.accountMember(g.inLeaf, u, auth.AccountReadOnly)
	w.accountMember(g.inMid, u, auth.AccountReadOnly)
	wanted = append(wanted, org.Access{
		User: m.User, Member: m.ID, Role: m.Role, Account: g.inLeaf.ID, Name: "leaf", Permissions: m.Role.Permissions(false),
	})
	for size := 1; size <= 5; size++ {
		q := org.AccessQuery{Path: g.leaf.Path, Account: g.inLeaf.ID, Request: page.Request{Size: size}}
		want(w, fmt.Sprint("pages of ", size), w.walkAccess(q), wanted)
	}
	loose := w.account(nil, "loose")
	m = w.accountMember(loose, v, auth.AccountSuperAdministrator)
	wanted = []org.Access{{User: m.User, Member: m.ID, Role: m.Role, Account: loose.ID, Name: "loose", Permissions: m.Role.Permissions(false)}}
	want(w, "outside any", w.walkAccess(org.AccessQuery{Account: loose.ID, Request: page.Request{Size: 2}}), wanted)
}

func organizationAccess(w *world) {
	g := w.grove()
	u := w.user("u@example.com")
	wanted := []org.Access{
		w.founder(g.a, true),
		access(w.member(g.leaf, u, auth.Administrator, org.Active), "Leaf", false),
		access(w.member(g.mid, u, auth.Administrator, org.Active), "Mid", true),
	}
	w.accountMember(g.inLeaf, u, auth.AccountReadOnly)
	q := org.AccessQuery{Path: g.leaf.Path, Request: page.Request{Size: 2}}
	slices.SortFunc(wanted, func(a, b org.Access) int { return cmp.Compare(a.Member, b.Member) })
	want(w, "access", w.walkAccess(q), wanted)
}

func accessOfDisabled(w *world) {
	o := w.root("O")
	u := w.user("u@example.com")
	w.member(o, u, auth.Administrator, org.Active)
	a := w.account(&o, "A")
	w.accountMember(a, u, auth.AccountReadOnly)
	u.Status = org.UserDisabled
	w.setUser(u)
	got := w.walkAccess(org.AccessQuery{Path: []id.Organization{o.ID}, Account: a.ID, Request: page.Request{Size: 9}})
	want(w, "access", got, []org.Access{w.founder(o, true)})
}
