package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/id"
)

// secretKeys are the members whose values never reach the log.
var secretKeys = map[string]bool{"value": true, "api_key": true, "code": true, "bootstrap_secret": true}

// personalKeys are the members whose texts describe a person. So do the name
// of a user and the addresses that a token may be used from.
var personalKeys = map[string]bool{
	"email": true, "first_name": true, "last_name": true, "telephone": true,
	"abuse_contact_email": true, "business_name": true, "business_email": true,
	"business_phone": true, "business_address": true, "external_metadata": true,
	// filters of audit logs
	"actor_email": true, "actor_email.not": true, "actor_ip_address": true, "actor_ip_address.not": true,
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
	// Subjects are users by their e-mail addresses in lower case, for bodies
	// that name users by nothing else.
	Subjects map[string]id.User

	personal []Personal
	salts    map[id.User][]byte

	// The last body without personal data and what became of it: the answer
	// to a change often is the state after it.
	plain, redacted []byte
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
	if bytes.Equal(body, r.plain) {
		return r.redacted, nil
	}
	v, err := decode(body)
	if err != nil {
		return nil, fmt.Errorf("redact a body: %w", err)
	}
	found := len(r.personal)
	out, err := encode(r.walk(v, place{subject: r.Subject}))
	if err != nil {
		return nil, fmt.Errorf("redact a body: %w", err)
	}
	if len(r.personal) == found {
		r.plain, r.redacted = body, out
	}
	return out, nil
}

// place is where in a body a value stands.
type place struct {
	subject id.User
	parent  string // the name of the member that the object of name is in
	name    string // of the member that the value, or the list that it is in, is
}

// secret reports whether text is a secret here.
func (p place) secret(text string) bool { return secretKeys[p.name] || auth.IsSecret(text) }

// personal reports whether text describes a person here.
func (p place) personal() bool {
	return personalKeys[p.name] || p.parent == "user" && p.name == "name" || p.parent == "request_ip"
}

func (r *Redactor) walk(v any, p place) any {
	switch v := v.(type) {
	case string:
		switch {
		case v == "":
			return v
		case p.secret(v):
			return Redacted
		case p.personal():
			subject := p.subject
			if u, ok := r.Subjects[strings.ToLower(v)]; ok {
				subject = u
			}
			return r.placeholder(subject, v)
		}
	case []any:
		for i := range v {
			v[i] = r.walk(v[i], p)
		}
	case map[string]any:
		return r.object(v, p)
	}
	return v
}

// object walks the members in the order of their names, because the numbers
// of the placeholders follow it.
func (r *Redactor) object(m map[string]any, p place) map[string]any {
	subject := r.subject(m, p)
	out := make(map[string]any, len(m))
	for _, name := range sortedKeys(m) {
		kept := name
		if strings.HasPrefix(name, "$") {
			kept = "$" + name
		}
		out[kept] = r.walk(m[name], place{subject: subject, parent: p.name, name: name})
	}
	return out
}

// subject returns the user whom the members of an object describe: the one it
// is said to be, or the owner of its e-mail, or whoever it was above.
func (r *Redactor) subject(m map[string]any, p place) id.User {
	if s, ok := m["id"].(string); ok && p.name == "user" && id.Valid(s) {
		return id.User(s)
	}
	if s, ok := m["email"].(string); ok {
		if u, ok := r.Subjects[strings.ToLower(s)]; ok {
			return u
		}
	}
	return p.subject
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

// Subjects returns whom the personal data of a record describes, but for the
// actor of a record of ours, who is found by its identifier.
func (r *Record) Subjects() []id.User {
	var list []id.User
	add := func(u id.User) {
		if u != "" && !slices.Contains(list, u) {
			list = append(list, u)
		}
	}
	add(r.Actor.Subject)
	for i := range r.Personal {
		add(r.Personal[i].Subject)
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
	v, err := decode(body)
	if err != nil {
		return nil, fmt.Errorf("restore a body: %w", err)
	}
	out, err := encode(restore(v, personal))
	if err != nil {
		return nil, fmt.Errorf("restore a body: %w", err)
	}
	return out, nil
}

// decode reads one JSON value and keeps the text of its numbers.
func decode(body []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("there is more than one JSON value")
	}
	return v, nil
}

// encode writes v without white space, members sorted.
func encode(v any) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
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
