package org

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/page"
	"github.com/orgd/orgd/internal/usage"
)

const (
	// maxRecurring is how many recurring charges of an account run at once.
	maxRecurring = 100
	// chargeReach is how many days a charge may begin before or after today.
	chargeReach = 366
	// maxChargeText is the longest description of a charge, in characters.
	maxChargeText = 500
)

// NewCharge is what a charge is made of. Without a currency it has that of the
// price book, without an end a recurring one goes on and another is for one day.
type NewCharge struct {
	Fee usage.Fee  // its days begin with Days.Start
	End *usage.Day // the first day that it is not for
}

// Charge is a charge that somebody added to an account, and the billing period
// in which it is charged, for the first time if it is recurring.
type Charge struct {
	usage.AccountFee
	Period usage.Period
}

// CreateCharge adds a charge to an account.
//
// Rule: a charge belongs to the billing period of its first day, which has to
// be open, and so has every later one that a recurring charge is charged in.
// It is in the currency of the price book that holds on its first day, so that
// the invoice has one.
//
// A deleted account can still be charged, and credited, by those who finish its
// books (checkLastCharge).
func (s *Service) CreateCharge(ctx context.Context, r Request, a id.Account, in NewCharge) (Charge, error) {
	fee, err := s.checkCharge(in)
	if err != nil {
		return Charge{}, err
	}
	return mutate(ctx, s, r, func(ctx context.Context, c *change) (Charge, error) {
		acc, e, err := c.lockBilled(ctx, a, audit.ChargeCreate)
		if err != nil {
			return Charge{}, err
		}
		out := Charge{AccountFee: usage.AccountFee{Account: a, ID: id.Charge(s.ids.New()), Created: c.now, Fee: fee}}
		e.resource, e.made = string(out.ID), true
		if err := c.require(auth.BillingWrite, accountTarget(&acc)); err != nil {
			return Charge{}, err
		}
		if err := checkLastCharge(&acc, &fee, usage.DayOf(c.now)); err != nil {
			return Charge{}, err
		}
		if out.Period, err = c.requireOpenPeriod(ctx, a, fee.Days.Start); err != nil {
			return Charge{}, atStart(err)
		}
		if err := c.checkRecurring(ctx, &out); err != nil {
			return Charge{}, err
		}
		if out.Fee.Currency, err = c.currency(ctx, &acc, &fee); err != nil {
			return Charge{}, err
		}
		e.after = out
		return out, c.InsertCharge(ctx, out.AccountFee)
	})
}

// atStart lets the refusal of a billing period point to the first day.
func atStart(err error) error {
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Pointer == "" {
		return fault.At(f.Code, "/start", f.Message)
	}
	return err
}

// checkCharge checks what can be said of a charge by itself and completes it.
func (s *Service) checkCharge(in NewCharge) (f usage.Fee, err error) {
	f = in.Fee
	if f.Description, err = checkText("/description", f.Description, 1, maxChargeText); err != nil {
		return f, err
	}
	today := usage.DayOf(s.now())
	if f.Days.Start < today-chargeReach || f.Days.Start > today+chargeReach {
		return f, fault.At(fault.Invalid, "/start", fmt.Sprintf("/start must be within %d days of today", chargeReach))
	}
	switch {
	case in.End != nil:
		f.Days.End = *in.End
	case f.Recurring:
		f.Days.End = usage.NoEnd
	default:
		f.Days.End = f.Days.Start + 1
	}
	if f.Days.End <= f.Days.Start {
		return f, fault.At(fault.Invalid, "/end", "/end must be later than /start: it is the first day that the charge is not for")
	}
	if f.Currency != "" && !f.Currency.Valid() {
		return f, fault.At(fault.Invalid, "/currency", "/currency must be a code of ISO 4217 such as USD")
	}
	complete := f
	if complete.Currency == "" {
		complete.Currency = "USD" // that of the price book is not known yet
	}
	if err := complete.Check(); err != nil {
		return f, fault.At(fault.Invalid, "/amount", "/amount: "+err.Error())
	}
	return f, nil
}

// checkRecurring refuses a recurring charge that would be charged in a closed
// period, and one too many.
func (c *change) checkRecurring(ctx context.Context, in *Charge) error {
	if !in.Fee.Recurring {
		return nil
	}
	closed, err := c.chargedIn(ctx, &in.AccountFee)
	if err != nil {
		return err
	}
	if len(closed) > 0 {
		return fault.At(fault.PeriodClosed, "/start", fmt.Sprintf("The billing period %s is closed", closed[0].Period))
	}
	all, err := c.RecurringCharges(ctx, []id.Account{in.Account})
	if err != nil {
		return err
	}
	running := 0
	for i := range all {
		if all[i].Fee.Days.End > in.Fee.Days.Start {
			running++
		}
	}
	if running >= maxRecurring {
		return fault.New(fault.LimitReached, fmt.Sprintf("The account has %d recurring charges, the most that can run at once; remove one, or add charges that are charged once", maxRecurring))
	}
	return nil
}

