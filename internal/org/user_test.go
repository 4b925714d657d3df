package org_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/engine/enginetest"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/page"
)

func TestBootstrap(t *testing.T) {
	t.Parallel()
	for _, e := range enginetest.All(t) {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			w := &world{t: t, store: e.Open(t), clock: newClock(), labels: map[string]string{string(id.Instance): "instance"}}
			w.Service = w.service()
			_, err := w.Bootstrap(ctx, org.Origin{}, org.NewUser{Email: "x"})
			wantRefusal(t, err, refusal{fault.Invalid, "/email", "/email must have 3 to 254 characters"})

			b := must[org.Bootstrapped](t)(w.Bootstrap(ctx, org.Origin{Status: 201}, org.NewUser{Email: " Root@example.com", LastName: "R"}))
			w.labels[string(b.User.ID)] = "root"
			if !b.User.Administrator || b.User.Email != "Root@example.com" || b.User.Status != org.UserActive {
				t.Errorf("the first user is %+v", b.User)
			}
			wantDiff(t, []string{"instance: Create User success 201", "root: Create Token success 201"}, w.trail(w.records()))
			for _, r := range w.records() {
				if r.Actor.Type != "system" || r.Actor.Context != "system" || r.Actor.ID != "" {
					t.Errorf("the actor is %+v", r.Actor)
				}
				for _, stored := range [][]byte{r.Resource.Response, r.Resource.After} {
					for _, secret := range []string{b.APIKey, b.Token.Value} {
						if strings.Contains(body(t, &r, stored), secret) {
							t.Errorf("a secret is in the log: %s", stored)
						}
					}
				}
			}
			for _, s := range []org.Secrets{{Token: b.Token.Value}, {Email: "root@example.com", Key: b.APIKey}} {
				c := must[*auth.Caller](t)(w.Authenticate(ctx, s, netip.Addr{}))
				must[org.CreatedUser](t)(w.CreateUser(ctx, requestOf(c), org.NewUser{Email: "by" + string(c.Credential.Context) + "@example.com"}))
			}
			_, err = w.Bootstrap(ctx, org.Origin{}, org.NewUser{Email: "second@example.com"})
			wantRefusal(t, err, refusal{code: fault.Forbidden, message: "Forbidden: this instance has users already"})
		})
	}
}

func TestCreateUser(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		create := func(p *person, in org.NewUser) (org.CreatedUser, error) { return w.CreateUser(ctx, p.request(), in) }
		var ada *person
		t.Run("with a key that works", func(t *testing.T) {
			w.wantTrail(t, func() {
				u := must[org.CreatedUser](t)(create(w.admin, org.NewUser{Email: " Ada@Example.com ", FirstName: " Ada ", LastName: "L", TwoFactor: true}))
				want := org.User{
					ID: u.ID, Email: "Ada@Example.com", FirstName: "Ada", LastName: "L", TwoFactor: true,
					Status: org.UserActive, Created: w.clock.now(), Updated: w.clock.now(),
				}
				wantDiff(t, want, u.User)
				wantDiff(t, want, must[org.User](t)(w.User(ctx, w.admin.caller(), u.ID)))
				ada = w.known(u.User, u.APIKey)
				wantDiff(t, want, must[org.User](t)(w.Self(ctx, ada.caller())))
			}, "instance: Create User success 200")
		})
		t.Run("not twice, not malformed", func(t *testing.T) {
			w.wantTrail(t, func() {
				_, err := create(w.admin, org.NewUser{Email: "ADA@example.COM"})
				wantRefusal(t, err, refusal{fault.Invalid, "/email", "A user with this e-mail exists already"})
				_, err = create(w.admin, org.NewUser{Email: "ada"})
				wantRefusal(t, err, refusal{fault.Invalid, "/email", "/email must be an e-mail address"})
				_, err = create(w.admin, org.NewUser{Email: "a@b", FirstName: strings.Repeat("x", 61)})
				wantRefusal(t, err, refusal{fault.Invalid, "/first_name", "/first_name must have 0 to 60 characters"})
				_, err = create(w.admin, org.NewUser{Email: "a@b", LastName: "x\ny"})
				wantRefusal(t, err, refusal{fault.Invalid, "/last_name", "/last_name has characters that are not allowed"})
			})
		})
		t.Run("only by administrators of the instance", func(t *testing.T) {
			w.wantTrail(t, func() {
				_, err := create(ada, org.NewUser{Email: "new@example.com"})
				wantRefusal(t, err, forbidden("user.admin"))
				_, err = w.User(ctx, ada.caller(), w.admin.user.ID)
				wantRefusal(t, err, forbidden("user.admin"))
				_, err = w.ListUsers(ctx, ada.caller(), org.UserQuery{Request: page.Request{Size: 10}})
				wantRefusal(t, err, forbidden("user.admin"))
			}, "instance: Create User failure 403")
		})
		t.Run("unknown ones are not found", func(t *testing.T) {
			for _, u := range []id.User{"x", id.User(id.Instance)} {
				_, err := w.User(ctx, w.admin.caller(), u)
				wantRefusal(t, err, notFound("user"))
				_, err = w.DisableUser(ctx, w.admin.request(), u)
				wantRefusal(t, err, notFound("user"))
			}
		})
	})
}

