package sqlstore

import (
	"context"
	"fmt"
	"strings"

	"github.com/orgd/orgd/internal/org"
)

// Dialects are the names of the engines, as in the names of files.
func Dialects() []string { return []string{sqliteDialect.name, postgresDialect.name} }

// recorder remembers what it is asked.
type recorder struct {
	conn
	statements []statement
}

func (r *recorder) query(ctx context.Context, text string, args []any, each func(row) error) error {
	r.statements = append(r.statements, statement{text, args})
	return r.conn.query(ctx, text, args, each)
}

func (r *recorder) search(ctx context.Context, text string, args []any, each func(row) error) error {
	r.statements = append(r.statements, statement{text, args})
	return r.conn.search(ctx, text, args, each)
}

// Waiting is how many transactions wait to be committed with others.
func (s *Store) Waiting() int {
	c := &s.backend.(*postgresBackend).committer
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.waiting)
}

// Explain returns the plans of all statements that a call makes, but for those
// that count: they have to look at all that they count.
func (s *Store) Explain(ctx context.Context, call func(org.Reader) error) (string, error) {
	var plans strings.Builder
	err := s.snapshot(ctx, func(r *reader) error {
		rec := &recorder{conn: r.conn}
		if err := call(&reader{conn: rec, dialect: r.dialect}); err != nil {
			return err
		}
		for _, st := range rec.statements {
			if strings.HasPrefix(st.text, "SELECT COUNT(*)") {
				continue
			}
			if err := explain(ctx, r, st, &plans); err != nil {
				return fmt.Errorf("explain %s: %w", st.text, err)
			}
		}
		return nil
	})
	return plans.String(), err
}

func explain(ctx context.Context, r *reader, st statement, plans *strings.Builder) error {
	if r.dialect == sqliteDialect {
		return r.conn.query(ctx, "EXPLAIN QUERY PLAN "+st.text, st.args, func(row row) error {
			var id, parent, unused int64
			var detail string
			err := row.Scan(&id, &parent, &unused, &detail)
			fmt.Fprintln(plans, detail)
			return err
		})
	}
	return r.conn.search(ctx, "EXPLAIN "+st.text, st.args, func(row row) error {
		var line string
		err := row.Scan(&line)
		fmt.Fprintln(plans, line)
		return err
	})
}

// Schema returns the tables and indexes of the database as statements that
// people can read.
func (s *Store) Schema(ctx context.Context) (string, error) {
	sql := sqliteSchemaSQL
	if s.dialect == postgresDialect {
		sql = postgresSchemaSQL
	}
	var b strings.Builder
	b.WriteString("-- The schema after all migrations, written by a test; change it by adding migrations.\n")
	err := s.conn.query(ctx, sql, nil, func(row row) error {
		var text string
		err := row.Scan(&text)
		fmt.Fprintf(&b, "\n%s;\n", text)
		return err
	})
	return b.String(), err
}

const sqliteSchemaSQL = `SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' AND tbl_name <> 'goose_db_version'
	ORDER BY tbl_name, type DESC, name`

const postgresSchemaSQL = `SELECT text FROM (
	SELECT c.relname AS of, 0 AS kind, c.relname AS name, format(E'CREATE TABLE %s (\n%s\n)', c.relname, (
		SELECT string_agg(format('    %s %s%s%s', a.attname, format_type(a.atttypid, a.atttypmod),
			CASE WHEN l.collname IS NOT NULL AND l.collname <> 'default' THEN format(' COLLATE "%s"', l.collname) ELSE '' END,
			CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END), E',\n' ORDER BY a.attnum)
		FROM pg_attribute a LEFT JOIN pg_collation l ON l.oid = a.attcollation
		WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped))
		|| COALESCE(' WITH (' || array_to_string(c.reloptions, ', ') || ')', '') AS text
	FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
	UNION ALL
	SELECT r.relname, 1, n.conname, format('ALTER TABLE %s ADD CONSTRAINT %s %s', r.relname, n.conname, pg_get_constraintdef(n.oid))
	FROM pg_constraint n JOIN pg_class r ON r.oid = n.conrelid WHERE r.relnamespace = 'public'::regnamespace
	UNION ALL
	SELECT tablename, 2, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
		AND indexname NOT IN (SELECT conname FROM pg_constraint)
	) parts WHERE of <> 'goose_db_version' ORDER BY of COLLATE "C", kind, name COLLATE "C"`
