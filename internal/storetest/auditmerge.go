package storetest

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
)

func auditMergeCases() []testCase {
	return []testCase{
		{"only what is in the journal is listed", listsJournaled},
		{"records entered together are in the order of their times", mergesByTime},
		{"a large backlog is entered by spans of time", mergesBacklog},
		{"a place is never followed by a record before it", keepsPlaces},
		{"pages of several logs are those of a filter in memory", filtersAudits},
		{"pages of many records are those of a filter in memory", filtersManyAudits},
		{"pages of several logs are whole while they grow", pagesGrowingAudits},
		{"an organization has the paths of its subtree, deleted ones too", findsSubtree},
		{"accounts and resources have the logs that name them", findsLogs},
	}
}

// spot names a record.
type spot struct {
	Log id.Log
	Seq int64
}

func spots(records []audit.Record) []spot {
	list := make([]spot, len(records))
	for i, r := range records {
		list[i] = spot{r.Log, r.Seq}
	}
	return list
}

func (w *world) journal(logs ...id.Log) {
	w.Helper()
	w.update(func(ctx context.Context, tx org.Tx) error { return tx.JournalAudits(ctx, logs, w.now()) })
}

func (w *world) wantBacklog(n int64, logs ...id.Log) {
	w.Helper()
	got, err := w.store.AuditBacklog(w.Context(), logs)
	if err != nil || got != n {
		w.Errorf("the journal lacks %d records of %v, %v, want %d", got, logs, err, n)
	}
}

// walkAudits reads all pages.
func (w *world) walkAudits(logs []id.Log, q audit.Query) []audit.Record {
	w.Helper()
	var all []audit.Record
	for {
		m, err := w.store.ListAudits(w.Context(), logs, q)
		if err != nil {
			w.Fatalf("%+v: %v", q, err)
		}
		all = append(all, m.Records...)
		if !m.More {
			return all
		}
		if len(m.Records) != q.Limit {
			w.Fatalf("%+v: %d records and more", q, len(m.Records))
		}
		q.Tick, q.After = m.Tick, m.Records[len(m.Records)-1].Seq
	}
}

func forwards(limit int) audit.Query {
	q := always()
	q.Ascending, q.Limit = true, limit
	return q
}

func (w *world) wantAudits(logs []id.Log, limit int, list ...spot) {
	w.Helper()
	for _, ascending := range []bool{true, false} {
		q := forwards(limit)
		q.Ascending = ascending
		got := spots(w.walkAudits(logs, q))
		if !slices.Equal(got, list) {
			w.Errorf("of %v, %d at once, forwards %t: got %v, want %v", logs, limit, ascending, got, list)
		}
		list = slices.Clone(list)
		slices.Reverse(list)
	}
}

func listsJournaled(w *world) {
	w.append(w.fullRecord("a"))
	w.wantBacklog(1, "a", "b")
	w.wantAudits([]id.Log{"a", "b"}, 10)
	w.journal("a", "b")
	w.wantBacklog(0, "a", "b")
	w.append(w.fullRecord("b"))
	w.append(w.fullRecord("a"))
	w.wantBacklog(2, "a", "b", "c")
	w.wantBacklog(0)
	w.wantAudits([]id.Log{"a", "b"}, 10, spot{"a", 1})
	w.journal("b", "c")
	w.wantAudits([]id.Log{"a", "b"}, 1, spot{"a", 1}, spot{"b", 1})
	w.journal("a")
	w.wantAudits([]id.Log{"b", "a"}, 1, spot{"a", 1}, spot{"b", 1}, spot{"a", 2})
	w.wantAudits([]id.Log{"a"}, 2, spot{"a", 1}, spot{"a", 2})
	w.wantAudits([]id.Log{"a", "a\x00"}, 2, spot{"a", 1}, spot{"a", 2})
	w.wantAudits(nil, 2)
	m, err := w.store.ListAudits(w.Context(), []id.Log{"a", "b"}, forwards(10))
	if err != nil || len(m.Records) != 3 {
		w.Fatalf("%d records, %v", len(m.Records), err)
	}
	whole, err := w.store.AuditRecord(w.Context(), "a", m.Records[0].ID)
	found(w, "record", whole)(m.Records[0], err)
}

