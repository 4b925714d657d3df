package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/engine"
	"github.com/orgd/orgd/internal/engine/enginetest"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/page"
)

// The shape of the kill test.
const (
	kills       = 50
	killWriters = 8
	mostAnswers = 5 * killWriters      // of a round, before the kill
	killPause   = 5 * time.Millisecond // at most, from the last of them to the kill
)

// TestKill kills the server at random moments while it is written to, and
// looks at what is there afterwards: all that was answered, and of what was
// not answered either all or nothing, with its audit record. When it dies is a
// matter of how much was answered, so that a slow machine shows as much as a
// fast one.
func TestKill(t *testing.T) {
	t.Parallel()
	program := binary(t)
	for _, e := range enginetest.All(t) {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			k := &killer{program: program, url: e.URL(t), random: rand.New(rand.NewPCG(seed, 0))}
			k.token = prepared(t, program, k.url)
			store, err := engine.Open(t.Context(), k.url, engine.Options{})
			if err != nil {
				t.Fatal(err)
			}
			k.store = store
			defer func() {
				if err := store.Close(); err != nil {
					t.Error(err)
				}
			}()
			for n := range kills {
				k.round(t, n)
			}
			k.last(t)
		})
	}
}

// killer is one run of the test on one engine.
type killer struct {
	program, url, token string
	random              *rand.Rand
	store               org.Store
	before              []*writer // of the round before, not looked at yet
	answered, unknown   int       // writes
	survived            int       // unanswered writes that are there
}

// round starts the server, looks at what the round before has left, writes,
// and kills the server.
func (k *killer) round(t *testing.T, n int) {
	t.Helper()
	p := start(t, k.program, "serve", "--store", k.url, "--rate-limit", "0")
	k.inspect(t)
	if n%10 == 9 {
		// Now and then it dies while it starts, as another may at any time.
		other := launch(t, k.program, "serve", "--store", k.url, "--listen", "127.0.0.1:0")
		time.Sleep(time.Duration(k.random.Int64N(int64(40 * time.Millisecond))))
		other.kill()
	}
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	var group sync.WaitGroup
	answers := make(chan struct{})
	for i := range killWriters {
		w := &writer{client: newClient(p.BaseURL, k.token), name: fmt.Sprintf("round %d writer %d", n, i), objects: make(map[string]object)}
		k.before = append(k.before, w)
		group.Go(func() { w.write(ctx, answers) })
	}
	go func() {
		group.Wait()
		close(answers)
	}()
	for range killWriters + k.random.IntN(mostAnswers) {
		<-answers // closed when the writers gave up
	}
	time.AfterFunc(time.Duration(k.random.Int64N(int64(killPause))), p.kill)
	for range answers {
	}
	p.kill()
}

// last lets the server stop by itself after the last inspection.
func (k *killer) last(t *testing.T) {
	t.Helper()
	p := start(t, k.program, "serve", "--store", k.url)
	k.inspect(t)
	p.signal(t, os.Interrupt)
	if code := p.wait(t); code != 0 {
		t.Errorf("exit code %d, want 0\n%s", code, p.output)
	}
	t.Logf("%d kills, %d answered writes, %d unanswered of which %d are there", kills, k.answered, k.unknown, k.survived)
	if k.answered < kills*killWriters || k.unknown == 0 {
		t.Errorf("%d answered and %d unanswered writes are too few to show anything", k.answered, k.unknown)
	}
}

// inspect compares what the writers know with the store.
func (k *killer) inspect(t *testing.T) {
	t.Helper()
	run(t, k.program, "fsck", "--store", k.url)
	for _, w := range k.before {
		if w.err != nil {
			t.Fatalf("%s: %v", w.name, w.err)
		}
		there, recorded, err := k.found(t.Context(), w)
		if err != nil {
			t.Fatalf("%s: look at the store: %v", w.name, err)
		}
		k.judge(t, w, there, recorded)
	}
	k.before = nil
}

// judge compares the names that a writer has used with those of the objects
// that are there and of those that are recorded.
func (k *killer) judge(t *testing.T, w *writer, there, recorded map[string]bool) {
	t.Helper()
	if !maps.Equal(there, recorded) {
		t.Errorf("%s: there are %v, recorded are %v", w.name, slices.Sorted(maps.Keys(there)), slices.Sorted(maps.Keys(recorded)))
	}
	for name, o := range w.objects {
		switch {
		case o.answered && !there[name]:
			t.Errorf("%s: %s was answered and is gone", w.name, name)
		case o.answered:
			k.answered++
		default:
			k.unknown++
			if there[name] {
				k.survived++
			}
		}
		delete(there, name)
	}
	if len(there) > 0 {
		t.Errorf("%s: nobody asked for %v", w.name, slices.Sorted(maps.Keys(there)))
	}
}

