package storetest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/page"
)

func memberCases() []testCase {
	return []testCase{
		{"a membership is read back as it was written", readsMember},
		{"a membership belongs to one organization", memberAbsent},
		{"nobody is twice a live member", memberTwice},
		{"a former member may come back", memberAgain},
		{"a live membership is found by its user", liveMember},
		{"a membership is found by the code of its invitation", memberByCode},
		{"pages walk the whole list once", memberPages},
		{"members are selected by status and e-mail", memberFilters},
		{"members other than oneself are counted", countsMembers},
		{"super administrators who can act are counted", countsSuperAdministrators},
		{"the places of a user are found", memberPlaces},
	}
}

func readsMember(w *world) {
	o, u := w.root("O"), w.user("u@example.com")
	m := w.member(o, u, auth.Billing, org.Pending)
	found(w, "pending", m)(w.store.Member(w.Context(), o.ID, m.ID))
	m.Status, m.Role, m.CodeHash = org.Active, auth.ReadOnly, ""
	m = w.setMember(m)
	found(w, "active", m)(w.store.Member(w.Context(), o.ID, m.ID))
	m.Status = org.Canceled
	m = w.setMember(m)
	found(w, "canceled", m)(w.store.Member(w.Context(), o.ID, m.ID))
}

func memberAbsent(w *world) {
	o, other := w.root("O"), w.root("Other")
	m := w.member(o, w.user("u@example.com"), auth.ReadOnly, org.Active)
	absent[org.Member](w, "elsewhere")(w.store.Member(w.Context(), other.ID, m.ID))
	absent[org.Member](w, "unknown")(w.store.Member(w.Context(), o.ID, "nothing"))
	absent[org.Member](w, "nowhere")(w.store.Member(w.Context(), "", ""))
}

func memberTwice(w *world) {
	o, u := w.root("O"), w.user("u@example.com")
	w.member(o, u, auth.ReadOnly, org.Pending)
	for _, status := range []org.MemberStatus{org.Pending, org.Active} {
		m := org.Member{ID: id.Member(w.id()), Organization: o.ID, User: summary(u), Role: auth.Billing, Status: status, Created: w.now()}
		w.refused(fault.Invalid, func(ctx context.Context, tx org.Tx) error { return tx.InsertMember(ctx, m) })
	}
}

func memberAgain(w *world) {
	o, u := w.root("O"), w.user("u@example.com")
	for _, end := range []org.MemberStatus{org.Canceled, org.Rejected, org.Canceled} {
		m := w.member(o, u, auth.ReadOnly, org.Pending)
		m.Status = end
		w.setMember(m)
	}
	again := w.member(o, u, auth.ReadOnly, org.Active)
	found(w, "again", again)(w.store.LiveMember(w.Context(), o.ID, u.ID))
}

func liveMember(w *world) {
	o, u := w.root("O"), w.user("u@example.com")
	absent[org.Member](w, "before")(w.store.LiveMember(w.Context(), o.ID, u.ID))
	m := w.member(o, u, auth.ReadOnly, org.Pending)
	found(w, "pending", m)(w.store.LiveMember(w.Context(), o.ID, u.ID))
	m.Status = org.Active
	m = w.setMember(m)
	found(w, "active", m)(w.store.LiveMember(w.Context(), o.ID, u.ID))
	m.Status = org.Canceled
	w.setMember(m)
	absent[org.Member](w, "canceled")(w.store.LiveMember(w.Context(), o.ID, u.ID))
}

func memberByCode(w *world) {
	o, other := w.root("O"), w.root("Other")
	m := w.member(o, w.user("u@example.com"), auth.ReadOnly, org.Pending)
	found(w, "by code", m)(w.store.MemberByCode(w.Context(), o.ID, m.CodeHash))
	absent[org.Member](w, "elsewhere")(w.store.MemberByCode(w.Context(), other.ID, m.CodeHash))
	absent[org.Member](w, "without a code")(w.store.MemberByCode(w.Context(), o.ID, ""))
	code := m.CodeHash
	m.Status, m.CodeHash = org.Active, ""
	w.setMember(m)
	absent[org.Member](w, "used")(w.store.MemberByCode(w.Context(), o.ID, code))
}

