package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const trailerOfTwo = `{"end":true,"from_seq":1,"to_seq":2,"count":2,"expired":0,"tree_size":0,"left":[],"right":[],"checkpoint":""}`

// TestAnExportThatIsNotWholeIsRefused lets a server send what it should not.
// No file is left of it.
func TestAnExportThatIsNotWholeIsRefused(t *testing.T) {
	t.Parallel()
	const head = `{"orgd_audit_export":1}` + "\n"
	for _, test := range []struct{ name, format, body, want string }{
		{"whole", "ndjson", head + "{}\n{}\n" + trailerOfTwo + "\n", ""},
		{"no trailer", "ndjson", head + "{}\n{}\n", "its trailer is missing"},
		{"half a trailer", "ndjson", head + "{}\n{}\n" + trailerOfTwo[:40], "its trailer is missing"},
		{"a trailer without an end of line", "ndjson", head + "{}\n{}\n" + trailerOfTwo, "its trailer is missing"},
		{"a record is missing", "ndjson", head + "{}\n" + trailerOfTwo + "\n", "it has 1 records, its trailer speaks of 2 from 1 to 2"},
		{"a record too many", "ndjson", head + "{}\n{}\n{}\n" + trailerOfTwo + "\n", "it has 3 records"},
		{"nothing", "ndjson", "", "its trailer is missing"},
		{"something else", "ndjson", "<html>\n", "its trailer is missing"},
		{"columns", "csv", "A,B\r\n1,\"x\n\"\"y\r\n\"\r\n2,z\r\n#" + trailerOfTwo + "\r\n", ""},
		{"columns without a line", "csv", "A,B\r\n2,z\r\n#" + trailerOfTwo + "\r\n", "it has 1 records"},
		{"events", "ocsf", "{}\n{}\n" + trailerOfTwo + "\n", ""},
		{"a long record", "ocsf", "{}\n{" + strings.Repeat(" ", 3*maxTrailer) + "}\n" + trailerOfTwo + "\n", ""},
		{"only a long record", "ocsf", "{" + strings.Repeat(" ", 3*maxTrailer) + "}\n", "its trailer is missing"},
		{"cut off", "ocsf", "abort", "the export was cut off after 0 records of 2: unexpected EOF"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/orgd/v1/organizations/acme/audit/export" || r.Header.Get("Authorization") != "Bearer token" || r.URL.Query().Get("format") != test.format {
					w.WriteHeader(http.StatusTeapot)
					return
				}
				w.Header().Set("Orgd-From-Seq", "1")
				w.Header().Set("Orgd-To-Seq", "2")
				if test.body == "abort" {
					fmt.Fprint(w, "{")
					_ = http.NewResponseController(w).Flush()
					panic(http.ErrAbortHandler)
				}
				fmt.Fprint(w, test.body)
			}))
			t.Cleanup(s.Close)
			dir := t.TempDir()
			name := filepath.Join(dir, "out")
			var out, errs bytes.Buffer
			f := exportFlags{remote: remote{url: s.URL + "/client/v4", token: "token"}, organization: "acme", format: test.format, output: name}
			err := runExport(t.Context(), defaults(), &f, streams{&out, &errs})
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			left, dirErr := os.ReadDir(dir)
			if dirErr != nil || len(left) != 0 && test.want != "" {
				t.Errorf("left over: %v, %v", left, dirErr)
			}
			if got, readErr := os.ReadFile(name); test.want == "" && string(got) != test.body {
				t.Errorf("the file has %d bytes, %v", len(got), readErr)
			}
			if errs.Len() > 0 {
				t.Errorf("progress where there is no terminal: %q", errs.String())
			}
		})
	}
}

// TestProgressLine tells rate and rest.
func TestProgressLine(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		done, total int64
		took        time.Duration
		want        string
	}{
		{0, 100, 0, "0 of 100 records"},
		{0, 100, time.Second, "0 of 100 records"},
		{50, 100, 10 * time.Second, "50 of 100 records, 5/s, 10s left"},
		{100, 100, 10 * time.Second, "100 of 100 records, 10/s, 0s left"},
		{1, 1_000_000, time.Second, "1 of 1000000 records, 1/s, 277h46m39s left"},
	} {
		if got := progressLine(test.done, test.total, test.took); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
	p := &progress{to: &bytes.Buffer{}, total: 10, start: time.Now()}
	p.show(1)
	p.show(2) // too soon
	p.finish()
	if got := p.to.(*bytes.Buffer).String(); strings.Count(got, "of 10 records") != 1 || !strings.HasSuffix(got, "\r\x1b[K") {
		t.Errorf("the terminal got %q", got)
	}
}
