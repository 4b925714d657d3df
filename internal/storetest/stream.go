package storetest

import (
	"context"
	"fmt"
	"time"

	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/page"
)

func streamCases() []testCase {
	return []testCase{
		{"a stream is read back as it was written", readsStream},
		{"a stream is its log's only", streamAbsent},
		{"pages walk the streams of a log once", streamPages},
		{"an update leaves alone how far a stream has come", updatesStream},
		{"another version voids what is under way", voidsDelivery},
		{"a replay sets how far a stream has come", replaysStream},
		{"a deleted stream is gone", deletesStream},
		{"due is what has records, is not paused, held or waiting", dueStreams},
		{"those that have been due for longest come first", dueInOrder},
		{"a lease is given to one", leasesStream},
		{"only the holder settles", settlesStream},
		{"the first undelivered record is that of the slowest stream", firstUndelivered},
		{"streams are counted by state, with what waits for them", countsStreams},
	}
}

const streamLog = id.Log("log of streams")

// stream makes a stream of a log that is due at once.
func (w *world) stream(log id.Log, change func(*org.Stream)) org.Stream {
	w.Helper()
	at := w.now()
	st := org.Stream{
		ID: id.Stream(w.id()), Log: log, Name: "stream", Created: at, Updated: at, Version: 1,
		Target: org.StreamTarget{Type: org.StreamWebhook, Webhook: org.WebhookTarget{URL: "https://example.com/", Format: org.FormatJSON}},
	}
	if change != nil {
		change(&st)
	}
	w.update(func(ctx context.Context, tx org.Tx) error { return tx.InsertStream(ctx, st) })
	return st
}

// records appends n records to a log.
func (w *world) records(log id.Log, n int) (first time.Time) {
	w.Helper()
	for i := range n {
		r := w.append(w.fullRecord(log))
		if i == 0 {
			first = r.Time
		}
	}
	return first
}

func fullStream(st *org.Stream) {
	at := st.Created
	st.Name, st.Paused, st.PauseReason, st.Version = "Zoë's stream", true, "because", 7
	st.Target = org.StreamTarget{
		Type:   org.StreamS3,
		S3:     org.S3Target{Endpoint: "https://s3.example.com", Region: "r", Bucket: "b", Prefix: "é/", AccessKeyID: "key", PathStyle: true},
		Syslog: org.SyslogTarget{Address: "a:1", CACertificate: "-----"},
	}
	st.Secret, st.OldSecret, st.OldSecretEnd = []byte{0, 1, 255}, []byte{2}, at.Add(time.Hour)
	st.Delivery = org.Delivery{
		Delivered: 4, Batch: 5, Expired: 6, Failures: 7, NextAttempt: at.Add(1), LastSuccess: at.Add(2), LastFailure: at.Add(3), LastError: "why",
	}
	d := &st.Delivery
	for i, t := range []*time.Time{&d.NextAttempt, &d.LastSuccess, &d.LastFailure} {
		*t = at.Add(time.Duration(i) * time.Minute)
	}
}

// wantStream compares what the store knows of a stream.
func (w *world) wantStream(what string, st org.Stream) {
	w.Helper()
	found(w, what, st)(w.store.Stream(w.Context(), st.Log, st.ID))
}

func readsStream(w *world) {
	plain, full := w.stream(streamLog, nil), w.stream(streamLog, fullStream)
	w.wantStream("plain", plain)
	w.wantStream("full", full)
	first := w.records(streamLog, 6)
	plain.Delivery.Head, plain.Delivery.Oldest = 6, first
	w.wantStream("with records", plain)
	full.Delivery.Head = 6
	records, err := w.store.AuditRecords(w.Context(), streamLog, 4, 1)
	if err != nil || len(records) != 1 {
		w.Fatal(records, err)
	}
	full.Delivery.Oldest = records[0].Time
	w.wantStream("partly delivered", full)
	head, err := w.store.LogHead(w.Context(), streamLog)
	found(w, "head", int64(6))(head, err)
	head, err = w.store.LogHead(w.Context(), "nothing")
	found(w, "no head", int64(0))(head, err)
}

func streamAbsent(w *world) {
	st := w.stream(streamLog, nil)
	absent[org.Stream](w, "in another log")(w.store.Stream(w.Context(), "other", st.ID))
	absent[org.Stream](w, "unknown")(w.store.Stream(w.Context(), streamLog, "nothing"))
}

func streamPages(w *world) {
	var all []org.Stream
	for range 5 {
		all = append(all, w.stream(streamLog, nil))
		w.stream("other", nil)
	}
	for size := 1; size <= 6; size++ {
		var walked []org.Stream
		for r := (page.Request{Size: size}); ; {
			p, err := w.store.ListStreams(w.Context(), streamLog, r)
			if err != nil {
				w.Fatal(err)
			}
			want(w, "total", p.Total, int64(len(all)))
			walked = append(walked, p.Items...)
			if p.Next == nil {
				break
			}
			r.After = p.Next
		}
		want(w, fmt.Sprint("pages of ", size), walked, all)
	}
}

