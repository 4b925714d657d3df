package org

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/usage"
)

// BatchEvents is how many events of usage come at once.
const BatchEvents = 10_000

// UsageReceipt returns what became of an event, to those who may meter its
// account or see its bills; for all others there is none.
func (s *Service) UsageReceipt(ctx context.Context, caller *auth.Caller, source, event string) (usage.Receipt, error) {
	absent := fault.ErrNotFound("receipt")
	if !legibleName(source) || !legibleName(event) {
		return usage.Receipt{}, absent
	}
	receipt, err := s.Store.UsageReceipt(ctx, source, event)
	if err != nil {
		return receipt, err
	}
	a, err := visibleAccount(ctx, s.Store, caller, receipt.Line.Account)
	if errors.Is(err, fault.New(fault.NotFound, "")) {
		return usage.Receipt{}, absent
	}
	if err != nil {
		return usage.Receipt{}, err
	}
	if require(caller, auth.UsagePush, accountTarget(&a)) != nil && require(caller, auth.BillingRead, accountTarget(&a)) != nil {
		return usage.Receipt{}, absent
	}
	return receipt, nil
}

// legibleName reports whether s can be the source or id of an event at all.
func legibleName(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// PriceList is a catalogue of metrics, price books, or both.
type PriceList struct {
	Catalogue *usage.Catalogue // nil for none
	Books     []usage.PriceBook
}

// PutPriceList adds a catalogue and price books. Only administrators of the
// instance do. Versions never change: the same once more is fine, something
// else under the same name is refused.
//
// Rule: a metric keeps its aggregation for ever, because what was counted by
// one cannot be read by another. A metric that the newest catalogue does not
// have takes no more events; what was used of it stays, and can have prices.
func (s *Service) PutPriceList(ctx context.Context, r Request, list PriceList) (PriceList, error) {
	return mutate(ctx, s, r, func(ctx context.Context, c *change) (PriceList, error) {
		if err := c.requireAdministrator(audit.PriceListCreate, ""); err != nil {
			return PriceList{}, err
		}
		known, err := c.Metrics(ctx, "")
		if err := unlessAbsent(err); err != nil {
			return PriceList{}, err
		}
		if list.Catalogue != nil {
			if err := sameAggregations(known, list.Catalogue); err != nil {
				return PriceList{}, err
			}
			if err := c.PutCatalogue(ctx, list.Catalogue, c.now); err != nil {
				return PriceList{}, err
			}
			if known, err = c.Metrics(ctx, ""); err != nil {
				return PriceList{}, err
			}
		}
		for i := range list.Books {
			if err := checkBook(known, &list.Books[i]); err != nil {
				return PriceList{}, err
			}
			if err := c.PutPriceBook(ctx, &list.Books[i], c.now); err != nil {
				return PriceList{}, err
			}
		}
		return list, nil
	})
}

func sameAggregations(old, now *usage.Catalogue) error {
	if old == nil {
		return nil
	}
	for i := range now.Metrics {
		m := &now.Metrics[i]
		if before, ok := old.Metric(m.ID); ok && before.Aggregation != m.Aggregation {
			return fault.New(fault.Invalid, fmt.Sprintf("The aggregation of %s is %s and cannot become %s: give the new metric another id", m.ID, before.Aggregation, m.Aggregation))
		}
	}
	return nil
}

// checkBook makes sure that every price is of a metric that there is.
func checkBook(c *usage.Catalogue, b *usage.PriceBook) error {
	for i := range b.Prices {
		name := b.Prices[i].Metric
		if c == nil {
			return fault.New(fault.Invalid, "There is no catalogue of metrics yet")
		}
		if _, ok := c.Metric(name); !ok {
			return fault.New(fault.Invalid, fmt.Sprintf("Price book %s has a price of %s, which is not in the catalogue", b.ID, name))
		}
	}
	return nil
}

// AssignPriceBook gives a price book to an account, or to all accounts in an
// organization and below it, from a day on.
func (s *Service) AssignPriceBook(ctx context.Context, r Request, o Owner, book usage.BookID, start usage.Day) (usage.Assignment, error) {
	return mutate(ctx, s, r, func(ctx context.Context, c *change) (usage.Assignment, error) {
		a := usage.Assignment{Account: o.Account, Organization: o.Organization, Book: book, Start: start}
		if err := c.requireOwner(ctx, o, a); err != nil {
			return a, err
		}
		_, err := c.PriceBook(ctx, book)
		if errors.Is(err, fault.New(fault.NotFound, "")) {
			return a, fault.At(fault.Invalid, "/book_id", fmt.Sprintf("There is no price book %q", book))
		}
		if err != nil {
			return a, err
		}
		return a, c.Assign(ctx, a)
	})
}

// requireOwner locks the owner, announces the assignment and checks that the
// caller may set prices there.
func (c *change) requireOwner(ctx context.Context, o Owner, a usage.Assignment) error {
	if o.Account != "" {
		acc, e, err := c.lockAccount(ctx, o.Account, audit.PriceBookAssign, false)
		if err != nil {
			return err
		}
		e.before, e.after = nil, a
		return c.require(auth.BillingWrite, accountTarget(&acc))
	}
	org, err := c.lockOrganization(ctx, o.Organization, "")
	if err != nil {
		return err
	}
	c.record(entry{action: audit.PriceBookAssign, log: id.Log(o.Organization), resource: string(o.Organization), after: a})
	return c.require(auth.BillingWrite, auth.OrganizationTarget(org.Path))
}
