package export

import (
	"encoding/json"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/id"
)

// logpushRecord has the fields of the Logpush dataset audit_logs_v2, and at
// its end what that dataset has no name for, because it knows no logs of
// organizations, no places in a log and no records of other systems. There are no zones and the log keeps
// no names of accounts: those fields are always empty.
type logpushRecord struct {
	AccountID         string        `json:"AccountID"`
	AccountName       string        `json:"AccountName"`
	ActionDescription string        `json:"ActionDescription"`
	ActionResult      string        `json:"ActionResult"`
	ActionTimestamp   string        `json:"ActionTimestamp"`
	ActionType        string        `json:"ActionType"`
	ActorContext      string        `json:"ActorContext"`
	ActorEmail        string        `json:"ActorEmail"`
	ActorID           string        `json:"ActorID"`
	ActorIPAddress    string        `json:"ActorIPAddress"`
	ActorTokenDetails logpushToken  `json:"ActorTokenDetails"`
	ActorType         string        `json:"ActorType"`
	AuditLogID        string        `json:"AuditLogID"`
	Raw               logpushRaw    `json:"Raw"`
	ResourceID        string        `json:"ResourceID"`
	ResourceProduct   string        `json:"ResourceProduct"`
	ResourceRequest   objectOrEmpty `json:"ResourceRequest"`
	ResourceResponse  objectOrEmpty `json:"ResourceResponse"`
	ResourceScope     string        `json:"ResourceScope"`
	ResourceType      string        `json:"ResourceType"`
	ResourceValue     logpushValue  `json:"ResourceValue"`
	ZoneID            string        `json:"ZoneID"`
	ZoneName          string        `json:"ZoneName"`
	OrganizationID    string        `json:"OrganizationID"`
	SequenceNumber    int64         `json:"SequenceNumber"`
	Source            string        `json:"Source"`
	SourceID          string        `json:"SourceID"`
	OccurredTimestamp string        `json:"OccurredTimestamp"`
}

type logpushToken struct {
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
}

type logpushRaw struct {
	RayID     string `json:"cf_ray_id"`
	Method    string `json:"method"`
	Status    int    `json:"status_code"`
	URI       string `json:"uri"`
	UserAgent string `json:"user_agent"`
}

type logpushValue struct {
	Before json.RawMessage `json:"before,omitempty"`
	After  json.RawMessage `json:"after,omitempty"`
}

// objectOrEmpty is a body, {} when there is none.
type objectOrEmpty json.RawMessage

// MarshalJSON implements json.Marshaler.
func (o objectOrEmpty) MarshalJSON() ([]byte, error) {
	if len(o) == 0 {
		return []byte("{}"), nil
	}
	return o, nil
}

func newLogpushRecord(o id.Organization, r *audit.Record) (logpushRecord, error) {
	clear, err := restore(r)
	return logpushRecord{
		AccountID:         string(r.Account),
		ActionDescription: r.Action.Description, ActionResult: string(r.Result), ActionTimestamp: stamp(r.Time), ActionType: string(r.Action.Type),
		ActorContext: string(clear.context), ActorEmail: clear.email, ActorID: string(r.Actor.ID), ActorIPAddress: clear.ip,
		ActorTokenDetails: logpushToken{string(r.Actor.TokenID), r.Actor.TokenName}, ActorType: string(r.Actor.Type),
		AuditLogID: string(r.ID),
		Raw:        logpushRaw{r.Raw.RayID, r.Raw.Method, r.Raw.Status, r.Raw.URI, clear.userAgent},
		ResourceID: r.Resource.ID, ResourceProduct: r.Resource.Product,
		ResourceRequest: objectOrEmpty(clear.request), ResourceResponse: objectOrEmpty(clear.response),
		ResourceScope: string(r.Resource.Scope), ResourceType: r.Resource.Type,
		ResourceValue:  logpushValue{clear.before, clear.after},
		OrganizationID: string(o), SequenceNumber: r.Seq,
		Source: r.Source, SourceID: r.SourceID, OccurredTimestamp: stamp(r.Occurred),
	}, err
}

func logpushLine(o id.Organization, r *audit.Record) (any, error) { return newLogpushRecord(o, r) }
