package gosdk_test

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/cloudflare/cloudflare-go/v7/accounts"
	"github.com/cloudflare/cloudflare-go/v7/billing"
	"github.com/cloudflare/cloudflare-go/v7/memberships"
	"github.com/cloudflare/cloudflare-go/v7/option"
	"github.com/cloudflare/cloudflare-go/v7/organizations"
	"github.com/cloudflare/cloudflare-go/v7/packages/pagination"
	"github.com/cloudflare/cloudflare-go/v7/shared"
	"github.com/cloudflare/cloudflare-go/v7/user"

	"github.com/orgd/orgd/compat/gosdk"
)

// watch returns the middleware that notes which SDK method is calling and
// checks the answer.
func (s *suite) watch(t *testing.T) option.Middleware {
	return func(req *http.Request, next option.MiddlewareNext) (*http.Response, error) {
		method := s.note(callers(), req)
		resp, err := next(req)
		if err != nil {
			return resp, err
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		resp.Body = io.NopCloser(bytes.NewReader(body))
		if err != nil {
			return resp, err
		}
		check := answer{method: method, request: req, response: resp, body: body}
		check.run(t)
		return resp, nil
	}
}

// note records the calling methods and returns the innermost. A pager that asks
// for its next page has left the method it started from, so that is found by
// the request.
func (s *suite) note(methods []string, req *http.Request) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, method := range methods {
		s.called[method] = true
	}
	place := req.Method + " " + req.URL.Path
	if len(methods) > 0 {
		s.callerOf[place] = methods[0]
	}
	return s.callerOf[place]
}

// callers names the SDK methods on the call stack, innermost first.
func callers() []string {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	function := regexp.MustCompile(`cloudflare-go/v7/(?:\w+/)*(\w+)\.\(\*(\w+Service)\)\.(\w+)$`)
	var names []string
	for {
		frame, more := frames.Next()
		if m := function.FindStringSubmatch(frame.Function); m != nil {
			names = append(names, strings.Join(m[1:], "."))
		}
		if !more {
			return names
		}
	}
}

// answer is what came back for one call.
type answer struct {
	method   string
	request  *http.Request
	response *http.Response
	body     []byte
}

func (a *answer) run(t *testing.T) {
	t.Helper()
	report := func(format string, args ...any) {
		t.Helper()
		t.Errorf("%s %s (%s): "+format, append([]any{a.request.Method, a.request.URL.RequestURI(), a.method}, args...)...)
	}
	ray := regexp.MustCompile(`^[0-9a-f]{16}-ORG$`)
	if got := a.response.Header.Get("CF-RAY"); !ray.MatchString(got) {
		report("CF-RAY is %q", got)
	}
	if a.response.StatusCode == http.StatusNoContent {
		if len(a.body) != 0 {
			report("204 with a body: %s", a.body)
		}
		return
	}
	if kind, _, _ := mime.ParseMediaType(a.response.Header.Get("Content-Type")); kind != "application/json" {
		report("Content-Type is %q", a.response.Header.Get("Content-Type"))
	}
	if a.response.StatusCode/100 == 2 {
		a.success(report)
	} else {
		a.refusal(report)
	}
}

func (a *answer) success(report func(string, ...any)) {
	if a.response.StatusCode != http.StatusOK {
		report("status %d", a.response.StatusCode)
	}
	var envelope struct {
		Success *bool             `json:"success"`
		Errors  []json.RawMessage `json:"errors"`
	}
	if err := json.Unmarshal(a.body, &envelope); err != nil {
		report("%v in %s", err, a.body)
		return
	}
	if envelope.Success == nil || !*envelope.Success || envelope.Errors == nil || len(envelope.Errors) != 0 {
		report("not a success envelope: %s", a.body)
	}
	into := envelopeOf(a.method)
	if into == nil {
		report("the suite has no envelope type for %s", a.method)
		return
	}
	if err := into.UnmarshalJSON(a.body); err != nil {
		report("%v in %s", err, a.body)
		return
	}
	for _, deviation := range gosdk.Deviations(into, declaredExtra) {
		report("%s\nin %s", deviation, a.body)
	}
	a.list(report)
}

// list checks result_info, which the lists of the API must have and no other
// answer may have.
func (a *answer) list(report func(string, ...any)) {
	var envelope struct {
		Result     json.RawMessage `json:"result"`
		ResultInfo map[string]any  `json:"result_info"`
	}
	if err := json.Unmarshal(a.body, &envelope); err != nil {
		report("%v", err)
	}
	info := envelope.ResultInfo
	switch {
	case !bytes.HasPrefix(envelope.Result, []byte("[")):
		if info != nil {
			report("result_info in an answer that is no list: %s", a.body)
		}
	case a.method == "accounts.LogAuditService.ProductCategories", strings.Contains(a.method, "UsageService."):
	case strings.Contains(a.method, ".LogAuditService."):
		a.cursor(info, report)
	case strings.HasPrefix(a.method, "organizations."):
		if _, ok := info["total_size"].(float64); !ok {
			report("no total_size in result_info: %v", info)
		}
		if token, ok := info["next_page_token"]; ok && (token == nil || token == "") {
			report("next_page_token is %#v", token)
		}
	case a.method == "user.TenantService.List" || a.method == "user.TokenPermissionGroupService.List":
	default:
		for _, key := range []string{"page", "per_page", "count", "total_count"} {
			if _, ok := info[key].(float64); !ok {
				report("no %s in result_info: %v", key, info)
			}
		}
	}
}

