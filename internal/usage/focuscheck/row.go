package focuscheck

import (
	"slices"
	"strings"
)

// row is the row at hand.
type row struct {
	cells []cell
}

// rowRule is a rule about several cells of a row.
type rowRule struct {
	Rule
	needs []int
	// broken returns the column at fault and what is wrong, or -1.
	broken func(*row) (int, string)
}

// applies reports whether all cells that the rule is about are well written.
func (r *row) applies(rule *rowRule) bool {
	for _, i := range rule.needs {
		if r.cells[i].bad {
			return false
		}
	}
	return true
}

// test is a rule before it is known where the columns are: the first column is
// the one at fault, and the cells come in the order of the columns.
type test struct {
	Rule
	columns string
	broken  func(c []*cell) (bool, string)
}

func must(id, columns, text string, broken func(c []*cell) bool) test {
	return test{Rule{id, Must, text}, columns, func(c []*cell) (bool, string) { return broken(c), "" }}
}

func should(id, columns, text string, broken func(c []*cell) bool) test {
	t := must(id, columns, text, broken)
	t.Keyword = Should
	return t
}

// declareRows declares the rules whose columns the file has.
func (c *checker) declareRows() {
	tests := append(append(valueTests(), nullTests()...), append(amountTests(), discountTests()...)...)
	for _, t := range append(tests, c.distinctTests()...) {
		rule := rowRule{Rule: t.Rule}
		missing := false
		for name := range strings.FieldsSeq(t.columns) {
			i, ok := c.index[name]
			missing = missing || !ok || c.specs[i] == nil
			rule.needs = append(rule.needs, i)
		}
		if missing {
			c.skipped = append(c.skipped, t.Rule)
			continue
		}
		cells := make([]*cell, len(rule.needs))
		rule.broken = func(r *row) (int, string) {
			for i, at := range rule.needs {
				cells[i] = &r.cells[at]
			}
			if broken, detail := t.broken(cells); broken {
				return rule.needs[0], detail
			}
			return -1, ""
		}
		c.declare(rule.Rule)
		c.rules = append(c.rules, rule)
	}
}

func oneOf(values ...string) func([]*cell) bool {
	return func(c []*cell) bool { return !c[0].null() && !slices.Contains(values, c[0].Text) }
}

// valueTests are the rules about what a column may say.
func valueTests() []test {
	parents, codes := parentCategories(), currencyCodes()
	return []test{
		must("ChargeCategory-C-003-M", "ChargeCategory", "ChargeCategory is Usage, Purchase, Tax, Credit or Adjustment.", oneOf("Usage", "Purchase", "Tax", "Credit", "Adjustment")),
		must("ChargeClass-C-005-C", "ChargeClass", "ChargeClass is Correction or null.", oneOf("Correction")),
		must("ChargeFrequency-C-003-M", "ChargeFrequency", "ChargeFrequency is One-Time, Recurring or Usage-Based.", oneOf("One-Time", "Recurring", "Usage-Based")),
		must("ChargeFrequency-C-004-C", "ChargeFrequency ChargeCategory", "The ChargeFrequency of a Purchase is not Usage-Based.",
			func(c []*cell) bool { return c[0].Text == "Usage-Based" && c[1].Text == "Purchase" }),
		must("PricingCategory-C-007-M", "PricingCategory", "PricingCategory is Standard, Committed, Dynamic, Other or null.", oneOf("Standard", "Committed", "Dynamic", "Other")),
		must("ServiceCategory-C-003-M", "ServiceCategory", "ServiceCategory is one of the 19 that FOCUS has.", oneOf(serviceCategories()...)),
		must("ServiceSubcategory-C-003-M", "ServiceSubcategory", "ServiceSubcategory is one of those that FOCUS has.",
			func(c []*cell) bool { return !c[0].null() && parents[c[0].Text] == "" }),
		must("ServiceSubcategory-C-004-M", "ServiceSubcategory ServiceCategory", "ServiceSubcategory belongs to the ServiceCategory.",
			func(c []*cell) bool {
				parent := parents[c[0].Text]
				return parent != "" && parents["Other ("+c[1].Text+")"] != "" && parent != c[1].Text
			}),
		must("BillingCurrency-C-003-M", "BillingCurrency", "BillingCurrency is a code of three capital letters.", func(c []*cell) bool { return !c[0].null() && !isCode(c[0].Text) }),
		must("BillingCurrency-C-006-M", "BillingCurrency", "BillingCurrency is a national currency of ISO 4217.",
			func(c []*cell) bool { return isCode(c[0].Text) && !codes[c[0].Text] }),
		must("CommitmentDiscountCategory-C-005-M", "CommitmentDiscountCategory", "CommitmentDiscountCategory is Spend, Usage or null.", oneOf("Spend", "Usage")),
		must("CommitmentDiscountStatus-C-005-M", "CommitmentDiscountStatus", "CommitmentDiscountStatus is Used, Unused or null.", oneOf("Used", "Unused")),
		should("ConsumedUnit-C-003-O", "ConsumedUnit", "ConsumedUnit has the form of a unit, such as GB-Hours.", func(c []*cell) bool { return !c[0].null() && !isUnit(c[0].Text) }),
		should("PricingUnit-C-003-O", "PricingUnit", "PricingUnit has the form of a unit, such as 1000 Requests.", func(c []*cell) bool { return !c[0].null() && !isUnit(c[0].Text) }),
		should("ChargeDescription-C-003-O", "ChargeDescription", "ChargeDescription is not null.", func(c []*cell) bool { return c[0].null() }),
		must("SkuPriceDetails-C-017-C", "SkuPriceDetails", "A property of SkuPriceDetails that FOCUS does not define begins with x_.", unknownProperty),
	}
}

