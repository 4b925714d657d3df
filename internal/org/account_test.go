package org_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/page"
)

func TestCreateAccount(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, ada := t.Context(), w.person("ada")
		root := w.root("Root", ada)
		child := w.child("Child", ada, root.ID)
		now := w.clock.now()

		t.Run("inside an organization", func(t *testing.T) {
			var got org.Account
			w.wantTrail(t, func() {
				got = must[org.Account](t)(w.CreateAccount(ctx, ada.request(), org.NewAccount{Name: " Shop ", Organization: child.ID}))
			}, "Child: Create Account success 200")
			want := org.Account{
				ID: got.ID, Name: "Shop", Type: org.Standard, Organization: child.ID, OrganizationName: "Child",
				Path: []id.Organization{root.ID, child.ID}, Created: now, Updated: now,
			}
			wantDiff(t, want, got)
			wantDiff(t, want, must[org.Account](t)(w.Account(ctx, ada.caller(), got.ID)))
			members := must[page.Page[org.AccountMember]](t)(w.ListAccountMembers(ctx, ada.caller(), got.ID, page.Request{Size: 10}))
			if len(members.Items) != 0 {
				t.Errorf("its explicit members are %+v", members.Items)
			}
		})
		t.Run("outside any, where its creator becomes super administrator", func(t *testing.T) {
			bob := w.person("bob")
			a := must[org.Account](t)(w.CreateAccount(ctx, bob.request(), org.NewAccount{Name: "Loose", Type: org.Enterprise}))
			want := org.Account{ID: a.ID, Name: "Loose", Type: org.Enterprise, Created: now, Updated: now}
			wantDiff(t, want, a)
			wantDiff(t, want, must[org.Account](t)(w.Account(ctx, bob.caller(), a.ID)))
			members := must[page.Page[org.AccountMember]](t)(w.ListAccountMembers(ctx, bob.caller(), a.ID, page.Request{Size: 10}))
			if len(members.Items) != 1 || members.Items[0].User.ID != bob.user.ID || members.Items[0].Role != auth.AccountSuperAdministrator {
				t.Errorf("its members are %+v", members.Items)
			}
			records, err := w.store.AuditRecords(ctx, id.Log(a.ID), 0, 10)
			if err != nil || len(records) != 1 || records[0].Resource.Scope != "accounts" || records[0].Account != a.ID {
				t.Errorf("its log is %+v, %v", records, err)
			}
		})
		t.Run("up to the limit of the tree", func(t *testing.T) {
			for i := range 5 {
				w.account(fmt.Sprint(i), ada, root.ID)
			}
			w.wantTrail(t, func() {
				_, err := w.CreateAccount(ctx, ada.request(), org.NewAccount{Name: "one too many", Organization: child.ID})
				wantRefusal(t, err, refusal{
					code:    fault.LimitReached,
					message: "Limit reached: 6 accounts in the tree of this root, the limit is 6 (raise it with limits.accounts)",
				})
			}, "Child: Create Account failure 400")
			w.account("another tree", ada, w.root("Other", ada).ID)
			w.account("no tree", ada, "")
		})
		t.Run("what is malformed is refused without a trace", func(t *testing.T) {
			w.wantTrail(t, func() {
				for _, x := range []struct {
					in   org.NewAccount
					want refusal
				}{
					{org.NewAccount{Name: "\t"}, refusal{fault.Invalid, "/name", "/name must have 1 to 100 characters"}},
					{org.NewAccount{Name: "x", Type: "free"}, refusal{fault.Invalid, "/type", "/type must be standard or enterprise"}},
					{org.NewAccount{Name: "x", Organization: "x"}, refusal{fault.NotFound, "/unit/id", "organization not found"}},
				} {
					_, err := w.CreateAccount(ctx, ada.request(), x.in)
					wantRefusal(t, err, x.want)
				}
			})
		})
		t.Run("a token that may not is refused in its user's log", func(t *testing.T) {
			c := w.bearer(w.token(ada, onOrganization(root.ID)).Value)
			w.wantTrail(t, func() {
				_, err := w.CreateAccount(ctx, requestOf(c), org.NewAccount{Name: "x"})
				wantRefusal(t, err, forbidden("account.create"))
			}, "ada: Create Account failure 403")
		})
	})
}