func TestDisableUser(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, ada, bob := t.Context(), w.person("ada"), w.person("bob")
		root := w.root("Root", ada)
		token := w.token(ada)
		caller := ada.caller()
		authenticate := func() (err error) {
			for _, s := range []org.Secrets{{Token: token.Value}, {Email: ada.user.Email, Key: ada.key}} {
				if _, e := w.Authenticate(ctx, s, netip.Addr{}); e != nil {
					err = e
				}
			}
			return err
		}
		if err := authenticate(); err != nil {
			t.Fatal(err)
		}
		t.Run("takes all credentials at once, and the rights of who came in before", func(t *testing.T) {
			w.clock.advance(time.Minute)
			w.wantTrail(t, func() {
				u := must[org.User](t)(w.DisableUser(ctx, w.admin.request(), ada.user.ID))
				if u.Status != org.UserDisabled || !u.Updated.Equal(w.clock.now()) {
					t.Errorf("disabled %+v", u)
				}
			}, "instance: Disable User success 200")
			wantRefusal(t, authenticate(), refusal{code: fault.BadCredentials, message: "Invalid API token"})
			_, err := w.UpdateOrganization(ctx, requestOf(caller), root.ID, org.OrganizationUpdate{Name: "x"})
			wantRefusal(t, err, refusal{code: fault.BadCredentials, message: "Invalid API token"})
		})
		t.Run("leaves what was granted, without effect until it is enabled", func(t *testing.T) {
			w.wantTrail(t, func() { must[org.User](t)(w.EnableUser(ctx, w.admin.request(), ada.user.ID)) }, "instance: Enable User success 200")
			if err := authenticate(); err != nil {
				t.Error(err)
			}
			must[org.Organization](t)(w.UpdateOrganization(ctx, ada.request(), root.ID, org.OrganizationUpdate{Name: "Root"}))
		})
		t.Run("refuses oneself, those who were only invited, and other callers", func(t *testing.T) {
			invited := must[org.Member](t)(w.invite(root.ID, ada, "new@example.com"))
			w.wantTrail(t, func() {
				_, err := w.DisableUser(ctx, w.admin.request(), w.admin.user.ID)
				wantRefusal(t, err, refusal{code: fault.Invalid, message: "You cannot disable or enable yourself"})
				_, err = w.DisableUser(ctx, w.admin.request(), invited.User.ID)
				wantRefusal(t, err, refusal{code: fault.Invalid, message: "The user was only invited; create it first"})
				_, err = w.DisableUser(ctx, bob.request(), ada.user.ID)
				wantRefusal(t, err, forbidden("user.admin"))
				_, err = w.EnableUser(ctx, bob.request(), "x")
				wantRefusal(t, err, forbidden("user.admin"))
			}, "instance: Disable User failure 403", "instance: Enable User failure 403")
		})
	})
}

func TestListUsers(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		for _, name := range []string{"ada", "bob", "eve"} {
			w.person(name)
		}
		list := func(f org.TextFilter) []string {
			t.Helper()
			var all []string
			q := org.UserQuery{Email: f, Request: page.Request{Size: 2}}
			for {
				p := must[page.Page[org.User]](t)(w.ListUsers(t.Context(), w.admin.caller(), q))
				for _, u := range p.Items {
					all = append(all, w.label(string(u.ID)))
				}
				if p.Next == nil {
					return all
				}
				q.After = p.Next
			}
		}
		wantDiff(t, []string{"admin", "ada", "bob", "eve"}, list(org.TextFilter{}))
		wantDiff(t, []string{"admin", "ada"}, list(org.TextFilter{StartsWith: "AD"}))
		wantDiff(t, []string{"eve"}, list(org.TextFilter{Equal: "Eve@example.com"}))
	})
}

func TestListMemberships(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, x := t.Context(), w.plant()
		must[org.AccountMember](t)(w.CreateAccountMember(ctx, x.owner.request(), x.outer.ID, x.guest.user.Email, auth.AccountReadOnly))
		list := func(c *auth.Caller, q org.MembershipQuery) []string {
			t.Helper()
			q.Page, q.PerPage = 1, 10
			p := must[page.Page[org.Membership]](t)(w.ListMemberships(ctx, c, q))
			var all []string
			for _, m := range p.Items {
				all = append(all, m.Account.Name)
			}
			if p.Total != int64(len(all)) {
				t.Errorf("total %d of %v", p.Total, all)
			}
			return all
		}
		guest := x.guest.caller()
		wantDiff(t, []string{"Inner", "Outer"}, list(guest, org.MembershipQuery{}))
		wantDiff(t, []string{"Inner", "Outer"}, list(guest, org.MembershipQuery{Order: "account.name"}))
		wantDiff(t, []string{"Outer", "Inner"}, list(guest, org.MembershipQuery{Order: "account.name", Numbered: page.Numbered{Desc: true}}))
		wantDiff(t, []string{"Outer"}, list(guest, org.MembershipQuery{Name: "oUTER"}))
		wantDiff(t, []string{"Inner", "Outer"}, list(guest, org.MembershipQuery{User: x.owner.user.ID})) // one's own only
		wantDiff(t, []string{"Loose"}, list(x.owner.caller(), org.MembershipQuery{}))
		wantDiff(t, []string(nil), list(x.atLeaf.caller(), org.MembershipQuery{}))
		wantDiff(t, []string{"Inner"}, list(w.bearer(w.token(x.guest, onAccount(x.inner.ID), onUser(x.guest.user.ID)).Value), org.MembershipQuery{}))
		wantDiff(t, []string{"Inner", "Outer"}, list(w.bearer(w.token(x.guest, onOrganization("*"), onUser(x.guest.user.ID)).Value), org.MembershipQuery{}))
	})
}
