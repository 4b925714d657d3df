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

func TestCreateOrganization(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, ada := t.Context(), w.person("ada")
		w.clock.advance(1234567 * time.Nanosecond)
		created := w.clock.now().Truncate(time.Microsecond)

		var root, child org.Organization
		t.Run("a root makes its creator super administrator", func(t *testing.T) {
			root = w.root(" Acme ", ada)
			w.labels[string(root.ID)] = "Acme"
			want := org.Organization{ID: root.ID, Name: "Acme", Path: []id.Organization{root.ID}, Created: created, Updated: created}
			wantDiff(t, want, root)
			wantDiff(t, want, must[org.Organization](t)(w.Organization(ctx, ada.caller(), root.ID)))
			members := must[page.Page[org.Member]](t)(w.ListMembers(ctx, ada.caller(), org.MemberQuery{Organization: root.ID, Request: page.Request{Size: 10}}))
			if len(members.Items) != 1 || members.Items[0].User.ID != ada.user.ID || members.Items[0].Role != auth.SuperAdministrator || members.Items[0].Status != org.Active {
				t.Errorf("the members are %+v", members.Items)
			}
		})
		t.Run("a sub-organization lies below its parent and has no members", func(t *testing.T) {
			child = w.child("Child", ada, root.ID)
			want := org.Organization{
				ID: child.ID, Name: "Child", Parent: root.ID, ParentName: "Acme",
				Path: []id.Organization{root.ID, child.ID}, Created: created, Updated: created,
			}
			wantDiff(t, want, child)
			wantDiff(t, want, must[org.Organization](t)(w.Organization(ctx, ada.caller(), child.ID)))
			members := must[page.Page[org.Member]](t)(w.ListMembers(ctx, ada.caller(), org.MemberQuery{Organization: child.ID, Request: page.Request{Size: 10}}))
			if len(members.Items) != 0 {
				t.Errorf("the members are %+v", members.Items)
			}
		})
		t.Run("names are not unique", func(t *testing.T) {
			w.child("Child", ada, root.ID)
		})
		t.Run("a profile is kept and repeated", func(t *testing.T) {
			p := &org.Profile{BusinessName: " Acme GmbH ", ExternalMetadata: `{"a":1}`}
			o := must[org.Organization](t)(w.CreateOrganization(ctx, ada.request(), org.NewOrganization{Name: "Profiled", Parent: root.ID, Profile: p}))
			wantDiff(t, p, o.Profile)
			wantDiff(t, p, must[org.Organization](t)(w.Organization(ctx, ada.caller(), o.ID)).Profile)
			wantDiff(t, *p, must[org.Profile](t)(w.OrganizationProfile(ctx, ada.caller(), o.ID)))
		})
		t.Run("down to the depth limit", func(t *testing.T) {
			two := w.child("Two", ada, child.ID)
			three := w.child("Three", ada, two.ID)
			w.wantTrail(t, func() {
				_, err := w.CreateOrganization(ctx, ada.request(), org.NewOrganization{Name: "Four", Parent: three.ID})
				wantRefusal(t, err, refusal{fault.TooDeep, "/parent/id", "Too deep: 4 levels below the root, the limit is 3 (raise it with limits.depth)"})
			}, "Three: Create Organization failure 400")
		})
		t.Run("what is malformed is refused without a trace", func(t *testing.T) {
			w.wantTrail(t, func() {
				for _, x := range []struct {
					in   org.NewOrganization
					want refusal
				}{
					{org.NewOrganization{Name: " "}, refusal{fault.Invalid, "/name", "/name must have 1 to 100 characters"}},
					{
						org.NewOrganization{Name: "x", Profile: &org.Profile{BusinessName: strings.Repeat("x", 4097)}},
						refusal{fault.Invalid, "/profile/business_name", "/profile/business_name must have at most 4096 characters"},
					},
					{org.NewOrganization{Name: "x", Parent: "../.."}, refusal{fault.NotFound, "/parent/id", "parent organization not found"}},
					{org.NewOrganization{Name: "x", Parent: id.Organization(id.Instance)}, refusal{fault.NotFound, "/parent/id", "parent organization not found"}},
					{org.NewOrganization{Name: "x", Parent: id.Organization(ada.user.ID)}, refusal{fault.NotFound, "/parent/id", "parent organization not found"}},
				} {
					_, err := w.CreateOrganization(ctx, ada.request(), x.in)
					wantRefusal(t, err, x.want)
				}
			})
		})
		t.Run("a token that may not start a tree is refused in its user's log", func(t *testing.T) {
			c := w.bearer(w.token(ada, onOrganization(root.ID)).Value)
			w.wantTrail(t, func() {
				_, err := w.CreateOrganization(ctx, requestOf(c), org.NewOrganization{Name: "x"})
				wantRefusal(t, err, forbidden("organization.create"))
			}, "ada: Create Organization failure 403")
		})
	})
}

