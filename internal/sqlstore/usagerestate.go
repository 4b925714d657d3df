package sqlstore

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/shopspring/decimal"

	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/page"
	"github.com/orgd/orgd/internal/usage"
)

// restating is a count that may meet closed billing periods.
type restating struct {
	kept    map[id.Account][]usage.Period        // closed or not
	periods map[id.Account][]usage.BillingPeriod // closed, in order
	before  map[usage.Line]usage.State           // what the lines were
}

// period returns the closed period that a line is in.
func (c *restating) period(l *usage.Line) (usage.BillingPeriod, bool) {
	for _, p := range c.periods[l.Account] {
		if p.Contains(l.Day) {
			return p, true
		}
	}
	return usage.BillingPeriod{}, false
}

// keptAmong returns the periods that the events at those places may be in.
// Their accounts are held, so that none is closed meanwhile.
func (t *tx) keptAmong(ctx context.Context, all []usage.Submission, fresh []int, accounts []id.Account) (*restating, error) {
	const keptSQL = `SELECT ` + periodColumns + ` FROM usage_periods WHERE account_id IN (SELECT value FROM list($1))
		AND end_day > $2 ORDER BY account_id, start_day`
	c := &restating{kept: map[id.Account][]usage.Period{}, periods: map[id.Account][]usage.BillingPeriod{}, before: map[usage.Line]usage.State{}}
	if len(fresh) == 0 {
		return c, nil
	}
	first := all[fresh[0]].Event.Day()
	for _, i := range fresh {
		first = min(first, all[i].Event.Day())
	}
	periods, err := t.periods(ctx, keptSQL, list(t.dialect, accounts), int64(first))
	for i := range periods {
		p := &periods[i]
		c.kept[p.Account] = append(c.kept[p.Account], p.Period)
		if !p.Closed.IsZero() {
			c.periods[p.Account] = append(c.periods[p.Account], *p)
		}
	}
	return c, err
}

// outside returns the days of events that are in no billing period that is
// kept already.
func (c *restating) outside(all []usage.Submission, fresh []int) map[id.Account]map[usage.Day]bool {
	days := map[id.Account]map[usage.Day]bool{}
	for _, i := range fresh {
		e := &all[i].Event
		d := e.Day()
		if slices.ContainsFunc(c.kept[e.Account], func(p usage.Period) bool { return p.Contains(d) }) {
			continue
		}
		if days[e.Account] == nil {
			days[e.Account] = map[usage.Day]bool{}
		}
		days[e.Account][d] = true
	}
	return days
}

// restate enters what the events at those places changed in closed periods.
func (t *tx) restate(ctx context.Context, all []usage.Submission, fresh []int, c *restating, after map[usage.Line]*usage.Record, at time.Time) error {
	if len(c.periods) == 0 {
		return nil
	}
	aggregations := map[usage.Line]usage.Aggregation{}
	for _, i := range fresh {
		line := usage.LineOf(&all[i].Event)
		if _, closed := c.period(&line); closed {
			aggregations[line] = all[i].Aggregation
		}
	}
	restated := map[id.Account][]usage.Restatement{}
	for _, l := range sortedLines(aggregations) {
		period, _ := c.period(&l)
		old, now := c.before[l], &after[l].State
		restated[l.Account] = append(restated[l.Account], usage.Restatement{
			Line: l, Period: period.Start, Events: now.Events - old.Events, At: at,
			Before: old.Quantity(aggregations[l]), After: now.Quantity(aggregations[l]),
		})
	}
	accounts := slices.Sorted(maps.Keys(restated))
	anchors, err := t.Anchors(ctx, accounts)
	if err != nil {
		return err
	}
	for _, a := range accounts {
		periods := c.periods[a]
		next := anchors[a].Period(periods[len(periods)-1].End)
		if err := t.restateAccount(ctx, a, restated[a]); err != nil {
			return err
		}
		if err := t.OpenPeriod(ctx, a, next); err != nil {
			return err
		}
	}
	return nil
}

// restateAccount keeps the restatements of an account, numbers them, and marks
// their periods.
func (t *tx) restateAccount(ctx context.Context, a id.Account, all []usage.Restatement) error {
	const (
		lastSQL = `SELECT COALESCE(MAX(seq), 0) FROM usage_restatements WHERE account_id = $1`
		head    = `INSERT INTO usage_restatements (account_id, metric, zone_id, region_id, quantity_before, quantity_after, seq, start_day, day,
			events, restated_at) SELECT * FROM `
		markSQL = `UPDATE usage_periods SET due = TRUE, restated_at = $1 WHERE account_id = $2 AND start_day = $3`
	)
	last, err := t.number(ctx, lastSQL, string(a))
	if err != nil {
		return err
	}
	var texts [6][]string
	var numbers [5][]int64
	marked := map[usage.Day]bool{}
	for i := range all {
		r := &all[i]
		for k, v := range [...]string{string(a), string(r.Line.Metric), r.Line.Zone, r.Line.Region, r.Before.String(), r.After.String()} {
			texts[k] = append(texts[k], v)
		}
		for k, v := range [...]int64{last + int64(i) + 1, int64(r.Period), int64(r.Line.Day), r.Events, micros(r.At)} {
			numbers[k] = append(numbers[k], v)
		}
		if !marked[r.Period] {
			marked[r.Period] = true
			if err := t.exec(ctx, markSQL, micros(r.At), string(a), int64(r.Period)); err != nil {
				return err
			}
		}
	}
	return t.many(ctx, head, columnsOf(texts[:], numbers[:]), "", nil)
}

// ListRestatements implements org.UsageReader.
func (r *reader) ListRestatements(ctx context.Context, a id.Account, p page.Request) (page.Page[usage.Restatement], error) {
	const (
		lastSQL = `SELECT COALESCE(MAX(seq), 0) FROM usage_restatements WHERE account_id = $1`
		listSQL = `SELECT seq, start_day, day, metric, zone_id, region_id, quantity_before, quantity_after, events, restated_at
			FROM usage_restatements WHERE account_id = $1 AND seq > $2 ORDER BY seq LIMIT $3`
	)
	var out page.Page[usage.Restatement]
	after, err := behind(p.After, 0)
	if err != nil {
		return out, err
	}
	err = r.snapshot(ctx, func(r *reader) error {
		var err error
		if out.Total, err = r.number(ctx, lastSQL, string(a)); err != nil {
			return err
		}
		return r.query(ctx, listSQL, []any{string(a), after, p.Size + 1}, func(row row) error {
			e := usage.Restatement{Line: usage.Line{Account: a}}
			var start, day, at int64
			var before, now string
			err := row.Scan(&e.Seq, &start, &day, (*string)(&e.Line.Metric), &e.Line.Zone, &e.Line.Region, &before, &now, &e.Events, &at)
			if err != nil {
				return err
			}
			e.Period, e.Line.Day, e.At = usage.Day(start), usage.Day(day), moment(at)
			if e.Before, err = decimal.NewFromString(before); err != nil {
				return fmt.Errorf("read restatement %d of %s: %w", e.Seq, a, err)
			}
			if e.After, err = decimal.NewFromString(now); err != nil {
				return fmt.Errorf("read restatement %d of %s: %w", e.Seq, a, err)
			}
			out.Items = append(out.Items, e)
			return nil
		})
	})
	out.Cut(p.Size, func(e *usage.Restatement) page.Position { return page.Position{ID: strconv.FormatInt(e.Seq, 10)} })
	return out, err
}
