package auth_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/id"
)

// The tree of these tests: root > middle > leaf, and other beside root.
// account lies in leaf, loose outside any.
var (
	rootPath   = []id.Organization{"root"}
	middlePath = []id.Organization{"root", "middle"}
	leafPath   = []id.Organization{"root", "middle", "leaf"}
	otherPath  = []id.Organization{"other"}
)

func member(role auth.Role, path []id.Organization, c auth.Credential) *auth.Caller {
	return &auth.Caller{
		User: auth.User{ID: "me"}, Credential: c,
		Grants: []auth.Grant{{Member: "m", Role: role, Path: path}},
	}
}

var key = auth.Credential{Context: auth.ContextAPIKey, Unlimited: true}

func token(policies ...auth.Policy) auth.Credential {
	return auth.Credential{Context: auth.ContextAPIToken, Token: "t", Policies: policies}
}

func allow(r ...auth.Resource) auth.Policy {
	return auth.Policy{Permissions: ^auth.Set(0), Resources: r}
}

func deny(r ...auth.Resource) auth.Policy {
	return auth.Policy{Deny: true, Permissions: ^auth.Set(0), Resources: r}
}

func TestARightReachesDownAndNowhereElse(t *testing.T) {
	c := member(auth.SuperAdministrator, middlePath, key)
	for _, x := range []struct {
		what   string
		target auth.Target
		want   bool
	}{
		{"the organization itself", auth.OrganizationTarget(middlePath), true},
		{"an organization below", auth.OrganizationTarget(leafPath), true},
		{"an account below", auth.AccountTarget("account", leafPath), true},
		{"an account in it", auth.AccountTarget("account", middlePath), true},
		{"all accounts of an organization below", auth.AccountsTarget(leafPath), true},
		{"the organization above", auth.OrganizationTarget(rootPath), false},
		{"an account above", auth.AccountTarget("account", rootPath), false},
		{"another tree", auth.OrganizationTarget(otherPath), false},
		{"an account outside any", auth.AccountTarget("loose", nil), false},
		{"another user", auth.UserTarget("you"), false},
	} {
		if got := c.Allows(auth.AccountUpdate, x.target); got != x.want {
			t.Errorf("%s: %v, want %v", x.what, got, x.want)
		}
	}
}

func TestAnAdministratorDeletesWhatIsBelowOnly(t *testing.T) {
	c := member(auth.Administrator, middlePath, key)
	if c.Allows(auth.OrganizationDelete, auth.OrganizationTarget(middlePath)) {
		t.Error("it deletes its own organization")
	}
	if !c.Allows(auth.OrganizationDelete, auth.OrganizationTarget(leafPath)) {
		t.Error("it does not delete what lies below")
	}
}

func TestSeveralGrantsAddUp(t *testing.T) {
	c := member(auth.Billing, rootPath, key)
	c.Grants = append(c.Grants, auth.Grant{Role: auth.AuditViewer, Path: leafPath})
	for p, want := range map[auth.Permission]bool{auth.BillingRead: true, auth.AuditRead: true, auth.OrganizationUpdate: false} {
		if got := c.Allows(p, auth.OrganizationTarget(leafPath)); got != want {
			t.Errorf("%s on the leaf: %v", p, got)
		}
	}
	if c.Allows(auth.AuditRead, auth.OrganizationTarget(middlePath)) {
		t.Error("the grant on the leaf reaches upwards")
	}
}

func TestAnExplicitMemberReachesOneAccount(t *testing.T) {
	c := &auth.Caller{User: auth.User{ID: "me"}, Credential: key, Accounts: []auth.AccountGrant{
		{Role: auth.AccountSuperAdministrator, Account: "account", Path: leafPath},
		{Role: auth.AccountReadOnly, Account: "loose"},
	}}
	for _, x := range []struct {
		what   string
		p      auth.Permission
		target auth.Target
		want   bool
	}{
		{"its account", auth.AccountUpdate, auth.AccountTarget("account", leafPath), true},
		{"its account after a move", auth.AccountUpdate, auth.AccountTarget("account", otherPath), true},
		{"another account beside it", auth.AccountRead, auth.AccountTarget("beside", leafPath), false},
		{"all accounts beside it", auth.AccountRead, auth.AccountsTarget(leafPath), false},
		{"the organization above it", auth.OrganizationRead, auth.OrganizationTarget(leafPath), false},
		{"reading with the lesser role", auth.AccountRead, auth.AccountTarget("loose", nil), true},
		{"changing with the lesser role", auth.AccountUpdate, auth.AccountTarget("loose", nil), false},
	} {
		if got := c.Allows(x.p, x.target); got != x.want {
			t.Errorf("%s: %v, want %v", x.what, got, x.want)
		}
	}
	for _, path := range [][]id.Organization{rootPath, middlePath, leafPath} {
		if !c.SeesName(path) {
			t.Errorf("it does not see the name of %v", path)
		}
	}
	if c.SeesName(otherPath) {
		t.Error("it sees another tree")
	}
}

