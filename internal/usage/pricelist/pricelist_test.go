package pricelist_test

import (
	"strings"
	"testing"

	"github.com/shopspring/decimal"

	"github.com/orgd/orgd/internal/usage"
	"github.com/orgd/orgd/internal/usage/pricelist"
)

const good = `catalogue:
  version: v1
  metrics:
    - id: storage
      name: Storage
      unit: GB-Days
      aggregation: max
      family: {id: disks, name: Disks}
      category: Things
      service: {name: Disks, category: Storage, subcategory: Block Storage}
price_books:
  - id: book-1
    name: Book
    currency: EUR
    prices:
      - metric: storage
        sku: storage-1
        unit: GB-Months
        per: 30
        decimals: 6
        included: 1e1
        block: "2"
        rounding: up
        scope: day
        tiers:
          - {up_to: 100, list: 0.100, contracted: 0.09}
          - list: 0.05
`

func TestRead(t *testing.T) {
	t.Parallel()
	l, err := pricelist.Read(strings.NewReader(good))
	if err != nil {
		t.Fatal(err)
	}
	m, ok := l.Catalogue.Metric("storage")
	if !ok || m.Aggregation != usage.Maximum || m.Family.Name != "Disks" || m.Service.Subcategory != "Block Storage" || m.Category != "Things" {
		t.Errorf("the metric is %+v", m)
	}
	p, ok := l.Books[0].Price("storage")
	if !ok {
		t.Fatal("there is no price of storage")
	}
	ten, two, price := decimal.New(10, 0), decimal.New(2, 0), decimal.RequireFromString("0.1")
	if !p.Included.Equal(ten) || !p.Block.Equal(two) || p.Decimals != 6 || p.Scope != usage.PerDay || p.Mode != usage.RoundUp || !p.Per.Equal(decimal.New(30, 0)) {
		t.Errorf("the price is %+v", p)
	}
	if len(p.Tiers) != 2 || !p.Tiers[0].List.Equal(price) || !p.Tiers[1].Contracted.Equal(decimal.RequireFromString("0.05")) {
		t.Errorf("the tiers are %+v", p.Tiers)
	}
}

// change replaces parts of the good file.
func change(oldnew ...string) string { return strings.NewReplacer(oldnew...).Replace(good) }

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, text, want string }{
		{"empty", "", "line 1: the price list is empty"},
		{"a list", "- 1\n", "line 1: the price list is not a mapping of keys to values"},
		{"not YAML", "a: [", "yaml: line 1: did not find expected node content"},
		{"two documents", good + "---\na: 1\n", "line 28: a price list is one document"},
		{"an unknown key", change("currency:", "curency:"), "line 12: currency is missing\nline 14: \"curency\" is none of the keys currency, id, name, prices"},
		{"an unknown key of a metric", change("      unit: GB-Days", "      unit: GB-Days\n      units: x"), `line 7: "units" is none of the keys aggregation, category, family, id, name, service, unit`},
		{"a key twice", change("      sku: storage-1", "      sku: storage-1\n        sku: storage-2"), "line 18: sku is there twice"},
		{"a price that is no number", change("list: 0.05", "list: cheap"), "line 27: list is not a number"},
		{"a price in hexadecimal", change("list: 0.05", "list: 0x10"), "line 27: list is not a number"},
		{"a price with separators", change("list: 0.05", "list: 1_000"), "line 27: list is not a number"},
		{"a price that is infinite", change("list: 0.05", "list: .inf"), "line 27: list is not a number"},
		{"no price", change("          - list: 0.05", "          - contracted: 0.05"), "line 27: list is missing"},
		{"a price too fine", change("list: 0.05", "list: 0.0000000000000000001"), "line 27: list has more than 18 digits after the point"},
		{"a wrong type", change("per: 30", "per: [30]"), "line 19: per is not a number"},
		{"an alias", change("per: 30", "per: &x 30", "block: \"2\"", "block: *x"), "line 22: block is not a number"},
		{"decimals", change("decimals: 6", "decimals: 10"), "line 16: price of storage: decimals is not between 0 and 9"},
		{"decimals below zero", change("decimals: 6", "decimals: -1"), "line 16: price of storage: decimals is not between 0 and 9"},
		{"decimals out of every range", change("decimals: 6", "decimals: 4294967296"), "line 16: price of storage: decimals is not between 0 and 9"},
		{"rounding", change("rounding: up", "rounding: sideways"), `line 16: price of storage: "sideways" is none of the roundings up, down, half_up, half_even`},
		{"tiers", change("up_to: 100", "up_to: 101"), "line 16: price of storage: tier 1 does not end at a whole block"},
		{"currency", change("EUR", "Euro"), `line 12: "Euro" is no currency code of ISO 4217 such as USD`},
		{"aggregation", change("aggregation: max", "aggregation: most"), `line 4: metric storage: "most" is none of the aggregations sum, max, average, last, unique_count`},
		{"a price of no metric", change("metric: storage", "metric: memory"), `line 16: there is no metric "memory" in the catalogue`},
		{"a metric twice", change("price_books:", "    - {id: storage, name: S, unit: U, aggregation: sum, service: {name: S, category: Other}}\nprice_books:"), "line 2: metric storage is there twice"},
		{"a book twice", good + "  - {id: book-1, currency: USD}\n", "line 28: price book book-1 is there twice"},
		{"two problems", change("version: v1", "version: []", "list: 0.05", "list: x"), "line 2: version is not a text\nline 27: list is not a number"},
		{"too large", strings.Repeat("# comment\n", 500000), "the price list is larger than 4194304 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := pricelist.Read(strings.NewReader(tt.text))
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

// The demo is read by the same rules, and has the public prices.
func TestDemo(t *testing.T) {
	t.Parallel()
	l, err := pricelist.Demo()
	if err != nil {
		t.Fatal(err)
	}
	for metric, want := range map[usage.MetricID]string{
		"workers_standard_requests": "10 @ 0.3 per 1000000 Requests", "r2_storage": "10 @ 0.015 per GB-Months",
		"r2_class_a_operations": "1 @ 4.5 per 1000000 Operations", "containers_memory": "90000 @ 0.0000025 per GiB-Seconds",
		"containers_disk": "720000 @ 0.00000007 per GB-Seconds", "stream_minutes_viewed": "0 @ 1 per 1000 Minutes",
	} {
		p, ok := l.Books[0].Price(metric)
		if !ok {
			t.Errorf("there is no price of %s", metric)
			continue
		}
		if got := p.Included.String() + " @ " + p.Tiers[0].List.String() + " per " + p.Unit; got != want {
			t.Errorf("%s has %s, want %s", metric, got, want)
		}
	}
	if len(l.Catalogue.Metrics) < 30 || len(l.Books) != 2 {
		t.Errorf("%d metrics and %d books", len(l.Catalogue.Metrics), len(l.Books))
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{good, "", "a: [", "a: &a [*a]", "<<: {a: 1}", "? [1]\n: 2\n", "catalogue: {metrics: [1, null, {}]}", "price_books: [{prices: [{tiers: [{}]}]}]", "--- |\n x", "!!binary x: y"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		l, err := pricelist.Read(strings.NewReader(s))
		if err != nil {
			return
		}
		for i := range l.Books {
			if err := l.Books[i].Check(); err != nil {
				t.Fatalf("read a book that is not valid: %v", err)
			}
		}
	})
}
