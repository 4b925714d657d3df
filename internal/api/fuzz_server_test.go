package api_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/orgd/orgd/internal/api"
	"github.com/orgd/orgd/internal/engine/enginetest"
	"github.com/orgd/orgd/internal/openapitest"
)

// newFuzzWorld is a world on SQLite whose founder is asked from everywhere.
func newFuzzWorld(f *testing.F) *world {
	f.Helper()
	w := newWorld(f, enginetest.All(f)[0].Open(f), func(c *api.Config) {
		c.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
		c.MaxBody = 1 << 10
	})
	w.plant(f)
	return w
}

// serve runs a request that a server has parsed, with whatever is in its URL.
func (w *world) serve(c client, method string, u *url.URL) answer {
	r := &http.Request{
		Method: method, URL: u, Host: "orgd.test", RemoteAddr: "192.0.2.1:1234", RequestURI: u.RequestURI(),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Body: http.NoBody,
		Header: http.Header{"Authorization": {"Bearer " + c.token}},
	}
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	return answer{status: rec.Code, header: rec.Result().Header, body: rec.Body.String()}
}

// lists are the routes that read parameters of the query.
var lists = []string{
	cf + "/organizations", cf + "/organizations/$T/accounts", cf + "/organizations/$T/members", cf + "/accounts",
	cf + "/user/organizations", cf + "/memberships", cf + "/user/tokens", cf + "/user/tokens/permission_groups",
	own + "/organizations/$T/access", own + "/accounts/$AT/access", own + "/accounts/$AT/members", own + "/users",
}

var queries = []string{
	"", "id=a&id=b", "id=a,b&id[]=c", "name=T+name&name.startsWith=t&name.endsWith=E&name.contains=%25_", "name[contains]=x",
	"containing.account=x&containing.organization=y&containing.user=z", "containing[user]=z", "parent.id=null", "parent.id=",
	"page_size=1", "page_size=0", "page_size=1001", "page_size=x&page_size=2", "page_token=AVSkNCeC2uZzAAAAAAAAAAAAAA",
	"page=2&per_page=5", "page=0&per_page=51&direction=up", "direction=desc&order_by=account_name&page_size=1",
	"include_total=false&include_tags=1", "include_total=perhaps", "status=active&status=canceled,pending", "status=invited",
	"user.email=a%40b&user.email.contains=x", "order=name&match=all", "order=account.name", "include_expired=true",
	"user=person@world.test", "user=x&user=y", "scope=com.cloudflare.api.user&name=API+Tokens+Read", "email.contains=world",
	"%zz", "a;b", "name=%00", "name=%ff", "=x&[]=y&[a]=z&a[=b", "dry_run=1&unknown=2", "name=" + strings.Repeat("x", 1001),
}

// FuzzQuery gives a query to every list. The outcome is a page, the same each
// time, whose token leads to the next one; or refusals of parameters that were
// given.
func FuzzQuery(f *testing.F) {
	for i, q := range queries {
		f.Add(uint8(i%len(lists)), q)
		f.Add(uint8(0), q)
	}
	w := newFuzzWorld(f)
	f.Fuzz(func(t *testing.T, list uint8, query string) {
		path := w.expand(lists[int(list)%len(lists)], nil, func(string) bool { return false })
		who := w.founder
		if path == own+"/users" {
			who = w.admin
		}
		u := &url.URL{Path: path, RawQuery: query}
		a := w.serve(who, "GET", u)
		if again := w.serve(who, "GET", u); differ(a, again) != "" {
			t.Fatalf("GET %s?%s: two answers:\n%d %s\n%d %s", path, query, a.status, a.body, again.status, again.body)
		}
		switch a.status {
		case 200:
			w.checkPage(t, who, u, a)
		case 400:
			checkQueryRefusals(t, u, a)
		default:
			t.Fatalf("GET %s?%s: %d %s", path, query, a.status, a.body)
		}
	})
}

// checkPage follows the token of a page.
func (w *world) checkPage(t *testing.T, who client, u *url.URL, a answer) {
	t.Helper()
	var p struct {
		Result     json.RawMessage
		ResultInfo *struct {
			NextPageToken string `json:"next_page_token"`
			TotalSize     *int   `json:"total_size"`
		} `json:"result_info"`
	}
	if err := json.Unmarshal([]byte(a.body), &p); err != nil {
		t.Fatalf("GET %s: %v: %s", u, err, a.body)
	}
	var items []json.RawMessage
	if strings.HasSuffix(u.Path, "/access") && strings.Contains(u.Path, "/organizations/") {
		return // not a list
	}
	if err := json.Unmarshal(p.Result, &items); err != nil || items == nil {
		t.Fatalf("GET %s: the result is not a list: %s", u, a.body)
	}
	if p.ResultInfo == nil || p.ResultInfo.NextPageToken == "" {
		return
	}
	if total := p.ResultInfo.TotalSize; len(items) == 0 || total != nil && len(items) >= *total {
		t.Fatalf("GET %s: %d items and more to come: %s", u, len(items), a.body)
	}
	var pairs []string // a page is asked for once
	for pair := range strings.SplitSeq(u.RawQuery, "&") {
		if name, _, _ := strings.Cut(pair, "="); parameter(name) != "page_token" {
			pairs = append(pairs, pair)
		}
	}
	next := &url.URL{Path: u.Path, RawQuery: strings.Join(append(pairs, "page_token="+url.QueryEscape(p.ResultInfo.NextPageToken)), "&")}
	if b := w.serve(who, "GET", next); b.status != 200 || b.body == a.body {
		t.Fatalf("GET %s after %s: %d %s", next, u, b.status, b.body)
	}
}

