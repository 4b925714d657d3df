package usage_test

import (
	"cmp"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"testing"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"github.com/orgd/orgd/internal/usage"
)

// The model prices with fractions and knows nothing of days: what a period
// costs is a function of one number.

func rat(d usage.Decimal) *big.Rat { return d.Rat() }

// roundRat rounds a fraction to a whole number.
func roundRat(r *big.Rat, mode usage.Mode) *big.Rat {
	floor := new(big.Int).Div(r.Num(), r.Denom()) // Euclidean: the floor, as the denominator is positive
	rest := new(big.Rat).Sub(r, new(big.Rat).SetInt(floor))
	up := false
	switch half := rest.Cmp(big.NewRat(1, 2)); mode {
	case usage.RoundUp:
		up = rest.Sign() > 0
	case usage.RoundHalfUp:
		up = half >= 0
	case usage.RoundHalfEven:
		up = half > 0 || half == 0 && floor.Bit(0) == 1
	}
	if up {
		floor.Add(floor, big.NewInt(1))
	}
	return new(big.Rat).SetInt(floor)
}

// roundModel rounds a quantity of pricing units as the price says.
func roundModel(p *usage.Price, q *big.Rat) *big.Rat {
	step := rat(decimal.New(1, -p.Decimals))
	if p.Block.Sign() > 0 {
		step = rat(p.Block)
	}
	return new(big.Rat).Mul(roundRat(new(big.Rat).Quo(q, step), p.Mode), step)
}

// billableModel is the quantity that is paid for. The days are those of the
// period, each with its consumption.
func billableModel(p *usage.Price, days map[usage.Day]*big.Rat) *big.Rat {
	total := new(big.Rat)
	for _, q := range days {
		units := new(big.Rat).Quo(q, rat(p.Per))
		if p.Scope == usage.PerDay {
			units = roundModel(p, units)
		}
		total.Add(total, units)
	}
	total.Sub(total, rat(p.Included))
	if total.Sign() <= 0 {
		return new(big.Rat)
	}
	if p.Scope == usage.PerPeriod {
		total = roundModel(p, total)
	}
	return total
}

// costModel is what a billable quantity costs by unit price.
func costModel(p *usage.Price, q *big.Rat, unit func(*usage.Tier) usage.Decimal) *big.Rat {
	cost, low := new(big.Rat), new(big.Rat)
	for i := range p.Tiers {
		part := new(big.Rat).Sub(q, low)
		if up := p.Tiers[i].UpTo; up != nil {
			if width := new(big.Rat).Sub(rat(*up), low); part.Cmp(width) > 0 {
				part = width
			}
			low = rat(*up)
		}
		if part.Sign() > 0 {
			cost.Add(cost, part.Mul(part, rat(unit(&p.Tiers[i]))))
		}
	}
	return cost
}

func listPrice(t *usage.Tier) usage.Decimal       { return t.List }
func contractedPrice(t *usage.Tier) usage.Decimal { return t.Contracted }

// drawDecimal draws a number with some digits after the point.
func drawDecimal(t *rapid.T, label string, low, high int64, places int32) usage.Decimal {
	return decimal.New(rapid.Int64Range(low, high).Draw(t, label), -places)
}

func drawPrice(t *rapid.T) *usage.Price {
	p := &usage.Price{
		Metric: "m", SKU: "m-1", Unit: "Units",
		Per:      rapid.SampledFrom([]usage.Decimal{decimal.New(1, 0), decimal.New(30, 0), decimal.New(1, 6), decimal.New(7, -1)}).Draw(t, "per"),
		Decimals: rapid.Int32Range(0, 9).Draw(t, "decimals"),
		Mode:     rapid.SampledFrom([]usage.Mode{usage.RoundUp, usage.RoundDown, usage.RoundHalfUp, usage.RoundHalfEven}).Draw(t, "mode"),
		Scope:    rapid.SampledFrom([]usage.Scope{usage.PerPeriod, usage.PerDay}).Draw(t, "scope"),
		Included: decimal.New(rapid.Int64Range(0, 40).Draw(t, "included"), 0),
	}
	if rapid.Bool().Draw(t, "in blocks") {
		p.Block = decimal.New(rapid.Int64Range(1, 12).Draw(t, "block"), 0)
	}
	step := p.Block
	if step.IsZero() {
		step = decimal.New(1, -p.Decimals)
	}
	low := usage.Decimal{}
	for i := range rapid.IntRange(0, 3).Draw(t, "tiers") {
		low = low.Add(step.Mul(decimal.New(rapid.Int64Range(1, 30).Draw(t, fmt.Sprint("width of tier ", i)), 0)))
		up := low
		p.Tiers = append(p.Tiers, usage.Tier{
			UpTo: &up, List: drawDecimal(t, "list", 0, 1e6, 9), Contracted: drawDecimal(t, "contracted", 0, 1e6, 9),
		})
	}
	p.Tiers = append(p.Tiers, usage.Tier{List: drawDecimal(t, "list", 0, 1e6, 9), Contracted: drawDecimal(t, "contracted", 0, 1e6, 9)})
	book := usage.PriceBook{ID: "b", Currency: "USD", Prices: []usage.Price{*p}}
	if err := book.Check(); err != nil {
		t.Fatalf("the price drawn is not valid: %v", err)
	}
	return p
}

