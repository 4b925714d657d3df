package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"runtime"
	"sync"

	_ "modernc.org/sqlite" // the driver "sqlite"
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
	return newStore(b, sqliteDialect), nil
}

// sqliteBackend has one connection that writes and some that read. Each is
// used by one caller at a time and keeps its prepared statements.
type sqliteBackend struct {
	db        *sql.DB
	writer    chan *sqliteConn
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
	db, err := openSQLiteDB(path, synchronous)
	if err != nil {
		return nil, err
	}
	readers := o.Readers
	if readers <= 0 {
		readers = max(2, min(4, runtime.GOMAXPROCS(0)))
	}
	b := &sqliteBackend{
		db: db, writer: make(chan *sqliteConn, 1), readers: make(chan *sqliteConn, readers), closed: make(chan struct{}),
	}
	if err := b.connect(ctx, readers); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if err := checkNotNewer(ctx, b, sqliteDialect); err != nil {
		return nil, errors.Join(err, b.close())
	}
	return b, nil
}

// openSQLiteDB describes the connections; the busy timeout comes first,
// because the other settings may have to wait already.
func openSQLiteDB(path, synchronous string) (*sql.DB, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	settings := url.Values{"_txlock": {"immediate"}, "_pragma": {
		"busy_timeout(5000)", "journal_mode(wal)", "synchronous(" + synchronous + ")", "foreign_keys(1)",
		"cache_size(-8000)", "journal_size_limit(67108864)",
	}}
	name := url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: settings.Encode()}
	return sql.Open("sqlite", name.String())
}

func (b *sqliteBackend) connect(ctx context.Context, readers int) error {
	w, err := newSQLiteConn(ctx, b.db)
	if err != nil {
		return err
	}
	b.writer <- w
	for range readers {
		r, err := newSQLiteConn(ctx, b.db)
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

// take waits for a connection of the pool.
func (b *sqliteBackend) take(ctx context.Context, pool chan *sqliteConn) (*sqliteConn, error) {
	if err := contextError(ctx); err != nil {
		return nil, err
	}
	select {
	case <-b.closed:
		return nil, errClosed
	default:
	}
	select {
	case c := <-pool:
		return c, nil
	case <-b.closed:
		return nil, errClosed
	case <-ctx.Done():
		return nil, contextError(ctx)
	}
}

func (b *sqliteBackend) query(ctx context.Context, text string, args []any, each func(row) error) error {
	c, err := b.take(ctx, b.readers)
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
	pool, begin := b.readers, "BEGIN"
	if write {
		pool, begin = b.writer, "BEGIN IMMEDIATE"
	}
	c, err := b.take(ctx, pool)
	if err != nil {
		return nil, err
	}
	if _, err := c.run(ctx, begin, nil); err != nil {
		pool <- c
		return nil, err
	}
	return &sqliteTransaction{conn: c, pool: pool, backend: b}, nil
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
		b.closeErr = errors.Join(b.closeErr, (<-b.writer).close(), b.db.Close())
	})
	return b.closeErr
}

// maxStatements bounds the prepared statements of a connection. Statements
// that are composed vary; those that do not are about a hundred.
const maxStatements = 256

// sqliteConn is a connection with its prepared statements: preparing again
// would double the cost of a small statement.
type sqliteConn struct {
	conn       *sql.Conn
	statements map[string]*sql.Stmt
	oldest     []string
}

func newSQLiteConn(ctx context.Context, db *sql.DB) (*sqliteConn, error) {
	c, err := db.Conn(ctx)
	if err != nil {
		return nil, translate(err, "connect")
	}
	return &sqliteConn{conn: c, statements: make(map[string]*sql.Stmt)}, nil
}

func (c *sqliteConn) close() error {
	var err error
	for _, s := range c.statements {
		err = errors.Join(err, s.Close())
	}
	return errors.Join(err, c.conn.Close())
}

// prepare returns the statement for text, preparing it when it is new.
func (c *sqliteConn) prepare(text string) (*sql.Stmt, error) {
	if s, ok := c.statements[text]; ok {
		return s, nil
	}
	if len(c.oldest) >= maxStatements {
		old := c.oldest[0]
		c.oldest = c.oldest[1:]
		s := c.statements[old]
		delete(c.statements, old)
		if err := s.Close(); err != nil {
			return nil, translate(err, old)
		}
	}
	s, err := c.conn.PrepareContext(context.Background(), sqliteDialect.rewrite(text))
	if err != nil {
		return nil, translate(err, text)
	}
	c.statements[text] = s
	c.oldest = append(c.oldest, text)
	return s, nil
}

// query and run do not pass ctx on: watching it costs as much as the
// statement itself, and statements here are short. It is looked at before.
func (c *sqliteConn) query(ctx context.Context, text string, args []any, each func(row) error) error {
	if err := errors.Join(contextError(ctx), checkText(args)); err != nil {
		return err
	}
	s, err := c.prepare(text)
	if err != nil {
		return err
	}
	rows, err := s.QueryContext(context.WithoutCancel(ctx), args...)
	if err != nil {
		return translate(err, text)
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows); err != nil {
			return err
		}
	}
	return translate(rows.Err(), text)
}

func (c *sqliteConn) run(ctx context.Context, text string, args []any) (int64, error) {
	if err := errors.Join(contextError(ctx), checkText(args)); err != nil {
		return 0, err
	}
	s, err := c.prepare(text)
	if err != nil {
		return 0, err
	}
	result, err := s.ExecContext(context.WithoutCancel(ctx), args...)
	if err != nil {
		return 0, translate(err, text)
	}
	return result.RowsAffected()
}

// sqliteTransaction is a transaction on a connection taken from pool. Writing
// ones run one at a time.
type sqliteTransaction struct {
	conn    *sqliteConn
	pool    chan *sqliteConn
	backend *sqliteBackend
	ended   bool
	err     error
}

func (t *sqliteTransaction) keep(err error) error {
	if t.err == nil {
		t.err = err
	}
	return err
}

func (t *sqliteTransaction) failure() error { return t.err }

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

// change leaves no way on after a failure, as PostgreSQL does.
func (t *sqliteTransaction) change(ctx context.Context, text string, args ...any) (int64, error) {
	if t.err != nil {
		return 0, t.err
	}
	n, err := t.conn.run(ctx, text, args)
	return n, t.keep(err)
}

func (t *sqliteTransaction) commit(ctx context.Context) error {
	if t.err != nil {
		return t.err
	}
	if _, err := t.conn.run(ctx, "COMMIT", nil); err != nil {
		return t.keep(err)
	}
	t.release()
	return nil
}

func (t *sqliteTransaction) release() {
	t.ended = true
	t.pool <- t.conn
}

// rollback replaces a connection that cannot even roll back.
func (t *sqliteTransaction) rollback(ctx context.Context) {
	if t.ended {
		return
	}
	defer t.release()
	ctx = context.WithoutCancel(ctx)
	if _, err := t.conn.run(ctx, "ROLLBACK", nil); err == nil {
		return
	}
	if fresh, err := newSQLiteConn(ctx, t.backend.db); err == nil {
		_ = t.conn.close()
		t.conn = fresh
	}
}
