package usage

import "github.com/shopspring/decimal"

// Consumption is the quantity of one metric that one account consumed on one
// day in one place.
type Consumption struct {
	Day      Day
	Place    Place
	Quantity Decimal
}

// Less orders consumption as it is priced: by day, zone and region.
func (c *Consumption) Less(d *Consumption) bool {
	if c.Day != d.Day {
		return c.Day < d.Day
	}
	return c.Place.Less(d.Place)
}

// Charge is one row of a bill: what one tier had of one day's consumption.
// ListUnitPrice times PricingQuantity is ListCost, exactly, and so for the
// contracted ones.
type Charge struct {
	Day        Day
	Place      Place
	Tier       int // counted from 0
	Consumed   Decimal
	Pricing    Decimal
	List       Decimal // unit price
	Contracted Decimal // unit price
}

// ListCost returns what the charge costs by the price list.
func (c *Charge) ListCost() Decimal { return c.List.Mul(c.Pricing) }

// ContractedCost returns what the charge costs by contract.
func (c *Charge) ContractedCost() Decimal { return c.Contracted.Mul(c.Pricing) }

// Meter prices the consumption of one metric of one account through one
// billing period, in order of day, zone and region. The zero value stands at
// the start of the period.
//
// It keeps only totals, so the price may change from one day to the next: a
// charge is what the period costs with the consumption in it less what it
// costs without, both by the price of that day. An allowance that has been
// used up stays used up, whatever price it was used up under. All totals are in
// the metric's unit, because prices may have different ones.
type Meter struct {
	consumed total // up to here
	rounded  total // the same, each day rounded by itself if its price says so
	day      Day
	today    total // consumed on the day of the meter
	before   total // rounded, before that day
	moved    bool
	price    *Price // of the last charges, nil when something came after them
	billed   total  // by that price, up to where the meter stands
}

// total is a Decimal that is kept: without the memory around a big number where
// it is none, because there is a meter for each metric of each account.
type total struct {
	small    int64
	exponent int32
	large    *Decimal // nil for a small one
}

// smallDigits is how many digits surely fit an int64.
const smallDigits = 18

func keep(d Decimal) total {
	if d.NumDigits() > smallDigits {
		return total{large: &d}
	}
	return total{small: d.CoefficientInt64(), exponent: d.Exponent()}
}

func (t *total) decimal() Decimal {
	switch {
	case t.large != nil:
		return *t.large
	case t.small == 0:
		return Decimal{}
	}
	return decimal.New(t.small, t.exponent)
}

// Charges adds c to the period and returns its rows: one for each tier that
// has a part in it, at least one.
func (m *Meter) Charges(p *Price, c *Consumption) []Charge {
	billedFrom, from := m.billed.decimal(), m.consumed.decimal()
	if m.price != p {
		billedFrom = m.billable(p)
	}
	m.add(p, c)
	billedTo, to := m.billable(p), m.consumed.decimal()
	m.price, m.billed = p, keep(billedTo)
	if t := &p.Tiers[0]; len(p.Tiers) == 1 { // all of it, nothing being below zero
		return []Charge{{
			Day: c.Day, Place: c.Place, List: t.List, Contracted: t.Contracted, Pricing: billedTo.Sub(billedFrom), Consumed: c.Quantity,
		}}
	}
	var rows []Charge
	low := Decimal{}
	for i := range p.Tiers {
		t := &p.Tiers[i]
		row := Charge{
			Day: c.Day, Place: c.Place, Tier: i, List: t.List, Contracted: t.Contracted,
			Pricing:  clamp(billedTo, low, t.UpTo).Sub(clamp(billedFrom, low, t.UpTo)),
			Consumed: p.within(i, to).Sub(p.within(i, from)),
		}
		if !row.Pricing.IsZero() || !row.Consumed.IsZero() {
			rows = append(rows, row)
		}
		if t.UpTo != nil {
			low = *t.UpTo
		}
	}
	if rows == nil {
		t := p.tierOf(billedTo)
		rows = []Charge{{Day: c.Day, Place: c.Place, Tier: t, List: p.Tiers[t].List, Contracted: p.Tiers[t].Contracted}}
	}
	return rows
}

// Skip adds c to the period without rows for it. The price is nil on a day
// that has none.
func (m *Meter) Skip(p *Price, c *Consumption) {
	m.add(p, c)
	m.price = nil
}

func (m *Meter) add(p *Price, c *Consumption) {
	if c.Day != m.day || !m.moved {
		m.day, m.today, m.before, m.moved = c.Day, total{}, m.rounded, true
	}
	m.consumed = keep(m.consumed.decimal().Add(c.Quantity))
	today := m.today.decimal().Add(c.Quantity)
	m.today = keep(today)
	if p != nil && p.Scope == PerDay {
		today = p.round(today).Mul(p.Per)
	}
	m.rounded = keep(m.before.decimal().Add(today))
}

// billable returns the quantity that is paid for, in pricing units, up to
// where the meter stands.
func (m *Meter) billable(p *Price) Decimal {
	if p.Scope == PerDay {
		return clamp(p.round(m.rounded.decimal()).Sub(p.Included), Decimal{}, nil)
	}
	return clamp(p.round(m.consumed.decimal().Sub(p.Included.Mul(p.Per))), Decimal{}, nil)
}

// round turns a consumed quantity into pricing units: whole blocks of them, or
// as many digits as the price has. It rounds once, never what was rounded.
func (p *Price) round(consumed Decimal) Decimal {
	if p.Block.IsZero() {
		return divide(consumed, p.Per, p.Decimals, p.Mode)
	}
	return divide(consumed, p.Per.Mul(p.Block), 0, p.Mode).Mul(p.Block)
}

// within returns how much of the consumed quantity lies in tier i. What is
// included belongs to the first.
func (p *Price) within(i int, consumed Decimal) Decimal {
	low := Decimal{}
	if i > 0 {
		low = p.Tiers[i-1].UpTo.Add(p.Included).Mul(p.Per)
	}
	if p.Tiers[i].UpTo == nil {
		return clamp(consumed, low, nil).Sub(low)
	}
	high := p.Tiers[i].UpTo.Add(p.Included).Mul(p.Per)
	return clamp(consumed, low, &high).Sub(low)
}

// tierOf returns the tier in which the billable quantity q ends.
func (p *Price) tierOf(q Decimal) int {
	for i := range p.Tiers {
		if p.Tiers[i].UpTo == nil || q.LessThanOrEqual(*p.Tiers[i].UpTo) {
			return i
		}
	}
	return len(p.Tiers) - 1
}
