package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
)

func transactionCases() []testCase {
	return []testCase{
		{"an error of the function rolls everything back", rollsBack},
		{"a panic of the function rolls everything back", panics},
		{"a transaction sees its own writes", seesOwnWrites},
		{"nobody else sees them before the commit", hidesUncommitted},
		{"a view sees one moment", viewSeesOneMoment},
		{"a deferred failure comes out of the commit", failsAtCommit},
		{"a failure stays", failureStays},
		{"a change that comes too late runs again", runsAgain},
		{"Lock serializes transactions", lockSerializes},
		{"other keys do not wait for each other", otherKeysDoNotWait},
		{"LockTree keeps creating away from moving", lockTree},
		{"what was announced is answered as if it was not", looksAhead},
		{"text that one engine cannot keep is refused by both", refusesText},
		{"a canceled context ends the call", canceled},
		{"a closed store says so", closed},
	}
}

func rollsBack(w *world) {
	boom := errors.New("boom")
	o := w.newOrganization(nil, "Gone")
	err := w.store.Update(w.Context(), func(tx org.Tx) error {
		if err := w.insertOrganization(w.Context(), tx, o); err != nil {
			return err
		}
		return boom
	})
	if !errors.Is(err, boom) {
		w.Errorf("got %v, want the function's own error", err)
	}
	absent[org.Organization](w, "after the rollback")(w.store.Organization(w.Context(), o.ID))
}

func panics(w *world) {
	o := w.newOrganization(nil, "Gone")
	func() {
		defer func() {
			if recover() == nil {
				w.Error("the panic was swallowed")
			}
		}()
		_ = w.store.Update(w.Context(), func(tx org.Tx) error {
			if err := w.insertOrganization(w.Context(), tx, o); err != nil {
				return err
			}
			panic("boom")
		})
	}()
	absent[org.Organization](w, "after the panic")(w.store.Organization(w.Context(), o.ID))
	w.root("The store goes on")
}

func seesOwnWrites(w *world) {
	o := w.newOrganization(nil, "Own")
	w.update(func(ctx context.Context, tx org.Tx) error {
		if err := w.insertOrganization(ctx, tx, o); err != nil {
			return err
		}
		got, err := tx.Organization(ctx, o.ID)
		found(w, "in the transaction", o)(got, err)
		return err
	})
}

func hidesUncommitted(w *world) {
	o := w.newOrganization(nil, "Hidden")
	w.update(func(ctx context.Context, tx org.Tx) error {
		if err := w.insertOrganization(ctx, tx, o); err != nil {
			return err
		}
		if _, err := tx.Organization(ctx, o.ID); err != nil {
			return err
		}
		absent[org.Organization](w, "from outside")(w.store.Organization(ctx, o.ID))
		return nil
	})
	found(w, "after the commit", o)(w.store.Organization(w.Context(), o.ID))
}

func viewSeesOneMoment(w *world) {
	before := w.root("Before")
	err := w.store.View(w.Context(), func(r org.Reader) error {
		if _, err := r.Organization(w.Context(), before.ID); err != nil {
			return err
		}
		w.rename(before, "After")
		found(w, "in the view", before)(r.Organization(w.Context(), before.ID))
		return nil
	})
	if err != nil {
		w.Error(err)
	}
	got, err := w.store.Organization(w.Context(), before.ID)
	if err != nil || got.Name != "After" {
		w.Errorf("outside the view: %q, %v", got.Name, err)
	}
}

func failsAtCommit(w *world) {
	u := org.User{ID: id.User(w.id()), Email: w.admin.Email, Status: org.UserActive, Created: w.now()}
	w.refused(fault.Invalid, func(ctx context.Context, tx org.Tx) error { return tx.InsertUser(ctx, u) })
}

func failureStays(w *world) {
	u := org.User{ID: id.User(w.id()), Email: w.admin.Email, Status: org.UserActive, Created: w.now()}
	other := org.User{ID: id.User(w.id()), Email: "other@example.com", Status: org.UserActive, Created: w.now()}
	w.refused(fault.Invalid, func(ctx context.Context, tx org.Tx) error {
		_ = tx.InsertUser(ctx, u)
		_, _ = tx.User(ctx, u.ID)
		_ = tx.InsertUser(ctx, other)
		return nil // a function that ignores errors does not get its way
	})
	absent[org.User](w, "what came after the failure")(w.store.User(w.Context(), other.ID))
}

