package org

import (
	"context"
	"time"

	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/page"
	"github.com/orgd/orgd/internal/usage"
)

// UsageReader reads usage and what it costs.
type UsageReader interface {
	// Catalogue returns the catalogue that was put last.
	Catalogue(ctx context.Context) (*usage.Catalogue, error)
	// Metrics returns all metrics that the catalogues up to a version have, the
	// latest for no name: each as it is in the last one that has it.
	Metrics(ctx context.Context, version string) (*usage.Catalogue, error)
	// PriceBook returns a price book.
	PriceBook(ctx context.Context, b usage.BookID) (*usage.PriceBook, error)
	// Assignments returns the assignments to those accounts and to those
	// organizations themselves, in no order.
	Assignments(ctx context.Context, accounts []id.Account, organizations []id.Organization) ([]usage.Assignment, error)
	// Anchors returns the anchors of those accounts that have one.
	Anchors(ctx context.Context, accounts []id.Account) (map[id.Account]usage.Anchor, error)
	// BillingPeriod returns the billing period of an account that starts on
	// that day.
	BillingPeriod(ctx context.Context, a id.Account, start usage.Day) (usage.BillingPeriod, error)
	// HasPeriods reports whether an account has billing periods.
	HasPeriods(ctx context.Context, a id.Account) (bool, error)
	// FirstOpenPeriod returns the earliest billing period of an account that
	// is open.
	FirstOpenPeriod(ctx context.Context, a id.Account) (usage.BillingPeriod, error)
	// ListBillingPeriods returns a page in order of their days.
	ListBillingPeriods(ctx context.Context, a id.Account, p page.Request) (page.Page[usage.BillingPeriod], error)
	// ClosedPeriods returns the closed billing periods of those accounts that
	// end after from, in order of account and days, with their price books.
	ClosedPeriods(ctx context.Context, accounts []id.Account, from usage.Day) ([]usage.BillingPeriod, error)
	// ListRestatements returns a page of the restatements of an account, in
	// the order of commits.
	ListRestatements(ctx context.Context, a id.Account, p page.Request) (page.Page[usage.Restatement], error)
	// Watermarks returns the watermarks of those accounts that have one.
	Watermarks(ctx context.Context, accounts []id.Account) (map[id.Account]usage.Watermark, error)
	// UsageReceipt returns what became of an event: counted, or refused.
	UsageReceipt(ctx context.Context, source, event string) (usage.Receipt, error)
	// EachUsage calls each for every record that q asks for. The record is
	// good until the next call. Of its state it has what quantities are made
	// of: neither At nor By. Each must not ask the reader for anything.
	EachUsage(ctx context.Context, q usage.Query, each func(*usage.Record) error) error
	// EachState is EachUsage in no order and without places, several times as
	// fast.
	EachState(ctx context.Context, q usage.Query, each func(*usage.Record) error) error
	// EachLine is EachUsage with what was billed for the accounts that q has
	// it for: of every line first that, in order of billing period and tier,
	// then the record. One of the two is nil.
	EachLine(ctx context.Context, q usage.Query, each func(*usage.Billed, *usage.Record) error) error
}

// UsageTx changes usage and what it costs.
type UsageTx interface {
	// PutCatalogue adds a version. One that is there already is not changed.
	PutCatalogue(ctx context.Context, c *usage.Catalogue, at time.Time) error
	// PutPriceBook adds a version. One that is there already is not changed.
	PutPriceBook(ctx context.Context, b *usage.PriceBook, at time.Time) error
	// Assign gives a price book to its owner from a day on, in place of the
	// one that the owner had from that very day.
	Assign(ctx context.Context, a usage.Assignment) error
	// LockUsage holds the usage of accounts, their anchors and their billing
	// periods until the end of the transaction. It is locked after the
	// accounts, and of several accounts at once.
	LockUsage(ctx context.Context, accounts ...id.Account) error
	// PutAnchor sets the anchor of an account, which has no billing periods
	// yet. The usage of the account is held.
	PutAnchor(ctx context.Context, a id.Account, anchor usage.Anchor) error
	// OpenPeriod keeps a billing period, if it is not kept already.
	OpenPeriod(ctx context.Context, a id.Account, p usage.Period) error
	// ClosePeriod closes a billing period that is open.
	ClosePeriod(ctx context.Context, p usage.BillingPeriod) error
	// AddBilled keeps rows that were billed.
	AddBilled(ctx context.Context, all []usage.Billed) error
	// SettlePeriods says that no closed period of the account is due any more.
	SettlePeriods(ctx context.Context, a id.Account) error
	// PutWatermark sets the watermark of an account.
	PutWatermark(ctx context.Context, a id.Account, w usage.Watermark) error
	// CountUsage counts the submissions that were not refused, each source and
	// id once for ever, and returns a receipt for each in the same order. An
	// account that has no anchor yet gets one: the first day of the month of
	// its earliest event here. What is counted in a closed billing period is
	// entered as restatements, makes the period due, and opens the period after
	// the last one that was closed, which will have the corrections.
	CountUsage(ctx context.Context, s []usage.Submission, at time.Time) ([]usage.Receipt, error)
}
