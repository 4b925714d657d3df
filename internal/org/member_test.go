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

// members lists the members of o as "who role status", in order of creation.
func (w *world) members(o id.Organization, by *person, statuses ...org.MemberStatus) []string {
	w.t.Helper()
	q := org.MemberQuery{Organization: o, Statuses: statuses, Request: page.Request{Size: 100}}
	var list []string
	for _, m := range must[page.Page[org.Member]](w.t)(w.ListMembers(w.t.Context(), by.caller(), q)).Items {
		name, _, _ := strings.Cut(m.User.Email, "@")
		list = append(list, fmt.Sprintf("%s %s %s", name, strings.TrimPrefix(string(m.Role), "organization_"), m.Status))
	}
	return list
}

func (w *world) invite(o id.Organization, by *person, email string) (org.Member, error) {
	return w.CreateMember(w.t.Context(), by.request(), o, org.NewMember{Email: email})
}

func TestInvitation(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, ada, bob := t.Context(), w.person("ada"), w.person("bob")
		root := w.root("Root", ada)
		taken := refusal{fault.Invalid, "/member/user/email", "This e-mail already belongs to a member or an open invitation"}
		absent := notFound("invitation")
		var invitation org.Member

		t.Run("gives a code once", func(t *testing.T) {
			w.wantTrail(t, func() {
				invitation = must[org.Member](t)(w.invite(root.ID, ada, "BOB@example.com"))
			}, "Root: Invite Member success 200")
			if invitation.Status != org.Pending || invitation.Role != auth.SuperAdministrator || invitation.User.ID != bob.user.ID ||
				len(invitation.Code) != 32 || !invitation.CodeExpires.Equal(w.clock.now().Add(7*24*time.Hour)) {
				t.Errorf("invited %+v", invitation)
			}
			got := must[org.Member](t)(w.Member(ctx, ada.caller(), root.ID, invitation.ID))
			if got.Code != "" || got.ID != invitation.ID || got.Status != org.Pending {
				t.Errorf("it is shown as %+v", got)
			}
			for _, r := range w.records() {
				for _, b := range [][]byte{r.Resource.Request, r.Resource.Response, r.Resource.Before, r.Resource.After} {
					if strings.Contains(body(t, &r, b), invitation.Code) {
						t.Errorf("the code is in the log: %s", b)
					}
				}
			}
		})
		t.Run("gives no right", func(t *testing.T) {
			_, err := w.Organization(ctx, bob.caller(), root.ID)
			wantRefusal(t, err, notFound("organization"))
		})
		t.Run("not twice", func(t *testing.T) {
			w.wantTrail(t, func() {
				for _, email := range []string{"bob@example.com", "Bob@Example.COM", "ada@example.com"} {
					_, err := w.invite(root.ID, ada, email)
					wantRefusal(t, err, taken)
				}
			})
		})
		t.Run("is nobody else's", func(t *testing.T) {
			w.wantTrail(t, func() {
				eve := w.person("eve")
				for _, try := range []struct {
					p    *person
					o    id.Organization
					code string
				}{
					{eve, root.ID, invitation.Code},
					{ada, root.ID, invitation.Code},
					{bob, root.ID, ""},
					{bob, root.ID, "x"},
					{bob, root.ID, string(invitation.ID)},
					{bob, "x", invitation.Code},
					{bob, id.Organization(id.Instance), invitation.Code},
				} {
					for _, accept := range []bool{true, false} {
						_, err := w.AnswerInvitation(ctx, try.p.request(), try.o, try.code, accept)
						wantRefusal(t, err, absent)
					}
				}
			}, "instance: Create User success 200")
		})
		t.Run("is accepted once", func(t *testing.T) {
			w.clock.advance(org.InvitationLifetime - time.Microsecond)
			w.wantTrail(t, func() {
				m := must[org.Member](t)(w.AnswerInvitation(ctx, bob.request(), root.ID, invitation.Code, true))
				if m.Status != org.Active || !m.Updated.Equal(w.clock.now()) || m.User.FirstName != "Bob" {
					t.Errorf("accepted %+v", m)
				}
			}, "Root: Accept Invitation success 200")
			must[org.Organization](t)(w.Organization(ctx, bob.caller(), root.ID))
			for _, accept := range []bool{true, false} {
				_, err := w.AnswerInvitation(ctx, bob.request(), root.ID, invitation.Code, accept)
				wantRefusal(t, err, absent)
			}
			wantDiff(t, []string{"ada super_administrator active", "bob super_administrator active"}, w.members(root.ID, ada))
		})
		t.Run("is rejected, and made again", func(t *testing.T) {
			child := w.child("Child", ada, root.ID)
			m := must[org.Member](t)(w.invite(child.ID, ada, "bob@example.com"))
			w.wantTrail(t, func() {
				must[org.Member](t)(w.AnswerInvitation(ctx, bob.request(), child.ID, m.Code, false))
			}, "Child: Reject Invitation success 200")
			wantDiff(t, []string(nil), w.members(child.ID, ada))
			wantDiff(t, []string{"bob super_administrator rejected"}, w.members(child.ID, ada, org.Rejected))
			if got := must[org.Member](t)(w.Member(ctx, ada.caller(), child.ID, m.ID)); got.Status != org.Rejected {
				t.Errorf("it is shown as %+v", got)
			}
			_, err := w.DeleteMember(ctx, ada.request(), child.ID, m.ID)
			wantRefusal(t, err, notFound("member"))
			must[org.Member](t)(w.invite(child.ID, ada, "bob@example.com"))
		})
		t.Run("expires, and is made again", func(t *testing.T) {
			child := w.child("Expiry", ada, root.ID)
			m := must[org.Member](t)(w.invite(child.ID, ada, "bob@example.com"))
			w.clock.advance(org.InvitationLifetime)
			w.wantTrail(t, func() {
				for _, accept := range []bool{true, false} {
					_, err := w.AnswerInvitation(ctx, bob.request(), child.ID, m.Code, accept)
					wantRefusal(t, err, refusal{code: fault.Invalid, message: "The invitation has expired; ask for another"})
				}
			})
			var again org.Member
			w.wantTrail(t, func() { again = must[org.Member](t)(w.invite(child.ID, ada, "bob@example.com")) },
				"Expiry: Invite Member success 200", "Expiry: Remove Member success 200")
			wantDiff(t, []string{"bob super_administrator pending"}, w.members(child.ID, ada))
			wantDiff(t, []string{"bob super_administrator canceled"}, w.members(child.ID, ada, org.Canceled))
			_, err := w.AnswerInvitation(ctx, bob.request(), child.ID, m.Code, true)
			wantRefusal(t, err, absent)
			must[org.Member](t)(w.AnswerInvitation(ctx, bob.request(), child.ID, again.Code, true))
		})
		t.Run("is withdrawn", func(t *testing.T) {
			child := w.child("Withdrawn", ada, root.ID)
			m := must[org.Member](t)(w.invite(child.ID, ada, "bob@example.com"))
			must[org.Member](t)(w.DeleteMember(ctx, ada.request(), child.ID, m.ID))
			_, err := w.AnswerInvitation(ctx, bob.request(), child.ID, m.Code, true)
			wantRefusal(t, err, absent)
		})
		t.Run("of a deleted organization is none", func(t *testing.T) {
			other := w.root("Other", bob)
			m := must[org.Member](t)(w.invite(other.ID, bob, "ada@example.com"))
			must[org.Member](t)(w.DeleteMember(ctx, bob.request(), other.ID, m.ID))
			must[id.Organization](t)(w.DeleteOrganization(ctx, bob.request(), other.ID))
			_, err := w.AnswerInvitation(ctx, ada.request(), other.ID, m.Code, true)
			wantRefusal(t, err, absent)
		})
		t.Run("of somebody new waits for its user", func(t *testing.T) {
			child := w.child("Newcomers", ada, root.ID)
			m := must[org.Member](t)(w.invite(child.ID, ada, "new@example.com"))
			u := must[org.CreatedUser](t)(w.CreateUser(ctx, w.admin.request(), org.NewUser{Email: "NEW@example.com", FirstName: "New"}))
			if u.ID != m.User.ID || u.Status != org.UserActive {
				t.Errorf("invited %s, created %+v", m.User.ID, u.User)
			}
			newcomer := w.known(u.User, u.APIKey)
			must[org.Member](t)(w.AnswerInvitation(ctx, newcomer.request(), child.ID, m.Code, true))
		})
		t.Run("dry, has no code", func(t *testing.T) {
			m := must[org.Member](t)(w.CreateMember(ctx, dryRun(ada.request()), root.ID, org.NewMember{Email: "dry@example.com"}))
			if m.Code != "" || m.Status != org.Pending {
				t.Errorf("got %+v", m)
			}
		})
	})
}