func updatesStream(w *world) {
	st := w.stream(streamLog, func(st *org.Stream) { fullStream(st); st.Paused = false })
	w.records(streamLog, 5)
	st.Delivery.Head = 5
	w.lease(st, "a", true)
	changed := st
	changed.Name, changed.Updated = "other", w.now()
	changed.Target.S3.Bucket, changed.Secret, changed.OldSecret, changed.OldSecretEnd = "c", nil, []byte("old"), w.now()
	changed.PauseReason = ""
	written := changed
	written.Delivery = org.Delivery{Delivered: 99, Batch: 99, Expired: 99}
	w.update(func(ctx context.Context, tx org.Tx) error { return tx.UpdateStream(ctx, written) })
	got, err := w.store.Stream(w.Context(), st.Log, st.ID)
	changed.Delivery.Oldest = got.Delivery.Oldest
	found(w, "updated", changed)(got, err)
	w.settle(changed, "a", true) // the lease is still there
}

func voidsDelivery(w *world) {
	st := w.stream(streamLog, func(st *org.Stream) { st.Delivery.Failures = 3 })
	w.records(streamLog, 2)
	st.Delivery.Batch = 2
	w.lease(st, "a", true)
	changed := st
	changed.Version++
	w.update(func(ctx context.Context, tx org.Tx) error { return tx.UpdateStream(ctx, changed) })
	w.settle(st, "a", false)
	got, err := w.store.Stream(w.Context(), st.Log, st.ID)
	found(w, "failures", int64(0))(got.Delivery.Failures, err)
	w.wantDue("due at once", st.ID)
	w.leaseAfter(changed, 2, "b", true)
}

func replaysStream(w *world) {
	st := w.stream(streamLog, func(st *org.Stream) { st.Delivery = org.Delivery{Delivered: 3, Batch: 3} })
	first := w.records(streamLog, 4)
	st.Delivery.Batch = 4
	w.leaseAfter(st, 3, "a", true)
	changed := st
	changed.Version, changed.Updated = 2, w.now()
	changed.Delivery.Delivered = 0
	w.update(func(ctx context.Context, tx org.Tx) error { return tx.ReplayStream(ctx, changed) })
	w.settle(st, "a", false)
	changed.Delivery = org.Delivery{Head: 4, Oldest: first}
	w.wantStream("replayed", changed)
	w.wantDue("due at once", st.ID)
}

func deletesStream(w *world) {
	st, kept := w.stream(streamLog, nil), w.stream(streamLog, nil)
	w.update(func(ctx context.Context, tx org.Tx) error { return tx.DeleteStream(ctx, st) })
	absent[org.Stream](w, "deleted")(w.store.Stream(w.Context(), st.Log, st.ID))
	w.wantStream("the other", kept)
}

// wantDue compares the streams that are due now, in their order.
func (w *world) wantDue(what string, ids ...id.Stream) {
	w.Helper()
	due, err := w.store.DueStreams(w.Context(), w.now(), 10)
	if err != nil {
		w.Fatal(err)
	}
	var got []id.Stream
	for _, st := range due {
		got = append(got, st.ID)
	}
	want(w, what, got, ids)
}

func dueStreams(w *world) {
	st := w.stream(streamLog, nil)
	w.stream("empty", nil)
	w.stream(streamLog, func(st *org.Stream) { st.Paused = true })
	w.stream(streamLog, func(st *org.Stream) { st.Delivery.NextAttempt = st.Created.Add(time.Hour) })
	w.stream(streamLog, func(st *org.Stream) { st.Delivery.Delivered = 2 })
	w.wantDue("without records")
	w.records(streamLog, 2)
	w.wantDue("with records", st.ID)
	w.lease(st, "a", true)
	w.wantDue("held")
	w.clock.Add(leaseTime.Microseconds())
	w.wantDue("after the lease", st.ID)
}

func dueInOrder(w *world) {
	w.records(streamLog, 1)
	var ids []id.Stream
	at := w.now()
	for i := range 3 {
		ids = append(ids, w.stream(streamLog, func(st *org.Stream) { st.Delivery.NextAttempt = at.Add(time.Duration(-i) * time.Second) }).ID)
	}
	w.wantDue("all", ids[2], ids[1], ids[0])
	due, err := w.store.DueStreams(w.Context(), w.now(), 2)
	if err != nil || len(due) != 2 || due[0].ID != ids[2] {
		w.Errorf("two: %v, %v", due, err)
	}
}

