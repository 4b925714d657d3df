package usage

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

// Charges adds c to the period and returns its rows: one for each tier that
// has a part in it, at least one.
func (m *Meter) Charges(p *Price, c *Consumption) []Charge { return m.AppendCharges(nil, p, c) }

// AppendCharges appends what Charges returns.
func (m *Meter) AppendCharges(rows []Charge, p *Price, c *Consumption) []Charge {
	billedFrom, from := m.billed, m.consumed
	if m.price != p {
		billedFrom = m.billable(p)
	}
	m.add(p, c)
	billedTo, to := m.billable(p), m.consumed
	m.price, m.billed = p, billedTo
	if t := &p.Tiers[0]; len(p.Tiers) == 1 { // all of it, nothing being below zero
		return append(rows, Charge{
			Day: c.Day, Place: c.Place, List: t.List, Contracted: t.Contracted,
			Pricing: billedTo.minus(billedFrom).decimal(), Consumed: c.Quantity,
		})
	}
	before := len(rows)
	low := total{}
	for i := range p.Tiers {
		t := &p.Tiers[i]
		var high *total
		if t.UpTo != nil {
			end := keep(*t.UpTo)
			high = &end
		}
		pricing := clampTotal(billedTo, low, high).minus(clampTotal(billedFrom, low, high))
		consumed := p.within(i, to).minus(p.within(i, from))
		if !pricing.isZero() || !consumed.isZero() {
			rows = append(rows, Charge{
				Day: c.Day, Place: c.Place, Tier: i, List: t.List, Contracted: t.Contracted,
				Pricing: pricing.decimal(), Consumed: consumed.decimal(),
			})
		}
		if high != nil {
			low = *high
		}
	}
	if len(rows) == before {
		t := p.tierOf(billedTo.decimal())
		rows = append(rows, Charge{Day: c.Day, Place: c.Place, Tier: t, List: p.Tiers[t].List, Contracted: p.Tiers[t].Contracted})
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
	quantity := keep(c.Quantity)
	m.consumed, m.today = m.consumed.plus(quantity), m.today.plus(quantity)
	today := m.today
	if p != nil && p.Scope == PerDay {
		today = p.round(today).times(keep(p.Per))
	}
	m.rounded = m.before.plus(today)
}

// billable returns the quantity that is paid for, in pricing units, up to
// where the meter stands.
func (m *Meter) billable(p *Price) total {
	if p.Scope == PerDay {
		return clampTotal(p.round(m.rounded).minus(keep(p.Included)), total{}, nil)
	}
	return clampTotal(p.round(m.consumed.minus(keep(p.Included).times(keep(p.Per)))), total{}, nil)
}

// round turns a consumed quantity into pricing units: whole blocks of them, or
// as many digits as the price has. It rounds once, never what was rounded.
func (p *Price) round(consumed total) total {
	if p.Block.IsZero() {
		return consumed.over(keep(p.Per), p.Decimals, p.Mode)
	}
	block := keep(p.Block)
	return consumed.over(keep(p.Per).times(block), 0, p.Mode).times(block)
}

// within returns how much of the consumed quantity lies in tier i. What is
// included belongs to the first.
func (p *Price) within(i int, consumed total) total {
	low := total{}
	if i > 0 {
		low = p.consumedUpTo(i - 1)
	}
	if p.Tiers[i].UpTo == nil {
		return clampTotal(consumed, low, nil).minus(low)
	}
	high := p.consumedUpTo(i)
	return clampTotal(consumed, low, &high).minus(low)
}

// consumedUpTo returns the consumed quantity with which tier i ends.
func (p *Price) consumedUpTo(i int) total {
	return keep(*p.Tiers[i].UpTo).plus(keep(p.Included)).times(keep(p.Per))
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
