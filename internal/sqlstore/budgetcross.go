package sqlstore

import (
	"context"
	"fmt"
	"time"

	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/page"
	"github.com/orgd/orgd/internal/usage"
)

const crossingColumns = `x.id, x.budget_id, b.owner_id, b.is_account, x.budget_name, x.revision, x.scope, x.kind, x.amount, x.currency,
	x.percent, x.period_start, x.period_end, x.spent, x.projected, x.crossed_at, x.state, x.failures, x.next_attempt_at, x.last_error,
	x.last_failure_at, x.delivered_at`

const crossingFrom = ` FROM budget_crossings x JOIN budgets b ON b.id = x.budget_id`

// crossingScan is where a row of crossingColumns goes.
type crossingScan struct {
	crossing                                   org.Crossing
	owner                                      ownerScan
	amount, spent, projected                   string
	start, end, at, next, lastFailure, arrived int64
}

func (s *crossingScan) into() []any {
	x := &s.crossing
	d := &x.Delivery
	return []any{
		(*string)(&x.ID), (*string)(&x.Budget), &s.owner.id, &s.owner.isAccount, &x.Name, &x.Revision, (*string)(&x.Scope),
		(*string)(&x.Kind), &s.amount, (*string)(&x.Currency), &x.Percent, &s.start, &s.end, &s.spent, &s.projected, &s.at,
		(*string)(&d.State), &d.Failures, &s.next, &d.LastError, &s.lastFailure, &s.arrived,
	}
}

func (s *crossingScan) value() (org.Crossing, error) {
	x := s.crossing
	x.Owner, x.At = s.owner.value(), moment(s.at)
	x.Period = usage.Period{Start: usage.Day(s.start), End: usage.Day(s.end)}
	x.Delivery.NextAttempt, x.Delivery.LastFailure, x.Delivery.Delivered = moment(s.next), moment(s.lastFailure), moment(s.arrived)
	err := readAmounts(amount{&x.Amount, s.amount}, amount{&x.Spent, s.spent}, amount{&x.Projected, s.projected})
	if err != nil {
		return x, fmt.Errorf("read crossing %s: %w", x.ID, err)
	}
	return x, nil
}

// crossings runs a statement that answers rows of crossingColumns.
func (r *reader) crossings(ctx context.Context, sql string, args []any) ([]org.Crossing, error) {
	var all []org.Crossing
	err := r.search(ctx, sql, args, func(row row) error {
		var s crossingScan
		if err := row.Scan(s.into()...); err != nil {
			return err
		}
		x, err := s.value()
		all = append(all, x)
		return err
	})
	return all, err
}

// CurrentCrossings implements org.BudgetReader.
func (r *reader) CurrentCrossings(ctx context.Context, budgets []id.Budget) ([]org.Crossing, error) {
	const currentSQL = `SELECT ` + crossingColumns + crossingFrom + ` AND b.revision = x.revision AND b.period_start = x.period_start
		WHERE x.budget_id IN (SELECT value FROM list($1)) AND b.evaluated_at > 0 ORDER BY x.budget_id, x.percent`
	if len(budgets) == 0 {
		return nil, nil
	}
	return r.crossings(ctx, currentSQL, []any{list(r.dialect, budgets)})
}

// ListCrossings implements org.BudgetReader.
func (r *reader) ListCrossings(ctx context.Context, budget id.Budget, p page.Request) (page.Page[org.Crossing], error) {
	const countCrossingsSQL = `SELECT COUNT(*) FROM budget_crossings x WHERE x.budget_id = $1`
	var out page.Page[org.Crossing]
	err := r.snapshot(ctx, func(r *reader) error {
		var err error
		if out.Total, err = r.number(ctx, countCrossingsSQL, string(budget)); err != nil {
			return err
		}
		b := &builder{dialect: r.dialect}
		b.add("SELECT ", crossingColumns, crossingFrom, " WHERE x.budget_id = ", b.arg(string(budget)))
		b.after(p.After, "x.crossed_at", "x.id")
		b.add(" ORDER BY x.crossed_at, x.id LIMIT ", b.arg(p.Size+1))
		out.Items, err = r.crossings(ctx, b.text.String(), b.args)
		return err
	})
	out.Cut(p.Size, func(x *org.Crossing) page.Position { return page.Position{Time: x.At, ID: string(x.ID)} })
	return out, err
}

