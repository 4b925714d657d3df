package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
)

// SQLiteOptions chooses how OpenSQLite opens a database.
type SQLiteOptions struct {
	// Synchronous is "full" (the default: what was committed survives a loss
	// of power) or "normal" (it survives a crash of the process only).
	Synchronous string
	// Readers is the number of connections that read, 0 for a number that
	// suits the machine.
	Readers int
}

// OpenSQLite opens the database in the file at path, which is created when it
// is absent. It does not migrate.
func OpenSQLite(ctx context.Context, path string, o SQLiteOptions) (*Store, error) {
	b, err := openSQLite(ctx, path, o)
	if err != nil {
		return nil, fmt.Errorf("open SQLite database %s: %w", path, err)
	}
	s := newStore(b, sqliteDialect)
	s.recent = &recent{}
	if s.memo, err = newMemo(ctx, path, b.open); err != nil {
		return nil, errors.Join(fmt.Errorf("open SQLite database %s: %w", path, err), b.close())
	}
	return s, nil
}

// sqliteBackend has one connection that writes and some that read. Each is
// used by one caller at a time and keeps its prepared statements.
type sqliteBackend struct {
	open      opener
	writer    *sqliteWriter
	readers   chan *sqliteConn
	closed    chan struct{}
	closeOnce sync.Once
	closeErr  error
}

func openSQLite(ctx context.Context, path string, o SQLiteOptions) (*sqliteBackend, error) {
	synchronous := o.Synchronous
	if synchronous == "" {
		synchronous = "full"
	}
	if synchronous != "full" && synchronous != "normal" {
		return nil, fmt.Errorf("synchronous is %q, want full or normal", synchronous)
	}
	open, err := newOpener(path, synchronous)
	if err != nil {
		return nil, err
	}
	readers := o.Readers
	if readers <= 0 {
		readers = max(2, min(4, runtime.GOMAXPROCS(0)))
	}
	b := &sqliteBackend{
		open: open, writer: &sqliteWriter{open: open.writing}, readers: make(chan *sqliteConn, readers), closed: make(chan struct{}),
	}
	if err := b.connect(ctx, readers); err != nil {
		return nil, errors.Join(err, b.closeIdle())
	}
	if err := checkNotNewer(ctx, b, sqliteDialect); err != nil {
		return nil, errors.Join(err, b.close())
	}
	return b, nil
}

func (b *sqliteBackend) connect(ctx context.Context, readers int) error {
	w, err := b.writer.open()
	if err != nil {
		return err
	}
	c, err := b.open()
	if err != nil {
		return errors.Join(err, w.close())
	}
	b.writer.conn, b.writer.checkpoints, b.writer.idle = w, newCheckpointer(c), true
	for range readers {
		r, err := b.open()
		if err != nil {
			return err
		}
		if _, err := r.run(ctx, "PRAGMA query_only = 1", nil); err != nil {
			return err
		}
		b.readers <- r
	}
	return nil
}

// take waits for a connection that reads.
func (b *sqliteBackend) take(ctx context.Context) (*sqliteConn, error) {
	if err := contextError(ctx); err != nil {
		return nil, err
	}
	select {
	case <-b.closed:
		return nil, errClosed
	default:
	}
	select {
	case c := <-b.readers:
		return c, nil
	case <-b.closed:
		return nil, errClosed
	case <-ctx.Done():
		return nil, contextError(ctx)
	}
}

func (b *sqliteBackend) query(ctx context.Context, text string, args []any, each func(row) error) error {
	c, err := b.take(ctx)
	if err != nil {
		return err
	}
	defer func() { b.readers <- c }()
	return c.query(ctx, text, args, each)
}

func (b *sqliteBackend) search(ctx context.Context, text string, args []any, each func(row) error) error {
	return b.query(ctx, text, args, each)
}

