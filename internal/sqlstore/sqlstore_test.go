package sqlstore_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/orgd/orgd/internal/engine/enginetest"
	"github.com/orgd/orgd/internal/sqlstore"
	"github.com/orgd/orgd/internal/storetest"
)

func TestMain(m *testing.M) {
	if sqlstore.OtherProcess() {
		return
	}
	os.Exit(enginetest.Main(m))
}

func TestStore(t *testing.T) {
	for _, e := range enginetest.All(t) {
		t.Run(e.Name, func(t *testing.T) { storetest.Run(t, e.Open) })
	}
}

// TestSQLiteFilesArePrivate looks at the modes of what a new database consists
// of: the addresses of people are not for other users of the machine.
func TestSQLiteFilesArePrivate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	openMigrated(t, "sqlite:"+filepath.Join(dir, "orgd.db"))
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 3 { // with the log and its index
		t.Errorf("the database has %d files, want 3", len(files))
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode != 0o600 {
			t.Errorf("%s has the mode %o, want 600", f.Name(), mode)
		}
	}
}
