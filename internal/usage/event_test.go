package usage_test

import (
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/orgd/orgd/internal/usage"
)

func metric(name usage.MetricID, a usage.Aggregation) usage.Metric {
	return usage.Metric{ID: name, Name: string(name), Unit: "Units", Aggregation: a, Service: usage.Service{Name: "S", Category: "Other"}}
}

func TestCheckEvent(t *testing.T) {
	t.Parallel()
	c, err := usage.NewCatalogue("v1", []usage.Metric{metric("sums", usage.Sum), metric("means", usage.Average), metric("users", usage.UniqueCount)})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	two := decimal.New(2, 0)
	for _, tt := range []struct {
		name string
		e    usage.Event
		want string
	}{
		{"counted", usage.Event{Metric: "sums", Time: now}, ""},
		{"five minutes ahead", usage.Event{Metric: "sums", Time: now.Add(5 * time.Minute)}, ""},
		{"more ahead", usage.Event{Metric: "sums", Time: now.Add(5*time.Minute + 1)}, "future /time: the time is in the future, by more than 5m0s"},
		{"62 days ago", usage.Event{Metric: "sums", Time: now.Add(-62 * 24 * time.Hour)}, ""},
		{"longer ago", usage.Event{Metric: "sums", Time: now.Add(-62*24*time.Hour - 1)}, "late /time: the time is more than 1488 hours ago"},
		{"no such metric", usage.Event{Metric: "x", Time: now}, `unknown_metric /data/metric: there is no metric "x" in catalogue v1`},
		{"nothing to count", usage.Event{Metric: "users", Time: now}, "malformed /data/unique: a metric that counts what is different needs what to count"},
		{"something to count", usage.Event{Metric: "users", Time: now, Unique: "u"}, ""},
		{"too much to count", usage.Event{Metric: "sums", Time: now, Unique: "u"}, "malformed /data/unique: the metric does not count what is different"},
		{"weight", usage.Event{Metric: "means", Time: now, Weight: &two}, ""},
		{"weight of a sum", usage.Event{Metric: "sums", Time: now, Weight: &two}, "malformed /data/weight: the metric is no average"},
	} {
		got := ""
		if r := c.Check(&tt.e, usage.DefaultWindow(), now); r != nil {
			got = string(r.Reason) + " " + r.Pointer + ": " + r.Error()
		}
		if got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestCatalogueRefuses(t *testing.T) {
	t.Parallel()
	ok := metric("m", usage.Sum)
	change := func(f func(*usage.Metric)) []usage.Metric { m := ok; f(&m); return []usage.Metric{m} }
	for want, metrics := range map[string][]usage.Metric{
		"metric m is there twice":  {ok, ok},
		"metric m: it has no name": change(func(m *usage.Metric) { m.Name = "" }),
		"metric m: it has no unit": change(func(m *usage.Metric) { m.Unit = "" }),
		`metric m: "mean" is none of the aggregations sum, max, average, last, unique_count`:                change(func(m *usage.Metric) { m.Aggregation = "mean" }),
		"metric m: it has no service name or service category":                                              change(func(m *usage.Metric) { m.Service.Category = "" }),
		"metric 1m: an id has 1 to 64 of the characters a-z, 0-9, _ and -, and begins with a letter":        change(func(m *usage.Metric) { m.ID = "1m" }),
		"metric : an id has 1 to 64 of the characters a-z, 0-9, _ and -, and begins with a letter":          change(func(m *usage.Metric) { m.ID = "" }),
		"metric Requests: an id has 1 to 64 of the characters a-z, 0-9, _ and -, and begins with a letter":  change(func(m *usage.Metric) { m.ID = "Requests" }),
		"metric m\u00fcll: an id has 1 to 64 of the characters a-z, 0-9, _ and -, and begins with a letter": change(func(m *usage.Metric) { m.ID = "müll" }),
		"metric m\x00: an id has 1 to 64 of the characters a-z, 0-9, _ and -, and begins with a letter":     change(func(m *usage.Metric) { m.ID = "m\x00" }),
	} {
		if _, err := usage.NewCatalogue("v", metrics); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestPriceBookRefuses(t *testing.T) {
	t.Parallel()
	d := decimal.RequireFromString
	one, odd := d("10"), d("10.5")
	ok := usage.Price{Metric: "m", SKU: "s", Unit: "U", Per: d("1"), Decimals: 3, Mode: usage.RoundUp, Scope: usage.PerDay, Tiers: []usage.Tier{{List: d("1"), Contracted: d("1")}}}
	for _, tt := range []struct {
		want string
		f    func(*usage.Price)
	}{
		{"price of m: it has no sku or no unit", func(p *usage.Price) { p.SKU = "" }},
		{"price of m: per is not above zero", func(p *usage.Price) { p.Per = d("0") }},
		{"price of m: decimals is not between 0 and 9", func(p *usage.Price) { p.Decimals = 10 }},
		{"price of m: included and block are not below zero", func(p *usage.Price) { p.Included = d("-1") }},
		{"price of m: included and block have at most the 3 decimals of the quantity", func(p *usage.Price) { p.Block = d("0.0001") }},
		{`price of m: "nearest" is none of the roundings up, down, half_up, half_even`, func(p *usage.Price) { p.Mode = "nearest" }},
		{`price of m: "" is none of the scopes period, day`, func(p *usage.Price) { p.Scope = "" }},
		{"price of m: it has no price", func(p *usage.Price) { p.Tiers = nil }},
		{"price of m: tier 1 has a price below zero", func(p *usage.Price) { p.Tiers = []usage.Tier{{List: d("-1")}} }},
		{"price of m: the unit price of tier 1 and the quantity have more than 18 decimals together", func(p *usage.Price) { p.Tiers = []usage.Tier{{List: d("1e-16")}} }},
		{"price of m: the last tier has an end", func(p *usage.Price) { p.Tiers = []usage.Tier{{UpTo: &one}} }},
		{"price of m: tier 1 does not end above the one before it", func(p *usage.Price) { p.Tiers = []usage.Tier{{}, {}} }},
		{"price of m: tier 2 does not end above the one before it", func(p *usage.Price) { p.Tiers = []usage.Tier{{UpTo: &one}, {UpTo: &one}, {}} }},
		{"price of m: tier 1 does not end at a whole block", func(p *usage.Price) { p.Block = d("1"); p.Tiers = []usage.Tier{{UpTo: &odd}, {}} }},
	} {
		p := ok
		tt.f(&p)
		book := usage.PriceBook{ID: "b", Currency: "USD", Prices: []usage.Price{p}}
		if err := book.Check(); err == nil || err.Error() != tt.want {
			t.Errorf("got %v, want %s", err, tt.want)
		}
	}
	for want, book := range map[string]usage.PriceBook{
		"price of m is there twice":                                                       {ID: "b", Currency: "USD", Prices: []usage.Price{ok, ok}},
		`"usd" is no currency code of ISO 4217 such as USD`:                               {ID: "b", Currency: "usd", Prices: []usage.Price{ok}},
		"an id has 1 to 64 of the characters a-z, 0-9, _ and -, and begins with a letter": {Currency: "USD", Prices: []usage.Price{ok}},
	} {
		if err := book.Check(); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
