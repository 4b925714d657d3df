package org_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	mathrand "math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/orgd/orgd/internal/api"
	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/engine/enginetest"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/fsck"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
)

// The shape of a history.
const (
	historyWorkers = 16
	historySteps   = 60   // of each worker
	historyMost    = 2000 // of each worker while some step has not succeeded
)

// narrow limits are reached all the time.
var narrow = org.Limits{Depth: 3, Accounts: 25}

// TestHistories lets many workers do what they like with the same few trees,
// through two services on one store. Whatever is refused, no invariant may
// break, and nothing may fail in another way than by a refusal.
func TestHistories(t *testing.T) {
	t.Parallel()
	for _, e := range enginetest.All(t) {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			h := newHistory(t, e)
			h.prepare(t)
			var group sync.WaitGroup
			for i := range historyWorkers {
				w := &worker{history: h, Rand: mathrand.New(mathrand.NewPCG(seed, uint64(i))), s: h.services[i%len(h.services)]}
				group.Go(func() { w.work(t) })
			}
			group.Wait()
			h.check(t)
		})
	}
}

// history is what the workers share: the names of things, right or not.
type history struct {
	store    org.Store
	services []*org.Service
	people   []org.Secrets

	mu            sync.Mutex
	organizations []id.Organization
	accounts      []id.Account
	members       []org.Member // invitations keep their code
	done, refused map[string]int
	codes         map[fault.Code]int
}

func newHistory(t *testing.T, e enginetest.Engine) *history {
	t.Helper()
	h := &history{store: e.Open(t), done: make(map[string]int), refused: make(map[string]int), codes: make(map[fault.Code]int)}
	enc := api.Encoder{Limits: narrow, EchoProfile: true}
	for range 2 {
		h.services = append(h.services, org.New(org.Config{
			Store: h.store, Now: time.Now, Random: rand.Reader, Limits: narrow, Encode: enc.Encode, StatusOf: api.StatusOf,
		}))
	}
	return h
}

// prepare makes the people, and roots in which all of them are super
// administrators: three in which they stay, and one in which they may be
// removed and demoted.
func (h *history) prepare(t *testing.T) {
	t.Helper()
	s := h.services[0]
	b := must[org.Bootstrapped](t)(s.Bootstrap(t.Context(), org.Origin{}, org.NewUser{Email: "admin@example.com"}))
	h.people = append(h.people, org.Secrets{Email: b.User.Email, Key: b.APIKey})
	admin := must[*auth.Caller](t)(s.Authenticate(t.Context(), h.people[0], netip.Addr{}))
	for i := range 5 {
		u := must[org.CreatedUser](t)(s.CreateUser(t.Context(), requestOf(admin), org.NewUser{Email: fmt.Sprintf("user%d@example.com", i)}))
		h.people = append(h.people, org.Secrets{Email: u.Email, Key: u.APIKey})
	}
	for i := range 4 {
		o := must[org.Organization](t)(s.CreateOrganization(t.Context(), requestOf(admin), org.NewOrganization{Name: fmt.Sprintf("Root %d", i)}))
		h.organizations = append(h.organizations, o.ID)
		for _, p := range h.people[1:] {
			m := must[org.Member](t)(s.CreateMember(t.Context(), requestOf(admin), o.ID, org.NewMember{Email: p.Email, Status: org.Active}))
			if i == 3 {
				h.members = append(h.members, m)
			}
		}
	}
}

// check looks for broken invariants, and for steps that never succeeded
// however often they were tried, and so have shown nothing.
func (h *history) check(t *testing.T) {
	t.Helper()
	found, err := fsck.Check(t.Context(), h.store, fsck.Options{Depth: narrow.Depth, Accounts: narrow.Accounts})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range found {
		t.Errorf("fsck: %s", v)
	}
	for _, s := range steps() {
		if h.done[s.name] == 0 {
			t.Errorf("no worker succeeded to %s in %d attempts", s.name, h.refused[s.name])
		}
	}
	t.Logf("done %v, refused %v, with %v", h.done, h.refused, h.codes)
}

// step is something that a worker may do.
type step struct {
	name   string
	weight int
	do     func(*worker, context.Context, org.Request) error
}

func steps() []step {
	return []step{
		{"create an organization", 5, (*worker).createOrganization},
		{"move an organization", 5, (*worker).moveOrganization},
		{"delete an organization", 4, (*worker).deleteOrganization},
		{"restore an organization", 1, (*worker).restoreOrganization},
		{"create an account", 6, (*worker).createAccount},
		{"move an account", 4, (*worker).moveAccount},
		{"move accounts", 3, (*worker).moveAccounts},
		{"detach an account", 2, (*worker).detachAccount},
		{"delete an account", 1, (*worker).deleteAccount},
		{"invite", 4, (*worker).invite},
		{"accept", 4, (*worker).accept},
		{"remove a member", 3, (*worker).removeMember},
		{"change a role", 2, (*worker).changeRole},
	}
}

// worker does one random step after the other.
type worker struct {
	*history
	*mathrand.Rand
	s *org.Service
}

func (w *worker) work(t *testing.T) {
	var urn []step
	for _, s := range steps() {
		urn = append(urn, slices.Repeat([]step{s}, s.weight)...)
	}
	for n := 0; n < historySteps || n < historyMost && !w.complete(); n++ {
		s := urn[w.IntN(len(urn))]
		caller, err := w.s.Authenticate(t.Context(), w.people[w.IntN(len(w.people))], netip.Addr{})
		if err == nil {
			err = s.do(w, t.Context(), requestOf(caller))
		}
		if !w.count(s.name, err) {
			t.Errorf("%s: %v", s.name, err)
			return
		}
	}
}

