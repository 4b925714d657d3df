package storetest

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/page"
)

func accountCases() []testCase {
	return []testCase{
		{"an account is read back as it was written", readsAccount},
		{"what does not exist is not found", accountAbsent},
		{"several are read in order of identifier", readsAccounts},
		{"an update sets name and settings", updatesAccount},
		{"a deleted one is gone, with its explicit members", deletesAccount},
		{"a move changes the path", movesAccount},
		{"an account leaves and enters organizations", detachesAccount},
		{"a move that comes too late runs again", movesAccountAgain},
	}
}

func readsAccount(w *world) {
	o := w.below(w.root("Root"), "O")
	email, factor := "abuse@example.com", false
	at := w.now()
	a := org.Account{
		ID: id.Account(w.id()), Name: "Äccount", Type: org.Enterprise,
		Settings:     org.AccountSettings{AbuseContactEmail: &email, EnforceTwoFactor: &factor},
		Organization: o.ID, OrganizationName: o.Name, Path: o.Path, Created: at, Updated: at,
	}
	w.update(func(ctx context.Context, tx org.Tx) error { return w.insertAccount(ctx, tx, a) })
	found(w, "inside", a)(w.store.Account(w.Context(), a.ID))
	loose := w.account(nil, "Loose")
	found(w, "outside any", loose)(w.store.Account(w.Context(), loose.ID))
}

func accountAbsent(w *world) {
	for _, a := range []id.Account{"", "nothing", id.Account(w.id())} {
		absent[org.Account](w, "Account")(w.store.Account(w.Context(), a))
	}
}

func readsAccounts(w *world) {
	o := w.root("O")
	a, b, c := w.account(&o, "a"), w.account(nil, "b"), w.account(&o, "c")
	w.deleteAccount(c)
	got, err := w.store.AccountsByID(w.Context(), []id.Account{c.ID, b.ID, "nothing", a.ID, b.ID})
	found(w, "AccountsByID", []org.Account{a, b})(got, err)
	other := w.root("Other")
	d, e := w.account(&o, "d"), w.account(&other, "e")
	w.deleteAccount(d)
	w.deleteAccount(e)
	one, err := w.store.DeletedAccount(w.Context(), d.ID)
	if err != nil || one.Name != "d" || one.Organization != o.ID || !slices.Equal(one.Path, o.Path) || one.Deleted.IsZero() {
		w.Errorf("DeletedAccount: %+v, %v", one, err)
	}
	for _, there := range []id.Account{a.ID, "", "nothing"} {
		absent[org.Account](w, "DeletedAccount")(w.store.DeletedAccount(w.Context(), there))
	}
	gone, err := w.store.DeletedAccounts(w.Context(), []id.Organization{o.ID, "nothing", o.ID})
	if err != nil || len(gone) != 2 || gone[0].ID != c.ID || gone[1].ID != d.ID || gone[0].Deleted.IsZero() || gone[1].Name != "d" || gone[1].Organization != o.ID {
		w.Errorf("DeletedAccounts: %+v, %v", gone, err)
	}
}

func updatesAccount(w *world) {
	a := w.account(nil, "Old")
	email, factor := "x@example.com", true
	for _, settings := range []org.AccountSettings{{AbuseContactEmail: &email, EnforceTwoFactor: &factor}, {EnforceTwoFactor: &factor}, {}} {
		a.Name, a.Settings, a.Updated = a.Name+"!", settings, w.now()
		w.changeAccount(a, audit.AccountUpdate, a.Updated, func(ctx context.Context, tx org.Tx) error { return tx.UpdateAccount(ctx, a) })
		found(w, "updated", a)(w.store.Account(w.Context(), a.ID))
	}
}

func deletesAccount(w *world) {
	o := w.root("O")
	a, kept := w.account(&o, "A"), w.account(&o, "Kept")
	u := w.user("member@example.com")
	m := w.accountMember(a, u, auth.AccountReadOnly)
	w.deleteAccount(a)
	absent[org.Account](w, "Account")(w.store.Account(w.Context(), a.ID))
	absent[org.AccountMember](w, "AccountMember")(w.store.AccountMember(w.Context(), a.ID, m.ID))
	want(w, "list", w.accountNames(o), []string{"Kept"})
	w.wantSubtree(o, 0, 1, 0)
	w.wantBelow(o, 0, 1)
	_, paths, err := w.store.Paths(w.Context(), nil, []id.Account{a.ID, kept.ID})
	found(w, "Paths", map[id.Account][]id.Organization{kept.ID: {o.ID}})(paths, err)
}

