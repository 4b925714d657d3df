package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
)

// update is a transaction that waits for the connection.
type update struct {
	runs int
	done chan error
}

// queue starts transactions that get in line one after the other, while
// somebody else has the connection, and gives it to them.
func queue(t *testing.T, s *Store, all ...func(tx org.Tx) error) []*update {
	t.Helper()
	b := s.backend.(*sqliteBackend)
	blocker, err := begun(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	updates := make([]*update, len(all))
	for i, f := range all {
		u := &update{done: make(chan error, 1)}
		updates[i] = u
		go func() {
			u.done <- s.Update(context.Background(), func(tx org.Tx) error {
				u.runs++
				return f(tx)
			})
		}()
		awaitWaiters(t, b.writer, i+1)
	}
	blocker.rollback(t.Context())
	return updates
}

func inserting(t *testing.T, o org.Organization) func(tx org.Tx) error {
	return func(tx org.Tx) error { return tx.InsertOrganization(t.Context(), o) }
}

// child is an organization below numbered(1).
func child(n int) org.Organization {
	o := numbered(n)
	o.Parent = numbered(1).ID
	o.Path = []id.Organization{o.Parent, o.ID}
	return o
}

// TestWriteThatFails has a write of a transaction in the middle of a group
// fail: what is before it and behind it is committed all the same, whether it
// is guarded by a savepoint or takes those before it along.
func TestWriteThatFails(t *testing.T) {
	user := org.User{ID: id.User(numbered(5).ID), Email: "ada@example.com", Status: "active"}
	for _, c := range []struct {
		name string
		runs int // of the first one
		fail func(tx org.Tx) error
	}{
		{"guarded", 1, func(tx org.Tx) error {
			again := user
			again.ID = id.User(numbered(6).ID)
			return errors.Join(tx.InsertOrganization(t.Context(), child(20)), tx.InsertUser(t.Context(), again))
		}},
		{"not guarded", 2, func(tx org.Tx) error {
			return errors.Join(tx.InsertOrganization(t.Context(), child(20)), tx.InsertOrganization(t.Context(), numbered(1)))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := openTestStore(t, filepath.Join(t.TempDir(), "orgd.db"))
			insert(t, s, numbered(1))
			if err := s.Update(t.Context(), func(tx org.Tx) error { return tx.InsertUser(t.Context(), user) }); err != nil {
				t.Fatal(err)
			}
			all := queue(t, s, inserting(t, child(10)), c.fail, inserting(t, child(11)))
			for i, u := range all {
				if err := <-u.done; (err != nil) != (i == 1) {
					t.Errorf("transaction %d ended with %v", i, err)
				}
			}
			if all[0].runs != c.runs || all[1].runs != 1 {
				t.Errorf("they ran %d and %d times, want %d and 1", all[0].runs, all[1].runs, c.runs)
			}
			organizations, _, _, err := s.Subtree(t.Context(), numbered(1).ID)
			if err != nil || organizations != 2 {
				t.Errorf("%d organizations are counted (%v), want 2", organizations, err)
			}
			if _, err := s.Organization(t.Context(), child(20).ID); err == nil {
				t.Error("what failed has left an organization")
			}
		})
	}
}

// TestQuestionsSeeTheGroup asks, behind members of a group whose counts are
// not written yet, for those counts, and fails.
func TestQuestionsSeeTheGroup(t *testing.T) {
	s := openTestStore(t, filepath.Join(t.TempDir(), "orgd.db"))
	insert(t, s, numbered(1))
	var seen []int64
	ask := func(tx org.Tx) error {
		if err := tx.InsertOrganization(t.Context(), child(20)); err != nil {
			return err
		}
		n, _, _, err := tx.Subtree(t.Context(), numbered(1).ID)
		seen = append(seen, n)
		return errors.Join(err, errRefused)
	}
	all := queue(t, s, inserting(t, child(10)), inserting(t, child(11)), ask, inserting(t, child(12)), ask)
	for i, u := range all {
		if err := <-u.done; errors.Is(err, errRefused) != (i == 2 || i == 4) || err != nil && !errors.Is(err, errRefused) {
			t.Errorf("transaction %d ended with %v", i, err)
		}
	}
	if !slices.Equal(seen, []int64{3, 4}) {
		t.Errorf("%d organizations were counted, want 3 and 4", seen)
	}
	if n, _, _, err := s.Subtree(t.Context(), numbered(1).ID); err != nil || n != 3 {
		t.Errorf("%d organizations are counted in the end (%v), want 3", n, err)
	}
}

// placing creates an organization below numbered(1), under the name that the
// parent has in the transaction.
func placing(t *testing.T, n int, parent *string) func(tx org.Tx) error {
	return func(tx org.Tx) error {
		if _, err := tx.Rights(t.Context()); err != nil {
			return err
		}
		p, err := tx.Place(t.Context(), numbered(1).ID)
		if err != nil {
			return err
		}
		*parent = p.Name
		o := child(n)
		o.Path = append(slices.Clone(p.Path), o.ID)
		return tx.InsertOrganization(t.Context(), o)
	}
}

// TestAssumptionsAreLookedAt renames what is remembered, in every way in which
// that can happen between two creates: the next create sees it.
func TestAssumptionsAreLookedAt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "orgd.db")
	s, other := openTestStore(t, path), openTestStore(t, path)
	insert(t, s, numbered(1))
	o := numbered(1).ID
	renames := []func(name string) error{
		func(name string) error { return rename(t.Context(), s, o, name) },
		func(name string) error { return rename(t.Context(), other, o, name) },
		func(name string) error { return inOtherProcess(t, "rename", path, string(o), name) },
		func(name string) error { // together with one that is taken back
			all := queue(t, s,
				func(tx org.Tx) error { return tx.RenameOrganization(t.Context(), o, name, time.UnixMicro(2)) },
				func(tx org.Tx) error {
					return errors.Join(tx.RenameOrganization(t.Context(), o, "taken back", time.UnixMicro(3)), errRefused)
				})
			if err := <-all[1].done; !errors.Is(err, errRefused) {
				return fmt.Errorf("not refused: %w", err)
			}
			return <-all[0].done
		},
	}
	var seen string
	for i := range 3 * len(renames) {
		want := fmt.Sprint("name-", i)
		if err := renames[i%len(renames)](want); err != nil {
			t.Fatal(err)
		}
		for again := range 2 {
			if err := s.Update(t.Context(), placing(t, 100+2*i+again, &seen)); err != nil {
				t.Fatal(err)
			}
			if seen != want {
				t.Fatalf("after rename %d: the parent is called %q, want %q", i, seen, want)
			}
		}
		if n := len(s.backend.(*sqliteBackend).writer.facts.known); n != 2 {
			t.Errorf("after rename %d: %d facts are known, want the rights and the place", i, n)
		}
	}
}

