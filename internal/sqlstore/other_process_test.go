package sqlstore

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/orgd/orgd/internal/id"
)

// otherProcess is the variable that makes this program another process that
// uses a database: it holds what to do there.
const otherProcess = "ORGD_TEST_OTHER_PROCESS"

// OtherProcess does what a test asked of another process and reports whether
// this is one.
func OtherProcess() bool {
	job, ok := os.LookupEnv(otherProcess)
	if !ok {
		return false
	}
	if err := work(context.Background(), strings.Fields(job)); err != nil {
		fmt.Print(err)
		os.Exit(1)
	}
	return true
}

func work(ctx context.Context, job []string) (err error) {
	switch path := job[1]; job[0] {
	case "rename":
		s, err := OpenSQLite(ctx, path, SQLiteOptions{Synchronous: "normal"})
		if err != nil {
			return err
		}
		return errors.Join(rename(ctx, s, id.Organization(job[2]), job[3]), s.Close())
	default: // a statement, without waiting
		db, err := sql.Open("sqlite", path)
		if err != nil {
			return err
		}
		_, err = db.ExecContext(ctx, strings.Join(job[2:], " "))
		return errors.Join(err, db.Close())
	}
}

// inOtherProcess runs a job and returns what went wrong there.
func inOtherProcess(t *testing.T, job ...string) error {
	t.Helper()
	c := exec.CommandContext(t.Context(), os.Args[0])
	c.Env = append(os.Environ(), otherProcess+"="+strings.Join(job, " "))
	out, err := c.Output()
	if err != nil {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}
