package api

import (
	"context"
	"strings"

	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/usage"
	"github.com/orgd/orgd/internal/usage/focus"
)

// maxUsageDays is how many days of usage one answer has.
//
// Rule: a range has at most 31 days, and from and to come together (the
// official description). To is the last day that is shown.
const maxUsageDays = 31

// provider is who the rows of usage name.
const provider = "orgd"

// usageQuery reads the range: by default this month up to today.
func (q *query) usageQuery(today usage.Day) org.UsageQuery {
	out := q.usageRange(today)
	if out.End-out.From > maxUsageDays {
		q.refuse("to", "makes a range of more than %d days", maxUsageDays)
	}
	if m := q.text("metric"); m != "" {
		out.Metrics = []usage.MetricID{usage.MetricID(m)}
	}
	return out
}

// usageRange reads a range of any length.
func (q *query) usageRange(today usage.Day) org.UsageQuery {
	from, to := q.day("from"), q.day("to")
	out := org.UsageQuery{End: today + 1}
	at := today.Start()
	out.From = usage.DateOf(at.Year(), at.Month(), 1)
	switch {
	case from == nil && to == nil:
	case from == nil:
		q.refuse("from", "is required: from and to come together")
	case to == nil:
		q.refuse("to", "is required: from and to come together")
	case *to < *from:
		q.refuse("to", "is earlier than from")
	default:
		out.From, out.End = *from, *to+1
	}
	return out
}

// day returns a day, nil when it is absent. A time counts as its day.
func (q *query) day(name string) *usage.Day {
	text := q.text(name)
	if text == "" {
		return nil
	}
	date, _, _ := strings.Cut(text, "T")
	d, err := usage.ParseDay(date)
	if err != nil {
		q.refuse(name, "must be a date such as 2026-01-31")
		return nil
	}
	return &d
}

func getOrganizationUsage(ctx context.Context, q *request) (reply, error) {
	window := q.query.usageQuery(usage.DayOf(q.server.Now()))
	if err := q.query.err(); err != nil {
		return reply{}, err
	}
	u, err := q.server.Service.OrganizationUsage(ctx, q.caller, q.organization(), window)
	return usageReply(&u), err
}

func getAccountUsage(ctx context.Context, q *request) (reply, error) {
	window := q.query.usageQuery(usage.DayOf(q.server.Now()))
	if err := q.query.err(); err != nil {
		return reply{}, err
	}
	u, err := q.server.Service.AccountUsage(ctx, q.caller, q.account(), window)
	return usageReply(&u), err
}

// usageReply answers with the rows while they are made.
func usageReply(u *org.Usage) reply {
	return listReply(func(ctx context.Context, write func([]byte) error) error {
		rows := focus.NewEncoder(usageColumns(), focus.Provider{Service: provider, Host: provider, Issuer: provider})
		line := make([]byte, 0, 2048)
		var bill focus.Bill
		return u.Each(ctx, func(row *org.UsageRow) error {
			bill = newBill(row)
			var err error
			if line, err = rows.Append(line[:0], &bill, &row.Charge, row.Correction); err != nil {
				return err
			}
			return write(line)
		})
	})
}

// usageColumns are the columns that the official description has, in its
// order. Those without a value are left out.
func usageColumns() []focus.Column {
	var columns []focus.Column
	names := map[string]bool{}
	for name := range strings.FieldsSeq(`BilledCost BillingAccountId BillingAccountName BillingCurrency BillingPeriodEnd BillingPeriodStart
		ChargeCategory ChargeClass ChargeDescription ChargeFrequency ChargePeriodEnd ChargePeriodStart ConsumedQuantity ConsumedUnit
		ContractedCost ContractedUnitPrice EffectiveCost HostProviderName InvoiceIssuerName ListCost ListUnitPrice PricingQuantity PricingUnit
		RegionId RegionName ServiceProviderName SubAccountId SubAccountName x_BillableMetricId x_BillableMetricName x_ProductCategoryName
		x_ProductFamilyId x_ProductFamilyName x_ZoneId x_ZoneName`) {
		names[name] = true
	}
	for _, c := range focus.Written() {
		if names[c.Name] {
			columns = append(columns, c)
		}
	}
	return columns
}

// newBill returns what a row of usage shares with others of its bill.
func newBill(u *org.UsageRow) focus.Bill {
	return focus.Bill{
		Mapping: focus.Cloudflare, Provider: focus.Provider{Service: provider, Host: provider, Issuer: provider},
		Account: usage.Named{ID: string(u.Account.ID), Name: u.Account.Name},
		Metric:  u.Metric, Book: u.Book, Price: u.Price, Period: u.Period,
	}
}
