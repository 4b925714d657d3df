package sqlstore

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strconv"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/id"
)

// spot is the place of a record in the order of the journal, and its log as
// an index of the shares.
type spot struct {
	tick, seq int64
	share     int
}

// share is a log on its way into a page: the numbers in which further records
// of it may be found, and those that were found, in order.
type share struct {
	log         id.Log
	first, last int64
	found       []spot
	batch       int  // how many to ask for
	done        bool // there are no further ones
}

// merge puts a page of several logs together.
type merge struct {
	*reader
	q      *audit.Query
	need   int // the records of the page, and one more to know whether another follows
	shares []*share
}

// ListAudits implements org.AuditReader. First every log is asked for its
// first record: only those whose first record comes early can have a place on
// the page. Then each of these is asked for some more, and those that turn out
// to have most of the page for more still.
func (r *reader) ListAudits(ctx context.Context, logs []id.Log, q audit.Query) (audit.Merged, error) {
	var out audit.Merged
	err := r.snapshot(ctx, func(r *reader) error {
		m := &merge{reader: r, q: &q, need: q.Limit + 1}
		if err := m.begin(ctx, logs); err != nil {
			return err
		}
		spots, err := m.collect(ctx)
		if err != nil {
			return err
		}
		if len(spots) > q.Limit {
			spots, out.More = spots[:q.Limit], true
		}
		if len(spots) > 0 {
			out.Tick = spots[len(spots)-1].tick
		}
		out.Records, err = m.fetch(ctx, spots)
		return err
	})
	return out, err
}

// before compares places in the direction of the list.
func (m *merge) before(a, b spot) int {
	c := cmp.Or(cmp.Compare(a.tick, b.tick), cmp.Compare(a.seq, b.seq))
	if m.q.Ascending {
		return c
	}
	return -c
}

// begin finds the shares: the logs whose first record on or behind the page
// comes before that of all but need of them.
func (m *merge) begin(ctx context.Context, logs []id.Log) error {
	owner, err := m.tickOwner(ctx)
	if err != nil {
		return err
	}
	b := &builder{dialect: m.dialect}
	m.firstSQL(b, logs, owner)
	return m.search(ctx, b.text.String(), b.args, func(row row) error {
		p := &share{batch: max(2, 2*m.need/max(1, len(logs)))}
		s := spot{share: len(m.shares)}
		if err := row.Scan((*string)(&p.log), &p.first, &p.last, &s.seq, &s.tick); err != nil {
			return err
		}
		m.shares = append(m.shares, p)
		m.add(p, s)
		return nil
	})
}

// tickOwner returns the log that the tick of the page before belongs to.
func (m *merge) tickOwner(ctx context.Context) (id.Log, error) {
	var owner id.Log
	if m.q.After == 0 {
		return owner, nil
	}
	const ownerSQL = `SELECT log_id FROM audit_journal WHERE tick = $1`
	err := m.query(ctx, ownerSQL, []any{m.q.Tick}, func(row row) error { return row.Scan((*string)(&owner)) })
	return owner, err
}

// firstSQL composes the statement for the first record of each log that
// passes, and the numbers that it was looked for in. The window of time, the
// journal and the place of the page before are turned into ranges of numbers.
func (m *merge) firstSQL(b *builder, logs []id.Log, owner id.Log) {
	since, before := b.arg(edge(m.q.Since)), b.arg(edge(m.q.Before))
	const journaled = `(SELECT last_seq FROM audit_journal WHERE log_id = value ORDER BY last_seq DESC LIMIT 1)`
	low, high := "0", journaled
	if m.q.After != 0 {
		behind := `(SELECT last_seq FROM audit_journal WHERE log_id = value AND tick < ` + b.arg(m.q.Tick) + ` ORDER BY tick DESC LIMIT 1)`
		seq := m.q.After
		if !m.q.Ascending {
			seq--
		}
		behind = `CASE WHEN value = ` + b.arg(string(owner)) + ` THEN CAST(` + b.arg(seq) + ` AS BIGINT) ELSE ` + behind + ` END`
		if m.q.Ascending {
			low = behind
		} else {
			high = behind
		}
	}
	b.add(`WITH edges AS MATERIALIZED (SELECT value AS log_id,
		COALESCE((SELECT seq FROM audit_records WHERE log_id = value AND time >= `, since, ` ORDER BY time, seq LIMIT 1), `, strconv.Itoa(math.MaxInt64), `) AS since_seq,
		COALESCE((SELECT seq FROM audit_records WHERE log_id = value AND time < `, before, ` ORDER BY time DESC, seq DESC LIMIT 1), 0) AS before_seq,
		COALESCE(`, low, `, 0) AS low, COALESCE(`, high, `, 0) AS high
		FROM list(`, b.arg(list(b.dialect, logs)), `)), ranges AS MATERIALIZED (SELECT log_id,
		CASE WHEN since_seq > low THEN since_seq ELSE low + 1 END AS first_seq,
		CASE WHEN before_seq < high THEN before_seq ELSE high END AS last_seq
		FROM edges), matches AS MATERIALIZED (SELECT log_id, first_seq, last_seq, (SELECT r.seq FROM audit_records r
		WHERE r.log_id = ranges.log_id AND r.seq >= ranges.first_seq AND r.seq <= ranges.last_seq`)
	m.filters(b)
	b.add(" ORDER BY r.seq", m.direction(), ` LIMIT 1) AS seq FROM ranges WHERE first_seq <= last_seq)
		SELECT log_id, first_seq, last_seq, seq, `, tickOf("matches"), ` AS tick FROM matches WHERE seq IS NOT NULL
		ORDER BY tick`, m.direction(), ", seq", m.direction(), " LIMIT ", b.arg(m.need))
}

