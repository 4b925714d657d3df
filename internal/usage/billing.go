package usage

import (
	"time"

	"github.com/orgd/orgd/internal/id"
)

// BillingPeriod is a billing period of an account: open, or closed with what
// it was billed with.
type BillingPeriod struct {
	Account id.Account
	Period
	Closed   time.Time // zero while it is open
	Restated time.Time // when usage was last counted in it after that, zero for never
	// Due says that there is usage of which no closed period has the
	// corrections yet.
	Due         bool
	Catalogue   string  // the version that it was closed with
	AccountName string  // when it was closed
	Root        Named   // of the tree that the account was in then
	Books       []Since // in order of days
}

// Since is a price book that held from a day on, none for an empty id.
type Since struct {
	Day  Day
	Book BookID
}

// Book returns the price book that a closed period has on a day, empty for
// none.
func (p *BillingPeriod) Book(d Day) BookID {
	var book BookID
	for _, s := range p.Books {
		if s.Day <= d {
			book = s.Book
		}
	}
	return book
}

// Billed is a row that was billed when a billing period was closed: for a day
// of that period, or as a correction for a day of one that was closed before.
type Billed struct {
	Account    id.Account
	Metric     MetricID
	In         Day // the start of the billing period that it was billed in
	Correction bool
	Book       BookID // empty for usage without a price
	Charge     Charge
}

// Restatement is usage that was counted in a closed period: what one batch
// changed in one line. Those of an account are numbered in the order in which
// they were committed.
type Restatement struct {
	Seq           int64
	Line          Line
	Period        Day // the start of the billing period
	Before, After Decimal
	Events        int64
	At            time.Time
}

// Watermark says up to which day all usage of an account has been counted.
type Watermark struct {
	Through Day
	Updated time.Time
}
