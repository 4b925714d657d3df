package main

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/orgd/orgd/bench/meter"
	"github.com/orgd/orgd/bench/table"
)

// facts are those of the machine and of the runs, none of which identify it.
func (o options) facts() string {
	return fmt.Sprintf("- %d cores, %s, %s, PocketBase %s\n- %d organizations, %d accounts; %s\n",
		runtime.NumCPU(), runtime.Version(), postgresVersion(), pocketBaseVersion(o.binaries), o.size.Organizations, o.size.Accounts, o.runFacts())
}

// auditFacts are those of the lines about audit logs.
func (o options) auditFacts() string {
	return fmt.Sprintf("- %d cores, %s, %s\n- %d records in %d organizations, %d in the largest; %s\n",
		runtime.NumCPU(), runtime.Version(), postgresVersion(), o.records, auditOrganizations, o.largest(), o.runFacts())
}

// usageFacts are those of the lines about usage.
func (o options) usageFacts() string {
	return fmt.Sprintf("- %d cores, %s, %s\n- %d accounts, %d metrics; %d connections that push; %d runs of each side, in turn; medians, with the least and the greatest in brackets\n",
		runtime.NumCPU(), runtime.Version(), postgresVersion(), o.usageAccounts, meter.Metrics, o.connections, o.runs)
}

func (o options) runFacts() string {
	return fmt.Sprintf("%d connections where requests are counted, in (b) as its lines say; %d runs of %v of each side, in turn; medians, with the least and the greatest in brackets",
		o.connections, o.runs, o.time)
}

// writeReport writes the table with what it was measured on.
func writeReport(out io.Writer, facts string, lines []table.Line) error {
	_, err := fmt.Fprintf(out, "# The last run of `make bench`\n\nWritten by `bench/run -write`; README.md says what each line is and how it is measured.\n\n%s\n", facts)
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return table.Markdown(out, lines)
}

func postgresVersion() string {
	out, err := exec.CommandContext(context.Background(), "/usr/lib/postgresql/15/bin/postgres", "--version").Output()
	if err != nil {
		return "PostgreSQL of an unknown version"
	}
	fields := strings.Fields(string(out))
	return "PostgreSQL " + fields[min(2, len(fields)-1)]
}

// pocketBaseVersion reads the version out of the program that ran.
func pocketBaseVersion(binaries string) string {
	info, err := buildinfo.ReadFile(filepath.Join(binaries, "pocketbase"))
	if err != nil {
		return "of an unknown version"
	}
	for _, m := range info.Deps {
		if m.Path == "github.com/pocketbase/pocketbase" {
			return m.Version
		}
	}
	return "of an unknown version"
}
