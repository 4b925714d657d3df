package cloudevent

import (
	"encoding/json"

	"github.com/shopspring/decimal"

	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/usage"
)

// usage reads the data of an event.
func (o *object) usage(e *usage.Event) (refusal *usage.Refusal) {
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
	if e.Place.Zone, refusal = o.named("zone"); refusal != nil {
		return refusal
	}
	e.Place.Region, refusal = o.named("region")
	return refusal
}

// readQuantity reads quantity and weight. A key to count is one by itself.
func (o *object) readQuantity(e *usage.Event) *usage.Refusal {
	if e.Unique != "" && !o.has("quantity") {
		e.Quantity = decimal.New(1, 0)
	} else {
		q, refusal := o.number("quantity")
		if refusal != nil {
			return refusal
		}
		e.Quantity = q
	}
	if !o.has("weight") {
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
	if !o.has(key) {
		return usage.Decimal{}, malformed(o.name(key), "is missing")
	}
	raw := o.values[key]
	text := string(raw)
	if raw[0] == '"' {
		if err := json.Unmarshal(raw, &text); err != nil {
			return usage.Decimal{}, malformed(o.name(key), "is not a number")
		}
	}
	d, err := usage.ParseDecimal(text, usage.MaxQuantityDecimals)
	if err != nil {
		return usage.Decimal{}, malformed(o.name(key), err.Error())
	}
	if d.IsNegative() {
		return usage.Decimal{}, malformed(o.name(key), "is below zero")
	}
	return d, nil
}

// named reads a zone or region.
func (o *object) named(key string) (usage.Named, *usage.Refusal) {
	var n usage.Named
	if !o.has(key) {
		return n, nil
	}
	inner, refusal := readObject(o.values[key], o.name(key))
	if refusal != nil {
		return n, refusal
	}
	if n.ID, refusal = inner.text("id", -maxText); refusal != nil {
		return n, refusal
	}
	if n.Name, refusal = inner.text("name", -maxText); refusal != nil {
		return n, refusal
	}
	if n.ID == "" && n.Name != "" {
		return n, malformed(inner.name("id"), "is missing")
	}
	return n, nil
}
