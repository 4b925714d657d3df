// Package bulk fills the audit logs of a database with very many records, made from a few that orgd wrote.
package bulk

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// The shape of a log.
const (
	actors      = 50     // of an organization, the first of them the busiest
	perResource = 12     // records about one resource, on average
	Rare        = 10     // actors that did one record in RareOne each
	RareOne     = 10_000 // 0.01 %
	sources     = 2000   // records that histories are asked of
	seed        = 20260801
)

// Spec says what to fill. The first organization gets Largest records; the others share the rest, some much and some
// little.
type Spec struct {
	Organizations []string
	Records       int
	Largest       int
	Since, Before time.Time // of the records, spread evenly
}

// Filled is what is known of the records of the largest organization.
type Filled struct {
	Records  int
	RowBytes float64  // average, as text
	Sources  []string // ids of records, each of a resource with a history
}

// RareActor is the id of the actor number n of the largest organization that did hardly anything.
func RareActor(n int) string { return fmt.Sprintf("%032x", 0xaaaa0000+n) }

// Fill replaces all records of the database by those of s. The rows that orgd wrote before are their pattern. Indexes
// are built after the load.
func Fill(ctx context.Context, conn *pgx.Conn, s Spec) (Filled, error) {
	columns, err := columnsOf(ctx, conn)
	if err != nil {
		return Filled{}, err
	}
	patterns, err := patternsOf(ctx, conn, columns)
	if err != nil {
		return Filled{}, err
	}
	rebuild, err := strip(ctx, conn)
	if err != nil {
		return Filled{}, err
	}
	g := newGenerator(s, columns, patterns)
	if err := g.copyTo(ctx, conn); err != nil {
		return Filled{}, err
	}
	if err := execAll(ctx, conn, rebuild); err != nil {
		return Filled{}, err
	}
	const heads = `INSERT INTO audit_heads (log_id, seq, time) SELECT log_id, max(seq), max(time) FROM audit_records GROUP BY log_id`
	if err := execAll(ctx, conn, []string{heads}); err != nil {
		return Filled{}, err
	}
	return Filled{Records: g.rows, RowBytes: float64(g.bytes) / float64(g.rows), Sources: g.sources}, nil
}

