package usage

import "time"

// State is what is known of the events of one account, metric, day and place:
// enough to count one more event, or another State, without looking at the
// events again. The zero value has seen none.
//
// Unique keys are counted exactly: each lives once in a set of the store beside
// the State, and only those that were not there yet are added here. An estimate
// would be smaller, but could not be explained on a bill.
type State struct {
	Events int64
	Sum    Decimal // of quantities, of quantity times weight for an average
	Weight Decimal // of all events, for an average
	Max    Decimal
	Last   Decimal
	At     time.Time // of the event that Last is of
	By     string    // its source and id
	Unique int64     // different keys
}

// Sample is what of an event is counted.
type Sample struct {
	Quantity Decimal
	Weight   Decimal   // for an average: 1 unless the event says otherwise
	At       time.Time // for the last one
	By       string    // decides between two of the same time: the greater one counts
}

// Add counts one event. Unique keys are counted by AddUnique.
func (s *State) Add(e *Sample) {
	s.Merge(&State{
		Events: 1, Sum: e.Quantity.Mul(e.Weight), Weight: e.Weight,
		Max: e.Quantity, Last: e.Quantity, At: e.At, By: e.By,
	})
}

// AddUnique counts n keys that were not in the set yet.
func (s *State) AddUnique(n int64) { s.Unique += n }

// Merge counts the events of o, which are other events of the same day and
// place. In what order states are merged makes no difference. Unique counts
// merge only when their keys are different.
func (s *State) Merge(o *State) {
	if o.Events == 0 {
		return
	}
	if s.Events == 0 || o.Max.GreaterThan(s.Max) {
		s.Max = o.Max
	}
	if s.Events == 0 || o.At.After(s.At) || o.At.Equal(s.At) && o.By > s.By {
		s.Last, s.At, s.By = o.Last, o.At, o.By
	}
	s.Events += o.Events
	s.Sum = s.Sum.Add(o.Sum)
	s.Weight = s.Weight.Add(o.Weight)
	s.Unique += o.Unique
}

// Quantity returns what a is of the events. An average is rounded half to even
// to MaxQuantityDecimals digits, once, from exact sums.
func (s *State) Quantity(a Aggregation) Decimal {
	switch a {
	case Sum:
		return s.Sum
	case Maximum:
		return s.Max
	case Last:
		return s.Last
	case UniqueCount:
		return decimalOf(s.Unique)
	case Average:
		if s.Weight.IsZero() {
			return Decimal{}
		}
		return trim(divide(s.Sum, s.Weight, MaxQuantityDecimals, RoundHalfEven))
	}
	return Decimal{}
}