func TestAccountsAreVisible(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, x := t.Context(), w.plant()
		for _, c := range []struct {
			who  string
			p    *person
			list []string
			in   map[string]string // list of the accounts directly in an organization, or the refusal
		}{
			{
				"the super administrator of the root", x.owner,
				[]string{"Inner", "Outer", "Loose"},
				map[string]string{"Root": "[]", "Left": "[]", "Leaf": "[Inner]", "Right": "[Outer]", "Foreign": "not_found"},
			},
			{
				"one of a sub-organization", x.atLeft,
				[]string{"Inner"},
				map[string]string{"Root": "forbidden", "Left": "[]", "Leaf": "[Inner]", "Right": "not_found", "Foreign": "not_found"},
			},
			{
				"a reader", x.reader,
				[]string{"Inner"},
				map[string]string{"Root": "forbidden", "Left": "[]", "Leaf": "[Inner]", "Right": "not_found", "Foreign": "not_found"},
			},
			{
				"one of a sibling", x.atRight,
				[]string{"Outer"},
				map[string]string{"Root": "forbidden", "Left": "not_found", "Leaf": "not_found", "Right": "[Outer]", "Foreign": "not_found"},
			},
			{
				"a member of an account", x.guest,
				[]string{"Inner"},
				map[string]string{"Root": "forbidden", "Left": "forbidden", "Leaf": "forbidden", "Right": "not_found", "Foreign": "not_found"},
			},
			{
				"a stranger", x.stranger, nil,
				map[string]string{"Root": "not_found", "Left": "not_found", "Leaf": "not_found", "Right": "not_found", "Foreign": "[]"},
			},
		} {
			t.Run(c.who, func(t *testing.T) {
				caller := c.p.caller()
				p := must[page.Page[org.Account]](t)(w.ListAccounts(ctx, caller, "", page.Numbered{Page: 1, PerPage: 10}))
				wantDiff(t, c.list, accountNames(p.Items))
				if p.Total != int64(len(c.list)) {
					t.Errorf("total %d", p.Total)
				}
				for _, a := range []org.Account{x.inner, x.outer, x.loose} {
					got, err := w.Account(ctx, caller, a.ID)
					if fmt.Sprint(c.list) == strings.ReplaceAll(fmt.Sprint(c.list), a.Name, "") {
						wantRefusal(t, err, notFound("account"))
					} else if err != nil || got.Name != a.Name {
						t.Errorf("%s: %+v, %v", a.Name, got, err)
					}
				}
				for _, o := range []org.Organization{x.root, x.left, x.leaf, x.right, x.foreign} {
					p, err := w.ListOrganizationAccounts(ctx, caller, org.OrganizationAccountQuery{Organization: o.ID, Request: page.Request{Size: 10}})
					got := fmt.Sprint(accountNames(p.Items))
					if err != nil {
						got = string(fault.CodeOf(err))
					}
					if got != c.in[o.Name] {
						t.Errorf("accounts in %s: %s, want %s", o.Name, got, c.in[o.Name])
					}
				}
			})
		}
	})
}

