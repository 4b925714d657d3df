package api

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
)

// The bounds of one pushed record: its JSON in bytes, and how deep it goes.
const (
	maxRecordBytes = 256 << 10
	maxRecordDepth = 64
)

// pushed is the answer to a push, and without the records what the log tells
// of it.
type pushed struct {
	Records []pushedPlace `json:"records,omitempty"`
	New     int           `json:"new"`
	Known   int           `json:"known"`
	First   int64         `json:"first_seq,omitempty"`
	Last    int64         `json:"last_seq,omitempty"`
}

type pushedPlace struct {
	ID  id.Record `json:"id"`
	Seq int64     `json:"seq"`
	New bool      `json:"new"`
}

func newPushed(p *org.Pushed) pushed {
	return pushed{
		Records: each(p.Records, func(at *org.PushedPlace) pushedPlace { return pushedPlace(*at) }),
		New:     p.New, Known: len(p.Records) - p.New, First: p.First, Last: p.Last,
	}
}

func newPushSummary(s org.PushSummary) pushed {
	return pushed{New: s.New, Known: s.Known, First: s.First, Last: s.Last}
}

func pushAudit(ctx context.Context, q *request) (reply, error) {
	batch, err := q.pushedRecords()
	if err != nil {
		return reply{}, err
	}
	r, err := q.mutation(http.StatusOK)
	if err != nil {
		return reply{}, err
	}
	if r.Origin.Body, err = marshal(map[string]int{"records": len(batch)}); err != nil {
		return reply{}, err
	}
	out, err := q.server.Service.PushAudit(ctx, r, q.organization(), batch)
	return q.changed(out), err
}

// pushedRecords reads the records of the body. What is wrong with one is said
// together with what is wrong with the others.
func (q *request) pushedRecords() ([]org.PushedRecord, error) {
	var err error
	if q.raw, err = q.plainBody(); err != nil {
		return nil, err
	}
	if !utf8.Valid(q.raw) {
		return nil, fault.New(fault.MalformedJSON, "The body is not UTF-8")
	}
	lines := isNDJSON(q.Header.Get("Content-Type"))
	parts, single, err := splitRecords(string(q.raw), lines)
	if err != nil {
		return nil, err
	}
	batch := make([]org.PushedRecord, 0, len(parts))
	check := checkJSON
	if !single && !lines {
		check = func(string) error { return nil } // the array that they are elements of was checked
	}
	for i, part := range parts {
		at := "/" + strconv.Itoa(i)
		if single {
			at = ""
		}
		r, err := decodeRecord(part, at, check)
		r.Err = err
		batch = append(batch, r)
	}
	return batch, nil
}

// plainBody reads the body, which may be compressed. What comes out is bound
// as what comes in is.
func (q *request) plainBody() ([]byte, error) {
	var in io.Reader = q.Body
	switch encoding := strings.ToLower(q.Header.Get("Content-Encoding")); encoding {
	case "", "identity":
	case "gzip":
		z, err := gzip.NewReader(q.Body)
		if err != nil {
			return nil, bodyProblem(err)
		}
		in = io.LimitReader(z, q.bodyLimit()+1)
	default:
		return nil, fault.At(fault.Invalid, "Content-Encoding", "Content-Encoding must be gzip, identity or absent")
	}
	raw, err := io.ReadAll(in)
	if err != nil {
		return nil, bodyProblem(err)
	}
	if int64(len(raw)) > q.bodyLimit() {
		return nil, fault.New(fault.BodyTooLarge, fmt.Sprintf("The body is larger than %d bytes when it is decompressed", q.bodyLimit()))
	}
	return raw, nil
}

func bodyProblem(err error) error {
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return fault.New(fault.BodyTooLarge, fmt.Sprintf("The body is larger than %d bytes", tooLarge.Limit))
	}
	if errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) {
		return fault.Wrap(fault.MalformedJSON, "The body is not in gzip format", err)
	}
	return fault.Wrap(fault.MalformedJSON, "The body did not arrive whole", err)
}

func isNDJSON(contentType string) bool {
	kind, _, err := mime.ParseMediaType(contentType)
	return err == nil && slices.Contains([]string{"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"}, kind)
}

// blanks are what JSON allows between values.
const blanks = " \t\r\n"

// splitRecords returns the JSON of each record: the lines that are not empty,
// the elements of an array, or the single value.
func splitRecords(text string, lines bool) (parts []string, single bool, err error) {
	if lines {
		for line := range strings.Lines(text) {
			if line = strings.Trim(line, blanks); line != "" {
				parts = append(parts, line)
			}
			if len(parts) > org.BatchRecords {
				return nil, false, errTooManyRecords()
			}
		}
		return parts, false, nil
	}
	text = strings.Trim(text, blanks)
	switch {
	case text == "":
		return nil, false, fault.New(fault.MalformedJSON, "The body is empty; a record or an array of records is expected")
	case text[0] != '[':
		return []string{text}, true, nil
	}
	if err := checkJSON(text); err != nil {
		return nil, false, fault.New(fault.MalformedJSON, "The body is not JSON: "+jsonProblem(err)+hint(err))
	}
	parts, all := elements(text, org.BatchRecords)
	if !all {
		return nil, false, errTooManyRecords()
	}
	return parts, false, nil
}

