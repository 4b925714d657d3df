package sqlstore

import (
	"context"
	"time"

	"github.com/orgd/orgd/internal/id"
)

// SubtreePaths implements org.AuditReader. What was deleted below something
// that was moved since then still has its old path: it goes by its parent.
func (r *reader) SubtreePaths(ctx context.Context, o id.Organization, since time.Time) ([][]id.Organization, error) {
	const livePathsSQL = `SELECT o.path FROM organization_closure c JOIN organizations o ON o.id = c.descendant_id WHERE c.ancestor_id = $1`
	const deletedSQL = `WITH RECURSIVE gone(id, parent_id, level) AS (
			SELECT o.id, o.parent_id, 1 FROM organization_closure c JOIN organizations o ON o.parent_id = c.descendant_id
			WHERE c.ancestor_id = $1 AND o.deleted_at <> 0 AND o.deleted_at >= $2
			UNION ALL SELECT o.id, o.parent_id, g.level + 1 FROM gone g JOIN organizations o ON o.parent_id = g.id
			WHERE o.deleted_at <> 0 AND o.deleted_at >= $2)
		SELECT id, parent_id FROM gone ORDER BY level`
	var all [][]id.Organization
	at := make(map[id.Organization]int)
	add := func(path []id.Organization) {
		at[path[len(path)-1]] = len(all)
		all = append(all, path)
	}
	err := r.snapshot(ctx, func(r *reader) error {
		err := r.query(ctx, livePathsSQL, []any{string(o)}, func(row row) error {
			var path string
			if err := row.Scan(&path); err != nil {
				return err
			}
			add(splitPath(path))
			return nil
		})
		if err != nil {
			return err
		}
		return r.query(ctx, deletedSQL, []any{string(o), micros(since)}, func(row row) error {
			var child, parent id.Organization
			if err := row.Scan((*string)(&child), (*string)(&parent)); err != nil {
				return err
			}
			above := all[at[parent]]
			add(append(above[:len(above):len(above)], child))
			return nil
		})
	})
	return all, err
}

// logsOf skips from one log to the next in an index that begins with column.
func logsOf(column string) string {
	return `WITH RECURSIVE logs(log_id) AS (
			SELECT (SELECT log_id FROM audit_records WHERE ` + column + ` = $1 AND ` + column + ` <> '' ORDER BY log_id LIMIT 1)
			UNION ALL SELECT (SELECT r.log_id FROM audit_records r WHERE r.` + column + ` = $1 AND r.` + column + ` <> '' AND r.log_id > logs.log_id ORDER BY r.log_id LIMIT 1)
			FROM logs WHERE logs.log_id IS NOT NULL)
		SELECT log_id FROM logs WHERE log_id IS NOT NULL`
}

// AccountLogs implements org.AuditReader.
func (r *reader) AccountLogs(ctx context.Context, a id.Account) ([]id.Log, error) {
	return r.logs(ctx, logsOf("account_id"), string(a))
}

// ResourceLogs implements org.AuditReader.
func (r *reader) ResourceLogs(ctx context.Context, resource string) ([]id.Log, error) {
	return r.logs(ctx, logsOf("resource_id"), resource)
}

func (r *reader) logs(ctx context.Context, sql, key string) ([]id.Log, error) {
	var all []id.Log
	if !storable(key) {
		return nil, nil
	}
	err := r.query(ctx, sql, []any{key}, func(row row) error {
		var log id.Log
		err := row.Scan((*string)(&log))
		all = append(all, log)
		return err
	})
	return all, err
}
