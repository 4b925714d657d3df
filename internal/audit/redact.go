package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/id"
)

// secretKeys are the members whose values never reach the log, in lower case:
// our own first, then what other systems commonly call theirs.
var secretKeys = map[string]bool{
	"value": true, "api_key": true, "code": true, "bootstrap_secret": true,
	"password": true, "passwd": true, "passphrase": true, "secret": true, "secret_access_key": true, "client_secret": true, "private_key": true,
	"token": true, "access_token": true, "refresh_token": true, "id_token": true, "session_token": true,
	"authorization": true, "cookie": true, "apikey": true, "x-api-key": true, "x-auth-key": true,
}

// personalKeys are the members whose texts describe a person. So do the name
// of a user and the addresses that a token may be used from.
var personalKeys = map[string]bool{
	"email": true, "first_name": true, "last_name": true, "telephone": true,
	"abuse_contact_email": true, "business_name": true, "business_email": true,
	"business_phone": true, "business_address": true, "external_metadata": true,
	"phone": true, "phone_number": true, "ip": true, "ip_address": true, "user_agent": true,
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
	t, err := newTape(body)
	if err != nil {
		return nil, fmt.Errorf("redact a body: %w", err)
	}
	found := len(r.personal)
	out, err := r.walk(make([]byte, 0, len(body)+len(body)/4), t, 0, place{subject: r.Subject})
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
func (p place) secret(text string) bool {
	return secretKeys[strings.ToLower(p.name)] || auth.IsSecret(text)
}

// personal reports whether text describes a person here.
func (p place) personal() bool {
	return personalKeys[strings.ToLower(p.name)] || p.parent == "user" && p.name == "name" || p.parent == "request_ip"
}

// walk appends what becomes of the value at token i.
func (r *Redactor) walk(b []byte, t *tape, i int, p place) ([]byte, error) {
	switch t.kind(i) {
	case '"':
		return r.text(b, t, i, p)
	case '[':
		b = append(b, '[')
		var err error
		for e := i + 1; e < t.tokens[i].next; e = t.tokens[e].next {
			if e > i+1 {
				b = append(b, ',')
			}
			if b, err = r.walk(b, t, e, p); err != nil {
				return nil, err
			}
		}
		return append(b, ']'), nil
	case '{':
		return r.object(b, t, i, p)
	}
	return append(b, t.raw(i)...), nil
}

func (r *Redactor) text(b []byte, t *tape, i int, p place) ([]byte, error) {
	s, err := t.str(i)
	if err != nil {
		return nil, err
	}
	switch {
	case s == "":
	case p.secret(s):
		return append(b, `"`+Redacted+`"`...), nil
	case p.personal():
		subject := p.subject
		if u, ok := r.Subjects[strings.ToLower(s)]; ok {
			subject = u
		}
		return r.placeholder(b, subject, s), nil
	}
	if raw := t.raw(i); plain(raw) {
		return append(b, raw...), nil
	}
	return appendString(b, s)
}

// field is a member of an object.
type field struct {
	name  string
	value int // its token
}

// object walks the members in the order of their names, because the numbers
// of the placeholders follow it.
func (r *Redactor) object(b []byte, t *tape, i int, p place) ([]byte, error) {
	fields, err := t.fields(i)
	if err != nil {
		return nil, err
	}
	subject, err := r.subject(t, fields, p)
	if err != nil {
		return nil, err
	}
	b = append(b, '{')
	for n, f := range fields {
		if n > 0 {
			b = append(b, ',')
		}
		kept := f.name
		if strings.HasPrefix(kept, "$") {
			kept = "$" + kept
		}
		if b, err = appendString(b, kept); err != nil {
			return nil, err
		}
		b = append(b, ':')
		if b, err = r.walk(b, t, f.value, place{subject: subject, parent: p.name, name: f.name}); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

// fields returns the members of the object at token i in the order of their
// names. Of those that have the same name the last one counts.
func (t *tape) fields(i int) ([]field, error) {
	fields := make([]field, 0, 8)
	for n := i + 1; n < t.tokens[i].next; {
		name, err := t.str(n)
		if err != nil {
			return nil, err
		}
		value := t.tokens[n].next
		fields = append(fields, field{name, value})
		n = t.tokens[value].next
	}
	slices.SortStableFunc(fields, func(a, b field) int { return strings.Compare(a.name, b.name) })
	kept := fields[:0]
	for n, f := range fields {
		if n+1 == len(fields) || fields[n+1].name != f.name {
			kept = append(kept, f)
		}
	}
	return kept, nil
}

// subject returns the user whom the members of an object describe: the one it
// is said to be, or the owner of its e-mail, or whoever it was above.
func (r *Redactor) subject(t *tape, fields []field, p place) (id.User, error) {
	if s, err := t.member(fields, "id"); err != nil {
		return "", err
	} else if p.name == "user" && id.Valid(s) {
		return id.User(s), nil
	}
	s, err := t.member(fields, "email")
	if err != nil {
		return "", err
	}
	if u, ok := r.Subjects[strings.ToLower(s)]; ok && s != "" {
		return u, nil
	}
	return p.subject, nil
}

// member returns the text of the member called name, "" when there is none.
func (t *tape) member(fields []field, name string) (string, error) {
	for _, f := range fields {
		if f.name == name && t.kind(f.value) == '"' {
			return t.str(f.value)
		}
	}
	return "", nil
}

func (r *Redactor) placeholder(b []byte, subject id.User, value string) []byte {
	salt, ok := r.salts[subject]
	if !ok {
		salt = r.Salt()
		if r.salts == nil {
			r.salts = make(map[id.User][]byte)
		}
		r.salts[subject] = salt
	}
	if subject == "" {
		// It may turn out to be somebody's and be erased without the rest, whose
		// salt must then not help anyone to guess it.
		salt = r.ownSalt(salt)
	}
	b = append(b, `{"$personal":`...)
	b = strconv.AppendInt(b, int64(len(r.personal)), 10)
	r.personal = append(r.personal, Personal{Subject: subject, Salt: salt, Value: value})
	return append(b, '}')
}

// ownSalt returns a salt for the next piece of personal data, from which no
// other can be computed.
func (r *Redactor) ownSalt(salt []byte) []byte {
	sum := sha256.Sum256(strconv.AppendInt(slices.Clone(salt), int64(len(r.personal)), 10))
	return sum[:len(salt)]
}

// EmailSubject is what stands in Subjects for the owner of an e-mail address
// who was not known when the record was written.
func EmailSubject(email string) id.User { return id.User("email:" + foldEmail(email)) }

func foldEmail(email string) string { return strings.ToLower(strings.TrimSpace(email)) }

// maxEmail is the longest text that is taken for an address.
const maxEmail = 254

func looksLikeEmail(text string) bool {
	text = strings.TrimSpace(text)
	return len(text) <= maxEmail && strings.IndexByte(text, '@') > 0 && !strings.ContainsAny(text, " \t\n\x00")
}

// Subjects returns whom the personal data of a record describes, but for the
// actor of a record of ours, who is found by its identifier. Whoever is known
// by an address only is there as EmailSubject.
func (r *Record) Subjects() []id.User {
	var list []id.User
	add := func(u id.User) {
		if u != "" && !slices.Contains(list, u) {
			list = append(list, u)
		}
	}
	add(r.Actor.Subject)
	if r.Source != "" && r.Actor.Subject == "" && r.Actor.Email != foldEmail(r.Actor.Email) {
		add(EmailSubject(r.Actor.Email)) // another spelling is found by the address itself
	}
	for i := range r.Personal {
		p := &r.Personal[i]
		if add(p.Subject); p.Subject == "" && looksLikeEmail(p.Value) {
			add(EmailSubject(p.Value))
		}
	}
	return list
}

// Described returns those of Subjects of whom data is left in the record.
func (r *Record) Described() []id.User {
	left := *r
	if r.Actor.Commitments != (Commitments{}) {
		left.Actor = Actor{}
	}
	left.Personal = slices.DeleteFunc(slices.Clone(r.Personal), func(p Personal) bool { return p.Commitment != "" })
	return left.Subjects()
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
		return nil, errManyValues
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