// regular reports whether the row is usage or a purchase, and no correction:
// those must have a price and a quantity. The cells are ChargeCategory and
// ChargeClass.
func regular(category, class *cell) bool {
	return (category.Text == "Usage" || category.Text == "Purchase") && class.Text != "Correction"
}

// priced returns the two rules of a column that taxes do not have, and that
// usage and purchases do.
func priced(column, taxID, regularID string) []test {
	return []test{
		must(column+"-C-"+taxID, column+" ChargeCategory", column+" is null for a Tax.", func(c []*cell) bool { return !c[0].null() && c[1].Text == "Tax" }),
		must(column+"-C-"+regularID, column+" ChargeCategory ChargeClass", column+" is not null for Usage and Purchase, unless it is a Correction.",
			func(c []*cell) bool { return c[0].null() && regular(c[1], c[2]) }),
	}
}

// together returns the two rules of a column that is null exactly when
// another one is.
func together(column, other, nullID, setID string) []test {
	var tests []test
	if nullID != "" {
		tests = append(tests, must(column+"-C-"+nullID, column+" "+other, column+" is null when "+other+" is.",
			func(c []*cell) bool { return !c[0].null() && c[1].null() }))
	}
	if setID != "" {
		tests = append(tests, must(column+"-C-"+setID, column+" "+other, column+" is not null when "+other+" is not.",
			func(c []*cell) bool { return c[0].null() && !c[1].null() }))
	}
	return tests
}

// nullTests are the rules about what must and must not be null.
func nullTests() []test {
	return slices.Concat(
		priced("ListUnitPrice", "004-C", "005-C"), priced("ContractedUnitPrice", "005-C", "006-C"), priced("PricingQuantity", "004-C", "005-C"),
		priced("SkuId", "004-C", "005-C"), priced("SkuPriceId", "004-C", "005-C"), priced("PricingCategory", "003-C", "004-C"),
		together("PricingUnit", "PricingQuantity", "005-C", "006-C"), together("ConsumedUnit", "ConsumedQuantity", "005-C", "006-C"),
		together("SubAccountName", "SubAccountId", "004-C", "005-C"), together("SubAccountType", "SubAccountId", "004-C", "005-C"),
		together("BillingAccountType", "BillingAccountId", "", "005-C"), together("RegionName", "RegionId", "004-C", "005-C"),
		together("ResourceType", "ResourceId", "004-C", "005-C"), together("ResourceName", "ResourceId", "004-C", ""),
		together("SkuMeter", "SkuId", "004-C", ""), together("SkuPriceDetails", "SkuPriceId", "004-C", ""),
		[]test{
			should("SkuMeter-C-005-C", "SkuMeter SkuId", "SkuMeter is not null when SkuId is not.", func(c []*cell) bool { return c[0].null() && !c[1].null() }),
			must("ConsumedQuantity-C-004-C", "ConsumedQuantity ChargeCategory", "ConsumedQuantity is null for what is not Usage.",
				func(c []*cell) bool { return !c[0].null() && c[1].Text != "Usage" }),
			must("ConsumedQuantity-C-006-C", "ConsumedQuantity ChargeCategory ChargeClass", "ConsumedQuantity is not null for Usage, unless it is a Correction.",
				func(c []*cell) bool { return c[0].null() && c[1].Text == "Usage" && c[2].Text != "Correction" }),
		},
	)
}

