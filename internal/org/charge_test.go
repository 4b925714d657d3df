package org_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/page"
	"github.com/orgd/orgd/internal/usage"
)

// fee is a charge from a day of 2026 on.
func fee(t *testing.T, start, amount string, recurring bool) org.NewCharge {
	t.Helper()
	return org.NewCharge{Fee: usage.Fee{
		Category: usage.Adjustment, Amount: decimal.RequireFromString(amount), Description: "Fee of " + start, Recurring: recurring,
		Days: usage.Period{Start: day(t, start)},
	}}
}

// bill writes the rows of a bill on one line each.
func (w *world) bill(p *person, o id.Organization, q org.UsageQuery) (lines []string) {
	w.t.Helper()
	b := must[org.Bill](w.t)(w.OrganizationBill(w.t.Context(), p.caller(), o, q))
	err := b.Each(w.t.Context(), func(r *org.UsageRow) error {
		lines = append(lines, fmt.Sprintf("%s %s %s of %s", r.Charge.Day, r.Account.Name, r.Charge.ContractedCost(), r.Period))
		return nil
	}, func(r *org.ChargeRow) error {
		line := fmt.Sprintf("%s %s %s of %s: %s", r.Fee.Days, r.Account.Name, r.Fee.Amount, r.Period, r.Fee.Description)
		if r.Billed {
			line += ", billed to " + r.Root.Name
		}
		lines = append(lines, line)
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return lines
}

// An account that is deleted, and then the organization that it was in, stays
// on the bills of those above, as far as the caller may see bills of it. What
// would be charged later is not.
func TestBillsKeepWhatWasDeleted(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, ada := t.Context(), w.person("ada")
		top := w.root("Top", ada)
		root, old := w.root("Root", ada), w.root("Old", ada)
		part := w.child("Part", ada, old.ID)
		shop, open := w.account("Shop", ada, part.ID), w.account("Open", ada, root.ID)
		w.prices()
		must[usage.Assignment](t)(w.AssignPriceBook(ctx, ada.request(), org.Owner{Account: shop.ID}, "demo-list-1", 0))
		w.push(ada, used("1", shop.ID, requests, "2026-07-30", "12000000"), used("2", open.ID, requests, "2026-07-30", "1"))
		must[org.Charge](t)(w.CreateCharge(ctx, ada.request(), shop.ID, fee(t, "2026-07-01", "5", true)))
		july := days(t, "2026-07-01", "2026-09-30")
		w.clock.advance(62 * 24 * time.Hour)
		must[id.Account](t)(w.DeleteAccount(ctx, ada.request(), shop.ID))
		w.clock.advance(40 * 24 * time.Hour)
		want := []string{"2026-07-01/2026-08-01 Shop 5 of 2026-07-01/2026-08-01: Fee of 2026-07-01", "2026-07-30 Shop 0.6 of 2026-07-01/2026-08-01"}
		for _, o := range []id.Organization{old.ID, part.ID} {
			wantLines(t, w.bill(ada, o, days(t, "2026-07-01", "2026-07-31")), want...)
		}
		all := w.bill(ada, old.ID, days(t, "2026-07-01", "2026-12-31"))
		if last := all[len(all)-1]; !strings.HasPrefix(last, "2026-10-01/2026-11-01 Shop 5 ") {
			t.Errorf("the last charge is %s", last)
		}
		must[id.Organization](t)(w.DeleteOrganization(ctx, ada.request(), part.ID))
		must[org.Organization](t)(w.UpdateOrganization(ctx, ada.request(), old.ID, org.OrganizationUpdate{Name: "Old", Parent: top.ID}))
		for _, o := range []id.Organization{old.ID, top.ID} {
			wantLines(t, w.bill(ada, o, days(t, "2026-07-01", "2026-07-31")), want...)
			got, cost := w.rows(must[org.Usage](t)(w.OrganizationUsage(ctx, ada.caller(), o, july)))
			if len(got) != 1 || cost.String() != "0.6" {
				t.Errorf("usage is %q, %s", got, cost)
			}
		}
		wantLines(t, w.bill(ada, root.ID, july), "2026-07-30 Open 0 of 2026-07-01/2026-08-01")
		if _, err := w.AccountUsage(ctx, ada.caller(), shop.ID, july); fault.CodeOf(err) != fault.NotFound {
			t.Errorf("the deleted account itself: %v", err)
		}
	})
}

