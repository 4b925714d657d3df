package api_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/orgd/orgd/internal/api"
	"github.com/orgd/orgd/internal/engine/enginetest"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
)

// sqlite returns a new store on the engine that is quickest.
func sqlite(t *testing.T) org.Store {
	t.Helper()
	return enginetest.All(t)[0].Open(t)
}

// TestMethods asks for every path with every method that it does not have.
func TestMethods(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sqlite(t))
	has := make(map[string][]string)
	organizations := make(map[string]bool)
	for _, r := range api.RouteTable() {
		has[r.Path] = append(has[r.Path], r.Method)
		organizations[r.Path] = r.Organizations
	}
	for path, methods := range has {
		target := strings.NewReplacer("{", "", "}", "").Replace(path)
		for _, method := range []string{"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "LINK"} {
			if slices.Contains(methods, method) || slices.Contains(reserved, path) {
				continue
			}
			allow := strings.Join(slices.DeleteFunc([]string{"GET", "HEAD", "POST", "PUT", "DELETE"}, func(m string) bool {
				return !slices.Contains(methods, strings.Replace(m, "HEAD", "GET", 1))
			}), ", ")
			a := w.send(client{}, method, target, "")
			if a.status != 405 || a.code() != 10405 || a.header.Get("Allow") != allow {
				t.Errorf("%s %s: %d %s, Allow %q, want %q", method, target, a.status, a.body, a.header.Get("Allow"), allow)
			}
			if null := strings.Contains(a.body, `"result":null`); null == organizations[path] {
				t.Errorf("%s %s: %s is not of its family", method, target, a.body)
			}
		}
	}
}

// TestNoRoute sends paths as they are over a connection, because clients would
// clean them.
func TestNoRoute(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sqlite(t), func(c *api.Config) { c.MaxBody = 1 << 10 })
	s := httptest.NewServer(w.handler)
	t.Cleanup(s.Close)
	ray := regexp.MustCompile(`^[0-9a-f]{16}-ORG$`)
	rays := make(map[string]bool)
	for _, test := range []struct {
		request      string
		status, code int
		bodyless     bool
	}{
		{request: "GET //", status: 404, code: 7003},
		{request: "GET //client/v4/organizations", status: 404, code: 7003},
		{request: "GET /client/v4//organizations", status: 404, code: 7003},
		{request: "GET /client/v4/organizations/", status: 404, code: 7003},
		{request: "GET /client/v4/organizations/../accounts", status: 404, code: 7003},
		{request: "GET /_stainless_unknown_path", status: 404, code: 7003},
		{request: "GET /livez", status: 404, code: 7003},
		{request: "GET /metrics", status: 404, code: 7003},
		{request: "POST /client/v4/" + strings.Repeat("x", 5000), status: 404, code: 7003},
		{request: "HEAD /nothing", status: 404, bodyless: true},
		{request: "HEAD /openapi.json", status: 200, bodyless: true},
		{request: "HEAD /client/v4/organizations", status: 401, bodyless: true},
		{request: "HEAD /client/v4/accounts/x/move", status: 405, bodyless: true},
		{request: "OPTIONS /client/v4/organizations", status: 405, code: 10405},
		{request: "PATCH /client/v4/user", status: 405, code: 10405},
		{request: "CONNECT /client/v4/user", status: 405, code: 10405},
		{request: "GET /client/v4/organizations?%zz", status: 400, code: 1001},
		{request: "GET /client/v4/organizations", status: 401, code: 9106},
	} {
		h, body := exchange(t, s, test.request, "")
		if h.StatusCode != test.status || h.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %s %s", test.request, h.StatusCode, h.Header.Get("Content-Type"), body)
		}
		a := answer{status: h.StatusCode, body: body}
		if test.bodyless && body != "" || !test.bodyless && a.code() != test.code {
			t.Errorf("%s: %s, want code %d", test.request, body, test.code)
		}
		if r := h.Header.Get("CF-RAY"); !ray.MatchString(r) || rays[r] {
			t.Errorf("%s: CF-RAY %q", test.request, r)
		} else {
			rays[r] = true
		}
	}
	big := `{"name":"` + strings.Repeat("x", 1<<10) + `"}`
	h, body := exchange(t, s, "POST /client/v4/organizations", big, "Authorization: Bearer "+w.founder.token)
	if a := (answer{body: body}); h.StatusCode != 413 || a.code() != 1413 || strings.Contains(body, "result") {
		t.Errorf("a body of %d bytes: %d %s", len(big), h.StatusCode, body)
	}
	if h, body := exchange(t, s, "POST /client/v4/organizations", big); h.StatusCode != 401 {
		t.Errorf("a large body of nobody: %d %s", h.StatusCode, body)
	}
}

