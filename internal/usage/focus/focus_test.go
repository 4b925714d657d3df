package focus_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/orgd/orgd/internal/usage"
	"github.com/orgd/orgd/internal/usage/focus"
	"github.com/orgd/orgd/internal/usage/pricelist"
)

func dec(s string) usage.Decimal { return decimal.RequireFromString(s) }

// rows makes the bill of an account: usage in zones and tiers, a correction, a
// fee, a credit and a tax.
func rows(t testing.TB, m focus.Mapping) []focus.Row {
	t.Helper()
	list, err := pricelist.Demo()
	if err != nil {
		t.Fatal(err)
	}
	start := usage.DateOf(2026, time.October, 31)
	bill := focus.Bill{
		Mapping: m, Provider: focus.Provider{Service: "Example", Host: "Example", Issuer: "Example"},
		Account: usage.Named{ID: "0a", Name: "Größe, \"quoted\"\nand <b>"}, Root: usage.Named{ID: "0b", Name: "Root"},
		Book: &list.Books[1], Period: usage.Anchor(start).Period(start), InvoiceID: "inv-1", Tags: map[string]string{"orgd:team": "a", "orgd:env": "b"},
	}
	var all []focus.Row
	for _, name := range []usage.MetricID{"workers_standard_requests", "r2_storage"} {
		bill.Metric, _ = list.Catalogue.Metric(name)
		bill.Price, _ = bill.Book.Price(name)
		var meter usage.Meter
		for d := range usage.Day(3) {
			c := usage.Consumption{Day: start + d, Quantity: dec("70000000.000000001"), Place: usage.Place{Zone: usage.Named{ID: "z1", Name: "example.com"}, Region: usage.Named{ID: "eeur"}}}
			for _, charge := range meter.Charges(bill.Price, &c) {
				all = append(all, bill.Usage(&charge, false))
			}
		}
	}
	all = append(all, bill.Usage(&usage.Charge{Day: start - 3, Consumed: dec("-5"), Pricing: dec("-0.000005"), List: dec("0.3"), Contracted: dec("0.27")}, true))
	bill.Metric, bill.Price = nil, nil
	for _, f := range []usage.Fee{
		{ID: "fee-1", Category: usage.Purchase, Recurring: true, Amount: dec("5"), Currency: "USD", Description: "Plan", Days: bill.Period},
		{ID: "fee-2", Category: usage.Credit, Amount: dec("-1.50"), Currency: "USD", Description: "Goodwill", Days: bill.Period},
		{ID: "fee-3", Category: usage.Tax, Amount: dec("0.95"), Currency: "USD", Description: "VAT", Days: bill.Period},
	} {
		if err := f.Check(); err != nil {
			t.Fatal(err)
		}
		all = append(all, bill.Fee(&f))
	}
	return all
}

