package api_test

import (
	"strings"
	"testing"
)

const (
	cf  = "/client/v4"
	own = "/orgd/v1"
)

const profileJSON = `{"business_address":"a","business_email":"b","business_name":"c","business_phone":"d","external_metadata":"e"}`

// ofT is one request to an organization, which needs a right on T.
func ofT(right, target, body string, status int) []matrixCase {
	return []matrixCase{{needs: []need{may(right, "T")}, target: target, body: body, status: status}}
}

// ofAT is one to an account. The account outside any organization, where no
// caller is a member, exists for nobody.
func ofAT(right, path, body string, status int) []matrixCase {
	return []matrixCase{
		{title: "inside", needs: []need{may(right, "AT")}, target: path + "$AT", body: body, status: status},
		{title: "outside", needs: []need{may(right, "AL")}, target: path + "$AL", body: body, status: status},
	}
}

// ofBooks is one to the books of an account, which are there for some also when
// it was deleted.
func ofBooks(right, path, body string, status, code int) []matrixCase {
	cases := []matrixCase{
		{title: "inside", needs: []need{may(right, "AT")}, target: "$AT"},
		{title: "outside", needs: []need{may(right, "AL")}, target: "$AL"},
		{title: "deleted", needs: []need{may(right, "AD")}, target: "$AD"},
	}
	for i := range cases {
		m := &cases[i]
		m.target, m.body, m.status, m.code = own+"/accounts/"+m.target+path, body, status, code
	}
	return cases
}

// suffix adds to the targets.
func suffix(cases []matrixCase, s string) []matrixCase {
	for i := range cases {
		cases[i].target += s
	}
	return cases
}

// any is one that needs no more than a credential.
func anybody(target string) []matrixCase { return []matrixCase{{target: target, status: 200}} }

// ofUser is one to what is the caller's own.
func ofUser(right, target, body string) []matrixCase {
	return []matrixCase{{needs: []need{may(right, "user")}, target: target, body: body, status: 200}}
}

// ofToken is one to a token: a fresh one of the caller, and somebody else's,
// which does not exist.
func ofToken(right, target, body string) []matrixCase {
	return []matrixCase{
		{title: "own", needs: []need{may(right, "user")}, target: target, body: body, status: 200, make: freshToken},
		{
			title: "somebody else's", needs: []need{may(right, "user")}, body: body, status: 404, code: 1003,
			target: strings.ReplaceAll(target, "$token", "$foreign"),
		},
	}
}

// ofAdministrator is one that only administrators of the instance may send.
func ofAdministrator(target, body string) []matrixCase {
	return []matrixCase{{needs: []need{may("user.admin", "administration")}, target: target, body: body, status: 200}}
}

const tokenJSON = `{"name":"t","policies":[{"effect":"allow","permission_groups":[{"id":"cec04b34d4aad3279de5aa746435cfea"}],` +
	`"resources":{"com.cloudflare.api.organization.*":"*"}}]}`

const recordJSON = `{"id":"1","source":"elsewhere","time":"2026-01-01T00:00:00Z","action":{"type":"view","result":"success"},"actor":{"type":"external_user"}}`

// streamJSON is a stream without a secret.
const streamJSON = `{"name":"s","type":"syslog","syslog":{"address":"logs.example.com:6514"}}`

// budgetJSON is a budget without a webhook.
const budgetJSON = `{"name":"b","kind":"cumulative","amount":"100","currency":"USD"}`

const (
	// chargeJSON is a charge on a day without a price book.
	chargeJSON = `{"category":"Credit","amount":-1,"description":"d","start":"2026-03-01"}`
	bookJSON   = `{"book_id":"nothing","start":"2026-01-01"}`
	eventJSON  = `{"specversion":"1.0","id":"1","source":"/meter","type":"usage","time":"2026-03-01T12:00:00Z","data":{"account_id":"a","metric":"m","quantity":1}}`
)

// window is the query that lists of records need.
const window = "?since=2026-01-01&before=2027-01-01&action_time=2026-03-01T12:00:00Z"

const memberJSON = `{"member":{"user":{"email":"new-$fresh@world.test"}}}`