// TestRefusalsAreLookedAt refuses because of what is remembered and no longer
// true: the transaction runs again, and is not refused.
func TestRefusalsAreLookedAt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "orgd.db")
	s, other := openTestStore(t, path), openTestStore(t, path)
	insert(t, s, numbered(1))
	var before, name string
	if err := s.Update(t.Context(), placing(t, 2, &before)); err != nil {
		t.Fatal(err)
	}
	refuse := func(tx org.Tx) error {
		p, err := tx.Place(t.Context(), numbered(1).ID)
		if err != nil {
			return err
		}
		if name = p.Name; name == before {
			return errRefused
		}
		return nil
	}
	if err := s.Update(t.Context(), refuse); !errors.Is(err, errRefused) {
		t.Errorf("not refused: %v", err)
	}
	if err := rename(t.Context(), other, numbered(1).ID, "another"); err != nil {
		t.Fatal(err)
	}
	if err := s.Update(t.Context(), refuse); err != nil || name != "another" {
		t.Errorf("the place is called %q: %v", name, err)
	}
}

// TestPlaceThatIsGone creates below an organization that was deleted, or never
// was there, which is not remembered.
func TestPlaceThatIsGone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "orgd.db")
	s, other := openTestStore(t, path), openTestStore(t, path)
	var name string
	if err := s.Update(t.Context(), placing(t, 2, &name)); err == nil {
		t.Error("there is something below nothing")
	}
	insert(t, s, numbered(1))
	if err := s.Update(t.Context(), placing(t, 2, &name)); err != nil {
		t.Fatal(err)
	}
	err := other.Update(t.Context(), func(tx org.Tx) error { return tx.DeleteOrganization(t.Context(), numbered(1), time.UnixMicro(3)) })
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Update(t.Context(), placing(t, 3, &name)); err == nil {
		t.Error("there is something below what was deleted")
	}
}

// TestShipGivesUp ends the context of one that waits in line, and of one whose
// writes are under way: that one is told how they end.
func TestShipGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &sqliteWriter{}
		for _, underWay := range []bool{false, true} {
			ctx, cancel := context.WithCancel(t.Context())
			l := &sqliteLoad{done: make(chan error, 1)}
			ended := make(chan error, 1)
			go func() { ended <- w.ship(ctx, l) }()
			synctest.Wait()
			if underWay {
				w.next(false)
			}
			cancel()
			synctest.Wait()
			want := context.Canceled
			if underWay {
				want = errRefused
				l.done <- want
			}
			if err := <-ended; !errors.Is(err, want) {
				t.Errorf("under way %v: ended with %v, want %v", underWay, err, want)
			}
			if len(w.line) != 0 {
				t.Errorf("under way %v: %d are in line", underWay, len(w.line))
			}
		}
	})
}