func TestListAccounts(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, ada := t.Context(), w.person("ada")
		root := w.root("Root", ada)
		for _, name := range []string{"b", "A", "c", "a"} {
			w.account(name, ada, root.ID)
			w.clock.advance(time.Second)
		}
		for _, c := range []struct {
			what  string
			name  string
			n     page.Numbered
			want  []string
			total int64
		}{
			{"in order of creation", "", page.Numbered{Page: 1, PerPage: 5}, []string{"b", "A", "c", "a"}, 4},
			{"the other way round", "", page.Numbered{Page: 1, PerPage: 5, Desc: true}, []string{"a", "c", "A", "b"}, 4},
			{"a page", "", page.Numbered{Page: 2, PerPage: 3}, []string{"a"}, 4},
			{"beyond the end", "", page.Numbered{Page: 3, PerPage: 3}, nil, 4},
			{"by name, in any case", "a", page.Numbered{Page: 1, PerPage: 5}, []string{"A", "a"}, 2},
			{"by a name that nobody has", "ab", page.Numbered{Page: 1, PerPage: 5}, nil, 0},
		} {
			p := must[page.Page[org.Account]](t)(w.ListAccounts(ctx, ada.caller(), c.name, c.n))
			wantDiff(t, c.want, accountNames(p.Items))
			if p.Total != c.total {
				t.Errorf("%s: total %d, want %d", c.what, p.Total, c.total)
			}
		}
	})
}

func TestListOrganizationAccounts(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, ada := t.Context(), w.person("ada")
		root := w.root("Root", ada)
		for _, name := range []string{"b", "A", "c", "a"} {
			w.account(name, ada, root.ID)
		}
		w.account("below", ada, w.child("Child", ada, root.ID).ID)
		for _, c := range []struct {
			what  string
			q     org.OrganizationAccountQuery
			want  []string
			total int64
		}{
			{"by id, which is the order of creation", org.OrganizationAccountQuery{}, []string{"b", "A", "c", "a"}, -1},
			{"with the total", org.OrganizationAccountQuery{WithTotal: true}, []string{"b", "A", "c", "a"}, 4},
			{"descending", org.OrganizationAccountQuery{Desc: true}, []string{"a", "c", "A", "b"}, -1},
			{"by name", org.OrganizationAccountQuery{ByName: true}, []string{"A", "a", "b", "c"}, -1},
			{"by name descending", org.OrganizationAccountQuery{ByName: true, Desc: true}, []string{"c", "b", "a", "A"}, -1},
			{"filtered", org.OrganizationAccountQuery{Name: org.TextFilter{Equal: "a"}, WithTotal: true}, []string{"A", "a"}, 2},
			{"filtered twice", org.OrganizationAccountQuery{Name: org.TextFilter{Contains: "a"}, PublicName: org.TextFilter{Equal: "b"}, WithTotal: true}, nil, 0},
			{"numbered", org.OrganizationAccountQuery{Numbered: page.Numbered{Page: 2, PerPage: 3}}, []string{"a"}, 4},
		} {
			t.Run(c.what, func(t *testing.T) {
				c.q.Organization = root.ID
				if c.q.Numbered.Page > 0 {
					p := must[page.Page[org.Account]](t)(w.ListOrganizationAccounts(ctx, ada.caller(), c.q))
					wantDiff(t, c.want, accountNames(p.Items))
					return
				}
				for size := 1; size <= 5; size++ {
					q, got := c.q, []string(nil)
					q.Size = size
					for {
						p := must[page.Page[org.Account]](t)(w.ListOrganizationAccounts(ctx, ada.caller(), q))
						if p.Total != c.total {
							t.Errorf("total %d, want %d", p.Total, c.total)
						}
						got = append(got, accountNames(p.Items)...)
						if p.Next == nil {
							break
						}
						q.After = p.Next
					}
					wantDiff(t, c.want, got)
				}
			})
		}
	})
}

