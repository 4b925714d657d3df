package org_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/usage"
	"github.com/orgd/orgd/internal/usage/pricelist"
)

// windowPrices has every aggregation, and in each book something that the
// other has not: a price, tiers, blocks, rounding of each day by itself.
const windowPrices = `
catalogue:
  version: w1
  metrics:
    - {id: calls, name: Calls, unit: Calls, aggregation: sum, category: C, family: {id: f, name: F}, service: {name: S, category: Compute, subcategory: O}}
    - {id: disk, name: Disk, unit: GB-Days, aggregation: max, category: C, family: {id: f, name: F}, service: {name: S, category: Compute, subcategory: O}}
    - {id: minutes, name: Minutes, unit: Minutes, aggregation: sum, category: C, family: {id: f, name: F}, service: {name: S, category: Compute, subcategory: O}}
    - {id: seats, name: Seats, unit: Seats, aggregation: unique_count, category: C, family: {id: f, name: F}, service: {name: S, category: Compute, subcategory: O}}
    - {id: units, name: Units, unit: Units, aggregation: last, category: C, family: {id: f, name: F}, service: {name: S, category: Compute, subcategory: O}}
    - {id: vectors, name: Vectors, unit: Vectors, aggregation: average, category: C, family: {id: f, name: F}, service: {name: S, category: Compute, subcategory: O}}
price_books:
  - id: w-list
    currency: USD
    prices:
      - {metric: calls, sku: a1, unit: 1000 Calls, per: 1000, included: 2, tiers: [{up_to: 10, list: 3}, {up_to: 40, list: 2, contracted: 1.5}, {list: 1}]}
      - {metric: disk, sku: a2, unit: GB-Months, per: 30, included: 1, list: 0.7}
      - {metric: minutes, sku: a3, unit: 10 Minutes, per: 10, included: 9, decimals: 0, rounding: up, scope: day, tiers: [{up_to: 8, list: 0.9}, {list: 0.8}]}
      - {metric: seats, sku: a4, unit: Seats, included: 4, tiers: [{up_to: 9, list: 5}, {list: 4}]}
      - {metric: vectors, sku: a5, unit: 7 Vectors, per: 7, decimals: 1, rounding: half_up, tiers: [{up_to: 6, list: 0.11}, {list: 0.1}]}
  - id: w-contract
    currency: EUR
    prices:
      - {metric: calls, sku: b1, unit: 500 Calls, per: 500, block: 2, decimals: 0, rounding: up, scope: day, list: 1}
      - {metric: disk, sku: b2, unit: GB-Months, per: 30, block: 1, rounding: up, tiers: [{up_to: 3, list: 9}, {list: 8}]}
      - {metric: minutes, sku: b3, unit: Minutes, included: 90, list: 0.03}
      - {metric: seats, sku: b4, unit: Seats, scope: day, block: 5, rounding: up, list: 6}
      - {metric: units, sku: b5, unit: Units, included: 10, list: 2}
`

// windows is an organization with accounts that have all that a row of usage
// depends on: more of them than are read at once at first.
type windows struct {
	*world
	*rand.Rand
	ada         *person
	root        org.Organization
	accounts    []org.Account
	first, last usage.Day
	events      int
}

