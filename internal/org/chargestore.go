package org

import (
	"context"

	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/page"
	"github.com/orgd/orgd/internal/usage"
)

// ChargeReader reads charges that somebody added to accounts.
type ChargeReader interface {
	// Charge returns a charge of an account.
	Charge(ctx context.Context, a id.Account, c id.Charge) (usage.AccountFee, error)
	// ListCharges returns a page of the charges of an account in order of
	// creation.
	ListCharges(ctx context.Context, a id.Account, p page.Request) (page.Page[usage.AccountFee], error)
	// RecurringCharges returns the recurring charges of those accounts, in order
	// of account, first day and identifier.
	RecurringCharges(ctx context.Context, accounts []id.Account) ([]usage.AccountFee, error)
	// ChargesOnce returns charges that are not recurring, in order of first day,
	// account and identifier.
	ChargesOnce(ctx context.Context, q ChargeQuery) ([]usage.AccountFee, error)
	// FirstPeriod returns the first day of the earliest billing period of those
	// accounts.
	FirstPeriod(ctx context.Context, accounts []id.Account) (usage.Day, error)
}

// ChargeQuery asks for charges of some accounts whose first day is in Days, at
// most Limit of those behind After.
type ChargeQuery struct {
	Accounts []id.Account
	Days     usage.Period
	After    *usage.AccountFee // nil for the first
	Limit    int
}

// ChargeTx changes charges. The usage of the account is held.
type ChargeTx interface {
	// InsertCharge adds a charge.
	InsertCharge(ctx context.Context, c usage.AccountFee) error
	// EndCharge gives a charge the end that it has in c.
	EndCharge(ctx context.Context, c usage.AccountFee) error
	// DeleteCharge removes a charge.
	DeleteCharge(ctx context.Context, c usage.AccountFee) error
}
