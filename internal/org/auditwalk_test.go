package org_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
)

// walks is how often logs are walked while they grow.
const walks = 100

// TestWalksOfGrowingLogs walks one log or all of a tree, a hundred times with
// random limits and directions, through two services in turn, while four
// writers append. Each walk has to give every record once.
func TestWalksOfGrowingLogs(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		g := newGrowing(t, w)
		ctx, stop := context.WithCancel(t.Context())
		var writers sync.WaitGroup
		for i := range 4 {
			writers.Go(func() { g.write(ctx, t, i) })
		}
		r := rand.New(rand.NewPCG(8, 9))
		for i := range walks {
			g.walk(t, r, i%2 == 0)
			if t.Failed() {
				break
			}
		}
		stop()
		writers.Wait()
	})
}

// growing is a tree whose logs are written to.
type growing struct {
	*world
	owner    *person
	logs     []id.Organization // of the root and what is below it
	services []*org.Service
	turns    chan struct{} // a change for each
	pages    int
}

func newGrowing(t *testing.T, w *world) *growing {
	g := &growing{world: w, owner: w.person("ada"), turns: make(chan struct{}, 8)}
	g.services = []*org.Service{w.Service, w.service()}
	root := w.root("Root", g.owner)
	g.logs = append(g.logs, root.ID)
	for i := range 3 {
		g.logs = append(g.logs, w.child(fmt.Sprint("Child ", i), g.owner, root.ID).ID)
	}
	for i := range 40 {
		g.rename(t, i)
	}
	return g
}

func (g *growing) rename(t *testing.T, i int) {
	g.clock.advance(time.Millisecond)
	in := org.OrganizationUpdate{Name: fmt.Sprint("Renamed ", i)}
	if _, err := g.services[i%2].UpdateOrganization(t.Context(), g.owner.request(), g.logs[i%len(g.logs)], in); err != nil {
		t.Error(err)
	}
}

func (g *growing) write(ctx context.Context, t *testing.T, i int) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-g.turns:
			g.rename(t, i)
			i += 3
		}
	}
}

// heads returns how many records each log has.
func (g *growing) heads(t *testing.T, logs []id.Organization) map[id.Log]int64 {
	t.Helper()
	q := g.window()
	q.Limit = 1
	heads := make(map[id.Log]int64)
	for _, o := range logs {
		records, _, err := g.store.ListAudit(t.Context(), id.Log(o), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			heads[r.Log] = r.Seq
		}
	}
	return heads
}

// walk reads all pages of a list and wants every record of the logs that was
// there at the beginning, and what came behind it without a gap.
func (g *growing) walk(t *testing.T, r *rand.Rand, merged bool) {
	t.Helper()
	logs := g.logs
	read := (*org.Service).AuditSubtree
	if !merged {
		i := r.IntN(len(g.logs))
		logs, read = g.logs[i:i+1], (*org.Service).AuditLog
	}
	q := g.window()
	q.Ascending, q.Limit = r.IntN(2) == 0, 1+r.IntN(30)
	heads := g.heads(t, logs)
	seen := make(map[id.Log][]int64)
	for {
		p, err := read(g.services[g.pages%2], t.Context(), g.owner.request(), logs[0], q)
		if err != nil {
			t.Fatal(err)
		}
		for _, rec := range p.Records {
			seen[rec.Log] = append(seen[rec.Log], rec.Seq)
		}
		if g.pages++; g.pages%8 == 0 {
			select {
			case g.turns <- struct{}{}:
			default:
			}
		}
		if p.After == 0 {
			break
		}
		q.After, q.Tick = p.After, p.Tick
	}
	if len(seen) != len(heads) {
		t.Errorf("records of %d logs, want %d", len(seen), len(heads))
	}
	for log, list := range seen {
		g.checkWalk(t, &q, list, heads[log])
	}
}

// checkWalk wants all numbers from 1 to at least head, in order.
func (g *growing) checkWalk(t *testing.T, q *audit.Query, list []int64, head int64) {
	t.Helper()
	if !q.Ascending {
		slices.Reverse(list)
	}
	for i, seq := range list {
		if seq != int64(i+1) {
			t.Errorf("%d at once, forwards %t: number %d stands where %d should", q.Limit, q.Ascending, seq, i+1)
			return
		}
	}
	if int64(len(list)) < head {
		t.Errorf("%d at once, forwards %t: %d records of %d", q.Limit, q.Ascending, len(list), head)
	}
}
