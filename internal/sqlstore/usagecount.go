package sqlstore

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/usage"
)

// eventKey names an event.
type eventKey struct{ source, id string }

// usageLock is the key that is held while the usage of an account changes.
func usageLock(a id.Account) string { return "usage/" + string(a) }

// CountUsage implements org.UsageTx. The usage of every account concerned is
// held, so that a state can be read, counted on and written. Everything is
// taken in order, so that two transactions never wait for each other.
func (t *tx) CountUsage(ctx context.Context, all []usage.Submission, at time.Time) ([]usage.Receipt, error) {
	receipts := make([]usage.Receipt, len(all))
	first := map[eventKey]int{} // the first event of a name among those to count
	accounts := map[id.Account]bool{}
	for i := range all {
		e := &all[i].Event
		receipts[i] = usage.Receipt{Source: e.Source, ID: e.ID, Line: usage.LineOf(e), At: at, Outcome: usage.Duplicate}
		if r := all[i].Refusal; r != nil {
			receipts[i].Outcome, receipts[i].Refusal = usage.Refused, *r
			continue
		}
		key := eventKey{e.Source, e.ID}
		if _, twice := first[key]; !twice {
			first[key] = i
			accounts[e.Account] = true
		}
	}
	order := slices.Sorted(maps.Keys(accounts))
	for _, a := range order {
		if err := t.Lock(ctx, usageLock(a)); err != nil {
			return nil, err
		}
	}
	fresh, err := t.insertEvents(ctx, all, first, at)
	if err != nil {
		return nil, err
	}
	for _, i := range fresh {
		receipts[i].Outcome = usage.Counted
	}
	if err := t.addStates(ctx, all, fresh); err != nil {
		return nil, err
	}
	if err := t.openPeriods(ctx, all, fresh, order); err != nil {
		return nil, err
	}
	return receipts, t.keepRefusals(ctx, receipts, first)
}

// insertEvents keeps the events that are new and returns their places, in
// order.
func (t *tx) insertEvents(ctx context.Context, all []usage.Submission, first map[eventKey]int, at time.Time) ([]int, error) {
	const head, tail = `INSERT INTO usage_events (source, event_id, account_id, metric, day, zone_id, region_id, received_at) VALUES `,
		` ON CONFLICT (source, event_id) DO NOTHING RETURNING source, event_id`
	names := slices.SortedFunc(maps.Keys(first), func(a, b eventKey) int {
		if c := strings.Compare(a.source, b.source); c != 0 {
			return c
		}
		return strings.Compare(a.id, b.id)
	})
	rows := make([][]any, 0, len(names))
	for _, name := range names {
		l := usage.LineOf(&all[first[name]].Event)
		rows = append(rows, []any{name.source, name.id, string(l.Account), string(l.Metric), int64(l.Day), l.Zone, l.Region, micros(at)})
	}
	var fresh []int
	err := t.insertMany(ctx, head, tail, rows, func(row row) error {
		var key eventKey
		if err := row.Scan(&key.source, &key.id); err != nil {
			return err
		}
		fresh = append(fresh, first[key])
		return nil
	})
	slices.Sort(fresh)
	return fresh, err
}

// rowsPerInsert are the numbers of rows that one statement inserts: few, so
// that their statements stay prepared.
func rowsPerInsert() []int { return []int{250, 25, 1} }

