package api

import (
	"context"
	"encoding/json"
	"strconv"

	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/usage"
)

type budget struct {
	ID           string           `json:"id"`
	Organization string           `json:"organization_id,omitempty"`
	Account      string           `json:"account_id,omitempty"`
	Name         string           `json:"name"`
	Scope        org.BudgetScope  `json:"scope,omitempty"`
	Kind         usage.BudgetKind `json:"kind"`
	Amount       string           `json:"amount"`
	Currency     usage.Currency   `json:"currency"`
	Thresholds   []int            `json:"thresholds"`
	Webhook      *budgetWebhook   `json:"webhook,omitempty"`
	Created      timestamp        `json:"create_time"`
	Updated      timestamp        `json:"update_time"`
	State        *budgetState     `json:"state,omitempty"`
}

// budgetWebhook has the secret only when it was just made.
type budgetWebhook struct {
	URL            string     `json:"url"`
	Secret         string     `json:"secret,omitempty"`
	PreviousSecret *timestamp `json:"previous_secret_expire_time,omitempty"`
}

type budgetState struct {
	PeriodStart     string           `json:"period_start"`
	PeriodEnd       string           `json:"period_end"`
	CompleteDays    int              `json:"complete_days"`
	Spent           string           `json:"spent"`
	Projected       string           `json:"projected"`
	OtherCurrencies []usage.Currency `json:"other_currencies,omitempty"`
	Unpriced        bool             `json:"unpriced_usage"`
	Evaluated       timestamp        `json:"evaluate_time"`
	Crossed         []crossing       `json:"crossed"`
}

// crossing is a threshold that was crossed. Within a budget its terms are left
// out.
type crossing struct {
	ID string `json:"id"`
	*crossedTerms
	Percent     int             `json:"percent"`
	PeriodStart string          `json:"period_start"`
	PeriodEnd   string          `json:"period_end"`
	Spent       string          `json:"spent"`
	Projected   string          `json:"projected"`
	At          timestamp       `json:"cross_time"`
	Notice      *crossingNotice `json:"notice,omitempty"`
}

// crossedTerms are the budget that was crossed, as it was then.
type crossedTerms struct {
	Budget       string           `json:"budget_id"`
	Name         string           `json:"budget_name"`
	Organization string           `json:"organization_id,omitempty"`
	Account      string           `json:"account_id,omitempty"`
	Scope        org.BudgetScope  `json:"scope,omitempty"`
	Kind         usage.BudgetKind `json:"kind"`
	Amount       string           `json:"amount"`
	Currency     usage.Currency   `json:"currency"`
}

type crossingNotice struct {
	State       org.NoticeState `json:"state"`
	Failures    int64           `json:"consecutive_failures"`
	LastError   string          `json:"last_error,omitempty"`
	LastFailure *timestamp      `json:"last_error_time,omitempty"`
	NextAttempt *timestamp      `json:"next_attempt_time,omitempty"`
	Delivered   *timestamp      `json:"deliver_time,omitempty"`
}

// crossedNotice is what a webhook is sent.
type crossedNotice struct {
	Type string    `json:"type"`
	Time timestamp `json:"timestamp"`
	Data crossing  `json:"data"`
}

// newBudget writes a budget as the API shows it.
func newBudget(b *org.Budget) budget {
	w := newBudgetSettings((*org.BudgetSettings)(b))
	s := &b.State
	if s.At.IsZero() {
		return w
	}
	w.State = &budgetState{
		PeriodStart: s.Period.Start.String(), PeriodEnd: s.Period.End.String(), CompleteDays: s.CompleteDays, Spent: s.Spent.String(),
		Projected: s.Projected.String(), OtherCurrencies: s.Others, Unpriced: s.Unpriced, Evaluated: timestamp(s.At),
		Crossed: each(b.Crossings, func(x *org.Crossing) crossing { return newCrossing(x, false) }),
	}
	return w
}