// parameter returns the parameter that a name in a query is a spelling of.
func parameter(name string) string {
	if plain, err := url.QueryUnescape(name); err == nil {
		name = plain
	}
	name = strings.TrimSuffix(name, "[]")
	if before, after, ok := strings.Cut(name, "["); ok && before != "" && strings.HasSuffix(after, "]") {
		return before + "." + strings.TrimSuffix(after, "]")
	}
	return name
}

func checkQueryRefusals(t *testing.T, u *url.URL, a answer) {
	t.Helper()
	var e struct {
		Success *bool
		Errors  []struct {
			Code    int
			Message string
			Source  struct{ Pointer string }
		}
	}
	if err := json.Unmarshal([]byte(a.body), &e); err != nil || e.Success == nil || *e.Success || len(e.Errors) == 0 {
		t.Fatalf("GET %s: %s", u, a.body)
	}
	given := []string{"query"}
	if values, err := url.ParseQuery(u.RawQuery); err == nil {
		given = []string{"user"} // is required of one of them
		for name := range values {
			given = append(given, parameter(url.QueryEscape(name)))
		}
	}
	for i, b := range e.Errors {
		if b.Code != 1001 || b.Message == "" || !slices.Contains(given, b.Source.Pointer) {
			t.Fatalf("GET %s is refused with %s, which is not about %q", u, a.body, given)
		}
		if slices.Contains(e.Errors[:i], b) {
			t.Fatalf("GET %s is refused twice for the same: %s", u, a.body)
		}
	}
}

var methods = []string{"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE", "get", "x y"}

// FuzzPath asks for paths with every method, without a body. The outcome is
// what the document says, or that there is no such route; never a redirect but
// that of the root, never text.
func FuzzPath(f *testing.F) {
	for _, r := range api.RouteTable() {
		method := uint8(slices.Index(methods, r.Method))
		for _, id := range []string{unknown, "%00"} {
			f.Add(method, strings.NewReplacer("{organization_id}", id, "{account_id}", id, "{member_id}", id, "{token_id}", id,
				"{user_id}", id, "{member_code}", id).Replace(r.Path))
		}
		f.Add(method+1, r.Path+"/")
	}
	for i, id := range []string{"x", "%2F", "..", "%2e%2e", "a%20b", "ü", "%zz", ""} {
		f.Add(uint8(i), cf+"/organizations/"+id+"/members/"+id)
	}
	for i, path := range []string{"//", "/client/v4//organizations", "/client/v4/organizations/.", "/x/../openapi.json", "*", "http://h/client/v4/user", "/client/v4/organizations?%zz", "/console/"} {
		f.Add(uint8(i), path)
	}
	w := newFuzzWorld(f)
	document := openapitest.Load(f)
	f.Fuzz(func(t *testing.T, method uint8, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return // a server refuses the request before anybody sees it
		}
		m := methods[int(method)%len(methods)]
		w.checkTarget(t, document, m, u, w.serve(w.founder, m, u))
	})
}

// reserved are paths that a method without a route of its own takes for that of
// an object, of which there is none.
var reserved = []string{cf + "/accounts/move", cf + "/user/tokens/verify", cf + "/user/tokens/permission_groups"}

func (w *world) checkTarget(t *testing.T, document *openapitest.Document, method string, u *url.URL, a answer) {
	t.Helper()
	about := method + " " + strconv.Quote(u.RequestURI()) + ": " + strconv.Itoa(a.status) + " " + a.body
	switch {
	case a.status == 307:
		if u.Path != "/" || a.header.Get("Location") != "/console/" {
			t.Fatal(about, a.header)
		}
		return
	case a.status >= 300 && a.status < 400, a.status >= 500, a.header.Get("Location") != "":
		t.Fatal(about, a.header)
	case a.header.Get("Content-Type") != "application/json" || !json.Valid([]byte(a.body)):
		t.Fatal(about, a.header)
	}
	if a.status == 404 && a.code() == 7003 || slices.Contains(reserved, u.Path) {
		return // the document knows no paths to refuse
	}
	if method == "HEAD" {
		a.body = "" // as a server leaves it out
	}
	r := &http.Request{Method: method, URL: u, Header: make(http.Header), Body: http.NoBody}
	if err := document.CheckResponse(r, a.status, a.header, []byte(a.body)); err != nil {
		t.Fatalf("%s\n%v", about, err)
	}
}
