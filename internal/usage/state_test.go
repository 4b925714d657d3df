package usage_test

import (
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"github.com/orgd/orgd/internal/usage"
)

func drawSamples(t *rapid.T) []usage.Sample {
	n := rapid.IntRange(1, 20).Draw(t, "events")
	samples := make([]usage.Sample, n)
	for i := range samples {
		samples[i] = usage.Sample{
			Quantity: drawDecimal(t, "quantity", -5, 5e9, 3),
			Weight:   decimal.New(rapid.Int64Range(1, 9).Draw(t, "weight"), 0),
			At:       time.Unix(rapid.Int64Range(0, 3).Draw(t, "at"), 0),
			By:       fmt.Sprintf("s/%03d", i),
		}
	}
	return samples
}

// Counting one by one, in any order, or merged from parts, is the same; and
// it is what looking at all events at once gives.
func TestStateAgainstModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		samples := drawSamples(t)
		var one, left, right, merged usage.State
		cut := rapid.IntRange(0, len(samples)).Draw(t, "cut")
		for i, s := range rapid.Permutation(samples).Draw(t, "order") {
			one.Add(&s)
			if i < cut {
				left.Add(&s)
			} else {
				right.Add(&s)
			}
		}
		merged.Merge(&right)
		merged.Merge(&left)
		want := model(samples)
		for a, w := range want {
			if got := one.Quantity(a); !got.Equal(w) {
				t.Fatalf("%s is %s, want %s", a, got, w)
			}
			if got := merged.Quantity(a); !got.Equal(w) {
				t.Fatalf("%s of merged states is %s, want %s", a, got, w)
			}
		}
		if one.Events != int64(len(samples)) || merged.Events != one.Events {
			t.Fatalf("%d and %d events, want %d", one.Events, merged.Events, len(samples))
		}
	})
}

func model(samples []usage.Sample) map[usage.Aggregation]usage.Decimal {
	sum, weight := new(big.Rat), new(big.Rat)
	maximum, last := samples[0], samples[0]
	for _, s := range samples {
		sum.Add(sum, new(big.Rat).Mul(s.Quantity.Rat(), s.Weight.Rat()))
		weight.Add(weight, s.Weight.Rat())
		if s.Quantity.GreaterThan(maximum.Quantity) {
			maximum = s
		}
		if s.At.After(last.At) || s.At.Equal(last.At) && s.By > last.By {
			last = s
		}
	}
	mean := new(big.Rat).Quo(sum, weight)
	billion := new(big.Rat).SetInt64(1e9)
	mean = new(big.Rat).Quo(roundRat(mean.Mul(mean, billion), usage.RoundHalfEven), billion)
	return map[usage.Aggregation]usage.Decimal{
		usage.Sum:     decimal.RequireFromString(sum.FloatString(3)),
		usage.Maximum: maximum.Quantity, usage.Last: last.Quantity,
		usage.Average: decimal.RequireFromString(mean.FloatString(9)),
	}
}

func TestStateUnique(t *testing.T) {
	t.Parallel()
	var s, other usage.State
	s.Add(&usage.Sample{Quantity: decimal.New(1, 0), Weight: decimal.New(1, 0)})
	s.AddUnique(1)
	s.Add(&usage.Sample{Quantity: decimal.New(1, 0), Weight: decimal.New(1, 0)})
	other.Add(&usage.Sample{Quantity: decimal.New(1, 0), Weight: decimal.New(1, 0)})
	other.AddUnique(2)
	s.Merge(&other)
	if got := s.Quantity(usage.UniqueCount); !got.Equal(decimal.New(3, 0)) || s.Events != 3 {
		t.Errorf("%s different keys in %d events, want 3 in 3", got, s.Events)
	}
}

func TestStateOfNothing(t *testing.T) {
	t.Parallel()
	var s usage.State
	s.Merge(&usage.State{})
	for _, a := range []usage.Aggregation{usage.Sum, usage.Maximum, usage.Average, usage.Last, usage.UniqueCount} {
		if got := s.Quantity(a); !got.IsZero() {
			t.Errorf("%s of nothing is %s", a, got)
		}
	}
}
