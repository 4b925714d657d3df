package openapitest_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orgd/orgd/internal/openapitest"
)

const (
	orgID      = "019a0000000070008000000000000001"
	orgPath    = "/client/v4/organizations/" + orgID
	flags      = `"account_creation":"enabled","account_deletion":"enabled","account_migration":"enabled","account_mobility":"enabled","sub_org_creation":"enabled"`
	moreFlags  = flags + `,"enterprise_capability":"enabled","member_management":"enabled","account_creation_applies_tenant_defaults":"disabled"`
	meta       = `{"flags":{` + flags + `},"tenant_flags":{` + moreFlags + `},"hierarchy_tags":["` + orgID + `"]}`
	createTime = `"2026-11-22T23:30:00.123456Z"`
	org        = `{"id":"` + orgID + `","name":"n","create_time":` + createTime + `,"meta":` + meta + `}`
	member     = `{"id":"` + orgID + `","create_time":` + createTime + `,"update_time":` + createTime + `,"status":"pending",` +
		`"meta":{"role":{"name":"organization_read_only"},"invitation":{"expire_time":` + createTime + `}},` +
		`"user":{"id":"` + orgID + `","email":"a@example.com","name":"","two_factor_authentication_enabled":false}}`
	account = `{"id":"` + orgID + `","name":"a","type":"standard","created_on":` + createTime + `,"settings":{"abuse_contact_email":null,` +
		`"access_approval_expiry":null,"api_access_enabled":null,"default_nameservers":null,"enforce_twofactor":null,"use_account_custom_ns_by_default":null}}`
)

func success(result string) string {
	return `{"success":true,"errors":[],"messages":[],"result":` + result + `}`
}

func list(result, info string) string {
	return `{"success":true,"errors":[],"messages":[],"result":[` + result + `],"result_info":` + info + `}`
}

func refusal(code, rest string) string {
	return `{"success":false,"errors":[{"code":` + code + `,"message":"m"}],"messages":[]` + rest + `}`
}

// exchange is a request with its answer.
type exchange struct {
	name         string
	method, path string
	request      string
	status       int
	header       map[string]string
	without      string // a header to leave out
	body         string
	// want is a part of the complaint; empty when all is well.
	want string
}

func (e exchange) check(t *testing.T, check func(*http.Request, []byte, int, http.Header, []byte) error) {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), e.method, e.path, strings.NewReader(e.request))
	header := http.Header{"Content-Type": {"application/json"}, "Cf-Ray": {"0123456789abcdef-ORG"}, "Etag": {`"1"`}, "Allow": {"GET"}}
	for name, value := range e.header {
		header.Set(name, value)
	}
	header.Del(e.without)
	err := check(req, []byte(e.request), e.status, header, []byte(e.body))
	switch {
	case e.want == "" && err != nil:
		t.Errorf("%v, want nothing", err)
	case e.want != "" && (err == nil || !strings.Contains(err.Error(), e.want)):
		t.Errorf("got %v, want something with %q", err, e.want)
	}
}

func run(t *testing.T, cases []exchange) {
	t.Helper()
	d := openapitest.Load(t)
	for _, e := range cases {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			e.check(t, d.Check)
		})
	}
}

