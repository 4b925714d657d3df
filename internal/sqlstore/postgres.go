package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orgd/orgd/internal/fault"
)

// PostgresOptions chooses how OpenPostgres opens a database.
type PostgresOptions struct {
	// MaxConns is the size of the pool, 0 for what pool_max_conns in the URL
	// says or else a number that suits the machine.
	MaxConns int
}

const (
	connectTimeout  = 5 * time.Second
	rollbackTimeout = 5 * time.Second
)

// OpenPostgres opens the database at a postgres:// URL. It does not migrate.
func OpenPostgres(ctx context.Context, url string, o PostgresOptions) (*Store, error) {
	b, err := openPostgres(ctx, url, o)
	if err != nil {
		return nil, fmt.Errorf("open PostgreSQL database: %w", err)
	}
	return newStore(b, postgresDialect), nil
}

// postgresBackend speaks to the server through pgx itself, because
// database/sql cannot send several statements in one round trip.
type postgresBackend struct {
	pool *pgxpool.Pool
}

func openPostgres(ctx context.Context, url string, o PostgresOptions) (*postgresBackend, error) {
	c, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	switch {
	case o.MaxConns > 0:
		c.MaxConns = int32(o.MaxConns)
	case !strings.Contains(url, "pool_max_conns="):
		c.MaxConns = int32(max(16, 4*runtime.GOMAXPROCS(0)))
	}
	if c.ConnConfig.ConnectTimeout == 0 {
		c.ConnConfig.ConnectTimeout = connectTimeout
	}
	if c.ConnConfig.RuntimeParams["application_name"] == "" {
		c.ConnConfig.RuntimeParams["application_name"] = "orgd"
	}
	pool, err := pgxpool.NewWithConfig(ctx, c)
	if err != nil {
		return nil, err
	}
	b := &postgresBackend{pool: pool}
	if err := checkNotNewer(ctx, b, postgresDialect); err != nil {
		return nil, errors.Join(err, b.close())
	}
	return b, nil
}

func (b *postgresBackend) query(ctx context.Context, text string, args []any, each func(row) error) error {
	if err := checkText(args); err != nil {
		return err
	}
	rows, err := b.pool.Query(ctx, postgresDialect.rewrite(text), args...)
	if err != nil {
		return b.translate(err, text)
	}
	return readRows(rows, text, each)
}

func (b *postgresBackend) search(ctx context.Context, text string, args []any, each func(row) error) error {
	return b.query(ctx, text, unnamed(args), each)
}

// unnamed makes pgx run a statement without a name. A named one may get a
// plan that does not know its values, which is good enough for statements
// that find rows by their keys, and disastrous for a page of a list.
func unnamed(args []any) []any {
	return append([]any{pgx.QueryExecModeCacheDescribe}, args...)
}

// readRows calls each for every row and closes rows.
func readRows(rows pgx.Rows, text string, each func(row) error) error {
	defer rows.Close()
	for rows.Next() {
		if err := each(rows); err != nil {
			return err
		}
	}
	return translate(rows.Err(), text)
}

// translate recognises a pool that was closed, which pgx reports as it does
// any other failure.
func (b *postgresBackend) translate(err error, text string) error {
	if strings.Contains(err.Error(), "closed pool") {
		return errClosed
	}
	return translate(err, text)
}

const (
	beginWriteSQL = "begin isolation level read committed read write"
	beginReadSQL  = "begin isolation level repeatable read read only"
)

func (b *postgresBackend) begin(ctx context.Context, write bool) (transaction, error) {
	c, err := b.pool.Acquire(ctx)
	if err != nil {
		return nil, b.translate(err, "connect")
	}
	t := &postgresTransaction{conn: c, begin: beginReadSQL}
	if write {
		t.begin = beginWriteSQL
	}
	return t, nil
}

func (b *postgresBackend) ready(ctx context.Context) error {
	var readOnly string
	err := b.query(ctx, "SELECT current_setting('transaction_read_only')", nil, func(r row) error { return r.Scan(&readOnly) })
	if err != nil {
		return err
	}
	if readOnly != "off" {
		return fault.New(fault.Unavailable, "The database takes no changes: it is a standby or was set to read only")
	}
	return checkCurrent(ctx, b, postgresDialect)
}