func (b *sqliteBackend) begin(ctx context.Context, write bool) (transaction, error) {
	if write {
		return &sqliteWriting{writer: b.writer, readers: b}, nil
	}
	c, err := b.take(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := c.run(ctx, "BEGIN", nil); err != nil {
		b.readers <- c
		return nil, err
	}
	return &sqliteReading{sqliteTransaction: sqliteTransaction{conn: c}, backend: b}, nil
}

func (b *sqliteBackend) ready(ctx context.Context) error {
	t, err := b.begin(ctx, true)
	if err != nil {
		return err
	}
	defer t.rollback(ctx)
	return checkCurrent(ctx, t, sqliteDialect)
}

// close waits for what is under way.
func (b *sqliteBackend) close() error {
	b.closeOnce.Do(func() {
		close(b.closed)
		for range cap(b.readers) {
			b.closeErr = errors.Join(b.closeErr, (<-b.readers).close())
		}
		b.closeErr = errors.Join(b.closeErr, b.writer.close())
	})
	return b.closeErr
}

// closeIdle closes the connections that were made when one could not be.
func (b *sqliteBackend) closeIdle() error {
	var err error
	for len(b.readers) > 0 {
		err = errors.Join(err, (<-b.readers).close())
	}
	if b.writer.conn != nil {
		err = errors.Join(err, b.writer.close())
	}
	return err
}

// sqliteTransaction is what reading and writing transactions have in common.
type sqliteTransaction struct {
	conn  *sqliteConn
	ended bool
	err   error
}

func (t *sqliteTransaction) keep(err error) error {
	if t.err == nil {
		t.err = err
	}
	return err
}

func (t *sqliteTransaction) failure() error { return t.err }

func (t *sqliteTransaction) ahead(string, ...any) {}

func (t *sqliteTransaction) query(ctx context.Context, text string, args []any, each func(row) error) error {
	if t.err != nil {
		return t.err
	}
	return t.conn.query(ctx, text, args, each)
}

func (t *sqliteTransaction) search(ctx context.Context, text string, args []any, each func(row) error) error {
	return t.query(ctx, text, args, each)
}

func (t *sqliteTransaction) exec(ctx context.Context, text string, args ...any) error {
	_, err := t.change(ctx, text, args...)
	return err
}

// join runs the parts one after the other: there is no round trip to save.
func (t *sqliteTransaction) join(ctx context.Context, unit ...bound) error {
	for _, b := range unit {
		if err := t.exec(ctx, b.part.text, b.args...); err != nil {
			return err
		}
	}
	return nil
}

// A transaction that reads assumes nothing and puts nothing off.

func (t *sqliteTransaction) assume(string, ...any) error { return nil }

func (t *sqliteTransaction) unconfirmed() bool { return false }

func (t *sqliteTransaction) flush(context.Context) error { return t.err }

func (t *sqliteTransaction) beside() conn { return nil }

func (t *sqliteTransaction) apart() {}

// change leaves no way on after a failure, as PostgreSQL does.
func (t *sqliteTransaction) change(ctx context.Context, text string, args ...any) (int64, error) {
	if t.err != nil {
		return 0, t.err
	}
	n, err := t.conn.run(ctx, text, args)
	return n, t.keep(err)
}

// load inserts row by row: there is no round trip to save.
func (t *sqliteTransaction) load(ctx context.Context, table, columns string, rows [][]any) error {
	places := make([]string, strings.Count(columns, ",")+1)
	for i := range places {
		places[i] = fmt.Sprint("$", i+1)
	}
	text := "INSERT INTO " + table + " (" + columns + ") VALUES (" + strings.Join(places, ", ") + ")"
	for _, values := range rows {
		if err := t.exec(ctx, text, values...); err != nil {
			return err
		}
	}
	return nil
}

// sqliteReading is a transaction that reads.
type sqliteReading struct {
	sqliteTransaction
	backend *sqliteBackend
}

func (t *sqliteReading) commit(ctx context.Context) error {
	t.rollback(ctx)
	return t.err
}

// rollback replaces a connection that cannot even roll back.
func (t *sqliteReading) rollback(ctx context.Context) {
	if t.ended {
		return
	}
	t.ended = true
	defer func() { t.backend.readers <- t.conn }()
	if _, err := t.conn.run(context.WithoutCancel(ctx), "ROLLBACK", nil); err == nil {
		return
	}
	if fresh, err := t.backend.open(); err == nil {
		_ = t.conn.close()
		t.conn = fresh
	}
}
