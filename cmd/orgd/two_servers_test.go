package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/orgd/orgd/internal/engine/enginetest"
)

// The shape of the history.
const (
	serverWorkers = 16
	serverSteps   = 60   // of each worker
	serverMost    = 2000 // of each worker while some step has not succeeded
)

// TestTwoServers lets many clients of two servers on one PostgreSQL database
// do what they like with the same few trees. Whatever is refused, no
// invariant may break, and no server may fail.
func TestTwoServers(t *testing.T) {
	t.Parallel()
	program := binary(t)
	postgres := enginetest.All(t)[1]
	if postgres.Name != "postgres" {
		t.Fatalf("the second engine is %s, want postgres", postgres.Name)
	}
	url := postgres.URL(t)
	token := prepared(t, program, url)
	limits := []string{"--limits-depth", "3", "--limits-accounts", "25"}
	var servers []*process
	for range 2 {
		servers = append(servers, start(t, program, append([]string{"serve", "--store", url, "--rate-limit", "0"}, limits...)...))
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	h := &httpHistory{done: make(map[string]int), refused: make(map[string]int)}
	admin := newClient(servers[0].BaseURL, token)
	for i := range 3 {
		h.organizations = append(h.organizations, admin.must(t, "POST", "/organizations", named(fmt.Sprintf("Root %d", i))).id())
	}
	// The first root has a member that nobody removes, so it cannot be deleted.
	admin.must(t, "POST", "/organizations/"+h.organizations[0]+"/members", invitation("stays@example.com"))
	var group sync.WaitGroup
	for i := range serverWorkers {
		w := &httpWorker{httpHistory: h, Rand: rand.New(rand.NewPCG(seed, uint64(i))), client: newClient(servers[i%2].BaseURL, token)}
		group.Go(func() { w.work(t) })
	}
	group.Wait()
	h.check(t)
	if out := run(t, program, append([]string{"fsck", "--store", url}, limits...)...); out != "no violations\n" {
		t.Errorf("fsck: %s", out)
	}
}

// httpHistory is what the workers share.
type httpHistory struct {
	mu            sync.Mutex
	organizations []string
	accounts      []string
	members       []httpMember
	done, refused map[string]int
}

type httpMember struct{ organization, id string }

func (h *httpHistory) check(t *testing.T) {
	t.Helper()
	t.Logf("done %v, refused %v", h.done, h.refused)
	for _, s := range httpSteps() {
		if h.done[s.name] == 0 {
			t.Errorf("no worker succeeded to %s in %d attempts", s.name, h.refused[s.name])
		}
	}
}

// httpWorker does one random step after the other.
type httpWorker struct {
	*httpHistory
	*rand.Rand
	client *client
}

// httpStep is something that a worker may do.
type httpStep struct {
	name   string
	weight int
	do     func(*httpWorker, context.Context) (*reply, error)
}

func httpSteps() []httpStep {
	return []httpStep{
		{"create an organization", 5, (*httpWorker).createOrganization},
		{"move an organization", 5, (*httpWorker).moveOrganization},
		{"delete an organization", 4, (*httpWorker).deleteOrganization},
		{"create an account", 6, (*httpWorker).createAccount},
		{"move an account", 4, (*httpWorker).moveAccount},
		{"move accounts", 3, (*httpWorker).moveAccounts},
		{"detach an account", 2, (*httpWorker).detachAccount},
		{"invite", 3, (*httpWorker).invite},
		{"remove a member", 3, (*httpWorker).removeMember},
	}
}

func (w *httpWorker) work(t *testing.T) {
	var urn []httpStep
	for _, s := range httpSteps() {
		urn = append(urn, slices.Repeat([]httpStep{s}, s.weight)...)
	}
	for n := 0; n < serverSteps || n < serverMost && !w.complete(); n++ {
		s := urn[w.IntN(len(urn))]
		r, err := s.do(w, t.Context())
		if err != nil {
			t.Errorf("%s: %v", s.name, err)
			return
		}
		w.mu.Lock()
		if r.ok() {
			w.done[s.name]++
		} else {
			w.refused[s.name]++
		}
		w.mu.Unlock()
		// There is no reason to be refused but a rule, and nothing to move yet.
		if !r.ok() && r.Status != 400 && r.Status != 404 {
			t.Errorf("%s: status %d: %s", s.name, r.Status, r.Text)
			return
		}
	}
}

// complete reports whether every step has succeeded.
func (w *httpWorker) complete() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.done) == len(httpSteps())
}

