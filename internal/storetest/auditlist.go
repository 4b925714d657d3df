package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
)

func auditListCases() []testCase {
	return []testCase{
		{"a window begins with since and ends before before", listsWindow},
		{"pages give each record once, in both directions", pagesAudit},
		{"a list has the records of its log only", listsOneLog},
		{"every filter and its negation is what a naive filter gives", filtersAudit},
		{"values that no record can have match none", filtersOddValues},
		{"pages give each record once while others write", pagesGrowingAudit},
		{"a record is found by its log and identifier", findsRecord},
	}
}

// always is a window that has everything.
func always() audit.Query {
	return audit.Query{Since: time.Unix(0, 0), Before: time.Unix(1<<40, 0), Limit: 1000}
}

func seqs(records []audit.Record) []int64 {
	list := []int64{}
	for i := range records {
		list = append(list, records[i].Seq)
	}
	return list
}

// wantAudit compares a page of log.
func (w *world) wantAudit(log id.Log, q audit.Query, more bool, want ...int64) {
	w.Helper()
	got, gotMore, err := w.store.ListAudit(w.Context(), log, q)
	if err != nil || gotMore != more || !slices.Equal(seqs(got), want) {
		w.Errorf("%s %+v: got %v, more %t, %v, want %v, more %t", log, q, seqs(got), gotMore, err, want, more)
	}
}

func listsWindow(w *world) {
	at := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	for _, offset := range []time.Duration{0, 0, time.Microsecond, time.Second, time.Second, time.Hour} {
		r := w.fullRecord("a")
		r.Time = at.Add(offset)
		w.append(r)
	}
	for _, c := range []struct {
		since, before time.Duration
		want          []int64
	}{
		{0, time.Microsecond, []int64{1, 2}},
		{0, 1, []int64{1, 2}},
		{1, time.Second, []int64{3}},
		{-time.Hour, 0, nil},
		{0, 0, nil},
		{time.Second, 0, nil},
		{time.Microsecond, time.Second, []int64{3}},
		{time.Microsecond, time.Second + 1, []int64{3, 4, 5}},
		{2 * time.Microsecond, time.Minute, []int64{4, 5}},
		{-time.Hour, 2 * time.Hour, []int64{1, 2, 3, 4, 5, 6}},
		{time.Hour, 2 * time.Hour, []int64{6}},
		{time.Hour + 1, 2 * time.Hour, nil},
	} {
		q := audit.Query{Since: at.Add(c.since), Before: at.Add(c.before), Limit: 10, Ascending: true}
		w.wantAudit("a", q, false, c.want...)
		first, last, err := w.store.AuditRange(w.Context(), "a", q.Since, q.Before)
		var numbers []int64
		for seq := first; seq <= last; seq++ {
			numbers = append(numbers, seq)
		}
		if err != nil || !slices.Equal(numbers, c.want) {
			w.Errorf("range from %s before %s: %d to %d, %v, want %v", q.Since, q.Before, first, last, err, c.want)
		}
		q.Ascending = false
		slices.Reverse(c.want)
		w.wantAudit("a", q, false, c.want...)
	}
	w.wantAudit("nothing", always(), false)
}

func pagesAudit(w *world) {
	for range 5 {
		w.append(w.fullRecord("a"))
	}
	q := always()
	q.Limit = 2
	w.wantAudit("a", q, true, 5, 4)
	q.After = 4
	w.wantAudit("a", q, true, 3, 2)
	q.After = 2
	w.wantAudit("a", q, false, 1)
	q.After = 1
	w.wantAudit("a", q, false)
	q.Ascending = true
	w.wantAudit("a", q, true, 2, 3)
	q.After = 3
	w.wantAudit("a", q, false, 4, 5)
	q.After = 5
	w.wantAudit("a", q, false)
	q.After = 1 << 62
	w.wantAudit("a", q, false)
	whole := always()
	whole.Limit = 5
	w.wantAudit("a", whole, false, 5, 4, 3, 2, 1)
}

func listsOneLog(w *world) {
	for _, log := range []id.Log{"a", "b", "a", "c", "b"} {
		w.append(w.fullRecord(log))
	}
	w.wantAudit("a", always(), false, 2, 1)
	w.wantAudit("b", always(), false, 2, 1)
	w.wantAudit("c", always(), false, 1)
	r := w.append(w.fullRecord("d"))
	got, _, err := w.store.ListAudit(w.Context(), "d", always())
	found(w, "records", []audit.Record{r})(got, err)
}

// generated is how many records filters are compared on.
const generated = 5000