func write(t testing.TB, f focus.Format, all []focus.Row) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := focus.NewWriter(f, &out)
	if err != nil {
		t.Fatal(err)
	}
	for i := range all {
		if err := w.Write(&all[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func formats() []focus.Format {
	return []focus.Format{focus.CSV, focus.JSONLines, focus.Parquet}
}

// What is read back is the same in each format: columns, order, values, nulls.
func TestWriteAndRead(t *testing.T) {
	t.Parallel()
	for _, m := range []focus.Mapping{focus.Cloudflare, focus.Consolidated} {
		all := rows(t, m)
		var want []string
		columns := focus.Written()
		for i := range all {
			var line []string
			for j := range columns {
				v := columns[j].Of(&all[i])
				line = append(line, v.Format(columns[j].Type))
			}
			want = append(want, strings.Join(line, "|"))
		}
		for _, f := range formats() {
			r, got, err := focus.Open(bytes.NewReader(write(t, f, all)))
			if err != nil || got != f {
				t.Fatalf("%s is read as %s, %v", f, got, err)
			}
			for i, name := range r.Columns() {
				if name != columns[i].Name {
					t.Fatalf("%s: column %d is %s, want %s", f, i, name, columns[i].Name)
				}
			}
			for i := range want {
				cells, err := r.Next()
				if err != nil {
					t.Fatalf("%s: row %d: %v", f, i, err)
				}
				if line := show(t, cells); line != want[i] {
					t.Errorf("%s: row %d is\n%s\nwant\n%s", f, i, line, want[i])
				}
			}
			if _, err := r.Next(); !errors.Is(err, io.EOF) {
				t.Errorf("%s: after the last row comes %v", f, err)
			}
		}
	}
}

// show joins cells and makes sure that null is not an empty text.
func show(t *testing.T, cells []focus.Cell) string {
	t.Helper()
	var line []string
	for _, c := range cells {
		if (c.Kind == focus.Null) != (c.Text == "") {
			t.Errorf("an empty text that is not null: %+v", c)
		}
		line = append(line, c.Text)
	}
	return strings.Join(line, "|")
}

// The columns of FOCUS 1.3 that every dataset must have, and their order.
func TestColumns(t *testing.T) {
	t.Parallel()
	var names []string
	for _, c := range focus.Written() {
		names = append(names, c.Name)
	}
	for _, name := range strings.Fields(`BilledCost BillingAccountId BillingAccountName BillingCurrency BillingPeriodEnd BillingPeriodStart
		ChargeCategory ChargeClass ChargeDescription ChargePeriodEnd ChargePeriodStart ContractedCost EffectiveCost HostProviderName
		InvoiceIssuerName ListCost PricingQuantity PricingUnit ProviderName PublisherName ServiceCategory ServiceName ServiceProviderName`) {
		if !slices.Contains(names, name) {
			t.Errorf("the mandatory column %s is not written", name)
		}
	}
	if !slices.IsSorted(names) {
		t.Errorf("the columns are not in order: %v", names)
	}
	all := map[string]bool{}
	for _, c := range focus.Columns() {
		if all[c.Name] {
			t.Errorf("column %s is there twice", c.Name)
		}
		all[c.Name] = true
	}
	if got := len(all); got != 65+7 {
		t.Errorf("%d columns, want the 65 of FOCUS 1.3 and 7 of ours", got)
	}
}

func TestUsageRow(t *testing.T) {
	t.Parallel()
	first := rows(t, focus.Consolidated)[0]
	text, err := focus.AppendJSON(nil, focus.Written(), &first)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"BilledCost":16.2,"BillingAccountId":"0b","BillingAccountName":"Root","BillingAccountType":"Organization","BillingCurrency":"USD",` +
		`"BillingPeriodEnd":"2026-11-30T00:00:00Z","BillingPeriodStart":"2026-10-31T00:00:00Z","ChargeCategory":"Usage","ChargeClass":null,` +
		`"ChargeDescription":"Workers Standard Requests - daily usage","ChargeFrequency":"Usage-Based","ChargePeriodEnd":"2026-11-01T00:00:00Z",` +
		`"ChargePeriodStart":"2026-10-31T00:00:00Z","ConsumedQuantity":70000000.000000001,"ConsumedUnit":"Requests","ContractedCost":16.2,` +
		`"ContractedUnitPrice":0.27,"EffectiveCost":16.2,"HostProviderName":"Example","InvoiceId":"inv-1","InvoiceIssuerName":"Example","ListCost":18,` +
		`"ListUnitPrice":0.3,"PricingCategory":"Standard","PricingQuantity":60,"PricingUnit":"1000000 Requests","ProviderName":"Example",` +
		`"PublisherName":"Example","RegionId":"eeur","RegionName":"eeur","ResourceId":"z1","ResourceName":"example.com","ResourceType":"Zone",` +
		`"ServiceCategory":"Compute","ServiceName":"Workers","ServiceProviderName":"Example","ServiceSubcategory":"Serverless Compute",` +
		`"SkuId":"workers_standard_requests","SkuMeter":"Workers Standard Requests","SkuPriceDetails":null,"SkuPriceId":"workers_standard_requests-1-tier-1",` +
		`"SubAccountId":"0a","SubAccountName":"","SubAccountType":"Account","Tags":"{\"orgd:env\":\"b\",\"orgd:team\":\"a\"}",` +
		`"x_BillableMetricId":"workers_standard_requests","x_BillableMetricName":"Workers Standard Requests","x_ProductCategoryName":"Developer",` +
		`"x_ProductFamilyId":"workers","x_ProductFamilyName":"Workers","x_ZoneId":"z1","x_ZoneName":"example.com"}`
	var got, wanted map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if err := json.Unmarshal([]byte(want), &wanted); err != nil {
		t.Fatal(err)
	}
	wanted["SubAccountName"] = "Größe, \"quoted\"\nand <b>"
	for k, w := range wanted {
		if fmt.Sprint(got[k]) != fmt.Sprint(w) {
			t.Errorf("%s is %v, want %v", k, got[k], w)
		}
	}
	if len(got) != len(wanted) || !bytes.Contains(text, []byte(`"ConsumedQuantity":70000000.000000001,`)) {
		t.Errorf("the row is %s", text)
	}
}

// Parquet cuts nothing off: what does not fit is an error.
func TestParquetRefusesToRound(t *testing.T) {
	t.Parallel()
	for _, amount := range []string{"0.0000000000000000001", "100000000000000000000", "-100000000000000000000"} {
		w, err := focus.NewWriter(focus.Parquet, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		r := rows(t, focus.Cloudflare)[0]
		r.ListCost = dec(amount)
		if err := w.Write(&r); err == nil || !strings.HasPrefix(err.Error(), "write ListCost: "+amount+" has more than") {
			t.Errorf("%s: %v", amount, err)
		}
	}
	r := rows(t, focus.Cloudflare)[0]
	r.ListCost, r.BilledCost = dec("99999999999999999999.999999999999999999"), dec("-99999999999999999999.999999999999999999")
	file, _, err := focus.Open(bytes.NewReader(write(t, focus.Parquet, []focus.Row{r})))
	if err != nil {
		t.Fatal(err)
	}
	cells, err := file.Next()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]usage.Decimal{"ListCost": r.ListCost, "BilledCost": r.BilledCost} {
		if got := cells[slices.Index(file.Columns(), name)].Text; got != want.String() {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

// A writer that fails says so, and does not write a file that looks whole.
func TestWriterFails(t *testing.T) {
	t.Parallel()
	all := rows(t, focus.Cloudflare)
	for _, f := range formats() {
		w, err := focus.NewWriter(f, fullDisk{})
		for i := 0; err == nil && i < 100000; i++ {
			err = w.Write(&all[i%len(all)])
		}
		if err == nil {
			err = w.Close()
		}
		if !errors.Is(err, errFull) {
			t.Errorf("%s: %v", f, err)
		}
	}
	if _, err := focus.NewWriter("xml", io.Discard); err == nil || err.Error() != `"xml" is none of the formats csv, jsonl, parquet` {
		t.Errorf("a format that there is not: %v", err)
	}
}

var errFull = errors.New("no space left")

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	good := write(t, focus.Parquet, rows(t, focus.Cloudflare))
	broken := slices.Clone(good)
	for i := 200; i < len(broken)-200; i += 7 {
		broken[i] ^= 0x5a
	}
	for _, tt := range []struct{ name, file, want string }{
		{"empty", "", "the file is empty"},
		{"a JSON file of no object", "{", "row 1: is not valid JSON"},
		{"a key twice", `{"a":1,"a":2}`, "row 1: a is there twice"},
		{"two objects on a line", `{"a":1}{"a":2}`, "row 1: has more than one object"},
		{"another key", "{\"a\":1}\n{\"b\":1}", "row 2: b is not a column of the first row"},
		{"a key twice, later", "{\"a\":1}\n{\"a\":1,\"a\":1}", "row 2: a is there twice"},
		{"text after rows", "{\"a\":1}\nx", "row 2: is not a JSON object"},
		{"a ragged row", "a,b\n1\n", "row 1: record on line 2: wrong number of fields"},
		{"an open quote", "a,b\n\"1,2\n", "row 1: parse error on line 2, column 6: extraneous or missing \" in quoted-field"},
		{"a footer cut off", string(good[:len(good)-9]), "read the footer: "},
		{"only the mark", "PAR1", "read the footer: "},
		{"a damaged file", string(broken), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, _, err := focus.Open(strings.NewReader(tt.file))
			for err == nil {
				_, err = r.Next()
			}
			if errors.Is(err, io.EOF) || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	first := usage.DateOf(2026, time.October, 1)
	m := focus.Describe("Example", first, first+31, first+20, time.Date(2026, 10, 21, 3, 4, 5, 6, time.UTC))
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"DataGenerator":{"DataGenerator":"Example"}`, `"FocusVersion":"1.3"`, `{"ColumnName":"BilledCost","DataType":"DECIMAL","NumericPrecision":38,"NumberScale":18}`,
		`{"ColumnName":"ProviderName","DataType":"STRING","Deprecated":true,"StringEncoding":"UTF-8"}`, `{"ColumnName":"Tags","DataType":"JSON","StringEncoding":"UTF-8","ProviderTagPrefixes":["orgd:"]}`,
		`"RecencyLastUpdated":"2026-10-21T03:04:05Z"`,
		`{"TimeSectorStart":"2026-10-01T00:00:00Z","TimeSectorEnd":"2026-10-21T00:00:00Z","TimeSectorComplete":true,"TimeSectorLastUpdated":"2026-10-21T03:04:05Z"}`,
		`{"TimeSectorStart":"2026-10-21T00:00:00Z","TimeSectorEnd":"2026-11-01T00:00:00Z","TimeSectorComplete":false,"TimeSectorLastUpdated":"2026-10-21T03:04:05Z"}`,
	} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("%s is not in %s", want, text)
		}
	}
	if all := focus.Describe("Example", first, first+31, first+400, time.Time{}).Recency.TimeSectors; len(all) != 1 || !all[0].TimeSectorComplete {
		t.Errorf("everything is complete, and the sectors are %+v", all)
	}
}