func movesAccount(w *world) {
	g := w.grove()
	a := w.moveAccount(g.inLeaf, &g.c)
	found(w, "moved", a)(w.store.Account(w.Context(), a.ID))
	w.wantSubtree(g.a, 2, 2, 2)
	w.wantSubtree(g.leaf, 0, 0, 0)
	w.wantSubtree(g.b, 1, 2, 1)
	want(w, "accounts of B", w.accountNames(g.b), []string{"leaf", "c"})
	a = w.moveAccount(a, &g.b)
	found(w, "moved within the tree", a)(w.store.Account(w.Context(), a.ID))
	w.wantSubtree(g.c, 0, 1, 0)
	w.wantSubtree(g.b, 1, 2, 1)
}

func detachesAccount(w *world) {
	g := w.grove()
	loose := w.moveAccount(g.inMid, nil)
	found(w, "outside", loose)(w.store.Account(w.Context(), loose.ID))
	w.wantSubtree(g.a, 2, 2, 2)
	back := w.moveAccount(loose, &g.mid)
	found(w, "inside", back)(w.store.Account(w.Context(), back.ID))
	w.wantSubtree(g.a, 2, 3, 2)
}

func movesAccountAgain(w *world) {
	g := w.grove()
	moved := w.moveAccount(g.inMid, &g.c)
	runs := 0
	at := w.now()
	w.changeAccount(moved, audit.AccountMove, at, func(ctx context.Context, tx org.Tx) error {
		from := g.inMid
		if runs++; runs > 1 {
			from = moved
		}
		return tx.MoveAccount(ctx, from, g.a.Path, at)
	})
	if runs != 2 {
		w.Errorf("the function ran %d times, want 2", runs)
	}
}

func accountListCases() []testCase {
	return []testCase{
		{"numbered pages walk the whole list once", accountPages},
		{"an account inside and alone in scope is listed once", accountOverlap},
		{"more roots than a statement takes", accountManyRoots},
		{"every combination of scope and name agrees with a simple model", accountModel},
		{"the accounts of an organization are its own", ownAccounts},
		{"the accounts of an organization agree with a simple model", ownAccountModel},
	}
}

func accountPages(w *world) {
	root := w.root("Root")
	sub := w.below(root, "Sub")
	var all []org.Account
	for i := range 7 {
		all = append(all, w.account([]*org.Organization{&root, &sub}[i%2], fmt.Sprint(i)))
	}
	for _, desc := range []bool{false, true} {
		for per := 1; per <= 8; per++ {
			q := org.AccountQuery{Scope: auth.Scope{Roots: []id.Organization{root.ID}}, Numbered: page.Numbered{PerPage: per, Desc: desc}}
			want(w, fmt.Sprintf("pages of %d, desc %t", per, desc), w.walkAccounts(q), all)
		}
		slices.Reverse(all)
	}
}

// walkAccounts follows a numbered list to its end.
func (w *world) walkAccounts(q org.AccountQuery) []org.Account {
	w.Helper()
	var all []org.Account
	for q.Page = 1; ; q.Page++ {
		p, err := w.store.ListAccounts(w.Context(), q)
		if err != nil {
			w.Fatal(err)
		}
		all = append(all, p.Items...)
		if p.Next != nil {
			w.Errorf("a numbered page has a position: %+v", p.Next)
		}
		if len(p.Items) < q.PerPage {
			if p.Total != int64(len(all)) {
				w.Errorf("the total is %d, the list has %d", p.Total, len(all))
			}
			return all
		}
	}
}

func accountOverlap(w *world) {
	root := w.root("Root")
	inside, loose := w.account(&root, "inside"), w.account(nil, "loose")
	q := org.AccountQuery{Scope: auth.Scope{
		Roots: []id.Organization{root.ID}, Accounts: []id.Account{inside.ID, loose.ID},
	}, Numbered: page.Numbered{PerPage: 5}}
	want(w, "list", w.walkAccounts(q), []org.Account{inside, loose})
}

func accountManyRoots(w *world) {
	q := org.AccountQuery{Numbered: page.Numbered{PerPage: 20}}
	var all []org.Account
	w.update(func(ctx context.Context, tx org.Tx) error {
		all, q.Scope.Roots = nil, nil
		for range 60 {
			o := w.newOrganization(nil, "o")
			if err := w.insertOrganization(ctx, tx, o); err != nil {
				return err
			}
			at := w.now()
			a := org.Account{ID: id.Account(w.id()), Name: "a", Type: org.Standard, Created: at, Updated: at, Organization: o.ID, OrganizationName: o.Name, Path: o.Path}
			if err := w.insertAccount(ctx, tx, a); err != nil {
				return err
			}
			all, q.Scope.Roots = append(all, a), append(q.Scope.Roots, o.ID)
		}
		return nil
	})
	want(w, "list", w.walkAccounts(q), all)
}