func runsAgain(w *world) {
	o := w.root("Root")
	a := w.account(&o, "Account")
	to := w.below(o, "To")
	moved := w.moveAccount(a, &to)
	runs := 0
	at := w.now()
	// The first run still believes that the account is where it was.
	w.update(func(ctx context.Context, tx org.Tx) error {
		present := a
		if runs++; runs > 1 {
			present = moved
		}
		if err := tx.DeleteAccount(ctx, present, at); err != nil {
			return err
		}
		return w.record(ctx, tx, about(audit.AccountDelete, string(to.ID), string(a.ID), at))
	})
	if runs != 2 {
		w.Errorf("the function ran %d times, want 2", runs)
	}
}

func lockSerializes(w *world) {
	o := w.root("0")
	const workers, rounds = 8, 5
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range rounds {
				at := w.now()
				err := w.store.Update(w.Context(), func(tx org.Tx) error { return w.increment(w.Context(), tx, o, at) })
				if err != nil {
					w.Error(err)
				}
			}
		})
	}
	wg.Wait()
	got, err := w.store.Organization(w.Context(), o.ID)
	if err != nil || got.Name != fmt.Sprint(workers*rounds) {
		w.Errorf("the counter is %q, %v, want %d", got.Name, err, workers*rounds)
	}
}

// increment reads and writes a number under a lock.
func (w *world) increment(ctx context.Context, tx org.Tx, o org.Organization, at time.Time) error {
	if err := tx.Lock(ctx, "a key", "counter:"+string(o.ID)); err != nil {
		return err
	}
	now, err := tx.Organization(ctx, o.ID)
	if err != nil {
		return err
	}
	n := 0
	if _, err := fmt.Sscan(now.Name, &n); err != nil {
		return err
	}
	if err := tx.RenameOrganization(ctx, o.ID, fmt.Sprint(n+1), at); err != nil {
		return err
	}
	return w.record(ctx, tx, about(audit.OrganizationUpdate, string(o.ID), string(o.ID), at))
}

// otherKeysDoNotWait holds one key and asks for others in transactions of
// their own, which on an engine with one writer must at least not deadlock.
func otherKeysDoNotWait(w *world) {
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			err := w.store.Update(w.Context(), func(tx org.Tx) error {
				if err := tx.Lock(w.Context(), fmt.Sprint("key ", i), "key z"); err != nil {
					return err
				}
				_, err := tx.AnyUser(w.Context())
				return err
			})
			if err != nil {
				w.Error(err)
			}
		})
	}
	wg.Wait()
}

// lockTree creates below an organization while it is moved to and fro: what
// is created has to lie on the path of its parent in the end.
func lockTree(w *world) {
	a, b := w.root("A"), w.root("B")
	mid := w.below(a, "Mid")
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for j := range 5 {
				w.createBelow(mid.ID, fmt.Sprintf("child %d %d", i, j))
			}
		})
	}
	wg.Go(func() {
		for i := range 6 {
			w.moveNow(mid.ID, []org.Organization{b, a}[i%2])
		}
	})
	wg.Wait()
	organizations, _, height, err := w.store.Subtree(w.Context(), mid.ID)
	if err != nil || organizations != 20 || height != 1 {
		w.Errorf("the subtree has %d organizations on %d levels, %v; want 20 on 1", organizations, height, err)
	}
}

func (w *world) createBelow(parent id.Organization, name string) {
	err := w.store.Update(w.Context(), func(tx org.Tx) error {
		if err := tx.LockTree(w.Context(), false); err != nil {
			return err
		}
		p, err := tx.Organization(w.Context(), parent)
		if err != nil {
			return err
		}
		return w.insertOrganization(w.Context(), tx, w.newOrganization(&p, name))
	})
	if err != nil {
		w.Error(err)
	}
}

