package api_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/orgd/orgd/internal/api"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/proof"
)

// unknown is an identifier that nothing has.
const unknown = "0190a0000000700080000000000000ff"

const worldSecret = "the secret of the world"

// world is a server with the objects that the authorization matrix is about:
//
//	P ── T ── C            X: another root     Y: another root, to invite to
//	│    ├─── E            AT, AC, AS: accounts in T, C and S
//	│    └─── (D)          AL: an account outside any organization
//	└─── S                 MT: a member of T   MA: an explicit member of AT   RT: a record of T
//	                      RAT, RAL: records about AT and AL
//
// E is empty, D was deleted, and so was AD, an account in T. P, T and S have profiles that they repeat.
type world struct {
	handler http.Handler
	now     atomic.Pointer[time.Time]
	log     *lockedBuffer
	ids     map[string]string
	groups  map[string]string // permission groups by name
	fresh   atomic.Int64

	admin, founder, other client
}

// client is who calls: a name for messages, headers, and what is needed to
// make objects of its own.
type client struct {
	name       string
	id, email  string
	token, key string
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// newWorld builds the world on an empty store.
func newWorld(t testing.TB, store org.Store, change ...func(*api.Config)) *world {
	t.Helper()
	w := &world{ids: make(map[string]string), groups: make(map[string]string), log: new(lockedBuffer)}
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	w.now.Store(&start)
	clock := func() time.Time { return *w.now.Load() }
	limits := org.DefaultLimits
	limits.Streams, limits.Budgets = 1000, 1000
	encoder := api.Encoder{Limits: limits, EchoProfile: true}
	config := api.Config{
		Service: org.New(org.Config{
			Store: store, Now: clock, Random: rand.Reader, Limits: limits,
			Encode: encoder.Encode, StatusOf: api.StatusOf, Key: worldKey(t, store),
		}),
		Encoder: encoder, Now: clock, Random: rand.Reader, Logger: slog.New(slog.NewTextHandler(w.log, nil)),
		Registry: prometheus.NewRegistry(), MaxBody: 1 << 20, BootstrapSecret: worldSecret,
	}
	for _, f := range change {
		f(&config)
	}
	w.handler = api.New(config).Handler()
	w.bootstrap(t)
	w.founder = w.newUser(t, "founder")
	w.other = w.newUser(t, "other")
	return w
}

// pass moves the clock.
func (w *world) pass(d time.Duration) {
	then := w.now.Load().Add(d)
	w.now.Store(&then)
}

func (w *world) bootstrap(t testing.TB) {
	t.Helper()
	a := w.send(client{}, "POST", "/orgd/v1/bootstrap", `{"email":"admin@world.test","name":"Ada Admin"}`, "X-Orgd-Bootstrap-Secret", worldSecret)
	w.admin = client{name: "admin", email: "admin@world.test", token: a.at(t, "token.value"), key: a.at(t, "api_key"), id: a.at(t, "user.id")}
	var groups struct {
		Result []struct{ ID, Name string }
	}
	if err := json.Unmarshal([]byte(w.send(w.admin, "GET", "/client/v4/user/tokens/permission_groups", "").body), &groups); err != nil {
		t.Fatal(err)
	}
	for _, g := range groups.Result {
		w.groups[g.Name] = g.ID
	}
}

// plant makes the objects.
func (w *world) plant(t testing.TB) {
	t.Helper()
	profile := `,"profile":{"business_address":"a","business_email":"b","business_name":"c","business_phone":"d","external_metadata":"e"}`
	organization := func(c client, name, parent, more string) {
		body := `{"name":"` + name + ` name"` + more
		if parent != "" {
			body += `,"parent":{"id":"` + w.ids[parent] + `"}`
		}
		w.ids[name] = w.send(c, "POST", "/client/v4/organizations", body+"}").at(t, "id")
	}
	organization(w.founder, "P", "", profile)
	organization(w.founder, "T", "P", profile)
	organization(w.founder, "C", "T", "")
	organization(w.founder, "E", "T", "")
	organization(w.founder, "S", "P", profile)
	organization(w.other, "X", "", "")
	organization(w.other, "Y", "", "")
	organization(w.founder, "D", "T", "")
	w.send(w.founder, "DELETE", "/client/v4/organizations/"+w.ids["D"], "").at(t, "id")
	for name, in := range map[string]string{"AT": "T", "AC": "C", "AS": "S", "AD": "T"} {
		w.ids[name] = w.send(w.founder, "POST", "/client/v4/accounts", `{"name":"`+name+` name","unit":{"id":"`+w.ids[in]+`"}}`).at(t, "id")
	}
	w.ids["AL"] = w.send(w.founder, "POST", "/client/v4/accounts", `{"name":"AL name"}`).at(t, "id")
	w.send(w.founder, "DELETE", "/client/v4/accounts/"+w.ids["AD"], "").at(t, "id")
	w.sendProfile(t, "/client/v4/accounts/"+w.ids["AT"]+"/profile")
	for name, email := range map[string]string{"person": "person@world.test", "friend": "friend@world.test"} {
		w.ids[name] = w.newUser(t, name).id
		w.ids[name+"_email"] = email
	}
	w.ids["MT"] = w.join(t, w.founder, "T", "person@world.test", "organization_read_only")
	w.ids["MA"] = w.joinAccount(t, "AT", "person@world.test", "account_read_only")
	w.ids["RT"] = w.send(w.founder, "GET", "/client/v4/organizations/"+w.ids["T"]+"/logs/audit"+window, "").at(t, "0.id")
	for _, a := range []string{"AT", "AL"} {
		w.ids["R"+a] = w.send(w.founder, "GET", "/client/v4/accounts/"+w.ids[a]+"/logs/audit"+window, "").at(t, "0.id")
	}
	w.ids["ST"] = freshStream(t, w, nil)["stream"]
	budgets := freshBudget(t, w, nil)
	w.ids["BT"], w.ids["BAT"] = budgets["budget"], budgets["account_budget"]
	w.ids["erasable"] = w.newUser(t, "erasable").id
	w.ids["victim"] = w.newUser(t, "victim").id
	w.ids["foreign"] = w.send(w.founder, "POST", "/client/v4/user/tokens", tokenJSON).at(t, "id")
	w.ids["code"] = w.invite(t, w.founder, "T", "invited@world.test")
}

func (w *world) sendProfile(t testing.TB, target string) {
	t.Helper()
	body := `{"business_address":"a","business_email":"b","business_name":"c","business_phone":"d","external_metadata":"e"}`
	if a := w.send(w.founder, "PUT", target, body); a.status != 204 {
		t.Fatalf("PUT %s: %d %s", target, a.status, a.body)
	}
}

// newUser makes a user who may do nothing yet, with a token that withholds
// nothing.
func (w *world) newUser(t testing.TB, name string) client {
	t.Helper()
	c := client{name: name, email: name + "@world.test"}
	a := w.send(w.admin, "POST", "/orgd/v1/users", `{"email":"`+c.email+`","first_name":"Jo","last_name":"Doe"}`)
	c.id, c.key = a.at(t, "id"), a.at(t, "api_key")
	return w.withToken(t, c, w.everyGroup(), []string{"organization.*", "account.*", "user." + c.id}, "")
}

func (w *world) everyGroup() []string {
	var names []string
	for name := range w.groups {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// withToken returns c with another token. More is added to its body.
func (w *world) withToken(t testing.TB, c client, groups, resources []string, more string) client {
	t.Helper()
	byKey := c
	byKey.token = ""
	c.token = w.send(byKey, "POST", "/client/v4/user/tokens", w.tokenBody(groups, resources, more)).at(t, "value")
	return c
}

func (w *world) tokenBody(groups, resources []string, more string) string {
	ids := make([]string, len(groups))
	for i, name := range groups {
		ids[i] = `{"id":"` + w.groups[name] + `"}`
	}
	names := make([]string, len(resources))
	for i, r := range resources {
		names[i] = `"com.cloudflare.api.` + r + `":"*"`
	}
	return `{"name":"a token","policies":[{"effect":"allow","permission_groups":[` + strings.Join(ids, ",") +
		`],"resources":{` + strings.Join(names, ",") + `}}]` + more + `}`
}

// join makes an existing user a member of an organization at once.
func (w *world) join(t testing.TB, by client, organization, email, role string) string {
	t.Helper()
	body := `{"member":{"user":{"email":"` + email + `"},"role":"` + role + `","status":"active"}}`
	return w.send(by, "POST", "/client/v4/organizations/"+w.ids[organization]+"/members", body).at(t, "id")
}

func (w *world) joinAccount(t testing.TB, account, email, role string) string {
	t.Helper()
	return w.send(w.founder, "POST", "/orgd/v1/accounts/"+w.ids[account]+"/members", `{"email":"`+email+`","role":"`+role+`"}`).at(t, "id")
}

// invite returns the code of a new invitation.
func (w *world) invite(t testing.TB, by client, organization, email string) string {
	t.Helper()
	body := `{"member":{"user":{"email":"` + email + `"}}}`
	return w.send(by, "POST", "/client/v4/organizations/"+w.ids[organization]+"/members", body).at(t, "meta.invitation.code")
}

// send sends a request; header holds names and values in turn.
func (w *world) send(c client, method, target, body string, header ...string) answer {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	switch {
	case c.token != "":
		r.Header.Set("Authorization", "Bearer "+c.token)
	case c.key != "":
		r.Header.Set("X-Auth-Email", c.email)
		r.Header.Set("X-Auth-Key", c.key)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	return answer{status: rec.Code, header: rec.Result().Header, body: rec.Body.String()}
}

// at returns a value in the result of a success, by the names of the keys
// that lead to it; the key of an array is an index.
func (a answer) at(t testing.TB, path string) string {
	t.Helper()
	var envelope struct {
		Success bool `json:"success"`
		Result  any  `json:"result"`
	}
	if err := json.Unmarshal([]byte(a.body), &envelope); err != nil || !envelope.Success {
		t.Fatalf("no success: %d %s", a.status, a.body)
	}
	v := envelope.Result
	for name := range strings.SplitSeq(path, ".") {
		switch inner := v.(type) {
		case map[string]any:
			v = inner[name]
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i >= len(inner) {
				t.Fatalf("no %s in %s", path, a.body)
			}
			v = inner[i]
		default:
			t.Fatalf("no %s in %s", path, a.body)
		}
	}
	return fmt.Sprint(v)
}

// expand fills placeholders like $T in a target or body: first from own, then
// from the objects of the world. What is in hidden becomes unknown.
func (w *world) expand(text string, own map[string]string, hidden func(string) bool) string {
	return os.Expand(text, func(name string) string {
		if v, ok := own[name]; ok {
			return v
		}
		if name == "fresh" {
			return strconv.FormatInt(w.fresh.Add(1), 10)
		}
		if id, ok := w.ids[name]; ok && !hidden(name) {
			return id
		}
		return unknown
	})
}

// lockedBuffer is a log that several requests write to.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// worldKey signs the audit logs of the world, if its store is a real one.
func worldKey(t testing.TB, store org.Store) *proof.Key {
	t.Helper()
	if _, invents := store.(*slowStore); invents {
		return nil // what its logs have is in no tree
	}
	text, err := proof.GenerateKey(rand.Reader, "audit.world.test")
	if err != nil {
		t.Fatal(err)
	}
	k, err := proof.ParseKey(text, "")
	if err != nil {
		t.Fatal(err)
	}
	return k
}
