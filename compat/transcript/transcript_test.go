package transcript_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/orgd/orgd/compat/live"
	"github.com/orgd/orgd/compat/transcript"
)

// TestTranscripts runs every transcript with the real curl.
func TestTranscripts(t *testing.T) {
	server, err := live.Open()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			steps, err := transcript.Read(file)
			if err != nil {
				t.Fatal(err)
			}
			r := runner{file: file, dir: t.TempDir(), vars: variables(t, server)}
			for _, step := range steps {
				if !t.Run(step.Title, func(t *testing.T) { r.run(t, step) }) {
					t.Fatalf("%s:%d: the rest of the transcript depends on this step", file, step.Line)
				}
			}
		})
	}
}

// variables are what a transcript knows when it begins. ANN and BOB are users
// of its own, with a key each.
func variables(t *testing.T, server *live.Server) transcript.Variables {
	t.Helper()
	run := live.Unique()
	v := transcript.Variables{
		"BASE": server.BaseURL, "ORIGIN": server.Origin(), "TOKEN": server.Token, "EMAIL": server.Email, "KEY": server.APIKey,
		"AUTH": "Authorization: Bearer " + server.Token, "RUN": run,
	}
	for _, name := range []string{"ann", "bob"} {
		u, err := server.NewUser(t.Context(), name+"-"+run+"@example.com", strings.ToUpper(name[:1])+name[1:])
		if err != nil {
			t.Fatal(err)
		}
		prefix := strings.ToUpper(name)
		v[prefix], v[prefix+"_ID"], v[prefix+"_KEY"] = u.Email, u.ID, u.APIKey
	}
	return v
}

type runner struct {
	file string
	dir  string
	vars transcript.Variables
}

func (r *runner) run(t *testing.T, step transcript.Step) {
	head, body := filepath.Join(r.dir, "head"), filepath.Join(r.dir, "body")
	if err := os.WriteFile(body, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	prelude := `set -euo pipefail; curl() { command curl -sS --max-time 30 -D "$HEAD_FILE" -o "$BODY_FILE" -w '%{http_code}' "$@"; }` + "\n"
	command := exec.CommandContext(t.Context(), "bash", "-c", prelude+step.Command)
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "HEAD_FILE=" + head, "BODY_FILE=" + body}
	for name, value := range r.vars {
		command.Env = append(command.Env, name+"="+value)
	}
	var output, errors bytes.Buffer
	command.Stdout, command.Stderr = &output, &errors
	if err := command.Run(); err != nil {
		t.Fatalf("%s:%d: %v: %s", r.file, step.Line, err, errors.String())
	}
	answer, err := os.ReadFile(body)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(output.String()); got != step.Status {
		t.Fatalf("%s:%d: got status %s, want %s\n%s\n%s", r.file, step.Line, got, step.Status, step.Command, answer)
	}
	r.headers(t, step, head)
	r.body(t, step, answer)
}

func (r *runner) headers(t *testing.T, step transcript.Step, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got := http.Header{}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			got.Add(name, strings.TrimSpace(value))
		}
	}
	if ray := got.Get("CF-RAY"); !regexp.MustCompile(`^[0-9a-f]{16}-ORG$`).MatchString(ray) {
		t.Errorf("%s:%d: CF-RAY is %q", r.file, step.Line, ray)
	}
	for name, want := range step.Headers {
		for _, difference := range r.vars.Match(want, got.Get(name)) {
			t.Errorf("%s:%d: %s: %s", r.file, step.Line, name, difference)
		}
	}
}

func (r *runner) body(t *testing.T, step transcript.Step, answer []byte) {
	t.Helper()
	if step.Body == nil {
		if len(answer) != 0 {
			t.Errorf("%s:%d: got the body %s, want none", r.file, step.Line, answer)
		}
		return
	}
	var got any
	decoder := json.NewDecoder(bytes.NewReader(answer))
	decoder.UseNumber()
	if err := decoder.Decode(&got); err != nil {
		t.Fatalf("%s:%d: %v in %q", r.file, step.Line, err, answer)
	}
	if differences := r.vars.Match(step.Body, got); len(differences) > 0 {
		t.Errorf("%s:%d: %s\n%s\nin %s", r.file, step.Line, step.Command, strings.Join(differences, "\n"), answer)
	}
}

// TestRoutes compares the route list of the suites with the document that the
// server publishes, both ways.
func TestRoutes(t *testing.T) {
	server, err := live.Open()
	if err != nil {
		t.Fatal(err)
	}
	want, err := live.Routes("../routes.txt")
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Get(server.Origin() + "/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var document struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&document); err != nil {
		t.Fatal(err)
	}
	got := map[live.Route]bool{}
	for path, operations := range document.Paths {
		for method := range operations {
			if path, ok := strings.CutPrefix(path, "/client/v4"); ok && method != "parameters" {
				got[live.NewRoute(strings.ToUpper(method), path)] = true
			}
		}
	}
	for route := range want {
		if !got[route] {
			t.Errorf("%s is in routes.txt and not in the document", route)
		}
	}
	for route := range got {
		if !want[route] {
			t.Errorf("%s is in the document and not in routes.txt", route)
		}
	}
}

// TestMatch shows that the comparison can fail, and how.
func TestMatch(t *testing.T) {
	tests := []struct {
		want, got string
		found     []string
	}{
		{`{"a":1,"b":["x",null,true]}`, `{"b":["x",null,true],"a":1}`, nil},
		{`{"a":"<id>"}`, `{"a":"0190000000007000800000000000dead"}`, nil},
		{`{"a":"<id>"}`, `{"a":"0190"}`, []string{`$.a: got "0190", want <id>`}},
		{`{"a":"<time>"}`, `{"a":"2026-01-01T00:00:00.5Z"}`, nil},
		{`{"a":"<time>"}`, `{"a":"2026-01-01T00:00:00+00:00"}`, []string{`$.a: got "2026-01-01T00:00:00+00:00", want <time>`}},
		{`{"a":"hi $who"}`, `{"a":"hi ann"}`, nil},
		{`{"a":"<text $new>","b":"$new"}`, `{"a":"x","b":"y"}`, []string{`$.b: got "y", want "x"`}},
		{`{"a":1}`, `{"a":2}`, []string{`$.a: got 2, want 1`}},
		{`{"a":1}`, `{"a":1,"b":2}`, []string{`$.b: unexpected 2`}},
		{`{"a":1,"...":""}`, `{"a":1,"b":2}`, nil},
		{`{"a":null}`, `{}`, []string{`$.a: missing`}},
		{`[1]`, `[1,2]`, []string{`$: got [1,2], want 1 elements`}},
		{`{}`, `7`, []string{`$: got 7, want an object`}},
	}
	for _, tt := range tests {
		vars := transcript.Variables{"who": "ann"}
		if found := vars.Match(decode(t, tt.want), decode(t, tt.got)); !slices.Equal(found, tt.found) {
			t.Errorf("%s and %s: got %q, want %q", tt.want, tt.got, found, tt.found)
		}
	}
}

func decode(t *testing.T, text string) any {
	t.Helper()
	var value any
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		t.Fatal(err)
	}
	return value
}