// random makes records that have few values in every field, so that filters
// find some, and pairs of filters too.
type random struct{ *rand.Rand }

func (r random) of(list ...string) string { return list[r.IntN(len(list))] }

// rare returns mostly the first, and seldom one of many.
func (r random) rare(common, seldom string) string {
	if r.IntN(20) > 0 {
		return common
	}
	return fmt.Sprint(seldom, r.IntN(50))
}

func (r random) record(w *world, log id.Log) audit.Record {
	rec := audit.Record{
		Log: log, ID: id.Record(w.id()), Time: w.now(), Result: audit.Result(r.of("success", "failure")),
		Action: audit.Action{Type: audit.Type(r.of("create", "delete", "view", "update"))},
		Actor: audit.Actor{
			ID: id.User(r.rare("user", "u")), Type: audit.ActorType(r.of("user", "system")), Context: auth.Context(r.of("api_key", "api_token", "system")),
			Email: r.rare("ada@example.com", "Zoë"), IP: r.of("192.0.2.1", "2001:db8::1", ""), TokenID: id.Token(r.rare("", "token")), TokenName: r.of("", "a,b", "c"),
		},
		Raw: audit.Raw{
			RayID: r.rare("ray", "ray"), Method: r.of("GET", "POST", "PUT"), URI: r.of("/a?b=c,d", "/", "/é"), Status: []int{200, 204, 403, 404}[r.IntN(4)],
		},
		Resource: audit.Resource{
			ID: r.rare("resource", "r"), Type: r.of("thing", "other thing"), Product: r.of("things", ""), Scope: audit.Scope(r.of("organizations", "accounts")),
		},
	}
	rec.Account = id.Account(r.rare("", "account"))
	rec.Action.Resource, rec.Action.Product = rec.Resource.Type, rec.Resource.Product
	return rec
}

// filter returns one on a field, with values that records have and some that
// none has.
func (r random) filter(field audit.Field, all []audit.Record) audit.Filter {
	f := audit.Filter{Field: field, Not: r.IntN(2) == 0}
	for range 1 + r.IntN(14) {
		f.Values = append(f.Values, field.Of(&all[r.IntN(len(all))]))
		if r.IntN(3) == 0 {
			break
		}
	}
	if r.IntN(5) == 0 {
		f.Values = append(f.Values, r.of("nothing", "ADA@example.com", "0", "%", "a"))
	}
	return f
}

// filtersAudit compares lists with a filter in memory: each filter and its
// negation, and combinations of them, in windows and pages of all sizes.
func filtersAudit(w *world) {
	r := random{rand.New(rand.NewPCG(1, 2))}
	all := w.generate(r, "a", generated)
	w.generate(r, "b", 100)
	for field := range audit.Fields {
		f := r.filter(field, all)
		for _, f.Not = range []bool{false, true} {
			q := always()
			q.Filters = []audit.Filter{f}
			w.compareAudit(q, all)
		}
	}
	for range 60 {
		q := audit.Query{
			Since: all[r.IntN(len(all))].Time, Before: all[r.IntN(len(all))].Time,
			Ascending: r.IntN(2) == 0, Limit: 1 + r.IntN(400),
		}
		if q.Before.Before(q.Since) && r.IntN(10) > 0 {
			q.Since, q.Before = q.Before, q.Since
		}
		for range r.IntN(5) {
			q.Filters = append(q.Filters, r.filter(audit.Field(r.IntN(int(audit.Fields))), all))
		}
		w.compareAudit(q, all)
	}
}

// generate appends n records to a log in a few transactions.
func (w *world) generate(r random, log id.Log, n int) []audit.Record {
	w.Helper()
	all := make([]audit.Record, n)
	for batch := range slices.Chunk(all, 1000) {
		records := make([]*audit.Record, len(batch))
		for i := range batch {
			batch[i] = r.record(w, log)
			records[i] = &batch[i]
		}
		w.update(func(ctx context.Context, tx org.Tx) error { return tx.AppendAudits(ctx, records) })
	}
	return all
}

// compareAudit walks all pages of a query and compares them with what passes
// it in memory.
func (w *world) compareAudit(q audit.Query, all []audit.Record) {
	w.Helper()
	want := []int64{}
	for i := range all {
		if q.Matches(&all[i]) {
			want = append(want, all[i].Seq)
		}
	}
	if !q.Ascending {
		slices.Reverse(want)
	}
	got := []int64{}
	for page := q; ; {
		records, more, err := w.store.ListAudit(w.Context(), "a", page)
		if err != nil {
			w.Fatalf("%+v: %v", page, err)
		}
		got = append(got, seqs(records)...)
		if !more {
			break
		}
		if len(records) != q.Limit {
			w.Fatalf("%+v: %d records and more", page, len(records))
		}
		page.After = got[len(got)-1]
	}
	if !slices.Equal(got, want) {
		w.Errorf("%+v: got %d records, want %d:\n%v\n%v", q, len(got), len(want), got, want)
	}
}

