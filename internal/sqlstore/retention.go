package sqlstore

import (
	"context"
	"time"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
)

// AuditSettings implements org.RetentionReader.
func (r *reader) AuditSettings(ctx context.Context, log id.Log) (org.AuditSettings, error) {
	const auditSettingsSQL = `SELECT retention_months, legal_hold FROM audit_settings WHERE log_id = $1`
	var s org.AuditSettings
	err := r.one(ctx, "audit settings", auditSettingsSQL, []any{string(log)}, &s.RetentionMonths, &s.LegalHold)
	return s, err
}

// Logs implements org.RetentionReader.
func (r *reader) Logs(ctx context.Context, after id.Log, limit int) ([]org.Log, error) {
	const logsSQL = `SELECT h.log_id, r.time, COALESCE(s.retention_months, 0), COALESCE(s.legal_hold, FALSE)
		FROM audit_heads h JOIN audit_records r ON r.log_id = h.log_id AND r.seq = h.first_seq
		LEFT JOIN audit_settings s ON s.log_id = h.log_id WHERE h.log_id > $1 ORDER BY h.log_id LIMIT $2`
	var all []org.Log
	err := r.query(ctx, logsSQL, []any{string(after), limit}, func(row row) error {
		var l org.Log
		var oldest int64
		var s org.AuditSettings
		if err := row.Scan((*string)(&l.ID), &oldest, &s.RetentionMonths, &s.LegalHold); err != nil {
			return err
		}
		if l.Oldest = moment(oldest); s.RetentionMonths > 0 {
			l.Settings = &s
		}
		all = append(all, l)
		return nil
	})
	return all, err
}

// FirstKept implements org.RetentionReader.
func (r *reader) FirstKept(ctx context.Context, log id.Log) (int64, error) {
	const firstKeptSQL = `SELECT COALESCE((SELECT first_seq FROM audit_heads WHERE log_id = $1), 1)`
	return r.number(ctx, firstKeptSQL, string(log))
}

// PutAuditSettings implements org.RetentionTx.
func (t *tx) PutAuditSettings(ctx context.Context, log id.Log, s org.AuditSettings, at time.Time) error {
	const putAuditSettingsSQL = `INSERT INTO audit_settings (log_id, retention_months, legal_hold, updated_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (log_id) DO UPDATE SET retention_months = excluded.retention_months, legal_hold = excluded.legal_hold,
		updated_at = excluded.updated_at`
	return t.exec(ctx, putAuditSettingsSQL, string(log), s.RetentionMonths, s.LegalHold, micros(at))
}

// ExpireRecords implements org.RetentionTx.
func (t *tx) ExpireRecords(ctx context.Context, log id.Log, before time.Time, end int64, limit int) (org.Expired, error) {
	first, err := t.FirstKept(ctx, log)
	if err != nil {
		return org.Expired{}, err
	}
	e, worth := org.Expired{From: first}, false
	subjects := make(map[id.User]bool)
	// A log whose only old records are those of its expiry would go on being
	// made shorter by one and longer by one.
	const expiringSQL = `SELECT seq, action_description, resource_scope, source, actor_email, actor_subject, personal FROM audit_records
		WHERE log_id = $1 AND seq >= $2 AND seq < $3 AND time < $4 ORDER BY seq LIMIT $5`
	err = t.query(ctx, expiringSQL, []any{string(log), first, end, micros(before), limit}, func(row row) error {
		var r audit.Record
		var personal string
		err := row.Scan(&r.Seq, &r.Action.Description, (*string)(&r.Resource.Scope), &r.Source, &r.Actor.Email, (*string)(&r.Actor.Subject), &personal)
		if err != nil {
			return err
		}
		if r.Personal, err = decodePersonal(personal); err != nil {
			return err
		}
		for _, u := range r.Subjects() {
			subjects[u] = true
		}
		e.To, e.Scope = r.Seq, r.Resource.Scope
		worth = worth || r.Action.Description != audit.LogExpire.Description
		return nil
	})
	if err != nil || !worth {
		return org.Expired{}, err
	}
	return e, t.expire(ctx, log, &e, subjects)
}

func (t *tx) expire(ctx context.Context, log id.Log, e *org.Expired, subjects map[id.User]bool) error {
	const expireSubjectSQL = `DELETE FROM audit_subjects WHERE subject_id = $1 AND log_id = $2 AND seq >= $3 AND seq <= $4`
	for u := range subjects {
		if err := t.exec(ctx, expireSubjectSQL, string(u), string(log), e.From, e.To); err != nil {
			return err
		}
	}
	const (
		expireRecordsSQL = `DELETE FROM audit_records WHERE log_id = $1 AND seq >= $2 AND seq <= $3`
		firstKeptSQL     = `UPDATE audit_heads SET first_seq = $2 WHERE log_id = $1`
		expireJournalSQL = `DELETE FROM audit_journal WHERE log_id = $1 AND last_seq <= $2`
	)
	if err := t.exec(ctx, expireRecordsSQL, string(log), e.From, e.To); err != nil {
		return err
	}
	if err := t.exec(ctx, firstKeptSQL, string(log), e.To+1); err != nil {
		return err
	}
	return t.exec(ctx, expireJournalSQL, string(log), e.To)
}
