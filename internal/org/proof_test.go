package org_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/engine/enginetest"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/proof"
)

// testKey signs for the tests.
const testKey = "PRIVATE+KEY+audit.example.com+3c36b532+AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB"

// proving gives the world's service a signing key.
func (w *world) proving() {
	w.t.Helper()
	w.Key = must[*proof.Key](w.t)(proof.ParseKey(testKey, ""))
}

// addRecords records something in the log of an organization, n times, in one
// transaction and behind the back of any service.
func (w *world) addRecords(log id.Log, n int) {
	w.t.Helper()
	records := make([]*audit.Record, n)
	for i := range records {
		records[i] = &audit.Record{
			Log: log, ID: id.Record(fmt.Sprintf("%016x%016x", rand.Uint64(), rand.Uint64())), Time: w.clock.now(),
			Action: audit.LogView, Result: audit.Success,
		}
	}
	err := w.store.Update(w.t.Context(), func(tx org.Tx) error { return tx.AppendAudits(w.t.Context(), records) })
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) grow() org.TreePass {
	w.t.Helper()
	w.clock.advance(time.Second)
	return must[org.TreePass](w.t)(w.GrowTrees(w.t.Context()))
}

// wantTree checks the tree of a log against all of its records, and returns
// its checkpoint.
func (w *world) wantTree(log id.Log, size int64) proof.Checkpoint {
	w.t.Helper()
	trees := must[[]org.Tree](w.t)(w.store.AuditTrees(w.t.Context(), []id.Log{log}))
	if len(trees) != 1 || trees[0].Size != size {
		w.t.Fatalf("got %+v, want a tree of %d", trees, size)
	}
	run := proof.NewRange(0)
	for _, r := range must[[]audit.Record](w.t)(w.store.AuditRecords(w.t.Context(), log, 0, int(size))) {
		run.Append(audit.LeafHash(audit.Canonical(&r)))
	}
	root := must[proof.Hash](w.t)(run.Root(size, nil, nil))
	key := must[string](w.t)(w.Key.VerifierKey(w.Key.Name()))
	v, err := proof.LogVerifier(key, "audit.example.com/"+string(log))
	if err != nil {
		w.t.Fatal(err)
	}
	c, _, err := proof.Open(trees[0].Checkpoint, v)
	if err != nil || c.Root != root || c.Size != size {
		w.t.Fatalf("log %s: got checkpoint %+v, %v, want root %v of %d", log, c, err, root, size)
	}
	return c
}

func TestTreesFollowTheirLogs(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		w.proving()
		a, b := id.Log(strings.Repeat("a", 32)), id.Log(strings.Repeat("b", 32))
		w.addRecords(a, 1)
		w.addRecords(b, 3)
		if got := w.grow(); got.Logs != 4 || got.Records != 6 || got.Waited != time.Second { // with those of the instance and its administrator
			t.Errorf("got %+v", got)
		}
		w.wantTree(a, 1)
		w.wantTree(b, 3)
		if got := w.grow(); got != (org.TreePass{}) {
			t.Errorf("nothing was recorded: got %+v", got)
		}
		w.addRecords(a, 9000) // more than one round
		w.addRecords(b, 300)
		if got := w.grow(); got.Records != 9300 {
			t.Errorf("got %+v", got)
		}
		w.wantTree(a, 9001)
		w.wantTree(b, 303)
	})
}

// TestTreesOfManyLogs lets logs of all lengths grow together, many times.
func TestTreesOfManyLogs(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		w.proving()
		sizes := make(map[id.Log]int64)
		var last map[id.Log]proof.Checkpoint
		for range 6 {
			for range 12 {
				log, n := id.Log(fmt.Sprintf("%032x", 16+rand.IntN(8))), 1+rand.IntN(150)
				w.addRecords(log, n)
				sizes[log] += int64(n)
			}
			w.grow()
			now := make(map[id.Log]proof.Checkpoint)
			for log, size := range sizes {
				now[log] = w.wantTree(log, size)
				p := must[*org.LogProof](t)(w.LogProof(t.Context(), log))
				old, grown := last[log]
				if !grown {
					continue
				}
				reader := proof.Reader(size, p.Root, func(tiles []proof.Tile) ([][]byte, error) {
					return w.store.AuditTiles(t.Context(), log, tiles)
				})
				hashes := must[[]proof.Hash](t)(proof.Consistency(reader, old.Size, size))
				if err := proof.CheckConsistency(hashes, old, now[log]); err != nil {
					t.Errorf("log %s: %d in %d: %v", log, old.Size, size, err)
				}
			}
			last = now
		}
	})
}

