package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
)

// world is a store under test and the means to fill it. What it writes it
// writes with its audit record, as the service would.
type world struct {
	*testing.T
	store org.Store
	ids   atomic.Int64
	clock atomic.Int64
	admin org.User // founds every root
}

func newWorld(t *testing.T, s org.Store) *world {
	w := &world{T: t, store: s}
	w.clock.Store(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixMicro())
	w.admin = w.user("admin@example.com")
	return w
}

// id returns an identifier; they increase.
func (w *world) id() string { return fmt.Sprintf("%032x", w.ids.Add(1)) }

// now returns a moment later than all before.
func (w *world) now() time.Time { return time.UnixMicro(w.clock.Add(1001)).UTC() }

// update runs f in a transaction.
func (w *world) update(f func(ctx context.Context, tx org.Tx) error) {
	w.Helper()
	ctx := w.Context()
	if err := w.store.Update(ctx, func(tx org.Tx) error { return f(ctx, tx) }); err != nil {
		w.Fatal(err)
	}
}

// refused runs f in a transaction that has to fail with code.
func (w *world) refused(code fault.Code, f func(ctx context.Context, tx org.Tx) error) {
	w.Helper()
	ctx := w.Context()
	wantCode(w, code, w.store.Update(ctx, func(tx org.Tx) error { return f(ctx, tx) }))
}

// record writes an audit record.
func (w *world) record(ctx context.Context, tx org.Tx, r audit.Record) error {
	r.ID, r.Result = id.Record(w.id()), audit.Success
	r.Resource.Type, r.Resource.Product = r.Action.Resource, r.Action.Product
	return tx.AppendAudit(ctx, &r)
}

// about returns the record of an action on an object.
func about(a audit.Action, log, object string, at time.Time) audit.Record {
	return audit.Record{Log: id.Log(log), Time: at, Action: a, Resource: audit.Resource{ID: object}}
}

func (w *world) user(email string) org.User {
	w.Helper()
	at := w.now()
	u := org.User{ID: id.User(w.id()), Email: email, FirstName: "First", LastName: "Last", Status: org.UserActive, Created: at, Updated: at}
	w.update(func(ctx context.Context, tx org.Tx) error {
		if err := tx.InsertUser(ctx, u); err != nil {
			return err
		}
		return w.record(ctx, tx, about(audit.UserCreate, string(id.Instance), string(u.ID), at))
	})
	return u
}

func (w *world) setUser(u org.User) org.User {
	w.Helper()
	u.Updated = w.now()
	w.update(func(ctx context.Context, tx org.Tx) error {
		if err := tx.UpdateUser(ctx, u); err != nil {
			return err
		}
		return w.record(ctx, tx, about(audit.UserDisable, string(id.Instance), string(u.ID), u.Updated))
	})
	return u
}

// root makes a root that the admin of the world owns.
func (w *world) root(name string) org.Organization {
	w.Helper()
	o := w.newOrganization(nil, name)
	w.update(func(ctx context.Context, tx org.Tx) error { return w.insertOrganization(ctx, tx, o) })
	return o
}

func (w *world) below(parent org.Organization, name string) org.Organization {
	w.Helper()
	o := w.newOrganization(&parent, name)
	w.update(func(ctx context.Context, tx org.Tx) error { return w.insertOrganization(ctx, tx, o) })
	return o
}

func (w *world) newOrganization(parent *org.Organization, name string) org.Organization {
	at := w.now()
	o := org.Organization{ID: id.Organization(w.id()), Name: name, Created: at, Updated: at}
	if parent != nil {
		o.Parent, o.ParentName, o.Path = parent.ID, parent.Name, slices.Clone(parent.Path)
	}
	o.Path = append(o.Path, o.ID)
	return o
}

func (w *world) insertOrganization(ctx context.Context, tx org.Tx, o org.Organization) error {
	if err := tx.LockTree(ctx, false); err != nil {
		return err
	}
	if err := tx.InsertOrganization(ctx, o); err != nil {
		return err
	}
	log := string(o.Parent)
	if log == "" {
		log = string(o.ID)
		m := org.Member{ID: id.Member(w.id()), Organization: o.ID, User: summary(w.admin), Role: auth.SuperAdministrator, Status: org.Active, Created: o.Created, Updated: o.Created}
		if err := tx.InsertMember(ctx, m); err != nil {
			return err
		}
	}
	return w.record(ctx, tx, about(audit.OrganizationCreate, log, string(o.ID), o.Created))
}