// amountTests are the rules about amounts and periods.
func amountTests() []test {
	return []test{
		must("ListUnitPrice-C-008-M", "ListUnitPrice", "ListUnitPrice is not below zero.", func(c []*cell) bool { return !c[0].null() && c[0].number.IsNegative() }),
		must("ContractedUnitPrice-C-009-C", "ContractedUnitPrice", "ContractedUnitPrice is not below zero.", func(c []*cell) bool { return !c[0].null() && c[0].number.IsNegative() }),
		product("ListCost-C-009-C", "ListCost", "ListUnitPrice"), product("ContractedCost-C-009-C", "ContractedCost", "ContractedUnitPrice"),
		likeBilled("ListCost-C-008-C", "ListCost", " ListUnitPrice"), likeBilled("ContractedCost-C-008-C", "ContractedCost", " ContractedUnitPrice"),
		likeBilled("EffectiveCost-C-010-C", "EffectiveCost", ""),
		must("EffectiveCost-C-005-C", "EffectiveCost ChargeCategory CommitmentDiscountId", "EffectiveCost is zero for a Purchase that covers later charges: one of a commitment discount.",
			func(c []*cell) bool { return c[1].Text == "Purchase" && !c[2].null() && !c[0].number.IsZero() }),
		must("BilledCost-C-005-C", "BilledCost ProviderName InvoiceIssuerName", "BilledCost is zero when another one than the provider receives the payment.",
			func(c []*cell) bool { return c[1].Text != c[2].Text && !c[0].number.IsZero() }),
		must("ChargePeriodEnd-C-004-M", "ChargePeriodEnd ChargePeriodStart", "ChargePeriodEnd is the end without the moment itself: later than ChargePeriodStart.",
			func(c []*cell) bool { return !c[0].at.After(c[1].at) }),
		must("BillingPeriodEnd-C-004-M", "BillingPeriodEnd BillingPeriodStart", "BillingPeriodEnd is the end without the moment itself: later than BillingPeriodStart.",
			func(c []*cell) bool { return !c[0].at.After(c[1].at) }),
	}
}

// product is the rule that unit price and quantity make the cost, exactly.
func product(id, cost, price string) test {
	return test{
		Rule{id, Must, cost + " is the product of " + price + " and PricingQuantity, unless it is a Correction."},
		cost + " " + price + " PricingQuantity ChargeClass",
		func(c []*cell) (bool, string) {
			if c[1].null() || c[2].null() || c[3].Text == "Correction" {
				return false, ""
			}
			want := c[1].number.Mul(c[2].number)
			return !want.Equal(c[0].number), "the product is " + want.String()
		},
	}
}

// likeBilled is the rule that a credit costs in every column what is billed.
func likeBilled(id, cost, price string) test {
	return must(id, cost+" BilledCost ChargeCategory"+price, cost+" of a Credit is its BilledCost.", func(c []*cell) bool {
		return c[2].Text == "Credit" && (len(c) < 4 || c[3].null()) && !c[0].number.Equal(c[1].number)
	})
}

// discountTests are the rules about commitment discounts and reservations.
func discountTests() []test {
	const id = "CommitmentDiscountId"
	return slices.Concat(
		together("CommitmentDiscountCategory", id, "003-C", "004-C"), together("CommitmentDiscountType", id, "004-C", "005-C"),
		together("CommitmentDiscountName", id, "004-C", ""), together("CommitmentDiscountUnit", "CommitmentDiscountQuantity", "005-C", "006-C"),
		[]test{
			must("CommitmentDiscountQuantity-C-007-C", "CommitmentDiscountQuantity CommitmentDiscountId ChargeCategory",
				"CommitmentDiscountQuantity is null without a commitment discount, and for what is neither Usage nor Purchase.",
				func(c []*cell) bool {
					return !c[0].null() && (c[1].null() || c[2].Text != "Usage" && c[2].Text != "Purchase")
				}),
			must("CapacityReservationId-C-005-C", "CapacityReservationId CapacityReservationStatus", "CapacityReservationId is not null when the reservation is Unused.",
				func(c []*cell) bool { return c[0].null() && c[1].Text == "Unused" }),
		},
	)
}

// maxDistinct bounds what is remembered of values that must go together.
const maxDistinct = 1 << 20

// distinctTests are the rules about one value having one other value in the
// whole file.
func (c *checker) distinctTests() []test {
	one := func(id, column, other, text string, k Keyword) test {
		seen := map[string]string{}
		return test{Rule{id, k, text}, other + " " + column, func(c []*cell) (bool, string) {
			if c[1].null() || c[0].null() {
				return false, ""
			}
			first, ok := seen[c[1].Text]
			if !ok && len(seen) < maxDistinct {
				seen[c[1].Text] = c[0].Text
			}
			return ok && first != c[0].Text, column + " " + c[1].Text + " had " + first + " before"
		}}
	}
	return []test{
		one("SkuPriceId-C-008-M", "SkuPriceId", "SkuId", "A SkuPriceId has one SkuId.", Must),
		one("ServiceName-C-005-C", "ServiceName", "ServiceCategory", "A ServiceName has one ServiceCategory.", Must),
		one("ServiceName-C-008-C", "ServiceName", "ServiceSubcategory", "A ServiceName has one ServiceSubcategory.", Should),
		one("BillingCurrency-C-005-M", "InvoiceId", "BillingCurrency", "All charges of an InvoiceId are in the currency of the invoice.", Must),
		one("InvoiceId-C-007-C", "InvoiceId", "BillingAccountId", "An InvoiceId belongs to one BillingAccountId.", Must),
	}
}

// unknownProperty reports whether SkuPriceDetails has a key that neither FOCUS
// nor the provider defined.
func unknownProperty(c []*cell) bool {
	if c[0].null() {
		return false
	}
	for key := range objectKeys(c[0].Text) {
		if !strings.HasPrefix(key, "x_") && !slices.Contains(priceProperties(), key) {
			return true
		}
	}
	return false
}
