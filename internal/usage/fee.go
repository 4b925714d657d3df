package usage

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/orgd/orgd/internal/id"
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

// NoEnd is the end of a recurring fee that has none.
const NoEnd Day = math.MaxInt32

// AccountFee is a fee as it was added to an account. One that is charged once
// belongs to the billing period of its first day, whatever days it is for. A
// recurring one is charged in every billing period that has some of its days,
// in full.
type AccountFee struct {
	Account id.Account
	ID      id.Charge
	Created time.Time
	Fee     Fee // Days up to NoEnd; Fee.ID is empty
}

// In returns the fee as it is charged in a billing period, false when it is
// not.
func (f *AccountFee) In(p Period) (Fee, bool) {
	fee := f.Fee
	fee.ID = string(f.ID)
	if !fee.Recurring {
		return fee, p.Contains(fee.Days.Start)
	}
	fee.Days = Period{Start: max(p.Start, fee.Days.Start), End: min(p.End, fee.Days.End)}
	return fee, fee.Days.Start < fee.Days.End
}
