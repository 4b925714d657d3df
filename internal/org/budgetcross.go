package org

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/page"
	"github.com/orgd/orgd/internal/usage"
)

// Crossing is a threshold of a budget that was crossed, with what was found
// then, and the notice of it.
type Crossing struct {
	ID       id.Crossing
	Budget   id.Budget
	Owner    Owner
	Name     string // of the budget
	Revision int64
	BudgetTerms
	Percent   int
	Period    usage.Period
	Spent     usage.Decimal
	Projected usage.Decimal
	At        time.Time
	// Notice is what the webhook is sent, as it is sent. It is only written.
	Notice   []byte
	Delivery NoticeDelivery
}

// NoticeState is how far a notice has come.
type NoticeState string

// The states.
const (
	NoticeWaiting   NoticeState = "waiting"
	NoticeDelivered NoticeState = "delivered"
	NoticeRefused   NoticeState = "refused" // the receiver answered that it is gone
	NoticeNone      NoticeState = "none"    // there was no webhook
)

// NoticeDelivery is how the delivery of a notice goes.
type NoticeDelivery struct {
	State       NoticeState
	Failures    int64 // in a row
	NextAttempt time.Time
	LastError   string
	LastFailure time.Time
	Delivered   time.Time
}

// Notice is a crossing that is to be told to a webhook.
type Notice struct {
	ID      id.Crossing
	Budget  id.Budget
	Owner   Owner
	Webhook string
	ReceiverSecret
	Redirects int64 // how often it got another webhook
	Body      []byte
	Delivery  NoticeDelivery
}

// The rhythm of evaluation.
const (
	// BudgetPeriod is how often a budget is evaluated, if that takes little.
	BudgetPeriod = time.Minute
	// budgetShare is how much longer than an evaluation the wait for the next
	// is, so that a budget takes 2 % of the time however much there is to add up.
	budgetShare = 50
	// budgetGrace is for how many days after its end a period is evaluated,
	// because the usage of its last days is told later.
	budgetGrace = 3
	// claimAtOnce is how many budgets one process tries to take at once.
	claimAtOnce = 16
)

// EvaluateBudgets adds up what was spent for every budget that is due, and
// writes down which thresholds were crossed. The program calls it now and
// then; each budget is evaluated by one process at a time. One that cannot be
// evaluated does not stop the others; it is in the error.
func (s *Service) EvaluateBudgets(ctx context.Context, h Holder) error {
	var failed error
	for {
		b, err := s.claimBudget(ctx, h)
		if errors.Is(err, fault.New(fault.NotFound, "")) {
			return failed
		}
		if err != nil {
			return errors.Join(failed, err)
		}
		if err := s.evaluateBudget(ctx, b); err != nil {
			failed = errors.Join(failed, fmt.Errorf("evaluate budget %s: %w", b.ID, err))
		}
	}
}

// claimBudget takes a budget that is due; fault.NotFound when there is none
// that is not another process's.
func (s *Service) claimBudget(ctx context.Context, h Holder) (Budget, error) {
	now := s.now()
	due, err := s.Store.DueBudgets(ctx, now, claimAtOnce)
	if err != nil {
		return Budget{}, err
	}
	for _, b := range due {
		var ok bool
		err := s.bookkeep(ctx, func(tx Tx) (err error) {
			ok, err = tx.LeaseBudget(ctx, b, Lease{Holder: h.Name, Now: now, End: now.Add(h.Lease)})
			return err
		})
		if ok || err != nil {
			return b, err
		}
	}
	return Budget{}, fault.ErrNotFound("budget that is due")
}

// evaluation is what was found of a budget in one moment of the store.
type evaluation struct {
	current BudgetState
	spent   []usage.Spending // in the periods that matter, the current one first
}

func (s *Service) evaluateBudget(ctx context.Context, b Budget) error {
	start := s.now()
	var found evaluation
	err := s.Store.View(ctx, func(r Reader) (err error) {
		found, err = evaluate(ctx, r, b, start)
		return err
	})
	switch {
	case err == nil:
		b.State = found.current
	case unlessAbsent(err) != nil:
		return err
	}
	b.State.At = start // of an owner that was deleted, nothing else is new
	next := s.now().Add(max(BudgetPeriod, budgetShare*s.now().Sub(start)))
	return s.settleBudget(ctx, b, found.spent, next)
}