// drawEvents draws consumption in no order, several of one day and place.
func drawEvents(t *rapid.T, p *usage.Price) []usage.Consumption {
	zones := []usage.Named{{}, {ID: "z1"}, {ID: "z2"}}
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) usage.Consumption {
		q := drawDecimal(t, "quantity", 0, 9e10, 9).Mul(p.Per).Round(9)
		return usage.Consumption{
			Day:      usage.Day(20000 + rapid.IntRange(0, 9).Draw(t, "day")),
			Place:    usage.Place{Zone: rapid.SampledFrom(zones).Draw(t, "zone")},
			Quantity: q,
		}
	}), 0, 25).Draw(t, "events")
}

// counted adds up the events of each day and place, in order.
func counted(events []usage.Consumption) []usage.Consumption {
	var out []usage.Consumption
	for _, e := range events {
		i := slices.IndexFunc(out, func(c usage.Consumption) bool { return c.Day == e.Day && c.Place == e.Place })
		if i < 0 {
			out = append(out, e)
			continue
		}
		out[i].Quantity = out[i].Quantity.Add(e.Quantity)
	}
	slices.SortFunc(out, func(a, b usage.Consumption) int {
		return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.Place.Zone.ID, b.Place.Zone.ID))
	})
	return out
}

func charge(p *usage.Price, days []usage.Consumption) []usage.Charge {
	var m usage.Meter
	var rows []usage.Charge
	for i := range days {
		rows = append(rows, m.Charges(p, &days[i])...)
	}
	return rows
}

func listCost(rows []usage.Charge) (total usage.Decimal) {
	for i := range rows {
		total = total.Add(rows[i].ListCost())
	}
	return total
}

func equalRat(t *rapid.T, what string, got usage.Decimal, want *big.Rat) {
	t.Helper()
	if rat(got).Cmp(want) != 0 {
		t.Fatalf("%s is %s, want %s", what, got, want.FloatString(20))
	}
}

// Up to every day, rows add up to what the model says that the period costs,
// and each row holds by itself.
func TestChargesAgainstModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := drawPrice(t)
		days := counted(drawEvents(t, p))
		var m usage.Meter
		soFar := map[usage.Day]*big.Rat{}
		var list, contracted, pricing usage.Decimal
		for i := range days {
			rows := m.Charges(p, &days[i])
			if len(rows) == 0 {
				t.Fatalf("no row for %+v", days[i])
			}
			consumed := usage.Decimal{}
			for _, r := range rows {
				checkRow(t, p, &r)
				consumed = consumed.Add(r.Consumed)
				pricing = pricing.Add(r.Pricing)
				list, contracted = list.Add(r.ListCost()), contracted.Add(r.ContractedCost())
			}
			if !consumed.Equal(days[i].Quantity) {
				t.Fatalf("rows of %+v have consumed %s", days[i], consumed)
			}
			if soFar[days[i].Day] == nil {
				soFar[days[i].Day] = new(big.Rat)
			}
			soFar[days[i].Day].Add(soFar[days[i].Day], rat(days[i].Quantity))
			q := billableModel(p, soFar)
			equalRat(t, "billable quantity", pricing, q)
			equalRat(t, "list cost", list, costModel(p, q, listPrice))
			equalRat(t, "contracted cost", contracted, costModel(p, q, contractedPrice))
		}
	})
}

// sumsByLine adds up quantities and costs by day, zone and tier. Lines of
// nothing are left out.
func sumsByLine(rows []usage.Charge) map[string]string {
	type sums struct{ consumed, pricing, list, contracted usage.Decimal }
	lines := map[string]*sums{}
	for i := range rows {
		r := &rows[i]
		key := fmt.Sprint(r.Day, " ", r.Place.Zone.ID, " ", r.Tier)
		if lines[key] == nil {
			lines[key] = &sums{}
		}
		s := lines[key]
		s.consumed, s.pricing = s.consumed.Add(r.Consumed), s.pricing.Add(r.Pricing)
		s.list, s.contracted = s.list.Add(r.ListCost()), s.contracted.Add(r.ContractedCost())
	}
	out := map[string]string{}
	for key, s := range lines {
		if !s.consumed.IsZero() || !s.pricing.IsZero() {
			out[key] = fmt.Sprint(rat(s.consumed), rat(s.pricing), rat(s.list), rat(s.contracted))
		}
	}
	return out
}

