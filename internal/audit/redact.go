package audit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/orgd/orgd/internal/id"
)

// secretKeys are the members whose values never reach the log.
var secretKeys = map[string]bool{"value": true, "api_key": true, "code": true, "bootstrap_secret": true}

// personalKeys are the members whose string values describe a person.
var personalKeys = map[string]bool{
	"email": true, "first_name": true, "last_name": true, "telephone": true,
	"abuse_contact_email": true, "business_name": true, "business_email": true,
	"business_phone": true, "business_address": true, "external_metadata": true,
}

// Redacted replaces a secret in a recorded body.
const Redacted = "[redacted]"

// Redactor takes secrets and personal data out of the bodies of one record.
// The zero Redactor with a source of salt is ready for use.
type Redactor struct {
	// Salt returns 16 random bytes.
	Salt func() []byte
	// Subject is the user whom personal data describes when the body does not
	// name another.
	Subject id.User

	personal []Personal
	salts    map[id.User][]byte
}

// Personal returns the personal data found so far, in the order of the
// placeholders.
func (r *Redactor) Personal() []Personal { return r.personal }

// Redact returns body with members sorted, secrets replaced by Redacted and
// every piece of personal data replaced by {"$personal":n}, where n counts
// from 0 over all bodies of the record. A member whose name begins with "$"
// is kept with one more "$", so that no input can pass for a placeholder. An
// empty body gives nil.
func (r *Redactor) Redact(body []byte) ([]byte, error) {
	if len(body) == 0 {
		return nil, nil
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("redact a body: %w", err)
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(r.walk(v, r.Subject, "")); err != nil {
		return nil, fmt.Errorf("redact a body: %w", err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

func (r *Redactor) walk(v any, subject id.User, key string) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = r.walk(v[i], subject, key)
		}
		return v
	case map[string]any:
		return r.object(v, subject, key)
	}
	return v
}

// object walks the members in the order of their names, because the numbers
// of the placeholders follow it.
func (r *Redactor) object(m map[string]any, subject id.User, key string) map[string]any {
	user := key == "user"
	if s, ok := m["id"].(string); ok && user && id.Valid(s) {
		subject = id.User(s)
	}
	out := make(map[string]any, len(m))
	for _, name := range sortedKeys(m) {
		v := m[name]
		s, isString := v.(string)
		if strings.HasPrefix(name, "$") {
			name = "$" + name
		}
		switch {
		case isString && s != "" && secretKeys[name]:
			out[name] = Redacted
		case isString && s != "" && (personalKeys[name] || user && name == "name"):
			out[name] = r.placeholder(subject, s)
		default:
			out[name] = r.walk(v, subject, name)
		}
	}
	return out
}

func (r *Redactor) placeholder(subject id.User, value string) map[string]int {
	salt, ok := r.salts[subject]
	if !ok {
		salt = r.Salt()
		if r.salts == nil {
			r.salts = make(map[id.User][]byte)
		}
		r.salts[subject] = salt
	}
	r.personal = append(r.personal, Personal{Subject: subject, Salt: salt, Value: value})
	return map[string]int{"$personal": len(r.personal) - 1}
}

// SubjectAll collects whom the personal data of a record describes.
func SubjectAll(personal []Personal) []id.User {
	var list []id.User
	seen := make(map[id.User]bool)
	for _, p := range personal {
		if p.Subject != "" && !seen[p.Subject] {
			seen[p.Subject] = true
			list = append(list, p.Subject)
		}
	}
	return list
}

// Erased replaces personal data that was erased, when a body is read.
const Erased = "[erased]"

// Restore returns a redacted body with the personal data put back, Erased
// where it is gone, and the escaping of Redact undone.
func Restore(body []byte, personal []Personal) ([]byte, error) {
	if len(body) == 0 {
		return nil, nil
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("restore a body: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("restore a body: trailing data")
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(restore(v, personal)); err != nil {
		return nil, fmt.Errorf("restore a body: %w", err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

func restore(v any, personal []Personal) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = restore(v[i], personal)
		}
	case map[string]any:
		if n, ok := v["$personal"].(json.Number); ok && len(v) == 1 {
			i, err := n.Int64()
			if err != nil || i < 0 || i >= int64(len(personal)) || personal[i].Value == "" {
				return Erased
			}
			return personal[i].Value
		}
		out := make(map[string]any, len(v))
		for name, item := range v {
			if strings.HasPrefix(name, "$$") {
				name = name[1:]
			}
			out[name] = restore(item, personal)
		}
		return out
	}
	return v
}

func sortedKeys(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }
