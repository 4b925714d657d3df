package stream_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/shopspring/decimal"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/outbound"
	"github.com/orgd/orgd/internal/page"
	"github.com/orgd/orgd/internal/stream"
	"github.com/orgd/orgd/internal/usage"
	"github.com/orgd/orgd/internal/usage/pricelist"
)

const coinPrices = `
catalogue:
  version: v1
  metrics:
    - {id: coins, name: Coins, unit: Coins, aggregation: sum, family: {id: f, name: F}, category: C, service: {name: S, category: Other}}
price_books:
  - {id: dollars, currency: USD, prices: [{metric: coins, sku: d, unit: Coins, list: 1}]}
`

// spend lets an account of the organization spend so many dollars today.
func (w *world) spend(dollars int64) {
	w.Helper()
	list := must(pricelist.Read(strings.NewReader(coinPrices)))(w.T)
	must(w.PutPriceList(w.Context(), w.caller, org.PriceList{Catalogue: list.Catalogue, Books: list.Books}))(w.T)
	must(w.AssignPriceBook(w.Context(), w.caller, org.Owner{Organization: w.o}, "dollars", 0))(w.T)
	a := must(w.CreateAccount(w.Context(), w.caller, org.NewAccount{Name: "Shop", Organization: w.o}))(w.T)
	receipts := must(w.PushUsage(w.Context(), w.caller, []usage.Submission{{Event: usage.Event{
		Source: "/meter", ID: string(a.ID), Account: a.ID, Metric: "coins", Time: w.now(), Quantity: decimal.NewFromInt(dollars),
	}}}))(w.T)
	if receipts[0].Outcome != usage.Counted {
		w.Fatalf("the event is %+v", receipts[0])
	}
}

// budget makes a budget of 100 dollars with a webhook.
func (w *world) budget(url string, thresholds ...int) org.ShownBudget {
	w.Helper()
	in := org.NewBudget{Name: "Budget", Thresholds: thresholds, Webhook: url}
	in.Kind, in.Amount, in.Currency = usage.CumulativeBudget, decimal.NewFromInt(100), "USD"
	return must(w.CreateBudget(w.Context(), w.caller, org.Owner{Organization: w.o}, in))(w.T)
}

func (w *world) evaluate() {
	w.Helper()
	if err := w.EvaluateBudgets(w.Context(), org.Holder{Name: "test", Lease: time.Minute}); err != nil {
		w.Fatal(err)
	}
}

// crossings returns what was crossed of a budget.
func (w *world) crossings(b org.Budget) []org.Crossing {
	w.Helper()
	return must(w.ListCrossings(w.Context(), w.caller.Caller, b.Owner, b.ID, page.Request{Size: 100}))(w.T).Items
}

// wantRecords wants one record for each crossing of a budget.
func (w *world) wantRecords(b org.Budget) {
	w.Helper()
	n := 0
	for _, r := range must(w.Store.AuditRecords(w.Context(), id.Log(w.o), 0, 1000))(w.T) {
		if r.Action == audit.BudgetCross && r.Resource.ID == string(b.ID) {
			n++
		}
	}
	if want := len(w.crossings(b)); n != want {
		w.Errorf("%d records, want %d", n, want)
	}
}

// noticeReceiver is a receiver of notices: the id of a delivery is that of its
// message.
type noticeReceiver struct{ *receiver }

func newNoticeReceiver(t *testing.T) *noticeReceiver {
	t.Helper()
	return &noticeReceiver{startReceiver(t, httptest.NewServer, func(d *delivery) { d.ids = []string{d.header.Get("Webhook-Id")} })}
}

// ids returns the ids of what was taken, each with how often.
func (r *noticeReceiver) ids() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := map[string]int{}
	for _, d := range r.taken {
		all[d.ids[0]]++
	}
	return all
}