func mergesByTime(w *world) {
	want := make([]spot, 0, 40)
	r := rand.New(rand.NewPCG(1, 1))
	logs := []id.Log{"a", "b", "c", "d"}
	next := make(map[id.Log]int64)
	for range 40 {
		log := logs[r.IntN(4)]
		w.append(w.fullRecord(log))
		next[log]++
		want = append(want, spot{log, next[log]})
	}
	w.journal(logs...)
	for _, limit := range []int{1, 2, 3, 7, 40, 41, 1000} {
		w.wantAudits(logs, limit, want...)
	}
	at := w.now()
	for _, log := range []id.Log{"d", "b", "d", "a"} { // all at once
		rec := w.fullRecord(log)
		rec.Time = at
		w.append(rec)
		next[log]++
	}
	w.journal("a", "b", "d")
	want = append(want, spot{"a", next["a"]}, spot{"b", next["b"]}, spot{"d", next["d"] - 1}, spot{"d", next["d"]})
	w.wantAudits(logs, 5, want...)
}

// mergesBacklog enters more than goes in record by record: order is kept
// within each log, and roughly between them.
func mergesBacklog(w *world) {
	const each = 6000
	logs := []id.Log{"a", "b"}
	start := w.now()
	for i, log := range logs {
		all := make([]*audit.Record, each)
		for j := range all {
			all[j] = &audit.Record{Log: log, ID: id.Record(w.id()), Time: start.Add(time.Duration(2*j+i) * time.Second)}
		}
		w.update(func(ctx context.Context, tx org.Tx) error { return tx.AppendAudits(ctx, all) })
	}
	w.journal(logs...)
	w.wantBacklog(0, logs...)
	got := w.walkAudits(logs, forwards(1000))
	if len(got) != 2*each {
		w.Fatalf("%d records, want %d", len(got), 2*each)
	}
	next := map[id.Log]int64{}
	for i, r := range got {
		if next[r.Log]++; r.Seq != next[r.Log] {
			w.Fatalf("number %d of %s follows %d", r.Seq, r.Log, next[r.Log]-1)
		}
		if i > 0 && got[i-1].Time.Sub(r.Time) > 10*time.Second {
			w.Fatalf("%s follows %s", r.Time, got[i-1].Time)
		}
	}
}

// keepsPlaces enters records whose times are before what was entered already.
func keepsPlaces(w *world) {
	late := w.fullRecord("b")
	w.append(w.fullRecord("a"))
	w.journal("a", "b")
	m, err := w.store.ListAudits(w.Context(), []id.Log{"a", "b"}, forwards(10))
	if err != nil || len(m.Records) != 1 {
		w.Fatalf("%+v, %v", m, err)
	}
	w.append(late)
	w.journal("b")
	q := forwards(10)
	q.Tick, q.After = m.Tick, 1
	want(w, "what follows", spots(w.walkAudits([]id.Log{"a", "b"}, q)), []spot{{"b", 1}})
	future := w.fullRecord("c")
	future.Time = future.Time.Add(time.Hour)
	w.append(future)
	w.journal("c")
	w.append(w.fullRecord("a"))
	w.journal("a")
	w.wantAudits([]id.Log{"a", "b", "c"}, 2, spot{"a", 1}, spot{"b", 1}, spot{"c", 1}, spot{"a", 2})
}

