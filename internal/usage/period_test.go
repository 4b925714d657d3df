package usage_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/orgd/orgd/internal/usage"
)

func mustDay(t testing.TB, s string) usage.Day {
	t.Helper()
	d, err := usage.ParseDay(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestPeriod(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ anchor, day, want string }{
		{"2026-01-01", "2026-01-01", "2026-01-01/2026-02-01"},
		{"2026-01-01", "2026-12-31", "2026-12-01/2027-01-01"},
		{"2026-01-15", "2026-02-14", "2026-01-15/2026-02-15"},
		{"2026-01-31", "2026-02-27", "2026-01-31/2026-02-28"},
		{"2026-01-31", "2026-02-28", "2026-02-28/2026-03-31"}, // a short month does not move those after it
		{"2026-01-31", "2026-04-30", "2026-04-30/2026-05-31"},
		{"2026-01-30", "2026-03-01", "2026-02-28/2026-03-30"},
		{"2026-01-29", "2028-02-29", "2028-02-29/2028-03-29"}, // a leap year
		{"2024-02-29", "2025-02-28", "2025-02-28/2025-03-29"},
		{"2026-03-31", "2026-03-30", "2026-02-28/2026-03-31"}, // before the anchor
		{"2026-03-31", "2025-12-31", "2025-12-31/2026-01-31"},
		{"1970-01-31", "1969-12-30", "1969-11-30/1969-12-31"},
	} {
		if got := usage.Anchor(mustDay(t, tt.anchor)).Period(mustDay(t, tt.day)).String(); got != tt.want {
			t.Errorf("period of %s from %s is %s, want %s", tt.day, tt.anchor, got, tt.want)
		}
	}
}

// Periods cover every day once, without gaps.
func TestPeriodsCover(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := usage.Anchor(rapid.Int32Range(0, 40000).Draw(t, "anchor"))
		first := usage.Day(rapid.Int32Range(0, 40000).Draw(t, "first"))
		all := a.Periods(first, first+400)
		for i, p := range all {
			if n := p.End - p.Start; n < 28 || n > 31 {
				t.Fatalf("%s has %d days", p, n)
			}
			if i > 0 && all[i-1].End != p.Start {
				t.Fatalf("%s does not follow %s", p, all[i-1])
			}
			if a.Period(p.Start) != p || a.Period(p.End-1) != p {
				t.Fatalf("the days of %s have other periods", p)
			}
		}
		if !all[0].Contains(first) || !all[len(all)-1].Contains(first+400) {
			t.Fatalf("%v does not reach from %s for 400 days", all, first)
		}
	})
}

func TestParseDay(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "2026-1-1", "2026-02-30", "2026-01-01T00:00:00Z", "20260101", "today", "2026-01-01 "} {
		if d, err := usage.ParseDay(s); err == nil {
			t.Errorf("%q is the day %s", s, d)
		}
	}
	if d := mustDay(t, "1969-12-31"); d != -1 || d.String() != "1969-12-31" || usage.DayOf(d.Start()) != d {
		t.Errorf("31 December 1969 is day %d, %s", d, d)
	}
}