// Charges of a closed period stay what they were, with the names of then, and
// every period that a recurring charge is charged in has its turn.
func TestChargesOfClosedPeriods(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, ada := t.Context(), w.person("ada")
		root, other := w.root("Root", ada), w.root("Other", ada)
		shop := w.account("Shop", ada, root.ID)
		w.prices()
		for _, o := range []id.Organization{root.ID, other.ID} {
			must[usage.Assignment](t)(w.AssignPriceBook(ctx, ada.request(), org.Owner{Organization: o}, "demo-list-1", 0))
		}
		plan := must[org.Charge](t)(w.CreateCharge(ctx, ada.request(), shop.ID, fee(t, "2026-05-20", "5", true)))
		once := must[org.Charge](t)(w.CreateCharge(ctx, ada.request(), shop.ID, fee(t, "2026-05-31", "-1.5", false)))
		w.push(ada, used("1", shop.ID, requests, "2026-07-02", "11000000"))
		closing := func(start string) error {
			_, err := w.CloseBillingPeriod(ctx, ada.request(), shop.ID, day(t, start))
			return err
		}
		if err := closing("2026-07-01"); fault.CodeOf(err) != fault.PeriodOpen {
			t.Errorf("a period before others that are charged: %v", err)
		}
		for _, start := range []string{"2026-05-01", "2026-06-01"} {
			if err := closing(start); err != nil {
				t.Error(err)
			}
		}
		must[org.Account](t)(w.UpdateAccount(ctx, ada.request(), shop.ID, org.AccountUpdate{Name: "Store"}))
		must[org.Move](t)(w.MoveAccount(ctx, ada.request(), shop.ID, other.ID))
		window := days(t, "2026-05-01", "2026-07-31")
		wantLines(t, w.bill(ada, other.ID, window),
			"2026-05-20/2026-06-01 Shop 5 of 2026-05-01/2026-06-01: Fee of 2026-05-20, billed to Root",
			"2026-05-31/2026-06-01 Shop -1.5 of 2026-05-01/2026-06-01: Fee of 2026-05-31, billed to Root",
			"2026-06-01/2026-07-01 Shop 5 of 2026-06-01/2026-07-01: Fee of 2026-05-20, billed to Root",
			"2026-07-01/2026-08-01 Store 5 of 2026-07-01/2026-08-01: Fee of 2026-05-20",
			"2026-07-02 Store 0.3 of 2026-07-01/2026-08-01")

		if _, err := w.DeleteCharge(ctx, ada.request(), shop.ID, once.ID); fault.CodeOf(err) != fault.PeriodClosed {
			t.Errorf("a charge of a closed period: %v", err)
		}
		late := fee(t, "2026-04-20", "1", true)
		if _, err := w.CreateCharge(ctx, ada.request(), shop.ID, late); fault.CodeOf(err) != fault.PeriodClosed || !strings.Contains(err.Error(), "2026-05-01/2026-06-01") {
			t.Errorf("a recurring charge that reaches into a closed period: %v", err)
		}
		late.End = new(day(t, "2026-05-01"))
		must[org.Charge](t)(w.CreateCharge(ctx, ada.request(), shop.ID, late))
		must[id.Charge](t)(w.DeleteCharge(ctx, ada.request(), shop.ID, plan.ID))
		list := must[page.Page[org.Charge]](t)(w.ListCharges(ctx, ada.caller(), shop.ID, page.Request{Size: 10}))
		if got := list.Items[0].Fee.Days.String(); got != "2026-05-20/2026-07-01" {
			t.Errorf("the charge that was removed is for %s", got)
		}
		if got := w.bill(ada, other.ID, window); len(got) != 4 || got[2] != "2026-06-01/2026-07-01 Shop 5 of 2026-06-01/2026-07-01: Fee of 2026-05-20, billed to Root" {
			t.Errorf("the bill is\n%s", strings.Join(got, "\n"))
		}
	})
}