func TestCreateMember(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, ada, bob := t.Context(), w.person("ada"), w.person("bob")
		root := w.root("Root", ada)
		add := func(in org.NewMember) (org.Member, error) { return w.CreateMember(ctx, ada.request(), root.ID, in) }

		t.Run("at once", func(t *testing.T) {
			var m org.Member
			w.wantTrail(t, func() {
				m = must[org.Member](t)(add(org.NewMember{Email: "bob@example.com", Role: auth.Billing, Status: org.Active}))
			}, "Root: Add Member success 200")
			if m.Code != "" || m.Status != org.Active || m.Role != auth.Billing || m.User.ID != bob.user.ID {
				t.Errorf("added %+v", m)
			}
			must[org.Organization](t)(w.Organization(ctx, bob.caller(), root.ID))
		})
		t.Run("at once, only users who are there", func(t *testing.T) {
			want := refusal{fault.Invalid, "/member/user/email", "Only an existing user can be added at once; leave status out to invite"}
			_, err := add(org.NewMember{Email: "nobody@example.com", Status: org.Active})
			wantRefusal(t, err, want)
			must[org.Member](t)(w.invite(w.child("Child", ada, root.ID).ID, ada, "nobody@example.com"))
			_, err = add(org.NewMember{Email: "nobody@example.com", Status: org.Active})
			wantRefusal(t, err, want)
			eve := w.person("eve")
			must[org.User](t)(w.DisableUser(ctx, w.admin.request(), eve.user.ID))
			_, err = add(org.NewMember{Email: "eve@example.com", Status: org.Active})
			wantRefusal(t, err, want)
		})
		t.Run("what is malformed is refused without a trace", func(t *testing.T) {
			w.wantTrail(t, func() {
				_, err := add(org.NewMember{Email: "nobody"})
				wantRefusal(t, err, refusal{fault.Invalid, "/member/user/email", "/member/user/email must be an e-mail address"})
				_, err = add(org.NewMember{Email: "a@b", Status: org.Canceled})
				wantRefusal(t, err, refusal{fault.Invalid, "/member/status", "/member/status of a new member must be active, or absent to invite"})
			})
		})
	})
}