// exchange writes a request as it is.
func exchange(t *testing.T, s *httptest.Server, line, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	headers = append(headers, "Host: x", "Connection: close")
	if body != "" {
		headers = append(headers, fmt.Sprintf("Content-Length: %d", len(body)))
	}
	if _, err := io.WriteString(conn, line+" HTTP/1.1\r\n"+strings.Join(headers, "\r\n")+"\r\n\r\n"+body); err != nil {
		t.Fatal(err)
	}
	method, _, _ := strings.Cut(line, " ")
	raw, err := io.ReadAll(conn)
	if err != nil && len(raw) == 0 {
		t.Fatal(err)
	}
	head, rest, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(append(head, "\r\n\r\n"...))), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return resp, string(rest)
}

// TestCredentials asks who somebody is.
func TestCredentials(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sqlite(t))
	a, b := w.newUser(t, "a"), w.newUser(t, "b")
	for _, test := range []struct {
		name   string
		header []string
		who    string
		code   int
	}{
		{"token", []string{"Authorization", "Bearer " + a.token}, a.email, 0},
		{"scheme in lower case", []string{"Authorization", "bearer " + a.token}, a.email, 0},
		{"key", []string{"X-Auth-Email", b.email, "X-Auth-Key", b.key}, b.email, 0},
		{"key with the e-mail in capitals", []string{"X-Auth-Email", strings.ToUpper(b.email), "X-Auth-Key", b.key}, b.email, 0},
		{"token beats key", []string{"Authorization", "Bearer " + a.token, "X-Auth-Email", b.email, "X-Auth-Key", b.key}, a.email, 0},
		{"a bad token beats a good key", []string{"Authorization", "Bearer x", "X-Auth-Email", b.email, "X-Auth-Key", b.key}, "", 9109},
		{"empty key headers", []string{"Authorization", "Bearer " + a.token, "X-Auth-Email", "", "X-Auth-Key", ""}, a.email, 0},
		{"empty token", []string{"Authorization", "Bearer ", "X-Auth-Email", b.email, "X-Auth-Key", b.key}, b.email, 0},
		{"empty Authorization", []string{"Authorization", "", "X-Auth-Email", b.email, "X-Auth-Key", b.key}, b.email, 0},
		{"another scheme", []string{"Authorization", "Basic " + a.token, "X-Auth-Email", b.email, "X-Auth-Key", b.key}, b.email, 0},
		{"nothing", nil, "", 9106},
		{"another scheme only", []string{"Authorization", "Basic " + a.token}, "", 9106},
		{"a key without e-mail", []string{"X-Auth-Key", b.key}, "", 9106},
		{"an e-mail without key", []string{"X-Auth-Email", b.email}, "", 9106},
		{"somebody else's key", []string{"X-Auth-Email", a.email, "X-Auth-Key", b.key}, "", 9109},
		{"a key as a token", []string{"Authorization", "Bearer " + b.key}, "", 9109},
		{"a token as a key", []string{"X-Auth-Email", a.email, "X-Auth-Key", a.token}, "", 9109},
		{"bytes that are no text", []string{"X-Auth-Email", "\xff", "X-Auth-Key", "\xfe"}, "", 9109},
		{"a token that is no text", []string{"Authorization", "Bearer \xff"}, "", 9109},
	} {
		got := w.send(client{}, "GET", cf+"/user", "", test.header...)
		if test.code != 0 {
			if got.status != 401 || got.code() != test.code {
				t.Errorf("%s: %d %s, want code %d", test.name, got.status, got.body, test.code)
			}
			continue
		}
		if got.status != 200 || got.at(t, "email") != test.who {
			t.Errorf("%s: %d %s, want %s", test.name, got.status, got.body, test.who)
		}
	}
}

// panicking is a store that panics when it is told to.
type panicking struct {
	org.Store
	now bool
}

func (s *panicking) Organization(ctx context.Context, o id.Organization) (org.Organization, error) {
	if s.now {
		panic("a secret reason")
	}
	return s.Store.Organization(ctx, o)
}

// TestPanic keeps a panic from the client, all but the ray.
func TestPanic(t *testing.T) {
	t.Parallel()
	store := &panicking{Store: sqlite(t)}
	w := newWorld(t, store)
	w.plant(t)
	store.now = true
	a := w.send(w.founder, "GET", cf+"/organizations/"+w.ids["T"], "")
	ray := a.header.Get("CF-RAY")
	want := `{"success":false,"errors":[{"code":1500,"message":"Internal error, ray ` + ray + `"}],"messages":[]}`
	if a.status != 500 || a.body != want {
		t.Errorf("got %d %s, want %s", a.status, a.body, want)
	}
	line := w.lastLine(t)
	for _, part := range []string{"level=ERROR", ray, "a secret reason", "server_test.go", "goroutine", "code=internal", "status=500"} {
		if !strings.Contains(line, part) {
			t.Errorf("the log line has no %q: %s", part, line)
		}
	}
	store.now = false
	if a := w.send(w.founder, "GET", cf+"/organizations/"+w.ids["T"], ""); a.status != 200 {
		t.Errorf("after the panic: %d %s", a.status, a.body)
	}
}

