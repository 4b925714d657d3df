package focuscheck_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/orgd/orgd/internal/usage/focus"
	"github.com/orgd/orgd/internal/usage/focuscheck"
)

// What only should be is reported, and makes no file invalid.
func TestWarnings(t *testing.T) {
	t.Parallel()
	for _, c := range []broken{
		with("ConsumedUnit-C-003-O", usageRow, "ConsumedUnit", "Milliseconds"),
		with("PricingUnit-C-003-O", usageRow, "PricingUnit", "1.5 Requests"),
		with("ChargeDescription-C-003-O", usageRow, "ChargeDescription", ""),
		with("SkuMeter-C-005-C", usageRow, "SkuMeter", ""),
		with("ServiceName-C-008-C", storageRow, "ServiceSubcategory", "File Storage"),
		inCSV("CostAndUsage-D-033-O", func(b *table) { b.drop("InvoiceId") }),
		inCSV("CostAndUsage-D-027-O", func(b *table) { b.drop("ChargeFrequency") }),
		inCSV("CostAndUsage-D-042-O", func(b *table) { b.drop("ServiceSubcategory") }),
		inCSV("ColumnHandling-A-005-O", func(b *table) { b.add("x_" + strings.Repeat("Long", 13)) }),
		inCSV("ColumnHandling-A-011-O", func(b *table) { b.add("x_team") }),
		inCSV("ColumnHandling-A-013-O", func(b *table) { b.add("AvailabilityZone") }),
	} {
		if c.rule == "ServiceName-C-008-C" {
			c.change = func(b *table) {
				b.set(correctionRow, "ServiceSubcategory", "File Storage")
			}
		}
		report := check(t, c.file(t), focuscheck.Options{})
		if got := failed(report, focuscheck.Must); got != "" {
			t.Errorf("%s: breaks %s", c.rule, got)
		}
		var ids []string
		for _, f := range report.Failed(focuscheck.Should) {
			ids = append(ids, f.ID)
		}
		if got := strings.Join(ids, " "); got != c.rule {
			t.Errorf("should be otherwise: %s, want %s", got, c.rule)
		}
	}
}

func TestUnits(t *testing.T) {
	t.Parallel()
	for unit, good := range map[string]bool{
		"GB": true, "Seconds": true, "GB-Hours": true, "MB-Days": true, "GB/Hour": true, "PB/Day": true, "1000 Tokens": true, "Units/3 Months": true,
		"GiB-Seconds": true, "vCPU-Seconds": true, "Requests": true, "1000000 Requests": true, "GB-Months": true, "Requests/Day": true,
		"gb": false, "GBs": true, "gigabyte-seconds": false, "Gigabytes": false, "Milliseconds": false, "GB-Hour": false, "GB/Hours": false,
		"1.5 Requests": false, "requests": false, "Requests per Day": true, "": false, "GB-": false, "/Day": false, "-Days": false, "Units/x Months": false,
	} {
		report := check(t, fileOf(t, with("", usageRow, "ConsumedUnit", unit)), focuscheck.Options{})
		got := true
		for _, f := range report.Results {
			if strings.HasPrefix(f.ID, "ConsumedUnit-") && f.Violations > 0 {
				got = false
			}
		}
		if got != good {
			t.Errorf("%q is a unit: %v, want %v", unit, got, good)
		}
	}
}

func TestOptionsRefused(t *testing.T) {
	t.Parallel()
	for want, o := range map[string]focuscheck.Options{
		"there are no rules for FOCUS 1.1, only for 1.2 and 1.3":    {Version: "1.1"},
		`"EVERYTHING" is none of the capabilities that FOCUS names`: {Supports: []string{"EVERYTHING"}},
	} {
		r, _, err := focus.Open(bytes.NewReader(encode(t, focus.CSV)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := focuscheck.Check(r, o); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// What a provider supports makes columns mandatory.
func TestSupports(t *testing.T) {
	t.Parallel()
	file := inCSV("", func(b *table) { b.drop("RegionId"); b.drop("RegionName") })
	if got := failed(check(t, file.file(t), focuscheck.Options{}), focuscheck.Must); got != "" {
		t.Errorf("without regions, it breaks %s", got)
	}
	report := check(t, file.file(t), focuscheck.Options{Supports: []string{"REGION_SUPPORTED"}})
	if got := failed(report, focuscheck.Must); got != "CostAndUsage-D-063-C (row 0, RegionId : ); CostAndUsage-D-062-C (row 0, RegionName : )" {
		t.Errorf("with regions, it breaks %s", got)
	}
	if len(focuscheck.AllCriteria()) < 15 {
		t.Errorf("the capabilities are %v", focuscheck.AllCriteria())
	}
}

// manyRows is a file of one row, many times over.
type manyRows struct {
	focus.Reader
	row  []focus.Cell
	left int
}

func (m *manyRows) Next() ([]focus.Cell, error) {
	if m.left == 0 {
		return nil, io.EOF
	}
	m.left--
	return m.row, nil
}

// Violations are counted, a few are kept, long values are cut.
func TestExamples(t *testing.T) {
	t.Parallel()
	file := with("", usageRow, "BillingCurrency", "", "ListCost", "1"+strings.Repeat(",000", 40))
	r, _, err := focus.Open(bytes.NewReader(file.file(t)))
	if err != nil {
		t.Fatal(err)
	}
	row, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	report, err := focuscheck.Check(&manyRows{r, row, 1000}, focuscheck.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range report.Failed(focuscheck.Must) {
		got = append(got, fmt.Sprint(f.ID, f.Violations, len(f.Examples), f.Examples[2].Row, len(f.Examples[0].Value)))
	}
	if want := "BillingCurrency-C-004-M1000 3 3 0 ListCost-C-002-M1000 3 3 83"; strings.Join(got, " ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A file that ends in the middle is not called good.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	whole := encode(t, focus.CSV)
	r, _, err := focus.Open(bytes.NewReader(whole[:len(whole)-300]))
	if err != nil {
		t.Fatal(err)
	}
	_, err = focuscheck.Check(r, focuscheck.Options{})
	if _, ok := errors.AsType[*focus.LineError](err); !ok {
		t.Errorf("got %v, want an error of a row", err)
	}
}

func fileOf(t *testing.T, c broken) []byte {
	t.Helper()
	return c.file(t)
}
