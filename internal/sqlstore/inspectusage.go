package sqlstore

import (
	"context"

	"github.com/orgd/orgd/internal/id"
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

// InspectPeriods calls f for every billing period, with the anchor of its
// account.
func (r *reader) InspectPeriods(ctx context.Context, f func(p usage.BillingPeriod, anchor usage.Anchor) error) error {
	const inspectPeriodsSQL = `SELECT p.account_id, p.start_day, p.end_day, p.closed_at, p.restated_at, p.due, COALESCE(a.anchor_day, 0)
		FROM usage_periods p LEFT JOIN usage_accounts a ON a.account_id = p.account_id ORDER BY p.account_id, p.start_day`
	return r.query(ctx, inspectPeriodsSQL, nil, func(row row) error {
		var p usage.BillingPeriod
		var start, end, closed, restated, anchor int64
		if err := row.Scan((*string)(&p.Account), &start, &end, &closed, &restated, &p.Due, &anchor); err != nil {
			return err
		}
		p.Start, p.End, p.Closed, p.Restated = usage.Day(start), usage.Day(end), moment(closed), moment(restated)
		return f(p, usage.Anchor(anchor))
	})
}

// InspectBills calls f for every account and every start of a billing period
// that rows were billed in.
func (r *reader) InspectBills(ctx context.Context, f func(a id.Account, billed usage.Day) error) error {
	const inspectBillsSQL = `SELECT DISTINCT account_id, billed_in FROM usage_billed ORDER BY account_id, billed_in`
	return r.query(ctx, inspectBillsSQL, nil, func(row row) error {
		var a id.Account
		var billed int64
		if err := row.Scan((*string)(&a), &billed); err != nil {
			return err
		}
		return f(a, usage.Day(billed))
	})
}

// InspectRestatements calls f for every account that has restatements, with
// the numbers of the first and the last one and how many there are.
func (r *reader) InspectRestatements(ctx context.Context, f func(a id.Account, first, last, n int64) error) error {
	const inspectRestatementsSQL = `SELECT account_id, MIN(seq), MAX(seq), COUNT(*) FROM usage_restatements GROUP BY account_id ORDER BY account_id`
	return r.query(ctx, inspectRestatementsSQL, nil, func(row row) error {
		var a id.Account
		var first, last, n int64
		if err := row.Scan((*string)(&a), &first, &last, &n); err != nil {
			return err
		}
		return f(a, first, last, n)
	})
}

// InspectPeriodBooks calls f for every price book of a billing period, with the
// start of the period.
func (r *reader) InspectPeriodBooks(ctx context.Context, f func(a id.Account, start usage.Day, s usage.Since) error) error {
	const inspectPeriodBooksSQL = `SELECT account_id, start_day, from_day, book_id FROM usage_period_books ORDER BY account_id, start_day, from_day`
	return r.query(ctx, inspectPeriodBooksSQL, nil, func(row row) error {
		var a id.Account
		var start, from int64
		var book usage.BookID
		if err := row.Scan((*string)(&a), &start, &from, (*string)(&book)); err != nil {
			return err
		}
		return f(a, usage.Day(start), usage.Since{Day: usage.Day(from), Book: book})
	})
}

// InspectWatermarks calls f for every watermark.
func (r *reader) InspectWatermarks(ctx context.Context, f func(a id.Account, w usage.Watermark) error) error {
	const inspectWatermarksSQL = `SELECT account_id, complete_through, updated_at FROM usage_watermarks ORDER BY account_id`
	return r.query(ctx, inspectWatermarksSQL, nil, func(row row) error {
		var a id.Account
		var through, updated int64
		if err := row.Scan((*string)(&a), &through, &updated); err != nil {
			return err
		}
		return f(a, usage.Watermark{Through: usage.Day(through), Updated: moment(updated)})
	})
}

// InspectCharges calls f for every charge.
func (r *reader) InspectCharges(ctx context.Context, f func(usage.AccountFee) error) error {
	const inspectChargesSQL = `SELECT ` + chargeColumns + ` FROM usage_charges c ORDER BY c.account_id, c.id`
	return r.query(ctx, inspectChargesSQL, nil, func(row row) error {
		c, err := scanCharge(row)
		if err != nil {
			return err
		}
		return f(c)
	})
}
