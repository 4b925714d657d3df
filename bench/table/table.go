// Package table holds the measured lines, judges them and prints them.
package table

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// Bound is how a ratio must stand to what is wanted.
type Bound int

// The bounds. An informational line has none.
const (
	None Bound = iota
	AtLeast
	AtMost
)

// Line is one comparison: the same number of runs of each side, in turn.
type Line struct {
	Name   string
	Unit   string // of a sample: "req/s", "ms", "MB"
	Ours   []float64
	Base   []float64 // empty when ours is compared with Wanted itself
	Bound  Bound
	Wanted float64
	Note   string // what the baseline is, for the written table
}

// Ratio is median of ours over median of the baseline, or the median itself without one.
func (l Line) Ratio() float64 {
	if len(l.Base) == 0 {
		return Median(l.Ours)
	}
	return Median(l.Ours) / Median(l.Base)
}

// Pass reports whether the ratio is within the bound.
func (l Line) Pass() bool {
	switch l.Bound {
	case AtLeast:
		return l.Ratio() >= l.Wanted
	case AtMost:
		return l.Ratio() <= l.Wanted
	default:
		return true
	}
}

// Verdict is PASS, FALLS SHORT, or "info" for a line without a bound.
func (l Line) Verdict() string {
	switch {
	case l.Bound == None:
		return "info"
	case l.Pass():
		return "PASS"
	default:
		return "FALLS SHORT"
	}
}

// Median is the middle of the samples, 0 without any.
func Median(samples []float64) float64 {
	if len(samples) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(samples))
	middle := len(s) / 2
	if len(s)%2 == 1 {
		return s[middle]
	}
	return (s[middle-1] + s[middle]) / 2
}

func (l Line) cells() []string {
	return []string{l.Name, l.value(l.Ours), l.value(l.Base), l.ratio(), l.wanted(), l.Verdict()}
}

func header() []string {
	return []string{"line", "ours (median)", "baseline (median)", "ratio", "wanted", "verdict"}
}

func (l Line) value(samples []float64) string {
	if len(samples) == 0 {
		return "-"
	}
	return fmt.Sprintf("%s %s (%s..%s)", short(Median(samples)), l.Unit, short(slices.Min(samples)), short(slices.Max(samples)))
}

func short(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}

func (l Line) ratio() string {
	if len(l.Base) == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", l.Ratio())
}

func (l Line) wanted() string {
	sign := map[Bound]string{AtLeast: ">=", AtMost: "<="}[l.Bound]
	switch {
	case l.Bound == None:
		return "-"
	case len(l.Base) == 0:
		return fmt.Sprintf("%s %s %s", sign, short(l.Wanted), l.Unit)
	default:
		return fmt.Sprintf("%s %.2f", sign, l.Wanted)
	}
}

// Print writes the lines as aligned text, and then says which of them fall short.
func Print(out io.Writer, lines []Line) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(header(), "\t"))
	for _, l := range lines {
		fmt.Fprintln(w, strings.Join(l.cells(), "\t"))
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("print the table: %w", err)
	}
	_, err := fmt.Fprintln(out, "\n"+Summary(lines))
	return err
}

// Summary says how many lines pass and names the others.
func Summary(lines []Line) string {
	judged, missed := 0, []string(nil)
	for _, l := range lines {
		if l.Bound == None {
			continue
		}
		judged++
		if !l.Pass() {
			missed = append(missed, fmt.Sprintf("FALLS SHORT: %s: %s, wanted %s", l.Name, short(l.Ratio()), l.wanted()))
		}
	}
	if len(missed) == 0 {
		return fmt.Sprintf("All %d lines pass.", judged)
	}
	return strings.Join(append(missed, fmt.Sprintf("%d of %d lines fall short.", len(missed), judged)), "\n")
}

// Markdown writes the lines as a Markdown table, with their notes below.
func Markdown(out io.Writer, lines []Line) error {
	var b strings.Builder
	row := func(cells []string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	row(header())
	row([]string{"---", "---:", "---:", "---:", "---:", "---"})
	for _, l := range lines {
		row(l.cells())
	}
	b.WriteString("\n" + Summary(lines) + "\n\n")
	for _, l := range lines {
		if l.Note != "" {
			fmt.Fprintf(&b, "- %s: %s\n", l.Name, l.Note)
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}
