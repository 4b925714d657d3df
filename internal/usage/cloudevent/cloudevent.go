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
	"fmt"
	"mime"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/orgd/orgd/internal/id"
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
	if !json.Valid(body) {
		return nil, malformed("", "is not valid JSON")
	}
	var r reader
	e := &usage.Event{}
	if refusal := r.structured(string(body), e); refusal != nil {
		return nil, refusal
	}
	return e, nil
}

// Each reads a batch, a JSON array of events, and calls each for every one of
// them with its index, the event, which is good until the next call, and why it
// was refused, if it was: then the event has what of source, id, account and
// metric could be read. Pointers begin with the index. An error that is a
// Refusal means that the array itself cannot be read, or is too long.
func Each(body []byte, most int, each func(i int, e *usage.Event, refusal *usage.Refusal) error) error {
	if !json.Valid(body) {
		return problem(body, most)
	}
	// One copy that all texts of all events are parts of.
	text := string(body)
	at := blanks(text, 0)
	if text[at] != '[' {
		return malformed("", notBatch)
	}
	var r reader
	var e usage.Event
	at = blanks(text, at+1)
	for i := 0; text[at] != ']'; i++ {
		if i == most {
			return tooMany(most)
		}
		end := skipValue(text, at)
		refusal := r.structured(text[at:end], &e)
		if refusal != nil {
			refusal.Pointer = "/" + strconv.Itoa(i) + refusal.Pointer
		}
		if err := each(i, &e, refusal); err != nil {
			return err
		}
		if at = blanks(text, end); text[at] == ',' {
			at = blanks(text, at+1)
		}
	}
	return nil
}

const notBatch = "a batch is a JSON array of events"

func tooMany(most int) *usage.Refusal {
	return malformed("", fmt.Sprintf("a batch has at most %d events", most))
}

// problem says what is wrong with a batch that is not valid JSON.
func problem(body []byte, most int) *usage.Refusal {
	dec := json.NewDecoder(bytes.NewReader(body))
	if t, err := dec.Token(); err != nil || t != json.Delim('[') {
		return malformed("", notBatch)
	}
	for i := 0; dec.More(); i++ {
		if i == most {
			return tooMany(most)
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return malformed("/"+strconv.Itoa(i), "is not valid JSON")
		}
	}
	if _, err := dec.Token(); err != nil {
		return malformed("", notBatch)
	}
	return malformed("", "there is something after the batch")
}

// Binary reads one event whose attributes are headers, which header returns,
// and whose data is the body. Pointers into the data begin with /data, as in
// the other modes; those of attributes are the names of headers.
func Binary(header func(string) string, body []byte) (*usage.Event, *usage.Refusal) {
	var r reader
	o := &r.attributes
	o.place = "ce-"
	for _, key := range []string{"specversion", "id", "source", "type", "time"} {
		value := header("ce-" + key)
		if value == "" {
			continue
		}
		text, err := url.PathUnescape(value)
		if err != nil || !utf8.ValidString(text) {
			return nil, malformed("ce-"+key, "is not a percent-encoded text")
		}
		o.fields = append(o.fields, field{key, quote(text)})
	}
	if t := header("Content-Type"); t != "" {
		o.fields = append(o.fields, field{"datacontenttype", quote(t)})
	}
	o.fields = append(o.fields, field{"data", string(body)})
	e := &usage.Event{}
	flaw := ""
	switch {
	case !utf8.Valid(body):
		flaw = "is not UTF-8"
	case !json.Valid(body):
		flaw = "is not valid JSON"
	}
	if refusal := r.event(e, flaw); refusal != nil {
		return nil, refusal
	}
	return e, nil
}

// quote writes a text as JSON.
func quote(text string) string {
	b, _ := json.Marshal(text) // a string always can be
	return string(b)
}

func malformed(pointer, message string) *usage.Refusal {
	return &usage.Refusal{Reason: usage.Malformed, Pointer: pointer, Message: message}
}