const leaseTime = 10 * time.Second

// lease tries to take a stream.
func (w *world) lease(st org.Stream, holder string, wanted bool) {
	w.Helper()
	w.leaseAfter(st, w.batch(st), holder, wanted)
}

// leaseAfter tries to take a stream whose batch was another one before.
func (w *world) leaseAfter(st org.Stream, before int64, holder string, wanted bool) {
	w.Helper()
	now := w.now()
	var got bool
	w.update(func(ctx context.Context, tx org.Tx) (err error) {
		got, err = tx.LeaseStream(ctx, st, before, org.Lease{Holder: holder, Now: now, End: now.Add(leaseTime)})
		return err
	})
	want(w, "lease of "+holder, got, wanted)
}

// batch returns the end of the batch that the store knows of.
func (w *world) batch(st org.Stream) int64 {
	w.Helper()
	got, err := w.store.Stream(w.Context(), st.Log, st.ID)
	if err != nil {
		w.Fatal(err)
	}
	return got.Delivery.Batch
}

func (w *world) settle(st org.Stream, holder string, wanted bool) {
	w.Helper()
	now := w.now()
	var got bool
	w.update(func(ctx context.Context, tx org.Tx) (err error) {
		got, err = tx.SettleStream(ctx, st, org.Lease{Holder: holder, Now: now, End: now})
		return err
	})
	want(w, "settled by "+holder, got, wanted)
}

func leasesStream(w *world) {
	st := w.stream(streamLog, nil)
	w.records(streamLog, 3)
	other := st
	other.Version++
	w.lease(other, "of another version", false)
	other = st
	other.Delivery.Delivered = 1
	w.leaseAfter(other, 0, "who knows another place", false)
	w.leaseAfter(st, 1, "who knows another batch", false)
	st.Delivery.Batch = 2
	w.leaseAfter(st, 0, "a", true)
	want(w, "batch", w.batch(st), int64(2))
	w.leaseAfter(st, 2, "b", false)
	w.leaseAfter(st, 2, "a", false)
	w.clock.Add(leaseTime.Microseconds())
	w.leaseAfter(st, 2, "b", true)
	w.settle(st, "a", false)
	paused := st
	paused.Paused = true
	w.update(func(ctx context.Context, tx org.Tx) error { return tx.UpdateStream(ctx, paused) })
	w.clock.Add(leaseTime.Microseconds())
	w.leaseAfter(st, 2, "c", false)
}

func settlesStream(w *world) {
	st := w.stream(streamLog, nil)
	w.records(streamLog, 3)
	w.lease(st, "a", true)
	at := w.now()
	st.Delivery = org.Delivery{Delivered: 3, Batch: 3, Expired: 1, Failures: 2, NextAttempt: at, LastSuccess: at.Add(-time.Second), LastFailure: at.Add(-time.Minute), LastError: "é"}
	w.settle(st, "b", false)
	w.settle(st, "a", true)
	st.Delivery.Head = 3
	w.wantStream("settled", st)
}

func firstUndelivered(w *world) {
	absent[int64](w, "no stream")(w.store.FirstUndelivered(w.Context(), streamLog))
	w.stream(streamLog, func(st *org.Stream) { st.Paused = true })
	w.stream("other", nil)
	absent[int64](w, "none that is not paused")(w.store.FirstUndelivered(w.Context(), streamLog))
	w.stream(streamLog, func(st *org.Stream) { st.Delivery.Delivered = 7 })
	found(w, "one", int64(8))(w.store.FirstUndelivered(w.Context(), streamLog))
	w.stream(streamLog, func(st *org.Stream) { st.Delivery.Delivered = 5 })
	found(w, "the slowest", int64(6))(w.store.FirstUndelivered(w.Context(), streamLog))
}

func countsStreams(w *world) {
	wantTotals := func(what string, totals org.StreamTotals, at time.Time) {
		w.Helper()
		got, oldest, err := w.store.CountStreams(w.Context())
		found(w, what, totals)(got, err)
		want(w, what+": oldest", oldest, at)
	}
	wantTotals("nothing", org.StreamTotals{}, time.Time{})
	w.stream(streamLog, nil)
	w.stream(streamLog, func(st *org.Stream) { st.Delivery.Failures = 1 })
	w.stream(streamLog, func(st *org.Stream) { st.Paused, st.Delivery.Failures = true, 1 })
	w.stream("empty", func(st *org.Stream) { st.Delivery.Delivered = 5 })
	wantTotals("without records", org.StreamTotals{Active: 2, Retrying: 1, Paused: 1}, time.Time{})
	first := w.records(streamLog, 3)
	wantTotals("with records", org.StreamTotals{Active: 2, Retrying: 1, Paused: 1, LagRecords: 6}, first)
}
