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

var invalid = refusal{code: fault.BadCredentials, message: "Invalid API token"}

func TestAuthenticate(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ada, bob := w.person("ada"), w.person("bob")
		token := w.token(ada).Value
		none := refusal{code: fault.NoCredentials, message: "No credentials: send Authorization: Bearer <token>, or X-Auth-Email and X-Auth-Key"}
		for _, c := range []struct {
			what    string
			secrets org.Secrets
			want    *refusal
			context auth.Context
		}{
			{"a token", org.Secrets{Token: token}, nil, auth.ContextAPIToken},
			{"a key", org.Secrets{Email: ada.user.Email, Key: ada.key}, nil, auth.ContextAPIKey},
			{"a key, the e-mail in other case", org.Secrets{Email: "ADA@Example.COM", Key: ada.key}, nil, auth.ContextAPIKey},
			{"a token wins over a key", org.Secrets{Token: token, Email: bob.user.Email, Key: bob.key}, nil, auth.ContextAPIToken},
			{"a wrong token is not saved by a key", org.Secrets{Token: "x", Email: bob.user.Email, Key: bob.key}, &invalid, ""},
			{"nothing", org.Secrets{}, &none, ""},
			{"a key without an e-mail", org.Secrets{Key: ada.key}, &none, ""},
			{"an e-mail without a key", org.Secrets{Email: ada.user.Email}, &none, ""},
			{"an unknown token", org.Secrets{Token: token + "x"}, &invalid, ""},
			{"the hash of a token", org.Secrets{Token: auth.HashSecret(token)}, &invalid, ""},
			{"a key as a token", org.Secrets{Token: ada.key}, &invalid, ""},
			{"a token as a key", org.Secrets{Email: ada.user.Email, Key: token}, &invalid, ""},
			{"somebody else's key", org.Secrets{Email: ada.user.Email, Key: bob.key}, &invalid, ""},
			{"an unknown e-mail", org.Secrets{Email: "nobody@example.com", Key: ada.key}, &invalid, ""},
			{"an e-mail that is not UTF-8", org.Secrets{Email: "ada@example.com\xff", Key: ada.key}, &invalid, ""},
			{"an e-mail with NUL", org.Secrets{Email: "ada@example.com\x00", Key: ada.key}, &invalid, ""},
			{"a token that is not UTF-8", org.Secrets{Token: "\xff\x00"}, &invalid, ""},
		} {
			t.Run(c.what, func(t *testing.T) {
				got, err := w.Authenticate(t.Context(), c.secrets, netip.Addr{})
				if c.want != nil {
					wantRefusal(t, err, *c.want)
					return
				}
				if err != nil || got.User.ID != ada.user.ID || got.Credential.Context != c.context {
					t.Errorf("got %+v, %v", got, err)
				}
			})
		}
	})
}

func TestATokenIsValidWhenAndWhereItMay(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, ada := t.Context(), w.person("ada")
		in := org.FullToken(ada.user.ID, "limited")
		in.NotBefore, in.Expires = w.clock.now().Add(time.Minute), w.clock.now().Add(time.Hour)
		in.AllowIP, in.DenyIP = []string{"192.0.2.0/24", "2001:db8::1"}, []string{"::ffff:192.0.2.128/121"}
		made := must[org.CreatedToken](t)(w.CreateToken(ctx, ada.request(), in))
		from := func(ip string) error {
			addr, _ := netip.ParseAddr(ip)
			_, err := w.Authenticate(ctx, org.Secrets{Token: made.Value}, addr)
			return err
		}
		wantRefusal(t, from("192.0.2.1"), invalid) // not yet
		w.clock.advance(time.Minute)
		for ip, ok := range map[string]bool{
			"192.0.2.1": true, "192.0.2.127": true, "::ffff:192.0.2.1": true, "2001:db8::1": true,
			"192.0.2.128": false, "192.0.2.255": false, "::ffff:192.0.2.200": false, "192.0.3.1": false, "2001:db8::2": false, "": false,
		} {
			if err := from(ip); ok && err != nil {
				t.Errorf("from %q: %v", ip, err)
			} else if !ok {
				wantRefusal(t, err, invalid)
			}
		}
		w.clock.advance(59*time.Minute - time.Microsecond)
		if err := from("192.0.2.1"); err != nil {
			t.Errorf("just before it expires: %v", err)
		}
		w.clock.advance(time.Microsecond)
		wantRefusal(t, from("192.0.2.1"), invalid)
	})
}