// checkRow holds the product rule, and that nothing is below zero.
func checkRow(t *rapid.T, p *usage.Price, r *usage.Charge) {
	t.Helper()
	checkProduct(t, p, r)
	if r.Pricing.IsNegative() || r.Consumed.IsNegative() {
		t.Fatalf("below zero: %+v", r)
	}
}

// checkProduct holds that unit price times quantity is the cost, in digits that
// a DECIMAL(38,18) has.
func checkProduct(t *rapid.T, p *usage.Price, r *usage.Charge) {
	t.Helper()
	tier := p.Tiers[r.Tier]
	for _, cost := range []struct{ unit, got usage.Decimal }{{tier.List, r.ListCost()}, {tier.Contracted, r.ContractedCost()}} {
		want := new(big.Rat).Mul(rat(cost.unit), rat(r.Pricing))
		if got := cost.got; rat(got).Cmp(want) != 0 || -got.Exponent() > usage.MaxDecimals && !got.Equal(got.Round(usage.MaxDecimals)) {
			t.Fatalf("the cost %s of %+v is not %s", got, r, want.FloatString(20))
		}
	}
}

// Neither the order of arrival nor how a day is cut into events matters.
func TestOrderAndSplittingDoNotMatter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := drawPrice(t)
		events := drawEvents(t, p)
		want := charge(p, counted(events))
		var pieces []usage.Consumption
		for _, e := range rapid.Permutation(events).Draw(t, "order") {
			part := e
			part.Quantity = e.Quantity.Div(decimal.New(3, 0)).Truncate(4)
			e.Quantity = e.Quantity.Sub(part.Quantity)
			pieces = append(pieces, part, e)
		}
		got := charge(p, counted(rapid.Permutation(pieces).Draw(t, "pieces")))
		if len(got) != len(want) {
			t.Fatalf("%d rows, want %d", len(got), len(want))
		}
		for i := range want {
			if got[i].Tier != want[i].Tier || !got[i].Pricing.Equal(want[i].Pricing) || !got[i].Consumed.Equal(want[i].Consumed) {
				t.Fatalf("row %d is %+v, want %+v", i, got[i], want[i])
			}
		}
	})
}

// usedModel is what a period has consumed in pricing units of p, at the end of
// it: days are rounded by themselves where their own price says so.
func usedModel(p *usage.Price, days map[usage.Day]*big.Rat, prices func(usage.Day) *usage.Price) *big.Rat {
	used := new(big.Rat)
	for d, q := range days {
		if own := prices(d); p.Scope == usage.PerDay && own != nil && own.Scope == usage.PerDay {
			q = new(big.Rat).Mul(roundModel(own, new(big.Rat).Quo(q, rat(own.Per))), rat(own.Per))
		}
		used.Add(used, q)
	}
	return used.Quo(used, rat(p.Per))
}

// When another price takes over, or none was there at first, its rows cost what
// the whole period costs by it, less what it cost up to the day before: what
// was included and has been used up stays used up.
func TestPricesTakeOver(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		old, p := drawPrice(t), drawPrice(t)
		if rapid.Bool().Draw(t, "nothing before") {
			old = nil
		}
		days := counted(drawEvents(t, p))
		change := usage.Day(20000 + rapid.IntRange(0, 9).Draw(t, "change"))
		prices := func(d usage.Day) *usage.Price {
			if d < change {
				return old
			}
			return p
		}
		var m usage.Meter
		var got usage.Decimal
		soFar := map[usage.Day]*big.Rat{}
		cost := func() *big.Rat {
			q := usedModel(p, soFar, prices)
			if p.Scope == usage.PerDay {
				q = roundModel(p, q) // days of other prices are not rounded yet
			}
			if q.Sub(q, rat(p.Included)); q.Sign() < 0 {
				q.SetInt64(0)
			}
			if p.Scope == usage.PerPeriod {
				q = roundModel(p, q)
			}
			return costModel(p, q, listPrice)
		}
		before := new(big.Rat)
		for i := range days {
			day := days[i].Day
			if soFar[day] == nil {
				soFar[day] = new(big.Rat)
			}
			soFar[day].Add(soFar[day], rat(days[i].Quantity))
			switch {
			case day >= change:
				rows := m.Charges(p, &days[i])
				got = got.Add(listCost(rows))
				for _, r := range rows {
					checkRow(t, p, &r)
				}
			case old != nil && rapid.Bool().Draw(t, "asked for"):
				m.Charges(old, &days[i])
			default:
				m.Skip(old, &days[i])
			}
			if day < change {
				before = cost()
			}
		}
		equalRat(t, "list cost since the change", got, new(big.Rat).Sub(cost(), before))
	})
}

