package gosdk_test

import (
	"testing"
	"time"

	cloudflare "github.com/cloudflare/cloudflare-go/v7"
	"github.com/cloudflare/cloudflare-go/v7/billing"
)

// billing asks the older way for the usage of the account that s.usage pushed,
// and wants every column.
func (s *suite) billing(t *testing.T, account, name string, day time.Time) {
	c, ctx := s.client(t), t.Context()
	month := time.Date(day.Year(), day.Month(), 1, 0, 0, 0, 0, time.UTC)
	rows, err := c.Billing.Usage.GetAccountUsageV1(ctx, billing.UsageGetAccountUsageV1Params{AccountID: cloudflare.F(account), From: cloudflare.F(month), To: cloudflare.F(day)})
	must(t, err)
	equal(t, "rows with running totals", len(*rows), 1)
	r := (*rows)[0]
	for what, pair := range map[string][2]any{
		"BillingAccountId": {r.BillingAccountID, account}, "BillingAccountName": {r.BillingAccountName, name}, "BillingCurrency": {r.BillingCurrency, "USD"},
		"BillingPeriodStart": {r.BillingPeriodStart.UTC(), month}, "ChargePeriodStart": {r.ChargePeriodStart.UTC(), day},
		"ChargePeriodEnd": {r.ChargePeriodEnd.UTC(), day.Add(24 * time.Hour)}, "ChargeCategory": {string(r.ChargeCategory), "Usage"},
		"ChargeClass": {r.ChargeClass, ""}, "ChargeDescription": {r.ChargeDescription, "Compat Requests usage measured in Requests"},
		"ConsumedQuantity": {r.ConsumedQuantity, 3000.0}, "ConsumedUnit": {r.ConsumedUnit, "Requests"}, "PricingQuantity": {r.PricingQuantity, int64(2000)},
		"PricingUnit": {r.PricingUnit, "Requests"}, "CumulatedPricingQuantity": {r.CumulatedPricingQuantity, int64(2000)},
		"CumulatedContractedCost": {r.CumulatedContractedCost, 0.5}, "BilledCost": {r.BilledCost, 0.5}, "ContractedCost": {r.ContractedCost, 0.5},
		"EffectiveCost": {r.EffectiveCost, 0.5}, "ListCost": {r.ListCost, 1.0}, "HostProviderName": {r.HostProviderName, "orgd"},
		"InvoiceIssuerName": {r.InvoiceIssuerName, "orgd"}, "ServiceProviderName": {r.ServiceProviderName, "orgd"}, "ServiceName": {r.ServiceName, "Compat Requests"},
		"ServiceFamilyName": {r.ServiceFamilyName, "Compat"}, "SubscriptionId": {r.SubscriptionID, account}, "ZoneId": {r.ZoneID, "z1"}, "ZoneName": {r.ZoneName, "example.com"},
	} {
		equal(t, what, pair[0], pair[1])
	}
	old, err := c.Billing.Usage.Paygo(ctx, billing.UsagePaygoParams{AccountID: cloudflare.F(account), From: cloudflare.F(month), To: cloudflare.F(day)})
	must(t, err)
	equal(t, "rows by the old name", len(*old), 1)

	info, err := c.Billing.Usage.GetAccountUsageInfoV1(ctx, billing.UsageGetAccountUsageInfoV1Params{AccountID: cloudflare.F(account)})
	must(t, err)
	equal(t, "covered", info.Covered, true)
	equal(t, "subscriptions", len(info.Subscriptions), 1)
	equal(t, "id", info.Subscriptions[0].ID, account)
	equal(t, "anchor", info.Subscriptions[0].BillingCycleAnchorTimestamp.UTC(), month)
	equal(t, "start", info.Subscriptions[0].StartTimestamp.UTC(), month)
	oldInfo, err := c.Billing.Usage.PaygoInfo(ctx, billing.UsagePaygoInfoParams{AccountID: cloudflare.F(account)})
	must(t, err)
	equal(t, "covered by the old name", oldInfo.Covered, true)
	_, err = c.Billing.Usage.GetAccountUsageInfoV1(ctx, billing.UsageGetAccountUsageInfoV1Params{AccountID: cloudflare.F("0190000000007000800000000000dead")})
	notFound(t, "account", err)
}
