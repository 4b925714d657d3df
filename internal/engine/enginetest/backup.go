package enginetest

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// backupSQLite copies the database without the two files beside it.
func backupSQLite(tb testing.TB, url string) string {
	tb.Helper()
	to := sqliteURL(tb)
	execSQLite(tb, url, "VACUUM INTO '"+strings.ReplaceAll(strings.TrimPrefix(to, "sqlite:"), "'", "''")+"'")
	return to
}

// backupPostgres dumps the database and restores the dump into another one.
func backupPostgres(tb testing.TB, url string) string {
	tb.Helper()
	bin, err := findBin(debianBin)
	if err != nil {
		tb.Fatal(err)
	}
	to, dump := postgresURL(tb), filepath.Join(tb.TempDir(), "orgd.dump")
	for _, args := range [][]string{
		{"pg_dump", "--format=custom", "--file=" + dump, url},
		{"pg_restore", "--exit-on-error", "--no-owner", "--dbname=" + to, dump},
	} {
		if out, err := exec.CommandContext(tb.Context(), filepath.Join(bin, args[0]), args[1:]...).CombinedOutput(); err != nil {
			tb.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	return to
}
