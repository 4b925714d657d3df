package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/engine"
	"github.com/orgd/orgd/internal/engine/enginetest"
	"github.com/orgd/orgd/internal/id"
)

// The shape of the kill test of budgets.
const (
	budgetKills   = 3
	budgetCrossed = 2               // thresholds of each budget
	budgetTimeout = 3 * time.Minute // the leases and a pause of the dead included
	budgetPrices  = `
catalogue:
  version: v1
  metrics: [{id: coins, name: Coins, unit: Coins, aggregation: sum, family: {id: f, name: F}, category: C, service: {name: S, category: Other}}]
price_books: [{id: book, currency: USD, prices: [{metric: coins, sku: c, unit: Coins, list: 1}]}]
`
)

// TestBudgetKill kills the server while a notice is on its way, and at random
// moments around the crossing. Every notice must arrive, with the same bytes
// however often, and every crossing must have one record. On PostgreSQL there
// are two servers in the end.
func TestBudgetKill(t *testing.T) {
	t.Parallel()
	program := binary(t)
	for _, e := range enginetest.All(t) {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			random := rand.New(rand.NewPCG(seed, 0))
			url := e.URL(t)
			token := prepared(t, program, url)
			r := &budgetReceiver{t: t, arrived: make(chan struct{}, 1), random: rand.New(rand.NewPCG(seed, 1)), bodies: map[string]string{}}
			hook := httptest.NewServer(r)
			t.Cleanup(hook.Close)
			args := []string{"serve", "--store", url, "--rate-limit", "0", "--outbound-allow", "127.0.0.1", "--secret-key", strings.Repeat("01", 32)}
			var organization string
			var budgets []string
			for n := range budgetKills {
				p := start(t, program, args...)
				c := newClient(p.BaseURL, token)
				if n == 0 {
					organization = spending(t, c)
				}
				budgets = append(budgets, makeBudget(t, c, organization, hook.URL))
				if n == 0 {
					r.awaitFirst(t) // it is held, so the server dies between crossing and delivery
				} else {
					time.Sleep(time.Duration(random.Int64N(int64(6 * time.Second))))
				}
				p.kill()
			}
			r.recover()
			servers := []*process{start(t, program, args...)}
			if e.Name == "postgres" {
				servers = append(servers, start(t, program, args...))
			}
			r.await(t, budgetKills*budgetCrossed)
			c := newClient(servers[len(servers)-1].BaseURL, token)
			for _, b := range budgets {
				awaitDelivered(t, c, organization, b)
			}
			wantCrossings(t, url, organization, budgets)
			if out := run(t, program, "fsck", "--store", url); out != "no violations\n" {
				t.Errorf("fsck: %s", out)
			}
		})
	}
}

func ownClient(c *client) *client {
	own := *c
	own.base = strings.TrimSuffix(c.base, "/client/v4") + "/orgd/v1"
	return &own
}

// spending makes an organization with an account that has spent 90 today.
func spending(t *testing.T, c *client) (organization string) {
	t.Helper()
	own := ownClient(c)
	organization = c.must(t, "POST", "/organizations", named("Acme")).id()
	account := c.must(t, "POST", "/accounts", with(named("Shop"), "unit", identified(organization))).id()
	own.must(t, "POST", "/usage/price_lists", map[string]any{"yaml": budgetPrices})
	own.must(t, "PUT", "/organizations/"+organization+"/price_book", map[string]any{"book_id": "book", "start": "2020-01-01"})
	own.must(t, "POST", "/usage/events", map[string]any{
		"specversion": "1.0", "id": "1", "source": "/meter", "type": "usage", "time": time.Now().UTC().Format(time.RFC3339),
		"data": map[string]any{"account_id": account, "metric": "coins", "quantity": "90"},
	})
	return organization
}

