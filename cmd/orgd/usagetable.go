package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/shopspring/decimal"
)

// column is a column of a table on a terminal.
type column struct {
	head  string
	right bool
	cells []string
}

// barWidth is how long the longest bar is, in characters.
const barWidth = 16

// print prints a table with a total for each currency.
func (r *report) print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Usage of %s, %s\n", r.name, span(r.from, r.to))
	if len(r.rows) == 0 {
		b.WriteString("\nThere is none.\n")
	} else {
		rows, note := r.shown()
		b.WriteByte('\n')
		writeTable(&b, r.columns(rows, r.totals()), len(rows))
		b.WriteString(note)
	}
	if r.complete != "" && r.complete < r.to.Format(time.DateOnly) {
		through, err := time.Parse(time.DateOnly, r.complete)
		if err != nil {
			return fmt.Errorf("read how far usage is complete: %w", err)
		}
		fmt.Fprintf(&b, "\nComplete up to %s. Later days may still grow.\n", span(through, through))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// span writes days as 1 to 23 November 2026.
func span(from, to time.Time) string {
	const whole = "2 January 2006"
	switch {
	case from.Equal(to):
		return from.Format(whole)
	case from.Year() != to.Year():
		return from.Format(whole) + " to " + to.Format(whole)
	case from.Month() != to.Month():
		return from.Format("2 January") + " to " + to.Format(whole)
	}
	return from.Format("2") + " to " + to.Format(whole)
}

// several reports whether some row has several metrics, which cannot be summed.
func (r *report) several() bool {
	return slices.ContainsFunc(r.rows, func(row *reportRow) bool { return row.metric == "" })
}

// shown returns the rows to show, and what has to be said about them. Where no
// quantities are shown, a row without a price says nothing beside one of the
// same keys with a price.
func (r *report) shown() (rows []*reportRow, note string) {
	several := r.several()
	for i, row := range r.rows {
		if row.currency != "" {
			rows = append(rows, row)
			continue
		}
		note = "\nWhat has no price is on no bill.\n"
		if several && i > 0 && sameKeys(row, r.rows[i-1], len(r.by)-1) {
			note = "\nSome of it has no price and is on no bill: --by metric shows what.\n"
			continue
		}
		rows = append(rows, row)
	}
	return rows, note
}

// columns lays the rows out, and the totals below them.
func (r *report) columns(rows []*reportRow, totals []total) []column {
	var all []column
	for i, d := range r.by {
		all = append(all, keyColumn(rows, i, strings.ToUpper(d.name)))
	}
	if len(totals) > 0 {
		all[0].cells = append(all[0].cells, "Total")
	}
	if !r.several() {
		consumed, unit := column{head: "CONSUMED", right: true}, column{head: "UNIT"}
		for _, row := range rows {
			consumed.cells, unit.cells = append(consumed.cells, showQuantity(row.consumed)), append(unit.cells, row.unit)
		}
		all = append(all, consumed, unit)
	}
	list, cost, currency := column{head: "AT LIST PRICE", right: true}, column{head: "COST", right: true}, column{}
	add := func(t total) {
		list.cells, cost.cells, currency.cells = append(list.cells, showMoney(t.list)), append(cost.cells, showMoney(t.cost)), append(currency.cells, t.currency)
	}
	discounted := false
	for _, row := range rows {
		if row.currency == "" {
			list.cells, cost.cells, currency.cells = append(list.cells, ""), append(cost.cells, "no price"), append(currency.cells, "")
			continue
		}
		discounted = discounted || !row.list.Equal(row.cost)
		add(total{row.currency, row.list, row.cost})
	}
	for _, t := range totals {
		add(t)
	}
	if discounted {
		all = append(all, list)
	}
	all = append(all, cost, currency)
	if len(totals) == 1 && len(rows) > 1 { // amounts of several currencies do not compare
		all = append(all, bars(rows))
	}
	return all
}

// keyColumn returns the names of a key. What the row above has as well is left
// out, so that groups stand out.
func keyColumn(rows []*reportRow, i int, head string) column {
	c := column{head: head}
	for n, row := range rows {
		name := cmp.Or(row.keys[i].name, row.keys[i].id, "–")
		if n > 0 && sameKeys(row, rows[n-1], i) {
			name = ""
		}
		c.cells = append(c.cells, name)
	}
	return c
}

// sameKeys reports whether two rows have the same keys up to the last.
func sameKeys(a, b *reportRow, last int) bool {
	for i := range last + 1 {
		if a.keys[i].id != b.keys[i].id {
			return false
		}
	}
	return true
}

// bars shows how the costs compare.
func bars(rows []*reportRow) column {
	var c column
	var most decimal.Decimal
	for _, row := range rows {
		most = decimal.Max(most, row.cost)
	}
	for _, row := range rows {
		bar := ""
		if row.cost.IsPositive() {
			eighths := row.cost.Mul(decimal.NewFromInt(barWidth*8)).DivRound(most, 0).IntPart()
			bar = strings.Repeat("█", int(eighths/8))
			if rest := eighths % 8; rest > 0 {
				bar += string([]rune("▏▎▍▌▋▊▉")[rest-1])
			}
		}
		c.cells = append(c.cells, bar)
	}
	return c
}

// showQuantity writes a quantity so that it can be read: with separators, and
// decimals where they matter.
func showQuantity(d decimal.Decimal) string {
	if d.Abs().GreaterThanOrEqual(decimal.NewFromInt(1000)) {
		return grouped(d.StringFixed(0))
	}
	return grouped(d.Round(3).String())
}

// showMoney writes an amount with two decimals. What is too little for that
// is not nothing.
func showMoney(d decimal.Decimal) string {
	if !d.IsZero() && d.Abs().LessThan(decimal.New(1, -2)) {
		if d.IsNegative() {
			return ">-0.01"
		}
		return "<0.01"
	}
	return grouped(d.StringFixed(2))
}

// grouped separates the thousands of a number.
func grouped(s string) string {
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}
	whole, fraction, point := strings.Cut(s, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if point {
		whole += "." + fraction
	}
	return sign + whole
}

// writeTable writes the columns, with a line above what comes after the rows:
// the totals.
func writeTable(b *strings.Builder, columns []column, rows int) {
	widths := make([]int, len(columns))
	lines, ruled := 0, 0
	for i, c := range columns {
		widths[i] = utf8.RuneCountInString(c.head)
		for _, cell := range c.cells {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
		lines = max(lines, len(c.cells))
	}
	for i, c := range columns {
		if len(c.cells) > rows {
			ruled = -2
			for _, w := range widths[:i+1] {
				ruled += w + 2
			}
		}
	}
	writeLine(b, columns, widths, func(c *column) string { return c.head })
	for n := range lines {
		if n == rows {
			b.WriteString(strings.Repeat("─", ruled) + "\n")
		}
		writeLine(b, columns, widths, func(c *column) string {
			if n < len(c.cells) {
				return c.cells[n]
			}
			return ""
		})
	}
}

func writeLine(b *strings.Builder, columns []column, widths []int, cell func(*column) string) {
	var line strings.Builder
	for i := range columns {
		text := cell(&columns[i])
		space := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(text))
		if columns[i].right {
			text = space + text
		} else {
			text += space
		}
		line.WriteString(text + "  ")
	}
	b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
}
