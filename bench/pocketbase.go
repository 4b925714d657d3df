package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"

	"github.com/orgd/orgd/bench/load"
	"github.com/orgd/orgd/bench/orgd"
	"github.com/orgd/orgd/bench/proc"
	"github.com/orgd/orgd/bench/table"
)

const (
	records        = "/api/collections/organizations/records"
	pocketBasePage = records + "?perPage=50&sort=created,id"
)

// pocketBase is what the baseline's ready file says.
type pocketBase struct {
	Addr  string   `json:"addr"`
	Token string   `json:"token"`
	IDs   []string `json:"ids"`
}

// linePocketBase is (e): the same rows, the same SQLite settings, the same generator.
func (s *suite) linePocketBase(ctx context.Context) error {
	pb, err := s.startPocketBase(ctx, "NORMAL")
	if err != nil {
		return err
	}
	st := s.large[0]
	if err := pb.compare(ctx, st); err != nil {
		return err
	}
	for _, l := range []struct {
		line       table.Line
		ours, base load.Request
	}{
		{table.Line{Name: "(e) get by id beside PocketBase", Bound: table.AtLeast, Wanted: 3}, st.gets(), pb.gets()},
		{table.Line{Name: "(e) list of 50 with total beside PocketBase", Bound: table.AtLeast, Wanted: 3}, page(st.admin), pb.page()},
		{table.Line{Name: "(e) create beside PocketBase, synchronous NORMAL"}, st.creates(st.data.Organizations), pb.creates()},
	} {
		l.line.Unit = "req/s"
		l.line.Note = "baseline: PocketBase on a collection with the same rows, WAL and synchronous NORMAL on both sides, its request log off"
		if err := s.alternate(l.line, s.rate(ctx, st.server.Addr, l.ours), s.rate(ctx, pb.Addr, l.base)); err != nil {
			return err
		}
	}
	return s.durableCreates(ctx, st)
}

// durableCreates measures creates with synchronous FULL on both sides: what was answered survives a loss of power,
// which is our default and what an audit record is worth something for.
func (s *suite) durableCreates(ctx context.Context, st *store) error {
	if err := st.server.Stop(); err != nil {
		return err
	}
	server, err := orgd.Serve(ctx, s.program("large-sqlite-full", serveFlags("full")...), st.url)
	if err != nil {
		return err
	}
	s.later(server.Stop)
	st.server = server
	pb, err := s.startPocketBase(ctx, "FULL")
	if err != nil {
		return err
	}
	line := table.Line{
		Name: "(e) create beside PocketBase, synchronous FULL", Unit: "req/s", Bound: table.AtLeast, Wanted: 1.5,
		Note: "a commit waits for the disk on both sides, which is our default; PocketBase's is NORMAL",
	}
	return s.alternate(line, s.rate(ctx, server.Addr, st.creates(st.data.Organizations)), s.rate(ctx, pb.Addr, pb.creates()))
}

func (s *suite) startPocketBase(ctx context.Context, synchronous string) (*pocketBase, error) {
	name := "pocketbase-" + synchronous
	var pb pocketBase
	p, err := proc.Start(ctx, proc.Command{
		Name: name, Dir: s.dir, Path: filepath.Join(s.binaries, "pocketbase"), Ready: name + ".ready", Info: &pb,
		Args: []string{
			"-dir", filepath.Join(s.dir, name), "-ready-file", name + ".ready", "-synchronous", synchronous,
			"-rows", strconv.Itoa(s.size.Organizations),
		},
	})
	if err != nil {
		return nil, err
	}
	s.later(p.Stop)
	return &pb, nil
}

func (pb *pocketBase) header() []string { return []string{"Authorization", pb.Token} }

func (pb *pocketBase) gets() load.Request { return gets(records+"/", pb.IDs, pb.header()) }

func (pb *pocketBase) page() load.Request {
	return load.Bytes(load.Message("GET", pocketBasePage, "", pb.header()...))
}

func (pb *pocketBase) creates() load.Request {
	root := pb.IDs[0]
	return creates(records, pb.IDs, pb.header(), func(name, parent string) string {
		return fmt.Sprintf(`{"name":%q,"name_fold":%q,"parent":%q,"path":"%s/%s","depth":2}`, name, name, parent, root, parent)
	})
}

// compare refuses to go on unless both servers list as many organizations and the same total.
func (pb *pocketBase) compare(ctx context.Context, st *store) error {
	_, text, err := orgd.Get(ctx, st.server.Addr, firstPage, bearer(st.admin))
	if err != nil {
		return err
	}
	var ours struct {
		Result []json.RawMessage
		Info   struct {
			Total int `json:"total_size"`
		} `json:"result_info"`
	}
	if err := json.Unmarshal(text, &ours); err != nil {
		return fmt.Errorf("decode our list: %w", err)
	}
	_, text, err = orgd.Get(ctx, pb.Addr, pocketBasePage, pb.header())
	if err != nil {
		return err
	}
	var theirs struct {
		Items      []json.RawMessage
		TotalItems int
	}
	if err := json.Unmarshal(text, &theirs); err != nil {
		return fmt.Errorf("decode PocketBase's list: %w", err)
	}
	if ours.Info.Total != theirs.TotalItems || len(ours.Result) != len(theirs.Items) {
		return fmt.Errorf("(e): we list %d of %d, PocketBase %d of %d", len(ours.Result), ours.Info.Total, len(theirs.Items), theirs.TotalItems)
	}
	return nil
}
