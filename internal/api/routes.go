package api

import (
	"context"
	"strings"

	"github.com/orgd/orgd/internal/auth"
)

// family is the kind of error envelope that a route has.
type family uint8

const (
	others        family = iota // errors carry "result":null
	organizations               // errors leave result out
)

// route is one row of the API. Permission is the one needed on the object in
// the path; how is decided in package org.
type route struct {
	method     string
	path       string
	handle     func(context.Context, *request) (reply, error)
	permission auth.Permission
	needs      need
	family     family
	dryRun     bool
	public     bool
	large      bool     // the body is a batch
	reads      bool     // a POST that changes nothing
	rest       bool     // the last parameter stands for all the segments that are left
	segments   []string // of path
}

// need says what a route asks of its caller.
type need uint8

const (
	permission need = iota // the permission, on the object in the path
	signedIn               // any valid credential; what is shown depends on it
	nothing                // no credential
)

func (r *route) pattern() string {
	if r.path == "/" {
		return r.method + " /{$}"
	}
	if r.rest {
		return r.method + " " + strings.TrimSuffix(r.path, "}") + "...}"
	}
	return r.method + " " + r.path
}

// get, post, put and del write a row; the modifiers below complete it.
func get(path string, p auth.Permission, h func(context.Context, *request) (reply, error)) route {
	return route{method: "GET", path: path, permission: p, handle: h}
}

func post(path string, p auth.Permission, h func(context.Context, *request) (reply, error)) route {
	return route{method: "POST", path: path, permission: p, handle: h}
}

func put(path string, p auth.Permission, h func(context.Context, *request) (reply, error)) route {
	return route{method: "PUT", path: path, permission: p, handle: h}
}

func del(path string, p auth.Permission, h func(context.Context, *request) (reply, error)) route {
	return route{method: "DELETE", path: path, permission: p, handle: h}
}

// org marks a route of the organizations family, dry one that knows dry_run,
// any one that needs no more than a credential, open one that needs none, tail
// one whose last parameter may have slashes in it.
func (r route) org() route  { r.family = organizations; return r }
func (r route) dry() route  { r.dryRun = true; return r }
func (r route) any() route  { r.needs = signedIn; return r }
func (r route) open() route { r.needs, r.public = nothing, true; return r }
func (r route) tail() route { r.rest = true; return r }

// batch marks a route that takes larger bodies than others.
func (r route) batch() route { r.large = true; return r }

// query marks a POST that reads what its body asks for.
func (r route) query() route { r.reads = true; return r }