func TestCheckAcceptsWhatIsRight(t *testing.T) {
	t.Parallel()
	run(t, []exchange{
		{name: "object", method: "GET", path: orgPath, status: 200, body: success(org)},
		{name: "object with parent and profile", method: "GET", path: orgPath, status: 200, body: success(strings.Replace(org, `"name":"n"`,
			`"name":"n","parent":{"id":"`+orgID+`","name":"p"},"profile":{"business_address":"","business_email":"","business_name":"","business_phone":"","external_metadata":""}`, 1))},
		{name: "list", method: "GET", path: "/client/v4/organizations?id=a&id=b&name.startsWith=x&parent.id=null&page_size=0&unknown=1", status: 200, body: list(org, `{"total_size":1}`)},
		{name: "empty parameter", method: "GET", path: "/client/v4/organizations?page_size=&page_token=", status: 200, body: list("", `{"total_size":0}`)},
		{name: "accounts by token", method: "GET", path: orgPath + "/accounts?include_total=false", status: 200, body: list(account, `{"next_page_token":"x"}`)},
		{name: "accounts by number", method: "GET", path: orgPath + "/accounts?page=1&per_page=5", status: 200, body: list(account, `{"page":1,"per_page":5,"count":1,"total_count":1,"total_pages":1}`)},
		{name: "account tags are free", method: "GET", path: orgPath + "/accounts?include_tags=true", status: 200, body: list(strings.Replace(account, `"name":"a"`, `"name":"a","tags":{"any":"thing"}`, 1), `{"total_size":1}`)},
		{name: "create with nulls and unknown keys", method: "POST", path: "/client/v4/organizations", request: `{"name":"n","parent":null,"profile":null,"id":7}`, status: 200, body: success(org)},
		{name: "colon", method: "POST", path: orgPath + "/members:batchCreate", request: `{"members":[{"user":{"email":"a@example.com"},"role":null}]}`, status: 200, body: success("[" + member + "]")},
		{name: "escaped colon", method: "POST", path: orgPath + "/members%3AbatchCreate", request: `{"members":[{"user":{"email":"a@example.com"}}]}`, status: 200, body: success("[" + member + "]")},
		{name: "escaped id", method: "GET", path: "/client/v4/organizations/o%201%2Fx", status: 404, body: refusal("1003", "")},
		{name: "no content", method: "PUT", path: orgPath + "/profile", request: `{"business_address":"","business_email":"","business_name":"","business_phone":"","external_metadata":""}`, status: 204, without: "Content-Type"},
		{name: "not modified", method: "GET", path: orgPath, status: 304, without: "Content-Type"},
		{name: "head", method: "HEAD", path: orgPath, status: 200},
		{name: "refusal with null result", method: "GET", path: "/client/v4/accounts", status: 401, body: refusal("9106", `,"result":null`)},
		{name: "too many", method: "GET", path: "/client/v4/accounts", status: 429, header: map[string]string{"Retry-After": "3"}, body: refusal("10100", `,"result":null`)},
		{name: "literal before parameter", method: "GET", path: "/client/v4/user/tokens/verify", status: 200, body: success(`{"id":"` + orgID + `","status":"active"}`)},
		{name: "no body where it is optional", method: "PUT", path: "/client/v4/user/tokens/x/value", status: 200, body: success(`"orgd_0123456789012345678901234567890123456789abc"`)},
		{name: "redirect", method: "GET", path: "/", status: 307, header: map[string]string{"Location": "/console/"}, body: "<a>"},
	})
}

