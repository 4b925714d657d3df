package api

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/orgd/orgd/internal/fault"
)

// refusal is what a test expects of a refused body.
type refusal struct {
	code             fault.Code
	pointer, message string
}

func refusalOf(err error) refusal {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return refusal{}
	}
	return refusal{f.Code, f.Pointer, f.Message}
}

func TestDecodeBody(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		raw  string
		want refusal
	}{
		{`{}`, refusal{}},
		{" \n{\"a\":{\"a\":null}}\t ", refusal{}},
		{"", refusal{fault.MalformedJSON, "", "The body is empty; a JSON object is expected"}},
		{"  ", refusal{fault.MalformedJSON, "", "The body is empty; a JSON object is expected"}},
		{"{", refusal{fault.MalformedJSON, "", "The body is not JSON: it ends too early"}},
		{`{"a":1,}`, refusal{fault.MalformedJSON, "", "The body is not JSON: invalid character '}' looking for beginning of object key string at byte 8"}},
		{"{\"a\":\"\xff\"}", refusal{fault.MalformedJSON, "", "The body is not UTF-8"}},
		{`{} {}`, refusal{fault.MalformedJSON, "", "The body has more than one JSON value"}},
		{`{}x`, refusal{fault.MalformedJSON, "", "The body has more than one JSON value"}},
		{`[]`, refusal{fault.Invalid, "/", "The body must be a JSON object"}},
		{`null`, refusal{fault.Invalid, "/", "The body must be a JSON object"}},
		{`"x"`, refusal{fault.Invalid, "/", "The body must be a JSON object"}},
	} {
		_, err := decodeBody([]byte(test.raw))
		if got := refusalOf(err); got != test.want || (err == nil) != (test.want == refusal{}) {
			t.Errorf("%q: got %+v (%v), want %+v", test.raw, got, err, test.want)
		}
	}
}

func TestReadBodyBreaksOff(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest("POST", "/", iotest.ErrReader(errors.New("the connection is gone")))
	if _, _, err := readBody(r); fault.CodeOf(err) != fault.MalformedJSON || !strings.Contains(err.Error(), "the connection is gone") {
		t.Errorf("got %v, want a refusal that keeps its cause", err)
	}
	r = httptest.NewRequest("POST", "/", strings.NewReader(`{"a":"bcd"}`))
	r.Body = http.MaxBytesReader(nil, r.Body, 10)
	if _, _, err := readBody(r); refusalOf(err) != (refusal{fault.BodyTooLarge, "", "The body is larger than 10 bytes"}) {
		t.Errorf("got %v, want that the body is too large", err)
	}
}

