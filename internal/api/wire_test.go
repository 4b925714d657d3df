package api_test

// The wire scripts in testdata/wire say what goes over the wire, byte by byte,
// and what it leaves in the audit logs. Each is a txtar file and runs against
// the real server on a new store of every engine; all engines have to answer
// the same. Its comment says what it shows, its sections what happens:
//
//	-- options --            how the server is set up, one option a line
//	-- setup --              what exists already, one line for each thing
//	-- request: a title --   then, as often as needed, a request,
//	-- response --           what has to come back,
//	-- audit --              and the records that it leaves; no section, no record
//
// Options:
//
//	rate_limit PER_SECOND BURST      limits DEPTH ACCOUNTS      max_body BYTES
//	bootstrap_secret SECRET          compat cloudflare          trusted_proxy PREFIX
//
// Lines of the set-up:
//
//	user NAME EMAIL [FIRST LAST] [administrator]
//	WHO METHOD TARGET [BODY] [-> NAME NAME=.path ...]
//
// A user has a token and a global API key that do all that the user may, and
// gives $NAME (its id), $NAME.email, $NAME.token and $NAME.key. The other form
// is a request that has to succeed. "-> NAME" keeps its .result.id as $NAME,
// "-> NAME=.path" the value at another place of the body.
//
// A request begins with WHO METHOD TARGET, where WHO is a NAME that has a
// token, or "nobody". Headers follow, one a line, mixed with directives:
//
//	keep NAME NAME=.path ...    as behind "->" above; .header.Name is a header of the answer
//	wait 24h                    lets time pass before the request
//	maintain                    does what a server does now and then, before the request
//	store broken                makes the store fail: broken, unavailable or panic
//	lenient                     the request succeeds although the API description has it otherwise
//	ours                        the answer is none of the official API's
//	escaped                     the body is a Go string literal
//	brief                       only the beginning of the answer's body is shown
//
// and, after an empty line, the body. $NAME is replaced in all of it; $$ is a
// dollar sign. A response is its status, its headers and its body. Headers
// that all answers have alike are demanded of all of them and not listed:
// CF-RAY, Cache-Control, Date, Content-Length and the Content-Type of a body.
//
// A record of a log begins with the log and its number there. Bodies are as a
// reader gets them, personal data put back.
//
// The clock stands at startTime plus a second and a microsecond for each
// request so far, so that the fraction of a time tells the request; randomness
// is a function of the title. `make golden` rewrites responses and records
// from what SQLite does. The diff is for a human to judge: a golden is never
// adapted to a bug.

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/orgd/orgd/internal/engine/enginetest"
	"github.com/orgd/orgd/internal/openapitest"
	"github.com/orgd/orgd/internal/org"
)

var update = flag.Bool("update", false, "rewrite the wire scripts from what SQLite does")

func TestWire(t *testing.T) {
	t.Parallel()
	documents := []*openapitest.Document{openapitest.Load(t)}
	if external, ok := openapitest.External(t); ok {
		documents = append(documents, external)
	}
	for _, path := range scriptPaths(t) {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			t.Parallel()
			s := readScript(t, path)
			for i, e := range enginetest.All(t) {
				t.Run(e.Name, func(t *testing.T) {
					s.run(t, e.Open(t), documents, *update && i == 0)
				})
			}
		})
	}
}

// run plays s and compares, or rewrites it.
func (s *script) run(t *testing.T, store org.Store, documents []*openapitest.Document, rewrite bool) {
	r := newRunner(t, s, store, documents)
	for _, line := range s.setup {
		r.prepare(line)
	}
	for _, st := range s.steps {
		response, records := r.play(st)
		if rewrite {
			st.response, st.audit = response, records
			continue
		}
		if diff := cmp.Diff(strings.Split(st.response, "\n"), strings.Split(response, "\n")); diff != "" {
			t.Errorf("%s: response (-want +got):\n%s\ngot:\n%s", st.title, diff, response)
		}
		if diff := cmp.Diff(strings.Split(st.audit, "\n"), strings.Split(records, "\n")); diff != "" {
			t.Errorf("%s: audit records (-want +got):\n%s\ngot:\n%s", st.title, diff, records)
		}
	}
	if !rewrite {
		return
	}
	fresh := s.path + ".new" // and renamed, because other tests read it at the same time
	if err := os.WriteFile(fresh, txtar.Format(s.format()), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(fresh, s.path); err != nil {
		t.Fatal(err)
	}
}

func scriptPaths(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob("testdata/wire/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("%d wire scripts: %v", len(paths), err)
	}
	return paths
}
