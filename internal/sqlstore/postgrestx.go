package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// postgresTransaction sends BEGIN with the first statement, and statements
// that answer nothing with the next one that does, or with COMMIT: a round
// trip costs more than most statements. After a failure nothing more is sent.
type postgresTransaction struct {
	backend *postgresBackend
	conn    *pgxpool.Conn // nil until something is sent
	begin   string
	alone   bool // no other transaction is committed together with it
	begun   bool
	ended   bool
	refused bool // the server answered with an error
	queue   []queued
	hints   []statement // to be sent with the next reading statement
	early   []*answer   // of hints that were sent
	err     error
}

type statement struct {
	text string
	args []any
}

// queued is a statement, or several that will be one.
type queued struct {
	statement
	group *group
}

func (t *postgresTransaction) keep(err error) error {
	if t.err == nil {
		t.err = err
	}
	return err
}

func (t *postgresTransaction) failure() error { return t.err }

func (t *postgresTransaction) beside() conn { return nil }

func (t *postgresTransaction) apart() { t.alone = true }

// connect takes a connection when there is none yet.
func (t *postgresTransaction) connect(ctx context.Context) error {
	if t.conn != nil {
		return nil
	}
	c, err := t.backend.pool.Acquire(ctx)
	if err != nil {
		return t.keep(t.backend.translate(err, "connect"))
	}
	t.conn = c
	return nil
}

// failed keeps and translates an error of the statement text.
func (t *postgresTransaction) failed(err error, text string) error {
	t.refused = t.refused || answered(err)
	return t.keep(translate(err, text))
}

func (t *postgresTransaction) exec(_ context.Context, text string, args ...any) error {
	if t.err != nil {
		return t.err
	}
	if err := checkText(args); err != nil {
		return t.keep(err)
	}
	t.forget()
	t.queue = append(t.queue, queued{statement: statement{postgresDialect.rewrite(text), args}})
	return nil
}

func (t *postgresTransaction) join(_ context.Context, unit ...bound) error {
	if t.err != nil {
		return t.err
	}
	for _, b := range unit {
		if err := checkText(b.args); err != nil {
			return t.keep(err)
		}
	}
	t.forget()
	g := t.lastGroup()
	if !g.takes(unit) {
		g = &group{}
		t.queue = append(t.queue, queued{group: g})
	}
	g.units = append(g.units, unit)
	return nil
}

func (t *postgresTransaction) assume(condition string, args ...any) error {
	if t.err != nil {
		return t.err
	}
	g := t.lastGroup()
	same := func(s statement) bool { return s.text == condition && slices.Equal(s.args, args) }
	if !slices.ContainsFunc(g.conditions, same) {
		g.conditions = append(g.conditions, statement{condition, args})
	}
	return nil
}

// lastGroup returns the group that ends the queue, a new one if none does.
func (t *postgresTransaction) lastGroup() *group {
	if n := len(t.queue); n > 0 && t.queue[n-1].group != nil {
		return t.queue[n-1].group
	}
	g := &group{}
	t.queue = append(t.queue, queued{group: g})
	return g
}

func (t *postgresTransaction) unconfirmed() bool {
	return slices.ContainsFunc(t.queue, func(q queued) bool { return q.group != nil && len(q.group.conditions) > 0 })
}

// take empties the queue.
func (t *postgresTransaction) take() []statement {
	all := make([]statement, 0, len(t.queue)+1)
	for _, q := range t.queue {
		if q.group != nil {
			q.statement = q.group.statement(&t.backend.joined)
		}
		all = append(all, q.statement)
	}
	t.queue = nil
	return all
}

func (t *postgresTransaction) query(ctx context.Context, text string, args []any, each func(row) error) error {
	if t.err != nil {
		return t.err
	}
	if err := checkText(args); err != nil {
		return err
	}
	text = postgresDialect.rewrite(text)
	if a := t.recall(text, args); a != nil {
		return a.read(t.conn.Conn().TypeMap(), each)
	}
	if t.begun && len(t.queue) == 0 && len(t.hints) == 0 {
		rows, err := t.conn.Query(ctx, text, args...)
		return t.keepEngine(readOrFail(rows, err, text, each))
	}
	return t.send(ctx, statement{text, args}, func(br pgx.BatchResults) error {
		rows, err := br.Query()
		return readOrFail(rows, err, text, each)
	})
}

// search cannot share a round trip with what is queued: one batch runs either
// named statements or unnamed ones.
func (t *postgresTransaction) search(ctx context.Context, text string, args []any, each func(row) error) error {
	if err := t.flush(ctx); err != nil {
		return err
	}
	return t.query(ctx, text, unnamed(args), each)
}

func (t *postgresTransaction) change(ctx context.Context, text string, args ...any) (int64, error) {
	if t.err != nil {
		return 0, t.err
	}
	if err := checkText(args); err != nil {
		return 0, t.keep(err)
	}
	t.forget()
	var tag pgconn.CommandTag
	text = postgresDialect.rewrite(text)
	err := t.send(ctx, statement{text, args}, func(br pgx.BatchResults) error {
		var err error
		tag, err = br.Exec()
		return translate(err, text)
	})
	return tag.RowsAffected(), err
}

