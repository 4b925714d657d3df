package org

import (
	"context"
	"fmt"
	"time"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/page"
	"github.com/orgd/orgd/internal/usage"
)

// BudgetScope says which accounts the budget of an organization is about.
type BudgetScope string

// The scopes.
const (
	BudgetSubtree BudgetScope = "subtree" // all in the organization and below it
	BudgetOwn     BudgetScope = "own"     // those directly in it
)

// BudgetTerms are what a budget measures. When they change, it begins anew.
type BudgetTerms struct {
	Scope    BudgetScope // empty for an account
	Kind     usage.BudgetKind
	Amount   usage.Decimal
	Currency usage.Currency
}

// same reports whether both measure the same.
func (t *BudgetTerms) same(u *BudgetTerms) bool {
	return t.Scope == u.Scope && t.Kind == u.Kind && t.Currency == u.Currency && t.Amount.Equal(u.Amount)
}

// Budget watches what an account spends in its billing period, or an
// organization in a month, and tells a webhook of every threshold crossed.
type Budget struct {
	ID    id.Budget
	Owner Owner
	Name  string
	BudgetTerms
	Thresholds []int  // percent of the amount, ascending
	Webhook    string // its URL, empty for none
	ReceiverSecret
	Created time.Time
	Updated time.Time
	// Version grows with every change, Revision with every change of the terms.
	// Since is when the terms were set.
	Version  int64
	Revision int64
	Since    time.Time

	State BudgetState
	// Crossings are those of these terms in the period of the state, by
	// percentage.
	Crossings []Crossing
}

// BudgetState is what was found when a budget was evaluated last. At is zero
// until then.
type BudgetState struct {
	At           time.Time
	Period       usage.Period
	CompleteDays int
	Spent        usage.Decimal
	Projected    usage.Decimal
	// Others are the currencies of what was spent beside that of the budget.
	// It is not counted.
	Others []usage.Currency
	// Unpriced says that something was used that has no price.
	Unpriced bool
}

// BudgetSettings is a budget without what was found, as records have it.
type BudgetSettings Budget

// ShownBudget is a budget with the secret of its webhook, when that was just
// made.
type ShownBudget struct {
	Budget
	Value string
}

// NewBudget is what a budget is made of. A webhook without a secret is given
// one.
type NewBudget struct {
	Name string
	BudgetTerms
	Thresholds []int  // nil for 100 %
	Webhook    string // empty for none
	Secret     string
}

// BudgetChange says what of a budget to change. What is nil or empty stays.
type BudgetChange struct {
	Name       *string
	Scope      BudgetScope
	Kind       usage.BudgetKind
	Amount     *usage.Decimal
	Currency   usage.Currency
	Thresholds []int
	Webhook    *string // empty for none
	Secret     string
	Rotate     bool // give the webhook another secret
}

// place is what the secrets of b are sealed for.
func (b *Budget) place() string { return budgetPlace(b.ID) }

func budgetPlace(b id.Budget) string { return "budget " + string(b) }

// key names an owner in locks.
func (o Owner) key() string { return string(o.Organization) + string(o.Account) }

// CreateBudget makes a budget of an organization or account.
func (s *Service) CreateBudget(ctx context.Context, r Request, o Owner, in NewBudget) (ShownBudget, error) {
	b := Budget{Owner: o, Name: in.Name, BudgetTerms: in.BudgetTerms, Thresholds: in.Thresholds, Webhook: in.Webhook}
	if b.Thresholds == nil {
		b.Thresholds = []int{100}
	}
	if o.Organization != "" && b.Scope == "" {
		b.Scope = BudgetSubtree
	}
	if err := s.checkBudget(&b, in.Secret); err != nil {
		return ShownBudget{}, err
	}
	return mutate(ctx, s, r, func(ctx context.Context, c *change) (ShownBudget, error) {
		e, err := c.lockBudgets(ctx, o, entry{action: audit.BudgetCreate, made: true})
		if err != nil {
			return ShownBudget{}, err
		}
		present, err := c.ListBudgets(ctx, o, page.Request{Size: 1})
		if err != nil {
			return ShownBudget{}, err
		}
		if err := checkBudgets(s.Limits, present.Total); err != nil {
			return ShownBudget{}, err
		}
		if err := c.checkBudgetCurrency(ctx, &b); err != nil {
			return ShownBudget{}, err
		}
		made := b
		made.ID, made.Created, made.Updated, made.Since = id.Budget(s.ids.New()), c.now, c.now, c.now
		made.Version, made.Revision = 1, 1
		shown, err := c.replaceBudgetSecret(&made, in.Secret, in.Webhook != "")
		if err != nil {
			return ShownBudget{}, err
		}
		e.resource, e.after = string(made.ID), BudgetSettings(made)
		return ShownBudget{made, shown}, c.InsertBudget(ctx, made)
	})
}

