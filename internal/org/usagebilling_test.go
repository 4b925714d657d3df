package org_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/usage"
)

func day(t *testing.T, text string) usage.Day {
	t.Helper()
	return must[usage.Day](t)(usage.ParseDay(text))
}

// running writes rows with running totals on one line each.
func (w *world) running(u org.RunningUsage) (lines []string) {
	w.t.Helper()
	err := u.Each(w.t.Context(), func(r *org.RunningRow) error {
		lines = append(lines, fmt.Sprintf("%s %s of %s: %s, %s; %s %s, %s", r.Charge.Day, r.Metric.ID, r.Period.Start,
			r.Quantity, r.CumulatedQuantity, r.Book.Currency, r.Charge.ContractedCost(), r.CumulatedCost))
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return lines
}

// Totals run over the billing period, whatever day the answer begins with;
// their quantities are whole and rows add up to them.
func TestRunningUsage(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, ada := t.Context(), w.person("ada")
		root := w.root("Root", ada)
		shop := w.account("Shop", ada, root.ID)
		w.prices()
		if info := must[org.BillingInfo](t)(w.BillingInfo(ctx, ada.caller(), shop.ID)); info.Covered || info.Anchor != nil {
			t.Errorf("before anything, billing is %+v", info)
		}
		must[usage.Assignment](t)(w.AssignPriceBook(ctx, ada.request(), org.Owner{Organization: root.ID}, "demo-list-1", 0))
		must[usage.Anchor](t)(w.SetAnchor(ctx, ada.request(), shop.ID, usage.Anchor(day(t, "2026-06-15"))))
		info := must[org.BillingInfo](t)(w.BillingInfo(ctx, ada.caller(), shop.ID))
		if !info.Covered || info.Anchor == nil || usage.Day(*info.Anchor).String() != "2026-06-15" {
			t.Errorf("billing is %+v", info)
		}
		w.push(ada, used("1", shop.ID, requests, "2026-07-14", "20000000"), used("2", shop.ID, requests, "2026-07-15", "10000000.4"),
			used("3", shop.ID, requests, "2026-07-16", "0.4"), used("4", shop.ID, requests, "2026-07-20", "1000000.4"),
			used("5", shop.ID, "kv_reads", "2026-07-20", "7"), used("6", shop.ID, "r2_class_a_operations", "2026-07-20", "1000001"))
		from, last := day(t, "2026-07-14"), day(t, "2026-07-20")
		got := w.running(must[org.RunningUsage](t)(w.RunningUsage(ctx, ada.caller(), shop.ID, org.RunningQuery{From: &from, Last: &last})))
		wantLines(t, got,
			"2026-07-14 workers_standard_requests of 2026-06-15: 10000000, 10000000; USD 3, 3",
			"2026-07-15 workers_standard_requests of 2026-07-15: 0, 0; USD 0.00000012, 0.00000012",
			"2026-07-16 workers_standard_requests of 2026-07-15: 1, 1; USD 0.00000012, 0.00000024",
			"2026-07-20 r2_class_a_operations of 2026-07-15: 1000000, 1000000; USD 4.5, 4.5",
			"2026-07-20 workers_standard_requests of 2026-07-15: 1000000, 1000001; USD 0.30000012, 0.30000036")
		// Totals count what lies before the first row that is shown.
		august := day(t, "2026-08-15")
		from = day(t, "2026-07-20")
		got = w.running(must[org.RunningUsage](t)(w.RunningUsage(ctx, ada.caller(), shop.ID, org.RunningQuery{From: &from, Last: &august})))
		wantLines(t, got, "2026-07-20 r2_class_a_operations of 2026-07-15: 1000000, 1000000; USD 4.5, 4.5",
			"2026-07-20 workers_standard_requests of 2026-07-15: 1000000, 1000001; USD 0.30000012, 0.30000036")
		// No billing period begins in these days, so nothing is shown.
		from, last = day(t, "2026-07-16"), day(t, "2026-08-14")
		got = w.running(must[org.RunningUsage](t)(w.RunningUsage(ctx, ada.caller(), shop.ID, org.RunningQuery{From: &from, Last: &last})))
		wantLines(t, got)
		if _, err := w.RunningUsage(ctx, w.person("eve").caller(), shop.ID, org.RunningQuery{}); fault.CodeOf(err) != fault.NotFound {
			t.Errorf("an account that cannot be seen: %v", err)
		}
	})
}

