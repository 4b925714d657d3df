package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/orgd/orgd/bench/load"
	"github.com/orgd/orgd/bench/orgd"
	"github.com/orgd/orgd/bench/proc"
	"github.com/orgd/orgd/bench/table"
)

const (
	organizations = "/client/v4/organizations"
	firstPage     = organizations + "?page_size=50"
	idle          = 5 * time.Second
)

// bearer is the header of a request with an API token.
func bearer(token string) []string { return []string{"Authorization", "Bearer " + token} }

// gets reads the organizations one after another, each connection from another place on.
func gets(prefix string, ids []string, header []string) load.Request {
	messages := make([][]byte, len(ids))
	for i, id := range ids {
		messages[i] = load.Message("GET", prefix+id, "", header...)
	}
	return func(conn, seq int, buf []byte) []byte {
		return append(buf, messages[(conn*1009+seq*31)%len(messages)]...)
	}
}

func (st *store) gets() load.Request {
	return gets(organizations+"/", st.data.Organizations, bearer(st.admin))
}

func page(token string) load.Request {
	return load.Bytes(load.Message("GET", firstPage, "", bearer(token)...))
}

// creates makes organizations with names of their own below the parents, in turn.
func creates(target string, parents []string, header []string, body func(name, parent string) string) load.Request {
	return func(conn, seq int, buf []byte) []byte {
		name := fmt.Sprintf("New %d-%d", conn, seq)
		return append(buf, load.Message("POST", target, body(name, parents[(conn*1009+seq*31)%len(parents)]), header...)...)
	}
}

func (st *store) creates(parents []string) load.Request {
	return creates(organizations, parents, bearer(st.admin), func(name, parent string) string {
		return fmt.Sprintf(`{"name":%q,"parent":{"id":%q}}`, name, parent)
	})
}

// lineGet is (a): reading one organization beside a handler that only writes the same bytes.
func (s *suite) lineGet(ctx context.Context) error {
	for _, st := range s.large {
		bare, stop, err := s.bare(ctx, st)
		if err != nil {
			return err
		}
		line := table.Line{
			Name: "(a) get organization, " + st.engine, Unit: "req/s",
			Note: "baseline: net/http handler that writes a recorded answer; same bytes, headers, generator and connections",
		}
		if st.engine == "sqlite" {
			line.Bound, line.Wanted = table.AtLeast, 0.5
		}
		if err := s.alternate(line, s.rate(ctx, st.server.Addr, st.gets()), s.rate(ctx, bare, st.gets())); err != nil {
			return err
		}
		if err := stop(); err != nil {
			return err
		}
	}
	return nil
}

// bare starts the bare handler with an answer recorded from the server.
func (s *suite) bare(ctx context.Context, st *store) (addr string, stop func() error, err error) {
	ids := st.data.Organizations
	header, body, err := orgd.Get(ctx, st.server.Addr, organizations+"/"+ids[len(ids)/2], bearer(st.admin))
	if err != nil {
		return "", nil, fmt.Errorf("record an answer: %w", err)
	}
	for _, own := range []string{"Date", "Content-Length"} { // net/http sets them on both sides
		header.Del(own)
	}
	text, err := json.Marshal(map[string]any{"header": header, "body": string(body)})
	if err != nil {
		return "", nil, fmt.Errorf("encode the recorded answer: %w", err)
	}
	answer, ready := "answer-"+st.engine+".json", "bare-"+st.engine+".ready"
	if err := os.WriteFile(filepath.Join(s.dir, answer), text, 0o600); err != nil {
		return "", nil, fmt.Errorf("write the recorded answer: %w", err)
	}
	var info struct{ Addr string }
	p, err := proc.Start(ctx, proc.Command{
		Name: "bare-" + st.engine, Dir: s.dir, Path: filepath.Join(s.binaries, "bare"),
		Args: []string{"-answer", answer, "-ready-file", ready}, Ready: ready, Info: &info,
	})
	if err != nil {
		return "", nil, err
	}
	return info.Addr, p.Stop, nil
}

// lineLimited is (c): the first page of a user with three grants beside that of the root's super administrator.
func (s *suite) lineLimited(ctx context.Context) error {
	for _, st := range s.large {
		got, err := st.total(ctx, st.limited)
		if err != nil {
			return err
		}
		if want := st.data.Limited + 1; got != want { // the root is visible by name
			return fmt.Errorf("(c): the limited user sees %d organizations on %s, want %d", got, st.engine, want)
		}
		line := table.Line{
			Name: fmt.Sprintf("(c) page of 50, 3 grants seeing %d, %s", st.data.Limited, st.engine), Unit: "ms p50", Bound: table.AtMost, Wanted: 2,
			Note: "baseline: the same page for the super administrator of the root",
		}
		addr := st.server.Addr
		if err := s.alternate(line, s.latency(ctx, addr, page(st.limited)), s.latency(ctx, addr, page(st.admin))); err != nil {
			return err
		}
	}
	return nil
}

// lineFlat is (d): the first page of a large tree beside that of a small one.
func (s *suite) lineFlat(ctx context.Context) error {
	for i, st := range s.large {
		small := s.small[i]
		line := table.Line{
			Name: fmt.Sprintf("(d) page of 50 at %d organizations, %s", s.size.Organizations, st.engine), Unit: "ms p50", Bound: table.AtMost, Wanted: 1.3,
			Note: fmt.Sprintf("baseline: the same page at %d organizations", smallTree),
		}
		err := s.alternate(line, s.latency(ctx, st.server.Addr, page(st.admin)), s.latency(ctx, small.server.Addr, page(small.admin)))
		if err != nil {
			return err
		}
	}
	return nil
}

// lineMemory is (f): what an idle `orgd dev` with its demo occupies.
func (s *suite) lineMemory(ctx context.Context) error {
	line := table.Line{
		Name: "(f) idle memory of orgd dev", Unit: "MB", Bound: table.AtMost, Wanted: 60,
		Note: fmt.Sprintf("resident memory %v after start, and %v after a first request; the larger", idle, idle),
	}
	server, organization, err := orgd.Dev(ctx, s.program("dev"))
	if err != nil {
		return err
	}
	s.later(server.Stop)
	var largest int64
	for _, path := range []string{"", organizations + "/" + organization} {
		if path != "" {
			if _, _, err := orgd.Get(ctx, server.Addr, path, bearer(server.Token)); err != nil {
				return err
			}
		}
		time.Sleep(idle)
		rss, err := server.RSS()
		if err != nil {
			return err
		}
		largest = max(largest, rss)
	}
	line.Ours = []float64{float64(largest) / 1e6}
	s.lines = append(s.lines, line)
	return nil
}
