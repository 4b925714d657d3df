package sqlstore_test

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/engine/enginetest"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
)

// TestMergedAuditPlans demands of the statements for a page of several logs,
// for every family of filters, both forms, both directions, the first page and
// a later one, that each log is looked up by its indexes, in the window.
func TestMergedAuditPlans(t *testing.T) {
	t.Parallel()
	logs := []id.Log{"log 0", "log 1", "log 2"}
	for _, e := range enginetest.All(t) {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			url := e.Migrated(t)
			s := openStore(t, url)
			fillLogs(t, s)
			if err := s.Update(t.Context(), func(tx org.Tx) error { return tx.JournalAudits(t.Context(), logs, logStart) }); err != nil {
				t.Fatal(err)
			}
			if e.Name == "postgres" { // SQLite plans alike for all sizes
				e.Exec(t, url, `INSERT INTO audit_journal SELECT i, 'log ' || (3 + i % 1000), i, i FROM generate_series(1, 30000) i; ANALYZE`)
			}
			for field := range audit.FieldZone { // which no column has
				for _, not := range []bool{false, true} {
					checkMergedPlans(t, e.Name, s, logs, audit.Query{
						Since: logStart.Add(2400 * time.Second), Before: logStart.Add(2600 * time.Second), Limit: 10,
						Filters: []audit.Filter{{Field: field, Not: not, Values: []string{"2500"}}},
					})
				}
			}
		})
	}
}

func checkMergedPlans(t *testing.T, engine string, s interface {
	Explain(context.Context, func(org.Reader) error) (string, error)
	org.Reader
}, logs []id.Log, q audit.Query,
) {
	t.Helper()
	whole := regexp.MustCompile(`Seq Scan|SCAN (audit_\w+|r|j)\b`)
	bounded := regexp.MustCompile(`Index Cond: \(.*\(log_id = .* AND \(seq >= .*\) AND \(seq <= `)
	window := regexp.MustCompile(`audit_records_time on audit_records`)
	if engine == "sqlite" {
		bounded = regexp.MustCompile(`\((\w+=\? AND )?log_id=\?( AND \w+=\?)? AND seq>\? AND seq<\?\)`)
		window = regexp.MustCompile(`audit_records_time \(log_id=\? AND time`)
	}
	for _, q.Ascending = range []bool{false, true} {
		q.Tick, q.After = 0, 0
		for range 2 {
			plan, err := s.Explain(t.Context(), func(r org.Reader) error { _, err := r.ListAudits(t.Context(), logs, q); return err })
			if err != nil {
				t.Fatal(err)
			}
			about := fmt.Sprintf("%+v", q)
			if whole.MatchString(plan) {
				t.Errorf("%s: a table is read from one end to the other:\n%s", about, plan)
			}
			single := q.Filters[0].Field == audit.FieldID && !q.Filters[0].Not // needs no more than the log
			if len(window.FindAllString(plan, -1)) < 2 || !single && !bounded.MatchString(plan) {
				t.Errorf("%s: the plan is not bounded by log and window:\n%s", about, plan)
			}
			index, rare := selective[q.Filters[0].Field]
			if engine == "sqlite" && slices.Contains(readInOrder, q.Filters[0].Field) {
				index = "COVERING INDEX audit_records_log"
			}
			if rare && !q.Filters[0].Not && !strings.Contains(plan, index) {
				t.Errorf("%s: want %s, got\n%s", about, index, plan)
			}
			m, err := s.ListAudits(t.Context(), logs, q)
			if err != nil {
				t.Fatal(err)
			}
			if len(m.Records) > 0 {
				q.Tick, q.After = m.Tick, m.Records[len(m.Records)-1].Seq
			}
		}
	}
}
