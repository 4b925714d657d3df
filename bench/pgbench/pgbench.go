// Package pgbench is the baseline of a durable write: PostgreSQL's own load tool, inserting rows like ours into
// copies of our tables.
package pgbench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// debianPath is where Debian's package keeps the program; its wrapper on PATH costs a Perl start and no more.
const debianPath = "/usr/lib/postgresql/15/bin/pgbench"

const (
	schema  = "baseline"
	numbers = schema + ".numbers" // of the ids
)

// Variables of the script: i is unique and grows, p is the number of an id.
const (
	// NewID is a text like one of our ids, greater than all before it, as a new one of ours is.
	NewID = `('f' || lpad(to_hex(:i::bigint), 31, '0'))`
	// SomeID is one of the ids that are there.
	SomeID = `lpad(to_hex(:p::bigint), 32, '0')`
	// Counter is a number that never comes again.
	Counter = `:i::bigint`
)

// Table is a table of ours that the baseline inserts into a copy of.
type Table struct {
	Name string
	// Sample is the condition that selects one row of ours. Its values are inserted again and again,
	Sample string
	// except for these columns, which get an expression.
	Set map[string]string
	// IDs are the columns with ids that SomeID picks from.
	IDs []string
}

// column is a column of a table of ours.
type column struct{ Name, Type string }

// Bench is a prepared script.
type Bench struct {
	url, dir string
	known    int // ids
	runs     int
}

// Prepare copies the tables, with their rows and indexes and without their foreign keys, and writes the scripts to dir.
//
// A script cannot look ids up without doing more than inserting. So in the copies the ids, which a query selects, are
// numbered: as many, as long and in the same order, they lie in the indexes where ours do.
func Prepare(ctx context.Context, url, dir, ids string, tables []Table) (*Bench, error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("connect for the baseline: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for _, statement := range []string{
		"CREATE SCHEMA " + schema,
		"CREATE TABLE " + numbers + " (id, number) AS SELECT id, lpad(to_hex(row_number() OVER (ORDER BY id)), 32, '0') FROM (" + ids + ") AS ids (id)",
		"CREATE UNIQUE INDEX ON " + numbers + " (id)",
		"ANALYZE " + numbers,
	} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return nil, fmt.Errorf("prepare the schema of the baseline: %w", err)
		}
	}
	var known int
	if err := conn.QueryRow(ctx, "SELECT count(*) FROM "+numbers).Scan(&known); err != nil {
		return nil, fmt.Errorf("count the ids of the baseline: %w", err)
	}
	inserts := make([]string, len(tables))
	for i, t := range tables {
		columns, err := t.columns(ctx, conn)
		if err != nil {
			return nil, err
		}
		if err := t.copy(ctx, conn, columns); err != nil {
			return nil, err
		}
		if inserts[i], err = t.insert(ctx, conn, columns); err != nil {
			return nil, err
		}
	}
	b := &Bench{url: url, dir: dir, known: known}
	return b, errors.Join(b.write("plain", "", inserts, ""), b.write("pipeline", "\\startpipeline\n", inserts, "\\endpipeline\n"))
}

func (t Table) columns(ctx context.Context, conn *pgx.Conn) ([]column, error) {
	rows, err := conn.Query(ctx, `SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
		WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum`, t.Name)
	if err != nil {
		return nil, fmt.Errorf("columns of %s: %w", t.Name, err)
	}
	columns, err := pgx.CollectRows(rows, pgx.RowToStructByPos[column])
	if err != nil {
		return nil, fmt.Errorf("columns of %s: %w", t.Name, err)
	}
	return columns, nil
}

func (t Table) copy(ctx context.Context, conn *pgx.Conn, columns []column) error {
	of, values := schema+"."+t.Name, make([]string, len(columns))
	for i, c := range columns {
		values[i] = "t." + c.Name
		if slices.Contains(t.IDs, c.Name) {
			values[i] = "COALESCE((SELECT n.number FROM " + numbers + " n WHERE n.id = t." + c.Name + "), t." + c.Name + ")"
		}
	}
	for _, statement := range []string{
		"CREATE TABLE " + of + " (LIKE " + t.Name + " INCLUDING ALL)",
		"INSERT INTO " + of + " SELECT " + strings.Join(values, ", ") + " FROM " + t.Name + " t",
		"VACUUM ANALYZE " + of,
	} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("copy table %s: %w", t.Name, err)
		}
	}
	return nil
}

