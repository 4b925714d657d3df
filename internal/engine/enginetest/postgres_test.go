package enginetest

import (
	"context"
	"errors"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// helperVariable tells this test binary to start a server, say its URL and
// wait to be killed.
const helperVariable = "ENGINETEST_HELPER"

func TestMain(m *testing.M) {
	if os.Getenv(helperVariable) != "" {
		os.Exit(runHelper())
	}
	os.Exit(Main(m))
}

func runHelper() int {
	p, err := StartPostgres(context.Background(), Options{})
	if err != nil {
		_, _ = io.WriteString(os.Stderr, err.Error())
		return 1
	}
	_, _ = io.WriteString(os.Stdout, p.URL("postgres")+"\n")
	// The test closes our standard input or kills us.
	_, _ = io.Copy(io.Discard, os.Stdin)
	if err := p.Stop(); err != nil {
		return 1
	}
	return 0
}

func TestStartPostgres(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name          string
		options       Options
		fsync, listen string
	}{
		{"zero options", Options{}, "off", ""},
		{"tcp and fsync", Options{TCP: true, Fsync: true}, "on", "127.0.0.1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := start(t, tt.options)
			conn := connect(t, p.URL("postgres"))
			for setting, want := range map[string]string{
				"fsync": tt.fsync, "synchronous_commit": tt.fsync, "full_page_writes": tt.fsync,
				"listen_addresses": tt.listen, "max_connections": "200", "server_encoding": "UTF8",
			} {
				if got := queryText(t, conn, "SELECT current_setting('"+setting+"')"); got != want {
					t.Errorf("setting %s: got %q, want %q", setting, got, want)
				}
			}
			if got := queryText(t, conn, "SELECT (inet_server_addr() IS NOT NULL)::text"); got != boolText(tt.options.TCP) {
				t.Errorf("connected by TCP: got %s, want %t", got, tt.options.TCP)
			}
			if owner := ownerOf(t, p.server.folder.join("data/postmaster.pid")); owner == 0 {
				t.Error("the server runs as root")
			}
		})
	}
}

func TestStartPostgresWithoutRoot(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		return // every other test of this file shows it
	}
	// nobody may not enter the folder that the test binary is built in.
	dir, err := os.MkdirTemp("/tmp", "orgd-enginetest-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "helper")
	copyFile(t, program, executable(t))
	h := startHelper(t, program, &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}})
	if got := queryText(t, connect(t, h.url), "SELECT 1::text"); got != "1" {
		t.Errorf("SELECT 1: got %q", got)
	}
	h.stdin.Close()
	if err := h.cmd.Wait(); err != nil {
		t.Errorf("helper as nobody: %v", err)
	}
}

