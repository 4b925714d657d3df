package sqlstore

import (
	"context"
	"hash/fnv"
	"strconv"

	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/usage"
)

const periodColumns = `account_id, start_day, end_day, closed_at, restated_at, due, catalogue, account_name, root_id, root_name`

// scanPeriod reads a row of periodColumns.
func scanPeriod(row row) (usage.BillingPeriod, error) {
	var p usage.BillingPeriod
	var start, end, closed, restated int64
	err := row.Scan((*string)(&p.Account), &start, &end, &closed, &restated, &p.Due, &p.Catalogue, &p.AccountName, &p.Root.ID, &p.Root.Name)
	p.Start, p.End, p.Closed, p.Restated = usage.Day(start), usage.Day(end), moment(closed), moment(restated)
	return p, err
}

// BillingPeriod implements org.UsageReader.
func (r *reader) BillingPeriod(ctx context.Context, a id.Account, start usage.Day) (usage.BillingPeriod, error) {
	const periodSQL = `SELECT ` + periodColumns + ` FROM usage_periods WHERE account_id = $1 AND start_day = $2`
	var p usage.BillingPeriod
	found := false
	err := r.query(ctx, periodSQL, []any{string(a), int64(start)}, func(row row) error {
		found = true
		var err error
		p, err = scanPeriod(row)
		return err
	})
	if err == nil && !found {
		err = fault.ErrNotFound("billing period")
	}
	return p, err
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
