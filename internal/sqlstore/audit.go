package sqlstore

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/id"
)

const recordColumns = `log_id, seq, id, time, account_id, source, source_id, occurred, action_type, action_description, action_result,
	actor_id, actor_type, actor_context, actor_email, actor_ip, actor_token_id, actor_token_name, actor_salt, actor_commitments, actor_subject,
	raw_ray_id, raw_method, raw_uri, raw_user_agent, raw_status,
	resource_id, resource_type, resource_product, resource_scope, request, response, before_change, after_change,
	personal`

// recordScan is where a row of recordColumns goes.
type recordScan struct {
	record                           audit.Record
	time, occurred                   int64
	request, response, before, after string
	commitments, personal            string
}

func (s *recordScan) into() []any {
	r := &s.record
	return []any{
		(*string)(&r.Log), &r.Seq, (*string)(&r.ID), &s.time, (*string)(&r.Account), &r.Source, &r.SourceID, &s.occurred,
		(*string)(&r.Action.Type), &r.Action.Description, (*string)(&r.Result),
		(*string)(&r.Actor.ID), (*string)(&r.Actor.Type), (*string)(&r.Actor.Context), &r.Actor.Email, &r.Actor.IP,
		(*string)(&r.Actor.TokenID), &r.Actor.TokenName, &r.Actor.Salt, &s.commitments, (*string)(&r.Actor.Subject),
		&r.Raw.RayID, &r.Raw.Method, &r.Raw.URI, &r.Raw.UserAgent, &r.Raw.Status,
		&r.Resource.ID, &r.Resource.Type, &r.Resource.Product, (*string)(&r.Resource.Scope),
		&s.request, &s.response, &s.before, &s.after, &s.personal,
	}
}

func (s *recordScan) value() (audit.Record, error) {
	r := s.record
	r.Time, r.Occurred = moment(s.time), moment(s.occurred)
	if len(r.Actor.Salt) == 0 {
		r.Actor.Salt = nil
	}
	r.Action.Resource, r.Action.Product = r.Resource.Type, r.Resource.Product
	r.Resource.Request, r.Resource.Response = body(s.request), body(s.response)
	r.Resource.Before, r.Resource.After = body(s.before), body(s.after)
	var err error
	if r.Actor.Commitments, err = decodeCommitments(s.commitments); err != nil {
		return audit.Record{}, fmt.Errorf("record %d of log %s: %w", r.Seq, r.Log, err)
	}
	r.Personal, err = decodePersonal(s.personal)
	if err != nil {
		return audit.Record{}, fmt.Errorf("record %d of log %s: %w", r.Seq, r.Log, err)
	}
	return r, nil
}

// body returns a stored body; "" stands for an absent one.
func body(s string) []byte {
	if s == "" {
		return nil
	}
	return []byte(s)
}

// storedCommitments is the stored form of audit.Commitments.
type storedCommitments struct {
	Email     string `json:"email"`
	IP        string `json:"ip"`
	UserAgent string `json:"user_agent"`
}

func encodeCommitments(c audit.Commitments) (string, error) {
	if c == (audit.Commitments{}) {
		return "", nil
	}
	b, err := json.Marshal(storedCommitments(c))
	if err != nil {
		return "", fmt.Errorf("encode commitments: %w", err)
	}
	return string(b), nil
}

func decodeCommitments(s string) (audit.Commitments, error) {
	var stored storedCommitments
	if s == "" {
		return audit.Commitments{}, nil
	}
	if err := json.Unmarshal([]byte(s), &stored); err != nil {
		return audit.Commitments{}, fmt.Errorf("decode commitments: %w", err)
	}
	return audit.Commitments(stored), nil
}

// storedPersonal is the stored form of audit.Personal.
type storedPersonal struct {
	Subject    string `json:"subject"`
	Salt       string `json:"salt,omitempty"`
	Value      string `json:"value,omitempty"`
	Commitment string `json:"commitment,omitempty"`
}

func encodePersonal(list []audit.Personal) (string, error) {
	stored := make([]storedPersonal, len(list))
	for i, p := range list {
		if !utf8.ValidString(p.Value) {
			return "", errText // JSON would replace it, and the leaf would not agree
		}
		stored[i] = storedPersonal{Subject: string(p.Subject), Salt: hex.EncodeToString(p.Salt), Value: p.Value, Commitment: p.Commitment}
	}
	return encodeList(stored)
}

func decodePersonal(s string) ([]audit.Personal, error) {
	if s == "" {
		return nil, nil
	}
	var stored []storedPersonal
	if err := json.Unmarshal([]byte(s), &stored); err != nil {
		return nil, fmt.Errorf("decode personal data: %w", err)
	}
	list := make([]audit.Personal, len(stored))
	for i, p := range stored {
		salt, err := hex.DecodeString(p.Salt)
		if err != nil {
			return nil, fmt.Errorf("decode personal data: %w", err)
		}
		list[i] = audit.Personal{Subject: id.User(p.Subject), Value: p.Value, Commitment: p.Commitment}
		if len(salt) > 0 {
			list[i].Salt = salt
		}
	}
	return list, nil
}

// eachRecord reads rows of recordColumns and calls f for each.
func eachRecord(f func(*audit.Record) error) func(row) error {
	return func(row row) error {
		var s recordScan
		if err := row.Scan(s.into()...); err != nil {
			return err
		}
		record, err := s.value()
		if err != nil {
			return err
		}
		return f(&record)
	}
}

