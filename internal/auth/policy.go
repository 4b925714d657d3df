package auth

import (
	"iter"
	"slices"

	"github.com/orgd/orgd/internal/id"
)

// ResourceKind says what the resource of a policy names.
type ResourceKind uint8

// The kinds of resources.
const (
	AllOrganizations ResourceKind = iota + 1 // every organization and every account inside one
	OneOrganization                          // an organization, everything below it and its accounts
	AllAccounts                              // every account, inside an organization or not
	OneAccount                               // an account
	OneUser                                  // a user, and what belongs to no organization or account
)

// Resource is a part of the world that a token policy is about. Path is where
// the organization or account lies at present; it is empty for one that does
// not exist.
type Resource struct {
	Kind         ResourceKind
	Organization id.Organization
	Account      id.Account
	User         id.User
	Path         []id.Organization
}

func (r *Resource) matches(perm Permission, t Target) bool {
	switch r.Kind {
	case AllOrganizations:
		return t.User == "" && (len(t.Path) > 0 || t.Account == "")
	case OneOrganization:
		return slices.Contains(t.Path, r.Organization)
	case AllAccounts:
		return t.Account != "" || (len(t.Path) == 0 && t.User == "" && perm != OrganizationCreate)
	case OneAccount:
		return t.Account == r.Account
	case OneUser:
		return t.User == r.User || (t.User == "" && t.Account == "" && len(t.Path) == 0)
	}
	return false
}

// Policy allows or denies permissions on resources. A denial outweighs every
// other policy of the token.
type Policy struct {
	Deny        bool
	Permissions Set
	Resources   []Resource
}

func (p *Policy) covers(perm Permission, t Target) bool {
	return p.Permissions.Has(perm) && slices.ContainsFunc(p.Resources, func(r Resource) bool { return r.matches(perm, t) })
}

// allows reports whether the credential lets perm on t through. It grants
// nothing: a token never exceeds its owner's current rights.
func (c *Credential) allows(perm Permission, t Target) bool {
	if c.Unlimited {
		return true
	}
	allowed := false
	for i := range c.Policies {
		if !c.Policies[i].covers(perm, t) {
			continue
		}
		if c.Policies[i].Deny {
			return false
		}
		allowed = true
	}
	return allowed
}

// Scope is the part of the tree in which a caller holds one permission, in
// the form that a list needs.
type Scope struct {
	// Roots are the topmost organizations whose whole subtree is in scope;
	// none of them lies below another.
	Roots []id.Organization
	// Accounts are single accounts in scope that may lie outside Roots.
	Accounts []id.Account
	// Names are organizations outside the scope of OrganizationRead with
	// something below them that the caller may read: only their names may be
	// shown. Denials do not apply to them.
	Names []id.Organization
	// DeniedOrganizations (with everything below) and DeniedAccounts are
	// taken out of Roots again.
	DeniedOrganizations []id.Organization
	DeniedAccounts      []id.Account
}

// Scope returns where the caller holds p: over accounts for AccountRead, over
// organizations for every other permission that roles give on an object and
// below it alike. It is exact: an organization or account is in the scope if
// and only if Allows(p, it).
func (c *Caller) Scope(p Permission) Scope {
	in := c.places(p)
	s := Scope{Roots: topmost(in.tops), Accounts: in.accounts}
	s.DeniedOrganizations, s.DeniedAccounts = c.Credential.denied(p)
	if p == OrganizationRead {
		accounts := c.places(AccountRead)
		s.Names = s.outside(slices.Concat(in.tops, accounts.tops, accounts.paths))
	}
	return s
}

// outside returns the organizations on the paths that are not in the scope.
func (s *Scope) outside(paths [][]id.Organization) []id.Organization {
	roots, denied := set(s.Roots), set(s.DeniedOrganizations)
	var out []id.Organization
	for _, path := range paths {
		below, taken := false, false
		for _, o := range path {
			below, taken = below || roots[o], taken || denied[o]
			if !below || taken {
				out = append(out, o)
			}
		}
	}
	return compact(out)
}

// places are the topmost places where a permission is held: organizations by
// their paths, and single accounts with the paths of their organizations.
type places struct {
	tops     [][]id.Organization
	accounts []id.Account
	paths    [][]id.Organization
}

// places returns the organizations of the caller's grants, and the objects
// below them that its credential names, as far as both let p through.
func (c *Caller) places(p Permission) places {
	var out places
	for i := range c.Grants {
		g := &c.Grants[i]
		if !g.Role.Permissions(true).Has(p) {
			continue
		}
		out.organization(&c.Credential, p, g.Path)
		for r := range c.Credential.allowedResources(p) {
			if !slices.Contains(r.Path, g.Organization()) {
				continue
			}
			if r.Kind == OneOrganization {
				out.organization(&c.Credential, p, r.Path)
			} else {
				out.account(&c.Credential, p, r.Account, r.Path)
			}
		}
	}
	for i := range c.Accounts {
		if a := &c.Accounts[i]; a.Role.Permissions(false).Has(p) {
			out.account(&c.Credential, p, a.Account, a.Path)
		}
	}
	out.accounts = compact(out.accounts)
	return out
}

func (s *places) organization(c *Credential, p Permission, path []id.Organization) {
	t := OrganizationTarget(path)
	if p == AccountRead {
		t = AccountsTarget(path)
	}
	if c.allows(p, t) {
		s.tops = append(s.tops, path)
	}
}

func (s *places) account(c *Credential, p Permission, a id.Account, path []id.Organization) {
	if p == AccountRead && c.allows(p, AccountTarget(a, path)) {
		s.accounts = append(s.accounts, a)
		s.paths = append(s.paths, path)
	}
}

// allowedResources returns the single organizations and accounts on which the
// credential allows p, whatever it denies.
func (c *Credential) allowedResources(p Permission) iter.Seq[*Resource] {
	return func(yield func(*Resource) bool) {
		for i := range c.Policies {
			if c.Policies[i].Deny || !c.Policies[i].Permissions.Has(p) {
				continue
			}
			for j := range c.Policies[i].Resources {
				r := &c.Policies[i].Resources[j]
				if (r.Kind == OneOrganization || r.Kind == OneAccount) && !yield(r) {
					return
				}
			}
		}
	}
}

// denied returns the single organizations and accounts on which p is denied.
func (c *Credential) denied(p Permission) (os []id.Organization, as []id.Account) {
	for i := range c.Policies {
		if !c.Policies[i].Deny || !c.Policies[i].Permissions.Has(p) {
			continue
		}
		for _, r := range c.Policies[i].Resources {
			switch r.Kind {
			case OneOrganization:
				os = append(os, r.Organization)
			case OneAccount:
				as = append(as, r.Account)
			}
		}
	}
	return compact(os), compact(as)
}

// topmost returns the ends of those paths that do not lead through the end of
// another.
func topmost(paths [][]id.Organization) []id.Organization {
	ends := make(map[id.Organization]bool, len(paths))
	for _, path := range paths {
		ends[path[len(path)-1]] = true
	}
	var out []id.Organization
	for _, path := range paths {
		last := len(path) - 1
		if !slices.ContainsFunc(path[:last], func(o id.Organization) bool { return ends[o] }) {
			out = append(out, path[last])
		}
	}
	return compact(out)
}

func set[T ~string](list []T) map[T]bool {
	m := make(map[T]bool, len(list))
	for _, v := range list {
		m[v] = true
	}
	return m
}

func compact[T ~string](list []T) []T {
	slices.Sort(list)
	return slices.Compact(list)
}
