package org_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/storetest"
)

// pushes makes records of another system with these identifiers.
func (w *world) pushes(keys ...string) []org.PushedRecord {
	batch := make([]org.PushedRecord, len(keys))
	for i, key := range keys {
		r := audit.Record{Source: "idp", Occurred: w.clock.now().Add(-time.Minute), Result: audit.Success}
		r.Action.Type, r.Action.Description, r.Actor.Type = audit.View, "Sign in", audit.ExternalUser
		batch[i] = org.PushedRecord{Record: r, Key: key, At: fmt.Sprintf("/%d", i)}
	}
	return batch
}

func keys(from, to int) []string {
	var list []string
	for i := from; i < to; i++ {
		list = append(list, fmt.Sprintf("key-%d", i))
	}
	return list
}

func TestPushOfABatch(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, ada, bob := t.Context(), w.person("ada"), w.person("bob")
		root := w.root("Root", ada)
		w.join(root.ID, ada, bob, auth.Administrator)
		batch := w.pushes(keys(0, org.BatchRecords)...)
		var out org.Pushed
		added := w.added(func() { out = must[org.Pushed](t)(w.PushAudit(ctx, bob.request(), root.ID, batch)) })
		if out.New != org.BatchRecords || out.First != 3 || out.Last != org.BatchRecords+2 || len(added) != org.BatchRecords+1 {
			t.Fatalf("got %d new records from %d to %d, and %d in the log", out.New, out.First, out.Last, len(added))
		}
		for i, place := range out.Records {
			want := org.PushedPlace{ID: audit.RecordID(batch[i].Key), Seq: int64(i + 3), New: true}
			if r := added[i]; place != want || r.ID != want.ID || r.Seq != want.Seq || r.SourceID != batch[i].Key || !r.Time.Equal(w.clock.now()) {
				t.Fatalf("record %d: got %+v and %+v", i, place, added[i])
			}
		}
		own := added[org.BatchRecords]
		if own.Source != "" || own.Action != audit.RecordsPush || own.Actor.ID != bob.user.ID ||
			string(own.Resource.Response) != `{"first_seq":3,"known":0,"last_seq":1002,"new":1000}` {
			t.Errorf("the push is recorded as %+v, response %s", own, own.Resource.Response)
		}
		w.wantTrail(t, func() {
			again := must[org.Pushed](t)(w.PushAudit(ctx, bob.request(), root.ID, batch))
			if again.New != 0 || again.First != 0 || slices.ContainsFunc(again.Records, func(p org.PushedPlace) bool { return p.New }) {
				t.Errorf("pushed again: %+v", again)
			}
		})
	})
}

func TestPushRefused(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, ada, eve := t.Context(), w.person("ada"), w.person("eve")
		root := w.root("Root", ada)
		w.join(root.ID, ada, eve, auth.AuditViewer)
		push := func(p *person, batch []org.PushedRecord) error {
			_, err := w.PushAudit(ctx, p.request(), root.ID, batch)
			return err
		}
		for name, c := range map[string]struct {
			batch []org.PushedRecord
			code  fault.Code
			at    string
		}{
			"none":            {nil, fault.Invalid, "/"},
			"too many":        {w.pushes(keys(0, org.BatchRecords+1)...), fault.Invalid, "/"},
			"a bad one":       {w.pushes("a", "b", "/"), fault.Invalid, "/2/id"},
			"not read":        {[]org.PushedRecord{{Err: fault.At(fault.MalformedJSON, "/0", "no JSON")}}, fault.MalformedJSON, "/0"},
			"another account": {elsewhere(w.pushes("a")), fault.Invalid, "/0/account_id"},
		} {
			w.wantTrail(t, func() {
				err := push(ada, c.batch)
				if f, ok := errors.AsType[*fault.Error](err); !ok || f.Code != c.code || f.Pointer != c.at {
					t.Errorf("%s: got %v", name, err)
				}
			})
		}
		w.wantTrail(t, func() {
			if err := push(eve, w.pushes("a")); !errors.Is(err, fault.New(fault.Forbidden, "")) {
				t.Error(err)
			}
		}, "Root: Push Audit Records failure 403")
	})
}