func TestCreateMembers(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, ada := t.Context(), w.person("ada")
		bob, eve := w.person("bob"), w.person("eve")
		root := w.root("Root", ada)
		add := func(in ...org.NewMember) ([]org.Member, error) {
			r := ada.request()
			r.Origin.Body = []byte(`{"members":[{"user":{"email":"bob@example.com"}},{"user":{"email":"Eve@example.com"}}]}`)
			return w.CreateMembers(ctx, r, root.ID, in)
		}
		for _, c := range []struct {
			what string
			in   []org.NewMember
			want refusal
		}{
			{"none", nil, refusal{fault.Invalid, "/members", "/members must have 1 to 10 members"}},
			{"too many", make([]org.NewMember, 11), refusal{fault.Invalid, "/members", "/members must have 1 to 10 members"}},
			{
				"one malformed",
				[]org.NewMember{{Email: "bob@example.com"}, {Email: "x"}},
				refusal{fault.Invalid, "/members/1/user/email", "/members/1/user/email must have 3 to 254 characters"},
			},
			{
				"one twice",
				[]org.NewMember{{Email: "bob@example.com"}, {Email: "new@example.com"}, {Email: "BOB@example.com"}},
				refusal{fault.Invalid, "/members/2/user/email", "This e-mail already belongs to a member or an open invitation"},
			},
			{
				"one who is there",
				[]org.NewMember{{Email: "bob@example.com"}, {Email: "ada@example.com"}},
				refusal{fault.Invalid, "/members/1/user/email", "This e-mail already belongs to a member or an open invitation"},
			},
			{
				"one unknown, at once",
				[]org.NewMember{{Email: "bob@example.com"}, {Email: "new@example.com", Status: org.Active}},
				refusal{fault.Invalid, "/members/1/user/email", "Only an existing user can be added at once; leave status out to invite"},
			},
		} {
			t.Run(c.what, func(t *testing.T) {
				w.wantTrail(t, func() {
					_, err := add(c.in...)
					wantRefusal(t, err, c.want)
				})
				wantDiff(t, []string{"ada super_administrator active"}, w.members(root.ID, ada))
			})
		}
		t.Run("all, each with its record", func(t *testing.T) {
			records := w.wantTrail(t, func() {
				m := must[[]org.Member](t)(add(org.NewMember{Email: "bob@example.com", Status: org.Active, Role: auth.ReadOnly}, org.NewMember{Email: "eve@example.com"}))
				if len(m) != 2 || m[0].Status != org.Active || m[1].Status != org.Pending || m[1].Code == "" {
					t.Errorf("made %+v", m)
				}
			}, "Root: Add Member success 200", "Root: Invite Member success 200")
			wantDiff(t, []string{"ada super_administrator active", "bob read_only active", "eve super_administrator pending"}, w.members(root.ID, ada))
			for _, r := range records {
				for _, p := range r.Personal {
					want := bob.user.ID
					if strings.HasPrefix(strings.ToLower(p.Value), "eve") {
						want = eve.user.ID
					}
					if p.Subject != want {
						t.Errorf("%s is personal data of %s", p.Value, w.label(string(p.Subject)))
					}
				}
				if len(r.Personal) < 4 {
					t.Errorf("personal data: %+v", r.Personal)
				}
			}
		})
	})
}

