package sqlstore

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/id"
)

// auditColumns are the columns that the fields of filters are kept in.
var auditColumns = [audit.Fields]string{
	audit.FieldID:              "id",
	audit.FieldActionResult:    "action_result",
	audit.FieldActionType:      "action_type",
	audit.FieldActorContext:    "actor_context",
	audit.FieldActorEmail:      "actor_email",
	audit.FieldActorID:         "actor_id",
	audit.FieldActorIP:         "actor_ip",
	audit.FieldActorTokenID:    "actor_token_id",
	audit.FieldActorTokenName:  "actor_token_name",
	audit.FieldActorType:       "actor_type",
	audit.FieldRawRayID:        "raw_ray_id",
	audit.FieldRawMethod:       "raw_method",
	audit.FieldRawStatus:       "raw_status",
	audit.FieldRawURI:          "raw_uri",
	audit.FieldResourceID:      "resource_id",
	audit.FieldResourceProduct: "resource_product",
	audit.FieldResourceScope:   "resource_scope",
	audit.FieldResourceType:    "resource_type",
	audit.FieldAccount:         "account_id",
	audit.FieldZone:            "''",
}

// ListAudit implements org.AuditReader. The window is turned into a range of
// sequence numbers first, so that every index that begins with a log and ends
// with a number is bounded by both.
func (r *reader) ListAudit(ctx context.Context, log id.Log, q audit.Query) ([]audit.Record, bool, error) {
	var items []audit.Record
	err := r.snapshot(ctx, func(r *reader) error {
		first, last, err := r.auditWindow(ctx, log, q)
		if err != nil || first > last {
			return err
		}
		b := &builder{dialect: r.dialect}
		listAudit(b, log, &q, first, last)
		items, err = r.searchAudit(ctx, b)
		return err
	})
	if len(items) > q.Limit {
		return items[:q.Limit], true, err
	}
	return items, false, err
}

const auditWindowSQL = `SELECT
	COALESCE((SELECT seq FROM audit_records WHERE log_id = $1 AND time >= $2 ORDER BY time, seq LIMIT 1), 9223372036854775807),
	COALESCE((SELECT seq FROM audit_records WHERE log_id = $1 AND time < $3 ORDER BY time DESC, seq DESC LIMIT 1), 0)`

// auditWindow returns the first and the last number of the log that the page
// can have; the first is greater when it can have none.
func (r *reader) auditWindow(ctx context.Context, log id.Log, q audit.Query) (first, last int64, err error) {
	args := []any{string(log), edge(q.Since), edge(q.Before)}
	err = r.search(ctx, auditWindowSQL, args, func(row row) error { return row.Scan(&first, &last) })
	switch {
	case q.After == 0:
	case q.Ascending:
		first = max(first, q.After+1)
	default:
		last = min(last, q.After-1)
	}
	return first, last, err
}

// AuditRange implements org.AuditReader.
func (r *reader) AuditRange(ctx context.Context, log id.Log, since, before time.Time) (first, last int64, err error) {
	return r.auditWindow(ctx, log, audit.Query{Since: since, Before: before, Ascending: true})
}

// edge returns the first stored time that is not before t.
func edge(t time.Time) int64 { return t.Add(time.Microsecond - time.Nanosecond).UnixMicro() }

// listAudit composes the statement for a page, and one record more to know
// whether another follows.
func listAudit(b *builder, log id.Log, q *audit.Query, first, last int64) {
	b.add("SELECT ", recordColumns, " FROM audit_records WHERE log_id = ", b.arg(string(log)),
		" AND seq >= ", b.arg(first), " AND seq <= ", b.arg(last))
	for i := range q.Filters {
		filterAudit(b, &q.Filters[i])
	}
	b.add(" ORDER BY seq")
	if !q.Ascending {
		b.add(" DESC")
	}
	b.add(" LIMIT ", b.arg(q.Limit+1))
}

// fewValues is how many values a filter names one by one, so that the planner
// sees how common each is.
const fewValues = 10

func filterAudit(b *builder, f *audit.Filter) {
	column, in, equal := auditColumns[f.Field], " IN (", " = "
	if f.Not {
		in, equal = " NOT IN (", " <> "
	}
	values := auditValues(f)
	if f.Field == audit.FieldAccount && !f.Not && !slices.Contains(f.Values, "") {
		b.add(" AND account_id <> ''") // as its index says
	}
	switch {
	case len(values) == 0 && f.Not:
	case len(values) == 0:
		b.add(" AND 1 = 0")
	case len(values) == 1:
		b.add(" AND ", column, equal, b.arg(values[0]))
	case len(values) <= fewValues || f.Field == audit.FieldRawStatus:
		b.add(" AND ", column, in)
		for i, v := range values {
			if i > 0 {
				b.add(", ")
			}
			b.add(b.arg(v))
		}
		b.add(")")
	default:
		b.add(" AND ", column, in, "SELECT value FROM list(", b.arg(list(b.dialect, f.Values)), "))")
	}
}

// auditValues returns the values of a filter as they are stored, each once.
// What cannot be stored is in no record.
func auditValues(f *audit.Filter) []any {
	var out []any
	for i, v := range f.Values {
		if !storable(v) || slices.Contains(f.Values[:i], v) {
			continue
		}
		if f.Field != audit.FieldRawStatus {
			out = append(out, v)
		} else if n, err := strconv.ParseInt(v, 10, 32); err == nil && strconv.FormatInt(n, 10) == v {
			out = append(out, n)
		}
	}
	return out
}

func (r *reader) searchAudit(ctx context.Context, b *builder) ([]audit.Record, error) {
	var items []audit.Record
	err := r.search(ctx, b.text.String(), b.args, intoRecords(&items))
	return items, err
}

// AuditRecord implements org.AuditReader.
func (r *reader) AuditRecord(ctx context.Context, log id.Log, key id.Record) (audit.Record, error) {
	const auditRecordSQL = `SELECT ` + recordColumns + ` FROM audit_records WHERE log_id = $1 AND id = $2`
	var s recordScan
	if err := r.one(ctx, "audit log entry", auditRecordSQL, []any{string(log), string(key)}, s.into()...); err != nil {
		return audit.Record{}, err
	}
	return s.value()
}

// AuditRecordsByID implements org.AuditReader.
func (r *reader) AuditRecordsByID(ctx context.Context, log id.Log, ids []id.Record) ([]audit.Record, error) {
	const auditRecordsByIDSQL = `SELECT ` + recordColumns + ` FROM audit_records
		WHERE log_id = $1 AND id IN (SELECT value FROM list($2))` // in order, SQLite would read the whole log
	var all []audit.Record
	err := r.query(ctx, auditRecordsByIDSQL, []any{string(log), list(r.dialect, ids)}, intoRecords(&all))
	slices.SortFunc(all, func(a, b audit.Record) int { return cmp.Compare(a.Seq, b.Seq) })
	return all, err
}
