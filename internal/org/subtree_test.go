package org_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/orgd/orgd/internal/api"
	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/engine/enginetest"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/page"
)

// The subtree that is moved.
const (
	subtreeOrganizations = 20
	subtreeAccounts      = 10_000
)

// TestMoveSubtree moves 10,000 accounts from one root to another and back.
// Whoever reads meanwhile sees all of them in one tree or all in the other.
func TestMoveSubtree(t *testing.T) {
	t.Parallel()
	for _, e := range enginetest.All(t) {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			m := newMover(t, e)
			ctx, stop := context.WithCancel(t.Context())
			var reader sync.WaitGroup
			reader.Go(func() { m.watch(ctx, t) })
			m.await(0)
			m.move(t, m.roots[1])
			m.await(1)
			m.move(t, m.roots[0])
			stop()
			reader.Wait()
			t.Logf("%d reads saw them in the first tree, %d in the other, %d of them during a move", m.seen[0], m.seen[1], m.during)
		})
	}
}

// mover is a subtree that goes to and fro between two roots.
type mover struct {
	store  org.Store
	s      *org.Service
	caller *auth.Caller
	roots  [2]id.Organization
	top    id.Organization

	mu     sync.Mutex
	looked *sync.Cond // the reader has looked, or failed
	moving bool
	failed bool
	seen   [2]int
	during int
}

func newMover(t *testing.T, e enginetest.Engine) *mover {
	t.Helper()
	m := &mover{store: e.Open(t)}
	m.looked = sync.NewCond(&m.mu)
	enc := api.Encoder{Limits: org.DefaultLimits, EchoProfile: true}
	m.s = org.New(org.Config{
		Store: m.store, Now: time.Now, Random: rand.Reader, Limits: org.DefaultLimits, Encode: enc.Encode, StatusOf: api.StatusOf,
	})
	b := must[org.Bootstrapped](t)(m.s.Bootstrap(t.Context(), org.Origin{}, org.NewUser{Email: "admin@example.com"}))
	m.caller = must[*auth.Caller](t)(m.s.Authenticate(t.Context(), org.Secrets{Token: b.Token.Value}, netip.Addr{}))
	for i := range m.roots {
		m.roots[i] = m.create(t, fmt.Sprintf("Root %d", i), "").ID
	}
	top := m.create(t, "Top", m.roots[0])
	m.top = top.ID
	places := []org.Organization{top}
	for i := range subtreeOrganizations - 1 {
		places = append(places, m.create(t, fmt.Sprintf("Place %d", i), m.top))
	}
	m.fill(t, places)
	return m
}

func (m *mover) create(t *testing.T, name string, parent id.Organization) org.Organization {
	t.Helper()
	return must[org.Organization](t)(m.s.CreateOrganization(t.Context(), requestOf(m.caller), org.NewOrganization{Name: name, Parent: parent}))
}

// fill puts the accounts in place. It goes past the service, whose records
// are not what this test is about, to be quick.
func (m *mover) fill(t *testing.T, places []org.Organization) {
	t.Helper()
	now := time.Now().UTC().Truncate(time.Microsecond)
	err := m.store.Update(t.Context(), func(tx org.Tx) error {
		for i := range subtreeAccounts {
			o := &places[i%len(places)]
			a := org.Account{
				ID: id.Account(fmt.Sprintf("%032x", i+1)), Name: "Account", Type: org.Standard,
				Organization: o.ID, Path: o.Path, Created: now, Updated: now,
			}
			if err := tx.InsertAccount(t.Context(), a); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (m *mover) move(t *testing.T, to id.Organization) {
	t.Helper()
	m.mark(true)
	defer m.mark(false)
	if _, err := m.s.UpdateOrganization(t.Context(), requestOf(m.caller), m.top, org.OrganizationUpdate{Name: "Top", Parent: to}); err != nil {
		t.Fatalf("move to %s: %v", to, err)
	}
}

func (m *mover) mark(moving bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.moving = moving
}

// await waits until the reader has seen the subtree in a place.
func (m *mover) await(where int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for m.seen[where] == 0 && !m.failed {
		m.looked.Wait()
	}
}

// watch reads until ctx ends.
func (m *mover) watch(ctx context.Context, t *testing.T) {
	for ctx.Err() == nil {
		m.mu.Lock()
		before := m.moving
		m.mu.Unlock()
		where, err := m.look()
		if err != nil {
			t.Error(err)
		}
		m.saw(where, before, err != nil)
		if err != nil {
			return
		}
	}
}

// saw notes what the reader saw, and whether it was during a move from its
// beginning to its end.
func (m *mover) saw(where int, moving, failed bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	defer m.looked.Broadcast()
	if failed {
		m.failed = true
		return
	}
	m.seen[where]++
	if moving && m.moving {
		m.during++
	}
}

// look counts what lies in both trees, in several ways, at one moment. It
// does not stop when the test is done with it: a read that was begun ends.
func (m *mover) look() (where int, err error) {
	ctx := context.Background()
	var counts [2]string
	err = m.store.View(ctx, func(r org.Reader) error {
		for i, root := range m.roots {
			var err error
			if counts[i], err = count(ctx, r, root); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	const full, empty = "20 organizations, 10000 accounts, 2 levels; lists of 21 and 10000", "0 organizations, 0 accounts, 0 levels; lists of 1 and 0"
	switch counts {
	case [2]string{full, empty}:
		return 0, nil
	case [2]string{empty, full}:
		return 1, nil
	}
	return 0, fmt.Errorf("a reader saw half a move: %s", strings.Join(counts[:], " and "))
}

func count(ctx context.Context, r org.Reader, root id.Organization) (string, error) {
	organizations, accounts, height, err := r.Subtree(ctx, root)
	if err != nil {
		return "", err
	}
	scope := auth.Scope{Roots: []id.Organization{root}}
	listed, err := r.ListOrganizations(ctx, org.OrganizationQuery{Scope: scope, Request: page.Request{Size: 5}})
	if err != nil {
		return "", err
	}
	inside, err := r.ListAccounts(ctx, org.AccountQuery{Scope: scope, Numbered: page.Numbered{Page: 1, PerPage: 5}})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d organizations, %d accounts, %d levels; lists of %d and %d", organizations, accounts, height, listed.Total, inside.Total), nil
}
