package main

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/orgd/orgd/bench/meter"
	"github.com/orgd/orgd/bench/orgd"
	"github.com/orgd/orgd/bench/table"
)

const (
	usageDays      = 31
	usageMemory    = 64  // MB above idle
	usageFirst     = 300 // ms
	usageMiddle    = 15  // days after the start of a billing period
	accountsAtOnce = 5   // in a batch that is loaded
	noon           = 12 * time.Hour
)

// usageStore is a database with 31 days of usage and the server on it.
type usageStore struct {
	*store
	suite *suite
	from  time.Time // the first day, with which a billing period begins
	bare  func(ctx context.Context, skip int) (rows int, err error)
}

// reading is what runs of reading usage came to.
type reading struct{ rate, first, above, cpu []float64 }

// linesUsage are (o): reading usage beside the bare query of the same rows.
func (s *suite) linesUsage(ctx context.Context) error {
	if err := s.startAuditPostgres(ctx); err != nil {
		return err
	}
	for _, engine := range []string{"postgres", "sqlite"} {
		u, err := s.newUsage(ctx, engine)
		if err != nil {
			return fmt.Errorf("fill %s with usage: %w", engine, err)
		}
		if err := u.measure(ctx); err != nil {
			return err
		}
	}
	return nil
}

// newUsage makes a database, loads it through a server that need not be durable, and starts the server to measure.
func (s *suite) newUsage(ctx context.Context, engine string) (*usageStore, error) {
	u := &usageStore{suite: s, from: firstOfMonth(time.Now().UTC())}
	var err error
	if engine == "postgres" {
		u.store, err = s.newUsagePostgres(ctx, "usage")
		u.bare = u.barePostgres
	} else {
		u.store, err = s.newUsageStore(ctx, "usage", &store{engine: engine, url: "sqlite:" + filepath.Join(s.dir, "usage.db")})
		u.bare = u.bareSQLite
	}
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if err := u.load(ctx); err != nil {
		return nil, err
	}
	if engine == "postgres" {
		if err := settle(ctx, u.url); err != nil {
			return nil, err
		}
	}
	s.say("usage %s: %d rows loaded in %.0f s", engine, u.rows(usageDays), time.Since(began).Seconds())
	return u, s.serveUsage(ctx, u.store, "usage")
}

// firstOfMonth is the last start of a month from which on there are 31 days up to yesterday. It is 61 days ago at most:
// events of those days are taken still.
func firstOfMonth(now time.Time) time.Time {
	d := now.AddDate(0, 0, -usageDays)
	return time.Date(d.Year(), d.Month(), 1, 0, 0, 0, 0, time.UTC)
}

func (u *usageStore) rows(days int) int { return days * len(u.data.Accounts) * meter.Metrics }

// load pushes one event for each row.
func (u *usageStore) load(ctx context.Context) error {
	address := u.url
	if u.engine == "postgres" {
		address = hurried(address)
	}
	server, err := orgd.Serve(ctx, u.suite.program("usage-"+u.engine+"-fill", serveFlags("normal")...), address)
	if err != nil {
		return err
	}
	batches := make(chan []byte)
	go u.batches(batches)
	var failed atomic.Bool
	done := make(chan error)
	for range u.suite.connections {
		go func() {
			var err error
			for body := range batches {
				if err == nil {
					err = u.push(ctx, server.Addr, body)
					failed.Store(failed.Load() || err != nil)
				}
			}
			done <- err
		}()
	}
	for range u.suite.connections {
		if one := <-done; err == nil {
			err = one
		}
	}
	if stopped := server.Stop(); err == nil {
		err = stopped
	}
	return err
}

// batches makes the events of all days, some accounts at a time, day by day.
func (u *usageStore) batches(to chan<- []byte) {
	defer close(to)
	source := meter.NewSource(u.data.Accounts)
	for first := 0; first < len(u.data.Accounts); first += accountsAtOnce {
		var body []byte
		for day := range usageDays {
			at := u.from.AddDate(0, 0, day).Add(noon)
			for a := first; a < min(first+accountsAtOnce, len(u.data.Accounts)); a++ {
				for m := range meter.Metrics {
					e := source.Of(a, m, at)
					e.Source, e.ID = "/meters/fill", fmt.Sprintf("%d-%d-%d", a, m, day)
					body = e.AppendJSON(append(body, ','))
				}
			}
		}
		body[0] = '['
		to <- append(body, ']')
	}
}

