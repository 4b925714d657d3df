package engine_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orgd/orgd/internal/engine"
)

func TestURLsThatNameNoStore(t *testing.T) {
	for _, url := range []string{"", "sqlite:", "sqlite::memory:", "mysql://user:secret@host/db", "/tmp/orgd.db", "postgres:host"} {
		s, err := engine.Open(t.Context(), url, engine.Options{})
		if !errors.Is(err, engine.ErrURL) {
			t.Errorf("Open(%q) = %v, %v, want %v", url, s, err, engine.ErrURL)
			continue
		}
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("Open(%q) tells the password: %v", url, err)
		}
		if err := engine.Migrate(t.Context(), url); !errors.Is(err, engine.ErrURL) {
			t.Errorf("Migrate(%q) = %v, want %v", url, err, engine.ErrURL)
		}
	}
}

func TestPasswordsAreNotTold(t *testing.T) {
	for _, url := range []string{"postgres://user:secret@127.0.0.1:1/db?sslmode=disable", "postgres://user:secret@127.0.0.1:x/db"} {
		_, err := engine.Open(t.Context(), url, engine.Options{})
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("Open(%q) = %v", url, err)
		}
		err = engine.Migrate(t.Context(), url)
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("Migrate(%q) = %v", url, err)
		}
	}
}

func TestPathsOfSQLite(t *testing.T) {
	for _, name := range []string{"plain.db", "a b.db", "a?b=c&d.db", "a#b.db", "50%.db", "%41.db", "ü.db"} {
		path := filepath.Join(t.TempDir(), name)
		url := "sqlite:" + path
		if err := engine.Migrate(t.Context(), url); err != nil {
			t.Errorf("Migrate(%q): %v", url, err)
			continue
		}
		s, err := engine.Open(t.Context(), url, engine.Options{SQLiteReaders: 1})
		if err != nil {
			t.Errorf("Open(%q): %v", url, err)
			continue
		}
		if err := errors.Join(s.Ready(t.Context()), s.Close()); err != nil {
			t.Errorf("%q: %v", url, err)
		}
		if _, err := os.Stat(path); err != nil {
			t.Errorf("%q: %v", url, err)
		}
	}
}

func TestSQLiteThatCannotBeOpened(t *testing.T) {
	absent := "sqlite:" + filepath.Join(t.TempDir(), "absent", "orgd.db")
	if _, err := engine.Open(t.Context(), absent, engine.Options{}); err == nil {
		t.Error("a database in a folder that is absent was opened")
	}
	there := "sqlite:" + filepath.Join(t.TempDir(), "orgd.db")
	if _, err := engine.Open(t.Context(), there, engine.Options{SQLiteSynchronous: "off"}); err == nil {
		t.Error("a database was opened that forgets what it committed")
	}
	noDatabase := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(noDatabase, []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := engine.Open(t.Context(), "sqlite:"+noDatabase, engine.Options{}); err == nil {
		t.Error("a file that is no database was opened")
	}
}
