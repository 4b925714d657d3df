package sqlstore

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/usage"
)

// eventKey names an event.
type eventKey struct{ source, id string }

// CountUsage implements org.UsageTx. The usage of every account concerned is
// held, so that a state can be read, counted on and written. Everything is
// taken in order, so that two transactions never wait for each other: first
// the names of the events, of which nobody has the usage held, then the usage.
func (t *tx) CountUsage(ctx context.Context, all []usage.Submission, at time.Time) ([]usage.Receipt, error) {
	receipts := make([]usage.Receipt, len(all))
	first := map[eventKey]int{} // the first event of a name among those to count
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
		}
	}
	fresh, err := t.insertEvents(ctx, all, first, at)
	if err != nil {
		return nil, err
	}
	accounts := map[id.Account]bool{}
	for _, i := range fresh {
		receipts[i].Outcome = usage.Counted
		accounts[all[i].Event.Account] = true
	}
	order := slices.Sorted(maps.Keys(accounts))
	if err := t.LockUsage(ctx, order...); err != nil {
		return nil, err
	}
	closed, err := t.keptAmong(ctx, all, fresh, order)
	if err != nil {
		return nil, err
	}
	added, err := t.addStates(ctx, all, fresh, closed)
	if err != nil {
		return nil, err
	}
	if err := t.restate(ctx, all, fresh, closed, added, at); err != nil {
		return nil, err
	}
	if err := t.openPeriods(ctx, closed.outside(all, fresh)); err != nil {
		return nil, err
	}
	return receipts, t.keepRefusals(ctx, receipts, first)
}

