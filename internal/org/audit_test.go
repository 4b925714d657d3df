package org_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
)

func (w *world) window() audit.Query {
	return audit.Query{Since: w.clock.now().Add(-time.Hour), Before: w.clock.now().Add(time.Hour), Limit: 100}
}

// seqs returns the numbers of a page.
func seqs(p org.AuditPage) []int64 {
	list := []int64{}
	for _, r := range p.Records {
		list = append(list, r.Seq)
	}
	return list
}

// TestTheTimesOfALogNeverGoBack turns the clock back between changes.
func TestTheTimesOfALogNeverGoBack(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ada := w.person("ada")
		root := w.root("Root", ada)
		start := w.clock.now()
		for _, step := range []time.Duration{time.Hour, -2 * time.Hour, time.Minute} {
			w.clock.advance(step)
			must[org.Organization](t)(w.UpdateOrganization(t.Context(), ada.request(), root.ID, org.OrganizationUpdate{Name: "Renamed"}))
		}
		all, err := w.store.AuditRecords(t.Context(), id.Log(root.ID), 0, 10)
		if err != nil {
			t.Fatal(err)
		}
		var got []time.Duration
		for _, r := range all {
			got = append(got, r.Time.Sub(start))
		}
		if diff := cmp.Diff([]time.Duration{0, time.Hour, time.Hour, time.Hour}, got); diff != "" {
			t.Errorf("times (-want +got):\n%s", diff)
		}
	})
}

// TestALogCanBeFollowed looks at when the last page has a next one.
func TestALogCanBeFollowed(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ada := w.person("ada")
		root := w.root("Root", ada)
		rename := func() {
			must[org.Organization](t)(w.UpdateOrganization(t.Context(), ada.request(), root.ID, org.OrganizationUpdate{Name: "Renamed"}))
		}
		rename()
		list := func(q audit.Query) org.AuditPage {
			return must[org.AuditPage](t)(w.AuditLog(t.Context(), ada.request(), root.ID, q))
		}
		q := w.window()
		if p := list(q); p.After != 0 || len(p.Records) != 2 {
			t.Errorf("backwards: got %v, next %d", seqs(p), p.After)
		}
		q.Ascending = true
		p := list(q)
		if p.After != 2 {
			t.Errorf("forwards: got %v, next %d, want 2", seqs(p), p.After)
		}
		q.After = p.After
		if p = list(q); len(p.Records) != 0 || p.After != 0 {
			t.Errorf("an empty page: got %v, next %d", seqs(p), p.After)
		}
		rename()
		if p = list(q); !slices.Equal(seqs(p), []int64{3}) || p.After != 3 {
			t.Errorf("after another change: got %v, next %d, want 3", seqs(p), p.After)
		}
		// The window ends, and a change that began in it may still be under way.
		w.clock.advance(time.Hour + 59*time.Second)
		if p = list(q); p.After != 3 {
			t.Errorf("just behind the window: next %d, want 3", p.After)
		}
		w.clock.advance(2 * time.Second)
		if p = list(q); !slices.Equal(seqs(p), []int64{3}) || p.After != 0 {
			t.Errorf("behind the window: got %v, next %d", seqs(p), p.After)
		}
	})
}

