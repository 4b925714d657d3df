package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/page"
	"github.com/orgd/orgd/internal/usage"
)

func usagePeriodCases() []testCase {
	return []testCase{
		{"a billing period is closed once, with what it was billed by", closesPeriods},
		{"billing periods are listed in order, page by page", listsPeriods},
		{"what was billed is read with what was used, line by line", readsLines},
		{"usage of a closed period is a restatement", restates},
		{"a watermark is replaced", keepsWatermarks},
	}
}

// march is the billing period of usageStart().
func march() usage.Period {
	return usage.Period{Start: usage.DateOf(2026, time.March, 1), End: usage.DateOf(2026, time.April, 1)}
}

func (w *world) closePeriod(p usage.BillingPeriod) {
	w.Helper()
	w.update(func(ctx context.Context, tx org.Tx) error {
		if err := tx.LockUsage(ctx, p.Account); err != nil {
			return err
		}
		if err := tx.ClosePeriod(ctx, p); err != nil {
			return err
		}
		r := about(audit.BillingPeriodClose, string(p.Account), string(p.Account), p.Closed)
		r.Resource.After = fmt.Appendf(nil, `{"start":%q}`, p.Start)
		return w.record(ctx, tx, r)
	})
}

func closesPeriods(w *world) {
	absent[usage.BillingPeriod](w, "billing period")(w.store.BillingPeriod(w.Context(), "a", march().Start))
	absent[usage.BillingPeriod](w, "billing period")(w.store.FirstOpenPeriod(w.Context(), "a"))
	w.count(event("1", "a", "m", 3, "1"), event("2", "a", "m", 40, "1"), event("3", "b", "m", 3, "1"))
	w.update(func(ctx context.Context, tx org.Tx) error {
		c, err := usage.NewCatalogue("v1", nil)
		if err != nil {
			return err
		}
		return errors.Join(tx.PutCatalogue(ctx, c, w.now()), tx.PutPriceBook(ctx, &usage.PriceBook{ID: "b1", Currency: "USD"}, w.now()))
	})
	open := usage.BillingPeriod{Account: "a", Period: march()}
	found(w, "period", fmt.Sprint(open))(asText(w.store.BillingPeriod(w.Context(), "a", march().Start)))
	found(w, "first open", fmt.Sprint(open))(asText(w.store.FirstOpenPeriod(w.Context(), "a")))

	closed := open
	closed.Closed, closed.Catalogue, closed.AccountName, closed.Root = w.now(), "v1", "A", usage.Named{ID: "r", Name: "R"}
	closed.Books = []usage.Since{{Day: march().Start}, {Day: march().Start + 4, Book: "b1"}}
	w.closePeriod(closed)
	april := usage.BillingPeriod{Account: "a", Period: usage.Period{Start: march().End, End: usage.DateOf(2026, time.May, 1)}}
	found(w, "first open", fmt.Sprint(april))(asText(w.store.FirstOpenPeriod(w.Context(), "a")))
	all, err := w.store.ClosedPeriods(w.Context(), []id.Account{"b", "a"}, march().End-1)
	if err != nil {
		w.Fatal(err)
	}
	want(w, "closed", all, []usage.BillingPeriod{closed})
	want(w, "book on the first day", all[0].Book(march().Start), "")
	want(w, "book on the last day", all[0].Book(march().End-1), "b1")
	if all, err = w.store.ClosedPeriods(w.Context(), []id.Account{"a"}, march().End); err != nil || len(all) > 0 {
		w.Errorf("closed later: %v, %v", all, err)
	}
	// OpenPeriod leaves a period that is there as it is.
	w.update(func(ctx context.Context, tx org.Tx) error { return tx.OpenPeriod(ctx, "a", march()) })
	if again, err := w.store.BillingPeriod(w.Context(), "a", march().Start); err != nil || !again.Closed.Equal(closed.Closed) {
		w.Errorf("opened again: %+v, %v", again, err)
	}
}

func asText[T any](v T, err error) (string, error) { return fmt.Sprint(v), err }

