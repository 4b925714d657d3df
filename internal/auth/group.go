package auth

// PermissionGroup is what an API token is given: a named set of permissions,
// with an identifier that never changes. Scope and Category are words of the
// official description.
type PermissionGroup struct {
	ID          string
	Name        string
	Scope       string
	Category    string
	Permissions Set
}

// The scopes that our permission groups have. The official description has
// none for organizations; they are listed with the accounts.
const (
	scopeAccount = "com.cloudflare.api.account"
	scopeUser    = "com.cloudflare.api.user"
)

var permissionGroups = []PermissionGroup{
	{"cec04b34d4aad3279de5aa746435cfea", "Organizations Read", scopeAccount, "account_and_billing", NewSet(OrganizationRead, MemberRead, ProfileRead, AccessRead)},
	{"697be89b41487b5efd07a9d21539eaef", "Organizations Write", scopeAccount, "account_and_billing", NewSet(OrganizationRead, OrganizationCreate, OrganizationUpdate, OrganizationDelete, MemberRead, ProfileRead, ProfileUpdate, AccessRead)},
	{"4442acef04693676740aeb1d306fb184", "Organization Members Write", scopeAccount, "account_and_billing", NewSet(OrganizationRead, MemberRead, MemberWrite)},
	{"f8db0f91fd4c6c19206979224343d65b", "Account Settings Read", scopeAccount, "account_and_billing", NewSet(AccountRead, ProfileRead, MemberRead, AccessRead)},
	{"48a0c711acf4ecbf18261f9f0cb47f5b", "Account Settings Write", scopeAccount, "account_and_billing", NewSet(AccountRead, AccountCreate, AccountUpdate, AccountDelete, AccountMove, ProfileRead, ProfileUpdate, MemberRead, MemberWrite, AccessRead)},
	{"5ce0b6f2a87a74dfad7de0ce43fb5624", "Audit Logs Read", scopeAccount, "analytics_and_logs", NewSet(AuditRead)},
	{"9d1c5e0b7a3f46d28c0e61b4f7a25d93", "Audit Logs Push", scopeAccount, "analytics_and_logs", NewSet(AuditPush)},
	{"b27f40c8d6914e3a9f85a1d07c3e6b14", "Audit Logs Manage", scopeAccount, "analytics_and_logs", NewSet(AuditRead, AuditManage)},
	{"6e5d275bd65eaa4dd1f4691507c2ddd8", "Billing Read", scopeAccount, "account_and_billing", NewSet(BillingRead)},
	{"7faf9fa2a033a3493b060880837f9f5c", "Billing Write", scopeAccount, "account_and_billing", NewSet(BillingRead, BillingWrite)},
	{"3f6a1c92e84b4d07a5c9d18b72e06f45", "Usage Push", scopeAccount, "account_and_billing", NewSet(UsagePush)},
	{"73234d5e36a71cfd1658fb410007ba0a", "User Details Read", scopeUser, "account_and_billing", NewSet(UserRead)},
	{"70ce4fd34e4ddca7819cc46c9496c1ae", "API Tokens Read", scopeUser, "account_and_billing", NewSet(TokenRead)},
	{"feb238da6a2310991f007d2ecf2878ef", "API Tokens Write", scopeUser, "account_and_billing", NewSet(TokenRead, TokenWrite)},
	{"ffe9d91afad32eaa2b6c300f33a5de34", "Users Administration", scopeUser, "account_and_billing", NewSet(UserAdmin)},
}

// PermissionGroups returns every permission group, in the order of the API.
func PermissionGroups() []PermissionGroup { return permissionGroups }

// PermissionGroupByID returns the group, and whether there is one.
func PermissionGroupByID(id string) (PermissionGroup, bool) {
	for _, g := range permissionGroups {
		if g.ID == id {
			return g, true
		}
	}
	return PermissionGroup{}, false
}