// intoRecords reads rows of recordColumns into a list.
func intoRecords(list *[]audit.Record) func(row) error {
	return eachRecord(func(r *audit.Record) error {
		*list = append(*list, *r)
		return nil
	})
}

// AuditRecords implements org.AuditReader.
func (r *reader) AuditRecords(ctx context.Context, log id.Log, after int64, limit int) ([]audit.Record, error) {
	const auditRecordsSQL = `SELECT ` + recordColumns + ` FROM audit_records WHERE log_id = $1 AND seq > $2 ORDER BY seq LIMIT $3`
	var all []audit.Record
	err := r.query(ctx, auditRecordsSQL, []any{string(log), after, limit}, intoRecords(&all))
	return all, err
}

// The statements of a record: the second and the third select the place that
// the first one takes.
var (
	nextPlace = &part{name: "head", text: `INSERT INTO audit_heads (log_id, seq, time) VALUES ($1, 1, $2)
		ON CONFLICT (log_id) DO UPDATE SET seq = audit_heads.seq + 1,
		time = CASE WHEN audit_heads.time > excluded.time THEN audit_heads.time ELSE excluded.time END`, returning: " RETURNING seq, time"}
	appendRecord = &part{name: "record", text: `INSERT INTO audit_records (` + recordColumns + `) SELECT $1, seq, $2, time, $3, $4, $5, $6,
		$7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33 FROM head($1)`}
	appendSubjects = &part{name: "subjects", text: `INSERT INTO audit_subjects (subject_id, log_id, seq)
		SELECT value, $2, seq FROM list($1) CROSS JOIN head($2)`}
)

// AppendAudit implements org.AuditTx. The row of the head stays locked until
// the transaction ends.
func (t *tx) AppendAudit(ctx context.Context, r *audit.Record) error {
	values, err := recordValues(r)
	if err != nil {
		return err
	}
	log := string(r.Log)
	unit := []bound{{nextPlace, []any{log, micros(r.Time)}}, {appendRecord, append([]any{log}, values...)}}
	if subjects := r.Subjects(); len(subjects) > 0 {
		unit = append(unit, bound{appendSubjects, []any{list(t.dialect, subjects), log}})
	}
	return t.join(ctx, unit...)
}

// AppendAudits implements org.AuditTx.
func (t *tx) AppendAudits(ctx context.Context, records []*audit.Record) error {
	if len(records) == 0 {
		return nil
	}
	if err := t.placeAll(ctx, records); err != nil {
		return err
	}
	var rows, subjects [][]any
	for _, r := range records {
		v, err := recordValues(r)
		if err != nil {
			return err
		}
		rows = append(rows, slices.Concat([]any{string(r.Log), r.Seq, v[0], micros(r.Time)}, v[1:]))
		for _, subject := range r.Subjects() {
			subjects = append(subjects, []any{string(subject), string(r.Log), r.Seq})
		}
	}
	if err := t.load(ctx, "audit_records", recordColumns, rows); err != nil {
		return err
	}
	return t.load(ctx, "audit_subjects", "subject_id, log_id, seq", subjects)
}

// placeAll takes a place for each of the records, which are of one log.
func (t *tx) placeAll(ctx context.Context, records []*audit.Record) error {
	const nextManySQL = `INSERT INTO audit_heads (log_id, seq, time) VALUES ($1, $2, $3)
		ON CONFLICT (log_id) DO UPDATE SET seq = audit_heads.seq + excluded.seq,
		time = CASE WHEN audit_heads.time > excluded.time THEN audit_heads.time ELSE excluded.time END
		RETURNING seq, time`
	log, n := records[0].Log, int64(len(records))
	var seq, last int64
	err := t.one(ctx, "place", nextManySQL, []any{string(log), n, micros(records[0].Time)}, &seq, &last)
	if err != nil {
		return err
	}
	first := last
	for i, r := range records {
		if r.Log != log {
			return fmt.Errorf("append records of the logs %s and %s at once", log, r.Log)
		}
		last = max(last, micros(r.Time))
		r.Seq, r.Time = seq-n+1+int64(i), moment(last)
	}
	if last == first {
		return nil
	}
	const lastSQL = `UPDATE audit_heads SET time = $2 WHERE log_id = $1`
	return t.exec(ctx, lastSQL, string(log), last)
}

// recordValues returns what stands in the columns of a record, but for log_id,
// seq and time.
func recordValues(r *audit.Record) ([]any, error) {
	personal, err := encodePersonal(r.Personal)
	if err != nil {
		return nil, err
	}
	commitments, err := encodeCommitments(r.Actor.Commitments)
	if err != nil {
		return nil, err
	}
	return []any{
		string(r.ID), string(r.Account), r.Source, r.SourceID, micros(r.Occurred),
		string(r.Action.Type), r.Action.Description, string(r.Result),
		string(r.Actor.ID), string(r.Actor.Type), string(r.Actor.Context), r.Actor.Email, r.Actor.IP,
		string(r.Actor.TokenID), r.Actor.TokenName, bytesOf(r.Actor.Salt), commitments, string(r.Actor.Subject),
		r.Raw.RayID, r.Raw.Method, r.Raw.URI, r.Raw.UserAgent, r.Raw.Status,
		r.Resource.ID, r.Resource.Type, r.Resource.Product, string(r.Resource.Scope),
		string(r.Resource.Request), string(r.Resource.Response), string(r.Resource.Before), string(r.Resource.After),
		personal,
	}, nil
}

// bytesOf returns the parameter for bytes, which are never null.
func bytesOf(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
