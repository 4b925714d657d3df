package archtest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestCheck breaks every rule once, in a tree of its own.
func TestCheck(t *testing.T) {
	t.Parallel()
	const orgs = `"github.com/orgd/orgd/internal/org"`
	for _, tt := range []struct {
		name, file, text string
		// want is what is found, or "" when the file keeps the rules.
		want string
	}{
		{"allowed import", "internal/api/a.go", `import ` + orgs, ""},
		{"forbidden import", "internal/page/a.go", `import ` + orgs, "internal/page/a.go:2: page must not import internal/org"},
		{"named import", "internal/page/a.go", `import o ` + orgs, "internal/page/a.go:2: page must not import internal/org"},
		{"domain imports the wire", "internal/org/a.go", `import "github.com/orgd/orgd/internal/api"`, "internal/org/a.go:2: org must not import internal/api"},
		{"wire imports the store", "internal/api/a.go", `import "github.com/orgd/orgd/internal/sqlstore"`, "internal/api/a.go:2: api must not import internal/sqlstore"},
		{"test support in the program", "cmd/orgd/a.go", `import "github.com/orgd/orgd/internal/engine/enginetest"`, "cmd/orgd/a.go:2: cmd/orgd must not import internal/engine/enginetest"},
		{"command imported", "internal/api/a.go", `import "github.com/orgd/orgd/cmd/orgd"`, "internal/api/a.go:2: api must not import cmd/orgd"},
		{"import in a test", "internal/page/a_test.go", `import ` + orgs, ""},
		{"unlisted package", "internal/util/a.go", "", "internal/util/a.go:1: package internal/util is not in the table of archtest"},
		{"unlisted package elsewhere", "pkg/a.go", "", "pkg/a.go:1: package pkg is not in the table of archtest"},
		{"test data", "internal/util/testdata/a.go", "", ""},

		{"net/http in org", "internal/org/a.go", `import "net/http"`, "internal/org/a.go:2: org must not import net/http: the domain does not know the wire"},
		{"net/http/httptrace in org", "internal/org/a.go", `import "net/http/httptrace"`, "internal/org/a.go:2: org must not import net/http/httptrace: the domain does not know the wire"},
		{"database/sql in org", "internal/org/a.go", `import "database/sql"`, "internal/org/a.go:2: org must not import database/sql: the domain does not know the database"},
		{"encoding/json in org", "internal/org/a.go", `import "encoding/json"`, "internal/org/a.go:2: org must not import encoding/json: the domain does not know the wire"},
		{"net/http in api", "internal/api/a.go", `import "net/http"`, ""},
		{"driver in engine", "internal/engine/a.go", `import "github.com/jackc/pgx/v5/pgconn"`, "internal/engine/a.go:2: engine must not import github.com/jackc/pgx/v5/pgconn: drivers are for sqlstore"},
		{"driver in api", "internal/api/a.go", `import _ "modernc.org/sqlite"`, "internal/api/a.go:2: api must not import modernc.org/sqlite: drivers are for sqlstore"},
		{"driver in sqlstore", "internal/sqlstore/a.go", `import _ "modernc.org/sqlite"`, ""},
		{"package log", "cmd/orgd/a.go", `import "log"`, "cmd/orgd/a.go:2: package log is banned here: loggers are passed in, and they are slog's"},
		{"package log/slog", "cmd/orgd/a.go", `import "log/slog"`, ""},

		{"store in an org test", "internal/org/a_test.go", `import "github.com/orgd/orgd/internal/sqlstore"`, "internal/org/a_test.go:2: tests of org open stores with enginetest, not with sqlstore"},
		{"engine in an api test", "internal/api/a_test.go", `import "github.com/orgd/orgd/internal/engine"`, "internal/api/a_test.go:2: tests of api open stores with enginetest, not with engine"},
		{"enginetest in an api test", "internal/api/a_test.go", `import "github.com/orgd/orgd/internal/engine/enginetest"`, ""},
		{"store in a sqlstore test", "internal/sqlstore/a_test.go", `import "github.com/orgd/orgd/internal/engine"`, ""},

		{"clock", "internal/id/a.go", `var _ = time.Now()`, "internal/id/a.go:2: time.Now is banned here: clocks are passed in"},
		{"clock passed on", "internal/id/a.go", `var now = time.Now`, "internal/id/a.go:2: time.Now is banned here: clocks are passed in"},
		{"hidden clock", "internal/id/a.go", `var _ = time.Since(t)`, "internal/id/a.go:2: time.Now is banned here: clocks are passed in"},
		{"clock in a comment", "internal/id/a.go", `// time.Now() is banned`, ""},
		{"clock in a string", "internal/id/a.go", `var _ = "time.Now()"`, ""},
		{"clock in a command", "cmd/orgd/a.go", `var _ = time.Now()`, ""},
		{"clock in a test", "internal/id/a_test.go", `var _ = time.Now()`, ""},
		{"http.Error", "cmd/orgd/a.go", `func f() { http.Error(w, "", 500) }`, "cmd/orgd/a.go:2: http.Error is banned here: errors leave in the envelope"},
		{"slog.SetDefault", "cmd/orgd/a.go", `func f() { slog.SetDefault(l) }`, "cmd/orgd/a.go:2: the default logger is banned here: loggers are passed in"},
		{"slog.Info", "internal/api/a.go", `func f() { slog.Info("x") }`, "internal/api/a.go:2: the default logger is banned here: loggers are passed in"},
		{"a passed logger", "internal/api/a.go", `func f() { l.Info("x", slog.String("a", "b")) }`, ""},
		{"init", "internal/api/a.go", `func init() {}`, "internal/api/a.go:2: func init is banned here: nothing happens before main"},
		{"method init", "internal/api/a.go", `func (s T) init() {}`, ""},

		{"write beside mutate", "internal/org/a.go", `func f() { s.store.Update(ctx, g) }`, "internal/org/a.go:2: Store.Update is banned here: every write goes through org.mutate"},
		{"write of a field", "internal/demo/a.go", `func f() { s.Store.Update(ctx, g) }`, "internal/demo/a.go:2: Store.Update is banned here: every write goes through org.mutate"},
		{"write of a variable", "cmd/orgd/a.go", `func f() { store.Update(ctx, g) }`, "cmd/orgd/a.go:2: Store.Update is banned here: every write goes through org.mutate"},
		{"write in mutate", "internal/org/mutate.go", `func f() { s.store.Update(ctx, g) }`, ""},
		{"write in another mutate", "internal/api/mutate.go", `func f() { s.store.Update(ctx, g) }`, "internal/api/mutate.go:2: Store.Update is banned here: every write goes through org.mutate"},
		{"write in storetest", "internal/storetest/a.go", `func f() { store.Update(ctx, g) }`, ""},
		{"another update", "internal/org/a.go", `func f() { tx.Update(ctx, g) }`, ""},

		{"JSON tag in org", "internal/org/a.go", "type t struct {\n\tA int `json:\"a\"`\n}", "internal/org/a.go:3: a JSON tag is banned here: JSON is the wire's concern"},
		{"JSON tag in auth", "internal/auth/a.go", "type t struct {\n\tA int `x:\"y\" json:\"a\"`\n}", "internal/auth/a.go:3: a JSON tag is banned here: JSON is the wire's concern"},
		{"JSON tag in api", "internal/api/a.go", "type t struct {\n\tA int `json:\"a\"`\n}", ""},
		{"PostgreSQL error", "internal/sqlstore/a.go", `var e *pgconn.PgError`, "internal/sqlstore/a.go:2: a driver's error type is banned here: errors.go of sqlstore translates them"},
		{"SQLite error", "internal/sqlstore/a.go", `var e *sqlite.Error`, "internal/sqlstore/a.go:2: a driver's error type is banned here: errors.go of sqlstore translates them"},
		{"errors where they belong", "internal/sqlstore/errors.go", "var e *sqlite.Error\nvar f *pgconn.PgError", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			root := tree(t, map[string]string{
				"internal/fault/fault.go": "package p\n",
				tt.file:                   "package p\n" + tt.text + "\n",
			})
			got, err := check(root)
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			if tt.want != "" {
				want = []string{tt.want}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s:\n%s\ngot  %q\nwant %q", tt.file, tt.text, got, want)
			}
		})
	}
}

