package main

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/orgd/orgd/internal/engine/enginetest"
)

// TestScript runs the scripts in testdata/script. Besides the commands of
// testscript they have
//
//	database VAR          sets VAR to the URL of an empty PostgreSQL database
//	await FILE            waits until FILE is there
//	field FILE KEY VAR    sets VAR to a field of a JSON file, which must not be empty
//	sql DRIVER NAME TEXT  runs a statement on a database, a file or a URL
func TestScript(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"database": scriptDatabase,
			"await":    scriptAwait,
			"field":    scriptField,
			"sql":      scriptSQL,
		},
		Setup: func(e *testscript.Env) error {
			e.Values[testKey{}] = t
			return nil
		},
	})
}

// testKey finds the test of a script.
type testKey struct{}

func arguments(ts *testscript.TestScript, neg bool, args []string, n int) {
	if neg || len(args) != n {
		ts.Fatalf("want %d arguments and no negation, have %q", n, args)
	}
}

func scriptDatabase(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, 1)
	t := ts.Value(testKey{}).(*testing.T)
	url, drop, err := enginetest.Shared(t).CreateDatabase(t.Context())
	ts.Check(err)
	ts.Defer(func() { ts.Check(drop()) })
	ts.Setenv(args[0], url)
}

func scriptAwait(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, 1)
	name := ts.MkAbs(args[0])
	for end := time.Now().Add(startTimeout); time.Now().Before(end); time.Sleep(pollPeriod) {
		if _, err := os.Stat(name); err == nil {
			return
		}
	}
	ts.Fatalf("%s did not appear within %s", name, startTimeout)
}

func scriptField(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, 3)
	var all map[string]any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &all))
	value := fmt.Sprint(all[args[1]])
	if all[args[1]] == nil || value == "" {
		ts.Fatalf("%s has no %s", args[0], args[1])
	}
	ts.Setenv(args[2], value)
}

func scriptSQL(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, 3)
	name, text := args[1], args[2]
	if args[0] == "sqlite" {
		name = ts.MkAbs(name) // the working directory is that of the test, not of the script
	}
	db, err := sql.Open(args[0], name)
	ts.Check(err)
	defer db.Close()
	_, err = db.Exec(text)
	ts.Check(err)
}
