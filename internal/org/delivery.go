package org

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/orgd/orgd/internal/audit"
)

// StreamBatch is the most records that one batch has.
const StreamBatch = 100

// Holder is who delivers a stream: one process at a time, which holds a lease
// of it. The lease of a process that died runs out.
type Holder struct {
	Name  string
	Lease time.Duration
}

// ClaimStreams takes up to limit streams that have something to deliver, for
// one batch each. The end of the batch is written down with the claim, so that
// a repeated attempt, of whoever makes it, is of the same batch.
func (s *Service) ClaimStreams(ctx context.Context, h Holder, limit int) ([]Stream, error) {
	now := s.now()
	due, err := s.Store.DueStreams(ctx, now, limit)
	if err != nil || len(due) == 0 {
		return nil, err
	}
	// In the order of the identifiers, so that two processes never wait for
	// each other.
	slices.SortFunc(due, func(a, b Stream) int { return cmp.Compare(a.ID, b.ID) })
	var claimed []Stream
	err = s.bookkeep(ctx, func(tx Tx) error {
		claimed = nil
		for _, st := range due {
			before := st.Delivery.Batch
			st.Delivery.begin()
			ok, err := tx.LeaseStream(ctx, st, before, Lease{Holder: h.Name, Now: now, End: now.Add(h.Lease)})
			if err != nil {
				return err
			}
			if ok {
				claimed = append(claimed, st)
			}
		}
		return nil
	})
	return claimed, err
}

// begin sets the end of the next batch, unless one is under way.
func (d *Delivery) begin() {
	if d.Batch <= d.Delivered {
		d.Batch = min(d.Head, d.Delivered+StreamBatch)
	}
}

// StreamOutcome is what came of an attempt. Error is empty when everything up
// to To was acknowledged or, in the number of Expired, is gone.
type StreamOutcome struct {
	To      int64
	Expired int64
	Error   string
	Wait    time.Duration // before the next attempt
	Last    bool          // the holder wants no other batch now
}

// SettleStream writes down what came of an attempt and returns the stream with
// its next batch; more is false when there is none for this holder. An attempt
// whose lease was lost, or whose stream was changed meanwhile, counts for
// nothing: another one follows.
func (s *Service) SettleStream(ctx context.Context, h Holder, st Stream, o StreamOutcome) (next Stream, more bool, err error) {
	err = s.bookkeep(ctx, func(tx Tx) error {
		now := s.now()
		next, more = st, false
		lease := Lease{Holder: h.Name, Now: now, End: now}
		d := &next.Delivery
		if o.Error != "" {
			d.Failures++
			d.LastError, d.LastFailure, d.NextAttempt = o.Error, now, now.Add(o.Wait)
		} else {
			d.Delivered, d.Failures, d.LastSuccess, d.NextAttempt = o.To, 0, now, now
			d.Expired += o.Expired
			head, err := tx.LogHead(ctx, st.Log)
			if err != nil {
				return err
			}
			d.Head = head
			if more = !o.Last && d.Delivered < d.Head; more {
				d.begin()
				lease.End = now.Add(h.Lease)
			}
		}
		held, err := tx.SettleStream(ctx, next, lease)
		more = more && held
		return err
	})
	return next, more, err
}

// StopStream pauses a stream that its receiver wants no more of. That is a
// change like another and has its record.
func (s *Service) StopStream(ctx context.Context, st Stream, reason string) error {
	r := Request{Caller: System(), Origin: Origin{Status: 200}}
	_, err := mutate(ctx, s, r, func(ctx context.Context, c *change) (StreamSettings, error) {
		if err := c.Lock(ctx, "streams:"+string(st.Log)); err != nil {
			return StreamSettings{}, err
		}
		now, err := c.Stream(ctx, st.Log, st.ID)
		if err := unlessAbsent(err); err != nil {
			return StreamSettings{}, err
		}
		if err != nil || now.Version != st.Version {
			return StreamSettings{}, nil // it is gone, or another one by now
		}
		e := c.record(entry{action: audit.StreamPause, log: st.Log, resource: string(st.ID), before: StreamSettings(now)})
		now.Paused, now.PauseReason, now.Updated = true, reason, c.now
		now.Version++
		e.after = StreamSettings(now)
		return StreamSettings(now), c.Tx.UpdateStream(ctx, now)
	})
	return err
}

// StreamSecrets returns the secrets of a stream that are in use, the latest
// first.
func (s *Service) StreamSecrets(st Stream) ([]string, error) {
	return s.open(st.place(), &st.ReceiverSecret)
}

// StreamRecords returns up to limit records of the batch under way that are
// still there, behind the one that has the number after.
func (s *Service) StreamRecords(ctx context.Context, st Stream, after int64, limit int) ([]audit.Record, error) {
	d := st.Delivery
	if after >= d.Batch {
		return nil, nil
	}
	records, err := s.Store.AuditRecords(ctx, st.Log, after, min(limit, int(d.Batch-after)))
	beyond := slices.IndexFunc(records, func(r audit.Record) bool { return r.Seq > d.Batch })
	if beyond >= 0 {
		records = records[:beyond]
	}
	return records, err
}

// StreamTotals is the state of all streams together.
type StreamTotals struct {
	Active, Retrying, Paused int64
	LagRecords               int64         // of all that are not paused
	Lag                      time.Duration // the longest of those
}

// StreamTotals counts the streams.
func (s *Service) StreamTotals(ctx context.Context) (StreamTotals, error) {
	t, oldest, err := s.Store.CountStreams(ctx)
	if !oldest.IsZero() {
		t.Lag = max(s.now().Sub(oldest), 0)
	}
	return t, err
}

// Lease is how a stream is held: by whom, from now on, until when.
type Lease struct {
	Holder   string
	Now, End time.Time
}