// TestTokenScopes asks what a token of the owner of the tree sees that is
// limited to a part of it, and what it may change there.
func TestTokenScopes(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, x := t.Context(), w.plant()
		allow := func(resources ...string) org.TokenPolicy { return org.TokenPolicy{Resources: resources} }
		deny := func(resources ...string) org.TokenPolicy { return org.TokenPolicy{Deny: true, Resources: resources} }
		for _, c := range []struct {
			what          string
			policies      []org.TokenPolicy
			organizations []string
			accounts      []string
			changes       string // organizations and accounts that may be changed
		}{
			{
				"everything",
				[]org.TokenPolicy{allow(onOrganization("*"), onAccount("*"))},
				[]string{"Root", "Left", "Leaf", "Right"},
				[]string{"Inner", "Outer", "Loose"},
				"Root Left Leaf Right Inner Outer Loose",
			},
			{
				"all organizations",
				[]org.TokenPolicy{allow(onOrganization("*"))},
				[]string{"Root", "Left", "Leaf", "Right"},
				[]string{"Inner", "Outer"},
				"Root Left Leaf Right Inner Outer",
			},
			{
				"all accounts",
				[]org.TokenPolicy{allow(onAccount("*"))},
				[]string{"(Root)"},
				[]string{"Inner", "Outer", "Loose"},
				"Inner Outer Loose",
			},
			{
				"a subtree",
				[]org.TokenPolicy{allow(onOrganization(x.left.ID))},
				[]string{"(Root)", "Left", "Leaf"},
				[]string{"Inner"},
				"Left Leaf Inner",
			},
			{
				"two subtrees, one in the other",
				[]org.TokenPolicy{allow(onOrganization(x.leaf.ID)), allow(onOrganization(x.left.ID))},
				[]string{"(Root)", "Left", "Leaf"},
				[]string{"Inner"},
				"Left Leaf Inner",
			},
			{
				"a single account",
				[]org.TokenPolicy{allow(onAccount(x.inner.ID))},
				[]string{"(Root)", "(Left)", "(Leaf)"},
				[]string{"Inner"},
				"Inner",
			},
			{"a single account outside any", []org.TokenPolicy{allow(onAccount(x.loose.ID))}, nil, []string{"Loose"}, "Loose"},
			{"another tree", []org.TokenPolicy{allow(onOrganization(x.foreign.ID))}, nil, nil, ""},
			{"what is not there", []org.TokenPolicy{allow(onOrganization(id.Organization(id.Instance)), onAccount(id.Account(id.Instance)))}, nil, nil, ""},
			{"the user", []org.TokenPolicy{allow(onUser(x.owner.user.ID))}, nil, nil, ""},
			{
				"all but a subtree",
				[]org.TokenPolicy{allow(onOrganization("*")), deny(onOrganization(x.left.ID))},
				[]string{"Root", "Right"},
				[]string{"Outer"},
				"Root Right Outer",
			},
			{
				"all but an account",
				[]org.TokenPolicy{deny(onAccount(x.inner.ID)), allow(onOrganization("*"), onAccount("*"))},
				[]string{"Root", "Left", "Leaf", "Right"},
				[]string{"Outer", "Loose"},
				"Root Left Leaf Right Outer Loose",
			},
			{
				"organizations without their accounts",
				[]org.TokenPolicy{allow(onOrganization("*")), deny(onAccount("*"))},
				[]string{"Root", "Left", "Leaf", "Right"},
				nil, "Root Left Leaf Right",
			},
			{"a subtree of what is denied", []org.TokenPolicy{allow(onOrganization(x.leaf.ID), onAccount(x.inner.ID)), deny(onOrganization(x.left.ID))}, nil, nil, ""},
			{
				"an account of what is denied",
				[]org.TokenPolicy{allow(onAccount(x.inner.ID), onAccount(x.outer.ID)), deny(onOrganization(x.left.ID))},
				[]string{"(Root)", "(Right)"},
				[]string{"Outer"},
				"Outer",
			},
		} {
			t.Run(c.what, func(t *testing.T) {
				in := org.FullToken(x.owner.user.ID, c.what)
				for i := range c.policies {
					c.policies[i].Groups = in.Policies[0].Groups
				}
				in.Policies = c.policies
				caller := w.bearer(must[org.CreatedToken](t)(w.CreateToken(ctx, x.owner.request(), in)).Value)
				os := must[page.Page[org.Organization]](t)(w.ListOrganizations(ctx, caller, org.OrganizationFilter{}, page.Request{Size: 10}))
				wantDiff(t, c.organizations, names(os.Items))
				if os.Total != int64(len(c.organizations)) {
					t.Errorf("total %d", os.Total)
				}
				as := must[page.Page[org.Account]](t)(w.ListAccounts(ctx, caller, "", page.Numbered{Page: 1, PerPage: 10}))
				wantDiff(t, c.accounts, accountNames(as.Items))
				if as.Total != int64(len(c.accounts)) {
					t.Errorf("total %d", as.Total)
				}
				if got := w.changeable(caller, x); got != c.changes {
					t.Errorf("it changes %q, want %q", got, c.changes)
				}
				w.checkAccountsOfOrganizations(caller, x)
			})
		}
	})
}

// changeable returns what the caller may rename.
func (w *world) changeable(c *auth.Caller, x *tree) string {
	w.t.Helper()
	var list []string
	for _, o := range []org.Organization{x.root, x.left, x.leaf, x.right, x.foreign} {
		if _, err := w.UpdateOrganization(w.t.Context(), requestOf(c), o.ID, org.OrganizationUpdate{Name: o.Name}); err == nil {
			list = append(list, o.Name)
		}
	}
	for _, a := range []org.Account{x.inner, x.outer, x.loose} {
		if _, err := w.UpdateAccount(w.t.Context(), requestOf(c), a.ID, org.AccountUpdate{Name: a.Name}); err == nil {
			list = append(list, a.Name)
		}
	}
	return strings.Join(list, " ")
}

