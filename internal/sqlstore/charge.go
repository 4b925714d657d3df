package sqlstore

import (
	"context"
	"fmt"

	"github.com/shopspring/decimal"

	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/page"
	"github.com/orgd/orgd/internal/usage"
)

const chargeColumns = `c.account_id, c.id, c.created_at, c.category, c.recurring, c.amount, c.currency, c.description, c.start_day, c.end_day`

// scanCharge reads a row of chargeColumns.
func scanCharge(row row) (usage.AccountFee, error) {
	var c usage.AccountFee
	var created, start, end int64
	var amount string
	f := &c.Fee
	err := row.Scan((*string)(&c.Account), (*string)(&c.ID), &created, (*string)(&f.Category), &f.Recurring, &amount, (*string)(&f.Currency),
		&f.Description, &start, &end)
	if err != nil {
		return c, err
	}
	c.Created, f.Days = moment(created), usage.Period{Start: usage.Day(start), End: usage.Day(end)}
	if f.Amount, err = decimal.NewFromString(amount); err != nil {
		return c, fmt.Errorf("read the amount of charge %s: %w", c.ID, err)
	}
	return c, nil
}

// charges runs a statement that answers rows of chargeColumns.
func (r *reader) charges(ctx context.Context, sql string, args ...any) ([]usage.AccountFee, error) {
	var all []usage.AccountFee
	err := r.query(ctx, sql, args, func(row row) error {
		c, err := scanCharge(row)
		all = append(all, c)
		return err
	})
	return all, err
}

// Charge implements org.ChargeReader.
func (r *reader) Charge(ctx context.Context, a id.Account, c id.Charge) (usage.AccountFee, error) {
	const chargeSQL = `SELECT ` + chargeColumns + ` FROM usage_charges c WHERE c.account_id = $1 AND c.id = $2`
	all, err := r.charges(ctx, chargeSQL, string(a), string(c))
	if err != nil {
		return usage.AccountFee{}, err
	}
	if len(all) == 0 {
		return usage.AccountFee{}, fault.ErrNotFound("charge")
	}
	return all[0], nil
}

// ListCharges implements org.ChargeReader.
func (r *reader) ListCharges(ctx context.Context, a id.Account, p page.Request) (page.Page[usage.AccountFee], error) {
	const countChargesSQL = `SELECT COUNT(*) FROM usage_charges c WHERE c.account_id = $1`
	var out page.Page[usage.AccountFee]
	err := r.snapshot(ctx, func(r *reader) error {
		var err error
		if out.Total, err = r.number(ctx, countChargesSQL, string(a)); err != nil {
			return err
		}
		b := &builder{dialect: r.dialect}
		b.add("SELECT ", chargeColumns, " FROM usage_charges c WHERE c.account_id = ", b.arg(string(a)))
		b.after(p.After, "c.created_at", "c.id")
		b.add(" ORDER BY c.created_at, c.id LIMIT ", b.arg(p.Size+1))
		out.Items, err = r.charges(ctx, b.text.String(), b.args...)
		return err
	})
	out.Cut(p.Size, func(c *usage.AccountFee) page.Position { return page.Position{Time: c.Created, ID: string(c.ID)} })
	return out, err
}

// RecurringCharges implements org.ChargeReader.
func (r *reader) RecurringCharges(ctx context.Context, accounts []id.Account) ([]usage.AccountFee, error) {
	const recurringSQL = `SELECT ` + chargeColumns + ` FROM usage_charges c WHERE c.account_id IN (SELECT value FROM list($1)) AND c.recurring = $2
		ORDER BY c.account_id, c.start_day, c.id`
	return r.charges(ctx, recurringSQL, list(r.dialect, accounts), true)
}

// ChargesOnce implements org.ChargeReader.
func (r *reader) ChargesOnce(ctx context.Context, q org.ChargeQuery) ([]usage.AccountFee, error) {
	const onceSQL = `SELECT ` + chargeColumns + ` FROM usage_charges c WHERE c.account_id IN (SELECT value FROM list($1)) AND c.recurring = $8
		AND c.start_day >= $2 AND c.start_day < $3 AND (c.start_day, c.account_id, c.id) > ($4, $5, $6)
		ORDER BY c.start_day, c.account_id, c.id LIMIT $7`
	after := [3]any{int64(firstCharge), "", ""}
	from := q.Days.Start
	if l := q.After; l != nil {
		after = [3]any{int64(l.Fee.Days.Start), string(l.Account), string(l.ID)}
		from = max(from, l.Fee.Days.Start)
	}
	return r.charges(ctx, onceSQL, list(r.dialect, q.Accounts), int64(from), int64(q.Days.End), after[0], after[1], after[2], q.Limit, false)
}

// firstCharge is a day before all charges.
const firstCharge = -1 << 31

// FirstPeriod implements org.ChargeReader.
func (r *reader) FirstPeriod(ctx context.Context, accounts []id.Account) (usage.Day, error) {
	const (
		none     = 1 << 40
		firstSQL = `SELECT COALESCE(MIN(p.start_day), $2) FROM usage_periods p WHERE p.account_id IN (SELECT value FROM list($1))`
	)
	first, err := r.number(ctx, firstSQL, list(r.dialect, accounts), int64(none))
	if err == nil && first == none {
		err = fault.ErrNotFound("billing period")
	}
	return usage.Day(first), err
}

// InsertCharge implements org.ChargeTx.
func (t *tx) InsertCharge(ctx context.Context, c usage.AccountFee) error {
	const insertChargeSQL = `INSERT INTO usage_charges (account_id, id, created_at, category, recurring, amount, currency, description, start_day, end_day)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`
	f := &c.Fee
	return t.exec(ctx, insertChargeSQL, string(c.Account), string(c.ID), micros(c.Created), string(f.Category), f.Recurring, f.Amount.String(),
		string(f.Currency), f.Description, int64(f.Days.Start), int64(f.Days.End))
}

// EndCharge implements org.ChargeTx.
func (t *tx) EndCharge(ctx context.Context, c usage.AccountFee) error {
	const endChargeSQL = `UPDATE usage_charges SET end_day = $3 WHERE account_id = $1 AND id = $2`
	return t.must(ctx, endChargeSQL, string(c.Account), string(c.ID), int64(c.Fee.Days.End))
}

// DeleteCharge implements org.ChargeTx.
func (t *tx) DeleteCharge(ctx context.Context, c usage.AccountFee) error {
	const deleteChargeSQL = `DELETE FROM usage_charges WHERE account_id = $1 AND id = $2`
	return t.must(ctx, deleteChargeSQL, string(c.Account), string(c.ID))
}