// A damaged Parquet file is an error or other values, never a panic.
func TestDamagedParquet(t *testing.T) {
	t.Parallel()
	good := write(t, focus.Parquet, rows(t, focus.Cloudflare)[:2])
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		file := slices.Clone(good)
		for range 1 + random.IntN(8) {
			file[random.IntN(len(file))] = byte(random.IntN(256))
		}
		readAll(t, file)
	}
}

func readAll(t *testing.T, file []byte) {
	t.Helper()
	r, _, err := focus.Open(bytes.NewReader(file))
	for i := 0; err == nil && i < 1000; i++ {
		var cells []focus.Cell
		if cells, err = r.Next(); err == nil && len(cells) != len(r.Columns()) {
			t.Fatalf("%d cells in %d columns", len(cells), len(r.Columns()))
		}
	}
}

// FuzzOpen holds the formats of text; TestDamagedParquet the other one, whose
// sizes can ask for more memory than a fuzzer has.
func FuzzOpen(f *testing.F) {
	all := rows(f, focus.Cloudflare)[:2]
	f.Add(write(f, focus.CSV, all))
	f.Add(write(f, focus.JSONLines, all))
	f.Add([]byte("a,b\n\"x\n"))
	f.Add([]byte("{\"a\":1}\n{\"a\":[}"))
	f.Add([]byte("\xef\xbb\xbfa\r\n1\r\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		if !bytes.HasPrefix(file, []byte("PAR1")) {
			readAll(t, file)
		}
	})
}
