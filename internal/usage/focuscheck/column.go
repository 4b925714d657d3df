package focuscheck

import (
	"fmt"
	"strings"

	"github.com/orgd/orgd/internal/usage/focus"
)

// spec is what is required of a column by itself. The ids lack the name of the
// column and "-C-"; an empty one means that there is no such requirement.
type spec struct {
	name     string
	presence string // id of the requirement that it is there
	keyword  Keyword
	criteria string // the capabilities that make it mandatory, all of them
	kind     focus.Type
	types    string
	format   string
	notNull  string
	since13  bool
}

func (s *spec) id(number string) string {
	if number == "" || strings.HasPrefix(number, "F13-") {
		return number
	}
	return s.name + "-C-" + number
}

// AllCriteria returns the names of the capabilities that make columns
// mandatory.
func AllCriteria() []string {
	var all []string
	seen := map[string]bool{}
	for _, s := range columnSpecs() {
		for name := range strings.FieldsSeq(s.criteria) {
			if !seen[name] {
				seen[name] = true
				all = append(all, name)
			}
		}
	}
	return all
}

func columnSpecs() []spec {
	return append(append(moneySpecs(), entitySpecs()...), append(chargeSpecs(), discountSpecs()...)...)
}

const (
	priceList = "PUBLIC_PRICE_LIST_SUPPORTED"
	unitPrice = "PUBLIC_PRICE_LIST_SUPPORTED UNIT_PRICING_SUPPORTED"
	virtual   = "PUBLIC_PRICE_LIST_SUPPORTED VIRTUAL_CURRENCY_SUPPORTED"
	resources = "BILLING_BASED_ON_PROVISIONED_RESOURCES_SUPPORTED"
	subs      = "SUB_ACCOUNT_SUPPORTED"
	region    = "REGION_SUPPORTED"
	measured  = "USAGE_MEASUREMENT_SUPPORTED"
	discounts = "COMMITMENT_DISCOUNT_SUPPORTED"
	capacity  = "CAPACITY_RESERVATION_SUPPORTED"
)

func moneySpecs() []spec {
	return []spec{
		{name: "BilledCost", presence: "D-006-M", kind: focus.Decimal, types: "001-M", format: "002-M", notNull: "003-M"},
		{name: "ContractedCost", presence: "D-030-M", kind: focus.Decimal, types: "001-M", format: "002-M", notNull: "003-M"},
		{name: "EffectiveCost", presence: "D-031-M", kind: focus.Decimal, types: "001-M", format: "002-M", notNull: "003-M"},
		{name: "ListCost", presence: "D-032-M", kind: focus.Decimal, types: "001-M", format: "002-M", notNull: "003-M"},
		{name: "ContractedUnitPrice", presence: "D-034-C", criteria: "NEGOTIATED_PRICING_SUPPORTED", kind: focus.Decimal, types: "002-M", format: "003-M"},
		{name: "ListUnitPrice", presence: "D-004-C", criteria: priceList, kind: focus.Decimal, types: "001-M", format: "002-M"},
		{name: "PricingQuantity", presence: "D-036-M", kind: focus.Decimal, types: "001-M", format: "002-M"},
		{name: "PricingUnit", presence: "D-068-M", types: "001-M", format: "002-M"},
		{name: "ConsumedQuantity", presence: "D-011-C", criteria: measured, kind: focus.Decimal, types: "001-M", format: "002-M"},
		{name: "ConsumedUnit", presence: "D-066-C", criteria: measured, types: "001-M", format: "002-M"},
		{name: "BillingCurrency", presence: "D-035-M", types: "001-M", format: "002-M", notNull: "004-M"},
		{name: "PricingCurrency", presence: "D-045-C", criteria: "PRICING_BILLING_CURRENCY_DIFFERENCES_SUPPORTED", types: "001-M", format: "002-M", notNull: "004-M"},
		{name: "PricingCurrencyContractedUnitPrice", presence: "D-047-C", criteria: virtual, kind: focus.Decimal, types: "001-M", format: "002-M"},
		{name: "PricingCurrencyEffectiveCost", presence: "D-051-C", criteria: virtual, kind: focus.Decimal, types: "001-M", format: "002-M", notNull: "003-M"},
		{name: "PricingCurrencyListUnitPrice", presence: "D-055-C", criteria: virtual, kind: focus.Decimal, types: "001-M", format: "002-M"},
	}
}