func TestWhatEveryUserMayDo(t *testing.T) {
	c := &auth.Caller{User: auth.User{ID: "me"}, Credential: key}
	for p, want := range map[auth.Permission]bool{
		auth.OrganizationCreate: true, auth.AccountCreate: true, auth.OrganizationRead: false, auth.UserAdmin: false,
	} {
		if got := c.Allows(p, auth.Target{}); got != want {
			t.Errorf("%s in the instance: %v", p, got)
		}
	}
	own := auth.NewSet(auth.TokenRead, auth.TokenWrite, auth.UserRead)
	if got := c.Permissions(auth.UserTarget("me")); got != own {
		t.Errorf("with itself it may %v", got.List())
	}
	if got := c.Permissions(auth.UserTarget("you")); got != 0 {
		t.Errorf("with another user it may %v", got.List())
	}
}

func TestAdministratorsOfTheInstanceManageUsersAndNothingElse(t *testing.T) {
	c := &auth.Caller{User: auth.User{ID: "me", Administrator: true}, Credential: key}
	if !c.Allows(auth.UserAdmin, auth.UserTarget("me")) {
		t.Error("it does not manage users")
	}
	if got := c.Permissions(auth.OrganizationTarget(rootPath)); got != 0 {
		t.Errorf("in an organization it may %v", got.List())
	}
	c.Credential = token(allow(auth.Resource{Kind: auth.AllOrganizations}))
	if c.Allows(auth.UserAdmin, auth.UserTarget("me")) {
		t.Error("a token that names no user manages users")
	}
	c.Credential = token(allow(auth.Resource{Kind: auth.OneUser, User: "me"}))
	if !c.Allows(auth.UserAdmin, auth.UserTarget("me")) {
		t.Error("a token that names its user does not manage users")
	}
}

func TestATokenWithholds(t *testing.T) {
	organization, user := auth.OrganizationTarget(leafPath), auth.UserTarget("me")
	account, loose := auth.AccountTarget("account", leafPath), auth.AccountTarget("loose", nil)
	targets := []auth.Target{organization, account, loose, user, {}}
	for _, x := range []struct {
		what     string
		policies []auth.Policy
		want     string // organization, account, loose account, user, instance
	}{
		{"no policy", nil, "-----"},
		{"all organizations", []auth.Policy{allow(auth.Resource{Kind: auth.AllOrganizations})}, "oa--i"},
		{"the root", []auth.Policy{allow(auth.Resource{Kind: auth.OneOrganization, Organization: "root", Path: rootPath})}, "oa---"},
		{"another root", []auth.Policy{allow(auth.Resource{Kind: auth.OneOrganization, Organization: "other", Path: otherPath})}, "-----"},
		{"all accounts", []auth.Policy{allow(auth.Resource{Kind: auth.AllAccounts})}, "-al-i"},
		{"the account", []auth.Policy{allow(auth.Resource{Kind: auth.OneAccount, Account: "account", Path: leafPath})}, "-a---"},
		{"the loose account", []auth.Policy{allow(auth.Resource{Kind: auth.OneAccount, Account: "loose"})}, "--l--"},
		{"the user", []auth.Policy{allow(auth.Resource{Kind: auth.OneUser, User: "me"})}, "---ui"},
		{"another user", []auth.Policy{allow(auth.Resource{Kind: auth.OneUser, User: "you"})}, "----i"},
		{"a denial alone", []auth.Policy{deny(auth.Resource{Kind: auth.OneAccount, Account: "account", Path: leafPath})}, "-----"},
		{"all organizations but the middle", []auth.Policy{
			allow(auth.Resource{Kind: auth.AllOrganizations}),
			deny(auth.Resource{Kind: auth.OneOrganization, Organization: "middle", Path: middlePath}),
		}, "----i"},
		{"a denial that comes first", []auth.Policy{
			deny(auth.Resource{Kind: auth.OneAccount, Account: "account", Path: leafPath}),
			allow(auth.Resource{Kind: auth.AllOrganizations}),
		}, "o---i"},
		{"organizations, without accounts", []auth.Policy{
			allow(auth.Resource{Kind: auth.AllOrganizations}),
			deny(auth.Resource{Kind: auth.AllAccounts}),
		}, "o----"},
		{"a denial of something else", []auth.Policy{
			allow(auth.Resource{Kind: auth.AllOrganizations}),
			{Deny: true, Permissions: auth.NewSet(auth.OrganizationUpdate), Resources: []auth.Resource{{Kind: auth.AllOrganizations}}},
		}, "oa--i"},
		{"an unknown kind of resource", []auth.Policy{allow(auth.Resource{})}, "-----"},
	} {
		c := member(auth.SuperAdministrator, rootPath, token(x.policies...))
		c.Accounts = []auth.AccountGrant{{Role: auth.AccountSuperAdministrator, Account: "loose"}}
		got := ""
		for i, p := range []auth.Permission{auth.OrganizationRead, auth.AccountRead, auth.AccountRead, auth.UserRead, auth.AccountCreate} {
			if c.Allows(p, targets[i]) {
				got += string("oalui"[i])
			} else {
				got += "-"
			}
		}
		if got != x.want {
			t.Errorf("%s: %s, want %s", x.what, got, x.want)
		}
	}
}

