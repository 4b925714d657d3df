package sqlstore_test

import (
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/orgd/orgd/internal/engine"
	"github.com/orgd/orgd/internal/engine/enginetest"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/sqlstore"
)

var update = flag.Bool("update", false, "rewrite the dumps of the schema")

func openMigrated(t *testing.T, url string) *sqlstore.Store {
	t.Helper()
	if err := engine.Migrate(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	return openStore(t, url)
}

func openStore(t *testing.T, url string) *sqlstore.Store {
	t.Helper()
	s, err := engine.Open(t.Context(), url, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s.(*sqlstore.Store)
}

func TestMigrationsArePaired(t *testing.T) {
	names, err := fs.Glob(os.DirFS("migrations"), "*")
	if err != nil {
		t.Fatal(err)
	}
	byNumber := map[string][]string{}
	for _, name := range names {
		m := regexp.MustCompile(`^(\d{4}_[a-z_]+)\.([a-z]+)\.sql$`).FindStringSubmatch(name)
		if m == nil {
			t.Errorf("%s is not named NNNN_name.engine.sql", name)
			continue
		}
		byNumber[m[1]] = append(byNumber[m[1]], m[2])
		text, err := os.ReadFile(filepath.Join("migrations", name))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "+goose Down") {
			t.Errorf("%s goes backward", name)
		}
	}
	want := sqlstore.Dialects()
	slices.Sort(want)
	for name, engines := range byNumber {
		slices.Sort(engines)
		if !slices.Equal(engines, want) {
			t.Errorf("%s is there for %v, want %v", name, engines, want)
		}
	}
	taken := map[string]string{}
	for name := range byNumber {
		if other := taken[name[:4]]; other != "" {
			t.Errorf("%s and %s have the same number", name, other)
		}
		taken[name[:4]] = name
	}
	for n := range taken {
		if i, err := strconv.Atoi(n); err != nil || i < 1 || i > len(taken) {
			t.Errorf("%s is no number from 0001 to %04d: there is a gap", n, len(taken))
		}
	}
}

// TestSchema compares the schema after all migrations with the dump that
// people read. Run with -update to rewrite it.
func TestSchema(t *testing.T) {
	for _, e := range enginetest.All(t) {
		t.Run(e.Name, func(t *testing.T) {
			got, err := openMigrated(t, e.URL(t)).Schema(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			name := "schema." + e.Name + ".sql"
			if *update {
				if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s is stale: run go test ./internal/sqlstore -run TestSchema -update", name)
			}
		})
	}
}

func TestMigrateAgainAndAtOnce(t *testing.T) {
	for _, e := range enginetest.All(t) {
		t.Run(e.Name, func(t *testing.T) {
			url := e.URL(t)
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					if err := engine.Migrate(t.Context(), url); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			s := openMigrated(t, url)
			if err := s.Ready(t.Context()); err != nil {
				t.Error(err)
			}
			present, needed, err := s.SchemaVersion(t.Context())
			if err != nil || present != needed || needed == 0 {
				t.Errorf("schema %d of %d, %v", present, needed, err)
			}
		})
	}
}

func TestNotReadyWithoutSchema(t *testing.T) {
	for _, e := range enginetest.All(t) {
		t.Run(e.Name, func(t *testing.T) {
			s := openStore(t, e.URL(t))
			if err := s.Ready(t.Context()); fault.CodeOf(err) != fault.Unavailable {
				t.Errorf("got %v, want %s", err, fault.Unavailable)
			}
			present, needed, err := s.SchemaVersion(t.Context())
			if err != nil || present != 0 || needed == 0 {
				t.Errorf("schema %d of %d, %v", present, needed, err)
			}
		})
	}
}

func TestNewerSchema(t *testing.T) {
	for _, e := range enginetest.All(t) {
		t.Run(e.Name, func(t *testing.T) {
			url := e.URL(t)
			running := openMigrated(t, url)
			e.Exec(t, url, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, TRUE)")
			if err := running.Ready(t.Context()); err != nil {
				t.Errorf("a program that runs while a newer one migrates goes on: %v", err)
			}
			if s, err := engine.Open(t.Context(), url, engine.Options{}); err == nil {
				t.Errorf("a newer schema was opened: %v", s.Close())
			} else if !strings.Contains(err.Error(), "9999") {
				t.Errorf("opening a newer schema: %v", err)
			}
			if err := engine.Migrate(t.Context(), url); err == nil || !strings.Contains(err.Error(), "9999") {
				t.Errorf("migrating a newer schema: got %v", err)
			}
		})
	}
}

func TestOlderSchemaIsNotReady(t *testing.T) {
	for _, e := range enginetest.All(t) {
		t.Run(e.Name, func(t *testing.T) {
			url := e.URL(t)
			openMigrated(t, url)
			e.Exec(t, url, "DELETE FROM goose_db_version WHERE version_id > 0")
			if err := openStore(t, url).Ready(t.Context()); fault.CodeOf(err) != fault.Unavailable {
				t.Errorf("got %v, want %s", err, fault.Unavailable)
			}
		})
	}
}

func TestReadOnlyPostgresIsNotReady(t *testing.T) {
	for _, e := range enginetest.All(t) {
		if e.Name != "postgres" {
			continue
		}
		url := e.Migrated(t)
		s := openStore(t, url+"&default_transaction_read_only=on")
		if err := s.Ready(t.Context()); fault.CodeOf(err) != fault.Unavailable {
			t.Errorf("got %v, want %s", err, fault.Unavailable)
		}
		_, err := s.AnyUser(t.Context())
		if err != nil {
			t.Errorf("reading: %v", err)
		}
	}
}

func TestUnreachablePostgres(t *testing.T) {
	_, err := engine.Open(t.Context(), "postgres://nobody@127.0.0.1:1/none?sslmode=disable", engine.Options{})
	if fault.CodeOf(err) != fault.Unavailable {
		t.Errorf("got %v, want %s", err, fault.Unavailable)
	}
}

var _ org.Store = (*sqlstore.Store)(nil)
