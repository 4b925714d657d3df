package gosdk_test

import (
	"net/http"
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
	r := (*found)[0]
	for what, pair := range map[string][2]any{
		"BillingAccountId": {r.BillingAccountID, account.ID}, "BillingAccountName": {r.BillingAccountName, account.Name},
		"ChargeCategory": {string(r.ChargeCategory), "Usage"}, "ChargeDescription": {r.ChargeDescription, "Compat Requests - daily usage"},
		"ChargeFrequency": {string(r.ChargeFrequency), "Usage-Based"}, "ConsumedQuantity": {r.ConsumedQuantity, 3000.0}, "ConsumedUnit": {r.ConsumedUnit, "Requests"},
		"HostProviderName": {r.HostProviderName, "orgd"}, "InvoiceIssuerName": {r.InvoiceIssuerName, "orgd"}, "ServiceProviderName": {r.ServiceProviderName, "orgd"},
		"x_BillableMetricId": {r.XBillableMetricID, "compat_requests"}, "x_BillableMetricName": {r.XBillableMetricName, "Compat Requests"},
		"BilledCost": {r.BilledCost, 0.5}, "ContractedCost": {r.ContractedCost, 0.5}, "EffectiveCost": {r.EffectiveCost, 0.5}, "ListCost": {r.ListCost, 1.0},
		"ListUnitPrice": {r.ListUnitPrice, 0.5}, "ContractedUnitPrice": {r.ContractedUnitPrice, 0.25}, "PricingQuantity": {r.PricingQuantity, 2.0},
		"PricingUnit": {r.PricingUnit, "1000 Requests"}, "BillingCurrency": {r.BillingCurrency, "USD"}, "RegionId": {r.RegionID, "eeur"}, "RegionName": {r.RegionName, "Eastern Europe"},
		"x_ZoneId": {r.XZoneID, "z1"}, "x_ZoneName": {r.XZoneName, "example.com"}, "x_ProductFamilyName": {r.XProductFamilyName, "Compat"},
		"ChargePeriodStart": {r.ChargePeriodStart.UTC(), day}, "ChargePeriodEnd": {r.ChargePeriodEnd.UTC(), day.Add(24 * time.Hour)},
		"BillingPeriodStart": {r.BillingPeriodStart.UTC(), time.Date(day.Year(), day.Month(), 1, 0, 0, 0, 0, time.UTC)},
		"BillingPeriodEnd":   {r.BillingPeriodEnd.UTC(), time.Date(day.Year(), day.Month()+1, 1, 0, 0, 0, 0, time.UTC)},
	} {
		equal(t, what, pair[0], pair[1])
	}

	of, err := c.Billing.Usage.GetAccountUsageV2(ctx, billing.UsageGetAccountUsageV2Params{AccountID: cloudflare.F(account.ID), From: cloudflare.F(day), To: cloudflare.F(day)})
	must(t, err)
	equal(t, "rows of the account", len(*of), 1)
	equal(t, "what they cost", (*of)[0].BilledCost, 0.5)
	old, err := c.Billing.Usage.Get(ctx, billing.UsageGetParams{AccountID: cloudflare.F(account.ID), From: cloudflare.F(day), To: cloudflare.F(day)})
	must(t, err)
	equal(t, "rows by the old name", len(*old), 1)
	s.billing(t, account.ID, account.Name, day)

	_, err = c.Organizations.Billing.Usage.Get(ctx, root.ID, organizations.BillingUsageGetParams{From: cloudflare.F(day)})
	fails(t, err, failure{status: http.StatusBadRequest, code: 1001, pointer: "to"})
	_, err = c.Organizations.Billing.Usage.Get(ctx, "0190000000007000800000000000dead", organizations.BillingUsageGetParams{})
	notFound(t, "organization", err)
}
