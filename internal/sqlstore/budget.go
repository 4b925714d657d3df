package sqlstore

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/page"
	"github.com/orgd/orgd/internal/usage"
)

const budgetColumns = `b.id, b.owner_id, b.is_account, b.name, b.scope, b.kind, b.amount, b.currency, b.thresholds, b.webhook, b.secret,
	b.old_secret, b.old_secret_end, b.version, b.revision, b.since_at, b.created_at, b.updated_at, b.evaluated_at, b.period_start,
	b.period_end, b.complete_days, b.spent, b.projected, b.other_currencies, b.unpriced`

// budgetScan is where a row of budgetColumns goes.
type budgetScan struct {
	budget                                           org.Budget
	owner                                            ownerScan
	amount, thresholds, spent, projected, others     string
	oldSecretEnd, since, created, updated, evaluated int64
	periodStart, periodEnd                           int64
}

// ownerScan is where the owner of something goes.
type ownerScan struct {
	id        string
	isAccount bool
}

func (s *ownerScan) value() org.Owner {
	if s.isAccount {
		return org.Owner{Account: id.Account(s.id)}
	}
	return org.Owner{Organization: id.Organization(s.id)}
}

func (s *budgetScan) into() []any {
	b := &s.budget
	return []any{
		(*string)(&b.ID), &s.owner.id, &s.owner.isAccount, &b.Name, (*string)(&b.Scope), (*string)(&b.Kind), &s.amount, (*string)(&b.Currency),
		&s.thresholds, &b.Webhook, &b.Secret, &b.OldSecret, &s.oldSecretEnd, &b.Version, &b.Revision, &s.since, &s.created, &s.updated,
		&s.evaluated, &s.periodStart, &s.periodEnd, &b.State.CompleteDays, &s.spent, &s.projected, &s.others, &b.State.Unpriced,
	}
}

func (s *budgetScan) value() (org.Budget, error) {
	b := s.budget
	b.Owner, b.ReceiverSecret = s.owner.value(), storedSecret(b.ReceiverSecret, s.oldSecretEnd)
	b.Since, b.Created, b.Updated, b.State.At = moment(s.since), moment(s.created), moment(s.updated), moment(s.evaluated)
	b.State.Period = usage.Period{Start: usage.Day(s.periodStart), End: usage.Day(s.periodEnd)}
	for text := range strings.SplitSeq(s.thresholds, ",") {
		percent, err := strconv.Atoi(text)
		if err != nil {
			return b, fmt.Errorf("read the thresholds of budget %s: %w", b.ID, err)
		}
		b.Thresholds = append(b.Thresholds, percent)
	}
	if s.others != "" {
		for text := range strings.SplitSeq(s.others, ",") {
			b.State.Others = append(b.State.Others, usage.Currency(text))
		}
	}
	err := readAmounts(amount{&b.Amount, s.amount}, amount{&b.State.Spent, s.spent}, amount{&b.State.Projected, s.projected})
	if err != nil {
		return b, fmt.Errorf("read budget %s: %w", b.ID, err)
	}
	return b, nil
}

// storedSecret returns secrets with nil for those that are not there.
func storedSecret(s org.ReceiverSecret, oldEnd int64) org.ReceiverSecret {
	if len(s.Secret) == 0 {
		s.Secret = nil
	}
	if len(s.OldSecret) == 0 {
		s.OldSecret = nil
	}
	s.OldSecretEnd = moment(oldEnd)
	return s
}

// amount is a decimal, and its text.
type amount struct {
	to   *usage.Decimal
	text string
}

func readAmounts(all ...amount) (err error) {
	for _, a := range all {
		if *a.to, err = decimal.NewFromString(a.text); err != nil {
			return err
		}
	}
	return nil
}

// Budget implements org.BudgetReader.
func (r *reader) Budget(ctx context.Context, b id.Budget) (org.Budget, error) {
	const budgetSQL = `SELECT ` + budgetColumns + ` FROM budgets b WHERE b.id = $1`
	var s budgetScan
	if err := r.one(ctx, "budget", budgetSQL, []any{string(b)}, s.into()...); err != nil {
		return org.Budget{}, err
	}
	return s.value()
}

// ListBudgets implements org.BudgetReader.
func (r *reader) ListBudgets(ctx context.Context, o org.Owner, p page.Request) (page.Page[org.Budget], error) {
	const countBudgetsSQL = `SELECT COUNT(*) FROM budgets b WHERE b.owner_id = $1`
	var out page.Page[org.Budget]
	err := r.snapshot(ctx, func(r *reader) error {
		var err error
		if out.Total, err = r.number(ctx, countBudgetsSQL, ownerID(o)); err != nil {
			return err
		}
		b := &builder{dialect: r.dialect}
		b.add("SELECT ", budgetColumns, " FROM budgets b WHERE b.owner_id = ", b.arg(ownerID(o)))
		b.after(p.After, "b.created_at", "b.id")
		b.add(" ORDER BY b.created_at, b.id LIMIT ", b.arg(p.Size+1))
		out.Items, err = r.budgets(ctx, b.text.String(), b.args)
		return err
	})
	out.Cut(p.Size, func(b *org.Budget) page.Position { return page.Position{Time: b.Created, ID: string(b.ID)} })
	return out, err
}