// matrix has the row of every route.
var matrix = map[string][]matrixCase{
	"GET /client/v4/organizations": anybody(cf + "/organizations"),
	"POST /client/v4/organizations": {
		{title: "root", needs: []need{may("organization.create", "instance")}, target: cf + "/organizations", body: `{"name":"n"}`, status: 200},
		{
			title: "below", needs: []need{see("T"), may("organization.create", "T")},
			target: cf + "/organizations", body: `{"name":"n","parent":{"id":"$T"}}`, status: 200,
		},
	},
	"GET /client/v4/organizations/{organization_id}": getOrganizations(),
	"PUT /client/v4/organizations/{organization_id}": {
		{title: "rename", needs: []need{may("organization.update", "T")}, target: cf + "/organizations/$T?dry_run=true", body: `{"name":"n"}`, status: 200},
		{title: "rename the root", needs: []need{may("organization.update", "P")}, target: cf + "/organizations/$P?dry_run=true", body: `{"name":"n"}`, status: 200},
		moveTo("S"), moveTo("P"), moveTo("E"), moveTo("X"),
	},
	"DELETE /client/v4/organizations/{organization_id}": {
		{title: "empty", needs: []need{may("organization.delete", "E")}, target: cf + "/organizations/$E?dry_run=true", status: 200},
		{title: "not empty", needs: []need{may("organization.delete", "T")}, target: cf + "/organizations/$T?dry_run=true", status: 400, code: 1005},
		{title: "root", needs: []need{may("organization.delete", "P")}, target: cf + "/organizations/$P?dry_run=true", status: 400, code: 1005},
	},
	"GET /client/v4/organizations/{organization_id}/accounts":             ofT("account.read", cf+"/organizations/$T/accounts", "", 200),
	"GET /client/v4/organizations/{organization_id}/profile":              ofT("profile.read", cf+"/organizations/$T/profile", "", 200),
	"PUT /client/v4/organizations/{organization_id}/profile":              ofT("profile.update", cf+"/organizations/$T/profile", profileJSON, 204),
	"GET /client/v4/organizations/{organization_id}/members":              ofT("member.read", cf+"/organizations/$T/members", "", 200),
	"POST /client/v4/organizations/{organization_id}/members":             ofT("member.write", cf+"/organizations/$T/members?dry_run=true", memberJSON, 200),
	"POST /client/v4/organizations/{organization_id}/members:batchCreate": ofT("member.write", cf+"/organizations/$T/members:batchCreate?dry_run=true", `{"members":[{"user":{"email":"new@world.test"}}]}`, 200),
	"GET /client/v4/organizations/{organization_id}/members/{member_id}":  ofT("member.read", cf+"/organizations/$T/members/$MT", "", 200),
	"DELETE /client/v4/organizations/{organization_id}/members/{member_id}": ofT("member.write",
		cf+"/organizations/$T/members/$MT?dry_run=true", "", 200),
	"GET /client/v4/organizations/{organization_id}/logs/audit": {
		{needs: []need{may("audit.read", "T")}, target: cf + "/organizations/$T/logs/audit" + window, status: 200},
		{title: "above", needs: []need{may("audit.read", "P")}, target: cf + "/organizations/$P/logs/audit" + window, status: 200},
		{title: "with what is below", needs: []need{may("audit.read", "T")}, target: cf + "/organizations/$T/logs/audit" + window + "&include_descendants=true", status: 200},
	},
	"GET /client/v4/organizations/{organization_id}/logs/audit/{id}/history": {
		{needs: []need{may("audit.read", "T")}, target: cf + "/organizations/$T/logs/audit/$RT/history" + window, status: 200},
		{title: "in another log", needs: []need{may("audit.read", "P")}, target: cf + "/organizations/$P/logs/audit/$RT/history" + window, status: 404, code: 1003},
		{title: "below", needs: []need{may("audit.read", "P"), may("audit.read", "T")}, target: cf + "/organizations/$P/logs/audit/$RT/history" + window + "&include_descendants=true", status: 200},
	},
	"GET /orgd/v1/organizations/{organization_id}/audit/settings":       ofT("audit.manage", own+"/organizations/$T/audit/settings", "", 200),
	"PUT /orgd/v1/organizations/{organization_id}/audit/settings":       ofT("audit.manage", own+"/organizations/$T/audit/settings", `{"retention_months":18,"legal_hold":false}`, 200),
	"GET /client/v4/organizations/{organization_id}/billable/usage":     ofT("billing.read", cf+"/organizations/$T/billable/usage", "", 200),
	"GET /client/v4/accounts/{account_id}/billable/usage":               suffix(ofAT("billing.read", cf+"/accounts/", "", 200), "/billable/usage"),
	"POST /client/v4/accounts/{account_id}/billable/usage":              suffix(ofAT("billing.read", cf+"/accounts/", "{}", 200), "/billable/usage"),
	"GET /client/v4/accounts/{account_id}/billable-usage":               suffix(ofAT("billing.read", cf+"/accounts/", "", 200), "/billable-usage"),
	"GET /client/v4/accounts/{account_id}/billable-usage/info":          suffix(ofAT("billing.read", cf+"/accounts/", "", 200), "/billable-usage/info"),
	"GET /orgd/v1/accounts/{account_id}/charges":                        ofBooks("billing.read", "/charges", "", 200, 0),
	"POST /orgd/v1/accounts/{account_id}/charges":                       ofBooks("billing.write", "/charges", chargeJSON, 400, 1001),
	"DELETE /orgd/v1/accounts/{account_id}/charges/{charge_id}":         ofBooks("billing.write", "/charges/none", "", 404, 1003),
	"PUT /orgd/v1/accounts/{account_id}/billing_anchor":                 suffix(ofAT("billing.write", own+"/accounts/", `{"day":"2026-01-31"}`, 200), "/billing_anchor"),
	"GET /orgd/v1/organizations/{organization_id}/focus":                ofT("billing.read", own+"/organizations/$T/focus", "", 200),
	"GET /orgd/v1/organizations/{organization_id}/focus/metadata":       ofT("billing.read", own+"/organizations/$T/focus/metadata", "", 200),
	"GET /orgd/v1/organizations/{organization_id}/usage/watermark":      ofT("billing.read", own+"/organizations/$T/usage/watermark", "", 200),
	"GET /orgd/v1/accounts/{account_id}/usage/watermark":                ofBooks("billing.read", "/usage/watermark", "", 200, 0),
	"PUT /orgd/v1/accounts/{account_id}/usage/watermark":                suffix(ofAT("usage.push", own+"/accounts/", `{"complete_through":"2026-01-01"}`, 200), "/usage/watermark"),
	"GET /orgd/v1/accounts/{account_id}/billing_periods":                ofBooks("billing.read", "/billing_periods", "", 200, 0),
	"GET /orgd/v1/accounts/{account_id}/restatements":                   ofBooks("billing.read", "/restatements", "", 200, 0),
	"POST /orgd/v1/accounts/{account_id}/billing_periods/{start}/close": ofBooks("billing.write", "/billing_periods/2026-01-01/close", "", 404, 1003),
	"PUT /orgd/v1/organizations/{organization_id}/price_book": {
		{needs: []need{may("billing.write", "T")}, target: own + "/organizations/$T/price_book", body: bookJSON, status: 400, code: 1001},
	},
	"PUT /orgd/v1/accounts/{account_id}/price_book": {
		{title: "inside", needs: []need{may("billing.write", "AT")}, target: own + "/accounts/$AT/price_book", body: bookJSON, status: 400, code: 1001},
		{title: "outside", needs: []need{may("billing.write", "AL")}, target: own + "/accounts/$AL/price_book", body: bookJSON, status: 400, code: 1001},
	},
	"GET /orgd/v1/organizations/{organization_id}/budgets":  ofT("billing.read", own+"/organizations/$T/budgets", "", 200),
	"POST /orgd/v1/organizations/{organization_id}/budgets": ofT("billing.write", own+"/organizations/$T/budgets", budgetJSON, 200),
	"GET /orgd/v1/organizations/{organization_id}/budgets/{budget_id}": {
		{needs: []need{may("billing.read", "T")}, target: own + "/organizations/$T/budgets/$BT", status: 200},
		{title: "of another", needs: []need{may("billing.read", "P")}, target: own + "/organizations/$P/budgets/$BT", status: 404, code: 1003},
	},
	"PUT /orgd/v1/organizations/{organization_id}/budgets/{budget_id}": {
		{needs: []need{may("billing.write", "T")}, target: own + "/organizations/$T/budgets/$BT", body: `{"name":"n"}`, status: 200},
		{title: "of another", needs: []need{may("billing.write", "P")}, target: own + "/organizations/$P/budgets/$BT", body: `{"name":"n"}`, status: 404, code: 1003},
	},
	"DELETE /orgd/v1/organizations/{organization_id}/budgets/{budget_id}": {
		{needs: []need{may("billing.write", "T")}, target: own + "/organizations/$T/budgets/$budget", status: 200, make: freshBudget},
	},
	"GET /orgd/v1/organizations/{organization_id}/budgets/{budget_id}/crossings": ofT("billing.read", own+"/organizations/$T/budgets/$BT/crossings", "", 200),
	"GET /orgd/v1/accounts/{account_id}/budgets":                                 suffix(ofAT("billing.read", own+"/accounts/", "", 200), "/budgets"),
	"POST /orgd/v1/accounts/{account_id}/budgets":                                suffix(ofAT("billing.write", own+"/accounts/", budgetJSON, 200), "/budgets"),
	"GET /orgd/v1/accounts/{account_id}/budgets/{budget_id}": {
		{title: "inside", needs: []need{may("billing.read", "AT")}, target: own + "/accounts/$AT/budgets/$BAT", status: 200},
		{title: "outside", needs: []need{may("billing.read", "AL")}, target: own + "/accounts/$AL/budgets/$BAT", status: 404, code: 1003},
	},
	"PUT /orgd/v1/accounts/{account_id}/budgets/{budget_id}": {
		{title: "inside", needs: []need{may("billing.write", "AT")}, target: own + "/accounts/$AT/budgets/$BAT", body: `{"name":"n"}`, status: 200},
		{title: "outside", needs: []need{may("billing.write", "AL")}, target: own + "/accounts/$AL/budgets/$BAT", body: `{"name":"n"}`, status: 404, code: 1003},
	},
	"DELETE /orgd/v1/accounts/{account_id}/budgets/{budget_id}": {
		{title: "inside", needs: []need{may("billing.write", "AT")}, target: own + "/accounts/$AT/budgets/$account_budget", status: 200, make: freshBudget},
		{title: "of an organization", needs: []need{may("billing.write", "AT")}, target: own + "/accounts/$AT/budgets/$BT", status: 404, code: 1003},
	},
	"GET /orgd/v1/accounts/{account_id}/budgets/{budget_id}/crossings": {
		{needs: []need{may("billing.read", "AT")}, target: own + "/accounts/$AT/budgets/$BAT/crossings", status: 200},
	},
	"POST /orgd/v1/usage/events":                      {{target: own + "/usage/events", body: eventJSON, status: 200}},
	"GET /orgd/v1/usage/receipts/{source}/{event_id}": {{target: own + "/usage/receipts/s/none", status: 404, code: 1003}},
	"POST /orgd/v1/usage/price_lists":                 ofAdministrator(own+"/usage/price_lists", `{"yaml":"price_books: []"}`),
	"GET /orgd/v1/organizations/{organization_id}/audit/export": {
		{needs: []need{may("audit.read", "T")}, target: own + "/organizations/$T/audit/export", status: 200},
		{title: "above", needs: []need{may("audit.read", "P")}, target: own + "/organizations/$P/audit/export?format=csv", status: 200},
	},
	"GET /orgd/v1/organizations/{organization_id}/audit/proofs":             ofT("audit.read", own+"/organizations/$T/audit/proofs", "", 200),
	"GET /orgd/v1/organizations/{organization_id}/audit/proofs/inclusion":   ofT("audit.read", own+"/organizations/$T/audit/proofs/inclusion?audit_id=$RT", "", 200),
	"GET /orgd/v1/organizations/{organization_id}/audit/proofs/consistency": ofT("audit.read", own+"/organizations/$T/audit/proofs/consistency?from=0", "", 200),
	"GET /orgd/v1/organizations/{organization_id}/audit/tlog/checkpoint":    ofT("audit.read", own+"/organizations/$T/audit/tlog/checkpoint", "", 200),
	"GET /orgd/v1/organizations/{organization_id}/audit/tlog/tile/{path}": {
		{title: "hashes", needs: []need{may("audit.read", "T")}, target: own + "/organizations/$T/audit/tlog/tile/0/000.p/1", status: 200},
		{title: "entries", needs: []need{may("audit.read", "T")}, target: own + "/organizations/$T/audit/tlog/tile/entries/000.p/1", status: 200},
	},
	"PUT /client/v4/organizations/{organization_id}/invites/{member_code}": {
		{title: "somebody else's", target: cf + "/organizations/$T/invites/$code", body: `{"status":"accept"}`, status: 404, code: 1003},
		{title: "own", target: cf + "/organizations/$Y/invites/$invitation", body: `{"status":"reject"}`, status: 200, make: invitation},
	},

	"GET /client/v4/accounts": anybody(cf + "/accounts"),
	"POST /client/v4/accounts": {
		{title: "outside", needs: []need{may("account.create", "instance")}, target: cf + "/accounts", body: `{"name":"n"}`, status: 200},
		{
			title: "inside", needs: []need{see("T"), may("account.create", "T")},
			target: cf + "/accounts", body: `{"name":"n","unit":{"id":"$T"}}`, status: 200,
		},
	},
	"GET /client/v4/accounts/{account_id}":       ofAT("account.read", cf+"/accounts/", "", 200),
	"PUT /client/v4/accounts/{account_id}":       ofAT("account.update", cf+"/accounts/", `{"name":"n"}`, 200),
	"DELETE /client/v4/accounts/{account_id}":    suffix(ofAT("account.delete", cf+"/accounts/", "", 200), "?dry_run=true"),
	"POST /client/v4/accounts/{account_id}/move": {moveOne("C"), moveOne("S"), moveOne("P"), moveOne("T"), moveOne("X")},
	"POST /client/v4/accounts/move": {
		moveSeveral("C", "AT"), moveSeveral("S", "AT"), moveSeveral("C", "AS"), moveSeveral("C", "AL"), moveSeveral("P", "AT"), moveSeveral("S", "AC"),
	},
	"GET /client/v4/accounts/{account_id}/organizations": suffix(ofAT("account.read", cf+"/accounts/", "", 200), "/organizations"),
	"GET /client/v4/accounts/{account_id}/logs/audit":    suffix(ofAT("audit.read", cf+"/accounts/", "", 200), "/logs/audit"+window),
	"GET /client/v4/accounts/{account_id}/logs/audit/{id}/history": {
		{title: "inside", needs: []need{may("audit.read", "AT")}, target: cf + "/accounts/$AT/logs/audit/$RAT/history" + window, status: 200},
		{title: "outside", needs: []need{may("audit.read", "AL")}, target: cf + "/accounts/$AL/logs/audit/$RAL/history" + window, status: 200},
		{title: "of another", needs: []need{may("audit.read", "AT")}, target: cf + "/accounts/$AT/logs/audit/$RAL/history" + window, status: 404, code: 1003},
	},
	"GET /client/v4/accounts/{account_id}/logs/audit/product_categories": suffix(ofAT("audit.read", cf+"/accounts/", "", 200), "/logs/audit/product_categories"),
	"GET /client/v4/accounts/{account_id}/profile":                       suffix(ofAT("profile.read", cf+"/accounts/", "", 200), "/profile"),
	"PUT /client/v4/accounts/{account_id}/profile":                       suffix(ofAT("profile.update", cf+"/accounts/", profileJSON, 204), "/profile"),
	"GET /client/v4/accounts/{account_id}/tokens/verify": {
		{needs: []need{see("AT")}, target: cf + "/accounts/$AT/tokens/verify", status: 200, keyCode: 1001},
	},

	"GET /client/v4/user":                          ofUser("user.read", cf+"/user", ""),
	"GET /client/v4/user/organizations":            anybody(cf + "/user/organizations"),
	"GET /client/v4/user/tenants":                  anybody(cf + "/user/tenants"),
	"GET /client/v4/memberships":                   anybody(cf + "/memberships"),
	"GET /client/v4/user/tokens":                   ofUser("token.read", cf+"/user/tokens", ""),
	"POST /client/v4/user/tokens":                  ofUser("token.write", cf+"/user/tokens", tokenJSON),
	"GET /client/v4/user/tokens/verify":            {{target: cf + "/user/tokens/verify", status: 200, keyCode: 1001}},
	"GET /client/v4/user/tokens/permission_groups": ofUser("token.read", cf+"/user/tokens/permission_groups", ""),
	"GET /client/v4/user/tokens/{token_id}":        ofToken("token.read", cf+"/user/tokens/$token", ""),
	"PUT /client/v4/user/tokens/{token_id}":        ofToken("token.write", cf+"/user/tokens/$token", tokenJSON),
	"DELETE /client/v4/user/tokens/{token_id}":     ofToken("token.write", cf+"/user/tokens/$token", ""),
	"PUT /client/v4/user/tokens/{token_id}/value":  ofToken("token.write", cf+"/user/tokens/$token/value", "{}"),

	"POST /orgd/v1/organizations/{organization_id}/restore": {
		{needs: []need{may("organization.create", "D")}, target: own + "/organizations/$deleted/restore", status: 200, make: deletedOrganization},
		{title: "not deleted", target: own + "/organizations/$T/restore", status: 404, code: 1003},
	},
	"POST /orgd/v1/organizations/{organization_id}/audit": ofT("audit.push", own+"/organizations/$T/audit", recordJSON, 200),
	"PUT /orgd/v1/organizations/{organization_id}/members/{member_id}": ofT("member.write",
		own+"/organizations/$T/members/$MT?dry_run=true", `{"role":"organization_billing"}`, 200),
	"GET /orgd/v1/organizations/{organization_id}/access":                    ofT("access.read", own+"/organizations/$T/access?user=$person", "", 200),
	"GET /orgd/v1/organizations/{organization_id}/audit/streams":             ofT("audit.manage", own+"/organizations/$T/audit/streams", "", 200),
	"POST /orgd/v1/organizations/{organization_id}/audit/streams":            ofT("audit.manage", own+"/organizations/$T/audit/streams", streamJSON, 200),
	"GET /orgd/v1/organizations/{organization_id}/audit/streams/{stream_id}": ofT("audit.manage", own+"/organizations/$T/audit/streams/$ST", "", 200),
	"PUT /orgd/v1/organizations/{organization_id}/audit/streams/{stream_id}": {
		{needs: []need{may("audit.manage", "T")}, target: own + "/organizations/$T/audit/streams/$ST", body: `{"name":"n"}`, status: 200},
		{title: "in another log", needs: []need{may("audit.manage", "P")}, target: own + "/organizations/$P/audit/streams/$ST", body: `{"name":"n"}`, status: 404, code: 1003},
	},
	"DELETE /orgd/v1/organizations/{organization_id}/audit/streams/{stream_id}": {
		{needs: []need{may("audit.manage", "T")}, target: own + "/organizations/$T/audit/streams/$stream", status: 200, make: freshStream},
	},
	"POST /orgd/v1/organizations/{organization_id}/audit/streams/{stream_id}/replay": ofT("audit.manage", own+"/organizations/$T/audit/streams/$ST/replay", `{"from_seq":1}`, 200),

	"GET /orgd/v1/accounts/{account_id}/access":                 suffix(ofAT("access.read", own+"/accounts/", "", 200), "/access"),
	"POST /orgd/v1/accounts/{account_id}/detach":                suffix(ofAT("account.move", own+"/accounts/", "", 200), "/detach?dry_run=true"),
	"GET /orgd/v1/accounts/{account_id}/members":                suffix(ofAT("member.read", own+"/accounts/", "", 200), "/members"),
	"POST /orgd/v1/accounts/{account_id}/members":               suffix(ofAT("member.write", own+"/accounts/", `{"email":"friend@world.test"}`, 200), "/members?dry_run=true"),
	"DELETE /orgd/v1/accounts/{account_id}/members/{member_id}": suffix(ofAT("member.write", own+"/accounts/", "", 200), "/members/$MA?dry_run=true"),
	"GET /orgd/v1/users":                                        ofAdministrator(own+"/users", ""),
	"POST /orgd/v1/users":                                       ofAdministrator(own+"/users", `{"email":"made-$fresh@world.test"}`),
	"GET /orgd/v1/users/{user_id}":                              ofAdministrator(own+"/users/$person", ""),
	"GET /orgd/v1/users/{user_id}/erase":                        {{needs: []need{may("user.admin", "administration")}, target: own + "/users/$person/erase", status: 404, code: 1003}},
	"POST /orgd/v1/users/{user_id}/erase":                       {{needs: []need{may("user.admin", "administration")}, target: own + "/users/$erasable/erase", status: 202}},
	"POST /orgd/v1/users/{user_id}/disable":                     ofAdministrator(own+"/users/$victim/disable", ""),
	"POST /orgd/v1/users/{user_id}/enable":                      ofAdministrator(own+"/users/$victim/enable", ""),
	"POST /orgd/v1/bootstrap": {
		{title: "again", target: own + "/bootstrap", body: `{"email":"second@world.test"}`, header: []string{"X-Orgd-Bootstrap-Secret", worldSecret}, status: 403, code: 10000},
		{title: "no secret", target: own + "/bootstrap", body: `{"email":"second@world.test"}`, status: 401, code: 9106},
		{title: "wrong secret", target: own + "/bootstrap", body: `{"email":"second@world.test"}`, header: []string{"X-Orgd-Bootstrap-Secret", "no"}, status: 401, code: 9109},
	},

	"GET /openapi.json": anybody("/openapi.json"),
	"GET /":             {{target: "/", status: 307}},
}

