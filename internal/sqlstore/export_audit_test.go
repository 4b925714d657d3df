package sqlstore

import (
	"context"
	"strings"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/id"
)

// AuditPlan returns the plans of the statements that find the window of a
// list of records, and its page.
func (s *Store) AuditPlan(ctx context.Context, log id.Log, q audit.Query) (window, page string, err error) {
	explain := "EXPLAIN "
	if s.dialect.name == "sqlite" {
		explain = "EXPLAIN QUERY PLAN "
	}
	run := func(sql string, args []any) (string, error) {
		var lines []string
		err := s.search(ctx, explain+sql, args, func(r row) error {
			var line string
			into := []any{&line}
			if s.dialect.name == "sqlite" {
				into = []any{new(int64), new(int64), new(int64), &line}
			}
			err := r.Scan(into...)
			lines = append(lines, line)
			return err
		})
		return strings.Join(lines, "\n"), err
	}
	window, err = run(auditWindowSQL, []any{string(log), edge(q.Since), edge(q.Before)})
	if err != nil {
		return "", "", err
	}
	first, last, err := s.auditWindow(ctx, log, q)
	if err != nil {
		return "", "", err
	}
	b := &builder{dialect: s.dialect}
	listAudit(b, log, &q, first, last)
	page, err = run(b.text.String(), b.args)
	return window, page, err
}
