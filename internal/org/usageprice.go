package org

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/usage"
)

// pricing is what is needed to price the usage of some accounts.
type pricing struct {
	list        []Account                   // in order
	catalogue   *usage.Catalogue            // of today
	versions    map[string]*usage.Catalogue // of closed periods
	accounts    map[id.Account]*Account
	anchors     map[id.Account]usage.Anchor
	assignments []usage.Assignment
	books       map[usage.BookID]*usage.PriceBook
	closed      map[id.Account][]usage.BillingPeriod // in order
	today       map[id.Account]*standing             // of the day at hand
	day         usage.Day
	meters      map[*Account]meters
	billed      billedLine

	// Of the record at hand.

	row     UsageRow
	charges []usage.Charge
	last    *standing // of the account
}

// standing is how an account stands on the day at hand.
type standing struct {
	account *Account
	book    *usage.PriceBook     // nil for none
	closed  *usage.BillingPeriod // that the day is in, nil while it is open
	meters  meters
}

// meters are those of an account. They have no texts, because there is one for
// each metric: it is the same one through a billing period.
type meters map[*usage.Metric]*meter

// meter prices one metric of one account in one billing period.
type meter struct {
	usage.Meter
	period usage.Period
	book   *usage.PriceBook // that price is of
	price  *usage.Price     // nil for none
}

// in returns what the metric costs by a book, nil for nothing.
func (m *meter) in(book *usage.PriceBook, metric usage.MetricID) *usage.Price {
	if m.book != book {
		m.book = book
		m.price, _ = book.Price(metric)
	}
	return m.price
}

