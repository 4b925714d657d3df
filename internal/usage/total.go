package usage

import (
	"math/bits"

	"github.com/shopspring/decimal"
)

// total is a Decimal that is kept and counted with: small times ten to the
// power of exponent where that fits, which saves the memory around a big number
// and the time to make one. What does not fit is counted with as a Decimal, so
// that every result is exact.
type total struct {
	small    int64 // less than smallEnd, either way from zero
	exponent int32
	large    *Decimal // nil for a small one
}

const (
	smallDigits = 18 // that surely fit an int64
	smallEnd    = 1_000_000_000_000_000_000
)

func keep(d Decimal) total {
	if d.NumDigits() > smallDigits {
		return total{large: &d}
	}
	return total{small: d.CoefficientInt64(), exponent: d.Exponent()}
}

func (t total) decimal() Decimal {
	switch {
	case t.large != nil:
		return *t.large
	case t.small == 0:
		return Decimal{}
	}
	return decimal.New(t.small, t.exponent)
}

func (t total) isZero() bool {
	if t.large != nil {
		return t.large.IsZero()
	}
	return t.small == 0
}

func (t total) plus(u total) total {
	if a, b, exponent, ok := aligned(t, u); ok {
		if sum := a + b; -smallEnd < sum && sum < smallEnd {
			return total{small: sum, exponent: exponent}
		}
	}
	return keep(t.decimal().Add(u.decimal()))
}

func (t total) minus(u total) total {
	if u.large != nil {
		return keep(t.decimal().Sub(u.decimal()))
	}
	u.small = -u.small
	return t.plus(u)
}

func (t total) times(u total) total {
	if t.large == nil && u.large == nil {
		high, low := bits.Mul64(absolute(t.small), absolute(u.small))
		if high == 0 && low < smallEnd {
			return total{small: signed(low, t.small < 0 != (u.small < 0)), exponent: t.exponent + u.exponent}
		}
	}
	return keep(t.decimal().Mul(u.decimal()))
}

// compare is below, at or above zero as t is below, at or above u.
func (t total) compare(u total) int {
	if a, b, _, ok := aligned(t, u); ok {
		switch {
		case a < b:
			return -1
		case a > b:
			return 1
		}
		return 0
	}
	return t.decimal().Cmp(u.decimal())
}

// over returns t/u with the given number of digits after the point, rounded as
// divide does.
func (t total) over(u total, places int32, mode Mode) total {
	if t.large == nil && u.large == nil && u.small != 0 {
		if q, ok := quotient(absolute(t.small), absolute(u.small), t.exponent-u.exponent+places, mode); ok {
			return total{small: signed(q, t.small < 0 != (u.small < 0)), exponent: -places}
		}
	}
	return keep(divideLarge(t.decimal(), u.decimal(), places, mode))
}

// quotient returns n/d times ten to the power of shift as a whole number, if it
// is a small one.
func quotient(n, d uint64, shift int32, mode Mode) (uint64, bool) {
	if shift < -smallDigits || shift > smallDigits {
		return 0, false
	}
	high, low := uint64(0), n
	if shift >= 0 {
		high, low = bits.Mul64(n, powerOfTen(shift))
	} else {
		var over uint64
		if over, d = bits.Mul64(d, powerOfTen(-shift)); over != 0 {
			return 0, false
		}
	}
	if high >= d {
		return 0, false
	}
	q, r := bits.Div64(high, low, d)
	rest := d - r // up to the next whole number
	switch {
	case r == 0 || mode == RoundDown:
	case mode == RoundUp, r > rest, r == rest && (mode == RoundHalfUp || q&1 == 1):
		q++
	}
	return q, q < smallEnd
}

// clampTotal returns q, but not less than low and, when there is a high, not
// more.
func clampTotal(q, low total, high *total) total {
	if q.compare(low) < 0 {
		return low
	}
	if high != nil && q.compare(*high) > 0 {
		return *high
	}
	return q
}

// aligned returns two small ones with the same exponent.
func aligned(t, u total) (a, b int64, exponent int32, ok bool) {
	if t.large != nil || u.large != nil {
		return 0, 0, 0, false
	}
	if t.exponent == u.exponent {
		return t.small, u.small, t.exponent, true
	}
	if t.exponent < u.exponent {
		b, ok = shifted(u, t.exponent)
		return t.small, b, t.exponent, ok
	}
	a, ok = shifted(t, u.exponent)
	return a, u.small, u.exponent, ok
}

// shifted returns the number that t has with a lower exponent.
func shifted(t total, exponent int32) (int64, bool) {
	if t.small == 0 {
		return 0, true
	}
	by := int64(t.exponent) - int64(exponent)
	if by > smallDigits {
		return 0, false
	}
	high, low := bits.Mul64(absolute(t.small), powerOfTen(int32(by)))
	return signed(low, t.small < 0), high == 0 && low < smallEnd
}

// powerOfTen returns ten to the power of n, which is at most smallDigits.
func powerOfTen(n int32) uint64 {
	powers := [...]uint64{
		1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
	}
	return powers[n]
}

func absolute(n int64) uint64 {
	if n < 0 {
		return uint64(-n)
	}
	return uint64(n)
}

func signed(n uint64, negative bool) int64 {
	if negative {
		return -int64(n)
	}
	return int64(n)
}

// trimmed returns a small one without zeros after the last digit that counts
// behind the point.
func (t total) trimmed() total {
	if t.small == 0 {
		return total{}
	}
	for t.exponent < 0 && t.small%10 == 0 {
		t.small, t.exponent = t.small/10, t.exponent+1
	}
	return t
}
