package focuscheck_test

import (
	"slices"

	"github.com/orgd/orgd/internal/usage/focus"
)

func inCSV(rule string, change func(*table)) broken { return broken{rule, focus.CSV, change} }

// without is a file that lacks a column.
func without(rule, column string) broken {
	return inCSV("CostAndUsage-"+rule, func(b *table) { b.drop(column) })
}

// with is a file with other cells in a row: column, value, column, value.
func with(rule string, row int, change ...string) broken {
	return inCSV(rule, func(b *table) { b.set(row, change...) })
}

func brokenFiles() []broken {
	return slices.Concat(brokenColumns(), brokenTypes(), brokenFormats(), brokenNulls(), brokenValues(), brokenPairs(), brokenAmounts(), brokenWhole())
}

func brokenColumns() []broken {
	return []broken{
		without("D-006-M", "BilledCost"), without("D-024-M", "BillingAccountId"), without("D-035-M", "BillingCurrency"),
		without("D-009-M", "BillingPeriodStart"), without("D-028-M", "ChargePeriodEnd"), without("D-008-M", "ChargeCategory"),
		without("D-026-M", "ChargeClass"), without("D-040-M", "ServiceCategory"), without("D-068-M", "PricingUnit"), without("D-038-M", "ProviderName"),
		inCSV("F13-HostProviderName-present", func(b *table) { b.drop("HostProviderName") }),
		inCSV("F13-ServiceProviderName-present", func(b *table) { b.drop("ServiceProviderName") }),
		inCSV("ColumnHandling-A-010-M", func(b *table) { b.add("CostCenter") }),
		inCSV("ColumnHandling-A-003-M", func(b *table) { b.add("x_Cost-Center") }),
	}
}

func brokenTypes() []broken {
	return []broken{
		with("BilledCost-C-001-M", creditRow, "BilledCost", "free"),
		with("ListUnitPrice-C-001-M", usageRow, "ListUnitPrice", "cheap"),
		with("ChargePeriodStart-C-001-M", usageRow, "ChargePeriodStart", "yesterday"),
		with("BillingPeriodEnd-C-001-M", usageRow, "BillingPeriodEnd", "1793491200"),
		with("Tags-C-001-M", usageRow, "Tags", `{"team":{"name":"web"}}`),
		with("SkuPriceDetails-C-001-M", usageRow, "SkuPriceDetails", `{"x_A":1,"x_A":2}`),
		{"BillingAccountId-C-002-M", focus.JSONLines, func(b *table) { b.json["BillingAccountId"] = func(string) any { return 17 } }},
		{"ServiceName-C-001-M", focus.JSONLines, func(b *table) { b.json["ServiceName"] = func(string) any { return true } }},
		{"ContractedCost-C-001-M", focus.JSONLines, func(b *table) { b.json["ContractedCost"] = func(s string) any { return s } }},
		{"EffectiveCost-C-001-M", focus.Parquet, func(b *table) { b.kinds["EffectiveCost"] = textKind() }},
		{"ChargeDescription-C-001-M", focus.Parquet, func(b *table) { b.kinds["ChargeDescription"] = numberKind() }},
	}
}

func brokenFormats() []broken {
	return []broken{
		with("ContractedCost-C-002-M", usageRow, "ContractedCost", "1,620.00"),
		with("ListCost-C-002-M", usageRow, "ListCost", "$18"),
		with("EffectiveCost-C-002-M", usageRow, "EffectiveCost", "1.62E+1"),
		with("PricingQuantity-C-002-M", usageRow, "PricingQuantity", "+60.0000005"),
		with("ConsumedQuantity-C-002-M", usageRow, "ConsumedQuantity", "140000001/2"),
		with("ContractedUnitPrice-C-003-M", usageRow, "ContractedUnitPrice", "27 x 10^-2"),
		with("BillingPeriodStart-C-002-M", usageRow, "BillingPeriodStart", "2026-10-31 00:00:00Z"),
		with("ChargePeriodEnd-C-002-M", usageRow, "ChargePeriodEnd", "2026-11-01T01:00:00+01:00"),
		with("ChargePeriodStart-C-002-M", usageRow, "ChargePeriodStart", "2026-10-31T00:00:00"),
		{"BillingPeriodEnd-C-002-M", focus.Parquet, func(b *table) { b.kinds["BillingPeriodEnd"] = timeKind(false) }},
		with("InvoiceIssuerName-C-002-M", usageRow, "InvoiceIssuerName", "Ex\xffample"),
		with("NullHandling-A-002-M", taxRow, "RegionName", "N/A"),
	}
}

func brokenNulls() []broken {
	return []broken{
		with("BilledCost-C-003-M", usageRow, "BilledCost", ""),
		with("ListCost-C-003-M", usageRow, "ListCost", ""),
		with("BillingAccountId-C-001-M", usageRow, "BillingAccountId", ""),
		with("BillingCurrency-C-004-M", usageRow, "BillingCurrency", ""),
		with("ChargePeriodEnd-C-003-M", usageRow, "ChargePeriodEnd", ""),
		with("ServiceName-C-003-M", usageRow, "ServiceName", ""),
		with("InvoiceIssuerName-C-003-M", usageRow, "InvoiceIssuerName", ""),
		with("ChargeFrequency-C-002-M", usageRow, "ChargeFrequency", ""),
		with("F13-HostProviderName-not-null", usageRow, "HostProviderName", ""),
		{"F13-ServiceProviderName-not-null", focus.JSONLines, func(b *table) { b.set(taxRow, "ServiceProviderName", "") }},
	}
}

