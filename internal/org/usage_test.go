package org_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/usage"
	"github.com/orgd/orgd/internal/usage/pricelist"
)

// prices puts the demo price list.
func (w *world) prices() {
	w.t.Helper()
	list := must[*pricelist.List](w.t)(pricelist.Demo())
	must[org.PriceList](w.t)(w.PutPriceList(w.t.Context(), w.admin.request(), org.PriceList{Catalogue: list.Catalogue, Books: list.Books}))
}

const requests usage.MetricID = "workers_standard_requests"

// used makes an event of a day in 2026.
func used(name string, a id.Account, m usage.MetricID, day, quantity string) usage.Submission {
	d, _ := usage.ParseDay(day)
	return usage.Submission{Event: usage.Event{
		Source: "/meter", ID: name, Account: a, Metric: m, Time: d.Start().Add(time.Hour), Quantity: decimal.RequireFromString(quantity),
	}}
}

func (w *world) push(p *person, all ...usage.Submission) string {
	w.t.Helper()
	var got []string
	for _, r := range must[[]usage.Receipt](w.t)(w.PushUsage(w.t.Context(), p.request(), all)) {
		got = append(got, strings.TrimSuffix(string(r.Outcome)+" "+string(r.Refusal.Reason), " "))
	}
	return strings.Join(got, ", ")
}

func days(t *testing.T, from, to string) org.UsageQuery {
	t.Helper()
	first := must[usage.Day](t)(usage.ParseDay(from))
	last := must[usage.Day](t)(usage.ParseDay(to))
	return org.UsageQuery{From: first, End: last + 1}
}

// rows writes rows of usage on one line each, and adds up what they cost.
func (w *world) rows(u org.Usage) (lines []string, cost usage.Decimal) {
	w.t.Helper()
	err := u.Each(w.t.Context(), func(r *org.UsageRow) error {
		c := &r.Charge
		line := fmt.Sprintf("%s %s %s %s", c.Day, r.Account.Name, r.Metric.ID, c.Consumed)
		if r.Price != nil {
			line += fmt.Sprintf(" %s %s=%s of %s", r.Book.ID, c.Pricing, c.ContractedCost(), r.Period)
			cost = cost.Add(c.ContractedCost())
		}
		lines = append(lines, line)
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return lines, cost
}

func wantLines(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

func TestUsageIsPriced(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, ada := t.Context(), w.person("ada")
		root := w.root("Root", ada)
		shop := w.account("Shop", ada, root.ID)
		w.prices()
		if got := w.push(ada, used("1", shop.ID, requests, "2026-07-02", "8000000"), used("2", shop.ID, requests, "2026-07-20", "5000000"),
			used("3", shop.ID, "kv_reads", "2026-07-20", "7"), used("4", shop.ID, requests, "2026-08-01", "11000000")); got != "counted, counted, counted, counted" {
			t.Fatal(got)
		}
		july := days(t, "2026-07-10", "2026-08-01")
		got, _ := w.rows(must[org.Usage](t)(w.AccountUsage(ctx, ada.caller(), shop.ID, july)))
		wantLines(t, got, "2026-07-20 Shop kv_reads 7", "2026-07-20 Shop workers_standard_requests 5000000", "2026-08-01 Shop workers_standard_requests 11000000")

		assign := func(o org.Owner, book usage.BookID, day string) {
			t.Helper()
			must[usage.Assignment](t)(w.AssignPriceBook(ctx, ada.request(), o, book, must[usage.Day](t)(usage.ParseDay(day))))
		}
		assign(org.Owner{Organization: root.ID}, "demo-list-1", "2026-01-01")
		got, cost := w.rows(must[org.Usage](t)(w.OrganizationUsage(ctx, ada.caller(), root.ID, july)))
		wantLines(t, got, "2026-07-20 Shop kv_reads 7",
			"2026-07-20 Shop workers_standard_requests 5000000 demo-list-1 3=0.9 of 2026-07-01/2026-08-01",
			"2026-08-01 Shop workers_standard_requests 11000000 demo-list-1 1=0.3 of 2026-08-01/2026-09-01")
		if cost.String() != "1.2" {
			t.Errorf("it costs %s", cost)
		}
		// Another price from a day on, for the account itself.
		assign(org.Owner{Account: shop.ID}, "demo-contract-1", "2026-08-01")
		july.Metrics = []usage.MetricID{requests}
		got, _ = w.rows(must[org.Usage](t)(w.OrganizationUsage(ctx, ada.caller(), root.ID, july)))
		wantLines(t, got, "2026-07-20 Shop workers_standard_requests 5000000 demo-list-1 3=0.9 of 2026-07-01/2026-08-01",
			"2026-08-01 Shop workers_standard_requests 11000000 demo-contract-1 1=0.27 of 2026-08-01/2026-09-01")
		// A late event changes the rows of the days after it.
		w.push(ada, used("5", shop.ID, requests, "2026-07-01", "1000000.5"))
		got, _ = w.rows(must[org.Usage](t)(w.AccountUsage(ctx, ada.caller(), shop.ID, days(t, "2026-07-20", "2026-07-31"))))
		wantLines(t, got, "2026-07-20 Shop kv_reads 7", "2026-07-20 Shop workers_standard_requests 5000000 demo-list-1 4.0000005=1.20000015 of 2026-07-01/2026-08-01")
	})
}

// The sum over an organization is the sum over its accounts, and usage follows
// an account that moves in the middle of a month.
func TestUsageRollsUpAndFollowsTheAccount(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, ada := t.Context(), w.person("ada")
		root := w.root("Root", ada)
		east, west := w.child("East", ada, root.ID), w.child("West", ada, root.ID)
		a, b := w.account("A", ada, east.ID), w.account("B", ada, west.ID)
		w.prices()
		must[usage.Assignment](t)(w.AssignPriceBook(ctx, ada.request(), org.Owner{Organization: root.ID}, "demo-list-1", 0))
		w.push(ada, used("1", a.ID, requests, "2026-07-02", "12345678"), used("2", b.ID, requests, "2026-07-02", "98765432.000000001"),
			used("3", a.ID, requests, "2026-07-31", "1"), used("4", b.ID, "r2_class_a_operations", "2026-07-03", "1000001"))
		cost := func(o id.Organization) usage.Decimal {
			_, sum := w.rows(must[org.Usage](t)(w.OrganizationUsage(ctx, ada.caller(), o, days(t, "2026-07-01", "2026-07-31"))))
			return sum
		}
		all := cost(root.ID)
		costA, costB := cost(east.ID), cost(west.ID)
		_, onlyA := w.rows(must[org.Usage](t)(w.AccountUsage(ctx, ada.caller(), a.ID, days(t, "2026-07-01", "2026-07-31"))))
		if !all.Equal(costA.Add(costB)) || !onlyA.Equal(costA) || all.String() != "31.8333333" {
			t.Errorf("root %s, east %s, west %s, account %s", all, costA, costB, onlyA)
		}
		must[org.Move](t)(w.MoveAccount(ctx, ada.request(), a.ID, west.ID))
		if e, s, r := cost(east.ID), cost(west.ID), cost(root.ID); !e.IsZero() || !s.Equal(all) || !r.Equal(all) {
			t.Errorf("after the move: east %s, west %s, root %s", e, s, r)
		}
	})
}