func (b *postgresBackend) close() error {
	b.pool.Close()
	return nil
}

// postgresTransaction sends BEGIN with the first statement, and statements
// that answer nothing with the next one that does, or with COMMIT: a round
// trip costs more than most statements. After a failure nothing more is sent.
type postgresTransaction struct {
	conn  *pgxpool.Conn
	begin string
	begun bool
	ended bool
	queue []statement
	err   error
}

type statement struct {
	text string
	args []any
}

func (t *postgresTransaction) keep(err error) error {
	if t.err == nil {
		t.err = err
	}
	return err
}

func (t *postgresTransaction) failure() error { return t.err }

// slots is the number of counters that each count is spread over. It is more
// than one server's connections.
const slots = 64

// slot differs between the backends of the server that were started in a row,
// so that transactions of several connections, also of several processes,
// hardly ever wait for each other's counters.
func (t *postgresTransaction) slot() int { return int(t.conn.Conn().PgConn().PID() % slots) }

func (t *postgresTransaction) exec(_ context.Context, text string, args ...any) error {
	if t.err != nil {
		return t.err
	}
	if err := checkText(args); err != nil {
		return t.keep(err)
	}
	t.queue = append(t.queue, statement{postgresDialect.rewrite(text), args})
	return nil
}

func (t *postgresTransaction) query(ctx context.Context, text string, args []any, each func(row) error) error {
	if t.err != nil {
		return t.err
	}
	if err := checkText(args); err != nil {
		return err
	}
	text = postgresDialect.rewrite(text)
	if t.begun && len(t.queue) == 0 {
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
	var tag pgconn.CommandTag
	text = postgresDialect.rewrite(text)
	err := t.send(ctx, statement{text, args}, func(br pgx.BatchResults) error {
		var err error
		tag, err = br.Exec()
		return translate(err, text)
	})
	return tag.RowsAffected(), err
}

// flush sends what is queued, BEGIN included.
func (t *postgresTransaction) flush(ctx context.Context) error {
	if t.err != nil {
		return t.err
	}
	if t.begun && len(t.queue) == 0 {
		return nil
	}
	last := statement{text: t.begin}
	if n := len(t.queue); n > 0 {
		last, t.queue = t.queue[n-1], t.queue[:n-1]
	} else {
		t.begun = true
	}
	return t.send(ctx, last, func(br pgx.BatchResults) error {
		_, err := br.Exec()
		return translate(err, last.text)
	})
}

// send runs what is queued and then last, whose answer finish reads, in one
// round trip.
func (t *postgresTransaction) send(ctx context.Context, last statement, finish func(pgx.BatchResults) error) error {
	var batch pgx.Batch
	ahead := t.queue
	if !t.begun {
		ahead = append([]statement{{text: t.begin}}, ahead...)
	}
	for _, s := range append(ahead, last) {
		batch.Queue(s.text, s.args...)
	}
	t.begun, t.queue = true, nil
	results := t.conn.SendBatch(ctx, &batch)
	for _, s := range ahead {
		if _, err := results.Exec(); err != nil {
			_ = results.Close()
			return t.keep(translate(err, s.text))
		}
	}
	err := finish(results)
	if closeErr := results.Close(); err == nil && closeErr != nil {
		err = translate(closeErr, last.text)
	}
	return t.keepEngine(err)
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

func (t *postgresTransaction) commit(ctx context.Context) error {
	if t.err != nil {
		return t.err
	}
	if t.begun || len(t.queue) > 0 {
		err := t.send(ctx, statement{text: "commit"}, func(br pgx.BatchResults) error {
			tag, err := br.Exec()
			if err == nil && tag.String() != "COMMIT" {
				err = fmt.Errorf("the server answered %s", tag)
			}
			return translate(err, "commit")
		})
		if err != nil {
			return err
		}
	}
	t.ended = true
	t.conn.Release()
	return nil
}

func (t *postgresTransaction) rollback(ctx context.Context) {
	if t.ended {
		return
	}
	t.ended = true
	// A connection that is still in a transaction is closed when released.
	defer t.conn.Release()
	if !t.begun || t.conn.Conn().IsClosed() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
	defer cancel()
	_, _ = t.conn.Exec(ctx, "rollback")
}
