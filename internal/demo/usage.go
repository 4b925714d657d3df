package demo

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/shopspring/decimal"

	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/usage"
	"github.com/orgd/orgd/internal/usage/pricelist"
)

// Days is how many days of usage the demo has, the last of which is today.
const Days = 45

const (
	publicBook   usage.BookID = "demo-list-1"
	contractBook usage.BookID = "demo-contract-1"
	meterSource               = "/demo/meters"
	// eventsPerPush is how much is counted at once: a batch is held in memory,
	// so that a larger one would make an idle server larger.
	eventsPerPush = 1000
)

// planted is an account that the demo has made.
type planted struct {
	id   id.Account
	name string
}

// usage sets prices for both trees and has every account meter its work, by
// the operations that real usage takes.
func (s *seeder) usage(ctx context.Context) error {
	today := usage.DayOf(s.svc.Now())
	if err := s.prices(ctx, today-Days+1); err != nil {
		return err
	}
	m := meters{seeder: s, work: workloads(), zones: make(map[string]string), today: today}
	for day := today - Days + 1; day <= today; day++ {
		for _, a := range s.planted {
			if err := m.read(ctx, day, a); err != nil {
				return fmt.Errorf("meter %s on %s: %w", a.name, day, err)
			}
		}
	}
	if err := m.push(ctx); err != nil {
		return err
	}
	return m.settle(ctx)
}

// prices gives public prices to both trees, and a contract to the largest
// customer. The account outside any organization has no prices.
func (s *seeder) prices(ctx context.Context, first usage.Day) error {
	list, err := pricelist.Demo()
	if err != nil {
		return fmt.Errorf("read the demo's price list: %w", err)
	}
	_, err = s.svc.PutPriceList(ctx, s.as(s.admin, http.MethodPost, "/orgd/v1/usage/price_lists"),
		org.PriceList{Catalogue: list.Catalogue, Books: list.Books})
	if err != nil {
		return fmt.Errorf("add the demo's price list: %w", err)
	}
	at := first.Start()
	start := usage.DateOf(at.Year(), at.Month(), 1) // of the first billing period
	for _, root := range s.roots {
		if err := s.assign(ctx, org.Owner{Organization: root}, publicBook, start); err != nil {
			return err
		}
	}
	for _, a := range s.planted {
		if a.name == contractAccount {
			return s.assign(ctx, org.Owner{Account: a.id}, contractBook, start)
		}
	}
	return errors.New("the demo has no account for its contract")
}

func (s *seeder) assign(ctx context.Context, o org.Owner, book usage.BookID, start usage.Day) error {
	uri := "/orgd/v1/organizations/" + string(o.Organization)
	if o.Account != "" {
		uri = "/orgd/v1/accounts/" + string(o.Account)
	}
	if _, err := s.svc.AssignPriceBook(ctx, s.as(s.admin, http.MethodPut, uri+"/price_book"), o, book, start); err != nil {
		return fmt.Errorf("assign price book %s: %w", book, err)
	}
	return nil
}

// meters make events out of workloads.
type meters struct {
	*seeder
	work  map[string]workload
	zones map[string]string // ids by host name
	today usage.Day
	batch []usage.Submission
}

// read adds what an account used on a day, and counts it when it is enough.
func (m *meters) read(ctx context.Context, day usage.Day, a planted) error {
	w := m.work[a.name]
	for i := range w.loads {
		l := &w.loads[i]
		q := m.quantity(&w, l, day)
		if q.IsZero() {
			continue
		}
		e := usage.Event{
			Source: meterSource, ID: fmt.Sprintf("%s/%s/%d", day, a.id, i), Time: m.moment(day),
			Account: a.id, Metric: l.metric, Place: m.place(l), Quantity: q,
		}
		if !l.unique {
			m.batch = append(m.batch, usage.Submission{Event: e})
			continue
		}
		for n := range q.IntPart() {
			one := e
			one.ID, one.Quantity, one.Unique = fmt.Sprintf("%s/%d", e.ID, n), decimal.Zero, fmt.Sprintf("seat-%d", n)
			m.batch = append(m.batch, usage.Submission{Event: one})
		}
	}
	if len(m.batch) < eventsPerPush {
		return nil
	}
	return m.push(ctx)
}

// quantity returns what a load came to on a day: more on busy weekdays, a
// little more every day, and never quite the same. Today is not over yet.
func (m *meters) quantity(w *workload, l *load, day usage.Day) usage.Decimal {
	noise := uint64(50) // to either side, in thousandths
	if l.steady {
		noise = 2
	}
	n := l.daily * (1000 + int64(Days-1-(m.today-day))*w.growth) / 1000
	n = n * (1000 + int64(m.dice.Uint64()%(2*noise+1)) - int64(noise)) / 1000
	if !l.steady {
		n = n * w.week[day.Start().Weekday()] / 100
		if w.peak.percent != 0 && m.today-day == w.peak.ago {
			n = n * w.peak.percent / 100
		}
		if day == m.today {
			n = n * int64(m.svc.Now().Sub(day.Start())/time.Minute) / (24 * 60)
		}
	}
	return decimal.New(n, -l.places)
}

// moment returns when the meters are read: in the last minute of a day, and of
// today now.
func (m *meters) moment(day usage.Day) time.Time {
	if day == m.today {
		return m.svc.Now()
	}
	return (day + 1).Start().Add(-time.Minute)
}

func (m *meters) place(l *load) usage.Place {
	var p usage.Place
	if l.zone != "" {
		p.Zone = usage.Named{ID: m.zone(l.zone), Name: l.zone}
	}
	if l.region != "" {
		p.Region = usage.Named{ID: l.region, Name: regionName(l.region)}
	}
	return p
}

// zone returns the id of a zone, which it keeps from day to day.
func (m *meters) zone(host string) string {
	if m.zones[host] == "" {
		var b [16]byte
		_, _ = m.dice.Read(b[:]) // never returns an error
		m.zones[host] = hex.EncodeToString(b[:])
	}
	return m.zones[host]
}

// push counts the events that have been collected.
func (m *meters) push(ctx context.Context) error {
	if len(m.batch) == 0 {
		return nil
	}
	receipts, err := m.svc.PushUsage(ctx, m.as(m.admin, http.MethodPost, "/orgd/v1/usage/events"), m.batch)
	if err != nil {
		return fmt.Errorf("push usage: %w", err)
	}
	for i := range receipts {
		if r := &receipts[i]; r.Outcome != usage.Counted {
			return fmt.Errorf("push usage: event %s was %s: %s", r.ID, r.Outcome, r.Refusal.Message)
		}
	}
	m.batch = m.batch[:0]
	return nil
}