func brokenValues() []broken {
	return []broken{
		with("ChargeCategory-C-003-M", creditRow, "ChargeCategory", "Refund"),
		with("ChargeClass-C-005-C", usageRow, "ChargeClass", "Adjustment"),
		with("ChargeFrequency-C-003-M", usageRow, "ChargeFrequency", "Daily"),
		with("ChargeFrequency-C-004-C", purchaseRow, "ChargeFrequency", "Usage-Based"),
		with("PricingCategory-C-007-M", usageRow, "PricingCategory", "On-Demand"),
		with("ServiceCategory-C-003-M", usageRow, "ServiceCategory", "Serverless"),
		with("ServiceSubcategory-C-003-M", usageRow, "ServiceSubcategory", "Functions"),
		with("ServiceSubcategory-C-004-M", usageRow, "ServiceSubcategory", "Object Storage"),
		inCSV("BillingCurrency-C-003-M", func(b *table) { b.setAll("BillingCurrency", "usd") }),
		inCSV("BillingCurrency-C-006-M", func(b *table) { b.setAll("BillingCurrency", "BTC") }),
		with("SkuPriceDetails-C-017-C", usageRow, "SkuPriceDetails", `{"Tier":1}`),
	}
}

func brokenPairs() []broken {
	return []broken{
		with("ListUnitPrice-C-004-C", taxRow, "ListUnitPrice", "0.95"),
		with("ListUnitPrice-C-005-C", usageRow, "ListUnitPrice", ""),
		with("ContractedUnitPrice-C-006-C", usageRow, "ContractedUnitPrice", ""),
		with("PricingQuantity-C-005-C", usageRow, "PricingQuantity", "", "PricingUnit", ""),
		with("PricingUnit-C-005-C", taxRow, "PricingUnit", "Units"),
		with("PricingUnit-C-006-C", usageRow, "PricingUnit", ""),
		with("SkuId-C-005-C", usageRow, "SkuId", "", "SkuMeter", ""),
		with("SkuPriceId-C-005-C", usageRow, "SkuPriceId", ""),
		with("SkuPriceId-C-004-C", taxRow, "SkuPriceId", "tax-1"),
		with("PricingCategory-C-003-C", taxRow, "PricingCategory", "Standard"),
		with("ConsumedQuantity-C-004-C", creditRow, "ConsumedQuantity", "1", "ConsumedUnit", "Units"),
		with("ConsumedQuantity-C-006-C", usageRow, "ConsumedQuantity", "", "ConsumedUnit", ""),
		with("ConsumedUnit-C-005-C", taxRow, "ConsumedUnit", "Units"),
		with("ConsumedUnit-C-006-C", usageRow, "ConsumedUnit", ""),
		with("SubAccountName-C-004-C", usageRow, "SubAccountId", "", "SubAccountType", ""),
		with("SubAccountName-C-005-C", usageRow, "SubAccountName", ""),
		with("BillingAccountType-C-005-C", usageRow, "BillingAccountType", ""),
		with("RegionName-C-004-C", usageRow, "RegionId", ""),
		with("RegionName-C-005-C", usageRow, "RegionName", ""),
		with("ResourceName-C-004-C", taxRow, "ResourceName", "example.com"),
		with("ResourceType-C-004-C", taxRow, "ResourceType", "Zone"),
		with("ResourceType-C-005-C", usageRow, "ResourceType", ""),
		with("SkuPriceDetails-C-004-C", taxRow, "SkuPriceDetails", `{"x_Tier":1}`),
	}
}

func brokenAmounts() []broken {
	return []broken{
		inCSV("ListUnitPrice-C-008-M", func(b *table) {
			b.set(usageRow, "ListUnitPrice", "-"+b.get(usageRow, "ListUnitPrice"), "ListCost", "-"+b.get(usageRow, "ListCost"))
		}),
		with("ListCost-C-009-C", usageRow, "ListCost", "18"),
		{"ContractedCost-C-009-C", focus.Parquet, func(b *table) { b.set(usageRow, "ContractedCost", "16.2") }},
		with("ListCost-C-008-C", creditRow, "ListCost", "0"),
		with("ContractedCost-C-008-C", creditRow, "ContractedCost", "0"),
		with("EffectiveCost-C-010-C", creditRow, "EffectiveCost", "0"),
		with("BilledCost-C-005-C", usageRow, "InvoiceIssuerName", "Reseller"),
		with("ChargePeriodEnd-C-004-M", usageRow, "ChargePeriodEnd", "2026-10-31T00:00:00Z"),
		with("BillingPeriodEnd-C-004-M", usageRow, "BillingPeriodEnd", "2026-10-30T00:00:00Z"),
	}
}

// brokenWhole are files whose rows are right, but not beside each other.
func brokenWhole() []broken {
	return []broken{
		inCSV("SkuPriceId-C-008-M", func(b *table) { b.set(storageRow, "SkuPriceId", b.get(usageRow, "SkuPriceId")) }),
		inCSV("ServiceName-C-005-C", func(b *table) { b.set(storageRow, "ServiceName", b.get(usageRow, "ServiceName")) }),
		with("BillingCurrency-C-005-M", storageRow, "BillingCurrency", "EUR"),
		with("InvoiceId-C-007-C", storageRow, "BillingAccountId", "root-2"),
	}
}