// cursor checks the result_info of a list of records: a string as count, or a
// number in a history, and the cursor in both places or in none.
func (a *answer) cursor(info map[string]any, report func(string, ...any)) {
	_, text := info["count"].(string)
	_, number := info["count"].(float64)
	if history := strings.HasSuffix(a.method, ".History"); text == history || number != history {
		report("count is %#v", info["count"])
	}
	cursor, present := info["cursor"]
	cursors, _ := info["cursors"].(map[string]any)
	if present && cursor == "" || cursors["after"] != cursor {
		report("cursor is %#v, cursors %#v", cursor, cursors)
	}
}

func (a *answer) refusal(report func(string, ...any)) {
	if a.response.StatusCode == http.StatusConflict || a.response.StatusCode >= 500 {
		report("status %d: %s", a.response.StatusCode, a.body)
	}
	var envelope map[string]json.RawMessage
	var list []shared.ErrorData
	if err := json.Unmarshal(a.body, &envelope); err != nil {
		report("%v in %s", err, a.body)
		return
	}
	if err := json.Unmarshal(envelope["errors"], &list); err != nil || len(list) == 0 {
		report("no errors in %s", a.body)
	}
	forbidden := regexp.MustCompile(`(?i)authentication error|unable to authenticate|rate limit`)
	for _, e := range list {
		if e.Code < 1000 || e.Message == "" || forbidden.MatchString(e.Message) {
			report("error %d %q", e.Code, e.Message)
		}
	}
	if string(envelope["success"]) != "false" || string(envelope["messages"]) != "[]" {
		report("not an error envelope: %s", a.body)
	}
	result, present := envelope["result"]
	if a.organizationsFamily() {
		if present {
			report("result in an error of the organizations family: %s", a.body)
		}
	} else if string(result) != "null" {
		report("result is %s in an error, want null", result)
	}
}

// organizationsFamily tells whether the errors of the call have no result: so
// has the schema of these operations.
func (a *answer) organizationsFamily() bool {
	switch a.method {
	case "accounts.AccountOrganizationService.New", "accounts.AccountProfileService.Get", "accounts.AccountProfileService.Update",
		"user.TenantService.List":
		return true
	}
	return strings.HasPrefix(a.method, "organizations.") && !strings.HasPrefix(a.method, "organizations.LogAuditService.") &&
		a.method != "organizations.BillingUsageService.Get"
}

// declaredExtra names the keys that orgd adds to the answers on purpose. All
// other keys that the SDK does not know are faults.
func declaredExtra(typeName, key string) bool {
	generic, _, _ := strings.Cut(typeName, "[")
	switch generic + "." + key {
	case "SinglePage.success", "SinglePage.errors", "SinglePage.messages", "SinglePage.result_info",
		"V4PagePaginationArray.success", "V4PagePaginationArray.errors", "V4PagePaginationArray.messages",
		"V4PagePaginationArrayResultInfo.count", "V4PagePaginationArrayResultInfo.total_count",
		"V4PagePaginationArrayResultInfo.total_pages":
		// The SDK's page types leave these parts of the envelope out.
		return true
	case "CursorPaginationAfter.success", "CursorPaginationAfter.errors", "CursorPaginationAfter.messages",
		"CursorPaginationAfterResultInfo.count", "CursorPaginationAfterResultInfo.cursor",
		"LogAuditHistoryResponseEnvelope.messages", "LogAuditHistoryResponseEnvelopeResultInfo.cursors":
		// The SDK's types leave these parts out, each of the two others.
		return true
	case "LogAuditListResponseResource.before", "LogAuditListResponseResource.after",
		"LogAuditHistoryResponseResource.before", "LogAuditHistoryResponseResource.after":
		// What was changed, which the real API does not tell.
		return true
	case "LogAuditListResponse.source", "LogAuditListResponse.source_id", "LogAuditListResponse.occurred",
		"LogAuditListResponseActor.external_type":
		// What another system pushed.
		return true
	case "OrganizationMeta.flags":
		// What older clients read instead of tenant_flags.
		return true
	case "OrganizationMetaTenantFlags.account_creation_applies_tenant_defaults":
		// What newer clients read as well.
		return true
	}
	return false
}

