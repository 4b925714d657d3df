package main

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/orgd/orgd/internal/org"
)

const (
	// budgetPeriod is how often a server looks for budgets that are due.
	budgetPeriod = 5 * time.Second
	// budgetLease is after how long another server evaluates the budget that a
	// server died over.
	budgetLease = time.Minute
)

// evaluateBudgets returns the chore, under a name of this process.
func (i *instance) evaluateBudgets() func(context.Context) error {
	h := org.Holder{Name: rand.Text(), Lease: budgetLease}
	return func(ctx context.Context) error { return i.service.EvaluateBudgets(ctx, h) }
}
