package storetest

import (
	"context"
	"fmt"
	"time"

	"github.com/shopspring/decimal"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/page"
	"github.com/orgd/orgd/internal/usage"
)

func budgetCases() []testCase {
	return []testCase{
		{"a budget is read back as it was written", readsBudget},
		{"pages walk the budgets of an owner once", budgetPages},
		{"an update makes a budget due and nobody's", updatesBudget},
		{"a deleted budget is gone with its crossings", deletesBudget},
		{"due is what is to be evaluated and held by nobody", dueBudgets},
		{"a budget is settled under its version and never by what was found earlier", settlesBudget},
		{"a threshold is crossed once in a period under the same terms", crossesOnce},
		{"current crossings are those of the terms and the period of the state", currentCrossings},
		{"pages walk the crossings of a budget once", crossingPages},
		{"due is a notice that waits and is held by nobody", dueNotices},
		{"only the holder settles a notice, and a new webhook voids the lease", settlesNotice},
	}
}

func budgetOwner() org.Owner { return org.Owner{Organization: "owner of budgets"} }

// budget makes a budget that is due at once.
func (w *world) budget(o org.Owner, change func(*org.Budget)) org.Budget {
	w.Helper()
	at := w.now()
	b := org.Budget{
		ID: id.Budget(w.id()), Owner: o, Name: "budget", Thresholds: []int{100}, Webhook: "https://example.com/", Created: at, Updated: at,
		Version: 1, Revision: 1, Since: at,
		BudgetTerms: org.BudgetTerms{Kind: usage.CumulativeBudget, Amount: decimal.NewFromInt(1), Currency: "USD"},
	}
	if change != nil {
		change(&b)
	}
	w.update(func(ctx context.Context, tx org.Tx) error {
		if err := tx.InsertBudget(ctx, b); err != nil {
			return err
		}
		return w.record(ctx, tx, about(audit.BudgetCreate, "log of budgets", string(b.ID), b.Updated))
	})
	return b
}

func (w *world) fullBudget(b *org.Budget) {
	at := b.Created
	b.Name, b.Thresholds = "Zoë's budget", []int{1, 50, 1000}
	b.BudgetTerms = org.BudgetTerms{Scope: org.BudgetOwn, Kind: usage.ProjectedBudget, Amount: decimal.RequireFromString("999999999999999999.999999999"), Currency: "EUR"}
	b.ReceiverSecret = org.ReceiverSecret{Secret: []byte{0, 1, 255}, OldSecret: []byte{2}, OldSecretEnd: at.Add(time.Hour)}
	b.Version, b.Revision, b.Since, b.Updated = 7, 3, at.Add(time.Minute), at.Add(2*time.Minute)
	b.State = org.BudgetState{
		At: at.Add(3 * time.Minute), Period: usage.Period{Start: 20000, End: 20031}, CompleteDays: 5,
		Spent: decimal.RequireFromString("0.000000000000000001"), Projected: decimal.RequireFromString("-12.5"),
		Others: []usage.Currency{"GBP", "USD"}, Unpriced: true,
	}
}

// wantBudget compares what the store knows of a budget.
func (w *world) wantBudget(what string, b org.Budget) {
	w.Helper()
	found(w, what, b)(w.store.Budget(w.Context(), b.ID))
}

func readsBudget(w *world) {
	plain, full := w.budget(budgetOwner(), nil), w.budget(org.Owner{Account: "account"}, w.fullBudget)
	w.wantBudget("plain", plain)
	w.wantBudget("full", full)
	absent[org.Budget](w, "unknown")(w.store.Budget(w.Context(), "nothing"))
}

func budgetPages(w *world) {
	var all []org.Budget
	for range 5 {
		all = append(all, w.budget(budgetOwner(), nil))
		w.budget(org.Owner{Account: "other"}, nil)
	}
	for size := 1; size <= 6; size++ {
		var walked []org.Budget
		for r := (page.Request{Size: size}); ; {
			p, err := w.store.ListBudgets(w.Context(), budgetOwner(), r)
			if err != nil {
				w.Fatal(err)
			}
			want(w, "total", p.Total, int64(len(all)))
			walked = append(walked, p.Items...)
			if p.Next == nil {
				break
			}
			r.After = p.Next
		}
		want(w, fmt.Sprint("pages of ", size), walked, all)
	}
}