func TestDeleteMember(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, ada, bob := t.Context(), w.person("ada"), w.person("bob")
		root := w.root("Root", ada)
		own := must[page.Page[org.Member]](t)(w.ListMembers(ctx, ada.caller(), org.MemberQuery{Organization: root.ID, Request: page.Request{Size: 1}})).Items[0]
		last := refusal{code: fault.LastSuperAdministrator, message: "The last active super administrator of a root organization cannot be removed or demoted"}
		member := w.join(root.ID, ada, bob, auth.Administrator)
		caller := bob.caller()

		t.Run("is canceled and gone at once", func(t *testing.T) {
			w.wantTrail(t, func() {
				m := must[org.Member](t)(w.DeleteMember(ctx, ada.request(), root.ID, member.ID))
				if m.Status != org.Canceled {
					t.Errorf("removed %+v", m)
				}
			}, "Root: Remove Member success 200")
			_, err := w.Member(ctx, ada.caller(), root.ID, member.ID)
			wantRefusal(t, err, notFound("member"))
			_, err = w.DeleteMember(ctx, ada.request(), root.ID, member.ID)
			wantRefusal(t, err, notFound("member"))
			wantDiff(t, []string{"bob administrator canceled"}, w.members(root.ID, ada, org.Canceled))
			_, err = w.Organization(ctx, bob.caller(), root.ID)
			wantRefusal(t, err, notFound("organization"))
			_, err = w.UpdateOrganization(ctx, requestOf(caller), root.ID, org.OrganizationUpdate{Name: "x"})
			wantRefusal(t, err, notFound("organization")) // with a caller that was read before
		})
		t.Run("and may come back", func(t *testing.T) {
			w.join(root.ID, ada, bob, auth.Administrator)
			wantDiff(t, []string{"ada super_administrator active", "bob administrator active"}, w.members(root.ID, ada))
		})
		t.Run("not the last super administrator of a root", func(t *testing.T) {
			w.wantTrail(t, func() {
				_, err := w.DeleteMember(ctx, ada.request(), root.ID, own.ID)
				wantRefusal(t, err, last)
			}, "Root: Remove Member failure 400")
			must[org.Member](t)(w.invite(root.ID, ada, "pending@example.com"))
			_, err := w.DeleteMember(ctx, ada.request(), root.ID, own.ID)
			wantRefusal(t, err, last) // who is invited does not count
		})
		t.Run("nor when all others are disabled, who may be removed", func(t *testing.T) {
			eve := w.person("eve")
			disabled := w.join(root.ID, ada, eve, auth.SuperAdministrator)
			must[org.User](t)(w.DisableUser(ctx, w.admin.request(), eve.user.ID))
			_, err := w.DeleteMember(ctx, ada.request(), root.ID, own.ID)
			wantRefusal(t, err, last)
			must[org.Member](t)(w.DeleteMember(ctx, ada.request(), root.ID, disabled.ID))
		})
		t.Run("the last of a sub-organization", func(t *testing.T) {
			child := w.child("Child", ada, root.ID)
			m := w.join(child.ID, ada, bob, auth.SuperAdministrator)
			must[org.Member](t)(w.DeleteMember(ctx, bob.request(), child.ID, m.ID))
		})
		t.Run("one of two", func(t *testing.T) {
			eve := w.person("second")
			w.join(root.ID, ada, eve, auth.SuperAdministrator)
			must[org.Member](t)(w.DeleteMember(ctx, ada.request(), root.ID, own.ID))
			_, err := w.Organization(ctx, ada.caller(), root.ID)
			wantRefusal(t, err, notFound("organization"))
		})
	})
}

