package usage

import (
	"errors"
	"fmt"
)

// FeeCategory says what a charge is that no usage makes.
type FeeCategory string

// The categories of fees.
const (
	Purchase   FeeCategory = "Purchase"
	Credit     FeeCategory = "Credit"
	Tax        FeeCategory = "Tax"
	Adjustment FeeCategory = "Adjustment"
)

// Fee is a charge that an operator adds to an account: a fixed fee, a credit, a
// tax or an adjustment, so that the rows of a period add up to its invoice.
type Fee struct {
	ID          string
	Category    FeeCategory
	Recurring   bool // billed every period, not once
	Amount      Decimal
	Currency    Currency
	Description string
	Days        Period // that the charge is for
	Service     Service
}

// Check reports what is wrong with the fee.
func (f *Fee) Check() error {
	switch f.Category {
	case Purchase:
		if f.Amount.IsNegative() {
			return errors.New("a purchase is not below zero: give back with a credit")
		}
	case Credit:
		if f.Amount.IsPositive() {
			return errors.New("a credit is not above zero")
		}
	case Tax, Adjustment:
	default:
		return fmt.Errorf("%q is none of the categories Purchase, Credit, Tax, Adjustment", f.Category)
	}
	switch {
	case f.Description == "":
		return errors.New("it has no description")
	case f.Days.Start >= f.Days.End:
		return errors.New("it does not end after its start")
	case !f.Currency.Valid():
		return fmt.Errorf("%q is no currency code of ISO 4217 such as USD", f.Currency)
	case -trim(f.Amount).Exponent() > MaxDecimals:
		return fmt.Errorf("the amount has more than %d digits after the point", MaxDecimals)
	}
	return nil
}
