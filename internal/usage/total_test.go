package usage

import (
	"testing"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"
)

// drawNumber returns a number around the end of small ones, or with few digits,
// or far beyond all of them.
func drawNumber(t *rapid.T, label string) Decimal {
	exponent := rapid.Int32Range(-20, 20).Draw(t, label+" exponent")
	switch rapid.IntRange(0, 4).Draw(t, label+" kind") {
	case 0:
		return decimal.New(rapid.Int64().Draw(t, label), exponent)
	case 1:
		return decimal.New(rapid.Int64Range(-smallEnd-2, smallEnd+2).Draw(t, label), exponent)
	case 2:
		return decimal.New(rapid.Int64().Draw(t, label), exponent).Mul(decimal.New(rapid.Int64().Draw(t, label+" times"), 3))
	case 3:
		near := decimal.New(smallEnd, 0).Add(decimal.New(rapid.Int64Range(-2, 2).Draw(t, label), 0))
		return near.Shift(exponent)
	}
	return decimal.New(rapid.Int64Range(-1000, 1000).Draw(t, label), exponent/4)
}

// Counting with totals gives what counting with Decimals does.
func TestTotalsAgainstDecimals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawNumber(t, "a"), drawNumber(t, "b")
		x, y := keep(a), keep(b)
		check := func(what string, got total, want Decimal) {
			if got.large == nil && (got.small <= -smallEnd || got.small >= smallEnd) {
				t.Fatalf("%s %s %s is kept as %d, which is no small number", a, what, b, got.small)
			}
			if !got.decimal().Equal(want) || got.decimal().String() != want.String() {
				t.Fatalf("%s %s %s = %s, want %s", a, what, b, got.decimal(), want)
			}
		}
		check("and", x, a)
		check("plus", x.plus(y), a.Add(b))
		check("minus", x.minus(y), a.Sub(b))
		check("times", x.times(y), a.Mul(b))
		if got, want := x.compare(y), a.Cmp(b); got != want {
			t.Fatalf("%s compared with %s is %d, want %d", a, b, got, want)
		}
		if got, want := x.isZero(), a.IsZero(); got != want {
			t.Fatalf("%s is zero: %t", a, got)
		}
		places := rapid.Int32Range(0, 18).Draw(t, "places")
		if !b.IsZero() {
			for _, mode := range []Mode{RoundUp, RoundDown, RoundHalfUp, RoundHalfEven} {
				check("over, "+string(mode)+",", x.over(y, places, mode), divideLarge(a, b, places, mode))
			}
		}
	})
}

// Halves are rare among any numbers.
func TestTotalsRoundHalves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		per := rapid.Int64Range(1, 1_000_000).Draw(t, "per") * 2
		odd := rapid.Int64Range(-1_000_000, 1_000_000).Draw(t, "halves")*2 + 1
		places := rapid.Int32Range(0, 9).Draw(t, "places")
		a, b := decimal.New(odd*per/2, -places), decimal.New(per, 0)
		for _, mode := range []Mode{RoundUp, RoundDown, RoundHalfUp, RoundHalfEven} {
			got, want := keep(a).over(keep(b), places, mode).decimal(), divideLarge(a, b, places, mode)
			if !got.Equal(want) {
				t.Fatalf("%s over %s to %d digits, %s: %s, want %s", a, b, places, mode, got, want)
			}
		}
	})
}

// What was stored is read as it was.
func TestStoredDecimal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawNumber(t, "number")
		got, err := StoredDecimal(want.String())
		if err != nil || !got.Equal(want) || got.String() != want.String() {
			t.Fatalf("%s is read as %s, %v", want, got, err)
		}
	})
	for _, s := range []string{"", "x", "1.2.3", "-", "--1"} {
		if got, err := StoredDecimal(s); err == nil {
			t.Errorf("%q is read as %s", s, got)
		}
	}
}

func TestTrim(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawNumber(t, "number")
		got := trim(d)
		if !got.Equal(d) || got.Exponent() > 0 || got.Exponent() < 0 && got.Shift(-got.Exponent()-1).IsInteger() {
			t.Fatalf("%s with exponent %d is trimmed to %s with exponent %d", d, d.Exponent(), got, got.Exponent())
		}
	})
}
