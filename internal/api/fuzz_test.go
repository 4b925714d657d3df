package api

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
)

// errReached is what brokenStore fails with: a request that gets there was
// found in order, as far as that can be said without the store.
var errReached = errors.New("the store was reached")

// brokenStore is a store that fails at once.
type brokenStore struct{ org.Store }

func (brokenStore) View(context.Context, func(org.Reader) error) error { return errReached }
func (brokenStore) Update(context.Context, func(org.Tx) error) error   { return errReached }
func (brokenStore) Account(context.Context, id.Account) (org.Account, error) {
	return org.Account{}, errReached
}

const testSecret = "the secret of the test"

func newBrokenServer() *Server {
	now := func() time.Time { return time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC) }
	e := Encoder{Limits: org.DefaultLimits, EchoProfile: true}
	return New(Config{
		Service: org.New(org.Config{
			Store: brokenStore{}, Now: now, Random: rand.Reader, Limits: org.DefaultLimits, Encode: e.Encode, StatusOf: StatusOf,
		}),
		Encoder: e, Now: now, Random: rand.Reader, Logger: slog.New(slog.DiscardHandler),
		Registry: prometheus.NewRegistry(), MaxBody: 1 << 20, BootstrapSecret: testSecret,
	})
}

// bodies are one that is right for each shape of body, and some that are not.
var bodies = []string{
	`{"name":"n","parent":{"id":"019b76dabb8870148a3efa1e33e7a320"},"profile":{"business_address":"a","business_email":"b","business_name":"c","business_phone":"d","external_metadata":"{}"}}`,
	`{"name":"n","profile":null,"parent":null,"meta":{"flags":{}},"id":"x"}`,
	`{"business_address":"a","business_email":"b","business_name":"c","business_phone":"d","external_metadata":"e"}`,
	`{"member":{"user":{"email":"a@b.c"},"role":"organization_billing","status":"active"}}`,
	`{"members":[{"user":{"email":"a@b.c"}},{"user":{"email":"d@e.f"},"status":"canceled"}]}`,
	`{"status":"accept"}`,
	`{"name":"n","type":"enterprise","unit":{"id":"x"},"settings":{"abuse_contact_email":"a@b.c","enforce_twofactor":true}}`,
	`{"destination_organization_id":"x","account_ids":["019b76dabb8870148a3efa1e33e7a320","b"]}`,
	`{"name":"t","status":"disabled","expires_on":"2030-01-02T03:04:05.678901Z","not_before":"2026-01-02T03:04:05+02:00",` +
		`"policies":[{"id":"p","effect":"allow","permission_groups":[{"id":"cec04b34d4aad3279de5aa746435cfea","name":"x"}],` +
		`"resources":{"com.cloudflare.api.organization.*":"*"}}],"condition":{"request_ip":{"in":["10.0.0.0/8"],"not_in":["::1"]}}}`,
	`{"email":"a@b.c","first_name":"A","last_name":"B","two_factor_authentication_enabled":true,"administrator":false,"name":"A B"}`,
	`{"role":"organization_read_only","email":"a@b.c"}`,
	`{"name":1,"parent":[],"profile":"x","member":{"user":[]},"members":[1,{"user":2}],"policies":[{"effect":1,"resources":{"a/b~":"x","c":1}}],"account_ids":[1,"2"]}`,
	`{"name":"\u0000\ud800","email":"@","expires_on":"yesterday","policies":{}}`,
	`{"FilterBy":{"MetricIds":["a"],"ProductFamilyIds":["b"]},"TimePeriod":{"From":"2026-01-01T00:00:00Z","To":"2026-02-01T00:00:00Z"}}`,
	`{"FilterBy":{"MetricIds":["a","a",1],"x":2},"TimePeriod":{"From":"2026-01-01"},"a/b~":1,"":2}`, `{"day":"2026-01-31"}`,
	`{"category":"Tax","amount":"1.50","currency":"EUR","description":"d","recurring":true,"start":"2026-03-01","end":"2026-04-01"}`,
	`{"category":"Credit","amount":1e17,"description":"","start":"2026-03-01","end":"1970-01-01"}`, `{"complete_through":"2026-01-31"}`,
	"", "{", "[]", "null", `{} {}`, "\xff", `{"name":"a","name":"b"}`, `{"n":1e999}`, strings.Repeat("[", 200),
}

// FuzzBody gives a body to every route that takes one. Whatever it is, the
// outcome is a refusal that points into the body, or what was understood of
// it is a part of it.
func FuzzBody(f *testing.F) {
	for _, b := range bodies {
		f.Add([]byte(b))
	}
	s := newBrokenServer()
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, r := range s.routes {
			if r.method == http.MethodPost || r.method == http.MethodPut {
				checkBody(t, s, r, body)
			}
		}
	})
}