func (w *world) lastLine(t *testing.T) string {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(w.log.String()), "\n")
	return lines[len(lines)-1]
}

// TestLogLine holds the one line of a request against what it was.
func TestLogLine(t *testing.T) {
	t.Parallel()
	var log lockedBuffer
	w := newWorld(t, sqlite(t), func(c *api.Config) { c.Logger = slog.New(slog.NewJSONHandler(&log, nil)) })
	w.plant(t)
	lines := strings.Count(log.String(), "\n")
	for _, test := range []struct {
		method, target string
		header         []string
		want           map[string]any
	}{
		{
			"GET", cf + "/organizations/" + w.ids["T"] + "?x=y",
			[]string{"User-Agent", "test/1", "X-Stainless-Retry-Count", "2"},
			map[string]any{
				"level": "INFO", "msg": "request", "method": "GET", "route": cf + "/organizations/{organization_id}", "status": 200.0,
				"uri": cf + "/organizations/" + w.ids["T"] + "?x=y", "user": w.founder.id, "user_agent": "test/1", "ip": "192.0.2.1", "retry": "2",
			},
		},
		{"GET", "/nothing\n?", nil, map[string]any{"level": "INFO", "route": "unmatched", "status": 404.0, "code": "no_route", "uri": "/nothing%0A?"}},
		{"PATCH", cf + "/user", nil, map[string]any{"route": cf + "/user", "status": 405.0, "code": "method_not_allowed"}},
		{"GET", cf + "/organizations/" + w.ids["Y"], nil, map[string]any{"status": 404.0, "code": "not_found", "user": w.founder.id}},
	} {
		target := strings.ReplaceAll(test.target, "\n", "%0A")
		a := w.send(w.founder, test.method, target, "", test.header...)
		all := strings.Split(strings.TrimSpace(log.String()), "\n")
		if len(all) != lines+1 {
			t.Fatalf("%s %s left %d lines, want one", test.method, target, len(all)-lines)
		}
		lines++
		var got map[string]any
		if err := json.Unmarshal([]byte(all[len(all)-1]), &got); err != nil {
			t.Fatal(err)
		}
		test.want["ray"], test.want["bytes"] = a.header.Get("CF-RAY"), float64(len(a.body))
		for name, want := range test.want {
			if got[name] != want {
				t.Errorf("%s %s: %s is %v, want %v", test.method, target, name, got[name], want)
			}
		}
		for _, secret := range []string{w.founder.token, w.founder.key} {
			if strings.Contains(all[len(all)-1], secret) {
				t.Errorf("%s %s: the line has the credential", test.method, target)
			}
		}
	}
	for _, secret := range []string{w.ids["code"], w.founder.token, w.founder.key, worldSecret} {
		if strings.Contains(log.String(), secret) {
			t.Error("the log has a secret")
		}
	}
}

// TestMetricsAreBounded sends what a client can think of: the number of series
// follows from the route table.
func TestMetricsAreBounded(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	w := newWorld(t, sqlite(t), func(c *api.Config) { c.Registry = registry })
	for i := range 300 {
		w.send(w.founder, "GET", fmt.Sprintf("%s/organizations/%032x", cf, i), "")
		w.send(w.founder, "GET", fmt.Sprintf("/nothing/%d", i), "")
		w.send(w.founder, fmt.Sprintf("METHOD%d", i), cf+"/user", "")
		w.send(w.founder, fmt.Sprintf("METHOD%d", i), fmt.Sprintf("/nothing/%d", i), "")
	}
	paths := map[string]bool{"unmatched": true}
	for _, r := range api.RouteTable() {
		paths[r.Path] = true
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var counted uint64
	series := 0
	for _, f := range families {
		for _, m := range f.GetMetric() {
			series++
			counted += m.GetHistogram().GetSampleCount()
			for _, l := range m.GetLabel() {
				if l.GetName() == "route" && !paths[l.GetValue()] {
					t.Errorf("route %q is not in the table", l.GetValue())
				}
				if l.GetName() == "method" && strings.HasPrefix(l.GetValue(), "METHOD") {
					t.Errorf("method %q made a series", l.GetValue())
				}
			}
		}
	}
	if series > 15 || counted < 1200 {
		t.Errorf("%d series count %d requests", series, counted)
	}
}
