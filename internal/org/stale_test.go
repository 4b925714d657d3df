package org_test

import (
	"testing"
	"time"

	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/engine/enginetest"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
)

// TestAServerKnowsWhatAnotherChanged lets one server create below an
// organization, so that it may remember it, another one change what the
// creation depends on, and the first one create again.
func TestAServerKnowsWhatAnotherChanged(t *testing.T) {
	t.Parallel()
	for _, e := range enginetest.All(t) {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			url := e.Migrated(t)
			w := newWorldOn(t, enginetest.OpenAt(t, url))
			n := &neighbours{world: w, tree: w.plant(), other: w.serviceOn(enginetest.OpenAt(t, url))}
			for _, c := range []struct {
				what string
				run  func(*neighbours, *testing.T)
			}{
				{"renamed", (*neighbours).renamed},
				{"renamed before a dry run", (*neighbours).renamedForDryRun},
				{"moved", (*neighbours).moved},
				{"moved out of reach", (*neighbours).movedDown},
				{"moved into reach", (*neighbours).movedUp},
				{"deleted and restored", (*neighbours).deleted},
				{"rights taken and given", (*neighbours).rights},
				{"the name in an account", (*neighbours).account},
			} {
				t.Run(c.what, func(t *testing.T) { c.run(n, t) })
			}
		})
	}
}

// neighbours are two servers on one database, the world and another one.
type neighbours struct {
	*world
	*tree
	other *org.Service
}

// create makes an organization on the first server, twice, so that the second
// time it knows the parent.
func (n *neighbours) create(t *testing.T, p *person, parent org.Organization, r org.Request) (org.Organization, error) {
	t.Helper()
	o, err := n.CreateOrganization(t.Context(), r, org.NewOrganization{Name: "New", Parent: parent.ID})
	if err == nil && !r.DryRun {
		must[id.Organization](t)(n.DeleteOrganization(t.Context(), p.request(), o.ID))
	}
	return o, err
}

func (n *neighbours) warm(t *testing.T, parent org.Organization) {
	t.Helper()
	for range 2 {
		must[org.Organization](t)(n.create(t, n.owner, parent, n.owner.request()))
	}
}

// update changes an organization on the other server.
func (n *neighbours) update(t *testing.T, o, parent org.Organization, name string) {
	t.Helper()
	must[org.Organization](t)(n.other.UpdateOrganization(t.Context(), n.owner.request(), o.ID, org.OrganizationUpdate{Name: name, Parent: parent.ID}))
}

func (n *neighbours) renamed(t *testing.T) {
	n.warm(t, n.left)
	n.update(t, n.left, org.Organization{}, "Renamed")
	if o, err := n.create(t, n.owner, n.left, n.owner.request()); err != nil || o.ParentName != "Renamed" {
		t.Errorf("got %+v, %v", o, err)
	}
}

func (n *neighbours) renamedForDryRun(t *testing.T) {
	n.warm(t, n.left)
	n.update(t, n.left, org.Organization{}, "Left")
	if o, err := n.create(t, n.owner, n.left, dryRun(n.owner.request())); err != nil || o.ParentName != "Left" {
		t.Errorf("got %+v, %v", o, err)
	}
}

func (n *neighbours) moved(t *testing.T) {
	n.warm(t, n.right)
	n.update(t, n.right, n.left, "Right")
	o, err := n.create(t, n.owner, n.right, n.owner.request())
	if err != nil {
		t.Fatal(err)
	}
	if got := o.Path[:len(o.Path)-1]; got[1] != n.left.ID || got[2] != n.right.ID {
		t.Errorf("the path is %v", o.Path)
	}
	n.update(t, n.right, n.tree.root, "Right")
}

// movedDown makes what was possible too deep.
func (n *neighbours) movedDown(t *testing.T) {
	n.warm(t, n.leaf)
	n.update(t, n.left, n.right, "Left")
	if _, err := n.create(t, n.owner, n.leaf, n.owner.request()); fault.CodeOf(err) != fault.TooDeep {
		t.Errorf("got %v, want %s", err, fault.TooDeep)
	}
}

// movedUp makes what was too deep possible: the refusal must not be believed.
func (n *neighbours) movedUp(t *testing.T) {
	n.clock.advance(time.Hour) // the rights are read again outside the transaction
	for range 2 {
		if _, err := n.create(t, n.owner, n.leaf, n.owner.request()); fault.CodeOf(err) != fault.TooDeep {
			t.Fatalf("got %v, want %s", err, fault.TooDeep)
		}
	}
	n.update(t, n.left, n.tree.root, "Left")
	must[org.Organization](t)(n.create(t, n.owner, n.leaf, n.owner.request()))
}

func (n *neighbours) deleted(t *testing.T) {
	o := n.child("Short-lived", n.owner, n.tree.root.ID)
	n.warm(t, o)
	must[id.Organization](t)(n.other.DeleteOrganization(t.Context(), n.owner.request(), o.ID))
	for range 2 {
		_, err := n.create(t, n.owner, o, n.owner.request())
		wantRefusal(t, err, refusal{fault.NotFound, "/parent/id", "parent organization not found"})
	}
	must[org.Organization](t)(n.other.RestoreOrganization(t.Context(), n.owner.request(), o.ID))
	must[org.Organization](t)(n.create(t, n.owner, o, n.owner.request()))
}

func (n *neighbours) rights(t *testing.T) {
	ctx, eve := t.Context(), n.person("eve")
	m := n.join(n.right.ID, n.owner, eve, auth.Administrator)
	for _, c := range []struct {
		role    auth.Role
		allowed bool
	}{{auth.Administrator, true}, {auth.ReadOnly, false}, {auth.Administrator, true}} {
		must[org.Member](t)(n.other.SetMemberRole(ctx, n.owner.request(), n.right.ID, m.ID, c.role))
		for range 3 { // with what is remembered from before, then with what is new
			_, err := n.create(t, n.owner, n.right, eve.request())
			if c.allowed != (err == nil) || !c.allowed && fault.CodeOf(err) != fault.Forbidden {
				t.Errorf("as %s: %v", c.role, err)
			}
		}
	}
}

func (n *neighbours) account(t *testing.T) {
	create := func() org.Account {
		a := must[org.Account](t)(n.CreateAccount(t.Context(), n.owner.request(), org.NewAccount{Name: "New", Organization: n.right.ID}))
		must[id.Account](t)(n.DeleteAccount(t.Context(), n.owner.request(), a.ID))
		return a
	}
	create()
	n.update(t, n.right, org.Organization{}, "Right again")
	if a := create(); a.OrganizationName != "Right again" {
		t.Errorf("got %+v", a)
	}
}
