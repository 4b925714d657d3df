package sqlstore

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/orgd/orgd/internal/org"
)

// TestLogIsCopiedBesideTheWriter writes far less than what makes SQLite copy
// the log by itself: the database grows all the same, and the log begins anew.
func TestLogIsCopiedBesideTheWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "orgd.db")
	s := openTestStore(t, path)
	s.backend.(*sqliteBackend).writer.checkpoints.after = 20
	size := func() int64 {
		t.Helper()
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	// The pages in the log are the third number of the header of its index.
	pages := func() uint32 { return uint32(s.memo.watcher.version()[2]) }
	before, most := size(), uint32(0)
	for n := 0; size() == before || pages() >= most; n++ {
		most = max(most, pages())
		if n == 5000 {
			t.Fatalf("after %d transactions: %d pages in the log, %d bytes in the database, %d at the beginning", n, pages(), size(), before)
		}
		if n > 100 {
			time.Sleep(10 * time.Millisecond) // leave the copying a processor
		}
		o := numbered(n)
		if err := s.Update(t.Context(), func(tx org.Tx) error { return tx.InsertOrganization(t.Context(), o) }); err != nil {
			t.Fatal(err)
		}
	}
}