// evaluate adds up what was spent. Of an owner that was deleted there is
// nothing: fault.NotFound.
func evaluate(ctx context.Context, r Reader, b Budget, now time.Time) (evaluation, error) {
	accounts, err := budgetAccounts(ctx, r, &b)
	if err != nil {
		return evaluation{}, err
	}
	today := usage.DayOf(now)
	anchor := usage.FirstAnchor(today)
	if b.Owner.Account != "" {
		anchors, err := r.Anchors(ctx, []id.Account{b.Owner.Account})
		if err != nil {
			return evaluation{}, err
		}
		if a, ok := anchors[b.Owner.Account]; ok {
			anchor = a
		}
	}
	period := anchor.Period(today)
	found := evaluation{current: BudgetState{Period: period}}
	spending, err := spend(ctx, r, accounts, &b, &found.current, usage.NewSpending(period, today))
	if err != nil {
		return evaluation{}, err
	}
	c := &found.current
	c.CompleteDays, c.Spent, c.Projected = spending.CompleteDays(), spending.Spent, spending.Projected()
	found.spent = []usage.Spending{spending}
	last := anchor.Period(period.Start - 1)
	if today >= last.End+budgetGrace || !b.Since.Before(last.End.Start()) {
		return found, nil
	}
	spending, err = spend(ctx, r, accounts, &b, &BudgetState{}, usage.NewSpending(last, today))
	found.spent = append(found.spent, spending)
	return found, err
}

// budgetAccounts returns the accounts that a budget is about, in order of
// their identifiers.
func budgetAccounts(ctx context.Context, r Reader, b *Budget) ([]Account, error) {
	if b.Owner.Account != "" {
		a, err := r.Account(ctx, b.Owner.Account)
		return []Account{a}, err
	}
	o := b.Owner.Organization
	owner, err := r.Organization(ctx, o)
	if err != nil {
		return nil, err
	}
	if b.Scope == BudgetSubtree {
		return billedAccounts(ctx, r, auth.Scope{Roots: []id.Organization{o}})
	}
	var all []Account
	for p := (page.Request{Size: accountsPerPage}); ; {
		list, err := r.ListOrganizationAccounts(ctx, OrganizationAccountQuery{Organization: o, Request: p})
		if err != nil {
			return nil, err
		}
		all = append(all, list.Items...)
		if list.Next == nil {
			return withDeleted(ctx, r, all, map[id.Organization][]id.Organization{o: owner.Path}, nil)
		}
		p.After = list.Next
	}
}

// spend adds up what accounts spent in the period of a spending in the
// currency of a budget, and tells in state what it does not count.
func spend(ctx context.Context, r Reader, accounts []Account, b *Budget, state *BudgetState, s usage.Spending) (usage.Spending, error) {
	q := UsageQuery{From: s.Period.Start, End: min(s.Period.End, s.Today+1)}
	err := eachUsage(ctx, r, accounts, q, func(row *UsageRow) error {
		switch {
		case row.Price == nil:
			state.Unpriced = true
		case row.Book.Currency != b.Currency:
			if !slices.Contains(state.Others, row.Book.Currency) {
				state.Others = append(state.Others, row.Book.Currency)
			}
		default:
			s.Add(row.Charge.Day, row.Charge.ContractedCost())
		}
		return nil
	})
	slices.Sort(state.Others)
	return s, err
}

// settleBudget writes down what was found of a budget: its state, and every
// threshold that was crossed for the first time, with its record and its
// notice. What was found under other settings counts for nothing.
func (s *Service) settleBudget(ctx context.Context, b Budget, spent []usage.Spending, next time.Time) error {
	r := Request{Caller: System(), Origin: Origin{Status: 200}}
	_, err := mutate(ctx, s, r, func(ctx context.Context, c *change) (struct{}, error) {
		c.view = true
		if err := c.LockTree(ctx, false); err != nil {
			return struct{}{}, err
		}
		if err := c.Lock(ctx, "budgets:"+b.Owner.key()); err != nil {
			return struct{}{}, err
		}
		ok, err := c.SettleBudget(ctx, b, next)
		if err != nil || !ok {
			return struct{}{}, err
		}
		e := entry{action: audit.BudgetCross, resource: string(b.ID)}
		if _, err := c.budgetTarget(ctx, b.Owner, &e); err != nil {
			return struct{}{}, unlessAbsent(err) // it was deleted meanwhile
		}
		for i := range spent {
			if err := c.cross(ctx, &b, &spent[i], e); err != nil {
				return struct{}{}, err
			}
		}
		return struct{}{}, nil
	})
	return err
}

