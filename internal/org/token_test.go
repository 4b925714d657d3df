package org_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/page"
)

// group returns the identifier of a permission group by its name.
func group(t *testing.T, name string) string {
	t.Helper()
	for _, g := range auth.PermissionGroups() {
		if g.Name == name {
			return g.ID
		}
	}
	t.Fatalf("there is no group %s", name)
	return ""
}

func TestCreateToken(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, ada := t.Context(), w.person("ada")
		now := w.clock.now()
		in := org.NewToken{
			Name: " terraform ", AllowIP: []string{"192.0.2.0/24"}, DenyIP: []string{"192.0.2.1"},
			NotBefore: now, Expires: now.Add(time.Hour + time.Nanosecond),
			Policies: []org.TokenPolicy{
				{Groups: []string{group(t, "Organizations Read")}, Resources: []string{onOrganization("*")}},
				{Deny: true, Groups: []string{group(t, "Billing Read")}, Resources: []string{onAccount("*"), onUser(ada.user.ID)}},
			},
		}
		var made org.CreatedToken
		t.Run("shows its secret once", func(t *testing.T) {
			records := w.wantTrail(t, func() { made = must[org.CreatedToken](t)(w.CreateToken(ctx, ada.request(), in)) }, "ada: Create Token success 200")
			want := org.Token{
				ID: made.ID, User: ada.user.ID, Name: "terraform", Status: org.TokenActive, Policies: in.Policies,
				AllowIP: in.AllowIP, DenyIP: in.DenyIP, NotBefore: now, Expires: now.Add(time.Hour), Issued: now, Modified: now,
			}
			wantDiff(t, want, made.Token)
			if !auth.IsSecret(made.Value) || !id.Valid(made.Policies[0].ID) || made.Policies[0].ID == made.Policies[1].ID {
				t.Errorf("made %+v", made)
			}
			wantDiff(t, want, must[org.Token](t)(w.Token(ctx, ada.caller(), made.ID)))
			for _, stored := range [][]byte{records[0].Resource.Response, records[0].Resource.After} {
				if b := body(t, &records[0], stored); strings.Contains(b, made.Value) || !strings.Contains(b, "terraform") {
					t.Errorf("recorded %s", b)
				}
			}
		})
		t.Run("is its owner's alone", func(t *testing.T) {
			bob := w.person("bob")
			_, err := w.Token(ctx, bob.caller(), made.ID)
			wantRefusal(t, err, notFound("token"))
			w.wantTrail(t, func() {
				_, err = w.UpdateToken(ctx, bob.request(), made.ID, org.FullToken(bob.user.ID, "x"))
				wantRefusal(t, err, notFound("token"))
				_, err = w.RollToken(ctx, bob.request(), made.ID)
				wantRefusal(t, err, notFound("token"))
				_, err = w.DeleteToken(ctx, bob.request(), made.ID)
				wantRefusal(t, err, notFound("token"))
				_, err = w.DeleteToken(ctx, ada.request(), "x")
				wantRefusal(t, err, notFound("token"))
			})
		})
	})
}