func TestAccountOrganizations(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, x := t.Context(), w.plant()
		for _, c := range []struct {
			caller  *auth.Caller
			account id.Account
			want    []string
		}{
			{x.owner.caller(), x.inner.ID, []string{"Root", "Left", "Leaf"}},
			{x.atLeft.caller(), x.inner.ID, []string{"(Root)", "Left", "Leaf"}},
			{x.guest.caller(), x.inner.ID, []string{"(Root)", "(Left)", "(Leaf)"}},
			{x.owner.caller(), x.loose.ID, nil},
			{w.bearer(w.token(x.owner, onAccount(x.inner.ID)).Value), x.inner.ID, []string{"(Root)", "(Left)", "(Leaf)"}},
			{w.bearer(w.token(x.owner, onAccount("*")).Value), x.inner.ID, []string{"(Root)", "(Left)", "(Leaf)"}},
		} {
			wantDiff(t, c.want, names(must[[]org.Organization](t)(w.AccountOrganizations(ctx, c.caller, c.account))))
		}
		_, err := w.AccountOrganizations(ctx, x.atRight.caller(), x.inner.ID)
		wantRefusal(t, err, notFound("account"))
	})
}

func TestUpdateAccount(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, x := t.Context(), w.plant()
		w.clock.advance(time.Minute)
		email, yes := "abuse@example.com", true
		want := x.inner
		want.Updated = w.clock.now()
		for _, step := range []struct {
			what string
			in   org.AccountUpdate
			name string
			set  org.AccountSettings
		}{
			{
				"settings",
				org.AccountUpdate{Name: "Inner", Settings: &org.AccountSettings{AbuseContactEmail: &email, EnforceTwoFactor: &yes}},
				"Inner",
				org.AccountSettings{AbuseContactEmail: &email, EnforceTwoFactor: &yes},
			},
			{"the name alone", org.AccountUpdate{Name: " New "}, "New", org.AccountSettings{AbuseContactEmail: &email, EnforceTwoFactor: &yes}},
			{
				"settings are replaced as a whole",
				org.AccountUpdate{Name: "New", Settings: &org.AccountSettings{EnforceTwoFactor: new(bool)}},
				"New",
				org.AccountSettings{EnforceTwoFactor: new(bool)},
			},
			{"settings are unset", org.AccountUpdate{Name: "New", Settings: &org.AccountSettings{}}, "New", org.AccountSettings{}},
		} {
			t.Run(step.what, func(t *testing.T) {
				want.Name, want.Settings = step.name, step.set
				w.wantTrail(t, func() {
					wantDiff(t, want, must[org.Account](t)(w.UpdateAccount(ctx, x.atLeaf.request(), x.inner.ID, step.in)))
				}, "Leaf: Update Account success 200")
				wantDiff(t, want, must[org.Account](t)(w.Account(ctx, x.owner.caller(), x.inner.ID)))
			})
		}
		t.Run("what is malformed is refused without a trace", func(t *testing.T) {
			no := "nobody"
			w.wantTrail(t, func() {
				_, err := w.UpdateAccount(ctx, x.owner.request(), x.inner.ID, org.AccountUpdate{})
				wantRefusal(t, err, refusal{fault.Invalid, "/name", "/name must have 1 to 100 characters"})
				_, err = w.UpdateAccount(ctx, x.owner.request(), x.inner.ID, org.AccountUpdate{Name: "x", Settings: &org.AccountSettings{AbuseContactEmail: &no}})
				wantRefusal(t, err, refusal{fault.Invalid, "/settings/abuse_contact_email", "/settings/abuse_contact_email must be an e-mail address"})
			})
		})
	})
}

func TestDeleteAccount(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, x := t.Context(), w.plant()
		w.wantTrail(t, func() {
			if got, err := w.DeleteAccount(ctx, x.owner.request(), x.inner.ID); err != nil || got != x.inner.ID {
				t.Errorf("%s, %v", got, err)
			}
		}, "Leaf: Delete Account success 200")
		for _, p := range []*person{x.owner, x.guest} {
			_, err := w.Account(ctx, p.caller(), x.inner.ID)
			wantRefusal(t, err, notFound("account"))
			_, err = w.DeleteAccount(ctx, p.request(), x.inner.ID)
			wantRefusal(t, err, notFound("account"))
		}
		p := must[page.Page[org.Organization]](t)(w.ListOrganizations(ctx, x.guest.caller(), org.OrganizationFilter{}, page.Request{Size: 10}))
		wantDiff(t, []string(nil), names(p.Items))
		w.wantTrail(t, func() { must[id.Account](t)(w.DeleteAccount(ctx, x.owner.request(), x.loose.ID)) }, "Loose: Delete Account success 200")
	})
}

