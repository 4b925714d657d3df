package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"
	"github.com/spf13/cobra"
)

// reportFlags say what to report, and how.
type reportFlags struct {
	remote
	organization, account, metric string
	from, to                      string
	by                            []string
	asJSON, asCSV                 bool
}

func newUsageReport() *cobra.Command {
	var f reportFlags
	cmd := &cobra.Command{
		Use: "report (--organization ID | --account ID)", Short: "Show what was used and what it costs",
		Long: `Show what was used and what it costs, as a server tells it: the usage of an
organization with all below it, or of an account, by default of this month.
Every amount is summed exactly; the table rounds what it shows, --json and --csv
do not.`,
		Example: `  orgd usage report --organization $ORGANIZATION_ID
  orgd usage report --organization $ORGANIZATION_ID --by account,metric --from 2026-01-01 --to 2026-03-31
  orgd usage report --account $ACCOUNT_ID --by day --metric r2_storage --csv`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.run(cmd.Context(), cmd.OutOrStdout(), time.Now().UTC())
		},
	}
	fs := cmd.Flags()
	f.remote.addFlags(fs, " (or CLOUDFLARE_BASE_URL)")
	fs.StringVar(&f.organization, "organization", "", "id of the organization")
	fs.StringVar(&f.account, "account", "", "id of the account")
	fs.StringSliceVar(&f.by, "by", []string{"metric"}, "one row for each of these together: "+strings.Join(dimensionNames(), ", "))
	fs.StringVar(&f.metric, "metric", "", "this metric only, by its id")
	fs.StringVar(&f.from, "from", "", "first day, such as 2026-01-01; by default the first of this month")
	fs.StringVar(&f.to, "to", "", "last day; by default today")
	fs.BoolVar(&f.asJSON, "json", false, "print JSON")
	fs.BoolVar(&f.asCSV, "csv", false, "print CSV")
	return cmd
}

func (f *reportFlags) run(ctx context.Context, out io.Writer, now time.Time) error {
	r, err := f.report(now)
	if err != nil {
		return err
	}
	if err := f.read(ctx, r); err != nil {
		return err
	}
	r.sort()
	f.findWatermark(ctx, r)
	switch {
	case f.asJSON:
		return r.printJSON(out)
	case f.asCSV:
		return r.printCSV(out)
	}
	f.findName(ctx, r)
	return r.print(out)
}

// report returns a report without rows.
func (f *reportFlags) report(now time.Time) (*report, error) {
	if (f.organization == "") == (f.account == "") {
		return nil, usage(errors.New("usage report takes one of --organization and --account"))
	}
	if f.asJSON && f.asCSV {
		return nil, usage(errors.New("--json and --csv exclude each other"))
	}
	if err := f.fromEnvironment(); err != nil {
		return nil, err
	}
	today := now.Truncate(24 * time.Hour)
	r := &report{organization: f.organization, account: f.account, from: today.AddDate(0, 0, 1-today.Day()), to: today}
	for _, day := range []struct {
		flag, text string
		to         *time.Time
	}{{"--from", f.from, &r.from}, {"--to", f.to, &r.to}} {
		if day.text == "" {
			continue
		}
		at, err := time.Parse(time.DateOnly, day.text)
		if err != nil {
			return nil, usage(fmt.Errorf("%s %q is not a day such as 2026-01-31", day.flag, day.text))
		}
		*day.to = at
	}
	if r.to.Before(r.from) {
		return nil, usage(fmt.Errorf("the last day, %s, is earlier than the first, %s", r.to.Format(time.DateOnly), r.from.Format(time.DateOnly)))
	}
	for _, name := range f.by {
		d, ok := dimensionOf(name)
		if !ok {
			return nil, usage(fmt.Errorf("--by %q is none of %s", name, strings.Join(dimensionNames(), ", ")))
		}
		if slices.ContainsFunc(r.by, func(x dimension) bool { return x.name == name }) {
			return nil, usage(fmt.Errorf("--by has %s twice", name))
		}
		r.by = append(r.by, d)
	}
	return r, nil
}

// maxDays is how many days a server tells about at once.
const maxDays = 31