// TestServersGrowTreesTogether has several processes write and grow at once.
func TestServersGrowTreesTogether(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		w.proving()
		admin := w.person("ada")
		o := w.root("root", admin)
		var wg sync.WaitGroup
		for range 3 {
			s := w.service()
			s.Key = w.Key
			request := admin.request()
			wg.Go(func() {
				for i := range 8 {
					if _, err := s.UpdateOrganization(t.Context(), request, o.ID, org.OrganizationUpdate{Name: fmt.Sprint("name ", i)}); err != nil {
						t.Error(err)
					}
					if _, err := s.GrowTrees(t.Context()); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		w.grow()
		w.wantTree(id.Log(o.ID), 25)
	})
}

// TestOwnRecordsGrowWithoutSearching makes sure that what a service wrote
// itself is in the tree after its next pass, whenever it searches again.
func TestOwnRecordsGrowWithoutSearching(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		w.proving()
		admin := w.person("ada")
		w.Service = w.service()
		w.proving()
		w.store = &slowSearch{Store: w.store, clock: w.clock}
		w.Store = w.store
		w.grow()
		o := w.root("root", admin)
		if got := w.grow(); got.Records == 0 {
			t.Errorf("got %+v", got)
		}
		w.wantTree(id.Log(o.ID), 1)
		w.addRecords(id.Log(o.ID), 1) // another process
		if got := w.grow(); got.Records != 0 {
			t.Errorf("searched too early: got %+v", got)
		}
		w.clock.advance(time.Minute)
		w.grow()
		w.wantTree(id.Log(o.ID), 2)
	})
}

// slowSearch takes a second to search for logs that are behind.
type slowSearch struct {
	org.Store
	clock *clock
}

func (s *slowSearch) AuditTreesBehind(ctx context.Context, after id.Log, limit int) ([]id.Log, error) {
	s.clock.advance(time.Second)
	return s.Store.AuditTreesBehind(ctx, after, limit)
}

func TestProofs(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		admin, stranger := w.person("ada"), w.person("bob")
		o := w.root("root", admin)
		ctx, log := t.Context(), id.Log(o.ID)
		_, err := w.Proof(ctx, admin.request(), o.ID)
		wantCode(t, err, fault.NotFound)
		w.proving()
		w.addRecords(log, 299)
		p := must[*org.LogProof](t)(w.Proof(ctx, admin.request(), o.ID))
		if p.Size != 300 || p.Origin != "audit.example.com/"+string(o.ID) {
			t.Errorf("got %+v", p)
		}
		for _, seq := range []int64{1, 256, 257, 300} {
			r := must[[]audit.Record](t)(w.store.AuditRecords(ctx, log, seq-1, 1))[0]
			in := must[*org.InclusionProof](t)(w.ProveInclusion(ctx, admin.request(), o.ID, r.ID))
			if err := proof.CheckInclusion(in.Hashes, in.Size, in.Root, in.Seq-1, audit.LeafHash(audit.Canonical(&r))); err != nil || in.Seq != seq {
				t.Errorf("record %d: got %+v, %v", seq, in, err)
			}
		}
		_, err = w.ProveInclusion(ctx, admin.request(), o.ID, id.Record(strings.Repeat("0", 32)))
		wantCode(t, err, fault.NotFound)
		for _, bad := range [][2]int64{{301, 0}, {1, 301}, {5, 4}} {
			_, err = w.ProveConsistency(ctx, admin.request(), o.ID, bad[0], bad[1])
			wantCode(t, err, fault.Invalid)
		}
		c := must[*org.ConsistencyProof](t)(w.ProveConsistency(ctx, admin.request(), o.ID, 7, 0))
		if c.To != 300 || len(c.Hashes) == 0 {
			t.Errorf("got %+v", c)
		}
		data := must[[]byte](t)(w.TreeTile(ctx, admin.request(), o.ID, proof.Tile{Index: 1, Width: 44}))
		entries := must[[][]byte](t)(w.TreeEntries(ctx, admin.request(), o.ID, proof.Tile{Level: proof.EntriesLevel, Index: 1, Width: 44}))
		for i, e := range entries {
			if leaf := audit.LeafHash(e); string(data[i*proof.HashSize:(i+1)*proof.HashSize]) != string(leaf[:]) {
				t.Errorf("entry %d has the hash %x", i, leaf)
			}
		}
		_, err = w.TreeTile(ctx, admin.request(), o.ID, proof.Tile{Index: 1, Width: 45})
		wantCode(t, err, fault.NotFound)
		for _, ask := range []func(org.Request) error{
			func(r org.Request) error { _, err := w.Proof(ctx, r, o.ID); return err },
			func(r org.Request) error { _, err := w.ProveInclusion(ctx, r, o.ID, "x"); return err },
			func(r org.Request) error { _, err := w.ProveConsistency(ctx, r, o.ID, 1, 0); return err },
			func(r org.Request) error { _, err := w.TreeTile(ctx, r, o.ID, proof.Tile{Width: 1}); return err },
			func(r org.Request) error { _, err := w.TreeEntries(ctx, r, o.ID, proof.Tile{Width: 1}); return err },
		} {
			wantCode(t, ask(stranger.request()), fault.NotFound)
		}
	})
}

