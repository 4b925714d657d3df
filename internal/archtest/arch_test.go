// Package archtest holds the dependency rule and the banned calls, as a test.
//
// It reads source files itself instead of asking the go command, so that go
// test sees what it depends on and does not repeat an old answer from its
// cache.
package archtest

import (
	"go/ast"
	"testing"
)

// module is the path that every import of ours starts with.
const module = "github.com/orgd/orgd/"

// allowed is the dependency rule: every package of the main module and what
// of ours it may import. internal/ is left out of the names. "api and sqlstore
// both know org; org knows neither; they never know each other."
var allowed = map[string][]string{
	"cmd/orgd": {"api", "audit", "audit/export", "auth", "console", "demo", "dump", "engine", "fault", "fsck", "id", "org", "outbound", "page", "proof", "seal", "stream", "usage", "usage/focus", "usage/focuscheck", "witness"},

	"console":  {"api", "audit", "auth", "fault", "org", "page"},
	"api":      {"audit", "audit/export", "auth", "fault", "id", "org", "page", "proof", "usage", "usage/cloudevent", "usage/focus", "usage/pricelist"},
	"demo":     {"audit", "auth", "fault", "id", "org", "page", "usage", "usage/pricelist"},
	"dump":     {"audit", "auth", "fault", "org", "usage"},
	"fsck":     {"audit", "auth", "fault", "id", "org", "proof", "usage"},
	"engine":   {"chstore", "fault", "org", "sqlstore"},
	"sqlstore": {"audit", "auth", "fault", "id", "org", "page", "proof", "usage"},
	"chstore":  {"audit", "fault", "page", "usage"},
	"org":      {"audit", "auth", "fault", "id", "page", "proof", "usage"},
	"audit":    {"auth", "fault", "id", "page"},
	"usage":    {"fault", "id", "page"},
	"auth":     {"fault", "id"},
	"page":     {"fault"},
	"stream":   {"audit", "org", "outbound"},
	"outbound": {},
	"proof":    {},
	"seal":     {},
	"fault":    {},
	"id":       {},

	"witness":          {"id", "proof"},
	"audit/export":     {"audit", "auth", "id", "proof"},
	"usage/cloudevent": {"fault", "id", "usage"},
	"usage/focus":      {"usage"},
	"usage/focuscheck": {"usage", "usage/focus"},
	"usage/pricelist":  {"usage"},

	// For tests only: nothing above imports these.
	"archtest":          {},
	"engine/enginetest": {"audit", "auth", "engine", "fault", "fsck", "id", "org", "page"},
	"logtest":           {"audit", "page", "usage"},
	"openapitest":       {"api"},
	"storetest":         {"audit", "auth", "fault", "fsck", "id", "org", "page", "proof", "usage", "usage/pricelist"},
}

// foreign limits who may import packages that are not ours: the packages
// below each prefix are for the named ones only, or for all but those named.
var foreign = []struct {
	prefix       string
	only, except []string
	why          string
}{
	{prefix: "net/http", except: []string{"org"}, why: "the domain does not know the wire"},
	{prefix: "database/sql", except: []string{"org"}, why: "the domain does not know the database"},
	{prefix: "encoding/json", except: []string{"org"}, why: "the domain does not know the wire"},
	{prefix: "github.com/jackc/", only: []string{"sqlstore", "engine/enginetest"}, why: "drivers are for sqlstore"},
	{prefix: "modernc.org/", only: []string{"sqlstore"}, why: "drivers are for sqlstore"},
}

// storeOpeners are the packages that open stores. Tests of the packages in
// needEnginetest leave that to enginetest, so that they run on every engine.
var (
	storeOpeners   = []string{"engine", "sqlstore", "chstore"}
	needEnginetest = []string{"api", "org"}
)

// bans are the calls that only some files may contain. Tests may contain all
// of them.
var bans = []ban{
	{
		what:    "time.Now",
		why:     "clocks are passed in",
		in:      []string{"internal/"},
		matches: func(n ast.Node) bool { return names(n, "time", "Now", "Since", "Until") },
	},
	{
		what:    "http.Error",
		why:     "errors leave in the envelope",
		matches: func(n ast.Node) bool { return names(n, "http", "Error") },
	},
	{
		what:    "package log",
		why:     "loggers are passed in, and they are slog's",
		matches: func(n ast.Node) bool { return imports(n, "log") },
	},
	{
		what:    "the default logger",
		why:     "loggers are passed in",
		matches: usesDefaultLogger,
	},
	{
		what:    "Store.Update",
		why:     "every write goes through org.mutate",
		exempt:  []string{"internal/org/mutate.go", "internal/dump/read.go", "internal/storetest/"},
		matches: callsStoreUpdate,
	},
	{
		what:    "func init",
		why:     "nothing happens before main",
		matches: declaresInit,
	},
	{
		what:    "a JSON tag",
		why:     "JSON is the wire's concern",
		in:      []string{"internal/org/", "internal/auth/"},
		matches: hasJSONTag,
	},
	{
		what:   "a driver's error type",
		why:    "errors.go of sqlstore translates them",
		exempt: []string{"internal/sqlstore/errors.go"},
		matches: func(n ast.Node) bool {
			return names(n, "pgconn", "PgError", "ConnectError") || names(n, "sqlite", "Error")
		},
	},
}

func TestArchitecture(t *testing.T) {
	t.Parallel()
	found, err := check("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		t.Error(f)
	}
}
