// Package auth says who is calling and what they may do. It knows roles,
// permissions, token policies and the shape of secrets; it stores nothing.
package auth

import (
	"net/netip"
	"slices"
	"time"

	"github.com/orgd/orgd/internal/id"
)

// User is the person or machine behind a credential.
type User struct {
	ID            id.User
	Email         string
	FirstName     string
	LastName      string
	TwoFactor     bool
	Administrator bool // of the instance: manages users, nothing else
}

// Context is the kind of credential, in the words of the audit log.
type Context string

// The contexts that an API request can have.
const (
	ContextAPIKey   Context = "api_key"
	ContextAPIToken Context = "api_token"
	ContextSystem   Context = "system" // the operator at the command line
)

// Credential is what the caller proved to hold. Policies limit an API token;
// a global API key has none and Unlimited is set.
type Credential struct {
	Context   Context
	Token     id.Token
	TokenName string
	Unlimited bool
	Policies  []Policy
	Expires   time.Time // zero: never
	NotBefore time.Time // zero: at once
	AllowIP   []netip.Prefix
	DenyIP    []netip.Prefix
	// TokenHash or KeyHash is the hash of the secret, to find it again.
	TokenHash string
	KeyHash   string
}

// Valid reports whether the credential may be used at now from ip. An
// address that is not known fails a list that demands one.
func (c *Credential) Valid(now time.Time, ip netip.Addr) bool {
	if !c.Expires.IsZero() && !now.Before(c.Expires) {
		return false
	}
	if now.Before(c.NotBefore) {
		return false
	}
	ip = ip.Unmap()
	in := func(p netip.Prefix) bool { return p.Contains(ip) }
	if len(c.AllowIP) > 0 && !slices.ContainsFunc(c.AllowIP, in) {
		return false
	}
	return !slices.ContainsFunc(c.DenyIP, in)
}

// Grant is an active membership in an organization. Path leads from the root
// to that organization.
type Grant struct {
	Member id.Member
	Role   Role
	Path   []id.Organization
}

// Organization returns the organization that the grant was made on.
func (g *Grant) Organization() id.Organization { return g.Path[len(g.Path)-1] }

// AccountGrant is an active membership in one account. Path leads from the
// root to the organization of the account and is empty outside any.
type AccountGrant struct {
	Member  id.Member
	Role    Role
	Account id.Account
	Path    []id.Organization
}

// Caller is an authenticated principal with all that was granted to it.
type Caller struct {
	User       User
	Credential Credential
	Grants     []Grant
	Accounts   []AccountGrant
}

// Target is the object that a permission is asked for. Exactly one of the
// forms is set: an organization (Path, self last), an account (Account, and
// the Path of its organization unless it is outside any), a user (User), or
// none of them for what belongs to the instance.
type Target struct {
	Path    []id.Organization
	Account id.Account
	User    id.User
}

// OrganizationTarget returns the target of the organization at the end of path.
func OrganizationTarget(path []id.Organization) Target { return Target{Path: path} }

// AccountTarget returns the target of an account in the organization at the
// end of path, which is empty for an account outside any.
func AccountTarget(account id.Account, path []id.Organization) Target {
	return Target{Account: account, Path: path}
}

// anyAccount stands for an account of which only its place is known. It is no
// identifier.
const anyAccount id.Account = "*"

// AccountsTarget returns the target of the accounts in an organization, none
// of them in particular: what is allowed on it is allowed on all of them that
// are not denied one by one.
func AccountsTarget(path []id.Organization) Target { return AccountTarget(anyAccount, path) }

// UserTarget returns the target of a user.
func UserTarget(user id.User) Target { return Target{User: user} }

// Allows reports whether the caller may do p to t: the user must have the
// right, and the credential must not withhold it.
func (c *Caller) Allows(p Permission, t Target) bool {
	return c.userAllows(p, t) && c.Credential.allows(p, t)
}

// Permissions returns all that the caller may do to t.
func (c *Caller) Permissions(t Target) Set {
	var s Set
	for p := range permissions {
		if c.Allows(p, t) {
			s |= NewSet(p)
		}
	}
	return s
}

func (c *Caller) userAllows(p Permission, t Target) bool {
	if t.User != "" {
		return t.User == c.User.ID && (OwnPermissions.Has(p) || p == UserAdmin && c.User.Administrator)
	}
	if t.Account == "" && len(t.Path) == 0 {
		// Rule: any user may start a tree of its own, and have accounts
		// outside any; creating makes the creator its super administrator.
		return p == OrganizationCreate || p == AccountCreate
	}
	for i := range c.Grants {
		g := &c.Grants[i]
		if at := slices.Index(t.Path, g.Organization()); at >= 0 {
			below := t.Account != "" || at < len(t.Path)-1
			if g.Role.Permissions(below).Has(p) {
				return true
			}
		}
	}
	return t.Account != "" && slices.ContainsFunc(c.Accounts, func(g AccountGrant) bool {
		return g.Account == t.Account && g.Role.Permissions(false).Has(p)
	})
}

// SeesName reports whether the caller may know that the organization at the
// end of path exists, though perhaps nothing more than its name: it holds a
// grant on something at or below it that its credential does not withhold.
//
// Rule: a member of anything below an organization sees that organization and
// its path to the root, names only (decisions §4).
func (c *Caller) SeesName(path []id.Organization) bool {
	if c.Allows(OrganizationRead, OrganizationTarget(path)) {
		return true
	}
	return slices.Contains(c.Scope(OrganizationRead).Names, path[len(path)-1])
}