// insertEvents keeps the events that are new and returns their places, in
// order.
func (t *tx) insertEvents(ctx context.Context, all []usage.Submission, first map[eventKey]int, at time.Time) ([]int, error) {
	const head, tail = `INSERT INTO usage_events (` + eventColumns + `) SELECT * FROM `,
		` WHERE true ON CONFLICT (source, event_id) DO NOTHING RETURNING source, event_id`
	names := slices.SortedFunc(maps.Keys(first), compareNames)
	if t.dialect.physical && len(names) > fewLines {
		return t.loadEvents(ctx, all, names, first, at)
	}
	var rows struct {
		source, id, account, metric, zone, region []string
		day, at                                   []int64
	}
	for _, name := range names {
		l := usage.LineOf(&all[first[name]].Event)
		rows.source, rows.id = append(rows.source, name.source), append(rows.id, name.id)
		rows.account, rows.metric, rows.day = append(rows.account, string(l.Account)), append(rows.metric, string(l.Metric)), append(rows.day, int64(l.Day))
		rows.zone, rows.region, rows.at = append(rows.zone, l.Zone), append(rows.region, l.Region), append(rows.at, micros(at))
	}
	var fresh []int
	err := t.many(ctx, head, []any{rows.source, rows.id, rows.account, rows.metric, rows.day, rows.zone, rows.region, rows.at}, tail, func(row row) error {
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

// eventColumns are the columns of usage_events.
const eventColumns = `source, event_id, account_id, metric, day, zone_id, region_id, received_at`

// loadEvents does what insertEvents does where looking for the few that are
// there and loading the rest costs half of inserting each. When another
// transaction has kept one of them meanwhile, everything is done again.
func (t *tx) loadEvents(ctx context.Context, all []usage.Submission, names []eventKey, first map[eventKey]int, at time.Time) ([]int, error) {
	const knownSQL, joinSQL = `SELECT column1 FROM `, ` JOIN usage_events ON source = column2 AND event_id = column3`
	if err := t.exec(ctx, t.dialect.byIndex); err != nil {
		return nil, err
	}
	numbers, sources, ids := make([]int64, len(names)), make([]string, len(names)), make([]string, len(names))
	for i, name := range names {
		numbers[i], sources[i], ids[i] = int64(i), name.source, name.id
	}
	known := make([]bool, len(names))
	err := t.many(ctx, knownSQL, []any{numbers, sources, ids}, joinSQL, func(row row) error {
		var i int64
		err := row.Scan(&i)
		if err == nil {
			known[i] = true
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	var fresh []int
	var rows [][]any
	now := micros(at)
	for i, name := range names {
		if known[i] {
			continue
		}
		fresh = append(fresh, first[name])
		l := usage.LineOf(&all[first[name]].Event)
		rows = append(rows, []any{name.source, name.id, string(l.Account), string(l.Metric), int64(l.Day), l.Zone, l.Region, now})
	}
	slices.Sort(fresh)
	return fresh, t.load(ctx, "usage_events", eventColumns, rows)
}

func compareNames(a, b eventKey) int {
	if c := strings.Compare(a.source, b.source); c != 0 {
		return c
	}
	return strings.Compare(a.id, b.id)
}

// addStates counts the events at those places and returns what their lines are
// now. A state is read and written once for all of its events.
func (t *tx) addStates(ctx context.Context, all []usage.Submission, fresh []int, closed *restating) (map[usage.Line]*usage.Record, error) {
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
		return nil, err
	}
	stored, lines, err := t.addStored(ctx, added, closed)
	if err != nil {
		return nil, err
	}
	return added, t.putStates(ctx, added, stored, lines)
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
	const head, tail = `INSERT INTO usage_keys (account_id, day, metric, zone_id, region_id, value) SELECT * FROM `,
		` WHERE true ON CONFLICT (account_id, day, metric, zone_id, region_id, value) DO NOTHING
		RETURNING account_id, day, metric, zone_id, region_id`
	var lines []usage.Line
	var values []string
	for _, l := range sortedLines(keys) {
		slices.Sort(keys[l])
		for _, value := range slices.Compact(keys[l]) {
			lines, values = append(lines, l), append(values, value)
		}
	}
	return t.many(ctx, head, append(lineColumns(lines), values), tail, func(row row) error {
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

// lineColumns returns lines as columns: account, day, metric, zone, region.
func lineColumns(lines []usage.Line) []any {
	n := len(lines)
	accounts, metrics, zones, regions := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	days := make([]int64, n)
	for i := range lines {
		l := &lines[i]
		accounts[i], days[i], metrics[i], zones[i], regions[i] = string(l.Account), int64(l.Day), string(l.Metric), l.Zone, l.Region
	}
	return []any{accounts, days, metrics, zones, regions}
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

// sameLine joins usage_days with rows that have lineColumns from column11 on.
const sameLine = `account_id = column11 AND day = column12 AND metric = column13 AND zone_id = column14 AND region_id = column15`

// storedLine is a line that is stored, and its place there if it has one.
type storedLine struct {
	usage.Line
	place string
}

// fewLines are so few that a round trip costs more than finding them twice.
const fewLines = 25

// addStored adds what the states are already and returns the lines, in order:
// those that are stored and those that are not.
//
// Lines are looked up one by one, so that counting costs the same however
// much is stored; PostgreSQL would rather read a table that is not large.
func (t *tx) addStored(ctx context.Context, added map[usage.Line]*usage.Record, closed *restating) (stored []storedLine, fresh []usage.Line, err error) {
	const stateSQL, joinSQL = `SELECT column1, zone_name, region_name, events, total, weight, greatest, latest, latest_at, latest_by, uniques, `,
		` JOIN usage_days ON account_id = column2 AND day = column3 AND metric = column4 AND zone_id = column5 AND region_id = column6`
	lines := sortedLines(added)
	if t.dialect.byIndex != "" && len(lines) > fewLines {
		if err := t.exec(ctx, t.dialect.byIndex); err != nil {
			return nil, nil, err
		}
	}
	place := `''`
	if t.dialect.physical {
		place = `CAST(usage_days.ctid AS TEXT)`
	}
	numbers := make([]int64, len(lines))
	for i := range numbers {
		numbers[i] = int64(i)
	}
	places := make([]string, len(lines))
	known := make([]bool, len(lines))
	err = t.many(ctx, stateSQL+place+` FROM `, append([]any{numbers}, lineColumns(lines)...), joinSQL, func(row row) error {
		var i int64
		var old usage.Record
		var place string
		if err := scanState(row, &old, &i, &place); err != nil {
			return err
		}
		if len(closed.periods) > 0 {
			closed.before[lines[i]] = old.State
		}
		r := added[lines[i]]
		r.State.Merge(&old.State)
		r.Place = namedLast(old.Place, r.Place)
		places[i], known[i] = place, true
		return nil
	})
	for i, l := range lines {
		if known[i] {
			stored = append(stored, storedLine{l, places[i]})
		} else {
			fresh = append(fresh, l)
		}
	}
	return stored, fresh, err
}

// putStates writes states, in place of those that are stored. Nobody else
// writes them meanwhile, so that there is no conflict to look for.
func (t *tx) putStates(ctx context.Context, states map[usage.Line]*usage.Record, stored []storedLine, fresh []usage.Line) error {
	const (
		insertSQL = `INSERT INTO usage_days (zone_name, region_name, events, total, weight, greatest, latest, latest_at, latest_by, uniques,
			account_id, day, metric, zone_id, region_id) SELECT * FROM `
		changeSQL = `UPDATE usage_days SET zone_name = column1, region_name = column2, events = column3, total = column4, weight = column5,
			greatest = column6, latest = column7, latest_at = column8, latest_by = column9, uniques = column10 FROM `
	)
	if err := t.many(ctx, insertSQL, append(stateColumns(states, fresh), lineColumns(fresh)...), "", nil); err != nil {
		return err
	}
	lines, places := make([]usage.Line, len(stored)), make([]string, len(stored))
	for i := range stored {
		lines[i], places[i] = stored[i].Line, stored[i].place
	}
	columns := stateColumns(states, lines)
	if !t.dialect.physical || len(stored) <= fewLines {
		return t.many(ctx, changeSQL, append(columns, lineColumns(lines)...), ` WHERE `+sameLine, nil)
	}
	columns = append(columns, places)
	n, err := t.change(ctx, changeSQL+givenArrays(columns)+` WHERE usage_days.ctid = CAST(column11 AS TID)`, columns...)
	if err == nil && n != int64(len(stored)) {
		return fmt.Errorf("%d lines of usage are where %d were: %w", n, len(stored), errAgain)
	}
	return err
}

// stateColumns returns the states of lines as columns: names of zone and
// region, events, total, weight, greatest, latest, its time, its event, uniques.
func stateColumns(states map[usage.Line]*usage.Record, lines []usage.Line) []any {
	n := len(lines)
	texts := [7][]string{}  // zone and region name, total, weight, greatest, latest, latest by
	numbers := [3][]int64{} // events, latest at, uniques
	for i := range texts {
		texts[i] = make([]string, n)
	}
	for i := range numbers {
		numbers[i] = make([]int64, n)
	}
	for i, l := range lines {
		r := states[l]
		s := &r.State
		for k, v := range [...]string{r.Place.Zone.Name, r.Place.Region.Name, s.Sum.String(), s.Weight.String(), s.Max.String(), s.Last.String(), s.By} {
			texts[k][i] = v
		}
		numbers[0][i], numbers[1][i], numbers[2][i] = s.Events, micros(s.At), s.Unique
	}
	return []any{texts[0], texts[1], numbers[0], texts[2], texts[3], texts[4], texts[5], numbers[1], texts[6], numbers[2]}
}

// openPeriods keeps the billing periods of days, of which there are none yet.
func (t *tx) openPeriods(ctx context.Context, days map[id.Account]map[usage.Day]bool) error {
	const (
		anchorSQL, anchorTail = `INSERT INTO usage_accounts (account_id, anchor_day) SELECT * FROM `, ` WHERE true ON CONFLICT (account_id) DO NOTHING`
		periodSQL, periodTail = `INSERT INTO usage_periods (account_id, start_day, end_day) SELECT * FROM `,
			` WHERE true ON CONFLICT (account_id, start_day) DO NOTHING`
	)
	if len(days) == 0 {
		return nil
	}
	owners := slices.Sorted(maps.Keys(days))
	anchors, err := t.Anchors(ctx, owners)
	if err != nil {
		return err
	}
	var anchored, owned []string
	var anchorDays, starts, ends []int64
	for _, a := range owners {
		sorted := slices.Sorted(maps.Keys(days[a]))
		anchor, known := anchors[a]
		if !known {
			anchor = usage.FirstAnchor(sorted[0])
			anchored, anchorDays = append(anchored, string(a)), append(anchorDays, int64(anchor))
		}
		var last usage.Period
		for _, d := range sorted {
			if p := anchor.Period(d); p != last {
				owned, starts, ends = append(owned, string(a)), append(starts, int64(p.Start)), append(ends, int64(p.End))
				last = p
			}
		}
	}
	if err := t.many(ctx, anchorSQL, []any{anchored, anchorDays}, anchorTail, nil); err != nil {
		return err
	}
	return t.many(ctx, periodSQL, []any{owned, starts, ends}, periodTail, nil)
}

// keepRefusals keeps why events were refused. A receipt looks for what
// was counted first. What cannot be named, or is nobody's, has no receipt.
func (t *tx) keepRefusals(ctx context.Context, receipts []usage.Receipt, counted map[eventKey]int) error {
	const (
		head, tail = `INSERT INTO usage_refusals (source, event_id, account_id, metric, reason, pointer, message, received_at) SELECT * FROM `,
			` WHERE true ON CONFLICT (source, event_id) DO UPDATE SET account_id = excluded.account_id, metric = excluded.metric, reason = excluded.reason,
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
	var texts [7][]string // source, id, account, metric, reason, pointer, message
	var times []int64
	for _, key := range slices.SortedFunc(maps.Keys(latest), compareNames) {
		r := latest[key]
		for i, v := range [...]string{
			key.source, key.id, string(r.Line.Account), string(r.Line.Metric), string(r.Refusal.Reason), r.Refusal.Pointer, r.Refusal.Message,
		} {
			texts[i] = append(texts[i], v)
		}
		times = append(times, micros(r.At))
	}
	columns := make([]any, 0, len(texts)+1)
	for _, c := range texts {
		columns = append(columns, c)
	}
	return t.many(ctx, head, append(columns, times), tail, nil)
}
