package sqlstore

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/orgd/orgd/internal/usage"
)

// EachState implements org.UsageReader.
//
// What an account used on a day is one text, because to hand over a row for
// each of its lines would cost several times what it costs to find them.
func (r *reader) EachState(ctx context.Context, q usage.Query, each func(*usage.Record) error) error {
	const (
		statesSQL = `SELECT value, COALESCE((SELECT string_agg(metric || ' ' || total || ' ' || weight || ' ' || greatest || ' ' || latest
			|| ' ' || uniques, ',') FROM usage_days WHERE account_id = value AND day = $1`
		metricSQL = ` AND metric IN (SELECT value FROM list($3))`
		listSQL   = `), '') FROM list($2)`
	)
	sql, args := statesSQL+listSQL, []any{int64(q.Day), list(r.dialect, q.Accounts)}
	if q.Metrics != nil {
		sql, args = statesSQL+metricSQL+listSQL, append(args, list(r.dialect, q.Metrics))
	}
	u := usage.Record{Line: usage.Line{Day: q.Day}}
	return r.query(ctx, sql, args, func(row row) error {
		var states string
		if err := row.Scan((*string)(&u.Line.Account), &states); err != nil {
			return err
		}
		for states != "" {
			var state string
			state, states, _ = strings.Cut(states, ",")
			if err := readState(state, &u); err != nil {
				return fmt.Errorf("read what %s used on %s: %w", u.Line.Account, q.Day, err)
			}
			if err := each(&u); err != nil {
				return err
			}
		}
		return nil
	})
}

// readState reads the metric and the numbers of a state: sum, weight, largest,
// last and how many different keys. Names of metrics have no spaces.
func readState(text string, u *usage.Record) error {
	var parts [6]string
	rest := text
	for i := range parts {
		parts[i], rest, _ = strings.Cut(rest, " ")
	}
	unique, err := strconv.ParseInt(parts[5], 10, 64)
	if err != nil || rest != "" {
		return fmt.Errorf("%q is not the state of a metric", text)
	}
	u.Line.Metric, u.State.Unique = usage.MetricID(parts[0]), unique
	return readDecimals(&u.State, parts[1], parts[2], parts[3], parts[4])
}
