package sqlstore

import (
	"context"
	"time"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
)

// EraseUser implements org.UserTx.
func (t *tx) EraseUser(ctx context.Context, u id.User, email string, at time.Time) error {
	const eraseUserSQL = `UPDATE users SET email = $2, email_fold = $3, first_name = '', last_name = '', two_factor = FALSE, administrator = FALSE,
		status = 'disabled', updated_at = $4 WHERE id = $1`
	if err := t.must(ctx, eraseUserSQL, string(u), email, fold(email), micros(at)); err != nil {
		return err
	}
	const (
		eraseTokensSQL  = `DELETE FROM api_tokens WHERE user_id = $1`
		eraseKeySQL     = `DELETE FROM api_keys WHERE user_id = $1`
		eraseAnswersSQL = `DELETE FROM idempotency_answers WHERE user_id = $1`
	)
	for _, sql := range []string{eraseTokensSQL, eraseKeySQL, eraseAnswersSQL} {
		if err := t.exec(ctx, sql, string(u)); err != nil {
			return err
		}
	}
	return nil
}

// Memberships implements org.MemberReader.
func (r *reader) Memberships(ctx context.Context, u id.User) (members []org.Member, accounts []org.AccountMember, err error) {
	const membershipsSQL = `SELECT ` + memberColumns + memberFrom + ` JOIN organizations o ON o.id = m.organization_id AND o.deleted_at = 0
		WHERE m.user_id = $1 AND m.status IN ('pending', 'active') ORDER BY m.id`
	err = r.query(ctx, membershipsSQL, []any{string(u)}, func(row row) error {
		var s memberScan
		err := row.Scan(s.into()...)
		members = append(members, s.value())
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	const accountMembershipsSQL = `SELECT ` + accountMemberColumns + accountMemberFrom + ` JOIN accounts a ON a.id = m.account_id AND a.deleted_at = 0
		WHERE m.user_id = $1 ORDER BY m.id`
	err = r.query(ctx, accountMembershipsSQL, []any{string(u)}, func(row row) error {
		var s accountMemberScan
		err := row.Scan(s.into()...)
		accounts = append(accounts, s.value())
		return err
	})
	return members, accounts, err
}

const erasureColumns = `user_id, state, email, log_id, seq, records, requested_at, completed_at`

// erasureScan is where a row of erasureColumns goes.
type erasureScan struct {
	erasure              org.Erasure
	requested, completed int64
}

func (s *erasureScan) into() []any {
	e := &s.erasure
	return []any{(*string)(&e.User), (*string)(&e.State), &e.Email, (*string)(&e.Log), &e.Seq, &e.Records, &s.requested, &s.completed}
}

func (s *erasureScan) value() org.Erasure {
	e := s.erasure
	e.Requested, e.Completed = moment(s.requested), moment(s.completed)
	return e
}

// Erasure implements org.ErasureReader.
func (r *reader) Erasure(ctx context.Context, u id.User) (org.Erasure, error) {
	const erasureSQL = `SELECT ` + erasureColumns + ` FROM user_erasures WHERE user_id = $1`
	var s erasureScan
	err := r.one(ctx, "erasure", erasureSQL, []any{string(u)}, s.into()...)
	return s.value(), err
}

// OpenErasures implements org.ErasureReader.
func (r *reader) OpenErasures(ctx context.Context) ([]org.Erasure, error) {
	const openErasuresSQL = `SELECT ` + erasureColumns + ` FROM user_erasures WHERE state <> 'complete' ORDER BY requested_at, user_id`
	var all []org.Erasure
	err := r.query(ctx, openErasuresSQL, nil, func(row row) error {
		var s erasureScan
		err := row.Scan(s.into()...)
		all = append(all, s.value())
		return err
	})
	return all, err
}

// PutErasure implements org.ErasureTx.
func (t *tx) PutErasure(ctx context.Context, e org.Erasure) error {
	const putErasureSQL = `INSERT INTO user_erasures (` + erasureColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (user_id) DO UPDATE SET state = excluded.state, email = excluded.email, log_id = excluded.log_id, seq = excluded.seq,
		records = excluded.records, completed_at = excluded.completed_at`
	return t.exec(ctx, putErasureSQL, string(e.User), string(e.State), e.Email, string(e.Log), e.Seq, e.Records, micros(e.Requested), micros(e.Completed))
}

// PersonalLog implements org.ErasureReader. Each log is looked up in four
// indexes; on SQLite, which has one index for a log, that is read. The
// look-ups are no EXISTS, which PostgreSQL may turn into reading all records
// of all logs.
func (r *reader) PersonalLog(ctx context.Context, p org.Person, after id.Log, held bool) (id.Log, error) {
	const personalLogSQL = `SELECT h.log_id FROM audit_heads h WHERE h.log_id > $1
		AND (SELECT COUNT(*) FROM audit_settings s WHERE s.log_id = h.log_id AND s.legal_hold) = $5
		AND COALESCE(
			(SELECT 1 FROM audit_records a WHERE a.log_id = h.log_id AND a.actor_id = $2 AND a.actor_commitments = '' LIMIT 1),
			(SELECT 1 FROM audit_records e WHERE e.log_id = h.log_id AND e.actor_email = $3 LIMIT 1),
			(SELECT 1 FROM audit_subjects s WHERE s.subject_id = $2 AND s.log_id = h.log_id LIMIT 1),
			(SELECT 1 FROM audit_subjects s WHERE s.subject_id = $4 AND s.log_id = h.log_id LIMIT 1),
			0) = 1
		ORDER BY h.log_id LIMIT 1`
	want := int64(0)
	if held {
		want = 1
	}
	var log id.Log
	args := []any{string(after), string(p.User), fold(p.Email), string(audit.EmailSubject(p.Email)), want}
	err := r.one(ctx, "log", personalLogSQL, args, (*string)(&log))
	return log, err
}

// PersonalRecords implements org.ErasureReader.
func (r *reader) PersonalRecords(ctx context.Context, p org.Person, log id.Log, after int64, limit int) ([]audit.Record, error) {
	const personalRecordsSQL = `SELECT ` + recordColumns + ` FROM audit_records WHERE log_id = $1 AND seq IN (
		SELECT seq FROM (SELECT a.seq FROM audit_records a WHERE a.log_id = $1 AND a.actor_id = $2 AND a.actor_commitments = '' AND a.seq > $5
			ORDER BY a.seq LIMIT $6) actor
		UNION SELECT seq FROM (SELECT e.seq FROM audit_records e WHERE e.log_id = $1 AND e.actor_email = $3 AND e.seq > $5
			ORDER BY e.seq LIMIT $6) email
		UNION SELECT seq FROM (SELECT s.seq FROM audit_subjects s WHERE s.subject_id = $2 AND s.log_id = $1 AND s.seq > $5
			ORDER BY s.seq LIMIT $6) subject
		UNION SELECT seq FROM (SELECT s.seq FROM audit_subjects s WHERE s.subject_id = $4 AND s.log_id = $1 AND s.seq > $5
			ORDER BY s.seq LIMIT $6) unknown
		) ORDER BY seq LIMIT $6`
	var all []audit.Record
	args := []any{string(log), string(p.User), fold(p.Email), string(audit.EmailSubject(p.Email)), after, limit}
	err := r.query(ctx, personalRecordsSQL, args, intoRecords(&all))
	return all, err
}

// EraseRecord implements org.ErasureTx.
func (t *tx) EraseRecord(ctx context.Context, r *audit.Record, gone []id.User) error {
	const eraseRecordSQL = `UPDATE audit_records SET actor_email = $3, actor_ip = $4, raw_user_agent = $5, actor_salt = $6, actor_commitments = $7, personal = $8
		WHERE log_id = $1 AND seq = $2`
	personal, err := encodePersonal(r.Personal)
	if err != nil {
		return err
	}
	commitments, err := encodeCommitments(r.Actor.Commitments)
	if err != nil {
		return err
	}
	err = t.exec(ctx, eraseRecordSQL, string(r.Log), r.Seq, r.Actor.Email, r.Actor.IP, r.Raw.UserAgent, bytesOf(r.Actor.Salt), commitments, personal)
	if err != nil {
		return err
	}
	const eraseSubjectSQL = `DELETE FROM audit_subjects WHERE subject_id = $1 AND log_id = $2 AND seq = $3`
	for _, subject := range gone {
		if err := t.exec(ctx, eraseSubjectSQL, string(subject), string(r.Log), r.Seq); err != nil {
			return err
		}
	}
	return nil
}
