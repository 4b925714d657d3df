package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orgd/orgd/bench/load"
	"github.com/orgd/orgd/bench/orgd"
	"github.com/orgd/orgd/bench/proc"
	"github.com/orgd/orgd/bench/table"
)

const (
	pushBatch         = 100
	pushOrganizations = 100
	pushStretch       = 4 // how many times as long as others a run of pushes is
	pushWait          = 2 * time.Minute
)

// linePush is (k): pushing records over HTTP, with trees that are signed, beside COPY of the same rows.
func (s *suite) linePush(ctx context.Context) error {
	if err := s.startAuditPostgres(ctx); err != nil {
		return err
	}
	st, err := s.newAuditDatabase(ctx, "push", pushOrganizations)
	if err != nil {
		return err
	}
	key, err := s.signingKey(ctx)
	if err != nil {
		return err
	}
	st.server, err = orgd.Serve(ctx, s.program("push", append(serveFlags("normal"), "--audit-key", key)...), st.url)
	if err != nil {
		return err
	}
	s.later(st.server.Stop)
	tree, err := proc.PostgresTree(ctx, st.url)
	if err != nil {
		return err
	}
	return withConn(ctx, st.url, func(conn *pgx.Conn) error {
		p := &pushes{suite: s, store: st, conn: conn, tree: tree}
		if err := p.prepare(ctx); err != nil {
			return err
		}
		line := table.Line{
			Name: "(k) push batches of 100, trees caught up", Unit: "rows/s", Bound: table.AtLeast, Wanted: 0.3,
			Note: "baseline: one COPY of the same rows into a table with the same columns and indexes; both durable",
		}
		if err := s.alternate(line, func() (float64, error) { return p.push(ctx) }, func() (float64, error) { return p.copyRows(ctx) }); err != nil {
			return err
		}
		s.lines = append(s.lines, table.Line{
			Name: "(k) the same, until the last answer", Unit: "rows/s", Ours: p.answered,
			Note: "the tree builder works meanwhile, and after it",
		}, table.Line{
			Name: "(k) the same, processor time", Unit: "us/row", Ours: p.ours, Base: p.base,
			Note: fmt.Sprintf("of orgd and PostgreSQL for one row, ours: orgd %.0f, PostgreSQL %.0f", table.Median(p.server), table.Median(p.ours)-table.Median(p.server)),
		})
		s.say("%s", s.lines[len(s.lines)-1].Note)
		return nil
	})
}

// signingKey makes the key that checkpoints are signed with.
func (s *suite) signingKey(ctx context.Context) (string, error) {
	file := filepath.Join(s.dir, "audit.key")
	cmd := exec.CommandContext(ctx, filepath.Join(s.binaries, "orgd"), "audit", "keygen", "--origin", "bench.example.com/orgd", "--out", file)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("make a signing key: %w: %s", err, out)
	}
	return file, nil
}

// pushes are runs of pushing, each followed by one that copies what it left.
type pushes struct {
	*suite
	store    *store
	conn     *pgx.Conn
	columns  string
	done     int64 // the greatest time in the log that was copied already
	batches  atomic.Int64
	answered []float64 // rows per second without the wait for the trees

	tree               proc.Tree
	ours, base, server []float64 // processor time of a row, in microseconds; server is orgd's part of ours
}

// cost measures the processor time of do, which returns a number of rows, and adds that of a row to the samples.
func (p *pushes) cost(do func() (rows float64, err error)) (server, database float64, err error) {
	before, err := p.store.server.CPU()
	if err != nil {
		return 0, 0, err
	}
	began, err := p.tree.CPU()
	if err != nil {
		return 0, 0, err
	}
	rows, err := do()
	if err != nil {
		return 0, 0, err
	}
	after, err := p.store.server.CPU()
	if err != nil {
		return 0, 0, err
	}
	ended, err := p.tree.CPU()
	return float64((after - before).Microseconds()) / rows, float64((ended - began).Microseconds()) / rows, err
}