// insertMany inserts rows with as few statements as it can. Each is called for
// every row that comes back; without it, nothing does.
func (t *tx) insertMany(ctx context.Context, head, tail string, rows [][]any, each func(row) error) error {
	for _, n := range rowsPerInsert() {
		for len(rows) >= n {
			sql := head + t.dialect.placeholders(n, len(rows[0])) + tail
			args := slices.Concat(rows[:n]...)
			rows = rows[n:]
			var err error
			if each == nil {
				err = t.exec(ctx, sql, args...)
			} else {
				err = t.query(ctx, sql, args, each)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// placeholders returns the parameters of n rows: ($1, $2), ($3, $4).
func (d *dialect) placeholders(n, width int) string {
	b := make([]byte, 0, n*width*7)
	for i := range n * width {
		switch {
		case i == 0:
			b = append(b, '(')
		case i%width == 0:
			b = append(b, "), ("...)
		default:
			b = append(b, ", "...)
		}
		if d.anonymous {
			b = append(b, '?')
			continue
		}
		b = strconv.AppendInt(append(b, '$'), int64(i+1), 10)
	}
	return string(append(b, ')'))
}

// addStates counts the events at those places. A state is read and written
// once for all of its events.
func (t *tx) addStates(ctx context.Context, all []usage.Submission, fresh []int) error {
	added := map[usage.Line]*usage.Record{}
	keys := map[usage.Line][]string{}
	for _, i := range fresh {
		e := &all[i].Event
		line := usage.LineOf(e)
		r := added[line]
		if r == nil {
			r = &usage.Record{Line: line}
			added[line] = r
		}
		sample := e.Sample()
		r.State.Add(&sample)
		r.Place = namedLast(r.Place, e.Place)
		if e.Unique != "" {
			keys[line] = append(keys[line], e.Unique)
		}
	}
	if err := t.addUniques(ctx, added, keys); err != nil {
		return err
	}
	if err := t.addStored(ctx, added); err != nil {
		return err
	}
	return t.putStates(ctx, added)
}

// namedLast returns the place with the newest names that are not empty.
func namedLast(old, place usage.Place) usage.Place {
	if place.Zone.Name == "" {
		place.Zone.Name = old.Zone.Name
	}
	if place.Region.Name == "" {
		place.Region.Name = old.Region.Name
	}
	return place
}

// addUniques keeps the keys to count and counts those that were not there.
func (t *tx) addUniques(ctx context.Context, added map[usage.Line]*usage.Record, keys map[usage.Line][]string) error {
	const head, tail = `INSERT INTO usage_keys (account_id, day, metric, zone_id, region_id, value) VALUES `,
		` ON CONFLICT (account_id, day, metric, zone_id, region_id, value) DO NOTHING RETURNING account_id, day, metric, zone_id, region_id`
	var rows [][]any
	for _, l := range sortedLines(keys) {
		slices.Sort(keys[l])
		for _, value := range slices.Compact(keys[l]) {
			rows = append(rows, []any{string(l.Account), int64(l.Day), string(l.Metric), l.Zone, l.Region, value})
		}
	}
	return t.insertMany(ctx, head, tail, rows, func(row row) error {
		var l usage.Line
		var day int64
		if err := row.Scan((*string)(&l.Account), &day, (*string)(&l.Metric), &l.Zone, &l.Region); err != nil {
			return err
		}
		l.Day = usage.Day(day)
		added[l].State.AddUnique(1)
		return nil
	})
}

// sortedLines returns the keys of m in the order of the table.
func sortedLines[V any](m map[usage.Line]V) []usage.Line {
	return slices.SortedFunc(maps.Keys(m), func(a, b usage.Line) int {
		if a.Account != b.Account {
			return strings.Compare(string(a.Account), string(b.Account))
		}
		if a.Day != b.Day {
			return int(a.Day - b.Day)
		}
		if a.Metric != b.Metric {
			return strings.Compare(string(a.Metric), string(b.Metric))
		}
		if a.Zone != b.Zone {
			return strings.Compare(a.Zone, b.Zone)
		}
		return strings.Compare(a.Region, b.Region)
	})
}

// addStored adds what the states are already, day by day.
func (t *tx) addStored(ctx context.Context, added map[usage.Line]*usage.Record) error {
	const storedSQL = `SELECT ` + usageDayColumns + ` FROM usage_days WHERE day = $1 AND account_id IN (SELECT value FROM list($2))
		AND metric IN (SELECT value FROM list($3)) AND zone_id IN (SELECT value FROM list($4))`
	type sets struct {
		accounts map[id.Account]bool
		metrics  map[usage.MetricID]bool
		zones    map[string]bool
	}
	days := map[usage.Day]*sets{}
	for l := range added {
		d := days[l.Day]
		if d == nil {
			d = &sets{map[id.Account]bool{}, map[usage.MetricID]bool{}, map[string]bool{}}
			days[l.Day] = d
		}
		d.accounts[l.Account], d.metrics[l.Metric], d.zones[l.Zone] = true, true, true
	}
	for _, day := range slices.Sorted(maps.Keys(days)) {
		d := days[day]
		args := []any{
			int64(day), list(t.dialect, slices.Sorted(maps.Keys(d.accounts))), list(t.dialect, slices.Sorted(maps.Keys(d.metrics))),
			list(t.dialect, slices.Sorted(maps.Keys(d.zones))),
		}
		err := t.query(ctx, storedSQL, args, func(row row) error {
			stored, err := scanUsage(row)
			if err != nil {
				return err
			}
			if r := added[stored.Line]; r != nil {
				r.State.Merge(&stored.State)
				r.Place = namedLast(stored.Place, r.Place)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) putStates(ctx context.Context, states map[usage.Line]*usage.Record) error {
	const head, tail = `INSERT INTO usage_days (` + usageDayColumns + `) VALUES `,
		` ON CONFLICT (account_id, day, metric, zone_id, region_id) DO UPDATE SET zone_name = excluded.zone_name,
		region_name = excluded.region_name, events = excluded.events, total = excluded.total, weight = excluded.weight,
		greatest = excluded.greatest, latest = excluded.latest, latest_at = excluded.latest_at, latest_by = excluded.latest_by,
		uniques = excluded.uniques`
	rows := make([][]any, 0, len(states))
	for _, l := range sortedLines(states) {
		r := states[l]
		s := &r.State
		rows = append(rows, []any{
			string(l.Account), int64(l.Day), string(l.Metric), l.Zone, l.Region, r.Place.Zone.Name, r.Place.Region.Name,
			s.Events, s.Sum.String(), s.Weight.String(), s.Max.String(), s.Last.String(), micros(s.At), s.By, s.Unique,
		})
	}
	return t.insertMany(ctx, head, tail, rows, nil)
}

// openPeriods keeps the billing periods that the events are in.
func (t *tx) openPeriods(ctx context.Context, all []usage.Submission, fresh []int, accounts []id.Account) error {
	const (
		anchorHead, anchorTail = `INSERT INTO usage_accounts (account_id, anchor_day) VALUES `, ` ON CONFLICT (account_id) DO NOTHING`
		periodHead, periodTail = `INSERT INTO usage_periods (account_id, start_day, end_day) VALUES `, ` ON CONFLICT (account_id, start_day) DO NOTHING`
	)
	days := map[id.Account]map[usage.Day]bool{}
	for _, i := range fresh {
		e := &all[i].Event
		if days[e.Account] == nil {
			days[e.Account] = map[usage.Day]bool{}
		}
		days[e.Account][e.Day()] = true
	}
	if len(days) == 0 {
		return nil
	}
	anchors, err := t.Anchors(ctx, accounts)
	if err != nil {
		return err
	}
	var newAnchors, periods [][]any
	for _, a := range slices.Sorted(maps.Keys(days)) {
		sorted := slices.Sorted(maps.Keys(days[a]))
		anchor, known := anchors[a]
		if !known {
			anchor = usage.FirstAnchor(sorted[0])
			newAnchors = append(newAnchors, []any{string(a), int64(anchor)})
		}
		var last usage.Period
		for _, d := range sorted {
			if p := anchor.Period(d); p != last {
				periods = append(periods, []any{string(a), int64(p.Start), int64(p.End)})
				last = p
			}
		}
	}
	if err := t.insertMany(ctx, anchorHead, anchorTail, newAnchors, nil); err != nil {
		return err
	}
	return t.insertMany(ctx, periodHead, periodTail, periods, nil)
}

// keepRefusals keeps why events were refused. A receipt looks for what
// was counted first. What cannot be named, or is nobody's, has no receipt.
func (t *tx) keepRefusals(ctx context.Context, receipts []usage.Receipt, counted map[eventKey]int) error {
	const (
		head, tail = `INSERT INTO usage_refusals (source, event_id, account_id, metric, reason, pointer, message, received_at) VALUES `,
			` ON CONFLICT (source, event_id) DO UPDATE SET account_id = excluded.account_id, metric = excluded.metric, reason = excluded.reason,
		pointer = excluded.pointer, message = excluded.message, received_at = excluded.received_at`
	)
	latest := map[eventKey]*usage.Receipt{}
	for i := range receipts {
		r := &receipts[i]
		key := eventKey{r.Source, r.ID}
		if _, ok := counted[key]; !ok && r.Outcome == usage.Refused && r.Source != "" && r.ID != "" && r.Line.Account != "" {
			latest[key] = r
		}
	}
	keys := slices.SortedFunc(maps.Keys(latest), func(a, b eventKey) int { return strings.Compare(a.source+"\x00"+a.id, b.source+"\x00"+b.id) })
	rows := make([][]any, 0, len(keys))
	for _, key := range keys {
		r := latest[key]
		rows = append(rows, []any{
			key.source, key.id, string(r.Line.Account), string(r.Line.Metric), string(r.Refusal.Reason), r.Refusal.Pointer, r.Refusal.Message, micros(r.At),
		})
	}
	return t.insertMany(ctx, head, tail, rows, nil)
}