// insert renders the insert of the sample row.
func (t Table) insert(ctx context.Context, conn *pgx.Conn, columns []column) (string, error) {
	names, values := make([]string, len(columns)), make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.Name
		if expression, ok := t.Set[c.Name]; ok {
			values[i] = expression
			continue
		}
		sample := "SELECT quote_nullable(" + c.Name + "::text) FROM " + t.Name + " WHERE " + t.Sample + " LIMIT 1"
		if err := conn.QueryRow(ctx, sample).Scan(&values[i]); err != nil {
			return "", fmt.Errorf("sample column %s of %s: %w", c.Name, t.Name, err)
		}
		// pgbench would take a colon before a letter in a literal for a variable.
		values[i] = "(" + strings.ReplaceAll(values[i], ":", `'||chr(58)||'`) + ")::" + c.Type
	}
	return fmt.Sprintf("INSERT INTO %s.%s (%s) VALUES (%s);\n", schema, t.Name, strings.Join(names, ", "), strings.Join(values, ", ")), nil
}

func (b *Bench) write(name, before string, inserts []string, after string) error {
	text := "\\set n :n + 1\n\\set i :n * 64 + :client_id\n\\set p random(1, " + strconv.Itoa(b.known) + ")\n" +
		before + "BEGIN;\n" + strings.Join(inserts, "") + "COMMIT;\n" + after
	if err := os.WriteFile(b.file(name), []byte(text), 0o600); err != nil {
		return fmt.Errorf("write the script of pgbench: %w", err)
	}
	return nil
}

func (b *Bench) file(name string) string { return filepath.Join(b.dir, "pgbench-"+name+".sql") }

// Result is what one run counted.
type Result struct {
	Transactions int
	PerSecond    float64
	CPU          time.Duration // that pgbench itself used
}

// Plain runs BEGIN, two inserts and COMMIT as four prepared statements.
func (b *Bench) Plain(ctx context.Context, clients int, d time.Duration) (Result, error) {
	return b.run(ctx, "plain", clients, d)
}

// Pipelined runs the same with the four statements sent in one go.
func (b *Bench) Pipelined(ctx context.Context, clients int, d time.Duration) (Result, error) {
	return b.run(ctx, "pipeline", clients, d)
}

func (b *Bench) run(ctx context.Context, script string, clients int, d time.Duration) (Result, error) {
	b.runs++
	path := debianPath
	if _, err := os.Stat(path); err != nil {
		path = "pgbench"
	}
	cmd := exec.CommandContext(ctx, path, "--no-vacuum", "--protocol=prepared",
		"--client="+strconv.Itoa(clients), "--jobs=2", "--time="+strconv.Itoa(max(1, int(d.Seconds()+0.5))),
		"--define=n="+strconv.Itoa(b.runs*10_000_000), "--file="+b.file(script), b.url)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return Result{}, fmt.Errorf("run pgbench: %w: %s", err, out)
	}
	r, err := parse(string(out))
	r.CPU = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return r, err
}

// parse finds the counts in what pgbench prints, and refuses a run in which a transaction failed.
func parse(out string) (Result, error) {
	if !strings.Contains(out, "number of failed transactions: 0 ") {
		return Result{}, fmt.Errorf("pgbench had failed transactions: %s", out)
	}
	rate := regexp.MustCompile(`(?m)^tps = ([0-9.]+) \(without initial connection time\)`).FindStringSubmatch(out)
	count := regexp.MustCompile(`(?m)^number of transactions actually processed: ([0-9]+)`).FindStringSubmatch(out)
	if rate == nil || count == nil {
		return Result{}, fmt.Errorf("no rate in the output of pgbench: %s", out)
	}
	perSecond, err := strconv.ParseFloat(rate[1], 64)
	if err != nil {
		return Result{}, fmt.Errorf("rate of pgbench: %w", err)
	}
	n, err := strconv.Atoi(count[1])
	return Result{Transactions: n, PerSecond: perSecond}, err
}
