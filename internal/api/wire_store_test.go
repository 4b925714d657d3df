package api_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
)

// watchedStore is a store that knows which audit logs were written to, and
// fails when it is told to.
type watchedStore struct {
	org.Store
	logs    map[id.Log]int64 // the last number that was seen
	failure string
}

func (s *watchedStore) fail() error {
	switch s.failure {
	case "panic":
		panic("the store panics")
	case "broken":
		return errors.New("the store is broken")
	case "unavailable":
		return fault.Wrap(fault.Unavailable, "The change met too many others; try again", errors.New("the store is busy"))
	}
	return nil
}

// Organization is where reads fail.
func (s *watchedStore) Organization(ctx context.Context, o id.Organization) (org.Organization, error) {
	if err := s.fail(); err != nil {
		return org.Organization{}, err
	}
	return s.Store.Organization(ctx, o)
}

// Update is where changes fail.
func (s *watchedStore) Update(ctx context.Context, f func(org.Tx) error) error {
	return s.Store.Update(ctx, func(tx org.Tx) error {
		if err := f(watchedTx{tx, s}); err != nil {
			return err
		}
		return s.fail()
	})
}

type watchedTx struct {
	org.Tx
	store *watchedStore
}

func (t watchedTx) AppendAudit(ctx context.Context, r *audit.Record) error {
	t.store.watch(r.Log)
	return t.Tx.AppendAudit(ctx, r)
}

func (t watchedTx) AppendAudits(ctx context.Context, records []*audit.Record) error {
	for _, r := range records {
		t.store.watch(r.Log)
	}
	return t.Tx.AppendAudits(ctx, records)
}

func (s *watchedStore) watch(log id.Log) {
	if _, ok := s.logs[log]; !ok {
		s.logs[log] = 0
	}
}

// records returns what was added to the logs since the last call and checks
// that their numbers are dense.
func (s *watchedStore) records(t *testing.T) []audit.Record {
	t.Helper()
	var list []audit.Record
	for _, log := range slices.Sorted(maps.Keys(s.logs)) {
		added, err := s.AuditRecords(t.Context(), log, s.logs[log], 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, rec := range added {
			s.logs[log]++
			if rec.Seq != s.logs[log] {
				t.Errorf("record %d of %s has number %d", s.logs[log], log, rec.Seq)
			}
		}
		list = append(list, added...)
	}
	return list
}