func entitySpecs() []spec {
	return []spec{
		{name: "BillingAccountId", presence: "D-024-M", types: "002-M", format: "003-M", notNull: "001-M"},
		{name: "BillingAccountName", presence: "D-005-M", types: "001-M", format: "002-M"},
		{name: "BillingAccountType", presence: "D-007-C", criteria: "MULTIPLE_BILLING_ACCOUNT_TYPES_SUPPORTED", types: "001-M", format: "002-M"},
		{name: "SubAccountId", presence: "D-019-C", criteria: subs, types: "001-M", format: "002-M"},
		{name: "SubAccountName", presence: "D-029-C", criteria: subs, types: "001-M", format: "002-M"},
		{name: "SubAccountType", presence: "D-067-C", criteria: "MULTIPLE_SUB_ACCOUNT_TYPES_SUPPORTED", types: "001-M", format: "002-M"},
		{name: "InvoiceIssuerName", presence: "D-023-M", types: "001-M", format: "002-M", notNull: "003-M"},
		{name: "ProviderName", presence: "D-038-M", types: "001-M", format: "002-M", notNull: "003-M"},
		{name: "PublisherName", presence: "D-021-M", types: "001-M", format: "002-M", notNull: "003-M"},
		{name: "HostProviderName", presence: "F13-HostProviderName-present", types: "F13-HostProviderName-type", format: "F13-HostProviderName-format", notNull: "F13-HostProviderName-not-null", since13: true},
		{name: "ServiceProviderName", presence: "F13-ServiceProviderName-present", types: "F13-ServiceProviderName-type", format: "F13-ServiceProviderName-format", notNull: "F13-ServiceProviderName-not-null", since13: true},
		{name: "InvoiceId", presence: "D-033-O", keyword: Should, types: "001-M", format: "002-M"},
		{name: "AvailabilityZone", presence: "D-003-C", keyword: Should, criteria: "AVAILABILITY_ZONE_SUPPORTED", types: "001-M", format: "002-M"},
		{name: "RegionId", presence: "D-063-C", criteria: region, types: "001-M", format: "002-M"},
		{name: "RegionName", presence: "D-062-C", criteria: region, types: "001-M", format: "002-M"},
		{name: "ResourceId", presence: "D-043-C", criteria: resources, types: "001-M", format: "002-M"},
		{name: "ResourceName", presence: "D-044-C", criteria: resources, types: "001-M", format: "002-M"},
		{name: "ResourceType", presence: "D-039-C", criteria: resources + " RESOURCE_TYPE_ASSIGNMENT_SUPPORTED", types: "001-M", format: "002-M"},
		{name: "Tags", presence: "D-064-C", criteria: "TAGGING_SUPPORTED", kind: focus.KeyValue, types: "001-M", format: "001-M"},
	}
}

func chargeSpecs() []spec {
	return []spec{
		{name: "BillingPeriodStart", presence: "D-009-M", kind: focus.DateTime, types: "001-M", format: "002-M", notNull: "003-M"},
		{name: "BillingPeriodEnd", presence: "D-010-M", kind: focus.DateTime, types: "001-M", format: "002-M", notNull: "003-M"},
		{name: "ChargePeriodStart", presence: "D-037-M", kind: focus.DateTime, types: "001-M", format: "002-M", notNull: "003-M"},
		{name: "ChargePeriodEnd", presence: "D-028-M", kind: focus.DateTime, types: "001-M", format: "002-M", notNull: "003-M"},
		{name: "ChargeCategory", presence: "D-008-M", types: "001-M", notNull: "002-M"},
		{name: "ChargeClass", presence: "D-026-M", types: "001-M"},
		{name: "ChargeDescription", presence: "D-025-M", types: "001-M", format: "002-M"},
		{name: "ChargeFrequency", presence: "D-027-O", keyword: Should, types: "001-M", notNull: "002-M"},
		{name: "PricingCategory", presence: "D-022-C", criteria: "MULTIPLE_PRICING_CATEGORIES_SUPPORTED", types: "001-M"},
		{name: "ServiceCategory", presence: "D-040-M", types: "001-M", notNull: "002-M"},
		{name: "ServiceName", presence: "D-041-M", types: "001-M", format: "002-M", notNull: "003-M"},
		{name: "ServiceSubcategory", presence: "D-042-O", keyword: Should, types: "001-M", notNull: "002-M"},
		{name: "SkuId", presence: "D-060-C", criteria: unitPrice, types: "001-M", format: "002-M"},
		{name: "SkuMeter", presence: "D-059-C", criteria: unitPrice, types: "001-M", format: "002-M"},
		{name: "SkuPriceDetails", presence: "D-061-C", criteria: unitPrice, kind: focus.KeyValue, types: "001-M", format: "001-M"},
		{name: "SkuPriceId", presence: "D-058-C", criteria: unitPrice, types: "001-M", format: "002-M"},
	}
}