// complete reports whether every step has succeeded.
func (w *worker) complete() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.done) == len(steps())
}

// count notes how a step ended and reports whether it may end so.
func (w *worker) count(name string, err error) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil {
		w.done[name]++
		return true
	}
	w.refused[name]++
	w.codes[fault.CodeOf(err)]++
	refusals := []fault.Code{
		fault.NotFound, fault.Invalid, fault.Forbidden, fault.OrganizationNotEmpty, fault.Cycle, fault.TooDeep,
		fault.LimitReached, fault.LastSuperAdministrator,
	}
	return slices.Contains(refusals, fault.CodeOf(err))
}

// pick returns a random element of a list that others add to; the latest
// ones are more likely, because the oldest are gone or full.
func pick[T any](w *worker, list *[]T) (T, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(*list) == 0 {
		var zero T
		return zero, fault.ErrNotFound("anything")
	}
	n := len(*list)
	return (*list)[n-1-min(w.IntN(n), w.IntN(n))], nil
}

func add[T any](w *worker, list *[]T, v T) {
	w.mu.Lock()
	defer w.mu.Unlock()
	*list = append(*list, v)
}

// forget removes what is gone from a list.
func forget[T comparable](w *worker, list *[]T, v T) {
	w.mu.Lock()
	defer w.mu.Unlock()
	*list = slices.DeleteFunc(*list, func(other T) bool { return other == v })
}

func (w *worker) organization() id.Organization {
	o, _ := pick(w, &w.organizations) // there are some from the start
	return o
}

func (w *worker) createOrganization(ctx context.Context, r org.Request) error {
	o, err := w.s.CreateOrganization(ctx, r, org.NewOrganization{Name: "Organization", Parent: w.organization()})
	if err == nil {
		add(w, &w.organizations, o.ID)
	}
	return err
}

func (w *worker) moveOrganization(ctx context.Context, r org.Request) error {
	_, err := w.s.UpdateOrganization(ctx, r, w.organization(), org.OrganizationUpdate{Name: "Moved", Parent: w.organization()})
	return err
}

func (w *worker) deleteOrganization(ctx context.Context, r org.Request) error {
	_, err := w.s.DeleteOrganization(ctx, r, w.organization())
	return err
}

func (w *worker) restoreOrganization(ctx context.Context, r org.Request) error {
	w.mu.Lock()
	all := slices.Clone(w.organizations)
	w.mu.Unlock()
	err := error(fault.ErrNotFound("deleted organization"))
	for i := 0; i < 20 && errors.Is(err, fault.New(fault.NotFound, "")); i++ {
		_, err = w.s.RestoreOrganization(ctx, r, all[w.IntN(len(all))])
	}
	return err
}

func (w *worker) createAccount(ctx context.Context, r org.Request) error {
	a, err := w.s.CreateAccount(ctx, r, org.NewAccount{Name: "Account", Organization: w.organization()})
	if err == nil {
		add(w, &w.accounts, a.ID)
	}
	return err
}

func (w *worker) moveAccount(ctx context.Context, r org.Request) error {
	a, err := pick(w, &w.accounts)
	if err == nil {
		_, err = w.s.MoveAccount(ctx, r, a, w.organization())
	}
	return err
}

func (w *worker) moveAccounts(ctx context.Context, r org.Request) error {
	some := make(map[id.Account]bool)
	for range 3 {
		a, err := pick(w, &w.accounts)
		if err != nil {
			return err
		}
		some[a] = true
	}
	_, err := w.s.MoveAccounts(ctx, r, slices.Collect(maps.Keys(some)), w.organization())
	return err
}

func (w *worker) detachAccount(ctx context.Context, r org.Request) error {
	a, err := pick(w, &w.accounts)
	if err == nil {
		_, err = w.s.DetachAccount(ctx, r, a)
	}
	return err
}

func (w *worker) deleteAccount(ctx context.Context, r org.Request) error {
	a, err := pick(w, &w.accounts)
	if err == nil {
		_, err = w.s.DeleteAccount(ctx, r, a)
	}
	if err == nil {
		forget(w, &w.accounts, a)
	}
	return err
}

func (w *worker) invite(ctx context.Context, r org.Request) error {
	roles := auth.OrganizationRoles()
	m, err := w.s.CreateMember(ctx, r, w.organization(), org.NewMember{
		Email: w.people[w.IntN(len(w.people))].Email, Role: roles[w.IntN(len(roles))],
	})
	if err == nil {
		add(w, &w.members, m)
	}
	return err
}

// accept answers an invitation with the credentials of the invitee.
func (w *worker) accept(ctx context.Context, _ org.Request) error {
	m, err := pick(w, &w.members)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(w.people, func(p org.Secrets) bool { return p.Email == m.User.Email })
	caller, err := w.s.Authenticate(ctx, w.people[i], netip.Addr{})
	if err == nil {
		_, err = w.s.AnswerInvitation(ctx, requestOf(caller), m.Organization, m.Code, w.IntN(4) > 0)
	}
	return err
}

func (w *worker) removeMember(ctx context.Context, r org.Request) error {
	m, err := pick(w, &w.members)
	if err == nil {
		_, err = w.s.DeleteMember(ctx, r, m.Organization, m.ID)
	}
	return err
}

func (w *worker) changeRole(ctx context.Context, r org.Request) error {
	m, err := pick(w, &w.members)
	if err != nil {
		return err
	}
	roles := auth.OrganizationRoles()
	_, err = w.s.SetMemberRole(ctx, r, m.Organization, m.ID, roles[w.IntN(len(roles))])
	return err
}
