package org

import (
	"context"
	"slices"
	"strings"

	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/page"
	"github.com/orgd/orgd/internal/usage"
)

// UsageQuery asks for the usage of some days, of some metrics or all (nil).
type UsageQuery struct {
	From, End usage.Day // End is the first day that is not asked for
	Metrics   []usage.MetricID
	Families  []string // ids of product families, nil for all
}

// UsageRow is a row of usage: what one tier had of an account's use of a
// metric on a day in a place. Book and Price are nil on a day without a price.
type UsageRow struct {
	Account *Account
	Metric  *usage.Metric
	Book    *usage.PriceBook
	Price   *usage.Price
	Period  usage.Period
	Charge  usage.Charge
}

// Usage is an answer under way: everything that can be refused has been
// checked. Each calls a function for every row, in order of day, account,
// metric, zone, region and tier; the row is good until the next call.
type Usage struct {
	Root usage.Named // of the tree, of an organization's usage
	Each func(ctx context.Context, each func(*UsageRow) error) error
}

// OrganizationUsage returns the usage of all accounts in an organization and
// below it that the caller may see.
//
// Rule: usage follows its account: an organization shows the accounts that it
// has now, with all that they used before they came (ADR 17).
func (s *Service) OrganizationUsage(ctx context.Context, caller *auth.Caller, o id.Organization, q UsageQuery) (Usage, error) {
	org, err := visibleOrganization(ctx, s.Store, caller, o, "", "organization")
	if err != nil {
		return Usage{}, err
	}
	if err := require(caller, auth.BillingRead, auth.OrganizationTarget(org.Path)); err != nil {
		return Usage{}, err
	}
	root := org
	if org.Path[0] != o {
		if root, err = s.Store.Organization(ctx, org.Path[0]); err != nil {
			return Usage{}, err
		}
	}
	denied := caller.Scope(auth.BillingRead)
	scope := auth.Scope{Roots: []id.Organization{o}, DeniedOrganizations: denied.DeniedOrganizations, DeniedAccounts: denied.DeniedAccounts}
	return Usage{Root: usage.Named{ID: string(root.ID), Name: root.Name}, Each: func(ctx context.Context, each func(*UsageRow) error) error {
		return s.Store.View(ctx, func(r Reader) error {
			accounts, err := allAccounts(ctx, r, scope)
			if err != nil {
				return err
			}
			return eachUsage(ctx, r, accounts, q, each)
		})
	}}, nil
}

// AccountUsage returns the usage of one account.
func (s *Service) AccountUsage(ctx context.Context, caller *auth.Caller, a id.Account, q UsageQuery) (Usage, error) {
	acc, err := readAccount(ctx, s.Store, caller, a, auth.BillingRead)
	if err != nil {
		return Usage{}, err
	}
	return Usage{Each: func(ctx context.Context, each func(*UsageRow) error) error {
		return s.Store.View(ctx, func(r Reader) error { return eachUsage(ctx, r, []Account{acc}, q, each) })
	}}, nil
}

// accountsPerPage is how many accounts are read at once.
const accountsPerPage = 1000

