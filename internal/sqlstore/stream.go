package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/page"
)

// oldestSQL is the time of the first record that a stream has not delivered.
const oldestSQL = `(SELECT w.time FROM audit_records w WHERE w.log_id = s.log_id AND w.seq > s.delivered_seq ORDER BY w.seq LIMIT 1)`

const streamColumns = `s.id, s.log_id, s.name, s.target, s.secret, s.old_secret, s.old_secret_end, s.paused, s.pause_reason, s.version,
	s.created_at, s.updated_at, s.delivered_seq, s.batch_seq, s.expired, s.failures, s.next_attempt_at, s.last_success_at,
	s.last_failure_at, s.last_error, COALESCE(h.seq, 0), COALESCE(` + oldestSQL + `, 0)`

const streamFrom = ` FROM audit_streams s LEFT JOIN audit_heads h ON h.log_id = s.log_id`

// streamScan is where a row of streamColumns goes.
type streamScan struct {
	stream                            org.Stream
	target                            string
	oldSecretEnd, created, updated    int64
	nextAttempt, lastSuccess, failure int64
	oldest                            int64
}

func (s *streamScan) into() []any {
	st := &s.stream
	d := &st.Delivery
	return []any{
		(*string)(&st.ID), (*string)(&st.Log), &st.Name, &s.target, &st.Secret, &st.OldSecret, &s.oldSecretEnd, &st.Paused,
		&st.PauseReason, &st.Version, &s.created, &s.updated, &d.Delivered, &d.Batch, &d.Expired, &d.Failures,
		&s.nextAttempt, &s.lastSuccess, &s.failure, &d.LastError, &d.Head, &s.oldest,
	}
}

func (s *streamScan) value() (org.Stream, error) {
	st := s.stream
	st.ReceiverSecret = storedSecret(st.ReceiverSecret, s.oldSecretEnd)
	st.Created, st.Updated = moment(s.created), moment(s.updated)
	d := &st.Delivery
	d.NextAttempt, d.LastSuccess, d.LastFailure, d.Oldest = moment(s.nextAttempt), moment(s.lastSuccess), moment(s.failure), moment(s.oldest)
	if err := json.Unmarshal([]byte(s.target), &st.Target); err != nil {
		return org.Stream{}, fmt.Errorf("decode the target of stream %s: %w", st.ID, err)
	}
	return st, nil
}

// Stream implements org.StreamReader.
func (r *reader) Stream(ctx context.Context, log id.Log, st id.Stream) (org.Stream, error) {
	const streamSQL = `SELECT ` + streamColumns + streamFrom + ` WHERE s.id = $1 AND s.log_id = $2`
	var s streamScan
	if err := r.one(ctx, "stream", streamSQL, []any{string(st), string(log)}, s.into()...); err != nil {
		return org.Stream{}, err
	}
	return s.value()
}

// ListStreams implements org.StreamReader.
func (r *reader) ListStreams(ctx context.Context, log id.Log, p page.Request) (page.Page[org.Stream], error) {
	const countStreamsSQL = `SELECT COUNT(*) FROM audit_streams s WHERE s.log_id = $1`
	var out page.Page[org.Stream]
	err := r.snapshot(ctx, func(r *reader) error {
		var err error
		if out.Total, err = r.number(ctx, countStreamsSQL, string(log)); err != nil {
			return err
		}
		b := &builder{dialect: r.dialect}
		b.add("SELECT ", streamColumns, streamFrom, " WHERE s.log_id = ", b.arg(string(log)))
		b.after(p.After, "s.created_at", "s.id")
		b.add(" ORDER BY s.created_at, s.id LIMIT ", b.arg(p.Size+1))
		out.Items, err = r.streams(ctx, b.text.String(), b.args)
		return err
	})
	out.Cut(p.Size, func(st *org.Stream) page.Position { return page.Position{Time: st.Created, ID: string(st.ID)} })
	return out, err
}

