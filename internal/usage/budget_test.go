package usage_test

import (
	"testing"

	"github.com/shopspring/decimal"

	"github.com/orgd/orgd/internal/usage"
)

func TestSpending(t *testing.T) {
	t.Parallel()
	month := usage.Period{Start: usage.DateOf(2026, 6, 1), End: usage.DateOf(2026, 7, 1)} // 30 days
	type cost struct {
		day  int
		cost string
	}
	for _, c := range []struct {
		name      string
		today     usage.Day
		costs     []cost
		days      int
		spent     string
		projected string
	}{
		{"nothing", usage.DateOf(2026, 6, 10), nil, 9, "0", "0"},
		{"the first day", month.Start, []cost{{1, "12.5"}}, 0, "12.5", "12.5"},
		{"even", usage.DateOf(2026, 6, 11), []cost{{1, "5"}, {10, "5"}, {11, "1"}}, 10, "11", "30"},
		{"not even", usage.DateOf(2026, 6, 8), []cost{{1, "1"}}, 7, "1", "4.285714285714285714"},
		{"today costs more than all that was projected", usage.DateOf(2026, 6, 2), []cost{{1, "1"}, {2, "40"}}, 1, "41", "41"},
		{"the last day", usage.DateOf(2026, 6, 30), []cost{{1, "29"}}, 29, "29", "30"},
		{"over", month.End, []cost{{1, "0.000000000000000001"}, {30, "1"}}, 30, "1.000000000000000001", "1.000000000000000001"},
		{"long over", usage.DateOf(2026, 9, 1), []cost{{30, "7"}}, 30, "7", "7"},
		{"before it", usage.DateOf(2026, 5, 1), nil, 0, "0", "0"},
		{"less than nothing", usage.DateOf(2026, 6, 16), []cost{{1, "-5"}}, 15, "-5", "-5"},
	} {
		s := usage.NewSpending(month, c.today)
		for _, x := range c.costs {
			s.Add(month.Start+usage.Day(x.day-1), decimal.RequireFromString(x.cost))
		}
		if got := s.CompleteDays(); got != c.days {
			t.Errorf("%s: %d complete days, want %d", c.name, got, c.days)
		}
		if s.Spent.String() != c.spent || s.Projected().String() != c.projected {
			t.Errorf("%s: spent %s, projected %s; want %s, %s", c.name, s.Spent, s.Projected(), c.spent, c.projected)
		}
	}
}

// A threshold is reached at its very amount, to the last digit.
func TestSpendingReaches(t *testing.T) {
	t.Parallel()
	month := usage.Period{Start: usage.DateOf(2026, 6, 1), End: usage.DateOf(2026, 7, 1)}
	for _, c := range []struct {
		name    string
		kind    usage.BudgetKind
		today   int
		spent   string // on the first day
		amount  string
		percent int
		want    bool
	}{
		{"a hair below", usage.CumulativeBudget, 5, "79.999999999999999999", "100", 80, false},
		{"exactly", usage.CumulativeBudget, 5, "80", "100", 80, true},
		{"above", usage.CumulativeBudget, 5, "80.000000000000000001", "100", 80, true},
		{"a third", usage.CumulativeBudget, 5, "0.333333333", "0.333333333", 100, true},
		{"nothing", usage.CumulativeBudget, 5, "0", "0.000000001", 1, false},
		{"not what is projected", usage.CumulativeBudget, 2, "10", "100", 50, false},
		{"projected", usage.ProjectedBudget, 2, "10", "100", 300, true},
		{"projected, a hair below", usage.ProjectedBudget, 2, "9.999999999999999999", "100", 300, false},
		// 7 days: 1 × 30 / 7 has no end, and is more than 4.285714285714285714.
		{"projected without an end", usage.ProjectedBudget, 8, "7", "30", 100, true},
		{"projected without an end, below", usage.ProjectedBudget, 8, "6.999999999999999999", "30", 100, false},
		{"on the first day", usage.ProjectedBudget, 1, "30", "30", 100, true},
		{"on the first day, below", usage.ProjectedBudget, 1, "29", "30", 100, false},
	} {
		s := usage.NewSpending(month, month.Start+usage.Day(c.today-1))
		s.Add(month.Start, decimal.RequireFromString(c.spent))
		if got := s.Reaches(c.kind, decimal.RequireFromString(c.amount), c.percent); got != c.want {
			t.Errorf("%s: %t, want %t", c.name, got, c.want)
		}
	}
}