func filtersOddValues(w *world) {
	w.append(w.fullRecord("a"))
	for _, f := range []audit.Filter{
		{Field: audit.FieldRawStatus, Values: []string{"x"}},
		{Field: audit.FieldRawStatus, Values: []string{"0403"}},
		{Field: audit.FieldRawStatus, Values: []string{"99999999999999999999"}},
		{Field: audit.FieldRawURI, Values: []string{"a\x00b"}},
		{Field: audit.FieldRawURI, Values: []string{"\xff"}},
		{Field: audit.FieldActorEmail, Values: []string{"zoë@example.com"}},
		{Field: audit.FieldActorEmail, Values: strings.Fields(strings.Repeat("nobody a b c d e f g h i j k l ", 20))},
	} {
		q := always()
		q.Filters = []audit.Filter{f}
		w.wantAudit("a", q, false)
		q.Filters[0].Not = true
		w.wantAudit("a", q, false, 1)
	}
}

// pagesGrowingAudit walks a log in both directions while four writers append
// to it and some of them change their minds.
func pagesGrowingAudit(w *world) {
	const writers, each = 4, 40
	for range 50 {
		w.append(w.fullRecord("a"))
	}
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			for j := range each {
				w.appendBoth([]id.Log{"a", id.Log(fmt.Sprint("other", i))}, j%5 == i)
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	const total = 50 + writers*(each-each/5)
	r := rand.New(rand.NewPCG(3, 4))
	for last := int64(0); last < total && !w.Failed(); {
		last = w.walkGrowing(last, 1+r.IntN(9))
		w.walkBack(1 + r.IntN(30))
	}
	<-done
	q := always()
	got, more, err := w.store.ListAudit(w.Context(), "a", q)
	if err != nil || more || len(got) != total {
		w.Errorf("in the end: %d records, more %t, %v, want %d", len(got), more, err, total)
	}
}

// walkGrowing reads on from the number last: every number comes, in order.
func (w *world) walkGrowing(last int64, limit int) int64 {
	q := always()
	q.Ascending, q.After, q.Limit = true, last, limit
	got, _, err := w.store.ListAudit(w.Context(), "a", q)
	if err != nil {
		w.Fatal(err)
	}
	for _, s := range seqs(got) {
		if last++; s != last {
			w.Fatalf("number %d follows %d", s, last-1)
		}
	}
	return last
}

// walkBack reads all pages from the newest to the first.
func (w *world) walkBack(limit int) {
	q := always()
	q.Limit = limit
	expect := int64(0)
	for more := true; more; {
		var got []audit.Record
		var err error
		if got, more, err = w.store.ListAudit(w.Context(), "a", q); err != nil {
			w.Fatal(err)
		}
		for _, s := range seqs(got) {
			if expect != 0 && s != expect {
				w.Fatalf("going back, number %d follows %d", s, expect+1)
			}
			expect, q.After = s-1, s
		}
	}
	if expect != 0 {
		w.Fatalf("going back ended before number %d", expect)
	}
}

func findsRecord(w *world) {
	r := w.append(w.fullRecord("a"))
	found(w, "record", r)(w.store.AuditRecord(w.Context(), "a", r.ID))
	absent[audit.Record](w, "record in another log")(w.store.AuditRecord(w.Context(), "b", r.ID))
	absent[audit.Record](w, "record that is not there")(w.store.AuditRecord(w.Context(), "a", "other"))
	later := w.append(w.fullRecord("a"))
	found(w, "records", []audit.Record{r, later})(w.store.AuditRecordsByID(w.Context(), "a", []id.Record{later.ID, "other", r.ID, later.ID}))
	found(w, "records in another log", []audit.Record(nil))(w.store.AuditRecordsByID(w.Context(), "b", []id.Record{later.ID, r.ID}))
	twice := w.fullRecord("a")
	twice.ID = r.ID
	err := w.store.Update(w.Context(), func(tx org.Tx) error { return tx.AppendAudit(w.Context(), &twice) })
	if err == nil || errors.Is(err, fault.New(fault.NotFound, "")) {
		w.Errorf("the same identifier twice in a log: %v", err)
	}
}