func (m *merge) filters(b *builder) {
	for i := range m.q.Filters {
		filterAudit(b, &m.q.Filters[i])
	}
}

func (m *merge) direction() string {
	if m.q.Ascending {
		return ""
	}
	return " DESC"
}

// tickOf is the tick of the record that a row names.
func tickOf(row string) string {
	return `(SELECT j.tick FROM audit_journal j WHERE j.log_id = ` + row + `.log_id AND j.last_seq >= ` + row + `.seq ORDER BY j.last_seq LIMIT 1)`
}

// add appends a record that was found.
func (m *merge) add(p *share, s spot) {
	p.found = append(p.found, s)
	if m.q.Ascending {
		p.first = max(p.first, s.seq+1)
	} else {
		p.last = min(p.last, s.seq-1)
	}
	p.done = p.first > p.last
}

// collect asks for records until no log can have another that belongs on the
// page, and returns them in order.
func (m *merge) collect(ctx context.Context) ([]spot, error) {
	for {
		var spots []spot
		for _, p := range m.shares {
			spots = append(spots, p.found...)
		}
		slices.SortFunc(spots, m.before)
		spots = spots[:min(len(spots), m.need)]
		open := m.open(spots)
		if len(open) == 0 {
			return spots, nil
		}
		for chunk := range slices.Chunk(open, maxBranches) {
			if err := m.fill(ctx, chunk); err != nil {
				return nil, err
			}
		}
	}
}

// open returns the shares that may have further records on the page.
func (m *merge) open(spots []spot) []int {
	var open []int
	for i, p := range m.shares {
		if p.done {
			continue
		}
		last := p.found[len(p.found)-1]
		if len(spots) < m.need || m.before(last, spots[m.need-1]) < 0 {
			open = append(open, i)
		}
	}
	return open
}

// fill asks shares for their next records.
func (m *merge) fill(ctx context.Context, shares []int) error {
	b := &builder{dialect: m.dialect}
	m.filters(b) // once, for all shares
	filters := b.text.String()
	b.text.Reset()
	got := make(map[int]int, len(shares))
	for n, i := range shares {
		if n > 0 {
			b.add(" UNION ALL ")
		}
		p := m.shares[i]
		b.add("SELECT ", strconv.Itoa(i), ", seq, ", tickOf("k"), ` FROM (SELECT log_id, seq FROM audit_records WHERE log_id = `, b.arg(string(p.log)),
			" AND seq >= ", b.arg(p.first), " AND seq <= ", b.arg(p.last), filters,
			" ORDER BY seq", m.direction(), " LIMIT ", b.arg(p.batch), ") k")
	}
	err := m.search(ctx, b.text.String(), b.args, func(row row) error {
		var s spot
		if err := row.Scan(&s.share, &s.seq, &s.tick); err != nil {
			return err
		}
		got[s.share]++
		m.add(m.shares[s.share], s)
		return nil
	})
	for _, i := range shares {
		p := m.shares[i]
		slices.SortFunc(p.found, m.before)
		p.done = p.done || got[i] < p.batch
		p.batch = min(4*p.batch, m.need)
	}
	return err
}

// fetch reads the records of a page, in order.
func (m *merge) fetch(ctx context.Context, spots []spot) ([]audit.Record, error) {
	places := make(map[id.Log]map[int64]int, len(m.shares))
	var logs []id.Log
	for i, s := range spots {
		log := m.shares[s.share].log
		if places[log] == nil {
			places[log], logs = make(map[int64]int), append(logs, log)
		}
		places[log][s.seq] = i
	}
	out := make([]audit.Record, len(spots))
	for chunk := range slices.Chunk(logs, maxBranches) {
		b := &builder{dialect: m.dialect}
		for n, log := range chunk {
			if n > 0 {
				b.add(" UNION ALL ")
			}
			recordsSQL(b, log, places[log])
		}
		records, err := m.searchAudit(ctx, b)
		if err != nil {
			return nil, err
		}
		for i := range records {
			out[places[records[i].Log][records[i].Seq]] = records[i]
		}
	}
	return out, nil
}

// recordsSQL composes the statement for some records of a log.
func recordsSQL(b *builder, log id.Log, seqs map[int64]int) {
	b.add("SELECT ", recordColumns, " FROM audit_records WHERE log_id = ", b.arg(string(log)), " AND seq IN (")
	separator := ""
	for seq := range seqs {
		b.add(separator, b.arg(seq))
		separator = ", "
	}
	b.add(")")
}
