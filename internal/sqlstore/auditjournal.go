package sqlstore

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/orgd/orgd/internal/id"
)

const backlogSQL = `SELECT h.log_id, h.seq, h.time,
	COALESCE((SELECT j.last_seq FROM audit_journal j WHERE j.log_id = h.log_id ORDER BY j.last_seq DESC LIMIT 1), 0)
	FROM list($1) JOIN audit_heads h ON h.log_id = value`

// backlog is what the journal lacks of a log: the numbers from first to last,
// the last of them at a time.
type backlog struct {
	log         id.Log
	first, last int64
	time        int64
}

func (r *reader) backlogs(ctx context.Context, logs []id.Log) ([]backlog, error) {
	var all []backlog
	err := r.query(ctx, backlogSQL, []any{list(r.dialect, logs)}, func(row row) error {
		var l backlog
		err := row.Scan((*string)(&l.log), &l.last, &l.time, &l.first)
		if l.first++; l.first <= l.last {
			all = append(all, l)
		}
		return err
	})
	slices.SortFunc(all, func(a, b backlog) int { return cmp.Compare(a.log, b.log) })
	return all, err
}

func count(logs []backlog) int64 {
	var n int64
	for _, l := range logs {
		n += l.last - l.first + 1
	}
	return n
}

// AuditBacklog implements org.AuditReader.
func (r *reader) AuditBacklog(ctx context.Context, logs []id.Log) (int64, error) {
	all, err := r.backlogs(ctx, logs)
	return count(all), err
}

// entry is a range of numbers of a log that begins at a time.
type entry struct {
	time        int64
	log         id.Log
	first, last int64
}

// maxEntries bounds what is written into the journal at once. A larger backlog
// is entered by spans of time instead of record by record.
const maxEntries = 10_000

// JournalAudits implements org.AuditTx. The lock makes the order of ticks that
// of commits. What commits after the backlog was read is left for later.
func (t *tx) JournalAudits(ctx context.Context, logs []id.Log, at time.Time) error {
	if err := t.Lock(ctx, "audit journal"); err != nil {
		return err
	}
	all, err := t.backlogs(ctx, logs)
	if err != nil || len(all) == 0 {
		return err
	}
	const lastTickSQL = `SELECT COALESCE(MAX(tick), 0) FROM audit_journal`
	tick, err := t.number(ctx, lastTickSQL)
	if err != nil {
		return err
	}
	tick = max(tick, micros(at)-1)
	for _, l := range all {
		tick = max(tick, l.time)
	}
	entries, err := t.entries(ctx, all)
	if err != nil {
		return err
	}
	rows := make([][]any, len(entries))
	for i, e := range entries {
		rows[i] = []any{tick + int64(i) + 1, string(e.log), e.first, e.last}
	}
	return t.load(ctx, "audit_journal", "tick, log_id, first_seq, last_seq", rows)
}

// entries returns the backlog in the order of times, in as few ranges as that
// takes.
func (t *tx) entries(ctx context.Context, logs []backlog) ([]entry, error) {
	if len(logs) == 1 {
		return []entry{{log: logs[0].log, first: logs[0].first, last: logs[0].last}}, nil
	}
	var all []entry
	var err error
	if count(logs) <= maxEntries {
		all, err = t.entriesByRecord(ctx, logs)
	} else {
		all, err = t.entriesBySpan(ctx, logs)
	}
	slices.SortFunc(all, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.log, b.log), cmp.Compare(a.first, b.first))
	})
	var joined []entry
	for _, e := range all {
		if n := len(joined); n > 0 && joined[n-1].log == e.log {
			joined[n-1].last = e.last
		} else {
			joined = append(joined, e)
		}
	}
	return joined, err
}

// entriesByRecord returns every record of the backlog.
func (t *tx) entriesByRecord(ctx context.Context, logs []backlog) ([]entry, error) {
	var all []entry
	for chunk := range slices.Chunk(logs, maxBranches) {
		b := &builder{dialect: t.dialect}
		for i, l := range chunk {
			if i > 0 {
				b.add(" UNION ALL ")
			}
			b.add("SELECT log_id, seq, time FROM audit_records WHERE log_id = ", b.arg(string(l.log)),
				" AND seq >= ", b.arg(l.first), " AND seq <= ", b.arg(l.last))
		}
		err := t.reader.search(ctx, b.text.String(), b.args, func(row row) error {
			var e entry
			err := row.Scan((*string)(&e.log), &e.first, &e.time)
			e.last = e.first
			all = append(all, e)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// entriesBySpan cuts the time of the backlog into spans and returns the range
// of each log in each of them.
func (t *tx) entriesBySpan(ctx context.Context, logs []backlog) ([]entry, error) {
	const firstTimeSQL = `SELECT COALESCE(MIN(time), 0) FROM (SELECT (SELECT time FROM audit_records WHERE log_id = h.log_id AND seq > h.last_seq ORDER BY seq LIMIT 1) AS time
		FROM (SELECT value AS log_id, COALESCE((SELECT last_seq FROM audit_journal WHERE log_id = value ORDER BY last_seq DESC LIMIT 1), 0) AS last_seq FROM list($1)) h) t`
	const cutSQL = `SELECT l.log_id, e.time, COALESCE((SELECT r.seq FROM audit_records r WHERE r.log_id = l.log_id AND r.time < e.time ORDER BY r.time DESC, r.seq DESC LIMIT 1), 0)
		FROM (SELECT value AS log_id FROM list($1)) l CROSS JOIN (SELECT CAST(value AS BIGINT) AS time FROM list($2)) e ORDER BY e.time`
	names := make([]id.Log, len(logs))
	left := make(map[id.Log]*backlog, len(logs))
	last := int64(0)
	for i := range logs {
		names[i] = logs[i].log
		left[logs[i].log] = &logs[i]
		last = max(last, logs[i].time)
	}
	first, err := t.number(ctx, firstTimeSQL, list(t.dialect, names))
	if err != nil {
		return nil, err
	}
	var cuts []string
	spans := max(1, maxEntries/int64(len(logs)))
	width := max(1, (last-first)/spans)
	for at := first + width; at < last; at += width {
		cuts = append(cuts, strconv.FormatInt(at, 10))
	}
	var all []entry
	err = t.query(ctx, cutSQL, []any{list(t.dialect, names), t.dialect.encodeList(cuts)}, func(row row) error {
		var log id.Log
		var at, seq int64
		err := row.Scan((*string)(&log), &at, &seq)
		l := left[log]
		if seq = min(seq, l.last); seq >= l.first {
			all = append(all, entry{time: at - width, log: log, first: l.first, last: seq})
			l.first = seq + 1
		}
		return err
	})
	for _, l := range logs {
		if l.first <= l.last {
			all = append(all, entry{time: last, log: l.log, first: l.first, last: l.last})
		}
	}
	return all, err
}