// leaseBudget tries to take a budget.
func (w *world) leaseBudget(b org.Budget, holder string, wanted bool) {
	w.Helper()
	now := w.now()
	var got bool
	w.update(func(ctx context.Context, tx org.Tx) (err error) {
		got, err = tx.LeaseBudget(ctx, b, org.Lease{Holder: holder, Now: now, End: now.Add(leaseTime)})
		return err
	})
	want(w, "lease of "+holder, got, wanted)
}

func (w *world) settleBudget(b org.Budget, next time.Time, wanted bool) {
	w.Helper()
	var got bool
	w.update(func(ctx context.Context, tx org.Tx) (err error) { got, err = tx.SettleBudget(ctx, b, next); return err })
	want(w, "settled", got, wanted)
}

func (w *world) wantDueBudgets(what string, ids ...id.Budget) {
	w.Helper()
	due, err := w.store.DueBudgets(w.Context(), w.now(), 10)
	if err != nil {
		w.Fatal(err)
	}
	var got []id.Budget
	for i := range due {
		got = append(got, due[i].ID)
	}
	want(w, what, got, ids)
}

func updatesBudget(w *world) {
	b := w.budget(budgetOwner(), nil)
	w.leaseBudget(b, "a", true)
	w.settleBudget(b, w.now().Add(time.Hour), true)
	w.wantDueBudgets("settled")
	changed := b
	w.fullBudget(&changed)
	changed.Crossings = nil
	w.update(func(ctx context.Context, tx org.Tx) error {
		if err := tx.UpdateBudget(ctx, changed); err != nil {
			return err
		}
		return w.record(ctx, tx, about(audit.BudgetUpdate, "log of budgets", string(b.ID), changed.Updated))
	})
	w.wantBudget("updated", changed)
	w.wantDueBudgets("due again", b.ID)
	w.leaseBudget(b, "of another version", false)
	w.leaseBudget(changed, "a", true)
}

func deletesBudget(w *world) {
	b, kept := w.budget(budgetOwner(), nil), w.budget(budgetOwner(), nil)
	w.cross(b, 50, true, nil)
	w.cross(kept, 50, true, nil)
	w.update(func(ctx context.Context, tx org.Tx) error {
		if err := tx.DeleteBudget(ctx, b); err != nil {
			return err
		}
		return w.record(ctx, tx, about(audit.BudgetDelete, "log of budgets", string(b.ID), w.now()))
	})
	absent[org.Budget](w, "deleted")(w.store.Budget(w.Context(), b.ID))
	list, err := w.store.ListCrossings(w.Context(), b.ID, page.Request{Size: 10})
	found(w, "crossings", 0)(len(list.Items), err)
	list, err = w.store.ListCrossings(w.Context(), kept.ID, page.Request{Size: 10})
	found(w, "crossings of the other", 1)(len(list.Items), err)
}

func dueBudgets(w *world) {
	first := w.budget(budgetOwner(), nil)
	second := w.budget(org.Owner{Account: "account"}, nil)
	w.wantDueBudgets("both", first.ID, second.ID)
	w.leaseBudget(first, "a", true)
	w.leaseBudget(first, "b", false)
	w.wantDueBudgets("one is held", second.ID)
	w.settleBudget(second, w.now().Add(leaseTime/2), true)
	w.wantDueBudgets("the other is settled")
	w.leaseBudget(second, "before it is due", false)
	w.clock.Add(leaseTime.Microseconds())
	w.wantDueBudgets("the longest due first", first.ID, second.ID)
	due, err := w.store.DueBudgets(w.Context(), w.now(), 1)
	if err != nil || len(due) != 1 || due[0].ID != first.ID {
		w.Errorf("one: %v, %v", due, err)
	}
}

func settlesBudget(w *world) {
	b := w.budget(budgetOwner(), nil)
	found := b
	w.fullBudget(&found)
	settled := b
	settled.State = found.State
	other := settled
	other.Version++
	w.settleBudget(other, w.now(), false)
	w.settleBudget(settled, w.now(), true)
	w.wantBudget("settled", settled)
	earlier := settled
	earlier.State.At = settled.State.At.Add(-time.Microsecond)
	w.settleBudget(earlier, w.now(), false)
	settled.State.Spent = decimal.NewFromInt(3)
	settled.State.Others = nil
	w.settleBudget(settled, w.now(), true)
	w.wantBudget("settled again", settled)
}

