// Package meter makes usage: metrics with prices, and events of them, each also as the row that COPY loads.
package meter

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Metrics is how many metrics there are.
const Metrics = 50

// Book is the id of the price book.
const Book = "bench-list-1"

const seed = 20260801

// kind is what metrics are alike in.
type kind struct {
	name, unit, aggregation, price string
	digits                         int // of a quantity, after the point
}

// kinds are those of a provider's public prices: allowances, tiers, blocks, roundings, and every aggregation.
func kinds() []kind {
	return []kind{
		{"requests", "Requests", "sum", "{unit: 1000000 Requests, per: 1000000, included: 10, tiers: [{up_to: 100, list: 0.30, contracted: 0.27}, {list: 0.30, contracted: 0.20}]}", 0},
		{"cpu_time", "Seconds", "sum", "{unit: 1000 Seconds, per: 1000, included: 30, list: 0.02}", 6},
		{"storage", "GB-Days", "max", "{unit: GB-Months, per: 30, included: 10, list: 0.015, contracted: 0.0125}", 9},
		{"operations", "Operations", "sum", "{unit: 1000000 Operations, per: 1000000, included: 1, block: 1, rounding: up, list: 4.50, contracted: 4.05}", 0},
		{"memory", "GiB-Seconds", "sum", "{unit: GiB-Seconds, included: 90000, list: 0.0000025}", 4},
		{"egress", "GB", "sum", "{unit: GB, included: 100, list: 0.025}", 6},
		{"dimensions", "Dimensions", "average", "{unit: 1000000 Dimensions, per: 1000000, list: 0.05}", 0},
		{"minutes", "Minutes", "sum", "{unit: 1000 Minutes, per: 1000, rounding: up, scope: day, decimals: 3, list: 1.00}", 2},
		{"seats", "Seats", "unique_count", "{unit: Seats, included: 1, list: 7.00, contracted: 5.60}", 0},
		{"reserved", "Units", "last", "{unit: Units, list: 0.36}", 0},
	}
}

// name is that of metric i.
func name(i int) string {
	all := kinds()
	return fmt.Sprintf("product%02d_%s", i/len(all), all[i%len(all)].name)
}

// PriceList is a catalogue with all metrics and a price book with a price for each, in YAML.
func PriceList() string {
	var metrics, prices strings.Builder
	all := kinds()
	for i := range Metrics {
		k, product := all[i%len(all)], i/len(all)
		fmt.Fprintf(&metrics, "    - id: %s\n      name: Product %d %s\n      unit: %s\n      aggregation: %s\n", name(i), product, k.name, k.unit, k.aggregation)
		fmt.Fprintf(&metrics, "      family: {id: product%02d, name: Product %d}\n      category: Developer\n", product, product)
		fmt.Fprintf(&metrics, "      service: {name: Product %d, category: Compute, subcategory: Serverless Compute}\n", product)
		fmt.Fprintf(&prices, "      - {metric: %s, sku: %s-1, %s\n", name(i), name(i), strings.TrimPrefix(k.price, "{"))
	}
	return "catalogue:\n  version: bench-1\n  metrics:\n" + metrics.String() +
		"price_books:\n  - id: " + Book + "\n    name: Public prices\n    currency: USD\n    prices:\n" + prices.String()
}

// Event is one measurement.
type Event struct {
	Source, ID, Account, Metric string
	Time                        time.Time
	Quantity, Unique            string // one of them is empty
	Zone, ZoneName              string // none in half the metrics
	Region, RegionName          string
}

// Source makes events. The same numbers make the same events.
type Source struct {
	Accounts          []string
	random            *rand.Rand
	accounts, metrics shares
}

// NewSource returns a source of events of the accounts.
func NewSource(accounts []string) *Source {
	return &Source{
		Accounts: accounts, random: rand.New(rand.NewPCG(seed, uint64(len(accounts)))),
		accounts: newShares(len(accounts)), metrics: newShares(Metrics),
	}
}