func getOrganizations() []matrixCase {
	var cases []matrixCase
	for _, o := range []string{"P", "T", "C", "E", "S", "X", "D"} {
		m := matrixCase{title: o, needs: []need{see(o)}, target: cf + "/organizations/$" + o, status: 200}
		if o == "D" {
			m.status, m.code = 404, 1003
		}
		cases = append(cases, m)
	}
	return cases
}

// moveTo moves the organization C with all that is below it.
func moveTo(parent string) matrixCase {
	m := matrixCase{
		title:  "move to " + parent,
		target: cf + "/organizations/$C?dry_run=true", body: `{"name":"n","parent":{"id":"$` + parent + `"}}`, status: 200,
		needs: []need{may("organization.update", "C"), see(parent), may("organization.create", "T"), may("organization.create", parent)},
	}
	return m
}

// moveOne moves the account AT.
func moveOne(to string) matrixCase {
	return matrixCase{
		title:  "to " + to,
		needs:  []need{see("AT"), see(to), may("account.move", "AT"), may("account.create", to).at("/destination_organization_id")},
		target: cf + "/accounts/$AT/move?dry_run=true", body: `{"destination_organization_id":"$` + to + `"}`, status: 200,
	}
}

func moveSeveral(to, account string) matrixCase {
	return matrixCase{
		title:  account + " to " + to,
		needs:  []need{see(to), see(account), may("account.move", account).at("/account_ids/0"), may("account.create", to).at("/destination_organization_id")},
		target: cf + "/accounts/move?dry_run=true", status: 200,
		body: `{"account_ids":["$` + account + `"],"destination_organization_id":"$` + to + `"}`,
	}
}

