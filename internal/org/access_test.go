package org_test

import (
	"strings"
	"testing"

	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/page"
)

// ways describes grants as "who role where", inherited ones with a star.
func (w *world) ways(list []org.Access) []string {
	var out []string
	for _, a := range list {
		line := w.label(string(a.User.ID)) + " " + string(a.Role) + " " + a.Name
		if a.Inherited {
			line += "*"
		}
		out = append(out, line)
	}
	return out
}

func TestOrganizationAccess(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, x := t.Context(), w.plant()
		w.join(x.left.ID, x.owner, x.atLeaf, auth.Billing)
		ask := func(by *person, o org.Organization, user string) org.EffectiveAccess {
			t.Helper()
			return must[org.EffectiveAccess](t)(w.OrganizationAccess(ctx, by.caller(), o.ID, user))
		}
		t.Run("through the organization itself and those above", func(t *testing.T) {
			got := ask(x.owner, x.leaf, "LEAF@example.com")
			wantDiff(t, []string{"leaf organization_super_administrator Leaf", "leaf organization_billing Left*"}, w.ways(got.Grants))
			if got.User == nil || got.User.ID != x.atLeaf.user.ID || got.Organization.ID != x.leaf.ID {
				t.Errorf("got %+v", got)
			}
			if want := auth.SuperAdministrator.Permissions(false) | auth.Billing.Permissions(true); got.Permissions != want {
				t.Errorf("permissions %v, want %v", got.Permissions.List(), want.List())
			}
			if want := auth.Billing.Permissions(true); got.Grants[1].Permissions != want {
				t.Errorf("permissions of the second %v", got.Grants[1].Permissions.List())
			}
		})
		t.Run("by identifier", func(t *testing.T) {
			got := ask(x.atLeaf, x.leaf, string(x.owner.user.ID))
			wantDiff(t, []string{"owner organization_super_administrator Root*"}, w.ways(got.Grants))
		})
		t.Run("on the object itself an administrator has less", func(t *testing.T) {
			w.join(x.right.ID, x.owner, x.reader, auth.Administrator)
			if ask(x.owner, x.right, string(x.reader.user.ID)).Permissions.Has(auth.OrganizationDelete) {
				t.Error("it deletes its own organization")
			}
		})
		t.Run("nobody, nothing and a disabled user look alike", func(t *testing.T) {
			must[org.User](t)(w.DisableUser(ctx, w.admin.request(), x.atLeft.user.ID))
			invited := must[org.Member](t)(w.invite(x.left.ID, x.owner, "new@example.com"))
			for _, user := range []string{
				"nobody@example.com", "x", "", string(id.Instance), string(x.stranger.user.ID), "stranger@example.com",
				string(x.guest.user.ID), string(x.atRight.user.ID), "left@example.com", "new@example.com", string(invited.User.ID),
			} {
				got := ask(x.owner, x.left, user)
				if got.User != nil || got.Grants != nil || got.Permissions != 0 || got.Organization.ID != x.left.ID {
					t.Errorf("%q: %+v", user, got)
				}
			}
		})
		t.Run("to those who may know", func(t *testing.T) {
			for p, want := range map[*person]refusal{
				x.atLeaf: forbidden("access.read"), x.guest: forbidden("access.read"),
				x.atRight: notFound("organization"), x.stranger: notFound("organization"), w.admin: notFound("organization"),
			} {
				_, err := w.OrganizationAccess(ctx, p.caller(), x.left.ID, "owner@example.com")
				wantRefusal(t, err, want)
			}
			ask(x.reader, x.left, "owner@example.com")
		})
	})
}