// members fills an organization with members of every status.
func (w *world) members(o org.Organization, n int) []org.Member {
	w.Helper()
	var all []org.Member
	for i := range n {
		status := []org.MemberStatus{org.Pending, org.Active, org.Canceled, org.Rejected}[i%4]
		m := w.member(o, w.user(fmt.Sprintf("User%d@Example.com", i)), auth.ReadOnly, org.Pending)
		if status != org.Pending {
			m.Status, m.CodeHash = status, ""
			m = w.setMember(m)
		}
		all = append(all, m)
	}
	return all
}

func (w *world) walkMembers(q org.MemberQuery) []org.Member {
	w.Helper()
	var all []org.Member
	for {
		p, err := w.store.ListMembers(w.Context(), q)
		if err != nil {
			w.Fatal(err)
		}
		all = append(all, p.Items...)
		if q.After = p.Next; q.After == nil {
			if p.Total != int64(len(all)) {
				w.Errorf("the total is %d, the list has %d", p.Total, len(all))
			}
			return all
		}
	}
}

func memberPages(w *world) {
	o := w.below(w.root("Root"), "O")
	all := w.members(o, 9)
	statuses := []org.MemberStatus{org.Pending, org.Active, org.Canceled, org.Rejected}
	for size := 1; size <= 10; size++ {
		got := w.walkMembers(org.MemberQuery{Organization: o.ID, Statuses: statuses, Request: page.Request{Size: size}})
		want(w, fmt.Sprint("pages of ", size), got, all)
	}
}

func memberFilters(w *world) {
	o := w.below(w.root("Root"), "O")
	all := w.members(o, 9)
	for _, statuses := range [][]org.MemberStatus{nil, {org.Active}, {org.Canceled, org.Rejected}, {}} {
		for _, email := range []org.TextFilter{{}, {Equal: "USER1@example.com"}, {StartsWith: "user"}, {EndsWith: "5@EXAMPLE.com"}, {Contains: "r3@"}} {
			selected := statuses
			if selected == nil {
				selected = []org.MemberStatus{org.Pending, org.Active}
			}
			var wanted []org.Member
			for _, m := range all {
				if slices.Contains(selected, m.Status) && matches(email, m.User.Email) {
					wanted = append(wanted, m)
				}
			}
			got := w.walkMembers(org.MemberQuery{Organization: o.ID, Statuses: statuses, Email: email, Request: page.Request{Size: 2}})
			want(w, fmt.Sprint(statuses, email), got, wanted)
		}
	}
}

func countsMembers(w *world) {
	o := w.below(w.root("Root"), "O")
	all := w.members(o, 8)
	for except, n := range map[id.User]int64{"": 4, all[0].User.ID: 3, all[1].User.ID: 3, all[2].User.ID: 4} {
		got, err := w.store.CountMembers(w.Context(), o.ID, except)
		found(w, "without "+string(except), n)(got, err)
	}
}

func countsSuperAdministrators(w *world) {
	root := w.root("Root")
	o := w.below(root, "O")
	count := func(n int64) {
		w.Helper()
		found(w, "of the root", int64(1))(w.store.CountSuperAdministrators(w.Context(), root.ID))
		found(w, "of the organization itself", n)(w.store.CountSuperAdministrators(w.Context(), o.ID))
	}
	count(0)
	m := w.member(o, w.user("pending@example.com"), auth.SuperAdministrator, org.Pending)
	w.member(o, w.user("other@example.com"), auth.Administrator, org.Active)
	count(0)
	m.Status = org.Active
	m = w.setMember(m)
	u := w.user("second@example.com")
	w.member(o, u, auth.SuperAdministrator, org.Active)
	count(2)
	u.Status = org.UserDisabled
	w.setUser(u)
	count(1)
	m.Role = auth.Administrator
	w.setMember(m)
	count(0)
}

