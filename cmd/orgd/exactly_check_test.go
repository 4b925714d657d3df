package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"net/url"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"
)

// check compares all that there is with the independent count: through the
// API, and then in the database.
func (m *meter) check(t *testing.T) {
	t.Helper()
	events := m.world.distinct()
	lines := m.world.tally(events)
	for _, e := range events {
		if n := m.counted[e]; n > 1 || n == 0 && !m.lost[e] {
			t.Fatalf("event %d was answered %d times to be counted", e, n)
		}
	}
	c := newClient(m.base, m.token)
	m.checkReceipts(t, c, events)
	all := make(map[meterLine]*meterTally, len(lines))
	for a, account := range m.world.accounts {
		own := maps.Collect(filtered(lines, func(l meterLine) bool { return l.account == a }))
		m.checkRows(t, c, "/accounts/"+account, own)
		maps.Copy(all, own)
	}
	m.checkRows(t, c, "/organizations/"+m.organizations[0], all)
	for i, o := range m.organizations[1:] {
		m.checkRows(t, c, "/organizations/"+o, maps.Collect(filtered(lines, func(l meterLine) bool { return m.homes[l.account] == i+1 })))
	}
	m.server.signal(t, os.Interrupt)
	if code := m.server.wait(t); code != 0 {
		t.Errorf("exit code %d, want 0\n%s", code, m.server.output)
	}
	run(t, m.program, "fsck", "--store", m.url)
	m.checkEvents(t, events)
	m.checkDays(t, lines)
}

func filtered(lines map[meterLine]*meterTally, keep func(meterLine) bool) func(func(meterLine, *meterTally) bool) {
	return func(yield func(meterLine, *meterTally) bool) {
		for l, tally := range lines {
			if keep(l) && !yield(l, tally) {
				return
			}
		}
	}
}

