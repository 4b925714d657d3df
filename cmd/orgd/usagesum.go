package main

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// dimension is something that usage is summed by.
type dimension struct {
	name string
	time bool // in order of time, not of costs
	of   func(*usageRow) entity
}

// entity is an identifier and the name that people see. A day is both.
type entity struct{ id, name string }

func dimensions() []dimension {
	day := func(t time.Time) entity {
		if t.IsZero() {
			return entity{}
		}
		text := t.Format(time.DateOnly)
		return entity{text, text}
	}
	return []dimension{
		{"metric", false, func(r *usageRow) entity { return entity{r.MetricID, r.MetricName} }},
		{"family", false, func(r *usageRow) entity { return entity{r.FamilyID, r.FamilyName} }},
		{"account", false, func(r *usageRow) entity { return entity{r.AccountID, r.AccountName} }},
		{"zone", false, func(r *usageRow) entity { return entity{r.ZoneID, r.ZoneName} }},
		{"region", false, func(r *usageRow) entity { return entity{r.RegionID, r.RegionName} }},
		{"day", true, func(r *usageRow) entity { return day(r.Day) }},
		{"period", true, func(r *usageRow) entity { return day(r.Period) }},
	}
}

func dimensionNames() []string {
	var names []string
	for _, d := range dimensions() {
		names = append(names, d.name)
	}
	return names
}

func dimensionOf(name string) (dimension, bool) {
	all := dimensions()
	i := slices.IndexFunc(all, func(d dimension) bool { return d.name == name })
	if i < 0 {
		return dimension{}, false
	}
	return all[i], true
}

// report is usage summed by some dimensions.
type report struct {
	organization, account string
	name                  string
	complete              string // the day up to which usage is complete, "" when nobody said so
	from, to              time.Time
	by                    []dimension
	rows                  []*reportRow
	byKey                 map[string]*reportRow
}

// reportRow is what has the same keys and the same currency. What has no price
// has no currency, and a row of its own.
type reportRow struct {
	keys       []entity
	currency   string
	metric     string // "" when there are several, which cannot be summed
	unit       string
	consumed   decimal.Decimal
	list, cost decimal.Decimal
}

// add adds a row of usage to the row it belongs to.
func (r *report) add(u *usageRow) {
	keys := make([]entity, len(r.by))
	var key strings.Builder
	for i, d := range r.by {
		keys[i] = d.of(u)
		key.WriteString(keys[i].id + "\x00")
	}
	if u.BilledCost == nil {
		u.Currency = ""
	}
	key.WriteString(u.Currency)
	row := r.byKey[key.String()]
	if row == nil {
		if r.byKey == nil {
			r.byKey = map[string]*reportRow{}
		}
		row = &reportRow{currency: u.Currency, metric: u.MetricID, unit: u.ConsumedUnit}
		r.byKey[key.String()] = row
		r.rows = append(r.rows, row)
	}
	row.keys = keys // with the names that they had last
	row.add(u)
}

func (row *reportRow) add(u *usageRow) {
	if row.metric != u.MetricID {
		row.metric, row.unit = "", ""
	}
	row.consumed = row.consumed.Add(u.Consumed)
	if u.BilledCost != nil {
		row.cost = row.cost.Add(*u.BilledCost)
	}
	if u.ListCost != nil {
		row.list = row.list.Add(*u.ListCost)
	}
}

// sort puts what costs most first, key by key, and what has an order in time
// in that.
func (r *report) sort() {
	costs := map[string]decimal.Decimal{} // of rows that begin with the same keys
	prefix := func(row *reportRow, n int) string {
		var b strings.Builder
		for _, k := range row.keys[:n+1] {
			b.WriteString(k.id + "\x00")
		}
		return b.String()
	}
	for _, row := range r.rows {
		for n := range row.keys {
			p := prefix(row, n)
			costs[p] = costs[p].Add(row.cost)
		}
	}
	slices.SortStableFunc(r.rows, func(a, b *reportRow) int {
		for n, d := range r.by {
			if a.keys[n].id == b.keys[n].id {
				continue
			}
			order := 0
			if !d.time {
				order = cmp.Or(costs[prefix(b, n)].Cmp(costs[prefix(a, n)]), cmp.Compare(a.keys[n].name, b.keys[n].name))
			}
			return cmp.Or(order, cmp.Compare(a.keys[n].id, b.keys[n].id))
		}
		return cmp.Compare(b.currency, a.currency) // what has no price comes last
	})
}

// total is what all rows of a currency cost.
type total struct {
	currency   string
	list, cost decimal.Decimal
}

// totals returns the totals of all currencies, in their order.
func (r *report) totals() []total {
	var all []total
	for _, row := range r.rows {
		if row.currency == "" {
			continue
		}
		i, found := slices.BinarySearchFunc(all, row.currency, func(t total, c string) int { return cmp.Compare(t.currency, c) })
		if !found {
			all = slices.Insert(all, i, total{currency: row.currency})
		}
		all[i].list, all[i].cost = all[i].list.Add(row.list), all[i].cost.Add(row.cost)
	}
	return all
}