// TestObjectReads reads one member in each way.
func TestObjectReads(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		raw        string
		read       func(*object) any
		want       string // the JSON of what was read
		understood string
		refusals   string
	}{
		{`{"a":"x","b":1}`, func(o *object) any { s, ok := o.text("a"); return []any{s, ok} }, `["x",true]`, `{"a":"x"}`, ""},
		{`{"a":null}`, func(o *object) any { s, ok := o.text("a"); return []any{s, ok, o.has("a"), o.has("b")} }, `["",false,true,false]`, `{}`, ""},
		{`{"a":1}`, func(o *object) any { s, ok := o.text("a"); return []any{s, ok} }, `["",false]`, `{}`, "/a must be a string"},
		{`{"a":null}`, func(o *object) any { return o.required("a") }, `""`, `{}`, "/a is required"},
		{`{}`, func(o *object) any { return o.required("a/~b") }, `""`, `{}`, "/a~1~0b is required"},
		{`{"a":""}`, func(o *object) any { return o.required("a") }, `""`, `{"a":""}`, ""},
		{`{"a":"x"}`, func(o *object) any { return o.enum("a", "x", "y") }, `"x"`, `{"a":"x"}`, ""},
		{`{"a":"X"}`, func(o *object) any { return o.enum("a", "x", "y") }, `""`, `{"a":"X"}`, "/a must be one of x, y"},
		{`{"a":false,"b":true}`, func(o *object) any { return []*bool{o.flag("a"), o.flag("b"), o.flag("c")} }, `[false,true,null]`, `{"a":false,"b":true}`, ""},
		{`{"a":"true"}`, func(o *object) any { return o.flag("a") }, `null`, `{}`, "/a must be true or false"},
		{`{"a":"2026-01-31T23:59:59.5+01:00"}`, func(o *object) any { return o.time("a") }, `"2026-01-31T22:59:59.5Z"`, `{"a":"2026-01-31T23:59:59.5+01:00"}`, ""},
		{`{"a":"2026-02-30T00:00:00Z"}`, func(o *object) any { return o.time("a").IsZero() }, `true`, `{"a":"2026-02-30T00:00:00Z"}`, "/a must be a time like 2026-01-31T23:59:59Z"},
		{`{"a":"1969-12-31T23:59:59Z"}`, func(o *object) any { return o.time("a").IsZero() }, `true`, `{"a":"1969-12-31T23:59:59Z"}`, "/a must be a time like 2026-01-31T23:59:59Z"},
		{`{"a":["x","y"]}`, func(o *object) any { return o.texts("a") }, `["x","y"]`, `{"a":["x","y"]}`, ""},
		{`{"a":["x",1,null]}`, func(o *object) any { return o.texts("a") }, `["x"]`, `{"a":["x"]}`, "/a/1 must be a string; /a/2 must be a string"},
		{`{"a":{}}`, func(o *object) any { return o.texts("a") }, `null`, `{}`, "/a must be an array"},
		{`{"a":{"b":{"c":1}}}`, func(o *object) any { return o.object("a").object("b").required("c") }, `""`, `{"a":{"b":{}}}`, "/a/b/c must be a string"},
		{`{"a":[]}`, func(o *object) any { return o.object("a") == nil }, `true`, `{}`, "/a must be an object"},
		{`{}`, func(o *object) any { return o.requiredObject("a").required("b") }, `""`, `{}`, "/a is required"},
		{`{"a":1}`, func(o *object) any { return o.requiredObject("a").required("b") }, `""`, `{}`, "/a must be an object"},
		{`{"a":[{"b":1},2,{"b":"x"}]}`, func(o *object) any {
			var all []string
			for _, inner := range o.objects("a") {
				all = append(all, inner.required("b"))
			}
			return all
		}, `["","x"]`, `{"a":[{},{"b":"x"}]}`, "/a/1 must be an object; /a/0/b must be a string"},
		{`{"a":1}`, func(o *object) any { return o.required("a") + o.enum("a", "x") }, `""`, `{}`, "/a must be a string"}, // told once
	} {
		o, err := decodeBody([]byte(test.raw))
		if err != nil {
			t.Fatalf("%s: %v", test.raw, err)
		}
		if diff := cmp.Diff(test.want, jsonText(t, test.read(o))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.raw, diff)
		}
		var messages []string
		for _, f := range faults(o.err()) {
			messages = append(messages, f.Message)
			if !strings.HasPrefix(f.Message, f.Pointer+" ") || f.Code != fault.Invalid {
				t.Errorf("%s: %q points at %q with %s", test.raw, f.Message, f.Pointer, f.Code)
			}
		}
		if got := strings.Join(messages, "; "); got != test.refusals {
			t.Errorf("%s: refused with %q, want %q", test.raw, got, test.refusals)
		}
		understood, err := o.understood()
		if string(understood) != test.understood || err != nil {
			t.Errorf("%s: understood %s (%v), want %s", test.raw, understood, err, test.understood)
		}
	}
}

// TestBodyHasManyProblems keeps an answer short whatever is sent.
func TestBodyHasManyProblems(t *testing.T) {
	t.Parallel()
	o, err := decodeBody([]byte(`{"a":[` + strings.Repeat("1,", 100_000) + `1]}`))
	if err != nil {
		t.Fatal(err)
	}
	o.texts("a")
	if n := len(faults(o.err())); n != maxProblems {
		t.Errorf("%d refusals, want %d", n, maxProblems)
	}
}