var errManyValues = errors.New("there is more than one value")

// hint is for those who send lines and do not say so.
func hint(err error) string {
	if errors.Is(err, errManyValues) {
		return "; records line by line are application/x-ndjson"
	}
	return ""
}

// checkJSON says what is wrong with a text that is not one JSON value.
func checkJSON(text string) error {
	if json.Valid([]byte(text)) {
		return nil
	}
	d := json.NewDecoder(strings.NewReader(text))
	var v json.RawMessage
	switch err := d.Decode(&v); err {
	case nil:
		return errManyValues
	case io.EOF:
		return io.ErrUnexpectedEOF
	default:
		return err
	}
}

func errTooManyRecords() error {
	return fault.At(fault.Invalid, "/", fmt.Sprintf("The body must have 1 to %d records", org.BatchRecords))
}

// decodeRecord reads one record; at is the pointer to it, and check says what
// is wrong with its JSON.
func decodeRecord(text, at string, check func(string) error) (org.PushedRecord, error) {
	what, whole := at, at == ""
	if whole {
		at, what = "/", "The body"
	}
	if len(text) > maxRecordBytes {
		return org.PushedRecord{}, fault.At(fault.Invalid, at, fmt.Sprintf("%s is larger than %d bytes", what, maxRecordBytes))
	}
	if err := check(text); err != nil {
		problem := what + " is not JSON: " + jsonProblem(err)
		if whole {
			problem += hint(err)
		}
		return org.PushedRecord{}, fault.At(fault.MalformedJSON, at, problem)
	}
	p := &parser{text: text, levels: maxRecordDepth, asWritten: isRecordBody}
	v, err := p.parse("", 1)
	if err != nil {
		return org.PushedRecord{}, err
	}
	members, ok := v.(map[string]any)
	if !ok {
		return org.PushedRecord{}, fault.At(fault.Invalid, at, what+" must be a JSON object")
	}
	o := &object{members: members, at: strings.TrimSuffix(at, "/"), read: map[string]any{}, problems: new([]error)}
	for _, name := range p.deepIn {
		o.refuse(name, "goes deeper than %d levels", maxRecordDepth-1)
	}
	r := o.pushedRecord()
	return r, o.err()
}

// isRecordBody reports whether a member is one of the bodies of a resource.
func isRecordBody(object, name string) bool {
	return object == "resource" && slices.Contains(recordBodies[:], name)
}

// recordBodies are the members of a resource that may be anything, in the
// order of audit.Resource.Bodies.
var recordBodies = [...]string{"request", "response", "before", "after"}

func (o *object) pushedRecord() org.PushedRecord {
	r := org.PushedRecord{At: o.at, Key: o.required("id")}
	r.Source = o.required("source")
	o.required("time")
	r.Occurred = o.time("time")
	r.Account = id.Account(o.word("account_id"))

	action := o.requiredObject("action")
	r.Action.Type = audit.Type(action.requiredEnum("type", "create", "delete", "view", "update"))
	r.Action.Description = action.word("description")
	r.Result = audit.Result(action.requiredEnum("result", "success", "failure"))

	actor := o.requiredObject("actor")
	r.Actor = audit.Actor{
		ID:    id.User(actor.word("id")),
		Type:  audit.ActorType(actor.requiredEnum("type", string(audit.ExternalUser), string(audit.ExternalService), string(audit.ExternalSystem))),
		Email: actor.word("email"), IP: actor.word("ip_address"),
		TokenID: id.Token(actor.word("token_id")), TokenName: actor.word("token_name"),
	}
	if raw := o.object("raw"); raw != nil {
		r.Raw = audit.Raw{
			RayID: raw.word("cf_ray_id"), Method: raw.word("method"), URI: raw.word("uri"), UserAgent: raw.word("user_agent"),
			Status: raw.statusCode("status_code"),
		}
	}
	if resource := o.object("resource"); resource != nil {
		r.Resource = audit.Resource{ID: resource.word("id"), Type: resource.word("type"), Product: resource.word("product")}
		for i, name := range recordBodies {
			*r.Resource.Bodies()[i] = resource.written(name)
		}
	}
	return r
}

// word returns a string, "" when it is absent.
func (o *object) word(name string) string {
	s, _ := o.text(name)
	return s
}

// written returns a value as it was written, nil when it is absent.
func (o *object) written(name string) []byte {
	if text, _ := o.members[name].(rawJSON); text != "null" {
		return []byte(text)
	}
	return nil
}

// requiredEnum returns one of the allowed words, which must be there.
func (o *object) requiredEnum(name string, allowed ...string) string {
	if _, ok := o.member(name); !ok {
		o.refuse(name, "is required")
		return ""
	}
	return o.enum(name, allowed...)
}

// statusCode returns the status of an HTTP answer, 0 when it is absent.
func (o *object) statusCode(name string) int {
	v, ok := o.member(name)
	if !ok {
		return 0
	}
	number, _ := v.(json.Number)
	n, err := strconv.Atoi(string(number))
	if err != nil || n < 100 || n > 599 {
		o.refuse(name, "must be a whole number from 100 to 599")
		return 0
	}
	return n
}
