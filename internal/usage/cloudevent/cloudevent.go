// Package cloudevent reads usage from CloudEvents 1.0 in the JSON format: one
// in structured mode, many in a batch, or one whose attributes are HTTP
// headers. What it cannot read it refuses with the place and the reason.
//
// The data of an event is an object:
//
//	account_id  whose usage it is
//	metric      the id of a metric of the catalogue
//	quantity    a number, or a string with a number in it; exact, not negative
//	weight      for an average: how much the quantity counts, 1 by default
//	unique      for a unique count: the key to count, instead of a quantity
//	zone        {"id": ..., "name": ...}, both optional
//	region      the same
//
// Attributes and keys that are not known are ignored, as CloudEvents demands.
package cloudevent

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/orgd/orgd/internal/usage"
)

// The media types of CloudEvents in JSON.
const (
	MediaType      = "application/cloudevents+json"
	BatchMediaType = "application/cloudevents-batch+json"
)

// The longest attributes that are taken, in bytes.
const (
	maxID     = 256
	maxSource = 1024
	maxText   = 256
)

// Structured reads one event that is a JSON object.
func Structured(body []byte) (*usage.Event, *usage.Refusal) {
	o, refusal := readObject(body, "")
	if refusal != nil {
		return nil, refusal
	}
	return o.event()
}

// Each reads a batch, a JSON array of events, and calls each for every one of
// them with its index and either the event or why it was refused; pointers
// begin with the index. It keeps one event in memory at a time. An error means
// that the array itself cannot be read, at and after the index that it names.
func Each(r io.Reader, most int, each func(i int, e *usage.Event, refusal *usage.Refusal) error) error {
	dec := json.NewDecoder(r)
	if t, err := dec.Token(); err != nil || t != json.Delim('[') {
		return batchError(-1, err)
	}
	for i := 0; dec.More(); i++ {
		if i == most {
			return &usage.Refusal{Reason: usage.Malformed, Message: fmt.Sprintf("a batch has at most %d events", most)}
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return batchError(i, err)
		}
		e, refusal := Structured(raw)
		if refusal != nil {
			refusal.Pointer = fmt.Sprintf("/%d%s", i, refusal.Pointer)
		}
		if err := each(i, e, refusal); err != nil {
			return err
		}
	}
	if _, err := dec.Token(); err != nil {
		return batchError(-1, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return &usage.Refusal{Reason: usage.Malformed, Message: "there is something after the batch"}
	}
	return nil
}

// batchError tells a batch that is not JSON from one that could not be read.
func batchError(i int, err error) error {
	r := &usage.Refusal{Reason: usage.Malformed, Message: "a batch is a JSON array of events"}
	if i >= 0 {
		r.Pointer, r.Message = fmt.Sprintf("/%d", i), "is not valid JSON"
	}
	var syntax *json.SyntaxError
	if err == nil || errors.As(err, &syntax) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return r
	}
	return fmt.Errorf("read a batch of events: %w", err)
}

// Binary reads one event whose attributes are headers, which header returns,
// and whose data is the body. Pointers into the data begin with /data, as in
// the other modes; those of attributes are the names of headers.
func Binary(header func(string) string, body []byte) (*usage.Event, *usage.Refusal) {
	o := object{values: map[string]json.RawMessage{}, name: func(key string) string { return "ce-" + key }}
	for _, key := range []string{"specversion", "id", "source", "type", "time"} {
		value := header("ce-" + key)
		if value == "" {
			continue
		}
		text, err := url.PathUnescape(value)
		if err != nil || !utf8.ValidString(text) {
			return nil, malformed("ce-"+key, "is not a percent-encoded text")
		}
		o.values[key], _ = json.Marshal(text)
	}
	if t := header("Content-Type"); t != "" {
		o.values["datacontenttype"], _ = json.Marshal(t)
	}
	o.values["data"] = body
	return o.event()
}

func malformed(pointer, message string) *usage.Refusal {
	return &usage.Refusal{Reason: usage.Malformed, Pointer: pointer, Message: message}
}

// object is a JSON object whose values have not been read yet.
type object struct {
	values map[string]json.RawMessage
	name   func(key string) string // what a refusal calls the value of a key
}

