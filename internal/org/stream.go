package org

import (
	"context"
	"fmt"
	"time"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/page"
)

// Stream sends the records of a log to a receiver, in order, each at least
// once.
type Stream struct {
	ID          id.Stream
	Log         id.Log
	Name        string
	Target      StreamTarget
	Paused      bool
	PauseReason string // why orgd paused it itself, empty when somebody did
	Created     time.Time
	Updated     time.Time
	// Version grows with every change that makes what is under way void.
	Version int64

	ReceiverSecret

	Delivery Delivery
}

// Delivery is how far a stream has come.
type Delivery struct {
	Delivered   int64 // the number of the last record that was acknowledged
	Batch       int64 // that of the last one in the batch under way, Delivered when there is none
	Expired     int64 // how many records retention took before they were delivered
	Failures    int64 // in a row
	NextAttempt time.Time
	LastSuccess time.Time
	LastError   string
	LastFailure time.Time

	Head   int64     // the number of the last record of the log
	Oldest time.Time // the time of the first record that is not delivered
	At     time.Time // when this was read
}

// StreamState is the state of a stream.
type StreamState string

// The states.
const (
	StreamActive   StreamState = "active"
	StreamRetrying StreamState = "retrying" // the last attempt failed
	StreamPaused   StreamState = "paused"
)

// State returns the state of s.
func (s *Stream) State() StreamState {
	switch {
	case s.Paused:
		return StreamPaused
	case s.Delivery.Failures > 0:
		return StreamRetrying
	}
	return StreamActive
}

// Lag returns how many records are not delivered, and for how long the first
// of them has been waiting.
func (d *Delivery) Lag() (records int64, wait time.Duration) {
	if d.Head <= d.Delivered || d.Oldest.IsZero() {
		return max(d.Head-d.Delivered, 0), 0
	}
	return d.Head - d.Delivered, max(d.At.Sub(d.Oldest), 0)
}

// StreamSettings is a stream without how far it has come, as records have it.
type StreamSettings Stream

// NewStream is what a stream is made of. Secret is that of the target; a
// webhook without one is given one. FromSeq is the first record to deliver, 0
// for the next that is written.
type NewStream struct {
	Name    string
	Target  StreamTarget
	Secret  string
	FromSeq int64
	Paused  bool
}

// ShownStream is a stream with the secret of its webhook, when that was just
// made.
type ShownStream struct {
	Stream
	Value string
}

// StreamChange says what of a stream to change. What is nil or empty stays.
// Type, if it is given, must be the one that the stream has.
type StreamChange struct {
	Type   StreamType
	Name   *string
	Paused *bool
	Target *StreamTarget
	Secret string
	Rotate bool // give a webhook another secret
}

// CreateStream makes a stream of the log of an organization.
func (s *Service) CreateStream(ctx context.Context, r Request, o id.Organization, in NewStream) (ShownStream, error) {
	if err := s.checkStream(&in); err != nil {
		return ShownStream{}, err
	}
	return mutate(ctx, s, r, func(ctx context.Context, c *change) (ShownStream, error) {
		if err := c.lockStreams(ctx, o, entry{action: audit.StreamCreate, made: true}); err != nil {
			return ShownStream{}, err
		}
		present, err := c.ListStreams(ctx, id.Log(o), page.Request{Size: 1})
		if err != nil {
			return ShownStream{}, err
		}
		if err := checkStreams(s.Limits, present.Total); err != nil {
			return ShownStream{}, err
		}
		return c.createStream(ctx, o, in)
	})
}

func (s *Service) checkStream(in *NewStream) (err error) {
	if in.Name, err = checkName("/name", in.Name); err != nil {
		return err
	}
	if err := s.checkTarget(&in.Target); err != nil {
		return err
	}
	if in.Target.Type == StreamS3 && in.Secret == "" {
		return fault.At(fault.Invalid, "/s3/secret_access_key", "/s3/secret_access_key is required")
	}
	return checkSecret(in.Target.Type, in.Secret)
}

