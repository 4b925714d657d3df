package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// usageServer answers with rows of usage, by the first day that is asked for,
// and with the name of an organization.
func usageServer(t *testing.T, answers map[string]string) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") != "Bearer secret":
			w.WriteHeader(http.StatusForbidden)
		case r.URL.Path == "/client/v4/organizations/acme":
			fmt.Fprint(w, `{"success":true,"result":{"id":"acme","name":"Acme"}}`)
		case r.URL.Path == "/orgd/v1/organizations/acme/usage/watermark":
			fmt.Fprint(w, `{"success":true,"result":{"complete_through":"2028-02-09"}}`)
		case r.URL.Path == "/client/v4/organizations/acme/billable/usage":
			fmt.Fprint(w, answers[r.URL.Query().Get("from")+" "+r.URL.Query().Get("to")])
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

// rowOf makes a row of usage. Costs are "list billed currency", or empty.
func rowOf(account, day, metric, consumed, costs string) string {
	row := fmt.Sprintf(`{"BillingAccountId":"%s-id","BillingAccountName":"%s","ChargePeriodStart":"%sT00:00:00Z","ConsumedQuantity":%s,`+
		`"ConsumedUnit":"%s-unit","x_BillableMetricId":"%s","x_BillableMetricName":"%s"`, account, account, day, consumed, metric, metric, strings.ToUpper(metric))
	if f := strings.Fields(costs); len(f) == 3 {
		row += fmt.Sprintf(`,"ListCost":%s,"BilledCost":%s,"BillingCurrency":"%s"`, f[0], f[1], f[2])
	}
	return row + "}"
}

func envelope(rows ...string) string {
	return `{"success":true,"errors":[],"messages":[],"result":[` + strings.Join(rows, ",") + `]}`
}

func TestUsageReport(t *testing.T) {
	t.Parallel()
	// 40 days are asked for in two parts.
	whole := map[string]string{
		"2026-01-20 2026-02-19": envelope(
			rowOf("shop", "2026-01-20", "cpu", "1234567.5", "10.000000000000000001 9 USD"),
			rowOf("shop", "2026-01-20", "disk", "3", ""),
			rowOf("blog", "2026-01-20", "cpu", "0.25", "0.004 0.004 USD"),
			rowOf("shop", "2026-01-21", "cpu", "2000000.25", "1234.5 1000 USD"),
			rowOf("bank", "2026-01-21", "disk", "12", "2 2 EUR"),
		),
		"2026-02-20 2026-02-28": envelope(
			rowOf("shop", "2026-01-21", "cpu", "-100.75", "-4.5 -4 USD"), // a correction
			rowOf("blog", "2026-02-28", "disk", "7", "0 0 USD"),
		),
	}
	for _, test := range []struct {
		name  string
		flags reportFlags
		want  string
	}{
		{"by metric", reportFlags{by: []string{"metric"}}, `Usage of Acme, 20 January to 28 February 2026

METRIC   CONSUMED  UNIT       AT LIST PRICE      COST
CPU     3,234,467  cpu-unit        1,240.00  1,005.00  USD
DISK            7  disk-unit           0.00      0.00  USD
               12  disk-unit           2.00      2.00  EUR
                3  disk-unit                 no price
──────────────────────────────────────────────────────────
Total                                  2.00      2.00  EUR
                                   1,240.00  1,005.00  USD

What has no price is on no bill.
`},
		{"by account", reportFlags{by: []string{"account"}}, `Usage of Acme, 20 January to 28 February 2026

ACCOUNT  AT LIST PRICE      COST
shop          1,240.00  1,005.00  USD
bank              2.00      2.00  EUR
blog             <0.01     <0.01  USD
─────────────────────────────────────
Total             2.00      2.00  EUR
              1,240.00  1,005.00  USD

Some of it has no price and is on no bill: --by metric shows what.
`},
		{"by account and day as CSV", reportFlags{by: []string{"account", "day"}, asCSV: true}, `account_id,account_name,day,consumed,unit,list_cost,cost,currency
shop-id,shop,2026-01-20,1234567.5,cpu-unit,10.000000000000000001,9,USD
shop-id,shop,2026-01-20,3,disk-unit,,,
shop-id,shop,2026-01-21,1999899.5,cpu-unit,1230,996,USD
bank-id,bank,2026-01-21,12,disk-unit,2,2,EUR
blog-id,blog,2026-01-20,0.25,cpu-unit,0.004,0.004,USD
blog-id,blog,2026-02-28,7,disk-unit,0,0,USD
`},
		{"by day as JSON", reportFlags{by: []string{"day"}, asJSON: true}, `{"organization_id":"acme","from":"2026-01-20","to":"2026-02-28","complete_through":"2028-02-09","rows":[` +
			`{"day":"2026-01-20","consumed":1234567.75,"unit":"cpu-unit","list_cost":10.004000000000000001,"cost":9.004,"currency":"USD"},` +
			`{"day":"2026-01-20","consumed":3,"unit":"disk-unit","list_cost":null,"cost":null,"currency":null},` +
			`{"day":"2026-01-21","consumed":1999899.5,"unit":"cpu-unit","list_cost":1230,"cost":996,"currency":"USD"},` +
			`{"day":"2026-01-21","consumed":12,"unit":"disk-unit","list_cost":2,"cost":2,"currency":"EUR"},` +
			`{"day":"2026-02-28","consumed":7,"unit":"disk-unit","list_cost":0,"cost":0,"currency":"USD"}],` +
			`"totals":[{"currency":"EUR","list_cost":2,"cost":2},{"currency":"USD","list_cost":1240.004000000000000001,"cost":1005.004}]}` + "\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := test.flags
			f.remote = remote{url: usageServer(t, whole).URL + "/client/v4/", token: "secret"}
			f.organization, f.from, f.to = "acme", "2026-01-20", "2026-02-28"
			var out bytes.Buffer
			if err := f.run(t.Context(), &out, time.Time{}); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, out.String()); diff != "" {
				t.Errorf("the report (-want +got):\n%s", diff)
			}
		})
	}
}