func TestCheckFindsFaultyResponses(t *testing.T) {
	t.Parallel()
	run(t, []exchange{
		{name: "missing key", method: "GET", path: orgPath, status: 200, body: success(strings.Replace(org, `"name":"n",`, "", 1)), want: `property "name" is missing`},
		{name: "missing flag", method: "GET", path: orgPath, status: 200, body: success(strings.Replace(org, `"member_management":"enabled",`, "", 1)), want: `"member_management" is missing`},
		{name: "missing result_info", method: "GET", path: "/client/v4/organizations", status: 200, body: success("[]"), want: `"result_info" is missing`},
		{name: "wrong type", method: "GET", path: orgPath, status: 200, body: success(strings.Replace(org, `"name":"n"`, `"name":1`, 1)), want: "/result/name"},
		{name: "unknown enum value", method: "GET", path: orgPath, status: 200, body: success(strings.Replace(org, `"enabled"`, `"true"`, 1)), want: "not one of the allowed values"},
		{name: "impossible time", method: "GET", path: orgPath, status: 200, body: success(strings.Replace(org, "2026-11-22", "2026-11-31", 1)), want: "date-time"},
		{name: "time with an offset", method: "GET", path: orgPath, status: 200, body: success(strings.Replace(org, "123456Z", "123456+00:00", 1)), want: "regular expression"},
		{name: "undeclared status", method: "GET", path: orgPath, status: 201, body: success(org), want: "status is not in the document"},
		{name: "conflict", method: "GET", path: orgPath, status: 409, body: refusal("1001", ""), want: "status is not in the document"},
		{name: "unnamed key", method: "GET", path: orgPath, status: 200, body: success(strings.Replace(org, `"name":"n"`, `"name":"n","surprise":1`, 1)), want: "/result/surprise"},
		{name: "unnamed key in a list", method: "GET", path: orgPath + "/members", status: 200, body: list(strings.Replace(member, `"role":`, `"x":{},"role":`, 1), `{"total_size":1}`), want: "/result/0/meta/x"},
		{name: "unnamed key in an alternative", method: "GET", path: orgPath + "/accounts", status: 200, body: list("", `{"total_size":0,"cursor":""}`), want: "/result_info/cursor"},
		{name: "mixed page information", method: "GET", path: orgPath + "/accounts", status: 200, body: list("", `{"page":1,"total_size":0}`), want: "/result_info/page"},
		{name: "null result in the organizations family", method: "GET", path: orgPath, status: 404, body: refusal("1003", `,"result":null`), want: "not"},
		{name: "no result elsewhere", method: "GET", path: "/client/v4/accounts", status: 401, body: refusal("9106", ""), want: `"result" is missing`},
		{name: "object as result of a refusal", method: "GET", path: "/client/v4/accounts", status: 401, body: refusal("9106", `,"result":{}`), want: "/result"},
		{name: "unknown code", method: "GET", path: orgPath, status: 404, body: refusal("1004", ""), want: "/errors/0/code"},
		{name: "success with an error", method: "GET", path: orgPath, status: 200, body: strings.Replace(success(org), `"errors":[]`, `"errors":[{}]`, 1), want: "/errors"},
		{name: "no ray", method: "GET", path: orgPath, status: 200, without: "CF-RAY", body: success(org), want: "CF-RAY"},
		{name: "no etag", method: "GET", path: orgPath, status: 200, without: "ETag", body: success(org), want: "ETag"},
		{name: "no etag when not modified", method: "GET", path: orgPath, status: 304, without: "ETag", want: "ETag"},
		{name: "no retry-after", method: "GET", path: "/client/v4/accounts", status: 429, body: refusal("10100", `,"result":null`), want: "Retry-After"},
		{name: "content type", method: "GET", path: orgPath, status: 200, header: map[string]string{"Content-Type": "text/plain"}, body: success(org), want: "text/plain"},
		{name: "two values", method: "GET", path: orgPath, status: 200, body: success(org) + "{}", want: "not JSON"},
		{name: "empty body", method: "GET", path: orgPath, status: 200, want: "response 200"},
		{name: "body of no content", method: "DELETE", path: orgPath + "/members/x", status: 204, body: "{}", want: "a body where"},
		{name: "body of head", method: "HEAD", path: orgPath, status: 200, body: "{}", want: "a body where"},
		{name: "redirect elsewhere", method: "GET", path: "/", status: 307, header: map[string]string{"Location": "/"}, want: "Location"},
	})
}

func TestCheckFindsFaultyRequests(t *testing.T) {
	t.Parallel()
	run(t, []exchange{
		{name: "type of a parameter", method: "GET", path: "/client/v4/organizations?page_size=many", status: 400, body: refusal("1001", ""), want: "page_size"},
		{name: "range of a parameter", method: "GET", path: "/client/v4/accounts?per_page=51", status: 400, body: refusal("1001", `,"result":null`), want: "per_page"},
		{name: "enum of a repeated parameter", method: "GET", path: orgPath + "/members?status=active&status=gone", status: 400, body: refusal("1001", ""), want: "status"},
		{name: "boolean", method: "DELETE", path: orgPath + "?dry_run=perhaps", status: 400, body: refusal("1001", ""), want: "dry_run"},
		{name: "missing parameter", method: "GET", path: "/orgd/v1/organizations/x/access", status: 400, body: refusal("1001", `,"result":null`), want: "user"},
		{name: "missing key", method: "POST", path: "/client/v4/organizations", request: `{}`, status: 400, body: refusal("1001", ""), want: `"name" is missing`},
		{name: "missing body", method: "POST", path: "/client/v4/organizations", status: 400, body: refusal("1198", ""), want: "request"},
		{name: "bad JSON", method: "POST", path: "/client/v4/organizations", request: `{`, status: 400, body: refusal("1198", ""), want: "request"},
		{name: "unknown path", method: "GET", path: "/client/v4/nowhere", status: 404, body: refusal("7003", `,"result":null`), want: "no such operation"},
		{name: "unknown method", method: "PATCH", path: orgPath, status: 405, body: refusal("10405", ""), want: "no such operation"},
	})
}

