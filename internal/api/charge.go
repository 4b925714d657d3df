package api

import (
	"context"
	"net/http"

	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/usage"
)

// charge is a charge that somebody added to an account. End is the first day
// that it is not for, absent when a recurring one has no end.
type charge struct {
	ID          id.Charge         `json:"id"`
	AccountID   id.Account        `json:"account_id"`
	Category    usage.FeeCategory `json:"category"`
	Amount      string            `json:"amount"`
	Currency    usage.Currency    `json:"currency"`
	Description string            `json:"description"`
	Recurring   bool              `json:"recurring"`
	Start       string            `json:"start"`
	End         string            `json:"end,omitempty"`
	Period      chargePeriod      `json:"billing_period"`
	Created     timestamp         `json:"create_time"`
}

// chargePeriod is the billing period that a charge belongs to.
type chargePeriod struct {
	Start string `json:"start"`
	End   string `json:"end"`
}

func newCharge(c *org.Charge) charge {
	f := &c.Fee
	out := charge{
		ID: c.ID, AccountID: c.Account, Category: f.Category, Amount: f.Amount.String(), Currency: f.Currency, Description: f.Description,
		Recurring: f.Recurring, Start: f.Days.Start.String(), Period: chargePeriod{c.Period.Start.String(), c.Period.End.String()},
		Created: timestamp(c.Created),
	}
	if f.Days.End != usage.NoEnd {
		out.End = f.Days.End.String()
	}
	return out
}

func createCharge(ctx context.Context, q *request) (reply, error) {
	o, err := q.decode()
	if err != nil {
		return reply{}, err
	}
	in := org.NewCharge{Fee: usage.Fee{
		Category:    usage.FeeCategory(o.enum("category", string(usage.Purchase), string(usage.Credit), string(usage.Tax), string(usage.Adjustment))),
		Description: o.required("description"), Recurring: isTrue(o.flag("recurring")), Days: usage.Period{Start: o.day("start")},
	}}
	if amount := o.decimal("amount", usage.MaxDecimals); amount != nil {
		in.Fee.Amount = *amount
	}
	for _, name := range []string{"category", "amount"} {
		if _, ok := o.member(name); !ok {
			o.refuse(name, "is required")
		}
	}
	if _, ok := o.member("end"); ok {
		in.End = new(o.day("end"))
	}
	currency, _ := o.text("currency")
	in.Fee.Currency = usage.Currency(currency)
	r, err := q.mutation(http.StatusOK)
	if err != nil {
		return reply{}, err
	}
	c, err := q.server.Service.CreateCharge(ctx, r, q.account(), in)
	return q.changed(c), err
}

func listCharges(ctx context.Context, q *request) (reply, error) {
	v := q.query.view("charges "+string(q.account()), q.callerID())
	list := q.query.page(v)
	if err := q.query.err(); err != nil {
		return reply{}, err
	}
	p, err := q.server.Service.ListCharges(ctx, q.caller, q.account(), list)
	return tokenList(p, v), err
}

func deleteCharge(ctx context.Context, q *request) (reply, error) {
	r, err := q.mutation(http.StatusOK)
	if err != nil {
		return reply{}, err
	}
	c, err := q.server.Service.DeleteCharge(ctx, r, q.account(), id.Charge(q.PathValue("charge_id")))
	return q.changed(c), err
}