// handleBody runs the handler of a route.
func handleBody(t *testing.T, s *Server, r *route, body []byte) (*request, error) {
	t.Helper()
	hr := httptest.NewRequest(r.method, "/", bytes.NewReader(body))
	hr.Header.Set("X-Orgd-Bootstrap-Secret", testSecret)
	for _, segment := range r.segments {
		if name, ok := strings.CutPrefix(segment, "{"); ok {
			hr.SetPathValue(strings.TrimSuffix(name, "}"), strings.Repeat("0", id.Len))
		}
	}
	q := &request{Request: hr, server: s, route: r, caller: &auth.Caller{User: auth.User{ID: id.User(strings.Repeat("1", id.Len))}}}
	var err error
	if q.query, err = parseQuery(""); err != nil {
		t.Fatal(err)
	}
	_, err = r.handle(t.Context(), q)
	return q, err
}

func checkBody(t *testing.T, s *Server, r *route, body []byte) {
	t.Helper()
	q, err := handleBody(t, s, r, body)
	if err == nil {
		t.Fatalf("%s: %q needs no store", r.pattern(), body)
	}
	if errors.Is(err, errReached) {
		checkUnderstood(t, r, q, body)
		return
	}
	envelope := errorEnvelope(err, "ray", r.family)
	_, again := handleBody(t, s, r, body)
	if second := errorEnvelope(again, "ray", r.family); !bytes.Equal(envelope, second) {
		t.Fatalf("%s: %q is refused in two ways:\n%s\n%s", r.pattern(), body, envelope, second)
	}
	if got := StatusOf(err); got != http.StatusBadRequest {
		t.Fatalf("%s: %q gives status %d: %v", r.pattern(), body, got, err)
	}
	if fault.CodeOf(err) == fault.MalformedJSON {
		if json.Valid(body) && utf8.Valid(body) {
			t.Fatalf("%s: %q is JSON, but: %s", r.pattern(), body, envelope)
		}
		return
	}
	checkPointers(t, r, body, envelope)
}

// checkUnderstood demands that what the audit log keeps of a body is in it.
func checkUnderstood(t *testing.T, r *route, q *request, body []byte) {
	t.Helper()
	if q.body == nil {
		return // this route reads no body
	}
	raw, err := q.body.understood()
	if err != nil {
		t.Fatalf("%s: what was understood of %q: %v", r.pattern(), body, err)
	}
	if !contains(decodeAny(t, body), decodeAny(t, raw)) {
		t.Fatalf("%s: of %q was understood %s, which is not in it", r.pattern(), body, raw)
	}
}

// decodeAny decodes JSON; U+FFFD stands for what is no Unicode.
func decodeAny(t *testing.T, raw []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("decode %q: %v", raw, err)
	}
	return v
}

// contains reports whether part is whole with members left out.
func contains(whole, part any) bool {
	switch p := part.(type) {
	case map[string]any:
		w, ok := whole.(map[string]any)
		for name, v := range p {
			ok = ok && contains(w[name], v)
		}
		return ok
	case []any:
		w, ok := whole.([]any)
		ok = ok && len(w) == len(p)
		for i := range p {
			ok = ok && contains(w[i], p[i])
		}
		return ok
	}
	return reflect.DeepEqual(whole, part)
}

// checkPointers demands that every refusal is told once and points at
// something in the body, or at a member that an object in it lacks.
func checkPointers(t *testing.T, r *route, body, envelope []byte) {
	t.Helper()
	var e struct {
		Success *bool
		Errors  []errorBody
	}
	if err := json.Unmarshal(envelope, &e); err != nil || e.Success == nil || *e.Success || len(e.Errors) == 0 {
		t.Fatalf("%s: %q is refused with %s", r.pattern(), body, envelope)
	}
	input := decodeAny(t, body)
	for i, b := range e.Errors {
		if b.Code < 1000 || b.Message == "" {
			t.Fatalf("%s: %q is refused with %s", r.pattern(), body, envelope)
		}
		if b.Source == nil || !resolves(input, b.Source.Pointer) {
			t.Fatalf("%s: %q is refused with %s, which points at nothing", r.pattern(), body, envelope)
		}
		same := func(o errorBody) bool { return reflect.DeepEqual(o, b) }
		if slices.ContainsFunc(e.Errors[:i], same) {
			t.Fatalf("%s: %q is refused twice for the same: %s", r.pattern(), body, envelope)
		}
	}
}

// resolves reports whether a JSON pointer leads to a value in v, or to a
// member that is absent or null in an object in v.
func resolves(v any, pointer string) bool {
	if pointer == "/" {
		members, isObject := v.(map[string]any)
		_, unnamed := members[""]
		return !isObject || unnamed // "/" is said of the body as a whole, or is the member without a name
	}
	segments := strings.Split(pointer, "/")
	if segments[0] != "" {
		return false
	}
	for i, s := range segments[1:] {
		s = strings.NewReplacer("~1", "/", "~0", "~").Replace(s)
		switch inner := v.(type) {
		case map[string]any:
			member, ok := inner[s]
			if (!ok || member == nil) && i < len(segments)-2 {
				return false
			}
			v = member
		case []any:
			n, err := strconv.Atoi(s)
			if err != nil || n < 0 || n >= len(inner) {
				return false
			}
			v = inner[n]
		default:
			return false
		}
	}
	return true
}