func TestSetMemberRole(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, ada, bob := t.Context(), w.person("ada"), w.person("bob")
		root := w.root("Root", ada)
		own := must[page.Page[org.Member]](t)(w.ListMembers(ctx, ada.caller(), org.MemberQuery{Organization: root.ID, Request: page.Request{Size: 1}})).Items[0]
		member := w.join(root.ID, ada, bob, auth.ReadOnly)
		set := func(p *person, m id.Member, role auth.Role) (org.Member, error) {
			return w.SetMemberRole(ctx, p.request(), root.ID, m, role)
		}
		t.Run("promotion is effective at once", func(t *testing.T) {
			_, err := w.UpdateOrganization(ctx, bob.request(), root.ID, org.OrganizationUpdate{Name: "Root"})
			wantRefusal(t, err, forbidden("organization.update"))
			records := w.wantTrail(t, func() { must[org.Member](t)(set(ada, member.ID, auth.Administrator)) }, "Root: Change Role success 200")
			r := &records[0]
			if b, a := body(t, r, r.Resource.Before), body(t, r, r.Resource.After); !strings.Contains(b, `"organization_read_only"`) || !strings.Contains(a, `"organization_administrator"`) {
				t.Errorf("before %s, after %s", b, a)
			}
			must[org.Organization](t)(w.UpdateOrganization(ctx, bob.request(), root.ID, org.OrganizationUpdate{Name: "Root"}))
		})
		t.Run("an administrator does not write members", func(t *testing.T) {
			w.wantTrail(t, func() {
				_, err := set(bob, member.ID, auth.SuperAdministrator)
				wantRefusal(t, err, forbidden("member.write"))
			}, "Root: Change Role failure 403")
		})
		t.Run("the last super administrator is not demoted", func(t *testing.T) {
			w.wantTrail(t, func() {
				_, err := set(ada, own.ID, auth.ReadOnly)
				wantRefusal(t, err, refusal{
					code:    fault.LastSuperAdministrator,
					message: "The last active super administrator of a root organization cannot be removed or demoted",
				})
			}, "Root: Change Role failure 400")
			must[org.Member](t)(set(ada, own.ID, auth.SuperAdministrator)) // it keeps the role
		})
		t.Run("one of two is", func(t *testing.T) {
			must[org.Member](t)(set(ada, member.ID, auth.SuperAdministrator))
			must[org.Member](t)(set(bob, own.ID, auth.ReadOnly))
			_, err := set(ada, own.ID, auth.SuperAdministrator)
			wantRefusal(t, err, forbidden("member.write"))
		})
		t.Run("what is malformed or absent is refused without a trace", func(t *testing.T) {
			w.wantTrail(t, func() {
				_, err := set(bob, member.ID, "")
				wantRefusal(t, err, refusal{fault.Invalid, "/role", "/role is required"})
				_, err = set(bob, member.ID, "owner")
				if f := fault.CodeOf(err); f != fault.Invalid {
					t.Errorf("got %v", err)
				}
				for _, m := range []id.Member{"x", id.Member(id.Instance)} {
					_, err = set(bob, m, auth.ReadOnly)
					wantRefusal(t, err, notFound("member"))
				}
			})
		})
	})
}