func TestTokensAreChecked(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, ada := t.Context(), w.person("ada")
		now := w.clock.now()
		const resources = "/policies/0/resources has a name that is not com.cloudflare.api.account.<id or *>, com.cloudflare.api.organization.<id or *> or com.cloudflare.api.user.<id>"
		w.wantTrail(t, func() {
			for what, c := range map[string]struct {
				change func(*org.NewToken)
				want   refusal
			}{
				"no name":       {func(n *org.NewToken) { n.Name = "" }, refusal{fault.Invalid, "/name", "/name must have 1 to 120 characters"}},
				"a long name":   {func(n *org.NewToken) { n.Name = strings.Repeat("x", 121) }, refusal{fault.Invalid, "/name", "/name must have 1 to 120 characters"}},
				"a status":      {func(n *org.NewToken) { n.Status = org.TokenExpired }, refusal{fault.Invalid, "/status", "/status must be active or disabled"}},
				"no policies":   {func(n *org.NewToken) { n.Policies = nil }, refusal{fault.Invalid, "/policies", "/policies must have 1 to 100 policies"}},
				"many policies": {func(n *org.NewToken) { n.Policies = make([]org.TokenPolicy, 101) }, refusal{fault.Invalid, "/policies", "/policies must have 1 to 100 policies"}},
				"no groups": {
					func(n *org.NewToken) { n.Policies[0].Groups = nil },
					refusal{fault.Invalid, "/policies/0/permission_groups", "/policies/0/permission_groups must have 1 to 100 groups"},
				},
				"an unknown group": {
					func(n *org.NewToken) { n.Policies[0].Groups = append(n.Policies[0].Groups[:1:1], "x") },
					refusal{fault.Invalid, "/policies/0/permission_groups/1/id", "/policies/0/permission_groups/1/id is not a permission group; GET /user/tokens/permission_groups lists them"},
				},
				"no resources": {
					func(n *org.NewToken) { n.Policies[0].Resources = nil },
					refusal{fault.Invalid, "/policies/0/resources", "/policies/0/resources must have 1 to 100 resources"},
				},
				"an unknown resource": {
					func(n *org.NewToken) { n.Policies[0].Resources = []string{"com.cloudflare.api.zone.*"} },
					refusal{fault.Invalid, "/policies/0/resources", resources},
				},
				"a resource without an identifier": {
					func(n *org.NewToken) { n.Policies[0].Resources = []string{onAccount("x")} },
					refusal{fault.Invalid, "/policies/0/resources", resources},
				},
				"no address": {
					func(n *org.NewToken) { n.AllowIP = []string{"192.0.2.1", "x"} },
					refusal{fault.Invalid, "/condition/request_ip/in/1", "/condition/request_ip/in/1 must be an address or a CIDR block"},
				},
				"no address to deny": {
					func(n *org.NewToken) { n.DenyIP = []string{"192.0.2.1/33"} },
					refusal{fault.Invalid, "/condition/request_ip/not_in/0", "/condition/request_ip/not_in/0 must be an address or a CIDR block"},
				},
				"expired": {
					func(n *org.NewToken) { n.Expires = now },
					refusal{fault.Invalid, "/expires_on", "/expires_on must lie in the future and after /not_before"},
				},
				"expired before it begins": {
					func(n *org.NewToken) { n.Expires, n.NotBefore = now.Add(time.Hour), now.Add(time.Hour) },
					refusal{fault.Invalid, "/expires_on", "/expires_on must lie in the future and after /not_before"},
				},
			} {
				in := org.FullToken(ada.user.ID, "test")
				c.change(&in)
				_, err := w.CreateToken(ctx, ada.request(), in)
				t.Run(what, func(t *testing.T) { wantRefusal(t, err, c.want) })
				_, err = w.UpdateToken(ctx, ada.request(), "x", in)
				t.Run(what+", updated", func(t *testing.T) { wantRefusal(t, err, c.want) })
				_, err = w.IssueToken(ctx, org.Origin{}, ada.user.Email, &in)
				t.Run(what+", issued", func(t *testing.T) { wantRefusal(t, err, c.want) })
			}
		})
	})
}