// newPricing reads what is needed for the days from first on.
func newPricing(ctx context.Context, r Reader, accounts []Account, first usage.Day) (*pricing, error) {
	p := &pricing{
		list: accounts, accounts: make(map[id.Account]*Account, len(accounts)), books: map[usage.BookID]*usage.PriceBook{},
		meters: map[*Account]meters{}, today: map[id.Account]*standing{}, versions: map[string]*usage.Catalogue{},
		closed: map[id.Account][]usage.BillingPeriod{},
	}
	ids := accountIDs(accounts)
	organizations := map[id.Organization]bool{}
	for i := range accounts {
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
	if p.catalogue, err = catalogue(ctx, r, ""); err != nil {
		return nil, err
	}
	if p.anchors, err = r.Anchors(ctx, ids); err != nil {
		return nil, err
	}
	if p.assignments, err = r.Assignments(ctx, ids, above); err != nil {
		return nil, err
	}
	for _, a := range p.assignments {
		if err := p.readBook(ctx, r, a.Book); err != nil {
			return nil, err
		}
	}
	return p, p.readClosed(ctx, r, ids, first)
}

func (p *pricing) readBook(ctx context.Context, r Reader, b usage.BookID) error {
	if b == "" || p.books[b] != nil {
		return nil
	}
	book, err := r.PriceBook(ctx, b)
	p.books[b] = book
	return err
}

// readClosed reads the closed periods that end after first, and the prices and
// catalogues that they were closed with.
func (p *pricing) readClosed(ctx context.Context, r Reader, ids []id.Account, first usage.Day) error {
	all, err := r.ClosedPeriods(ctx, ids, first)
	if err != nil {
		return err
	}
	for i := range all {
		c := &all[i]
		for _, s := range c.Books {
			if err := p.readBook(ctx, r, s.Book); err != nil {
				return err
			}
		}
		if p.versions[c.Catalogue] == nil {
			if p.versions[c.Catalogue], err = catalogue(ctx, r, c.Catalogue); err != nil {
				return err
			}
		}
		p.closed[c.Account] = append(p.closed[c.Account], *c)
	}
	return nil
}

// catalogue returns the metrics up to a version of the catalogue, the latest for
// no name; none as long as there is no catalogue. Usage outlives the catalogue
// that its metric was in.
func catalogue(ctx context.Context, r Reader, version string) (*usage.Catalogue, error) {
	c, err := r.Metrics(ctx, version)
	if version == "" && errors.Is(err, fault.New(fault.NotFound, "")) {
		return usage.NewCatalogue("", nil)
	}
	return c, err
}

// closedAt returns the closed period of an account that has the day d, nil
// when the period of that day is open.
func (p *pricing) closedAt(a id.Account, d usage.Day) *usage.BillingPeriod {
	all := p.closed[a]
	i, _ := slices.BinarySearchFunc(all, d, func(c usage.BillingPeriod, d usage.Day) int {
		return cmp.Compare(c.End, d+1) // the first that ends after d
	})
	if i < len(all) && all[i].Contains(d) {
		return &all[i]
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
	add := func(c *usage.Catalogue) {
		for i := range c.Metrics {
			m := &c.Metrics[i]
			if (q.Metrics == nil || slices.Contains(q.Metrics, m.ID)) && (q.Families == nil || slices.Contains(q.Families, m.Family.ID)) {
				list = append(list, m.ID)
			}
		}
	}
	add(p.catalogue)
	for _, c := range p.versions {
		add(c)
	}
	slices.Sort(list)
	return slices.Compact(list), len(list) > 0
}

// standing returns how an account stands on the day at hand.
func (p *pricing) standing(a id.Account) *standing {
	if p.last != nil && p.last.account.ID == a {
		return p.last
	}
	st := p.today[a]
	if st == nil {
		st = p.newStanding(a)
		p.today[a] = st
	}
	p.last = st
	return st
}

func (p *pricing) newStanding(a id.Account) *standing {
	st := &standing{account: p.accounts[a], closed: p.closedAt(a, p.day)}
	if st.meters = p.meters[st.account]; st.meters == nil {
		st.meters = meters{}
		p.meters[st.account] = st.meters
	}
	if st.closed != nil {
		st.book = p.books[st.closed.Book(p.day)]
	} else {
		name, _ := usage.InForce(p.assignments, a, st.account.Path, p.day)
		st.book = p.books[name]
	}
	return st
}

// skip adds a record of a day that is not asked for to its billing period.
func (p *pricing) skip(u *usage.Record) error {
	st := p.standing(u.Line.Account)
	metric := p.metric(u.Line.Metric, st.closed)
	if metric == nil {
		return nil
	}
	m := p.meter(u, st, metric)
	var price *usage.Price
	if st.book != nil {
		price = m.in(st.book, metric.ID)
	}
	m.Skip(price, &usage.Consumption{Day: u.Line.Day, Quantity: u.State.Quantity(metric.Aggregation)})
	return nil
}

// charge adds a record to its billing period and calls each for its rows: in a
// closed period for those that were not billed.
func (p *pricing) charge(u *usage.Record, each func(*UsageRow) error) error {
	st := p.standing(u.Line.Account)
	metric := p.metric(u.Line.Metric, st.closed)
	if metric == nil {
		return nil
	}
	p.row = UsageRow{Account: st.account, Metric: metric}
	row := &p.row
	consumed := usage.Consumption{Day: u.Line.Day, Place: u.Place, Quantity: u.State.Quantity(metric.Aggregation)}
	m := p.meter(u, st, metric)
	row.Period = m.period
	if st.book != nil {
		if row.Price = m.in(st.book, metric.ID); row.Price != nil {
			row.Book = st.book
		}
	}
	if row.Price == nil {
		m.Skip(nil, &consumed)
		p.charges = append(p.charges[:0], usage.Charge{Day: consumed.Day, Place: consumed.Place, Consumed: consumed.Quantity})
	} else {
		p.charges = m.AppendCharges(p.charges[:0], row.Price, &consumed)
	}
	charges := p.charges
	if st.closed != nil {
		charges = p.correct(row, u, charges)
	}
	for i := range charges {
		row.Charge = charges[i]
		if err := each(row); err != nil {
			return err
		}
	}
	return nil
}

// metric returns a metric as it was called when the period was closed, or as
// it is called now; nil when there is none.
func (p *pricing) metric(m usage.MetricID, closed *usage.BillingPeriod) *usage.Metric {
	if closed != nil {
		if metric, ok := p.versions[closed.Catalogue].Metric(m); ok {
			return metric
		}
	}
	metric, _ := p.catalogue.Metric(m)
	return metric
}

// meter returns the meter of a record, a new one when a billing period begins.
func (p *pricing) meter(u *usage.Record, st *standing, metric *usage.Metric) *meter {
	m := st.meters[metric]
	if m == nil || !m.period.Contains(u.Line.Day) {
		m = &meter{period: p.anchors[u.Line.Account].Period(u.Line.Day)}
		st.meters[metric] = m
	}
	return m
}

// billedLine is what was billed for the line at hand.
type billedLine struct {
	line    usage.Line
	charges []usage.Charge
}

// bill calls each for a row that was billed, and keeps it for the corrections
// of its line.
func (p *pricing) bill(b *usage.Billed, each func(*UsageRow) error) error {
	st := p.standing(b.Account)
	in := p.closedAt(b.Account, b.In)
	if st.closed == nil || in == nil {
		return fmt.Errorf("read what was billed to %s for %s in %s: there is no such closed period", b.Account, b.Charge.Day, b.In)
	}
	if st.closed.Due {
		line := usage.Line{Account: b.Account, Metric: b.Metric, Day: b.Charge.Day, Zone: b.Charge.Place.Zone.ID, Region: b.Charge.Place.Region.ID}
		if p.billed.line != line {
			p.billed.line, p.billed.charges = line, p.billed.charges[:0]
		}
		p.billed.charges = append(p.billed.charges, b.Charge)
	}
	row := UsageRow{
		Account: st.account, Metric: p.metric(b.Metric, in), Period: in.Period, Charge: b.Charge,
		Correction: b.Correction, Billed: true, Root: in.Root,
	}
	if row.Metric == nil {
		row.Metric = p.metric(b.Metric, st.closed)
	}
	row.Account = billedAs(row.Account, in)
	if b.Book != "" {
		row.Book = p.books[b.Book]
		if row.Book != nil {
			row.Price, _ = row.Book.Price(b.Metric)
		}
	}
	if row.Metric == nil || b.Book != "" && row.Price == nil {
		return fmt.Errorf("read what was billed to %s for %s on %s: its metric or its price is gone", b.Account, b.Metric, b.Charge.Day)
	}
	return each(&row)
}

// billedAs returns the account with the name that it had when a period was
// closed.
func billedAs(a *Account, in *usage.BillingPeriod) *Account {
	if in.AccountName == a.Name {
		return a
	}
	named := *a
	named.Name = in.AccountName
	return &named
}

// correct returns what is still to be billed of a line in a closed period. It
// is billed in the first one after all that were closed.
func (p *pricing) correct(row *UsageRow, u *usage.Record, right []usage.Charge) []usage.Charge {
	var billed []usage.Charge
	if p.billed.line == u.Line {
		billed = p.billed.charges
	}
	row.Correction, row.Period = true, p.open(u.Line.Account)
	if metric, ok := p.catalogue.Metric(u.Line.Metric); ok {
		row.Metric = metric // as it will be called when it is billed
	}
	return usage.Corrections(billed, right)
}

// open returns the first billing period of an account after all that were
// closed.
func (p *pricing) open(a id.Account) usage.Period {
	all := p.closed[a]
	return p.anchors[a].Period(all[len(all)-1].End)
}