// streams runs a statement that answers rows of streamColumns.
func (r *reader) streams(ctx context.Context, sql string, args []any) ([]org.Stream, error) {
	var list []org.Stream
	err := r.search(ctx, sql, args, func(row row) error {
		var s streamScan
		if err := row.Scan(s.into()...); err != nil {
			return err
		}
		st, err := s.value()
		list = append(list, st)
		return err
	})
	return list, err
}

// DueStreams implements org.StreamReader.
func (r *reader) DueStreams(ctx context.Context, now time.Time, limit int) ([]org.Stream, error) {
	const dueStreamsSQL = `SELECT ` + streamColumns + ` FROM audit_streams s JOIN audit_heads h ON h.log_id = s.log_id
		WHERE NOT s.paused AND s.next_attempt_at <= $1 AND s.lease_end <= $1 AND s.delivered_seq < h.seq
		ORDER BY s.next_attempt_at, s.id LIMIT $2`
	return r.streams(ctx, dueStreamsSQL, []any{micros(now), limit})
}

// FirstUndelivered implements org.StreamReader.
func (r *reader) FirstUndelivered(ctx context.Context, log id.Log) (int64, error) {
	const firstUndeliveredSQL = `SELECT s.delivered_seq + 1 FROM audit_streams s WHERE s.log_id = $1 AND NOT s.paused
		ORDER BY s.delivered_seq LIMIT 1`
	var seq int64
	err := r.one(ctx, "stream", firstUndeliveredSQL, []any{string(log)}, &seq)
	return seq, err
}

// CountStreams implements org.StreamReader.
func (r *reader) CountStreams(ctx context.Context) (org.StreamTotals, time.Time, error) {
	const countStreamsSQL = `SELECT CAST(COALESCE(SUM(CASE WHEN NOT s.paused AND s.failures = 0 THEN 1 ELSE 0 END), 0) AS BIGINT),
		CAST(COALESCE(SUM(CASE WHEN NOT s.paused AND s.failures > 0 THEN 1 ELSE 0 END), 0) AS BIGINT),
		CAST(COALESCE(SUM(CASE WHEN s.paused THEN 1 ELSE 0 END), 0) AS BIGINT),
		CAST(COALESCE(SUM(CASE WHEN NOT s.paused AND h.seq > s.delivered_seq THEN h.seq - s.delivered_seq ELSE 0 END), 0) AS BIGINT),
		COALESCE(MIN(CASE WHEN NOT s.paused AND h.seq > s.delivered_seq THEN ` + oldestSQL + ` END), 0)` + streamFrom
	var t org.StreamTotals
	var oldest int64
	err := r.one(ctx, "count", countStreamsSQL, nil, &t.Active, &t.Retrying, &t.Paused, &t.LagRecords, &oldest)
	return t, moment(oldest), err
}

// LogHead implements org.StreamReader.
func (r *reader) LogHead(ctx context.Context, log id.Log) (int64, error) {
	const logHeadSQL = `SELECT COALESCE((SELECT seq FROM audit_heads WHERE log_id = $1), 0)`
	return r.number(ctx, logHeadSQL, string(log))
}

// InsertStream implements org.StreamTx.
func (t *tx) InsertStream(ctx context.Context, st org.Stream) error {
	const insertStreamSQL = `INSERT INTO audit_streams (id, log_id, created_at, name, target, secret, old_secret, old_secret_end, paused,
		pause_reason, version, updated_at, delivered_seq, batch_seq, expired, failures, next_attempt_at, last_success_at, last_failure_at,
		last_error, lease_holder, lease_end)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, '', 0)`
	settings, err := streamSettings(&st)
	if err != nil {
		return err
	}
	d := &st.Delivery
	args := append([]any{string(st.ID), string(st.Log), micros(st.Created)}, settings...)
	args = append(args, d.Delivered, d.Batch, d.Expired, d.Failures, micros(d.NextAttempt), micros(d.LastSuccess), micros(d.LastFailure), d.LastError)
	return t.exec(ctx, insertStreamSQL, args...)
}