// filtersAudits compares lists of several logs with a filter in memory.
func filtersAudits(w *world) {
	r := random{rand.New(rand.NewPCG(5, 6))}
	var logs []id.Log
	for i := range 12 {
		logs = append(logs, id.Log(fmt.Sprint("log", i)))
	}
	var all []audit.Record
	for len(all) < 3000 {
		for _, log := range logs {
			if n := r.IntN(60); n > 30 {
				all = append(all, w.generate(r, log, n)...)
			}
		}
		w.journal(logs[r.IntN(6):]...)
	}
	w.journal(logs...)
	order := w.walkAudits(logs, forwards(1000))
	if len(order) != len(all) {
		w.Fatalf("%d records, want %d", len(order), len(all))
	}
	for field := range audit.Fields {
		f := r.filter(field, all)
		for _, f.Not = range []bool{false, true} {
			q := always()
			q.Filters = []audit.Filter{f}
			w.compareAudits(logs, q, order)
		}
	}
	for range 100 {
		q := audit.Query{
			Since: all[r.IntN(len(all))].Time, Before: all[r.IntN(len(all))].Time,
			Ascending: r.IntN(2) == 0, Limit: 1 + r.IntN(1+r.IntN(400)),
		}
		if q.Before.Before(q.Since) && r.IntN(10) > 0 {
			q.Since, q.Before = q.Before, q.Since
		}
		for range r.IntN(4) {
			q.Filters = append(q.Filters, r.filter(audit.Field(r.IntN(int(audit.Fields))), all))
		}
		some := slices.Clone(logs)
		r.Shuffle(len(some), func(i, j int) { some[i], some[j] = some[j], some[i] })
		w.compareAudits(some[:1+r.IntN(len(some))], q, order)
	}
}

func (w *world) compareAudits(logs []id.Log, q audit.Query, order []audit.Record) {
	w.Helper()
	var want []audit.Record
	for i := range order {
		if slices.Contains(logs, order[i].Log) && q.Matches(&order[i]) {
			want = append(want, order[i])
		}
	}
	if !q.Ascending {
		slices.Reverse(want)
	}
	if got := w.walkAudits(logs, q); !slices.Equal(spots(got), spots(want)) {
		w.Errorf("%v %+v: got %d records, want %d", logs, q, len(got), len(want))
	}
}

// pagesGrowingAudits follows several logs in pages of all sizes, forwards and
// backwards, while four writers append to them and change their minds.
func pagesGrowingAudits(w *world) {
	const writers, each = 4, 60
	logs := []id.Log{"a", "b", "c", "d", "e"}
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			for j := range each {
				both := []id.Log{logs[i], logs[(i+j)%5]}
				slices.Sort(both) // as everybody takes them, or some would wait for each other
				w.appendBoth(both, j%5 == i)
			}
		})
	}
	var readers sync.WaitGroup
	for i := range 3 {
		readers.Go(func() { w.followAudits(logs, rand.New(rand.NewPCG(7, uint64(i))), writers*(each-each/5)) })
	}
	wg.Wait()
	readers.Wait()
}

// followAudits reads on until it has all records that writers leave: two of
// each change, or one when both logs are the same.
func (w *world) followAudits(logs []id.Log, r *rand.Rand, changes int) {
	seen := make(map[id.Log]int64)
	q := forwards(1)
	total := func() int64 {
		n := int64(0)
		for _, seq := range seen {
			n += seq
		}
		return n
	}
	for deadline := 0; !w.Failed(); deadline++ {
		if err := w.store.Update(w.Context(), func(tx org.Tx) error { return tx.JournalAudits(w.Context(), logs, w.now()) }); err != nil {
			w.Error(err)
			return
		}
		q.Limit = 1 + r.IntN(20)
		m, err := w.store.ListAudits(w.Context(), logs, q)
		if err != nil {
			w.Error(err)
			return
		}
		for _, rec := range m.Records {
			if seen[rec.Log]++; rec.Seq != seen[rec.Log] {
				w.Errorf("number %d of %s follows %d", rec.Seq, rec.Log, seen[rec.Log]-1)
				return
			}
			q.Tick, q.After = m.Tick, rec.Seq
		}
		if deadline%10 == 0 {
			w.walkAuditsBack(logs, 1+r.IntN(50))
		}
		if !m.More && total() >= int64(changes) && w.settled(logs, total()) {
			return
		}
	}
}

