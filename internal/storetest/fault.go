package storetest

import (
	"context"
	"errors"
	"fmt"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/fsck"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
)

func faultCases() []testCase {
	return []testCase{
		{"a change is there wholly or not at all, whichever call fails", changeWithFaults},
		{"so is a move", moveWithFaults},
	}
}

// tryFaults runs an operation with a fault in its first call, in its second
// and so on, until it ends without one. done says whether the operation took
// effect; after a fault it may have only when the answer to the commit was lost.
func (w *world) tryFaults(operation func(org.Store) error, done func() bool) {
	w.Helper()
	for _, kind := range []Fault{Lost, Done} {
		for at := int64(1); ; at++ {
			f := &Faulty{Store: w.store, Fault: kind, At: at}
			err := operation(f)
			if !f.Met() {
				if err != nil {
					w.Fatal(err)
				}
				break
			}
			if !errors.Is(err, ErrFault) {
				w.Fatalf("fault %d at call %d: got %v", kind, at, err)
			}
			violations, err := fsck.Check(w.Context(), w.store, fsck.Options{})
			if err != nil || len(violations) > 0 {
				w.Fatalf("fault %d at call %d: %v, %v", kind, at, err, violations)
			}
			if done() {
				if kind == Lost {
					w.Fatalf("the operation took effect although call %d was lost", at)
				}
				break // the answer to the commit was lost
			}
		}
	}
}

func changeWithFaults(w *world) {
	root := w.root("Root")
	name := ""
	n := 0
	operation := func(s org.Store) error {
		n++
		name = fmt.Sprint("new ", n)
		return s.Update(w.Context(), func(tx org.Tx) error { return w.everything(w.Context(), tx, root, name) })
	}
	w.tryFaults(operation, func() bool { return len(w.names(org.TextFilter{Equal: name}, root)) > 0 })
}

// everything makes an organization with all that can be in it.
func (w *world) everything(ctx context.Context, tx org.Tx, root org.Organization, name string) error {
	o := w.newOrganization(&root, name)
	at := o.Created
	u := org.User{ID: id.User(w.id()), Email: name + "@example.com", Status: org.UserInvited, Created: at, Updated: at}
	m := org.Member{ID: id.Member(w.id()), Organization: o.ID, User: summary(u), Role: auth.ReadOnly, Status: org.Pending, CodeHash: name, Created: at, Updated: at}
	a := org.Account{ID: id.Account(w.id()), Name: name, Type: org.Standard, Organization: o.ID, Path: o.Path, Created: at, Updated: at}
	for _, step := range []func() error{
		func() error { return w.insertOrganization(ctx, tx, o) },
		func() error { return tx.PutProfile(ctx, org.Owner{Organization: o.ID}, org.Profile{}, true, at) },
		func() error { return tx.InsertUser(ctx, u) },
		func() error { return tx.InsertMember(ctx, m) },
		func() error { return w.record(ctx, tx, about(audit.MemberInvite, string(o.ID), string(m.ID), at)) },
		func() error { return w.insertAccount(ctx, tx, a) },
		func() error { return tx.PutAnswer(ctx, u.ID, name, org.Answer{Created: at}) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func moveWithFaults(w *world) {
	g := w.grove()
	to := []org.Organization{g.c, g.a}
	target := org.Organization{}
	operation := func(s org.Store) error {
		return s.Update(w.Context(), func(tx org.Tx) error {
			if err := tx.LockTree(w.Context(), true); err != nil {
				return err
			}
			now, err := tx.Organization(w.Context(), g.mid.ID)
			if err != nil {
				return err
			}
			target = to[0]
			if now.Parent == target.ID {
				target = to[1]
			}
			return w.moveIn(w.Context(), tx, now, target, w.now())
		})
	}
	w.tryFaults(operation, func() bool {
		now, err := w.store.Organization(w.Context(), g.mid.ID)
		if err != nil {
			w.Fatal(err)
		}
		return now.Parent == target.ID
	})
}
