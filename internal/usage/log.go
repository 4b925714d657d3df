package usage

import (
	"time"

	"github.com/orgd/orgd/internal/id"
)

// Line is what one State is of: an account's use of a metric on a day in a
// place.
type Line struct {
	Account      id.Account
	Metric       MetricID
	Day          Day
	Zone, Region string
}

// LineOf returns the line that an event counts in.
func LineOf(e *Event) Line {
	return Line{e.Account, e.Metric, e.Day(), e.Place.Zone.ID, e.Place.Region.ID}
}

// Outcome says what became of an event.
type Outcome string

// The outcomes.
const (
	Counted   Outcome = "counted"
	Duplicate Outcome = "duplicate" // counted before, under the same source and id
	Refused   Outcome = "refused"
)

// Receipt says what became of an event: in which line it was counted, or why
// it was not.
type Receipt struct {
	Source, ID string
	Outcome    Outcome
	Line       Line
	Refusal    Refusal
	At         time.Time // when it was received
}

// Submission is an event as it arrived: either one that can be counted, or one
// that was refused. At is the pointer to it in a batch, empty for an event by
// itself.
type Submission struct {
	Event       Event
	Refusal     *Refusal
	Unreadable  bool        // refused while it was read: the event has only what could be
	Aggregation Aggregation // of the metric, once the event has been checked
	At          string
}

// Record is the State of a line, with the names that its place had last.
type Record struct {
	Line  Line
	Place Place
	State State
}

// Query asks for the records of some accounts on one day, in the order of
// account, metric, zone and region.
type Query struct {
	Day      Day
	Accounts []id.Account
	Metrics  []MetricID   // nil for all
	Billed   []id.Account // of which what was billed is asked for
}

// Assignment gives a price book to an account, or to all accounts in an
// organization and below it, from a day on. An account's own wins over those
// of its organizations, a nearer organization over one above it, and a later
// start over an earlier one.
type Assignment struct {
	Account      id.Account
	Organization id.Organization
	Book         BookID
	Start        Day
}

// InForce returns the price book of an account on a day, false when it has
// none. Path leads from the root to the account's organization.
func InForce(all []Assignment, a id.Account, path []id.Organization, d Day) (BookID, bool) {
	if book, ok := latest(all, d, func(x *Assignment) bool { return x.Account != "" && x.Account == a }); ok {
		return book, true
	}
	for i := len(path) - 1; i >= 0; i-- {
		if book, ok := latest(all, d, func(x *Assignment) bool { return x.Account == "" && x.Organization == path[i] }); ok {
			return book, true
		}
	}
	return "", false
}

func latest(all []Assignment, d Day, of func(*Assignment) bool) (book BookID, found bool) {
	var start Day
	for i := range all {
		x := &all[i]
		if of(x) && x.Start <= d && (!found || x.Start >= start) {
			book, start, found = x.Book, x.Start, true
		}
	}
	return book, found
}
