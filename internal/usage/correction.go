package usage

import "slices"

// lineKey is what makes two charges the same line of a bill.
type lineKey struct {
	day              Day
	zone, region     string
	tier             int
	list, contracted string
}

func (c *Charge) key() lineKey {
	return lineKey{c.Day, c.Place.Zone.ID, c.Place.Region.ID, c.Tier, c.List.String(), c.Contracted.String()}
}

// Corrections returns the charges that make what was billed into what is right:
// all that was billed for a period, earlier corrections among it, and these
// add up to what it costs now, line by line. A line is one day, place, tier
// and unit price, so that a correction keeps the product of price and
// quantity too. The result is in the order of consumption.
func Corrections(billed, right []Charge) []Charge {
	lines := make(map[lineKey]*Charge, len(right))
	at := func(c *Charge) *Charge {
		k := c.key()
		line, ok := lines[k]
		if !ok {
			line = &Charge{Day: c.Day, Place: c.Place, Tier: c.Tier, List: c.List, Contracted: c.Contracted}
			lines[k] = line
		}
		return line
	}
	for i := range billed {
		line := at(&billed[i])
		line.Consumed = line.Consumed.Sub(billed[i].Consumed)
		line.Pricing = line.Pricing.Sub(billed[i].Pricing)
	}
	for i := range right {
		line := at(&right[i])
		line.Consumed = line.Consumed.Add(right[i].Consumed)
		line.Pricing = line.Pricing.Add(right[i].Pricing)
	}
	var out []Charge
	for _, line := range lines {
		if !line.Consumed.IsZero() || !line.Pricing.IsZero() {
			out = append(out, *line)
		}
	}
	slices.SortFunc(out, func(a, b Charge) int { return compareLines(&a, &b) })
	return out
}

func compareLines(a, b *Charge) int {
	ca, cb := Consumption{Day: a.Day, Place: a.Place}, Consumption{Day: b.Day, Place: b.Place}
	switch {
	case ca.Less(&cb):
		return -1
	case cb.Less(&ca):
		return 1
	case a.Tier != b.Tier:
		return a.Tier - b.Tier
	case !a.List.Equal(b.List):
		return a.List.Cmp(b.List)
	}
	return a.Contracted.Cmp(b.Contracted)
}