// TestNotice delivers what was crossed, signed, once for each threshold, with
// the bytes that were written down with the crossing.
func TestNotice(t *testing.T) {
	onEveryEngine(t, func(w *world) {
		r := newNoticeReceiver(w.T)
		b := w.budget(r.URL, 50, 80, 100)
		worker := w.worker("one", loopback, nil)
		w.spend(90)
		w.evaluate()
		rotated := must(w.UpdateBudget(w.Context(), w.caller, b.Owner, b.ID, org.BudgetChange{Rotate: true}))(w.T)
		for range 3 {
			w.evaluate()
			w.deliver(worker)
			w.pass(org.BudgetPeriod)
		}
		crossed := w.crossings(b.Budget)
		if len(r.taken) != 2 || len(crossed) != 2 {
			w.Fatalf("%d notices were taken of %d crossings", len(r.taken), len(crossed))
		}
		slices.SortFunc(r.taken, func(a, b delivery) int { return strings.Compare(a.ids[0], b.ids[0]) })
		for i, d := range r.taken {
			x := crossed[i]
			want := fmt.Sprintf(`{"type":"budget.crossed","timestamp":"2026-08-01T12:00:00Z","data":{"id":"%s","budget_id":"%s","budget_name":"Budget","organization_id":"%s",`+
				`"scope":"subtree","kind":"cumulative","amount":"100","currency":"USD","percent":%d,"period_start":"2026-08-01","period_end":"2026-09-01","spent":"90","projected":"90",`+
				`"cross_time":"2026-08-01T12:00:00Z"}}`, x.ID, b.ID, w.o, []int{50, 80}[i])
			if string(d.body) != want {
				w.Errorf("sent\n%s\nwant\n%s", d.body, want)
			}
			if d.ids[0] != "msg_"+string(x.ID) || d.header.Get("Orgd-Budget") != string(b.ID) || d.header.Get("Orgd-Organization") != string(w.o) || d.header.Get("Content-Type") != "application/json" {
				w.Errorf("the header is %v", d.header)
			}
			for _, secret := range []string{b.Value, rotated.Value} {
				hook := must(standardwebhooks.NewWebhook(secret))(w.T)
				if err := hook.VerifyIgnoringTimestamp(d.body, d.header); err != nil {
					w.Error(err)
				}
			}
			if x.Delivery.State != org.NoticeDelivered || x.Delivery.Delivered.IsZero() || x.Delivery.Failures != 0 {
				w.Errorf("the delivery is %+v", x.Delivery)
			}
		}
		w.wantRecords(b.Budget)
	})
}

// TestNoticeOutage lets the receiver be down for ten minutes, then come and go
// and forget what it took, and at last be up again.
func TestNoticeOutage(t *testing.T) {
	onEveryEngine(t, func(w *world) {
		r := newNoticeReceiver(w.T)
		b := w.budget(r.URL, 50)
		worker := w.worker("one", loopback, nil)
		w.spend(90)
		w.evaluate()
		const step = 5 * time.Second
		during := func(steps int, behave func(int) behaviour) {
			for i := range steps {
				r.does(behave(i))
				w.evaluate()
				w.deliver(worker)
				w.pass(step)
			}
		}
		during(120, func(int) behaviour { return breaks })
		d := w.crossings(b.Budget)[0].Delivery
		if r.attempts < 5 || r.attempts > 15 || d.State != org.NoticeWaiting || d.Failures != int64(r.attempts) || d.LastError != "the receiver closed the connection" {
			w.Errorf("after ten minutes and %d attempts: %+v", r.attempts, d)
		}
		waiting, lag, err := w.NoticeTotals(w.Context())
		if err != nil || waiting != 1 || lag != 10*time.Minute {
			w.Errorf("%d notices have been waiting for %s, %v", waiting, lag, err)
		}
		during(183, func(i int) behaviour { return []behaviour{answers(503), breaks, forgets}[i/61] })
		if n := r.ids(); len(n) != 1 {
			w.Errorf("forgotten were %v", n)
		}
		r.does(nil)
		w.pass(stream.LongestWait)
		w.deliver(worker)
		for range 3 {
			w.pass(stream.LongestWait)
			w.evaluate()
			w.deliver(worker)
		}
		if len(r.taken) < 2 || len(r.ids()) != 1 {
			w.Errorf("taken were %v", r.ids())
		}
		for _, d := range r.taken {
			if string(d.body) != string(r.taken[0].body) {
				w.Errorf("another body: %s", d.body)
			}
		}
		if d := w.crossings(b.Budget)[0].Delivery; d.State != org.NoticeDelivered || d.Failures != 0 {
			w.Errorf("in the end: %+v", d)
		}
		w.wantRecords(b.Budget)
	})
}

