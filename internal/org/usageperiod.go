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
	if _, err := readAccount(ctx, s.Store, caller, a, auth.BillingRead); err != nil {
		return page.Page[usage.BillingPeriod]{}, err
	}
	return s.Store.ListBillingPeriods(ctx, a, p)
}

// Restatements returns a page of the usage that was counted in closed billing
// periods of an account, in the order in which it was.
func (s *Service) Restatements(ctx context.Context, caller *auth.Caller, a id.Account, p page.Request) (page.Page[usage.Restatement], error) {
	if _, err := readAccount(ctx, s.Store, caller, a, auth.BillingRead); err != nil {
		return page.Page[usage.Restatement]{}, err
	}
	return s.Store.ListRestatements(ctx, a, p)
}

// AccountWatermark returns the watermark of an account.
func (s *Service) AccountWatermark(ctx context.Context, caller *auth.Caller, a id.Account) (Watermark, error) {
	if _, err := readAccount(ctx, s.Store, caller, a, auth.BillingRead); err != nil {
		return Watermark{}, err
	}
	all, err := s.Store.Watermarks(ctx, []id.Account{a})
	w, known := all[a]
	return Watermark{Known: known, Watermark: w}, err
}

// OrganizationWatermark returns the watermark of all accounts in an
// organization and below it that the caller may see.
//
// Rule: it is the earliest of those accounts that have usage or a watermark;
// one with usage and no watermark leaves the organization without one.
func (s *Service) OrganizationWatermark(ctx context.Context, caller *auth.Caller, o id.Organization) (Watermark, error) {
	_, scope, err := s.billed(ctx, caller, o)
	if err != nil {
		return Watermark{}, err
	}
	var out Watermark
	err = s.Store.View(ctx, func(r Reader) error {
		accounts, err := allAccounts(ctx, r, scope)
		if err != nil {
			return err
		}
		out, err = watermark(ctx, r, accounts)
		return err
	})
	return out, err
}

// watermark returns the earliest watermark of accounts.
func watermark(ctx context.Context, r Reader, accounts []Account) (Watermark, error) {
	ids := accountIDs(accounts)
	anchors, err := r.Anchors(ctx, ids)
	if err != nil {
		return Watermark{}, err
	}
	marks, err := r.Watermarks(ctx, ids)
	if err != nil {
		return Watermark{}, err
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
	return out, nil
}