// allAccounts returns the accounts in scope in order of their identifiers.
func allAccounts(ctx context.Context, r AccountReader, scope auth.Scope) ([]Account, error) {
	var all []Account
	for n := 1; ; n++ {
		p, err := r.ListAccounts(ctx, AccountQuery{Scope: scope, Numbered: page.Numbered{Page: n, PerPage: accountsPerPage}})
		if err != nil {
			return nil, err
		}
		all = append(all, p.Items...)
		if len(p.Items) < accountsPerPage {
			break
		}
	}
	slices.SortFunc(all, func(a, b Account) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return all, nil
}

// pricing is what is needed to price the usage of some accounts.
type pricing struct {
	catalogue   *usage.Catalogue
	accounts    map[id.Account]*Account
	anchors     map[id.Account]usage.Anchor
	assignments []usage.Assignment
	books       map[usage.BookID]*usage.PriceBook
	today       map[id.Account]usage.BookID // of the day at hand, "" for none
	day         usage.Day
	meters      map[meterKey]*meter
}

type meterKey struct {
	account id.Account
	metric  usage.MetricID
}

// meter prices one metric of one account in one billing period.
type meter struct {
	usage.Meter
	period usage.Period
}

func newPricing(ctx context.Context, r Reader, accounts []Account) (*pricing, error) {
	p := &pricing{
		accounts: make(map[id.Account]*Account, len(accounts)), books: map[usage.BookID]*usage.PriceBook{},
		meters: map[meterKey]*meter{}, today: map[id.Account]usage.BookID{},
	}
	ids := make([]id.Account, len(accounts))
	organizations := map[id.Organization]bool{}
	for i := range accounts {
		ids[i] = accounts[i].ID
		p.accounts[accounts[i].ID] = &accounts[i]
		for _, o := range accounts[i].Path {
			organizations[o] = true
		}
	}
	var above []id.Organization
	for o := range organizations {
		above = append(above, o)
	}
	var err error
	if p.catalogue, err = r.Catalogue(ctx); err != nil {
		return nil, err
	}
	if p.anchors, err = r.Anchors(ctx, ids); err != nil {
		return nil, err
	}
	if p.assignments, err = r.Assignments(ctx, ids, above); err != nil {
		return nil, err
	}
	for _, a := range p.assignments {
		if p.books[a.Book] == nil {
			if p.books[a.Book], err = r.PriceBook(ctx, a.Book); err != nil {
				return nil, err
			}
		}
	}
	return p, nil
}

// first returns the first day that has to be read: the start of the earliest
// billing period that has the day d.
func (p *pricing) first(d usage.Day) usage.Day {
	first := d
	if len(p.assignments) == 0 {
		return first // nothing has a price, so nothing depends on what came before
	}
	for _, a := range p.anchors {
		first = min(first, a.Period(d).Start)
	}
	return first
}

// eachUsage reads day by day, so that rows leave while later days are still to
// be read, and at most one meter for each metric of an account is kept.
func eachUsage(ctx context.Context, r Reader, accounts []Account, q UsageQuery, each func(*UsageRow) error) error {
	p, err := newPricing(ctx, r, accounts)
	if fault.CodeOf(err) == fault.NotFound && err != nil {
		return nil // without a catalogue nothing was ever counted
	}
	if err != nil {
		return err
	}
	metrics, some := p.metrics(&q)
	if !some {
		return nil
	}
	for day := p.first(q.From); day < q.End; day++ {
		p.startDay(day)
		list := p.concerned(accounts, q.From)
		if len(list) == 0 {
			continue
		}
		err := r.EachUsage(ctx, usage.Query{Day: day, Accounts: list, Metrics: metrics}, func(u *usage.Record) error {
			return p.charge(u, day >= q.From, each)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// metrics returns the metrics asked for, nil for all, and whether there are
// any at all.
func (p *pricing) metrics(q *UsageQuery) ([]usage.MetricID, bool) {
	if q.Metrics == nil && q.Families == nil {
		return nil, true
	}
	var list []usage.MetricID
	for i := range p.catalogue.Metrics {
		m := &p.catalogue.Metrics[i]
		if (q.Metrics == nil || slices.Contains(q.Metrics, m.ID)) && (q.Families == nil || slices.Contains(q.Families, m.Family.ID)) {
			list = append(list, m.ID)
		}
	}
	return list, len(list) > 0
}

func (p *pricing) startDay(day usage.Day) {
	p.day = day
	clear(p.today)
}

// concerned returns the accounts of which the day at hand is asked for, or
// comes before that in the same billing period.
func (p *pricing) concerned(accounts []Account, from usage.Day) []id.Account {
	list := make([]id.Account, 0, len(accounts))
	for i := range accounts {
		anchor, known := p.anchors[accounts[i].ID]
		if known && (p.day >= from || anchor.Period(from).Contains(p.day)) {
			list = append(list, accounts[i].ID)
		}
	}
	return list
}

// book returns the price book of an account on the day at hand.
func (p *pricing) book(a *Account) *usage.PriceBook {
	name, known := p.today[a.ID]
	if !known {
		name, _ = usage.InForce(p.assignments, a.ID, a.Path, p.day)
		p.today[a.ID] = name
	}
	return p.books[name]
}

// charge adds a record to its billing period and, when it is asked for, calls
// each for its rows.
func (p *pricing) charge(u *usage.Record, wanted bool, each func(*UsageRow) error) error {
	metric, known := p.catalogue.Metric(u.Line.Metric)
	account := p.accounts[u.Line.Account]
	if !known || account == nil {
		return nil
	}
	row := UsageRow{Account: account, Metric: metric}
	consumed := usage.Consumption{Day: u.Line.Day, Place: u.Place, Quantity: u.State.Quantity(metric.Aggregation)}
	m := p.meter(u)
	row.Period = m.period
	if book := p.book(account); book != nil {
		if price, ok := book.Price(metric.ID); ok {
			row.Book, row.Price = book, price
		}
	}
	if row.Price == nil || !wanted {
		m.Skip(row.Price, &consumed)
		if !wanted {
			return nil
		}
		row.Charge = usage.Charge{Day: consumed.Day, Place: consumed.Place, Consumed: consumed.Quantity}
		return each(&row)
	}
	for _, c := range m.Charges(row.Price, &consumed) {
		row.Charge = c
		if err := each(&row); err != nil {
			return err
		}
	}
	return nil
}

// meter returns the meter of a record's account and metric, a new one when a
// billing period begins.
func (p *pricing) meter(u *usage.Record) *meter {
	key := meterKey{u.Line.Account, u.Line.Metric}
	m := p.meters[key]
	if m == nil || !m.period.Contains(u.Line.Day) {
		m = &meter{period: p.anchors[u.Line.Account].Period(u.Line.Day)}
		p.meters[key] = m
	}
	return m
}