func listsPeriods(w *world) {
	w.count(event("1", "a", "m", -3, "1"), event("2", "a", "m", 40, "1"), event("3", "b", "m", 3, "1"), event("4", "a", "m", 3, "1"))
	var got []string
	p := page.Request{Size: 2}
	for {
		list, err := w.store.ListBillingPeriods(w.Context(), "a", p)
		if err != nil {
			w.Fatal(err)
		}
		want(w, "total", list.Total, 3)
		for _, b := range list.Items {
			got = append(got, b.String())
		}
		if p.After = list.Next; p.After == nil {
			break
		}
	}
	want(w, "periods", got, []string{"2026-02-01/2026-03-01", "2026-03-01/2026-04-01", "2026-04-01/2026-05-01"})
	if _, err := w.store.ListBillingPeriods(w.Context(), "a", page.Request{Size: 1, After: &page.Position{ID: "x"}}); err == nil {
		w.Error("a place that is none was accepted")
	}
}

// lines lists what was billed and what was used on a day.
func (w *world) lines(q usage.Query) []string {
	w.Helper()
	var all []string
	err := w.store.EachLine(w.Context(), q, func(b *usage.Billed, u *usage.Record) error {
		if u != nil {
			all = append(all, fmt.Sprintf("%s %s %s used %d %s", u.Line.Account, u.Line.Metric, u.Place.Zone, u.State.Events, u.State.Sum))
			return nil
		}
		c := &b.Charge
		all = append(all, strings.TrimSpace(fmt.Sprintf("%s %s %s billed in %s %v tier %d: %s %s at %s/%s %s", b.Account, b.Metric, c.Place.Zone, b.In,
			b.Correction, c.Tier, c.Consumed, c.Pricing, c.List, c.Contracted, b.Book)))
		return nil
	})
	if err != nil {
		w.Error(err)
	}
	return all
}

func readsLines(w *world) {
	d := decimal.RequireFromString
	row := func(a id.Account, m usage.MetricID, zone string, in usage.Day, tier int) usage.Billed {
		return usage.Billed{
			Account: a, Metric: m, In: in, Correction: in != march().Start, Book: "b1",
			Charge: usage.Charge{
				Day: march().Start, Place: usage.Place{Zone: usage.Named{ID: zone, Name: "N"}}, Tier: tier,
				Consumed: d("1.5"), Pricing: d("-0.000000001"), List: d("2"), Contracted: d("1.10"),
			},
		}
	}
	free := row("b", "m", "", march().Start, 0)
	free.Book = ""
	w.update(func(ctx context.Context, tx org.Tx) error {
		return tx.AddBilled(ctx, []usage.Billed{
			row("a", "m", "z", march().End, 0), row("a", "m", "z", march().Start, 1), row("a", "m", "z", march().Start, 0), row("a", "k", "y", march().Start, 0), free,
		})
	})
	w.count(event("1", "a", "m", 0, "3"), event("2", "a", "k", 0, "4"), event("3", "b", "m", 0, "5"))
	billed := func(where, rest string) string { return where + " billed in " + rest }
	got := w.lines(usage.Query{Day: march().Start, Accounts: []id.Account{"a"}, Billed: []id.Account{"b", "a"}})
	want(w, "lines", got, []string{
		"a k { } used 1 4",
		billed("a k {y N}", "2026-03-01 false tier 0: 1.5 -0.000000001 at 2/1.1 b1"),
		"a m { } used 1 3",
		billed("a m {z N}", "2026-03-01 false tier 0: 1.5 -0.000000001 at 2/1.1 b1"),
		billed("a m {z N}", "2026-03-01 false tier 1: 1.5 -0.000000001 at 2/1.1 b1"),
		billed("a m {z N}", "2026-04-01 true tier 0: 1.5 -0.000000001 at 2/1.1 b1"),
		billed("b m { N}", "2026-03-01 false tier 0: 1.5 -0.000000001 at 2/1.1"),
	})
	got = w.lines(usage.Query{Day: march().Start, Accounts: []id.Account{"b"}, Billed: []id.Account{"a", "b"}, Metrics: []usage.MetricID{"k"}})
	want(w, "lines of a metric", got, []string{billed("a k {y N}", "2026-03-01 false tier 0: 1.5 -0.000000001 at 2/1.1 b1")})
	want(w, "lines of another day", w.lines(usage.Query{Day: march().Start + 1, Billed: []id.Account{"a", "b"}}), nil)
	// What was billed belongs to closed periods; these are due.
	w.count(event("4", "a", "m", 31, "1"))
	april := usage.Period{Start: march().End, End: usage.DateOf(2026, time.May, 1)}
	for _, p := range []usage.BillingPeriod{{Account: "a", Period: march()}, {Account: "a", Period: april}, {Account: "b", Period: march()}} {
		p.Closed, p.Books = w.now(), []usage.Since{{Day: p.Start}}
		w.closePeriod(p)
	}
	w.count(event("5", "a", "m", 31, "1"), event("6", "a", "m", 1, "1"), event("7", "b", "m", 1, "1"))
}

