package api

import (
	"context"
	"encoding/json"

	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/usage"
)

// billingInfo is the billing of an account. Where the real API has
// subscriptions, it has one: the account itself.
type billingInfo struct {
	Covered       bool           `json:"covered"`
	Subscriptions []subscription `json:"subscriptions"`
}

type subscription struct {
	ID     string    `json:"id"`
	Start  timestamp `json:"start_timestamp"`
	Anchor timestamp `json:"billing_cycle_anchor_timestamp"`
}

func newBillingInfo(i *org.BillingInfo) billingInfo {
	out := billingInfo{Covered: i.Covered, Subscriptions: []subscription{}}
	if i.Anchor != nil {
		at := timestamp(usage.Day(*i.Anchor).Start())
		out.Subscriptions = append(out.Subscriptions, subscription{string(i.Account), at, at})
	}
	return out
}

func getAccountBillingInfo(ctx context.Context, q *request) (reply, error) {
	if err := q.query.err(); err != nil {
		return reply{}, err
	}
	info, err := q.server.Service.BillingInfo(ctx, q.caller, q.account())
	return reply{Result: newBillingInfo(&info)}, err
}

// runningRow is a row of usage in the columns of the older description, in its
// order.
type runningRow struct {
	BilledCost               json.Number
	BillingAccountId         string
	BillingAccountName       string
	BillingCurrency          string
	BillingPeriodStart       timestamp
	ChargeCategory           string
	ChargeClass              *string
	ChargeDescription        string
	ChargePeriodEnd          timestamp
	ChargePeriodStart        timestamp
	ConsumedQuantity         json.Number
	ConsumedUnit             string
	ContractedCost           json.Number
	CumulatedContractedCost  json.Number
	CumulatedPricingQuantity json.Number
	EffectiveCost            json.Number
	HostProviderName         string
	InvoiceIssuerName        string
	ListCost                 json.Number
	PricingQuantity          json.Number
	PricingUnit              string
	ServiceFamilyName        string `json:",omitempty"`
	ServiceName              string
	ServiceProviderName      string
	SubscriptionId           string
	ZoneId                   string `json:",omitempty"`
	ZoneName                 string `json:",omitempty"`
}

func newRunningRow(r *org.RunningRow) runningRow {
	c := &r.Charge
	cost, listCost := number(c.ContractedCost()), number(c.ListCost())
	return runningRow{
		BilledCost: cost, BillingAccountId: string(r.Account.ID), BillingAccountName: r.Account.Name,
		BillingCurrency: string(r.Book.Currency), BillingPeriodStart: timestamp(r.Period.Start.Start()),
		ChargeCategory: "Usage", ChargeDescription: r.Metric.Name + " usage measured in " + r.Metric.Unit,
		ChargePeriodEnd: timestamp((c.Day + 1).Start()), ChargePeriodStart: timestamp(c.Day.Start()),
		ConsumedQuantity: number(c.Consumed), ConsumedUnit: r.Metric.Unit, ContractedCost: cost,
		CumulatedContractedCost: number(r.CumulatedCost), CumulatedPricingQuantity: number(r.CumulatedQuantity),
		EffectiveCost: cost, HostProviderName: provider, InvoiceIssuerName: provider, ListCost: listCost,
		PricingQuantity: number(r.Quantity), PricingUnit: r.Metric.Unit, ServiceFamilyName: r.Metric.Family.Name,
		ServiceName: r.Metric.Name, ServiceProviderName: provider, SubscriptionId: string(r.Account.ID),
		ZoneId: c.Place.Zone.ID, ZoneName: c.Place.Zone.Name,
	}
}

// number writes an exact decimal in plain form.
func number(d usage.Decimal) json.Number { return json.Number(d.String()) }

// getAccountRunningUsage answers with priced usage and running totals, while
// the rows are made.
func getAccountRunningUsage(ctx context.Context, q *request) (reply, error) {
	window := org.RunningQuery{From: q.query.day("from"), Last: q.query.day("to")}
	if err := q.query.err(); err != nil {
		return reply{}, err
	}
	u, err := q.server.Service.RunningUsage(ctx, q.caller, q.account(), window)
	if err != nil {
		return reply{}, err
	}
	return listReply(func(ctx context.Context, write func([]byte) error) error {
		return u.Each(ctx, func(row *org.RunningRow) error {
			line, err := marshal(newRunningRow(row))
			if err != nil {
				return err
			}
			return write(line)
		})
	}), nil
}

// billingAnchor is the day on which the first billing period of an account
// begins.
type billingAnchor struct {
	Day string `json:"day"`
}

func newBillingAnchor(a usage.Anchor) billingAnchor { return billingAnchor{usage.Day(a).String()} }

func putBillingAnchor(ctx context.Context, q *request) (reply, error) {
	o, err := q.decode()
	if err != nil {
		return reply{}, err
	}
	day := o.day("day")
	r, err := q.mutation(200)
	if err != nil {
		return reply{}, err
	}
	anchor, err := q.server.Service.SetAnchor(ctx, r, q.account(), usage.Anchor(day))
	return q.changed(anchor), err
}
