// Package engine opens stores by URL. It is the only package that knows which
// implementations there are.
package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/sqlstore"
)

// Options chooses how a store is opened. The zero value is what a server
// wants.
type Options struct {
	// SQLiteSynchronous is "full" (the default: what was committed survives a
	// loss of power) or "normal" (it survives a crash of the process only).
	SQLiteSynchronous string
	// SQLiteReaders is the number of connections that read, 0 for a number
	// that suits the machine.
	SQLiteReaders int
	// PostgresConns is the number of connections to PostgreSQL, 0 for what
	// the URL says or else a number that suits the machine.
	PostgresConns int
}

const sqliteScheme = "sqlite:"

// ErrURL is wrapped by the errors about URLs that name no store.
var ErrURL = errors.New("a store is sqlite:PATH or postgres://HOST/DATABASE")

// Open opens the store at a URL: sqlite:PATH or postgres://... It does not
// migrate; the store is not Ready before Migrate. A schema that is newer than
// this program is refused.
func Open(ctx context.Context, url string, o Options) (org.Store, error) {
	path, err := parse(url)
	if err != nil {
		return nil, err
	}
	if path != "" {
		s, err := sqlstore.OpenSQLite(ctx, path, sqlstore.SQLiteOptions{Synchronous: o.SQLiteSynchronous, Readers: o.SQLiteReaders})
		if err != nil {
			return nil, err
		}
		return s, nil
	}
	s, err := sqlstore.OpenPostgres(ctx, url, sqlstore.PostgresOptions{MaxConns: o.PostgresConns})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Migrate brings the schema of the store at a URL up to date. Several
// processes may do so at once.
func Migrate(ctx context.Context, url string) error {
	path, err := parse(url)
	if err != nil {
		return err
	}
	if path != "" {
		return sqlstore.MigrateSQLite(ctx, path)
	}
	return sqlstore.MigratePostgres(ctx, url)
}

// parse returns the path of a SQLite database, "" for PostgreSQL.
func parse(url string) (path string, err error) {
	if path, ok := strings.CutPrefix(url, sqliteScheme); ok {
		if path == "" || path == ":memory:" {
			return "", fmt.Errorf("%w: %q names no file", ErrURL, url)
		}
		return path, nil
	}
	if strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://") {
		return "", nil
	}
	scheme, _, _ := strings.Cut(url, ":") // the rest may hold a password
	return "", fmt.Errorf("%w, not %s", ErrURL, scheme)
}
