package enginetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/orgd/orgd/internal/engine"
)

// database is a migrated PostgreSQL database that tests use one after the
// other: emptying it takes a tenth of the time of making another.
type database struct {
	url  string
	drop func() error
}

// spare are the databases that no test uses at present.
var spare struct {
	mu   sync.Mutex
	list []database
}

// takeDatabase returns an empty, migrated database, which goes back when the
// test ends, after whatever the test registers itself.
func takeDatabase(tb testing.TB) string {
	tb.Helper()
	d, ok := takeSpare()
	if !ok {
		var err error
		if d.url, d.drop, err = Shared(tb).CreateDatabase(context.WithoutCancel(tb.Context())); err != nil {
			tb.Fatal(err)
		}
		if err := engine.Migrate(tb.Context(), d.url); err != nil {
			tb.Fatal(errors.Join(err, d.drop()))
		}
	}
	tb.Cleanup(func() {
		if err := d.empty(context.WithoutCancel(tb.Context())); err != nil {
			tb.Error(errors.Join(err, d.drop()))
			return
		}
		spare.mu.Lock()
		defer spare.mu.Unlock()
		spare.list = append(spare.list, d)
	})
	return d.url
}

func takeSpare() (database, bool) {
	spare.mu.Lock()
	defer spare.mu.Unlock()
	n := len(spare.list)
	if n == 0 {
		return database{}, false
	}
	d := spare.list[n-1]
	spare.list = spare.list[:n-1]
	return d, true
}

// dropSpare removes the databases that are left, for a server that outlives
// the process.
func dropSpare() error {
	if shared.postgres.server != nil {
		return nil // they end with the server
	}
	var err error
	for {
		d, ok := takeSpare()
		if !ok {
			return err
		}
		err = errors.Join(err, d.drop())
	}
}

// empty deletes all rows, without regard to what they refer to. With tables
// this small that is faster than TRUNCATE, which makes new files.
func (d database) empty(ctx context.Context) error {
	const emptySQL = `DO $$ DECLARE t RECORD; BEGIN
		FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'goose_db_version' LOOP
			EXECUTE format('DELETE FROM public.%I', t.tablename);
		END LOOP; END $$`
	if err := execAsReplica(ctx, d.url, emptySQL); err != nil {
		return fmt.Errorf("empty a database: %w", err)
	}
	return nil
}

// execAsReplica runs statements without firing triggers, which is what
// foreign keys are.
func execAsReplica(ctx context.Context, url, statements string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "SET session_replication_role = replica; "+statements)
	return errors.Join(err, conn.Close(ctx))
}
