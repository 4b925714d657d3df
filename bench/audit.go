package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orgd/orgd/bench/bulk"
	"github.com/orgd/orgd/bench/load"
	"github.com/orgd/orgd/bench/orgd"
	"github.com/orgd/orgd/bench/table"
	"github.com/orgd/orgd/internal/engine/enginetest"
)

const (
	auditOrganizations = 1000
	auditSpan          = 548 * 24 * time.Hour // 18 months
	auditWindow        = 30 * 24 * time.Hour
	largestShare       = 100  // the largest log has one record in so many of all
	least              = 2000 // records in the largest log, so that there is something to filter
	livedIn            = 20   // organizations that the patterns of the records come from
)

// largest is how many records the largest organization has: 100,000 of 10 million.
func (o options) largest() int { return min(max(o.records/largestShare, least), o.records) }

// auditStore is a PostgreSQL database full of records, and the server on it.
type auditStore struct {
	*store
	filled        bulk.Filled
	since, before time.Time
}

// log is the path of the audit log of the largest organization.
func (a *auditStore) log() string {
	return organizations + "/" + a.data.Organizations[0] + "/logs/audit"
}

// startAudit fills two databases: one with all records, one with those of the largest organization alone.
func (s *suite) startAudit(ctx context.Context) error {
	if err := s.startAuditPostgres(ctx); err != nil {
		return err
	}
	var err error
	if s.audit, err = s.newAuditStore(ctx, "audit", auditOrganizations, s.records, s.largest()); err != nil {
		return fmt.Errorf("fill %d records: %w", s.records, err)
	}
	if s.auditBase, err = s.newAuditStore(ctx, "audit-base", 1, s.largest(), s.largest()); err != nil {
		return fmt.Errorf("fill the %d records of the baseline: %w", s.largest(), err)
	}
	return nil
}

// startAuditPostgres starts a server of its own, whose folder goes with it. Its settings are PostgreSQL's own, but for
// the size of its log, so that loading does not write every page twice.
func (s *suite) startAuditPostgres(ctx context.Context) error {
	if s.auditPostgres != nil {
		return nil
	}
	p, err := enginetest.StartPostgres(ctx, enginetest.Options{TCP: true, Fsync: true})
	if err != nil {
		return err
	}
	s.auditPostgres = p
	s.later(p.Stop)
	return withConn(ctx, p.URL("postgres"), func(conn *pgx.Conn) error {
		for _, statement := range []string{"ALTER SYSTEM SET max_wal_size = '2GB'", "SELECT pg_reload_conf()"} {
			if _, err := conn.Exec(ctx, statement); err != nil {
				return fmt.Errorf("%s: %w", statement, err)
			}
		}
		return nil
	})
}

func withConn(ctx context.Context, address string, do func(*pgx.Conn) error) error {
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	return errors.Join(do(conn), conn.Close(context.WithoutCancel(ctx)))
}