// prepare makes the table that COPY fills.
func (p *pushes) prepare(ctx context.Context) error {
	if err := p.await(ctx); err != nil {
		return err
	}
	for _, statement := range []string{
		"DROP TABLE IF EXISTS copied", "CREATE TABLE copied (LIKE audit_records INCLUDING ALL)",
	} {
		if _, err := p.conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	const columns = `SELECT string_agg(column_name, ', ' ORDER BY ordinal_position) FROM information_schema.columns WHERE table_name = 'audit_records'`
	if err := p.conn.QueryRow(ctx, columns).Scan(&p.columns); err != nil {
		return fmt.Errorf("list the columns: %w", err)
	}
	return p.last(ctx, &p.done)
}

func (p *pushes) last(ctx context.Context, time *int64) error {
	if err := p.conn.QueryRow(ctx, "SELECT max(time) FROM audit_records").Scan(time); err != nil {
		return fmt.Errorf("find the last record: %w", err)
	}
	return nil
}

// push is a run. Its time ends when every record is in its tree.
func (p *pushes) push(ctx context.Context) (float64, error) {
	if _, err := p.conn.Exec(ctx, "CHECKPOINT"); err != nil {
		return 0, fmt.Errorf("checkpoint: %w", err)
	}
	before := p.batches.Load()
	requests := make([]load.Request, p.connections)
	for i := range requests {
		requests[i] = p.requests()
	}
	var rows float64
	began := time.Now()
	server, database, err := p.cost(func() (float64, error) {
		_, err := load.Run(ctx, load.Options{
			Addr: p.store.server.Addr, Connections: p.connections, Duration: p.time * pushStretch, WantStatus: http.StatusOK,
		}, func(conn, seq int, buf []byte) []byte { return requests[conn](conn, seq, buf) })
		rows = float64((p.batches.Load() - before) * pushBatch)
		p.answered = append(p.answered, rows/time.Since(began).Seconds())
		return rows, errors.Join(err, p.await(ctx))
	})
	took := time.Since(began)
	p.server, p.ours = append(p.server, server), append(p.ours, server+database)
	return rows / took.Seconds(), err
}

// await waits until the builder has caught up with every log.
func (p *pushes) await(ctx context.Context) error {
	const behind = `SELECT count(*) FROM audit_heads h LEFT JOIN audit_trees t ON t.log_id = h.log_id WHERE coalesce(t.size, 0) < h.seq`
	for end := time.Now().Add(pushWait); ; {
		var n int
		if err := p.conn.QueryRow(ctx, behind).Scan(&n); err != nil {
			return fmt.Errorf("ask how far the trees are: %w", err)
		}
		if n == 0 {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("%d trees are still behind their logs", n)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// pushRecord is what is pushed; the number signs stand for digits of a number that no other record has.
const pushRecord = `{"id":"run-############","source":"directory","time":"2026-01-02T03:04:05.678Z",` +
	`"action":{"type":"update","result":"success","description":"Change group membership"},` +
	`"actor":{"type":"external_user","id":"emp-############","email":"person.############@example.com","ip_address":"192.0.2.77"},` +
	`"raw":{"method":"PATCH","uri":"/v1/groups/############/members","status_code":200,"user_agent":"directory-sync/2.7 (linux; amd64)"},` +
	`"resource":{"id":"group-############","type":"group","product":"directory",` +
	`"request":{"op":"add","members":["emp-############"],"reason":"on call rotation"},` +
	`"before":{"name":"On call","members":["emp-000000000001","emp-000000000002"]},` +
	`"after":{"name":"On call","members":["emp-000000000001","emp-000000000002","emp-############"]}}}`

// requests returns the pushes of one connection, to the organizations in turn. Only digits are written for each.
func (p *pushes) requests() load.Request {
	const mark = "############"
	body := "[" + strings.Repeat(pushRecord+",", pushBatch-1) + pushRecord + "]"
	messages := make([][]byte, len(p.store.data.Organizations))
	for i, o := range p.store.data.Organizations {
		messages[i] = load.Message("POST", "/orgd/v1/organizations/"+o+"/audit", body, bearer(p.store.admin)...)
	}
	var places [][]int // of the marks in a body, record by record
	perRecord, first := strings.Count(pushRecord, mark), bytes.Index(messages[0], []byte(mark))
	start := bytes.Index(messages[0], []byte("\r\n\r\n")) + 4
	for at := first; at >= 0 && at < len(messages[0]); {
		if len(places) == 0 || len(places[len(places)-1]) == perRecord {
			places = append(places, nil)
		}
		places[len(places)-1] = append(places[len(places)-1], at-start)
		next := bytes.Index(messages[0][at+len(mark):], []byte(mark))
		if next < 0 {
			break
		}
		at += len(mark) + next
	}
	return func(_, _ int, buf []byte) []byte {
		n := p.batches.Add(1)
		buf = append(buf, messages[int(n)%len(messages)]...)
		start := bytes.Index(buf, []byte("\r\n\r\n")) + 4
		for i, marks := range places {
			digits := fmt.Sprintf("%012d", n*pushBatch+int64(i))
			for _, at := range marks {
				copy(buf[start+at:], digits)
			}
		}
		return buf
	}
}

// copyRows copies the rows of the last run.
func (p *pushes) copyRows(ctx context.Context) (float64, error) {
	var text bytes.Buffer
	var last int64
	if err := p.last(ctx, &last); err != nil {
		return 0, err
	}
	rows := fmt.Sprintf("COPY (SELECT %s FROM audit_records WHERE time > %d AND time <= %d ORDER BY time, log_id, seq) TO STDOUT", p.columns, p.done, last)
	tag, err := p.conn.PgConn().CopyTo(ctx, &text, rows)
	if err != nil {
		return 0, fmt.Errorf("read the rows of the run: %w", err)
	}
	p.done = last
	if tag.RowsAffected() == 0 {
		return 0, errors.New("the run left no rows")
	}
	if _, err := p.conn.Exec(ctx, "CHECKPOINT"); err != nil {
		return 0, fmt.Errorf("checkpoint: %w", err)
	}
	began := time.Now()
	copied := float64(tag.RowsAffected())
	_, database, err := p.cost(func() (float64, error) {
		_, err := p.conn.PgConn().CopyFrom(ctx, &text, "COPY copied ("+p.columns+") FROM STDIN")
		return copied, err
	})
	if err != nil {
		return 0, fmt.Errorf("copy the rows: %w", err)
	}
	took := time.Since(began)
	p.base = append(p.base, database)
	return copied / took.Seconds(), nil
}
