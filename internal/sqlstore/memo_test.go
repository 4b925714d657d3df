package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
)

func openTestStore(t *testing.T, path string) *Store {
	t.Helper()
	if err := MigrateSQLite(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	s, err := OpenSQLite(t.Context(), path, SQLiteOptions{Synchronous: "normal"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func rootOf(name string) org.Organization {
	o := org.Organization{ID: id.Organization(fmt.Sprintf("%032d", 1)), Name: name, Created: time.UnixMicro(1), Updated: time.UnixMicro(1)}
	o.Path = []id.Organization{o.ID}
	return o
}

func rename(ctx context.Context, s *Store, o id.Organization, name string) error {
	return s.Update(ctx, func(tx org.Tx) error { return tx.RenameOrganization(ctx, o, name, time.UnixMicro(2)) })
}

func nameOf(ctx context.Context, t *testing.T, s *Store, o id.Organization) string {
	t.Helper()
	found, err := s.Organization(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	return found.Name
}

// watchers are the kinds of memo, each as a store that has it.
func watchers(t *testing.T, test func(t *testing.T, s *Store, path string)) {
	t.Helper()
	t.Run("WAL-index", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "orgd.db")
		s := openTestStore(t, path)
		if _, ok := s.memo.watcher.(*walIndex); !ok {
			t.Fatalf("the watcher is a %T", s.memo.watcher)
		}
		test(t, s, path)
	})
	t.Run("data version", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "orgd.db")
		s := openTestStore(t, path)
		if err := s.memo.close(); err != nil {
			t.Fatal(err)
		}
		c, err := s.backend.(*sqliteBackend).open()
		if err != nil {
			t.Fatal(err)
		}
		s.memo = &memo{watcher: &dataVersion{conn: c}}
		test(t, s, path)
	})
}

func insert(t *testing.T, s *Store, o org.Organization) {
	t.Helper()
	if err := s.Update(t.Context(), func(tx org.Tx) error { return tx.InsertOrganization(t.Context(), o) }); err != nil {
		t.Fatal(err)
	}
}

// remember reads an organization until it is remembered.
func remember(t *testing.T, s *Store, o id.Organization) {
	t.Helper()
	for range 2 {
		nameOf(t.Context(), t, s, o)
	}
	if _, _, known := s.memo.find(o); !known {
		t.Fatal("the organization is not remembered")
	}
}

// TestMemoForgetsAtEveryCommit changes the organization through the store
// that remembers it, through another one, and through another process. In
// between the log is copied and begins anew.
func TestMemoForgetsAtEveryCommit(t *testing.T) {
	watchers(t, func(t *testing.T, s *Store, path string) {
		other := openTestStore(t, path)
		o := rootOf("0")
		insert(t, s, o)
		writers := []func(name string) error{
			func(name string) error { return rename(t.Context(), s, o.ID, name) },
			func(name string) error { return rename(t.Context(), other, o.ID, name) },
			func(name string) error { return inOtherProcess(t, "rename", path, string(o.ID), name) },
		}
		for i := range 9 {
			remember(t, s, o.ID)
			if i%4 == 3 {
				if err := inOtherProcess(t, "run", path, "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
					t.Fatal(err)
				}
			}
			want := fmt.Sprint(i + 1)
			if err := writers[i%3](want); err != nil {
				t.Fatal(err)
			}
			if got := nameOf(t.Context(), t, s, o.ID); got != want {
				t.Fatalf("after rename %d: name %q, want %q", i, got, want)
			}
		}
		err := other.Update(t.Context(), func(tx org.Tx) error { return tx.DeleteOrganization(t.Context(), o, time.UnixMicro(3)) })
		if err != nil {
			t.Fatal(err)
		}
		if found, err := s.Organization(t.Context(), o.ID); !errors.Is(err, fault.New(fault.NotFound, "")) {
			t.Errorf("after the deletion: %+v, %v", found, err)
		}
	})
}

// TestMemoOutlivesOthers keeps what is remembered when other stores and
// processes open and close the database without writing.
func TestMemoOutlivesOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "orgd.db")
	s := openTestStore(t, path)
	o := rootOf("0")
	insert(t, s, o)
	for range 3 {
		remember(t, s, o.ID)
		other := openTestStore(t, path)
		nameOf(t.Context(), t, other, o.ID)
		if err := errors.Join(other.Close(), inOtherProcess(t, "run", path, "SELECT COUNT(*) FROM organizations")); err != nil {
			t.Fatal(err)
		}
		if _, _, known := s.memo.find(o.ID); !known {
			t.Fatal("the organization was forgotten, although nobody wrote")
		}
	}
}