func discountSpecs() []spec {
	return []spec{
		{name: "CapacityReservationId", presence: "D-065-C", criteria: capacity, types: "001-M", format: "002-M"},
		{name: "CapacityReservationStatus", presence: "D-020-C", criteria: capacity, types: "001-M"},
		{name: "CommitmentDiscountCategory", presence: "D-016-C", criteria: discounts, types: "001-M"},
		{name: "CommitmentDiscountId", presence: "D-013-C", criteria: discounts, types: "001-M", format: "002-M"},
		{name: "CommitmentDiscountName", presence: "D-012-C", criteria: discounts, types: "001-M", format: "002-M"},
		{name: "CommitmentDiscountQuantity", presence: "D-018-C", criteria: discounts, kind: focus.Decimal, types: "001-M", format: "002-M"},
		{name: "CommitmentDiscountStatus", presence: "D-017-C", criteria: discounts, types: "001-M"},
		{name: "CommitmentDiscountType", presence: "D-014-C", criteria: discounts, types: "001-M", format: "002-M"},
		{name: "CommitmentDiscountUnit", presence: "D-015-C", criteria: discounts, types: "001-M", format: "002-M"},
		{name: "ContractApplied", kind: focus.KeyValue, types: "F13-ContractApplied-type", format: "F13-ContractApplied-format", since13: true},
		{name: "AllocatedMethodDetails", kind: focus.KeyValue, types: "F13-AllocatedMethodDetails-type", format: "F13-AllocatedMethodDetails-format", since13: true},
		{name: "AllocatedMethodId", types: "F13-AllocatedMethodId-type", format: "F13-AllocatedMethodId-format", since13: true},
		{name: "AllocatedResourceId", types: "F13-AllocatedResourceId-type", format: "F13-AllocatedResourceId-format", since13: true},
		{name: "AllocatedResourceName", types: "F13-AllocatedResourceName-type", format: "F13-AllocatedResourceName-format", since13: true},
		{name: "AllocatedTags", kind: focus.KeyValue, types: "F13-AllocatedTags-type", format: "F13-AllocatedTags-format", since13: true},
	}
}

// presenceID returns the id of the requirement that the column is there.
func (s *spec) presenceID() string {
	if s.presence == "" || strings.HasPrefix(s.presence, "F13-") {
		return s.presence
	}
	return "CostAndUsage-" + s.presence
}

// wanted reports whether the file must have the column.
func (s *spec) wanted(o *Options) bool {
	for name := range strings.FieldsSeq(s.criteria) {
		supported := false
		for _, have := range o.Supports {
			supported = supported || have == name
		}
		if !supported {
			return false
		}
	}
	return s.presence != ""
}

func (s *spec) presenceRule() Rule {
	k := Must
	if s.keyword != "" {
		k = s.keyword
	}
	return Rule{s.presenceID(), k, fmt.Sprintf("There is a column %s.", s.name)}
}

// The rules about the set of columns.
func headerRules() []Rule {
	return []Rule{
		{"ColumnHandling-A-010-M", Must, "A column that FOCUS does not define begins with x_."},
		{"ColumnHandling-A-003-M", Must, "The name of a column has letters and digits only, and no column is there twice."},
		{"ColumnHandling-A-005-O", Should, "The name of a column has at most 50 characters."},
		{"ColumnHandling-A-011-O", Should, "What follows the x_ of a column's name is in Pascal case."},
		{"ColumnHandling-A-013-O", Should, "Columns that FOCUS does not define come last."},
	}
}

// checkColumns checks the header and declares the rules that the columns have.
func (c *checker) checkColumns() {
	present := map[string]bool{}
	for _, name := range c.columns {
		present[name] = true
	}
	for _, s := range columnSpecs() {
		if s.since13 && c.options.Version == "1.2" || !s.wanted(&c.options) {
			continue
		}
		c.declare(s.presenceRule())
		if !present[s.name] {
			c.found(s.presenceID(), Example{Column: s.name})
		}
	}
	for _, r := range headerRules() {
		c.declare(r)
	}
	c.checkNames()
	c.declare(placeholderRule())
	for _, s := range c.specs {
		if s != nil {
			c.declareCell(s)
		}
	}
	c.declareRows()
}

func (c *checker) checkNames() {
	custom := false
	for i, name := range c.columns {
		rest, isCustom := strings.CutPrefix(name, "x_")
		switch {
		case c.index[name] != i:
			c.found("ColumnHandling-A-003-M", Example{Column: name, Detail: "is there twice"})
		case strings.ContainsFunc(rest, notAlphanumeric) || rest == "":
			c.found("ColumnHandling-A-003-M", Example{Column: name})
		case c.specs[i] == nil && !isCustom:
			c.found("ColumnHandling-A-010-M", Example{Column: name})
		case isCustom && (rest[0] < 'A' || rest[0] > 'Z'):
			c.found("ColumnHandling-A-011-O", Example{Column: name})
		}
		if len(name) > 50 {
			c.found("ColumnHandling-A-005-O", Example{Column: name})
		}
		if custom && c.specs[i] != nil {
			c.found("ColumnHandling-A-013-O", Example{Column: name})
		}
		custom = custom || isCustom
	}
}

func notAlphanumeric(r rune) bool {
	return (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && (r < '0' || r > '9')
}
