package sqlstore_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/engine/enginetest"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/sqlstore"
)

// queueing is a store whose common commits are held up: as many as may be
// under way wait for a log that another store holds, so that what comes next
// has to wait, and is committed together.
type queueing struct {
	*testing.T
	store   org.Store
	proxy   *proxy
	wg      sync.WaitGroup
	mu      sync.Mutex
	failed  map[string]error
	release chan struct{}
}

func newQueueing(t *testing.T, patience time.Duration) *queueing {
	t.Helper()
	database := postgresEngine(t).Migrated(t)
	p, through := newProxy(t, database)
	s, err := sqlstore.OpenPostgres(t.Context(), through, sqlstore.PostgresOptions{MaxConns: 8, Patience: patience})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	q := &queueing{T: t, store: s, proxy: p, failed: make(map[string]error), release: make(chan struct{})}
	for _, log := range []id.Log{"held 1", "held 2"} { // connects, and prepares the statements
		q.append(t.Context(), log, "first in "+string(log))
	}
	q.wg.Wait()
	held, holder := make(chan struct{}), enginetest.OpenAt(t, database)
	q.wg.Go(func() {
		err := holder.Update(t.Context(), func(tx org.Tx) error {
			for _, log := range []id.Log{"held 1", "held 2"} {
				if err := tx.AppendAudits(t.Context(), []*audit.Record{record(log, "held in "+string(log))}); err != nil {
					return err
				}
			}
			close(held)
			<-q.release
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-held
	for _, log := range []id.Log{"held 1", "held 2"} {
		before := p.trips.Load()
		q.append(t.Context(), log, "waits in "+string(log))
		for p.trips.Load() == before { // until it was sent
			time.Sleep(time.Millisecond)
		}
	}
	return q
}

func record(log id.Log, name string) *audit.Record {
	return &audit.Record{Log: log, ID: id.Record(name), Time: time.UnixMicro(1_800_000_000_000_000), Action: audit.OrganizationUpdate, Result: audit.Success}
}

// append writes a record in a transaction of its own, some time.
func (q *queueing) append(ctx context.Context, log id.Log, name string) {
	q.wg.Go(func() {
		err := q.store.Update(ctx, func(tx org.Tx) error { return tx.AppendAudit(ctx, record(log, name)) })
		q.mu.Lock()
		defer q.mu.Unlock()
		if err != nil {
			q.failed[name] = err
		}
	})
}

// await returns when n transactions wait for others.
func (q *queueing) await(n int) {
	for q.store.(*sqlstore.Store).Waiting() != n {
		time.Sleep(time.Millisecond)
	}
}

// finish lets the held up commits go on once n others wait, and returns what
// failed.
func (q *queueing) finish(n int) map[string]error {
	q.Helper()
	q.await(n)
	close(q.release)
	q.wg.Wait()
	return q.failed
}

func (q *queueing) wantRecords(log id.Log, n int) {
	q.Helper()
	all, err := q.store.AuditRecords(q.Context(), log, 0, 100)
	if err != nil || len(all) != n {
		q.Errorf("log %s has %d records, %v, want %d", log, len(all), err, n)
	}
	for i, r := range all {
		if r.Seq != int64(i+1) {
			q.Errorf("record %d of log %s has number %d", i+1, log, r.Seq)
		}
	}
}

func TestTransactionsThatWaitAreCommittedTogether(t *testing.T) {
	q := newQueueing(t, time.Hour)
	before := q.proxy.trips.Load()
	for i := range 20 {
		q.append(t.Context(), id.Log(fmt.Sprint("log ", i%4)), fmt.Sprint("record ", i))
	}
	if failed := q.finish(20); len(failed) > 0 {
		t.Errorf("failed: %v", failed)
	}
	if n := q.proxy.trips.Load() - before; n > 6 {
		t.Errorf("20 transactions took %d round trips", n)
	}
	for i := range 4 {
		q.wantRecords(id.Log(fmt.Sprint("log ", i)), 5)
	}
	q.wantRecords("held 1", 3)
}

// TestOneThatFailsDoesNotTakeOthersAlong has a transaction among others that
// the server refuses: only that one may fail, with its own error.
func TestOneThatFailsDoesNotTakeOthersAlong(t *testing.T) {
	q := newQueueing(t, time.Hour)
	for i := range 6 {
		q.append(t.Context(), "log", fmt.Sprint("record ", i))
	}
	q.append(t.Context(), "log", "record 3") // the same identifier again
	failed := q.finish(7)
	if len(failed) != 1 || failed["record 3"] == nil {
		t.Errorf("failed: %v", failed)
	}
	q.wantRecords("log", 6)
}

// TestWhoGivesUpIsNotCommitted cancels a transaction that waits for others.
func TestWhoGivesUpIsNotCommitted(t *testing.T) {
	q := newQueueing(t, time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		done <- q.store.Update(ctx, func(tx org.Tx) error { return tx.AppendAudit(ctx, record("log", "given up")) })
	}()
	q.append(t.Context(), "log", "kept")
	q.await(2)
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	if failed := q.finish(1); len(failed) > 0 {
		t.Errorf("failed: %v", failed)
	}
	q.wantRecords("log", 1)
}

// TestNobodyWaitsForWhoIsLate has two common commits that do not come back.
func TestNobodyWaitsForWhoIsLate(t *testing.T) {
	q := newQueueing(t, time.Millisecond)
	for i := range 3 {
		err := q.store.Update(t.Context(), func(tx org.Tx) error {
			return tx.AppendAudit(t.Context(), record("log", fmt.Sprint("record ", i)))
		})
		if err != nil {
			t.Error(err)
		}
	}
	q.wantRecords("log", 3)
	if failed := q.finish(0); len(failed) > 0 {
		t.Errorf("failed: %v", failed)
	}
	q.wantRecords("held 2", 3)
}
