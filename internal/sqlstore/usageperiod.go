package sqlstore

import (
	"context"
	"hash/fnv"
	"strconv"

	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/page"
	"github.com/orgd/orgd/internal/usage"
)

const periodColumns = `account_id, start_day, end_day, closed_at, restated_at, due, catalogue, account_name, root_id, root_name`

// periods runs a statement that answers rows of periodColumns.
func (r *reader) periods(ctx context.Context, sql string, args ...any) ([]usage.BillingPeriod, error) {
	var all []usage.BillingPeriod
	err := r.query(ctx, sql, args, func(row row) error {
		var p usage.BillingPeriod
		var start, end, closed, restated int64
		err := row.Scan((*string)(&p.Account), &start, &end, &closed, &restated, &p.Due, &p.Catalogue, &p.AccountName, &p.Root.ID, &p.Root.Name)
		p.Start, p.End, p.Closed, p.Restated = usage.Day(start), usage.Day(end), moment(closed), moment(restated)
		all = append(all, p)
		return err
	})
	return all, err
}

// period runs such a statement that answers one row at most.
func (r *reader) period(ctx context.Context, sql string, args ...any) (usage.BillingPeriod, error) {
	all, err := r.periods(ctx, sql, args...)
	if err == nil && len(all) == 0 {
		err = fault.ErrNotFound("billing period")
	}
	if err != nil {
		return usage.BillingPeriod{}, err
	}
	return all[0], nil
}

// BillingPeriod implements org.UsageReader.
func (r *reader) BillingPeriod(ctx context.Context, a id.Account, start usage.Day) (usage.BillingPeriod, error) {
	const periodSQL = `SELECT ` + periodColumns + ` FROM usage_periods WHERE account_id = $1 AND start_day = $2`
	return r.period(ctx, periodSQL, string(a), int64(start))
}

// FirstOpenPeriod implements org.UsageReader.
func (r *reader) FirstOpenPeriod(ctx context.Context, a id.Account) (usage.BillingPeriod, error) {
	const openSQL = `SELECT ` + periodColumns + ` FROM usage_periods WHERE account_id = $1 AND closed_at = 0 ORDER BY start_day LIMIT 1`
	return r.period(ctx, openSQL, string(a))
}

// ListBillingPeriods implements org.UsageReader.
func (r *reader) ListBillingPeriods(ctx context.Context, a id.Account, p page.Request) (page.Page[usage.BillingPeriod], error) {
	const (
		countSQL = `SELECT COUNT(*) FROM usage_periods WHERE account_id = $1`
		listSQL  = `SELECT ` + periodColumns + ` FROM usage_periods WHERE account_id = $1 AND start_day > $2 ORDER BY start_day LIMIT $3`
	)
	var out page.Page[usage.BillingPeriod]
	after, err := behind(p.After, firstDay)
	if err != nil {
		return out, err
	}
	err = r.snapshot(ctx, func(r *reader) error {
		var err error
		if out.Total, err = r.number(ctx, countSQL, string(a)); err != nil {
			return err
		}
		out.Items, err = r.periods(ctx, listSQL, string(a), after, p.Size+1)
		return err
	})
	out.Cut(p.Size, func(p *usage.BillingPeriod) page.Position {
		return page.Position{ID: strconv.FormatInt(int64(p.Start), 10)}
	})
	return out, err
}

// firstDay is before every day.
const firstDay = -1 << 31

// behind returns the number of a position, and start when there is none.
func behind(p *page.Position, start int64) (int64, error) {
	if p == nil {
		return start, nil
	}
	n, err := strconv.ParseInt(p.ID, 10, 64)
	if err != nil {
		return 0, fault.At(fault.Invalid, "page_token", "page_token is not a token of this list")
	}
	return n, nil
}

// ClosedPeriods implements org.UsageReader.
func (r *reader) ClosedPeriods(ctx context.Context, accounts []id.Account, from usage.Day) ([]usage.BillingPeriod, error) {
	const (
		closedSQL = `SELECT ` + periodColumns + ` FROM usage_periods WHERE account_id IN (SELECT value FROM list($1)) AND closed_at > 0
			AND end_day > $2 ORDER BY account_id, start_day`
		booksSQL = `SELECT b.account_id, b.start_day, b.from_day, b.book_id FROM usage_period_books b
			JOIN usage_periods p ON p.account_id = b.account_id AND p.start_day = b.start_day
			WHERE b.account_id IN (SELECT value FROM list($1)) AND p.end_day > $2 ORDER BY b.account_id, b.start_day, b.from_day`
	)
	args := []any{list(r.dialect, accounts), int64(from)}
	all, err := r.periods(ctx, closedSQL, args...)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	at := 0
	err = r.query(ctx, booksSQL, args, func(row row) error {
		var a id.Account
		var start, day int64
		var s usage.Since
		if err := row.Scan((*string)(&a), &start, &day, (*string)(&s.Book)); err != nil {
			return err
		}
		s.Day = usage.Day(day)
		for at < len(all) && (all[at].Account != a || all[at].Start != usage.Day(start)) {
			at++
		}
		if at < len(all) {
			all[at].Books = append(all[at].Books, s)
		}
		return nil
	})
	return all, err
}

