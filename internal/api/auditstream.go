package api

import (
	"context"
	"encoding/json"
	"math"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
)

type auditStream struct {
	ID          string          `json:"id"`
	Name        string          `json:"name"`
	Type        org.StreamType  `json:"type"`
	Paused      bool            `json:"paused"`
	PauseReason string          `json:"pause_reason,omitempty"`
	Webhook     *streamWebhook  `json:"webhook,omitempty"`
	S3          *streamS3       `json:"s3,omitempty"`
	Syslog      *streamSyslog   `json:"syslog,omitempty"`
	Created     timestamp       `json:"create_time"`
	Updated     timestamp       `json:"update_time"`
	State       org.StreamState `json:"state,omitempty"`
	Delivery    *streamDelivery `json:"delivery,omitempty"`
}

// streamWebhook has the secret only when it was just made.
type streamWebhook struct {
	URL            string           `json:"url"`
	Format         org.StreamFormat `json:"format"`
	Secret         string           `json:"secret,omitempty"`
	PreviousSecret *timestamp       `json:"previous_secret_expire_time,omitempty"`
}

type streamS3 struct {
	Endpoint    string `json:"endpoint"`
	Region      string `json:"region"`
	Bucket      string `json:"bucket"`
	Prefix      string `json:"prefix"`
	AccessKeyID string `json:"access_key_id"`
	PathStyle   bool   `json:"path_style"`
}

type streamSyslog struct {
	Address       string `json:"address"`
	CACertificate string `json:"ca_certificate,omitempty"`
}

type streamDelivery struct {
	Delivered   int64      `json:"last_delivered_seq"`
	Head        int64      `json:"last_seq"`
	LagRecords  int64      `json:"lag_records"`
	LagSeconds  int64      `json:"lag_seconds"`
	Expired     int64      `json:"expired_records"`
	Failures    int64      `json:"consecutive_failures"`
	LastSuccess *timestamp `json:"last_success_time,omitempty"`
	LastError   string     `json:"last_error,omitempty"`
	LastFailure *timestamp `json:"last_error_time,omitempty"`
	NextAttempt *timestamp `json:"next_attempt_time,omitempty"`
}

// newStream writes a stream as the API shows it.
func newStream(st *org.Stream) auditStream {
	w := newStreamSettings((*org.StreamSettings)(st))
	w.State = st.State()
	d := &st.Delivery
	records, wait := d.Lag()
	w.Delivery = &streamDelivery{
		Delivered: d.Delivered, Head: d.Head, LagRecords: records, LagSeconds: int64(wait.Seconds()), Expired: d.Expired,
		Failures: d.Failures, LastSuccess: optional(d.LastSuccess), LastError: d.LastError, LastFailure: optional(d.LastFailure),
	}
	if w.State == org.StreamRetrying {
		w.Delivery.NextAttempt = optional(d.NextAttempt)
	}
	return w
}

// newStreamSettings writes what somebody has set of a stream.
func newStreamSettings(st *org.StreamSettings) auditStream {
	w := auditStream{
		ID: string(st.ID), Name: st.Name, Type: st.Target.Type, Paused: st.Paused, PauseReason: st.PauseReason,
		Created: timestamp(st.Created), Updated: timestamp(st.Updated),
	}
	switch st.Target.Type {
	case org.StreamWebhook:
		w.Webhook = &streamWebhook{URL: st.Target.Webhook.URL, Format: st.Target.Webhook.Format, PreviousSecret: optional(st.OldSecretEnd)}
	case org.StreamS3:
		w.S3 = new(streamS3(st.Target.S3))
	case org.StreamSyslog:
		w.Syslog = new(streamSyslog(st.Target.Syslog))
	}
	return w
}

func newShownStream(st *org.ShownStream) auditStream {
	w := newStream(&st.Stream)
	if w.Webhook != nil {
		w.Webhook.Secret = st.Value
	}
	return w
}

// AuditEntry returns the JSON of a record in the log of an organization as
// lists of the log have it.
func (e Encoder) AuditEntry(r *audit.Record) ([]byte, error) {
	list, err := newAuditEntries([]audit.Record{*r})
	if err != nil {
		return nil, err
	}
	return marshal(list[0])
}

func (q *request) stream() id.Stream { return id.Stream(q.PathValue("stream_id")) }

