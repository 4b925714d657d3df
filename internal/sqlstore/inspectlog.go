package sqlstore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
)

// InspectJournal calls f for every entry of the journal, by log and tick.
func (r *reader) InspectJournal(ctx context.Context, f func(log id.Log, tick, first, last int64) error) error {
	const inspectJournalSQL = `SELECT log_id, tick, first_seq, last_seq FROM audit_journal ORDER BY log_id, tick`
	return r.query(ctx, inspectJournalSQL, nil, func(row row) error {
		var log id.Log
		var tick, first, last int64
		if err := row.Scan((*string)(&log), &tick, &first, &last); err != nil {
			return err
		}
		return f(log, tick, first, last)
	})
}

// inspectedAtOnce is how many records are held at a time when something else is
// looked up for each of them.
const inspectedAtOnce = 1000

// InspectSubjects calls f for every record that may describe somebody, by log
// and sequence, with what of it says whom, and who of those is kept as
// described by it.
func (r *reader) InspectSubjects(ctx context.Context, f func(rec *audit.Record, kept []id.User) error) error {
	for after := (audit.Record{}); ; {
		page, err := r.describing(ctx, &after)
		if err != nil || len(page) == 0 {
			return err
		}
		for len(page) > 0 {
			n := slices.IndexFunc(page, func(other audit.Record) bool { return other.Log != page[0].Log })
			if n < 0 {
				n = len(page)
			}
			kept, err := r.keptSubjects(ctx, page[:n])
			if err != nil {
				return err
			}
			for i := range page[:n] {
				if err := f(&page[i], kept[page[i].Seq]); err != nil {
					return err
				}
			}
			after, page = page[n-1], page[n:]
		}
	}
}

// describing returns the next records behind after that may describe somebody.
func (r *reader) describing(ctx context.Context, after *audit.Record) ([]audit.Record, error) {
	const describingSQL = `SELECT log_id, seq, source, actor_email, actor_subject, actor_commitments, personal FROM audit_records
		WHERE (log_id, seq) > ($1, $2) AND (personal <> '' OR actor_subject <> '' OR source <> '') ORDER BY log_id, seq LIMIT $3`
	var page []audit.Record
	err := r.query(ctx, describingSQL, []any{string(after.Log), after.Seq, inspectedAtOnce}, func(row row) error {
		var rec audit.Record
		var commitments, personal string
		err := row.Scan((*string)(&rec.Log), &rec.Seq, &rec.Source, &rec.Actor.Email, (*string)(&rec.Actor.Subject), &commitments, &personal)
		if err != nil {
			return err
		}
		if rec.Actor.Commitments, err = decodeCommitments(commitments); err == nil {
			rec.Personal, err = decodePersonal(personal)
		}
		if err != nil {
			return fmt.Errorf("record %d of log %s: %w", rec.Seq, rec.Log, err)
		}
		page = append(page, rec)
		return nil
	})
	return page, err
}

// keptSubjects returns who of those whom records of one log describe is kept,
// by the numbers of the records.
func (r *reader) keptSubjects(ctx context.Context, records []audit.Record) (map[int64][]id.User, error) {
	const keptSQL = `SELECT seq, subject_id FROM audit_subjects WHERE subject_id IN (SELECT value FROM list($1)) AND log_id = $2
		AND seq >= $3 AND seq <= $4 ORDER BY seq, subject_id`
	var subjects []id.User
	for i := range records {
		subjects = append(subjects, records[i].Subjects()...)
	}
	slices.Sort(subjects)
	kept := make(map[int64][]id.User, len(records))
	first, last := &records[0], &records[len(records)-1]
	args := []any{list(r.dialect, slices.Compact(subjects)), string(first.Log), first.Seq, last.Seq}
	err := r.query(ctx, keptSQL, args, func(row row) error {
		var seq int64
		var subject id.User
		err := row.Scan(&seq, (*string)(&subject))
		kept[seq] = append(kept[seq], subject)
		return err
	})
	return kept, err
}

// InspectStreams calls f for every stream, with the head of its log.
func (r *reader) InspectStreams(ctx context.Context, f func(org.Stream) error) error {
	const inspectStreamsSQL = `SELECT ` + streamColumns + streamFrom + ` ORDER BY s.id`
	return r.query(ctx, inspectStreamsSQL, nil, func(row row) error {
		var s streamScan
		if err := row.Scan(s.into()...); err != nil {
			return err
		}
		st, err := s.value()
		if err != nil {
			return err
		}
		return f(st)
	})
}

// InspectLeases calls f for everything that a process holds or has held:
// what kind of thing it is, its identifier, by whom and until when. A stream
// that is paused is of a kind of its own.
func (r *reader) InspectLeases(ctx context.Context, f func(kind, key string, l org.Lease) error) error {
	const inspectLeasesSQL = `SELECT CASE WHEN paused THEN 'paused stream' ELSE 'stream' END AS kind, id, lease_holder, lease_end FROM audit_streams WHERE lease_end <> 0
		UNION ALL SELECT 'budget', id, lease_holder, lease_end FROM budgets WHERE lease_end <> 0
		UNION ALL SELECT 'crossing', id, lease_holder, lease_end FROM budget_crossings WHERE lease_end <> 0 ORDER BY kind, id`
	return r.query(ctx, inspectLeasesSQL, nil, func(row row) error {
		var kind, key string
		var l org.Lease
		var end int64
		if err := row.Scan(&kind, &key, &l.Holder, &end); err != nil {
			return err
		}
		l.End = moment(end)
		return f(kind, key, l)
	})
}

// InspectCosigned calls f for the last checkpoint of every log that witnesses
// have cosigned, with the size that it is kept under.
func (r *reader) InspectCosigned(ctx context.Context, f func(log id.Log, size int64, checkpoint string) error) error {
	const inspectCosignedSQL = `SELECT log_id, size, checkpoint FROM audit_cosignatures ORDER BY log_id`
	return r.query(ctx, inspectCosignedSQL, nil, func(row row) error {
		var log id.Log
		var size int64
		var checkpoint string
		if err := row.Scan((*string)(&log), &size, &checkpoint); err != nil {
			return err
		}
		return f(log, size, checkpoint)
	})
}

// InspectSettings calls f for the settings of every log that has some, with
// the time at which they were set.
func (r *reader) InspectSettings(ctx context.Context, f func(log id.Log, s org.AuditSettings, updated time.Time) error) error {
	const inspectSettingsSQL = `SELECT log_id, retention_months, legal_hold, updated_at FROM audit_settings ORDER BY log_id`
	return r.query(ctx, inspectSettingsSQL, nil, func(row row) error {
		var log id.Log
		var s org.AuditSettings
		var updated int64
		if err := row.Scan((*string)(&log), &s.RetentionMonths, &s.LegalHold, &updated); err != nil {
			return err
		}
		return f(log, s, moment(updated))
	})
}

// InspectErasures calls f for every erasure.
func (r *reader) InspectErasures(ctx context.Context, f func(org.Erasure) error) error {
	const inspectErasuresSQL = `SELECT ` + erasureColumns + ` FROM user_erasures ORDER BY user_id`
	return r.query(ctx, inspectErasuresSQL, nil, func(row row) error {
		var s erasureScan
		if err := row.Scan(s.into()...); err != nil {
			return err
		}
		return f(s.value())
	})
}
