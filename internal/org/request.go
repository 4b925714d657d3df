package org

import (
	"strings"
	"unicode/utf8"

	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/id"
)

// Request is how a mutation was asked for: by whom, from where, and under
// which conditions. Methods that change something take it before their own
// arguments.
type Request struct {
	Caller *auth.Caller
	Origin Origin
	// DryRun makes every check and changes nothing.
	DryRun bool
	// IfMatch, when set, is asked about the present state of the object; false
	// refuses the change with fault.PreconditionFailed.
	IfMatch func(current any) bool
	// Idempotency, when set, makes the change happen once for its key.
	Idempotency *Idempotency
	// ahead is what the change is known to ask for; see Tx.Ahead.
	ahead Ahead
}

// below says that the change creates something in o and records it there.
func (r Request) below(o id.Organization) Request {
	if id.Valid(string(o)) {
		r.ahead = Ahead{Place: o}
	}
	return r
}

// Origin is where a request came from, for the audit record. Body is the JSON
// of what was understood of the request's body, Status the status that its
// success is answered with.
type Origin struct {
	RayID     string
	IP        string
	Method    string
	URI       string
	UserAgent string
	Body      []byte
	Status    int
}

// legible returns o with everything in it that no store can keep replaced:
// bytes that are not UTF-8, one by one as the canonical form of a record has
// them, and NUL.
func (o Origin) legible() Origin {
	for _, text := range []*string{&o.RayID, &o.IP, &o.Method, &o.URI, &o.UserAgent} {
		if utf8.ValidString(*text) && strings.IndexByte(*text, 0) < 0 {
			continue
		}
		runes := []rune(*text) // U+FFFD for each byte that is not UTF-8
		for i, r := range runes {
			if r == 0 {
				runes[i] = utf8.RuneError
			}
		}
		*text = string(runes)
	}
	return o
}

// Idempotency is the key of a request that must not happen twice, with the
// fingerprint of all that must be equal under the same key. Seal renders and
// seals the answer for keeping.
type Idempotency struct {
	Key         string
	Fingerprint string
	Seal        func(result any) ([]byte, error)
}

// Replay is returned in place of a result when a request was answered before
// under the same key: the stored answer is to be given again.
type Replay struct {
	Answer Answer
}

// Error says that the request was answered before.
func (*Replay) Error() string { return "answered before under the same idempotency key" }
