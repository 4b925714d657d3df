package org

import (
	"fmt"
	"slices"

	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/usage"
)

// The bounds of a budget.
const (
	maxThresholds  = 10
	maxThreshold   = 1000 // percent
	amountDecimals = 9
)

// checkBudgets refuses another budget beyond the limit of its owner.
//
// Rule: 20 budgets for each organization and each account, configurable. The
// number is ours.
func checkBudgets(limits Limits, present int64) error {
	if present >= limits.Budgets {
		return fault.New(fault.LimitReached,
			fmt.Sprintf("Limit reached: %d budgets, the limit is %d (raise it with limits.budgets)", present, limits.Budgets))
	}
	return nil
}

// checkTerms refuses terms that nothing could be measured by.
//
// Rule: an amount has at most 18 digits before the point and 9 after it, like a
// measured quantity, so that nothing is ever rounded to compare with it.
func checkTerms(b *Budget) error {
	switch {
	case b.Owner.Account != "" && b.Scope != "":
		return fault.At(fault.Invalid, "/scope", "/scope is for budgets of organizations only")
	case b.Owner.Account == "" && b.Scope != BudgetSubtree && b.Scope != BudgetOwn:
		return fault.At(fault.Invalid, "/scope", "/scope must be one of subtree, own")
	case b.Kind != usage.CumulativeBudget && b.Kind != usage.ProjectedBudget:
		return fault.At(fault.Invalid, "/kind", "/kind must be one of cumulative, projected")
	case !b.Amount.IsPositive():
		return fault.At(fault.Invalid, "/amount", "/amount must be greater than 0")
	case !b.Currency.Valid():
		return fault.At(fault.Invalid, "/currency", "/currency must be a currency code of ISO 4217 such as USD")
	}
	if _, err := usage.ParseDecimal(b.Amount.String(), amountDecimals); err != nil {
		return fault.At(fault.Invalid, "/amount", "/amount "+err.Error())
	}
	return nil
}

// checkThresholds returns thresholds in order.
//
// Rule: 1 to 10 different ones, each a whole percentage from 1 to 1000. The
// numbers are ours.
func checkThresholds(list []int) ([]int, error) {
	if len(list) == 0 || len(list) > maxThresholds {
		return nil, fault.At(fault.Invalid, "/thresholds", fmt.Sprintf("/thresholds must have 1 to %d percentages", maxThresholds))
	}
	for i, percent := range list {
		at := fmt.Sprintf("/thresholds/%d", i)
		if percent < 1 || percent > maxThreshold {
			return nil, fault.At(fault.Invalid, at, fmt.Sprintf("%s must be a whole number from 1 to %d", at, maxThreshold))
		}
		if slices.Contains(list[:i], percent) {
			return nil, fault.At(fault.Invalid, at, at+" is there twice")
		}
	}
	return slices.Sorted(slices.Values(list)), nil
}
