package org

import (
	"context"
	"fmt"
	"math"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/usage"
)

// CloseBillingPeriod closes a billing period of an account: what it costs now
// is written down line by line, with the prices that hold on its days, and
// never changes again. Corrections of periods that were closed before are
// billed with it.
//
// Rule: periods are closed in their order, once they have ended; those of a
// deleted account once they have begun (checkOver).
func (s *Service) CloseBillingPeriod(ctx context.Context, r Request, a id.Account, start usage.Day) (usage.BillingPeriod, error) {
	return mutate(ctx, s, r, func(ctx context.Context, c *change) (usage.BillingPeriod, error) {
		acc, e, err := c.lockBilled(ctx, a, audit.BillingPeriodClose)
		if err != nil {
			return usage.BillingPeriod{}, err
		}
		if err := c.require(auth.BillingWrite, accountTarget(&acc)); err != nil {
			return usage.BillingPeriod{}, err
		}
		if err := c.LockUsage(ctx, a); err != nil {
			return usage.BillingPeriod{}, err
		}
		if err := c.openCharged(ctx, &acc); err != nil {
			return usage.BillingPeriod{}, err
		}
		p, err := c.closable(ctx, &acc, start)
		if err != nil {
			return p, err
		}
		e.before = p
		p.Closed, p.AccountName = c.now, acc.Name
		if len(acc.Path) > 0 {
			root, err := c.Organization(ctx, acc.Path[0])
			if err != nil {
				return p, err
			}
			p.Root = usage.Named{ID: string(root.ID), Name: root.Name}
		}
		if err := c.billPeriod(ctx, &acc, &p); err != nil {
			return p, err
		}
		if err := c.ClosePeriod(ctx, p); err != nil {
			return p, err
		}
		e.after = p
		return p, c.raiseWatermark(ctx, a, min(p.End-1, usage.DayOf(c.now)))
	})
}

// closable returns a billing period that can be closed.
func (c *change) closable(ctx context.Context, acc *Account, start usage.Day) (usage.BillingPeriod, error) {
	p, err := c.BillingPeriod(ctx, acc.ID, start)
	if err != nil {
		return p, err
	}
	if !p.Closed.IsZero() {
		return p, fault.New(fault.PeriodClosed, fmt.Sprintf("The billing period %s is closed already", p.Period))
	}
	if err := checkOver(acc, p.Period, usage.DayOf(c.now)); err != nil {
		return p, err
	}
	first, err := c.FirstOpenPeriod(ctx, acc.ID)
	if err == nil && first.Start < p.Start {
		err = fault.New(fault.PeriodOpen, fmt.Sprintf("The billing period %s is open: close it first", first.Period))
	}
	return p, err
}

// billPeriod writes down what a period costs, and the corrections that fall
// due with it, and completes the period with what it was billed by.
func (c *change) billPeriod(ctx context.Context, acc *Account, p *usage.BillingPeriod) error {
	all, err := newPricing(ctx, c.Tx, []Account{*acc}, math.MinInt32)
	if err != nil {
		return err
	}
	p.Catalogue = all.catalogue.Version
	p.Books = all.since(acc, p.Period)
	if closed := all.closed[acc.ID]; len(closed) > 0 && all.open(acc.ID) == p.Period {
		for i := range closed {
			if closed[i].Due {
				if err := c.billDays(ctx, all, closed[i].Period, p.Start); err != nil {
					return err
				}
			}
		}
		if err := c.SettlePeriods(ctx, acc.ID); err != nil {
			return err
		}
	}
	return c.billDays(ctx, all, p.Period, p.Start)
}

// since returns the price books that hold in an open period.
func (p *pricing) since(acc *Account, days usage.Period) []usage.Since {
	var all []usage.Since
	for d := days.Start; d < days.End; d++ {
		book, _ := usage.InForce(p.assignments, acc.ID, acc.Path, d)
		if len(all) == 0 || all[len(all)-1].Book != book {
			all = append(all, usage.Since{Day: d, Book: book})
		}
	}
	return all
}

