package focus

import "github.com/orgd/orgd/internal/usage"

// Column is a column of the dataset.
type Column struct {
	Name       string
	Type       Type
	Level      Level
	Nullable   bool
	Deprecated bool
	value      func(*Row) Value // nil for a column that is not written
}

// Of returns the value of a row in the column.
func (c *Column) Of(r *Row) Value {
	if c.value == nil {
		return Value{}
	}
	return c.value(r)
}

// text, number and day make the value of a column from a field of the row.
func text(f func(*Row) string) func(*Row) Value {
	return func(r *Row) Value { return textValue(f(r)) }
}

// Columns returns all columns of FOCUS 1.3, in the order of the dataset, then
// ours.
func Columns() []Column {
	return append(costColumns(), append(accountColumns(), append(chargeColumns(), append(skuColumns(), customColumns()...)...)...)...)
}

// Written returns the columns that the writers write, FOCUS's in alphabetical
// order and ours behind them.
func Written() []Column {
	var written []Column
	for _, c := range Columns() {
		if c.value != nil {
			written = append(written, c)
		}
	}
	sortColumns(written)
	return written
}

// cost returns an amount of a row that has a price.
func cost(r *Row, d usage.Decimal) Value {
	if r.Free {
		return Value{}
	}
	return numberValue(d)
}

func billingDay(r *Row, d usage.Day) Value {
	if r.Free {
		return Value{}
	}
	return dayValue(d)
}

func costColumns() []Column {
	return []Column{
		{Name: "BilledCost", Type: Decimal, value: func(r *Row) Value { return cost(r, r.BilledCost) }},
		{Name: "ContractedCost", Type: Decimal, value: func(r *Row) Value { return cost(r, r.ContractedCost) }},
		{Name: "EffectiveCost", Type: Decimal, value: func(r *Row) Value { return cost(r, r.EffectiveCost) }},
		{Name: "ListCost", Type: Decimal, value: func(r *Row) Value { return cost(r, r.ListCost) }},
		{Name: "ContractedUnitPrice", Type: Decimal, Level: Conditional, Nullable: true, value: func(r *Row) Value { return maybeNumber(r.ContractedPrice) }},
		{Name: "ListUnitPrice", Type: Decimal, Level: Conditional, Nullable: true, value: func(r *Row) Value { return maybeNumber(r.ListPrice) }},
		{Name: "PricingQuantity", Type: Decimal, Nullable: true, value: func(r *Row) Value { return maybeNumber(r.Pricing) }},
		{Name: "PricingUnit", Nullable: true, value: text(func(r *Row) string { return r.PricingUnit })},
		{Name: "ConsumedQuantity", Type: Decimal, Level: Conditional, Nullable: true, value: func(r *Row) Value { return maybeNumber(r.Consumed) }},
		{Name: "ConsumedUnit", Level: Conditional, Nullable: true, value: text(func(r *Row) string { return r.ConsumedUnit })},
		{Name: "BillingCurrency", value: text(func(r *Row) string { return string(r.Currency) })},
		{Name: "PricingCurrency", Level: Conditional, Nullable: true},
		{Name: "PricingCurrencyContractedUnitPrice", Type: Decimal, Level: Conditional, Nullable: true},
		{Name: "PricingCurrencyEffectiveCost", Type: Decimal, Level: Conditional, Nullable: true},
		{Name: "PricingCurrencyListUnitPrice", Type: Decimal, Level: Conditional, Nullable: true},
	}
}

func accountColumns() []Column {
	return []Column{
		{Name: "BillingAccountId", value: text(func(r *Row) string { return r.BillingAccount.ID })},
		{Name: "BillingAccountName", Nullable: true, value: text(func(r *Row) string { return r.BillingAccount.Name })},
		{Name: "BillingAccountType", Level: Conditional, Nullable: true, value: text(func(r *Row) string { return r.BillingAccount.Type })},
		{Name: "SubAccountId", Level: Conditional, Nullable: true, value: text(func(r *Row) string { return r.SubAccount.ID })},
		{Name: "SubAccountName", Level: Conditional, Nullable: true, value: text(func(r *Row) string { return r.SubAccount.Name })},
		{Name: "SubAccountType", Level: Conditional, Nullable: true, value: text(func(r *Row) string { return r.SubAccount.Type })},
		{Name: "HostProviderName", value: text(func(r *Row) string { return r.Provider.Host })},
		{Name: "InvoiceIssuerName", value: text(func(r *Row) string { return r.Provider.Issuer })},
		{Name: "ServiceProviderName", value: text(func(r *Row) string { return r.Provider.Service })},
		{Name: "ProviderName", Deprecated: true, value: text(func(r *Row) string { return r.Provider.Service })},
		{Name: "PublisherName", Deprecated: true, value: text(func(r *Row) string { return r.Provider.Service })},
		{Name: "InvoiceId", Level: Recommended, Nullable: true, value: text(func(r *Row) string { return r.InvoiceID })},
		{Name: "AvailabilityZone", Level: Recommended, Nullable: true},
		{Name: "RegionId", Level: Conditional, Nullable: true, value: text(func(r *Row) string { return r.Region.ID })},
		{Name: "RegionName", Level: Conditional, Nullable: true, value: text(regionName)},
		{Name: "ResourceId", Level: Conditional, Nullable: true, value: text(func(r *Row) string { return r.Zone.ID })},
		{Name: "ResourceName", Level: Conditional, Nullable: true, value: text(func(r *Row) string { return r.Zone.Name })},
		{Name: "ResourceType", Level: Conditional, Nullable: true, value: text(resourceType)},
		{Name: "Tags", Type: KeyValue, Level: Conditional, Nullable: true, value: text(func(r *Row) string { return r.Tags })},
	}
}

