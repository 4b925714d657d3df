package org

import (
	"context"
	"fmt"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/usage"
)

// maxBillingDays is how many days one answer with running totals has.
const maxBillingDays = 366

// BillingInfo is what is known of the billing of an account.
type BillingInfo struct {
	Account id.Account
	Covered bool          // a price book is in force today
	Anchor  *usage.Anchor // nil before the first billing period
}

// BillingInfo returns what is known of the billing of an account.
func (s *Service) BillingInfo(ctx context.Context, caller *auth.Caller, a id.Account) (BillingInfo, error) {
	acc, err := readAccount(ctx, s.Store, caller, a, auth.BillingRead)
	if err != nil {
		return BillingInfo{}, err
	}
	info := BillingInfo{Account: a}
	err = s.Store.View(ctx, func(r Reader) error {
		if info.Anchor, err = anchorOf(ctx, r, a); err != nil {
			return err
		}
		assignments, err := r.Assignments(ctx, []id.Account{a}, acc.Path)
		_, info.Covered = usage.InForce(assignments, a, acc.Path, usage.DayOf(s.now()))
		return err
	})
	return info, err
}

// anchorOf returns the anchor of an account, nil when it has none yet.
func anchorOf(ctx context.Context, r UsageReader, a id.Account) (*usage.Anchor, error) {
	anchors, err := r.Anchors(ctx, []id.Account{a})
	anchor, ok := anchors[a]
	if err != nil || !ok {
		return nil, err
	}
	return &anchor, nil
}

// RunningQuery asks for usage with running totals. Without a last day it goes
// up to today, without a first one from the start of the billing period of the
// last day.
type RunningQuery struct {
	From, Last *usage.Day
}

// RunningRow is a row of usage with what its account's use of the metric came
// to in the billing period up to it. Quantities to price are in the metric's
// unit here, and whole: the running total is rounded, and a row has what the
// total grew by, so that rows add up to it.
type RunningRow struct {
	UsageRow
	Quantity          usage.Decimal
	CumulatedQuantity usage.Decimal
	CumulatedCost     usage.Decimal
	unrounded         usage.Decimal
	currency          usage.Currency
}

// RunningUsage is an answer under way, like Usage.
type RunningUsage struct {
	Each func(ctx context.Context, each func(*RunningRow) error) error
}

// RunningUsage returns the priced usage of an account with running totals.
//
// Rule: a range that does not have the day on which a billing period of the
// account begins shows nothing, and there are no corrections: rows are what the
// days cost now (the official description).
func (s *Service) RunningUsage(ctx context.Context, caller *auth.Caller, a id.Account, q RunningQuery) (RunningUsage, error) {
	acc, err := readAccount(ctx, s.Store, caller, a, auth.BillingRead)
	if err != nil {
		return RunningUsage{}, err
	}
	today := usage.DayOf(s.now())
	if err := q.check(today); err != nil {
		return RunningUsage{}, err
	}
	return RunningUsage{Each: func(ctx context.Context, each func(*RunningRow) error) error {
		return s.Store.View(ctx, func(r Reader) error {
			anchor, err := anchorOf(ctx, r, a)
			if err != nil || anchor == nil {
				return err
			}
			from, window, ok := q.window(*anchor, today)
			if !ok {
				return nil
			}
			t := totals{from: from, rows: map[usage.MetricID]*RunningRow{}}
			f := folding{anchor: *anchor, each: func(u *UsageRow) error { return t.add(u, each) }}
			if err := eachUsage(ctx, r, []Account{acc}, window, f.add); err != nil {
				return err
			}
			return f.flush()
		})
	}}, nil
}

// check refuses a range that no anchor could make a good one.
func (q *RunningQuery) check(today usage.Day) error {
	if q.From == nil {
		return nil
	}
	last := today
	if q.Last != nil {
		last = *q.Last
	}
	switch {
	case q.Last != nil && last < *q.From:
		return fault.At(fault.Invalid, "to", "to is earlier than from")
	case last-*q.From >= maxBillingDays:
		return fault.At(fault.Invalid, "from", fmt.Sprintf("from makes a range of more than %d days", maxBillingDays))
	}
	return nil
}

// window returns the first day to show, the days to read, which begin with a
// billing period, and whether anything is shown at all.
func (q *RunningQuery) window(anchor usage.Anchor, today usage.Day) (from usage.Day, window UsageQuery, ok bool) {
	last := today
	if q.Last != nil {
		last = *q.Last
	}
	period := anchor.Period(last)
	if from = period.Start; q.From != nil {
		from = *q.From
	}
	if from > period.Start || from > last {
		return 0, window, false
	}
	return from, UsageQuery{From: anchor.Period(from).Start, End: last + 1}, true
}

// totals adds up what rows come to.
type totals struct {
	from usage.Day // rows of earlier days are added and not shown
	rows map[usage.MetricID]*RunningRow
}

// add calls each for the row with its totals. What has no price has no row,
// because its columns must not be empty.
func (t *totals) add(u *UsageRow, each func(*RunningRow) error) error {
	if u.Price == nil {
		return nil
	}
	r := t.rows[u.Metric.ID]
	if r == nil || r.Period != u.Period || r.currency != u.Book.Currency {
		r = &RunningRow{currency: u.Book.Currency}
		t.rows[u.Metric.ID] = r
	}
	r.UsageRow = *u
	r.unrounded = r.unrounded.Add(u.Charge.Pricing.Mul(u.Price.Per))
	before := r.CumulatedQuantity
	r.CumulatedQuantity = r.unrounded.Round(0)
	r.Quantity = r.CumulatedQuantity.Sub(before)
	r.CumulatedCost = r.CumulatedCost.Add(u.Charge.ContractedCost())
	if u.Charge.Day < t.from {
		return nil
	}
	return each(r)
}

// SetAnchor says on which day the first billing period of an account begins.
//
// Rule: billing periods never move once one has been opened, by usage or by a
// charge (ours: what was shown in a period stays in it).
func (s *Service) SetAnchor(ctx context.Context, r Request, a id.Account, anchor usage.Anchor) (usage.Anchor, error) {
	if anchor < 0 {
		return anchor, fault.At(fault.Invalid, "/day", "/day is before 1970-01-01")
	}
	return mutate(ctx, s, r, func(ctx context.Context, c *change) (usage.Anchor, error) {
		acc, e, err := c.lockAccount(ctx, a, audit.BillingAnchorSet, false)
		if err != nil {
			return anchor, err
		}
		if err := c.require(auth.BillingWrite, accountTarget(&acc)); err != nil {
			return anchor, err
		}
		e.before, e.after = nil, anchor
		if err := c.LockUsage(ctx, a); err != nil {
			return anchor, err
		}
		before, err := anchorOf(ctx, c.Tx, a)
		if err != nil {
			return anchor, err
		}
		if before != nil {
			e.before = *before
		}
		if before != nil && *before == anchor {
			return anchor, nil
		}
		fixed, err := c.HasPeriods(ctx, a)
		if err != nil {
			return anchor, err
		}
		if fixed {
			return anchor, fault.At(fault.Invalid, "/day", "/day cannot change any more: the account has billing periods")
		}
		return anchor, c.PutAnchor(ctx, a, anchor)
	})
}