// billDays writes down, day by day, what was not billed of a period, in the
// period that starts on the day in.
func (c *change) billDays(ctx context.Context, p *pricing, days usage.Period, in usage.Day) error {
	for day := days.Start; day < days.End; day++ {
		var rows []usage.Billed
		err := p.eachOfDay(ctx, c.Tx, dayQuery{day: day, from: days.Start, accounts: p.list}, func(r *UsageRow) error {
			if r.Billed {
				return nil
			}
			b := usage.Billed{Account: r.Account.ID, Metric: r.Metric.ID, In: in, Correction: r.Correction, Charge: r.Charge}
			if r.Book != nil {
				b.Book = r.Book.ID
			}
			rows = append(rows, b)
			return nil
		})
		if err != nil {
			return err
		}
		if err := c.AddBilled(ctx, rows); err != nil {
			return err
		}
	}
	return nil
}

// raiseWatermark says that all usage of an account has been counted up to a
// day, unless that was said already.
func (c *change) raiseWatermark(ctx context.Context, a id.Account, through usage.Day) error {
	all, err := c.Watermarks(ctx, []id.Account{a})
	if w, ok := all[a]; err != nil || ok && w.Through >= through {
		return err
	}
	return c.PutWatermark(ctx, a, usage.Watermark{Through: through, Updated: c.now})
}

// PutWatermark says that all usage of an account has been counted up to a day.
// It needs the right to push usage, because who measures knows.
//
// Rule: a watermark moves forward only, and not past today.
func (s *Service) PutWatermark(ctx context.Context, r Request, a id.Account, through usage.Day) (Watermark, error) {
	return mutate(ctx, s, r, func(ctx context.Context, c *change) (Watermark, error) {
		acc, e, err := c.lockAccount(ctx, a, audit.WatermarkSet, false)
		if err != nil {
			return Watermark{}, err
		}
		e.before = nil
		if err := c.require(auth.UsagePush, accountTarget(&acc)); err != nil {
			return Watermark{}, err
		}
		if err := c.LockUsage(ctx, a); err != nil {
			return Watermark{}, err
		}
		all, err := c.Watermarks(ctx, []id.Account{a})
		if err != nil {
			return Watermark{}, err
		}
		old, known := all[a]
		switch {
		case through > usage.DayOf(c.now):
			return Watermark{}, fault.At(fault.Invalid, "/complete_through", "complete_through is later than today")
		case known && through < old.Through:
			return Watermark{}, fault.At(fault.Invalid, "/complete_through", fmt.Sprintf("complete_through moves forward only: it is %s", old.Through))
		case known && through == old.Through:
			c.forget(e)
			return Watermark{Known: true, Watermark: old}, nil
		}
		now := Watermark{Known: true, Watermark: usage.Watermark{Through: through, Updated: c.now}}
		e.before, e.after = Watermark{Known: known, Watermark: old}, now
		return now, c.Tx.PutWatermark(ctx, a, now.Watermark)
	})
}

// Watermark says up to which day all usage of an account, or of all accounts
// of an organization, has been counted; not Known when that was never said.
type Watermark struct {
	Known bool
	usage.Watermark
}

// CheckBills calls each for every row of the closed billing periods of an
// account that was not billed though no usage is left to be billed in them:
// there is none, unless what was billed or what was counted has been tampered
// with. Periods that are due are left out.
func CheckBills(ctx context.Context, r Reader, a id.Account, each func(*UsageRow) error) error {
	p, err := newPricing(ctx, r, []Account{{ID: a}}, math.MinInt32)
	if err != nil {
		return err
	}
	for i := range p.closed[a] {
		c := &p.closed[a][i]
		if c.Due {
			continue
		}
		c.Due = true // so that corrections are computed
		for day := c.Start; day < c.End; day++ {
			err := p.eachOfDay(ctx, r, dayQuery{day: day, from: c.Start, accounts: p.list}, func(row *UsageRow) error {
				if row.Billed {
					return nil
				}
				return each(row)
			})
			if err != nil {
				return err
			}
		}
		c.Due = false
	}
	return nil
}