// TestProofOfAnEmptyLog signs what has no records yet.
func TestProofOfAnEmptyLog(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		w.proving()
		p := must[*org.LogProof](t)(w.LogProof(t.Context(), "nothing"))
		if p.Size != 0 || !strings.HasPrefix(p.Checkpoint, "audit.example.com/nothing\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n") {
			t.Errorf("got %+v", p)
		}
	})
}

// TestTamperedTreesAreNotSignedAgain changes trees and records behind the back
// of the server: it says so, and the other logs go on.
func TestTamperedTreesAreNotSignedAgain(t *testing.T) {
	t.Parallel()
	for _, e := range enginetest.All(t) {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			for _, tt := range []struct{ name, statements, want string }{
				{"nodes of another tree", "UPDATE audit_trees SET nodes = (SELECT nodes FROM audit_trees WHERE log_id = 'other') WHERE log_id = 'log'", "the tree of log log was changed: it has the root"},
				{"too few nodes", "UPDATE audit_trees SET size = 2 WHERE log_id = 'log'", "the tree of log log"},
				{"checkpoint of another log", "UPDATE audit_trees SET checkpoint = (SELECT checkpoint FROM audit_trees WHERE log_id = 'longer') WHERE log_id = 'log'", "the tree of log log was changed"},
				{"forged checkpoint", "UPDATE audit_trees SET checkpoint = REPLACE(checkpoint, 'audit.example.com/log ', 'audit.example.com/log A') WHERE log_id = 'log'", "the tree of log log was changed"},
				{"a new record removed", "DELETE FROM audit_records WHERE log_id = 'log' AND seq = 5", "record 5 of log log is missing: record 6 follows"},
				{"the newest removed", "DELETE FROM audit_records WHERE log_id = 'log' AND seq >= 5", "record 5 of log log is missing"},
			} {
				t.Run(tt.name, func(t *testing.T) {
					url := e.Migrated(t)
					w := &world{t: t, store: enginetest.OpenAt(t, url), clock: newClock(), labels: map[string]string{}}
					w.Service = w.service()
					w.proving()
					for _, log := range []id.Log{"log", "other"} {
						w.addRecords(log, 4)
					}
					w.addRecords("longer", 5)
					w.grow()
					w.addRecords("log", 3)
					w.addRecords("other", 3)
					e.Exec(t, url, tt.statements)
					w.clock.advance(time.Hour)
					if _, err := w.GrowTrees(t.Context()); err == nil || !strings.Contains(err.Error(), tt.want) {
						t.Errorf("got %v, want %s", err, tt.want)
					}
					w.wantTree("other", 7)
				})
			}
		})
	}
}

func wantCode(t *testing.T, err error, code fault.Code) {
	t.Helper()
	if err == nil || fault.CodeOf(err) != code {
		t.Errorf("got %v, want %s", err, code)
	}
}
