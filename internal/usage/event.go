package usage

import (
	"fmt"
	"time"

	"github.com/orgd/orgd/internal/id"
)

// Event is one measurement. Source and ID together name it: what bears the
// same two is the same event.
type Event struct {
	Source, ID string
	Time       time.Time
	Account    id.Account
	Metric     MetricID
	Place      Place
	Quantity   Decimal
	Weight     *Decimal // for an average, 1 when there is none
	Unique     string   // for a unique count: what is counted
}

// Sample returns what of the event is counted.
func (e *Event) Sample() Sample {
	s := Sample{Quantity: e.Quantity, Weight: decimalOf(1), At: e.Time, By: e.Source + "\n" + e.ID}
	if e.Weight != nil {
		s.Weight = *e.Weight
	}
	return s
}

// Day returns the day on which the event counts.
func (e *Event) Day() Day { return DayOf(e.Time) }

// Reason says why an event was not counted.
type Reason string

// The reasons.
const (
	Malformed      Reason = "malformed"
	UnknownMetric  Reason = "unknown_metric"
	UnknownAccount Reason = "unknown_account" // or one that the caller may not meter
	Late           Reason = "late"
	Future         Reason = "future"
)

// Refusal is an event that was not counted, and why. Pointer leads to the place
// in the event, as JSON Pointer, or names a header.
type Refusal struct {
	Reason  Reason
	Pointer string
	Message string
}

// Error returns the message.
func (r *Refusal) Error() string { return r.Message }

// Window says how far from now the time of an event may be.
type Window struct {
	Past, Future time.Duration
}

// DefaultWindow takes what is up to 62 days old, so that a whole billing period
// can be delivered again after it has ended, and what a clock that is five
// minutes fast sends.
func DefaultWindow() Window {
	return Window{Past: 62 * 24 * time.Hour, Future: 5 * time.Minute}
}

// Check returns why the event cannot be counted now, or nil.
func (c *Catalogue) Check(e *Event, w Window, now time.Time) *Refusal {
	m, ok := c.Metric(e.Metric)
	switch {
	case !ok:
		return &Refusal{UnknownMetric, "/data/metric", fmt.Sprintf("there is no metric %q in catalogue %s", e.Metric, c.Version)}
	case e.Time.After(now.Add(w.Future)):
		return &Refusal{Future, "/time", fmt.Sprintf("the time is in the future, by more than %s", w.Future)}
	case e.Time.Before(now.Add(-w.Past)):
		return &Refusal{Late, "/time", fmt.Sprintf("the time is more than %d hours ago", int(w.Past.Hours()))}
	case m.Aggregation == UniqueCount && e.Unique == "":
		return &Refusal{Malformed, "/data/unique", "a metric that counts what is different needs what to count"}
	case m.Aggregation != UniqueCount && e.Unique != "":
		return &Refusal{Malformed, "/data/unique", "the metric does not count what is different"}
	case m.Aggregation != Average && e.Weight != nil:
		return &Refusal{Malformed, "/data/weight", "the metric is no average"}
	}
	return nil
}