func (u *usageStore) push(ctx context.Context, addr string, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr+pushUsagePath, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("make a request: %w", err)
	}
	r.Header.Set("Authorization", "Bearer "+u.admin)
	r.Header.Set("Content-Type", "application/cloudevents-batch+json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return fmt.Errorf("read the answer to a batch: %w", err)
	}
	if answer.StatusCode != http.StatusOK || !bytes.Contains(text[:min(200, len(text))], []byte(`"refused":0`)) {
		return fmt.Errorf("a batch has status %d: %.600s", answer.StatusCode, text)
	}
	return nil
}

// window is days that are read, up to the last one.
type window struct {
	skip    int // days before the first one, which begins a billing period
	what    string
	bounded bool // on PostgreSQL
}

// windows begin where nothing was used before in the same billing period, in the middle of it, and on its last day.
func windows() []window {
	return []window{
		{0, "of usage", true},
		{usageMiddle, "from the middle of a billing period on", true},
		{usageDays - 1, "of the last day of a billing period", false},
	}
}

// measure reads the windows.
func (u *usageStore) measure(ctx context.Context) error {
	idle, err := u.idle(ctx)
	if err != nil {
		return err
	}
	for _, w := range windows() {
		if err := u.measureWindow(ctx, w, idle); err != nil {
			return err
		}
	}
	return nil
}

// measureWindow reads a window both ways in turn.
func (u *usageStore) measureWindow(ctx context.Context, w window, idle int64) error {
	rows := u.rows(usageDays - w.skip)
	var ours reading
	line := table.Line{
		Name: fmt.Sprintf("(o) read %d rows %s, %s", rows, w.what, u.engine), Unit: "rows/s",
		Note: "baseline: the SELECT of the same rows and columns, in the same order, read and scanned through the same driver",
	}
	if w.skip > 0 {
		line.Note += fmt.Sprintf("; ours also reads what %d days before have used up", w.skip)
	}
	for range u.suite.runs {
		if err := u.read(ctx, w.skip, idle, &ours); err != nil {
			return err
		}
		began := time.Now()
		got, err := u.bare(ctx, w.skip)
		if err != nil {
			return fmt.Errorf("run the bare query: %w", err)
		}
		if got != rows {
			return fmt.Errorf("the bare query has %d rows, want %d", got, rows)
		}
		line.Base = append(line.Base, float64(rows)/time.Since(began).Seconds())
	}
	line.Ours = ours.rate
	memory := table.Line{Name: "(o) the same, memory above idle, " + u.engine, Unit: "MB", Ours: ours.above}
	first := table.Line{Name: "(o) the same, until the first row, " + u.engine, Unit: "ms", Ours: ours.first}
	if u.engine == "postgres" && w.bounded {
		line.Bound, line.Wanted = table.AtLeast, 0.4
		memory.Bound, memory.Wanted = table.AtMost, usageMemory
		first.Bound, first.Wanted = table.AtMost, usageFirst
	}
	u.suite.lines = append(u.suite.lines, line, memory, first,
		table.Line{Name: "(o) the same, processor time of orgd, " + u.engine, Unit: "us/row", Ours: ours.cpu})
	u.suite.say("%s: ratio %.2f %s, %.0f MB, %.0f ms", line.Name, line.Ratio(), line.Verdict(), memory.Ratio(), first.Ratio())
	return nil
}

// idle returns the memory of the server before it reads usage.
func (u *usageStore) idle(ctx context.Context) (int64, error) {
	if _, _, err := orgd.Get(ctx, u.server.Addr, firstPage, bearer(u.admin)); err != nil {
		return 0, err
	}
	time.Sleep(idle)
	return u.server.RSS()
}

// read reads the usage from that many days after the first one on.
func (u *usageStore) read(ctx context.Context, skip int, idle int64, to *reading) error {
	path := organizations + "/" + u.data.Organizations[0] + "/billable/usage?from=" + u.from.AddDate(0, 0, skip).Format(time.DateOnly) +
		"&to=" + u.from.AddDate(0, 0, usageDays-1).Format(time.DateOnly)
	cpu, err := u.server.CPU()
	if err != nil {
		return err
	}
	watching, stop := context.WithCancel(ctx)
	defer stop()
	peak := make(chan int64, 1)
	go func() { peak <- watch(watching, u.server) }()
	began := time.Now()
	rows, first, err := u.stream(ctx, path)
	took := time.Since(began)
	stop()
	if err != nil {
		return err
	}
	if want := u.rows(usageDays - skip); rows < want {
		return fmt.Errorf("%s has %d rows, want %d", path, rows, want)
	}
	after, err := u.server.CPU()
	to.rate = append(to.rate, float64(u.rows(usageDays-skip))/took.Seconds())
	to.first = append(to.first, float64(first.Microseconds())/1000)
	to.above = append(to.above, float64(<-peak-idle)/1e6)
	to.cpu = append(to.cpu, float64((after-cpu).Microseconds())/float64(u.rows(usageDays-skip)))
	return err
}