func TestCheckResponse(t *testing.T) {
	t.Parallel()
	d := openapitest.Load(t)
	cases := []exchange{
		{name: "wrong request, right answer", method: "GET", path: "/client/v4/organizations?page_size=many", status: 400, body: refusal("1001", "")},
		{name: "unknown path", method: "GET", path: "/client/v4/nowhere", status: 404, body: refusal("7003", `,"result":null`)},
		{name: "unknown path, wrong status", method: "GET", path: "/client/v4/nowhere", status: 200, body: success("{}"), want: "want 404"},
		{name: "unknown path, wrong body", method: "GET", path: "/client/v4/nowhere", status: 404, body: refusal("7003", ""), want: `"result" is missing`},
		{name: "unknown path, no ray", method: "GET", path: "/client/v4/nowhere", status: 404, without: "CF-RAY", body: refusal("7003", `,"result":null`), want: "CF-RAY"},
		{name: "unknown method", method: "PATCH", path: orgPath, status: 405, body: refusal("10405", "")},
		{name: "unknown method elsewhere", method: "PATCH", path: "/client/v4/accounts", status: 405, body: refusal("10405", `,"result":null`)},
		{name: "unknown method, wrong body", method: "PATCH", path: orgPath, status: 405, body: refusal("10405", `,"result":null`), want: "not"},
		{name: "unknown method, no Allow", method: "PATCH", path: orgPath, status: 405, without: "Allow", body: refusal("10405", ""), want: "Allow"},
		{name: "unknown method, unnamed key", method: "PATCH", path: orgPath, status: 405, body: refusal("10405", `,"x":1`), want: "/x"},
	}
	for _, e := range cases {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			e.check(t, func(r *http.Request, _ []byte, status int, h http.Header, body []byte) error {
				return d.CheckResponse(r, status, h, body)
			})
		})
	}
}

const external = `{"openapi":"3.0.3","info":{"title":"x","version":"1"},"paths":{"/things/{id}":{
	"parameters":[{"name":"id","in":"path","required":true,"schema":{"type":"string"}}],
	"get":{"responses":{
		"200":{"description":"ok","content":{"application/json":{"schema":{"type":"object","required":["result"],"properties":{"result":{"type":"string"}}}}}},
		"4XX":{"description":"no","content":{"application/json":{"schema":{"type":"object","required":["result"],"properties":{"result":{"type":"object","nullable":true,"enum":[null]}}}}}}}}}}}`

func TestLoadExternal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "external.json")
	if err := os.WriteFile(path, []byte(external), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(openapitest.ExternalVariable, path)
	d, ok := openapitest.External(t)
	if !ok {
		t.Fatal("External is not ok although the variable is set")
	}
	if got := strings.Join(d.Paths(), ","); got != "GET /client/v4/things/{id}" {
		t.Errorf("Paths() = %s", got)
	}
	for _, e := range []exchange{
		{name: "extra keys", method: "GET", path: "/client/v4/things/x", status: 200, body: `{"result":"r","extra":1}`},
		{name: "refusal", method: "GET", path: "/client/v4/things/x", status: 404, body: `{"result":null}`},
		{name: "faulty", method: "GET", path: "/client/v4/things/x", status: 200, body: `{"result":1}`, want: "/result"},
		{name: "faulty refusal", method: "GET", path: "/client/v4/things/x", status: 404, body: `{}`, want: `"result" is missing`},
		{name: "undeclared status", method: "GET", path: "/client/v4/things/x", status: 500, body: `{}`, want: "status is not in"},
		{name: "not in it", method: "GET", path: "/orgd/v1/things/x", status: 200, want: openapitest.ErrNoOperation.Error()},
	} {
		t.Run(e.name, func(t *testing.T) { e.check(t, d.Check) })
	}
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPut, "/client/v4/things/x", http.NoBody)
	if err := d.CheckResponse(req, http.StatusOK, nil, nil); !errors.Is(err, openapitest.ErrNoOperation) {
		t.Errorf("CheckResponse of an unknown operation = %v, want ErrNoOperation", err)
	}
}

func TestLoadExternalRefusesWhatIsNoDocument(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "external.json")
	if _, err := openapitest.LoadExternal(path, ""); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file gives %v", err)
	}
	if err := os.WriteFile(path, []byte("["), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openapitest.LoadExternal(path, ""); err == nil {
		t.Error("a broken file is accepted")
	}
}