func TestUpdateToken(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, ada := t.Context(), w.person("ada")
		made := w.token(ada)
		root := w.root("Root", ada)
		w.clock.advance(time.Minute)
		works := func() error {
			_, err := w.Authenticate(ctx, org.Secrets{Token: made.Value}, netip.Addr{})
			return err
		}
		invalid := refusal{code: fault.BadCredentials, message: "Invalid API token"}
		update := func(change func(*org.NewToken)) org.Token {
			t.Helper()
			in := org.FullToken(ada.user.ID, "new name")
			change(&in)
			return must[org.Token](t)(w.UpdateToken(ctx, ada.request(), made.ID, in))
		}
		t.Run("keeps the secret and limits it at once", func(t *testing.T) {
			c := w.bearer(made.Value)
			must[org.Organization](t)(w.Organization(ctx, c, root.ID))
			w.wantTrail(t, func() {
				got := update(func(n *org.NewToken) { n.Policies[0].Groups = []string{group(t, "Billing Read")} })
				if got.Name != "new name" || !got.Issued.Equal(made.Issued) || !got.Modified.Equal(w.clock.now()) {
					t.Errorf("updated %+v", got)
				}
			}, "ada: Update Token success 200")
			if w.bearer(made.Value).Allows(auth.OrganizationRead, auth.OrganizationTarget(root.Path)) {
				t.Error("it still reads")
			}
			_, err := w.UpdateOrganization(ctx, requestOf(c), root.ID, org.OrganizationUpdate{Name: "x"})
			wantRefusal(t, err, forbidden("organization.update"))
		})
		t.Run("disables and enables", func(t *testing.T) {
			update(func(n *org.NewToken) { n.Status = org.TokenDisabled })
			wantRefusal(t, works(), invalid)
			if got := update(func(*org.NewToken) {}); got.Status != org.TokenDisabled {
				t.Errorf("without a status it becomes %s", got.Status)
			}
			wantRefusal(t, works(), invalid)
			update(func(n *org.NewToken) { n.Status = org.TokenActive })
			if err := works(); err != nil {
				t.Error(err)
			}
		})
	})
}

func TestRollToken(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, ada := t.Context(), w.person("ada")
		made := w.token(ada)
		w.bearer(made.Value)
		var secret org.RolledToken
		records := w.wantTrail(t, func() { secret = must[org.RolledToken](t)(w.RollToken(ctx, ada.request(), made.ID)) }, "ada: Roll Token success 200")
		if got, want := string(records[0].Resource.Response), `"[redacted]"`; got != want {
			t.Errorf("recorded %s, want %s", got, want)
		}
		if !auth.IsSecret(string(secret)) || string(secret) == made.Value {
			t.Errorf("the new secret is %q", secret)
		}
		_, err := w.Authenticate(ctx, org.Secrets{Token: made.Value}, netip.Addr{})
		wantRefusal(t, err, refusal{code: fault.BadCredentials, message: "Invalid API token"})
		if c := w.bearer(string(secret)); c.Credential.Token != made.ID {
			t.Errorf("it is token %s", c.Credential.Token)
		}
	})
}

func TestDeleteToken(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, ada := t.Context(), w.person("ada")
		made := w.token(ada)
		itself := w.bearer(made.Value)
		w.wantTrail(t, func() {
			if got, err := w.DeleteToken(ctx, requestOf(itself), made.ID); err != nil || got != made.ID {
				t.Errorf("%s, %v", got, err)
			}
		}, "ada: Delete Token success 200")
		_, err := w.Authenticate(ctx, org.Secrets{Token: made.Value}, netip.Addr{})
		wantRefusal(t, err, refusal{code: fault.BadCredentials, message: "Invalid API token"})
		_, err = w.DeleteToken(ctx, requestOf(itself), made.ID)
		wantRefusal(t, err, refusal{code: fault.BadCredentials, message: "Invalid API token"})
		_, err = w.Token(ctx, ada.caller(), made.ID)
		wantRefusal(t, err, notFound("token"))
	})
}

