package org

import (
	"fmt"

	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/usage"
)

// checkOver refuses to close a billing period to which something may still be
// added by itself.
//
// Rule: a period is over when it has ended. One of a deleted account is when it
// has begun: nothing is used any more, what was to be charged later is not, and
// what is added now is for no later day than today (ours, ADR 19).
func checkOver(acc *Account, p usage.Period, today usage.Day) error {
	if !acc.Deleted.IsZero() {
		if today < p.Start {
			return fault.New(fault.PeriodOpen, fmt.Sprintf("The billing period %s has not begun: it can be closed from %s on", p, p.Start))
		}
		return nil
	}
	if today < p.End {
		return fault.New(fault.PeriodOpen, fmt.Sprintf("The billing period %s has not ended: it can be closed from %s on", p, p.End))
	}
	return nil
}

// checkLastCharge refuses a charge that a deleted account cannot have.
//
// Rule: a deleted account is charged once at a time, on a day up to today, so that
// nothing comes to a period that was closed early (ours, ADR 19).
func checkLastCharge(acc *Account, f *usage.Fee, today usage.Day) error {
	switch {
	case acc.Deleted.IsZero():
		return nil
	case f.Recurring:
		return fault.At(fault.Invalid, "/recurring", "/recurring must be false: the account was deleted")
	case f.Days.Start > today:
		return fault.At(fault.Invalid, "/start", "/start must not be later than today: the account was deleted")
	}
	return nil
}