func TestStop(t *testing.T) {
	t.Parallel()
	p := start(t, Options{TCP: true})
	sweep(filepath.Dir(p.server.folder.path))
	if err := p.ping(t.Context()); err != nil {
		t.Errorf("after a sweep by somebody else: %v", err)
	}
	for range 2 {
		if err := p.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.ping(t.Context()); err == nil {
		t.Error("the server answers after Stop")
	}
	if _, err := os.Stat(p.server.folder.path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("folder after Stop: got %v, want it gone", err)
	}
}

func TestServerEndsWithItsProcess(t *testing.T) {
	t.Parallel()
	h := startHelper(t, executable(t), nil)
	if err := h.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = h.cmd.Wait()
	waitFor(t, "the server to end", func() bool {
		conn, err := pgx.Connect(t.Context(), h.url)
		if err == nil {
			_ = conn.Close(t.Context())
		}
		return err != nil
	})

	left := socketFolder(t, h.url)
	waitFor(t, "the folder of the killed process to go", func() bool {
		f, err := newFolder(nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.remove(); err != nil {
			t.Fatal(err)
		}
		_, err = os.Stat(left)
		return errors.Is(err, os.ErrNotExist)
	})
}

func TestCreateDatabase(t *testing.T) {
	t.Parallel()
	p := Shared(t)
	first, dropFirst := createDatabase(t, p)
	second, dropSecond := createDatabase(t, p)
	if first == second {
		t.Fatalf("two databases at %s", first)
	}
	a, b := connect(t, first), connect(t, second)
	if _, err := a.Exec(t.Context(), "CREATE TABLE only_here (n INT)"); err != nil {
		t.Fatal(err)
	}
	if got := queryText(t, b, "SELECT (to_regclass('only_here') IS NULL)::text"); got != "true" {
		t.Error("a table of one database is visible in the other")
	}
	// Both are still connected: drop must not mind.
	for _, drop := range []func() error{dropFirst, dropSecond} {
		if err := drop(); err != nil {
			t.Error(err)
		}
	}
	if _, err := pgx.Connect(t.Context(), first); err == nil {
		t.Error("the dropped database takes connections")
	}
}

func TestDatabasesHaveALinguisticCollation(t *testing.T) {
	t.Parallel()
	u, drop := createDatabase(t, Shared(t))
	conn := connect(t, u)
	if got := queryText(t, conn, "SELECT ('a' < 'B')::text || ('a' < 'B' COLLATE \"C\")::text"); got != "truefalse" {
		t.Errorf("order of a and B by default and in C: got %s, want truefalse", got)
	}
	if err := drop(); err != nil {
		t.Error(err)
	}
}

func TestShared(t *testing.T) {
	t.Parallel()
	if a, b := Shared(t), Shared(t); a != b {
		t.Errorf("two servers: %s and %s", a.URL("x"), b.URL("x"))
	}
}

func TestUsePostgres(t *testing.T) {
	t.Parallel()
	owned := start(t, Options{TCP: true})
	p, err := usePostgres(t.Context(), owned.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	u, drop := createDatabase(t, p)
	connect(t, u)
	if err := errors.Join(drop(), p.Stop()); err != nil {
		t.Error(err)
	}
	if err := owned.ping(t.Context()); err != nil {
		t.Errorf("Stop of a server that was not started here: %v", err)
	}
	if _, err := usePostgres(t.Context(), "postgres://127.0.0.1:1/postgres?sslmode=disable"); err == nil ||
		!strings.Contains(err.Error(), ServerVariable) {
		t.Errorf("no server there: got %v, want an error that names %s", err, ServerVariable)
	}
}

func TestFindBin(t *testing.T) {
	empty, real := t.TempDir(), t.TempDir()
	t.Setenv("PATH", empty)
	if _, err := findBin(empty); err == nil || !strings.Contains(err.Error(), "scripts/setup") {
		t.Errorf("no server: got %v, want an error that tells how to get one", err)
	}
	if err := os.WriteFile(filepath.Join(real, "postgres"), []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, dirs := range map[string][2]string{"preferred": {real, empty}, "PATH": {empty, real}} {
		t.Setenv("PATH", dirs[1])
		if got, err := findBin(dirs[0]); got != real || err != nil {
			t.Errorf("server in %s: got %q, %v, want %q", name, got, err, real)
		}
	}
}

func TestTempParent(t *testing.T) {
	long := filepath.Join("/tmp", strings.Repeat("x", longestTemp))
	for _, dir := range []string{long, "/nowhere"} {
		t.Setenv("TMPDIR", dir)
		if got := tempParent(); got != "/tmp" {
			t.Errorf("TMPDIR=%s: got %s, want /tmp", dir, got)
		}
	}
	t.Setenv("TMPDIR", "/var/tmp")
	if got := tempParent(); got != "/var/tmp" {
		t.Errorf("TMPDIR=/var/tmp: got %s", got)
	}
	if closed := t.TempDir(); openToAll(closed) {
		t.Errorf("%s is open to all, want it closed", closed)
	}
}

func start(t *testing.T, o Options) *Postgres {
	t.Helper()
	p, err := StartPostgres(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func createDatabase(t *testing.T, p *Postgres) (databaseURL string, drop func() error) {
	t.Helper()
	databaseURL, drop, err := p.CreateDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return databaseURL, drop
}

func connect(t *testing.T, databaseURL string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), databaseURL)
	if err != nil {
		t.Fatalf("connect to %s: %v", databaseURL, err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func queryText(t *testing.T, conn *pgx.Conn, query string) string {
	t.Helper()
	var s string
	if err := conn.QueryRow(t.Context(), query).Scan(&s); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return s
}

func ownerOf(t *testing.T, name string) uint32 {
	t.Helper()
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Uid
}

func boolText(b bool) string {
	if b {
		return "true"
	}
	return "false"
}

type helper struct {
	cmd   *exec.Cmd
	stdin io.Closer
	url   string
}

func startHelper(t *testing.T, program string, attr *syscall.SysProcAttr) helper {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), helperVariable+"=1", "TMPDIR=/tmp")
	cmd.SysProcAttr = attr
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 1024)
	n, err := stdout.Read(line)
	if err != nil {
		t.Fatalf("read the helper's URL: %v", err)
	}
	return helper{cmd: cmd, stdin: stdin, url: strings.TrimSpace(string(line[:n]))}
}

func executable(t *testing.T) string {
	t.Helper()
	name, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func copyFile(t *testing.T, to, from string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, 0o755); err != nil {
		t.Fatal(err)
	}
}

func socketFolder(t *testing.T, databaseURL string) string {
	t.Helper()
	u, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query().Get("host")
}

func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.After(2 * time.Minute)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-deadline:
			t.Fatalf("waited in vain for %s", what)
		case <-tick.C:
		}
	}
}
