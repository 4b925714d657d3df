package audit_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/auth"
)

// reference is Redact by decoding, changing and encoding again.
type reference struct{ found int }

func (r *reference) redact(v any, parent, name string) any {
	switch v := v.(type) {
	case string:
		if v != "" && (isSecretName(name) || auth.IsSecret(v)) {
			return "[redacted]"
		}
		if v != "" && expected(v, parent, name, func(string) string { return "" }) == "" {
			r.found++
			return map[string]int{"$personal": r.found - 1}
		}
	case []any:
		for i := range v {
			v[i] = r.redact(v[i], parent, name)
		}
	case map[string]any:
		out := make(map[string]any)
		for _, member := range slices.Sorted(maps.Keys(v)) {
			kept := member
			if strings.HasPrefix(member, "$") {
				kept = "$" + member
			}
			out[kept] = r.redact(v[member], name, member)
		}
		return out
	}
	return v
}

// checkBytes compares Redact with its reference.
func checkBytes(t failer, body []byte) {
	t.Helper()
	v, err := decode(body)
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	var want bytes.Buffer
	e := json.NewEncoder(&want)
	e.SetEscapeHTML(false)
	if err := e.Encode(new(reference).redact(v, "", "")); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	r := audit.Redactor{Salt: salts()}
	got, err := r.Redact(body)
	if err != nil || string(got)+"\n" != want.String() {
		t.Errorf("Redact(%q)\n got %s, %v\nwant %s", body, got, err, want.Bytes())
	}
}

func TestRedactWritesWhatEncodingWould(t *testing.T) {
	for _, body := range []string{
		" {\t\"b\" :\r\n1 , \"a\":[ ] } ", `{"a":1,"b":{},"a":{"c":2},"\u0061":3}`, `{"email":"a","email":"b","e":"c"}`,
		`["\u00e9","é","\u2028","` + "\u2028" + `","\ud834\udd1e","\ud834","` + "\ufffd" + `","\/","\"\\\b\f\n\r\t\u0001","` + "\x7f" + `","<&>"]`,
		`{"é":1,"\u00e9\n":2,"$\u00e9":3,"#":4,"$":5,"%":6,"":7}`, "[\"\xff\",{\"\xff\":\"\xff\xfe\"}]", `[-0.10E+5,0,123456789012345678901234567890]`,
		`{"user":{"name":"é"},"name":"\n","request_ip":{"in":["\u0041","b",[1,"c"]]}}`, `""`, ` null `, `[[],[[]],{},[{}]]`,
		`{"email":"` + strings.Repeat("é", 3000) + `"}`,
	} {
		checkBytes(t, []byte(body))
	}
	rapid.Check(t, func(t *rapid.T) {
		body, _ := drawBody(t)
		checkBytes(t, body)
	})
}

// TestRedactIsLinear would not end if every level of a body was read again
// for the levels above it.
func TestRedactIsLinear(t *testing.T) {
	const depth = 9_000
	for _, c := range []struct{ opening, closing string }{{`{"a":`, `}`}, {`[`, `]`}, {`[{"a":`, `}]`}} {
		n := depth / len(strings.Trim(c.opening, `"a:`))
		body := strings.Repeat(c.opening, n) + `"` + strings.Repeat("x", 1_000_000) + `"` + strings.Repeat(c.closing, n)
		r := audit.Redactor{Salt: salts()}
		if got, err := r.Redact([]byte(body)); err != nil || string(got) != body {
			t.Errorf("%s: %d of %d bytes, %v", c.opening, len(got), len(body), err)
		}
	}
	if _, err := new(audit.Redactor).Redact([]byte(strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000))); err == nil {
		t.Error("a body of 100,000 levels was taken")
	}
}

func BenchmarkRedact(b *testing.B) {
	body := []byte(`{"id":"0190a0b0c0d07000800000000000000a","create_time":"2026-03-01T12:00:00.001001Z","name":"New 1-1","meta":{"flags":{"account_creation":"enabled"},"hierarchy_tags":["0190a0b0c0d07000800000000000000b"],"managed_by":""},"parent":{"id":"0190a0b0c0d07000800000000000000b","name":"Parent"}}`)
	for b.Loop() {
		r := audit.Redactor{Salt: salts()}
		if _, err := r.Redact(body); err != nil {
			b.Fatal(err)
		}
	}
}