// checkAccountsOfOrganizations fails when the list of the accounts in an
// organization shows one that the caller may not read.
func (w *world) checkAccountsOfOrganizations(c *auth.Caller, x *tree) {
	w.t.Helper()
	for _, o := range []org.Organization{x.leaf, x.right} {
		p, err := w.ListOrganizationAccounts(w.t.Context(), c, org.OrganizationAccountQuery{Organization: o.ID, Request: page.Request{Size: 10}, WithTotal: true})
		if err != nil {
			continue
		}
		for _, a := range p.Items {
			if !c.Allows(auth.AccountRead, auth.AccountTarget(a.ID, a.Path)) {
				w.t.Errorf("%s is listed in %s", a.Name, o.Name)
			}
		}
		if p.Total != int64(len(p.Items)) {
			w.t.Errorf("total %d of %v", p.Total, accountNames(p.Items))
		}
	}
}

func TestAccountsOfAnOrganizationWithAToken(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, x := t.Context(), w.plant()
		list := func(resources ...string) ([]string, error) {
			c := w.bearer(w.token(x.owner, resources...).Value)
			p, err := w.ListOrganizationAccounts(ctx, c, org.OrganizationAccountQuery{Organization: x.leaf.ID, Request: page.Request{Size: 10}})
			return accountNames(p.Items), err
		}
		got, err := list(onOrganization(x.left.ID))
		if err != nil {
			t.Fatal(err)
		}
		wantDiff(t, []string{"Inner"}, got)
		_, err = list(onAccount(x.inner.ID)) // one account is not the list of all
		wantRefusal(t, err, forbidden("account.read"))
		_, err = list(onOrganization(x.right.ID))
		wantRefusal(t, err, notFound("organization"))
	})
}

func TestRightsAreReadAgain(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, ada, bob := t.Context(), w.person("ada"), w.person("bob")
		root := w.root("Root", ada)
		other := w.service() // another process
		reads := func(s *org.Service) bool {
			t.Helper()
			c, err := s.Authenticate(ctx, org.Secrets{Email: bob.user.Email, Key: bob.key}, netip.Addr{})
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.Organization(ctx, c, root.ID)
			if err != nil && fault.CodeOf(err) != fault.NotFound {
				t.Fatal(err)
			}
			return err == nil
		}
		if reads(w.Service) || reads(other) {
			t.Fatal("a stranger reads")
		}
		member := w.join(root.ID, ada, bob, auth.ReadOnly)
		if !reads(w.Service) {
			t.Error("what was granted here is not effective at once")
		}
		w.clock.advance(time.Second)
		if !reads(other) {
			t.Error("what was granted elsewhere is not effective after a second")
		}
		must[org.Member](t)(w.DeleteMember(ctx, ada.request(), root.ID, member.ID))
		if reads(w.Service) {
			t.Error("what was revoked here is still effective")
		}
		w.clock.advance(time.Second)
		if reads(other) {
			t.Error("what was revoked elsewhere is effective after a second")
		}
	})
}

func TestRightsAreReusedForASecond(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ada := w.person("ada")
		first := ada.caller()
		w.clock.advance(time.Second - time.Microsecond)
		if ada.caller() != first {
			t.Error("they were read again within a second")
		}
		w.clock.advance(time.Microsecond)
		if ada.caller() == first {
			t.Error("they were not read again after a second")
		}
		second := ada.caller()
		w.clock.advance(-time.Minute)
		if ada.caller() == second {
			t.Error("they were not read again when the clock was turned back")
		}
	})
}

func TestLastUseOfATokenIsKept(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, ada := t.Context(), w.person("ada")
		in := org.FullToken(ada.user.ID, "limited")
		in.AllowIP = []string{"192.0.2.1"}
		made := must[org.CreatedToken](t)(w.CreateToken(ctx, ada.request(), in))
		use := func(ip string) time.Time {
			t.Helper()
			w.clock.advance(time.Minute)
			_, _ = w.Authenticate(ctx, org.Secrets{Token: made.Value}, netip.MustParseAddr(ip))
			w.wantTrail(t, func() {
				if err := w.Housekeep(ctx); err != nil {
					t.Fatal(err)
				}
			})
			return must[org.Token](t)(w.Token(ctx, ada.caller(), made.ID)).LastUsed
		}
		if got := use("198.51.100.1"); !got.IsZero() {
			t.Errorf("refused, it was used at %v", got)
		}
		if got := use("192.0.2.1"); !got.Equal(w.clock.now()) {
			t.Errorf("accepted, it was used at %v", got)
		}
		before := w.clock.now()
		if got := use("198.51.100.1"); !got.Equal(before) {
			t.Errorf("refused again, it was used at %v", got)
		}
	})
}
