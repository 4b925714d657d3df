package export_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/audit/export"
	"github.com/orgd/orgd/internal/auth"
)

func sample(seq int64) *audit.Record {
	return &audit.Record{
		Log: "log", Seq: seq, ID: "record", Time: time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC), Account: "account",
		Action: audit.MemberInvite, Result: audit.Failure,
		Actor: audit.Actor{
			ID: "actor", Type: audit.ActorUser, Context: auth.ContextAPIToken, Email: "ada@example.com", IP: "192.0.2.1",
			TokenID: "token", TokenName: "=cmd|' /C calc'!A0", Salt: []byte("0123456789abcdef"),
		},
		Raw: audit.Raw{RayID: "0123456789abcdef-ORG", Method: "POST", URI: "/a?b=<&>", UserAgent: "@agent, \"1\"\r\n", Status: 403},
		Resource: audit.Resource{
			ID: "resource", Type: "member", Product: "members", Scope: audit.ScopeOrganizations,
			Request: []byte(`{"a":"<&>\u2028","email":{"$personal":0}}`), Response: []byte(`[1.0]`),
		},
		Personal: []audit.Personal{{Subject: "grace", Salt: []byte("fedcba9876543210"), Value: "grace@example.com"}},
	}
}

func write(t *testing.T, f export.Format, records ...*audit.Record) string {
	t.Helper()
	var out bytes.Buffer
	s := export.Source{Organization: "acme", Header: export.Header{Log: "log"}, Trailer: export.Trailer{FromSeq: 1}, Each: func(_ context.Context, f func(*audit.Record) error) error {
		for _, r := range records {
			if err := f(r); err != nil {
				return err
			}
		}
		return nil
	}}
	if n := len(records); n > 0 {
		s.Trailer.FromSeq, s.Trailer.ToSeq = records[0].Seq, records[n-1].Seq
	}
	if err := export.Write(t.Context(), &out, f, s); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestAnErasureLeavesAFileThatHolds checks the native file before and after:
// all that is missing is a signature.
func TestAnErasureLeavesAFileThatHolds(t *testing.T) {
	t.Parallel()
	erased := sample(1)
	erased.Erase("actor")
	erased.Erase("grace")
	for i, r := range []*audit.Record{sample(1), erased} {
		text := write(t, export.Native, r)
		report, err := export.Verify(strings.NewReader(text), export.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if len(report.Findings) != 1 || report.Findings[0].Kind != export.Signature || report.Erased != int64(i) {
			t.Errorf("findings %v, %d records with erased data", report.Findings, report.Erased)
		}
		if left := strings.Contains(text, "example.com"); left != (i == 0) {
			t.Errorf("an address is in the file: %t\n%s", left, text)
		}
	}
}

// TestEveryFileEndsWithItsTrailer looks at the last line of every format.
func TestEveryFileEndsWithItsTrailer(t *testing.T) {
	t.Parallel()
	for _, f := range []export.Format{export.Native, export.Logpush, export.CSV, export.OCSF} {
		for _, records := range [][]*audit.Record{nil, {sample(3), sample(4)}} {
			text := write(t, f, records...)
			lines := strings.Split(strings.TrimSuffix(strings.ReplaceAll(text, "\r\n", "\n"), "\n"), "\n")
			want := `{"end":true,"from_seq":1,"to_seq":0,"count":0,"expired":0,"tree_size":0,"left":[],"right":[],"checkpoint":""}`
			if len(records) > 0 {
				want = `{"end":true,"from_seq":3,"to_seq":4,"count":2,"expired":0,"tree_size":0,"left":[],"right":[],"checkpoint":""}`
			}
			if f == export.CSV {
				want = "#" + want
			}
			if got := lines[len(lines)-1]; got != want {
				t.Errorf("%s: the last line is %s, want %s", f, got, want)
			}
		}
	}
}

// TestColumnsAreReadBack reads CSV with the standard library and takes the
// apostrophes away.
func TestColumnsAreReadBack(t *testing.T) {
	t.Parallel()
	r := sample(1)
	text := write(t, export.CSV, r)
	in := csv.NewReader(strings.NewReader(text))
	in.Comment = '#'
	rows, err := in.ReadAll()
	if err != nil || len(rows) != 2 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	cells := make(map[string]string)
	for i, name := range rows[0] {
		if cell := rows[1][i]; cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r") {
			t.Errorf("%s begins like a formula: %s", name, cell)
		}
		cells[name] = strings.TrimPrefix(rows[1][i], "'")
	}
	var token struct{ ID, Name string }
	if err := json.Unmarshal([]byte(cells["ActorTokenDetails"]), &token); err != nil || token.Name != r.Actor.TokenName {
		t.Errorf("the token is %+v, %v", token, err)
	}
	var raw struct {
		UserAgent string `json:"user_agent"`
	}
	if err := json.Unmarshal([]byte(cells["Raw"]), &raw); err != nil || raw.UserAgent != r.Raw.UserAgent {
		t.Errorf("the user agent is %q, %v", raw.UserAgent, err)
	}
	want := map[string]string{"ActorEmail": "ada@example.com", "ResourceRequest": `{"a":"<&>` + "\\u2028" + `","email":"grace@example.com"}`, "ResourceResponse": `{"result":[1.0]}`, "SequenceNumber": "1"}
	for name, value := range want {
		if cells[name] != value {
			t.Errorf("%s is %q, want %q", name, cells[name], value)
		}
	}
}

// TestNoCellIsAFormula puts what spreadsheets take for one into a cell that
// strangers write.
func TestNoCellIsAFormula(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\nx", "'quoted", "＝1", "a,b", `a"b`, "a\r\nb", "plain", ""} {
		r := sample(1)
		r.Resource.ID = value
		in := csv.NewReader(strings.NewReader(write(t, export.CSV, r)))
		in.Comment = '#'
		rows, err := in.ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		cell := rows[1][14]
		if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r\n") || strings.HasPrefix(cell, "＝") {
			t.Errorf("%q became %q", value, cell)
		}
		// The reader of the standard library takes every CR LF for LF.
		if want := strings.ReplaceAll(value, "\r\n", "\n"); strings.TrimPrefix(cell, "'") != want {
			t.Errorf("%q is read back as %q", value, cell)
		}
	}
}

