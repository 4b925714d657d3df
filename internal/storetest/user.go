package storetest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/page"
)

func userCases() []testCase {
	return []testCase{
		{"a user is read back as it was written", readsUser},
		{"an update leaves e-mail and creation alone", updatesUser},
		{"an e-mail is taken in every spelling", emailTaken},
		{"an e-mail is found in every spelling", emailFound},
		{"pages walk the whole list once", userPages},
		{"grants are the active memberships in what is live", grants},
	}
}

func readsUser(w *world) {
	at := w.now()
	u := org.User{
		ID: id.User(w.id()), Email: "Ü@Example.com", FirstName: "Zoë", LastName: "O'Brien", TwoFactor: true,
		Administrator: true, Status: org.UserInvited, Created: at, Updated: at,
	}
	w.update(func(ctx context.Context, tx org.Tx) error { return tx.InsertUser(ctx, u) })
	found(w, "User", u)(w.store.User(w.Context(), u.ID))
	absent[org.User](w, "nobody")(w.store.User(w.Context(), "nobody"))
	found(w, "AnyUser", true)(w.store.AnyUser(w.Context()))
}

func updatesUser(w *world) {
	u := w.user("u@example.com")
	u.FirstName, u.LastName, u.TwoFactor, u.Administrator, u.Status = "A", "B", true, true, org.UserDisabled
	u = w.setUser(u)
	found(w, "updated", u)(w.store.User(w.Context(), u.ID))
	other := u
	other.Email, other.Created = "other@example.com", w.now()
	w.update(func(ctx context.Context, tx org.Tx) error { return tx.UpdateUser(ctx, other) })
	found(w, "updated with another e-mail", u)(w.store.User(w.Context(), u.ID))
}

func emailTaken(w *world) {
	w.user("Someone@Example.com")
	for _, email := range []string{"Someone@Example.com", "someone@example.com", "SOMEONE@EXAMPLE.COM"} {
		u := org.User{ID: id.User(w.id()), Email: email, Status: org.UserInvited, Created: w.now()}
		w.refused(fault.Invalid, func(ctx context.Context, tx org.Tx) error { return tx.InsertUser(ctx, u) })
	}
}

func emailFound(w *world) {
	u := w.user("Jürgen@Example.com")
	for _, email := range []string{"Jürgen@Example.com", "jürgen@example.com", "JÜRGEN@EXAMPLE.COM"} {
		found(w, email, u)(w.store.UserByEmail(w.Context(), email))
	}
	absent[org.User](w, "another")(w.store.UserByEmail(w.Context(), "jurgen@example.com"))
	absent[org.User](w, "none")(w.store.UserByEmail(w.Context(), ""))
	other := w.user("other@example.com")
	both := []org.User{u, other}
	slices.SortFunc(both, func(a, b org.User) int { return strings.Compare(string(a.ID), string(b.ID)) })
	found(w, "many", both)(w.store.UsersByEmail(w.Context(), []string{"OTHER@example.com", "jurgen@example.com", "", "a\x00b", "\xff", "jürgen@example.com", "other@example.com"}))
	found(w, "none of many", []org.User(nil))(w.store.UsersByEmail(w.Context(), nil))
}

func userPages(w *world) {
	all := []org.User{w.admin}
	for i := range 6 {
		all = append(all, w.user(fmt.Sprintf("User%d@example.com", i)))
	}
	walk := func(q org.UserQuery) []org.User {
		var got []org.User
		for {
			p, err := w.store.ListUsers(w.Context(), q)
			if err != nil {
				w.Fatal(err)
			}
			got = append(got, p.Items...)
			if q.After = p.Next; q.After == nil {
				want(w, "total", p.Total, int64(len(got)))
				return got
			}
		}
	}
	for size := 1; size <= 8; size++ {
		want(w, fmt.Sprint("pages of ", size), walk(org.UserQuery{Request: page.Request{Size: size}}), all)
	}
	want(w, "filtered", walk(org.UserQuery{Email: org.TextFilter{StartsWith: "USER"}, Request: page.Request{Size: 4}}), all[1:])
}

func grants(w *world) {
	g := w.grove()
	loose := w.account(nil, "loose")
	u := w.user("u@example.com")
	m := w.member(g.mid, u, auth.Billing, org.Active)
	w.member(g.leaf, u, auth.Administrator, org.Pending)
	gone := w.below(g.b, "Gone")
	w.member(gone, u, auth.Administrator, org.Active)
	w.delete(gone)
	inLeaf := w.accountMember(g.inLeaf, u, auth.AccountReadOnly)
	inLoose := w.accountMember(loose, u, auth.AccountSuperAdministrator)
	w.accountMember(g.inC, u, auth.AccountReadOnly)
	w.deleteAccount(g.inC)
	w.member(g.b, w.user("other@example.com"), auth.Administrator, org.Active)

	organizations := []auth.Grant{{Member: m.ID, Role: auth.Billing, Path: g.mid.Path}}
	accounts := []auth.AccountGrant{
		{Member: inLeaf.ID, Role: auth.AccountReadOnly, Account: g.inLeaf.ID, Path: g.leaf.Path},
		{Member: inLoose.ID, Role: auth.AccountSuperAdministrator, Account: loose.ID},
	}
	gotO, gotA, err := w.store.Grants(w.Context(), u.ID)
	found(w, "organizations", organizations)(gotO, err)
	found(w, "accounts", accounts)(gotA, err)
	w.token(u, "hash", nil)
	p, err := w.store.Principal(w.Context(), org.CredentialRef{TokenHash: "hash"})
	found(w, "organizations of the principal", organizations)(p.Grants, err)
	found(w, "accounts of the principal", accounts)(p.Accounts, err)
}