func TestCheckSkipsOtherModules(t *testing.T) {
	t.Parallel()
	root := tree(t, map[string]string{
		"compat/go.mod":         "module github.com/orgd/orgd/compat\n",
		"compat/a.go":           "package p\nfunc init() {}\n",
		"compat/deep/a.go":      "package p\nfunc init() {}\n",
		".hidden/a.go":          "package p\nfunc init() {}\n",
		"x/node_modules/y/a.go": "package p\nfunc init() {}\n",
		"internal/org/b.go":     "package p\nfunc init() {}\n",
		"internal/org/a.go":     "package p\nimport \"net/http\"\nfunc init() {}\n",
	})
	got, err := check(root)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"internal/org/a.go:2", "internal/org/a.go:3", "internal/org/b.go:2"}
	if len(got) != len(want) {
		t.Fatalf("got %q, want one for each of %q", got, want)
	}
	for i, at := range want {
		if !strings.HasPrefix(got[i], at+":") {
			t.Errorf("finding %d: got %q, want one at %s", i, got[i], at)
		}
	}
}

func TestCheckReportsFilesItCannotRead(t *testing.T) {
	t.Parallel()
	root := tree(t, map[string]string{"internal/org/a.go": "package"})
	if got, err := check(root); err == nil {
		t.Errorf("a file that does not parse: got %q and no error", got)
	}
	if got, err := check(filepath.Join(root, "nowhere")); err == nil {
		t.Errorf("no folder: got %q and no error", got)
	}
}

// TestTable keeps the table itself honest: no circle, and no name in it that
// has no row.
func TestTable(t *testing.T) {
	t.Parallel()
	const visiting, done = 1, 2
	state := map[string]int{}
	var visit func(trail []string, name string)
	visit = func(trail []string, name string) {
		trail = append(trail, name)
		if state[name] == visiting {
			t.Errorf("circle: %s", strings.Join(trail, " -> "))
		}
		if state[name] != 0 {
			return
		}
		state[name] = visiting
		imports, listed := allowed[name]
		if !listed {
			t.Errorf("no row: %s", strings.Join(trail, " -> "))
		}
		for _, i := range imports {
			visit(trail, i)
		}
		state[name] = done
	}
	for name := range allowed {
		visit(nil, name)
	}
}

func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		name = filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}
