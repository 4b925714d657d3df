// Command bench measures orgd beside its baselines and prints one table. README.md says what each line is.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"github.com/orgd/orgd/bench/orgd"
	"github.com/orgd/orgd/bench/table"
)

// options are the flags.
type options struct {
	binaries    string
	write       bool
	only        string
	strict      bool
	runs        int
	connections int
	time        time.Duration
	size        orgd.Size
	records     int
	// usageAccounts is how many accounts have usage.
	usageAccounts int
}

func main() {
	var o options
	flag.StringVar(&o.binaries, "binaries", "", "folder with the built programs orgd, bare and pocketbase")
	flag.BoolVar(&o.write, "write", false, "also write the table to RESULTS.md")
	flag.StringVar(&o.only, "only", "abcdef", "the lines to measure; ghijkl are about audit logs, mno about usage")
	flag.BoolVar(&o.strict, "strict", false, "exit with 1 when a line falls short")
	flag.IntVar(&o.runs, "runs", 5, "runs of each side")
	flag.IntVar(&o.connections, "connections", 8, "connections of each side where requests per second are counted")
	flag.DurationVar(&o.time, "time", 1500*time.Millisecond, "length of a run")
	flag.IntVar(&o.size.Organizations, "organizations", 10_000, "organizations in the large data set")
	flag.IntVar(&o.size.Accounts, "accounts", 50_000, "accounts in the large data set")
	flag.IntVar(&o.records, "records", 10_000_000, "audit records in the large database; one in 100 is in the largest log")
	flag.IntVar(&o.usageAccounts, "usage-accounts", 500, "accounts that have usage")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	lines, err := measure(ctx, o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	if err := report(o, lines); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	if o.strict && fallsShort(lines) {
		os.Exit(1)
	}
}

func fallsShort(lines []table.Line) bool {
	for _, l := range lines {
		if !l.Pass() {
			return true
		}
	}
	return false
}

func measure(ctx context.Context, o options) (lines []table.Line, err error) {
	s, err := newSuite(o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	steps := []struct {
		letters string // of the lines that need it
		run     func(context.Context) error
	}{
		{"abcde", s.startStores},
		{"a", s.lineGet},
		{"c", s.lineLimited},
		{"d", s.lineFlat},
		{"e", s.linePocketBase},
		{"b", s.lineCreate},
		{"f", s.lineMemory},
		{"ghij", s.startAudit},
		{"g", s.linePages},
		{"h", s.lineActor},
		{"i", s.lineNegated},
		{"j", s.lineHistory},
		{"k", s.linePush},
		{"l", s.lineExport},
		{"mn", s.linesIngest},
		{"o", s.linesUsage},
	}
	for _, step := range steps {
		if !strings.ContainsAny(o.only, step.letters) {
			continue
		}
		if err := step.run(ctx); err != nil {
			return nil, err
		}
	}
	return s.lines, nil
}

func report(o options, lines []table.Line) error {
	fmt.Println()
	if err := table.Print(os.Stdout, lines); err != nil {
		return err
	}
	if !o.write {
		return nil
	}
	audit, usage := from(lines, "(g)"), from(lines, "(m)")
	return errors.Join(writeFile("RESULTS.md", o.facts(), lines[:audit]),
		writeFile("RESULTS-AUDIT.md", o.auditFacts(), lines[audit:usage]),
		writeFile("RESULTS-USAGE.md", o.usageFacts(), lines[usage:]))
}

// from returns where the lines from that name on begin.
func from(lines []table.Line, name string) int {
	if i := slices.IndexFunc(lines, func(l table.Line) bool { return l.Name >= name }); i >= 0 {
		return i
	}
	return len(lines)
}

// writeFile writes a table, unless it is empty.
func writeFile(name, facts string, lines []table.Line) error {
	if len(lines) == 0 {
		return nil
	}
	out, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("write the table: %w", err)
	}
	return errors.Join(writeReport(out, facts, lines), out.Close())
}
