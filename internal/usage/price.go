package usage

import (
	"errors"
	"fmt"
)

// Scope says what is rounded to blocks: a billing period's quantity, or each
// day's.
type Scope string

// The scopes of rounding.
const (
	PerPeriod Scope = "period"
	PerDay    Scope = "day"
)

// Tier is one step of a graduated price: it holds for the billable quantity
// above the tier before it, up to and including UpTo. The last tier has no
// end.
type Tier struct {
	UpTo             *Decimal // in pricing units
	List, Contracted Decimal  // for one pricing unit
}

// Price says what a billing period's quantity of one metric costs.
//
// With q the quantity consumed in the period so far:
//
//  1. q is divided by Per, and what is Included is taken off, but never below
//     zero;
//  2. the result is rounded by Mode, once: to whole blocks when there is a
//     Block, otherwise to Decimals digits;
//  3. the tiers share it from the bottom up.
//
// With the scope PerDay, rounding comes first and for each day by itself: the
// quantity of a day is rounded, and the allowance is taken off the sum of
// those.
type Price struct {
	Metric   MetricID
	SKU      string // names the price for ever; the same in every book that has it
	Unit     string // the pricing unit, such as 1000000 Requests
	Per      Decimal
	Decimals int32
	Included Decimal // in pricing units, of one billing period
	Block    Decimal // in pricing units, zero for none
	Mode     Mode
	Scope    Scope
	Tiers    []Tier
}

// PriceBook is a set of prices: one immutable version.
type PriceBook struct {
	ID       BookID
	Name     string
	Currency Currency
	Prices   []Price
}

// Price returns the price of a metric.
func (b *PriceBook) Price(m MetricID) (*Price, bool) {
	for i := range b.Prices {
		if b.Prices[i].Metric == m {
			return &b.Prices[i], true
		}
	}
	return nil, false
}

// Check reports the first thing that is wrong with the book.
func (b *PriceBook) Check() error {
	if !ValidName(string(b.ID)) {
		return errors.New("an id has 1 to 64 of the characters a-z, 0-9, _ and -, and begins with a letter")
	}
	if !b.Currency.Valid() {
		return fmt.Errorf("%q is no currency code of ISO 4217 such as USD", b.Currency)
	}
	seen := make(map[MetricID]bool, len(b.Prices))
	for i := range b.Prices {
		p := &b.Prices[i]
		if err := p.check(); err != nil {
			return fmt.Errorf("price of %s: %w", p.Metric, err)
		}
		if seen[p.Metric] {
			return fmt.Errorf("price of %s is there twice", p.Metric)
		}
		seen[p.Metric] = true
	}
	return nil
}

func (p *Price) check() error {
	switch {
	case p.SKU == "" || p.Unit == "":
		return errors.New("it has no sku or no unit")
	case p.Per.Sign() <= 0:
		return errors.New("per is not above zero")
	case p.Decimals < 0 || p.Decimals > MaxQuantityDecimals:
		return fmt.Errorf("decimals is not between 0 and %d", MaxQuantityDecimals)
	case p.Included.Sign() < 0 || p.Block.Sign() < 0:
		return errors.New("included and block are not below zero")
	case -trim(p.Included).Exponent() > p.Decimals || -trim(p.Block).Exponent() > p.Decimals:
		return fmt.Errorf("included and block have at most the %d decimals of the quantity", p.Decimals)
	case !p.Mode.Valid():
		return fmt.Errorf("%q is none of the roundings up, down, half_up, half_even", p.Mode)
	case p.Scope != PerPeriod && p.Scope != PerDay:
		return fmt.Errorf("%q is none of the scopes period, day", p.Scope)
	case len(p.Tiers) == 0:
		return errors.New("it has no price")
	}
	return p.checkTiers()
}

// checkTiers makes sure that the tiers lie above each other, at whole blocks,
// and that no amount needs more than MaxDecimals.
func (p *Price) checkTiers() error {
	low := Decimal{}
	for i := range p.Tiers {
		t := &p.Tiers[i]
		if t.List.Sign() < 0 || t.Contracted.Sign() < 0 {
			return fmt.Errorf("tier %d has a price below zero", i+1)
		}
		places := max(-trim(t.List).Exponent(), -trim(t.Contracted).Exponent())
		if places+p.Decimals > MaxDecimals {
			return fmt.Errorf("the unit price of tier %d and the quantity have more than %d decimals together", i+1, MaxDecimals)
		}
		if i == len(p.Tiers)-1 {
			if t.UpTo != nil {
				return errors.New("the last tier has an end")
			}
			break
		}
		if t.UpTo == nil || !t.UpTo.GreaterThan(low) {
			return fmt.Errorf("tier %d does not end above the one before it", i+1)
		}
		if -trim(*t.UpTo).Exponent() > p.Decimals || !p.Block.IsZero() && !t.UpTo.Mod(p.Block).IsZero() {
			return fmt.Errorf("tier %d does not end at a whole block", i+1)
		}
		low = *t.UpTo
	}
	return nil
}

// Valid reports whether c has the form of a currency code: three capitals.
func (c Currency) Valid() bool {
	if len(c) != 3 {
		return false
	}
	for i := range 3 {
		if c[i] < 'A' || c[i] > 'Z' {
			return false
		}
	}
	return true
}
