package auth_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/id"
)

// world is a random forest with accounts in it and outside of it.
type world struct {
	paths    map[id.Organization][]id.Organization
	accounts map[id.Account][]id.Organization
	ids      []id.Organization
}

func drawWorld(t *rapid.T) world {
	w := world{paths: make(map[id.Organization][]id.Organization), accounts: make(map[id.Account][]id.Organization)}
	for i := range rapid.IntRange(1, 12).Draw(t, "organizations") {
		o := id.Organization(fmt.Sprintf("o%02d", i))
		parent := rapid.IntRange(-1, i-1).Draw(t, "parent")
		path := []id.Organization{o}
		if parent >= 0 {
			path = append(slices.Clone(w.paths[w.ids[parent]]), o)
		}
		w.paths[o] = path
		w.ids = append(w.ids, o)
	}
	for i := range rapid.IntRange(0, 8).Draw(t, "accounts") {
		w.accounts[id.Account(fmt.Sprintf("a%02d", i))] = w.paths[w.drawOrganization(t, "place")]
	}
	return w
}

// drawOrganization returns an organization of w, or one that is not there.
func (w *world) drawOrganization(t *rapid.T, label string) id.Organization {
	i := rapid.IntRange(-1, len(w.ids)-1).Draw(t, label)
	if i < 0 {
		return "gone"
	}
	return w.ids[i]
}

func (w *world) drawAccount(t *rapid.T) id.Account {
	return id.Account(fmt.Sprintf("a%02d", rapid.IntRange(0, 8).Draw(t, "account")))
}

func (w *world) drawResource(t *rapid.T) auth.Resource {
	r := auth.Resource{Kind: auth.ResourceKind(rapid.IntRange(1, 5).Draw(t, "kind"))}
	switch r.Kind {
	case auth.OneOrganization:
		r.Organization = w.drawOrganization(t, "resource")
		r.Path = w.paths[r.Organization]
	case auth.OneAccount:
		r.Account = w.drawAccount(t)
		r.Path = w.accounts[r.Account]
	case auth.OneUser:
		r.User = "me"
	}
	return r
}

func (w *world) drawPolicies(t *rapid.T) []auth.Policy {
	sets := []auth.Set{
		auth.NewSet(auth.OrganizationRead), auth.NewSet(auth.AccountRead),
		auth.NewSet(auth.OrganizationRead, auth.AccountRead), auth.NewSet(auth.MemberRead),
	}
	var policies []auth.Policy
	for range rapid.IntRange(0, 4).Draw(t, "policies") {
		p := auth.Policy{
			Deny:        rapid.IntRange(0, 3).Draw(t, "deny") == 0,
			Permissions: rapid.SampledFrom(sets).Draw(t, "permissions"),
		}
		for range rapid.IntRange(1, 3).Draw(t, "resources") {
			p.Resources = append(p.Resources, w.drawResource(t))
		}
		policies = append(policies, p)
	}
	return policies
}

func (w *world) drawCaller(t *rapid.T) *auth.Caller {
	c := &auth.Caller{User: auth.User{ID: "me"}, Credential: key}
	if rapid.Bool().Draw(t, "token") {
		c.Credential = token(w.drawPolicies(t)...)
	}
	for range rapid.IntRange(0, 3).Draw(t, "grants") {
		if path := w.paths[w.drawOrganization(t, "grant")]; path != nil {
			role := rapid.SampledFrom(auth.OrganizationRoles()).Draw(t, "role")
			c.Grants = append(c.Grants, auth.Grant{Role: role, Path: path})
		}
	}
	for range rapid.IntRange(0, 2).Draw(t, "account grants") {
		a := w.drawAccount(t)
		if path, ok := w.accounts[a]; ok {
			role := rapid.SampledFrom(auth.AccountRoles()).Draw(t, "account role")
			c.Accounts = append(c.Accounts, auth.AccountGrant{Role: role, Account: a, Path: path})
		}
	}
	return c
}

// within reports whether s selects something at the end of path, the way a
// store does: below a root and below nothing that is denied.
func within(s auth.Scope, path []id.Organization) bool {
	on := func(list []id.Organization) bool {
		return slices.ContainsFunc(path, func(o id.Organization) bool { return slices.Contains(list, o) })
	}
	return on(s.Roots) && !on(s.DeniedOrganizations)
}

