package org

import (
	"context"
	"time"

	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/page"
)

// BudgetReader reads budgets, without their crossings.
type BudgetReader interface {
	// Budget returns a budget.
	Budget(ctx context.Context, b id.Budget) (Budget, error)
	// ListBudgets returns a page of the budgets of an owner in order of
	// creation (time, id), with the total.
	ListBudgets(ctx context.Context, o Owner, p page.Request) (page.Page[Budget], error)
	// CurrentCrossings returns the crossings of those budgets that are of their
	// terms and of the period of their state, by budget and percentage.
	CurrentCrossings(ctx context.Context, budgets []id.Budget) ([]Crossing, error)
	// ListCrossings returns a page of the crossings of a budget in order (time,
	// id), with the total.
	ListCrossings(ctx context.Context, b id.Budget, p page.Request) (page.Page[Crossing], error)
	// DueBudgets returns up to limit budgets that are to be evaluated at now
	// and are held by nobody, those first that have been due for longest.
	DueBudgets(ctx context.Context, now time.Time, limit int) ([]Budget, error)
	// DueNotices returns up to limit notices that are waiting, due at now, and
	// held by nobody, those first that have been due for longest.
	DueNotices(ctx context.Context, now time.Time, limit int) ([]Notice, error)
	// CountNotices counts the notices that are waiting, and returns when the
	// first of them was crossed.
	CountNotices(ctx context.Context) (waiting int64, oldest time.Time, err error)
}

// BudgetTx changes budgets.
type BudgetTx interface {
	// InsertBudget adds b, which is due to be evaluated.
	InsertBudget(ctx context.Context, b Budget) error
	// UpdateBudget sets all of b but its crossings. It is held by nobody and
	// due to be evaluated.
	UpdateBudget(ctx context.Context, b Budget) error
	// DeleteBudget removes b and its crossings.
	DeleteBudget(ctx context.Context, b Budget) error
	// LeaseBudget gives b to a holder, to evaluate it. It is false, and nothing
	// is done, when it has another version, is held by anybody, or is not due.
	LeaseBudget(ctx context.Context, b Budget, l Lease) (bool, error)
	// SettleBudget sets the state of b and when it is evaluated next; nobody
	// holds it then. It is false, and nothing is done, when b has another
	// version or was evaluated later than that.
	SettleBudget(ctx context.Context, b Budget, next time.Time) (bool, error)
	// InsertCrossing adds a crossing, and reports whether it is the first one
	// of this percentage under these terms in the period.
	InsertCrossing(ctx context.Context, x Crossing) (bool, error)
	// RedirectNotices makes the notices of b that are waiting due, held by
	// nobody, and without a failure; without a webhook they wait no more.
	RedirectNotices(ctx context.Context, b Budget) error
	// LeaseNotice gives a notice to a holder. It is false, and nothing is done,
	// when it does not wait, is held by anybody, or has another webhook by now.
	LeaseNotice(ctx context.Context, n Notice, l Lease) (bool, error)
	// SettleNotice sets what became of a notice, which nobody holds then. It is
	// false, and nothing is done, when somebody else holds it.
	SettleNotice(ctx context.Context, x id.Crossing, d NoticeDelivery, l Lease) (bool, error)
}
