package org

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/proof"
)

// The bounds of one round of growing: what it reads before it writes.
const (
	roundRecords = 4096
	roundLogs    = 1000
)

// scanShare is how much longer than the search for logs that are behind the
// wait for the next search is, so that searching takes 2 % of the time
// however many logs there are.
const scanShare = 50

// treeState is what a Service remembers between passes over the trees.
type treeState struct {
	mu       sync.Mutex
	appended map[id.Log]struct{} // logs that this process wrote to since the last pass
	nextScan time.Time
}

func (t *treeState) add(logs ...id.Log) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.appended == nil {
		t.appended = make(map[id.Log]struct{})
	}
	for _, log := range logs {
		t.appended[log] = struct{}{}
	}
}

func (t *treeState) take() []id.Log {
	t.mu.Lock()
	defer t.mu.Unlock()
	logs := make([]id.Log, 0, len(t.appended))
	for log := range t.appended {
		logs = append(logs, log)
	}
	t.appended = nil
	return logs
}

// GrowTrees adds what was recorded since its last call to the trees of the
// logs and signs their checkpoints. The program calls it every half second.
// A log whose tree cannot go on does not stop the others; it is in the error.
//
// Each process looks after the logs that it wrote to itself. Now and then it
// searches for others that are behind: those of processes that ended.
func (s *Service) GrowTrees(ctx context.Context) (TreePass, error) {
	own := s.trees.take()
	pass, err := s.growTrees(ctx, own)
	if err != nil {
		s.trees.add(own...)
	}
	if s.now().Before(s.trees.nextScan) {
		return pass, err
	}
	var after id.Log
	var searching time.Duration
	for {
		start := s.now()
		logs, scanErr := s.Store.AuditTreesBehind(ctx, after, roundLogs)
		searching += s.now().Sub(start)
		if scanErr != nil {
			return pass, errors.Join(err, scanErr)
		}
		more, growErr := s.growTrees(ctx, logs)
		pass, err = pass.and(more), errors.Join(err, growErr)
		if len(logs) < roundLogs {
			break
		}
		after = logs[len(logs)-1]
	}
	s.trees.nextScan = s.now().Add(scanShare * searching)
	return pass, err
}

func (p TreePass) and(q TreePass) TreePass {
	return TreePass{Logs: p.Logs + q.Logs, Records: p.Records + q.Records, Waited: max(p.Waited, q.Waited)}
}

// growTrees brings the trees of logs up to their heads.
func (s *Service) growTrees(ctx context.Context, logs []id.Log) (TreePass, error) {
	var pass TreePass
	var failed error
	for rest := range slices.Chunk(logs, roundLogs) {
		for len(rest) > 0 {
			r := &growRound{service: s, growing: make(map[id.Log]*growing)}
			if err := s.Store.View(ctx, func(reader Reader) error { return r.read(ctx, reader, rest) }); err != nil {
				return pass, errors.Join(failed, err)
			}
			growths, err := r.growths()
			failed = errors.Join(failed, err)
			written, err := s.writeTrees(ctx, growths)
			if err != nil {
				return pass, errors.Join(failed, err)
			}
			pass = pass.and(r.passOf(written))
			rest = r.rest(written)
		}
	}
	return pass, failed
}

// growRound is one round: some records of some logs.
type growRound struct {
	service *Service
	growing map[id.Log]*growing
	order   []*growing
	later   []id.Log // what did not fit in
	err     error
}

// growing is a tree in the course of a round.
type growing struct {
	Growth
	run    *proof.Range
	oldest time.Time // of the records that are added
	failed bool
}

// read reads the trees and the records behind them.
func (r *growRound) read(ctx context.Context, reader Reader, logs []id.Log) error {
	*r = growRound{service: r.service, growing: make(map[id.Log]*growing)}
	trees, err := reader.AuditTrees(ctx, logs)
	if err != nil {
		return err
	}
	room := int64(roundRecords)
	var picked []id.Log
	for _, t := range trees {
		if t.Head <= t.Size {
			continue
		}
		if room <= 0 {
			r.later = append(r.later, t.Log)
			continue
		}
		g, err := r.service.begin(t)
		if err != nil {
			r.err = errors.Join(r.err, err)
			continue
		}
		room -= t.Head - t.Size
		picked = append(picked, t.Log)
		r.growing[t.Log] = g
		r.order = append(r.order, g)
	}
	return reader.AuditRecordsBehind(ctx, picked, roundRecords, r.add)
}