func summary(u org.User) org.UserSummary {
	return org.UserSummary{ID: u.ID, Email: u.Email, FirstName: u.FirstName, LastName: u.LastName, TwoFactor: u.TwoFactor}
}

func (w *world) rename(o org.Organization, name string) org.Organization {
	w.Helper()
	at := w.now()
	w.update(func(ctx context.Context, tx org.Tx) error {
		if err := tx.RenameOrganization(ctx, o.ID, name, at); err != nil {
			return err
		}
		return w.record(ctx, tx, about(audit.OrganizationUpdate, string(o.ID), string(o.ID), at))
	})
	o.Name, o.Updated = name, at
	return o
}

func (w *world) move(o, parent org.Organization) org.Organization {
	w.Helper()
	at := w.now()
	w.update(func(ctx context.Context, tx org.Tx) error {
		if err := tx.LockTree(ctx, true); err != nil {
			return err
		}
		return w.moveIn(ctx, tx, o, parent, at)
	})
	o.Parent, o.ParentName, o.Updated = parent.ID, parent.Name, at
	o.Path = append(slices.Clone(parent.Path), o.ID)
	return o
}

func (w *world) moveIn(ctx context.Context, tx org.Tx, o, parent org.Organization, at time.Time) error {
	if err := tx.MoveOrganization(ctx, o, parent, at); err != nil {
		return err
	}
	return w.record(ctx, tx, about(audit.OrganizationMove, string(parent.ID), string(o.ID), at))
}

func (w *world) delete(o org.Organization) org.Organization {
	w.Helper()
	at := w.now()
	w.update(func(ctx context.Context, tx org.Tx) error {
		if err := tx.LockTree(ctx, true); err != nil {
			return err
		}
		if err := tx.DeleteOrganization(ctx, o, at); err != nil {
			return err
		}
		return w.record(ctx, tx, about(audit.OrganizationDelete, string(o.Path[0]), string(o.ID), at))
	})
	o.Deleted, o.Updated = at, at
	return o
}

func (w *world) restore(o org.Organization) org.Organization {
	w.Helper()
	at := w.now()
	w.update(func(ctx context.Context, tx org.Tx) error {
		if err := tx.LockTree(ctx, true); err != nil {
			return err
		}
		if err := tx.RestoreOrganization(ctx, o, at); err != nil {
			return err
		}
		return w.record(ctx, tx, about(audit.OrganizationRestore, string(o.Path[0]), string(o.ID), at))
	})
	o.Deleted, o.Updated = time.Time{}, at
	return o
}

// account makes an account in o, or outside any when o is nil.
func (w *world) account(o *org.Organization, name string) org.Account {
	w.Helper()
	at := w.now()
	a := org.Account{ID: id.Account(w.id()), Name: name, Type: org.Standard, Created: at, Updated: at}
	if o != nil {
		a.Organization, a.OrganizationName, a.Path = o.ID, o.Name, o.Path
	}
	w.update(func(ctx context.Context, tx org.Tx) error { return w.insertAccount(ctx, tx, a) })
	return a
}

func (w *world) insertAccount(ctx context.Context, tx org.Tx, a org.Account) error {
	if err := tx.LockTree(ctx, false); err != nil {
		return err
	}
	if err := tx.InsertAccount(ctx, a); err != nil {
		return err
	}
	return w.record(ctx, tx, about(audit.AccountCreate, accountLog(a), string(a.ID), a.Created))
}

func accountLog(a org.Account) string {
	if a.Organization == "" {
		return string(a.ID)
	}
	return string(a.Organization)
}

// changeAccount makes a change to an account with its record.
func (w *world) changeAccount(a org.Account, action audit.Action, at time.Time, change func(context.Context, org.Tx) error) {
	w.Helper()
	w.update(func(ctx context.Context, tx org.Tx) error {
		if err := tx.LockTree(ctx, true); err != nil {
			return err
		}
		if err := change(ctx, tx); err != nil {
			return err
		}
		return w.record(ctx, tx, about(action, accountLog(a), string(a.ID), at))
	})
}