func TestOrganizationIsVisible(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		x := w.plant()
		const all, name, nothing = "all", "name", "nothing"
		for _, c := range []struct {
			who                              string
			p                                *person
			root, left, leaf, right, foreign string
			list                             []string
		}{
			{"the super administrator of the root", x.owner, all, all, all, all, nothing, []string{"Root", "Left", "Leaf", "Right"}},
			{"one of a sub-organization", x.atLeft, name, all, all, nothing, nothing, []string{"(Root)", "Left", "Leaf"}},
			{"one of the deepest", x.atLeaf, name, name, all, nothing, nothing, []string{"(Root)", "(Left)", "Leaf"}},
			{"one of a sibling", x.atRight, name, nothing, nothing, all, nothing, []string{"(Root)", "Right"}},
			{"a reader", x.reader, name, all, all, nothing, nothing, []string{"(Root)", "Left", "Leaf"}},
			{"a member of an account", x.guest, name, name, name, nothing, nothing, []string{"(Root)", "(Left)", "(Leaf)"}},
			{"a stranger", x.stranger, nothing, nothing, nothing, nothing, all, []string{"Foreign"}},
			{"the administrator of the instance", w.admin, nothing, nothing, nothing, nothing, nothing, nil},
		} {
			t.Run(c.who, func(t *testing.T) {
				caller := c.p.caller()
				for _, o := range []struct {
					o    org.Organization
					want string
				}{{x.root, c.root}, {x.left, c.left}, {x.leaf, c.leaf}, {x.right, c.right}, {x.foreign, c.foreign}} {
					got, err := w.Organization(t.Context(), caller, o.o.ID)
					switch {
					case o.want == nothing:
						wantRefusal(t, err, notFound("organization"))
					case err != nil || got.Name != o.o.Name || got.NamesOnly != (o.want == name):
						t.Errorf("%s: %+v, %v, want %s", o.o.Name, got, err, o.want)
					}
				}
				p := must[page.Page[org.Organization]](t)(w.ListOrganizations(t.Context(), caller, org.OrganizationFilter{}, page.Request{Size: 10}))
				wantDiff(t, c.list, names(p.Items))
				if p.Total != int64(len(c.list)) || p.Next != nil {
					t.Errorf("total %d and next %v", p.Total, p.Next)
				}
			})
		}
		t.Run("the profile is not part of a name", func(t *testing.T) {
			must[org.Organization](t)(w.UpdateOrganization(t.Context(), x.owner.request(), x.left.ID, org.OrganizationUpdate{
				Name: "Left", SetProfile: true, Profile: &org.Profile{BusinessName: "secret"},
			}))
			if o := must[org.Organization](t)(w.Organization(t.Context(), x.guest.caller(), x.left.ID)); o.Profile != nil || !o.NamesOnly {
				t.Errorf("a guest sees %+v", o)
			}
			p := must[page.Page[org.Organization]](t)(w.ListOrganizations(t.Context(), x.guest.caller(), org.OrganizationFilter{}, page.Request{Size: 10}))
			for _, o := range p.Items {
				if o.Profile != nil || !o.NamesOnly {
					t.Errorf("a guest lists %+v", o)
				}
			}
		})
		t.Run("identifiers that cannot be are those of nothing", func(t *testing.T) {
			for _, o := range []id.Organization{"", "x", "\x00", "\xff", id.Organization(strings.Repeat("0", 10_000)), id.Organization(strings.ToUpper(string(x.root.ID)))} {
				_, err := w.Organization(t.Context(), x.owner.caller(), o)
				wantRefusal(t, err, notFound("organization"))
			}
		})
	})
}

