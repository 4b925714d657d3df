package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"

	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/usage"
	"github.com/orgd/orgd/internal/usage/focus"
)

// billingPeriod is a billing period of an account. End is the first day that
// is not in it.
type billingPeriod struct {
	AccountID  string     `json:"account_id"`
	Start      string     `json:"start"`
	End        string     `json:"end"`
	State      string     `json:"state"`
	ClosedAt   *timestamp `json:"closed_at,omitempty"`
	RestatedAt *timestamp `json:"restated_at,omitempty"`
	// CorrectionsDue is only there for a closed period.
	CorrectionsDue *bool `json:"corrections_due,omitempty"`
}

func newBillingPeriod(p *usage.BillingPeriod) billingPeriod {
	out := billingPeriod{AccountID: string(p.Account), Start: p.Start.String(), End: p.End.String(), State: "open"}
	if p.Closed.IsZero() {
		return out
	}
	closed := timestamp(p.Closed)
	out.State, out.ClosedAt, out.CorrectionsDue = "closed", &closed, &p.Due
	if !p.Restated.IsZero() {
		restated := timestamp(p.Restated)
		out.RestatedAt = &restated
	}
	return out
}

func listBillingPeriods(ctx context.Context, q *request) (reply, error) {
	v := q.query.view("billing periods "+string(q.account()), q.callerID())
	list := q.query.page(v)
	if err := q.query.err(); err != nil {
		return reply{}, err
	}
	p, err := q.server.Service.BillingPeriods(ctx, q.caller, q.account(), list)
	return tokenList(p, v), err
}

// noDay is what no billing period starts on.
const noDay usage.Day = math.MinInt32

func closeBillingPeriod(ctx context.Context, q *request) (reply, error) {
	start, err := usage.ParseDay(q.PathValue("start"))
	if err != nil {
		start = noDay
	}
	r, err := q.mutation(http.StatusOK)
	if err != nil {
		return reply{}, err
	}
	p, err := q.server.Service.CloseBillingPeriod(ctx, r, q.account(), start)
	return q.changed(p), err
}

// restatement is what a batch of events changed in a line of a closed period.
type restatement struct {
	Seq            int64       `json:"seq"`
	PeriodStart    string      `json:"period_start"`
	Metric         string      `json:"metric"`
	Day            string      `json:"day"`
	ZoneID         string      `json:"zone_id,omitempty"`
	RegionID       string      `json:"region_id,omitempty"`
	QuantityBefore json.Number `json:"quantity_before"`
	QuantityAfter  json.Number `json:"quantity_after"`
	Events         int64       `json:"events"`
	RestatedAt     timestamp   `json:"restated_at"`
}

func newRestatement(r *usage.Restatement) restatement {
	return restatement{
		Seq: r.Seq, PeriodStart: r.Period.String(), Metric: string(r.Line.Metric), Day: r.Line.Day.String(), ZoneID: r.Line.Zone, RegionID: r.Line.Region,
		QuantityBefore: json.Number(r.Before.String()), QuantityAfter: json.Number(r.After.String()), Events: r.Events, RestatedAt: timestamp(r.At),
	}
}

func listRestatements(ctx context.Context, q *request) (reply, error) {
	v := q.query.view("restatements "+string(q.account()), q.callerID())
	list := q.query.page(v)
	if err := q.query.err(); err != nil {
		return reply{}, err
	}
	p, err := q.server.Service.Restatements(ctx, q.caller, q.account(), list)
	return tokenList(p, v), err
}

// watermark says up to which day all usage has been counted; null for none.
type watermark struct {
	CompleteThrough *string    `json:"complete_through"`
	UpdatedAt       *timestamp `json:"updated_at"`
}

func newWatermark(w *org.Watermark) watermark {
	if !w.Known {
		return watermark{}
	}
	day, at := w.Through.String(), timestamp(w.Updated)
	return watermark{&day, &at}
}

func getAccountWatermark(ctx context.Context, q *request) (reply, error) {
	if err := q.query.err(); err != nil {
		return reply{}, err
	}
	w, err := q.server.Service.AccountWatermark(ctx, q.caller, q.account())
	return reply{Result: w}, err
}

func getOrganizationWatermark(ctx context.Context, q *request) (reply, error) {
	if err := q.query.err(); err != nil {
		return reply{}, err
	}
	w, err := q.server.Service.OrganizationWatermark(ctx, q.caller, q.organization())
	return reply{Result: w}, err
}

func putAccountWatermark(ctx context.Context, q *request) (reply, error) {
	o, err := q.decode()
	if err != nil {
		return reply{}, err
	}
	through := o.day("complete_through")
	r, err := q.mutation(http.StatusOK)
	if err != nil {
		return reply{}, err
	}
	w, err := q.server.Service.PutWatermark(ctx, r, q.account(), through)
	return q.changed(w), err
}

// getFocusMetadata answers with the document that goes with a bill. What is
// complete is what all accounts were said to have counted.
func getFocusMetadata(ctx context.Context, q *request) (reply, error) {
	now := q.server.Now()
	window := q.query.usageRange(usage.DayOf(now))
	mapping := q.query.mapping()
	if err := q.query.err(); err != nil {
		return reply{}, err
	}
	w, err := q.server.Service.OrganizationWatermark(ctx, q.caller, q.organization())
	if err != nil {
		return reply{}, err
	}
	complete := window.From // nothing is
	if w.Known {
		complete = w.Through + 1
	}
	m := focus.Describe(provider, window.From, window.End, complete, now)
	m.Recency.DatasetInstanceId = fmt.Sprintf("CostAndUsage-%s-%s", q.organization(), mapping)
	return reply{Stream: &stream{contentType: "application/json", write: func(_ context.Context, to io.Writer) error {
		if err := json.NewEncoder(to).Encode(m); err != nil {
			return fmt.Errorf("write the metadata: %w", err)
		}
		return nil
	}}}, nil
}

// mapping returns who is the billing account, by default the root.
func (q *query) mapping() focus.Mapping {
	m := focus.Mapping(q.enum("mapping", string(focus.Cloudflare), string(focus.Consolidated)))
	if m == "" {
		return focus.Consolidated
	}
	return m
}
