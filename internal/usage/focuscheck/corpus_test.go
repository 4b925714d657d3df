package focuscheck_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/shopspring/decimal"

	"github.com/orgd/orgd/internal/usage"
	"github.com/orgd/orgd/internal/usage/focus"
	"github.com/orgd/orgd/internal/usage/focuscheck"
	"github.com/orgd/orgd/internal/usage/pricelist"
)

var update = flag.Bool("update", false, "rewrite the files of testdata")

// goodRows makes a bill of everything: usage in zones, regions and tiers, a
// correction, a purchase, a credit and a tax. The rows are those of usageRow,
// storageRow and so on.
func goodRows(t testing.TB) []focus.Row {
	t.Helper()
	list, err := pricelist.Demo()
	if err != nil {
		t.Fatal(err)
	}
	d := decimal.RequireFromString
	start := usage.DateOf(2026, time.October, 31)
	bill := focus.Bill{
		Mapping: focus.Consolidated, Provider: focus.Provider{Service: "Example", Host: "Example", Issuer: "Example"},
		Account: usage.Named{ID: "account-1", Name: "Shop"}, Root: usage.Named{ID: "root-1", Name: "Company"},
		Book: &list.Books[1], Period: usage.Anchor(start).Period(start), InvoiceID: "inv-1", Tags: map[string]string{"orgd:team": "web"},
	}
	place := usage.Place{Zone: usage.Named{ID: "z1", Name: "example.com"}, Region: usage.Named{ID: "eeur", Name: "Eastern Europe"}}
	var all []focus.Row
	for _, name := range []usage.MetricID{"workers_standard_requests", "r2_storage"} {
		bill.Metric, _ = list.Catalogue.Metric(name)
		bill.Price, _ = bill.Book.Price(name)
		var meter usage.Meter
		for _, charge := range meter.Charges(bill.Price, &usage.Consumption{Day: start, Quantity: d("70000000.5"), Place: place}) {
			all = append(all, bill.Usage(&charge, false))
		}
		place = usage.Place{}
	}
	all = append(all, bill.Usage(&usage.Charge{Day: start - 3, Consumed: d("-5"), Pricing: d("-1"), List: d("0.015"), Contracted: d("0.0125")}, true))
	bill.Metric, bill.Price = nil, nil
	for _, f := range []usage.Fee{
		{ID: "fee-1", Category: usage.Purchase, Recurring: true, Amount: d("5"), Currency: "USD", Description: "Plan", Days: bill.Period},
		{ID: "fee-2", Category: usage.Credit, Amount: d("-1.50"), Currency: "USD", Description: "Goodwill", Days: bill.Period},
		{ID: "fee-3", Category: usage.Tax, Amount: d("0.95"), Currency: "USD", Description: "VAT", Days: bill.Period},
	} {
		all = append(all, bill.Fee(&f))
	}
	return all
}

// The rows of the good bill.
const (
	usageRow = iota
	storageRow
	correctionRow
	purchaseRow
	creditRow
	taxRow
)

