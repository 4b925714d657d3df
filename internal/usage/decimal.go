package usage

import (
	"errors"
	"fmt"
	"strings"

	"github.com/shopspring/decimal"
)

// Decimal is an exact decimal number: a quantity, a price or an amount.
type Decimal = decimal.Decimal

// The limits of decimals that come from outside. A price has at most
// MaxDecimals together with the quantity it is multiplied by, so that every
// amount fits a DECIMAL(38,18) without rounding.
const (
	MaxDecimals         = 18 // digits after the point of any amount
	MaxQuantityDecimals = 9  // digits after the point of a measured quantity
	maxIntegerDigits    = 18 // digits before the point of what comes from outside
	maxNumberLength     = 64 // characters
	maxExponent         = 40
)

var (
	errNotNumber = errors.New("is not a number")
	errTooLarge  = fmt.Errorf("has more than %d digits before the point", maxIntegerDigits)
)

// ParseDecimal reads a number as JSON writes it, exactly, with at most places
// digits after the point. It refuses what it would have to round.
func ParseDecimal(s string, places int32) (Decimal, error) {
	if len(s) > maxNumberLength || !validNumber(s) {
		return Decimal{}, errNotNumber
	}
	d, ok := short(s)
	if !ok {
		var err error
		if d, err = decimal.NewFromString(s); err != nil {
			return Decimal{}, errNotNumber
		}
		d = trim(d)
	}
	if -d.Exponent() > places {
		return Decimal{}, fmt.Errorf("has more than %d digits after the point", places)
	}
	if int(d.Exponent())+d.NumDigits() > maxIntegerDigits && !d.IsZero() {
		return Decimal{}, errTooLarge
	}
	return d, nil
}

// StoredDecimal reads what a Decimal's String has written.
func StoredDecimal(s string) (Decimal, error) {
	if validNumber(s) {
		if d, ok := short(s); ok {
			return d, nil
		}
	}
	return decimal.NewFromString(s)
}

// short reads a number of few digits, which most are, without big numbers.
// Others it leaves. The result is trimmed.
func short(s string) (Decimal, bool) {
	const most = 18 // digits that an int64 has in any case
	rest, negative := strings.CutPrefix(s, "-")
	if len(rest) > most+1 {
		return Decimal{}, false
	}
	var n int64
	count, places := 0, int32(0)
	for i := range len(rest) {
		switch c := rest[i]; {
		case c >= '0' && c <= '9':
			n = n*10 + int64(c-'0')
			count++
		case c == '.':
			places = int32(len(rest) - i - 1)
		default:
			return Decimal{}, false
		}
	}
	if count > most {
		return Decimal{}, false
	}
	for ; places > 0 && n%10 == 0; places-- {
		n /= 10
	}
	if negative {
		n = -n
	}
	return decimal.New(n, -places), true
}

// validNumber reports whether s follows the grammar of a JSON number with a
// small exponent, so that no small text becomes a number of a million digits.
func validNumber(s string) bool {
	s = strings.TrimPrefix(s, "-")
	whole, s := digits(s)
	if whole == "" || len(whole) > 1 && whole[0] == '0' {
		return false
	}
	if rest, ok := strings.CutPrefix(s, "."); ok {
		var fraction string
		if fraction, s = digits(rest); fraction == "" {
			return false
		}
	}
	return s == "" || validExponent(s)
}

func validExponent(s string) bool {
	if s[0] != 'e' && s[0] != 'E' {
		return false
	}
	s = s[1:]
	if s != "" && (s[0] == '+' || s[0] == '-') {
		s = s[1:]
	}
	exponent, rest := digits(s)
	if exponent == "" || rest != "" || len(exponent) > 4 {
		return false
	}
	n := 0
	for _, c := range exponent {
		n = n*10 + int(c-'0')
	}
	return n <= maxExponent
}

// digits splits s after its leading digits.
func digits(s string) (leading, rest string) {
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	return s[:i], s[i:]
}

// trim returns d without zeros after the last digit that counts, so that one
// number has one representation.
func trim(d Decimal) Decimal {
	if d.Exponent() >= 0 {
		return decimal.NewFromBigInt(d.BigInt(), 0)
	}
	if t := keep(d); t.large == nil {
		return t.trimmed().decimal()
	}
	s := d.String()
	if _, fraction, ok := strings.Cut(s, "."); ok {
		return d.Truncate(int32(len(fraction)))
	}
	return d.Truncate(0)
}

// Mode says which way a quantity between two allowed ones goes.
type Mode string

// The rounding modes.
const (
	RoundUp       Mode = "up"        // away from zero
	RoundDown     Mode = "down"      // towards zero
	RoundHalfUp   Mode = "half_up"   // to the nearer one, the middle away from zero
	RoundHalfEven Mode = "half_even" // to the nearer one, the middle to the even one
)

// Valid reports whether m is a rounding mode.
func (m Mode) Valid() bool {
	switch m {
	case RoundUp, RoundDown, RoundHalfUp, RoundHalfEven:
		return true
	}
	return false
}

// divide returns n/d with the given number of digits after the point, exactly
// rounded by mode: the remainder decides, not an approximation of it.
func divide(n, d Decimal, places int32, mode Mode) Decimal {
	return keep(n).over(keep(d), places, mode).decimal()
}

// divideLarge is divide for numbers of any size.
func divideLarge(n, d Decimal, places int32, mode Mode) Decimal {
	q, r := n.QuoRem(d, places)
	if r.IsZero() || mode == RoundDown {
		return q
	}
	step := decimal.New(1, -places)
	if n.Sign()*d.Sign() < 0 {
		step = step.Neg()
	}
	if mode == RoundUp {
		return q.Add(step)
	}
	// The remainder beside half a step of the divisor.
	half := r.Abs().Mul(decimal.New(2, 0)).Cmp(d.Abs().Mul(step.Abs()))
	odd := q.Shift(places).BigInt().Bit(0) == 1
	if half > 0 || half == 0 && (mode == RoundHalfUp || odd) {
		return q.Add(step)
	}
	return q
}

func decimalOf(n int64) Decimal { return decimal.New(n, 0) }
