package api

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/org"
)

// TestFind asks for the route and the path values of a path as it was sent.
func TestFind(t *testing.T) {
	t.Parallel()
	s := newBrokenServer()
	for _, test := range []struct{ method, target, route, value string }{
		{"GET", "/client/v4/organizations/abc", "GET /client/v4/organizations/{organization_id}", "abc"},
		{"HEAD", "/client/v4/organizations/abc", "GET /client/v4/organizations/{organization_id}", "abc"},
		{"GET", "/client/v4/organizations/o%201%2Fx", "GET /client/v4/organizations/{organization_id}", "o 1/x"},
		{"GET", "/client/v4/organizations/%2e%2e", "GET /client/v4/organizations/{organization_id}", ".."},
		{"GET", "/client/v4/organizations/a+b", "GET /client/v4/organizations/{organization_id}", "a+b"},
		{"GET", "/client/v4/organizations/a:b", "GET /client/v4/organizations/{organization_id}", "a:b"},
		{"POST", "/client/v4/organizations/x/members:batchCreate", "POST /client/v4/organizations/{organization_id}/members:batchCreate", "x"},
		{"POST", "/client/v4/organizations/x/members%3AbatchCreate", "POST /client/v4/organizations/{organization_id}/members:batchCreate", "x"},
		{"GET", "/client/v4/user/tokens/verify", "GET /client/v4/user/tokens/verify", ""},
		{"POST", "/client/v4/accounts/move", "POST /client/v4/accounts/move", ""},
		{"GET", "/", "GET /{$}", ""},
		{"GET", "//", "", ""},
		{"GET", "//client/v4/organizations", "", ""},
		{"GET", "/client/v4//organizations", "", ""},
		{"GET", "/client/v4/organizations/", "", ""},
		{"GET", "/client/v4/organizations/x/", "", ""},
		{"GET", "/client/v4/organizations/x/../y", "", ""},
		{"GET", "/client/v4/x/../organizations", "", ""},
		{"GET", "/client/v4/./organizations", "", ""},
		{"GET", "/Client/v4/organizations", "", ""},
		{"GET", "/client/v4/organizations//members", "", ""},
		{"PATCH", "/client/v4/organizations/x", "", ""},
		{"OPTIONS", "/client/v4/organizations/x", "", ""},
	} {
		r := httptest.NewRequest(test.method, test.target, nil)
		rt := s.find(r)
		var got, value string
		if rt != nil {
			got, value = rt.pattern(), r.PathValue("organization_id")
		}
		if got != test.route || value != test.value {
			t.Errorf("%s %s: got %q with %q, want %q with %q", test.method, test.target, got, value, test.route, test.value)
		}
	}
}

// TestClientIP believes X-Forwarded-For as far as proxies that are trusted
// have written it.
func TestClientIP(t *testing.T) {
	t.Parallel()
	s := newBrokenServer()
	s.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")}
	for _, test := range []struct {
		peer      string
		forwarded []string
		want      string
	}{
		{"192.0.2.1:1", nil, "192.0.2.1"},
		{"192.0.2.1:1", []string{"198.51.100.7"}, "192.0.2.1"}, // nobody told us to believe it
		{"10.0.0.1:1", nil, "10.0.0.1"},
		{"10.0.0.1:1", []string{"198.51.100.7"}, "198.51.100.7"},
		{"[::ffff:10.0.0.1]:1", []string{"198.51.100.7"}, "198.51.100.7"},
		{"10.0.0.1:1", []string{"203.0.113.5, 198.51.100.7"}, "198.51.100.7"}, // the client writes what it likes before
		{"10.0.0.1:1", []string{"198.51.100.7, 10.0.0.2,10.0.0.3"}, "198.51.100.7"},
		{"10.0.0.1:1", []string{"198.51.100.7", "10.0.0.2"}, "198.51.100.7"},
		{"10.0.0.1:1", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"10.0.0.1:1", []string{"198.51.100.7, unknown"}, "10.0.0.1"},
		{"10.0.0.1:1", []string{"198.51.100.7, 10.0.0.2, x, 10.0.0.3"}, "10.0.0.3"},
		{"10.0.0.1:1", []string{""}, "10.0.0.1"},
		{"10.0.0.1:1", []string{"::ffff:198.51.100.7"}, "198.51.100.7"},
		{"[2001:db8::1]:1", []string{"2001:db9::7"}, "2001:db9::7"},
		{"@", nil, "invalid IP"}, // a Unix socket
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = test.peer
		r.Header["X-Forwarded-For"] = test.forwarded
		if got := s.clientIP(r).String(); got != test.want {
			t.Errorf("%s forwarded for %q: got %s, want %s", test.peer, test.forwarded, got, test.want)
		}
	}
}

