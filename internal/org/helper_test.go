package org_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/orgd/orgd/internal/api"
	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/engine/enginetest"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/fsck"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
)

// world is an instance under test: a service on one engine with a clock that
// the test turns. The embedded service is called like the real one.
type world struct {
	*org.Service
	t      *testing.T
	store  org.Store
	clock  *clock
	labels map[string]string // what identifiers are called in failures and trails
	admin  *person           // of the instance, a member of nothing
}

// small limits are within reach of a test.
var small = org.Limits{Depth: 3, Accounts: 6, Streams: 3, Budgets: 3}

// onEveryEngine runs a test in a new world on each engine. When it ends every
// invariant of the store must hold.
func onEveryEngine(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	t.Parallel()
	for _, e := range enginetest.All(t) {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			f(t, newWorld(t, e))
		})
	}
}

func newWorld(t *testing.T, e enginetest.Engine) *world {
	t.Helper()
	return newWorldOn(t, e.Open(t))
}

func newWorldOn(t *testing.T, store org.Store) *world {
	t.Helper()
	w := &world{t: t, store: store, clock: newClock(), labels: map[string]string{string(id.Instance): "instance"}}
	w.Service = w.serviceOn(store)
	t.Cleanup(func() {
		// The context of the test has ended by now.
		found, err := fsck.Check(context.WithoutCancel(t.Context()), w.store, fsck.Options{Depth: small.Depth, Accounts: small.Accounts})
		if err != nil {
			t.Error(err)
		}
		for _, v := range found {
			t.Errorf("fsck: %s", v)
		}
	})
	b, err := w.Bootstrap(t.Context(), org.Origin{Status: 200}, org.NewUser{Email: "admin@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	w.admin = w.known(b.User, b.APIKey)
	return w
}

// service returns another service on the same store, like another process.
func (w *world) service() *org.Service { return w.serviceOn(w.store) }

func (w *world) serviceOn(store org.Store) *org.Service {
	enc := api.Encoder{Limits: small, EchoProfile: true}
	return org.New(org.Config{
		Store: store, Now: w.clock.now, Random: rand.Reader, Limits: small,
		Encode: enc.Encode, StatusOf: api.StatusOf,
	})
}

// clock stands still until it is turned.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// person is a user with its global API key.
type person struct {
	w    *world
	user org.User
	key  string
}

func (w *world) known(u org.User, key string) *person {
	name, _, _ := strings.Cut(u.Email, "@")
	w.labels[string(u.ID)] = name
	return &person{w: w, user: u, key: key}
}

// person makes a user whose e-mail is name@example.com.
func (w *world) person(name string) *person {
	w.t.Helper()
	u, err := w.CreateUser(w.t.Context(), w.admin.request(), org.NewUser{Email: name + "@example.com", FirstName: strings.ToUpper(name[:1]) + name[1:], LastName: "Example"})
	if err != nil {
		w.t.Fatalf("create user %s: %v", name, err)
	}
	return w.known(u.User, u.APIKey)
}

// caller authenticates with the key.
func (p *person) caller() *auth.Caller {
	p.w.t.Helper()
	c, err := p.w.Authenticate(p.w.t.Context(), org.Secrets{Email: p.user.Email, Key: p.key}, netip.Addr{})
	if err != nil {
		p.w.t.Fatalf("authenticate %s: %v", p.user.Email, err)
	}
	return c
}

// request is a mutation by p as the API would describe it.
func (p *person) request() org.Request {
	p.w.t.Helper()
	return requestOf(p.caller())
}

func requestOf(c *auth.Caller) org.Request {
	return org.Request{Caller: c, Origin: org.Origin{
		RayID: "0123456789abcdef-ORG", IP: "192.0.2.7", Method: "POST", URI: "/client/v4/x", UserAgent: "test/1", Status: 200,
	}}
}

func dryRun(r org.Request) org.Request {
	r.DryRun = true
	return r
}

// must fails the test when err is not nil.
func must[T any](t *testing.T) func(T, error) T {
	t.Helper()
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// root makes a root organization of p.
func (w *world) root(name string, p *person) org.Organization {
	w.t.Helper()
	return w.child(name, p, "")
}

// child makes an organization below parent.
func (w *world) child(name string, p *person, parent id.Organization) org.Organization {
	w.t.Helper()
	o := must[org.Organization](w.t)(w.CreateOrganization(w.t.Context(), p.request(), org.NewOrganization{Name: name, Parent: parent}))
	w.labels[string(o.ID)] = name
	return o
}

// account makes an account in an organization, or outside any.
func (w *world) account(name string, p *person, o id.Organization) org.Account {
	w.t.Helper()
	a := must[org.Account](w.t)(w.CreateAccount(w.t.Context(), p.request(), org.NewAccount{Name: name, Organization: o}))
	w.labels[string(a.ID)] = name
	return a
}

// join makes p an active member of o at once.
func (w *world) join(o id.Organization, by, p *person, role auth.Role) org.Member {
	w.t.Helper()
	return must[org.Member](w.t)(w.CreateMember(w.t.Context(), by.request(), o, org.NewMember{Email: p.user.Email, Role: role, Status: org.Active}))
}

// token makes an API token of p that everything is allowed with, but only on
// the given resources.
func (w *world) token(p *person, resources ...string) org.CreatedToken {
	w.t.Helper()
	in := org.FullToken(p.user.ID, "test")
	if resources != nil {
		in.Policies[0].Resources = resources
	}
	return must[org.CreatedToken](w.t)(w.CreateToken(w.t.Context(), p.request(), in))
}

func onOrganization(o id.Organization) string { return "com.cloudflare.api.organization." + string(o) }
func onAccount(a id.Account) string           { return "com.cloudflare.api.account." + string(a) }
func onUser(u id.User) string                 { return "com.cloudflare.api.user." + string(u) }

// bearer authenticates with the secret of a token.
func (w *world) bearer(secret string) *auth.Caller {
	w.t.Helper()
	return must[*auth.Caller](w.t)(w.Authenticate(w.t.Context(), org.Secrets{Token: secret}, netip.Addr{}))
}

// tree is the world that visibility is tested in:
//
//	root            owner is its super administrator
//	  left          left is its super administrator
//	    leaf        leaf is its super administrator, inner lies in it
//	  right         right is its super administrator, outer lies in it
//	foreign         stranger is its super administrator
//
// guest is an explicit member of inner and of nothing else; reader may read
// left and everything below. loose lies outside any organization and is the
// owner's.
type tree struct {
	root, left, leaf, right, foreign                        org.Organization
	inner, outer, loose                                     org.Account
	owner, atLeft, atLeaf, atRight, guest, reader, stranger *person
}

func (w *world) plant() *tree {
	w.t.Helper()
	x := &tree{
		owner: w.person("owner"), atLeft: w.person("left"), atLeaf: w.person("leaf"), atRight: w.person("right"),
		guest: w.person("guest"), reader: w.person("reader"), stranger: w.person("stranger"),
	}
	x.root = w.root("Root", x.owner)
	x.left = w.child("Left", x.owner, x.root.ID)
	x.leaf = w.child("Leaf", x.owner, x.left.ID)
	x.right = w.child("Right", x.owner, x.root.ID)
	x.foreign = w.root("Foreign", x.stranger)
	x.inner = w.account("Inner", x.owner, x.leaf.ID)
	x.outer = w.account("Outer", x.owner, x.right.ID)
	x.loose = w.account("Loose", x.owner, "")
	w.join(x.left.ID, x.owner, x.atLeft, auth.SuperAdministrator)
	w.join(x.leaf.ID, x.owner, x.atLeaf, auth.SuperAdministrator)
	w.join(x.right.ID, x.owner, x.atRight, auth.SuperAdministrator)
	w.join(x.left.ID, x.owner, x.reader, auth.ReadOnly)
	must[org.AccountMember](w.t)(w.CreateAccountMember(w.t.Context(), x.owner.request(), x.inner.ID, x.guest.user.Email, auth.AccountReadOnly))
	return x
}

// refusal is what a caller is told.
type refusal struct {
	code    fault.Code
	pointer string
	message string
}

// forbidden is the refusal of a permission.
func forbidden(permission string) refusal {
	return refusal{code: fault.Forbidden, message: "Forbidden: needs " + permission}
}

func notFound(what string) refusal {
	return refusal{code: fault.NotFound, message: what + " not found"}
}

func wantRefusal(t *testing.T, err error, want refusal) {
	t.Helper()
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		t.Errorf("got the error %v, want %+v", err, want)
		return
	}
	if got := (refusal{f.Code, f.Pointer, f.Message}); got != want {
		t.Errorf("refused with\n got %+v\nwant %+v", got, want)
	}
}

func wantDiff(t *testing.T, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// records returns all records of all logs, in order of log and sequence.
func (w *world) records() []audit.Record {
	w.t.Helper()
	var all []audit.Record
	err := w.store.View(w.t.Context(), func(r org.Reader) error {
		all = nil
		return r.(fsck.Inspector).InspectRecords(w.t.Context(), func(r *audit.Record) error {
			all = append(all, *r)
			return nil
		})
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

// added returns the records that do adds.
func (w *world) added(do func()) []audit.Record {
	w.t.Helper()
	before := make(map[id.Record]bool)
	for _, r := range w.records() {
		before[r.ID] = true
	}
	do()
	return slices.DeleteFunc(w.records(), func(r audit.Record) bool { return before[r.ID] })
}

// trail describes records, each as "log: what result status", the logs by the
// names of what they belong to, in the order of these names.
func (w *world) trail(records []audit.Record) []string {
	var lines []string
	for _, r := range records {
		lines = append(lines, fmt.Sprintf("%s: %s %s %d", w.label(string(r.Log)), r.Action.Description, r.Result, r.Raw.Status))
	}
	slices.SortStableFunc(lines, func(a, b string) int {
		logA, _, _ := strings.Cut(a, ":")
		logB, _, _ := strings.Cut(b, ":")
		return strings.Compare(logA, logB)
	})
	return lines
}

func (w *world) label(s string) string {
	if l, ok := w.labels[s]; ok {
		return l
	}
	return s
}

// wantTrail fails unless do adds exactly the records described.
func (w *world) wantTrail(t *testing.T, do func(), want ...string) []audit.Record {
	t.Helper()
	added := w.added(do)
	wantDiff(t, want, w.trail(added))
	return added
}

// body returns a recorded body as it was before redaction.
func body(t *testing.T, r *audit.Record, stored []byte) string {
	t.Helper()
	b, err := audit.Restore(stored, r.Personal)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// names returns what organizations are called, those visible by name only in
// parentheses.
func names(list []org.Organization) []string {
	var out []string
	for _, o := range list {
		if o.NamesOnly {
			out = append(out, "("+o.Name+")")
		} else {
			out = append(out, o.Name)
		}
	}
	return out
}

func accountNames(list []org.Account) []string {
	var out []string
	for _, a := range list {
		out = append(out, a.Name)
	}
	return out
}
