package usage_test

import (
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/orgd/orgd/internal/usage"
)

func TestAccountFeeIn(t *testing.T) {
	t.Parallel()
	anchor := usage.Anchor(usage.DateOf(2026, time.January, 31))
	at := func(month time.Month, day int) usage.Day { return usage.DateOf(2026, month, day) }
	periods := anchor.Periods(at(time.January, 31), at(time.June, 29)) // five of them
	for name, test := range map[string]struct {
		recurring  bool
		start, end usage.Day
		want       []string
	}{
		"once":                              {false, at(time.March, 1), at(time.March, 2), []string{"", "2026-03-01/2026-03-02", "", "", ""}},
		"once, for longer than a period":    {false, at(time.February, 27), at(time.May, 1), []string{"2026-02-27/2026-05-01", "", "", "", ""}},
		"once, before all of these":         {false, at(time.January, 30), at(time.May, 1), []string{"", "", "", "", ""}},
		"again, from within a period":       {true, at(time.March, 1), at(time.May, 1), []string{"", "2026-03-01/2026-03-31", "2026-03-31/2026-04-30", "2026-04-30/2026-05-01", ""}},
		"again, to the end of a period":     {true, at(time.February, 28), at(time.March, 31), []string{"", "2026-02-28/2026-03-31", "", "", ""}},
		"again, for ever":                   {true, at(time.April, 30), usage.NoEnd, []string{"", "", "", "2026-04-30/2026-05-31", "2026-05-31/2026-06-30"}},
		"again, for a day":                  {true, at(time.April, 29), at(time.April, 30), []string{"", "", "2026-04-29/2026-04-30", "", ""}},
		"again, from before all of these":   {true, at(time.January, 1), at(time.February, 1), []string{"2026-01-31/2026-02-01", "", "", "", ""}},
		"again, but ended before all these": {true, at(time.January, 1), at(time.January, 31), []string{"", "", "", "", ""}},
	} {
		f := usage.AccountFee{ID: "1", Fee: usage.Fee{Recurring: test.recurring, Amount: decimal.New(5, 0), Days: usage.Period{Start: test.start, End: test.end}}}
		for i, p := range periods {
			fee, ok := f.In(p)
			got := ""
			if ok {
				got = fee.Days.String()
			}
			if got != test.want[i] || ok && (fee.ID != "1" || !fee.Amount.Equal(f.Fee.Amount)) {
				t.Errorf("%s, in %s: got %q (%+v), want %q", name, p, got, fee, test.want[i])
			}
		}
	}
}