// stream reads an answer to its end, counts its rows and takes the time until the first one was there.
func (u *usageStore) stream(ctx context.Context, path string) (rows int, first time.Duration, err error) {
	began := time.Now()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+u.server.Addr+path, nil)
	if err != nil {
		return 0, 0, fmt.Errorf("make a request: %w", err)
	}
	r.Header.Set("Authorization", "Bearer "+u.admin)
	answer, err := (&http.Client{Transport: &http.Transport{DisableCompression: true, ReadBufferSize: 256 << 10}}).Do(r)
	if err != nil {
		return 0, 0, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return 0, 0, fmt.Errorf("%s: status %d", path, answer.StatusCode)
	}
	mark := []byte(`"ChargePeriodStart":`)
	buf := make([]byte, 256<<10)
	kept := 0 // the end of what was read before, which a mark may begin in
	for {
		n, err := answer.Body.Read(buf[kept:])
		part := buf[:kept+n]
		if got := bytes.Count(part, mark); got > 0 {
			if rows == 0 {
				first = time.Since(began)
			}
			rows += got
		}
		kept = copy(buf, part[max(0, len(part)-len(mark)+1):])
		if err == io.EOF {
			return rows, first, nil
		}
		if err != nil {
			return 0, 0, fmt.Errorf("read usage: %w", err)
		}
	}
}

// usageSQL reads the columns of a row of usage that the server reads as well.
const usageSQL = `SELECT account_id, day, metric, zone_id, region_id, zone_name, region_name, events, total, weight, greatest, latest, latest_at,
	latest_by, uniques FROM usage_days WHERE day >= %s AND day < %s AND account_id IN (%s) ORDER BY day, account_id, metric, zone_id, region_id`

// usageRow is where a row goes.
type usageRow struct {
	account, metric, zone, region, zoneName, regionName string
	total, weight, greatest, latest, by                 string
	day, events, at, uniques                            int64
}

func (r *usageRow) into() []any {
	return []any{
		&r.account, &r.day, &r.metric, &r.zone, &r.region, &r.zoneName, &r.regionName, &r.events, &r.total, &r.weight, &r.greatest, &r.latest, &r.at,
		&r.by, &r.uniques,
	}
}

// bareArgs are the first day and the one after the last, of the days that come that many after the first one.
func (u *usageStore) bareArgs(skip int) []any {
	first := u.from.Unix() / int64((24 * time.Hour).Seconds())
	return []any{first + int64(skip), first + usageDays}
}

func (u *usageStore) barePostgres(ctx context.Context, skip int) (rows int, err error) {
	err = withConn(ctx, u.url, func(conn *pgx.Conn) error {
		found, err := conn.Query(ctx, fmt.Sprintf(usageSQL, "$1", "$2", "SELECT unnest($3::text[])"), append(u.bareArgs(skip), u.data.Accounts)...)
		if err != nil {
			return err
		}
		var r usageRow
		into := r.into()
		for found.Next() {
			if err := found.Scan(into...); err != nil {
				return err
			}
			rows++
		}
		return found.Err()
	})
	return rows, err
}

func (u *usageStore) bareSQLite(ctx context.Context, skip int) (rows int, err error) {
	db, err := sql.Open("sqlite", strings.TrimPrefix(u.url, "sqlite:"))
	if err != nil {
		return 0, fmt.Errorf("open the database: %w", err)
	}
	defer db.Close()
	accounts := make([]string, len(u.data.Accounts))
	for i, a := range u.data.Accounts {
		accounts[i] = strconv.Quote(a)
	}
	list := "SELECT value FROM json_each('[" + strings.Join(accounts, ",") + "]')"
	found, err := db.QueryContext(ctx, fmt.Sprintf(usageSQL, "?", "?", list), u.bareArgs(skip)...)
	if err != nil {
		return 0, err
	}
	defer found.Close()
	var r usageRow
	into := r.into()
	for found.Next() {
		if err := found.Scan(into...); err != nil {
			return rows, err
		}
		rows++
	}
	return rows, found.Err()
}
