package org

import (
	"time"

	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/id"
)

// Organization is a node of the tree. Path leads from the root to it, itself
// last.
type Organization struct {
	ID         id.Organization
	Name       string
	Parent     id.Organization // empty for a root
	ParentName string
	Path       []id.Organization
	ManagedBy  string
	// Profile is what was last set through the organization's own body; a
	// profile set in its own right is not repeated here.
	Profile *Profile
	Created time.Time
	Updated time.Time
	Deleted time.Time // zero unless deleted
	// NamesOnly is set by the service when the caller may see no more than
	// the name; Profile is nil then.
	NamesOnly bool
}

// Root returns the root of the tree that o lies in.
func (o *Organization) Root() id.Organization { return o.Path[0] }

// Depth returns the number of levels below the root.
func (o *Organization) Depth() int { return len(o.Path) - 1 }

// AccountType is the type of an account.
type AccountType string

// The types of accounts.
const (
	Standard   AccountType = "standard"
	Enterprise AccountType = "enterprise"
)

// AccountSettings are the settings of an account; nil is unset.
type AccountSettings struct {
	AbuseContactEmail *string
	EnforceTwoFactor  *bool
}

// Account is a leaf of the tree. Path leads from the root to the organization
// it lies in and is empty outside any.
type Account struct {
	ID               id.Account
	Name             string
	Type             AccountType
	Settings         AccountSettings
	Organization     id.Organization // empty outside any
	OrganizationName string
	Path             []id.Organization
	Created          time.Time
	Updated          time.Time
	Deleted          time.Time // zero unless deleted
}

// Root returns the root of the tree that a lies in, empty outside any.
func (a *Account) Root() id.Organization {
	if len(a.Path) == 0 {
		return ""
	}
	return a.Path[0]
}

// Profile is the business data of an organization or an account: five strings
// that are kept byte for byte.
type Profile struct {
	BusinessAddress  string
	BusinessEmail    string
	BusinessName     string
	BusinessPhone    string
	ExternalMetadata string
}

// MemberStatus is the state of a membership.
type MemberStatus string

// The states: pending to active or rejected, pending or active to canceled.
const (
	Pending  MemberStatus = "pending"
	Active   MemberStatus = "active"
	Rejected MemberStatus = "rejected"
	Canceled MemberStatus = "canceled"
)

// Member is the membership of a user in an organization.
type Member struct {
	ID           id.Member
	Organization id.Organization
	User         UserSummary
	Role         auth.Role
	Status       MemberStatus
	CodeHash     string    // of the invitation, empty when there is none
	CodeExpires  time.Time // of the invitation
	Code         string    // the invitation's secret, set by the service when it was just made
	Created      time.Time
	Updated      time.Time
}

// AccountMember is the explicit membership of a user in one account.
type AccountMember struct {
	ID      id.Member
	Account id.Account
	User    UserSummary
	Role    auth.Role
	Created time.Time
}

// UserSummary is what a membership shows of its user.
type UserSummary struct {
	ID        id.User
	Email     string
	FirstName string
	LastName  string
	TwoFactor bool
}

// UserStatus is the state of a user.
type UserStatus string

// The states of a user. An invited user exists because somebody invited its
// e-mail; it has no credentials.
const (
	UserActive   UserStatus = "active"
	UserInvited  UserStatus = "invited"
	UserDisabled UserStatus = "disabled"
)

// User is a person or machine that may own credentials.
type User struct {
	ID            id.User
	Email         string
	FirstName     string
	LastName      string
	TwoFactor     bool
	Administrator bool
	Status        UserStatus
	Created       time.Time
	Updated       time.Time
}

// TokenStatus is the state of an API token.
type TokenStatus string

// The states of a token. Expired follows from the time and is never stored.
const (
	TokenActive   TokenStatus = "active"
	TokenDisabled TokenStatus = "disabled"
	TokenExpired  TokenStatus = "expired"
)

// Token is an API token without its secret.
type Token struct {
	ID        id.Token
	User      id.User
	Name      string
	Status    TokenStatus
	Policies  []TokenPolicy
	AllowIP   []string // CIDR blocks or addresses, as they were given
	DenyIP    []string
	NotBefore time.Time // zero: at once
	Expires   time.Time // zero: never
	Issued    time.Time
	Modified  time.Time
	LastUsed  time.Time // zero: never
}

// TokenPolicy is a policy as the API has it. Resources holds the resource
// names as they were given, each with the value "*".
type TokenPolicy struct {
	ID        string
	Deny      bool
	Groups    []string // ids of permission groups
	Resources []string
}

// Access is one way by which a user reaches an organization or an account.
type Access struct {
	User         UserSummary
	Member       id.Member
	Role         auth.Role
	Organization id.Organization // where the role was granted, empty for an explicit member of the account
	Account      id.Account      // set for an explicit member of the account
	Name         string          // of the organization or account where the role was granted
	Inherited    bool
	Permissions  auth.Set
}