func TestListOrganizationsFilters(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		x := w.plant()
		second := w.root("roots & 100%_", x.owner)
		for _, c := range []struct {
			what string
			p    *person
			f    org.OrganizationFilter
			want []string
		}{
			{"everything", x.owner, org.OrganizationFilter{}, []string{"Root", "Left", "Leaf", "Right", "roots & 100%_"}},
			{"some by id", x.owner, org.OrganizationFilter{IDs: []id.Organization{x.right.ID, x.left.ID, x.left.ID}}, []string{"Left", "Right"}},
			{"none of those given", x.owner, org.OrganizationFilter{IDs: []id.Organization{x.foreign.ID, "x"}}, nil},
			{"by an empty list of ids", x.owner, org.OrganizationFilter{IDs: []id.Organization{}}, nil},
			{"a name in other case", x.owner, org.OrganizationFilter{Name: org.TextFilter{Equal: "rOOT"}}, []string{"Root"}},
			{"a beginning", x.owner, org.OrganizationFilter{Name: org.TextFilter{StartsWith: "ROOT"}}, []string{"Root", "roots & 100%_"}},
			{"an end", x.owner, org.OrganizationFilter{Name: org.TextFilter{EndsWith: "FT"}}, []string{"Left"}},
			{"a part", x.owner, org.OrganizationFilter{Name: org.TextFilter{Contains: "E"}}, []string{"Left", "Leaf"}},
			{"wildcards stand for themselves", x.owner, org.OrganizationFilter{Name: org.TextFilter{Contains: "%_"}}, []string{"roots & 100%_"}},
			{"several conditions", x.owner, org.OrganizationFilter{Name: org.TextFilter{StartsWith: "le", EndsWith: "f"}}, []string{"Leaf"}},
			{"roots", x.owner, org.OrganizationFilter{Parent: org.ParentFilter{Roots: true}}, []string{"Root", "roots & 100%_"}},
			{"children", x.owner, org.OrganizationFilter{Parent: org.ParentFilter{ID: x.root.ID}}, []string{"Left", "Right"}},
			{"children of nothing", x.owner, org.OrganizationFilter{Parent: org.ParentFilter{ID: "x"}}, nil},
			{"visible children", x.atLeaf, org.OrganizationFilter{Parent: org.ParentFilter{ID: x.root.ID}}, []string{"(Left)"}},
			{"visible roots", x.guest, org.OrganizationFilter{Parent: org.ParentFilter{Roots: true}}, []string{"(Root)"}},
			{"names by name", x.guest, org.OrganizationFilter{Name: org.TextFilter{Contains: "lea"}}, []string{"(Leaf)"}},
			{"above an account", x.owner, org.OrganizationFilter{ContainingAccount: x.inner.ID}, []string{"Root", "Left", "Leaf"}},
			{"above an account, by name", x.guest, org.OrganizationFilter{ContainingAccount: x.inner.ID}, []string{"(Root)", "(Left)", "(Leaf)"}},
			{"above an account outside any", x.owner, org.OrganizationFilter{ContainingAccount: x.loose.ID}, nil},
			{"above an account that is invisible", x.atRight, org.OrganizationFilter{ContainingAccount: x.inner.ID}, nil},
			{"above nothing", x.owner, org.OrganizationFilter{ContainingAccount: "x"}, nil},
			{"above an organization, without itself", x.owner, org.OrganizationFilter{ContainingOrganization: x.leaf.ID}, []string{"Root", "Left"}},
			{"above a root", x.owner, org.OrganizationFilter{ContainingOrganization: second.ID}, nil},
			{"above an organization that is invisible", x.atRight, org.OrganizationFilter{ContainingOrganization: x.leaf.ID}, nil},
			{"where a user is a member, and above", x.owner, org.OrganizationFilter{ContainingUser: x.atLeft.user.ID}, []string{"Root", "Left"}},
			{"where one is oneself", x.atLeaf, org.OrganizationFilter{ContainingUser: x.atLeaf.user.ID}, []string{"(Root)", "(Left)", "Leaf"}},
			{"where a user is whose memberships are not visible", x.atRight, org.OrganizationFilter{ContainingUser: x.atLeft.user.ID}, nil},
			{"where nobody is", x.owner, org.OrganizationFilter{ContainingUser: "x"}, nil},
			{"several containing", x.owner, org.OrganizationFilter{ContainingUser: x.atLeft.user.ID, ContainingOrganization: x.left.ID}, []string{"Root"}},
			{"containing and id", x.owner, org.OrganizationFilter{ContainingAccount: x.inner.ID, IDs: []id.Organization{x.left.ID, x.right.ID}}, []string{"Left"}},
		} {
			t.Run(c.what, func(t *testing.T) {
				p, err := w.ListOrganizations(t.Context(), c.p.caller(), c.f, page.Request{Size: 10})
				if err != nil {
					t.Fatal(err)
				}
				wantDiff(t, c.want, names(p.Items))
				if p.Total != int64(len(c.want)) {
					t.Errorf("total %d", p.Total)
				}
			})
		}
	})
}

