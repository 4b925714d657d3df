package gosdk_test

import (
	"net/http"
	"reflect"
	"testing"
	"time"

	cloudflare "github.com/cloudflare/cloudflare-go/v7"
	"github.com/cloudflare/cloudflare-go/v7/accounts"
	"github.com/cloudflare/cloudflare-go/v7/billing"
	"github.com/cloudflare/cloudflare-go/v7/organizations"

	"github.com/orgd/orgd/compat/live"
)

// usagePrices is a price list with one metric; the clients of all suites load
// the same.
const usagePrices = `catalogue:
  version: compat-1
  metrics:
    - id: compat_requests
      name: Compat Requests
      unit: Requests
      aggregation: sum
      family: {id: compat, name: Compat}
      category: Developer
      service: {name: Compat, category: Compute, subcategory: Serverless Compute}
price_books:
  - id: compat-1
    currency: USD
    prices:
      - {metric: compat_requests, sku: compat-1, unit: 1000 Requests, per: 1000, included: 1, list: 0.50, contracted: 0.25}
`

// usage pushes an event, prices it, and wants every column that it makes.
func (s *suite) usage(t *testing.T) {
	c, ctx := s.client(t), t.Context()
	root := s.newRoot(t, c, "Usage "+live.Unique())
	account, err := c.Accounts.New(ctx, accounts.AccountNewParams{
		Name: cloudflare.F("Shop " + live.Unique()), Unit: cloudflare.F(accounts.AccountNewParamsUnit{ID: cloudflare.F(root.ID)}),
	})
	must(t, err)
	day := time.Now().UTC().Truncate(24 * time.Hour).Add(-24 * time.Hour)
	must(t, s.server.Call(ctx, "POST", "/usage/price_lists", map[string]string{"yaml": usagePrices}, nil))
	must(t, s.server.Call(ctx, "PUT", "/organizations/"+root.ID+"/price_book", map[string]string{"book_id": "compat-1", "start": "2020-01-01"}, nil))
	must(t, s.server.Call(ctx, "POST", "/usage/events", map[string]any{
		"specversion": "1.0", "id": live.Unique(), "source": "/compat/go", "type": "usage", "time": day.Add(time.Hour),
		"data": map[string]any{
			"account_id": account.ID, "metric": "compat_requests", "quantity": "3000",
			"zone": map[string]string{"id": "z1", "name": "example.com"}, "region": map[string]string{"id": "eeur", "name": "Eastern Europe"},
		},
	}, nil))

	found, err := c.Organizations.Billing.Usage.Get(ctx, root.ID, organizations.BillingUsageGetParams{From: cloudflare.F(day), To: cloudflare.F(day), Metric: cloudflare.F("compat_requests")})
	must(t, err)
	equal(t, "rows", len(*found), 1)
	month := time.Date(day.Year(), day.Month(), 1, 0, 0, 0, 0, time.UTC)
	want := map[string]any{
		"BillingAccountId": account.ID, "BillingAccountName": account.Name, "SubAccountId": "", "SubAccountName": "",
		"ChargeCategory": "Usage", "ChargeClass": "", "ChargeDescription": "Compat Requests - daily usage", "ChargeFrequency": "Usage-Based",
		"ConsumedQuantity": 3000.0, "ConsumedUnit": "Requests", "PricingQuantity": 2.0, "PricingUnit": "1000 Requests",
		"BilledCost": 0.5, "ContractedCost": 0.5, "EffectiveCost": 0.5, "ListCost": 1.0, "ListUnitPrice": 0.5, "ContractedUnitPrice": 0.25,
		"BillingCurrency": "USD", "HostProviderName": "orgd", "InvoiceIssuerName": "orgd", "ServiceProviderName": "orgd",
		"RegionId": "eeur", "RegionName": "Eastern Europe", "x_ZoneId": "z1", "x_ZoneName": "example.com",
		"x_BillableMetricId": "compat_requests", "x_BillableMetricName": "Compat Requests",
		"x_ProductCategoryName": "Developer", "x_ProductFamilyId": "compat", "x_ProductFamilyName": "Compat",
		"ChargePeriodStart": day, "ChargePeriodEnd": day.Add(24 * time.Hour), "BillingPeriodStart": month, "BillingPeriodEnd": month.AddDate(0, 1, 0),
	}
	equalColumns(t, "columns of the organization", (*found)[0], want)

	of, err := c.Billing.Usage.GetAccountUsageV2(ctx, billing.UsageGetAccountUsageV2Params{AccountID: cloudflare.F(account.ID), From: cloudflare.F(day), To: cloudflare.F(day)})
	must(t, err)
	equal(t, "rows of the account", len(*of), 1)
	equalColumns(t, "columns of the account", (*of)[0], want)
	old, err := c.Billing.Usage.Get(ctx, billing.UsageGetParams{AccountID: cloudflare.F(account.ID), From: cloudflare.F(day), To: cloudflare.F(day)})
	must(t, err)
	equal(t, "rows by the old name", len(*old), 1)
	equalColumns(t, "columns by the old name", (*old)[0], want)
	s.billing(t, account.ID, account.Name, day)

	_, err = c.Organizations.Billing.Usage.Get(ctx, root.ID, organizations.BillingUsageGetParams{From: cloudflare.F(day)})
	fails(t, err, failure{status: http.StatusBadRequest, code: 1001, pointer: "to"})
	_, err = c.Organizations.Billing.Usage.Get(ctx, "0190000000007000800000000000dead", organizations.BillingUsageGetParams{})
	notFound(t, "organization", err)
}

// equalColumns compares every column that the SDK has in a row, by its name in
// JSON, so that none can be left out.
func equalColumns(t *testing.T, what string, row any, want map[string]any) {
	t.Helper()
	v, found := reflect.ValueOf(row), 0
	for i := range v.NumField() {
		name := v.Type().Field(i).Tag.Get("json")
		if name == "-" {
			continue
		}
		found++
		got := v.Field(i).Interface()
		if at, ok := got.(time.Time); ok {
			got = at.UTC()
		} else if v.Field(i).Kind() == reflect.String {
			got = v.Field(i).String()
		}
		if got != want[name] {
			t.Errorf("%s: %s: got %v, want %v", what, name, got, want[name])
		}
	}
	equal(t, what, found, len(want))
}