func TestListMembers(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, ada := t.Context(), w.person("ada")
		root := w.root("Root", ada)
		for _, name := range []string{"bob", "eve", "bobby"} {
			w.join(root.ID, ada, w.person(name), auth.ReadOnly)
		}
		must[org.Member](t)(w.invite(root.ID, ada, "zoe@elsewhere.example"))
		list := func(f org.TextFilter, statuses ...org.MemberStatus) []string {
			t.Helper()
			var all []string
			q := org.MemberQuery{Organization: root.ID, Email: f, Statuses: statuses, Request: page.Request{Size: 2}}
			for {
				p := must[page.Page[org.Member]](t)(w.ListMembers(ctx, ada.caller(), q))
				for _, m := range p.Items {
					name, _, _ := strings.Cut(m.User.Email, "@")
					all = append(all, name)
				}
				if p.Next == nil {
					if p.Total != int64(len(all)) {
						t.Errorf("total %d of %v", p.Total, all)
					}
					return all
				}
				q.After = p.Next
			}
		}
		wantDiff(t, []string{"ada", "bob", "eve", "bobby", "zoe"}, list(org.TextFilter{}))
		wantDiff(t, []string{"zoe"}, list(org.TextFilter{}, org.Pending))
		wantDiff(t, []string{"ada", "bob", "eve", "bobby"}, list(org.TextFilter{}, org.Active, org.Canceled))
		wantDiff(t, []string{"bob"}, list(org.TextFilter{Equal: "BOB@example.com"}))
		wantDiff(t, []string{"bob", "bobby"}, list(org.TextFilter{StartsWith: "Bob"}))
		wantDiff(t, []string{"zoe"}, list(org.TextFilter{EndsWith: "@ELSEWHERE.example"}))
		wantDiff(t, []string{"bobby"}, list(org.TextFilter{Contains: "OBB"}, org.Active, org.Pending))
	})
}

