package audit

// Action is an entry of the catalogue: what is done, to which type of
// resource, and the words that a reader sees.
type Action struct {
	Type        Type
	Resource    string // resource type
	Product     string
	Description string
}

// Every action that orgd emits, each with the operation that emits it.
var (
	OrganizationCreate  = Action{Create, "organization", "organizations", "Create Organization"}  // POST /organizations
	OrganizationUpdate  = Action{Update, "organization", "organizations", "Update Organization"}  // PUT /organizations/{id}
	OrganizationMove    = Action{Update, "organization", "organizations", "Move Organization"}    // PUT /organizations/{id} with another parent
	OrganizationDelete  = Action{Delete, "organization", "organizations", "Delete Organization"}  // DELETE /organizations/{id}
	OrganizationRestore = Action{Create, "organization", "organizations", "Restore Organization"} // POST /orgd/v1/organizations/{id}/restore
	ProfileUpdate       = Action{Update, "profile", "profile", "Update Profile"}                  // PUT .../profile
	MemberInvite        = Action{Create, "member", "members", "Invite Member"}                    // POST /organizations/{id}/members
	MemberAdd           = Action{Create, "member", "members", "Add Member"}                       // the same with status active; account members
	MemberRemove        = Action{Delete, "member", "members", "Remove Member"}                    // DELETE .../members/{id}
	MemberUpdate        = Action{Update, "member", "members", "Change Role"}                      // PUT /orgd/v1/organizations/{id}/members/{id}
	InvitationAccept    = Action{Update, "member", "members", "Accept Invitation"}                // PUT /organizations/{id}/invites/{code}
	InvitationReject    = Action{Update, "member", "members", "Reject Invitation"}                // the same
	AccountCreate       = Action{Create, "account", "accounts", "Create Account"}                 // POST /accounts
	AccountUpdate       = Action{Update, "account", "accounts", "Update Account"}                 // PUT /accounts/{id}
	AccountDelete       = Action{Delete, "account", "accounts", "Delete Account"}                 // DELETE /accounts/{id}
	AccountMove         = Action{Update, "account", "accounts", "Move Account"}                   // POST /accounts/{id}/move, /accounts/move
	AccountDetach       = Action{Update, "account", "accounts", "Detach Account"}                 // POST /orgd/v1/accounts/{id}/detach
	TokenCreate         = Action{Create, "token", "tokens", "Create Token"}                       // POST /user/tokens
	TokenUpdate         = Action{Update, "token", "tokens", "Update Token"}                       // PUT /user/tokens/{id}
	TokenRoll           = Action{Update, "token", "tokens", "Roll Token"}                         // PUT /user/tokens/{id}/value
	TokenDelete         = Action{Delete, "token", "tokens", "Delete Token"}                       // DELETE /user/tokens/{id}
	UserCreate          = Action{Create, "user", "users", "Create User"}                          // POST /orgd/v1/users, bootstrap
	UserDisable         = Action{Update, "user", "users", "Disable User"}                         // POST /orgd/v1/users/{id}/disable
	LogView             = Action{View, "audit_log", "logs", "View Audit Log"}                     // GET .../logs/audit, when such reads are recorded
	LogHistoryView      = Action{View, "audit_log", "logs", "View Resource History"}              // GET .../logs/audit/{id}/history, likewise
	LogExport           = Action{View, "audit_log", "logs", "Export Audit Log"}                   // GET .../audit/export, likewise
	RecordsPush         = Action{Create, "audit_log", "logs", "Push Audit Records"}               // POST /orgd/v1/organizations/{id}/audit
	StreamCreate        = Action{Create, "audit_stream", "logs", "Create Stream"}                 // POST /orgd/v1/organizations/{id}/audit/streams
	StreamUpdate        = Action{Update, "audit_stream", "logs", "Update Stream"}                 // PUT .../streams/{id}
	StreamReplay        = Action{Update, "audit_stream", "logs", "Replay Stream"}                 // POST .../streams/{id}/replay
	StreamPause         = Action{Update, "audit_stream", "logs", "Pause Stream"}                  // its receiver answered 410
	StreamDelete        = Action{Delete, "audit_stream", "logs", "Delete Stream"}                 // DELETE .../streams/{id}
	UserErase           = Action{Delete, "user", "users", "Erase User"}                           // POST /orgd/v1/users/{id}/erase
	AuditSettingsUpdate = Action{Update, "audit_settings", "logs", "Update Audit Settings"}       // PUT .../audit/settings
	LegalHoldSet        = Action{Update, "audit_settings", "logs", "Set Legal Hold"}              // PUT .../audit/settings that sets it
	LegalHoldUnset      = Action{Update, "audit_settings", "logs", "Unset Legal Hold"}            // PUT .../audit/settings that unsets it
	LogExpire           = Action{Delete, "audit_log", "logs", "Expire Audit Records"}             // the program itself, when the retention of a log has passed
	UserEnable          = Action{Update, "user", "users", "Enable User"}                          // POST /orgd/v1/users/{id}/enable
	PriceListCreate     = Action{Create, "price_list", "usage", "Add Price List"}                 // POST /orgd/v1/usage/price_lists
	PriceBookAssign     = Action{Update, "price_book", "usage", "Assign Price Book"}              // PUT /orgd/v1/{organizations,accounts}/{id}/price_book
	ChargeCreate        = Action{Create, "charge", "usage", "Add Charge"}                         // POST /orgd/v1/accounts/{id}/charges
	ChargeDelete        = Action{Delete, "charge", "usage", "Remove Charge"}                      // DELETE .../charges/{id}
	BillingAnchorSet    = Action{Update, "billing_anchor", "usage", "Set Billing Anchor"}         // PUT /orgd/v1/accounts/{id}/billing_anchor
	BillingPeriodClose  = Action{Update, "billing_period", "usage", "Close Billing Period"}       // POST /orgd/v1/accounts/{id}/billing_periods/{start}/close
	WatermarkSet        = Action{Update, "usage_watermark", "usage", "Set Usage Watermark"}       // PUT /orgd/v1/accounts/{id}/usage/watermark
	BudgetCreate        = Action{Create, "budget", "budgets", "Create Budget"}                    // POST /orgd/v1/{organizations,accounts}/{id}/budgets
	BudgetUpdate        = Action{Update, "budget", "budgets", "Update Budget"}                    // PUT .../budgets/{id}
	BudgetDelete        = Action{Delete, "budget", "budgets", "Delete Budget"}                    // DELETE .../budgets/{id}
	BudgetCross         = Action{Update, "budget", "budgets", "Cross Budget Threshold"}           // the program itself, when spending has come to a threshold
)