// budgets runs a statement that answers rows of budgetColumns.
func (r *reader) budgets(ctx context.Context, sql string, args []any) ([]org.Budget, error) {
	var list []org.Budget
	err := r.search(ctx, sql, args, func(row row) error {
		var s budgetScan
		if err := row.Scan(s.into()...); err != nil {
			return err
		}
		b, err := s.value()
		list = append(list, b)
		return err
	})
	return list, err
}

// DueBudgets implements org.BudgetReader.
func (r *reader) DueBudgets(ctx context.Context, now time.Time, limit int) ([]org.Budget, error) {
	const dueBudgetsSQL = `SELECT ` + budgetColumns + ` FROM budgets b WHERE b.evaluate_at <= $1 AND b.lease_end <= $1
		ORDER BY b.evaluate_at, b.id LIMIT $2`
	return r.budgets(ctx, dueBudgetsSQL, []any{micros(now), limit})
}

// InsertBudget implements org.BudgetTx.
func (t *tx) InsertBudget(ctx context.Context, b org.Budget) error {
	const insertBudgetSQL = `INSERT INTO budgets (id, owner_id, is_account, created_at, name, scope, kind, amount, currency, thresholds,
		webhook, secret, old_secret, old_secret_end, version, revision, since_at, updated_at, evaluated_at, period_start, period_end,
		complete_days, spent, projected, other_currencies, unpriced, evaluate_at, lease_holder, lease_end)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, 0, '', 0)`
	args := []any{string(b.ID), ownerID(b.Owner), b.Owner.Account != "", micros(b.Created)}
	args = append(append(args, budgetSettings(&b)...), budgetState(&b.State)...)
	return t.exec(ctx, insertBudgetSQL, args...)
}

// budgetSettings returns the parameters from name to the time of the update.
func budgetSettings(b *org.Budget) []any {
	var thresholds []string
	for _, percent := range b.Thresholds {
		thresholds = append(thresholds, strconv.Itoa(percent))
	}
	return []any{
		b.Name, string(b.Scope), string(b.Kind), b.Amount.String(), string(b.Currency), strings.Join(thresholds, ","), b.Webhook,
		bytesOf(b.Secret), bytesOf(b.OldSecret), micros(b.OldSecretEnd), b.Version, b.Revision, micros(b.Since), micros(b.Updated),
	}
}

// budgetState returns the parameters from the time of the evaluation on.
func budgetState(s *org.BudgetState) []any {
	var others []string
	for _, c := range s.Others {
		others = append(others, string(c))
	}
	return []any{
		micros(s.At), int64(s.Period.Start), int64(s.Period.End), s.CompleteDays, s.Spent.String(), s.Projected.String(),
		strings.Join(others, ","), s.Unpriced,
	}
}

// UpdateBudget implements org.BudgetTx.
func (t *tx) UpdateBudget(ctx context.Context, b org.Budget) error {
	const updateBudgetSQL = `UPDATE budgets SET name = $2, scope = $3, kind = $4, amount = $5, currency = $6, thresholds = $7, webhook = $8,
		secret = $9, old_secret = $10, old_secret_end = $11, version = $12, revision = $13, since_at = $14, updated_at = $15,
		evaluated_at = $16, period_start = $17, period_end = $18, complete_days = $19, spent = $20, projected = $21,
		other_currencies = $22, unpriced = $23, evaluate_at = 0, lease_holder = '', lease_end = 0 WHERE id = $1`
	args := append([]any{string(b.ID)}, budgetSettings(&b)...)
	return t.must(ctx, updateBudgetSQL, append(args, budgetState(&b.State)...)...)
}

// DeleteBudget implements org.BudgetTx.
func (t *tx) DeleteBudget(ctx context.Context, b org.Budget) error {
	const (
		deleteCrossingsSQL = `DELETE FROM budget_crossings WHERE budget_id = $1`
		deleteBudgetSQL    = `DELETE FROM budgets WHERE id = $1`
	)
	if err := t.exec(ctx, deleteCrossingsSQL, string(b.ID)); err != nil {
		return err
	}
	return t.must(ctx, deleteBudgetSQL, string(b.ID))
}

// LeaseBudget implements org.BudgetTx.
func (t *tx) LeaseBudget(ctx context.Context, b org.Budget, l org.Lease) (bool, error) {
	const leaseBudgetSQL = `UPDATE budgets SET lease_holder = $2, lease_end = $3
		WHERE id = $1 AND version = $4 AND evaluate_at <= $5 AND lease_end <= $5`
	n, err := t.change(ctx, leaseBudgetSQL, string(b.ID), l.Holder, micros(l.End), b.Version, micros(l.Now))
	return n == 1, err
}

// SettleBudget implements org.BudgetTx.
func (t *tx) SettleBudget(ctx context.Context, b org.Budget, next time.Time) (bool, error) {
	const settleBudgetSQL = `UPDATE budgets SET evaluated_at = $4, period_start = $5, period_end = $6, complete_days = $7, spent = $8,
		projected = $9, other_currencies = $10, unpriced = $11, evaluate_at = $3, lease_holder = '', lease_end = 0
		WHERE id = $1 AND version = $2 AND evaluated_at <= $4`
	args := append([]any{string(b.ID), b.Version, micros(next)}, budgetState(&b.State)...)
	n, err := t.change(ctx, settleBudgetSQL, args...)
	return n == 1, err
}
