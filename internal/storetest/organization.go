package storetest

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/page"
)

func organizationCases() []testCase {
	return []testCase{
		{"a root is read back as it was written", readsRoot},
		{"a sub-organization knows its parent's name and its path", readsBelow},
		{"what does not exist is not found", organizationAbsent},
		{"several are read in order of creation", readsSeveral},
		{"a new name is seen below as well", renames},
		{"a deleted one is gone, and found among the deleted", deletes},
		{"deleting what is not there runs again and finds out", deletesTwice},
		{"a restored one is back below its parent", restores},
		{"a restored one goes where its parent is now", restoresElsewhere},
		{"direct children and accounts are counted", countsBelow},
		{"subtrees are counted, with their height", countsSubtree},
		{"a move takes the subtree along", moves},
		{"a move into another tree takes the accounts along", movesAcrossRoots},
		{"a root moves below another", movesRoot},
		{"a move there and back changes nothing", movesBack},
		{"readers never see half a move", movesWhole},
		{"counters survive many writers", countsConcurrently},
	}
}

func readsRoot(w *world) {
	o := w.newOrganization(nil, "Zoë's Äpfel & \"Birnen\" \\ %_")
	o.ManagedBy = "somebody"
	w.update(func(ctx context.Context, tx org.Tx) error { return w.insertOrganization(ctx, tx, o) })
	found(w, "Organization", o)(w.store.Organization(w.Context(), o.ID))
	absent[org.Organization](w, "DeletedOrganization")(w.store.DeletedOrganization(w.Context(), o.ID))
}

func readsBelow(w *world) {
	root := w.root("Root")
	mid := w.below(root, "Mid")
	leaf := w.below(mid, "Leaf")
	found(w, "mid", mid)(w.store.Organization(w.Context(), mid.ID))
	found(w, "leaf", leaf)(w.store.Organization(w.Context(), leaf.ID))
	want(w, "path", leaf.Path, []id.Organization{root.ID, mid.ID, leaf.ID})
}

func organizationAbsent(w *world) {
	for _, o := range []id.Organization{"", "nothing", id.Organization(w.id())} {
		absent[org.Organization](w, "Organization")(w.store.Organization(w.Context(), o))
		absent[org.Organization](w, "DeletedOrganization")(w.store.DeletedOrganization(w.Context(), o))
	}
}

func readsSeveral(w *world) {
	a, b, c := w.root("A"), w.root("B"), w.root("C")
	w.delete(b)
	got, err := w.store.OrganizationsByID(w.Context(), []id.Organization{c.ID, a.ID, b.ID, "nothing", a.ID})
	found(w, "OrganizationsByID", []org.Organization{a, c})(got, err)
	got, err = w.store.OrganizationsByID(w.Context(), nil)
	found(w, "none", []org.Organization(nil))(got, err)
}

func renames(w *world) {
	root := w.root("Old")
	child := w.below(root, "Child")
	root = w.rename(root, "New")
	child.ParentName = "New"
	found(w, "renamed", root)(w.store.Organization(w.Context(), root.ID))
	found(w, "below it", child)(w.store.Organization(w.Context(), child.ID))
	want(w, "by the old name", w.names(org.TextFilter{Equal: "old"}, root), nil)
	want(w, "by the new name", w.names(org.TextFilter{Equal: "new"}, root), []string{"New"})
}

// names lists the names in the subtree of a root that match.
func (w *world) names(f org.TextFilter, roots ...org.Organization) []string {
	w.Helper()
	q := org.OrganizationQuery{Name: f, Request: page.Request{Size: 1000}}
	for _, r := range roots {
		q.Scope.Roots = append(q.Scope.Roots, r.ID)
	}
	p, err := w.store.ListOrganizations(w.Context(), q)
	if err != nil {
		w.Fatal(err)
	}
	return names(p.Items)
}

func names(items []org.Organization) []string {
	var list []string
	for _, o := range items {
		list = append(list, o.Name)
	}
	return list
}

