package org_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/page"
	"github.com/orgd/orgd/internal/usage"
	"github.com/orgd/orgd/internal/usage/pricelist"
)

// books is two accounts that use the same: of one billing periods are closed,
// of the other, the mirror, never, so that it shows what everything costs now.
type books struct {
	*world
	*rand.Rand
	ada          *person
	shop, mirror org.Account
	homes        []org.Organization
	events       int
	home         id.Organization   // that the shop was deleted in, empty as long as it is there
	closed       []string          // the rows of closed periods, as they were when these were closed
	end          usage.Day         // of the last period that was closed
	quantities   map[string]string // of lines in the restatement log, the last one
}

func newBooks(t *testing.T, w *world, seed uint64) *books {
	t.Helper()
	b := &books{world: w, Rand: rand.New(rand.NewPCG(seed, 1)), ada: w.person("ada"), quantities: map[string]string{}}
	for _, name := range []string{"East", "West"} {
		b.homes = append(b.homes, w.root(name, b.ada))
	}
	b.shop, b.mirror = w.account("Shop", b.ada, b.homes[0].ID), w.account("Mirror", b.ada, b.homes[0].ID)
	w.prices()
	err := w.store.Update(t.Context(), func(tx org.Tx) error {
		for _, a := range []id.Account{b.shop.ID, b.mirror.ID} {
			if err := tx.PutAnchor(t.Context(), a, usage.Anchor(usage.DateOf(2026, time.May, 31))); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	b.assign(org.Owner{Organization: b.homes[0].ID}, "demo-list-1", 0)
	b.assign(org.Owner{Account: b.mirror.ID}, "demo-list-1", 0)
	return b
}

func (w *world) today() usage.Day { return usage.DayOf(w.clock.now()) }

func (b *books) assign(o org.Owner, book usage.BookID, start usage.Day) {
	b.t.Helper()
	must[usage.Assignment](b.t)(b.AssignPriceBook(b.t.Context(), b.ada.request(), o, book, start))
}

// use lets both accounts use the same: something today, more on some day of the
// last two months.
func (b *books) use() {
	b.t.Helper()
	metrics := []usage.MetricID{requests, "r2_storage", "r2_class_a_operations", "kv_reads"}
	var all []usage.Submission
	for i := range 1 + b.IntN(8) {
		day := b.today()
		if i > 0 {
			day -= usage.Day(b.IntN(60))
		}
		quantity := decimal.New(b.Int64N(30_000_000_000), -int32(b.IntN(10)))
		place := usage.Place{Zone: usage.Named{ID: []string{"", "z1"}[b.IntN(2)], Name: fmt.Sprint("name ", b.IntN(3))}}
		if place.Zone.ID == "" {
			place.Zone.Name = ""
		}
		metric := metrics[b.IntN(len(metrics))]
		for _, a := range []id.Account{b.shop.ID, b.mirror.ID} {
			e := used(fmt.Sprint(a, b.events), a, metric, day.String(), quantity.String())
			e.Event.Place = place
			all = append(all, e)
		}
		b.events++
	}
	if got := b.push(b.ada, all...); strings.Contains(got, "refused") {
		b.t.Fatal(got)
	}
}

// tryClose closes the first open period if it has ended.
func (b *books) tryClose() {
	b.t.Helper()
	p, err := b.store.FirstOpenPeriod(b.t.Context(), b.shop.ID)
	if err != nil {
		b.t.Fatal(err)
	}
	closed, err := b.CloseBillingPeriod(b.t.Context(), b.ada.request(), b.shop.ID, p.Start)
	if b.today() < p.End {
		if fault.CodeOf(err) != fault.PeriodOpen {
			b.t.Fatalf("close %s on %s: %v", p.Period, b.today(), err)
		}
		return
	}
	if err != nil || closed.Closed.IsZero() || closed.Due {
		b.t.Fatalf("close %s: %+v, %v", p.Period, closed, err)
	}
	newest := p.End > b.end
	b.end = max(b.end, p.End)
	b.closed, _ = b.lines(b.shop.ID)
	all := must[[]usage.BillingPeriod](b.t)(b.store.ClosedPeriods(b.t.Context(), []id.Account{b.shop.ID}, 0))
	if newest && slices.ContainsFunc(all, func(p usage.BillingPeriod) bool { return p.Due }) {
		b.t.Errorf("closing %s left corrections: %+v", p.Period, all)
	}
}

// disturb does what must not change a closed period: another price for all
// days, a move, another name.
func (b *books) disturb() {
	b.t.Helper()
	ctx := b.t.Context()
	switch b.IntN(4) {
	case 0:
		book := []usage.BookID{"demo-list-1", "demo-contract-1"}[b.IntN(2)]
		b.assign(org.Owner{Account: b.shop.ID}, book, 0)
		b.assign(org.Owner{Account: b.mirror.ID}, book, b.end)
	case 1:
		acc := must[org.Account](b.t)(b.Account(ctx, b.ada.caller(), b.shop.ID))
		to := b.homes[0]
		if acc.Organization == to.ID {
			to = b.homes[1]
		}
		if _, err := b.MoveAccount(ctx, b.ada.request(), b.shop.ID, to.ID); err != nil {
			b.t.Fatal(err)
		}
		b.assign(org.Owner{Organization: to.ID}, "demo-list-1", 0)
	case 2:
		name := fmt.Sprint("Shop ", b.events)
		must[org.Account](b.t)(b.UpdateAccount(ctx, b.ada.request(), b.shop.ID, org.AccountUpdate{Name: name}))
	case 3:
		b.rename()
	}
}

// rename gives all metrics other names.
func (b *books) rename() {
	b.t.Helper()
	list := must[*pricelist.List](b.t)(pricelist.Demo())
	metrics := slices.Clone(list.Catalogue.Metrics)
	for i := range metrics {
		metrics[i].Name += fmt.Sprint(" ", b.events)
	}
	c := must[*usage.Catalogue](b.t)(usage.NewCatalogue(fmt.Sprint("v", b.events), metrics))
	must[org.PriceList](b.t)(b.PutPriceList(b.t.Context(), b.admin.request(), org.PriceList{Catalogue: c}))
}

// usage returns the rows of an account: from the bill of its organization when
// it was deleted.
func (b *books) usage(a id.Account, each func(*org.UsageRow) error) {
	b.t.Helper()
	ctx, q := b.t.Context(), org.UsageQuery{From: usage.DateOf(2026, time.May, 1), End: b.today() + 1}
	var u org.Usage
	if a == b.shop.ID && b.home != "" {
		u = must[org.Usage](b.t)(b.OrganizationUsage(ctx, b.ada.caller(), b.home, q))
	} else {
		u = must[org.Usage](b.t)(b.AccountUsage(ctx, b.ada.caller(), a, q))
	}
	err := u.Each(ctx, func(r *org.UsageRow) error {
		if r.Account.ID != a {
			return nil
		}
		return each(r)
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// lines returns the rows of an account: those that were billed, and what each
// line comes to with all of its rows, which have to be in order.
func (b *books) lines(a id.Account) (billed []string, sums map[string]string) {
	b.t.Helper()
	type amounts struct{ consumed, list, contracted decimal.Decimal }
	total := map[string]amounts{}
	last := ""
	b.usage(a, func(r *org.UsageRow) error {
		c := &r.Charge
		line := fmt.Sprintf("%s %s %s/%s", c.Day, r.Metric.ID, c.Place.Zone.ID, c.Place.Region.ID)
		place := fmt.Sprintf("%s %v %s %d", line, r.Correction, r.Period.Start, c.Tier)
		if place <= last {
			b.t.Errorf("%s comes after %s", place, last)
		}
		last = place
		x := total[line]
		total[line] = amounts{x.consumed.Add(c.Consumed), x.list.Add(c.ListCost()), x.contracted.Add(c.ContractedCost())}
		if r.Billed {
			book := ""
			if r.Book != nil {
				book = string(r.Book.ID)
			}
			billed = append(billed, fmt.Sprint(place, " ", r.Account.Name, r.Root.Name, r.Metric.Name, book, c.Place.Zone.Name, r.Period,
				c.Consumed, c.Pricing, c.List, c.Contracted))
		}
		if open := !r.Period.Contains(c.Day); open != r.Correction || r.Correction && r.Period.Start < b.end && !r.Billed {
			b.t.Errorf("%s: correction %v, billed %v in %s", line, r.Correction, r.Billed, r.Period)
		}
		return nil
	})
	sums = map[string]string{}
	for line, x := range total {
		sums[line] = fmt.Sprint(x.consumed, " ", x.list, " ", x.contracted)
	}
	return billed, sums
}

// check holds what must always be true.
func (b *books) check(what string) {
	b.t.Helper()
	billed, sums := b.lines(b.shop.ID)
	_, want := b.lines(b.mirror.ID)
	for line := range want {
		if sums[line] != want[line] {
			b.t.Errorf("after %s: %s comes to %s, want %s", what, line, sums[line], want[line])
		}
	}
	if len(sums) != len(want) {
		b.t.Errorf("after %s: %d lines, want %d", what, len(sums), len(want))
	}
	if !slices.Equal(billed, b.closed) {
		b.t.Errorf("after %s: rows of closed periods have changed:\n\t%s\nwere\n\t%s", what, strings.Join(billed, "\n\t"), strings.Join(b.closed, "\n\t"))
	}
	if b.home == "" {
		b.checkRunning(what)
	}
	if b.t.Failed() {
		b.t.FailNow()
	}
}

// checkRunning holds what is true of running totals, which an account has as
// long as it is there.
func (b *books) checkRunning(what string) {
	b.t.Helper()
	if got, want := b.running(b.shop.ID), b.running(b.mirror.ID); !slices.Equal(got, want) {
		b.t.Errorf("after %s: with running totals\n\t%s\nwant\n\t%s", what, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// running returns the rows of an account with running totals, which show what
// days cost now and no corrections.
func (b *books) running(a id.Account) []string {
	b.t.Helper()
	first, last := usage.DateOf(2026, time.May, 31), b.today()
	u := must[org.RunningUsage](b.t)(b.RunningUsage(b.t.Context(), b.ada.caller(), a, org.RunningQuery{From: &first, Last: &last}))
	var all []string
	err := u.Each(b.t.Context(), func(r *org.RunningRow) error {
		c := &r.Charge
		all = append(all, fmt.Sprint(c.Day, " ", r.Metric.ID, " ", c.Place.Zone.ID, " ", c.Tier, " ", r.Period, " ", r.Correction, " ", c.Consumed, " ", c.ListCost(),
			" ", r.Quantity, " ", r.CumulatedQuantity, " ", r.CumulatedCost))
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return all
}

// restated reports whether usage of a closed period waits to be corrected.
func (b *books) restated() bool {
	b.t.Helper()
	all := must[[]usage.BillingPeriod](b.t)(b.store.ClosedPeriods(b.t.Context(), []id.Account{b.shop.ID}, 0))
	return slices.ContainsFunc(all, func(p usage.BillingPeriod) bool { return p.Due })
}

// checkRestatements reads the log page by page: its numbers are dense, and what
// a line was after an entry is what it was before the next.
func (b *books) checkRestatements() {
	b.t.Helper()
	var after *page.Position
	n := int64(0)
	for {
		p := must[page.Page[usage.Restatement]](b.t)(b.Restatements(b.t.Context(), b.ada.caller(), b.shop.ID, page.Request{Size: 7, After: after}))
		for _, r := range p.Items {
			n++
			key := fmt.Sprint(r.Line)
			if old, known := b.quantities[key]; r.Seq != n || r.Events < 1 || known && old != r.Before.String() {
				b.t.Errorf("restatement %d is %+v after %q", n, r, old)
			}
			b.quantities[key] = r.After.String()
		}
		if after = p.Next; after == nil {
			break
		}
	}
	got := map[string]string{}
	b.usage(b.mirror.ID, func(r *org.UsageRow) error {
		c := &r.Charge
		key := fmt.Sprint(usage.Line{Account: b.shop.ID, Metric: r.Metric.ID, Day: c.Day, Zone: c.Place.Zone.ID, Region: c.Place.Region.ID})
		sum, _ := decimal.NewFromString("0" + got[key])
		got[key] = sum.Add(c.Consumed).String()
		return nil
	})
	for line, quantity := range b.quantities {
		if got[line] != quantity {
			b.t.Errorf("%s was restated as %s last, and is %s", line, quantity, got[line])
		}
	}
	if n == 0 {
		b.t.Error("nothing was restated")
	}
}

// Whatever happens, what was billed and its corrections come to what everything
// costs, line by line, and what was billed stays as it is.
func TestClosedPeriodsAddUp(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		seed := uint64(time.Now().UnixNano())
		t.Logf("seed %d", seed)
		b := newBooks(t, w, seed)
		// The earliest period is there from the beginning. One that was opened
		// behind closed ones would have prices that the mirror has not.
		for _, a := range []id.Account{b.shop.ID, b.mirror.ID} {
			w.push(b.ada, used(fmt.Sprint("first", a), a, requests, "2026-06-03", "12000000"))
		}
		for range 45 {
			w.clock.advance(time.Duration(1+b.IntN(5)) * 24 * time.Hour)
			b.use()
			b.check("use")
			if b.IntN(3) == 0 {
				b.disturb()
				b.check("another price or place")
			}
			if b.IntN(3) == 0 {
				b.tryClose()
				b.check("closing")
			}
		}
		// Whatever happened, something was closed and is corrected now.
		for len(b.closed) == 0 || !b.restated() {
			w.clock.advance(24 * time.Hour)
			b.use()
			b.check("use")
			if b.IntN(10) == 0 {
				b.tryClose()
				b.check("closing")
			}
		}
		b.leave()
		b.checkRestatements()
	})
}

// Usage that is counted while its period is closed is billed or corrected.
func TestClosingWhileCounting(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		b := newBooks(t, w, 1)
		w.push(b.ada, used("first", b.shop.ID, requests, "2026-07-15", "9000000"), used("mirrored", b.mirror.ID, requests, "2026-07-15", "9000000"))
		const writers, before, after = 4, 5, 5
		caller := b.ada.caller()
		started, closed := make(chan bool, writers), make(chan bool)
		var wg sync.WaitGroup
		for n := range writers {
			wg.Go(func() {
				for i := range before + after {
					if i == before {
						started <- true
					}
					day := usage.DateOf(2026, time.July, 1+(n+3*i)%29).String()
					all := []usage.Submission{
						used(fmt.Sprint("s", n, i), b.shop.ID, requests, day, "123456.7"), used(fmt.Sprint("m", n, i), b.mirror.ID, requests, day, "123456.7"),
					}
					if _, err := w.PushUsage(t.Context(), requestOf(caller), all); err != nil {
						t.Error(err)
					}
				}
				<-closed
				// Of a day of its own: what is counted together is restated once.
				day := usage.DateOf(2026, time.July, 1+n).String()
				all := []usage.Submission{
					used(fmt.Sprint("last", n), b.shop.ID, requests, day, "0.3"), used(fmt.Sprint("mlast", n), b.mirror.ID, requests, day, "0.3"),
				}
				if _, err := w.PushUsage(t.Context(), requestOf(caller), all); err != nil {
					t.Error(err)
				}
			})
		}
		for range writers {
			<-started
		}
		_, err := w.CloseBillingPeriod(t.Context(), requestOf(caller), b.shop.ID, usage.DateOf(2026, time.June, 30))
		close(closed)
		wg.Wait()
		if err != nil {
			t.Fatal(err)
		}
		b.end = usage.DateOf(2026, time.July, 31)
		b.closed, _ = b.lines(b.shop.ID)
		b.check("counting while closing")
		log := must[page.Page[usage.Restatement]](t)(w.Restatements(t.Context(), b.ada.caller(), b.shop.ID, page.Request{Size: 1000}))
		if len(log.Items) < writers {
			t.Errorf("%d restatements of %d writers that went on after the period was closed", len(log.Items), writers)
		}
	})
}

func (b *books) close(start string) error {
	b.t.Helper()
	_, err := b.CloseBillingPeriod(b.t.Context(), b.ada.request(), b.shop.ID, must[usage.Day](b.t)(usage.ParseDay(start)))
	return err
}

// Periods are closed in order, once, when they have ended, by who may.
func TestClosingRefused(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		b, eve := newBooks(t, w, 1), w.person("eve")
		w.join(b.homes[0].ID, b.ada, eve, auth.ReadOnly)
		w.push(b.ada, used("1", b.shop.ID, requests, "2026-06-30", "1"), used("2", b.shop.ID, requests, "2026-06-29", "1"), used("3", b.shop.ID, requests, "2026-07-31", "1"))
		for _, tt := range []struct{ start, want string }{
			{"2026-06-15", "billing period not found"},
			{"2026-04-30", "billing period not found"},
			{"2026-07-31", "The billing period 2026-07-31/2026-08-31 has not ended: it can be closed from 2026-08-31 on"},
			{"2026-06-30", "The billing period 2026-05-31/2026-06-30 is open: close it first"},
			{"2026-05-31", ""},
			{"2026-05-31", "The billing period 2026-05-31/2026-06-30 is closed already"},
			{"2026-06-30", ""},
		} {
			if err := b.close(tt.start); tt.want == "" && err != nil || tt.want != "" && (err == nil || err.Error() != tt.want) {
				t.Errorf("close %s: %v, want %q", tt.start, err, tt.want)
			}
		}
		_, err := w.CloseBillingPeriod(t.Context(), eve.request(), b.shop.ID, usage.DateOf(2026, time.July, 31))
		if fault.CodeOf(err) != fault.Forbidden {
			t.Errorf("closed by a reader: %v", err)
		}
		for name, list := range map[string]func() error{
			"periods": func() error {
				_, err := w.BillingPeriods(t.Context(), eve.caller(), b.shop.ID, page.Request{Size: 5})
				return err
			},
			"restatements": func() error {
				_, err := w.Restatements(t.Context(), eve.caller(), b.shop.ID, page.Request{Size: 5})
				return err
			},
			"watermark": func() error { _, err := w.AccountWatermark(t.Context(), eve.caller(), b.shop.ID); return err },
			"of all":    func() error { _, err := w.OrganizationWatermark(t.Context(), eve.caller(), b.homes[0].ID); return err },
		} {
			if err := list(); fault.CodeOf(err) != fault.Forbidden {
				t.Errorf("%s for a reader: %v", name, err)
			}
		}
		p := must[page.Page[usage.BillingPeriod]](t)(w.BillingPeriods(t.Context(), b.ada.caller(), b.shop.ID, page.Request{Size: 2}))
		if len(p.Items) != 2 || p.Total != 3 || p.Items[1].Closed.IsZero() || p.Items[1].Root.Name != "East" || p.Items[1].Catalogue != "demo-1" {
			t.Errorf("the first periods are %+v", p)
		}
		p = must[page.Page[usage.BillingPeriod]](t)(w.BillingPeriods(t.Context(), b.ada.caller(), b.shop.ID, page.Request{Size: 2, After: p.Next}))
		if len(p.Items) != 1 || p.Next != nil || !p.Items[0].Closed.IsZero() || p.Items[0].String() != "2026-07-31/2026-08-31" {
			t.Errorf("the other periods are %+v", p)
		}
	})
}

// What was used without a price is shown as it was when the period was closed,
// and corrected like all else.
func TestClosingWithoutPrices(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ada := w.person("ada")
		shop := w.account("Shop", ada, w.root("Root", ada).ID)
		w.prices()
		w.push(ada, used("1", shop.ID, requests, "2026-07-02", "5"))
		if _, err := w.CloseBillingPeriod(t.Context(), ada.request(), shop.ID, usage.DateOf(2026, time.July, 1)); err != nil {
			t.Fatal(err)
		}
		must[usage.Assignment](t)(w.AssignPriceBook(t.Context(), ada.request(), org.Owner{Account: shop.ID}, "demo-list-1", 0))
		w.push(ada, used("2", shop.ID, requests, "2026-07-02", "0.5"), used("3", shop.ID, requests, "2026-08-01", "7"))
		got, cost := w.rows(must[org.Usage](t)(w.AccountUsage(t.Context(), ada.caller(), shop.ID, days(t, "2026-07-01", "2026-08-01"))))
		wantLines(t, got, "2026-07-02 Shop workers_standard_requests 5", "2026-07-02 Shop workers_standard_requests 0.5",
			"2026-08-01 Shop workers_standard_requests 7 demo-list-1 0=0 of 2026-08-01/2026-09-01")
		if !cost.IsZero() {
			t.Errorf("it costs %s", cost)
		}
	})
}

// Usage of a period that had none before later ones were closed is no
// correction: that period is still open.
func TestClosingAroundAGap(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		b := newBooks(t, w, 1)
		w.push(b.ada, used("1", b.shop.ID, requests, "2026-06-05", "11000000"))
		w.clock.advance(40 * 24 * time.Hour) // 10 September
		w.push(b.ada, used("2", b.shop.ID, requests, "2026-08-05", "11000000"))
		for _, start := range []string{"2026-05-31", "2026-07-31"} {
			if err := b.close(start); err != nil {
				t.Fatal(err)
			}
		}
		w.push(b.ada, used("3", b.shop.ID, requests, "2026-07-15", "12000000"), used("4", b.shop.ID, requests, "2026-08-06", "1000000"))
		got, _ := w.rows(must[org.Usage](t)(w.AccountUsage(t.Context(), b.ada.caller(), b.shop.ID, days(t, "2026-06-05", "2026-09-10"))))
		want := []string{
			"2026-06-05 Shop workers_standard_requests 11000000 demo-list-1 1=0.3 of 2026-05-31/2026-06-30",
			"2026-07-15 Shop workers_standard_requests 12000000 demo-list-1 2=0.6 of 2026-06-30/2026-07-31",
			"2026-08-05 Shop workers_standard_requests 11000000 demo-list-1 1=0.3 of 2026-07-31/2026-08-31",
			"2026-08-06 Shop workers_standard_requests 1000000 demo-list-1 1=0.3 of 2026-08-31/2026-09-30",
		}
		wantLines(t, got, want...)
		// Closing the gap bills nothing but its own.
		if err := b.close("2026-06-30"); err != nil {
			t.Fatal(err)
		}
		got, _ = w.rows(must[org.Usage](t)(w.AccountUsage(t.Context(), b.ada.caller(), b.shop.ID, days(t, "2026-06-05", "2026-09-10"))))
		wantLines(t, got, want...)
		if all := must[[]usage.BillingPeriod](t)(w.store.ClosedPeriods(t.Context(), []id.Account{b.shop.ID}, 0)); len(all) != 3 || !all[2].Due {
			t.Errorf("closed are %+v", all)
		}
	})
}

func TestWatermarks(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		b := newBooks(t, w, 1)
		show := func(m org.Watermark, err error) string {
			switch {
			case err != nil:
				return err.Error()
			case !m.Known:
				return "none"
			}
			return m.Through.String()
		}
		put := func(a org.Account, day string) string {
			return show(w.PutWatermark(t.Context(), b.ada.request(), a.ID, must[usage.Day](t)(usage.ParseDay(day))))
		}
		of := func() string { return show(w.OrganizationWatermark(t.Context(), b.ada.caller(), b.homes[0].ID)) }
		other := w.account("Other", b.ada, b.homes[0].ID)
		_ = other // has neither usage nor a watermark, and keeps nothing back
		w.push(b.ada, used("1", b.shop.ID, requests, "2026-06-05", "1"), used("2", b.mirror.ID, requests, "2026-06-05", "1"))
		for _, tt := range []struct{ got, want string }{
			{of(), "none"},
			{put(b.shop, "2026-07-10"), "2026-07-10"},
			{of(), "none"},
			{put(b.mirror, "2026-07-05"), "2026-07-05"},
			{of(), "2026-07-05"},
			{put(b.shop, "2026-07-09"), "complete_through moves forward only: it is 2026-07-10"},
			{put(b.shop, "2026-08-02"), "complete_through is later than today"},
			{put(b.shop, "2026-08-01"), "2026-08-01"},
			{put(b.mirror, "2026-08-01"), "2026-08-01"},
			{of(), "2026-08-01"},
		} {
			if tt.got != tt.want {
				t.Errorf("got %s, want %s", tt.got, tt.want)
			}
		}
		w.wantTrail(t, func() { put(b.shop, "2026-08-01") })
	})
}

// Closing raises the watermark, and leaves a record with what was closed.
func TestClosingRecords(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		b := newBooks(t, w, 1)
		w.push(b.ada, used("1", b.shop.ID, requests, "2026-06-05", "1"))
		records := w.added(func() {
			if err := b.close("2026-05-31"); err != nil {
				t.Error(err)
			}
		})
		if len(records) != 1 || records[0].Action != audit.BillingPeriodClose || records[0].Account != b.shop.ID ||
			!strings.Contains(string(records[0].Resource.Before), `"start":"2026-05-31","state":"open"`) ||
			!strings.Contains(string(records[0].Resource.After), `"state":"closed"`) {
			t.Errorf("closing is recorded as %+v", records)
		}
		m := must[org.Watermark](t)(w.AccountWatermark(t.Context(), b.ada.caller(), b.shop.ID))
		if !m.Known || m.Through.String() != "2026-06-29" {
			t.Errorf("the watermark is %+v", m)
		}
		w.wantTrail(t, func() { _ = b.close("2026-05-31") }, "East: Close Billing Period failure 400")
	})
}
