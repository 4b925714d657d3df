package sqlstore

import (
	"context"

	"github.com/orgd/orgd/internal/usage"
)

const (
	inspectLine  = `account_id, day, metric, zone_id, region_id`
	inspectHead  = `SELECT ` + inspectLine + `, CAST(SUM(counted) AS BIGINT), CAST(SUM(there) AS BIGINT) FROM (SELECT ` + inspectLine + `, `
	inspectUnion = ` AS counted, 0 AS there FROM usage_days UNION ALL SELECT ` + inspectLine + `, 0, COUNT(*) FROM `
	inspectTail  = ` GROUP BY ` + inspectLine + `) u GROUP BY ` + inspectLine + ` ORDER BY ` + inspectLine
)

// InspectUsage calls f for every line of usage, with how many events it counts
// and how many there are.
func (r *reader) InspectUsage(ctx context.Context, f func(l usage.Line, counted, there int64) error) error {
	const inspectUsageSQL = inspectHead + `events` + inspectUnion + `usage_events` + inspectTail
	return r.inspectLines(ctx, inspectUsageSQL, f)
}

// InspectUsageKeys calls f for every line of usage, with how many different
// keys it counts and how many there are.
func (r *reader) InspectUsageKeys(ctx context.Context, f func(l usage.Line, counted, there int64) error) error {
	const inspectUsageKeysSQL = inspectHead + `uniques` + inspectUnion + `usage_keys` + inspectTail
	return r.inspectLines(ctx, inspectUsageKeysSQL, f)
}

// InspectUsageWithoutPeriod calls f for every line of usage that lies in no
// billing period.
func (r *reader) InspectUsageWithoutPeriod(ctx context.Context, f func(usage.Line) error) error {
	const inspectWithoutPeriodSQL = `SELECT ` + inspectLine + `, 0, 0 FROM usage_days d WHERE NOT EXISTS (SELECT 1 FROM usage_periods p
		WHERE p.account_id = d.account_id AND p.start_day <= d.day AND p.end_day > d.day) ORDER BY ` + inspectLine
	return r.inspectLines(ctx, inspectWithoutPeriodSQL, func(l usage.Line, _, _ int64) error { return f(l) })
}

func (r *reader) inspectLines(ctx context.Context, text string, f func(l usage.Line, counted, there int64) error) error {
	return r.query(ctx, text, nil, func(row row) error {
		var l usage.Line
		var day, counted, there int64
		if err := row.Scan((*string)(&l.Account), &day, (*string)(&l.Metric), &l.Zone, &l.Region, &counted, &there); err != nil {
			return err
		}
		l.Day = usage.Day(day)
		return f(l, counted, there)
	})
}
