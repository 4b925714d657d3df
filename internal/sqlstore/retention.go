package sqlstore

import (
	"context"
	"time"

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

// PutAuditSettings implements org.RetentionTx.
func (t *tx) PutAuditSettings(ctx context.Context, log id.Log, s org.AuditSettings, at time.Time) error {
	const putAuditSettingsSQL = `INSERT INTO audit_settings (log_id, retention_months, legal_hold, updated_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (log_id) DO UPDATE SET retention_months = excluded.retention_months, legal_hold = excluded.legal_hold,
		updated_at = excluded.updated_at`
	return t.exec(ctx, putAuditSettingsSQL, string(log), s.RetentionMonths, s.LegalHold, micros(at))
}