// settled reports whether the logs have n records.
func (w *world) settled(logs []id.Log, n int64) bool {
	var all int64
	for _, log := range logs {
		records, err := w.store.AuditRecords(w.Context(), log, 0, 1000)
		if err != nil {
			w.Error(err)
		}
		all += int64(len(records))
	}
	return all == n
}

// walkAuditsBack reads all pages from the newest to the first.
func (w *world) walkAuditsBack(logs []id.Log, limit int) {
	q := always()
	q.Limit = limit
	last := make(map[id.Log]int64)
	for _, rec := range w.walkAudits(logs, q) {
		if last[rec.Log] != 0 && rec.Seq != last[rec.Log]-1 {
			w.Errorf("going back, number %d of %s follows %d", rec.Seq, rec.Log, last[rec.Log])
		}
		last[rec.Log] = rec.Seq
	}
	for log, seq := range last {
		if seq != 1 {
			w.Errorf("going back in %s ended before number %d", log, seq)
		}
	}
}

func findsSubtree(w *world) {
	root, other := w.root("root"), w.root("other")
	mid := w.below(root, "mid")
	leaf, gone := w.below(mid, "leaf"), w.below(mid, "gone")
	deeper := w.below(gone, "deeper")
	early := w.now()
	w.delete(deeper)
	w.delete(gone)
	late := w.now()
	paths := func(o org.Organization, since time.Time) [][]id.Organization {
		got, err := w.store.SubtreePaths(w.Context(), o.ID, since)
		if err != nil {
			w.Error(err)
		}
		slices.SortFunc(got, func(a, b []id.Organization) int { return cmp.Compare(a[len(a)-1], b[len(b)-1]) })
		return got
	}
	want(w, "all", paths(root, early), [][]id.Organization{root.Path, mid.Path, leaf.Path, gone.Path, deeper.Path})
	want(w, "live", paths(root, late), [][]id.Organization{root.Path, mid.Path, leaf.Path})
	want(w, "part", paths(leaf, early), [][]id.Organization{leaf.Path})
	w.move(mid, other)
	at := []id.Organization{other.ID, mid.ID}
	want(w, "moved", paths(mid, early), [][]id.Organization{at, append(at[:2:2], leaf.ID), append(at[:2:2], gone.ID), append(at[:2:2], gone.ID, deeper.ID)})
	want(w, "left", paths(root, early), [][]id.Organization{root.Path})
	want(w, "none", len(paths(org.Organization{ID: "nothing"}, early)), 0)
}

func findsLogs(w *world) {
	for i, log := range []id.Log{"a", "b", "a", "c", "b"} {
		r := w.fullRecord(log)
		r.Account, r.Resource.ID = id.Account(fmt.Sprint("account", i%2)), fmt.Sprint("resource", i%3)
		if i == 3 {
			r.Account, r.Resource.ID = "", ""
		}
		w.append(r)
	}
	for _, c := range []struct {
		account  id.Account
		resource string
		want     []id.Log
	}{
		{account: "account0", want: []id.Log{"a", "b"}},
		{account: "account1", want: []id.Log{"b"}},
		{account: "account"},
		{},
		{account: "a\x00"},
		{resource: "resource0", want: []id.Log{"a"}},
		{resource: "resource1", want: []id.Log{"b"}},
		{resource: "resource2", want: []id.Log{"a"}},
	} {
		got, err := w.store.AccountLogs(w.Context(), c.account)
		if c.account == "" {
			got, err = w.store.ResourceLogs(w.Context(), c.resource)
		}
		if err != nil || !slices.Equal(got, c.want) {
			w.Errorf("%+v: got %v, %v", c, got, err)
		}
	}
}
