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
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/storetest"
)

// numbersOf returns the numbers of the records of a log that are there.
func (w *world) numbersOf(log id.Log) []int64 {
	list := []int64{}
	for _, r := range w.records() {
		if r.Log == log {
			list = append(list, r.Seq)
		}
	}
	return list
}

func (w *world) expire() {
	w.t.Helper()
	if err := w.ExpireAudit(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// rename leaves one record in the log of o.
func (w *world) rename(p *person, o id.Organization) {
	w.t.Helper()
	must[org.Organization](w.t)(w.UpdateOrganization(w.t.Context(), p.request(), o, org.OrganizationUpdate{Name: fmt.Sprint(w.clock.now())}))
}

// fill puts n more records into a log.
func (w *world) fill(log id.Log, n int) {
	w.t.Helper()
	var batch []*audit.Record
	for i := range n {
		batch = append(batch, &audit.Record{
			Log: log, ID: id.Record(fmt.Sprintf("%032x", i)), Time: w.clock.now(), Action: audit.OrganizationUpdate, Result: audit.Failure,
			Personal: []audit.Personal{{Subject: w.admin.user.ID, Value: "Ada", Salt: []byte("s")}},
			Resource: audit.Resource{ID: string(log), Type: "organization", Product: "organizations", Scope: audit.ScopeOrganizations},
		})
	}
	if err := w.store.Update(w.t.Context(), func(tx org.Tx) error { return tx.AppendAudits(w.t.Context(), batch) }); err != nil {
		w.t.Fatal(err)
	}
}

// TestWhatIsTooOldExpires lets 18 months pass over a part of a log.
func TestWhatIsTooOldExpires(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ada := w.person("ada")
		root := w.root("Root", ada)
		log := id.Log(root.ID)
		w.clock.advance(300 * 24 * time.Hour)
		w.rename(ada, root.ID)
		before := w.leaves()
		w.expire()
		wantDiff(t, []int64{1, 2}, w.numbersOf(log))
		w.clock.advance(300 * 24 * time.Hour)
		w.expire()
		wantDiff(t, []int64{2, 3}, w.numbersOf(log))
		all := must[[]audit.Record](t)(w.store.AuditRecords(t.Context(), log, 0, 10))
		last := all[1]
		if last.Action != audit.LogExpire || last.Actor.Type != audit.ActorSystem || last.Resource.ID != string(log) || last.Resource.Scope != audit.ScopeOrganizations ||
			string(last.Resource.Request) != `{"before":"2026-09-23T00:00:00Z","from_seq":1,"to_seq":1}` {
			t.Errorf("the record of the expiry is %+v, %s", last, last.Resource.Request)
		}
		if leaf := audit.LeafHash(audit.Canonical(&all[0])); leaf != before[all[0].ID] {
			t.Error("what is kept has another leaf")
		}
		w.expire()
		wantDiff(t, []int64{2, 3}, w.numbersOf(log))
		// A reader whose cursor is in what is gone goes on with what is there.
		q := audit.Query{Since: time.Unix(0, 0), Before: w.clock.now().Add(time.Hour), Limit: 10, Ascending: true, After: 1}
		wantDiff(t, []int64{2, 3}, seqs(must[org.AuditPage](t)(w.AuditLog(t.Context(), ada.request(), root.ID, q))))
		e := must[org.AuditExport](t)(w.ExportAudit(t.Context(), ada.request(), root.ID, org.AuditRange{From: 1}))
		if e.From != 2 || e.To != 3 || e.Expired != 1 {
			t.Errorf("an export has %d to %d, %d expired", e.From, e.To, e.Expired)
		}
		if err := w.store.View(t.Context(), func(r org.Reader) error {
			first, err := r.FirstKept(t.Context(), log)
			if first != 2 {
				t.Errorf("the log begins with %d", first)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		// The logs of users and of the instance expire as well, and then rest.
		for range 3 {
			w.clock.advance(600 * 24 * time.Hour)
			w.expire()
		}
		wantDiff(t, []int64{4}, w.numbersOf(log))
	})
}

// TestMonthsEndWithTheirLastDay expires what is older than one month on the
// 31st of March.
func TestMonthsEndWithTheirLastDay(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ada := w.person("ada")
		root := w.root("Root", ada)
		must[org.AuditSettings](t)(w.PutAuditSettings(t.Context(), ada.request(), root.ID, org.AuditSettings{RetentionMonths: 1}))
		for _, at := range []time.Time{
			time.Date(2027, 2, 27, 23, 59, 59, 999_999_000, time.UTC), time.Date(2027, 2, 28, 0, 0, 0, 0, time.UTC), time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC),
		} {
			w.clock.advance(at.Sub(w.clock.now()))
			w.rename(ada, root.ID)
		}
		w.clock.advance(time.Date(2027, 3, 31, 12, 0, 0, 0, time.UTC).Sub(w.clock.now()))
		w.expire()
		wantDiff(t, []int64{4, 5, 6}, w.numbersOf(id.Log(root.ID))) // the last is that of the expiry
	})
}

// TestExpiryGoesInBatches removes 2,500 records, interrupted at every call of
// the store, by two servers.
func TestExpiryGoesInBatches(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ada := w.person("ada")
		root := w.root("Root", ada)
		log := id.Log(root.ID)
		w.fill(log, 2499)
		w.clock.advance(600 * 24 * time.Hour)
		w.rename(ada, root.ID)
		for at := int64(1); at <= 12; at++ {
			w.Store = &storetest.Faulty{Store: w.store, Fault: storetest.Fault(at % 2), At: at}
			if err := w.ExpireAudit(context.WithoutCancel(t.Context())); err != nil && !errors.Is(err, storetest.ErrFault) {
				t.Fatal(err)
			}
			w.Store = w.store
		}
		var group sync.WaitGroup
		for range 2 {
			s := w.service()
			group.Go(func() {
				if err := s.ExpireAudit(context.WithoutCancel(t.Context())); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		got := w.numbersOf(log)
		if got[0] != 2501 {
			t.Errorf("the log begins with %d, want 2501", got[0])
		}
		var ranges []string
		for _, r := range w.records() {
			if r.Log == log && r.Action == audit.LogExpire {
				ranges = append(ranges, string(r.Resource.Request))
			}
		}
		const edge = `{"before":"2026-09-23T00:00:00Z",`
		wantDiff(t, []string{edge + `"from_seq":1,"to_seq":1000}`, edge + `"from_seq":1001,"to_seq":2000}`, edge + `"from_seq":2001,"to_seq":2500}`}, ranges)
	})
}

// TestStreamsKeepWhatTheyHaveNotDelivered has a stream that has come to the
// second of five records.
func TestStreamsKeepWhatTheyHaveNotDelivered(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ada := w.person("ada")
		root := w.root("Root", ada)
		log := id.Log(root.ID)
		w.fill(log, 4)
		st := org.Stream{ID: "0190a0000000700080000000000000ee", Log: log, Version: 1, Delivery: org.Delivery{Delivered: 2, Batch: 2}}
		if err := w.store.Update(t.Context(), func(tx org.Tx) error { return tx.InsertStream(t.Context(), st) }); err != nil {
			t.Fatal(err)
		}
		w.clock.advance(600 * 24 * time.Hour)
		w.expire()
		if got := w.numbersOf(log); !slices.Equal(got, []int64{3, 4, 5, 6}) {
			t.Errorf("the log has %v, want what is behind record 2", got)
		}
	})
}