func deletes(w *world) {
	root := w.root("Root")
	a, b := w.below(root, "A"), w.below(root, "B")
	a = w.delete(a)
	absent[org.Organization](w, "Organization")(w.store.Organization(w.Context(), a.ID))
	found(w, "DeletedOrganization", a)(w.store.DeletedOrganization(w.Context(), a.ID))
	want(w, "list", w.names(org.TextFilter{}, root), []string{"Root", "B"})
	w.wantSubtree(root, 1, 0, 1)
	w.wantBelow(root, 1, 0)
	paths, _, err := w.store.Paths(w.Context(), []id.Organization{a.ID, b.ID}, nil)
	found(w, "Paths", map[id.Organization][]id.Organization{b.ID: b.Path})(paths, err)
}

func deletesTwice(w *world) {
	o := w.below(w.root("Root"), "O")
	runs := 0
	at := w.now()
	w.delete(o)
	w.update(func(ctx context.Context, tx org.Tx) error {
		if runs++; runs > 1 {
			absent[org.Organization](w, "in the second run")(tx.Organization(ctx, o.ID))
			return nil
		}
		return tx.DeleteOrganization(ctx, o, at)
	})
	if runs != 2 {
		w.Errorf("the function ran %d times, want 2", runs)
	}
}

func (w *world) wantSubtree(o org.Organization, organizations, accounts int64, height int) {
	w.Helper()
	gotO, gotA, gotH, err := w.store.Subtree(w.Context(), o.ID)
	if err != nil || gotO != organizations || gotA != accounts || gotH != height {
		w.Errorf("the subtree of %s has %d organizations, %d accounts, %d levels, %v; want %d, %d, %d",
			o.Name, gotO, gotA, gotH, err, organizations, accounts, height)
	}
	found(w, "SubtreeAccounts", accounts)(w.store.SubtreeAccounts(w.Context(), o.ID))
}

func (w *world) wantBelow(o org.Organization, organizations, accounts int64) {
	w.Helper()
	gotO, gotA, err := w.store.CountBelow(w.Context(), o.ID)
	if err != nil || gotO != organizations || gotA != accounts {
		w.Errorf("%s has %d organizations and %d accounts, %v; want %d, %d", o.Name, gotO, gotA, err, organizations, accounts)
	}
}

func restores(w *world) {
	root := w.root("Root")
	o := w.restore(w.delete(w.below(root, "O")))
	found(w, "restored", o)(w.store.Organization(w.Context(), o.ID))
	absent[org.Organization](w, "DeletedOrganization")(w.store.DeletedOrganization(w.Context(), o.ID))
	want(w, "list", w.names(org.TextFilter{}, root), []string{"Root", "O"})
	w.wantSubtree(root, 1, 0, 1)
}

func restoresElsewhere(w *world) {
	a, b := w.root("A"), w.root("B")
	mid := w.below(a, "Mid")
	o := w.delete(w.below(mid, "O"))
	mid = w.move(mid, b)
	o.Path = append(slices.Clone(mid.Path), o.ID)
	o = w.restore(o)
	found(w, "restored", o)(w.store.Organization(w.Context(), o.ID))
	want(w, "in A", w.names(org.TextFilter{}, a), []string{"A"})
	want(w, "in B", w.names(org.TextFilter{}, b), []string{"B", "Mid", "O"})
}

func countsBelow(w *world) {
	root := w.root("Root")
	a := w.below(root, "A")
	w.below(a, "deeper")
	w.account(&root, "1")
	w.account(&a, "2")
	w.account(nil, "3")
	w.wantBelow(root, 1, 1)
	w.wantBelow(a, 1, 1)
	w.wantBelow(org.Organization{Name: "nothing"}, 0, 0)
}