// newBudgetSettings writes what somebody has set of a budget.
func newBudgetSettings(b *org.BudgetSettings) budget {
	w := budget{
		ID: string(b.ID), Organization: string(b.Owner.Organization), Account: string(b.Owner.Account), Name: b.Name, Scope: b.Scope,
		Kind: b.Kind, Amount: b.Amount.String(), Currency: b.Currency, Thresholds: b.Thresholds, Created: timestamp(b.Created),
		Updated: timestamp(b.Updated),
	}
	if b.Webhook != "" {
		w.Webhook = &budgetWebhook{URL: b.Webhook, PreviousSecret: optional(b.OldSecretEnd)}
	}
	return w
}

func newShownBudget(b *org.ShownBudget) budget {
	w := newBudget(&b.Budget)
	if w.Webhook != nil {
		w.Webhook.Secret = b.Value
	}
	return w
}

// newCrossing writes a crossing with how its notice goes.
func newCrossing(x *org.Crossing, withTerms bool) crossing {
	w := newCrossed(x)
	if !withTerms {
		w.crossedTerms = nil
	}
	d := &x.Delivery
	w.Notice = &crossingNotice{
		State: d.State, Failures: d.Failures, LastError: d.LastError, LastFailure: optional(d.LastFailure), Delivered: optional(d.Delivered),
	}
	if d.State == org.NoticeWaiting && d.Failures > 0 {
		w.Notice.NextAttempt = optional(d.NextAttempt)
	}
	return w
}

// newCrossed writes what was crossed.
func newCrossed(x *org.Crossing) crossing {
	return crossing{
		ID: string(x.ID), Percent: x.Percent, PeriodStart: x.Period.Start.String(), PeriodEnd: x.Period.End.String(),
		Spent: x.Spent.String(), Projected: x.Projected.String(), At: timestamp(x.At),
		crossedTerms: &crossedTerms{
			Budget: string(x.Budget), Name: x.Name, Organization: string(x.Owner.Organization), Account: string(x.Owner.Account),
			Scope: x.Scope, Kind: x.Kind, Amount: x.Amount.String(), Currency: x.Currency,
		},
	}
}

// wireBudget maps budgets and what belongs to them.
func wireBudget(v any) any {
	switch v := v.(type) {
	case org.Budget:
		return newBudget(&v)
	case []org.Budget:
		return each(v, newBudget)
	case org.ShownBudget:
		return newShownBudget(&v)
	case org.BudgetSettings:
		return newBudgetSettings(&v)
	case []org.Crossing:
		return each(v, func(x *org.Crossing) crossing { return newCrossing(x, true) })
	case org.CrossedSettings:
		return newCrossed((*org.Crossing)(&v))
	case org.CrossedNotice:
		return crossedNotice{Type: "budget.crossed", Time: timestamp(v.At), Data: newCrossed((*org.Crossing)(&v))}
	case id.Budget:
		return reference{string(v)}
	}
	return v
}

func (q *request) budget() id.Budget { return id.Budget(q.PathValue("budget_id")) }

// owner returns the organization or account in the path.
func (q *request) owner() org.Owner {
	return org.Owner{Organization: q.organization(), Account: q.account()}
}

// decimal returns a number that is written as one or in a string, exactly; nil
// when it is absent.
func (o *object) decimal(name string, places int32) *usage.Decimal {
	v, ok := o.member(name)
	if !ok {
		return nil
	}
	text, ok := v.(string)
	if n, number := v.(json.Number); number {
		text, ok = n.String(), true
	}
	if !ok {
		o.refuse(name, "must be a number, or a string with one")
		return nil
	}
	d, err := usage.ParseDecimal(text, places)
	if err != nil {
		o.refuse(name, "%s", err.Error())
		return nil
	}
	o.read[name] = v
	return &d
}

// percentages returns an array of whole numbers, nil when it is absent.
func (o *object) percentages(name string) []int {
	var list []int
	for i, v := range o.list(name) {
		n, ok := v.(json.Number)
		percent, err := strconv.ParseInt(n.String(), 10, 32)
		if !ok || err != nil {
			o.problem(name+"/"+strconv.Itoa(i), "must be a whole number")
			continue
		}
		list = append(list, int(percent))
	}
	if v, ok := o.member(name); ok && list == nil {
		if l, isList := v.([]any); isList && len(l) == 0 {
			list = []int{} // an empty one is not absent
		}
	}
	if list != nil {
		o.read[name] = list
	}
	return list
}