// TestMemoKeepsLocks closes a store, and with it a memo, while another one of
// the same process is writing: its lock must still keep other processes away.
func TestMemoKeepsLocks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "orgd.db")
	s, other := openTestStore(t, path), openTestStore(t, path)
	o := rootOf("0")
	insert(t, s, o)
	remember(t, other, o.ID)
	err := s.Update(t.Context(), func(tx org.Tx) error {
		if err := tx.RenameOrganization(t.Context(), o.ID, "1", time.UnixMicro(2)); err != nil {
			return err
		}
		if err := other.Close(); err != nil {
			return err
		}
		err := inOtherProcess(t, "run", path, "UPDATE organizations SET name = '2'")
		if err == nil || !strings.Contains(err.Error(), "SQLITE_BUSY") {
			t.Errorf("another process wrote at the same time: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := nameOf(t.Context(), t, s, o.ID); got != "1" {
		t.Errorf("name %q, want the one of the transaction", got)
	}
}

// TestMemoNeverGoesBack reads while two stores write and the log is copied: a
// reader that begins after a rename was answered sees that name or a later
// one.
func TestMemoNeverGoesBack(t *testing.T) {
	watchers(t, func(t *testing.T, s *Store, path string) {
		other := openTestStore(t, path)
		o := rootOf("0")
		insert(t, s, o)
		var answered atomic.Int64
		done := make(chan struct{})
		var readers sync.WaitGroup
		for range 4 {
			readers.Go(func() {
				for {
					select {
					case <-done:
						return
					default:
					}
					least := answered.Load()
					found, err := s.Organization(t.Context(), o.ID)
					var got int64
					if _, scanErr := fmt.Sscan(found.Name, &got); err != nil || scanErr != nil || got < least {
						t.Errorf("name %q (%v) after %d was answered", found.Name, err, least)
						return
					}
				}
			})
		}
		for i := range int64(300) {
			err := rename(t.Context(), []*Store{s, other}[i%2], o.ID, fmt.Sprint(i+1))
			if i%50 == 49 {
				err = errors.Join(err, other.query(t.Context(), "PRAGMA wal_checkpoint(PASSIVE)", nil, func(row) error { return nil }))
			}
			if err != nil {
				t.Error(err)
				break
			}
			answered.Store(i + 1)
		}
		close(done)
		readers.Wait()
	})
}

// TestMemoWithoutWAL opens a database on which there can be no log.
func TestMemoWithoutWAL(t *testing.T) {
	path := filepath.Join(t.TempDir(), "orgd.db")
	open := func() (*sqliteConn, error) {
		c, err := newOpener(path, "normal")
		if err != nil {
			return nil, err
		}
		conn, err := c()
		if err != nil {
			return nil, err
		}
		_, err = conn.run(t.Context(), "PRAGMA journal_mode = delete", nil)
		return conn, err
	}
	m, err := newMemo(t.Context(), path, open)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := m.watcher.(*dataVersion); !ok {
		t.Errorf("the watcher is a %T", m.watcher)
	}
	if _, err := os.Stat(path + "-shm"); err == nil {
		t.Error("there is a WAL-index")
	}
	if err := m.close(); err != nil {
		t.Error(err)
	}
}

func TestMemoAfterClose(t *testing.T) {
	path := filepath.Join(t.TempDir(), "orgd.db")
	s := openTestStore(t, path)
	o := rootOf("0")
	insert(t, s, o)
	remember(t, s, o.ID)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if found, err := s.Organization(t.Context(), o.ID); err == nil {
		t.Errorf("after Close: %+v, want an error", found)
	}
}