func TestAccountAccess(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, x := t.Context(), w.plant()
		list := func(by *person, a org.Account) []org.Access {
			t.Helper()
			var all []org.Access
			r := page.Request{Size: 2}
			for {
				p := must[page.Page[org.Access]](t)(w.AccountAccess(ctx, by.caller(), a.ID, r))
				all = append(all, p.Items...)
				if p.Next == nil {
					return all
				}
				r.After = p.Next
			}
		}
		t.Run("members of the organizations above and of the account", func(t *testing.T) {
			got := list(x.reader, x.inner)
			wantDiff(t, []string{
				"owner organization_super_administrator Root*", "left organization_super_administrator Left*",
				"leaf organization_super_administrator Leaf*", "reader organization_read_only Left*", "guest account_read_only Inner",
			}, w.ways(got))
			for _, a := range got {
				if want := a.Role.Permissions(a.Account == "") & auth.OnAccounts; a.Permissions != want {
					t.Errorf("%s has %v, want %v", a.Role, a.Permissions.List(), want.List())
				}
				if (a.Account == "") != strings.HasPrefix(string(a.Role), "organization_") || (a.Organization == "") == (a.Account == "") {
					t.Errorf("%+v is neither a member of the account nor of an organization", a)
				}
			}
		})
		t.Run("outside any organization", func(t *testing.T) {
			wantDiff(t, []string{"owner account_super_administrator Loose"}, w.ways(list(x.owner, x.loose)))
		})
		t.Run("without the invited and the disabled", func(t *testing.T) {
			must[org.Member](t)(w.invite(x.left.ID, x.owner, "new@example.com"))
			for _, p := range []*person{x.atLeft, x.guest} {
				must[org.User](t)(w.DisableUser(ctx, w.admin.request(), p.user.ID))
			}
			wantDiff(t, []string{
				"owner organization_super_administrator Root*", "leaf organization_super_administrator Leaf*", "reader organization_read_only Left*",
			}, w.ways(list(x.owner, x.inner)))
		})
		t.Run("to those who may know", func(t *testing.T) {
			must[org.User](t)(w.EnableUser(ctx, w.admin.request(), x.guest.user.ID))
			_, err := w.AccountAccess(ctx, x.guest.caller(), x.inner.ID, page.Request{Size: 10})
			wantRefusal(t, err, forbidden("access.read"))
			for _, p := range []*person{x.atRight, x.stranger} {
				_, err := w.AccountAccess(ctx, p.caller(), x.inner.ID, page.Request{Size: 10})
				wantRefusal(t, err, notFound("account"))
			}
		})
	})
}

// TestEffectiveAccessIsWhatTheUserMayDo compares the answer with what the
// service lets the user do.
func TestEffectiveAccessIsWhatTheUserMayDo(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, x := t.Context(), w.plant()
		w.join(x.left.ID, x.owner, x.atRight, auth.AuditViewer)
		for _, o := range []org.Organization{x.root, x.left, x.leaf, x.right} {
			for _, p := range []*person{x.owner, x.atLeft, x.atLeaf, x.atRight, x.guest, x.reader, x.stranger} {
				got := must[org.EffectiveAccess](t)(w.OrganizationAccess(ctx, x.owner.caller(), o.ID, p.user.Email))
				if want := p.caller().Permissions(auth.OrganizationTarget(o.Path)); got.Permissions != want {
					t.Errorf("%s in %s: %v, want %v", p.user.Email, o.Name, got.Permissions.List(), want.List())
				}
			}
		}
	})
}

func TestOwnOrganizations(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		x := w.plant()
		w.join(x.root.ID, x.owner, x.atLeaf, auth.Billing)
		for _, c := range []struct {
			caller *auth.Caller
			want   []string
		}{
			{x.owner.caller(), []string{"Root"}},
			{x.atLeaf.caller(), []string{"Root", "Leaf"}},
			{x.guest.caller(), nil},
			{w.bearer(w.token(x.atLeaf, onOrganization(x.leaf.ID)).Value), []string{"Leaf"}},
			{w.bearer(w.token(x.owner, onOrganization(x.leaf.ID)).Value), nil},
		} {
			wantDiff(t, c.want, names(must[[]org.Organization](t)(w.OwnOrganizations(t.Context(), c.caller))))
		}
	})
}