func TestMoveAccount(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, x := t.Context(), w.plant()
		move := func(p *person, a org.Account, to id.Organization) (org.Move, error) {
			return w.MoveAccount(ctx, p.request(), a.ID, to)
		}
		t.Run("within a tree", func(t *testing.T) {
			records := w.wantTrail(t, func() {
				wantDiff(t, org.Move{Account: x.inner.ID, Source: x.leaf.ID, Destination: x.right.ID}, must[org.Move](t)(move(x.owner, x.inner, x.right.ID)))
			}, "Leaf: Move Account success 200", "Right: Move Account success 200")
			for _, r := range records {
				before, after := body(t, &r, r.Resource.Before), body(t, &r, r.Resource.After)
				if !strings.Contains(before, `"parent_org_name":"Leaf"`) || !strings.Contains(after, `"parent_org_name":"Right"`) {
					t.Errorf("before %s, after %s", before, after)
				}
			}
			a := must[org.Account](t)(w.Account(ctx, x.atRight.caller(), x.inner.ID))
			wantDiff(t, []id.Organization{x.root.ID, x.right.ID}, a.Path)
			_, err := w.Account(ctx, x.atLeaf.caller(), x.inner.ID)
			wantRefusal(t, err, notFound("account"))
			must[org.Account](t)(w.Account(ctx, x.guest.caller(), x.inner.ID)) // explicit members stay
		})
		t.Run("to where it is", func(t *testing.T) {
			w.wantTrail(t, func() {
				wantDiff(t, org.Move{Account: x.inner.ID, Source: x.right.ID, Destination: x.right.ID}, must[org.Move](t)(move(x.owner, x.inner, x.right.ID)))
			})
		})
		t.Run("from outside any organization, by its super administrator", func(t *testing.T) {
			w.wantTrail(t, func() {
				wantDiff(t, org.Move{Account: x.loose.ID, Destination: x.left.ID}, must[org.Move](t)(move(x.owner, x.loose, x.left.ID)))
			}, "Left: Move Account success 200", "Loose: Move Account success 200")
			must[org.Account](t)(w.Account(ctx, x.atLeft.caller(), x.loose.ID))
		})
		t.Run("across trees", func(t *testing.T) {
			w.join(x.foreign.ID, x.stranger, x.atLeft, auth.AccountProvisioner)
			must[org.Move](t)(move(x.atLeft, x.loose, x.foreign.ID))
			must[org.Account](t)(w.Account(ctx, x.stranger.caller(), x.loose.ID))
		})
		t.Run("without the right on the account", func(t *testing.T) {
			w.join(x.foreign.ID, x.stranger, x.guest, auth.AccountProvisioner)
			w.wantTrail(t, func() {
				_, err := move(x.guest, x.inner, x.foreign.ID)
				wantRefusal(t, err, forbidden("account.move"))
			}, "Right: Move Account failure 403")
		})
		t.Run("without the right on the destination", func(t *testing.T) {
			w.wantTrail(t, func() {
				_, err := move(x.atRight, x.inner, x.root.ID)
				wantRefusal(t, err, refusal{fault.Forbidden, "/destination_organization_id", "Forbidden: needs account.create"})
			}, "Right: Move Account failure 403")
		})
		t.Run("of or to what cannot be seen", func(t *testing.T) {
			w.wantTrail(t, func() {
				_, err := move(x.atRight, x.outer, x.left.ID)
				wantRefusal(t, err, refusal{fault.NotFound, "/destination_organization_id", "destination organization not found"})
				_, err = move(x.atRight, x.loose, x.right.ID)
				wantRefusal(t, err, notFound("account"))
				_, err = w.MoveAccount(ctx, x.owner.request(), "x", "x")
				wantRefusal(t, err, notFound("account"))
			})
		})
		t.Run("up to the limit of the tree", func(t *testing.T) {
			full := w.root("Full", x.owner)
			for range small.Accounts {
				w.account("x", x.owner, full.ID)
			}
			w.wantTrail(t, func() {
				_, err := move(x.owner, x.inner, full.ID)
				wantRefusal(t, err, refusal{
					code:    fault.LimitReached,
					message: "Limit reached: 6 accounts in the tree of this root, the limit is 6 (raise it with limits.accounts)",
				})
			}, "Right: Move Account failure 400")
		})
	})
}

