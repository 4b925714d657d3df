package usage

// BudgetKind says which amount of a period a budget watches.
type BudgetKind string

// The kinds of budgets.
const (
	// CumulativeBudget watches what was spent so far.
	CumulativeBudget BudgetKind = "cumulative"
	// ProjectedBudget watches what the whole period is going to cost.
	ProjectedBudget BudgetKind = "projected"
)

// Spending is what was spent in a period up to a day, which is under way.
// NewSpending makes it.
type Spending struct {
	Period   Period
	Today    Day
	Spent    Decimal
	complete Decimal // spent on days before today
}

// NewSpending returns the spending of a period that nothing was added to yet.
func NewSpending(p Period, today Day) Spending { return Spending{Period: p, Today: today} }

// Add adds what a day of the period cost.
func (s *Spending) Add(d Day, cost Decimal) {
	s.Spent = s.Spent.Add(cost)
	if d < s.Today {
		s.complete = s.complete.Add(cost)
	}
}

// CompleteDays returns how many days of the period are over.
func (s *Spending) CompleteDays() int {
	return int(min(max(s.Today, s.Period.Start), s.Period.End) - s.Period.Start)
}

// Projected returns what the period is going to cost when its days go on as
// those that are over, rounded to MaxDecimals digits: what these cost, by
// their number, times the days of the period. It is never less than what was
// spent, which it is before the first day is over and after the last one.
func (s *Spending) Projected() Decimal {
	days := s.CompleteDays()
	if days == 0 {
		return s.Spent
	}
	p := divide(s.complete.Mul(decimalOf(s.length())), decimalOf(int64(days)), MaxDecimals, RoundHalfEven)
	if p.LessThan(s.Spent) {
		return s.Spent
	}
	return trim(p)
}

func (s *Spending) length() int64 { return int64(s.Period.End - s.Period.Start) }

// Reaches reports whether what a budget of a kind watches has come to a
// percentage of an amount. Nothing is rounded for that.
func (s *Spending) Reaches(k BudgetKind, amount Decimal, percent int) bool {
	part, whole := decimalOf(int64(percent)), decimalOf(100)
	if s.Spent.Mul(whole).GreaterThanOrEqual(amount.Mul(part)) {
		return true
	}
	if k != ProjectedBudget || s.CompleteDays() == 0 {
		return false
	}
	going := s.complete.Mul(decimalOf(s.length())).Mul(whole)
	return going.GreaterThanOrEqual(amount.Mul(part).Mul(decimalOf(int64(s.CompleteDays()))))
}
