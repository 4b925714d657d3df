package storetest

import (
	"context"
	"fmt"
	"time"

	"github.com/shopspring/decimal"

	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/page"
	"github.com/orgd/orgd/internal/usage"
)

func chargeCases() []testCase {
	return []testCase{
		{"a charge is kept as it was added, until it is ended or removed", keepsCharges},
		{"charges are listed by account in order of creation", listsCharges},
		{"charges of some days are read in order of days, and recurring ones by account", readsCharges},
		{"the first billing period is that of all accounts", findsFirstPeriod},
	}
}

// chargeOf makes a charge for a day after usageStart().
func (w *world) chargeOf(a id.Account, c id.Charge, day int, recurring bool) usage.AccountFee {
	start := usage.DayOf(usageStart()) + usage.Day(day)
	return usage.AccountFee{Account: a, ID: c, Created: usageStart().Add(time.Duration(day) * time.Microsecond), Fee: usage.Fee{
		Category: usage.Credit, Recurring: recurring, Amount: decimal.RequireFromString("-12345678901234567.000000000000000001"),
		Currency: "EUR", Description: "Größe, 'quoted'", Days: usage.Period{Start: start, End: start + 1},
	}}
}

func (w *world) addCharges(all ...usage.AccountFee) {
	w.Helper()
	w.update(func(ctx context.Context, tx org.Tx) error {
		for _, c := range all {
			if err := tx.InsertCharge(ctx, c); err != nil {
				return err
			}
		}
		return nil
	})
}

// chargeText writes a charge on one line, whatever form its amount has.
func chargeText(c usage.AccountFee, err error) (string, error) {
	return fmt.Sprintf("%s %s %s %s %t %s %s %q %s", c.Account, c.ID, c.Created, c.Fee.Category, c.Fee.Recurring, c.Fee.Amount, c.Fee.Currency, c.Fee.Description, c.Fee.Days), err
}

func keepsCharges(w *world) {
	c := w.chargeOf("a", "1", 3, true)
	c.Fee.Days.End = usage.NoEnd
	w.addCharges(c)
	text, _ := chargeText(c, nil)
	found(w, "charge", text)(chargeText(w.store.Charge(w.Context(), "a", "1")))
	absent[usage.AccountFee](w, "charge of another account")(w.store.Charge(w.Context(), "b", "1"))
	c.Fee.Days.End = c.Fee.Days.Start + 7
	w.update(func(ctx context.Context, tx org.Tx) error { return tx.EndCharge(ctx, c) })
	text, _ = chargeText(c, nil)
	found(w, "ended charge", text)(chargeText(w.store.Charge(w.Context(), "a", "1")))
	w.update(func(ctx context.Context, tx org.Tx) error { return tx.DeleteCharge(ctx, c) })
	absent[usage.AccountFee](w, "removed charge")(w.store.Charge(w.Context(), "a", "1"))
}

// chargeIDs names charges as ACCOUNT/ID.
func chargeIDs(all []usage.AccountFee) []string {
	var names []string
	for i := range all {
		names = append(names, fmt.Sprintf("%s/%s", all[i].Account, all[i].ID))
	}
	return names
}

func listsCharges(w *world) {
	w.addCharges(w.chargeOf("a", "3", 1, false), w.chargeOf("a", "2", 1, true), w.chargeOf("a", "1", 2, false), w.chargeOf("b", "4", 1, false))
	list := func(size int, after *page.Position) page.Page[usage.AccountFee] {
		w.Helper()
		p, err := w.store.ListCharges(w.Context(), "a", page.Request{Size: size, After: after})
		if err != nil {
			w.Fatal(err)
		}
		return p
	}
	first := list(2, nil)
	want(w, "first page", chargeIDs(first.Items), []string{"a/2", "a/3"})
	want(w, "total", first.Total, 3)
	second := list(2, first.Next)
	want(w, "second page", chargeIDs(second.Items), []string{"a/1"})
	want(w, "no more", second.Next == nil, true)
}

func readsCharges(w *world) {
	w.addCharges(w.chargeOf("b", "1", 2, false), w.chargeOf("a", "4", 2, false), w.chargeOf("a", "2", 2, false), w.chargeOf("b", "3", 1, false),
		w.chargeOf("a", "5", 0, false), w.chargeOf("a", "6", 3, false), w.chargeOf("c", "7", 2, false), w.chargeOf("b", "8", 2, true), w.chargeOf("a", "9", 2, true))
	start := usage.DayOf(usageStart())
	q := org.ChargeQuery{Accounts: []id.Account{"b", "a", "d"}, Days: usage.Period{Start: start + 1, End: start + 3}, Limit: 2}
	var got []string
	for {
		all, err := w.store.ChargesOnce(w.Context(), q)
		if err != nil {
			w.Fatal(err)
		}
		got = append(got, fmt.Sprint(chargeIDs(all)))
		if len(all) < q.Limit {
			break
		}
		q.After = &all[len(all)-1]
	}
	want(w, "once", got, []string{"[b/3 a/2]", "[a/4 b/1]", "[]"})
	recurring, err := w.store.RecurringCharges(w.Context(), q.Accounts)
	if err != nil {
		w.Fatal(err)
	}
	want(w, "recurring", chargeIDs(recurring), []string{"a/9", "b/8"})
}

func findsFirstPeriod(w *world) {
	w.count(event("1", "a", "m", 40, "1"), event("2", "b", "m", 10, "1"), event("3", "c", "m", -40, "1"))
	found(w, "first", usage.DateOf(2026, time.March, 1))(w.store.FirstPeriod(w.Context(), []id.Account{"a", "b", "d"}))
	absent[usage.Day](w, "first")(w.store.FirstPeriod(w.Context(), []id.Account{"d"}))
	absent[usage.Day](w, "first")(w.store.FirstPeriod(w.Context(), nil))
}
