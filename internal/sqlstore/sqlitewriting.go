package sqlstore

import (
	"context"
	"database/sql/driver"
)

// sqliteWriting is a transaction that writes. It begins with the first
// statement that answers something. What it only writes and assumes until
// then is put off; if nothing else comes, whoever has the writing connection
// at its commit makes its writes in a row: what all transactions have to wait
// for is held as short as that takes.
type sqliteWriting struct {
	sqliteTransaction // its conn is nil until the transaction has begun

	writer  *sqliteWriter
	readers conn
	off     sqliteLoad
	alone   bool // it runs again because of another one, and shall not take others along
	behind  bool // others of the same group come before it, it is a savepoint
}

// sqliteLoad is what a transaction puts off.
type sqliteLoad struct {
	assumptions []assumption
	writes      []sqliteWrite
	counts      countChanges
	guarded     bool       // one of the writes may fail for what is in it
	done        chan error // how it ended, once the load was shipped
}

// sqliteWrite is a statement that was put off.
type sqliteWrite struct {
	part *part // nil when it is none
	text string
	args []driver.NamedValue
}

// begin makes what was put off.
func (t *sqliteWriting) begin(ctx context.Context) error {
	if t.err != nil || t.conn != nil {
		return t.err
	}
	w := t.writer
	if err := w.take(ctx); err != nil {
		return t.keep(err)
	}
	t.behind = w.group != nil
	start := w.begin
	if t.behind {
		start = w.savepoint
	}
	if err := start(); err != nil {
		w.pass()
		return t.keep(err)
	}
	t.conn = w.conn
	if err := w.facts.confirm(t.conn, t.off.assumptions); err != nil {
		return t.keep(err)
	}
	if err := w.write(t.off.writes); err != nil {
		return t.keep(err)
	}
	return t.keep(w.settle(&t.off.counts))
}

func (t *sqliteWriting) query(ctx context.Context, text string, args []any, each func(row) error) error {
	if err := t.begin(ctx); err != nil {
		return err
	}
	return t.sqliteTransaction.query(ctx, text, args, each)
}

func (t *sqliteWriting) search(ctx context.Context, text string, args []any, each func(row) error) error {
	return t.query(ctx, text, args, each)
}

func (t *sqliteWriting) change(ctx context.Context, text string, args ...any) (int64, error) {
	if err := t.begin(ctx); err != nil {
		return 0, err
	}
	t.writer.facts.clear()
	return t.sqliteTransaction.change(ctx, text, args...)
}

func (t *sqliteWriting) exec(ctx context.Context, text string, args ...any) error {
	return t.write(ctx, nil, text, args)
}

// join runs the parts one after the other: there is no round trip to save.
func (t *sqliteWriting) join(ctx context.Context, unit ...bound) error {
	for _, b := range unit {
		if err := t.write(ctx, b.part, b.part.text, b.args); err != nil {
			return err
		}
	}
	return nil
}

// write runs a statement that answers nothing, now or later. Counts are put
// off by themselves, because those who commit together write them together.
func (t *sqliteWriting) write(ctx context.Context, p *part, text string, args []any) error {
	if t.err != nil {
		return t.err
	}
	if t.conn != nil {
		t.writer.facts.touch(p)
		_, err := t.sqliteTransaction.change(ctx, text, args...)
		return err
	}
	if p == addCounts {
		t.off.counts.addBound(args)
		return nil
	}
	named, err := appendArgs(make([]driver.NamedValue, 0, len(args)), text, args)
	if err != nil {
		return t.keep(err)
	}
	t.off.guarded = t.off.guarded || !harmless(p)
	t.off.writes = append(t.off.writes, sqliteWrite{p, text, named})
	return nil
}

func (t *sqliteWriting) load(ctx context.Context, table, columns string, rows [][]any) error {
	if err := t.begin(ctx); err != nil {
		return err
	}
	t.writer.facts.clear()
	return t.sqliteTransaction.load(ctx, table, columns, rows)
}

func (t *sqliteWriting) assume(condition string, args ...any) error {
	a := newAssumption(condition, args)
	if t.err != nil {
		return t.err
	}
	if t.conn != nil {
		if err := t.writer.facts.confirm(t.conn, []assumption{a}); err != nil {
			return t.keep(err)
		}
		return nil
	}
	t.off.assumptions = append(t.off.assumptions, a)
	return nil
}

func (t *sqliteWriting) beside() conn {
	if t.conn != nil || len(t.off.writes) > 0 {
		return nil
	}
	return t.readers
}

func (t *sqliteWriting) unconfirmed() bool { return t.conn == nil && len(t.off.assumptions) > 0 }

func (t *sqliteWriting) flush(ctx context.Context) error { return t.begin(ctx) }

func (t *sqliteWriting) apart() { t.alone = true }

func (t *sqliteWriting) commit(ctx context.Context) error {
	if t.err != nil {
		return t.err
	}
	if t.conn == nil {
		t.ended = true
		t.off.done = make(chan error, 1)
		t.off.guarded = t.off.guarded || t.alone
		return t.keep(t.writer.ship(ctx, &t.off))
	}
	if t.behind {
		if _, err := t.conn.run(context.WithoutCancel(ctx), "RELEASE member", nil); err != nil {
			return t.keep(err)
		}
	}
	t.ended = true
	done := make(chan error, 1)
	t.writer.add(done)
	t.writer.pass()
	return t.keep(<-done)
}

// rollback takes back what this transaction did. If those before it are lost
// with it, they run again.
func (t *sqliteWriting) rollback(context.Context) {
	if t.ended {
		return
	}
	t.ended = true
	if t.conn == nil {
		return
	}
	if t.behind {
		t.writer.undo(true, t.err)
	} else {
		t.writer.reset()
	}
	t.writer.pass()
}