// makeBudget makes a budget of which two thresholds of three are crossed.
func makeBudget(t *testing.T, c *client, organization, url string) string {
	t.Helper()
	return ownClient(c).must(t, "POST", "/organizations/"+organization+"/budgets", map[string]any{
		"name": "Budget", "kind": "cumulative", "amount": "100", "currency": "USD", "thresholds": []int{50, 90, 100}, "webhook": map[string]any{"url": url},
	}).id()
}

// awaitDelivered waits until a budget says that all its notices were taken.
func awaitDelivered(t *testing.T, c *client, organization, budget string) {
	t.Helper()
	var text string
	for end := time.Now().Add(budgetTimeout); time.Now().Before(end); time.Sleep(50 * pollPeriod) {
		reply := ownClient(c).must(t, "GET", "/organizations/"+organization+"/budgets/"+budget, nil)
		text = reply.Text
		if strings.Count(text, `"state":"delivered"`) == budgetCrossed {
			return
		}
	}
	t.Errorf("the notices are not delivered: %s", text)
}

// wantCrossings wants one record of each threshold of each budget that was
// crossed, and no other.
func wantCrossings(t *testing.T, url, organization string, budgets []string) {
	t.Helper()
	store, err := engine.Open(t.Context(), url, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	records, err := store.AuditRecords(t.Context(), id.Log(organization), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, r := range records {
		if r.Action != audit.BudgetCross {
			continue
		}
		var after struct{ Percent int }
		if err := json.Unmarshal(r.Resource.After, &after); err != nil {
			t.Fatal(err)
		}
		got[fmt.Sprint(r.Resource.ID, " ", after.Percent)]++
	}
	for _, b := range budgets {
		for _, percent := range []int{50, 90} {
			name := fmt.Sprint(b, " ", percent)
			if got[name] != 1 {
				t.Errorf("%s %% has %d records", name, got[name])
			}
			delete(got, name)
		}
	}
	if len(got) > 0 {
		t.Errorf("there are other records: %v", got)
	}
}

// budgetReceiver holds every notice, refuses it, or takes it without saying
// so, until it recovers.
type budgetReceiver struct {
	t       *testing.T
	arrived chan struct{}

	mu       sync.Mutex
	random   *rand.Rand
	well     bool
	attempts int
	bodies   map[string]string // by id of the message
}

func (r *budgetReceiver) recover() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.well = true
}

func (r *budgetReceiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return // the sender was killed
	}
	r.mu.Lock()
	r.attempts++
	name := req.Header.Get("Webhook-Id")
	if before, known := r.bodies[name]; known && before != string(body) {
		r.t.Errorf("notice %s is %s, and was %s", name, body, before)
	}
	r.bodies[name] = string(body)
	dice, well := r.random.IntN(3), r.well
	if r.attempts == 1 {
		dice = 0
	}
	r.mu.Unlock()
	select {
	case r.arrived <- struct{}{}:
	default:
	}
	switch {
	case well:
	case dice == 0:
		<-req.Context().Done() // until the server dies
	case dice == 1:
		w.WriteHeader(http.StatusServiceUnavailable)
	default:
		if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
			_ = c.Close()
		}
	}
}

// awaitFirst waits until a notice has arrived.
func (r *budgetReceiver) awaitFirst(t *testing.T) {
	t.Helper()
	select {
	case <-r.arrived:
	case <-time.After(budgetTimeout):
		t.Fatalf("no notice arrived within %s", budgetTimeout)
	}
}

// await waits until so many different notices have arrived.
func (r *budgetReceiver) await(t *testing.T, want int) {
	t.Helper()
	got := 0
	for end := time.Now().Add(budgetTimeout); time.Now().Before(end); time.Sleep(50 * pollPeriod) {
		r.mu.Lock()
		got = len(r.bodies)
		attempts := r.attempts
		r.mu.Unlock()
		if got == want {
			t.Logf("%d notices in %d attempts", got, attempts)
			return
		}
	}
	t.Errorf("%d of %d notices arrived within %s", got, want, budgetTimeout)
}