func (c *change) createStream(ctx context.Context, o id.Organization, in NewStream) (ShownStream, error) {
	head, err := c.LogHead(ctx, id.Log(o))
	if err != nil {
		return ShownStream{}, err
	}
	if in.FromSeq == 0 {
		in.FromSeq = head + 1
	}
	if err := checkSeq(in.FromSeq, head); err != nil {
		return ShownStream{}, err
	}
	st := Stream{
		ID: id.Stream(c.s.ids.New()), Log: id.Log(o), Name: in.Name, Target: in.Target, Paused: in.Paused,
		Created: c.now, Updated: c.now, Version: 1,
		Delivery: Delivery{Delivered: in.FromSeq - 1, Batch: in.FromSeq - 1, Head: head, At: c.now},
	}
	shown := ""
	if st.Target.Type == StreamWebhook {
		if in.Secret == "" {
			if in.Secret, err = c.s.freshSecret(); err != nil {
				return ShownStream{}, err
			}
		}
		shown = in.Secret
	}
	if st.Secret, err = c.s.seal("/type", st.place(), in.Secret); err != nil {
		return ShownStream{}, err
	}
	e := c.entries[0]
	e.resource, e.after = string(st.ID), StreamSettings(st)
	return ShownStream{st, shown}, c.InsertStream(ctx, st)
}

// place is what the secrets of s are sealed for.
func (s *Stream) place() string { return "stream " + string(s.ID) }

// checkSeq checks where a stream is to begin.
func checkSeq(from, head int64) error {
	if from < 1 || from > head+1 {
		return fault.At(fault.Invalid, "/from_seq", fmt.Sprintf("/from_seq must be a number from 1 to %d, the next that is written", head+1))
	}
	return nil
}

// lockStreams holds the streams of an organization that the caller may manage.
func (c *change) lockStreams(ctx context.Context, o id.Organization, e entry) error {
	org, err := c.visibleOrganization(ctx, o, "", "organization")
	if err != nil {
		return err
	}
	e.log = id.Log(o)
	c.record(e)
	if err := c.require(auth.AuditManage, auth.OrganizationTarget(org.Path)); err != nil {
		return err
	}
	return c.Lock(ctx, "streams:"+string(o))
}

// lockStream holds a stream that is to be changed.
func (c *change) lockStream(ctx context.Context, o id.Organization, st id.Stream, action audit.Action) (Stream, *entry, error) {
	if err := c.lockStreams(ctx, o, entry{action: action, resource: string(st)}); err != nil {
		return Stream{}, nil, err
	}
	if !id.Valid(string(st)) {
		return Stream{}, nil, fault.ErrNotFound("stream")
	}
	stream, err := c.Stream(ctx, id.Log(o), st)
	if err != nil {
		return Stream{}, nil, err
	}
	stream.Delivery.At = c.now
	e := c.entries[0]
	e.before = StreamSettings(stream)
	return stream, e, c.match(stream)
}

// Stream returns a stream of an organization.
func (s *Service) Stream(ctx context.Context, caller *auth.Caller, o id.Organization, st id.Stream) (Stream, error) {
	if err := s.mayManage(ctx, caller, o); err != nil {
		return Stream{}, err
	}
	if !id.Valid(string(st)) {
		return Stream{}, fault.ErrNotFound("stream")
	}
	stream, err := s.Store.Stream(ctx, id.Log(o), st)
	stream.Delivery.At = s.now()
	return stream, err
}

// ListStreams returns a page of the streams of an organization in order of
// creation.
func (s *Service) ListStreams(ctx context.Context, caller *auth.Caller, o id.Organization, p page.Request) (page.Page[Stream], error) {
	if err := s.mayManage(ctx, caller, o); err != nil {
		return page.Page[Stream]{}, err
	}
	list, err := s.Store.ListStreams(ctx, id.Log(o), p)
	now := s.now()
	for i := range list.Items {
		list.Items[i].Delivery.At = now
	}
	return list, err
}

func (s *Service) mayManage(ctx context.Context, caller *auth.Caller, o id.Organization) error {
	org, err := visibleOrganization(ctx, s.Store, caller, o, "", "organization")
	if err != nil {
		return err
	}
	return require(caller, auth.AuditManage, auth.OrganizationTarget(org.Path))
}

