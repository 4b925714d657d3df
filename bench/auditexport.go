package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/orgd/orgd/bench/orgd"
	"github.com/orgd/orgd/bench/table"
)

const (
	exportShare  = 10 // one record in so many of all is exported: 1 million of 10 million
	exportSample = 20 * time.Millisecond
	exportMemory = 64 // MB above idle
)

// lineExport is (l): how much memory exporting a log takes above that of the idle server.
func (s *suite) lineExport(ctx context.Context) error {
	if err := s.startAuditPostgres(ctx); err != nil {
		return err
	}
	count := max(s.records/exportShare, least)
	a, err := s.newAuditStore(ctx, "export", 1, count, count)
	if err != nil {
		return err
	}
	line := table.Line{
		Name: fmt.Sprintf("(l) memory of exporting %d records", a.filled.Records), Unit: "MB", Bound: table.AtMost, Wanted: exportMemory,
		Note: "resident memory of the server while a client reads the export as NDJSON, at most, above that before, idle",
	}
	path := "/orgd/v1/organizations/" + a.data.Organizations[0] + "/audit/export?format=ndjson"
	var seconds []float64
	for range s.runs {
		above, took, err := a.exportMemory(ctx, path)
		if err != nil {
			return err
		}
		line.Ours = append(line.Ours, above)
		seconds = append(seconds, float64(a.filled.Records)/took.Seconds())
	}
	s.lines = append(s.lines, line, table.Line{Name: "(l) the same, how fast", Unit: "rows/s", Ours: seconds})
	s.say("%s: %.0f MB %s", line.Name, line.Ratio(), line.Verdict())
	return nil
}

// exportMemory starts a server, lets it idle, and exports. It returns by how many MB the memory grew at most.
func (a *auditStore) exportMemory(ctx context.Context, path string) (above float64, took time.Duration, err error) {
	server := a.server
	if _, _, err := orgd.Get(ctx, server.Addr, a.log()+"?since=2000-01-01&before=2000-01-02", bearer(a.admin)); err != nil {
		return 0, 0, err
	}
	time.Sleep(idle)
	before, err := server.RSS()
	if err != nil {
		return 0, 0, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	peak := make(chan int64, 1)
	go func() { peak <- watch(ctx, server) }()
	began := time.Now()
	lines, err := readLines(ctx, "http://"+server.Addr+path, a.admin)
	took = time.Since(began)
	cancel()
	most := <-peak
	if err == nil && lines < a.filled.Records {
		err = fmt.Errorf("the export has %d lines for %d records", lines, a.filled.Records)
	}
	return float64(most-before) / 1e6, took, err
}

// watch returns the greatest memory that the server has until ctx ends.
func watch(ctx context.Context, server *orgd.Server) int64 {
	var most int64
	tick := time.NewTicker(exportSample)
	defer tick.Stop()
	for {
		if rss, err := server.RSS(); err == nil {
			most = max(most, rss)
		}
		select {
		case <-ctx.Done():
			return most
		case <-tick.C:
		}
	}
}

// readLines reads an export to its end and counts its lines; the last one has to be the trailer.
func readLines(ctx context.Context, url, token string) (int, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, fmt.Errorf("make a request: %w", err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("the export has status %d", answer.StatusCode)
	}
	lines, last := 0, ""
	in := bufio.NewScanner(answer.Body)
	in.Buffer(nil, 16<<20)
	for in.Scan() {
		lines++
		last = in.Text()
	}
	if err := in.Err(); err != nil {
		return 0, fmt.Errorf("read the export: %w", err)
	}
	if !strings.Contains(last, `"to_seq"`) {
		return 0, errors.New("the export ends without a trailer")
	}
	return lines, nil
}