func TestListOrganizationsPages(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ada := w.person("ada")
		root := w.root("o0", ada)
		want := []string{"o0"}
		for i := range 6 { // all at one moment: the identifier decides
			want = append(want, fmt.Sprintf("o%d", i+1))
			w.child(want[i+1], ada, root.ID)
		}
		for size := 1; size <= 8; size++ {
			var got []string
			r := page.Request{Size: size}
			for {
				p := must[page.Page[org.Organization]](t)(w.ListOrganizations(t.Context(), ada.caller(), org.OrganizationFilter{}, r))
				if p.Total != 7 {
					t.Errorf("total %d", p.Total)
				}
				got = append(got, names(p.Items)...)
				if p.Next == nil {
					break
				}
				r.After = p.Next
			}
			wantDiff(t, want, got)
		}
	})
}

func TestUpdateOrganization(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, x := t.Context(), w.plant()
		w.clock.advance(time.Minute)
		p := &org.Profile{BusinessName: "Acme"}

		t.Run("the name and the time change, nothing else", func(t *testing.T) {
			want := x.left
			want.Name, want.Updated = "New", w.clock.now()
			records := w.wantTrail(t, func() {
				wantDiff(t, want, must[org.Organization](t)(w.UpdateOrganization(ctx, x.owner.request(), x.left.ID, org.OrganizationUpdate{Name: " New"})))
			}, "Left: Update Organization success 200")
			wantDiff(t, want, must[org.Organization](t)(w.Organization(ctx, x.owner.caller(), x.left.ID)))
			r := &records[0]
			before, after := body(t, r, r.Resource.Before), body(t, r, r.Resource.After)
			if !strings.Contains(before, `"name":"Left"`) || !strings.Contains(after, `"name":"New"`) {
				t.Errorf("before %s, after %s", before, after)
			}
			if got := must[org.Organization](t)(w.Organization(ctx, x.owner.caller(), x.leaf.ID)).ParentName; got != "New" {
				t.Errorf("its child calls it %s", got)
			}
		})
		t.Run("a profile is set, left alone and removed", func(t *testing.T) {
			for _, step := range []struct {
				in   org.OrganizationUpdate
				want *org.Profile
			}{
				{org.OrganizationUpdate{Name: "New", SetProfile: true, Profile: p}, p},
				{org.OrganizationUpdate{Name: "New"}, p},
				{org.OrganizationUpdate{Name: "New", SetProfile: true}, nil},
				{org.OrganizationUpdate{Name: "New"}, nil},
			} {
				got := must[org.Organization](t)(w.UpdateOrganization(ctx, x.owner.request(), x.left.ID, step.in))
				wantDiff(t, step.want, got.Profile)
				wantDiff(t, step.want, must[org.Organization](t)(w.Organization(ctx, x.owner.caller(), x.left.ID)).Profile)
			}
			_, err := w.OrganizationProfile(ctx, x.owner.caller(), x.left.ID)
			if fault.CodeOf(err) != fault.NotFound {
				t.Errorf("the profile that was removed: %v", err)
			}
		})
		t.Run("its own parent is no move", func(t *testing.T) {
			w.wantTrail(t, func() {
				must[org.Organization](t)(w.UpdateOrganization(ctx, x.atLeft.request(), x.left.ID, org.OrganizationUpdate{Name: "Left", Parent: x.root.ID}))
			}, "Left: Update Organization success 200")
		})
		t.Run("what is malformed is refused without a trace", func(t *testing.T) {
			w.wantTrail(t, func() {
				_, err := w.UpdateOrganization(ctx, x.owner.request(), x.left.ID, org.OrganizationUpdate{})
				wantRefusal(t, err, refusal{fault.Invalid, "/name", "/name must have 1 to 100 characters"})
				_, err = w.UpdateOrganization(ctx, x.owner.request(), x.left.ID, org.OrganizationUpdate{Name: "x", Profile: &org.Profile{BusinessPhone: "\x00"}})
				wantRefusal(t, err, refusal{fault.Invalid, "/profile/business_phone", "/profile/business_phone has characters that are not allowed"})
			})
		})
	})
}