// Of returns an event of one account and metric, by their numbers; Source and ID are the caller's business.
func (s *Source) Of(account, metric int, at time.Time) Event {
	k := kinds()[metric%len(kinds())]
	e := Event{
		Account: s.Accounts[account], Metric: name(metric), Time: at,
		Region: "weur", RegionName: "Western Europe",
	}
	if metric%2 == 0 {
		e.Zone, e.ZoneName = fmt.Sprintf("%032x", account<<8|metric%6), fmt.Sprintf("shop-%d-%d.example.com", account, metric%6)
	}
	switch whole := s.random.IntN(2_000_000); {
	case k.aggregation == "unique_count":
		e.Unique = fmt.Sprintf("person-%d", whole)
	case k.digits == 0:
		e.Quantity = strconv.Itoa(whole)
	default:
		e.Quantity = fmt.Sprintf("%d.%0*d", whole/100, k.digits, s.random.IntN(1e4))
	}
	return e
}

// Any returns an event of any account and metric. Some have far more than others: the n-th account has one n-th of
// what the first has, and so with metrics.
func (s *Source) Any(at time.Time) Event {
	return s.Of(s.accounts.pick(s.random), s.metrics.pick(s.random), at)
}

// shares picks numbers by Zipf's law.
type shares []float64 // sums of the shares up to each number

func newShares(n int) shares {
	all := make(shares, n)
	sum := 0.0
	for i := range all {
		sum += 1 / float64(i+1)
		all[i] = sum
	}
	return all
}

func (s shares) pick(r *rand.Rand) int {
	i, _ := slices.BinarySearch(s, r.Float64()*s[len(s)-1])
	return min(i, len(s)-1)
}

// AppendJSON appends the event as a CloudEvent in structured mode.
func (e *Event) AppendJSON(b []byte) []byte {
	b = fmt.Appendf(b, `{"specversion":"1.0","id":%q,"source":%q,"type":"com.example.usage","time":%q,"datacontenttype":"application/json",`,
		e.ID, e.Source, e.Time.Format(time.RFC3339Nano))
	b = fmt.Appendf(b, `"data":{"account_id":%q,"metric":%q`, e.Account, e.Metric)
	if e.Unique != "" {
		b = fmt.Appendf(b, `,"unique":%q`, e.Unique)
	} else {
		b = fmt.Appendf(b, `,"quantity":%s`, e.Quantity)
	}
	if e.Zone != "" {
		b = fmt.Appendf(b, `,"zone":{"id":%q,"name":%q}`, e.Zone, e.ZoneName)
	}
	return fmt.Appendf(b, `,"region":{"id":%q,"name":%q}}}`, e.Region, e.RegionName)
}

// Table creates a table of events as they came, with the same unique index as orgd has. Its columns are those of AppendRow.
const Table = `CREATE TABLE raw_events (source text COLLATE "C" NOT NULL, event_id text COLLATE "C" NOT NULL, type text COLLATE "C" NOT NULL,
	time bigint NOT NULL, account_id text COLLATE "C" NOT NULL, metric text COLLATE "C" NOT NULL, quantity text COLLATE "C" NOT NULL,
	unique_key text COLLATE "C" NOT NULL, zone_id text COLLATE "C" NOT NULL, zone_name text COLLATE "C" NOT NULL,
	region_id text COLLATE "C" NOT NULL, region_name text COLLATE "C" NOT NULL, received_at bigint NOT NULL, PRIMARY KEY (source, event_id))`

// AppendRow appends the event in the text format of COPY, with its line end.
func (e *Event) AppendRow(b []byte) []byte {
	at := strconv.FormatInt(e.Time.UnixMicro(), 10)
	for _, field := range []string{
		e.Source, e.ID, "com.example.usage", at, e.Account, e.Metric, e.Quantity, e.Unique, e.Zone, e.ZoneName, e.Region, e.RegionName,
	} {
		b = append(append(b, field...), '\t')
	}
	return append(append(b, at...), '\n')
}