func encode(t testing.TB, f focus.Format) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := focus.NewWriter(f, &out)
	if err != nil {
		t.Fatal(err)
	}
	rows := goodRows(t)
	for i := range rows {
		if err := w.Write(&rows[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// table is a file that can be broken.
type table struct {
	t     testing.TB
	lines [][]string // the header first
	// For the formats that have types: how values of a column are written.
	json  map[string]func(string) any
	kinds map[string]kind
}

// kind is a type of a Parquet column that it should not have.
type kind struct {
	node  parquet.Node
	value func(string) parquet.Value
}

func newTable(t testing.TB) *table {
	t.Helper()
	lines, err := csv.NewReader(bytes.NewReader(encode(t, focus.CSV))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(lines) != taxRow+2 {
		t.Fatalf("the good bill has %d rows", len(lines)-1)
	}
	return &table{t: t, lines: lines, json: map[string]func(string) any{}, kinds: map[string]kind{}}
}

func (b *table) column(name string) int {
	i := slices.Index(b.lines[0], name)
	if i < 0 {
		b.t.Fatalf("there is no column %s", name)
	}
	return i
}

func (b *table) get(row int, column string) string { return b.lines[row+1][b.column(column)] }

// set sets cells of a row: column, value, column, value.
func (b *table) set(row int, change ...string) {
	for i := 0; i < len(change); i += 2 {
		b.lines[row+1][b.column(change[i])] = change[i+1]
	}
}

func (b *table) setAll(column, value string) {
	for row := range b.lines[1:] {
		b.set(row, column, value)
	}
}

func (b *table) drop(column string) {
	at := b.column(column)
	for i := range b.lines {
		b.lines[i] = slices.Delete(b.lines[i], at, at+1)
	}
}

func (b *table) add(column string) {
	b.lines[0] = append(b.lines[0], column)
	for i := range b.lines[1:] {
		b.lines[i+1] = append(b.lines[i+1], "")
	}
}

func (b *table) csv() []byte {
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	if err := w.WriteAll(b.lines); err != nil {
		b.t.Fatal(err)
	}
	return out.Bytes()
}

func (b *table) isNumber(column string) bool {
	for _, c := range focus.Written() {
		if c.Name == column {
			return c.Type == focus.Decimal
		}
	}
	return false
}

func (b *table) jsonLines() []byte {
	var out bytes.Buffer
	for _, line := range b.lines[1:] {
		o := map[string]any{}
		for i, name := range b.lines[0] {
			o[name] = line[i]
			if line[i] == "" {
				o[name] = nil
			} else if b.isNumber(name) {
				o[name] = json.Number(line[i])
			}
			if change := b.json[name]; change != nil {
				o[name] = change(line[i])
			}
		}
		text, err := json.Marshal(o)
		if err != nil {
			b.t.Fatal(err)
		}
		out.Write(append(text, '\n'))
	}
	return out.Bytes()
}

// parquet writes columns as texts, unless they have another kind, numbers as
// doubles and times as times.
func (b *table) parquet() []byte {
	group := parquet.Group{}
	for _, name := range b.lines[0] {
		group[name] = parquet.Optional(b.kindOf(name).node)
	}
	var out bytes.Buffer
	w := parquet.NewGenericWriter[any](&out, parquet.NewSchema("focus", group))
	columns := slices.Sorted(maps.Keys(group))
	for _, line := range b.lines[1:] {
		var row parquet.Row
		for i, name := range columns {
			text := line[b.column(name)]
			if text == "" {
				row = append(row, parquet.NullValue().Level(0, 0, i))
				continue
			}
			row = append(row, b.kindOf(name).value(text).Level(0, 1, i))
		}
		if _, err := w.WriteRows([]parquet.Row{row}); err != nil {
			b.t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		b.t.Fatal(err)
	}
	return out.Bytes()
}

func (b *table) kindOf(column string) kind {
	if k, ok := b.kinds[column]; ok {
		return k
	}
	switch {
	case b.isNumber(column):
		return kind{parquet.Decimal(9, 18, parquet.Int64Type), func(s string) parquet.Value {
			return parquet.Int64Value(decimal.RequireFromString(s).Shift(9).IntPart())
		}}
	case strings.HasSuffix(column, "Start") || strings.HasSuffix(column, "End"):
		return timeKind(true)
	}
	return textKind()
}

func textKind() kind {
	return kind{parquet.String(), func(s string) parquet.Value { return parquet.ByteArrayValue([]byte(s)) }}
}

func timeKind(utc bool) kind {
	return kind{parquet.TimestampAdjusted(parquet.Millisecond, utc), func(s string) parquet.Value {
		at, _ := time.Parse(time.RFC3339, s)
		return parquet.Int64Value(at.UnixMilli())
	}}
}

func numberKind() kind {
	return kind{parquet.Leaf(parquet.Int64Type), func(s string) parquet.Value { return parquet.Int64Value(int64(len(s))) }}
}

// broken is a file that breaks one rule.
type broken struct {
	rule   string
	format focus.Format
	change func(*table)
}

func (c *broken) file(t testing.TB) []byte {
	t.Helper()
	b := newTable(t)
	c.change(b)
	switch c.format {
	case focus.JSONLines:
		return b.jsonLines()
	case focus.Parquet:
		return b.parquet()
	}
	return b.csv()
}

func (c *broken) path() string {
	return filepath.Join("testdata", "broken", c.rule+"."+string(c.format))
}

func check(t testing.TB, file []byte, o focuscheck.Options) *focuscheck.Report {
	t.Helper()
	r, _, err := focus.Open(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	report, err := focuscheck.Check(r, o)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// failed lists the rules that a file breaks.
func failed(r *focuscheck.Report, k focuscheck.Keyword) string {
	var ids []string
	for _, f := range r.Failed(k) {
		e := f.Examples[0]
		ids = append(ids, f.ID+" (row "+strconv.FormatInt(e.Row, 10)+", "+e.Column+" "+e.Value+": "+e.Detail+")")
	}
	return strings.Join(ids, "; ")
}

// Every file of the corpus breaks its own rule, and no other.
func TestBroken(t *testing.T) {
	t.Parallel()
	corpus := brokenFiles()
	if len(corpus) < 60 {
		t.Errorf("the corpus has %d files, want at least 60", len(corpus))
	}
	seen := map[string]bool{}
	for _, c := range corpus {
		if seen[c.rule] {
			t.Errorf("two files for %s", c.rule)
		}
		seen[c.rule] = true
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			file := c.file(t)
			if *update {
				if err := os.WriteFile(c.path(), file, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			stored, err := os.ReadFile(c.path())
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(stored, file) {
				t.Error("the file in testdata is another one; -update rewrites it")
			}
			report := check(t, stored, focuscheck.Options{})
			var ids []string
			for _, f := range report.Failed(focuscheck.Must) {
				ids = append(ids, f.ID)
			}
			if !slices.Equal(ids, []string{c.rule}) {
				t.Errorf("it breaks %s, want %s alone", failed(report, focuscheck.Must), c.rule)
			}
		})
	}
}

// Our own bill breaks nothing, not even what should be, in any format, with
// everything that a provider can support and its columns can show.
func TestGood(t *testing.T) {
	t.Parallel()
	supports := []string{
		"PUBLIC_PRICE_LIST_SUPPORTED", "UNIT_PRICING_SUPPORTED", "NEGOTIATED_PRICING_SUPPORTED", "USAGE_MEASUREMENT_SUPPORTED", "SUB_ACCOUNT_SUPPORTED",
		"REGION_SUPPORTED", "TAGGING_SUPPORTED", "BILLING_BASED_ON_PROVISIONED_RESOURCES_SUPPORTED", "RESOURCE_TYPE_ASSIGNMENT_SUPPORTED",
		"MULTIPLE_BILLING_ACCOUNT_TYPES_SUPPORTED", "MULTIPLE_SUB_ACCOUNT_TYPES_SUPPORTED", "MULTIPLE_PRICING_CATEGORIES_SUPPORTED",
	}
	for _, f := range []focus.Format{focus.CSV, focus.JSONLines, focus.Parquet} {
		for _, version := range []string{"1.2", "1.3"} {
			file := encode(t, f)
			path := filepath.Join("testdata", "good."+string(f))
			if *update {
				if err := os.WriteFile(path, file, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			stored, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(stored, file) {
				t.Errorf("%s is another file; -update rewrites it", path)
			}
			report := check(t, stored, focuscheck.Options{Version: version, Supports: supports})
			if report.Rows != taxRow+1 || len(report.Results) < 130 {
				t.Errorf("%s: %d rows by %d rules", f, report.Rows, len(report.Results))
			}
			want := ""
			if version == "1.2" { // the columns of 1.3 are not known there
				want = "ColumnHandling-A-010-M (row 0, HostProviderName : )"
			}
			if got := failed(report, focuscheck.Must) + failed(report, focuscheck.Should); got != want {
				t.Errorf("%s breaks %s of FOCUS %s, want %q", f, got, version, want)
			}
		}
	}
}
