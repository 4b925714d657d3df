package fsck

import (
	"context"

	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/usage"
)

// checkPeriods looks at billing periods: they are what the anchor makes them,
// and what was billed was billed in closed ones.
func (c *checker) checkPeriods(ctx context.Context, in Inspector) error {
	periods := map[id.Account]map[usage.Day]bool{} // whether they are closed
	err := in.InspectPeriods(ctx, func(p usage.BillingPeriod, anchor usage.Anchor) error {
		if periods[p.Account] == nil {
			periods[p.Account] = map[usage.Day]bool{}
		}
		periods[p.Account][p.Start] = !p.Closed.IsZero()
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
	broken := map[id.Account]bool{}
	err = in.InspectBills(ctx, func(a id.Account, billed usage.Day) error {
		if periods[a][billed] {
			return nil
		}
		broken[a] = true
		return c.violate(Bill, "account", string(a), "rows were billed in the period from %s, which is not closed", billed)
	})
	if err != nil {
		return err
	}
	for a, all := range periods {
		for _, closed := range all {
			if closed && !broken[a] {
				c.billed = append(c.billed, a)
				break
			}
		}
	}
	return in.InspectRestatements(ctx, func(a id.Account, first, last, n int64) error {
		if first == 1 && last == n {
			return nil
		}
		return c.violate(Sequence, "account", string(a), "%d restatements are numbered from %d to %d", n, first, last)
	})
}

// checkBills wants that what was billed is what closed periods cost, line by
// line.
func (c *checker) checkBills(ctx context.Context, r org.Reader) error {
	for _, a := range c.billed {
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
