package sqlstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/orgd/orgd/internal/fault"
)

// PostgresOptions chooses how OpenPostgres opens a database.
type PostgresOptions struct {
	// MaxConns is the size of the pool, 0 for what pool_max_conns in the URL
	// says or else a number that suits the machine.
	MaxConns int
	// Patience is how long common commits are waited for by others, 0 for
	// what suits a server.
	Patience time.Duration
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
	s := newStore(b, postgresDialect)
	s.recent = &recent{}
	return s, nil
}

// postgresBackend speaks to the server through pgx itself, because
// database/sql cannot send several statements in one round trip.
type postgresBackend struct {
	pool      *pgxpool.Pool
	joined    sync.Map // of the texts of groups
	committer committer
	closed    atomic.Bool
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
	c.AfterConnect = lookAtDefaults
	pool, err := pgxpool.NewWithConfig(ctx, c)
	if err != nil {
		return nil, err
	}
	b := &postgresBackend{pool: pool}
	b.committer.backend, b.committer.patience = b, cmp.Or(o.Patience, usualPatience)
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
	if err := contextError(ctx); err != nil {
		return nil, err
	}
	if b.closed.Load() {
		return nil, errClosed
	}
	return b.transaction(write), nil
}

// transaction returns one that takes a connection when it first needs one.
func (b *postgresBackend) transaction(write bool) *postgresTransaction {
	t := &postgresTransaction{backend: b, begin: beginReadSQL}
	if write {
		t.begin = beginWriteSQL
	}
	return t
}

// plainKey is where a connection keeps whether its transactions are what
// beginWriteSQL asks for even without it.
const plainKey = "orgd_plain"

// plain reports whether a writing transaction needs no BEGIN on c.
func plain(c *pgxpool.Conn) bool { return c.Conn().PgConn().CustomData()[plainKey] == true }

// lookAtDefaults finds out whether a transaction of the connection is what
// beginWriteSQL asks for anyway, as it is unless somebody changed the settings
// of the server, the database or the role.
func lookAtDefaults(ctx context.Context, c *pgx.Conn) error {
	const plainSQL = `SELECT current_setting('default_transaction_isolation') = 'read committed'
		AND current_setting('default_transaction_read_only') = 'off'`
	var plain bool
	if err := c.QueryRow(ctx, plainSQL).Scan(&plain); err != nil {
		return translate(err, plainSQL)
	}
	c.PgConn().CustomData()[plainKey] = plain
	return nil
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
	b.closed.Store(true)
	b.pool.Close()
	return nil
}