// regionName returns the name of the region; one that has none is called by
// its id, because a region with an id must have a name.
func regionName(r *Row) string {
	if r.Region.Name == "" {
		return r.Region.ID
	}
	return r.Region.Name
}

func resourceType(r *Row) string {
	if r.Zone.ID == "" {
		return ""
	}
	return "Zone"
}

func chargeColumns() []Column {
	return []Column{
		{Name: "BillingPeriodStart", Type: DateTime, value: func(r *Row) Value { return billingDay(r, r.BillingPeriod.Start) }},
		{Name: "BillingPeriodEnd", Type: DateTime, value: func(r *Row) Value { return billingDay(r, r.BillingPeriod.End) }},
		{Name: "ChargePeriodStart", Type: DateTime, value: func(r *Row) Value { return dayValue(r.ChargePeriod.Start) }},
		{Name: "ChargePeriodEnd", Type: DateTime, value: func(r *Row) Value { return dayValue(r.ChargePeriod.End) }},
		{Name: "ChargeCategory", value: text(func(r *Row) string { return r.Category })},
		{Name: "ChargeClass", Nullable: true, value: text(func(r *Row) string { return r.Class })},
		{Name: "ChargeDescription", Nullable: true, value: text(func(r *Row) string { return r.Description })},
		{Name: "ChargeFrequency", Level: Recommended, value: text(func(r *Row) string { return r.Frequency })},
		{Name: "CapacityReservationId", Level: Conditional, Nullable: true},
		{Name: "CapacityReservationStatus", Level: Conditional, Nullable: true},
		{Name: "CommitmentDiscountCategory", Level: Conditional, Nullable: true},
		{Name: "CommitmentDiscountId", Level: Conditional, Nullable: true},
		{Name: "CommitmentDiscountName", Level: Conditional, Nullable: true},
		{Name: "CommitmentDiscountQuantity", Type: Decimal, Level: Conditional, Nullable: true},
		{Name: "CommitmentDiscountStatus", Level: Conditional, Nullable: true},
		{Name: "CommitmentDiscountType", Level: Conditional, Nullable: true},
		{Name: "CommitmentDiscountUnit", Level: Conditional, Nullable: true},
		{Name: "ContractApplied", Type: KeyValue, Level: Conditional, Nullable: true},
		{Name: "AllocatedMethodDetails", Type: KeyValue, Level: Recommended, Nullable: true},
		{Name: "AllocatedMethodId", Level: Conditional, Nullable: true},
		{Name: "AllocatedResourceId", Level: Conditional, Nullable: true},
		{Name: "AllocatedResourceName", Level: Conditional, Nullable: true},
		{Name: "AllocatedTags", Type: KeyValue, Level: Conditional, Nullable: true},
	}
}

func skuColumns() []Column {
	return []Column{
		{Name: "PricingCategory", Level: Conditional, Nullable: true, value: text(func(r *Row) string { return r.PricingCategory })},
		{Name: "ServiceCategory", value: text(func(r *Row) string { return r.Service.Category })},
		{Name: "ServiceName", value: text(func(r *Row) string { return r.Service.Name })},
		{Name: "ServiceSubcategory", Level: Recommended, value: text(subcategory)},
		{Name: "SkuId", Level: Conditional, Nullable: true, value: text(func(r *Row) string { return r.SKU })},
		{Name: "SkuMeter", Level: Conditional, Nullable: true, value: text(func(r *Row) string { return r.Meter })},
		{Name: "SkuPriceDetails", Type: KeyValue, Level: Conditional, Nullable: true, value: text(func(r *Row) string { return r.SKUDetails })},
		{Name: "SkuPriceId", Level: Conditional, Nullable: true, value: text(func(r *Row) string { return r.SKUPrice })},
	}
}

// subcategory returns the subcategory of the service, "Other" of its category
// when it has none.
func subcategory(r *Row) string {
	if r.Service.Subcategory == "" && r.Service.Category != "" {
		return "Other (" + r.Service.Category + ")"
	}
	return r.Service.Subcategory
}

func customColumns() []Column {
	return []Column{
		{Name: "x_BillableMetricId", Level: Custom, Nullable: true, value: text(func(r *Row) string { return r.Metric.ID })},
		{Name: "x_BillableMetricName", Level: Custom, Nullable: true, value: text(func(r *Row) string { return r.Metric.Name })},
		{Name: "x_ProductCategoryName", Level: Custom, Nullable: true, value: text(func(r *Row) string { return r.ProductCategory })},
		{Name: "x_ProductFamilyId", Level: Custom, Nullable: true, value: text(func(r *Row) string { return r.Family.ID })},
		{Name: "x_ProductFamilyName", Level: Custom, Nullable: true, value: text(func(r *Row) string { return r.Family.Name })},
		{Name: "x_ZoneId", Level: Custom, Nullable: true, value: text(func(r *Row) string { return r.Zone.ID })},
		{Name: "x_ZoneName", Level: Custom, Nullable: true, value: text(func(r *Row) string { return r.Zone.Name })},
	}
}
