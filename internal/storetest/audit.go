package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
)

func auditCases() []testCase {
	return []testCase{
		{"a record is read back so that its canonical form is the same", readsRecord},
		{"records without personal data are read back whole", readsBareRecord},
		{"each log counts from one", logsCount},
		{"a number that was rolled back is taken again", logRollsBack},
		{"times of a log never go back", keepsTime},
		{"many records are appended at once", appendsMany},
		{"records of two logs are not appended at once", refusesTwoLogs},
		{"records are read in order, from any place", readsLog},
		{"numbers are dense under concurrency", logsAreDense},
		{"a reader who follows a log misses nothing", followsLog},
		{"text that would change the leaf is refused", refusesRecordText},
	}
}

// fullRecord has every field set.
func (w *world) fullRecord(log id.Log) audit.Record {
	return audit.Record{
		Log: log, ID: id.Record(w.id()), Time: w.now(), Account: "account", Action: audit.MemberInvite, Result: audit.Failure,
		Source: "other system", SourceID: "its own: é", Occurred: w.now().Add(-time.Hour),
		Actor: audit.Actor{
			ID: w.admin.ID, Type: audit.ActorUser, Context: auth.ContextAPIToken, Email: "Zoë@example.com", IP: "2001:db8::1",
			TokenID: "token", TokenName: "the \"token\"\n", Salt: []byte("0123456789abcdef"), Subject: "somebody",
		},
		Raw: audit.Raw{RayID: "0123456789abcdef-ORG", Method: "POST", URI: "/a?b=%20\u2028<&>", UserAgent: "agent/1 \u00e9", Status: 403},
		Resource: audit.Resource{
			ID: "resource", Type: audit.MemberInvite.Resource, Product: audit.MemberInvite.Product, Scope: audit.ScopeOrganizations,
			Request: []byte(`{"a":1.0,"b":{"$personal":0}}`), Response: []byte(`[]`), Before: []byte(`{"é":"\u0000"}`), After: []byte(`{}`),
		},
		Personal: []audit.Personal{
			{Subject: w.admin.ID, Salt: []byte("fedcba9876543210"), Value: "x@example.com"},
			{Subject: w.admin.ID, Salt: []byte("fedcba9876543210"), Value: "\u0000\u2028<>"},
			{Salt: []byte("0000000000000000"), Value: "é"},
			{Subject: "erased", Commitment: "commitment"},
		},
	}
}

// append writes r and returns it with the place that it was given.
func (w *world) append(r audit.Record) audit.Record {
	w.Helper()
	w.update(func(ctx context.Context, tx org.Tx) error { return tx.AppendAudit(ctx, &r) })
	all, err := w.store.AuditRecords(w.Context(), r.Log, 0, 1000)
	if err != nil || len(all) == 0 {
		w.Fatalf("the log has %d records, %v", len(all), err)
	}
	last := all[len(all)-1]
	r.Seq, r.Time = last.Seq, last.Time
	return r
}

func readsRecord(w *world) {
	r := w.append(w.fullRecord("log"))
	got, err := w.store.AuditRecords(w.Context(), "log", 0, 10)
	found(w, "record", []audit.Record{r})(got, err)
	if len(got) == 1 && !bytes.Equal(audit.Canonical(&got[0]), audit.Canonical(&r)) {
		w.Errorf("the canonical form became %s", audit.Canonical(&got[0]))
	}
}

func readsBareRecord(w *world) {
	bare := audit.Record{Log: "log", Time: w.now(), Result: audit.Failure}
	bare.Actor.Commitments = audit.Commitments{IP: "what is left"}
	r := w.append(bare)
	got, err := w.store.AuditRecords(w.Context(), "log", 0, 10)
	found(w, "record", []audit.Record{r})(got, err)
}

func (w *world) wantLog(log id.Log, after int64, limit int, seqs ...int64) {
	w.Helper()
	got, err := w.store.AuditRecords(w.Context(), log, after, limit)
	if err != nil {
		w.Error(err)
	}
	var list []int64
	for _, r := range got {
		list = append(list, r.Seq)
	}
	want(w, "numbers of "+string(log), list, seqs)
}

func logsCount(w *world) {
	for i := range 3 {
		for _, log := range []id.Log{"a", "b"} {
			want(w, string(log), w.append(w.fullRecord(log)).Seq, int64(i+1))
		}
	}
	w.update(func(ctx context.Context, tx org.Tx) error {
		for range 3 {
			r := w.fullRecord("a")
			if err := tx.AppendAudit(ctx, &r); err != nil {
				return err
			}
		}
		return nil
	})
	w.wantLog("a", 0, 10, 1, 2, 3, 4, 5, 6)
}

func logRollsBack(w *world) {
	w.append(w.fullRecord("a"))
	boom := errors.New("boom")
	err := w.store.Update(w.Context(), func(tx org.Tx) error {
		r := w.fullRecord("a")
		r.Time = r.Time.Add(time.Hour)
		if err := tx.AppendAudits(w.Context(), []*audit.Record{&r}); err != nil || r.Seq != 2 {
			w.Errorf("got %d, %v", r.Seq, err)
		}
		return boom
	})
	if !errors.Is(err, boom) {
		w.Error(err)
	}
	again := w.fullRecord("a")
	got := w.append(again)
	want(w, "number after the rollback", got.Seq, 2)
	want(w, "time after the rollback", got.Time, again.Time)
}

