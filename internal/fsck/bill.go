package fsck

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/usage"
)

// billing is what is kept of the billing of an account.
type billing struct {
	all       []*period // in order
	watermark *usage.Day
}

// period is what is kept of a billing period.
type period struct {
	usage.Period
	closed time.Time
	books  int   // that it was closed with
	record place // of closing it
}

// at returns the period that has the day d, nil when there is none.
func (b *billing) at(d usage.Day) *period {
	i, _ := slices.BinarySearchFunc(b.all, d, func(p *period, d usage.Day) int {
		return cmp.Compare(p.End, d+1) // the first that ends after d
	})
	if i < len(b.all) && b.all[i].Contains(d) {
		return b.all[i]
	}
	return nil
}

// starting returns the period that starts on the day d, nil when there is none.
func (b *billing) starting(d usage.Day) *period {
	if p := b.at(d); p != nil && p.Start == d {
		return p
	}
	return nil
}

// billings are those of all accounts.
type billings map[id.Account]*billing

// of returns the periods of an account.
func (b billings) of(a id.Account) []*period {
	if b[a] == nil {
		return nil
	}
	return b[a].all
}

// starting returns the closed period of an account that starts on the day d,
// nil when there is none.
func (b billings) starting(a id.Account, d usage.Day) *period {
	if b[a] == nil {
		return nil
	}
	if p := b[a].starting(d); p != nil && !p.closed.IsZero() {
		return p
	}
	return nil
}

// readPeriods looks at billing periods: they are what the anchor makes them,
// and what was billed was billed in closed ones.
func (c *checker) readPeriods(ctx context.Context, in Inspector) error {
	err := in.InspectPeriods(ctx, func(p usage.BillingPeriod, anchor usage.Anchor) error {
		b := c.billing[p.Account]
		if b == nil {
			b = &billing{}
			c.billing[p.Account] = b
		}
		b.all = append(b.all, &period{Period: p.Period, closed: p.Closed})
		if anchor.Period(p.Start) != p.Period {
			return c.violate(Bill, "account", string(p.Account), "the billing period %s is not counted from the anchor", p.Period)
		}
		if p.Closed.IsZero() && (p.Due || !p.Restated.IsZero()) {
			return c.violate(Bill, "account", string(p.Account), "the billing period %s is open and was restated", p.Period)
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = in.InspectBills(ctx, func(a id.Account, billed usage.Day) error {
		if c.billing.starting(a, billed) != nil {
			return nil
		}
		c.unpriced[a] = true
		return c.violate(Bill, "account", string(a), "rows were billed in the period from %s, which is not closed", billed)
	})
	if err != nil {
		return err
	}
	return in.InspectRestatements(ctx, func(a id.Account, first, last, n int64) error {
		if first == 1 && last == n {
			return nil
		}
		return c.violate(Sequence, "account", string(a), "%d restatements are numbered from %d to %d", n, first, last)
	})
}

// readPeriodBooks wants every closed period to say by which prices it was
// billed, from its first day on.
func (c *checker) readPeriodBooks(ctx context.Context, in Inspector) error {
	err := in.InspectPeriodBooks(ctx, func(a id.Account, start usage.Day, s usage.Since) error {
		p := c.billing.starting(a, start)
		if p == nil {
			return nil // a stray
		}
		if p.books++; p.books == 1 && s.Day != start || !p.Contains(s.Day) {
			return c.violate(Bill, "account", string(a), "the billing period %s has prices from %s on", p.Period, s.Day)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, a := range slices.Sorted(maps.Keys(c.billing)) {
		for _, p := range c.billing[a].all {
			if p.closed.IsZero() || p.books > 0 {
				continue
			}
			if err := c.violate(Bill, "account", string(a), "the billing period %s was closed by no prices", p.Period); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkWatermarks wants what is billed to be complete, and nothing to have been
// called complete before it was over.
func (c *checker) checkWatermarks(ctx context.Context, in Inspector) error {
	err := in.InspectWatermarks(ctx, func(a id.Account, w usage.Watermark) error {
		if b := c.billing[a]; b != nil {
			b.watermark = &w.Through
		}
		if day := usage.DayOf(w.Updated); w.Through > day {
			return c.violate(Watermark, "account", string(a), "on %s its usage was said to be complete through %s", day, w.Through)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, a := range slices.Sorted(maps.Keys(c.billing)) {
		b := c.billing[a]
		for _, p := range slices.Backward(b.all) {
			if p.closed.IsZero() {
				continue
			}
			// A period of a deleted account may be closed before it has ended.
			if b.watermark == nil || *b.watermark < min(p.End-1, usage.DayOf(p.closed)) {
				err = c.violate(Watermark, "account", string(a), "the billing period %s is closed, and its usage is not complete", p.Period)
			}
			break
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// noteClosing tells a billing period about the record of closing it.
func (c *checker) noteClosing(r *audit.Record) error {
	start, known := bodyOf(r.Resource.After).day("start")
	if !known || r.Action != audit.BillingPeriodClose {
		return nil
	}
	a := id.Account(r.Resource.ID)
	p := c.billing.starting(a, start)
	if p == nil {
		return c.violate(NoChange, "log", string(r.Log), "record %d closed the billing period of %s from %s, which is not closed", r.Seq, a, start)
	}
	p.record = place{r.Log, r.Seq}
	return nil
}

// checkClosed wants a record of closing every closed period.
func (c *checker) checkClosed(context.Context, Inspector) error {
	for _, a := range slices.Sorted(maps.Keys(c.billing)) {
		for _, p := range c.billing[a].all {
			if !p.closed.After(c.expired) || p.record.log != "" {
				continue
			}
			if err := c.violate(NoRecord, "account", string(a), "no record of closing the billing period %s", p.Period); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkBills wants that what was billed is what closed periods cost, line by
// line.
func (c *checker) checkBills(ctx context.Context, r org.Reader) error {
	for _, a := range slices.Sorted(maps.Keys(c.billing)) {
		closed := slices.ContainsFunc(c.billing[a].all, func(p *period) bool { return !p.closed.IsZero() })
		if !closed || c.unpriced[a] {
			continue
		}
		err := org.CheckBills(ctx, r, a, func(row *org.UsageRow) error {
			u := &row.Charge
			return c.violate(Bill, "account", string(a), "%s of %s on %s is short of %s units, at a cost of %s", row.Metric.ID, u.Place.Zone.ID, u.Day, u.Consumed, u.ContractedCost())
		})
		if err != nil {
			return err
		}
	}
	return nil
}
