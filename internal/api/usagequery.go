package api

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/usage"
)

// What a query of usage may name at most (the official description).
const (
	maxQueryMetrics  = 20
	maxQueryFamilies = 10
	maxQueryName     = 128
)

// queryAccountUsage is the form of getAccountUsage with filters in a body. It
// changes nothing, so that there is nothing to remember under an
// Idempotency-Key.
func queryAccountUsage(ctx context.Context, q *request) (reply, error) {
	if err := q.query.err(); err != nil {
		return reply{}, err
	}
	body, err := q.decodeOptional()
	if err != nil {
		return reply{}, err
	}
	window := readUsageQuery(body, usage.DayOf(q.server.Now()))
	if err := body.err(); err != nil {
		return reply{}, err
	}
	u, err := q.server.Service.AccountUsage(ctx, q.caller, q.account(), window)
	return usageReply(&u), err
}

// decodeOptional reads the body, an empty object when there is none.
func (q *request) decodeOptional() (*object, error) {
	o, err := q.decode()
	if err != nil && q.raw != nil && len(bytes.TrimSpace(q.raw)) == 0 {
		return decodeBody([]byte("{}"))
	}
	return o, err
}

// readUsageQuery reads a query. Unlike elsewhere, what is not known is refused
// (the official description): a filter that is ignored would show too much.
func readUsageQuery(body *object, today usage.Day) org.UsageQuery {
	at := today.Start()
	out := org.UsageQuery{From: usage.DateOf(at.Year(), at.Month(), 1), End: today + 1}
	body.only("FilterBy", "TimePeriod")
	if f := body.object("FilterBy"); f != nil {
		f.only("MetricIds", "ProductFamilyIds")
		for _, m := range f.names("MetricIds", maxQueryMetrics) {
			out.Metrics = append(out.Metrics, usage.MetricID(m))
		}
		out.Families = f.names("ProductFamilyIds", maxQueryFamilies)
	}
	if p := body.object("TimePeriod"); p != nil {
		p.only("From", "To")
		p.readPeriod(&out)
	}
	return out
}

// readPeriod reads the range of a query: the days that begin in it.
func (o *object) readPeriod(out *org.UsageQuery) {
	_, hasFrom := o.member("From")
	_, hasTo := o.member("To")
	from, to := o.time("From"), o.time("To")
	switch {
	case !hasFrom && !hasTo:
	case !hasFrom:
		o.refuse("From", "is required: From and To come together")
	case !hasTo:
		o.refuse("To", "is required: From and To come together")
	case from.IsZero() || to.IsZero(): // refused already
	case !to.After(from):
		o.refuse("To", "must be after From")
	case to.Sub(from) > maxUsageDays*24*time.Hour:
		o.refuse("To", "must be no more than %d days after From", maxUsageDays)
	default:
		out.From, out.End = firstDayFrom(from), firstDayFrom(to)
	}
}

// firstDayFrom returns the first day that does not begin before t.
func firstDayFrom(t time.Time) usage.Day {
	d := usage.DayOf(t)
	if d.Start().Before(t) {
		d++
	}
	return d
}

// only refuses members by other names.
func (o *object) only(names ...string) {
	for _, name := range slices.Sorted(maps.Keys(o.members)) {
		if !slices.Contains(names, name) {
			o.refuse(name, "is not known")
		}
	}
}

// names reads an array of different texts, nil when it is absent or empty.
func (o *object) names(name string, most int) []string {
	list := o.texts(name)
	if len(list) > most {
		o.refuse(name, "must have no more than %d values", most)
		return nil
	}
	for i, s := range list {
		at := fmt.Sprintf("%s/%d", name, i)
		switch {
		case utf8.RuneCountInString(s) > maxQueryName:
			o.problem(at, fmt.Sprintf("must have no more than %d characters", maxQueryName))
		case slices.Contains(list[:i], s):
			o.problem(at, "is there already")
		}
	}
	return list
}
