// Package usage is the domain of billable usage: what was consumed, how it is
// counted, and what it costs. It knows neither the wire nor the database.
//
//   - An Event is one measurement of one Metric of one account. Events of one
//     account, metric, UTC day, zone and region are counted into one State,
//     each at a cost that does not depend on how many came before.
//   - A Metric says how events are counted (Aggregation) and what the result
//     is called on a bill. Metrics live in a Catalogue.
//   - A Price says what a billing period's quantity of a metric costs. Prices
//     live in a PriceBook, which never changes once it is in use.
//   - A billing Period runs from one anchor day to the next. What a day costs
//     is what the period costs up to that day, less what it cost the day
//     before; see Price.Charges.
//
// Quantities and money are exact decimals. There is no float in this package.
package usage

import (
	"fmt"
	"time"
)

// The typed names of usage.
type (
	// MetricID names a metric for ever, such as r2_storage.
	MetricID string
	// BookID names one version of a price book.
	BookID string
	// Currency is a code of ISO 4217.
	Currency string
)

// Day is a day in UTC, counted from 1 January 1970.
type Day int32

const daySeconds = 24 * 60 * 60

// DayOf returns the day of t.
func DayOf(t time.Time) Day {
	s := t.Unix()
	d := s / daySeconds
	if s%daySeconds < 0 {
		d--
	}
	return Day(d)
}

// DateOf returns the day of a date. A day past the end of the month runs over
// into the next.
func DateOf(year int, month time.Month, day int) Day {
	return DayOf(time.Date(year, month, day, 0, 0, 0, 0, time.UTC))
}

// Start returns the first moment of the day. Its end is the Start of the next.
func (d Day) Start() time.Time { return time.Unix(int64(d)*daySeconds, 0).UTC() }

// String returns the day as 2006-01-02.
func (d Day) String() string { return d.Start().Format(time.DateOnly) }

// ParseDay reads what String writes.
func ParseDay(s string) (Day, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return 0, fmt.Errorf("%q is not a day such as 2026-01-31", s)
	}
	return DayOf(t), nil
}

// Place is where in an account something was used. The zero value is nowhere
// in particular.
type Place struct {
	Zone, Region Named
}

// Named is an identifier and the name it had when it was used.
type Named struct {
	ID, Name string
}

// Less orders places by zone, then region.
func (p Place) Less(q Place) bool {
	if p.Zone.ID != q.Zone.ID {
		return p.Zone.ID < q.Zone.ID
	}
	return p.Region.ID < q.Region.ID
}