// begin continues a tree, if it is still the one that was signed. Otherwise
// signing it again would make up for a change behind our back.
func (s *Service) begin(t Tree) (*growing, error) {
	run, err := proof.RestoreRange(0, t.Size, t.Nodes)
	if err != nil {
		return nil, fmt.Errorf("the tree of log %s is damaged: %w", t.Log, err)
	}
	if t.Checkpoint != "" && s.Key != nil {
		root, err := run.Root(t.Size, nil, nil)
		if err != nil {
			return nil, fmt.Errorf("the tree of log %s is damaged: %w", t.Log, err)
		}
		if err := s.Key.Recognize(t.Checkpoint, proof.Checkpoint{Origin: s.origin(t.Log), Size: t.Size, Root: root}); err != nil {
			return nil, fmt.Errorf("the tree of log %s was changed: %w", t.Log, err)
		}
	}
	g := &growing{Growth: Growth{From: t.Size, Tree: t}, run: run}
	run.Emit = g.emit
	return g, nil
}

// emit keeps the hashes that tiles are made of.
func (g *growing) emit(n proof.Node, h proof.Hash) {
	if n.Level%proof.TileHeight != 0 {
		return
	}
	level := n.Level / proof.TileHeight
	for len(g.Levels) <= level {
		g.Levels = append(g.Levels, nil)
	}
	g.Levels[level] = append(g.Levels[level], h)
}

// add adds a record to its tree.
func (r *growRound) add(record *audit.Record) error {
	g := r.growing[record.Log]
	switch {
	case g.failed:
	case record.Seq != g.run.End()+1:
		g.failed = true
		r.err = errors.Join(r.err, fmt.Errorf("record %d of log %s is missing: record %d follows", g.run.End()+1, record.Log, record.Seq))
	default:
		if g.oldest.IsZero() {
			g.oldest = record.Time
		}
		g.run.Append(audit.LeafHash(audit.Canonical(record)))
	}
	return nil
}

// growths completes the trees that have grown.
func (r *growRound) growths() ([]Growth, error) {
	var list []Growth
	now := r.service.now()
	for _, g := range r.order {
		g.Size, g.Nodes, g.Time, g.Checkpoint = g.run.End(), g.run.Hashes(), now, ""
		if g.Size == g.From {
			if !g.failed {
				r.err = errors.Join(r.err, fmt.Errorf("record %d of log %s is missing", g.From+1, g.Log))
			}
			continue
		}
		if err := r.service.sign(&g.Tree); err != nil {
			return nil, errors.Join(r.err, err)
		}
		list = append(list, g.Growth)
	}
	return list, r.err
}

func (s *Service) sign(t *Tree) error {
	if s.Key == nil {
		return nil
	}
	root, err := t.Root()
	if err != nil {
		return err
	}
	t.Checkpoint, err = s.Key.Sign(proof.Checkpoint{Origin: s.origin(t.Log), Size: t.Size, Root: root})
	return err
}

// passOf counts what was written.
func (r *growRound) passOf(written []id.Log) TreePass {
	p := TreePass{Logs: len(written)}
	now := r.service.now()
	for _, log := range written {
		g := r.growing[log]
		p.Records += g.Size - g.From
		p.Waited = max(p.Waited, now.Sub(g.oldest))
	}
	return p
}

// rest returns the logs that are still behind: those that did not fit in, and
// those that another process was writing at the same time.
func (r *growRound) rest(written []id.Log) []id.Log {
	done := make(map[id.Log]bool, len(written))
	for _, log := range written {
		done[log] = true
	}
	rest := r.later
	for _, g := range r.order {
		if !g.failed && g.Size > g.From && (!done[g.Log] || g.Size < g.Head) {
			rest = append(rest, g.Log)
		}
	}
	return rest
}