func countsSubtree(w *world) {
	root := w.root("Root")
	a, b := w.below(root, "A"), w.below(root, "B")
	deep := w.below(a, "Deep")
	w.account(&root, "1")
	w.account(&deep, "2")
	gone := w.account(&b, "3")
	w.wantSubtree(root, 3, 3, 2)
	w.wantSubtree(a, 1, 1, 1)
	w.wantSubtree(deep, 0, 1, 0)
	w.deleteAccount(gone)
	w.wantSubtree(root, 3, 2, 2)
	w.wantSubtree(b, 0, 0, 0)
}

// grove is two trees, for moves: a > mid > leaf with accounts, and b > c.
type grove struct {
	a, b, mid, leaf, c      org.Organization
	inMid, inLeaf, inA, inC org.Account
}

func (w *world) grove() *grove {
	g := &grove{a: w.root("A"), b: w.root("B")}
	g.mid = w.below(g.a, "Mid")
	g.leaf = w.below(g.mid, "Leaf")
	g.c = w.below(g.b, "C")
	g.inMid, g.inLeaf, g.inA, g.inC = w.account(&g.mid, "mid"), w.account(&g.leaf, "leaf"), w.account(&g.a, "a"), w.account(&g.c, "c")
	return g
}

func moves(w *world) {
	g := w.grove()
	d := w.below(g.a, "D")
	mid := w.move(g.mid, d)
	found(w, "moved", mid)(w.store.Organization(w.Context(), mid.ID))
	leaf := g.leaf
	leaf.Path = append(slices.Clone(mid.Path), leaf.ID)
	found(w, "below it", leaf)(w.store.Organization(w.Context(), leaf.ID))
	w.wantSubtree(g.a, 3, 3, 3)
	w.wantSubtree(d, 2, 2, 2)
	w.wantSubtree(mid, 1, 2, 1)
	w.wantSubtree(g.b, 1, 1, 1)
	want(w, "list of D", w.names(org.TextFilter{}, d), []string{"Mid", "Leaf", "D"})
	account := g.inLeaf
	account.Path = leaf.Path
	found(w, "account", account)(w.store.Account(w.Context(), account.ID))
}

func movesAcrossRoots(w *world) {
	g := w.grove()
	mid := w.move(g.mid, g.c)
	w.wantSubtree(g.a, 0, 1, 0)
	w.wantSubtree(g.b, 3, 3, 3)
	w.wantSubtree(g.c, 2, 3, 2)
	want(w, "list of A", w.names(org.TextFilter{}, g.a), []string{"A"})
	want(w, "list of B", w.names(org.TextFilter{}, g.b), []string{"B", "Mid", "Leaf", "C"})
	want(w, "accounts of A", w.accountNames(g.a), []string{"a"})
	want(w, "accounts of B", w.accountNames(g.b), []string{"mid", "leaf", "c"})
	want(w, "accounts of Mid", w.accountNames(mid), []string{"mid", "leaf"})
}

// accountNames lists the names of the accounts in subtrees.
func (w *world) accountNames(roots ...org.Organization) []string {
	w.Helper()
	q := org.AccountQuery{Numbered: page.Numbered{Page: 1, PerPage: 50}}
	for _, r := range roots {
		q.Scope.Roots = append(q.Scope.Roots, r.ID)
	}
	p, err := w.store.ListAccounts(w.Context(), q)
	if err != nil {
		w.Fatal(err)
	}
	var list []string
	for _, a := range p.Items {
		list = append(list, a.Name)
	}
	return list
}

func movesRoot(w *world) {
	g := w.grove()
	a := w.move(g.a, g.c)
	found(w, "moved", a)(w.store.Organization(w.Context(), a.ID))
	w.wantSubtree(g.b, 4, 4, 4)
	want(w, "accounts of B", w.accountNames(g.b), []string{"mid", "leaf", "a", "c"})
	want(w, "roots", w.rootNames(g.b), []string{"B"})
}

