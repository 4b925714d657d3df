package main

import (
	"context"
	"fmt"
	"slices"
	"syscall"
	"time"

	"github.com/orgd/orgd/bench/load"
	"github.com/orgd/orgd/bench/orgd"
	"github.com/orgd/orgd/bench/pgbench"
	"github.com/orgd/orgd/bench/proc"
	"github.com/orgd/orgd/bench/table"
)

// lineCreate is (b): creating an organization on PostgreSQL beside pgbench doing the two inserts.
func (s *suite) lineCreate(ctx context.Context) error {
	st := s.large[slices.IndexFunc(s.large, func(st *store) bool { return st.engine == "postgres" })]
	var made struct{ ID string }
	body := map[string]any{"name": "New 0-0", "parent": map[string]string{"id": st.data.Organizations[len(st.data.Organizations)-1]}}
	if err := st.server.Client(st.admin).Post(ctx, organizations, body, &made); err != nil {
		return fmt.Errorf("make the sample: %w", err)
	}
	if err := st.readAll(ctx); err != nil {
		return err
	}
	bench, err := pgbench.Prepare(ctx, st.url, s.dir, "SELECT id FROM organizations", baselineTables(made.ID))
	if err != nil {
		return err
	}
	if err := settle(ctx, st.url); err != nil {
		return err
	}
	tree, err := proc.PostgresTree(ctx, st.url)
	if err != nil {
		return err
	}
	return s.compareCreates(ctx, st, &costs{suite: s, store: st, tree: tree, bench: bench})
}

// readAll reads every organization once, as clients of a server that has run for a while have.
func (st *store) readAll(ctx context.Context) error {
	for _, id := range st.data.Organizations {
		if _, _, err := orgd.Get(ctx, st.server.Addr, organizations+"/"+id, bearer(st.admin)); err != nil {
			return fmt.Errorf("read every organization once: %w", err)
		}
	}
	return nil
}

// pool is how many connections to PostgreSQL orgd has by default on a machine
// of up to four processors: as many clients as that have one each.
const pool = 16

func (s *suite) compareCreates(ctx context.Context, st *store, c *costs) error {
	spread, hot := st.creates(st.data.Organizations), st.creates(st.data.FirstLevel[:1])
	for _, l := range []struct {
		line        table.Line
		connections int
		requests    load.Request
		baseline    func(context.Context, int, time.Duration) (pgbench.Result, error)
	}{
		{table.Line{
			Name: "(b) create organization, postgres", Bound: table.AtLeast, Wanted: 0.6,
			Note: fmt.Sprintf("%d connections; baseline: pgbench, prepared, BEGIN, two inserts like ours into copies of our tables, COMMIT; both durable", pool),
		}, pool, spread, c.bench.Plain},
		{table.Line{
			Name: fmt.Sprintf("(b) the same, %d connections", pool/2),
			Note: "baseline: pgbench with as many clients",
		}, pool / 2, spread, c.bench.Plain},
		{table.Line{
			Name: fmt.Sprintf("(b) the same, %d connections", 2*pool),
			Note: "baseline: pgbench with as many clients",
		}, 2 * pool, spread, c.bench.Plain},
		{table.Line{
			Name: "(b) the same, pgbench pipelined",
			Note: "baseline: pgbench with its four statements in one round trip",
		}, pool, spread, c.bench.Pipelined},
		{table.Line{
			Name: "(b) the same, one hot parent",
			Note: "every new organization has the same parent, so each waits for the commit of the one before in the parent's audit log",
		}, pool, hot, c.bench.Plain},
	} {
		l.line.Unit = "tx/s"
		ours, base := &side{}, &side{}
		if err := s.alternate(l.line, c.ours(ctx, l.connections, l.requests, ours), c.theirs(ctx, l.connections, l.baseline, base)); err != nil {
			return err
		}
		cost := fmt.Sprintf("of all processes for one transaction; ours: PostgreSQL %.0f, orgd %.0f, generator %.0f; baseline: PostgreSQL %.0f, pgbench %.0f",
			table.Median(ours.database), table.Median(ours.server), table.Median(ours.client), table.Median(base.database), table.Median(base.client))
		if l.line.Bound == table.None {
			s.lines[len(s.lines)-1].Note += "; processor time in us " + cost
			continue
		}
		line := table.Line{Name: l.line.Name + ", processor time", Unit: "us/tx", Ours: ours.total(), Base: base.total(), Note: cost}
		s.lines = append(s.lines, line)
		s.say("%s: ratio %.2f; %s", line.Name, line.Ratio(), line.Note)
	}
	return nil
}

// side is the processor time per transaction of one side, in microseconds, a value for each run.
type side struct{ database, server, client []float64 }

func (s *side) total() []float64 {
	all := slices.Clone(s.database)
	for i := range all {
		all[i] += s.client[i]
		if s.server != nil {
			all[i] += s.server[i]
		}
	}
	return all
}

// costs runs creates and pgbench, and looks at what they cost.
type costs struct {
	*suite
	store *store
	tree  proc.Tree
	bench *pgbench.Bench
}

// ours returns a run of the server that appends to s.
func (c *costs) ours(ctx context.Context, connections int, requests load.Request, s *side) func() (float64, error) {
	return func() (float64, error) {
		var r load.Result
		times, err := spent(func() (err error) {
			r, err = c.run(ctx, c.store.server.Addr, connections, requests)
			return err
		}, c.tree.CPU, c.store.server.CPU, ownCPU)
		if err != nil {
			return 0, err
		}
		s.database, s.server = append(s.database, each(times[0], r.Answered)), append(s.server, each(times[1], r.Answered))
		s.client = append(s.client, each(times[2], r.Answered))
		return r.PerSecond(), nil
	}
}

// theirs returns a run of pgbench that appends to s.
func (c *costs) theirs(ctx context.Context, connections int, run func(context.Context, int, time.Duration) (pgbench.Result, error), s *side) func() (float64, error) {
	return func() (float64, error) {
		var r pgbench.Result
		times, err := spent(func() (err error) {
			r, err = run(ctx, connections, c.time+warmup)
			return err
		}, c.tree.CPU)
		if err != nil {
			return 0, err
		}
		s.database, s.client = append(s.database, each(times[0], r.Transactions)), append(s.client, each(r.CPU, r.Transactions))
		return r.PerSecond, nil
	}
}

// spent returns by how much each clock went on during run.
func spent(run func() error, clocks ...func() (time.Duration, error)) ([]time.Duration, error) {
	times := make([]time.Duration, len(clocks))
	read := func(sign time.Duration) error {
		for i, clock := range clocks {
			now, err := clock()
			if err != nil {
				return err
			}
			times[i] += sign * now
		}
		return nil
	}
	if err := read(-1); err != nil {
		return nil, err
	}
	if err := run(); err != nil {
		return nil, err
	}
	return times, read(1)
}

func each(total time.Duration, n int) float64 {
	return float64(total.Nanoseconds()) / 1e3 / float64(max(n, 1))
}

// ownCPU is the processor time of this process, which is the generator.
func ownCPU() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, fmt.Errorf("processor time of the generator: %w", err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}
