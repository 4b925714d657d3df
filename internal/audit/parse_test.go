package audit_test

import (
	"strings"
	"testing"
	"time"

	"github.com/orgd/orgd/internal/audit"
)

func TestParseCanonical(t *testing.T) {
	t.Parallel()
	r := audit.Record{
		Log: "log", Seq: 7, ID: "id", Time: time.UnixMicro(-5), Raw: audit.Raw{URI: "\"\\\x00\x1f\x7f<>&\u2028é\U0001f600\xff", Status: 404},
		Action: audit.Action{Type: audit.View},
	}
	text := string(audit.Canonical(&r))
	m, err := audit.ParseCanonical([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"log": "log", "id": "id", "action_type": "view", "raw_uri": "\"\\\x00\x1f\x7f<>&\u2028é\U0001f600\ufffd", "v": "1", "request": "",
	} {
		if m[name] != want {
			t.Errorf("%s: got %q, want %q", name, m[name], want)
		}
	}
	if m.Int("seq") != 7 || m.Int("time") != -5 || m.Int("raw_status") != 404 || m.Int("absent") != 0 {
		t.Errorf("got %v", m)
	}
	for _, change := range []struct{ old, new string }{
		{`{"account"`, `{ "account"`},
		{`{"account"`, `{"account":"","account"`},
		{`{"account":"",`, `{"b":"","account":"",`},
		{`"id":"id"`, `"id":"\u0069d"`},
		{`"id":"id"`, `"id":["id"]`},
		{`"id":"id"`, `"id":null`},
		{`"seq":7`, `"seq":7.0`},
		{`"seq":7`, `"seq":"7`},
		{`"seq":7`, `"seq":07`},
		{`"seq":7`, `"seq":99999999999999999999`},
		{`"v":1}`, `"v":1}}`},
		{`"v":1}`, `"v":1} `},
		{`"v":1}`, `"v":1`},
		{`"v":1}`, `"v":2}`},
		{`,"v":1}`, `}`},
		{text, ``},
		{text, `[]`},
		{text, `{1:2}`},
		{text, `{"a":1}`},
		{text, `{"a"}`},
		{text, `{}`},
	} {
		changed := strings.Replace(text, change.old, change.new, 1)
		if changed == text {
			t.Fatalf("%s is not in %s", change.old, text)
		}
		if m, err := audit.ParseCanonical([]byte(changed)); err == nil {
			t.Errorf("%s in place of %s: got %v", change.new, change.old, m)
		}
	}
}
