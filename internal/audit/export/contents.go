package export

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/orgd/orgd/internal/audit"
)

// contents checks what the canonical form only has digests of and commitments
// to.
func (v *verifier) contents(l *line, m audit.Members, bad func(kind Kind, id, format string, args ...any)) {
	for _, b := range []struct {
		name string
		body *string
	}{{"request", l.Bodies.Request}, {"response", l.Bodies.Response}, {"before", l.Bodies.Before}, {"after", l.Bodies.After}} {
		switch has, digest := digestOf(b.body), m[b.name]; {
		case has == digest:
		case has == "":
			bad(Body, m["id"], "its %s is missing", b.name)
		case digest == "":
			bad(Body, m["id"], "it has a %s that it had not", b.name)
		default:
			bad(Body, m["id"], "its %s was changed: SHA-256 is %s, not %s", b.name, has, digest)
		}
	}
	erased := v.actor(l, m, bad)
	if v.personal(l, m, bad) || erased {
		v.Erased++
	}
}

func digestOf(body *string) string {
	if body == nil || *body == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(*body))
	return hex.EncodeToString(sum[:])
}

// actor checks the personal data of the actor and reports whether it is
// erased: then salt and all values are gone.
func (v *verifier) actor(l *line, m audit.Members, bad func(kind Kind, id, format string, args ...any)) (erased bool) {
	salt, err := hex.DecodeString(l.Clear.Salt)
	if err != nil {
		bad(Malformed, m["id"], "the salt of its actor cannot be read")
		return false
	}
	for _, p := range []struct{ label, member, value string }{
		{"email", "actor_email", l.Clear.Email}, {"ip", "actor_ip", l.Clear.IP}, {"user_agent", "raw_user_agent", l.Clear.UserAgent},
	} {
		committed := m[p.member]
		switch {
		case l.Clear.Salt == "" && p.value == "":
			erased = erased || committed != ""
		case p.value == "" && committed != "":
			bad(Commitment, m["id"], "its %s is missing", p.member)
		case audit.Commit(salt, p.label, p.value) != committed:
			bad(Commitment, m["id"], "its %s was changed: %q is not what the record commits to", p.member, p.value)
		}
	}
	return erased
}

// personal checks the personal data of the bodies and reports whether some of
// it is erased.
func (v *verifier) personal(l *line, m audit.Members, bad func(kind Kind, id, format string, args ...any)) (erased bool) {
	var committed []string
	if m["personal"] != "" {
		committed = strings.Split(m["personal"], ",")
	}
	if len(l.Personal) != len(committed) {
		bad(Commitment, m["id"], "it has %d pieces of personal data and %d commitments", len(l.Personal), len(committed))
		return false
	}
	for i, p := range l.Personal {
		have := p.Commitment
		if have == "" {
			salt, err := hex.DecodeString(p.Salt)
			if err != nil {
				bad(Malformed, m["id"], "the salt of its personal data %d cannot be read", i)
				continue
			}
			have = audit.Commit(salt, "body", p.Value)
		} else if p.Value != "" || p.Salt != "" {
			bad(Commitment, m["id"], "its personal data %d is both there and erased", i)
			continue
		} else {
			erased = true
		}
		if have != committed[i] {
			bad(Commitment, m["id"], "its personal data %d was changed: %q is not what the record commits to", i, p.Value)
		}
	}
	return erased
}
