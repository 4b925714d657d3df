package pricelist

import (
	"github.com/shopspring/decimal"

	"github.com/orgd/orgd/internal/usage"
)

func readList(m *mapping) *located {
	l := &located{}
	if c := m.inner("catalogue"); c != nil {
		l.hasCatalogue, l.catalogue = true, c.node.Line
		l.version = c.text("version", true)
		for _, n := range c.list("metrics") {
			l.metrics = append(l.metrics, readMetric(c.mapping(n, "a metric")))
			l.metricLines = append(l.metricLines, n.Line)
		}
		c.done()
	}
	for _, n := range m.list("price_books") {
		book, lines := readBook(m.mapping(n, "a price book"))
		l.Books = append(l.Books, book)
		l.bookLines = append(l.bookLines, n.Line)
		l.priceLines = append(l.priceLines, lines)
	}
	m.done()
	return l
}

func readMetric(m *mapping) usage.Metric {
	metric := usage.Metric{
		ID: usage.MetricID(m.text("id", true)), Name: m.text("name", true), Unit: m.text("unit", true),
		Aggregation: usage.Aggregation(m.text("aggregation", true)), Category: m.text("category", false),
	}
	if f := m.inner("family"); f != nil {
		metric.Family = usage.Named{ID: f.text("id", true), Name: f.text("name", true)}
		f.done()
	}
	if s := m.inner("service"); s != nil {
		metric.Service = usage.Service{Name: s.text("name", true), Category: s.text("category", true), Subcategory: s.text("subcategory", false)}
		s.done()
	}
	m.done()
	return metric
}

func readBook(m *mapping) (usage.PriceBook, []int) {
	b := usage.PriceBook{ID: usage.BookID(m.text("id", true)), Name: m.text("name", false), Currency: usage.Currency(m.text("currency", true))}
	var lines []int
	for _, n := range m.list("prices") {
		b.Prices = append(b.Prices, readPrice(m.mapping(n, "a price")))
		lines = append(lines, n.Line)
	}
	m.done()
	return b, lines
}

// The digits after the point that a price has when it does not say.
const defaultDecimals = usage.MaxQuantityDecimals

func readPrice(m *mapping) usage.Price {
	p := usage.Price{
		Metric: usage.MetricID(m.text("metric", true)), SKU: m.text("sku", true), Unit: m.text("unit", true),
		Per:      or(m.number("per", usage.MaxQuantityDecimals), decimal.New(1, 0)),
		Decimals: defaultDecimals,
		Included: or(m.number("included", usage.MaxQuantityDecimals), decimal.Decimal{}),
		Block:    or(m.number("block", usage.MaxQuantityDecimals), decimal.Decimal{}),
		Mode:     usage.RoundHalfEven, Scope: usage.PerPeriod,
	}
	if d := m.number("decimals", 0); d != nil {
		p.Decimals = -1
		if d.LessThan(decimal.New(100, 0)) && !d.IsNegative() {
			p.Decimals = int32(d.IntPart())
		}
	}
	if mode := m.text("rounding", false); mode != "" {
		p.Mode = usage.Mode(mode)
	}
	if scope := m.text("scope", false); scope != "" {
		p.Scope = usage.Scope(scope)
	}
	p.Tiers = readTiers(m)
	m.done()
	return p
}

// readTiers reads the tiers, or the one price of a metric that has none. What
// has no contracted price is contracted at the price of the list.
func readTiers(m *mapping) []usage.Tier {
	nodes := m.list("tiers")
	if nodes == nil {
		return []usage.Tier{readUnitPrice(m)}
	}
	var tiers []usage.Tier
	for _, n := range nodes {
		t := m.mapping(n, "a tier")
		upTo := t.number("up_to", usage.MaxQuantityDecimals)
		tier := readUnitPrice(t)
		tier.UpTo = upTo
		tiers = append(tiers, tier)
		t.done()
	}
	return tiers
}

func readUnitPrice(m *mapping) usage.Tier {
	list := m.number("list", usage.MaxDecimals)
	if list == nil && m.values["list"] == nil {
		m.at(m.node, "list is missing")
	}
	price := or(list, decimal.Decimal{})
	return usage.Tier{List: price, Contracted: or(m.number("contracted", usage.MaxDecimals), price)}
}
