package org_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/page"
	"github.com/orgd/orgd/internal/storetest"
	"github.com/orgd/orgd/internal/usage"
	"github.com/orgd/orgd/internal/usage/pricelist"
)

// flatPrices has a metric of which each costs one, in dollars or in euros, and
// one that has no price.
const flatPrices = `
catalogue:
  version: flat
  metrics:
    - {id: coins, name: Coins, unit: Coins, aggregation: sum, family: {id: f, name: F}, category: C, service: {name: S, category: Other}}
    - {id: gifts, name: Gifts, unit: Gifts, aggregation: sum, family: {id: f, name: F}, category: C, service: {name: S, category: Other}}
price_books:
  - {id: dollars, currency: USD, prices: [{metric: coins, sku: d, unit: Coins, list: 1}]}
  - {id: euros, currency: EUR, prices: [{metric: coins, sku: e, unit: Coins, list: 1}]}
`

// shop is a root of Ada's with an account in it and one below it, that pay in
// dollars from 2026 on.
type shop struct {
	*world
	ada          *person
	root, below  org.Organization
	inner, lower org.Account
	events       int
}

func (w *world) shop() *shop {
	w.t.Helper()
	s := &shop{world: w, ada: w.person("ada")}
	s.root = w.root("Root", s.ada)
	s.below = w.child("Below", s.ada, s.root.ID)
	s.inner, s.lower = w.account("Inner", s.ada, s.root.ID), w.account("Lower", s.ada, s.below.ID)
	list := must[*pricelist.List](w.t)(pricelist.Read(strings.NewReader(flatPrices)))
	must[org.PriceList](w.t)(w.PutPriceList(w.t.Context(), w.admin.request(), org.PriceList{Catalogue: list.Catalogue, Books: list.Books}))
	s.assign(org.Owner{Organization: s.root.ID}, "dollars", "2026-01-01")
	return s
}

func (s *shop) assign(o org.Owner, book usage.BookID, day string) {
	s.t.Helper()
	must[usage.Assignment](s.t)(s.AssignPriceBook(s.t.Context(), s.ada.request(), o, book, must[usage.Day](s.t)(usage.ParseDay(day))))
}

// spend lets an account use so many coins.
func (s *shop) spend(a id.Account, day, coins string) {
	s.t.Helper()
	s.use(a, "coins", day, coins)
}

func (s *shop) use(a id.Account, m usage.MetricID, day, quantity string) {
	s.t.Helper()
	s.events++
	if got := s.push(s.ada, used(fmt.Sprint("event ", s.events), a, m, day, quantity)); got != "counted" {
		s.t.Fatal(got)
	}
}

// budget makes a budget in dollars.
func (s *shop) budget(o org.Owner, kind usage.BudgetKind, amount string, thresholds ...int) org.Budget {
	s.t.Helper()
	in := org.NewBudget{Name: "Budget", Thresholds: thresholds}
	in.Kind, in.Amount, in.Currency = kind, decimal.RequireFromString(amount), "USD"
	return must[org.ShownBudget](s.t)(s.CreateBudget(s.t.Context(), s.ada.request(), o, in)).Budget
}

// evaluate evaluates everything at the present time.
func (s *shop) evaluate() {
	s.t.Helper()
	if err := s.EvaluateBudgets(s.t.Context(), org.Holder{Name: "test", Lease: time.Minute}); err != nil {
		s.t.Fatal(err)
	}
}

// next lets the time pass until every budget is due again, and evaluates.
func (s *shop) next() {
	s.t.Helper()
	s.clock.advance(org.BudgetPeriod)
	s.evaluate()
}

func (s *shop) read(b org.Budget) org.Budget {
	s.t.Helper()
	return must[org.Budget](s.t)(s.Budget(s.t.Context(), s.ada.caller(), b.Owner, b.ID))
}

// crossings lists all that was ever crossed of a budget.
func (s *shop) crossings(b org.Budget) []org.Crossing {
	s.t.Helper()
	return must[page.Page[org.Crossing]](s.t)(s.ListCrossings(s.t.Context(), s.ada.caller(), b.Owner, b.ID, page.Request{Size: 100})).Items
}

