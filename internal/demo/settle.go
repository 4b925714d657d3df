package demo

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/orgd/orgd/internal/usage"
)

// settle closes the first billing period of the retailer's accounts, and finds
// that something of it was missing: it is on the next bill, as a correction.
// All accounts have told everything up to yesterday.
func (m *meters) settle(ctx context.Context) error {
	period := usage.FirstAnchor(m.today - Days + 1).Period(m.today - Days + 1)
	for _, a := range m.planted {
		if !strings.HasPrefix(a.name, "Tidewater ") {
			continue
		}
		uri := "/orgd/v1/accounts/" + string(a.id) + "/billing_periods/" + period.Start.String() + "/close"
		if _, err := m.svc.CloseBillingPeriod(ctx, m.as(m.admin, http.MethodPost, uri), a.id, period.Start); err != nil {
			return fmt.Errorf("close the first period of %s: %w", a.name, err)
		}
		if a.name != lateAccount {
			continue
		}
		late := load{metric: "argo_data_transfer", zone: "www.tidewater.example", region: "enam"}
		m.batch = append(m.batch, usage.Submission{Event: usage.Event{
			Source: meterSource, ID: "late/" + string(a.id), Time: m.moment(period.End - 1),
			Account: a.id, Metric: late.metric, Place: m.place(&late), Quantity: decimal.New(87_250, -3),
		}})
		if err := m.push(ctx); err != nil {
			return err
		}
	}
	for _, a := range m.planted {
		r := m.as(m.admin, http.MethodPut, "/orgd/v1/accounts/"+string(a.id)+"/usage/watermark")
		if _, err := m.svc.PutWatermark(ctx, r, a.id, m.today-1); err != nil {
			return fmt.Errorf("say that the usage of %s is complete: %w", a.name, err)
		}
	}
	return nil
}
