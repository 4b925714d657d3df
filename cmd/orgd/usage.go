package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/orgd/orgd/internal/usage/focus"
	"github.com/orgd/orgd/internal/usage/focuscheck"
)

// newUsage returns the commands about billable usage.
func newUsage() *cobra.Command {
	cmd := &cobra.Command{Use: "usage", Short: "Show usage and costs, set prices, check bills", Args: noArgs}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.AddCommand(newUsageReport(), newUsageLoad(), newUsageAssign(), newUsageCheck())
	return cmd
}

// checkFlags say how to check a file.
type checkFlags struct {
	version  string
	supports []string
	all      bool
	asJSON   bool
}

func newUsageCheck() *cobra.Command {
	var f checkFlags
	cmd := &cobra.Command{
		Use: "check FILE", Short: "Hold a file against the requirements of FOCUS",
		Long: "Hold a file of costs and usage against the requirements of FOCUS: CSV, JSON lines\n" +
			"or Parquet. The rules bear the ids that FOCUS publishes. The exit code is 3 when\nthe file breaks one that it must not break.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage(errors.New("usage check takes one file"))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd.OutOrStdout(), args[0]) },
	}
	fs := cmd.Flags()
	fs.StringVar(&f.version, "focus-version", focus.Version, "version of FOCUS: 1.2 or 1.3")
	fs.StringSliceVar(&f.supports, "supports", nil, "what the provider supports, such as REGION_SUPPORTED, which makes columns mandatory (repeatable)")
	fs.BoolVar(&f.all, "rules", false, "list all rules, not only the broken ones")
	fs.BoolVar(&f.asJSON, "json", false, "print JSON")
	return cmd
}

func (f *checkFlags) run(out io.Writer, name string) (err error) {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	reader, format, err := focus.Open(file)
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	report, err := focuscheck.Check(reader, focuscheck.Options{Version: f.version, Supports: f.supports})
	if err != nil {
		return fmt.Errorf("check %s: %w", name, err)
	}
	show := f.print
	if f.asJSON {
		show = f.printJSON
	}
	if err := show(out, name, format, report); err != nil {
		return err
	}
	if failed := len(report.Failed(focuscheck.Must)); failed > 0 {
		return &failure{code: exitViolations, err: fmt.Errorf("%s breaks %d rules of FOCUS %s", name, failed, report.Version)}
	}
	return nil
}

// outcome says how a file did by a rule.
func outcome(r *focuscheck.Result) string {
	switch {
	case r.Violations == 0:
		return "passed"
	case r.Keyword == focuscheck.Must:
		return "failed"
	}
	return "warning"
}

func (f *checkFlags) print(w io.Writer, name string, format focus.Format, report *focuscheck.Report) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for i := range report.Results {
		r := &report.Results[i]
		if r.Violations == 0 && !f.all {
			continue
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%s\n", outcome(r), r.ID, r.Keyword, r.Violations, r.Text)
		for _, e := range r.Examples {
			fmt.Fprintf(t, "\t\t\t\t  %s\n", place(&e))
		}
	}
	if f.all {
		for _, r := range report.Skipped {
			fmt.Fprintf(t, "skipped\t%s\t%s\t\t%s\n", r.ID, r.Keyword, r.Text)
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%s: FOCUS %s, %s, %d rows, %d columns, %d rules: %d failed, %d warnings, %d not applicable\n",
		name, report.Version, format, report.Rows, report.Columns, len(report.Results),
		len(report.Failed(focuscheck.Must)), len(report.Failed(focuscheck.Should)), len(report.Skipped))
	return err
}

// place describes an example.
func place(e *focuscheck.Example) string {
	s := e.Column
	if e.Row > 0 {
		s = fmt.Sprintf("row %d, %s", e.Row, e.Column)
		if e.Value == "" {
			s += " is null"
		} else {
			s += fmt.Sprintf(" is %q", e.Value)
		}
	}
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	return s
}

// ruleReport is a rule as it is printed in JSON.
type ruleReport struct {
	ID         string               `json:"id"`
	Keyword    focuscheck.Keyword   `json:"keyword"`
	Text       string               `json:"text"`
	Outcome    string               `json:"outcome"`
	Violations int64                `json:"violations"`
	Examples   []focuscheck.Example `json:"examples,omitempty"`
}

func (f *checkFlags) printJSON(w io.Writer, name string, format focus.Format, report *focuscheck.Report) error {
	out := struct {
		File         string       `json:"file"`
		FocusVersion string       `json:"focus_version"`
		Format       focus.Format `json:"format"`
		Rows         int64        `json:"rows"`
		Columns      int          `json:"columns"`
		Failed       int          `json:"failed"`
		Warnings     int          `json:"warnings"`
		Rules        []ruleReport `json:"rules"`
	}{
		File: name, FocusVersion: report.Version, Format: format, Rows: report.Rows, Columns: report.Columns,
		Failed: len(report.Failed(focuscheck.Must)), Warnings: len(report.Failed(focuscheck.Should)), Rules: []ruleReport{},
	}
	for i := range report.Results {
		r := &report.Results[i]
		if r.Violations > 0 || f.all {
			out.Rules = append(out.Rules, ruleReport{r.ID, r.Keyword, r.Text, outcome(r), r.Violations, r.Examples})
		}
	}
	if f.all {
		for _, r := range report.Skipped {
			out.Rules = append(out.Rules, ruleReport{ID: r.ID, Keyword: r.Keyword, Text: r.Text, Outcome: "skipped"})
		}
	}
	return json.NewEncoder(w).Encode(out)
}