// Watermarks implements org.UsageReader.
func (r *reader) Watermarks(ctx context.Context, accounts []id.Account) (map[id.Account]usage.Watermark, error) {
	const watermarksSQL = `SELECT account_id, complete_through, updated_at FROM usage_watermarks WHERE account_id IN (SELECT value FROM list($1))`
	all := make(map[id.Account]usage.Watermark, len(accounts))
	err := r.query(ctx, watermarksSQL, []any{list(r.dialect, accounts)}, func(row row) error {
		var a id.Account
		var through, updated int64
		if err := row.Scan((*string)(&a), &through, &updated); err != nil {
			return err
		}
		all[a] = usage.Watermark{Through: usage.Day(through), Updated: moment(updated)}
		return nil
	})
	return all, err
}

// HasPeriods implements org.UsageReader.
func (r *reader) HasPeriods(ctx context.Context, a id.Account) (bool, error) {
	const hasPeriodsSQL = `SELECT CASE WHEN EXISTS (SELECT 1 FROM usage_periods WHERE account_id = $1) THEN 1 ELSE 0 END`
	n, err := r.number(ctx, hasPeriodsSQL, string(a))
	return n == 1, err
}

// usageLocks is how many keys the usage of all accounts has. A batch may be
// about thousands of accounts, and PostgreSQL has room for a few thousand locks
// of all transactions together.
const usageLocks = 64

// LockUsage implements org.UsageTx.
func (t *tx) LockUsage(ctx context.Context, accounts ...id.Account) error {
	var taken [usageLocks]bool
	for _, a := range accounts {
		h := fnv.New32a()
		h.Write([]byte(a))
		taken[h.Sum32()%usageLocks] = true
	}
	var keys []string
	for i, yes := range taken {
		if yes {
			keys = append(keys, "usage/"+strconv.Itoa(i))
		}
	}
	return t.Lock(ctx, keys...)
}

// PutAnchor implements org.UsageTx.
func (t *tx) PutAnchor(ctx context.Context, a id.Account, anchor usage.Anchor) error {
	const anchorSQL = `INSERT INTO usage_accounts (account_id, anchor_day) VALUES ($1, $2)
		ON CONFLICT (account_id) DO UPDATE SET anchor_day = excluded.anchor_day`
	return t.exec(ctx, anchorSQL, string(a), int64(anchor))
}

// OpenPeriod implements org.UsageTx.
func (t *tx) OpenPeriod(ctx context.Context, a id.Account, p usage.Period) error {
	const openSQL = `INSERT INTO usage_periods (account_id, start_day, end_day) VALUES ($1, $2, $3) ON CONFLICT (account_id, start_day) DO NOTHING`
	return t.exec(ctx, openSQL, string(a), int64(p.Start), int64(p.End))
}

// ClosePeriod implements org.UsageTx.
func (t *tx) ClosePeriod(ctx context.Context, p usage.BillingPeriod) error {
	const (
		closeSQL = `UPDATE usage_periods SET closed_at = $1, catalogue = $2, account_name = $3, root_id = $4, root_name = $5
			WHERE account_id = $6 AND start_day = $7 AND closed_at = 0`
		head = `INSERT INTO usage_period_books (account_id, start_day, from_day, book_id) SELECT * FROM `
	)
	err := t.must(ctx, closeSQL, micros(p.Closed), p.Catalogue, p.AccountName, p.Root.ID, p.Root.Name, string(p.Account), int64(p.Start))
	if err != nil {
		return err
	}
	var accounts, books []string
	var starts, days []int64
	for _, s := range p.Books {
		accounts, books = append(accounts, string(p.Account)), append(books, string(s.Book))
		starts, days = append(starts, int64(p.Start)), append(days, int64(s.Day))
	}
	return t.many(ctx, head, []any{accounts, starts, days, books}, "", nil)
}

// SettlePeriods implements org.UsageTx.
func (t *tx) SettlePeriods(ctx context.Context, a id.Account) error {
	return t.exec(ctx, `UPDATE usage_periods SET due = FALSE WHERE account_id = $1 AND due`, string(a))
}

// PutWatermark implements org.UsageTx.
func (t *tx) PutWatermark(ctx context.Context, a id.Account, w usage.Watermark) error {
	const watermarkSQL = `INSERT INTO usage_watermarks (account_id, complete_through, updated_at) VALUES ($1, $2, $3)
		ON CONFLICT (account_id) DO UPDATE SET complete_through = excluded.complete_through, updated_at = excluded.updated_at`
	return t.exec(ctx, watermarkSQL, string(a), int64(w.Through), micros(w.Updated))
}