func memberPlaces(w *world) {
	root := w.root("Root")
	a, b, gone := w.below(root, "A"), w.below(root, "B"), w.below(root, "Gone")
	u := w.user("u@example.com")
	inB := w.member(b, u, auth.ReadOnly, org.Active)
	w.member(gone, u, auth.ReadOnly, org.Active)
	inA := w.member(a, u, auth.Billing, org.Pending)
	w.delete(gone)
	placeB := org.MemberPlace{Member: inB.ID, Role: auth.ReadOnly, Path: b.Path, Name: "B"}
	found(w, "places", []org.MemberPlace{placeB})(w.store.MemberPlaces(w.Context(), u.ID))
	inA.Status = org.Active
	w.setMember(inA)
	placeA := org.MemberPlace{Member: inA.ID, Role: auth.Billing, Path: a.Path, Name: "A"}
	found(w, "places", []org.MemberPlace{placeB, placeA})(w.store.MemberPlaces(w.Context(), u.ID))
	found(w, "of nobody", []org.MemberPlace(nil))(w.store.MemberPlaces(w.Context(), "nobody"))
}

func accountMemberCases() []testCase {
	return []testCase{
		{"an explicit membership is read back as it was written", readsAccountMember},
		{"nobody is twice a member of an account", accountMemberTwice},
		{"a removed membership is gone", removesAccountMember},
		{"super administrators who can act are counted", countsAccountSuperAdministrators},
		{"pages walk the whole list once", accountMemberPages},
		{"a user's memberships are listed in every order", memberships},
		{"a user's memberships are limited to a scope", membershipScope},
	}
}

func readsAccountMember(w *world) {
	a, other := w.account(nil, "A"), w.account(nil, "B")
	u := w.user("u@example.com")
	m := w.accountMember(a, u, auth.AccountReadOnly)
	found(w, "by identifier", m)(w.store.AccountMember(w.Context(), a.ID, m.ID))
	found(w, "by user", m)(w.store.AccountMemberOf(w.Context(), a.ID, u.ID))
	absent[org.AccountMember](w, "elsewhere")(w.store.AccountMember(w.Context(), other.ID, m.ID))
	absent[org.AccountMember](w, "elsewhere by user")(w.store.AccountMemberOf(w.Context(), other.ID, u.ID))
	absent[org.AccountMember](w, "somebody else")(w.store.AccountMemberOf(w.Context(), a.ID, w.admin.ID))
}

func accountMemberTwice(w *world) {
	a, u := w.account(nil, "A"), w.user("u@example.com")
	w.accountMember(a, u, auth.AccountReadOnly)
	m := org.AccountMember{ID: id.Member(w.id()), Account: a.ID, User: summary(u), Role: auth.AccountSuperAdministrator, Created: w.now()}
	w.refused(fault.Invalid, func(ctx context.Context, tx org.Tx) error { return tx.InsertAccountMember(ctx, m) })
}

func removesAccountMember(w *world) {
	a, u := w.account(nil, "A"), w.user("u@example.com")
	m := w.accountMember(a, u, auth.AccountReadOnly)
	w.update(func(ctx context.Context, tx org.Tx) error {
		if err := tx.DeleteAccountMember(ctx, m); err != nil {
			return err
		}
		r := about(audit.MemberRemove, string(a.ID), string(m.ID), w.now())
		r.Account = a.ID
		return w.record(ctx, tx, r)
	})
	absent[org.AccountMember](w, "removed")(w.store.AccountMember(w.Context(), a.ID, m.ID))
	again := w.accountMember(a, u, auth.AccountSuperAdministrator)
	found(w, "again", again)(w.store.AccountMemberOf(w.Context(), a.ID, u.ID))
}

func countsAccountSuperAdministrators(w *world) {
	a := w.account(nil, "A")
	u := w.user("u@example.com")
	w.accountMember(a, u, auth.AccountSuperAdministrator)
	w.accountMember(a, w.user("v@example.com"), auth.AccountSuperAdministrator)
	w.accountMember(a, w.user("w@example.com"), auth.AccountReadOnly)
	found(w, "before", int64(2))(w.store.CountAccountSuperAdministrators(w.Context(), a.ID))
	u.Status = org.UserDisabled
	w.setUser(u)
	found(w, "after disabling one", int64(1))(w.store.CountAccountSuperAdministrators(w.Context(), a.ID))
}