// An account keeps its billing periods once it has one.
func TestBillingAnchor(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, ada := t.Context(), w.person("ada")
		root := w.root("Root", ada)
		shop := w.account("Shop", ada, root.ID)
		w.prices()
		set := func(text string) error {
			_, err := w.SetAnchor(ctx, ada.request(), shop.ID, usage.Anchor(day(t, text)))
			return err
		}
		records := w.added(func() {
			if err := set("2026-01-30"); err != nil {
				t.Error(err)
			}
			if err := set("2026-01-31"); err != nil {
				t.Error(err)
			}
		})
		if len(records) != 2 || records[1].Action != audit.BillingAnchorSet || records[1].Log != id.Log(root.ID) || records[1].Account != shop.ID ||
			string(records[1].Resource.Before) != `{"day":"2026-01-30"}` || string(records[1].Resource.After) != `{"day":"2026-01-31"}` {
			t.Errorf("the anchor is recorded as %+v", records)
		}
		w.push(ada, used("1", shop.ID, requests, "2026-07-30", "1"), used("2", shop.ID, requests, "2026-07-31", "1"))
		if err := set("2026-01-30"); fault.CodeOf(err) != fault.Invalid || !strings.Contains(err.Error(), "/day cannot change any more") {
			t.Errorf("another anchor: %v", err)
		}
		if err := set("2026-01-31"); err != nil {
			t.Errorf("the same anchor: %v", err)
		}
		must[usage.Assignment](t)(w.AssignPriceBook(ctx, ada.request(), org.Owner{Account: shop.ID}, "demo-list-1", 0))
		got, _ := w.rows(must[org.Usage](t)(w.AccountUsage(ctx, ada.caller(), shop.ID, days(t, "2026-07-01", "2026-07-31"))))
		wantLines(t, got, "2026-07-30 Shop workers_standard_requests 1 demo-list-1 0=0 of 2026-06-30/2026-07-31",
			"2026-07-31 Shop workers_standard_requests 1 demo-list-1 0=0 of 2026-07-31/2026-08-31")
	})
}

// Usage that arrives while an anchor is set is in a period of one anchor, the
// one that stays.
func TestBillingAnchorBesideUsage(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, ada := t.Context(), w.person("ada")
		root := w.root("Root", ada)
		w.prices()
		must[usage.Assignment](t)(w.AssignPriceBook(ctx, ada.request(), org.Owner{Organization: root.ID}, "demo-list-1", 0))
		for i := range 3 {
			shop := w.account(fmt.Sprint("Shop ", i), ada, root.ID)
			var wg sync.WaitGroup
			var refusal error
			wg.Go(func() {
				_, refusal = w.SetAnchor(ctx, ada.request(), shop.ID, usage.Anchor(day(t, "2026-01-15")))
			})
			w.push(ada, used(fmt.Sprint(i), shop.ID, requests, "2026-07-14", "1"))
			wg.Wait()
			want := "2026-07-14 " + shop.Name + " workers_standard_requests 1 demo-list-1 0=0 of 2026-06-15/2026-07-15"
			if refusal != nil {
				want = "2026-07-14 " + shop.Name + " workers_standard_requests 1 demo-list-1 0=0 of 2026-07-01/2026-08-01"
			}
			got, _ := w.rows(must[org.Usage](t)(w.AccountUsage(ctx, ada.caller(), shop.ID, days(t, "2026-07-14", "2026-07-14"))))
			wantLines(t, got, want)
		}
	})
}