func newWindows(t *testing.T, w *world) *windows {
	t.Helper()
	x := &windows{world: w, Rand: rand.New(rand.NewPCG(20260801, 15)), ada: w.person("ada")}
	x.last = usage.DayOf(w.clock.now())
	x.first = x.last - 50
	x.root = w.root("Root", x.ada)
	east, west := w.child("East", x.ada, x.root.ID), w.child("West", x.ada, x.root.ID)
	list := must[*pricelist.List](t)(pricelist.Read(strings.NewReader(windowPrices)))
	must[org.PriceList](t)(w.PutPriceList(t.Context(), w.admin.request(), org.PriceList{Catalogue: list.Catalogue, Books: list.Books}))
	for i := range 6 {
		home := []org.Organization{east, west}[i%2]
		a := w.account(fmt.Sprint("Account ", i), x.ada, home.ID)
		x.accounts = append(x.accounts, a)
		if anchor := []int{0, 5, 15, 20, 31, 31}[i]; anchor > 0 {
			must[usage.Anchor](t)(w.SetAnchor(t.Context(), x.ada.request(), a.ID, usage.Anchor(usage.DateOf(2026, time.March, anchor))))
		}
	}
	for _, assigned := range []struct {
		o     org.Owner
		book  usage.BookID
		start usage.Day
	}{
		{org.Owner{Organization: east.ID}, "w-list", x.first + 3},
		{org.Owner{Organization: west.ID}, "w-contract", 0},
		{org.Owner{Account: x.accounts[2].ID}, "w-contract", x.first + 21},
		{org.Owner{Account: x.accounts[3].ID}, "w-list", x.first + 30},
		{org.Owner{Account: x.accounts[5].ID}, "w-list", 0},
	} {
		must[usage.Assignment](t)(w.AssignPriceBook(t.Context(), x.ada.request(), assigned.o, assigned.book, assigned.start))
	}
	return x
}

// use lets accounts use everything on many days of two months.
func (x *windows) use(n int, accounts ...org.Account) {
	x.t.Helper()
	metrics := []usage.MetricID{"calls", "disk", "minutes", "seats", "units", "vectors"}
	var all []usage.Submission
	for range n {
		x.events++
		a := accounts[x.IntN(len(accounts))]
		e := used(fmt.Sprint("w", x.events), a.ID, metrics[x.IntN(len(metrics))], (x.last - usage.Day(x.IntN(61))).String(), "0")
		switch e.Event.Quantity = decimal.New(x.Int64N(25_000_000), -6); e.Event.Metric { // allowances and tiers end within a period
		case "seats":
			e.Event.Unique, e.Event.Quantity = fmt.Sprint("person ", x.IntN(9)), decimal.Decimal{}
		case "vectors":
			weight := decimal.New(1+x.Int64N(99), -1)
			e.Event.Weight = &weight
		case "calls":
			e.Event.Quantity = decimal.New(x.Int64N(900_000), -2)
		}
		e.Event.Place.Zone = usage.Named{ID: []string{"", "z1", "z2"}[x.IntN(3)]}
		e.Event.Place.Region = usage.Named{ID: []string{"", "eu"}[x.IntN(2)]}
		all = append(all, e)
	}
	if got := x.push(x.ada, all...); strings.Contains(got, "refused") {
		x.t.Fatal(got)
	}
}

// dayRow is a row with all that it has, and its day.
type dayRow struct {
	day  usage.Day
	text string
}

func (x *windows) rows(u org.Usage) []dayRow {
	x.t.Helper()
	var all []dayRow
	err := u.Each(x.t.Context(), func(r *org.UsageRow) error {
		c := &r.Charge
		text := fmt.Sprint(c.Day, " ", r.Account.Name, " ", r.Metric.ID, " ", c.Place, " tier ", c.Tier, ": ", c.Consumed, ", ", c.Pricing, " at ", c.List, "/",
			c.Contracted, " in ", r.Period, " correction ", r.Correction, " billed ", r.Billed, " to ", r.Root)
		if r.Price != nil {
			text += fmt.Sprint(" by ", r.Book.ID, " ", r.Price.SKU)
		}
		all = append(all, dayRow{c.Day, text})
		return nil
	})
	if err != nil {
		x.t.Fatal(err)
	}
	return all
}

