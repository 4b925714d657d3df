package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/orgd/orgd/internal/fault"
)

// object reads the members of a JSON object one by one and remembers what was
// read, because that is what the audit log keeps. Unknown members are ignored
// and null means absent. What does not fit is collected in problems, each
// with a pointer to the member.
type object struct {
	members  map[string]any
	at       string // JSON pointer to this object
	read     map[string]any
	problems *[]error
}

// readBody decodes the body of r into an object.
func readBody(r *http.Request) (*object, []byte, error) {
	raw, err := io.ReadAll(r.Body)
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, nil, fault.New(fault.BodyTooLarge, fmt.Sprintf("The body is larger than %d bytes", tooLarge.Limit))
	}
	if err != nil {
		return nil, nil, fault.Wrap(fault.MalformedJSON, "The body did not arrive whole", err)
	}
	o, err := decodeBody(raw)
	return o, raw, err
}

func decodeBody(raw []byte) (*object, error) {
	if !utf8.Valid(raw) {
		return nil, fault.New(fault.MalformedJSON, "The body is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		if err == io.EOF {
			return nil, fault.New(fault.MalformedJSON, "The body is empty; a JSON object is expected")
		}
		return nil, fault.New(fault.MalformedJSON, "The body is not JSON: "+jsonProblem(err))
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fault.New(fault.MalformedJSON, "The body has more than one JSON value")
	}
	members, ok := v.(map[string]any)
	if !ok {
		return nil, fault.At(fault.Invalid, "/", "The body must be a JSON object")
	}
	return &object{members: members, read: map[string]any{}, problems: new([]error)}, nil
}

// jsonProblem words a syntax error without Go's own vocabulary.
func jsonProblem(err error) string {
	if s, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Sprintf("%s at byte %d", s.Error(), s.Offset)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return "it ends too early"
	}
	return err.Error()
}

// err returns all that did not fit, nil when everything did.
func (o *object) err() error { return errors.Join(*o.problems...) }

// understood returns the JSON of all that was read.
func (o *object) understood() ([]byte, error) { return marshal(o.read) }

func (o *object) pointer(name string) string {
	return fault.Pointer(o.at, name)
}

// maxProblems bounds what is said to be wrong with one body.
const maxProblems = 20

func (o *object) refuse(name, format string, args ...any) {
	o.refuseAt(o.pointer(name), fmt.Sprintf(format, args...))
}

// refuseAt says what is wrong at a pointer, once though it is read twice.
func (o *object) refuseAt(at, text string) {
	text = at + " " + text
	known := slices.ContainsFunc(*o.problems, func(err error) bool { return err.Error() == text })
	if !known && len(*o.problems) < maxProblems {
		*o.problems = append(*o.problems, fault.At(fault.Invalid, at, text))
	}
}

// has reports whether the member is there, even as null.
func (o *object) has(name string) bool {
	_, ok := o.members[name]
	return ok
}

// member returns a value that is there and not null.
func (o *object) member(name string) (any, bool) {
	v, ok := o.members[name]
	return v, ok && v != nil
}

// text returns a string, "" and false when it is absent.
func (o *object) text(name string) (string, bool) {
	v, ok := o.member(name)
	if !ok {
		return "", false
	}
	s, ok := v.(string)
	if !ok {
		o.refuse(name, "must be a string")
		return "", false
	}
	o.read[name] = s
	return s, true
}

// required returns a string that must be there.
func (o *object) required(name string) string {
	if _, ok := o.member(name); !ok {
		o.refuse(name, "is required")
		return ""
	}
	s, _ := o.text(name)
	return s
}

// enum returns one of the allowed words, "" when it is absent.
func (o *object) enum(name string, allowed ...string) string {
	s, ok := o.text(name)
	if ok && !slices.Contains(allowed, s) {
		o.refuse(name, "must be one of %s", strings.Join(allowed, ", "))
		return ""
	}
	return s
}

// flag returns a boolean, nil when it is absent.
func (o *object) flag(name string) *bool {
	v, ok := o.member(name)
	if !ok {
		return nil
	}
	b, ok := v.(bool)
	if !ok {
		o.refuse(name, "must be true or false")
		return nil
	}
	o.read[name] = b
	return &b
}

// whole returns a whole number, 0 and false when it is absent.
func (o *object) whole(name string) (int64, bool) {
	v, ok := o.member(name)
	if !ok {
		return 0, false
	}
	n, ok := v.(json.Number)
	i, err := n.Int64()
	if !ok || err != nil {
		o.refuse(name, "must be a whole number")
		return 0, false
	}
	o.read[name] = i
	return i, true
}

// time returns a moment, the zero time when it is absent.
func (o *object) time(name string) time.Time {
	s, ok := o.text(name)
	if !ok {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || t.Year() < 1970 || t.Year() > 9999 {
		o.refuse(name, "must be a time like 2026-01-31T23:59:59Z")
		return time.Time{}
	}
	return t.UTC()
}

// object returns an inner object, nil when it is absent.
func (o *object) object(name string) *object {
	v, ok := o.member(name)
	if !ok {
		return nil
	}
	m, ok := v.(map[string]any)
	if !ok {
		o.refuse(name, "must be an object")
		return nil
	}
	inner := &object{members: m, at: o.pointer(name), read: map[string]any{}, problems: o.problems}
	o.read[name] = inner.read
	return inner
}

// requiredObject returns an inner object that must be there; it is never nil.
func (o *object) requiredObject(name string) *object {
	if inner := o.object(name); inner != nil {
		return inner
	}
	if _, ok := o.member(name); !ok {
		o.refuse(name, "is required")
	}
	return &object{at: o.pointer(name), read: map[string]any{}, problems: new([]error)}
}

// list returns the elements of an array, nil when it is absent.
func (o *object) list(name string) []any {
	v, ok := o.member(name)
	if !ok {
		return nil
	}
	l, ok := v.([]any)
	if !ok {
		o.refuse(name, "must be an array")
		return nil
	}
	return l
}

// texts returns an array of strings.
func (o *object) texts(name string) []string {
	var list []string
	for i, v := range o.list(name) {
		s, ok := v.(string)
		if !ok {
			o.problem(name+"/"+strconv.Itoa(i), "must be a string")
			continue
		}
		list = append(list, s)
	}
	if list != nil {
		o.read[name] = list
	}
	return list
}

// objects returns an array of objects.
func (o *object) objects(name string) []*object {
	var list []*object
	var read []any
	for i, v := range o.list(name) {
		at := name + "/" + strconv.Itoa(i)
		m, ok := v.(map[string]any)
		if !ok {
			o.problem(at, "must be an object")
			continue
		}
		inner := &object{members: m, at: o.at + "/" + at, read: map[string]any{}, problems: o.problems}
		list = append(list, inner)
		read = append(read, inner.read)
	}
	if read != nil {
		o.read[name] = read
	}
	return list
}

// problem refuses something deeper than a member; at is relative and written
// as a pointer already.
func (o *object) problem(at, text string) { o.refuseAt(o.at+"/"+at, text) }