// cross adds a crossing of a budget in the period of its state.
func (w *world) cross(b org.Budget, percent int, wanted bool, change func(*org.Crossing)) org.Crossing {
	w.Helper()
	at := w.now()
	x := org.Crossing{
		ID: id.Crossing(w.id()), Budget: b.ID, Owner: b.Owner, Name: b.Name, Revision: b.Revision, BudgetTerms: b.BudgetTerms, Percent: percent,
		Period: b.State.Period, Spent: decimal.RequireFromString("0.000000001"), Projected: decimal.NewFromInt(7), At: at,
		Notice: []byte(`{"é":1}`), Delivery: org.NoticeDelivery{State: org.NoticeWaiting},
	}
	if change != nil {
		change(&x)
	}
	var got bool
	w.update(func(ctx context.Context, tx org.Tx) (err error) {
		if got, err = tx.InsertCrossing(ctx, x); err != nil || !got {
			return err
		}
		return w.record(ctx, tx, about(audit.BudgetCross, "log of budgets", string(b.ID), at))
	})
	want(w, fmt.Sprint("first crossing of ", percent), got, wanted)
	x.Notice = nil // it is only written
	return x
}

func crossesOnce(w *world) {
	b := w.budget(budgetOwner(), w.fullBudget)
	w.cross(b, 50, true, nil)
	w.cross(b, 50, false, nil)
	w.cross(b, 80, true, nil)
	w.cross(b, 50, true, func(x *org.Crossing) { x.Revision-- })
	w.cross(b, 50, true, func(x *org.Crossing) { x.Period = usage.Period{Start: 30000, End: 30031} })
	w.cross(w.budget(budgetOwner(), w.fullBudget), 50, true, nil)
}

func currentCrossings(w *world) {
	b := w.budget(budgetOwner(), w.fullBudget)
	late := w.cross(b, 80, true, nil)
	early := w.cross(b, 50, true, func(x *org.Crossing) {
		at := x.At
		x.Delivery = org.NoticeDelivery{State: org.NoticeDelivered, Failures: 2, NextAttempt: at, LastError: "é", LastFailure: at, Delivered: at}
	})
	w.cross(b, 90, true, func(x *org.Crossing) { x.Revision-- })
	w.cross(b, 90, true, func(x *org.Crossing) { x.Period.Start-- })
	other := w.budget(org.Owner{Account: "account"}, w.fullBudget)
	third := w.cross(other, 50, true, nil)
	w.cross(w.budget(budgetOwner(), w.fullBudget), 50, true, nil)
	w.cross(w.budget(budgetOwner(), nil), 50, true, nil)
	got, err := w.store.CurrentCrossings(w.Context(), []id.Budget{other.ID, b.ID})
	found(w, "current", []org.Crossing{early, late, third})(got, err)
	got, err = w.store.CurrentCrossings(w.Context(), nil)
	found(w, "of none", 0)(len(got), err)
	fresh := w.budget(budgetOwner(), func(b *org.Budget) { w.fullBudget(b); b.State = org.BudgetState{} })
	w.cross(fresh, 50, true, nil)
	got, err = w.store.CurrentCrossings(w.Context(), []id.Budget{fresh.ID})
	found(w, "of one that was never evaluated", 0)(len(got), err)
}

func crossingPages(w *world) {
	b := w.budget(budgetOwner(), nil)
	other := w.budget(budgetOwner(), nil)
	var all []org.Crossing
	for i := range 5 {
		all = append(all, w.cross(b, 100-i, true, nil))
		w.cross(other, 100-i, true, nil)
	}
	for size := 1; size <= 6; size++ {
		var walked []org.Crossing
		for r := (page.Request{Size: size}); ; {
			p, err := w.store.ListCrossings(w.Context(), b.ID, r)
			if err != nil {
				w.Fatal(err)
			}
			want(w, "total", p.Total, int64(len(all)))
			walked = append(walked, p.Items...)
			if p.Next == nil {
				break
			}
			r.After = p.Next
		}
		want(w, fmt.Sprint("pages of ", size), walked, all)
	}
}

func (w *world) dueNotices() []org.Notice {
	w.Helper()
	due, err := w.store.DueNotices(w.Context(), w.now(), 10)
	if err != nil {
		w.Fatal(err)
	}
	return due
}

// wantWaiting compares how many notices wait, and since when.
func (w *world) wantWaiting(what string, n int64, since time.Time) {
	w.Helper()
	waiting, oldest, err := w.store.CountNotices(w.Context())
	found(w, what, n)(waiting, err)
	want(w, what+": oldest", oldest, since)
}