// keepsTime hands in times of clocks that differ.
func keepsTime(w *world) {
	first := w.append(w.fullRecord("a"))
	for _, c := range []struct{ at, want time.Time }{
		{first.Time.Add(-time.Hour), first.Time},
		{first.Time, first.Time},
		{first.Time.Add(time.Hour), first.Time.Add(time.Hour)},
		{first.Time.Add(time.Minute), first.Time.Add(time.Hour)},
	} {
		r := w.fullRecord("a")
		r.Time = c.at
		want(w, "recorded time", w.append(r).Time, c.want)
	}
	other := w.fullRecord("b")
	want(w, "time in another log", w.append(other).Time, other.Time)
}

// appendsMany hands in times of clocks that differ, with single records
// before, between and behind, also within the same transaction.
func appendsMany(w *world) {
	w.update(func(ctx context.Context, tx org.Tx) error { return tx.AppendAudits(ctx, nil) })
	var kept []audit.Record
	start := w.fullRecord("a").Time
	many := func(after ...int) []*audit.Record {
		var list []*audit.Record
		for _, seconds := range after {
			r := w.fullRecord("a")
			r.Time = start.Add(time.Duration(seconds) * time.Second)
			list = append(list, &r)
		}
		return list
	}
	place := func(list []*audit.Record, seq int64, after ...int) {
		for i, r := range list {
			want(w, "number", r.Seq, seq+int64(i))
			want(w, "time", r.Time, start.Add(time.Duration(after[i])*time.Second))
			kept = append(kept, *r)
		}
	}
	w.update(func(ctx context.Context, tx org.Tx) error {
		kept = nil
		first, single, second := many(1, 0, 3), many(2)[0], many(0, 4, 1)
		if err := tx.AppendAudits(ctx, first); err != nil {
			return err
		}
		place(first, 1, 1, 1, 3)
		if err := tx.AppendAudit(ctx, single); err != nil {
			return err
		}
		single.Seq, single.Time = 4, first[2].Time
		kept = append(kept, *single)
		if err := tx.AppendAudits(ctx, second); err != nil {
			return err
		}
		place(second, 5, 3, 4, 4)
		return nil
	})
	last := w.append(*many(0)[0])
	kept = append(kept, last)
	want(w, "last time", last.Time, start.Add(4*time.Second))
	found(w, "records", kept)(w.store.AuditRecords(w.Context(), "a", 0, 100))
}

func refusesTwoLogs(w *world) {
	err := w.store.Update(w.Context(), func(tx org.Tx) error {
		return tx.AppendAudits(w.Context(), []*audit.Record{new(w.fullRecord("a")), new(w.fullRecord("b"))})
	})
	if err == nil {
		w.Error("records of two logs were appended at once")
	}
	w.wantLog("a", 0, 10)
}

func readsLog(w *world) {
	for range 5 {
		w.append(w.fullRecord("a"))
	}
	w.wantLog("a", 0, 2, 1, 2)
	w.wantLog("a", 2, 2, 3, 4)
	w.wantLog("a", 4, 2, 5)
	w.wantLog("a", 5, 2)
	w.wantLog("nothing", 0, 2)
}

func logsAreDense(w *world) {
	logs := []id.Log{"a", "b", "c"}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 4 {
				both := []id.Log{logs[(i+j)%3], logs[(i+j+1)%3]}
				slices.Sort(both)
				w.appendBoth(both, j == 2)
			}
		})
	}
	wg.Wait()
	n := int64(0)
	for _, log := range logs {
		all, err := w.store.AuditRecords(w.Context(), log, 0, 1000)
		if err != nil {
			w.Error(err)
		}
		for i, r := range all {
			want(w, fmt.Sprint("number in ", log), r.Seq, int64(i+1))
		}
		n += int64(len(all))
	}
	want(w, "records", n, 8*3*2)
}

// appendBoth writes to two logs in one transaction, or rolls it back.
func (w *world) appendBoth(logs []id.Log, back bool) {
	boom := errors.New("boom")
	err := w.store.Update(w.Context(), func(tx org.Tx) error {
		for _, log := range logs {
			r := w.fullRecord(log)
			if err := tx.AppendAudit(w.Context(), &r); err != nil {
				return err
			}
		}
		if back {
			return boom
		}
		return nil
	})
	if back && errors.Is(err, boom) {
		return
	}
	if err != nil {
		w.Error(err)
	}
}

// followsLog reads a log while others write to it: whoever has seen a number
// never sees a smaller one appear behind it.
func followsLog(w *world) {
	const writers, each = 4, 5
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range each {
				w.appendBoth([]id.Log{"a"}, false)
			}
		})
	}
	for last := int64(0); last < writers*each && !w.Failed(); {
		next, err := w.store.AuditRecords(w.Context(), "a", last, 3)
		if err != nil {
			w.Fatal(err)
		}
		for _, r := range next {
			if last++; r.Seq != last {
				w.Fatalf("number %d follows %d", r.Seq, last-1)
			}
		}
	}
	wg.Wait()
}

func refusesRecordText(w *world) {
	for _, spoil := range []func(*audit.Record){
		func(r *audit.Record) { r.Raw.URI = "\xff" },
		func(r *audit.Record) { r.Raw.UserAgent = "a\x00b" },
		func(r *audit.Record) { r.Resource.Request = []byte("\xff") },
		func(r *audit.Record) { r.Personal[0].Value = "\xff" },
	} {
		r := w.fullRecord("a")
		spoil(&r)
		w.refused(fault.Invalid, func(ctx context.Context, tx org.Tx) error { return tx.AppendAudit(ctx, &r) })
		w.refused(fault.Invalid, func(ctx context.Context, tx org.Tx) error {
			return tx.AppendAudits(ctx, []*audit.Record{new(w.fullRecord("a")), &r})
		})
	}
	w.wantLog("a", 0, 10)
}
