package org

import (
	"context"
	"errors"
	"slices"

	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/usage"
)

// PushUsage counts events of usage and returns a receipt for each. What cannot
// be counted is refused one by one. The events are data and no change of the
// tree, so there is no audit record of them; their receipts are kept as long as
// they are.
func (s *Service) PushUsage(ctx context.Context, r Request, all []usage.Submission) ([]usage.Receipt, error) {
	p := &push{request: r, all: all}
	err := errTogether
	if r.Idempotency == nil && !r.DryRun {
		err = s.pushes.count(ctx, p, s.countTogether)
	}
	if errors.Is(err, errTogether) {
		err = s.countTogether(ctx, []*push{p})
	}
	if err != nil {
		return nil, err // who does not wait any longer must not look at p: it may be counted yet
	}
	return p.receipts, nil
}

// countTogether counts the events of several requests in one transaction, all
// or none. Each is decided on by the rights that its own caller holds in it.
func (s *Service) countTogether(ctx context.Context, together []*push) error {
	var joined []usage.Submission
	if len(together) == 1 {
		joined = together[0].all
	} else {
		for _, p := range together {
			joined = append(joined, p.all...)
		}
	}
	receipts, err := mutate(ctx, s, together[0].request, func(ctx context.Context, c *change) ([]usage.Receipt, error) {
		c.view = true
		if err := c.checkPushes(ctx, together, joined); err != nil {
			return nil, err
		}
		return c.CountUsage(ctx, joined, c.now)
	})
	if err != nil {
		return err
	}
	for _, p := range together {
		n := len(p.all)
		p.receipts, receipts = receipts[:n:n], receipts[n:]
	}
	return nil
}

// checkPushes refuses the events that cannot be counted. Refusals of an earlier
// run of the transaction are made anew. Joined are the events of all pushes,
// one after the other.
func (c *change) checkPushes(ctx context.Context, together []*push, joined []usage.Submission) error {
	catalogue, err := c.Catalogue(ctx)
	if err := unlessAbsent(err); err != nil {
		return err
	}
	if err != nil {
		if catalogue, err = usage.NewCatalogue("", nil); err != nil {
			return err
		}
	}
	accounts, err := c.accountsOf(ctx, joined)
	if err != nil {
		return err
	}
	for i, p := range together {
		by := c
		if i > 0 {
			by = &change{Tx: c.Tx, s: c.s, request: p.request, now: c.now}
			if err := by.authenticate(ctx); err != nil {
				return err
			}
		}
		by.checkEvents(catalogue, accounts, joined[:len(p.all)])
		joined = joined[len(p.all):]
	}
	return nil
}

// accountsOf returns the accounts of the events that there are.
func (c *change) accountsOf(ctx context.Context, all []usage.Submission) ([]Account, error) {
	var ids []id.Account
	seen := map[id.Account]bool{}
	for i := range all {
		if a := all[i].Event.Account; !seen[a] && id.Valid(string(a)) {
			seen[a] = true
			ids = append(ids, a)
		}
	}
	slices.Sort(ids)
	return c.AccountsByID(ctx, ids)
}

// checkEvents refuses the events that the caller may not send, and those that
// the catalogue has no place for.
func (c *change) checkEvents(catalogue *usage.Catalogue, accounts []Account, all []usage.Submission) {
	may := make(map[id.Account]bool, len(accounts))
	for i := range accounts {
		may[accounts[i].ID] = c.require(auth.UsagePush, accountTarget(&accounts[i])) == nil
	}
	for i := range all {
		s := &all[i]
		switch {
		case s.Unreadable:
			if !may[s.Event.Account] {
				s.Event.Account = "" // nobody's: its receipt is kept for nobody
			}
		case !may[s.Event.Account]:
			s.Refusal = &usage.Refusal{Reason: usage.UnknownAccount, Pointer: s.At + "/data/account_id", Message: "there is no such account, or the caller may not meter it"}
		default:
			if s.Refusal = catalogue.Check(&s.Event, usage.DefaultWindow(), c.now); s.Refusal != nil {
				s.Refusal.Pointer = s.At + s.Refusal.Pointer
				continue
			}
			metric, _ := catalogue.Metric(s.Event.Metric)
			s.Aggregation = metric.Aggregation
		}
	}
}