// cross writes down the thresholds that a spending has come to, each once with
// a record like e.
func (c *change) cross(ctx context.Context, b *Budget, s *usage.Spending, e entry) error {
	for _, percent := range b.Thresholds {
		if !s.Reaches(b.Kind, b.Amount, percent) {
			continue
		}
		x := Crossing{
			ID: id.Crossing(c.s.ids.New()), Budget: b.ID, Owner: b.Owner, Name: b.Name, Revision: b.Revision, BudgetTerms: b.BudgetTerms,
			Percent: percent, Period: s.Period, Spent: s.Spent, Projected: s.Projected(), At: c.now,
			Delivery: NoticeDelivery{State: NoticeWaiting},
		}
		if b.Webhook == "" {
			x.Delivery.State = NoticeNone
		}
		var err error
		if x.Notice, err = c.s.encode(CrossedNotice(x)); err != nil {
			return err
		}
		first, err := c.InsertCrossing(ctx, x)
		if err != nil {
			return err
		}
		if first {
			e.after = CrossedSettings(x)
			c.record(e)
		}
	}
	return nil
}

// CrossedNotice is a crossing as a webhook is told of it.
type CrossedNotice Crossing

// CrossedSettings is a crossing without its notice, as records have it.
type CrossedSettings Crossing

// ClaimNotices takes up to limit notices that are to be delivered.
func (s *Service) ClaimNotices(ctx context.Context, h Holder, limit int) ([]Notice, error) {
	now := s.now()
	due, err := s.Store.DueNotices(ctx, now, limit)
	if err != nil || len(due) == 0 {
		return nil, err
	}
	// In the order of the identifiers, so that two processes never wait for
	// each other.
	slices.SortFunc(due, func(a, b Notice) int { return cmp.Compare(a.ID, b.ID) })
	var claimed []Notice
	err = s.bookkeep(ctx, func(tx Tx) error {
		claimed = nil
		for _, n := range due {
			ok, err := tx.LeaseNotice(ctx, n, Lease{Holder: h.Name, Now: now, End: now.Add(h.Lease)})
			if err != nil {
				return err
			}
			if ok {
				claimed = append(claimed, n)
			}
		}
		return nil
	})
	return claimed, err
}

// NoticeOutcome is what came of an attempt. Error is empty when the notice was
// taken; Gone says that the receiver wants no other attempt.
type NoticeOutcome struct {
	Error string
	Gone  bool
	Wait  time.Duration // before the next attempt
}

// SettleNotice writes down what came of an attempt. One whose lease was lost,
// or whose webhook was changed meanwhile, counts for nothing: another one
// follows.
func (s *Service) SettleNotice(ctx context.Context, h Holder, n Notice, o NoticeOutcome) error {
	return s.bookkeep(ctx, func(tx Tx) error {
		now := s.now()
		d := n.Delivery
		switch {
		case o.Error == "":
			d.State, d.Failures, d.Delivered, d.NextAttempt = NoticeDelivered, 0, now, time.Time{}
		case o.Gone:
			d.State, d.LastError, d.LastFailure, d.NextAttempt = NoticeRefused, o.Error, now, time.Time{}
			d.Failures++
		default:
			d.LastError, d.LastFailure, d.NextAttempt = o.Error, now, now.Add(o.Wait)
			d.Failures++
		}
		_, err := tx.SettleNotice(ctx, n.ID, d, Lease{Holder: h.Name, Now: now, End: now})
		return err
	})
}

// NoticeSecrets returns the secrets that a notice is signed with, the latest
// first.
func (s *Service) NoticeSecrets(n Notice) ([]string, error) {
	return s.open(budgetPlace(n.Budget), &n.ReceiverSecret)
}

// NoticeTotals counts the notices that are waiting, and says for how long the
// first of them has been.
func (s *Service) NoticeTotals(ctx context.Context) (waiting int64, lag time.Duration, err error) {
	waiting, oldest, err := s.Store.CountNotices(ctx)
	if !oldest.IsZero() {
		lag = max(s.now().Sub(oldest), 0)
	}
	return waiting, lag, err
}