func (w *world) deleteAccount(a org.Account) {
	w.Helper()
	at := w.now()
	w.changeAccount(a, audit.AccountDelete, at, func(ctx context.Context, tx org.Tx) error { return tx.DeleteAccount(ctx, a, at) })
}

// moveAccount moves an account into o, or outside any when o is nil.
func (w *world) moveAccount(a org.Account, o *org.Organization) org.Account {
	w.Helper()
	at := w.now()
	moved := a
	moved.Organization, moved.OrganizationName, moved.Path, moved.Updated = "", "", nil, at
	if o != nil {
		moved.Organization, moved.OrganizationName, moved.Path = o.ID, o.Name, o.Path
	}
	w.changeAccount(a, audit.AccountMove, at, func(ctx context.Context, tx org.Tx) error { return tx.MoveAccount(ctx, a, moved.Path, at) })
	return moved
}

// member makes u a member of o.
func (w *world) member(o org.Organization, u org.User, role auth.Role, status org.MemberStatus) org.Member {
	w.Helper()
	at := w.now()
	m := org.Member{ID: id.Member(w.id()), Organization: o.ID, User: summary(u), Role: role, Status: status, Created: at, Updated: at}
	if status == org.Pending {
		m.CodeHash, m.CodeExpires = "hash of "+string(m.ID), at.Add(time.Hour)
	}
	w.update(func(ctx context.Context, tx org.Tx) error {
		if err := tx.InsertMember(ctx, m); err != nil {
			return err
		}
		return w.record(ctx, tx, about(audit.MemberInvite, string(o.ID), string(m.ID), at))
	})
	return m
}

func (w *world) setMember(m org.Member) org.Member {
	w.Helper()
	m.Updated = w.now()
	action := audit.MemberUpdate
	if m.Status == org.Canceled {
		action = audit.MemberRemove
	}
	w.update(func(ctx context.Context, tx org.Tx) error {
		if err := tx.UpdateMember(ctx, m); err != nil {
			return err
		}
		return w.record(ctx, tx, about(action, string(m.Organization), string(m.ID), m.Updated))
	})
	return m
}

func (w *world) accountMember(a org.Account, u org.User, role auth.Role) org.AccountMember {
	w.Helper()
	m := org.AccountMember{ID: id.Member(w.id()), Account: a.ID, User: summary(u), Role: role, Created: w.now()}
	w.update(func(ctx context.Context, tx org.Tx) error {
		if err := tx.InsertAccountMember(ctx, m); err != nil {
			return err
		}
		r := about(audit.MemberAdd, accountLog(a), string(m.ID), m.Created)
		r.Account = a.ID
		return w.record(ctx, tx, r)
	})
	return m
}

func (w *world) token(u org.User, hash string, more func(*org.Token)) org.Token {
	w.Helper()
	at := w.now()
	t := org.Token{ID: id.Token(w.id()), User: u.ID, Name: "token", Status: org.TokenActive, Issued: at, Modified: at}
	if more != nil {
		more(&t)
	}
	w.update(func(ctx context.Context, tx org.Tx) error {
		if err := tx.InsertToken(ctx, t, hash); err != nil {
			return err
		}
		return w.record(ctx, tx, about(audit.TokenCreate, string(u.ID), string(t.ID), at))
	})
	return t
}

// want compares.
func want[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// found compares what a method of the store answered.
func found[T any](t testing.TB, what string, wanted T) func(T, error) {
	return func(got T, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", what, err)
			return
		}
		want(t, what, got, wanted)
	}
}

// absent wants fault.NotFound of a method of the store.
func absent[T any](t testing.TB, what string) func(T, error) {
	return func(got T, err error) {
		t.Helper()
		if !errors.Is(err, fault.New(fault.NotFound, "")) {
			t.Errorf("%s: got %+v, %v, want not found", what, got, err)
		}
	}
}

func wantCode(t testing.TB, code fault.Code, err error) {
	t.Helper()
	if err == nil || fault.CodeOf(err) != code {
		t.Errorf("got error %v, want %s", err, code)
	}
}