func TestMoveOrganization(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, x := t.Context(), w.plant()
		second := w.root("Second", x.owner)
		move := func(p *person, o org.Organization, to id.Organization) (org.Organization, error) {
			return w.UpdateOrganization(ctx, p.request(), o.ID, org.OrganizationUpdate{Name: o.Name, Parent: to})
		}
		total := func(root id.Organization) int64 {
			t.Helper()
			_, n, _, err := w.store.Subtree(ctx, root)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}

		t.Run("within a tree, with all below it", func(t *testing.T) {
			w.wantTrail(t, func() {
				got := must[org.Organization](t)(move(x.owner, x.left, x.right.ID))
				wantDiff(t, []id.Organization{x.root.ID, x.right.ID, x.left.ID}, got.Path)
				if got.Parent != x.right.ID || got.ParentName != "Right" {
					t.Errorf("moved to %s, %s", got.Parent, got.ParentName)
				}
			}, "Right: Move Organization success 200", "Root: Move Organization success 200")
			leaf := must[org.Organization](t)(w.Organization(ctx, x.owner.caller(), x.leaf.ID))
			wantDiff(t, []id.Organization{x.root.ID, x.right.ID, x.left.ID, x.leaf.ID}, leaf.Path)
			must[org.Organization](t)(w.Organization(ctx, x.atRight.caller(), x.leaf.ID))
			must[org.Account](t)(w.Account(ctx, x.atRight.caller(), x.inner.ID))
		})
		t.Run("across trees", func(t *testing.T) {
			must[org.Organization](t)(move(x.owner, x.left, second.ID))
			if a, b := total(x.root.ID), total(second.ID); a != 1 || b != 1 {
				t.Errorf("the trees have %d and %d accounts", a, b)
			}
			_, err := w.Account(ctx, x.atRight.caller(), x.inner.ID)
			wantRefusal(t, err, notFound("account"))
			p := must[page.Page[org.Organization]](t)(w.ListOrganizations(ctx, x.atLeaf.caller(), org.OrganizationFilter{}, page.Request{Size: 10}))
			wantDiff(t, []string{"(Left)", "Leaf", "(Second)"}, names(p.Items))
		})
		t.Run("a root below another becomes a sub-organization", func(t *testing.T) {
			w.wantTrail(t, func() {
				must[org.Organization](t)(move(x.owner, second, x.root.ID))
			}, "Root: Move Organization success 200", "Second: Move Organization success 200")
			if n := total(x.root.ID); n != 2 {
				t.Errorf("the tree has %d accounts", n)
			}
		})
		t.Run("below itself", func(t *testing.T) {
			for _, to := range []org.Organization{second, x.left, x.leaf} {
				w.wantTrail(t, func() {
					_, err := move(x.owner, second, to.ID)
					wantRefusal(t, err, refusal{fault.Cycle, "/parent/id", "The organization would lie below itself"})
				}, "Root: Move Organization failure 400")
			}
		})
		t.Run("too deep", func(t *testing.T) { // Root > Second > Left > Leaf is the limit
			_, err := move(x.owner, second, x.right.ID)
			wantRefusal(t, err, refusal{fault.TooDeep, "/parent/id", "Too deep: 4 levels below the root, the limit is 3 (raise it with limits.depth)"})
		})
		t.Run("to nowhere, or where the caller sees nothing", func(t *testing.T) {
			w.wantTrail(t, func() {
				for _, to := range []id.Organization{x.foreign.ID, "x", id.Organization(id.Instance)} {
					_, err := move(x.owner, x.left, to)
					wantRefusal(t, err, refusal{fault.NotFound, "/parent/id", "parent organization not found"})
				}
			})
		})
		t.Run("without the right on the old side", func(t *testing.T) {
			w.join(x.right.ID, x.owner, x.atLeft, auth.SuperAdministrator)
			w.wantTrail(t, func() {
				_, err := move(x.atLeft, x.left, x.right.ID)
				wantRefusal(t, err, forbidden("organization.create"))
			}, "Second: Move Organization failure 403")
		})
		t.Run("without the right on the new side", func(t *testing.T) {
			w.join(x.foreign.ID, x.stranger, x.owner, auth.ReadOnly)
			w.wantTrail(t, func() {
				_, err := move(x.owner, x.left, x.foreign.ID)
				wantRefusal(t, err, forbidden("organization.create"))
			}, "Second: Move Organization failure 403")
		})
		t.Run("a root, without the right to delete it", func(t *testing.T) {
			w.join(x.foreign.ID, x.stranger, x.atRight, auth.Administrator)
			_, err := move(x.atRight, x.foreign, x.right.ID)
			wantRefusal(t, err, forbidden("organization.delete"))
		})
		t.Run("a refused move changes nothing, not even the name", func(t *testing.T) {
			_, err := w.UpdateOrganization(ctx, x.owner.request(), second.ID, org.OrganizationUpdate{Name: "Other", Parent: x.leaf.ID})
			if fault.CodeOf(err) != fault.Cycle {
				t.Errorf("got %v", err)
			}
			if got := must[org.Organization](t)(w.Organization(ctx, x.owner.caller(), second.ID)).Name; got != "Second" {
				t.Errorf("it is called %s", got)
			}
		})
	})
}

