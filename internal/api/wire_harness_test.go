package api_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/orgd/orgd/internal/api"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/openapitest"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/outbound"
	"github.com/orgd/orgd/internal/proof"
	"github.com/orgd/orgd/internal/seal"
)

// startTime is the moment at which every script begins.
var startTime = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// tick is how far the clock moves from request to request. It is longer than
// a second, for which a server may remember the rights of a caller.
const tick = time.Second + time.Microsecond

// briefly is how much is shown of a body that is not to be shown whole.
const briefly = 80

// runner plays one script against one store.
type runner struct {
	t         *testing.T
	documents []*openapitest.Document
	store     *watchedStore
	service   *org.Service
	url       string
	client    *http.Client
	done      chan struct{} // a request was handled to its end, its line of log included
	log       bytes.Buffer
	now       time.Time
	random    *rand.ChaCha8
	values    map[string]string
}

func newRunner(t *testing.T, s *script, store org.Store, documents []*openapitest.Document) *runner {
	t.Helper()
	r := &runner{
		t: t, documents: documents, store: &watchedStore{Store: store, logs: make(map[id.Log]int64)},
		done: make(chan struct{}, 1), now: startTime, random: rand.NewChaCha8([32]byte{}), values: make(map[string]string),
		client: &http.Client{
			Transport:     &http.Transport{DisableCompression: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	limits, encoder, config := org.DefaultLimits, api.Encoder{EchoProfile: true}, api.Config{MaxBody: 1 << 20}
	auditReads := false
	var sealer org.Sealer
	var key *proof.Key
	for _, line := range s.options {
		switch line {
		case "audit_reads":
			auditReads = true
			continue
		case "secret_key":
			var err error
			if sealer, err = seal.New(strings.Repeat("01", seal.KeySize), r.random); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if text, ok := strings.CutPrefix(line, "audit_key "); ok {
			k, err := proof.ParseKey(text, "")
			if err != nil {
				t.Fatalf("option %q: %v", line, err)
			}
			key = k
			continue
		}
		if err := setOption(line, &limits, &encoder, &config); err != nil {
			t.Fatalf("option %q: %v", line, err)
		}
	}
	encoder.Limits = limits
	clock := func() time.Time { return r.now }
	r.service = org.New(org.Config{
		Store: r.store, Now: clock, Random: r.random, Limits: limits, Encode: encoder.Encode, StatusOf: api.StatusOf,
		AuditReads: auditReads, Key: key, Sealer: sealer, CheckHost: outbound.Policy{}.CheckHost,
	})
	config.Service, config.Encoder, config.Now, config.Random = r.service, encoder, clock, r.random
	config.Logger, config.Registry = slog.New(slog.NewTextHandler(&r.log, nil)), prometheus.NewRegistry()
	handler := api.New(config).Handler()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		handler.ServeHTTP(w, req)
		r.done <- struct{}{}
	}))
	t.Cleanup(server.Close)
	t.Cleanup(r.client.CloseIdleConnections)
	r.url = server.URL
	return r
}

func setOption(line string, limits *org.Limits, encoder *api.Encoder, config *api.Config) (err error) {
	name, value, _ := strings.Cut(line, " ")
	switch name {
	case "rate_limit":
		_, err = fmt.Sscan(value, &config.RateLimit.PerSecond, &config.RateLimit.Burst)
	case "limits":
		_, err = fmt.Sscan(value, &limits.Depth, &limits.Accounts)
	case "streams":
		_, err = fmt.Sscan(value, &limits.Streams)
	case "budgets":
		_, err = fmt.Sscan(value, &limits.Budgets)
	case "max_body":
		config.MaxBody, err = strconv.ParseInt(value, 10, 64)
	case "bootstrap_secret":
		config.BootstrapSecret = value
	case "compat":
		encoder.EchoProfile = value != "cloudflare"
	case "trusted_proxy":
		var p netip.Prefix
		p, err = netip.ParsePrefix(value)
		config.TrustedProxies = append(config.TrustedProxies, p)
	default:
		err = errors.New("is not known")
	}
	return err
}

// turn moves the clock and makes randomness a function of title.
func (r *runner) turn(title string) {
	r.now = r.now.Add(tick)
	r.random.Seed(sha256.Sum256([]byte(title)))
}

// prepare does what a line of the set-up says.
func (r *runner) prepare(line string) {
	r.t.Helper()
	r.turn(line)
	if rest, ok := strings.CutPrefix(line, "user "); ok {
		if err := r.addUser(strings.Fields(rest)); err != nil {
			r.t.Fatalf("set-up %q: %v", line, err)
		}
		return
	}
	command, keep, _ := strings.Cut(line, " -> ")
	parts := strings.SplitN(command, " ", 4)
	if len(parts) < 3 {
		r.t.Fatalf("set-up %q is not understood", line)
	}
	st := &step{title: line, who: parts[0], method: parts[1], target: parts[2], keep: strings.Fields(keep)}
	if len(parts) == 4 {
		st.body = parts[3]
	}
	if resp, body := r.send(st); resp.StatusCode >= 300 {
		r.t.Fatalf("set-up %q: %d %s", line, resp.StatusCode, body)
	}
	r.store.records(r.t)
}

// addUser makes a user of NAME EMAIL [FIRST LAST] [administrator].
func (r *runner) addUser(f []string) error {
	if len(f) < 2 {
		return errors.New("a user needs a name and an e-mail")
	}
	name, in := f[0], org.NewUser{Email: f[1]}
	if f[len(f)-1] == "administrator" {
		in.Administrator, f = true, f[:len(f)-1]
	}
	if len(f) == 4 {
		in.FirstName, in.LastName = f[2], f[3]
	}
	u, err := r.service.CreateUser(r.t.Context(), org.Request{Caller: org.System()}, in)
	if err != nil {
		return err
	}
	token, err := r.service.IssueToken(r.t.Context(), org.Origin{}, in.Email, nil)
	if err != nil {
		return err
	}
	r.values[name], r.values[name+".email"] = string(u.ID), in.Email
	r.values[name+".key"], r.values[name+".token"] = u.APIKey, token.Value
	r.store.records(r.t)
	return nil
}

// play sends the request of a step and returns the response and the records
// that came of it, as scripts have them.
func (r *runner) play(st *step) (response, records string) {
	r.t.Helper()
	r.turn(st.title)
	r.now = r.now.Add(st.wait)
	if st.maintain {
		r.maintain()
	}
	r.store.failure = st.store
	resp, body := r.send(st)
	r.store.failure = ""
	for _, rec := range r.store.records(r.t) {
		if ray := resp.Header.Get("Cf-Ray"); rec.Source == "" && rec.Raw.RayID != ray || !rec.Time.Equal(r.now) {
			r.t.Errorf("%s: the record has ray %q and time %s, the answer ray %q and time %s", st.title, rec.Raw.RayID, rec.Time, ray, r.now)
		}
		if records != "" {
			records += "\n"
		}
		records += r.formatRecord(&rec)
	}
	r.demandSecrecy(st, "audit log", records)
	if st.brief {
		body = append(body[:briefly:briefly], "..."...)
	}
	if resp.Header.Get("Content-Type") == "application/octet-stream" {
		body = fmt.Appendf(nil, "%q", body) // readable, byte by byte
	}
	return formatResponse(resp.StatusCode, resp.Header, body), records
}

// maintain does what a server does now and then. Its records are not shown:
// they are of no request.
func (r *runner) maintain() {
	r.t.Helper()
	evaluate := func(ctx context.Context) error {
		return r.service.EvaluateBudgets(ctx, org.Holder{Name: "wire", Lease: time.Minute})
	}
	for _, do := range []func(context.Context) error{r.service.RecheckErasures, r.service.ContinueErasures, r.service.ExpireAudit, evaluate} {
		if err := do(r.t.Context()); err != nil {
			r.t.Fatal(err)
		}
	}
	r.store.records(r.t)
}

// send sends a request, demands what all answers have alike, holds the
// exchange against the documents and keeps values of the answer.
func (r *runner) send(st *step) (*http.Response, []byte) {
	r.t.Helper()
	sent := r.expand(st.body)
	req, err := http.NewRequestWithContext(r.t.Context(), st.method, r.url+r.expand(st.target), strings.NewReader(sent))
	if err != nil {
		r.t.Fatalf("%s: %v", st.title, err)
	}
	req.Header.Set("User-Agent", "wire")
	if st.who != "nobody" {
		req.Header.Set("Authorization", "Bearer "+r.expand("$"+st.who+".token"))
	}
	for _, h := range st.headers {
		req.Header.Add(h[0], r.expand(h[1]))
	}
	r.log.Reset()
	resp, err := r.client.Do(req)
	if err != nil {
		r.t.Fatalf("%s: %v", st.title, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatalf("%s: read the answer: %v", st.title, err)
	}
	<-r.done
	r.demand(st, resp, body)
	r.validate(st, req, []byte(sent), resp, body)
	r.keep(st, resp, body)
	return resp, body
}

var ray = regexp.MustCompile(`^[0-9a-f]{16}-ORG$`)

// demand checks what all answers have alike.
func (r *runner) demand(st *step, resp *http.Response, body []byte) {
	r.t.Helper()
	id := resp.Header.Get("Cf-Ray")
	if !ray.MatchString(id) {
		r.t.Errorf("%s: CF-RAY is %q", st.title, id)
	}
	if log := r.log.String(); strings.Count(log, "ray="+id) != 1 || strings.Count(log, "\n") != 1 {
		r.t.Errorf("%s: want one line of log with ray %s, got:\n%s", st.title, id, log)
	}
	r.demandSecrecy(st, "log", r.log.String())
	if text := string(body); resp.StatusCode >= 500 && (strings.Contains(text, "goroutine") || strings.Contains(text, "store")) {
		r.t.Errorf("%s: the answer tells too much: %s", st.title, body)
	}
	if st.store == "panic" && !strings.Contains(r.log.String(), "goroutine") {
		r.t.Errorf("%s: the log has no stack:\n%s", st.title, r.log.String())
	}
	if got := resp.Header.Get("Cache-Control"); got != "private, no-cache" {
		r.t.Errorf("%s: Cache-Control is %q", st.title, got)
	}
	if got := resp.Header.Get("Content-Type"); len(body) > 0 && got != "application/json" && !isFile(st, resp) {
		r.t.Errorf("%s: Content-Type is %q", st.title, got)
	}
}

// isFile reports whether an answer is an export, which has a type of its own.
func isFile(st *step, resp *http.Response) bool {
	return resp.StatusCode == http.StatusOK && (strings.Contains(st.target, "/audit/export") || strings.Contains(st.target, "/audit/tlog/") ||
		strings.Contains(st.target, "/focus"))
}

// demandSecrecy checks that no token, key or code that was kept is in text.
func (r *runner) demandSecrecy(st *step, what, text string) {
	r.t.Helper()
	for name, secret := range r.values {
		kind := name[strings.LastIndexAny(name, "._")+1:]
		if (kind == "token" || kind == "key" || kind == "code" || kind == "secret") && strings.Contains(text, secret) {
			r.t.Errorf("%s: the %s has the secret $%s:\n%s", st.title, what, name, text)
		}
	}
}

// validate holds an exchange against our description of the API, and its
// answer against an external one, if there is one.
func (r *runner) validate(st *step, req *http.Request, sent []byte, resp *http.Response, body []byte) {
	r.t.Helper()
	own := r.documents[0]
	err := own.CheckResponse(req, resp.StatusCode, resp.Header, body)
	if resp.StatusCode < 400 && !st.lenient {
		err = own.Check(req, sent, resp.StatusCode, resp.Header, body)
	}
	if err != nil {
		r.t.Errorf("%s: %v", st.title, err)
	}
	for _, d := range r.documents[1:] {
		if err := checkExternal(d, st, req, resp, body); err != nil {
			r.t.Errorf("%s: external document: %v", st.title, err)
		}
	}
}

// checkExternal leaves out what an external document does not describe:
// operations and answers of our own, and 304. A failure of the server has to
// look like the refusals that it does describe.
func checkExternal(d *openapitest.Document, st *step, req *http.Request, resp *http.Response, body []byte) error {
	status := resp.StatusCode
	switch {
	case st.ours || status == http.StatusNotModified:
		return nil
	case status >= 500:
		status = http.StatusBadRequest
	}
	err := d.CheckResponse(req, status, resp.Header, body)
	if errors.Is(err, openapitest.ErrNoOperation) {
		return nil
	}
	return err
}

// keep remembers values of an answer: NAME is .result.id, NAME=.path anything.
func (r *runner) keep(st *step, resp *http.Response, body []byte) {
	r.t.Helper()
	for _, k := range st.keep {
		name, path, ok := strings.Cut(k, "=")
		if !ok {
			path = ".result.id"
		}
		value, err := lookUp(resp.Header, body, strings.Split(path, ".")[1:])
		if err != nil {
			r.t.Fatalf("%s: keep %s: %v; answer: %s", st.title, k, err, body)
		}
		r.values[name] = value
	}
}

func lookUp(header http.Header, body []byte, path []string) (string, error) {
	if path[0] == "header" {
		return header.Get(path[1]), nil
	}
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		return "", err
	}
	for _, name := range path {
		switch in := v.(type) {
		case map[string]any:
			v = in[name]
		case []any:
			if i, err := strconv.Atoi(name); err == nil && i < len(in) {
				v = in[i]
			}
		}
	}
	s, ok := v.(string)
	if !ok {
		return "", fmt.Errorf("there is no string at .%s", strings.Join(path, "."))
	}
	return s, nil
}

var variable = regexp.MustCompile(`\$(\$|[a-z][a-z0-9_]*(\.(token|key|email)\b)?)`)

// expand replaces $NAME by what was kept under it.
func (r *runner) expand(text string) string {
	r.t.Helper()
	return variable.ReplaceAllStringFunc(text, func(name string) string {
		value, ok := r.values[name[1:]]
		switch {
		case name == "$$":
			return "$"
		case !ok:
			r.t.Fatalf("%s has no value", name)
		}
		return value
	})
}
