// Package focuscheck holds a file against the requirements of the Cost and
// Usage dataset of FOCUS, versions 1.2 and 1.3.
//
// Rules bear the ids of the requirements that FOCUS publishes for 1.2, which
// 1.3 kept; the sentences are ours. No such ids are published for what 1.3
// added, so those rules are called F13-<column>-<what>. Requirements that a
// file cannot show, such as that an amount is that of an invoice, have no rule
// here.
//
// A cell breaks one rule at most by itself: what is no number is not also a
// badly written number. Rules about several cells only look at rows where these
// are well written. So the report names causes, not consequences.
package focuscheck

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/orgd/orgd/internal/usage/focus"
)

// Keyword says how much a rule demands.
type Keyword string

// The keywords. Only what must be makes a file invalid.
const (
	Must   Keyword = "MUST"
	Should Keyword = "SHOULD"
)

// Rule is one requirement.
type Rule struct {
	ID      string
	Keyword Keyword
	Text    string
}

// Options say what to check.
type Options struct {
	Version string // 1.2 or 1.3; 1.3 when empty
	// Supports names the capabilities of the provider, such as
	// REGION_SUPPORTED, which make columns mandatory. AllCriteria lists them.
	Supports []string
}

// Example is a place that breaks a rule. Rows are counted from 1, without the
// header; row 0 is the file itself.
type Example struct {
	Row    int64  `json:"row"`
	Column string `json:"column,omitempty"`
	Value  string `json:"value,omitempty"`
	Detail string `json:"detail,omitempty"`
}

// Result is how a file does by one rule.
type Result struct {
	Rule
	Violations int64
	Examples   []Example // the first few
}

// Report is how a file does.
type Report struct {
	Version string
	Columns int
	Rows    int64
	Results []Result // of every rule that could be applied, in order
	Skipped []Rule   // those whose columns the file does not have
}

// Failed returns the results of rules with that keyword that were broken.
func (r *Report) Failed(k Keyword) []Result {
	var failed []Result
	for _, result := range r.Results {
		if result.Keyword == k && result.Violations > 0 {
			failed = append(failed, result)
		}
	}
	return failed
}

// The number of examples that are kept for a rule, and the bytes of a value.
const (
	maxExamples = 3
	maxValue    = 80
)

// Check reads all rows. An error means that the file cannot be read to its
// end; rows are not kept.
func Check(r focus.Reader, o Options) (*Report, error) {
	if o.Version == "" {
		o.Version = focus.Version
	}
	if o.Version != "1.2" && o.Version != focus.Version {
		return nil, fmt.Errorf("there are no rules for FOCUS %s, only for 1.2 and 1.3", o.Version)
	}
	for _, s := range o.Supports {
		if !slices.Contains(AllCriteria(), s) {
			return nil, fmt.Errorf("%q is none of the capabilities that FOCUS names", s)
		}
	}
	c := newChecker(r.Columns(), o)
	c.checkColumns()
	for {
		cells, err := r.Next()
		if errors.Is(err, io.EOF) {
			return c.report(), nil
		}
		if err != nil {
			return nil, err
		}
		c.rows++
		c.checkRow(cells)
	}
}

// checker holds what is the same for all rows.
type checker struct {
	options Options
	columns []string
	index   map[string]int
	specs   []*spec // by column of the file, nil for one that FOCUS does not know
	results []*Result
	byID    map[string]*Result
	rules   []rowRule
	skipped []Rule
	rows    int64
	row     row
}

func newChecker(columns []string, o Options) *checker {
	c := &checker{options: o, columns: slices.Clone(columns), index: map[string]int{}, byID: map[string]*Result{}}
	for i, name := range c.columns {
		if _, twice := c.index[name]; !twice {
			c.index[name] = i
		}
	}
	specs := map[string]*spec{}
	for _, s := range columnSpecs() {
		if s.since13 && o.Version == "1.2" {
			continue
		}
		specs[s.name] = &s
	}
	for _, name := range c.columns {
		c.specs = append(c.specs, specs[name])
	}
	c.row = row{cells: make([]cell, len(columns))}
	return c
}

// declare adds a rule that is applied to this file.
func (c *checker) declare(r Rule) {
	if c.byID[r.ID] == nil {
		c.byID[r.ID] = &Result{Rule: r}
		c.results = append(c.results, c.byID[r.ID])
	}
}

// found records a violation.
func (c *checker) found(id string, e Example) {
	r := c.byID[id]
	r.Violations++
	if len(r.Examples) < maxExamples {
		if len(e.Value) > maxValue {
			e.Value = e.Value[:maxValue] + "..."
		}
		r.Examples = append(r.Examples, e)
	}
}

func (c *checker) report() *Report {
	r := &Report{Version: c.options.Version, Columns: len(c.columns), Rows: c.rows, Skipped: c.skipped}
	for _, result := range c.results {
		r.Results = append(r.Results, *result)
	}
	return r
}

// checkRow checks each cell by itself, then the rules about several.
func (c *checker) checkRow(cells []focus.Cell) {
	for i := range cells {
		c.row.cells[i] = cell{Cell: cells[i]}
		c.checkCell(i, &c.row.cells[i])
	}
	for i := range c.rules {
		rule := &c.rules[i]
		if !c.row.applies(rule) {
			continue
		}
		if at, detail := rule.broken(&c.row); at >= 0 {
			c.found(rule.ID, Example{Row: c.rows, Column: c.columns[at], Value: c.row.cells[at].Text, Detail: detail})
		}
	}
}