func (w *world) moveNow(key id.Organization, to org.Organization) {
	err := w.store.Update(w.Context(), func(tx org.Tx) error {
		if err := tx.LockTree(w.Context(), true); err != nil {
			return err
		}
		o, err := tx.Organization(w.Context(), key)
		if err != nil {
			return err
		}
		return w.moveIn(w.Context(), tx, o, to, w.now())
	})
	if err != nil {
		w.Error(err)
	}
}

func placeOf(o org.Organization) org.Place { return org.Place{ID: o.ID, Name: o.Name, Path: o.Path} }

func looksAhead(w *world) {
	o := w.root("Root")
	log := id.Log(o.ID)
	w.update(func(ctx context.Context, tx org.Tx) error {
		if err := tx.LockTree(ctx, false); err != nil {
			return err
		}
		at := w.now()
		tx.Ahead(org.Ahead{Place: o.ID})
		if _, err := tx.AnyUser(ctx); err != nil {
			return err
		}
		found(w, "announced", placeOf(o))(tx.Place(ctx, o.ID))
		found(w, "asked for again", placeOf(o))(tx.Place(ctx, o.ID))
		r := about(audit.OrganizationUpdate, string(log), string(o.ID), at)
		if err := w.record(ctx, tx, r); err != nil {
			return err
		}
		if err := w.record(ctx, tx, r); err != nil {
			return err
		}
		tx.Ahead(org.Ahead{Place: o.ID})
		if err := tx.RenameOrganization(ctx, o.ID, "New", at); err != nil {
			return err
		}
		o.Name, o.Updated = "New", at
		found(w, "after a write", placeOf(o))(tx.Place(ctx, o.ID))
		tx.Ahead(org.Ahead{Place: "nothing"})
		absent[org.Place](w, "nothing")(tx.Place(ctx, "nothing"))
		return w.record(ctx, tx, r)
	})
	w.wantLog(log, 0, 10, 1, 2, 3, 4)
}

func refusesText(w *world) {
	for _, text := range []string{"nul \x00", "not UTF-8 \xff"} {
		o := w.newOrganization(nil, text)
		w.refused(fault.Invalid, func(ctx context.Context, tx org.Tx) error { return tx.InsertOrganization(ctx, o) })
		_, err := w.store.OrganizationsByID(w.Context(), []id.Organization{id.Organization(text)})
		if err != nil {
			w.Errorf("what cannot be stored is not found: %v", err)
		}
		_, err = w.store.Organization(w.Context(), id.Organization(text))
		wantCode(w, fault.Invalid, err)
	}
}

func canceled(w *world) {
	ctx, cancel := context.WithCancel(w.Context())
	cancel()
	nothing := func(org.Tx) error { return nil }
	read := func(r org.Reader) error { _, err := r.AnyUser(ctx); return err }
	for what, err := range map[string]error{
		"a read":   read(w.store),
		"a view":   w.store.View(ctx, read),
		"a change": w.store.Update(ctx, func(tx org.Tx) error { return errors.Join(nothing(tx), read(tx)) }),
	} {
		if !errors.Is(err, context.Canceled) {
			w.Errorf("%s: got %v, want %v", what, err, context.Canceled)
		}
	}
}

func closed(w *world) {
	if err := w.store.Ready(w.Context()); err != nil {
		w.Errorf("before closing: %v", err)
	}
	w.check()
	if err := w.store.Close(); err != nil {
		w.Fatal(err)
	}
	_, err := w.store.AnyUser(w.Context())
	for what, err := range map[string]error{
		"a read":   err,
		"a view":   w.store.View(w.Context(), func(org.Reader) error { return nil }),
		"a change": w.store.Update(w.Context(), func(org.Tx) error { return nil }),
		"ready":    w.store.Ready(w.Context()),
	} {
		if fault.CodeOf(err) != fault.Unavailable {
			w.Errorf("%s: got %v, want %s", what, err, fault.Unavailable)
		}
	}
	if err := w.store.Close(); err != nil {
		w.Errorf("closing again: %v", err)
	}
	w.store = nil
}

var _ testing.TB = (*world)(nil)