func TestMoveOrganizationKeepsTheAccountLimit(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, ada := t.Context(), w.person("ada")
		a, b := w.root("A", ada), w.root("B", ada)
		child := w.child("Child", ada, a.ID)
		for range 3 {
			w.account("in child", ada, child.ID)
			w.account("in b", ada, b.ID)
		}
		last := w.account("one too many", ada, b.ID)
		move := func() error {
			_, err := w.UpdateOrganization(ctx, ada.request(), child.ID, org.OrganizationUpdate{Name: "Child", Parent: b.ID})
			return err
		}
		w.wantTrail(t, func() {
			wantRefusal(t, move(), refusal{
				code:    fault.LimitReached,
				message: "Limit reached: 4 accounts in the tree of this root, the limit is 6 (raise it with limits.accounts)",
			})
		}, "A: Move Organization failure 400")
		must[id.Account](t)(w.DeleteAccount(ctx, ada.request(), last.ID))
		if err := move(); err != nil {
			t.Errorf("up to the limit: %v", err)
		}
		// Within the full tree anything may be moved.
		other := w.child("Other", ada, b.ID)
		must[org.Organization](t)(w.UpdateOrganization(ctx, ada.request(), child.ID, org.OrganizationUpdate{Name: "Child", Parent: other.ID}))
	})
}

