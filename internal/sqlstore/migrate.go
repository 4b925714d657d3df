package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/orgd/orgd/internal/fault"
)

//go:embed migrations/*.sql
var migrations embed.FS

// engineFS shows the migrations of one engine: those whose names end in it.
type engineFS struct {
	fs.FS
	suffix string
}

func migrationsOf(d *dialect) (engineFS, error) {
	sub, err := fs.Sub(migrations, "migrations")
	return engineFS{FS: sub, suffix: "." + d.name + ".sql"}, err
}

// ReadDir implements fs.ReadDirFS.
func (f engineFS) ReadDir(name string) ([]fs.DirEntry, error) {
	all, err := fs.ReadDir(f.FS, name)
	if err != nil {
		return nil, err
	}
	var own []fs.DirEntry
	for _, e := range all {
		if strings.HasSuffix(e.Name(), f.suffix) {
			own = append(own, e)
		}
	}
	return own, nil
}

// latest returns the version that this program brings the schema to.
func latest(d *dialect) (int64, error) {
	f, err := migrationsOf(d)
	if err != nil {
		return 0, err
	}
	entries, err := f.ReadDir(".")
	if err != nil {
		return 0, err
	}
	name := entries[len(entries)-1].Name()
	number, _, _ := strings.Cut(name, "_")
	return strconv.ParseInt(number, 10, 64)
}

// MigrateSQLite brings the database in the file at path to the present
// schema. A schema that is newer than this program is refused.
func MigrateSQLite(ctx context.Context, path string) error {
	db, err := openSQLiteDB(path, "full")
	if err != nil {
		return fmt.Errorf("open SQLite database %s: %w", path, err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	return migrateSQLite(ctx, db)
}

// migrateSQLite tries again while another process works on the same file: it
// may hold a lock that is not waited for, or have been first.
func migrateSQLite(ctx context.Context, db *sql.DB) error {
	const tries, pause = 50, 100 * time.Millisecond
	for try := 1; ; try++ {
		err := migrate(ctx, db, sqliteDialect, goose.DialectSQLite3)
		if err == nil || try == tries || !contended(err) {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return fmt.Errorf("wait for another migration: %w", ctx.Err())
		}
	}
}

// MigratePostgres brings the database at a postgres:// URL to the present
// schema. Several processes may do so at once: one works, the others wait. A
// schema that is newer than this program is refused.
func MigratePostgres(ctx context.Context, url string) error {
	c, err := pgx.ParseConfig(url)
	if err != nil {
		return fmt.Errorf("open PostgreSQL database: %w", err)
	}
	db := stdlib.OpenDB(*c)
	defer db.Close()
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
	if err != nil {
		return fmt.Errorf("prepare to migrate: %w", err)
	}
	return migrate(ctx, db, postgresDialect, goose.DialectPostgres, goose.WithSessionLocker(locker))
}

func migrate(ctx context.Context, db *sql.DB, d *dialect, g goose.Dialect, o ...goose.ProviderOption) error {
	files, err := migrationsOf(d)
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(g, db, files, o...)
	if err != nil {
		return fmt.Errorf("prepare to migrate: %w", err)
	}
	version, err := p.GetDBVersion(ctx)
	if err != nil {
		return fmt.Errorf("read the version of the schema: %w", translate(err, "read the version"))
	}
	newest, err := latest(d)
	if err != nil {
		return err
	}
	if version > newest {
		return newerSchema(version, newest)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

func newerSchema(version, newest int64) error {
	return fmt.Errorf("the schema has version %d, this program knows %d: use a newer orgd", version, newest)
}

var errNoSchema = errors.New("the database has no schema")

// schemaVersion returns the version of the schema, errNoSchema without one.
func schemaVersion(ctx context.Context, c conn, d *dialect) (int64, error) {
	present := int64(0)
	err := c.query(ctx, d.hasVersions, nil, func(r row) error { return r.Scan(&present) })
	if err != nil {
		return 0, err
	}
	if present == 0 {
		return 0, errNoSchema
	}
	const versionSQL = "SELECT COALESCE(MAX(version_id), 0) FROM goose_db_version WHERE is_applied = TRUE"
	version := int64(0)
	err = c.query(ctx, versionSQL, nil, func(r row) error { return r.Scan(&version) })
	return version, err
}

// checkNotNewer refuses a schema that this program does not know.
func checkNotNewer(ctx context.Context, c conn, d *dialect) error {
	version, err := schemaVersion(ctx, c, d)
	if errors.Is(err, errNoSchema) {
		return nil
	}
	if err != nil {
		return err
	}
	newest, err := latest(d)
	if err != nil {
		return err
	}
	if version > newest {
		return newerSchema(version, newest)
	}
	return nil
}

// checkCurrent refuses a schema that is older than this program needs. A
// newer one is fine: migrations leave what the release before them uses.
func checkCurrent(ctx context.Context, c conn, d *dialect) error {
	version, err := schemaVersion(ctx, c, d)
	if err != nil && !errors.Is(err, errNoSchema) {
		return err
	}
	newest, latestErr := latest(d)
	if latestErr != nil {
		return latestErr
	}
	if version < newest {
		return fault.New(fault.Unavailable, fmt.Sprintf("The schema has version %d, version %d is needed: run orgd migrate", version, newest))
	}
	return nil
}