// freshToken makes a token of the caller, whatever its own token may.
func freshToken(t testing.TB, w *world, c *caller) map[string]string {
	t.Helper()
	by := c.client
	if by.key != "" {
		by.token = ""
	}
	return map[string]string{"token": w.send(by, "POST", cf+"/user/tokens", tokenJSON).at(t, "id")}
}

// invitation invites the caller to an organization of its own.
func invitation(t testing.TB, w *world, c *caller) map[string]string {
	t.Helper()
	return map[string]string{"invitation": w.invite(t, w.other, "Y", c.email)}
}

// freshStream makes a stream of the log of T.
func freshStream(t testing.TB, w *world, _ *caller) map[string]string {
	t.Helper()
	return map[string]string{"stream": w.send(w.founder, "POST", own+"/organizations/"+w.ids["T"]+"/audit/streams", streamJSON).at(t, "id")}
}

// freshBudget makes a budget of T and one of AT.
func freshBudget(t testing.TB, w *world, _ *caller) map[string]string {
	t.Helper()
	made := func(owner string) string {
		return w.send(w.founder, "POST", own+owner+"/budgets", budgetJSON).at(t, "id")
	}
	return map[string]string{"budget": made("/organizations/" + w.ids["T"]), "account_budget": made("/accounts/" + w.ids["AT"])}
}

// deletedOrganization makes an organization below T and deletes it.
func deletedOrganization(t testing.TB, w *world, c *caller) map[string]string {
	t.Helper()
	o := w.send(w.founder, "POST", cf+"/organizations", `{"name":"d","parent":{"id":"`+w.ids["T"]+`"}}`).at(t, "id")
	w.send(w.founder, "DELETE", cf+"/organizations/"+o, "").at(t, "id")
	return map[string]string{"deleted": o}
}