func TestDeleteOrganization(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, ada := t.Context(), w.person("ada")
		root := w.root("Root", ada)
		child := w.child("Child", ada, root.ID)
		grandchild := w.child("Grandchild", ada, child.ID)
		account := w.account("Account", ada, grandchild.ID)
		del := func(o org.Organization) error {
			_, err := w.DeleteOrganization(ctx, ada.request(), o.ID)
			return err
		}
		notEmpty := func(has string) refusal {
			return refusal{code: fault.OrganizationNotEmpty, message: "The organization is not empty: it has " + has}
		}

		t.Run("not while it has sub-organizations", func(t *testing.T) {
			w.wantTrail(t, func() { wantRefusal(t, del(child), notEmpty("1 sub-organizations")) }, "Root: Delete Organization failure 400")
		})
		t.Run("not while it has accounts", func(t *testing.T) {
			w.wantTrail(t, func() { wantRefusal(t, del(grandchild), notEmpty("1 accounts")) }, "Child: Delete Organization failure 400")
			must[id.Account](t)(w.DeleteAccount(ctx, ada.request(), account.ID))
		})
		t.Run("not while it has a member or an invitation", func(t *testing.T) {
			bob := w.person("bob")
			member := w.join(grandchild.ID, ada, bob, auth.ReadOnly)
			wantRefusal(t, del(grandchild), notEmpty("1 other members"))
			must[org.Member](t)(w.DeleteMember(ctx, ada.request(), grandchild.ID, member.ID))
			invited := must[org.Member](t)(w.CreateMember(ctx, ada.request(), grandchild.ID, org.NewMember{Email: "new@example.com"}))
			wantRefusal(t, del(grandchild), notEmpty("1 other members"))
			must[org.Member](t)(w.DeleteMember(ctx, ada.request(), grandchild.ID, invited.ID))
		})
		t.Run("the caller may be its member", func(t *testing.T) {
			w.join(grandchild.ID, ada, ada, auth.SuperAdministrator)
			w.wantTrail(t, func() {
				if got, err := w.DeleteOrganization(ctx, ada.request(), grandchild.ID); err != nil || got != grandchild.ID {
					t.Errorf("%s, %v", got, err)
				}
			}, "Child: Delete Organization success 200")
		})
		t.Run("what is deleted is gone", func(t *testing.T) {
			_, err := w.Organization(ctx, ada.caller(), grandchild.ID)
			wantRefusal(t, err, notFound("organization"))
			wantRefusal(t, del(grandchild), notFound("organization"))
			_, err = w.CreateOrganization(ctx, ada.request(), org.NewOrganization{Name: "x", Parent: grandchild.ID})
			wantRefusal(t, err, refusal{fault.NotFound, "/parent/id", "parent organization not found"})
			p := must[page.Page[org.Organization]](t)(w.ListOrganizations(ctx, ada.caller(), org.OrganizationFilter{}, page.Request{Size: 10}))
			wantDiff(t, []string{"Root", "Child"}, names(p.Items))
			if p.Total != 2 {
				t.Errorf("total %d", p.Total)
			}
		})
		t.Run("a root is recorded in its own log", func(t *testing.T) {
			if err := del(child); err != nil {
				t.Fatal(err)
			}
			w.wantTrail(t, func() {
				if err := del(root); err != nil {
					t.Error(err)
				}
			}, "Root: Delete Organization success 200")
			_, err := w.Organization(ctx, ada.caller(), root.ID)
			wantRefusal(t, err, notFound("organization"))
		})
	})
}

