package api

import (
	"context"

	"github.com/orgd/orgd/internal/org"
)

type auditSettings struct {
	RetentionMonths int64 `json:"retention_months"`
	LegalHold       bool  `json:"legal_hold"`
}

func getAuditSettings(ctx context.Context, q *request) (reply, error) {
	s, err := q.server.Service.AuditSettings(ctx, q.caller, q.organization())
	return reply{Result: s, ETag: true}, err
}

// putAuditSettings wants both members: whoever forgets one must not end a
// legal hold.
func putAuditSettings(ctx context.Context, q *request) (reply, error) {
	body, err := q.decode()
	if err != nil {
		return reply{}, err
	}
	var in org.AuditSettings
	if _, ok := body.member("retention_months"); !ok {
		body.refuse("retention_months", "is required")
	}
	in.RetentionMonths, _ = body.whole("retention_months")
	if _, ok := body.member("legal_hold"); !ok {
		body.refuse("legal_hold", "is required")
	}
	in.LegalHold = isTrue(body.flag("legal_hold"))
	req, err := q.mutation(200)
	if err != nil {
		return reply{}, err
	}
	s, err := q.server.Service.PutAuditSettings(ctx, req, q.organization(), in)
	return q.changed(s), err
}
