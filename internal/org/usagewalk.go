package org

import (
	"context"

	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/usage"
)

// eachUsage reads day by day, so that rows leave while later days are still to
// be read, and at most one meter for each metric of an account is kept.
func eachUsage(ctx context.Context, r Reader, accounts []Account, q UsageQuery, each func(*UsageRow) error) error {
	return walkUsage(ctx, r, accounts, q, walk{each: each, after: func(*pricing) error { return nil }})
}

// walk is what is called for rows of usage, and after those of a day.
type walk struct {
	each  func(*UsageRow) error
	after func(*pricing) error // with the pricing of the day
}

func walkUsage(ctx context.Context, r Reader, accounts []Account, q UsageQuery, w walk) error {
	p, err := newPricing(ctx, r, accounts, q.From)
	if err != nil {
		return err
	}
	metrics, some := p.metrics(&q)
	if !some {
		return nil
	}
	for day := q.From; day < q.End; day++ {
		eachOf := p.eachOfDay
		if day == q.From {
			eachOf = p.eachOfFirst
		}
		if err := eachOf(ctx, r, dayQuery{day: day, from: q.From, accounts: p.list, metrics: metrics}, w.each); err != nil {
			return err
		}
		if err := w.after(p); err != nil {
			return err
		}
	}
	return nil
}

// dayQuery asks for one day; days before from only count.
type dayQuery struct {
	day, from usage.Day
	accounts  []Account
	metrics   []usage.MetricID
}

// The numbers of accounts whose days before the first one are read at once. It
// grows, because nothing leaves before the first few have been read.
const (
	firstAccounts  = 5
	moreAccounts   = 4 // times as many
	accountsAtOnce = 100
)

// eachOfFirst reads the first day that is asked for, some accounts at a time,
// each time after what they used before it in the same billing period. So rows
// leave while what other accounts used before is still to be read.
func (p *pricing) eachOfFirst(ctx context.Context, r Reader, q dayQuery, each func(*UsageRow) error) error {
	if p.first(q.accounts, q.from) == q.from {
		return p.eachOfDay(ctx, r, q, each)
	}
	rest := q.accounts
	for n := firstAccounts; len(rest) > 0; n = min(n*moreAccounts, accountsAtOnce) {
		some := q
		some.accounts, rest = rest[:min(n, len(rest))], rest[min(n, len(rest)):]
		for some.day = p.first(some.accounts, q.from); some.day <= q.from; some.day++ {
			if err := p.eachOfDay(ctx, r, some, each); err != nil {
				return err
			}
		}
	}
	return nil
}

// first returns the first day that has to be read of some accounts: the start
// of the earliest billing period that has the day d and rows that depend on
// what came before.
func (p *pricing) first(accounts []Account, d usage.Day) usage.Day {
	first := d
	for i := range accounts {
		a := accounts[i].ID
		if anchor, known := p.anchors[a]; known && p.depends(a, d) {
			first = min(first, anchor.Period(d).Start)
		}
	}
	return first
}

// depends reports whether the rows of an account on the day d depend on what
// it used before in the same billing period. They do not when nothing has a
// price, or when all of it was billed.
func (p *pricing) depends(a id.Account, d usage.Day) bool {
	closed := p.closedAt(a, d)
	return closed == nil && len(p.assignments) > 0 || closed != nil && closed.Due
}

// eachOfDay reads one day. What was billed is read line by line together with
// what was used, where there is usage that was not billed yet.
func (p *pricing) eachOfDay(ctx context.Context, r Reader, q dayQuery, each func(*UsageRow) error) error {
	p.day = q.day
	clear(p.today)
	p.last = nil
	used, billed := p.concerned(&q)
	all := usage.Query{Day: q.day, Accounts: used, Metrics: q.metrics, Billed: billed}
	switch {
	case len(billed) > 0:
		return r.EachLine(ctx, all, func(b *usage.Billed, u *usage.Record) error {
			if b != nil {
				return p.bill(b, each)
			}
			return p.charge(u, each)
		})
	case len(used) > 0 && q.day < q.from:
		return r.EachState(ctx, all, p.skip)
	case len(used) > 0:
		return r.EachUsage(ctx, all, func(u *usage.Record) error { return p.charge(u, each) })
	}
	return nil
}

// concerned returns the accounts whose usage of the day at hand has to be
// read, because it is asked for or comes before that in the same billing
// period, and those of which is asked for what was billed.
func (p *pricing) concerned(q *dayQuery) (used, billed []id.Account) {
	used = make([]id.Account, 0, len(q.accounts))
	for i := range q.accounts {
		a := q.accounts[i].ID
		anchor, known := p.anchors[a]
		if !known {
			continue
		}
		if q.day < q.from {
			if p.depends(a, q.from) && anchor.Period(q.from).Contains(q.day) {
				used = append(used, a)
			}
			continue
		}
		closed := p.closedAt(a, q.day)
		if closed == nil || closed.Due {
			used = append(used, a)
		}
		if closed != nil {
			billed = append(billed, a)
		}
	}
	return used, billed
}