func (w *world) rootNames(roots ...org.Organization) []string {
	q := org.OrganizationQuery{Parent: org.ParentFilter{Roots: true}, Request: page.Request{Size: 100}}
	for _, r := range roots {
		q.Scope.Roots = append(q.Scope.Roots, r.ID)
	}
	p, err := w.store.ListOrganizations(w.Context(), q)
	if err != nil {
		w.Fatal(err)
	}
	return names(p.Items)
}

func movesBack(w *world) {
	g := w.grove()
	back := w.move(w.move(g.mid, g.c), g.a)
	found(w, "moved", back)(w.store.Organization(w.Context(), g.mid.ID))
	found(w, "below it", g.leaf)(w.store.Organization(w.Context(), g.leaf.ID))
	found(w, "account", g.inLeaf)(w.store.Account(w.Context(), g.inLeaf.ID))
	w.wantSubtree(g.a, 2, 3, 2)
	w.wantSubtree(g.b, 1, 1, 1)
	w.wantSubtree(g.c, 0, 1, 0)
}

// movesWhole moves a subtree to and fro while others look: together the two
// trees always have everything, and all of the subtree is in one of them.
func movesWhole(w *world) {
	g := w.grove()
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					w.lookAtMove(g)
				}
			}
		})
	}
	mid := g.mid
	for i := range 10 {
		mid = w.move(mid, []org.Organization{g.c, g.a}[i%2])
	}
	close(done)
	wg.Wait()
}

func (w *world) lookAtMove(g *grove) {
	err := w.store.View(w.Context(), func(r org.Reader) error {
		mid, err := r.Organization(w.Context(), g.mid.ID)
		if err != nil {
			return err
		}
		leaf, err := r.Organization(w.Context(), g.leaf.ID)
		if err != nil {
			return err
		}
		account, err := r.Account(w.Context(), g.inLeaf.ID)
		if err != nil {
			return err
		}
		want(w, "path below", leaf.Path, append(slices.Clone(mid.Path), leaf.ID))
		want(w, "path of the account", account.Path, leaf.Path)
		accounts := int64(0)
		for _, o := range []org.Organization{g.a, g.b} {
			organizations, n, _, err := r.Subtree(w.Context(), o.ID)
			if err != nil {
				return err
			}
			accounts += n
			p, err := r.ListOrganizations(w.Context(), org.OrganizationQuery{Scope: auth.Scope{Roots: []id.Organization{o.ID}}, Request: page.Request{Size: 10}})
			if err != nil {
				return err
			}
			want(w, "total", p.Total, organizations+1)
			want(w, "length", int64(len(p.Items)), organizations+1)
		}
		want(w, "accounts", accounts, 4)
		return nil
	})
	if err != nil {
		w.Error(err)
	}
}

func countsConcurrently(w *world) {
	root := w.root("Root")
	parents := []org.Organization{w.below(root, "A"), w.below(root, "B"), w.below(root, "C")}
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			for range 4 {
				at := w.now()
				a := org.Account{ID: id.Account(w.id()), Name: "x", Type: org.Standard, Created: at, Updated: at}
				a.Organization, a.Path = parents[i%3].ID, parents[i%3].Path
				w.createAndDelete(a, at.Add(time.Microsecond))
			}
		})
	}
	wg.Wait()
	w.wantSubtree(root, 3, 12, 1)
}

// createAndDelete makes an account, and deletes it again when it is an odd one.
func (w *world) createAndDelete(a org.Account, deleted time.Time) {
	err := w.store.Update(w.Context(), func(tx org.Tx) error { return w.insertAccount(w.Context(), tx, a) })
	if err != nil {
		w.Error(err)
		return
	}
	if a.Created.UnixMicro()/1001%2 == 0 {
		return
	}
	err = w.store.Update(w.Context(), func(tx org.Tx) error {
		if err := tx.DeleteAccount(w.Context(), a, deleted); err != nil {
			return err
		}
		return w.record(w.Context(), tx, about(audit.AccountDelete, string(a.Organization), string(a.ID), deleted))
	})
	if err != nil {
		w.Error(err)
	}
}