func columnsOf(ctx context.Context, conn *pgx.Conn) ([]string, error) {
	const columns = `SELECT column_name::text FROM information_schema.columns WHERE table_name = 'audit_records' ORDER BY ordinal_position`
	rows, err := conn.Query(ctx, columns)
	if err != nil {
		return nil, fmt.Errorf("list the columns: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// patternsOf returns the rows that are there, in the text format of COPY, grouped by the type of their resource. Large
// bodies are left out: ten million of them would fill the disk.
func patternsOf(ctx context.Context, conn *pgx.Conn, columns []string) ([][][][]byte, error) {
	var text bytes.Buffer
	statement := "COPY (SELECT " + strings.Join(columns, ", ") + " FROM audit_records" +
		" WHERE resource_id <> '' AND length(request) + length(response) + length(before_change) + length(after_change) < 600" +
		" ORDER BY resource_type, id) TO STDOUT"
	if _, err := conn.PgConn().CopyTo(ctx, &text, statement); err != nil {
		return nil, fmt.Errorf("read the patterns: %w", err)
	}
	at := map[string]int{}
	var groups [][][][]byte
	for line := range bytes.Lines(text.Bytes()) {
		fields := bytes.Split(bytes.Clone(bytes.TrimSuffix(line, []byte("\n"))), []byte("\t"))
		kind := string(fields[index(columns, "resource_type")])
		i, ok := at[kind]
		if !ok {
			i = len(groups)
			at[kind] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], fields)
	}
	if len(groups) == 0 {
		return nil, errors.New("there are no records to make others from")
	}
	return groups, nil
}

func index(columns []string, name string) int {
	for i, c := range columns {
		if c == name {
			return i
		}
	}
	return -1
}

// strip empties the tables of the audit log and takes the indexes of the records away. It returns what builds them again.
func strip(ctx context.Context, conn *pgx.Conn) ([]string, error) {
	rows, err := conn.Query(ctx, `SELECT tablename::text FROM pg_tables WHERE tablename LIKE 'audit\_%' ORDER BY 1`)
	if err != nil {
		return nil, fmt.Errorf("list the tables: %w", err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("list the tables: %w", err)
	}
	rows, err = conn.Query(ctx, `SELECT i.indexname::text, i.indexdef, coalesce(pg_get_constraintdef(c.oid), '')
		FROM pg_indexes i LEFT JOIN pg_constraint c ON c.conname = i.indexname WHERE i.tablename = 'audit_records' ORDER BY 1`)
	if err != nil {
		return nil, fmt.Errorf("list the indexes: %w", err)
	}
	rebuild := []string{"SET maintenance_work_mem = '1GB'"}
	drop := []string{"TRUNCATE " + strings.Join(tables, ", ")}
	var name, definition, constraint string
	_, err = pgx.ForEachRow(rows, []any{&name, &definition, &constraint}, func() error {
		if constraint != "" {
			drop = append(drop, "ALTER TABLE audit_records DROP CONSTRAINT "+name)
			rebuild = append(rebuild, "ALTER TABLE audit_records ADD CONSTRAINT "+name+" "+constraint)
			return nil
		}
		drop, rebuild = append(drop, "DROP INDEX "+name), append(rebuild, definition)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list the indexes: %w", err)
	}
	return rebuild, execAll(ctx, conn, drop)
}

func execAll(ctx context.Context, conn *pgx.Conn, statements []string) error {
	for _, s := range statements {
		if _, err := conn.Exec(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}

// generator writes rows in the text format of COPY, in the order in which time passes in all logs together.
type generator struct {
	Spec
	columns  []string
	patterns [][][][]byte
	order    []uint16 // the organization of each row
	seqs     []int
	random   *rand.Rand
	at       map[string]int
	rows     int
	bytes    int64
	sources  []string
}

func newGenerator(s Spec, columns []string, patterns [][][][]byte) *generator {
	g := &generator{
		Spec: s, columns: columns, patterns: patterns, seqs: make([]int, len(s.Organizations)),
		random: rand.New(rand.NewPCG(seed, uint64(len(s.Organizations)))), at: map[string]int{},
	}
	for i, c := range columns {
		g.at[c] = i
	}
	for o, n := range s.counts() {
		for range n {
			g.order = append(g.order, uint16(o))
		}
	}
	g.random.Shuffle(len(g.order), func(i, j int) { g.order[i], g.order[j] = g.order[j], g.order[i] })
	return g
}

// counts gives the largest its records and lets those of the others fall off in a straight line.
func (s *Spec) counts() []int {
	counts := make([]int, len(s.Organizations))
	counts[0] = min(s.Largest, s.Records)
	others := len(counts) - 1
	left, shares := s.Records-counts[0], others*(others+1)/2
	for i := 1; i <= others; i++ {
		counts[i] = left * (others + 1 - i) / shares
	}
	return counts
}

func (g *generator) copyTo(ctx context.Context, conn *pgx.Conn) error {
	in, out := io.Pipe()
	go func() {
		w := bufio.NewWriterSize(out, 1<<20)
		err := g.write(w)
		out.CloseWithError(errors.Join(err, w.Flush()))
	}()
	_, err := conn.PgConn().CopyFrom(ctx, in, "COPY audit_records ("+strings.Join(g.columns, ", ")+") FROM STDIN")
	if err != nil {
		return fmt.Errorf("load the records: %w", errors.Join(err, in.CloseWithError(err)))
	}
	return nil
}

func (g *generator) write(w *bufio.Writer) error {
	row := make([][]byte, len(g.columns))
	span := g.Before.Sub(g.Since)
	var line []byte
	for i, o := range g.order {
		when := g.Since.Add(time.Duration(float64(span) * (float64(i) / float64(len(g.order)))))
		g.fill(row, i, int(o), when)
		line = line[:0]
		for n, field := range row {
			if n > 0 {
				line = append(line, '\t')
			}
			line = append(line, field...)
		}
		line = append(line, '\n')
		if _, err := w.Write(line); err != nil {
			return err
		}
		g.rows++
		g.bytes += int64(len(line))
	}
	return nil
}

// fill makes row i of all, the next one of organization o. Its resource decides what it looks like.
func (g *generator) fill(row [][]byte, i, o int, when time.Time) {
	g.seqs[o]++
	seq := g.seqs[o]
	resource := g.random.IntN(max(g.size(o)/perResource, 1))
	group := g.patterns[resource%len(g.patterns)]
	copy(row, group[g.random.IntN(len(group))])
	id := fmt.Sprintf("%012x7%03x8%015x", when.UnixMilli(), i&0xfff, i)
	g.set(row, "log_id", g.Organizations[o])
	g.set(row, "seq", strconv.Itoa(seq))
	g.set(row, "id", id)
	g.set(row, "time", strconv.FormatInt(when.UnixMicro(), 10))
	g.set(row, "raw_ray_id", fmt.Sprintf("%016x-ORG", g.random.Uint64()))
	g.set(row, "resource_id", fmt.Sprintf("%08x7000%020x", o, resource))
	actor := int(float64(actors) * g.random.Float64() * g.random.Float64())
	person := fmt.Sprintf("%032x", o<<16|actor)
	if n := seq % RareOne; o == 0 && n%(RareOne/Rare) == 7 {
		person = RareActor(n / (RareOne / Rare))
	}
	g.set(row, "actor_id", person)
	g.set(row, "actor_email", "person-"+person[20:]+"@example.com")
	g.set(row, "actor_ip", fmt.Sprintf("10.%d.%d.%d", o>>8, o&255, actor))
	g.set(row, "actor_token_id", fmt.Sprintf("%032x", o<<20|actor))
	if o == 0 && len(g.sources) < sources && seq%7 == 0 {
		g.sources = append(g.sources, id)
	}
}

// size is how many records organization o gets, about.
func (g *generator) size(o int) int {
	if o == 0 {
		return g.Largest
	}
	return g.Records / len(g.Organizations)
}

func (g *generator) set(row [][]byte, column, value string) {
	if i, ok := g.at[column]; ok {
		row[i] = []byte(value)
	}
}