func restates(w *world) {
	summed := func(name string, a id.Account, day int, quantity string) usage.Submission {
		e := event(name, a, "m", day, quantity)
		e.Aggregation = usage.Sum
		return e
	}
	w.count(summed("1", "a", 3, "1"), summed("2", "b", 3, "1"))
	w.closePeriod(usage.BillingPeriod{Account: "a", Period: march(), Closed: w.now(), Books: []usage.Since{{Day: march().Start}}})
	largest := summed("7", "a", 4, "9")
	largest.Aggregation, largest.Event.Metric = usage.Maximum, "k"
	w.count(summed("3", "a", 3, "0.5"), summed("4", "a", 3, "0.25"), summed("1", "a", 3, "7"), summed("5", "b", 3, "1"), largest, summed("8", "a", 40, "1"))
	w.count(summed("6", "a", 3, "2"))
	p, err := w.store.ListRestatements(w.Context(), "a", page.Request{Size: 2})
	if err != nil {
		w.Fatal(err)
	}
	rest, err := w.store.ListRestatements(w.Context(), "a", page.Request{Size: 2, After: p.Next})
	if err != nil || rest.Next != nil {
		w.Errorf("the rest: %+v, %v", rest, err)
	}
	var got []string
	for _, r := range append(p.Items, rest.Items...) {
		got = append(got, fmt.Sprint(r.Seq, " ", r.Line.Account, " ", r.Line.Metric, " ", r.Line.Day, " in ", r.Period, ": ", r.Before, " ", r.After, " by ", r.Events))
	}
	want(w, "restatements", got, []string{
		"1 a m 2026-03-04 in 2026-03-01: 1 1.75 by 2", "2 a k 2026-03-05 in 2026-03-01: 0 9 by 1", "3 a m 2026-03-04 in 2026-03-01: 1.75 3.75 by 1",
	})
	want(w, "total", p.Total, 3)
	closed, err := w.store.BillingPeriod(w.Context(), "a", march().Start)
	if err != nil || !closed.Due || closed.Restated.IsZero() {
		w.Errorf("the period is %+v, %v", closed, err)
	}
	w.update(func(ctx context.Context, tx org.Tx) error { return tx.SettlePeriods(ctx, "a") })
	if closed, err = w.store.BillingPeriod(w.Context(), "a", march().Start); err != nil || closed.Due || closed.Restated.IsZero() {
		w.Errorf("the settled period is %+v, %v", closed, err)
	}
	// The period that will have the corrections is there.
	found(w, "next", "2026-04-01/2026-05-01")(asText(nextOpen(w, "a")))
	if none, err := w.store.ListRestatements(w.Context(), "b", page.Request{Size: 2}); err != nil || len(none.Items) > 0 {
		w.Errorf("restatements of an open period: %+v, %v", none, err)
	}
}

func nextOpen(w *world, a id.Account) (usage.Period, error) {
	p, err := w.store.FirstOpenPeriod(w.Context(), a)
	return p.Period, err
}

func keepsWatermarks(w *world) {
	at := w.now()
	for _, day := range []usage.Day{5, 7} {
		w.update(func(ctx context.Context, tx org.Tx) error {
			return tx.PutWatermark(ctx, "a", usage.Watermark{Through: day, Updated: at})
		})
	}
	got, err := w.store.Watermarks(w.Context(), []id.Account{"a", "b"})
	if err != nil || len(got) != 1 || got["a"].Through != 7 || !got["a"].Updated.Equal(at) {
		w.Errorf("watermarks are %v, %v", got, err)
	}
}