// TestUsageReportOfThisMonth wants the days of this month when none are named.
func TestUsageReportOfThisMonth(t *testing.T) {
	t.Parallel()
	s := usageServer(t, map[string]string{"2028-02-01 2028-02-29": envelope(rowOf("shop", "2028-02-03", "cpu", "1", "1 1 USD"), rowOf("blog", "2028-02-03", "cpu", "1", "3 3 USD"))})
	f := reportFlags{remote: remote{url: s.URL, token: "secret"}, organization: "acme", by: []string{"account"}}
	var out bytes.Buffer
	if err := f.run(t.Context(), &out, time.Date(2028, 2, 29, 23, 59, 0, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
	want := `Usage of Acme, 1 to 29 February 2028

ACCOUNT  CONSUMED  UNIT      COST
blog            1  cpu-unit  3.00  USD  ████████████████
shop            1  cpu-unit  1.00  USD  █████▍
──────────────────────────────────────
Total                        4.00  USD

Complete up to 9 February 2028. Later days may still grow.
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("the report (-want +got):\n%s", diff)
	}
}

// TestUsageReportIsWhole wants no report of an answer that is not all there.
func TestUsageReportIsWhole(t *testing.T) {
	t.Parallel()
	row := rowOf("shop", "2026-01-01", "cpu", "1", "1 1 USD")
	for _, test := range []struct{ name, answer, want string }{
		{"after a row", strings.TrimSuffix(envelope(row), "]}"), "the answer was cut off"},
		{"after the list", strings.TrimSuffix(envelope(row), "}"), "the answer was cut off"},
		{"in a row", strings.TrimSuffix(envelope(row), `"}]}`), "the answer was cut off"},
		{"at the start", "", "the answer was cut off"},
		{"no list", `{"success":true,"result":{}}`, "the answer has no list of usage"},
		{"another thing", `<html>`, "the answer was cut off"},
		{"no number", strings.Replace(envelope(row), `"ListCost":1`, `"ListCost":"much"`, 1), "the answer was cut off"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := usageServer(t, map[string]string{"2026-01-01 2026-01-01": test.answer})
			f := reportFlags{remote: remote{url: s.URL, token: "secret"}, organization: "acme", by: []string{"day"}, from: "2026-01-01", to: "2026-01-01"}
			var out bytes.Buffer
			err := f.run(t.Context(), &out, time.Time{})
			if err == nil || !strings.Contains(err.Error(), "read the usage from 2026-01-01 to 2026-01-01: ") || !strings.Contains(err.Error(), test.want) || out.Len() > 0 {
				t.Errorf("got %v and %q, want %q and nothing", err, out.String(), test.want)
			}
		})
	}
}