// envelopeOf returns a new value of the type that the SDK decodes the answer of
// the method into.
func envelopeOf(method string) interface{ UnmarshalJSON([]byte) error } {
	switch method {
	case "organizations.OrganizationService.New":
		return new(organizations.OrganizationNewResponseEnvelope)
	case "organizations.OrganizationService.Update":
		return new(organizations.OrganizationUpdateResponseEnvelope)
	case "organizations.OrganizationService.Get":
		return new(organizations.OrganizationGetResponseEnvelope)
	case "organizations.OrganizationService.Delete":
		return new(organizations.OrganizationDeleteResponseEnvelope)
	case "organizations.OrganizationService.List", "user.TenantService.List":
		return new(pagination.SinglePage[organizations.Organization])
	case "organizations.OrganizationAccountService.Get":
		return new(organizations.OrganizationAccountGetResponseEnvelope)
	case "organizations.OrganizationProfileService.Get":
		return new(organizations.OrganizationProfileGetResponseEnvelope)
	case "organizations.MemberService.New":
		return new(organizations.MemberNewResponseEnvelope)
	case "organizations.MemberService.Get", "organizations.MemberService.Delete":
		// A delete answers with the member when it is a dry run.
		return new(organizations.MemberGetResponseEnvelope)
	case "organizations.MemberService.List":
		return new(pagination.SinglePage[organizations.OrganizationMember])
	case "organizations.LogAuditService.List":
		return new(pagination.CursorPaginationAfter[organizations.LogAuditListResponse])
	case "organizations.LogAuditService.History":
		return new(organizations.LogAuditHistoryResponseEnvelope)
	case "organizations.BillingUsageService.Get":
		return new(organizations.BillingUsageGetResponseEnvelope)
	case "billing.UsageService.Get":
		return new(billing.UsageGetResponseEnvelope)
	case "billing.UsageService.GetAccountUsageV2":
		return new(billing.UsageGetAccountUsageV2ResponseEnvelope)
	case "billing.UsageService.GetAccountUsageV1":
		return new(billing.UsageGetAccountUsageV1ResponseEnvelope)
	case "billing.UsageService.GetAccountUsageInfoV1":
		return new(billing.UsageGetAccountUsageInfoV1ResponseEnvelope)
	case "billing.UsageService.Paygo":
		return new(billing.UsagePaygoResponseEnvelope)
	case "billing.UsageService.PaygoInfo":
		return new(billing.UsagePaygoInfoResponseEnvelope)
	case "memberships.MembershipService.List":
		return new(pagination.V4PagePaginationArray[memberships.Membership])
	}
	if strings.HasPrefix(method, "accounts.") {
		return accountEnvelopeOf(method)
	}
	return userEnvelopeOf(method)
}

func accountEnvelopeOf(method string) interface{ UnmarshalJSON([]byte) error } {
	switch method {
	case "accounts.AccountService.New":
		return new(accounts.AccountNewResponseEnvelope)
	case "accounts.AccountService.Update":
		return new(accounts.AccountUpdateResponseEnvelope)
	case "accounts.AccountService.Get":
		return new(accounts.AccountGetResponseEnvelope)
	case "accounts.AccountService.Delete":
		return new(accounts.AccountDeleteResponseEnvelope)
	case "accounts.AccountService.List":
		return new(pagination.V4PagePaginationArray[accounts.Account])
	case "accounts.AccountOrganizationService.New":
		return new(accounts.AccountOrganizationNewResponseEnvelope)
	case "accounts.AccountProfileService.Get":
		return new(accounts.AccountProfileGetResponseEnvelope)
	case "accounts.LogAuditService.List":
		return new(pagination.CursorPaginationAfter[accounts.LogAuditListResponse])
	case "accounts.LogAuditService.History":
		return new(accounts.LogAuditHistoryResponseEnvelope)
	case "accounts.LogAuditService.ProductCategories":
		return new(pagination.SinglePage[accounts.LogAuditProductCategoriesResponse])
	case "accounts.TokenService.Verify":
		return new(accounts.TokenVerifyResponseEnvelope)
	}
	return nil
}

func userEnvelopeOf(method string) interface{ UnmarshalJSON([]byte) error } {
	switch method {
	case "user.UserService.Get":
		return new(user.UserGetResponseEnvelope)
	case "user.OrganizationService.List":
		return new(pagination.V4PagePaginationArray[user.Organization])
	case "user.TokenService.New":
		return new(user.TokenNewResponseEnvelope)
	case "user.TokenService.Update":
		return new(user.TokenUpdateResponseEnvelope)
	case "user.TokenService.Get":
		return new(user.TokenGetResponseEnvelope)
	case "user.TokenService.Delete":
		return new(user.TokenDeleteResponseEnvelope)
	case "user.TokenService.List":
		return new(pagination.V4PagePaginationArray[shared.Token])
	case "user.TokenService.Verify":
		return new(user.TokenVerifyResponseEnvelope)
	case "user.TokenValueService.Update":
		return new(user.TokenValueUpdateResponseEnvelope)
	case "user.TokenPermissionGroupService.List":
		return new(pagination.SinglePage[user.TokenPermissionGroupListResponse])
	}
	return nil
}
