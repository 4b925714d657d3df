// Package enginetest gives tests and benchmarks the database engines that
// orgd runs on. It starts what it needs: nobody has to prepare a server, and
// an engine that cannot be had fails the test instead of skipping it.
package enginetest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// ServerVariable is the environment variable that names a PostgreSQL server
// to use instead of starting one, as a postgres:// URL of a superuser.
const ServerVariable = "ORGD_TEST_POSTGRES"

const (
	startTimeout = time.Minute
	stopTimeout  = 20 * time.Second
	dropTimeout  = 30 * time.Second
)

// Options chooses how StartPostgres runs the server. The zero value is what
// most tests want: a unix socket, and no durability.
type Options struct {
	// TCP also opens a port on 127.0.0.1, and URL then uses it.
	TCP bool
	// Fsync makes commits durable, for benchmarks and kill tests.
	Fsync bool
}

// Postgres is a PostgreSQL server: one that StartPostgres started, or the one
// that ORGD_TEST_POSTGRES names. Its methods are safe for concurrent use.
type Postgres struct {
	base url.URL
	// server is nil when the server belongs to somebody else.
	server *server
}

// StartPostgres starts a private server in a new folder and returns when it
// answers queries. ctx limits only the start. The server runs until Stop, and
// no longer than this process.
func StartPostgres(ctx context.Context, o Options) (*Postgres, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	s, err := startServer(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	p := &Postgres{base: s.url(), server: s}
	if err := p.awaitReady(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start PostgreSQL: %w\n%s", err, s.logTail()), p.Stop())
	}
	return p, nil
}

// usePostgres returns the server at rawURL without starting anything.
func usePostgres(ctx context.Context, rawURL string) (*Postgres, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	base, err := url.Parse(rawURL)
	if err != nil {
		return nil, fmt.Errorf("parse %s: %w", ServerVariable, err)
	}
	p := &Postgres{base: *base}
	if err := p.ping(ctx); err != nil {
		return nil, fmt.Errorf("use the server of %s: %w", ServerVariable, err)
	}
	return p, nil
}

// URL returns the postgres:// URL of a database on this server, for a
// superuser. It does not check that the database exists.
func (p *Postgres) URL(database string) string {
	u := p.base
	u.Path = "/" + database
	return u.String()
}

// CreateDatabase creates an empty database with a name of its own and returns
// its URL. drop removes it, together with whoever is still connected to it.
func (p *Postgres) CreateDatabase(ctx context.Context) (databaseURL string, drop func() error, err error) {
	name := "orgd_test_" + strings.ToLower(rand.Text())
	// template0 takes no connections, so nothing can block the copy, and
	// copying files takes half the time of logging every page.
	if err := p.exec(ctx, "CREATE DATABASE "+name+" TEMPLATE template0 STRATEGY FILE_COPY"); err != nil {
		return "", nil, fmt.Errorf("create database %s: %w", name, err)
	}
	drop = func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), dropTimeout)
		defer cancel()
		if err := p.exec(ctx, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			return fmt.Errorf("drop database %s: %w", name, err)
		}
		return nil
	}
	return p.URL(name), drop, nil
}

// Stop ends the server and removes its folder. Stopping it again, or stopping
// a server that was not started here, does nothing.
func (p *Postgres) Stop() error {
	if p.server == nil {
		return nil
	}
	if err := p.server.stop(); err != nil {
		return fmt.Errorf("stop PostgreSQL: %w", err)
	}
	return nil
}

// awaitReady returns when a query is answered. A server that accepts
// connections may still refuse them (57P03) while it starts, and its socket
// may not be there yet: every refusal is temporary until the process ends.
func (p *Postgres) awaitReady(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := p.ping(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.server.exited:
			return fmt.Errorf("the server ended: %w", errors.Join(p.server.exitErr, err))
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-tick.C:
		}
	}
}

func (p *Postgres) ping(ctx context.Context) error {
	return p.exec(ctx, "SELECT 1")
}

// exec runs one statement on a connection of its own, in the database that
// every server has.
func (p *Postgres) exec(ctx context.Context, statement string) error {
	conn, err := pgx.Connect(ctx, p.URL("postgres"))
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(context.WithoutCancel(ctx)))
}

// shared is the server that the tests of one process have in common.
var shared struct {
	once     sync.Once
	postgres *Postgres
	err      error
}

// Shared returns the server that all tests of this process use, starting it
// at the first call. Without a server the test fails: it is never skipped.
func Shared(tb testing.TB) *Postgres {
	tb.Helper()
	shared.once.Do(func() {
		if u := os.Getenv(ServerVariable); u != "" {
			shared.postgres, shared.err = usePostgres(context.Background(), u)
			return
		}
		shared.postgres, shared.err = StartPostgres(context.Background(), Options{})
	})
	if shared.err != nil {
		tb.Fatalf("shared PostgreSQL server: %v", shared.err)
	}
	return shared.postgres
}

// Main runs the tests of a package and then stops the shared server, for
// func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }. A package that
// does without it leaves nothing running, only a folder that the next start
// removes.
func Main(m *testing.M) int {
	code := m.Run()
	if shared.postgres == nil {
		return code
	}
	if err := errors.Join(dropSpare(), shared.postgres.Stop()); err != nil {
		fmt.Fprintln(os.Stderr, "enginetest:", err)
		return max(code, 1)
	}
	return code
}
