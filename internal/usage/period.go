package usage

import (
	"fmt"
	"time"
)

// Period is a billing period: from Start up to, but without, End.
type Period struct {
	Start, End Day
}

// Contains reports whether d is a day of the period.
func (p Period) Contains(d Day) bool { return p.Start <= d && d < p.End }

// String returns the period as 2026-01-31/2026-02-28.
func (p Period) String() string { return fmt.Sprintf("%s/%s", p.Start, p.End) }

// Anchor is the day on which the first billing period of an account began. All
// later ones begin on the same day of the month.
//
// Rule: the n-th period begins n months after the anchor, on the anchor's day
// of the month or, where the month is shorter, on its last day. Months are
// counted from the anchor and never from the period before, so that an
// account of 31 January has the periods 31 January to 28 February, 28 February
// to 31 March, 31 March to 30 April: one short month does not move those after
// it. Periods are kept as they were computed, and are not computed again.
type Anchor Day

// boundary returns the first day of the n-th period.
func (a Anchor) boundary(n int) Day {
	start := Day(a).Start()
	first := time.Date(start.Year(), start.Month()+time.Month(n), 1, 0, 0, 0, 0, time.UTC)
	last := first.AddDate(0, 1, -1).Day()
	return DateOf(first.Year(), first.Month(), min(start.Day(), last))
}

// Period returns the period of the day d. Days before the anchor have periods
// by the same rule, counted backwards, so that usage that was measured before
// an account was billed has a place.
func (a Anchor) Period(d Day) Period {
	at, start := d.Start(), Day(a).Start()
	n := (at.Year()-start.Year())*12 + int(at.Month()-start.Month())
	if d < a.boundary(n) {
		n--
	}
	return Period{Start: a.boundary(n), End: a.boundary(n + 1)}
}

// Periods returns the periods that contain the days from first to last.
func (a Anchor) Periods(first, last Day) []Period {
	var all []Period
	for d := first; d <= last; {
		p := a.Period(d)
		all = append(all, p)
		d = p.End
	}
	return all
}

// FirstAnchor returns the anchor of an account that was given none: the first
// day of the month of its first usage, so that its periods are the months.
func FirstAnchor(d Day) Anchor {
	at := d.Start()
	return Anchor(DateOf(at.Year(), at.Month(), 1))
}
