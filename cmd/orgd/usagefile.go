package main

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"time"

	"github.com/shopspring/decimal"
)

// printCSV prints the rows with all digits. Rows without a price have no
// costs; rows of several metrics have no quantity.
func (r *report) printCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	var head []string
	for _, d := range r.by {
		if head = append(head, d.name); !d.time {
			head[len(head)-1] = d.name + "_id"
			head = append(head, d.name+"_name")
		}
	}
	if err := out.Write(append(head, "consumed", "unit", "list_cost", "cost", "currency")); err != nil {
		return err
	}
	for _, row := range r.rows {
		var line []string
		for i, d := range r.by {
			if line = append(line, row.keys[i].id); !d.time {
				line = append(line, row.keys[i].name)
			}
		}
		costs := []string{"", ""}
		if row.currency != "" {
			costs = []string{row.list.String(), row.cost.String()}
		}
		quantity := ""
		if row.metric != "" {
			quantity = row.consumed.String()
		}
		if err := out.Write(append(line, quantity, row.unit, costs[0], costs[1], row.currency)); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// jsonRow is a row in JSON. What it is not summed by is left out.
type jsonRow struct {
	Metric   *jsonEntity  `json:"metric,omitempty"`
	Family   *jsonEntity  `json:"family,omitempty"`
	Account  *jsonEntity  `json:"account,omitempty"`
	Zone     *jsonEntity  `json:"zone,omitempty"`
	Region   *jsonEntity  `json:"region,omitempty"`
	Day      string       `json:"day,omitempty"`
	Period   string       `json:"period,omitempty"`
	Consumed *json.Number `json:"consumed"`
	Unit     *string      `json:"unit"`
	ListCost *json.Number `json:"list_cost"`
	Cost     *json.Number `json:"cost"`
	Currency *string      `json:"currency"`
}

type jsonEntity struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type jsonTotal struct {
	Currency string      `json:"currency"`
	ListCost json.Number `json:"list_cost"`
	Cost     json.Number `json:"cost"`
}

func exact(d decimal.Decimal) json.Number { return json.Number(d.String()) }

// set puts the value of a dimension into its place.
func (j *jsonRow) set(d dimension, v entity) {
	switch d.name {
	case "day":
		j.Day = v.id
	case "period":
		j.Period = v.id
	case "metric":
		j.Metric = &jsonEntity{v.id, v.name}
	case "family":
		j.Family = &jsonEntity{v.id, v.name}
	case "account":
		j.Account = &jsonEntity{v.id, v.name}
	case "zone":
		j.Zone = &jsonEntity{v.id, v.name}
	case "region":
		j.Region = &jsonEntity{v.id, v.name}
	}
}

// printJSON prints the report with all digits.
func (r *report) printJSON(w io.Writer) error {
	out := struct {
		OrganizationID string      `json:"organization_id,omitempty"`
		AccountID      string      `json:"account_id,omitempty"`
		From           string      `json:"from"`
		To             string      `json:"to"`
		Complete       string      `json:"complete_through,omitempty"`
		Rows           []jsonRow   `json:"rows"`
		Totals         []jsonTotal `json:"totals"`
	}{r.organization, r.account, r.from.Format(time.DateOnly), r.to.Format(time.DateOnly), r.complete, []jsonRow{}, []jsonTotal{}}
	for _, row := range r.rows {
		var j jsonRow
		for i, d := range r.by {
			j.set(d, row.keys[i])
		}
		if row.metric != "" {
			consumed := exact(row.consumed)
			j.Consumed, j.Unit = &consumed, &row.unit
		}
		if row.currency != "" {
			list, cost := exact(row.list), exact(row.cost)
			j.ListCost, j.Cost, j.Currency = &list, &cost, &row.currency
		}
		out.Rows = append(out.Rows, j)
	}
	for _, t := range r.totals() {
		out.Totals = append(out.Totals, jsonTotal{t.currency, exact(t.list), exact(t.cost)})
	}
	return json.NewEncoder(w).Encode(out)
}
