package org

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/usage"
)

// ChargeRow is a charge as it is charged in one billing period.
type ChargeRow struct {
	Account *Account
	Period  usage.Period
	Fee     usage.Fee
	Billed  bool        // Period is closed
	Root    usage.Named // of the tree that a billed row was billed to, if any
}

// Bill is usage and charges under way, like Usage. Each calls one function for
// every row of usage, and another for every charge, behind the usage of its
// first day in the billing period, in order of account and identifier.
type Bill struct {
	Root usage.Named
	Each func(ctx context.Context, usage func(*UsageRow) error, charge func(*ChargeRow) error) error
}

// OrganizationBill returns the usage and the charges of all accounts in an
// organization and below it that the caller may see.
//
// Rule: a charge is on the bill of the days that have its first day, or the
// first day of a later billing period if it is recurring, and not before that
// day has come. One that was there when the account was deleted is not charged
// on later days.
func (s *Service) OrganizationBill(ctx context.Context, caller *auth.Caller, o id.Organization, q UsageQuery) (Bill, error) {
	root, scope, err := s.billedTree(ctx, caller, o)
	if err != nil {
		return Bill{}, err
	}
	b := billing{q: q, today: usage.DayOf(s.now())}
	return Bill{Root: root, Each: func(ctx context.Context, row func(*UsageRow) error, charge func(*ChargeRow) error) error {
		return s.Store.View(ctx, func(r Reader) error {
			accounts, err := billedAccounts(ctx, r, scope)
			if err != nil {
				return err
			}
			return b.each(ctx, r, accounts, row, charge)
		})
	}}, nil
}

// billing asks for a bill.
type billing struct {
	q     UsageQuery
	today usage.Day
}

// each reads a bill. Whatever range is asked for, only days that can have
// something are read: from the first billing period up to today, and to the
// next day, which the clocks of meters may have reached.
func (b billing) each(ctx context.Context, r Reader, accounts []Account, row func(*UsageRow) error, charge func(*ChargeRow) error) error {
	ids := accountIDs(accounts)
	first, err := r.FirstPeriod(ctx, ids)
	if errors.Is(err, fault.New(fault.NotFound, "")) {
		return nil
	}
	if err != nil {
		return err
	}
	b.q.From, b.q.End = max(b.q.From, first), min(b.q.End, b.today+2)
	recurring, err := r.RecurringCharges(ctx, ids)
	if err != nil {
		return err
	}
	c := charges{
		r: r, accounts: ids, days: usage.Period{Start: b.q.From, End: min(b.q.End, b.today+1)}, recurring: recurring, each: charge,
	}
	return walkUsage(ctx, r, accounts, b.q, walk{each: row, after: func(p *pricing) error { return c.day(ctx, p) }})
}

// chargesPerRead is how many charges are read at once.
const chargesPerRead = 1000

// charges are the charges of some accounts, read as the days go by.
type charges struct {
	r         Reader
	accounts  []id.Account
	days      usage.Period
	recurring []usage.AccountFee
	once      []usage.AccountFee // read and not shown yet, in order of days
	behind    *usage.AccountFee  // the last one that was read
	read      bool               // there are no more to read
	each      func(*ChargeRow) error
}

// day shows the charges of the day that p has.
func (c *charges) day(ctx context.Context, p *pricing) error {
	if p.day >= c.days.End {
		return nil
	}
	again := c.again(p)
	for {
		if err := c.fill(ctx); err != nil {
			return err
		}
		due := len(c.once) > 0 && c.once[0].Fee.Days.Start <= p.day
		var next *usage.AccountFee
		switch {
		case len(again) > 0 && (!due || compareCharges(&again[0], &c.once[0]) < 0):
			next, again = &again[0], again[1:]
		case due:
			next, c.once = &c.once[0], c.once[1:]
		default:
			return nil
		}
		if err := c.show(p, next); err != nil {
			return err
		}
	}
}

func compareCharges(x, y *usage.AccountFee) int {
	return cmp.Or(cmp.Compare(x.Account, y.Account), cmp.Compare(x.ID, y.ID))
}

// again returns the recurring charges that are charged on the day that p has.
func (c *charges) again(p *pricing) []usage.AccountFee {
	var today []usage.AccountFee
	for i := range c.recurring {
		f := &c.recurring[i]
		if f.Fee.Days.Start > p.day || f.Fee.Days.End <= p.day {
			continue
		}
		if f.Fee.Days.Start == p.day || p.anchors[f.Account].Period(p.day).Start == p.day {
			today = append(today, *f)
		}
	}
	slices.SortFunc(today, func(x, y usage.AccountFee) int { return compareCharges(&x, &y) })
	return today
}

// fill reads more of the charges that are charged once, if there are no more at
// hand.
func (c *charges) fill(ctx context.Context) error {
	if len(c.once) > 0 || c.read {
		return nil
	}
	var err error
	c.once, err = c.r.ChargesOnce(ctx, ChargeQuery{Accounts: c.accounts, Days: c.days, After: c.behind, Limit: chargesPerRead})
	if err != nil {
		return err
	}
	c.read = len(c.once) < chargesPerRead
	if n := len(c.once); n > 0 {
		c.behind = &c.once[n-1]
	}
	return nil
}

// show calls each for a charge of the day that p has.
func (c *charges) show(p *pricing, f *usage.AccountFee) error {
	anchor, known := p.anchors[f.Account]
	row := ChargeRow{Account: p.accounts[f.Account], Period: anchor.Period(p.day)}
	if deleted := row.Account.Deleted; !deleted.IsZero() && usage.DayOf(deleted) < p.day && !f.Created.After(deleted) {
		return nil
	}
	fee, charged := f.In(row.Period)
	if !known || !charged {
		return fmt.Errorf("show charge %s of %s: it is not charged in %s", f.ID, f.Account, row.Period)
	}
	row.Fee = fee
	if closed := p.closedAt(f.Account, p.day); closed != nil {
		row.Account, row.Billed, row.Root = billedAs(row.Account, closed), true, closed.Root
	}
	return c.each(&row)
}

// openCharged opens the billing periods up to today in which recurring charges
// of an account are charged, so that they are closed in their order though
// nothing was used in them. After its deletion none of them is charged.
func (c *change) openCharged(ctx context.Context, acc *Account) error {
	a := acc.ID
	all, err := c.RecurringCharges(ctx, []id.Account{a})
	if err != nil || len(all) == 0 {
		return err
	}
	anchor, err := anchorOf(ctx, c.Tx, a)
	if err != nil {
		return err
	}
	if anchor == nil {
		return fmt.Errorf("open the billing periods of %s: it has charges and no anchor", a)
	}
	last := usage.DayOf(c.now)
	if !acc.Deleted.IsZero() {
		last = usage.DayOf(acc.Deleted)
	}
	periods := map[usage.Day]usage.Period{}
	for i := range all {
		days := all[i].Fee.Days
		for d := days.Start; d < days.End && d <= last; d = anchor.Period(d).End {
			p := anchor.Period(d)
			periods[p.Start] = p
		}
	}
	for _, start := range slices.Sorted(maps.Keys(periods)) {
		if err := c.OpenPeriod(ctx, a, periods[start]); err != nil {
			return err
		}
	}
	return nil
}