func TestTokensAreReadAndWrittenWithTheRight(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, ada := t.Context(), w.person("ada")
		made := w.token(ada, onOrganization("*"), onAccount("*"))
		c := w.bearer(made.Value)
		_, err := w.Token(ctx, c, made.ID)
		wantRefusal(t, err, forbidden("token.read"))
		_, err = w.ListTokens(ctx, c, false, page.Numbered{Page: 1, PerPage: 10})
		wantRefusal(t, err, forbidden("token.read"))
		wantRefusal(t, w.MayReadTokens(c), forbidden("token.read"))
		_, err = w.Self(ctx, c)
		wantRefusal(t, err, forbidden("user.read"))
		w.wantTrail(t, func() {
			_, err = w.CreateToken(ctx, requestOf(c), org.FullToken(ada.user.ID, "x"))
			wantRefusal(t, err, forbidden("token.write"))
			_, err = w.RollToken(ctx, requestOf(c), "x")
			wantRefusal(t, err, forbidden("token.write"))
		}, "ada: Create Token failure 403", "ada: Roll Token failure 403")
		if got := must[org.Token](t)(w.VerifyToken(ctx, c)); got.ID != made.ID || got.Status != org.TokenActive {
			t.Errorf("it verifies itself as %+v", got)
		}
		_, err = w.VerifyToken(ctx, ada.caller())
		wantRefusal(t, err, refusal{code: fault.Invalid, message: "The request was not made with an API token"})
	})
}

func TestVerifyAccountToken(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		x := w.plant()
		c := w.bearer(w.token(x.owner, onAccount(x.inner.ID)).Value)
		must[org.Token](t)(w.VerifyAccountToken(t.Context(), c, x.inner.ID))
		for _, a := range []id.Account{x.outer.ID, x.loose.ID, "x"} {
			_, err := w.VerifyAccountToken(t.Context(), c, a)
			wantRefusal(t, err, notFound("account"))
		}
	})
}

func TestListTokens(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, ada := t.Context(), w.person("ada")
		for _, name := range []string{"a", "b", "c"} {
			in := org.FullToken(ada.user.ID, name)
			if name == "b" {
				in.Expires = w.clock.now().Add(time.Hour)
			}
			must[org.CreatedToken](t)(w.CreateToken(ctx, ada.request(), in))
		}
		w.token(w.person("bob"))
		list := func(expired bool, n page.Numbered) []string {
			t.Helper()
			var all []string
			for _, x := range must[page.Page[org.Token]](t)(w.ListTokens(ctx, ada.caller(), expired, n)).Items {
				all = append(all, x.Name+" "+string(x.Status))
			}
			return all
		}
		wantDiff(t, []string{"a active", "b active", "c active"}, list(false, page.Numbered{Page: 1, PerPage: 5}))
		wantDiff(t, []string{"c active", "b active"}, list(false, page.Numbered{Page: 1, PerPage: 2, Desc: true}))
		w.clock.advance(time.Hour)
		wantDiff(t, []string{"a active", "c active"}, list(false, page.Numbered{Page: 1, PerPage: 5}))
		wantDiff(t, []string{"a active", "b expired", "c active"}, list(true, page.Numbered{Page: 1, PerPage: 5}))
	})
}

func TestIssueToken(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, ada := t.Context(), w.person("ada")
		root := w.root("Root", ada)
		w.wantTrail(t, func() {
			c := w.bearer(must[org.CreatedToken](t)(w.IssueToken(ctx, org.Origin{Status: 200}, "ADA@example.com", nil)).Value)
			must[org.Organization](t)(w.Organization(ctx, c, root.ID))
			in := org.FullToken(ada.user.ID, "narrow")
			in.Policies[0].Resources = []string{onUser(ada.user.ID)}
			c = w.bearer(must[org.CreatedToken](t)(w.IssueToken(ctx, org.Origin{Status: 200}, "ada@example.com", &in)).Value)
			_, err := w.Organization(ctx, c, root.ID)
			wantRefusal(t, err, notFound("organization"))
		}, "ada: Create Token success 200", "ada: Create Token success 200")
		bob := w.person("bob")
		must[org.User](t)(w.DisableUser(ctx, w.admin.request(), bob.user.ID))
		for _, email := range []string{"nobody@example.com", "bob@example.com"} {
			_, err := w.IssueToken(ctx, org.Origin{}, email, nil)
			wantRefusal(t, err, notFound("active user "+email))
		}
	})
}