// wantCrossed compares what was ever crossed of a budget with what is wanted,
// and with the records of it, in the log of the organization.
func (s *shop) wantCrossed(what string, b org.Budget, log id.Organization, want ...string) {
	s.t.Helper()
	var got []string
	for _, x := range s.crossings(b) {
		got = append(got, fmt.Sprintf("%d%% of %s at %s in %s", x.Percent, x.Amount, x.Spent, x.Period.Start))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		s.t.Errorf("%s: crossed\n\t%s\nwant\n\t%s", what, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
	records := 0
	for _, r := range must[[]audit.Record](s.t)(s.store.AuditRecords(s.t.Context(), id.Log(log), 0, 1000)) {
		if r.Action != audit.BudgetCross || r.Resource.ID != string(b.ID) {
			continue
		}
		records++
		if r.Result != audit.Success || r.Actor.Type != audit.ActorSystem || r.Account != b.Owner.Account || len(r.Resource.After) == 0 {
			s.t.Errorf("%s: the record is %+v", what, r)
		}
	}
	if records != len(want) {
		s.t.Errorf("%s: %d records, want %d", what, records, len(want))
	}
}

// However often it is evaluated, each threshold is crossed once in a period,
// at its very amount.
func TestBudgetCrossesOnce(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		s := w.shop()
		all := s.budget(org.Owner{Organization: s.root.ID}, usage.CumulativeBudget, "0.3", 50, 100, 200)
		one := s.budget(org.Owner{Account: s.lower.ID}, usage.CumulativeBudget, "0.2")
		if b := s.read(all); !b.State.At.IsZero() || len(b.Crossings) != 0 {
			t.Errorf("before it was evaluated: %+v", b)
		}
		s.evaluate()
		s.wantCrossed("nothing spent", all, s.root.ID)
		s.spend(s.inner.ID, "2026-08-01", "0.1")
		s.spend(s.lower.ID, "2026-08-01", "0.049999999")
		s.next()
		s.wantCrossed("a hair below", all, s.root.ID)
		s.spend(s.lower.ID, "2026-08-01", "0.000000001")
		s.next()
		half := "50% of 0.3 at 0.15 in 2026-08-01"
		s.wantCrossed("half", all, s.root.ID, half)
		for range 20 {
			s.next()
		}
		s.wantCrossed("half, evaluated often", all, s.root.ID, half)
		s.wantCrossed("the other one", one, s.below.ID)
		// Several at once.
		s.spend(s.lower.ID, "2026-08-01", "0.45")
		for range 3 {
			s.next()
		}
		s.wantCrossed("all", all, s.root.ID, half, "100% of 0.3 at 0.6 in 2026-08-01", "200% of 0.3 at 0.6 in 2026-08-01")
		s.wantCrossed("the other one too", one, s.below.ID, "100% of 0.2 at 0.5 in 2026-08-01")
		b := s.read(all)
		if b.State.Spent.String() != "0.6" || !b.State.At.Equal(s.clock.now()) || b.State.CompleteDays != 0 || b.State.Period.String() != "2026-08-01/2026-09-01" {
			t.Errorf("state %+v", b.State)
		}
		var percent []int
		for _, x := range b.Crossings {
			percent = append(percent, x.Percent)
			if x.Delivery.State != org.NoticeNone {
				t.Errorf("without a webhook the notice is %+v", x.Delivery)
			}
		}
		if !slices.Equal(percent, []int{50, 100, 200}) {
			t.Errorf("crossed %v", percent)
		}
	})
}