// A metric that a newer catalogue leaves out takes no more events, keeps its
// aggregation, and what was used of it stays on the bill.
func TestUsageOutlivesItsCatalogue(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, ada := t.Context(), w.person("ada")
		root := w.root("Root", ada)
		shop := w.account("Shop", ada, root.ID)
		w.prices()
		must[usage.Assignment](t)(w.AssignPriceBook(ctx, ada.request(), org.Owner{Organization: root.ID}, "demo-list-1", 0))
		w.push(ada, used("1", shop.ID, requests, "2026-08-01", "11000000"))
		put := func(version string, m usage.MetricID, how usage.Aggregation) error {
			metric := usage.Metric{ID: m, Name: "M", Unit: "Requests", Aggregation: how, Service: usage.Service{Name: "S", Category: "Web"}}
			c := must[*usage.Catalogue](t)(usage.NewCatalogue(version, []usage.Metric{metric}))
			_, err := w.PutPriceList(ctx, w.admin.request(), org.PriceList{Catalogue: c})
			return err
		}
		if err := put("v2", "other", usage.Sum); err != nil {
			t.Fatal(err)
		}
		if got := w.push(ada, used("2", shop.ID, requests, "2026-08-01", "1"), used("3", shop.ID, "other", "2026-08-01", "1")); got != "refused unknown_metric, counted" {
			t.Error(got)
		}
		got, _ := w.rows(must[org.Usage](t)(w.OrganizationUsage(ctx, ada.caller(), root.ID, days(t, "2026-08-01", "2026-08-01"))))
		wantLines(t, got, "2026-08-01 Shop other 1", "2026-08-01 Shop workers_standard_requests 11000000 demo-list-1 1=0.3 of 2026-08-01/2026-09-01")
		if err := put("v3", requests, usage.Maximum); fault.CodeOf(err) != fault.Invalid || !strings.Contains(err.Error(), "cannot become max") {
			t.Errorf("back with another aggregation: %v", err)
		}
	})
}