// newAuditStore makes organizations through the API, and then replaces their records by very many.
func (s *suite) newAuditStore(ctx context.Context, name string, organizations, count, largest int) (*auditStore, error) {
	st, err := s.newAuditDatabase(ctx, name, organizations)
	if err != nil {
		return nil, err
	}
	a := &auditStore{store: st, before: time.Now().UTC().Truncate(24 * time.Hour)}
	a.since = a.before.Add(-auditSpan)
	began := time.Now()
	err = withConn(ctx, hurried(st.url), func(conn *pgx.Conn) error {
		var err error
		a.filled, err = bulk.Fill(ctx, conn, bulk.Spec{
			Organizations: st.data.Organizations[:organizations], Records: count, Largest: largest, Since: a.since, Before: a.before,
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	loaded := time.Since(began)
	if err := settle(ctx, st.url); err != nil {
		return nil, err
	}
	s.say("%s: %d records of %.0f bytes in %d organizations, %d in the largest; loaded and indexed in %.0f s, settled in %.0f s",
		name, a.filled.Records, a.filled.RowBytes, organizations, largest, loaded.Seconds(), (time.Since(began) - loaded).Seconds())
	st.server, err = orgd.Serve(ctx, s.program(name, serveFlags("normal")...), st.url)
	if err != nil {
		return nil, err
	}
	s.later(st.server.Stop)
	return a, nil
}

// newAuditDatabase makes a database with organizations in which something was done, and leaves no server on it.
func (s *suite) newAuditDatabase(ctx context.Context, name string, organizations int) (*store, error) {
	address, drop, err := s.auditPostgres.CreateDatabase(ctx)
	if err != nil {
		return nil, err
	}
	s.later(drop)
	st := &store{engine: "postgres", url: address}
	if err := s.bootstrap(ctx, st); err != nil {
		return nil, err
	}
	server, err := orgd.Serve(ctx, s.program(name+"-load", serveFlags("normal")...), hurried(address))
	if err != nil {
		return nil, err
	}
	st.data, err = orgd.Load(ctx, server.Client(st.admin), orgd.Size{Organizations: max(organizations, livedIn)})
	if err == nil {
		err = orgd.Live(ctx, server.Client(st.admin), st.data.Organizations[:livedIn])
	}
	return st, errors.Join(err, server.Stop())
}

// auditPage is a page of the largest log in some window of 30 days, with filters that may have the number of the
// request in them.
func (a *auditStore) auditPage(filter func(n int) string) load.Request {
	const windows = 509
	messages := make([][]byte, windows)
	for i := range messages {
		since := a.since.Add(time.Duration(i) * (auditSpan - auditWindow) / windows).Truncate(time.Second)
		query := url.Values{"since": {since.Format(time.RFC3339)}, "before": {since.Add(auditWindow).Format(time.RFC3339)}}
		messages[i] = load.Message("GET", a.log()+"?"+query.Encode()+filter(i), "", bearer(a.admin)...)
	}
	return func(conn, seq int, buf []byte) []byte { return append(buf, messages[(conn*101+seq*31)%windows]...) }
}

// everyPage is the first page of 30 days of the organizations in turn.
func (a *auditStore) everyPage() load.Request {
	messages := make([][]byte, len(a.data.Organizations))
	for i, o := range a.data.Organizations {
		since := a.since.Add(time.Duration(i) * (auditSpan - auditWindow) / time.Duration(len(messages))).Truncate(time.Second)
		query := url.Values{"since": {since.Format(time.RFC3339)}, "before": {since.Add(auditWindow).Format(time.RFC3339)}}
		messages[i] = load.Message("GET", organizations+"/"+o+"/logs/audit?"+query.Encode(), "", bearer(a.admin)...)
	}
	return func(conn, seq int, buf []byte) []byte {
		return append(buf, messages[(conn*101+seq*31)%len(messages)]...)
	}
}

// histories asks for the histories of many resources over all 18 months.
func (a *auditStore) histories() load.Request {
	since, before := a.since.Format(time.RFC3339), a.before.Format(time.RFC3339)
	query := url.Values{"since": {since}, "before": {before}, "action_time": {since}}.Encode()
	messages := make([][]byte, len(a.filled.Sources))
	for i, id := range a.filled.Sources {
		messages[i] = load.Message("GET", a.log()+"/"+id+"/history?"+query, "", bearer(a.admin)...)
	}
	return func(conn, seq int, buf []byte) []byte {
		return append(buf, messages[(conn*101+seq*31)%len(messages)]...)
	}
}

// linePages is (g): the first page of a window, beside the same log without others around it.
func (s *suite) linePages(ctx context.Context) error {
	err := s.compareAudit(ctx, "(g) page of 100 in 30 days", func(a *auditStore) load.Request {
		return a.auditPage(func(int) string { return "" })
	})
	if err != nil {
		return err
	}
	line := table.Line{
		Name: "(g) the same, organizations in turn", Unit: "ms p99",
		Note: "every request is about another organization, whose records may have to come from the disk",
	}
	return s.alternate(line, s.latencyP99(ctx, s.audit, s.audit.everyPage()), nil)
}

// lineActor is (h): a filter that hardly any record passes.
func (s *suite) lineActor(ctx context.Context) error {
	return s.compareAudit(ctx, "(h) the same of an actor with 0.01 %", func(a *auditStore) load.Request {
		return a.auditPage(func(n int) string { return "&actor_id=" + bulk.RareActor(n%bulk.Rare) })
	})
}

// lineNegated is (i): a negated filter, that some records pass.
func (s *suite) lineNegated(ctx context.Context) error {
	return s.compareAudit(ctx, "(i) the same, action_result.not=success", func(a *auditStore) load.Request {
		return a.auditPage(func(int) string { return "&action_result.not=success" })
	})
}

// lineHistory is (j): all records about one resource.
func (s *suite) lineHistory(ctx context.Context) error {
	return s.compareAudit(ctx, "(j) history of a resource", (*auditStore).histories)
}

func (s *suite) compareAudit(ctx context.Context, name string, requests func(*auditStore) load.Request) error {
	line := table.Line{
		Name: fmt.Sprintf("%s, %d records", name, s.audit.filled.Records), Unit: "ms p99", Bound: table.AtMost, Wanted: 3,
		Note: fmt.Sprintf("baseline: the same log of %d records in a database without others", s.auditBase.filled.Records),
	}
	return s.alternate(line, s.latencyP99(ctx, s.audit, requests(s.audit)), s.latencyP99(ctx, s.auditBase, requests(s.auditBase)))
}

// latencyP99 returns what 99 of 100 requests of one connection did not exceed, in milliseconds.
func (s *suite) latencyP99(ctx context.Context, a *auditStore, next load.Request) func() (float64, error) {
	return func() (float64, error) {
		r, err := s.run(ctx, a.server.Addr, 1, next)
		return float64(r.Percentile(0.99)) / float64(time.Millisecond), err
	}
}