// Charges are in the order of days, accounts and identifiers, however many of
// them are read at once, and none comes before its day.
func TestChargesInOrder(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, ada := t.Context(), w.person("ada")
		root := w.root("Root", ada)
		w.prices()
		must[usage.Assignment](t)(w.AssignPriceBook(ctx, ada.request(), org.Owner{Organization: root.ID}, "demo-list-1", 0))
		a, b := w.account("A", ada, root.ID), w.account("B", ada, root.ID)
		today := usage.DayOf(w.clock.now()).String()
		for _, c := range []struct {
			account id.Account
			start   string
			again   bool
		}{{b.ID, "2026-07-02", false}, {a.ID, "2026-07-02", true}, {a.ID, "2026-07-02", false}, {b.ID, "2026-07-01", true}, {b.ID, today, false}} {
			must[org.Charge](t)(w.CreateCharge(ctx, ada.request(), c.account, fee(t, c.start, "1", c.again)))
		}
		tomorrow := fee(t, today, "1", false)
		tomorrow.Fee.Days.Start++
		must[org.Charge](t)(w.CreateCharge(ctx, ada.request(), a.ID, tomorrow))
		got := w.bill(ada, root.ID, days(t, "2026-07-01", "2026-07-31"))
		wantLines(t, got, "2026-07-01/2026-08-01 B 1 of 2026-07-01/2026-08-01: Fee of 2026-07-01",
			"2026-07-02/2026-08-01 A 1 of 2026-07-01/2026-08-01: Fee of 2026-07-02", "2026-07-02/2026-07-03 A 1 of 2026-07-01/2026-08-01: Fee of 2026-07-02",
			"2026-07-02/2026-07-03 B 1 of 2026-07-01/2026-08-01: Fee of 2026-07-02")
		all := w.bill(ada, root.ID, org.UsageQuery{From: -719_528, End: 2_932_897}) // the years 0 to 9999
		if last := all[len(all)-1]; !strings.HasPrefix(last, today+"/") || !strings.Contains(last, " B ") {
			t.Errorf("the last row of all is %s", last)
		}
	})
}

// An account has no more than 100 recurring charges at once.
func TestRecurringChargesAreLimited(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, ada := t.Context(), w.person("ada")
		root := w.root("Root", ada)
		shop := w.account("Shop", ada, root.ID)
		w.prices()
		must[usage.Assignment](t)(w.AssignPriceBook(ctx, ada.request(), org.Owner{Organization: root.ID}, "demo-list-1", 0))
		over := fee(t, "2026-05-01", "1", true)
		over.End = new(day(t, "2026-07-01"))
		must[org.Charge](t)(w.CreateCharge(ctx, ada.request(), shop.ID, over))
		for range 100 {
			must[org.Charge](t)(w.CreateCharge(ctx, ada.request(), shop.ID, fee(t, "2026-07-01", "1", true)))
		}
		if _, err := w.CreateCharge(ctx, ada.request(), shop.ID, fee(t, "2026-07-20", "1", true)); fault.CodeOf(err) != fault.LimitReached {
			t.Errorf("one too many: %v", err)
		}
		must[org.Charge](t)(w.CreateCharge(ctx, ada.request(), shop.ID, fee(t, "2026-07-20", "1", false)))
	})
}

// What is charged while a period is closed is either added before, in the order
// of the log, or refused.
func TestChargeBesideClosing(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, ada := t.Context(), w.person("ada")
		root := w.root("Root", ada)
		w.prices()
		must[usage.Assignment](t)(w.AssignPriceBook(ctx, ada.request(), org.Owner{Organization: root.ID}, "demo-list-1", 0))
		shop := w.account("Shop", ada, root.ID)
		w.push(ada, used("1", shop.ID, requests, "2026-07-02", "1"))
		added := 0
		records := w.added(func() {
			done := make(chan error)
			go func() {
				_, err := w.CloseBillingPeriod(ctx, ada.request(), shop.ID, day(t, "2026-07-01"))
				done <- err
			}()
			for range 5 {
				_, err := w.CreateCharge(ctx, ada.request(), shop.ID, fee(t, "2026-07-02", "1", false))
				switch {
				case err == nil:
					added++
				case fault.CodeOf(err) != fault.PeriodClosed:
					t.Error(err)
				}
			}
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
		closed := false
		for _, r := range records {
			success := r.Result == audit.Success
			if r.Action == audit.ChargeCreate && success == closed {
				t.Errorf("record %d: a charge is a %s, and the period is closed: %t", r.Seq, r.Result, closed)
			}
			closed = closed || r.Action == audit.BillingPeriodClose && success
		}
		if got := w.bill(ada, root.ID, days(t, "2026-07-01", "2026-07-31")); len(got) != added+1 || !closed {
			t.Errorf("of %d charges the bill has\n%s", added, strings.Join(got, "\n"))
		}
	})
}
