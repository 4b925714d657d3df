package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/orgd/orgd/internal/api"
	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
)

// slowStore has logs of as many records as it is told, and fails from a
// number on.
type slowStore struct {
	org.Store
	size, broken int64
	pause        func()
}

func (s *slowStore) AuditRange(ctx context.Context, log id.Log, since, before time.Time) (int64, int64, error) {
	if s.size == 0 {
		return s.Store.AuditRange(ctx, log, since, before)
	}
	return 1, s.size, nil
}

func (s *slowStore) AuditRecords(ctx context.Context, log id.Log, after int64, limit int) ([]audit.Record, error) {
	if s.size == 0 {
		return s.Store.AuditRecords(ctx, log, after, limit)
	}
	if s.pause != nil {
		s.pause()
	}
	var list []audit.Record
	for seq := after + 1; seq <= min(after+int64(limit), s.size); seq++ {
		if seq == s.broken {
			return nil, errors.New("the store is broken")
		}
		list = append(list, audit.Record{
			Log: log, Seq: seq, ID: "record", Time: time.Unix(1, 0), Action: audit.OrganizationUpdate, Result: audit.Success,
			Resource: audit.Resource{Type: "organization", Request: []byte(`{"name":"` + strings.Repeat("x", 1000) + `"}`)},
		})
	}
	return list, nil
}

// exported asks for an export over a real connection.
func exported(t *testing.T, w *world, configure func(*http.Server)) (*http.Response, []byte, error) {
	t.Helper()
	s := httptest.NewUnstartedServer(w.handler)
	if configure != nil {
		configure(s.Config)
	}
	s.Start()
	t.Cleanup(s.Close)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+own+"/organizations/"+w.ids["T"]+"/audit/export", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+w.founder.token)
	resp, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp, body, err
}

// TestAnExportThatFailsIsCutOff lets the store fail behind the first bytes.
func TestAnExportThatFailsIsCutOff(t *testing.T) {
	t.Parallel()
	store := &slowStore{Store: sqlite(t)}
	w := newWorld(t, store)
	w.plant(t)
	store.size, store.broken = 5000, 4000
	resp, body, err := exported(t, w, nil)
	if resp.StatusCode != http.StatusOK || !errors.Is(err, io.ErrUnexpectedEOF) || len(body) == 0 || strings.Contains(string(body), `{"end":true`) {
		t.Errorf("status %d, %d bytes, %v; want a part without trailer and an unexpected end", resp.StatusCode, len(body), err)
	}
	if line := w.lastLine(t); !strings.Contains(line, "the store is broken") || !strings.Contains(line, "status=200") {
		t.Errorf("the log line does not tell: %s", line)
	}
}

// TestAnExportThatFailsAtOnceIsAnEnvelope lets it fail before anything left.
func TestAnExportThatFailsAtOnceIsAnEnvelope(t *testing.T) {
	t.Parallel()
	store := &slowStore{Store: sqlite(t)}
	w := newWorld(t, store)
	w.plant(t)
	store.size, store.broken = 5000, 20
	resp, body, err := exported(t, w, nil)
	ray := resp.Header.Get("CF-RAY")
	want := `{"success":false,"errors":[{"code":1500,"message":"Internal error, ray ` + ray + `"}],"messages":[],"result":null}`
	if err != nil || resp.StatusCode != 500 || string(body) != want || resp.Header.Get("Content-Type") != "application/json" || resp.Header.Get("Orgd-From-Seq") != "" {
		t.Errorf("got %d %s %v %v, want %s", resp.StatusCode, body, resp.Header, err, want)
	}
}

// TestALongExportOutlivesTheTimeoutsOfItsConnection takes several times as
// long as a request may take to be sent, and an answer to be written.
func TestALongExportOutlivesTheTimeoutsOfItsConnection(t *testing.T) {
	t.Parallel()
	const timeout = time.Second
	store := &slowStore{Store: sqlite(t)}
	w := newWorld(t, store, func(c *api.Config) { c.WriteDeadline = func() time.Time { return time.Now().Add(timeout) } })
	w.plant(t)
	store.size, store.pause = 5000, func() { time.Sleep(timeout / 3) }
	resp, body, err := exported(t, w, func(s *http.Server) { s.ReadTimeout, s.WriteTimeout = timeout, timeout })
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("status %d, %d bytes, %v", resp.StatusCode, len(body), err)
	}
	var lines int
	var last []byte
	for in := bufio.NewScanner(strings.NewReader(string(body))); in.Scan(); lines++ {
		last = append(last[:0], in.Bytes()...)
	}
	var trailer struct {
		End   bool
		Count int64
	}
	if err := json.Unmarshal(last, &trailer); err != nil || !trailer.End || trailer.Count != store.size || lines != int(store.size)+2 {
		t.Errorf("%d lines, the last is %s, %v", lines, last, err)
	}
}

// TestHeadOfAnExport writes no body.
func TestHeadOfAnExport(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sqlite(t))
	w.plant(t)
	a := w.send(w.founder, http.MethodHead, own+"/organizations/"+w.ids["T"]+"/audit/export", "")
	if a.status != http.StatusOK || a.body != "" || a.header.Get("Orgd-From-Seq") != "1" {
		t.Errorf("got %d %q %v", a.status, a.body, a.header)
	}
}
