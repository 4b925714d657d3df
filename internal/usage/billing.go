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
