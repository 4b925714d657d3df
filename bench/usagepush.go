package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orgd/orgd/bench/load"
	"github.com/orgd/orgd/bench/meter"
	"github.com/orgd/orgd/bench/orgd"
	"github.com/orgd/orgd/bench/proc"
	"github.com/orgd/orgd/bench/table"
)

const (
	usageBatch     = 1000
	usageTemplates = 64  // different batches
	singles        = 997 // different events that are sent by themselves
	usageStretch   = 2   // how many times as long as others a run of pushes is
	usageBranches  = 50  // organizations that the accounts are in
	pushUsagePath  = "/orgd/v1/usage/events"
)

// linesIngest are (m) and (n): events in batches, beside COPY of the same events, and beside one event per request.
func (s *suite) linesIngest(ctx context.Context) error {
	if err := s.startAuditPostgres(ctx); err != nil {
		return err
	}
	st, err := s.newUsagePostgres(ctx, "ingest")
	if err != nil {
		return err
	}
	if err := s.serveUsage(ctx, st, "ingest"); err != nil {
		return err
	}
	tree, err := proc.PostgresTree(ctx, st.url)
	if err != nil {
		return err
	}
	at, source := time.Now().UTC().Truncate(time.Second).Add(-time.Minute), meter.NewSource(st.data.Accounts)
	return withConn(ctx, st.url, func(conn *pgx.Conn) error {
		in := &ingest{
			suite: s, store: st, conn: conn, tree: tree,
			batches: meter.NewBatches(source, "/meters/edge", usageTemplates, usageBatch, at),
			singles: meter.NewBatches(source, "/meters/single", singles, 1, at),
		}
		if _, err := conn.Exec(ctx, meter.Table); err != nil {
			return fmt.Errorf("create the table of the baseline: %w", err)
		}
		if err := in.measure(ctx); err != nil {
			return err
		}
		return in.check(ctx)
	})
}

// newUsagePostgres makes a database on PostgreSQL with accounts and prices, and leaves no server on it.
func (s *suite) newUsagePostgres(ctx context.Context, name string) (*store, error) {
	address, drop, err := s.auditPostgres.CreateDatabase(ctx)
	if err != nil {
		return nil, err
	}
	s.later(drop)
	return s.newUsageStore(ctx, name, &store{engine: "postgres", url: address})
}

// newUsageStore fills st with accounts that have prices.
func (s *suite) newUsageStore(ctx context.Context, name string, st *store) (*store, error) {
	if err := s.bootstrap(ctx, st); err != nil {
		return nil, err
	}
	address := st.url
	if st.engine == "postgres" {
		address = hurried(address)
	}
	server, err := orgd.Serve(ctx, s.program(name+"-"+st.engine+"-load", serveFlags("normal")...), address)
	if err != nil {
		return nil, err
	}
	client := server.Client(st.admin)
	st.data, err = orgd.Load(ctx, client, orgd.Size{Organizations: usageBranches, Accounts: s.usageAccounts})
	if err == nil {
		err = client.Post(ctx, "/orgd/v1/usage/price_lists", map[string]string{"yaml": meter.PriceList()}, nil)
	}
	if err == nil {
		path := "/orgd/v1/organizations/" + st.data.Organizations[0] + "/price_book"
		err = client.Call(ctx, http.MethodPut, path, map[string]string{"book_id": meter.Book, "start": "2020-01-01"}, nil)
	}
	return st, errors.Join(err, server.Stop())
}

// serveUsage starts the server to measure.
func (s *suite) serveUsage(ctx context.Context, st *store, name string) error {
	var err error
	st.server, err = orgd.Serve(ctx, s.program(name+"-"+st.engine, serveFlags("full")...), st.url)
	if err == nil {
		s.later(st.server.Stop)
	}
	return err
}

// ingest is runs of three sides: batches, COPY of what was in them, and events one by one.
type ingest struct {
	*suite
	store            *store
	conn             *pgx.Conn
	tree             proc.Tree
	batches, singles *meter.Batches
	sent, single     atomic.Int64 // how many of each were sent so far
	copied           int          // how many batches were copied so far

	ours, base, server []float64
}

func (in *ingest) measure(ctx context.Context) error {
	if err := in.warm(ctx); err != nil {
		return err
	}
	batches := table.Line{
		Name: "(m) push usage in batches of 1000", Unit: "rows/s", Bound: table.AtLeast, Wanted: 0.25,
		Note: "baseline: one COPY of the same events into one table with a unique index on source and id; both durable",
	}
	one := table.Line{
		Name: "(n) the same, beside one event per request", Unit: "rows/s", Bound: table.AtLeast, Wanted: 10,
		Note: "baseline: the same events, connections and server, one event per request",
	}
	for range in.runs {
		for _, side := range []struct {
			run func(context.Context) (float64, error)
			to  *[]float64
		}{{in.push, &batches.Ours}, {in.copyRows, &batches.Base}, {in.pushSingles, &one.Base}} {
			sample, err := side.run(ctx)
			if err != nil {
				return fmt.Errorf("%s: %w", batches.Name, err)
			}
			*side.to = append(*side.to, sample)
		}
	}
	one.Ours = batches.Ours
	cpu := table.Line{
		Name: "(m) the same, processor time", Unit: "us/row", Ours: in.ours, Base: in.base,
		Note: fmt.Sprintf("of orgd and PostgreSQL for one row, ours: orgd %.1f, PostgreSQL %.1f", table.Median(in.server), table.Median(in.ours)-table.Median(in.server)),
	}
	in.lines = append(in.lines, batches, cpu, one)
	in.say("%s: ratio %.2f %s; %s", batches.Name, batches.Ratio(), batches.Verdict(), cpu.Note)
	in.say("%s: ratio %.2f %s", one.Name, one.Ratio(), one.Verdict())
	return nil
}