func TestRestoreOrganization(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, x := t.Context(), w.plant()
		del := func(p *person, o org.Organization) {
			t.Helper()
			must[id.Organization](t)(w.DeleteOrganization(ctx, p.request(), o.ID))
		}
		restore := func(p *person, o org.Organization) (org.Organization, error) {
			return w.RestoreOrganization(ctx, p.request(), o.ID)
		}
		absent := notFound("deleted organization")
		empty := w.child("Empty", x.owner, x.left.ID)

		t.Run("what is not deleted cannot be restored", func(t *testing.T) {
			for _, o := range []id.Organization{empty.ID, "x", id.Organization(id.Instance)} {
				_, err := w.RestoreOrganization(ctx, x.owner.request(), o)
				wantRefusal(t, err, absent)
			}
		})
		t.Run("below its parent", func(t *testing.T) {
			del(x.owner, empty)
			w.clock.advance(time.Hour)
			want := empty
			want.Updated = w.clock.now()
			w.wantTrail(t, func() {
				wantDiff(t, want, must[org.Organization](t)(restore(x.atLeft, empty)))
			}, "Left: Restore Organization success 200")
			wantDiff(t, want, must[org.Organization](t)(w.Organization(ctx, x.owner.caller(), empty.ID)))
		})
		t.Run("below a parent that was moved", func(t *testing.T) {
			del(x.owner, empty)
			must[org.Organization](t)(w.UpdateOrganization(ctx, x.owner.request(), x.left.ID, org.OrganizationUpdate{Name: "Moved", Parent: x.right.ID}))
			got := must[org.Organization](t)(restore(x.owner, empty))
			wantDiff(t, []id.Organization{x.root.ID, x.right.ID, x.left.ID, empty.ID}, got.Path)
			if got.ParentName != "Moved" {
				t.Errorf("its parent is called %s", got.ParentName)
			}
		})
		t.Run("not too deep", func(t *testing.T) {
			o := w.child("Deep", x.owner, x.right.ID)
			deeper := w.child("Deeper", x.owner, o.ID)
			del(x.owner, deeper)
			must[org.Organization](t)(w.UpdateOrganization(ctx, x.owner.request(), o.ID, org.OrganizationUpdate{Name: "Deep", Parent: x.left.ID}))
			_, err := restore(x.owner, deeper)
			if fault.CodeOf(err) != fault.TooDeep {
				t.Errorf("got %v", err)
			}
		})
		t.Run("who may", func(t *testing.T) {
			del(x.owner, empty)
			for who, p := range map[string]*person{"a stranger": x.stranger} {
				_, err := restore(p, empty)
				if fault.CodeOf(err) != fault.NotFound {
					t.Errorf("%s: %v", who, err)
				}
			}
			w.wantTrail(t, func() {
				_, err := restore(x.reader, empty)
				wantRefusal(t, err, forbidden("organization.create"))
			}, "Left: Restore Organization failure 403")
		})
		t.Run("not below a deleted parent", func(t *testing.T) {
			parent := w.child("Parent", x.owner, x.right.ID)
			child := w.child("Child", x.owner, parent.ID)
			del(x.owner, child)
			del(x.owner, parent)
			_, err := restore(x.owner, child)
			wantRefusal(t, err, absent)
			must[org.Organization](t)(restore(x.owner, parent))
			must[org.Organization](t)(restore(x.owner, child))
		})
		t.Run("a root by its super administrator, with its members", func(t *testing.T) {
			del(x.stranger, x.foreign)
			for _, p := range []*person{x.owner, w.admin} {
				_, err := restore(p, x.foreign)
				wantRefusal(t, err, absent)
			}
			w.wantTrail(t, func() { must[org.Organization](t)(restore(x.stranger, x.foreign)) }, "Foreign: Restore Organization success 200")
			must[org.Organization](t)(w.UpdateOrganization(ctx, x.stranger.request(), x.foreign.ID, org.OrganizationUpdate{Name: "Foreign"}))
		})
		t.Run("for 30 days", func(t *testing.T) {
			del(x.stranger, x.foreign)
			w.clock.advance(org.RestoreWindow)
			must[org.Organization](t)(restore(x.stranger, x.foreign))
			del(x.stranger, x.foreign)
			w.clock.advance(org.RestoreWindow + time.Microsecond)
			_, err := restore(x.stranger, x.foreign)
			wantRefusal(t, err, absent)
		})
	})
}