func (w *world) leaseNotice(n org.Notice, holder string, wanted bool) {
	w.Helper()
	now := w.now()
	var got bool
	w.update(func(ctx context.Context, tx org.Tx) (err error) {
		got, err = tx.LeaseNotice(ctx, n, org.Lease{Holder: holder, Now: now, End: now.Add(leaseTime)})
		return err
	})
	want(w, "lease of "+holder, got, wanted)
}

func (w *world) settleNotice(x id.Crossing, d org.NoticeDelivery, holder string, wanted bool) {
	w.Helper()
	now := w.now()
	var got bool
	w.update(func(ctx context.Context, tx org.Tx) (err error) {
		got, err = tx.SettleNotice(ctx, x, d, org.Lease{Holder: holder, Now: now, End: now})
		return err
	})
	want(w, "settled by "+holder, got, wanted)
}

func dueNotices(w *world) {
	w.wantWaiting("nothing", 0, time.Time{})
	b := w.budget(org.Owner{Account: "account"}, w.fullBudget)
	x := w.cross(b, 50, true, nil)
	w.cross(b, 60, true, func(x *org.Crossing) { x.Delivery.State = org.NoticeNone })
	w.cross(b, 70, true, func(x *org.Crossing) { x.Delivery.State = org.NoticeDelivered })
	w.cross(b, 80, true, func(x *org.Crossing) { x.Delivery.State = org.NoticeRefused })
	w.cross(b, 90, true, func(x *org.Crossing) { x.Delivery.NextAttempt = x.At.Add(time.Hour) })
	n := org.Notice{
		ID: x.ID, Budget: b.ID, Owner: b.Owner, Webhook: b.Webhook, ReceiverSecret: b.ReceiverSecret, Body: []byte(`{"é":1}`), Delivery: x.Delivery,
	}
	want(w, "due", w.dueNotices(), []org.Notice{n})
	w.wantWaiting("two", 2, x.At)
	w.leaseNotice(n, "a", true)
	w.leaseNotice(n, "b", false)
	want(w, "held", len(w.dueNotices()), 0)
	w.clock.Add(leaseTime.Microseconds())
	want(w, "after the lease", w.dueNotices(), []org.Notice{n})
}

func settlesNotice(w *world) {
	b := w.budget(budgetOwner(), nil)
	x := w.cross(b, 50, true, nil)
	n := w.dueNotices()[0]
	w.leaseNotice(n, "a", true)
	failed := org.NoticeDelivery{State: org.NoticeWaiting, Failures: 1, NextAttempt: w.now(), LastError: "why", LastFailure: w.now()}
	w.settleNotice(x.ID, failed, "b", false)
	w.settleNotice(x.ID, failed, "a", true)
	n = w.dueNotices()[0]
	want(w, "failed", n.Delivery, failed)
	w.leaseNotice(n, "a", true)
	redirected := b
	redirected.Webhook = "https://other.example.com/"
	w.update(func(ctx context.Context, tx org.Tx) error {
		if err := tx.UpdateBudget(ctx, redirected); err != nil {
			return err
		}
		return tx.RedirectNotices(ctx, redirected)
	})
	w.settleNotice(x.ID, org.NoticeDelivery{State: org.NoticeDelivered}, "a", false)
	w.leaseNotice(n, "who knows another webhook", false)
	again := w.dueNotices()
	if len(again) != 1 || again[0].Webhook != redirected.Webhook || again[0].Delivery.Failures != 0 {
		w.Fatalf("redirected: %+v", again)
	}
	w.leaseNotice(again[0], "b", true)
	done := org.NoticeDelivery{State: org.NoticeDelivered, Delivered: w.now()}
	w.settleNotice(x.ID, done, "b", true)
	w.settleNotice(x.ID, failed, "b", false)
	list, err := w.store.ListCrossings(w.Context(), b.ID, page.Request{Size: 10})
	found(w, "delivered", done)(list.Items[0].Delivery, err)
	w.cross(b, 60, true, nil)
	redirected.Webhook = ""
	w.update(func(ctx context.Context, tx org.Tx) error {
		if err := tx.UpdateBudget(ctx, redirected); err != nil {
			return err
		}
		return tx.RedirectNotices(ctx, redirected)
	})
	want(w, "without a webhook", len(w.dueNotices()), 0)
	list, err = w.store.ListCrossings(w.Context(), b.ID, page.Request{Size: 10})
	found(w, "without a webhook", org.NoticeNone)(list.Items[1].Delivery.State, err)
	want(w, "what was delivered stays so", list.Items[0].Delivery, done)
}