// UpdateStream changes a stream. Its type stays what it is.
func (s *Service) UpdateStream(ctx context.Context, r Request, o id.Organization, st id.Stream, in StreamChange) (ShownStream, error) {
	if in.Name != nil {
		name, err := checkName("/name", *in.Name)
		if err != nil {
			return ShownStream{}, err
		}
		in.Name = &name
	}
	return mutate(ctx, s, r, func(ctx context.Context, c *change) (ShownStream, error) {
		stream, e, err := c.lockStream(ctx, o, st, audit.StreamUpdate)
		if err != nil {
			return ShownStream{}, err
		}
		shown, err := c.applyStream(&stream, in)
		if err != nil {
			return ShownStream{}, err
		}
		stream.Updated = c.now
		e.after = StreamSettings(stream)
		return ShownStream{stream, shown}, c.Tx.UpdateStream(ctx, stream)
	})
}

// applyStream changes st and returns a new secret that is to be shown. What
// is under way goes on when only the name changes.
func (c *change) applyStream(st *Stream, in StreamChange) (shown string, err error) {
	if in.Name != nil {
		st.Name = *in.Name
	}
	void := in.Secret != "" || in.Rotate
	if in.Paused != nil && *in.Paused != st.Paused {
		st.Paused, st.PauseReason, void = *in.Paused, "", true
	}
	if in.Target != nil {
		in.Type = in.Target.Type
	}
	if in.Type != "" && in.Type != st.Target.Type {
		return "", fault.At(fault.Invalid, "/type", "/type cannot be changed, it is "+string(st.Target.Type))
	}
	if in.Target != nil {
		if err := c.s.checkTarget(in.Target); err != nil {
			return "", err
		}
		st.Target, void = *in.Target, true
	}
	if shown, err = c.replaceSecret(st, in); err != nil {
		return "", err
	}
	if void {
		st.Version++
		st.Delivery.Failures, st.Delivery.NextAttempt = 0, time.Time{}
	}
	return shown, nil
}

// replaceSecret gives a stream another secret, if that is asked for. That of a
// webhook is shown, and the former one stays in use for a while.
func (c *change) replaceSecret(st *Stream, in StreamChange) (shown string, err error) {
	secret := in.Secret
	if in.Rotate && st.Target.Type != StreamWebhook {
		return "", fault.At(fault.Invalid, "/rotate_secret", "/rotate_secret is for webhooks only")
	}
	if in.Rotate && secret == "" {
		if secret, err = c.s.freshSecret(); err != nil {
			return "", err
		}
	}
	if secret == "" {
		return "", nil
	}
	if err := checkSecret(st.Target.Type, secret); err != nil {
		return "", err
	}
	if st.Target.Type == StreamWebhook {
		return secret, c.renew("/type", st.place(), &st.ReceiverSecret, secret)
	}
	st.Secret, err = c.s.seal("/type", st.place(), secret)
	return "", err
}

// DeleteStream removes a stream.
func (s *Service) DeleteStream(ctx context.Context, r Request, o id.Organization, st id.Stream) (id.Stream, error) {
	return mutate(ctx, s, r, func(ctx context.Context, c *change) (id.Stream, error) {
		stream, _, err := c.lockStream(ctx, o, st, audit.StreamDelete)
		if err != nil {
			return "", err
		}
		return st, c.Tx.DeleteStream(ctx, stream)
	})
}

// ReplayStream delivers from record from on, whatever was delivered before.
func (s *Service) ReplayStream(ctx context.Context, r Request, o id.Organization, st id.Stream, from int64) (Stream, error) {
	return mutate(ctx, s, r, func(ctx context.Context, c *change) (Stream, error) {
		stream, e, err := c.lockStream(ctx, o, st, audit.StreamReplay)
		if err != nil {
			return Stream{}, err
		}
		if err := checkSeq(from, stream.Delivery.Head); err != nil {
			return Stream{}, err
		}
		d := &stream.Delivery
		d.Delivered, d.Batch, d.Failures, d.NextAttempt = from-1, from-1, 0, time.Time{}
		stream.Version++
		stream.Updated = c.now
		e.after = StreamSettings(stream)
		return stream, c.Tx.ReplayStream(ctx, stream)
	})
}

// Undelivered returns the number of the first record of the log that an active
// stream still has to deliver; ok is false when there is none. Retention keeps
// what lies from there on.
func (s *Service) Undelivered(ctx context.Context, log id.Log) (seq int64, ok bool, err error) {
	seq, err = s.Store.FirstUndelivered(ctx, log)
	if absent := unlessAbsent(err); absent != nil || err != nil {
		return 0, false, absent
	}
	return seq, true, nil
}