func TestHistoryOfAResource(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, ada, bob := t.Context(), w.person("ada"), w.person("bob")
		root := w.root("Root", ada)
		m := w.join(root.ID, ada, bob, auth.ReadOnly)
		w.join(root.ID, ada, w.person("cy"), auth.ReadOnly)
		must[org.Member](t)(w.SetMemberRole(ctx, ada.request(), root.ID, m.ID, auth.Billing))
		must[org.Member](t)(w.DeleteMember(ctx, ada.request(), root.ID, m.ID))
		log, err := w.store.AuditRecords(ctx, id.Log(root.ID), 0, 10)
		if err != nil {
			t.Fatal(err)
		}
		q := w.window()
		q.Ascending = true
		for _, source := range []audit.Record{log[1], log[3], log[4]} {
			p, status, err := w.AuditHistory(ctx, ada.request(), root.ID, source.ID, q)
			if err != nil || status != org.HistoryExact || !slices.Equal(seqs(p), []int64{2, 4, 5}) {
				t.Errorf("history of record %d: got %v, %s, %v", source.Seq, seqs(p), status, err)
			}
		}
		nameless := log[0]
		nameless.ID, nameless.Resource.ID, nameless.Action.Type = "0190a0000000700080000000000000ff", "", audit.View
		err = w.store.Update(ctx, func(tx org.Tx) error { return tx.AppendAudit(ctx, &nameless) })
		if err != nil {
			t.Fatal(err)
		}
		p, status, err := w.AuditHistory(ctx, ada.request(), root.ID, nameless.ID, q)
		if err != nil || status != org.HistoryUnavailable || len(p.Records) != 0 {
			t.Errorf("history of a record without resource: got %v, %s, %v", seqs(p), status, err)
		}
		for _, absent := range []id.Record{"x", "0190a0000000700080000000000000fe"} {
			if _, _, err := w.AuditHistory(ctx, ada.request(), root.ID, absent, q); !errors.Is(err, fault.New(fault.NotFound, "")) {
				t.Errorf("history of %s: %v", absent, err)
			}
		}
	})
}

// TestReadingsAreRecorded also follows a log to its end, which has to come
// although every page that shows something makes the log grow.
func TestReadingsAreRecorded(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, ada, bob := t.Context(), w.person("ada"), w.person("bob")
		root := w.root("Root", ada)
		w.join(root.ID, ada, bob, auth.ReadOnly)
		w.AuditReads = true
		q := w.window()
		w.wantTrail(t, func() {
			must[org.AuditPage](t)(w.AuditLog(ctx, ada.request(), root.ID, q))
		}, "Root: View Audit Log success 200")
		w.wantTrail(t, func() {
			if _, err := w.AuditLog(ctx, bob.request(), root.ID, q); !errors.Is(err, fault.New(fault.Forbidden, "")) {
				t.Error(err)
			}
		}, "Root: View Audit Log failure 403")
		q.Ascending, q.Limit = true, 1
		pages := 0
		for q.After = 0; ; pages++ {
			p := must[org.AuditPage](t)(w.AuditLog(ctx, ada.request(), root.ID, q))
			if p.After == 0 {
				break
			}
			if q.After = p.After; pages > 20 {
				t.Fatal("following the log does not end")
			}
		}
	})
}

// TestNoReadingWithoutItsRecord takes the record away and wants no page.
func TestNoReadingWithoutItsRecord(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ada := w.person("ada")
		root := w.root("Root", ada)
		w.AuditReads = true
		w.Store = broken{w.store}
		p, err := w.AuditLog(t.Context(), ada.request(), root.ID, w.window())
		if !errors.Is(err, errNoRecord) {
			t.Errorf("got %v, %v", seqs(p), err)
		}
	})
}

// TestWhoIsLookedForCanBeErased names somebody in a filter.
func TestWhoIsLookedForCanBeErased(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ada, bob := w.person("ada"), w.person("bob")
		root := w.root("Root", ada)
		w.AuditReads = true
		r := ada.request()
		r.Origin.Body = []byte(`{"actor_email":["BOB@example.com"]}`)
		q := w.window()
		q.Filters = []audit.Filter{{Field: audit.FieldActorEmail, Values: []string{"BOB@example.com"}}}
		records := w.added(func() { must[org.AuditPage](t)(w.AuditLog(t.Context(), r, root.ID, q)) })
		if len(records) != 1 || len(records[0].Personal) != 1 || records[0].Personal[0].Subject != bob.user.ID || records[0].Resource.Response != nil {
			t.Errorf("got %+v", records)
		}
	})
}