func TestScopeIsWhatIsAllowed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		c := w.drawCaller(t)
		organizations, accounts := c.Scope(auth.OrganizationRead), c.Scope(auth.AccountRead)
		for o, path := range w.paths {
			if got, want := within(organizations, path), c.Allows(auth.OrganizationRead, auth.OrganizationTarget(path)); got != want {
				t.Errorf("organization %s at %v in scope: %v, allowed: %v\n%+v\n%+v", o, path, got, want, organizations, c)
			}
		}
		for a, path := range w.accounts {
			got := (within(accounts, path) || slices.Contains(accounts.Accounts, a)) && !slices.Contains(accounts.DeniedAccounts, a)
			if want := c.Allows(auth.AccountRead, auth.AccountTarget(a, path)); got != want {
				t.Errorf("account %s at %v in scope: %v, allowed: %v\n%+v\n%+v", a, path, got, want, accounts, c)
			}
		}
	})
}

func TestRootsOfAScopeAreNeverNested(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		c := w.drawCaller(t)
		for _, p := range []auth.Permission{auth.OrganizationRead, auth.AccountRead} {
			s := c.Scope(p)
			for _, o := range s.Roots {
				path := w.paths[o]
				for _, above := range path[:len(path)-1] {
					if slices.Contains(s.Roots, above) {
						t.Errorf("%s of %s lies below %s\n%+v", o, p, above, c)
					}
				}
			}
			if !slices.IsSorted(s.Roots) || len(slices.Compact(slices.Clone(s.Roots))) != len(s.Roots) {
				t.Errorf("roots of %s: %v", p, s.Roots)
			}
		}
	})
}

// TestNamesAreThoseOnThePathToWhatIsReadable computes the names from what they
// mean: an organization that may not be read, at or above a place that may. A
// place is an organization or an account that a grant names, or a policy of
// the token that allows to read it; the accounts of such an organization count
// as a whole.
func TestNamesAreThoseOnThePathToWhatIsReadable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		c := w.drawCaller(t)
		want := make(map[id.Organization]bool)
		for _, path := range w.readablePlaces(c) {
			for i, o := range path {
				if !c.Allows(auth.OrganizationRead, auth.OrganizationTarget(path[:i+1])) {
					want[o] = true
				}
			}
		}
		got := make(map[id.Organization]bool)
		for _, o := range c.Scope(auth.OrganizationRead).Names {
			got[o] = true
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("names (-want +got):\n%s\n%+v", diff, c)
		}
		for o, path := range w.paths {
			sees := want[o] || c.Allows(auth.OrganizationRead, auth.OrganizationTarget(path))
			if c.SeesName(path) != sees {
				t.Errorf("SeesName(%v) = %v, want %v\n%+v", path, !sees, sees, c)
			}
		}
	})
}

// TestWhoReadsSomethingSeesThePathToIt holds for every organization that may
// be read and for every account that the caller is an explicit member of.
func TestWhoReadsSomethingSeesThePathToIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		c := w.drawCaller(t)
		readable := slices.Clone(w.ids)
		readable = slices.DeleteFunc(readable, func(o id.Organization) bool {
			return !c.Allows(auth.OrganizationRead, auth.OrganizationTarget(w.paths[o]))
		})
		paths := make([][]id.Organization, 0, len(readable))
		for _, o := range readable {
			paths = append(paths, w.paths[o])
		}
		for _, a := range c.Accounts {
			if c.Allows(auth.AccountRead, auth.AccountTarget(a.Account, a.Path)) {
				paths = append(paths, a.Path)
			}
		}
		for _, path := range paths {
			for i := range path {
				if !c.SeesName(path[:i+1]) {
					t.Errorf("%v is not seen on the path %v\n%+v", path[i], path, c)
				}
			}
		}
	})
}

func (w *world) readablePlaces(c *auth.Caller) [][]id.Organization {
	var paths [][]id.Organization
	add := func(p auth.Permission, t auth.Target) {
		if len(t.Path) > 0 && c.Allows(p, t) {
			paths = append(paths, t.Path)
		}
	}
	for _, g := range c.Grants {
		add(auth.OrganizationRead, auth.OrganizationTarget(g.Path))
		add(auth.AccountRead, auth.AccountsTarget(g.Path))
	}
	for _, a := range c.Accounts {
		add(auth.AccountRead, auth.AccountTarget(a.Account, a.Path))
	}
	for _, policy := range c.Credential.Policies {
		for _, p := range policy.Permissions.List() {
			if policy.Deny || p != auth.OrganizationRead && p != auth.AccountRead {
				continue
			}
			for _, r := range policy.Resources {
				t := auth.OrganizationTarget(w.paths[r.Organization])
				if p == auth.AccountRead {
					t = auth.AccountsTarget(w.paths[r.Organization])
				}
				add(p, t)
				if p == auth.AccountRead {
					add(p, auth.AccountTarget(r.Account, w.accounts[r.Account]))
				}
			}
		}
	}
	return paths
}