// pickOne returns a random element, a zero one of an empty list; the latest
// ones are more likely, because the oldest are gone or full.
func pickOne[T any](w *httpWorker, list *[]T) (v T) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := len(*list); n > 0 {
		v = (*list)[n-1-min(w.IntN(n), w.IntN(n))]
	}
	return v
}

func (w *httpWorker) organization() string { return pickOne(w, &w.organizations) }

// account returns an account, or one that cannot be.
func (w *httpWorker) account() string {
	if a := pickOne(w, &w.accounts); a != "" {
		return a
	}
	return "none"
}

// keep adds the id of what was made to a list.
func (w *httpWorker) keep(list *[]string, r *reply, err error) (*reply, error) {
	if err == nil && r.ok() {
		w.mu.Lock()
		defer w.mu.Unlock()
		*list = append(*list, r.id())
	}
	return r, err
}

func named(name string) map[string]any { return map[string]any{"name": name} }

func with(body map[string]any, key string, value any) map[string]any {
	body[key] = value
	return body
}

func invitation(email string) map[string]any {
	return map[string]any{"member": map[string]any{"user": map[string]any{"email": email}}}
}

func identified(id string) map[string]any { return map[string]any{"id": id} }

func (w *httpWorker) createOrganization(ctx context.Context) (*reply, error) {
	r, err := w.client.call(ctx, "POST", "/organizations", with(named("Organization"), "parent", identified(w.organization())))
	return w.keep(&w.organizations, r, err)
}

func (w *httpWorker) moveOrganization(ctx context.Context) (*reply, error) {
	return w.client.call(ctx, "PUT", "/organizations/"+w.organization(), with(named("Moved"), "parent", identified(w.organization())))
}

func (w *httpWorker) deleteOrganization(ctx context.Context) (*reply, error) {
	return w.client.call(ctx, "DELETE", "/organizations/"+w.organization(), nil)
}

func (w *httpWorker) createAccount(ctx context.Context) (*reply, error) {
	r, err := w.client.call(ctx, "POST", "/accounts", with(named("Account"), "unit", identified(w.organization())))
	return w.keep(&w.accounts, r, err)
}

func (w *httpWorker) moveAccount(ctx context.Context) (*reply, error) {
	return w.client.call(ctx, "POST", "/accounts/"+w.account()+"/move", map[string]any{"destination_organization_id": w.organization()})
}

func (w *httpWorker) moveAccounts(ctx context.Context) (*reply, error) {
	some := []string{w.account(), w.account(), w.account()}
	slices.Sort(some)
	return w.client.call(ctx, "POST", "/accounts/move", map[string]any{
		"account_ids": slices.Compact(some), "destination_organization_id": w.organization(),
	})
}

func (w *httpWorker) detachAccount(ctx context.Context) (*reply, error) {
	own := *w.client
	own.base = strings.TrimSuffix(own.base, "/client/v4") + "/orgd/v1"
	return own.call(ctx, "POST", "/accounts/"+w.account()+"/detach", nil)
}

func (w *httpWorker) invite(ctx context.Context) (*reply, error) {
	o := w.organization()
	email := "user" + strconv.Itoa(w.IntN(6)) + "@example.com"
	r, err := w.client.call(ctx, "POST", "/organizations/"+o+"/members", invitation(email))
	if err == nil && r.ok() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.members = append(w.members, httpMember{o, r.id()})
	}
	return r, err
}

func (w *httpWorker) removeMember(ctx context.Context) (*reply, error) {
	m := pickOne(w, &w.members)
	if m.id == "" {
		m.organization, m.id = w.organization(), "none"
	}
	return w.client.call(ctx, "DELETE", "/organizations/"+m.organization+"/members/"+m.id, nil)
}