// streamSettings returns the parameters for name, target, secrets, pause,
// version and time of the update.
func streamSettings(st *org.Stream) ([]any, error) {
	target, err := json.Marshal(st.Target)
	if err != nil {
		return nil, fmt.Errorf("encode the target of stream %s: %w", st.ID, err)
	}
	return []any{
		st.Name, string(target), bytesOf(st.Secret), bytesOf(st.OldSecret), micros(st.OldSecretEnd), st.Paused, st.PauseReason,
		st.Version, micros(st.Updated),
	}, nil
}

// UpdateStream implements org.StreamTx.
func (t *tx) UpdateStream(ctx context.Context, st org.Stream) error {
	const updateStreamSQL = `UPDATE audit_streams SET name = $2, target = $3, secret = $4, old_secret = $5, old_secret_end = $6, paused = $7,
		pause_reason = $8, updated_at = $10,
		failures = CASE WHEN version = $9 THEN failures ELSE 0 END,
		next_attempt_at = CASE WHEN version = $9 THEN next_attempt_at ELSE 0 END,
		lease_end = CASE WHEN version = $9 THEN lease_end ELSE 0 END,
		lease_holder = CASE WHEN version = $9 THEN lease_holder ELSE '' END,
		version = $9 WHERE id = $1`
	settings, err := streamSettings(&st)
	if err != nil {
		return err
	}
	return t.must(ctx, updateStreamSQL, append([]any{string(st.ID)}, settings...)...)
}

// ReplayStream implements org.StreamTx.
func (t *tx) ReplayStream(ctx context.Context, st org.Stream) error {
	const replayStreamSQL = `UPDATE audit_streams SET version = $2, updated_at = $3, delivered_seq = $4, batch_seq = $4, failures = 0,
		next_attempt_at = 0, lease_holder = '', lease_end = 0 WHERE id = $1`
	return t.must(ctx, replayStreamSQL, string(st.ID), st.Version, micros(st.Updated), st.Delivery.Delivered)
}

// DeleteStream implements org.StreamTx.
func (t *tx) DeleteStream(ctx context.Context, st org.Stream) error {
	const deleteStreamSQL = `DELETE FROM audit_streams WHERE id = $1`
	return t.must(ctx, deleteStreamSQL, string(st.ID))
}

// LeaseStream implements org.StreamTx.
func (t *tx) LeaseStream(ctx context.Context, st org.Stream, before int64, l org.Lease) (bool, error) {
	const leaseStreamSQL = `UPDATE audit_streams SET lease_holder = $2, lease_end = $3, batch_seq = $4
		WHERE id = $1 AND NOT paused AND lease_end <= $5 AND version = $6 AND delivered_seq = $7 AND batch_seq = $8`
	n, err := t.change(ctx, leaseStreamSQL, string(st.ID), l.Holder, micros(l.End), st.Delivery.Batch, micros(l.Now), st.Version,
		st.Delivery.Delivered, before)
	return n == 1, err
}

// SettleStream implements org.StreamTx.
func (t *tx) SettleStream(ctx context.Context, st org.Stream, l org.Lease) (bool, error) {
	const settleStreamSQL = `UPDATE audit_streams SET delivered_seq = $4, batch_seq = $5, expired = $6, failures = $7, next_attempt_at = $8,
		last_success_at = $9, last_failure_at = $10, last_error = $11, lease_end = $12 WHERE id = $1 AND lease_holder = $2 AND version = $3`
	d := &st.Delivery
	n, err := t.change(ctx, settleStreamSQL, string(st.ID), l.Holder, st.Version, d.Delivered, d.Batch, d.Expired, d.Failures,
		micros(d.NextAttempt), micros(d.LastSuccess), micros(d.LastFailure), d.LastError, micros(l.End))
	return n == 1, err
}