// lockBudgets holds the budgets of an owner that the caller may set, and
// announces e.
func (c *change) lockBudgets(ctx context.Context, o Owner, e entry) (*entry, error) {
	if err := c.LockTree(ctx, false); err != nil {
		return nil, err
	}
	target, err := c.budgetTarget(ctx, o, &e)
	if err != nil {
		return nil, err
	}
	announced := c.record(e)
	if err := c.require(auth.BillingWrite, target); err != nil {
		return nil, err
	}
	return announced, c.Lock(ctx, "budgets:"+o.key())
}

// budgetTarget returns what a permission on the budgets of an owner is asked
// for, and completes e with the log that they are recorded in.
func (c *change) budgetTarget(ctx context.Context, o Owner, e *entry) (auth.Target, error) {
	if o.Account == "" {
		org, err := c.visibleOrganization(ctx, o.Organization, "", "organization")
		if err != nil {
			return auth.Target{}, err
		}
		e.log = id.Log(o.Organization)
		return auth.OrganizationTarget(org.Path), nil
	}
	acc, err := visibleAccount(ctx, c.Tx, c.caller, o.Account)
	if err != nil {
		return auth.Target{}, err
	}
	e.log, e.scope = accountLog(&acc)
	e.account = o.Account
	return accountTarget(&acc), nil
}

// checkBudgetCurrency refuses a budget of an account in another currency than
// that of the prices it has today. The accounts of an organization may have
// several, and what an account has may change: that is told in the state.
func (c *change) checkBudgetCurrency(ctx context.Context, b *Budget) error {
	if b.Owner.Account == "" {
		return nil
	}
	acc, err := c.Account(ctx, b.Owner.Account)
	if err != nil {
		return err
	}
	all, err := c.Assignments(ctx, []id.Account{acc.ID}, acc.Path)
	if err != nil {
		return err
	}
	name, ok := usage.InForce(all, acc.ID, acc.Path, usage.DayOf(c.now))
	if !ok {
		return nil
	}
	book, err := c.PriceBook(ctx, name)
	if err != nil {
		return err
	}
	if book.Currency != b.Currency {
		return fault.At(fault.Invalid, "/currency", fmt.Sprintf("/currency must be %s, which price book %s of the account has", book.Currency, book.ID))
	}
	return nil
}

// replaceBudgetSecret gives the webhook of a budget the secret that was given,
// or a fresh one when that is asked for, and returns it.
func (c *change) replaceBudgetSecret(b *Budget, secret string, fresh bool) (shown string, err error) {
	if secret == "" && !fresh {
		return "", nil
	}
	if b.Webhook == "" {
		return "", fault.At(fault.Invalid, "/webhook", "/webhook is required: there is none that could have a secret")
	}
	if secret == "" {
		if secret, err = c.s.freshSecret(); err != nil {
			return "", err
		}
	}
	if b.Secret == nil {
		b.Secret, err = c.s.seal("/webhook", b.place(), secret)
		return secret, err
	}
	return secret, c.renew("/webhook", b.place(), &b.ReceiverSecret, secret)
}

// lockBudget holds a budget that is to be changed.
func (c *change) lockBudget(ctx context.Context, o Owner, b id.Budget, action audit.Action) (Budget, *entry, error) {
	e, err := c.lockBudgets(ctx, o, entry{action: action, resource: string(b)})
	if err != nil {
		return Budget{}, nil, err
	}
	budget, err := ownedBudget(ctx, c.Tx, o, b)
	if err != nil {
		return Budget{}, nil, err
	}
	e.before = BudgetSettings(budget)
	return budget, e, c.match(budget)
}

// ownedBudget returns a budget of an owner with its crossings.
func ownedBudget(ctx context.Context, r BudgetReader, o Owner, b id.Budget) (Budget, error) {
	if !id.Valid(string(b)) {
		return Budget{}, fault.ErrNotFound("budget")
	}
	budget, err := r.Budget(ctx, b)
	if err == nil && budget.Owner != o {
		err = fault.ErrNotFound("budget")
	}
	if err != nil {
		return Budget{}, err
	}
	list := []Budget{budget}
	err = addCrossings(ctx, r, list)
	return list[0], err
}

// addCrossings completes budgets with their crossings.
func addCrossings(ctx context.Context, r BudgetReader, list []Budget) error {
	ids := make([]id.Budget, len(list))
	for i := range list {
		ids[i] = list[i].ID
	}
	crossings, err := r.CurrentCrossings(ctx, ids)
	if err != nil {
		return err
	}
	for i := range list {
		for _, x := range crossings {
			if x.Budget == list[i].ID {
				list[i].Crossings = append(list[i].Crossings, x)
			}
		}
	}
	return nil
}

// UpdateBudget changes a budget. With other terms it begins anew, and
// thresholds that were crossed before can be crossed again; otherwise they
// cannot in the same period. What was crossed and not delivered yet goes to
// the webhook that there is now.
func (s *Service) UpdateBudget(ctx context.Context, r Request, o Owner, b id.Budget, in BudgetChange) (ShownBudget, error) {
	return mutate(ctx, s, r, func(ctx context.Context, c *change) (ShownBudget, error) {
		before, e, err := c.lockBudget(ctx, o, b, audit.BudgetUpdate)
		if err != nil {
			return ShownBudget{}, err
		}
		now := before
		shown, err := c.applyBudget(ctx, &now, in)
		if err != nil {
			return ShownBudget{}, err
		}
		now.Updated = c.now
		now.Version++
		if !now.same(&before.BudgetTerms) {
			now.Since, now.State, now.Crossings = c.now, BudgetState{}, nil
			now.Revision++
		}
		e.after = BudgetSettings(now)
		if err := c.Tx.UpdateBudget(ctx, now); err != nil {
			return ShownBudget{}, err
		}
		if now.Webhook != before.Webhook {
			if err := c.RedirectNotices(ctx, now); err != nil {
				return ShownBudget{}, err
			}
		}
		return ShownBudget{now, shown}, nil
	})
}