// warm sends every batch once, so that all lines of the day are there and no run differs from the next.
func (in *ingest) warm(ctx context.Context) error {
	began := time.Now()
	next := in.requests(in.batches, &in.sent)
	for in.sent.Load() < usageTemplates {
		_, err := load.Run(ctx, load.Options{
			Addr: in.store.server.Addr, Connections: 1, Duration: time.Millisecond, WantStatus: http.StatusOK,
		}, next())
		if err != nil {
			return err
		}
	}
	in.copied = int(in.sent.Load())
	in.say("(m) %d batches to begin with, in %.1f s", in.copied, time.Since(began).Seconds())
	return settle(ctx, in.store.url)
}

// requests returns what makes the requests of a connection, which keeps the header that it has written.
func (in *ingest) requests(b *meter.Batches, sent *atomic.Int64) func() load.Request {
	head := load.Message("POST", pushUsagePath, "", bearer(in.store.admin)...)
	head = append(bytes.TrimSuffix(head, []byte("\r\n")), "Content-Type: application/json\r\nContent-Length: "...)
	return func() load.Request {
		return func(_, _ int, buf []byte) []byte {
			n := int(sent.Add(1) - 1)
			buf = strconv.AppendInt(append(buf, head...), int64(b.Length(n)), 10)
			return b.AppendBody(append(buf, "\r\n\r\n"...), n)
		}
	}
}

// counted returns how many events the days have in all.
func (in *ingest) counted(ctx context.Context) (int64, error) {
	var n int64
	if err := in.conn.QueryRow(ctx, "SELECT sum(events)::bigint FROM usage_days").Scan(&n); err != nil {
		return 0, fmt.Errorf("add the days up: %w", err)
	}
	return n, nil
}

// drive pushes for a time and returns how many events were counted, and how long it took until the last answer.
func (in *ingest) drive(ctx context.Context, next load.Request) (rows float64, took time.Duration, err error) {
	before, err := in.counted(ctx)
	if err != nil {
		return 0, 0, err
	}
	if _, err := in.conn.Exec(ctx, "CHECKPOINT"); err != nil {
		return 0, 0, fmt.Errorf("checkpoint: %w", err)
	}
	began := time.Now()
	_, err = load.Run(ctx, load.Options{
		Addr: in.store.server.Addr, Connections: in.connections, Duration: in.time * usageStretch, WantStatus: http.StatusOK,
	}, next)
	took = time.Since(began)
	if err != nil {
		return 0, 0, err
	}
	after, err := in.counted(ctx)
	return float64(after - before), took, err
}

// push is a run of batches.
func (in *ingest) push(ctx context.Context) (float64, error) {
	var took time.Duration
	rows, server, database, err := in.cost(func() (rows float64, err error) {
		rows, took, err = in.drive(ctx, in.requests(in.batches, &in.sent)())
		return rows, err
	})
	in.server, in.ours = append(in.server, server), append(in.ours, server+database)
	return rows / took.Seconds(), err
}

// pushSingles is a run of events one by one.
func (in *ingest) pushSingles(ctx context.Context) (float64, error) {
	rows, took, err := in.drive(ctx, in.requests(in.singles, &in.single)())
	return rows / took.Seconds(), err
}

// copyRows copies the events of the last run of batches that were new.
func (in *ingest) copyRows(ctx context.Context) (float64, error) {
	var text []byte
	for end := int(in.sent.Load()); in.copied < end; in.copied++ {
		text = in.batches.AppendRows(text, in.copied)
	}
	if _, err := in.conn.Exec(ctx, "CHECKPOINT"); err != nil {
		return 0, fmt.Errorf("checkpoint: %w", err)
	}
	var took time.Duration
	rows, _, database, err := in.cost(func() (float64, error) {
		began := time.Now()
		tag, err := in.conn.PgConn().CopyFrom(ctx, bytes.NewReader(text), "COPY raw_events FROM STDIN")
		took = time.Since(began)
		return float64(tag.RowsAffected()), err
	})
	if err != nil {
		return 0, fmt.Errorf("copy the events: %w", err)
	}
	in.base = append(in.base, database)
	return rows / took.Seconds(), nil
}

// cost measures the processor time of a row, in microseconds, of orgd and of PostgreSQL.
func (in *ingest) cost(do func() (rows float64, err error)) (rows, server, database float64, err error) {
	server0, err := in.store.server.CPU()
	if err != nil {
		return 0, 0, 0, err
	}
	database0, err := in.tree.CPU()
	if err != nil {
		return 0, 0, 0, err
	}
	if rows, err = do(); err != nil {
		return 0, 0, 0, err
	}
	server1, err := in.store.server.CPU()
	if err != nil {
		return 0, 0, 0, err
	}
	database1, err := in.tree.CPU()
	return rows, float64((server1 - server0).Microseconds()) / rows, float64((database1 - database0).Microseconds()) / rows, err
}

// check makes sure that every event was counted once: those that were sent are those that are kept, and the totals
// of the days have as many.
func (in *ingest) check(ctx context.Context) error {
	var want int64
	for n := range int(in.sent.Load()) {
		want += int64(in.batches.New(n))
	}
	want += in.single.Load()
	days, err := in.counted(ctx)
	if err != nil {
		return err
	}
	var kept int64
	if err := in.conn.QueryRow(ctx, "SELECT count(*) FROM usage_events").Scan(&kept); err != nil {
		return fmt.Errorf("count the events: %w", err)
	}
	if kept != want || days != want {
		return fmt.Errorf("(m): %d events are kept and the days have %d, want %d", kept, days, want)
	}
	in.say("(m) %d events were counted once each", want)
	return nil
}