func TestAccountMembers(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, x := t.Context(), w.plant()
		add := func(p *person, a org.Account, email string, role auth.Role) (org.AccountMember, error) {
			return w.CreateAccountMember(ctx, p.request(), a.ID, email, role)
		}
		t.Run("reach the account and see the path to it", func(t *testing.T) {
			w.wantTrail(t, func() {
				m := must[org.AccountMember](t)(add(x.atLeaf, x.inner, "STRANGER@example.com", ""))
				if m.Role != auth.AccountSuperAdministrator || m.User.ID != x.stranger.user.ID {
					t.Errorf("added %+v", m)
				}
			}, "Leaf: Add Member success 200")
			must[org.Account](t)(w.UpdateAccount(ctx, x.stranger.request(), x.inner.ID, org.AccountUpdate{Name: "Inner"}))
			if o := must[org.Organization](t)(w.Organization(ctx, x.stranger.caller(), x.root.ID)); !o.NamesOnly {
				t.Errorf("a member of an account sees %+v", o)
			}
		})
		t.Run("not twice, not unknown, not malformed", func(t *testing.T) {
			w.wantTrail(t, func() {
				_, err := add(x.owner, x.inner, "guest@example.com", auth.AccountReadOnly)
				wantRefusal(t, err, refusal{fault.Invalid, "/email", "The user is a member of this account already"})
				_, err = add(x.owner, x.inner, "nobody@example.com", auth.AccountReadOnly)
				wantRefusal(t, err, refusal{fault.Invalid, "/email", "Only an existing user can be a member of an account"})
				_, err = add(x.owner, x.inner, "guest@example.com", auth.ReadOnly)
				wantRefusal(t, err, refusal{fault.Invalid, "/role", "/role must be one of account_super_administrator, account_read_only"})
				_, err = add(x.owner, x.inner, "guest", auth.AccountReadOnly)
				wantRefusal(t, err, refusal{fault.Invalid, "/email", "/email must be an e-mail address"})
			})
		})
		t.Run("without the right", func(t *testing.T) {
			w.wantTrail(t, func() {
				_, err := add(x.guest, x.inner, "left@example.com", auth.AccountReadOnly)
				wantRefusal(t, err, forbidden("member.write"))
				_, err = w.ListAccountMembers(ctx, x.guest.caller(), x.inner.ID, page.Request{Size: 10})
				wantRefusal(t, err, forbidden("member.read"))
				_, err = add(x.atRight, x.inner, "left@example.com", auth.AccountReadOnly)
				wantRefusal(t, err, notFound("account"))
				_, err = w.ListAccountMembers(ctx, x.atRight.caller(), x.inner.ID, page.Request{Size: 10})
				wantRefusal(t, err, notFound("account"))
			}, "Leaf: Add Member failure 403")
		})
		t.Run("are removed at once", func(t *testing.T) {
			p := must[page.Page[org.AccountMember]](t)(w.ListAccountMembers(ctx, x.owner.caller(), x.inner.ID, page.Request{Size: 1}))
			if len(p.Items) != 1 || p.Next == nil || p.Items[0].User.ID != x.guest.user.ID {
				t.Fatalf("the first page is %+v", p)
			}
			w.wantTrail(t, func() {
				_, err := w.DeleteAccountMember(ctx, x.guest.request(), x.inner.ID, p.Items[0].ID)
				wantRefusal(t, err, forbidden("member.write"))
				if got, err := w.DeleteAccountMember(ctx, x.owner.request(), x.inner.ID, p.Items[0].ID); err != nil || got != p.Items[0].ID {
					t.Errorf("%s, %v", got, err)
				}
				for _, m := range []id.Member{p.Items[0].ID, "x"} {
					_, err = w.DeleteAccountMember(ctx, x.owner.request(), x.inner.ID, m)
					wantRefusal(t, err, notFound("member"))
				}
			}, "Leaf: Remove Member failure 403", "Leaf: Remove Member success 200")
			_, err := w.Account(ctx, x.guest.caller(), x.inner.ID)
			wantRefusal(t, err, notFound("account"))
		})
		t.Run("not the last super administrator outside any organization", func(t *testing.T) {
			last := refusal{code: fault.LastSuperAdministrator, message: "The last super administrator of an account outside any organization cannot be removed"}
			own := must[page.Page[org.AccountMember]](t)(w.ListAccountMembers(ctx, x.owner.caller(), x.loose.ID, page.Request{Size: 1})).Items[0]
			w.wantTrail(t, func() {
				_, err := w.DeleteAccountMember(ctx, x.owner.request(), x.loose.ID, own.ID)
				wantRefusal(t, err, last)
			}, "Loose: Remove Member failure 400")
			disabled := must[org.AccountMember](t)(add(x.owner, x.loose, "guest@example.com", ""))
			must[org.User](t)(w.DisableUser(ctx, w.admin.request(), x.guest.user.ID))
			_, err := w.DeleteAccountMember(ctx, x.owner.request(), x.loose.ID, own.ID)
			wantRefusal(t, err, last)
			must[id.Member](t)(w.DeleteAccountMember(ctx, x.owner.request(), x.loose.ID, disabled.ID))
			must[org.AccountMember](t)(add(x.owner, x.loose, "left@example.com", ""))
			must[id.Member](t)(w.DeleteAccountMember(ctx, x.owner.request(), x.loose.ID, own.ID))
			_, err = w.Account(ctx, x.owner.caller(), x.loose.ID)
			wantRefusal(t, err, notFound("account"))
		})
	})
}
