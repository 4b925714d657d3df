package enginetest

import (
	"path/filepath"
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
	// Open returns a new store, empty and migrated, which is closed and
	// removed when the test ends.
	Open func(testing.TB) org.Store
}

// All returns every engine, SQLite first. An engine that cannot be had fails
// the test that asks it for a store.
func All(tb testing.TB) []Engine {
	tb.Helper()
	engines := []Engine{{Name: "sqlite", URL: sqliteURL}, {Name: "postgres", URL: postgresURL}}
	for i := range engines {
		e := &engines[i]
		e.Open = func(tb testing.TB) org.Store {
			tb.Helper()
			return open(tb, e.URL(tb))
		}
	}
	return engines
}

func sqliteURL(tb testing.TB) string {
	tb.Helper()
	return "sqlite:" + filepath.Join(tb.TempDir(), "orgd.db")
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

// open opens a migrated store. Tests are about what is stored, not about
// power failures, so SQLite need not wait for the disk.
func open(tb testing.TB, url string) org.Store {
	tb.Helper()
	if err := engine.Migrate(tb.Context(), url); err != nil {
		tb.Fatal(err)
	}
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