// read adds the usage of all days, a month at a time.
func (f *reportFlags) read(ctx context.Context, r *report) error {
	for from := r.from; !from.After(r.to); from = from.AddDate(0, 0, maxDays) {
		to := from.AddDate(0, 0, maxDays-1)
		if to.After(r.to) {
			to = r.to
		}
		query := url.Values{"from": {from.Format(time.DateOnly)}, "to": {to.Format(time.DateOnly)}}
		if f.metric != "" {
			query.Set("metric", f.metric)
		}
		target, err := f.target("client/v4/"+f.path()+"/billable/usage", query)
		if err != nil {
			return err
		}
		resp, err := f.ask(ctx, http.MethodGet, target, nil)
		if err != nil {
			return err
		}
		err = errors.Join(eachUsageRow(resp.Body, r.add), resp.Body.Close())
		if err != nil {
			return fmt.Errorf("read the usage from %s to %s: %w", from.Format(time.DateOnly), to.Format(time.DateOnly), err)
		}
	}
	return nil
}

// findName looks up whom the report is about. Who may see bills may not see
// that, and then reads the identifier.
func (f *reportFlags) findName(ctx context.Context, r *report) {
	r.name = cmp.Or(f.account, f.organization)
	var found struct{ Name string }
	if f.call(ctx, http.MethodGet, "client/v4/"+f.path(), nil, nil, &found) == nil && found.Name != "" {
		r.name = found.Name
	}
}

// findWatermark looks up how far usage is complete. A server that does not say
// so may still have all of it.
func (f *reportFlags) findWatermark(ctx context.Context, r *report) {
	var found struct {
		Through string `json:"complete_through"`
	}
	if f.call(ctx, http.MethodGet, "orgd/v1/"+f.path()+"/usage/watermark", nil, nil, &found) == nil {
		r.complete = found.Through
	}
}

// path returns the path of whom the report is about.
func (f *reportFlags) path() string {
	if f.account != "" {
		return "accounts/" + url.PathEscape(f.account)
	}
	return "organizations/" + url.PathEscape(f.organization)
}

// usageRow is a row of usage, as far as a report needs it. What has no price
// has no costs.
type usageRow struct {
	AccountID    string           `json:"BillingAccountId"`
	AccountName  string           `json:"BillingAccountName"`
	Day          time.Time        `json:"ChargePeriodStart"`
	Period       time.Time        `json:"BillingPeriodStart"`
	MetricID     string           `json:"x_BillableMetricId"`
	MetricName   string           `json:"x_BillableMetricName"`
	FamilyID     string           `json:"x_ProductFamilyId"`
	FamilyName   string           `json:"x_ProductFamilyName"`
	ZoneID       string           `json:"x_ZoneId"`
	ZoneName     string           `json:"x_ZoneName"`
	RegionID     string           `json:"RegionId"`
	RegionName   string           `json:"RegionName"`
	Consumed     decimal.Decimal  `json:"ConsumedQuantity"`
	ConsumedUnit string           `json:"ConsumedUnit"`
	ListCost     *decimal.Decimal `json:"ListCost"`
	BilledCost   *decimal.Decimal `json:"BilledCost"`
	Currency     string           `json:"BillingCurrency"`
}

var errCutOff = errors.New("the answer was cut off")

// eachUsageRow calls each for the rows of an answer while it arrives. An answer
// that does not end as it should is an error.
func eachUsageRow(body io.Reader, each func(*usageRow)) error {
	dec := json.NewDecoder(body)
	for {
		t, err := dec.Token()
		if err != nil {
			return errors.Join(errCutOff, err)
		}
		if t == "result" {
			break
		}
	}
	if t, err := dec.Token(); err != nil || t != json.Delim('[') {
		return errors.New("the answer has no list of usage")
	}
	for dec.More() {
		var row usageRow
		if err := dec.Decode(&row); err != nil {
			return fmt.Errorf("%w: %w", errCutOff, err)
		}
		each(&row)
	}
	for _, end := range []json.Delim{']', '}'} {
		if t, err := dec.Token(); err != nil || t != end {
			return errCutOff
		}
	}
	return nil
}
