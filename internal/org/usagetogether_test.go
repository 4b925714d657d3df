package org_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/usage"
)

// gated is a store whose transactions wait until the gate is open.
type gated struct {
	org.Store
	gate    chan struct{}
	started atomic.Int64
}

func (g *gated) Update(ctx context.Context, f func(org.Tx) error) error {
	g.started.Add(1)
	select {
	case <-g.gate:
		return g.Store.Update(ctx, f)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func until(condition func() bool) {
	for !condition() {
		runtime.Gosched()
	}
}

// crowd pushes usage while two transactions are under way that do not end.
type crowd struct {
	*world
	t       *testing.T
	store   *gated
	service *org.Service
	root    org.Organization
	account org.Account
	owner   *person
}

func newCrowd(t *testing.T, w *world) *crowd {
	c := &crowd{world: w, t: t, store: &gated{Store: w.store, gate: make(chan struct{})}, owner: w.person("ada")}
	c.root = w.root("Root", c.owner)
	c.account = w.account("Shop", c.owner, c.root.ID)
	w.prices()
	c.service = w.serviceOn(c.store)
	c.service.HoldPushes()
	return c
}

// outcome is what became of a request.
type outcome struct {
	receipts []usage.Receipt
	err      error
}

func (o outcome) String() string {
	if o.err != nil {
		return "error: " + o.err.Error()
	}
	var all []string
	for _, r := range o.receipts {
		all = append(all, strings.TrimSuffix(r.ID+" "+string(r.Outcome)+" "+string(r.Refusal.Reason), " "))
	}
	return strings.Join(all, ", ")
}

// send pushes in the background; its answer comes from what it returns.
func (c *crowd) send(ctx context.Context, r org.Request, all ...usage.Submission) <-chan outcome {
	answer := make(chan outcome, 1)
	go func() {
		receipts, err := c.service.PushUsage(ctx, r, all)
		answer <- outcome{receipts, err}
	}()
	return answer
}

// wait pushes and returns when the request waits behind n others.
func (c *crowd) wait(ctx context.Context, n int, r org.Request, all ...usage.Submission) <-chan outcome {
	answer := c.send(ctx, r, all...)
	until(func() bool { return c.service.WaitingPushes() == n+1 })
	return answer
}

// busy has two transactions begin.
func (c *crowd) busy() []<-chan outcome {
	a := c.begin(c.t.Context(), 0, c.event("a"))
	return []<-chan outcome{a, c.begin(c.t.Context(), 1, c.event("b"))}
}

// begin has one more transaction begin, after n.
func (c *crowd) begin(ctx context.Context, n int64, e usage.Submission) <-chan outcome {
	answer := c.send(ctx, c.owner.request(), e)
	until(func() bool { return c.store.started.Load() == n+1 })
	return answer
}

func (c *crowd) event(name string) usage.Submission {
	return used(name, c.account.ID, requests, "2026-07-02", "1")
}

// total returns what the account has used.
func (c *crowd) total(p *person, a id.Account) string {
	c.t.Helper()
	lines, _ := c.rows(must[org.Usage](c.t)(c.AccountUsage(c.t.Context(), p.caller(), a, days(c.t, "2026-07-01", "2026-07-31"))))
	return strings.Join(lines, ", ")
}

func want(t *testing.T, answer <-chan outcome, want string) {
	t.Helper()
	if got := (<-answer).String(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Requests that come while others are being counted are counted in one
// transaction. Each has its own receipts, by the rights of its own caller, and
// an event that two of them have counts for one.
func TestUsageIsCountedTogether(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		c := newCrowd(t, w)
		eve := w.person("eve")
		own := w.account("Own", eve, "")
		first := c.busy()
		ctx, cancel := context.WithCancel(t.Context())
		one := c.wait(t.Context(), 0, c.owner.request(), c.event("1"), c.event("2"))
		stranger := c.wait(t.Context(), 1, eve.request(), c.event("3"), used("4", own.ID, requests, "2026-07-02", "5"))
		gone := c.wait(ctx, 2, c.owner.request(), c.event("5"))
		other := c.wait(t.Context(), 3, c.owner.request(), c.event("2"), c.event("6"), used("7", c.account.ID, "none", "2026-07-02", "1"))
		cancel()
		if o := <-gone; !errors.Is(o.err, context.Canceled) {
			t.Errorf("who gave up got %v", o)
		}
		close(c.store.gate)
		want(t, first[0], "a counted")
		want(t, first[1], "b counted")
		want(t, one, "1 counted, 2 counted")
		want(t, stranger, "3 refused unknown_account, 4 counted")
		want(t, other, "2 duplicate, 6 counted, 7 refused unknown_metric")
		if n := c.store.started.Load(); n != 3 {
			t.Errorf("%d transactions, want 3", n)
		}
		if got := c.total(c.owner, c.account.ID); got != "2026-07-02 Shop workers_standard_requests 5" {
			t.Errorf("the account has %s", got)
		}
		if got := c.total(eve, own.ID); got != "2026-07-02 Own workers_standard_requests 5" {
			t.Errorf("the account of the other has %s", got)
		}
	})
}

// What goes wrong with one request is none of the others' business.
func TestUsageIsCountedApart(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		c := newCrowd(t, w)
		token := w.token(c.owner)
		caller := w.bearer(token.Value)
		first := c.busy()
		one := c.wait(t.Context(), 0, c.owner.request(), c.event("1"))
		revoked := c.wait(t.Context(), 1, requestOf(caller), c.event("2"))
		other := c.wait(t.Context(), 2, c.owner.request(), c.event("1"), c.event("3"))
		must[id.Token](t)(w.DeleteToken(t.Context(), c.owner.request(), token.ID))
		close(c.store.gate)
		want(t, first[0], "a counted")
		want(t, first[1], "b counted")
		if o := <-revoked; fault.CodeOf(o.err) != fault.BadCredentials {
			t.Errorf("whose token is gone got %v", o)
		}
		got := []string{(<-one).String(), (<-other).String()}
		if !slices.Equal(got, []string{"1 counted", "1 duplicate, 3 counted"}) && !slices.Equal(got, []string{"1 duplicate", "1 counted, 3 counted"}) {
			t.Errorf("got %q", got)
		}
		if got := c.total(c.owner, c.account.ID); got != "2026-07-02 Shop workers_standard_requests 4" {
			t.Errorf("the account has %s", got)
		}
	})
}

// A transaction ends when nobody waits for it any more.
func TestCountingNobodyWaitsForEnds(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		c := newCrowd(t, w)
		ctx, cancel := context.WithCancel(t.Context())
		gone := c.begin(ctx, 0, c.event("1"))
		waiting := c.begin(t.Context(), 1, c.event("a"))
		last := c.wait(t.Context(), 0, c.owner.request(), c.event("2"))
		cancel()
		if o := <-gone; !errors.Is(o.err, context.Canceled) {
			t.Errorf("who gave up got %v", o)
		}
		until(func() bool { return c.store.started.Load() == 3 })
		close(c.store.gate)
		want(t, waiting, "a counted")
		want(t, last, "2 counted")
		if got := c.total(c.owner, c.account.ID); got != "2026-07-02 Shop workers_standard_requests 2" {
			t.Errorf("the account has %s", got)
		}
	})
}