func TestMoveAccounts(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, x := t.Context(), w.plant()
		move := func(p *person, to id.Organization, as ...id.Account) ([]org.Move, error) {
			return w.MoveAccounts(ctx, p.request(), as, to)
		}
		where := func() string {
			t.Helper()
			var list []string
			for _, a := range []org.Account{x.inner, x.outer, x.loose} {
				got, err := w.store.Account(ctx, a.ID)
				if err != nil {
					t.Fatal(err)
				}
				list = append(list, got.OrganizationName)
			}
			return strings.Join(list, ",")
		}
		t.Run("one refused, none moved", func(t *testing.T) {
			w.join(x.foreign.ID, x.stranger, x.owner, auth.AccountProvisioner)
			lone := w.account("Lone", x.stranger, "")
			must[org.AccountMember](t)(w.CreateAccountMember(ctx, x.stranger.request(), lone.ID, x.owner.user.Email, auth.AccountReadOnly))
			w.wantTrail(t, func() {
				_, err := move(x.owner, x.left.ID, x.inner.ID, x.outer.ID, lone.ID)
				wantRefusal(t, err, refusal{fault.Forbidden, "/account_ids/2", "Forbidden: needs account.move"})
			}, "Lone: Move Account failure 403")
			if got := where(); got != "Leaf,Right," {
				t.Errorf("the accounts are in %s", got)
			}
		})
		t.Run("one absent, none moved", func(t *testing.T) {
			w.wantTrail(t, func() {
				_, err := move(x.owner, x.left.ID, x.inner.ID, "x")
				wantRefusal(t, err, refusal{fault.NotFound, "/account_ids/1", "account not found"})
				_, err = move(x.owner, "x", x.inner.ID)
				wantRefusal(t, err, refusal{fault.NotFound, "/destination_organization_id", "destination organization not found"})
			})
			if got := where(); got != "Leaf,Right," {
				t.Errorf("the accounts are in %s", got)
			}
		})
		t.Run("a number of accounts that cannot be", func(t *testing.T) {
			_, err := move(x.owner, x.left.ID)
			wantRefusal(t, err, refusal{fault.Invalid, "/account_ids", "/account_ids must have 1 to 1000 accounts"})
			_, err = move(x.owner, x.left.ID, make([]id.Account, 1001)...)
			wantRefusal(t, err, refusal{fault.Invalid, "/account_ids", "/account_ids must have 1 to 1000 accounts"})
			_, err = move(x.owner, x.left.ID, x.inner.ID, x.outer.ID, x.inner.ID)
			wantRefusal(t, err, refusal{fault.Invalid, "/account_ids/2", "/account_ids/2 names an account twice"})
		})
		t.Run("beyond the limit, none moved", func(t *testing.T) {
			nearly := w.root("Nearly", x.owner)
			for range small.Accounts - 2 {
				w.account("x", x.owner, nearly.ID)
			}
			_, err := move(x.owner, nearly.ID, x.inner.ID, x.outer.ID, x.loose.ID)
			wantRefusal(t, err, refusal{
				fault.LimitReached, "/account_ids/2",
				"Limit reached: 6 accounts in the tree of this root, the limit is 6 (raise it with limits.accounts)",
			})
			if got := where(); got != "Leaf,Right," {
				t.Errorf("the accounts are in %s", got)
			}
		})
		t.Run("all, those that are there already without a record", func(t *testing.T) {
			w.wantTrail(t, func() {
				want := []org.Move{
					{Account: x.loose.ID, Destination: x.right.ID},
					{Account: x.outer.ID, Source: x.right.ID, Destination: x.right.ID},
					{Account: x.inner.ID, Source: x.leaf.ID, Destination: x.right.ID},
				}
				wantDiff(t, want, must[[]org.Move](t)(move(x.owner, x.right.ID, x.loose.ID, x.outer.ID, x.inner.ID)))
			}, "Leaf: Move Account success 200", "Loose: Move Account success 200", "Right: Move Account success 200", "Right: Move Account success 200")
			if got := where(); got != "Right,Right,Right" {
				t.Errorf("the accounts are in %s", got)
			}
		})
	})
}