// Whatever was billed, corrections make it what is right, and twice is once.
func TestCorrectionsAddUp(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := drawPrice(t)
		events := drawEvents(t, p)
		late := drawEvents(t, p)
		billed, right := charge(p, counted(events)), charge(p, counted(append(slices.Clone(events), late...)))
		corrections := usage.Corrections(billed, right)
		for i := range corrections {
			checkProduct(t, p, &corrections[i])
		}
		all := append(slices.Clone(billed), corrections...)
		if got, want := sumsByLine(all), sumsByLine(right); !maps.Equal(got, want) {
			t.Fatalf("billed and corrections are %v, want %v", got, want)
		}
		if got, want := listCost(all), listCost(right); !got.Equal(want) {
			t.Fatalf("billed and corrections cost %s, want %s", got, want)
		}
		if rest := usage.Corrections(all, right); len(rest) != 0 {
			t.Fatalf("corrected twice: %+v", rest)
		}
	})
}

// The worked examples of public price lists.
func TestChargesExamples(t *testing.T) {
	t.Parallel()
	d := decimal.RequireFromString
	million := usage.Price{
		Metric: "workers_standard_requests", SKU: "s", Unit: "1000000 Requests", Per: d("1000000"), Decimals: 9,
		Included: d("10"), Mode: usage.RoundHalfEven, Scope: usage.PerPeriod, Tiers: []usage.Tier{{List: d("0.30"), Contracted: d("0.30")}},
	}
	blocks := million
	blocks.Included, blocks.Block, blocks.Mode = d("0"), d("1"), usage.RoundUp
	blocks.Tiers = []usage.Tier{{List: d("4.50"), Contracted: d("4.50")}}
	storage := usage.Price{
		Metric: "r2_storage", SKU: "g", Unit: "GB-Months", Per: d("30"), Decimals: 9, Included: d("10"), Block: d("1"),
		Mode: usage.RoundUp, Scope: usage.PerPeriod, Tiers: []usage.Tier{{List: d("0.015"), Contracted: d("0.01")}},
	}
	for _, tt := range []struct {
		name       string
		price      usage.Price
		quantities []string
		want       string
	}{
		{"15 million requests, 10 included", million, []string{"9000000", "6000000"}, "1.5"},
		{"inside the allowance", million, []string{"10000000"}, "0"},
		{"one operation past a million is two millions", blocks, []string{"1000000", "1"}, "9"},
		{"11.1 GB for 30 days are two past the allowance", storage, slices.Repeat([]string{"11.1"}, 30), "0.03"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var days []usage.Consumption
			for i, q := range tt.quantities {
				days = append(days, usage.Consumption{Day: usage.Day(i), Quantity: d(q)})
			}
			if got := listCost(charge(&tt.price, days)); !got.Equal(d(tt.want)) {
				t.Errorf("list cost is %s, want %s", got, tt.want)
			}
		})
	}
}

// A day that crosses into the next tier is two rows, each at its own price.
func TestChargesOneRowPerTier(t *testing.T) {
	t.Parallel()
	d := decimal.RequireFromString
	up := d("100")
	p := usage.Price{
		Metric: "m", SKU: "s", Unit: "GB", Per: d("1"), Decimals: 9, Included: d("10"), Mode: usage.RoundHalfEven, Scope: usage.PerPeriod,
		Tiers: []usage.Tier{{UpTo: &up, List: d("0.05"), Contracted: d("0.04")}, {List: d("0.02"), Contracted: d("0.01")}},
	}
	rows := charge(&p, []usage.Consumption{{Day: 1, Quantity: d("100")}, {Day: 2, Quantity: d("50")}, {Day: 3, Quantity: d("0")}})
	var got []string
	for _, r := range rows {
		got = append(got, fmt.Sprint(int(r.Day), r.Tier, " ", r.Consumed, r.Pricing, r.ListCost(), r.ContractedCost()))
	}
	want := []string{"1 0 100 90 4.5 3.6", "2 0 10 10 0.5 0.4", "2 1 40 40 0.8 0.4", "3 1 0 0 0 0"}
	if !slices.Equal(got, want) {
		t.Errorf("rows are %q, want %q", got, want)
	}
}
