package auth

import (
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

func (r *Resource) matches(t Target) bool {
	switch r.Kind {
	case AllOrganizations:
		return t.User == "" && (len(t.Path) > 0 || t.Account == "")
	case OneOrganization:
		return slices.Contains(t.Path, r.Organization)
	case AllAccounts:
		return t.Account != "" || (len(t.Path) == 0 && t.User == "")
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
	return p.Permissions.Has(perm) && slices.ContainsFunc(p.Resources, func(r Resource) bool { return r.matches(t) })
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
	// Names are organizations above something in scope that are outside of
	// it: only their names may be shown.
	Names []id.Organization
	// DeniedOrganizations (with everything below) and DeniedAccounts are
	// taken out again.
	DeniedOrganizations []id.Organization
	DeniedAccounts      []id.Account
}

// Scope returns where the caller holds p. It is exact: an organization or
// account is in the scope if and only if Allows(p, it).
func (c *Caller) Scope(p Permission) Scope {
	var s scopeBuilder
	for i := range c.Grants {
		g := &c.Grants[i]
		if g.Role.Permissions(true).Has(p) {
			s.grant(&c.Credential, p, g)
		}
	}
	for i := range c.Accounts {
		a := &c.Accounts[i]
		if !a.Role.Permissions(false).Has(p) && !a.Role.Permissions(false).Has(AccountRead) {
			continue
		}
		visible := c.Credential.allows(AccountRead, AccountTarget(a.Account, a.Path))
		if visible && a.Role.Permissions(false).Has(p) && c.Credential.allows(p, AccountTarget(a.Account, a.Path)) {
			s.accounts = append(s.accounts, a.Account)
		}
		if visible {
			s.above = append(s.above, a.Path)
		}
	}
	s.deny(&c.Credential, p)
	return s.scope()
}

// scopeBuilder collects subtrees by the paths of their tops.
type scopeBuilder struct {
	tops               [][]id.Organization
	accounts           []id.Account
	above              [][]id.Organization // paths of which every element is visible by name
	deniedOrganization []id.Organization
	deniedAccount      []id.Account
}

// grant adds the intersection of a grant and what the credential lets through.
func (s *scopeBuilder) grant(c *Credential, p Permission, g *Grant) {
	if c.Unlimited {
		s.tops = append(s.tops, g.Path)
		return
	}
	for i := range c.Policies {
		if c.Policies[i].Deny || !c.Policies[i].Permissions.Has(p) {
			continue
		}
		for j := range c.Policies[i].Resources {
			s.resource(&c.Policies[i].Resources[j], p, g)
		}
	}
}

func (s *scopeBuilder) resource(r *Resource, p Permission, g *Grant) {
	switch r.Kind {
	case AllOrganizations:
		s.tops = append(s.tops, g.Path)
	case OneOrganization:
		if slices.Contains(r.Path, g.Organization()) {
			s.tops = append(s.tops, r.Path)
		} else if slices.Contains(g.Path, r.Organization) {
			s.tops = append(s.tops, g.Path)
		}
	case OneAccount:
		if slices.Contains(r.Path, g.Organization()) {
			s.accounts = append(s.accounts, r.Account)
			s.above = append(s.above, r.Path)
		}
	case AllAccounts:
		if OnAccounts.Has(p) {
			s.tops = append(s.tops, g.Path)
		} else {
			s.above = append(s.above, g.Path)
		}
	}
}

func (s *scopeBuilder) deny(c *Credential, p Permission) {
	for i := range c.Policies {
		if !c.Policies[i].Deny || !c.Policies[i].Permissions.Has(p) {
			continue
		}
		for j := range c.Policies[i].Resources {
			switch r := &c.Policies[i].Resources[j]; r.Kind {
			case AllOrganizations:
				s.tops = nil
			case OneOrganization:
				s.deniedOrganization = append(s.deniedOrganization, r.Organization)
			case AllAccounts:
				s.accounts = nil
				if p == AccountRead {
					s.tops = nil
				}
			case OneAccount:
				s.deniedAccount = append(s.deniedAccount, r.Account)
			}
		}
	}
}

func (s *scopeBuilder) scope() Scope {
	out := Scope{
		Accounts:            compact(s.accounts),
		DeniedOrganizations: compact(s.deniedOrganization),
		DeniedAccounts:      compact(s.deniedAccount),
	}
	tops := make(map[id.Organization]bool, len(s.tops))
	for _, path := range s.tops {
		tops[path[len(path)-1]] = true
	}
	inside := func(path []id.Organization) bool {
		return slices.ContainsFunc(path, func(o id.Organization) bool { return tops[o] })
	}
	for _, path := range s.tops {
		if !inside(path[:len(path)-1]) {
			out.Roots = append(out.Roots, path[len(path)-1])
		}
	}
	for _, path := range append(s.above, s.tops...) {
		for i := range path {
			if !inside(path[:i+1]) {
				out.Names = append(out.Names, path[i])
			}
		}
	}
	out.Roots, out.Names = compact(out.Roots), compact(out.Names)
	return out
}

func compact[T ~string](list []T) []T {
	slices.Sort(list)
	return slices.Compact(list)
}