func TestUsageRefused(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, ada, bob, eve := t.Context(), w.person("ada"), w.person("bob"), w.person("eve")
		root := w.root("Root", ada)
		shop := w.account("Shop", ada, root.ID)
		w.join(root.ID, ada, bob, auth.Billing)
		if got := w.push(ada, used("0", shop.ID, requests, "2026-08-01", "1")); got != "refused unknown_metric" {
			t.Errorf("without a catalogue: %s", got)
		}
		w.prices()
		all := []usage.Submission{
			used("1", shop.ID, requests, "2026-08-01", "1"), used("2", shop.ID, "nothing", "2026-08-01", "1"), used("3", shop.ID, requests, "2026-05-01", "1"),
			used("4", shop.ID, requests, "2026-08-02", "1"), used("5", "0190a0000000700080000000000000ff", requests, "2026-08-01", "1"),
		}
		if got := w.push(ada, all...); got != "counted, refused unknown_metric, refused late, refused future, refused unknown_account" {
			t.Errorf("got %s", got)
		}
		for _, p := range []*person{bob, eve} {
			if got := w.push(p, used("6", shop.ID, requests, "2026-08-01", "1")); got != "refused unknown_account" {
				t.Errorf("who may not meter: %s", got)
			}
		}
		receipt := func(p *person, event string) string {
			r, err := w.UsageReceipt(ctx, p.caller(), "/meter", event)
			if err != nil {
				return string(fault.CodeOf(err))
			}
			return fmt.Sprint(r.Outcome, " ", r.Refusal.Reason, " ", r.Line.Day)
		}
		for who, want := range map[*person][3]string{
			ada: {"counted  2026-08-01", "refused late 1970-01-01", "not_found"}, bob: {"counted  2026-08-01", "refused late 1970-01-01", "not_found"},
			eve: {"not_found", "not_found", "not_found"},
		} {
			if got := [3]string{receipt(who, "1"), receipt(who, "3"), receipt(who, "9")}; got != want {
				t.Errorf("%s: receipts are %q, want %q", who.user.Email, got, want)
			}
		}
		if _, err := w.AccountUsage(ctx, eve.caller(), shop.ID, days(t, "2026-08-01", "2026-08-01")); fault.CodeOf(err) != fault.NotFound {
			t.Errorf("usage for a stranger: %v", err)
		}
		w.join(root.ID, ada, eve, auth.ReadOnly)
		if _, err := w.OrganizationUsage(ctx, eve.caller(), root.ID, days(t, "2026-08-01", "2026-08-01")); fault.CodeOf(err) != fault.Forbidden {
			t.Errorf("usage without billing.read: %v", err)
		}
	})
}

// Events leave no audit record; prices do, and refusals of both who may not.
func TestUsageRecords(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, ada := t.Context(), w.person("ada")
		root := w.root("Root", ada)
		shop := w.account("Shop", ada, root.ID)
		w.wantTrail(t, func() { w.prices() }, "instance: Add Price List success 200")
		w.wantTrail(t, func() { w.push(ada, used("1", shop.ID, requests, "2026-08-01", "1")) })
		records := w.added(func() {
			must[usage.Assignment](t)(w.AssignPriceBook(ctx, ada.request(), org.Owner{Account: shop.ID}, "demo-list-1", 20000))
		})
		if len(records) != 1 || records[0].Action != audit.PriceBookAssign || records[0].Log != id.Log(root.ID) || records[0].Account != shop.ID ||
			string(records[0].Resource.After) != `{"book_id":"demo-list-1","start":"2024-10-04"}` {
			t.Errorf("the assignment is recorded as %+v", records)
		}
		if _, err := w.AssignPriceBook(ctx, ada.request(), org.Owner{Account: shop.ID}, "nothing", 0); fault.CodeOf(err) != fault.Invalid {
			t.Errorf("a price book that there is not: %v", err)
		}
		if _, err := w.PutPriceList(ctx, ada.request(), org.PriceList{}); fault.CodeOf(err) != fault.Forbidden {
			t.Errorf("a price list of somebody: %v", err)
		}
		changed, err := usage.NewCatalogue("v2", []usage.Metric{{
			ID: requests, Name: "R", Unit: "Requests", Aggregation: usage.Maximum, Service: usage.Service{Name: "S", Category: "Other"},
		}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.PutPriceList(ctx, w.admin.request(), org.PriceList{Catalogue: changed}); fault.CodeOf(err) != fault.Invalid ||
			!strings.Contains(err.Error(), "The aggregation of workers_standard_requests is sum and cannot become max") {
			t.Errorf("another aggregation: %v", err)
		}
	})
}

// A service that is killed after it counted, and asked again, counts once.
func TestUsageIsCountedOnceThroughFailures(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ada := w.person("ada")
		shop := w.account("Shop", ada, w.root("Root", ada).ID)
		w.prices()
		for i := range 5 {
			ctx, cancel := context.WithCancel(t.Context())
			if i%2 == 0 {
				cancel()
			}
			_, _ = w.PushUsage(ctx, ada.request(), []usage.Submission{used(fmt.Sprint(i/2), shop.ID, requests, "2026-08-01", "1")})
			cancel()
			w.push(ada, used(fmt.Sprint(i/2), shop.ID, requests, "2026-08-01", "1"))
		}
		got, _ := w.rows(must[org.Usage](t)(w.AccountUsage(t.Context(), ada.caller(), shop.ID, days(t, "2026-08-01", "2026-08-01"))))
		wantLines(t, got, "2026-08-01 Shop workers_standard_requests 3")
	})
}