// TestLogpushHasItsFields compares the names with those of audit_logs_v2.
func TestLogpushHasItsFields(t *testing.T) {
	t.Parallel()
	first, _, _ := strings.Cut(write(t, export.Logpush, sample(1)), "\n")
	var got map[string]json.RawMessage
	if err := json.Unmarshal([]byte(first), &got); err != nil {
		t.Fatal(err)
	}
	for _, name := range strings.Fields(`AccountID AccountName ActionDescription ActionResult ActionTimestamp ActionType ActorContext ActorEmail
		ActorID ActorIPAddress ActorTokenDetails ActorType AuditLogID Raw ResourceID ResourceProduct ResourceRequest ResourceResponse
		ResourceScope ResourceType ResourceValue ZoneID ZoneName`) {
		if got[name] == nil {
			t.Errorf("%s is missing", name)
		}
		switch name {
		case "ActorTokenDetails", "Raw", "ResourceRequest", "ResourceResponse", "ResourceValue":
			if got[name][0] != '{' {
				t.Errorf("%s is %s, want an object", name, got[name])
			}
		}
	}
	if diff := cmp.Diff(`"2026-03-01T12:00:00.123456Z"`, string(got["ActionTimestamp"])); diff != "" {
		t.Error(diff)
	}
}

var errFull = errors.New("the disk is full")

// TestAFailureLeavesNoTrailer stops in the middle.
func TestAFailureLeavesNoTrailer(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	s := export.Source{Each: func(_ context.Context, f func(*audit.Record) error) error {
		return errors.Join(f(sample(1)), errFull)
	}}
	if err := export.Write(t.Context(), &out, export.Native, s); !errors.Is(err, errFull) || strings.Contains(out.String(), `"end"`) {
		t.Errorf("got %v and %s", err, out.String())
	}
	if err := export.Write(t.Context(), io.Discard, "xml", s); err == nil {
		t.Error("xml is a format")
	}
}
