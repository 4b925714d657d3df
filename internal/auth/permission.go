package auth

// Permission is one thing that a caller may be allowed to do. Its name is
// what a refusal names.
type Permission uint8

// The permissions of orgd.
const (
	OrganizationRead Permission = iota
	OrganizationCreate
	OrganizationUpdate
	OrganizationDelete
	MemberRead
	MemberWrite
	AccountRead
	AccountCreate
	AccountUpdate
	AccountDelete
	AccountMove
	ProfileRead
	ProfileUpdate
	AuditRead
	AuditPush
	AuditManage
	BillingRead
	BillingWrite
	UsagePush
	AccessRead
	TokenRead
	TokenWrite
	UserRead
	UserAdmin
	permissions // the number of permissions
)

var permissionNames = [permissions]string{
	OrganizationRead:   "organization.read",
	OrganizationCreate: "organization.create",
	OrganizationUpdate: "organization.update",
	OrganizationDelete: "organization.delete",
	MemberRead:         "member.read",
	MemberWrite:        "member.write",
	AccountRead:        "account.read",
	AccountCreate:      "account.create",
	AccountUpdate:      "account.update",
	AccountDelete:      "account.delete",
	AccountMove:        "account.move",
	ProfileRead:        "profile.read",
	ProfileUpdate:      "profile.update",
	AuditRead:          "audit.read",
	AuditPush:          "audit.push",
	AuditManage:        "audit.manage",
	BillingRead:        "billing.read",
	BillingWrite:       "billing.write",
	UsagePush:          "usage.push",
	AccessRead:         "access.read",
	TokenRead:          "token.read",
	TokenWrite:         "token.write",
	UserRead:           "user.read",
	UserAdmin:          "user.admin",
}

// String returns the name of p.
func (p Permission) String() string { return permissionNames[p] }

// Set is a set of permissions.
type Set uint32

// NewSet returns the set of the given permissions.
func NewSet(ps ...Permission) Set {
	var s Set
	for _, p := range ps {
		s |= 1 << p
	}
	return s
}

// Has reports whether p is in s.
func (s Set) Has(p Permission) bool { return s&(1<<p) != 0 }

// List returns the permissions in s, in their order of declaration.
func (s Set) List() []Permission {
	var list []Permission
	for p := range permissions {
		if s.Has(p) {
			list = append(list, p)
		}
	}
	return list
}

// Role is a role on an organization, with all its descendants and their
// accounts, or on one account.
type Role string

// The roles on an organization. The first is the default and the only one
// that the real API knows.
const (
	SuperAdministrator Role = "organization_super_administrator"
	Administrator      Role = "organization_administrator"
	AccountProvisioner Role = "organization_account_provisioner"
	Billing            Role = "organization_billing"
	AuditViewer        Role = "organization_audit_viewer"
	ReadOnly           Role = "organization_read_only"
)

// The roles on one account.
const (
	AccountSuperAdministrator Role = "account_super_administrator"
	AccountReadOnly           Role = "account_read_only"
)

// OrganizationRoles returns the roles that a member of an organization may
// have, the default first.
func OrganizationRoles() []Role {
	return []Role{SuperAdministrator, Administrator, AccountProvisioner, Billing, AuditViewer, ReadOnly}
}

// AccountRoles returns the roles that an explicit member of an account may
// have, the default first.
func AccountRoles() []Role { return []Role{AccountSuperAdministrator, AccountReadOnly} }

// everything is what belongs to organizations and accounts. Tokens, the
// caller's own user and the users of the instance are no part of any role.
var everything = NewSet(OrganizationRead, OrganizationCreate, OrganizationUpdate, OrganizationDelete,
	MemberRead, MemberWrite, AccountRead, AccountCreate, AccountUpdate, AccountDelete, AccountMove,
	ProfileRead, ProfileUpdate, AuditRead, AuditPush, AuditManage, BillingRead, BillingWrite, UsagePush, AccessRead)

// Permissions returns what r allows on the object that it was granted on
// (below false) or on everything below that object (below true).
//
// Rule: the administrator does everything except members, tokens and deleting
// the organization itself; what lies below it may be deleted (decisions §4).
func (r Role) Permissions(below bool) Set {
	switch r {
	case SuperAdministrator:
		return everything
	case Administrator:
		s := everything &^ NewSet(MemberWrite)
		if !below {
			s &^= NewSet(OrganizationDelete)
		}
		return s
	case AccountProvisioner:
		return NewSet(OrganizationRead, ProfileRead, AccountRead, AccountCreate, AccountUpdate, AccountDelete, AccountMove)
	case Billing:
		return NewSet(OrganizationRead, ProfileRead, AccountRead, BillingRead, BillingWrite)
	case AuditViewer:
		return NewSet(OrganizationRead, AccountRead, MemberRead, AuditRead)
	case ReadOnly:
		return NewSet(OrganizationRead, ProfileRead, AccountRead, MemberRead, AccessRead)
	case AccountSuperAdministrator:
		return NewSet(AccountRead, AccountUpdate, AccountDelete, AccountMove, MemberRead, MemberWrite,
			ProfileRead, ProfileUpdate, AuditRead, BillingRead, BillingWrite, UsagePush, AccessRead)
	case AccountReadOnly:
		return NewSet(AccountRead, ProfileRead)
	}
	return 0
}

// OwnPermissions is what every user may do with what is the user's own.
var OwnPermissions = NewSet(TokenRead, TokenWrite, UserRead)

// OnAccounts are the permissions that mean something on an account.
var OnAccounts = NewSet(AccountRead, AccountUpdate, AccountDelete, AccountMove, MemberRead, MemberWrite,
	ProfileRead, ProfileUpdate, AuditRead, BillingRead, BillingWrite, UsagePush, AccessRead)