// found returns the names of the objects that a writer has made, and of those
// whose making is recorded: its root, and what lies in it.
func (k *killer) found(ctx context.Context, w *writer) (there, recorded map[string]bool, err error) {
	there, recorded = make(map[string]bool), make(map[string]bool)
	names := make(map[string]string) // by id
	err = k.store.View(ctx, func(r org.Reader) error {
		root, err := k.root(ctx, r, w.name)
		if err != nil || root == nil {
			return err
		}
		names[string(root.ID)] = w.name
		if err := collect(ctx, r, root.ID, names); err != nil {
			return err
		}
		return records(ctx, r, id.Log(root.ID), func(rec *audit.Record) {
			if rec.Result == audit.Success && rec.Action.Type == audit.Create {
				recorded[names[rec.Resource.ID]] = true
			}
		})
	})
	for _, name := range names {
		there[name] = true
	}
	return there, recorded, err
}

// root finds a root by its name.
func (k *killer) root(ctx context.Context, r org.Reader, name string) (*org.Organization, error) {
	u, err := r.UserByEmail(ctx, "admin@example.com")
	if err != nil {
		return nil, err
	}
	grants, _, err := r.Grants(ctx, u.ID)
	if err != nil {
		return nil, err
	}
	c := auth.Caller{User: auth.User{ID: u.ID}, Credential: auth.Credential{Unlimited: true}, Grants: grants}
	found, err := r.ListOrganizations(ctx, org.OrganizationQuery{
		Scope: c.Scope(auth.OrganizationRead), Name: org.TextFilter{Equal: name}, Parent: org.ParentFilter{Roots: true},
		Request: page.Request{Size: 2},
	})
	if err != nil || len(found.Items) == 0 {
		return nil, err
	}
	if len(found.Items) > 1 {
		return nil, fmt.Errorf("there are %d roots named %q", found.Total, name)
	}
	return &found.Items[0], nil
}

// collect adds the names of what lies directly in an organization.
func collect(ctx context.Context, r org.Reader, o id.Organization, names map[string]string) error {
	all := page.Request{Size: page.MaxSize}
	organizations, err := r.ListOrganizations(ctx, org.OrganizationQuery{
		Scope: auth.Scope{Roots: []id.Organization{o}}, Parent: org.ParentFilter{ID: o}, Request: all,
	})
	if err != nil {
		return err
	}
	accounts, err := r.ListOrganizationAccounts(ctx, org.OrganizationAccountQuery{Organization: o, Request: all})
	if err != nil {
		return err
	}
	members, err := r.ListMembers(ctx, org.MemberQuery{Organization: o, Statuses: []org.MemberStatus{org.Pending}, Request: all})
	if err != nil {
		return err
	}
	if organizations.Next != nil || accounts.Next != nil || members.Next != nil {
		return errors.New("there is more than a page of something: shorten the rounds")
	}
	for _, o := range organizations.Items {
		names[string(o.ID)] = o.Name
	}
	for _, a := range accounts.Items {
		names[string(a.ID)] = a.Name
	}
	for _, m := range members.Items {
		names[string(m.ID)] = m.User.Email
	}
	return nil
}

// records calls f for every record of a log.
func records(ctx context.Context, r org.Reader, log id.Log, f func(*audit.Record)) error {
	for after := int64(0); ; {
		some, err := r.AuditRecords(ctx, log, after, 500)
		if err != nil || len(some) == 0 {
			return err
		}
		for i := range some {
			f(&some[i])
		}
		after = some[len(some)-1].Seq
	}
}

// writer creates a root and then objects in it, one after the other, until
// the connection breaks.
type writer struct {
	client  *client
	name    string
	objects map[string]object
	err     error // an answer that should not be
}

// object is something that a writer has asked for.
type object struct{ answered bool }

func (w *writer) write(ctx context.Context, answers chan<- struct{}) {
	defer w.client.http.CloseIdleConnections()
	root := w.create(ctx, w.name, "/organizations", map[string]any{"name": w.name})
	for n := 0; root != ""; n++ {
		answers <- struct{}{}
		name := fmt.Sprintf("%s object %d", w.name, n)
		made := ""
		switch n % 3 {
		case 0:
			made = w.create(ctx, name, "/organizations", map[string]any{"name": name, "parent": map[string]any{"id": root}})
		case 1:
			made = w.create(ctx, name, "/accounts", map[string]any{"name": name, "unit": map[string]any{"id": root}})
		case 2:
			email := url.PathEscape(name) + "@example.com"
			made = w.create(ctx, email, "/organizations/"+root+"/members", invitation(email))
		}
		if made == "" {
			return
		}
	}
}

// create asks for one object and returns its id, "" when nobody answers.
func (w *writer) create(ctx context.Context, name, path string, body any) string {
	w.objects[name] = object{}
	r, err := w.client.call(ctx, "POST", path, body)
	if err != nil {
		return ""
	}
	if !r.ok() || r.id() == "" {
		w.err = fmt.Errorf("create %s: status %d: %s", name, r.Status, r.Text)
		return ""
	}
	w.objects[name] = object{answered: true}
	return r.id()
}