func TestMatches(t *testing.T) {
	t.Parallel()
	tag := etag([]byte("{}"))
	if other := etag([]byte("{ }")); tag == other || len(tag) < 10 || tag[0] != '"' {
		t.Errorf("tags %s and %s", tag, other)
	}
	for list, want := range map[string]bool{
		tag: true, "W/" + tag: true, `"x", ` + tag: true, "*": true, `"x" , W/` + tag + ` , "y"`: true,
		"": false, `"x"`: false, strings.Trim(tag, `"`): false, `"*"`: false,
	} {
		if got := matches(list, tag); got != want {
			t.Errorf("matches(%q, %s) = %t", list, tag, got)
		}
	}
}

func sealing(s *Server, secret string) *request {
	return &request{Request: httptest.NewRequest("POST", "/x", nil), server: s, secret: secret}
}

// TestAnswersAreSealed keeps a secret that is shown once from whoever reads
// the database, and from other credentials.
func TestAnswersAreSealed(t *testing.T) {
	t.Parallel()
	s := newBrokenServer()
	token := org.CreatedToken{Token: org.Token{Name: "a name"}, Value: "orgd_a-secret-that-is-shown-once"}
	first, err := sealing(s, "one").seal(token)
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{token.Value, token.Name, "success", `"value"`} {
		if bytes.Contains(first, []byte(word)) {
			t.Errorf("the sealed answer has %q", word)
		}
	}
	second, err := sealing(s, "one").seal(token)
	if err != nil || bytes.Equal(first, second) {
		t.Errorf("sealed twice with the same bytes (%v)", err)
	}
	r, err := sealing(s, "one").replayed(&org.Replay{Answer: org.Answer{Status: 200, Body: first}})
	if err != nil || !bytes.Contains(r.Raw, []byte(token.Value)) || r.Status != 200 {
		t.Errorf("opened with the credential that sealed it: %+v, %v", r, err)
	}
	_, err = sealing(s, "other").replayed(&org.Replay{Answer: org.Answer{Status: 200, Body: first}})
	if fault.CodeOf(err) != fault.IdempotencyKeyReused {
		t.Errorf("opened with another credential: %v", err)
	}
	for i := range first {
		changed := bytes.Clone(first)
		changed[i] ^= 1
		if r, err := sealing(s, "one").replayed(&org.Replay{Answer: org.Answer{Body: changed}}); err == nil {
			t.Fatalf("opened with byte %d changed: %s", i, r.Raw)
		}
		if r, err := sealing(s, "one").replayed(&org.Replay{Answer: org.Answer{Body: first[:i]}}); err == nil {
			t.Fatalf("opened though cut to %d bytes: %s", i, r.Raw)
		}
	}
}

func TestFingerprint(t *testing.T) {
	t.Parallel()
	of := func(method, target, body string) string {
		u, err := url.Parse(target)
		if err != nil {
			t.Fatal(err)
		}
		return (&request{Request: &http.Request{Method: method, URL: u}, raw: []byte(body)}).fingerprint()
	}
	base := of("POST", "/a?b=c", "{}")
	if of("POST", "/a?b=c", "{}") != base {
		t.Error("the same request has two fingerprints")
	}
	for _, other := range []string{of("PUT", "/a?b=c", "{}"), of("POST", "/a", "{}"), of("POST", "/a?b=c", "{ }"), of("POST", "/b?b=c", "{}"), of("POST", "/a?b=c", "")} {
		if other == base {
			t.Error("another request has the same fingerprint")
		}
	}
}

// unspeakable is a result whose encoding panics.
type unspeakable struct{}

func (unspeakable) MarshalJSON() ([]byte, error) { panic("cannot be said") }

// TestPanicOfTheEncoder is answered and logged like any other panic.
func TestPanicOfTheEncoder(t *testing.T) {
	t.Parallel()
	s := newBrokenServer()
	var log bytes.Buffer
	s.Logger = slog.New(slog.NewTextHandler(&log, nil))
	s.routes["GET /openapi.json"].handle = func(context.Context, *request) (reply, error) {
		return reply{Result: unspeakable{}}, nil
	}
	rec := httptest.NewRecorder()
	s.ServeHTTP(rec, httptest.NewRequest("GET", "/openapi.json", nil))
	ray := rec.Header().Get("CF-RAY")
	want := `{"success":false,"errors":[{"code":1500,"message":"Internal error, ray ` + ray + `"}],"messages":[],"result":null}`
	if rec.Code != 500 || rec.Body.String() != want {
		t.Errorf("got %d %s, want %s", rec.Code, rec.Body, want)
	}
	for _, part := range []string{"level=ERROR", ray, "cannot be said", "goroutine"} {
		if !strings.Contains(log.String(), part) {
			t.Errorf("the log has no %q: %s", part, log.String())
		}
	}
}