// readTarget reads the target that the body has, nil when it has none, and
// the secret in it. A body has no more than one.
func readTarget(body *object) (t *org.StreamTarget, secret string) {
	for _, kind := range []org.StreamType{org.StreamWebhook, org.StreamS3, org.StreamSyslog} {
		o := body.object(string(kind))
		if o == nil {
			continue
		}
		if t != nil {
			body.refuse(string(kind), "stands beside /%s", t.Type)
			return t, secret
		}
		t = &org.StreamTarget{Type: kind}
		switch kind {
		case org.StreamWebhook:
			t.Webhook.URL = o.required("url")
			t.Webhook.Format = org.StreamFormat(o.enum("format", string(org.FormatJSON), string(org.FormatNDJSON)))
			secret, _ = o.text("secret")
		case org.StreamS3:
			t.S3 = org.S3Target{Endpoint: o.required("endpoint"), Bucket: o.required("bucket"), AccessKeyID: o.required("access_key_id")}
			t.S3.Region, _ = o.text("region")
			t.S3.Prefix, _ = o.text("prefix")
			t.S3.PathStyle = isTrue(o.flag("path_style"))
			secret, _ = o.text("secret_access_key")
		case org.StreamSyslog:
			t.Syslog.Address = o.required("address")
			t.Syslog.CACertificate, _ = o.text("ca_certificate")
		}
	}
	return t, secret
}

// readType reads the type of a stream, which its target must agree with.
func readType(body *object, t *org.StreamTarget) org.StreamType {
	kind := org.StreamType(body.enum("type", string(org.StreamWebhook), string(org.StreamS3), string(org.StreamSyslog)))
	if kind != "" && t != nil && t.Type != kind {
		body.refuse(string(t.Type), "does not belong to a stream of type %s", kind)
	}
	return kind
}

// sequence returns the number of a record, 0 when it is absent.
func (o *object) sequence(name string) int64 {
	v, ok := o.member(name)
	if !ok {
		return 0
	}
	n, ok := v.(json.Number)
	i, err := n.Int64()
	if !ok || err != nil || i < 1 || i == math.MaxInt64 {
		o.refuse(name, "must be the number of a record, from 1")
		return 0
	}
	o.read[name] = n
	return i
}

func listStreams(ctx context.Context, q *request) (reply, error) {
	v := q.query.view("streams "+string(q.organization()), q.callerID())
	list := q.query.page(v)
	if err := q.query.err(); err != nil {
		return reply{}, err
	}
	p, err := q.server.Service.ListStreams(ctx, q.caller, q.organization(), list)
	return tokenList(p, v), err
}

func createStream(ctx context.Context, q *request) (reply, error) {
	body, err := q.decode()
	if err != nil {
		return reply{}, err
	}
	in := org.NewStream{Name: body.required("name"), FromSeq: body.sequence("from_seq"), Paused: isTrue(body.flag("paused"))}
	body.required("type")
	target, secret := readTarget(body)
	if kind := readType(body, target); target == nil && kind != "" {
		body.refuse(string(kind), "is required")
	}
	req, err := q.mutation(200)
	if err != nil {
		return reply{}, err
	}
	in.Target, in.Secret = *target, secret
	st, err := q.server.Service.CreateStream(ctx, req, q.organization(), in)
	return q.changed(st), err
}

func getStream(ctx context.Context, q *request) (reply, error) {
	st, err := q.server.Service.Stream(ctx, q.caller, q.organization(), q.stream())
	return reply{Result: st, ETag: true}, err
}

func updateStream(ctx context.Context, q *request) (reply, error) {
	body, err := q.decode()
	if err != nil {
		return reply{}, err
	}
	in := org.StreamChange{Paused: body.flag("paused"), Rotate: isTrue(body.flag("rotate_secret"))}
	if name, ok := body.text("name"); ok {
		in.Name = &name
	}
	in.Target, in.Secret = readTarget(body)
	if kind := readType(body, in.Target); in.Target == nil {
		in.Type = kind
	}
	req, err := q.mutation(200)
	if err != nil {
		return reply{}, err
	}
	st, err := q.server.Service.UpdateStream(ctx, req, q.organization(), q.stream(), in)
	return q.changed(st), err
}

func deleteStream(ctx context.Context, q *request) (reply, error) {
	req, err := q.mutation(200)
	if err != nil {
		return reply{}, err
	}
	st, err := q.server.Service.DeleteStream(ctx, req, q.organization(), q.stream())
	return q.changed(st), err
}

func replayStream(ctx context.Context, q *request) (reply, error) {
	body, err := q.decode()
	if err != nil {
		return reply{}, err
	}
	from := body.sequence("from_seq")
	if _, ok := body.member("from_seq"); !ok {
		body.refuse("from_seq", "is required")
	}
	req, err := q.mutation(200)
	if err != nil {
		return reply{}, err
	}
	st, err := q.server.Service.ReplayStream(ctx, req, q.organization(), q.stream(), from)
	return q.changed(st), err
}