func accountModel(w *world) {
	r := rand.New(rand.NewPCG(3, 4))
	f := w.forest(r, 15, 40)
	for i := range 80 {
		q := org.AccountQuery{Scope: f.scope(r), Numbered: page.Numbered{PerPage: 1 + r.IntN(10), Desc: r.IntN(2) == 0}}
		if r.IntN(3) == 0 {
			q.Name = []string{"alpha", "ÄLPHA", "BETA%", "none"}[r.IntN(4)]
		}
		wanted := accountsIn(f.accounts, &q.Scope, q.Name)
		if q.Desc {
			slices.Reverse(wanted)
		}
		want(w, fmt.Sprintf("query %d: %+v", i, q), w.walkAccounts(q), wanted)
		if w.Failed() {
			return
		}
	}
}

// accountsIn is the plain meaning of a scope and a name.
func accountsIn(all []org.Account, s *auth.Scope, name string) []org.Account {
	var list []org.Account
	for _, a := range all {
		inScope := under(a.Path, s.Roots) || slices.Contains(s.Accounts, a.ID)
		denied := under(a.Path, s.DeniedOrganizations) || slices.Contains(s.DeniedAccounts, a.ID)
		if inScope && !denied && (name == "" || strings.EqualFold(name, a.Name)) {
			list = append(list, a)
		}
	}
	return list
}

func ownAccounts(w *world) {
	root := w.root("Root")
	sub := w.below(root, "Sub")
	a := w.account(&root, "a")
	w.account(&sub, "b")
	w.account(nil, "c")
	q := org.OrganizationAccountQuery{Organization: root.ID, Request: page.Request{Size: 5}}
	found(w, "without total", page.Page[org.Account]{Items: []org.Account{a}, Total: -1})(w.store.ListOrganizationAccounts(w.Context(), q))
	q.WithTotal = true
	found(w, "with total", page.Page[org.Account]{Items: []org.Account{a}, Total: 1})(w.store.ListOrganizationAccounts(w.Context(), q))
	q.Organization = "nothing"
	found(w, "of nothing", page.Page[org.Account]{})(w.store.ListOrganizationAccounts(w.Context(), q))
}

func ownAccountModel(w *world) {
	r := rand.New(rand.NewPCG(5, 6))
	f := w.forest(r, 3, 40)
	for i := range 80 {
		q := org.OrganizationAccountQuery{
			Organization: f.any(r).ID, Name: randomFilter(r), ByName: r.IntN(2) == 0, Desc: r.IntN(2) == 0, WithTotal: true,
			Request: page.Request{Size: 1 + r.IntN(8)},
		}
		if r.IntN(4) == 0 {
			q.PublicName = randomFilter(r)
		}
		if r.IntN(3) == 0 {
			q.Exclude = []id.Account{f.accounts[r.IntN(len(f.accounts))].ID}
		}
		if r.IntN(3) == 0 {
			q.Numbered = page.Numbered{Page: 1, PerPage: q.Size}
		}
		want(w, fmt.Sprintf("query %d: %+v", i, q), w.walkOwnAccounts(q), ownAccountsIn(f.accounts, &q))
		if w.Failed() {
			return
		}
	}
}

func (w *world) walkOwnAccounts(q org.OrganizationAccountQuery) []org.Account {
	w.Helper()
	var all []org.Account
	for {
		p, err := w.store.ListOrganizationAccounts(w.Context(), q)
		if err != nil {
			w.Fatal(err)
		}
		all = append(all, p.Items...)
		if p.Next == nil && (q.Numbered.Page == 0 || len(p.Items) == 0) {
			if p.Total != int64(len(all)) {
				w.Errorf("the total is %d, the list has %d", p.Total, len(all))
			}
			return all
		}
		if q.Numbered.Page > 0 {
			q.Numbered.Page++
		}
		q.After = p.Next
	}
}

// ownAccountsIn is the plain meaning of a query.
func ownAccountsIn(all []org.Account, q *org.OrganizationAccountQuery) []org.Account {
	var list []org.Account
	for _, a := range all {
		if a.Organization == q.Organization && matches(q.Name, a.Name) && matches(q.PublicName, a.Name) && !slices.Contains(q.Exclude, a.ID) {
			list = append(list, a)
		}
	}
	slices.SortFunc(list, func(a, b org.Account) int {
		byName := 0
		if q.ByName {
			byName = cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
		}
		return cmp.Or(byName, cmp.Compare(a.ID, b.ID))
	})
	if q.Desc {
		slices.Reverse(list)
	}
	return list
}
