package storetest

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/id"
)

// The logs of filtersManyAudits: one large, and some beside it.
const (
	manyBeside = manyRecords / 10
	manyLog    = id.Log("many")
)

// many is a list of records in the order of the journal, which is the one that
// they were written in, and of their times.
type many struct {
	*world
	random
	all  []audit.Record
	logs []id.Log
}

// filtersManyAudits compares pages with a filter in memory: each filter and
// its negation, and combinations of them, on a log of manyRecords records and
// on several together. Short results are compared whole, of long
// ones the first pages of random windows.
func filtersManyAudits(w *world) {
	m := &many{world: w, random: random{rand.New(rand.NewPCG(10, 11))}, logs: []id.Log{"beside", manyLog, "other", "third"}}
	left := map[id.Log]int{manyLog: manyRecords, "beside": manyBeside / 2, "other": manyBeside / 4, "third": manyBeside / 4}
	for len(m.all) < manyRecords+manyBeside {
		log := manyLog
		if m.IntN(8) == 0 || left[log] == 0 {
			log = m.logs[m.IntN(len(m.logs))]
		}
		if n := min(left[log], 500+m.IntN(2000)); n > 0 {
			m.all = append(m.all, w.generate(m.random, log, n)...)
			left[log] -= n
			w.journal(log)
		}
	}
	for field := range audit.Fields {
		f := m.filter(field, m.all)
		for _, f.Not = range []bool{false, true} {
			m.check(audit.Query{Since: time.Unix(0, 0), Before: time.Unix(1<<40, 0), Filters: []audit.Filter{f}})
			m.check(m.window(f))
		}
	}
	for range 30 {
		q := m.window()
		for range 1 + m.IntN(3) {
			q.Filters = append(q.Filters, m.filter(audit.Field(m.IntN(int(audit.Fields))), m.all))
		}
		m.check(q)
	}
}

// window returns a query for records between two that there are.
func (m *many) window(filters ...audit.Filter) audit.Query {
	q := audit.Query{Since: m.all[m.IntN(len(m.all))].Time, Before: m.all[m.IntN(len(m.all))].Time, Filters: filters}
	if q.Before.Before(q.Since) {
		q.Since, q.Before = q.Before, q.Since
	}
	return q
}

// check compares the first pages of the large log, and of some logs together.
func (m *many) check(q audit.Query) {
	m.Helper()
	q.Ascending, q.Limit = m.IntN(2) == 0, 1+m.IntN(200)
	m.checkPages(q, []id.Log{manyLog}, func(q audit.Query) (audit.Merged, error) {
		records, more, err := m.store.ListAudit(m.Context(), manyLog, q)
		return audit.Merged{Records: records, More: more}, err
	})
	logs := m.logs[m.IntN(2):]
	m.checkPages(q, logs, func(q audit.Query) (audit.Merged, error) { return m.store.ListAudits(m.Context(), logs, q) })
}

// checkPages compares three pages with what passes the query in memory.
func (m *many) checkPages(q audit.Query, logs []id.Log, list func(audit.Query) (audit.Merged, error)) {
	m.Helper()
	const pages = 3
	want := m.naive(&q, logs, pages*q.Limit+1)
	for page := range pages {
		got, err := list(q)
		if err != nil {
			m.Fatalf("%+v: %v", q, err)
		}
		n := min(q.Limit, len(want))
		if !slices.Equal(spots(got.Records), want[:n]) || got.More != (len(want) > n) {
			m.Errorf("page %d of %v %+v: got %d records, more %t, want %d, more %t", page, logs, q, len(got.Records), got.More, n, len(want) > n)
			return
		}
		if !got.More {
			return
		}
		want = want[n:]
		q.After, q.Tick = got.Records[len(got.Records)-1].Seq, got.Tick
	}
}

// naive returns the first records that pass.
func (m *many) naive(q *audit.Query, logs []id.Log, n int) []spot {
	var out []spot
	for i := range m.all {
		r := &m.all[i]
		if !q.Ascending {
			r = &m.all[len(m.all)-1-i]
		}
		if slices.Contains(logs, r.Log) && q.Matches(r) {
			if out = append(out, spot{r.Log, r.Seq}); len(out) == n {
				break
			}
		}
	}
	return out
}
