package enginetest

import (
	"context"
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orgd/orgd/internal/engine"
	"github.com/orgd/orgd/internal/org"
)

// Engine is a database engine that tests run on.
type Engine struct {
	Name string
	// URL returns the URL of a new database without a schema, which is
	// removed when the test ends.
	URL func(testing.TB) string
	// Open returns a new store, empty and migrated, which is closed when the
	// test ends.
	Open func(testing.TB) org.Store
	// Migrated returns the URL of a database that is empty and migrated, and
	// gone when the test ends. The test must not keep connections to it.
	Migrated func(testing.TB) string
	// Exec runs statements on the database at a URL behind the back of any
	// store, without regard to what they break.
	Exec func(tb testing.TB, url, statements string)
	// Rows calls each with the values of every row that a query on the database
	// at a URL returns, as texts. They are good until the next call.
	Rows func(tb testing.TB, url, query string, each func(values []string))
	// Search returns the rows of all tables of the database at a URL in which
	// one of the texts stands, in any case.
	Search func(tb testing.TB, url string, texts ...string) []string
	// Backup copies the database at a URL, which may be in use, in the way of
	// docs/OPERATING.md, and returns the URL of the copy, which is gone when the
	// test ends.
	Backup func(tb testing.TB, url string) string
}

// All returns every engine, SQLite first. An engine that cannot be had fails
// the test that asks it for a store.
func All(tb testing.TB) []Engine {
	tb.Helper()
	engines := []Engine{
		{Name: "sqlite", URL: sqliteURL, Migrated: migratedSQLite, Exec: execSQLite, Rows: rowsSQLite, Search: searchSQLite, Backup: backupSQLite},
		{Name: "postgres", URL: postgresURL, Migrated: takeDatabase, Exec: execPostgres, Rows: rowsPostgres, Search: searchPostgres, Backup: backupPostgres},
	}
	for i := range engines {
		migrated := engines[i].Migrated
		engines[i].Open = func(tb testing.TB) org.Store {
			tb.Helper()
			return OpenAt(tb, migrated(tb))
		}
	}
	return engines
}

func sqliteURL(tb testing.TB) string {
	tb.Helper()
	return "sqlite:" + filepath.Join(tb.TempDir(), "orgd.db")
}

func migratedSQLite(tb testing.TB) string {
	tb.Helper()
	url := sqliteURL(tb)
	if err := engine.Migrate(tb.Context(), url); err != nil {
		tb.Fatal(err)
	}
	return url
}

func execSQLite(tb testing.TB, url, statements string) {
	tb.Helper()
	db, err := sql.Open("sqlite", strings.TrimPrefix(url, "sqlite:")) // foreign keys are off
	if err != nil {
		tb.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(tb.Context(), statements); err != nil {
		tb.Fatalf("%s: %v", statements, err)
	}
}

func execPostgres(tb testing.TB, url, statements string) {
	tb.Helper()
	if err := execAsReplica(context.WithoutCancel(tb.Context()), url, statements); err != nil {
		tb.Fatalf("%s: %v", statements, err)
	}
}

func postgresURL(tb testing.TB) string {
	tb.Helper()
	url, drop, err := Shared(tb).CreateDatabase(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := drop(); err != nil {
			tb.Error(err)
		}
	})
	return url
}

// open opens a store. Tests are about what is stored, not about power
// failures, so SQLite need not wait for the disk.
// OpenAt returns a store on a database that is migrated, as another process
// would open it. It is closed when the test ends.
func OpenAt(tb testing.TB, url string) org.Store {
	tb.Helper()
	s, err := engine.Open(tb.Context(), url, engine.Options{SQLiteSynchronous: "normal"})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}