// InsertCrossing implements org.BudgetTx.
func (t *tx) InsertCrossing(ctx context.Context, x org.Crossing) (bool, error) {
	const insertCrossingSQL = `INSERT INTO budget_crossings (id, budget_id, budget_name, revision, scope, kind, amount, currency, percent,
		period_start, period_end, spent, projected, crossed_at, notice, state, failures, next_attempt_at, last_error, last_failure_at,
		delivered_at, redirects, lease_holder, lease_end)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, 0, '', 0)
		ON CONFLICT (budget_id, revision, period_start, percent) DO NOTHING`
	args := []any{
		string(x.ID), string(x.Budget), x.Name, x.Revision, string(x.Scope), string(x.Kind), x.Amount.String(), string(x.Currency),
		x.Percent, int64(x.Period.Start), int64(x.Period.End), x.Spent.String(), x.Projected.String(), micros(x.At), string(x.Notice),
	}
	n, err := t.change(ctx, insertCrossingSQL, append(args, noticeDelivery(&x.Delivery)...)...)
	return n == 1, err
}

// noticeDelivery returns the parameters for how a delivery goes.
func noticeDelivery(d *org.NoticeDelivery) []any {
	return []any{string(d.State), d.Failures, micros(d.NextAttempt), d.LastError, micros(d.LastFailure), micros(d.Delivered)}
}

// DueNotices implements org.BudgetReader.
func (r *reader) DueNotices(ctx context.Context, now time.Time, limit int) ([]org.Notice, error) {
	const dueNoticesSQL = `SELECT x.id, x.budget_id, b.owner_id, b.is_account, b.webhook, b.secret, b.old_secret, b.old_secret_end, x.notice,
		x.redirects, x.state, x.failures, x.next_attempt_at, x.last_error, x.last_failure_at, x.delivered_at` + crossingFrom + `
		WHERE x.state = 'waiting' AND x.next_attempt_at <= $1 AND x.lease_end <= $1 ORDER BY x.next_attempt_at, x.id LIMIT $2`
	var all []org.Notice
	err := r.query(ctx, dueNoticesSQL, []any{micros(now), limit}, func(row row) error {
		var n org.Notice
		var o ownerScan
		var oldSecretEnd, next, lastFailure, arrived int64
		var body string
		d := &n.Delivery
		err := row.Scan((*string)(&n.ID), (*string)(&n.Budget), &o.id, &o.isAccount, &n.Webhook, &n.Secret, &n.OldSecret, &oldSecretEnd,
			&body, &n.Redirects, (*string)(&d.State), &d.Failures, &next, &d.LastError, &lastFailure, &arrived)
		n.Owner, n.ReceiverSecret, n.Body = o.value(), storedSecret(n.ReceiverSecret, oldSecretEnd), []byte(body)
		d.NextAttempt, d.LastFailure, d.Delivered = moment(next), moment(lastFailure), moment(arrived)
		all = append(all, n)
		return err
	})
	return all, err
}

// CountNotices implements org.BudgetReader.
func (r *reader) CountNotices(ctx context.Context) (int64, time.Time, error) {
	const countNoticesSQL = `SELECT COUNT(*), COALESCE(MIN(x.crossed_at), 0) FROM budget_crossings x WHERE x.state = 'waiting'`
	var waiting, oldest int64
	err := r.one(ctx, "count", countNoticesSQL, nil, &waiting, &oldest)
	return waiting, moment(oldest), err
}

// RedirectNotices implements org.BudgetTx.
func (t *tx) RedirectNotices(ctx context.Context, b org.Budget) error {
	const redirectSQL = `UPDATE budget_crossings SET state = $2, redirects = redirects + 1, failures = 0, next_attempt_at = 0, lease_holder = '',
		lease_end = 0 WHERE budget_id = $1 AND state = 'waiting'`
	state := org.NoticeWaiting
	if b.Webhook == "" {
		state = org.NoticeNone
	}
	return t.exec(ctx, redirectSQL, string(b.ID), string(state))
}

// LeaseNotice implements org.BudgetTx.
func (t *tx) LeaseNotice(ctx context.Context, n org.Notice, l org.Lease) (bool, error) {
	const leaseNoticeSQL = `UPDATE budget_crossings SET lease_holder = $2, lease_end = $3
		WHERE id = $1 AND state = 'waiting' AND redirects = $5 AND next_attempt_at <= $4 AND lease_end <= $4`
	changed, err := t.change(ctx, leaseNoticeSQL, string(n.ID), l.Holder, micros(l.End), micros(l.Now), n.Redirects)
	return changed == 1, err
}

// SettleNotice implements org.BudgetTx.
func (t *tx) SettleNotice(ctx context.Context, x id.Crossing, d org.NoticeDelivery, l org.Lease) (bool, error) {
	const settleNoticeSQL = `UPDATE budget_crossings SET state = $3, failures = $4, next_attempt_at = $5, last_error = $6, last_failure_at = $7,
		delivered_at = $8, lease_end = $9 WHERE id = $1 AND lease_holder = $2 AND state = 'waiting'`
	args := append([]any{string(x), l.Holder}, noticeDelivery(&d)...)
	n, err := t.change(ctx, settleNoticeSQL, append(args, micros(l.End))...)
	return n == 1, err
}