// TestBudgetOfTwoServers lets several servers evaluate the same budgets at the
// same time, again and again, while they are changed.
func TestBudgetOfTwoServers(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		s := w.shop()
		var budgets []org.Budget
		for range 3 {
			budgets = append(budgets, s.budget(org.Owner{Organization: s.root.ID}, usage.CumulativeBudget, "10", 10, 20, 30))
		}
		servers := []*org.Service{w.service(), w.service(), w.service()}
		for round := range 4 {
			s.spend(s.inner.ID, "2026-08-01", "1")
			s.clock.advance(org.BudgetPeriod)
			var group sync.WaitGroup
			for i, server := range servers {
				group.Go(func() {
					// A lease of nothing: they all take what another one is working on.
					if err := server.EvaluateBudgets(t.Context(), org.Holder{Name: fmt.Sprint(i)}); err != nil {
						t.Error(err)
					}
				})
			}
			name := fmt.Sprint("Budget ", round)
			must[org.ShownBudget](t)(s.UpdateBudget(t.Context(), s.ada.request(), budgets[0].Owner, budgets[0].ID, org.BudgetChange{Name: &name}))
			group.Wait()
		}
		s.next()
		for _, b := range budgets {
			s.wantCrossed("in the end", b, s.root.ID, "10% of 10 at 1 in 2026-08-01", "20% of 10 at 2 in 2026-08-01", "30% of 10 at 3 in 2026-08-01")
		}
	})
}

// What a dead server holds is evaluated by another one when the lease ends,
// and what was found under other settings counts for nothing.
func TestBudgetLease(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		s := w.shop()
		b := s.budget(org.Owner{Organization: s.root.ID}, usage.CumulativeBudget, "1")
		s.spend(s.inner.ID, "2026-08-01", "1")
		now := s.clock.now()
		if err := s.store.Update(t.Context(), func(tx org.Tx) error {
			ok, err := tx.LeaseBudget(t.Context(), b, org.Lease{Holder: "dead", Now: now, End: now.Add(time.Minute)})
			if !ok {
				t.Error("no lease")
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		s.evaluate()
		s.wantCrossed("while another holds it", b, s.root.ID)
		s.next()
		s.wantCrossed("when the lease is over", b, s.root.ID, "100% of 1 at 1 in 2026-08-01")
	})
}

func TestBudgetCurrency(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		s := w.shop()
		all := s.budget(org.Owner{Organization: s.root.ID}, usage.CumulativeBudget, "10", 50)
		s.assign(org.Owner{Account: s.lower.ID}, "euros", "2026-08-01")
		in := org.NewBudget{Name: "Budget"}
		in.Kind, in.Amount, in.Currency = usage.CumulativeBudget, decimal.RequireFromString("1"), "USD"
		_, err := s.CreateBudget(t.Context(), s.ada.request(), org.Owner{Account: s.lower.ID}, in)
		wantRefusal(t, err, refusal{code: fault.Invalid, pointer: "/currency", message: "/currency must be EUR, which price book euros of the account has"})
		s.spend(s.inner.ID, "2026-08-01", "4")
		s.spend(s.lower.ID, "2026-08-01", "100")
		s.use(s.inner.ID, "gifts", "2026-08-01", "1")
		s.evaluate()
		s.wantCrossed("euros are not counted", all, s.root.ID)
		if got := s.read(all).State; got.Spent.String() != "4" || !slices.Equal(got.Others, []usage.Currency{"EUR"}) || !got.Unpriced {
			t.Errorf("state %+v", got)
		}
		// In euros it begins anew, with what is in euros.
		must[org.ShownBudget](t)(s.UpdateBudget(t.Context(), s.ada.request(), all.Owner, all.ID, org.BudgetChange{Currency: "EUR"}))
		s.evaluate()
		s.wantCrossed("in euros", all, s.root.ID, "50% of 10 at 100 in 2026-08-01")
		if got := s.read(all).State; got.Spent.String() != "100" || !slices.Equal(got.Others, []usage.Currency{"USD"}) {
			t.Errorf("state in euros %+v", got)
		}
	})
}