func elsewhere(batch []org.PushedRecord) []org.PushedRecord {
	batch[0].Account = "0190a0b0c0d0700080000000000000a1"
	return batch
}

// TestPushedPeopleCanBeErased looks for whom a record is known to be about.
func TestPushedPeopleCanBeErased(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ada, bob := w.person("ada"), w.person("bob")
		root := w.root("Root", ada)
		w.Store = twice{w.store} // what is redacted once has to be whole the second time
		batch := w.pushes("a", "b")
		batch[0].Actor.Email = "BOB@example.com"
		batch[0].Resource.Request = []byte(`{"user":{"name":"Ada","email":"Ada@Ex\u0061mple.com"},"ip":"192.0.2.1"}`)
		batch[1].Actor.Email, batch[1].Resource.After = "stranger@example.com", []byte(`[{"email":"nobody@example.com"}]`)
		records := w.added(func() { must[org.Pushed](t)(w.PushAudit(t.Context(), ada.request(), root.ID, batch)) })
		if got, want := records[0].Subjects(), []id.User{bob.user.ID, ada.user.ID}; !slices.Equal(got, want) {
			t.Errorf("the first is about %v, want %v", got, want)
		}
		if got := records[1].Subjects(); !slices.Equal(got, []id.User{audit.EmailSubject("nobody@example.com")}) || len(records[1].Personal) != 1 {
			t.Errorf("the second is about %v, %v", got, records[1].Personal)
		}
		if got := body(t, &records[0], records[0].Resource.Request); got != `{"ip":"192.0.2.1","user":{"email":"Ada@Example.com","name":"Ada"}}` {
			t.Error(got)
		}
	})
}

// TestPushesAtOnce lets two servers be told the same by many.
func TestPushesAtOnce(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		const pushers, steps, size = 6, 8, 20
		ada := w.person("ada")
		root := w.root("Root", ada)
		services := []*org.Service{w.Service, w.service()}
		var group sync.WaitGroup
		news := make([]int, pushers)
		for i := range pushers {
			r := ada.request()
			group.Go(func() {
				for step := range steps {
					from := (step + i%2) * size / 2
					out, err := services[i%2].PushAudit(t.Context(), r, root.ID, w.pushes(keys(from, from+size)...))
					if err != nil {
						t.Error(err)
						return
					}
					news[i] += out.New
				}
			})
		}
		group.Wait()
		total := 0
		for _, n := range news {
			total += n
		}
		if want := (steps + 2) * size / 2; total != want {
			t.Errorf("%d records were new, want %d", total, want)
		}
	})
}

// TestAPushIsWholeOrNotAtAll lets every call of the store fail once.
func TestAPushIsWholeOrNotAtAll(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ada := w.person("ada")
		root := w.root("Root", ada)
		for _, f := range []storetest.Fault{storetest.Lost, storetest.Done} {
			for at := int64(1); ; at++ {
				batch := w.pushes(keys(0, 3)...)
				for i := range batch {
					batch[i].Key = fmt.Sprintf("%d-%d-%d", f, at, i)
				}
				faulty := &storetest.Faulty{Store: w.store, Fault: f, At: at}
				w.Store = faulty
				var err error
				added := w.added(func() { _, err = w.PushAudit(context.WithoutCancel(t.Context()), ada.request(), root.ID, batch) })
				w.Store = w.store
				if n := len(added); n != 0 && n != len(batch)+1 || err == nil && n == 0 {
					t.Errorf("fault %d at call %d: %d records, %v", f, at, n, err)
				}
				again := must[org.Pushed](t)(w.PushAudit(t.Context(), ada.request(), root.ID, batch))
				if again.New != 0 && len(added) > 0 || again.New == 0 && len(added) == 0 {
					t.Errorf("fault %d at call %d: %d records, then %d new", f, at, len(added), again.New)
				}
				if !faulty.Met() {
					break
				}
			}
		}
	})
}