// TestNoticeRefused does not try again what the receiver never wants, and
// connects to nothing that it must not.
func TestNoticeRefused(t *testing.T) {
	onEveryEngine(t, func(w *world) {
		r := newNoticeReceiver(w.T)
		gone, inside := w.budget(r.URL, 50), w.budget(r.URL, 60)
		w.spend(90)
		w.evaluate()
		w.deliver(w.worker("strict", outbound.Policy{}, nil))
		for _, b := range []org.ShownBudget{gone, inside} {
			if d := w.crossings(b.Budget)[0].Delivery; r.attempts != 0 || d.State != org.NoticeWaiting || d.LastError != outbound.ErrPlain.Error() {
				w.Errorf("%d attempts, %+v", r.attempts, d)
			}
		}
		r.does(answers(http.StatusGone))
		w.pass(stream.LongestWait)
		worker := w.worker("one", loopback, nil)
		w.deliver(worker)
		w.pass(stream.LongestWait)
		w.deliver(worker)
		d := w.crossings(gone.Budget)[0].Delivery
		if r.attempts != 2 || d.State != org.NoticeRefused || d.LastError != "the receiver answered 410 Gone" {
			w.Errorf("%d attempts, %+v", r.attempts, d)
		}
		want := map[string]float64{"orgd_budget_notice_attempts_total refused": 2, "orgd_budget_notices_waiting": 0, "orgd_budget_notice_lag_seconds": 0}
		worker.Count(w.Context())
		got := values(w.T, worker.Registry.(*prometheus.Registry))
		for name := range got {
			if !strings.HasPrefix(name, "orgd_budget_") {
				delete(got, name)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			w.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// TestNoticeOfTheDead lets a process die that holds a notice, and changes the
// webhook under another one's hands.
func TestNoticeOfTheDead(t *testing.T) {
	onEveryEngine(t, func(w *world) {
		r, other := newNoticeReceiver(w.T), newNoticeReceiver(w.T)
		b := w.budget(r.URL, 50)
		w.spend(90)
		w.evaluate()
		h := org.Holder{Name: "dead", Lease: stream.LeaseTime}
		dead := must(w.ClaimNotices(w.Context(), h, 10))(w.T)
		if len(dead) != 1 {
			w.Fatalf("claimed %d notices, want 1", len(dead))
		}
		worker := w.worker("living", loopback, nil)
		w.deliver(worker)
		if len(r.taken) != 0 {
			w.Error("delivered what another holds")
		}
		w.pass(stream.LeaseTime)
		w.deliver(worker)
		if err := w.SettleNotice(w.Context(), h, dead[0], org.NoticeOutcome{Error: "late"}); err != nil {
			w.Error(err)
		}
		if d := w.crossings(b.Budget)[0].Delivery; len(r.taken) != 1 || d.State != org.NoticeDelivered || d.LastError != "" {
			w.Errorf("%d taken, %+v", len(r.taken), d)
		}

		must(w.UpdateBudget(w.Context(), w.caller, b.Owner, b.ID, org.BudgetChange{Thresholds: []int{50, 60}}))(w.T)
		w.evaluate()
		held := must(w.ClaimNotices(w.Context(), h, 10))(w.T)
		must(w.UpdateBudget(w.Context(), w.caller, b.Owner, b.ID, org.BudgetChange{Webhook: &other.URL}))(w.T)
		if err := w.SettleNotice(w.Context(), h, held[0], org.NoticeOutcome{}); err != nil {
			w.Error(err)
		}
		w.deliver(worker)
		if len(r.taken) != 1 || len(other.taken) != 1 {
			w.Errorf("the former webhook has %d, the new one %d", len(r.taken), len(other.taken))
		}
		must(w.UpdateBudget(w.Context(), w.caller, b.Owner, b.ID, org.BudgetChange{Thresholds: []int{50, 60, 70}}))(w.T)
		w.evaluate()
		must(w.UpdateBudget(w.Context(), w.caller, b.Owner, b.ID, org.BudgetChange{Webhook: new("")}))(w.T)
		w.deliver(worker)
		if x := w.crossings(b.Budget); len(x) != 3 || x[2].Delivery.State != org.NoticeNone || len(other.taken) != 1 {
			w.Errorf("without a webhook: %+v", x)
		}
		w.wantRecords(b.Budget)
	})
}

// TestNoticesShared lets two processes evaluate and deliver side by side. As
// nothing fails, nothing is delivered twice.
func TestNoticesShared(t *testing.T) {
	onEveryEngine(t, func(w *world) {
		r := newNoticeReceiver(w.T)
		var budgets []org.ShownBudget
		for range 8 {
			budgets = append(budgets, w.budget(r.URL, 10, 20, 30, 40, 50))
		}
		w.spend(45)
		ctx, stop := context.WithCancel(w.Context())
		var group sync.WaitGroup
		for _, name := range []string{"one", "two"} {
			worker := w.worker(name, loopback, nil)
			w.Service.Changed = worker.Wake // of the last one: the other polls
			group.Go(func() { worker.Run(ctx) })
		}
		for _, name := range []string{"one", "two"} {
			group.Go(func() {
				if err := w.EvaluateBudgets(w.Context(), org.Holder{Name: name, Lease: time.Minute}); err != nil {
					w.Error(err)
				}
			})
		}
		const all = 8 * 4
		for end := time.Now().Add(2 * time.Minute); time.Now().Before(end) && len(r.ids()) < all; time.Sleep(20 * time.Millisecond) {
		}
		stop()
		group.Wait()
		n := r.ids()
		for id, times := range n {
			if times != 1 {
				w.Errorf("%s was delivered %d times", id, times)
			}
		}
		if len(n) != all {
			w.Errorf("%d notices were delivered, want %d", len(n), all)
		}
		for _, b := range budgets {
			w.wantRecords(b.Budget)
		}
	})
}
