package api

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
)

// maxIdempotencyKey is the longest Idempotency-Key, in bytes.
const maxIdempotencyKey = 255

// setPathValues fills in the wildcards of the route, because the mux was only
// asked. It reports false when the path is not the route's after all: the mux
// also finds a route for a path that it would first redirect.
func (rt *route) setPathValues(r *http.Request) bool {
	rest := r.URL.EscapedPath()
	for n, want := range rt.segments {
		if rest == "" || rest[0] != '/' {
			return false
		}
		have := rest[1:]
		rest = ""
		if i := strings.IndexByte(have, '/'); i >= 0 && !(rt.rest && n == len(rt.segments)-1) {
			have, rest = have[:i], have[i:]
		}
		if strings.IndexByte(have, '%') >= 0 {
			have = unescape(have)
		}
		if name, ok := strings.CutPrefix(want, "{"); ok {
			r.SetPathValue(name[:len(name)-1], have)
		} else if have != want {
			return false
		}
	}
	return rest == ""
}

func (q *request) organization() id.Organization {
	return id.Organization(q.PathValue("organization_id"))
}
func (q *request) account() id.Account { return id.Account(q.PathValue("account_id")) }
func (q *request) member() id.Member   { return id.Member(q.PathValue("member_id")) }
func (q *request) token() id.Token     { return id.Token(q.PathValue("token_id")) }

// uri returns the target of the request as it may be kept: the code of an
// invitation is a secret.
func (q *request) uri() string {
	if q.route == nil || !strings.HasSuffix(q.route.path, "/{member_code}") {
		return q.URL.RequestURI()
	}
	path := q.URL.EscapedPath()
	path = path[:strings.LastIndexByte(path, '/')+1] + audit.Redacted
	if q.URL.RawQuery != "" {
		path += "?" + q.URL.RawQuery
	}
	return path
}

// decode reads the body; every handler with a body calls it first.
func (q *request) decode() (*object, error) {
	var err error
	q.body, q.raw, err = readBody(q.Request)
	return q.body, err
}

// mutation describes the request to the service. Status is that of a success.
// It refuses what was found wrong in body and query, so it is called when all
// of both was read.
func (q *request) mutation(status int) (org.Request, error) {
	r := org.Request{Caller: q.caller, DryRun: q.dryRun()}
	if err := q.query.err(); err != nil {
		return r, err
	}
	r.Origin = org.Origin{
		RayID: q.ray, IP: ipText(q), Method: q.Method, URI: q.uri(),
		UserAgent: q.UserAgent(), Status: status,
	}
	q.status = status
	if q.body != nil {
		if err := q.body.err(); err != nil {
			return r, err
		}
		understood, err := q.body.understood()
		if err != nil {
			return r, err
		}
		r.Origin.Body = understood
	}
	if match := q.Header.Get("If-Match"); match != "" {
		r.IfMatch = func(current any) bool { return q.matchesCurrent(match, current) }
	}
	key := q.Header.Get("Idempotency-Key")
	if key == "" || q.Method != http.MethodPost {
		return r, nil
	}
	if len(key) > maxIdempotencyKey {
		return r, fault.At(fault.Invalid, "Idempotency-Key", fmt.Sprintf("Idempotency-Key is longer than %d bytes", maxIdempotencyKey))
	}
	r.Idempotency = &org.Idempotency{Key: key, Fingerprint: q.fingerprint(), Seal: q.seal}
	return r, nil
}

// dryRun reports whether the request asks for a dry run, where the route has one.
func (q *request) dryRun() bool { return q.route.dryRun && q.query.flag("dry_run", false) }

// changed is the reply to a change: the result, and the note of a dry run.
func (q *request) changed(result any) reply {
	r := reply{Status: q.status, Result: result}
	if q.dryRun() {
		r.Messages = []message{dryRunMessage}
	}
	return r
}

func ipText(q *request) string {
	if !q.ip.IsValid() {
		return ""
	}
	return q.ip.String()
}

func (q *request) matchesCurrent(match string, current any) bool {
	if current == nil {
		return false
	}
	body, err := q.server.Encoder.Encode(current)
	return err == nil && matches(match, etag(body))
}

// fingerprint hashes all that must be equal under the same Idempotency-Key.
func (q *request) fingerprint() string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\n", q.Method, q.URL.RequestURI())
	h.Write(q.raw)
	return hex.EncodeToString(h.Sum(nil))
}

// The answer to a request with an Idempotency-Key is kept sealed under a key
// made of the credential, because it may carry a secret that is shown once:
// only who holds the credential can have it shown again.
func (q *request) sealer() (cipher.AEAD, error) {
	key := sha256.Sum256([]byte("orgd idempotent answer\x00" + q.secret))
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, fmt.Errorf("seal an answer: %w", err)
	}
	return cipher.NewGCM(block)
}

func (q *request) seal(result any) ([]byte, error) {
	encoded, err := q.server.Encoder.Encode(result)
	if err != nil {
		return nil, err
	}
	body, err := successBody(encoded, &reply{})
	if err != nil {
		return nil, err
	}
	aead, err := q.sealer()
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, aead.NonceSize())
	if _, err := io.ReadFull(q.server.Random, nonce); err != nil {
		return nil, fmt.Errorf("seal an answer: %w", err)
	}
	return aead.Seal(nonce, nonce, body, nil), nil
}

// replayed gives a stored answer again.
func (q *request) replayed(r *org.Replay) (reply, error) {
	aead, err := q.sealer()
	if err != nil {
		return reply{}, err
	}
	n := aead.NonceSize()
	if len(r.Answer.Body) < n {
		return reply{}, fmt.Errorf("stored answer of %d bytes", len(r.Answer.Body))
	}
	body, err := aead.Open(nil, r.Answer.Body[:n], r.Answer.Body[n:], nil)
	if err != nil {
		return reply{}, fault.Wrap(fault.IdempotencyKeyReused, "Idempotency-Key was used before with another credential", err)
	}
	return reply{Status: r.Answer.Status, Raw: body}, nil
}

func asReplay(err error) (*org.Replay, bool) { return errors.AsType[*org.Replay](err) }

// callerID returns the user that the request was made by.
func (q *request) callerID() id.User { return q.caller.User.ID }

func unescape(segment string) string {
	s, err := url.PathUnescape(segment)
	if err != nil {
		return segment
	}
	return s
}