// reader reads one event after the other; what it needs for one it uses again
// for the next.
type reader struct {
	attributes, data, inner object
	source                  string // the last one that was found well-formed
}

// structured reads the event that is all of s, which is valid JSON.
func (r *reader) structured(s string, e *usage.Event) *usage.Refusal {
	*e = usage.Event{}
	if !utf8.ValidString(s) {
		return malformed("", "is not UTF-8")
	}
	refusal := r.attributes.read(s, "/")
	if refusal != nil {
		return refusal
	}
	if refusal = r.event(e, ""); refusal != nil {
		*e = usage.Event{}
		r.known(e)
	}
	return refusal
}

// known reads what a refused event is called, and whose it is.
func (r *reader) known(e *usage.Event) {
	name, refusal := r.attributes.text("id", maxID)
	if refusal != nil || r.readSource(e) != nil {
		return
	}
	e.ID = name
	data := r.attributes.get("data")
	if data == "" || r.data.read(data, "/data/") != nil {
		return
	}
	account, _ := r.data.text("account_id", maxText)
	metric, _ := r.data.text("metric", maxText)
	e.Account, e.Metric = id.Account(account), usage.MetricID(metric)
}

// text returns the string of a key, which may be absent when most is below
// zero and is then at most -most bytes long.
func (o *object) text(key string, most int) (string, *usage.Refusal) {
	optional := most < 0
	most = max(most, -most)
	raw := o.get(key)
	switch {
	case raw == "" && optional:
		return "", nil
	case raw == "":
		return "", malformed(o.name(key), "is missing")
	case raw[0] != '"':
		return "", malformed(o.name(key), "is not a string")
	}
	s := unquote(raw)
	switch {
	case s == "":
		return "", malformed(o.name(key), "is empty")
	case len(s) > most:
		return "", malformed(o.name(key), fmt.Sprintf("is longer than %d bytes", most))
	case !plain(s) && strings.ContainsFunc(s, forbidden):
		return "", malformed(o.name(key), "has a character that is a control character or not Unicode")
	}
	return s, nil
}

// plain reports whether s has only printable ASCII, which most texts have.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

// forbidden characters could not be told apart or stored. U+FFFD is what half
// a surrogate pair becomes.
func forbidden(r rune) bool {
	return r < 0x20 || r >= 0x7f && r < 0xa0 || r == utf8.RuneError
}

// event reads the attributes, then the data, which may have a flaw.
func (r *reader) event(e *usage.Event, flaw string) (refusal *usage.Refusal) {
	o := &r.attributes
	version, refusal := o.text("specversion", maxText)
	if refusal != nil {
		return refusal
	}
	if version != "1.0" {
		return malformed(o.name("specversion"), `is not "1.0"`)
	}
	if e.ID, refusal = o.text("id", maxID); refusal != nil {
		return refusal
	}
	if refusal = r.readSource(e); refusal != nil {
		return refusal
	}
	if _, refusal = o.text("type", maxText); refusal != nil {
		return refusal
	}
	if refusal = o.readTime(e); refusal != nil {
		return refusal
	}
	if refusal = o.checkContent(); refusal != nil {
		return refusal
	}
	if flaw != "" {
		return malformed("/data", flaw)
	}
	if refusal = r.data.read(o.get("data"), "/data/"); refusal != nil {
		return refusal
	}
	return r.usage(e)
}

// readSource reads the source, which is mostly that of the event before.
func (r *reader) readSource(e *usage.Event) (refusal *usage.Refusal) {
	o := &r.attributes
	source, refusal := o.text("source", maxSource)
	if refusal != nil {
		return refusal
	}
	if source != r.source {
		if _, err := url.Parse(source); err != nil {
			return malformed(o.name("source"), "is not a URI reference")
		}
		r.source = source
	}
	e.Source = source
	return nil
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
	if o.get("data_base64") != "" {
		return malformed(o.name("data_base64"), "is not read: send the data as JSON in data")
	}
	if o.get("data") == "" {
		return malformed("/data", "is missing")
	}
	return nil
}