// load copies the rows, which costs the server a third of inserting each.
func (t *postgresTransaction) load(ctx context.Context, table, columns string, rows [][]any) error {
	if len(rows) == 0 {
		return nil
	}
	for _, values := range rows {
		if err := checkText(values); err != nil {
			return t.keep(err)
		}
	}
	if err := t.flush(ctx); err != nil {
		return err
	}
	t.forget()
	names := strings.FieldsFunc(columns, func(r rune) bool { return r == ',' || unicode.IsSpace(r) })
	if _, err := t.conn.CopyFrom(ctx, pgx.Identifier{table}, names, pgx.CopyFromRows(rows)); err != nil {
		return t.keep(translate(err, "copy "+table))
	}
	return nil
}

// flush sends what is queued, BEGIN included.
func (t *postgresTransaction) flush(ctx context.Context) error {
	if t.err != nil {
		return t.err
	}
	if t.begun && len(t.queue) == 0 {
		return nil
	}
	return t.sendAll(ctx, t.opened(t.take()))
}

// opened puts BEGIN before the first statements of a transaction.
func (t *postgresTransaction) opened(all []statement) []statement {
	if t.begun {
		return all
	}
	t.begun = true
	return slices.Insert(all, 0, statement{text: t.begin})
}

// sendAll runs statements that answer nothing in one round trip.
func (t *postgresTransaction) sendAll(ctx context.Context, all []statement) error {
	if err := t.connect(ctx); err != nil {
		return err
	}
	var batch pgx.Batch
	for _, s := range all {
		batch.Queue(s.text, s.args...)
	}
	results := t.conn.SendBatch(ctx, &batch)
	if err := t.pass(results, all); err != nil {
		return err
	}
	return t.failed(results.Close(), all[len(all)-1].text)
}

// pass reads the answers to statements that answer nothing.
func (t *postgresTransaction) pass(results pgx.BatchResults, all []statement) error {
	for _, s := range all {
		tag, err := results.Exec()
		if err == nil && s.text == commitSQL && tag.String() != "COMMIT" {
			err = fmt.Errorf("the server answered %s", tag)
		}
		if err != nil {
			_ = results.Close()
			return t.failed(err, s.text)
		}
	}
	return nil
}

// send runs what is queued, then last, whose answer finish reads, and then
// what there are hints of, in one round trip.
func (t *postgresTransaction) send(ctx context.Context, last statement, finish func(pgx.BatchResults) error) error {
	if err := t.connect(ctx); err != nil {
		return err
	}
	var batch pgx.Batch
	before := t.opened(t.take())
	hints := t.hints
	for _, s := range slices.Concat(before, []statement{last}, hints) {
		batch.Queue(s.text, s.args...)
	}
	t.hints = nil
	results := t.conn.SendBatch(ctx, &batch)
	if err := t.pass(results, before); err != nil {
		return err
	}
	err := t.keepEngine(finish(results))
	for _, s := range hints {
		if t.err != nil {
			break
		}
		a, err := collect(results, s)
		if err != nil {
			_ = results.Close()
			return t.keep(translate(err, s.text))
		}
		t.early = append(t.early, a)
	}
	if closeErr := results.Close(); err == nil && closeErr != nil {
		err = t.keep(translate(closeErr, last.text))
	}
	return err
}

// callbackError is the error of a function that was called for a row; it is
// no failure of the engine.
type callbackError struct{ error }

func readOrFail(rows pgx.Rows, err error, text string, each func(row) error) error {
	if err != nil {
		return translate(err, text)
	}
	return readRows(rows, text, func(r row) error {
		if err := each(r); err != nil {
			return callbackError{err}
		}
		return nil
	})
}

// keepEngine remembers err unless it comes from a callback.
func (t *postgresTransaction) keepEngine(err error) error {
	if err == nil {
		return nil
	}
	if c, ok := errors.AsType[callbackError](err); ok {
		return c.error
	}
	return t.keep(err)
}

const commitSQL = "commit"

// commit sends what is queued and commits, together with others if possible.
func (t *postgresTransaction) commit(ctx context.Context) error {
	if t.err != nil {
		return t.err
	}
	if p := t.passenger(); p != nil {
		t.queue = nil
		if err := t.keep(t.backend.committer.commit(ctx, p)); err != nil {
			return err
		}
	} else if err := t.end(ctx); err != nil {
		return err
	}
	t.ended = true
	if t.conn != nil {
		t.conn.Release()
	}
	return nil
}

// end sends what is queued. Statements that share a round trip are a
// transaction anyway: the server commits all of them at its end, or none.
func (t *postgresTransaction) end(ctx context.Context) error {
	all := t.take()
	if !t.begun && len(all) == 0 {
		return nil
	}
	if err := t.connect(ctx); err != nil {
		return err
	}
	if t.begun || !plain(t.conn) {
		all = append(t.opened(all), statement{text: commitSQL})
	}
	return t.sendAll(ctx, all)
}

func (t *postgresTransaction) rollback(ctx context.Context) {
	if t.ended {
		return
	}
	t.ended = true
	if t.conn == nil {
		return
	}
	// A connection that is still in a transaction is closed when released.
	defer t.conn.Release()
	if !t.begun || t.conn.Conn().IsClosed() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
	defer cancel()
	_, _ = t.conn.Exec(ctx, "rollback")
}
