package api

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/orgd/orgd/internal/org"
)

// pushes are bodies of records of other systems, right and wrong.
var pushes = []string{
	`{"id":"1","source":"idp","time":"2026-01-01T00:00:00Z","action":{"type":"view","result":"success"},"actor":{"type":"external_user"}}`,
	`[{"id":"0190A0B0-C0D0-7000-8000-0000000000A1","source":"idp","time":"2026-01-01T00:00:00.123456789+01:00","account_id":"x",` +
		`"action":{"type":"update","result":"failure","description":"d"},"actor":{"id":"a","type":"external_service","email":"a@b.c","ip_address":"::1","token_id":"t","token_name":"n"},` +
		`"raw":{"cf_ray_id":"r","method":"GET","status_code":200,"uri":"/","user_agent":"u"},` +
		`"resource":{"id":"r","type":"t","product":"p","request":{"password":"x","$personal":1,"n":1e400},"response":[[]],"before":"x","after":null}}]`,
	"{\"id\":\"a\"}\n\n{\"id\":\"b\",\"action\":{\"type\":\"grant\"}}\r\n[]\n{",
	`[{},7,null,[],"x",{"id":7,"source":[],"time":"yesterday","action":1,"actor":[],"raw":{"status_code":1.5},"resource":{"id":{}}}]`,
	`[{"id":"a/b","source":"\u0000","time":"1969-12-31T00:00:00Z"}]`,
	"", "[", "[]", "[{}", "[{}}", "[{},]", "[] []", "{} {}", "\xff", "\x00", "\x1f\x8b\x08\x00", `{"resource":{"request":` + strings.Repeat("[", 70) + strings.Repeat("]", 70) + "}}",
}

// FuzzPush reads a body as records in every way it may be sent. Whatever it
// is, nothing panics, records that were read keep to the rules of their types,
// and it makes no difference whether a body is compressed, or whether its
// records are lines or elements.
func FuzzPush(f *testing.F) {
	for _, b := range pushes {
		f.Add([]byte(b), false)
		f.Add([]byte(b), true)
	}
	s := newBrokenServer()
	rt := &route{method: "POST", path: "/", large: true}
	f.Fuzz(func(t *testing.T, body []byte, lines bool) {
		batch, err := readPush(s, rt, body, lines, false)
		again, errAgain := readPush(s, rt, body, lines, true)
		if fmt.Sprint(err) != fmt.Sprint(errAgain) || describePush(batch) != describePush(again) {
			t.Fatalf("%q: plain %s, %v; compressed %s, %v", body, describePush(batch), err, describePush(again), errAgain)
		}
		if err != nil {
			return
		}
		if len(batch) > org.BatchRecords {
			t.Fatalf("%d records were read", len(batch))
		}
		for _, r := range batch {
			if r.Err == nil && (r.Key != "" && r.Action.Type == "" || r.Actor.Type == "" || r.Result == "" || r.Occurred.Year() < 1970) {
				t.Fatalf("%q was read as %+v", body, r)
			}
		}
		checkLines(t, s, rt, body, lines, batch)
	})
}

func readPush(s *Server, rt *route, body []byte, lines, compressed bool) ([]org.PushedRecord, error) {
	var sent bytes.Buffer
	if compressed {
		z := gzip.NewWriter(&sent)
		_, _ = z.Write(body)
		_ = z.Close()
	} else {
		sent.Write(body)
	}
	r := httptest.NewRequest("POST", "/", &sent)
	if lines {
		r.Header.Set("Content-Type", "application/x-ndjson; charset=utf-8")
	}
	if compressed {
		r.Header.Set("Content-Encoding", "gzip")
	}
	q := &request{Request: r, server: s, route: rt}
	return q.pushedRecords()
}

// describePush writes records down so that they can be compared.
func describePush(batch []org.PushedRecord) string {
	var b strings.Builder
	for _, r := range batch {
		fmt.Fprintf(&b, "%+v %s\n", r, r.Occurred.Format(time.RFC3339Nano))
	}
	return b.String()
}

// checkLines writes the elements of an array as lines, which must read alike.
func checkLines(t *testing.T, s *Server, rt *route, body []byte, lines bool, batch []org.PushedRecord) {
	t.Helper()
	var elements []json.RawMessage
	if lines || json.Unmarshal(body, &elements) != nil {
		return
	}
	var b bytes.Buffer
	for _, e := range elements {
		if err := json.Compact(&b, e); err != nil {
			t.Fatal(err)
		}
		b.WriteByte('\n')
	}
	other, err := readPush(s, rt, b.Bytes(), true, false)
	if err != nil || len(other) != len(batch) {
		t.Fatalf("%q has %d elements and %d lines, %v", body, len(batch), len(other), err)
	}
	for i := range batch {
		// A refusal of syntax says at which byte; blanks between do not count.
		if batch[i].Err != nil && errors.Is(batch[i].Err, other[i].Err) {
			continue
		}
		if fmt.Sprint(batch[i].Err) != fmt.Sprint(other[i].Err) || !reflect.DeepEqual(batch[i].Record, other[i].Record) {
			t.Fatalf("%q, record %d: element %+v, line %+v", body, i, batch[i], other[i])
		}
	}
}

// FuzzParse holds the parser against encoding/json.
func FuzzParse(f *testing.F) {
	for _, b := range append(pushes, `{"a":{"b":[1,-2.5e+7,true,false,null,"\u00e9\ud800\"\\\/"," é"]},"a":[ ],"":{ }}`, ` [ [ ] , { } , 0 ] `) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !json.Valid([]byte(text)) || !utf8.ValidString(text) {
			return
		}
		p := &parser{text: text, levels: len(text), asWritten: func(string, string) bool { return false }}
		got, err := p.parse("", 1)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if want := decodeAny(t, []byte(text)); !reflect.DeepEqual(got, want) {
			t.Fatalf("%q is %#v, want %#v", text, got, want)
		}
		if p.space(); p.at != len(text) {
			t.Fatalf("%q: %q is left", text, text[p.at:])
		}
		var list []json.RawMessage
		if json.Unmarshal([]byte(text), &list) != nil || list == nil {
			return
		}
		parts, all := elements(text, len(list))
		if !all || len(parts) != len(list) {
			t.Fatalf("%q has %d elements, want %d", text, len(parts), len(list))
		}
		for i := range list {
			if parts[i] != string(list[i]) {
				t.Fatalf("%q: element %d is %q, want %q", text, i, parts[i], list[i])
			}
		}
	})
}