// routes is the whole API.
func routes() []route {
	const (
		cf  = "/client/v4"
		own = "/orgd/v1"
		o   = "/organizations/{organization_id}"
		m   = "/members/{member_id}"
		a   = "/accounts/{account_id}"
		u   = "/users/{user_id}"
		t   = "/user/tokens/{token_id}"
		s   = "/audit/streams/{stream_id}"
		b   = "/budgets/{budget_id}"
	)
	return []route{
		get(cf+"/organizations", auth.OrganizationRead, listOrganizations).org().any(),
		post(cf+"/organizations", auth.OrganizationCreate, createOrganization).org(),
		get(cf+o, auth.OrganizationRead, getOrganization).org(),
		put(cf+o, auth.OrganizationUpdate, updateOrganization).org().dry(),
		del(cf+o, auth.OrganizationDelete, deleteOrganization).org().dry(),
		get(cf+o+"/accounts", auth.AccountRead, listOrganizationAccounts).org(),
		get(cf+o+"/profile", auth.ProfileRead, getOrganizationProfile).org(),
		put(cf+o+"/profile", auth.ProfileUpdate, putOrganizationProfile).org(),
		get(cf+o+"/members", auth.MemberRead, listMembers).org(),
		post(cf+o+"/members", auth.MemberWrite, createMember).org().dry(),
		post(cf+o+"/members:batchCreate", auth.MemberWrite, createMembers).org().dry(),
		get(cf+o+m, auth.MemberRead, getMember).org(),
		del(cf+o+m, auth.MemberWrite, deleteMember).org().dry(),
		get(cf+o+"/logs/audit", auth.AuditRead, listAudit),
		get(cf+o+"/logs/audit/{id}/history", auth.AuditRead, getAuditHistory),
		get(cf+o+"/billable/usage", auth.BillingRead, getOrganizationUsage),
		put(cf+o+"/invites/{member_code}", auth.MemberWrite, answerInvitation).org().any(),

		get(cf+"/accounts", auth.AccountRead, listAccounts).any(),
		post(cf+"/accounts", auth.AccountCreate, createAccount),
		get(cf+a, auth.AccountRead, getAccount),
		put(cf+a, auth.AccountUpdate, updateAccount),
		del(cf+a, auth.AccountDelete, deleteAccount).dry(),
		post(cf+a+"/move", auth.AccountMove, moveAccount).org().dry(),
		post(cf+"/accounts/move", auth.AccountMove, moveAccounts).org().dry(),
		get(cf+a+"/organizations", auth.AccountRead, listAccountOrganizations).org(),
		get(cf+a+"/profile", auth.ProfileRead, getAccountProfile).org(),
		put(cf+a+"/profile", auth.ProfileUpdate, putAccountProfile).org(),
		get(cf+a+"/logs/audit", auth.AuditRead, listAccountAudit),
		get(cf+a+"/logs/audit/{id}/history", auth.AuditRead, getAccountAuditHistory),
		get(cf+a+"/logs/audit/product_categories", auth.AuditRead, listAuditCategories),
		get(cf+a+"/billable/usage", auth.BillingRead, getAccountUsage),
		post(cf+a+"/billable/usage", auth.BillingRead, queryAccountUsage).query(),
		get(cf+a+"/billable-usage", auth.BillingRead, getAccountRunningUsage),
		get(cf+a+"/billable-usage/info", auth.BillingRead, getAccountBillingInfo),
		get(cf+a+"/tokens/verify", auth.TokenRead, verifyAccountToken).any(),

		get(cf+"/user", auth.UserRead, getSelf),
		get(cf+"/user/organizations", auth.UserRead, listUserOrganizations).any(),
		get(cf+"/user/tenants", auth.OrganizationRead, listTenants).org().any(),
		get(cf+"/memberships", auth.UserRead, listMemberships).any(),
		get(cf+"/user/tokens", auth.TokenRead, listTokens),
		post(cf+"/user/tokens", auth.TokenWrite, createToken),
		get(cf+"/user/tokens/verify", auth.TokenRead, verifyToken).any(),
		get(cf+"/user/tokens/permission_groups", auth.TokenRead, listPermissionGroups),
		get(cf+t, auth.TokenRead, getToken),
		put(cf+t, auth.TokenWrite, updateToken),
		del(cf+t, auth.TokenWrite, deleteToken),
		put(cf+t+"/value", auth.TokenWrite, rollToken),

		post(own+o+"/restore", auth.OrganizationCreate, restoreOrganization),
		post(own+o+"/audit", auth.AuditPush, pushAudit).batch(),
		put(own+o+m, auth.MemberWrite, updateMember).dry(),
		get(own+o+"/audit/export", auth.AuditRead, exportAudit),
		get(own+o+"/audit/proofs", auth.AuditRead, getProof),
		get(own+o+"/audit/proofs/inclusion", auth.AuditRead, getInclusionProof),
		get(own+o+"/audit/proofs/consistency", auth.AuditRead, getConsistencyProof),
		get(own+o+"/audit/tlog/checkpoint", auth.AuditRead, getCheckpoint),
		get(own+o+"/audit/tlog/tile/{path}", auth.AuditRead, getTile).tail(),
		get(own+o+"/audit/settings", auth.AuditManage, getAuditSettings),
		put(own+o+"/audit/settings", auth.AuditManage, putAuditSettings),
		get(own+o+"/access", auth.AccessRead, getOrganizationAccess),
		get(own+o+"/audit/streams", auth.AuditManage, listStreams),
		post(own+o+"/audit/streams", auth.AuditManage, createStream),
		get(own+o+s, auth.AuditManage, getStream),
		put(own+o+s, auth.AuditManage, updateStream),
		del(own+o+s, auth.AuditManage, deleteStream),
		post(own+o+s+"/replay", auth.AuditManage, replayStream),
		get(own+a+"/access", auth.AccessRead, listAccountAccess),
		post(own+a+"/detach", auth.AccountMove, detachAccount).dry(),
		get(own+a+"/members", auth.MemberRead, listAccountMembers),
		post(own+a+"/members", auth.MemberWrite, createAccountMember).dry(),
		del(own+a+m, auth.MemberWrite, deleteAccountMember).dry(),
		get(own+o+"/focus", auth.BillingRead, getFocus),
		get(own+o+"/focus/metadata", auth.BillingRead, getFocusMetadata),
		get(own+o+"/usage/watermark", auth.BillingRead, getOrganizationWatermark),
		get(own+a+"/usage/watermark", auth.BillingRead, getAccountWatermark),
		put(own+a+"/usage/watermark", auth.UsagePush, putAccountWatermark),
		get(own+a+"/billing_periods", auth.BillingRead, listBillingPeriods),
		post(own+a+"/billing_periods/{start}/close", auth.BillingWrite, closeBillingPeriod),
		get(own+a+"/restatements", auth.BillingRead, listRestatements),
		put(own+o+"/price_book", auth.BillingWrite, putOrganizationPriceBook),
		put(own+a+"/price_book", auth.BillingWrite, putAccountPriceBook),
		get(own+a+"/charges", auth.BillingRead, listCharges),
		post(own+a+"/charges", auth.BillingWrite, createCharge),
		del(own+a+"/charges/{charge_id}", auth.BillingWrite, deleteCharge),
		put(own+a+"/billing_anchor", auth.BillingWrite, putBillingAnchor),
		get(own+o+"/budgets", auth.BillingRead, listBudgets),
		post(own+o+"/budgets", auth.BillingWrite, createBudget),
		get(own+o+b, auth.BillingRead, getBudget),
		put(own+o+b, auth.BillingWrite, updateBudget),
		del(own+o+b, auth.BillingWrite, deleteBudget),
		get(own+o+b+"/crossings", auth.BillingRead, listCrossings),
		get(own+a+"/budgets", auth.BillingRead, listBudgets),
		post(own+a+"/budgets", auth.BillingWrite, createBudget),
		get(own+a+b, auth.BillingRead, getBudget),
		put(own+a+b, auth.BillingWrite, updateBudget),
		del(own+a+b, auth.BillingWrite, deleteBudget),
		get(own+a+b+"/crossings", auth.BillingRead, listCrossings),
		post(own+"/usage/events", auth.UsagePush, pushUsage).any().batch(),
		get(own+"/usage/receipts/{source}/{event_id}", auth.UsagePush, getUsageReceipt).any(),
		post(own+"/usage/price_lists", auth.UserAdmin, createPriceList),
		get(own+"/users", auth.UserAdmin, listUsers),
		post(own+"/users", auth.UserAdmin, createUser),
		get(own+u, auth.UserAdmin, getUser),
		post(own+u+"/disable", auth.UserAdmin, disableUser),
		post(own+u+"/enable", auth.UserAdmin, enableUser),
		get(own+u+"/erase", auth.UserAdmin, getErasure),
		post(own+u+"/erase", auth.UserAdmin, eraseUser),
		post(own+"/bootstrap", auth.UserAdmin, bootstrap).open(),

		get("/openapi.json", auth.UserRead, getOpenAPI).open(),
		get("/", auth.UserRead, redirectToConsole).open(),
	}
}