// checkReceipts asks for receipts of some events and of all that were refused.
func (m *meter) checkReceipts(t *testing.T, c *client, events []int) {
	t.Helper()
	ask := func(source, id string) (r meterReceipt) {
		t.Helper()
		answer := m.own(c).must(t, "GET", "/usage/receipts/"+url.PathEscape(source)+"/"+url.PathEscape(id), nil)
		if err := json.Unmarshal(answer.Result, &r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	for range 500 {
		e := &m.world.events[events[m.random.IntN(len(events))]]
		if got, want := ask(e.sourceName(), e.id()), m.world.receipt(e, "counted"); got != want {
			t.Errorf("the receipt is %+v, want %+v", got, want)
		}
	}
	for _, p := range m.poisoned {
		var e struct{ Source, ID string }
		if err := json.Unmarshal([]byte(p.event), &e); err != nil {
			t.Fatal(err)
		}
		if p.reason == "unknown_account" {
			continue // who may not see an account sees no receipts of it
		}
		if got := ask(e.Source, e.ID); got.Outcome != "refused" || got.Reason != p.reason {
			t.Errorf("the receipt is %+v, want a refusal: %s", got, p.reason)
		}
	}
}

// meterRow is a row of usage.
type meterRow struct {
	BillingAccountId  string
	ChargePeriodStart time.Time
	MetricID          string `json:"x_BillableMetricId"`
	ZoneID            string `json:"x_ZoneId"`
	RegionId          string
	ConsumedQuantity  json.Number
	PricingQuantity   json.Number
	ListCost          json.Number
	ContractedCost    json.Number
}

// checkRows compares the rows of usage of an account or organization.
func (m *meter) checkRows(t *testing.T, c *client, of string, lines map[meterLine]*meterTally) {
	t.Helper()
	var rows []meterRow
	last := m.world.first.AddDate(0, 0, meterDays-1)
	answer := c.must(t, "GET", of+"/billable/usage?from="+m.world.first.Format(time.DateOnly)+"&to="+last.Format(time.DateOnly), nil)
	if err := json.Unmarshal(answer.Result, &rows); err != nil {
		t.Fatal(err)
	}
	if len(rows) != len(lines) {
		t.Fatalf("%s: %d rows, want %d", of, len(rows), len(lines))
	}
	total, wantTotal := new(big.Rat), new(big.Rat)
	seen := map[meterLine]bool{}
	for i := range rows {
		r := &rows[i]
		line := m.world.line(t, r.BillingAccountId, r.MetricID, r.ChargePeriodStart, r.ZoneID)
		tally := lines[line]
		if tally == nil || seen[line] || r.RegionId != line.region() {
			t.Fatalf("%s: nobody expects the row %+v", of, r)
		}
		seen[line] = true
		want := tally.quantity(line.metric)
		equalNumber(t, fmt.Sprint(of, " quantity of ", line), string(r.ConsumedQuantity), want)
		equalNumber(t, fmt.Sprint(of, " quantity to price of ", line), string(r.PricingQuantity), want)
		equalNumber(t, fmt.Sprint(of, " list cost of ", line), string(r.ListCost), new(big.Rat).Mul(want, big.NewRat(1, 4)))
		equalNumber(t, fmt.Sprint(of, " contracted cost of ", line), string(r.ContractedCost), new(big.Rat).Mul(want, big.NewRat(1, 8)))
		total.Add(total, fraction(t, string(r.ConsumedQuantity)))
		wantTotal.Add(wantTotal, want)
	}
	if total.Cmp(wantTotal) != 0 {
		t.Errorf("%s has %s in all, want %s", of, total.FloatString(12), wantTotal.FloatString(12))
	}
}

// line finds a line by its names.
func (w *meterWorld) line(t *testing.T, account, metric string, day time.Time, zone string) meterLine {
	t.Helper()
	l := meterLine{
		account: slices.Index(w.accounts, account), metric: slices.Index(meterMetrics(), metric),
		day: int(day.Sub(w.first) / (24 * time.Hour)),
	}
	for l.place < meterPlaces && l.zone() != zone {
		l.place++
	}
	if l.account < 0 || l.metric < 0 || l.place == meterPlaces {
		t.Fatalf("there is no account %s, metric %s or zone %s", account, metric, zone)
	}
	return l
}

func fraction(t *testing.T, text string) *big.Rat {
	t.Helper()
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		t.Fatalf("%q is not a number", text)
	}
	return r
}

func equalNumber(t *testing.T, what, got string, want *big.Rat) {
	t.Helper()
	if fraction(t, got).Cmp(want) != 0 {
		t.Errorf("%s is %s, want %s", what, got, want.FloatString(12))
	}
}

// checkEvents compares the events that the database has with those that were
// sent, one by one.
func (m *meter) checkEvents(t *testing.T, events []int) {
	t.Helper()
	type name struct{ source, id string }
	want := make(map[name]*meterEvent, len(events))
	for _, number := range events {
		e := &m.world.events[number]
		want[name{e.sourceName(), e.id()}] = e
	}
	const eventsSQL = `SELECT source, event_id, account_id, metric, day, zone_id, region_id FROM usage_events`
	m.engine.Rows(t, m.url, eventsSQL, func(v []string) {
		e := want[name{v[0], v[1]}]
		if e == nil {
			t.Fatalf("nobody sent the event %q", v)
		}
		line := m.world.line(t, v[2], v[3], epochDay(t, v[4]), v[5])
		if line != e.meterLine || v[6] != e.region() {
			t.Fatalf("the event %q is in another line, want %+v", v, e.meterLine)
		}
		delete(want, name{v[0], v[1]})
	})
	if len(want) > 0 {
		t.Errorf("%d events of %d are not there", len(want), len(events))
	}
}

// epochDay reads a day that is counted from 1970.
func epochDay(t *testing.T, text string) time.Time {
	t.Helper()
	day, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return time.Unix(0, 0).UTC().AddDate(0, 0, day)
}

// checkDays compares what the database has counted with the independent count.
func (m *meter) checkDays(t *testing.T, lines map[meterLine]*meterTally) {
	t.Helper()
	left := maps.Clone(lines)
	const daysSQL = `SELECT account_id, metric, day, zone_id, region_id, events, total, weight, greatest, latest, latest_at, latest_by, uniques FROM usage_days`
	m.engine.Rows(t, m.url, daysSQL, func(v []string) {
		line := m.world.line(t, v[0], v[1], epochDay(t, v[2]), v[3])
		l := left[line]
		if l == nil || v[4] != line.region() {
			t.Fatalf("nobody expects the line %q", v)
		}
		delete(left, line)
		equalNumber(t, fmt.Sprint("events of ", line), v[5], new(big.Rat).SetInt64(l.events))
		equalNumber(t, fmt.Sprint("total of ", line), v[6], new(big.Rat).SetFrac(l.sum, big.NewInt(1e12)))
		equalNumber(t, fmt.Sprint("weight of ", line), v[7], new(big.Rat).SetFrac(l.weight, big.NewInt(1e3)))
		equalNumber(t, fmt.Sprint("greatest of ", line), v[8], new(big.Rat).SetFrac(l.greatest, big.NewInt(1e9)))
		equalNumber(t, fmt.Sprint("latest of ", line), v[9], new(big.Rat).SetFrac(l.lastQuantity, big.NewInt(1e9)))
		equalNumber(t, fmt.Sprint("time of the latest of ", line), v[10], new(big.Rat).SetInt64(l.last.at.UnixMicro()))
		if want := l.last.sourceName() + "\n" + l.last.id(); v[11] != want {
			t.Errorf("the latest of %v is %q, want %q", line, v[11], want)
		}
		equalNumber(t, fmt.Sprint("different keys of ", line), v[12], new(big.Rat).SetInt64(int64(len(l.keys))))
	})
	if len(left) > 0 {
		t.Errorf("%d lines of %d are not there", len(left), len(lines))
	}
}