// check reads from every day on, and compares it with the end of everything.
func (x *windows) check(what string, metrics []usage.MetricID) {
	x.t.Helper()
	read := func(from usage.Day) []dayRow {
		q := org.UsageQuery{From: from, End: x.last + 1, Metrics: metrics}
		return x.rows(must[org.Usage](x.t)(x.OrganizationUsage(x.t.Context(), x.ada.caller(), x.root.ID, q)))
	}
	all := read(x.first)
	if len(all) < 100 {
		x.t.Fatalf("%s: there are %d rows", what, len(all))
	}
	for from := x.first + 1; from <= x.last; from++ {
		want := all[slices.IndexFunc(all, func(r dayRow) bool { return r.day >= from }):]
		got := read(from)
		if !slices.Equal(got, want) {
			i := 0
			for i < min(len(got), len(want)) && got[i] == want[i] {
				i++
			}
			x.t.Fatalf("%s: from %s on there are %d rows, want %d; they differ from number %d on:\n\t%v\nwant\n\t%v", what, from, len(got), len(want), i,
				got[i:min(i+1, len(got))], want[i:min(i+1, len(want))])
		}
	}
}

// A window shows the same rows as a longer one does for its days, wherever in
// the billing periods of its accounts it begins: what was used before it counts,
// by the prices of those days.
func TestWindowsBeginOnAnyDay(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		x := newWindows(t, w)
		x.use(1200, x.accounts...)
		x.check("open periods", nil)
		// All of these have closed periods, and two have some that are due.
		for _, a := range []org.Account{x.accounts[0], x.accounts[3], x.accounts[5]} {
			for p := must[usage.BillingPeriod](t)(w.store.FirstOpenPeriod(t.Context(), a.ID)); p.End <= x.last; {
				must[usage.BillingPeriod](t)(w.CloseBillingPeriod(t.Context(), x.ada.request(), a.ID, p.Start))
				p = must[usage.BillingPeriod](t)(w.store.FirstOpenPeriod(t.Context(), a.ID))
			}
		}
		x.use(150, x.accounts[0], x.accounts[5])
		x.check("closed periods", []usage.MetricID{"calls", "minutes", "seats", "vectors"})
	})
}

// watchedStore tells what is read of usage.
type watchedStore struct {
	org.Store
	states, usage func(usage.Query)
}

func (s *watchedStore) View(ctx context.Context, f func(org.Reader) error) error {
	return s.Store.View(ctx, func(r org.Reader) error { return f(&watchedReader{r, s}) })
}

type watchedReader struct {
	org.Reader
	store *watchedStore
}

func (r *watchedReader) EachState(ctx context.Context, q usage.Query, each func(*usage.Record) error) error {
	r.store.states(q)
	return r.Reader.EachState(ctx, q, each)
}

func (r *watchedReader) EachUsage(ctx context.Context, q usage.Query, each func(*usage.Record) error) error {
	r.store.usage(q)
	return r.Reader.EachUsage(ctx, q, each)
}

// Rows leave before what all accounts used before has been read, and what the
// first row waits for does not grow with the number of accounts.
func TestRowsDoNotWaitForOtherAccounts(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		x := newWindows(t, w)
		x.use(1200, x.accounts...)
		before := map[id.Account]bool{} // of which earlier days were read
		shown := map[id.Account]bool{}
		waited := 0
		watched := &watchedStore{Store: w.store, usage: func(usage.Query) {}}
		watched.states = func(q usage.Query) {
			for _, a := range q.Accounts {
				before[a] = true
				if shown[a] {
					t.Errorf("what %s used on %s is read after its rows", a, q.Day)
				}
			}
		}
		s := w.serviceOn(watched)
		q := org.UsageQuery{From: x.last - 2, End: x.last - 1} // no billing period begins on that day
		err := must[org.Usage](t)(s.OrganizationUsage(t.Context(), x.ada.caller(), x.root.ID, q)).Each(t.Context(), func(r *org.UsageRow) error {
			if len(shown) == 0 {
				waited = len(before)
			}
			shown[r.Account.ID] = true
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(before) != len(x.accounts) || waited >= len(before) || waited == 0 {
			t.Errorf("the first row waited for %d of %d accounts whose earlier days count", waited, len(before))
		}
	})
}
