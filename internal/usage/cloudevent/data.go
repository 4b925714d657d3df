package cloudevent

import (
	"github.com/shopspring/decimal"

	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/usage"
)

// usage reads the data of an event.
func (r *reader) usage(e *usage.Event) (refusal *usage.Refusal) {
	o := &r.data
	account, refusal := o.text("account_id", maxText)
	if refusal != nil {
		return refusal
	}
	e.Account = id.Account(account)
	metric, refusal := o.text("metric", maxText)
	if refusal != nil {
		return refusal
	}
	e.Metric = usage.MetricID(metric)
	if e.Unique, refusal = o.text("unique", -maxText); refusal != nil {
		return refusal
	}
	if refusal = o.readQuantity(e); refusal != nil {
		return refusal
	}
	if e.Place.Zone, refusal = r.named("zone", "/data/zone/"); refusal != nil {
		return refusal
	}
	e.Place.Region, refusal = r.named("region", "/data/region/")
	return refusal
}

// readQuantity reads quantity and weight. A key to count is one by itself.
func (o *object) readQuantity(e *usage.Event) *usage.Refusal {
	if e.Unique != "" && o.get("quantity") == "" {
		e.Quantity = decimal.New(1, 0)
	} else {
		q, refusal := o.number("quantity")
		if refusal != nil {
			return refusal
		}
		e.Quantity = q
	}
	if o.get("weight") == "" {
		return nil
	}
	w, refusal := o.number("weight")
	if refusal != nil {
		return refusal
	}
	if w.IsZero() {
		return malformed(o.name("weight"), "is zero")
	}
	e.Weight = &w
	return nil
}

// number reads a number, or a string with one in it, without rounding.
func (o *object) number(key string) (usage.Decimal, *usage.Refusal) {
	raw := o.get(key)
	if raw == "" {
		return usage.Decimal{}, malformed(o.name(key), "is missing")
	}
	if raw[0] == '"' {
		raw = unquote(raw)
	}
	d, err := usage.ParseDecimal(raw, usage.MaxQuantityDecimals)
	if err != nil {
		return usage.Decimal{}, malformed(o.name(key), err.Error())
	}
	if d.IsNegative() {
		return usage.Decimal{}, malformed(o.name(key), "is below zero")
	}
	return d, nil
}

// named reads a zone or region.
func (r *reader) named(key, place string) (n usage.Named, refusal *usage.Refusal) {
	raw := r.data.get(key)
	if raw == "" {
		return n, nil
	}
	o := &r.inner
	if refusal = o.read(raw, place); refusal != nil {
		return n, refusal
	}
	if n.ID, refusal = o.text("id", -maxText); refusal != nil {
		return n, refusal
	}
	if n.Name, refusal = o.text("name", -maxText); refusal != nil {
		return n, refusal
	}
	if n.ID == "" && n.Name != "" {
		return n, malformed(o.name("id"), "is missing")
	}
	return n, nil
}
