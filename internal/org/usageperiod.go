package org

import (
	"context"
	"errors"
	"fmt"

	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/usage"
)

// requireOpenPeriod holds the usage of an account, so that none of its billing
// periods is closed meanwhile, and returns the period that has the day d,
// which has to be open. A period that there was not is there then, and so is
// the anchor of an account that had none.
//
// Rule: nothing is added to a closed period, and nothing is taken away from it.
func (c *change) requireOpenPeriod(ctx context.Context, a id.Account, d usage.Day) (usage.Period, error) {
	if err := c.LockUsage(ctx, a); err != nil {
		return usage.Period{}, err
	}
	anchors, err := c.Anchors(ctx, []id.Account{a})
	if err != nil {
		return usage.Period{}, err
	}
	anchor, known := anchors[a]
	if !known {
		anchor = usage.FirstAnchor(d)
		if err := c.PutAnchor(ctx, a, anchor); err != nil {
			return usage.Period{}, err
		}
	}
	p := anchor.Period(d)
	stored, err := c.BillingPeriod(ctx, a, p.Start)
	switch {
	case errors.Is(err, fault.New(fault.NotFound, "")):
		return p, c.OpenPeriod(ctx, a, p)
	case err == nil && !stored.Closed.IsZero():
		return p, fault.New(fault.Invalid, fmt.Sprintf("The billing period %s is closed", p))
	}
	return p, err
}