// applyBudget changes b and returns a new secret that is to be shown.
func (c *change) applyBudget(ctx context.Context, b *Budget, in BudgetChange) (shown string, err error) {
	currency := b.Currency
	if in.Name != nil {
		b.Name = *in.Name
	}
	if in.Scope != "" {
		b.Scope = in.Scope
	}
	if in.Kind != "" {
		b.Kind = in.Kind
	}
	if in.Amount != nil {
		b.Amount = *in.Amount
	}
	if in.Currency != "" {
		b.Currency = in.Currency
	}
	if in.Thresholds != nil {
		b.Thresholds = in.Thresholds
	}
	if in.Webhook != nil {
		b.Webhook = *in.Webhook
	}
	if err := c.s.checkBudget(b, in.Secret); err != nil {
		return "", err
	}
	if b.Currency != currency {
		if err := c.checkBudgetCurrency(ctx, b); err != nil {
			return "", err
		}
	}
	if b.Webhook == "" && in.Secret == "" && !in.Rotate {
		b.ReceiverSecret = ReceiverSecret{}
	}
	return c.replaceBudgetSecret(b, in.Secret, in.Rotate || b.Webhook != "" && b.Secret == nil)
}

// DeleteBudget removes a budget with everything that was crossed.
func (s *Service) DeleteBudget(ctx context.Context, r Request, o Owner, b id.Budget) (id.Budget, error) {
	return mutate(ctx, s, r, func(ctx context.Context, c *change) (id.Budget, error) {
		budget, _, err := c.lockBudget(ctx, o, b, audit.BudgetDelete)
		if err != nil {
			return "", err
		}
		return b, c.Tx.DeleteBudget(ctx, budget)
	})
}

// Budget returns a budget of an organization or account.
func (s *Service) Budget(ctx context.Context, caller *auth.Caller, o Owner, b id.Budget) (Budget, error) {
	var budget Budget
	err := s.viewBudgets(ctx, caller, o, func(r Reader) (err error) {
		budget, err = ownedBudget(ctx, r, o, b)
		return err
	})
	return budget, err
}

// ListBudgets returns a page of the budgets of an organization or account
// itself, in order of creation.
func (s *Service) ListBudgets(ctx context.Context, caller *auth.Caller, o Owner, p page.Request) (page.Page[Budget], error) {
	var list page.Page[Budget]
	err := s.viewBudgets(ctx, caller, o, func(r Reader) (err error) {
		if list, err = r.ListBudgets(ctx, o, p); err != nil {
			return err
		}
		return addCrossings(ctx, r, list.Items)
	})
	return list, err
}

// ListCrossings returns a page of all that was ever crossed of a budget, in
// order.
func (s *Service) ListCrossings(ctx context.Context, caller *auth.Caller, o Owner, b id.Budget, p page.Request) (page.Page[Crossing], error) {
	var list page.Page[Crossing]
	err := s.viewBudgets(ctx, caller, o, func(r Reader) (err error) {
		if _, err = ownedBudget(ctx, r, o, b); err != nil {
			return err
		}
		list, err = r.ListCrossings(ctx, b, p)
		return err
	})
	return list, err
}

// viewBudgets lets f read at one moment, if the caller may see the budgets of
// an owner.
func (s *Service) viewBudgets(ctx context.Context, caller *auth.Caller, o Owner, f func(Reader) error) error {
	return s.Store.View(ctx, func(r Reader) error {
		if o.Account != "" {
			if _, err := readAccount(ctx, r, caller, o.Account, auth.BillingRead); err != nil {
				return err
			}
			return f(r)
		}
		org, err := visibleOrganization(ctx, r, caller, o.Organization, "", "organization")
		if err != nil {
			return err
		}
		if err := require(caller, auth.BillingRead, auth.OrganizationTarget(org.Path)); err != nil {
			return err
		}
		return f(r)
	})
}

// checkBudget checks all of a budget that can be said without reading, and
// puts its thresholds in order.
func (s *Service) checkBudget(b *Budget, secret string) (err error) {
	if b.Name, err = checkName("/name", b.Name); err != nil {
		return err
	}
	if err := checkTerms(b); err != nil {
		return err
	}
	if b.Thresholds, err = checkThresholds(b.Thresholds); err != nil {
		return err
	}
	if b.Webhook != "" {
		if _, err := s.checkReceiver("/webhook/url", b.Webhook); err != nil {
			return err
		}
	}
	return checkWebhookSecret(secret)
}
