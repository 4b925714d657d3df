package org

import (
	"cmp"
	"slices"

	"github.com/orgd/orgd/internal/usage"
)

// folding puts corrections back into the rows that they correct, so that a
// line of usage has one row for each tier, with what it comes to now, in the
// billing period of its day.
type folding struct {
	anchor usage.Anchor
	rows   []UsageRow // of the line at hand
	each   func(*UsageRow) error
}

func (f *folding) add(u *UsageRow) error {
	if len(f.rows) > 0 && !sameLine(&f.rows[0], u) {
		if err := f.flush(); err != nil {
			return err
		}
	}
	for i := range f.rows {
		c := &f.rows[i].Charge
		if c.Tier == u.Charge.Tier && c.List.Equal(u.Charge.List) && c.Contracted.Equal(u.Charge.Contracted) {
			c.Consumed, c.Pricing = c.Consumed.Add(u.Charge.Consumed), c.Pricing.Add(u.Charge.Pricing)
			return nil
		}
	}
	f.rows = append(f.rows, *u)
	return nil
}

func sameLine(a, b *UsageRow) bool {
	p, q := &a.Charge.Place, &b.Charge.Place
	return a.Account.ID == b.Account.ID && a.Metric.ID == b.Metric.ID && a.Charge.Day == b.Charge.Day && p.Zone.ID == q.Zone.ID && p.Region.ID == q.Region.ID
}

// flush ends the line at hand. What corrections have taken back altogether is
// left out, as long as anything is left of the line.
func (f *folding) flush() error {
	left := slices.DeleteFunc(slices.Clone(f.rows), func(r UsageRow) bool { return r.Charge.Consumed.IsZero() && r.Charge.Pricing.IsZero() })
	if len(left) == 0 && len(f.rows) > 0 {
		left = f.rows[:1]
	}
	f.rows = f.rows[:0]
	slices.SortStableFunc(left, func(a, b UsageRow) int { return cmp.Compare(a.Charge.Tier, b.Charge.Tier) })
	for i := range left {
		r := &left[i]
		r.Correction, r.Billed, r.Period = false, false, f.anchor.Period(r.Charge.Day)
		if err := f.each(r); err != nil {
			return err
		}
	}
	return nil
}
