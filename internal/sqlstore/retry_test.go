package sqlstore_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/orgd/orgd/internal/engine/enginetest"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/storetest"
)

func postgresEngine(t *testing.T) enginetest.Engine {
	t.Helper()
	for _, e := range enginetest.All(t) {
		if e.Name == "postgres" {
			return e
		}
	}
	t.Fatal("no engine is called postgres")
	return enginetest.Engine{}
}

// TestDeadlockRunsAgain makes two transactions wait for each other. The server
// ends one of them, and it runs again.
func TestDeadlockRunsAgain(t *testing.T) {
	s := postgresEngine(t).Open(t)
	var runs atomic.Int64
	var met sync.WaitGroup
	met.Add(2)
	var wg sync.WaitGroup
	for _, keys := range [][]string{{"a", "b"}, {"b", "a"}} {
		wg.Go(func() {
			first := true
			err := s.Update(t.Context(), func(tx org.Tx) error {
				runs.Add(1)
				if err := errors.Join(tx.Lock(t.Context(), keys[0]), ask(t.Context(), tx)); err != nil {
					return err
				}
				if first {
					first = false
					met.Done()
					met.Wait()
				}
				return errors.Join(tx.Lock(t.Context(), keys[1]), ask(t.Context(), tx))
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := runs.Load(); n != 3 {
		t.Errorf("the functions ran %d times, want 3", n)
	}
}

// ask sends what is put off.
func ask(ctx context.Context, tx org.Tx) error {
	_, err := tx.AnyUser(ctx)
	return err
}

// TestLostConnection cuts the connections of a store. What was under way is
// not run again, because nobody knows how it ended; what follows works.
func TestLostConnection(t *testing.T) {
	const cutSQL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
	e := postgresEngine(t)
	url := e.Migrated(t)
	s := openStore(t, url)
	f := storetest.Fill(t, s)
	runs := 0
	err := s.Update(t.Context(), func(tx org.Tx) error {
		runs++
		if err := ask(t.Context(), tx); err != nil {
			return err
		}
		e.Exec(t, url, cutSQL)
		return tx.RenameOrganization(t.Context(), f.Root.ID, "lost", f.Root.Updated)
	})
	if fault.CodeOf(err) != fault.Unavailable || runs != 1 {
		t.Errorf("after %d runs: %v, want %s after 1", runs, err, fault.Unavailable)
	}
	err = s.View(t.Context(), func(r org.Reader) error {
		if _, err := r.AnyUser(t.Context()); err != nil {
			return err
		}
		e.Exec(t, url, cutSQL)
		_, err := r.AnyUser(t.Context())
		return err
	})
	if fault.CodeOf(err) != fault.Unavailable {
		t.Errorf("a view: %v, want %s", err, fault.Unavailable)
	}
	if _, err := s.Organization(t.Context(), f.Root.ID); err != nil {
		t.Errorf("a new connection: %v", err)
	}
}

// TestTooManyConflicts ends a transaction that never succeeds.
func TestTooManyConflicts(t *testing.T) {
	for _, e := range enginetest.All(t) {
		t.Run(e.Name, func(t *testing.T) {
			s := e.Open(t)
			runs := 0
			err := s.Update(t.Context(), func(tx org.Tx) error {
				runs++
				return tx.RenameOrganization(t.Context(), "nothing", "name", time.UnixMicro(1))
			})
			if fault.CodeOf(err) != fault.Unavailable || runs < 2 {
				t.Errorf("after %d runs: %v", runs, err)
			}
		})
	}
}