// A new period begins with nothing. What is told of the last days of the old
// one in the first days of the new one still counts there.
func TestBudgetPeriods(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		s := w.shop()
		month := s.budget(org.Owner{Organization: s.root.ID}, usage.CumulativeBudget, "10", 50, 100)
		s.spend(s.inner.ID, "2026-08-01", "6")
		s.evaluate()
		august := "50% of 10 at 6 in 2026-08-01"
		s.wantCrossed("August", month, s.root.ID, august)
		s.clock.advance(31 * 24 * time.Hour) // 1 September, at noon
		late := s.budget(org.Owner{Organization: s.root.ID}, usage.CumulativeBudget, "10", 50)
		s.evaluate()
		if b := s.read(month); b.State.Period.String() != "2026-09-01/2026-10-01" || !b.State.Spent.IsZero() || len(b.Crossings) != 0 {
			t.Errorf("September begins with %+v, %+v", b.State, b.Crossings)
		}
		s.spend(s.inner.ID, "2026-08-31", "4")
		s.spend(s.inner.ID, "2026-09-01", "5")
		s.next()
		september := "50% of 10 at 5 in 2026-09-01"
		august100 := "100% of 10 at 10 in 2026-08-01"
		s.wantCrossed("both", month, s.root.ID, august, august100, september)
		s.wantCrossed("made in September", late, s.root.ID, september)
		b := s.read(month)
		if len(b.Crossings) != 1 || b.Crossings[0].Percent != 50 {
			t.Errorf("crossed in September: %+v", b.Crossings)
		}
		s.clock.advance(3 * 24 * time.Hour)
		fresh := s.budget(org.Owner{Account: s.inner.ID}, usage.CumulativeBudget, "1000")
		s.spend(s.inner.ID, "2026-08-30", "1000000")
		s.next()
		s.wantCrossed("August is over for good", month, s.root.ID, august, august100, september)
		s.wantCrossed("of an account", fresh, s.root.ID)
	})
}

// The period of an account is its billing period.
func TestBudgetOfABillingPeriod(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		s := w.shop()
		b := s.budget(org.Owner{Account: s.inner.ID}, usage.ProjectedBudget, "90", 100)
		s.evaluate()
		if got := s.read(b).State; got.Period.String() != "2026-08-01/2026-09-01" || !got.Spent.IsZero() {
			t.Errorf("without usage: %+v", got)
		}
		s.clock.advance(9 * 24 * time.Hour) // 10 August: nine days are over
		s.spend(s.inner.ID, "2026-08-02", "26.129032258")
		s.next()
		if got := s.read(b).State; got.CompleteDays != 9 || got.Spent.String() != "26.129032258" || got.Projected.String() != "89.999999999777777778" {
			t.Errorf("after nine days: %+v", got)
		}
		s.wantCrossed("a hair below", b, s.root.ID)
		s.spend(s.inner.ID, "2026-08-09", "0.000000001")
		s.next()
		s.wantCrossed("projected", b, s.root.ID, "100% of 90 at 26.129032259 in 2026-08-01")
		// Nothing more is spent, so that less is projected: that is not crossed again.
		s.clock.advance(10 * 24 * time.Hour)
		s.next()
		s.clock.advance(24 * time.Hour)
		s.spend(s.inner.ID, "2026-08-21", "80")
		s.next()
		s.wantCrossed("once", b, s.root.ID, "100% of 90 at 26.129032259 in 2026-08-01")
	})
}

