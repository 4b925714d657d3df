package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orgd/orgd/bench/load"
	"github.com/orgd/orgd/bench/orgd"
	"github.com/orgd/orgd/bench/table"
	"github.com/orgd/orgd/internal/engine/enginetest"
)

const (
	adminEmail = "admin@example.com"
	warmup     = 300 * time.Millisecond
	smallTree  = 100 // organizations of the small data set
	perSmall   = 5   // accounts per organization of the small data set
)

// serveFlags set the durability of SQLite (normal is what PocketBase has; PostgreSQL keeps its own), lift the rate
// limit, and admit all accounts below one root.
func serveFlags(synchronous string) []string {
	return []string{"--sqlite-synchronous", synchronous, "--rate-limit", "0", "--limits-accounts", "1000000"}
}

// store is a database with a data set and the server on it.
type store struct {
	engine  string
	url     string
	server  *orgd.Server
	admin   string // token of the root's super administrator
	limited string // token of the user with three grants
	data    orgd.Data
}

// suite holds what the lines share.
type suite struct {
	options
	dir      string
	start    time.Time
	postgres *enginetest.Postgres
	large    []*store // the full data set, SQLite first
	small    []*store // a hundred organizations, SQLite first
	lines    []table.Line
	cleanup  []func() error
	sequence int // requests sent so far, so that no run repeats another

	auditPostgres    *enginetest.Postgres
	audit, auditBase *auditStore // very many records, and those of one organization alone
}

func newSuite(o options) (*suite, error) {
	dir, err := os.MkdirTemp("", "orgd-bench-")
	if err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	s := &suite{options: o, dir: dir, start: time.Now()}
	s.later(func() error { return os.RemoveAll(dir) })
	return s, nil
}

// later postpones f to the end; the last postponed runs first.
func (s *suite) later(f func() error) { s.cleanup = append(s.cleanup, f) }

func (s *suite) close() error {
	var errs []error
	for i := len(s.cleanup) - 1; i >= 0; i-- {
		errs = append(errs, s.cleanup[i]())
	}
	return errors.Join(errs...)
}

func (s *suite) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%4.0fs %s\n", time.Since(s.start).Seconds(), fmt.Sprintf(format, args...))
}

// startStores loads the data sets on both engines and leaves a server on each.
func (s *suite) startStores(ctx context.Context) error {
	var err error
	if s.postgres, err = enginetest.StartPostgres(ctx, enginetest.Options{TCP: true, Fsync: true}); err != nil {
		return err
	}
	s.later(s.postgres.Stop)
	for _, set := range []struct {
		name string
		size orgd.Size
		to   *[]*store
	}{
		{"large", s.size, &s.large},
		{"small", orgd.Size{Organizations: smallTree, Accounts: smallTree * perSmall}, &s.small},
	} {
		for _, engine := range []string{"sqlite", "postgres"} {
			st, err := s.newStore(ctx, set.name, engine, set.size)
			if err != nil {
				return fmt.Errorf("prepare the %s %s database: %w", set.name, engine, err)
			}
			*set.to = append(*set.to, st)
		}
	}
	return nil
}

// newStore makes a database, loads it through a server that need not be durable, and starts the server to measure.
func (s *suite) newStore(ctx context.Context, name, engine string, size orgd.Size) (*store, error) {
	st := &store{engine: engine, url: "sqlite:" + filepath.Join(s.dir, name+".db")}
	loading := st.url
	if engine == "postgres" {
		address, _, err := s.postgres.CreateDatabase(ctx)
		if err != nil {
			return nil, err
		}
		st.url, loading = address, hurried(address)
	}
	if err := s.bootstrap(ctx, st); err != nil {
		return nil, err
	}
	began := time.Now()
	if err := s.fill(ctx, st, name, loading, size); err != nil {
		return nil, err
	}
	if engine == "postgres" {
		if err := settle(ctx, st.url); err != nil {
			return nil, err
		}
	}
	server, err := orgd.Serve(ctx, s.program(name+"-"+engine, serveFlags("normal")...), st.url)
	if err != nil {
		return nil, err
	}
	s.later(server.Stop)
	st.server = server
	s.say("%s %s: %d organizations, %d accounts loaded in %.1f s", name, engine, size.Organizations, size.Accounts, time.Since(began).Seconds())
	return st, nil
}

// hurried is the address of the same database with commits that do not wait for the disk.
func hurried(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	query := u.Query()
	query.Set("synchronous_commit", "off")
	u.RawQuery = query.Encode()
	return u.String()
}

func (s *suite) fill(ctx context.Context, st *store, name, address string, size orgd.Size) error {
	server, err := orgd.Serve(ctx, s.program(name+"-"+st.engine+"-load", serveFlags("normal")...), address)
	if err != nil {
		return err
	}
	st.data, err = orgd.Load(ctx, server.Client(st.admin), size)
	if err == nil {
		err = s.addLimited(ctx, st, server)
	}
	return errors.Join(err, server.Stop())
}

// settle brings the statistics up to date and writes the load out, so that neither happens during a run.
func settle(ctx context.Context, address string) error {
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return fmt.Errorf("connect to settle the database: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for _, statement := range []string{"VACUUM ANALYZE", "CHECKPOINT"} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

func (s *suite) program(name string, args ...string) orgd.Options {
	return orgd.Options{Name: name, Binary: filepath.Join(s.binaries, "orgd"), Dir: s.dir, Args: args}
}

// alternate measures both sides in turn and keeps the line.
func (s *suite) alternate(line table.Line, ours, base func() (float64, error)) error {
	for range s.runs {
		for _, side := range []struct {
			run func() (float64, error)
			to  *[]float64
		}{{ours, &line.Ours}, {base, &line.Base}} {
			if side.run == nil {
				continue
			}
			sample, err := side.run()
			if err != nil {
				return fmt.Errorf("%s: %w", line.Name, err)
			}
			*side.to = append(*side.to, sample)
		}
	}
	s.lines = append(s.lines, line)
	s.say("%s: ratio %.2f %s", line.Name, line.Ratio(), line.Verdict())
	return nil
}

// rate returns requests per second over all connections.
func (s *suite) rate(ctx context.Context, addr string, next load.Request) func() (float64, error) {
	return func() (float64, error) {
		r, err := s.run(ctx, addr, s.connections, next)
		return r.PerSecond(), err
	}
}

// latency returns the median of one connection, in milliseconds.
func (s *suite) latency(ctx context.Context, addr string, next load.Request) func() (float64, error) {
	return func() (float64, error) {
		r, err := s.run(ctx, addr, 1, next)
		return float64(r.Percentile(0.5)) / float64(time.Millisecond), err
	}
}

func (s *suite) run(ctx context.Context, addr string, connections int, next load.Request) (load.Result, error) {
	r, err := load.Run(ctx, load.Options{
		Addr: addr, Connections: connections, Warmup: warmup, Duration: s.time, WantStatus: 200, FirstSeq: s.sequence,
	}, next)
	s.sequence = r.LastSeq
	return r, err
}
