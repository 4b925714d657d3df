package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
)

var errRefused = errors.New("refused")

func numbered(n int) org.Organization {
	o := rootOf(fmt.Sprint(n))
	o.ID = id.Organization(fmt.Sprintf("%032d", n))
	o.Path = []id.Organization{o.ID}
	return o
}

// TestGroupKeepsWhatWasAnswered runs many transactions at a time, every third
// of which ends with a refusal after it wrote: what succeeded is there when it
// is answered, and what was refused is not.
func TestGroupKeepsWhatWasAnswered(t *testing.T) {
	s := openTestStore(t, filepath.Join(t.TempDir(), "orgd.db"))
	const workers, each = 16, 30
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range each {
				o := numbered(w*each + i)
				refuse := i%3 == 2
				err := s.Update(t.Context(), func(tx org.Tx) error {
					if err := tx.InsertOrganization(t.Context(), o); err != nil {
						return err
					}
					if refuse {
						return errRefused
					}
					return nil
				})
				_, readErr := s.Organization(t.Context(), o.ID)
				switch {
				case refuse && (!errors.Is(err, errRefused) || readErr == nil):
					t.Errorf("refused transaction %s: %v, read with %v", o.ID, err, readErr)
				case !refuse && (err != nil || readErr != nil):
					t.Errorf("transaction %s: %v, read with %v", o.ID, err, readErr)
				}
			}
		})
	}
	wg.Wait()
	b := s.backend.(*sqliteBackend)
	if b.writer.group != nil || !b.writer.idle || len(b.writer.line) != 0 {
		t.Errorf("the writer is not at rest: %+v", b.writer)
	}
}

// grouped begins a transaction, lets a second one wait for it, and has the
// first end, so that its commit is left to the second one, which is returned.
func grouped(t *testing.T, s *Store) (first chan error, second transaction) {
	t.Helper()
	b := s.backend.(*sqliteBackend)
	one, err := begun(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	if err := (&tx{reader: reader{conn: one, dialect: s.dialect}, transaction: one}).InsertOrganization(t.Context(), numbered(1)); err != nil {
		t.Fatal(err)
	}
	began := make(chan transaction)
	go func() {
		two, err := begun(context.Background(), b)
		if err != nil {
			t.Error(err)
		}
		began <- two
	}()
	awaitWaiters(t, b.writer, 1)
	first = make(chan error, 1)
	go func() { first <- one.commit(context.Background()) }()
	return first, <-began
}

// begun begins a transaction and does not put that off.
func begun(ctx context.Context, b *sqliteBackend) (transaction, error) {
	t, err := b.begin(ctx, true)
	if err != nil {
		return nil, err
	}
	return t, t.flush(ctx)
}

func awaitWaiters(t *testing.T, w *sqliteWriter, n int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		w.mu.Lock()
		have := len(w.line)
		w.mu.Unlock()
		if have == n {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d transactions wait, want %d", have, n)
		}
	}
}

func TestGroupCommitsWhenItsLastTransactionRollsBack(t *testing.T) {
	s := openTestStore(t, filepath.Join(t.TempDir(), "orgd.db"))
	first, second := grouped(t, s)
	if _, err := s.Organization(t.Context(), numbered(1).ID); err == nil {
		t.Error("the first transaction is visible before its commit")
	}
	select {
	case err := <-first:
		t.Errorf("the first transaction was answered (%v) before its commit", err)
	default:
	}
	second.rollback(t.Context())
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	if _, err := s.Organization(t.Context(), numbered(1).ID); err != nil {
		t.Errorf("after the commit: %v", err)
	}
}

// TestGroupRunsAgainWhenItIsLost has the engine give up the whole transaction,
// as it does when the disk is full.
func TestGroupRunsAgainWhenItIsLost(t *testing.T) {
	s := openTestStore(t, filepath.Join(t.TempDir(), "orgd.db"))
	first, second := grouped(t, s)
	if _, err := second.change(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	second.rollback(t.Context())
	if err := <-first; !errors.Is(err, errAgain) {
		t.Errorf("the first transaction ended with %v, want one that runs it again", err)
	}
	if err := s.Update(t.Context(), func(tx org.Tx) error { return tx.InsertOrganization(t.Context(), numbered(1)) }); err != nil {
		t.Errorf("the writer is of no use afterwards: %v", err)
	}
}

func TestGroupIsCommittedByClose(t *testing.T) {
	path := filepath.Join(t.TempDir(), "orgd.db")
	s := openTestStore(t, path)
	first, second := grouped(t, s)
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	awaitWaiters(t, s.backend.(*sqliteBackend).writer, 1)
	if err := second.commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(<-first, <-closed); err != nil {
		t.Fatal(err)
	}
	if _, err := openTestStore(t, path).Organization(t.Context(), numbered(1).ID); err != nil {
		t.Errorf("after opening again: %v", err)
	}
}

// TestTakeGivesUp has two wait and the first of them give up.
func TestTakeGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &sqliteWriter{}
		ctx, cancel := context.WithCancel(t.Context())
		gaveUp, took := make(chan error, 1), make(chan error, 1)
		go func() { gaveUp <- w.take(ctx) }()
		synctest.Wait()
		go func() { took <- w.take(t.Context()) }()
		synctest.Wait()
		cancel()
		synctest.Wait()
		if err := <-gaveUp; !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want that of the context", err)
		}
		w.pass()
		if err := <-took; err != nil {
			t.Error(err)
		}
		w.pass()
		if !w.idle || len(w.line) != 0 {
			t.Errorf("%d wait and idle is %v", len(w.line), w.idle)
		}
	})
}