// TestBudgetChanged changes a budget after it was crossed.
func TestBudgetChanged(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		s := w.shop()
		b := s.budget(org.Owner{Organization: s.root.ID}, usage.CumulativeBudget, "10", 50)
		s.spend(s.inner.ID, "2026-08-01", "6")
		s.evaluate()
		want := []string{"50% of 10 at 6 in 2026-08-01"}
		check := func(what string, in org.BudgetChange, more ...string) {
			t.Helper()
			must[org.ShownBudget](t)(s.UpdateBudget(t.Context(), s.ada.request(), b.Owner, b.ID, in))
			s.evaluate() // a changed one is due at once
			want = append(want, more...)
			s.wantCrossed(what, b, s.root.ID, want...)
		}
		amount := func(text string) *usage.Decimal { return new(decimal.RequireFromString(text)) }
		check("another name", org.BudgetChange{Name: new("Other")})
		check("the same amount", org.BudgetChange{Amount: amount("10.0")})
		check("more thresholds", org.BudgetChange{Thresholds: []int{60, 50, 100}}, "60% of 10 at 6 in 2026-08-01")
		check("fewer", org.BudgetChange{Thresholds: []int{100}})
		check("the former ones", org.BudgetChange{Thresholds: []int{50, 60}})
		check("a higher amount, not crossed", org.BudgetChange{Amount: amount("100")})
		if got := s.read(b); len(got.Crossings) != 0 || got.State.Spent.String() != "6" {
			t.Errorf("under new terms: %+v", got)
		}
		s.spend(s.inner.ID, "2026-08-01", "45")
		check("crossed under the new terms", org.BudgetChange{}, "50% of 100 at 51 in 2026-08-01")
		check("a lower amount, crossed at once", org.BudgetChange{Amount: amount("1")}, "50% of 1 at 51 in 2026-08-01", "60% of 1 at 51 in 2026-08-01")
		s.spend(s.lower.ID, "2026-08-01", "100")
		check("only its own accounts", org.BudgetChange{Scope: org.BudgetOwn, Amount: amount("101"), Thresholds: []int{50, 60}}, "50% of 101 at 51 in 2026-08-01")
		check("all", org.BudgetChange{Scope: org.BudgetSubtree}, "50% of 101 at 151 in 2026-08-01", "60% of 101 at 151 in 2026-08-01")
		check("projected", org.BudgetChange{Kind: usage.ProjectedBudget, Thresholds: []int{50}}, "50% of 101 at 151 in 2026-08-01")
		must[id.Budget](t)(s.DeleteBudget(t.Context(), s.ada.request(), b.Owner, b.ID))
		s.next()
		_, err := s.Budget(t.Context(), s.ada.caller(), b.Owner, b.ID)
		wantRefusal(t, err, notFound("budget"))
	})
}

// The budget of what was deleted is nothing, and does not stop the others, for
// which what was spent in it counts on.
func TestBudgetOfTheDeleted(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		s := w.shop()
		s.spend(s.lower.ID, "2026-08-01", "5")
		gone := s.budget(org.Owner{Account: s.lower.ID}, usage.CumulativeBudget, "1")
		below := s.budget(org.Owner{Organization: s.below.ID}, usage.CumulativeBudget, "1")
		other := s.budget(org.Owner{Organization: s.root.ID}, usage.CumulativeBudget, "1")
		must[id.Account](t)(s.DeleteAccount(t.Context(), s.ada.request(), s.lower.ID))
		must[id.Organization](t)(s.DeleteOrganization(t.Context(), s.ada.request(), s.below.ID))
		s.spend(s.inner.ID, "2026-08-01", "2")
		for range 2 {
			s.next()
		}
		s.wantCrossed("the other", other, s.root.ID, "100% of 1 at 7 in 2026-08-01")
		_, err := s.Budget(t.Context(), s.ada.caller(), gone.Owner, gone.ID)
		wantRefusal(t, err, notFound("account"))
		_, err = s.Budget(t.Context(), s.ada.caller(), below.Owner, below.ID)
		wantRefusal(t, err, notFound("organization"))
		records := must[[]audit.Record](t)(s.store.AuditRecords(t.Context(), id.Log(s.below.ID), 0, 100))
		if slices.ContainsFunc(records, func(r audit.Record) bool { return r.Action == audit.BudgetCross }) {
			t.Error("the budget of what was deleted was crossed")
		}
	})
}

