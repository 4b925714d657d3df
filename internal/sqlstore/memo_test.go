package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
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

// TestMemoForgetsAtEveryCommit changes the organization through the store
// that remembers it and through another one, as another process would.
func TestMemoForgetsAtEveryCommit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "orgd.db")
	s, other := openTestStore(t, path), openTestStore(t, path)
	o := rootOf("0")
	if err := s.Update(t.Context(), func(tx org.Tx) error { return tx.InsertOrganization(t.Context(), o) }); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		want := fmt.Sprint(i + 1)
		for range 2 { // read and remember
			nameOf(t.Context(), t, s, o.ID)
		}
		if _, _, known := s.memo.find(t.Context(), o.ID); !known {
			t.Fatal("the organization is not remembered")
		}
		if err := rename(t.Context(), []*Store{s, other}[i%2], o.ID, want); err != nil {
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
}

// TestMemoNeverGoesBack reads while two stores write: a reader that begins
// after a rename was answered sees that name or a later one.
func TestMemoNeverGoesBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "orgd.db")
	s, other := openTestStore(t, path), openTestStore(t, path)
	o := rootOf("0")
	if err := s.Update(t.Context(), func(tx org.Tx) error { return tx.InsertOrganization(t.Context(), o) }); err != nil {
		t.Fatal(err)
	}
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
		if err := rename(t.Context(), []*Store{s, other}[i%2], o.ID, fmt.Sprint(i+1)); err != nil {
			t.Error(err)
			break
		}
		answered.Store(i + 1)
	}
	close(done)
	readers.Wait()
}

func TestMemoAfterClose(t *testing.T) {
	path := filepath.Join(t.TempDir(), "orgd.db")
	s := openTestStore(t, path)
	o := rootOf("0")
	if err := s.Update(t.Context(), func(tx org.Tx) error { return tx.InsertOrganization(t.Context(), o) }); err != nil {
		t.Fatal(err)
	}
	nameOf(t.Context(), t, s, o.ID)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if found, err := s.Organization(t.Context(), o.ID); err == nil {
		t.Errorf("after Close: %+v, want an error", found)
	}
}
