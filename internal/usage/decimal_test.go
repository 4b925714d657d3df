package usage_test

import (
	"math/big"
	"strings"
	"testing"

	"github.com/orgd/orgd/internal/usage"
)

func TestParseDecimal(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"0": "0", "-0": "0", "1": "1", "10": "10", "1.50": "1.5", "-2.25": "-2.25", "1e3": "1000", "1E-3": "0.001", "12.5e1": "125",
		"0.000000001": "0.000000001", "999999999999999999.999999999": "999999999999999999.999999999", "1000e-3": "1", "0e40": "0",
		"9007199254740993": "9007199254740993", "1e18": "!has more than 18 digits before the point", "1234567890123456789": "!has more than 18 digits before the point",
		"0.0000000001": "!has more than 9 digits after the point", "1e-10": "!has more than 9 digits after the point",
		"":  "!is not a number",
		"+": "!is not a number", "+1": "!is not a number", ".5": "!is not a number", "5.": "!is not a number", "01": "!is not a number",
		"1_000": "!is not a number", "0x10": "!is not a number", "NaN": "!is not a number", "Infinity": "!is not a number", "1,5": "!is not a number",
		" 1": "!is not a number", "1 ": "!is not a number", "--1": "!is not a number", "1e": "!is not a number", "1e+": "!is not a number",
		"1e999999999": "!is not a number", "1e41": "!is not a number", "1e-99999999999999999999": "!is not a number", "١": "!is not a number",
		strings.Repeat("1", 65): "!is not a number", "0." + strings.Repeat("0", 63): "!is not a number",
	} {
		d, err := usage.ParseDecimal(in, usage.MaxQuantityDecimals)
		got := d.String()
		if err != nil {
			got = "!" + err.Error()
		}
		if got != want {
			t.Errorf("%q is %s, want %s", in, got, want)
		}
	}
}

func FuzzParseDecimal(f *testing.F) {
	for _, s := range []string{"0", "-1.5", "1e3", "1e999999999", "+1", "0.1e-40", "00", "1.", "\x00", "99999999999999999999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := usage.ParseDecimal(s, usage.MaxQuantityDecimals)
		if err != nil {
			return
		}
		want, ok := new(big.Rat).SetString(s)
		if !ok || d.Rat().Cmp(want) != 0 {
			t.Fatalf("%q is %s, want %v", s, d, want)
		}
		again, err := usage.ParseDecimal(d.String(), usage.MaxQuantityDecimals)
		if err != nil || !again.Equal(d) {
			t.Fatalf("%s reads as %s, %v", d, again, err)
		}
	})
}