// Whatever fails, and whether it took effect or not, a threshold is crossed
// once, with one record.
func TestBudgetFaults(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		s := w.shop()
		b := s.budget(org.Owner{Organization: s.root.ID}, usage.CumulativeBudget, "1000", 1)
		var want []string
		for at, met := int64(1), true; met; at++ {
			s.spend(s.inner.ID, "2026-08-01", "10")
			must[org.ShownBudget](t)(s.UpdateBudget(t.Context(), s.ada.request(), b.Owner, b.ID, org.BudgetChange{Thresholds: []int{int(at)}}))
			faulty := &storetest.Faulty{Store: s.store, Fault: storetest.Fault(at % 2), At: (at + 1) / 2}
			if err := w.serviceOn(faulty).EvaluateBudgets(t.Context(), org.Holder{Name: "faulty", Lease: time.Second}); err != nil && !strings.Contains(err.Error(), storetest.ErrFault.Error()) {
				t.Error(err)
			}
			met = faulty.Met()
			s.next()
			s.next()
			want = append(want, fmt.Sprintf("%d%% of 1000 at %d in 2026-08-01", at, 10*at))
			s.wantCrossed(fmt.Sprint("fault ", at), b, s.root.ID, want...)
		}
		if len(want) < 8 {
			t.Errorf("only %d faults were met", len(want))
		}
	})
}

func TestBudgetRefused(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		s := w.shop()
		organization, account := org.Owner{Organization: s.root.ID}, org.Owner{Account: s.inner.ID}
		good := func() org.NewBudget {
			in := org.NewBudget{Name: "Budget"}
			in.Kind, in.Amount, in.Currency = usage.CumulativeBudget, decimal.RequireFromString("1"), "USD"
			return in
		}
		for _, c := range []struct {
			what   string
			owner  org.Owner
			change func(*org.NewBudget)
			want   refusal
		}{
			{"a webhook that cannot be kept", organization, func(in *org.NewBudget) { in.Webhook = "https://example.com/" }, refusal{code: fault.Invalid, pointer: "/webhook", message: "/webhook has a secret, and this server has no secret_key to keep it under"}},
			{"a secret without a webhook", organization, func(in *org.NewBudget) { in.Secret = "whsec_" + strings.Repeat("AAAA", 8) }, refusal{code: fault.Invalid, pointer: "/webhook", message: "/webhook is required: there is none that could have a secret"}},
			{"a scope of an account", account, func(in *org.NewBudget) { in.Scope = org.BudgetOwn }, refusal{code: fault.Invalid, pointer: "/scope", message: "/scope is for budgets of organizations only"}},
		} {
			in := good()
			c.change(&in)
			_, err := s.CreateBudget(t.Context(), s.ada.request(), c.owner, in)
			wantRefusal(t, err, c.want)
		}
		for range small.Budgets {
			s.budget(organization, usage.CumulativeBudget, "1")
			s.budget(account, usage.CumulativeBudget, "1")
		}
		for _, o := range []org.Owner{organization, account} {
			_, err := s.CreateBudget(t.Context(), s.ada.request(), o, good())
			wantRefusal(t, err, refusal{code: fault.LimitReached, message: "Limit reached: 3 budgets, the limit is 3 (raise it with limits.budgets)"})
		}
		list := must[page.Page[org.Budget]](t)(s.ListBudgets(t.Context(), s.ada.caller(), organization, page.Request{Size: 2}))
		if list.Total != small.Budgets || len(list.Items) != 2 || list.Next == nil {
			t.Errorf("the first page is %+v", list)
		}
		b := list.Items[0]
		_, err := s.Budget(t.Context(), s.ada.caller(), account, b.ID)
		wantRefusal(t, err, notFound("budget"))
		_, err = s.UpdateBudget(t.Context(), s.ada.request(), account, b.ID, org.BudgetChange{Name: new("n")})
		wantRefusal(t, err, notFound("budget"))
		_, err = s.UpdateBudget(context.WithoutCancel(t.Context()), s.ada.request(), organization, "nothing", org.BudgetChange{Name: new("n")})
		wantRefusal(t, err, notFound("budget"))
		if err := s.store.View(t.Context(), func(r org.Reader) error {
			got, err := r.Budget(t.Context(), b.ID)
			if got.Name != b.Name {
				t.Errorf("it is %+v", got)
			}
			return err
		}); err != nil {
			t.Error(err)
		}
	})
}