// readObject splits a JSON object. A key that is there twice is refused,
// because readers do not agree which one counts.
func readObject(raw []byte, at string) (object, *usage.Refusal) {
	o := object{values: map[string]json.RawMessage{}, name: func(key string) string { return at + "/" + key }}
	if !utf8.Valid(raw) {
		return o, malformed(at, "is not UTF-8")
	}
	if !json.Valid(raw) {
		return o, malformed(at, "is not valid JSON")
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return o, malformed(at, "is not a JSON object")
	}
	for dec.More() {
		t, err := dec.Token()
		key, ok := t.(string)
		if err != nil || !ok {
			return o, malformed(at, "is not valid JSON")
		}
		if _, twice := o.values[key]; twice {
			return o, malformed(at+"/"+escape(key), "is there twice")
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return o, malformed(at+"/"+escape(key), "is not valid JSON")
		}
		o.values[key] = value
	}
	return o, nil
}

// escape writes a key as a part of a JSON Pointer.
func escape(key string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
}

// has reports whether the key has a value that is not null.
func (o *object) has(key string) bool {
	v, ok := o.values[key]
	return ok && string(v) != "null"
}

// text returns the string of a key, which may be absent when most is below
// zero and is then at most -most bytes long.
func (o *object) text(key string, most int) (string, *usage.Refusal) {
	optional := most < 0
	most = max(most, -most)
	if !o.has(key) {
		if optional {
			return "", nil
		}
		return "", malformed(o.name(key), "is missing")
	}
	var s string
	if err := json.Unmarshal(o.values[key], &s); err != nil {
		return "", malformed(o.name(key), "is not a string")
	}
	switch {
	case s == "":
		return "", malformed(o.name(key), "is empty")
	case len(s) > most:
		return "", malformed(o.name(key), fmt.Sprintf("is longer than %d bytes", most))
	case strings.ContainsFunc(s, forbidden):
		return "", malformed(o.name(key), "has a character that is a control character or not Unicode")
	}
	return s, nil
}

// forbidden characters could not be told apart or stored. U+FFFD is what half
// a surrogate pair becomes.
func forbidden(r rune) bool {
	return r < 0x20 || r >= 0x7f && r < 0xa0 || r == utf8.RuneError
}

// event reads the attributes, then the data.
func (o *object) event() (*usage.Event, *usage.Refusal) {
	version, refusal := o.text("specversion", maxText)
	if refusal != nil {
		return nil, refusal
	}
	if version != "1.0" {
		return nil, malformed(o.name("specversion"), `is not "1.0"`)
	}
	e := &usage.Event{}
	if e.ID, refusal = o.text("id", maxID); refusal != nil {
		return nil, refusal
	}
	if e.Source, refusal = o.text("source", maxSource); refusal != nil {
		return nil, refusal
	}
	if _, err := url.Parse(e.Source); err != nil {
		return nil, malformed(o.name("source"), "is not a URI reference")
	}
	if _, refusal = o.text("type", maxText); refusal != nil {
		return nil, refusal
	}
	if refusal = o.readTime(e); refusal != nil {
		return nil, refusal
	}
	if refusal = o.checkContent(); refusal != nil {
		return nil, refusal
	}
	data, refusal := readObject(o.values["data"], "/data")
	if refusal != nil {
		return nil, refusal
	}
	if refusal := data.usage(e); refusal != nil {
		return nil, refusal
	}
	return e, nil
}

// The years that are taken: those that every engine and every client can write.
const firstYear, lastYear = 2000, 2199

func (o *object) readTime(e *usage.Event) *usage.Refusal {
	text, refusal := o.text("time", maxText)
	if refusal != nil {
		return refusal
	}
	at, err := time.Parse(time.RFC3339Nano, strings.ToUpper(text))
	if err != nil {
		return malformed(o.name("time"), "is not a time such as 2026-01-31T12:00:00Z")
	}
	at = at.UTC()
	if at.Year() < firstYear || at.Year() > lastYear {
		return malformed(o.name("time"), fmt.Sprintf("is not between the years %d and %d", firstYear, lastYear))
	}
	e.Time = at.Truncate(time.Microsecond)
	return nil
}

// checkContent makes sure that the data is there and is JSON.
func (o *object) checkContent() *usage.Refusal {
	kind, refusal := o.text("datacontenttype", -maxText)
	if refusal != nil {
		return refusal
	}
	if kind != "" {
		media, _, err := mime.ParseMediaType(kind)
		if err != nil || media != "application/json" && !strings.HasSuffix(media, "+json") {
			return malformed(o.name("datacontenttype"), "is not JSON")
		}
	}
	if o.has("data_base64") {
		return malformed(o.name("data_base64"), "is not read: send the data as JSON in data")
	}
	if !o.has("data") || len(o.values["data"]) == 0 {
		return malformed("/data", "is missing")
	}
	return nil
}