func TestATokenNeverExceedsItsOwner(t *testing.T) {
	c := member(auth.ReadOnly, leafPath, token(allow(
		auth.Resource{Kind: auth.AllOrganizations}, auth.Resource{Kind: auth.AllAccounts},
		auth.Resource{Kind: auth.OneOrganization, Organization: "root", Path: rootPath},
		auth.Resource{Kind: auth.OneUser, User: "you"},
	)))
	for what, got := range map[string]bool{
		"changing what it may read": c.Allows(auth.OrganizationUpdate, auth.OrganizationTarget(leafPath)),
		"reading above":             c.Allows(auth.OrganizationRead, auth.OrganizationTarget(rootPath)),
		"reading another user":      c.Allows(auth.UserRead, auth.UserTarget("you")),
		"managing users":            c.Allows(auth.UserAdmin, auth.UserTarget("me")),
	} {
		if got {
			t.Error(what + " is allowed")
		}
	}
}

func TestACredentialIsValid(t *testing.T) {
	now := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	prefixes := func(texts ...string) (list []netip.Prefix) {
		for _, text := range texts {
			list = append(list, netip.MustParsePrefix(text))
		}
		return list
	}
	for _, x := range []struct {
		what string
		c    auth.Credential
		ip   string
		want bool
	}{
		{"without conditions", auth.Credential{}, "192.0.2.1", true},
		{"without conditions and address", auth.Credential{}, "", true},
		{"just before it expires", auth.Credential{Expires: now.Add(time.Microsecond)}, "", true},
		{"when it expires", auth.Credential{Expires: now}, "", false},
		{"when it begins", auth.Credential{NotBefore: now}, "", true},
		{"just before it begins", auth.Credential{NotBefore: now.Add(time.Microsecond)}, "", false},
		{"from a listed address", auth.Credential{AllowIP: prefixes("198.51.100.0/24", "192.0.2.1/32")}, "192.0.2.1", true},
		{"from a mapped address", auth.Credential{AllowIP: prefixes("192.0.2.0/24")}, "::ffff:192.0.2.1", true},
		{"from another address", auth.Credential{AllowIP: prefixes("192.0.2.0/24")}, "198.51.100.1", false},
		{"from an unknown address", auth.Credential{AllowIP: prefixes("0.0.0.0/0", "::/0")}, "", false},
		{"from a denied address", auth.Credential{DenyIP: prefixes("192.0.2.0/24")}, "192.0.2.1", false},
		{"from a denied address, mapped", auth.Credential{DenyIP: prefixes("192.0.2.0/24")}, "::ffff:192.0.2.1", false},
		{"from outside the denied", auth.Credential{DenyIP: prefixes("192.0.2.0/24")}, "198.51.100.1", true},
		{"from the denied part of the listed", auth.Credential{AllowIP: prefixes("2001:db8::/32"), DenyIP: prefixes("2001:db8::1/128")}, "2001:db8::1", false},
	} {
		ip, _ := netip.ParseAddr(x.ip)
		if got := x.c.Valid(now, ip); got != x.want {
			t.Errorf("%s: %v, want %v", x.what, got, x.want)
		}
	}
}