// chargedIn returns the closed periods in which a charge is charged.
func (c *change) chargedIn(ctx context.Context, f *usage.AccountFee) ([]usage.BillingPeriod, error) {
	closed, err := c.ClosedPeriods(ctx, []id.Account{f.Account}, f.Fee.Days.Start)
	return slices.DeleteFunc(closed, func(p usage.BillingPeriod) bool {
		_, charged := f.In(p.Period)
		return !charged
	}), err
}

// currency returns the currency of a charge.
func (c *change) currency(ctx context.Context, acc *Account, f *usage.Fee) (usage.Currency, error) {
	assignments, err := c.Assignments(ctx, []id.Account{acc.ID}, acc.Path)
	if err != nil {
		return "", err
	}
	name, ok := usage.InForce(assignments, acc.ID, acc.Path, f.Days.Start)
	if !ok {
		return "", fault.At(fault.Invalid, "/start", fmt.Sprintf("The account has no price book on %s, and so no currency", f.Days.Start))
	}
	book, err := c.PriceBook(ctx, name)
	if err != nil {
		return "", err
	}
	if f.Currency != "" && f.Currency != book.Currency {
		return "", fault.At(fault.Invalid, "/currency", fmt.Sprintf("/currency must be %s, that of price book %s", book.Currency, name))
	}
	return book.Currency, nil
}

// ListCharges returns a page of the charges of an account in order of creation.
func (s *Service) ListCharges(ctx context.Context, caller *auth.Caller, a id.Account, p page.Request) (page.Page[Charge], error) {
	var out page.Page[Charge]
	if _, err := s.readBilled(ctx, caller, a); err != nil {
		return out, err
	}
	err := s.Store.View(ctx, func(r Reader) error {
		list, err := r.ListCharges(ctx, a, p)
		if err != nil || len(list.Items) == 0 {
			out = page.Page[Charge]{Next: list.Next, Total: list.Total}
			return err
		}
		anchor, err := anchorOf(ctx, r, a)
		if err != nil {
			return err
		}
		if anchor == nil {
			return fmt.Errorf("list the charges of %s: it has no anchor", a)
		}
		out = page.Page[Charge]{Next: list.Next, Total: list.Total}
		for i := range list.Items {
			out.Items = append(out.Items, Charge{list.Items[i], anchor.Period(list.Items[i].Fee.Days.Start)})
		}
		return nil
	})
	return out, err
}

// DeleteCharge takes a charge away from all billing periods that are open. One
// that is recurring and was charged in closed ones ends with the last of them.
//
// Rule: nothing is taken away from a closed period.
func (s *Service) DeleteCharge(ctx context.Context, r Request, a id.Account, charge id.Charge) (id.Charge, error) {
	return mutate(ctx, s, r, func(ctx context.Context, c *change) (id.Charge, error) {
		acc, e, err := c.lockBilled(ctx, a, audit.ChargeDelete)
		if err != nil {
			return charge, err
		}
		e.resource = string(charge)
		if err := c.require(auth.BillingWrite, accountTarget(&acc)); err != nil {
			return charge, err
		}
		if err := c.LockUsage(ctx, a); err != nil {
			return charge, err
		}
		if !id.Valid(string(charge)) {
			return charge, fault.ErrNotFound("charge")
		}
		fee, err := c.Charge(ctx, a, charge)
		if err != nil {
			return charge, err
		}
		anchor, err := anchorOf(ctx, c.Tx, a)
		if err != nil {
			return charge, err
		}
		if anchor == nil {
			return charge, fmt.Errorf("remove charge %s of %s: it has no anchor", charge, a)
		}
		shown := Charge{fee, anchor.Period(fee.Fee.Days.Start)}
		e.before = shown
		end, err := c.lastCharged(ctx, &fee)
		if err != nil {
			return charge, err
		}
		if end == 0 {
			return charge, c.Tx.DeleteCharge(ctx, fee)
		}
		shown.Fee.Days.End = end
		e.after = shown
		return charge, c.EndCharge(ctx, shown.AccountFee)
	})
}

// lastCharged returns the day on which a recurring charge ends because it was
// charged in closed periods, 0 when it was not. It refuses what is in closed
// periods only.
func (c *change) lastCharged(ctx context.Context, f *usage.AccountFee) (usage.Day, error) {
	closed, err := c.chargedIn(ctx, f)
	if err != nil || len(closed) == 0 {
		return 0, err
	}
	last := closed[len(closed)-1]
	if !f.Fee.Recurring || last.End >= f.Fee.Days.End {
		return 0, fault.New(fault.PeriodClosed, fmt.Sprintf("The billing period %s is closed: what was charged in it stays", last.Period))
	}
	return last.End, nil
}