func accountMemberPages(w *world) {
	a := w.account(nil, "A")
	w.accountMember(w.account(nil, "B"), w.admin, auth.AccountReadOnly)
	var all []org.AccountMember
	for i := range 5 {
		all = append(all, w.accountMember(a, w.user(fmt.Sprint(i, "@example.com")), auth.AccountReadOnly))
	}
	for size := 1; size <= 6; size++ {
		var got []org.AccountMember
		for request := (page.Request{Size: size}); ; {
			p, err := w.store.ListAccountMembers(w.Context(), a.ID, request)
			if err != nil {
				w.Fatal(err)
			}
			want(w, "total", p.Total, int64(len(all)))
			got = append(got, p.Items...)
			if request.After = p.Next; p.Next == nil {
				break
			}
		}
		want(w, fmt.Sprint("pages of ", size), got, all)
	}
}

func memberships(w *world) {
	u := w.user("u@example.com")
	var all []org.Membership
	var accounts []org.Account
	for _, name := range []string{"charlie", "BRAVO", "delta", "Alpha"} {
		accounts = append(accounts, w.account(nil, name))
	}
	for _, i := range []int{2, 3, 0, 1} {
		a := accounts[i]
		m := w.accountMember(a, u, auth.AccountReadOnly)
		all = append(all, org.Membership{ID: m.ID, Role: m.Role, Account: a})
	}
	w.accountMember(w.account(nil, "other's"), w.admin, auth.AccountReadOnly)
	gone := w.account(nil, "gone")
	w.accountMember(gone, u, auth.AccountReadOnly)
	w.deleteAccount(gone)
	for order, compare := range map[string]func(a, b org.Membership) int{
		"":           func(a, b org.Membership) int { return strings.Compare(string(a.ID), string(b.ID)) }, // they increase
		"id":         func(a, b org.Membership) int { return strings.Compare(string(a.ID), string(b.ID)) },
		"account.id": func(a, b org.Membership) int { return strings.Compare(string(a.Account.ID), string(b.Account.ID)) },
		"account.name": func(a, b org.Membership) int {
			return strings.Compare(strings.ToLower(a.Account.Name), strings.ToLower(b.Account.Name))
		},
	} {
		for _, desc := range []bool{false, true} {
			wanted := slices.SortedFunc(slices.Values(all), compare)
			if desc {
				slices.Reverse(wanted)
			}
			q := org.MembershipQuery{User: u.ID, Order: order, Numbered: page.Numbered{PerPage: 3, Desc: desc}}
			want(w, fmt.Sprint(order, desc), w.walkMemberships(q), wanted)
		}
	}
	q := org.MembershipQuery{User: u.ID, Name: "bravo", Numbered: page.Numbered{PerPage: 3}}
	want(w, "by name", w.walkMemberships(q), all[3:])
}

func (w *world) walkMemberships(q org.MembershipQuery) []org.Membership {
	w.Helper()
	var all []org.Membership
	for q.Page = 1; ; q.Page++ {
		p, err := w.store.ListMemberships(w.Context(), q)
		if err != nil {
			w.Fatal(err)
		}
		all = append(all, p.Items...)
		if len(p.Items) < q.PerPage {
			want(w, "total", p.Total, int64(len(all)))
			return all
		}
	}
}

func membershipScope(w *world) {
	g := w.grove()
	loose := w.account(nil, "loose")
	u := w.user("u@example.com")
	for _, a := range []org.Account{g.inMid, g.inLeaf, g.inA, g.inC, loose} {
		w.accountMember(a, u, auth.AccountReadOnly)
	}
	for _, c := range []struct {
		scope  auth.Scope
		wanted []string
	}{
		{auth.Scope{}, nil},
		{auth.Scope{Roots: []id.Organization{g.a.ID}}, []string{"mid", "leaf", "a"}},
		{auth.Scope{Roots: []id.Organization{g.mid.ID}, Accounts: []id.Account{loose.ID}}, []string{"mid", "leaf", "loose"}},
		{auth.Scope{Roots: []id.Organization{g.a.ID}, DeniedOrganizations: []id.Organization{g.leaf.ID}}, []string{"mid", "a"}},
		{auth.Scope{Roots: []id.Organization{g.a.ID, g.b.ID}, DeniedAccounts: []id.Account{g.inA.ID}}, []string{"mid", "leaf", "c"}},
	} {
		var got []string
		for _, m := range w.walkMemberships(org.MembershipQuery{User: u.ID, Scope: &c.scope, Numbered: page.Numbered{PerPage: 10}}) {
			got = append(got, m.Account.Name)
		}
		want(w, fmt.Sprintf("%+v", c.scope), got, c.wanted)
	}
}
