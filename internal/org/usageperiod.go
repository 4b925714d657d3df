package org

import (
	"context"
	"errors"
	"fmt"

	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/page"
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
		return p, fault.New(fault.PeriodClosed, fmt.Sprintf("The billing period %s is closed", p))
	}
	return p, err
}

// BillingPeriods returns a page of the billing periods of an account, in order.
func (s *Service) BillingPeriods(ctx context.Context, caller *auth.Caller, a id.Account, p page.Request) (page.Page[usage.BillingPeriod], error) {
	if _, err := s.readBilled(ctx, caller, a); err != nil {
		return page.Page[usage.BillingPeriod]{}, err
	}
	return s.Store.ListBillingPeriods(ctx, a, p)
}

// Restatements returns a page of the usage that was counted in closed billing
// periods of an account, in the order in which it was.
func (s *Service) Restatements(ctx context.Context, caller *auth.Caller, a id.Account, p page.Request) (page.Page[usage.Restatement], error) {
	if _, err := s.readBilled(ctx, caller, a); err != nil {
		return page.Page[usage.Restatement]{}, err
	}
	return s.Store.ListRestatements(ctx, a, p)
}

// AccountWatermark returns the watermark of an account.
func (s *Service) AccountWatermark(ctx context.Context, caller *auth.Caller, a id.Account) (Watermark, error) {
	acc, err := s.readBilled(ctx, caller, a)
	if err != nil {
		return Watermark{}, err
	}
	return watermark(ctx, s.Store, []Account{acc}, usage.DayOf(s.now()))
}

// OrganizationWatermark returns the watermark of all accounts in an
// organization and below it that the caller may see.
//
// Rule: it is the earliest of those accounts that have usage or a watermark;
// one with usage and no watermark leaves the organization without one. One that
// was deleted keeps nothing back: nothing is counted for it any more (ADR 19).
func (s *Service) OrganizationWatermark(ctx context.Context, caller *auth.Caller, o id.Organization) (Watermark, error) {
	_, scope, err := s.billed(ctx, caller, o)
	if err != nil {
		return Watermark{}, err
	}
	var out Watermark
	err = s.Store.View(ctx, func(r Reader) error {
		accounts, err := billedAccounts(ctx, r, scope)
		if err != nil {
			return err
		}
		out, err = watermark(ctx, r, accounts, usage.DayOf(s.now()))
		return err
	})
	return out, err
}

// watermark returns the earliest watermark of accounts. That of a deleted one
// is today, since its deletion.
func watermark(ctx context.Context, r UsageReader, accounts []Account, today usage.Day) (Watermark, error) {
	ids := accountIDs(accounts)
	anchors, err := r.Anchors(ctx, ids)
	if err != nil {
		return Watermark{}, err
	}
	marks, err := r.Watermarks(ctx, ids)
	if err != nil {
		return Watermark{}, err
	}
	for i := range accounts {
		acc := &accounts[i]
		_, used := anchors[acc.ID]
		_, marked := marks[acc.ID]
		if !acc.Deleted.IsZero() && (used || marked) {
			marks[acc.ID] = usage.Watermark{Through: usage.NoEnd, Updated: acc.Deleted}
		}
	}
	for a := range anchors {
		if _, marked := marks[a]; !marked {
			return Watermark{}, nil
		}
	}
	var out Watermark
	for _, w := range marks {
		if !out.Known || w.Through < out.Through || w.Through == out.Through && w.Updated.Before(out.Updated) {
			out = Watermark{Known: true, Watermark: w}
		}
	}
	out.Through = min(out.Through, today)
	return out, nil
}