func TestDetachAccount(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, x := t.Context(), w.plant()
		members := func(a org.Account, by *person) string {
			t.Helper()
			var list []string
			for _, m := range must[page.Page[org.AccountMember]](t)(w.ListAccountMembers(ctx, by.caller(), a.ID, page.Request{Size: 10})).Items {
				list = append(list, w.label(string(m.User.ID))+" "+string(m.Role))
			}
			return strings.Join(list, ", ")
		}
		t.Run("without the right", func(t *testing.T) {
			w.wantTrail(t, func() {
				_, err := w.DetachAccount(ctx, x.guest.request(), x.inner.ID)
				wantRefusal(t, err, forbidden("account.move"))
			}, "Leaf: Detach Account failure 403")
		})
		t.Run("the caller becomes its super administrator", func(t *testing.T) {
			w.wantTrail(t, func() {
				wantDiff(t, org.Move{Account: x.inner.ID, Source: x.leaf.ID}, must[org.Move](t)(w.DetachAccount(ctx, x.atLeft.request(), x.inner.ID)))
			}, "Inner: Detach Account success 200", "Leaf: Detach Account success 200")
			if got, want := members(x.inner, x.atLeft), "guest account_read_only, left account_super_administrator"; got != want {
				t.Errorf("the members are %s, want %s", got, want)
			}
			a := must[org.Account](t)(w.Account(ctx, x.atLeft.caller(), x.inner.ID))
			if a.Organization != "" || len(a.Path) != 0 {
				t.Errorf("it is in %+v", a)
			}
			_, err := w.Account(ctx, x.owner.caller(), x.inner.ID)
			wantRefusal(t, err, notFound("account"))
		})
		t.Run("not twice", func(t *testing.T) {
			w.wantTrail(t, func() {
				_, err := w.DetachAccount(ctx, x.atLeft.request(), x.inner.ID)
				wantRefusal(t, err, refusal{code: fault.Invalid, message: "The account is not in an organization"})
			})
		})
		t.Run("an explicit member is promoted, or stays what it is", func(t *testing.T) {
			must[org.AccountMember](t)(w.CreateAccountMember(ctx, x.owner.request(), x.outer.ID, x.owner.user.Email, auth.AccountReadOnly))
			must[org.Move](t)(w.DetachAccount(ctx, x.owner.request(), x.outer.ID))
			if got, want := members(x.outer, x.owner), "owner account_super_administrator"; got != want {
				t.Errorf("the members are %s, want %s", got, want)
			}
			must[org.Move](t)(w.MoveAccount(ctx, x.owner.request(), x.outer.ID, x.root.ID))
			must[org.Move](t)(w.DetachAccount(ctx, x.owner.request(), x.outer.ID))
			if got, want := members(x.outer, x.owner), "owner account_super_administrator"; got != want {
				t.Errorf("the members are %s, want %s", got, want)
			}
		})
	})
}