// receiver returns the URL of a webhook, "" when it is absent.
func (o *object) receiver(required bool) string {
	if required {
		o.required("url")
	}
	url, ok := o.text("url")
	if ok && url == "" {
		o.refuse("url", "must be a URL such as https://example.com/budgets")
	}
	return url
}

// amountDecimals is how many digits an amount has after the point at most.
const amountDecimals = usage.MaxQuantityDecimals

// budgetEnums reads the words of a budget.
func (o *object) budgetEnums() (org.BudgetScope, usage.BudgetKind) {
	scope := o.enum("scope", string(org.BudgetSubtree), string(org.BudgetOwn))
	kind := o.enum("kind", string(usage.CumulativeBudget), string(usage.ProjectedBudget))
	return org.BudgetScope(scope), usage.BudgetKind(kind)
}

func listBudgets(ctx context.Context, q *request) (reply, error) {
	v := q.query.view("budgets "+string(q.organization())+string(q.account()), q.callerID())
	list := q.query.page(v)
	if err := q.query.err(); err != nil {
		return reply{}, err
	}
	p, err := q.server.Service.ListBudgets(ctx, q.caller, q.owner(), list)
	return tokenList(p, v), err
}

func createBudget(ctx context.Context, q *request) (reply, error) {
	body, err := q.decode()
	if err != nil {
		return reply{}, err
	}
	in := org.NewBudget{Name: body.required("name"), Thresholds: body.percentages("thresholds")}
	body.required("kind")
	in.Scope, in.Kind = body.budgetEnums()
	in.Currency = usage.Currency(body.required("currency"))
	amount := body.decimal("amount", amountDecimals)
	if _, ok := body.member("amount"); !ok {
		body.refuse("amount", "is required")
	}
	if hook := body.object("webhook"); hook != nil {
		in.Webhook = hook.receiver(true)
		in.Secret, _ = hook.text("secret")
	}
	req, err := q.mutation(200)
	if err != nil {
		return reply{}, err
	}
	in.Amount = *amount
	b, err := q.server.Service.CreateBudget(ctx, req, q.owner(), in)
	return q.changed(b), err
}

func getBudget(ctx context.Context, q *request) (reply, error) {
	b, err := q.server.Service.Budget(ctx, q.caller, q.owner(), q.budget())
	return reply{Result: b, ETag: true}, err
}

func updateBudget(ctx context.Context, q *request) (reply, error) {
	body, err := q.decode()
	if err != nil {
		return reply{}, err
	}
	in := org.BudgetChange{
		Thresholds: body.percentages("thresholds"), Amount: body.decimal("amount", amountDecimals), Rotate: isTrue(body.flag("rotate_secret")),
	}
	if name, ok := body.text("name"); ok {
		in.Name = &name
	}
	in.Scope, in.Kind = body.budgetEnums()
	currency, ok := body.text("currency")
	if in.Currency = usage.Currency(currency); ok && !in.Currency.Valid() {
		body.refuse("currency", "must be a currency code of ISO 4217 such as USD")
	}
	if hook := body.object("webhook"); hook != nil {
		in.Secret, _ = hook.text("secret")
		if url := hook.receiver(false); url != "" {
			in.Webhook = &url
		}
	} else if body.has("webhook") {
		in.Webhook = new("")
		body.read["webhook"] = nil
	}
	req, err := q.mutation(200)
	if err != nil {
		return reply{}, err
	}
	b, err := q.server.Service.UpdateBudget(ctx, req, q.owner(), q.budget(), in)
	return q.changed(b), err
}

func deleteBudget(ctx context.Context, q *request) (reply, error) {
	req, err := q.mutation(200)
	if err != nil {
		return reply{}, err
	}
	b, err := q.server.Service.DeleteBudget(ctx, req, q.owner(), q.budget())
	return q.changed(b), err
}

func listCrossings(ctx context.Context, q *request) (reply, error) {
	v := q.query.view("crossings "+string(q.budget()), q.callerID())
	list := q.query.page(v)
	if err := q.query.err(); err != nil {
		return reply{}, err
	}
	p, err := q.server.Service.ListCrossings(ctx, q.caller, q.owner(), q.budget(), list)
	return tokenList(p, v), err
}
