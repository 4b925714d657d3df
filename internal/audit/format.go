package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"
	"unicode/utf8"
)

// Version is the version of the record format, part of every leaf.
const Version = 1

// Canonical returns the canonical form of a record, version 1: one JSON
// object (UTF-8, no white space, members in byte order of their names, each
// exactly once) whose values are strings and integers only:
//
//	account, action_description, action_result, action_type, actor_context,
//	actor_id, actor_token_id, actor_token_name, actor_type, id, log, raw_method,
//	raw_ray_id, raw_uri, resource_id, resource_product, resource_scope,
//	resource_type, source, source_id
//	                   strings, "" where absent
//	raw_status, seq    integers
//	occurred, time     integers, microseconds since 1970 UTC, 0 where absent
//	v                  integer, the version
//	actor_email, actor_ip, raw_user_agent
//	                   commitments, "" where absent
//	request, response, before, after
//	                   lower-case hex SHA-256 of the stored bytes, "" where absent
//	personal           the commitments of Personal, in order, joined by ","
//
// A string escapes only the quotation mark, the reverse solidus and the
// characters below U+0020 (as \u00xx); a byte that is not UTF-8 becomes
// U+FFFD. A commitment is the lower-case hex of SHA-256(salt || label || 0x00
// || value) with a salt of 16 random bytes; the labels are "email", "ip",
// "user_agent" and "body". Once salt and value are erased the commitment
// stays, and with it every proof.
func Canonical(r *Record) []byte {
	b := make([]byte, 0, 1024)
	actor := r.commitments()
	b = member(b, '{', "account", string(r.Account))
	b = member(b, ',', "action_description", r.Action.Description)
	b = member(b, ',', "action_result", string(r.Result))
	b = member(b, ',', "action_type", string(r.Action.Type))
	b = member(b, ',', "actor_context", string(r.Actor.Context))
	b = member(b, ',', "actor_email", actor.Email)
	b = member(b, ',', "actor_id", string(r.Actor.ID))
	b = member(b, ',', "actor_ip", actor.IP)
	b = member(b, ',', "actor_token_id", string(r.Actor.TokenID))
	b = member(b, ',', "actor_token_name", r.Actor.TokenName)
	b = member(b, ',', "actor_type", string(r.Actor.Type))
	b = member(b, ',', "after", digest(r.Resource.After))
	b = member(b, ',', "before", digest(r.Resource.Before))
	b = member(b, ',', "id", string(r.ID))
	b = member(b, ',', "log", string(r.Log))
	b = integer(b, "occurred", micros(r.Occurred))
	b = member(b, ',', "personal", r.personalCommitments())
	b = member(b, ',', "raw_method", r.Raw.Method)
	b = member(b, ',', "raw_ray_id", r.Raw.RayID)
	b = integer(b, "raw_status", int64(r.Raw.Status))
	b = member(b, ',', "raw_uri", r.Raw.URI)
	b = member(b, ',', "raw_user_agent", actor.UserAgent)
	b = member(b, ',', "request", digest(r.Resource.Request))
	b = member(b, ',', "resource_id", r.Resource.ID)
	b = member(b, ',', "resource_product", r.Resource.Product)
	b = member(b, ',', "resource_scope", string(r.Resource.Scope))
	b = member(b, ',', "resource_type", r.Resource.Type)
	b = member(b, ',', "response", digest(r.Resource.Response))
	b = integer(b, "seq", r.Seq)
	b = member(b, ',', "source", r.Source)
	b = member(b, ',', "source_id", r.SourceID)
	b = integer(b, "time", r.Time.UnixMicro())
	b = integer(b, "v", Version)
	return append(b, '}')
}

// LeafHash returns the RFC 6962 hash of a canonical record: SHA-256 over a
// zero byte and the record.
func LeafHash(canonical []byte) [32]byte {
	h := sha256.New()
	h.Write([]byte{0})
	h.Write(canonical)
	var sum [32]byte
	h.Sum(sum[:0])
	return sum
}

// Commit returns the commitment to value, "" for no value.
func Commit(salt []byte, label, value string) string {
	if value == "" {
		return ""
	}
	h := sha256.New()
	h.Write(salt)
	h.Write([]byte(label))
	h.Write([]byte{0})
	h.Write([]byte(value))
	return hex.EncodeToString(h.Sum(nil))
}

// commitments returns those to the personal data of the actor, whether it is
// still there or erased.
func (r *Record) commitments() Commitments {
	if r.Actor.Commitments != (Commitments{}) {
		return r.Actor.Commitments
	}
	return Commitments{
		Email:     Commit(r.Actor.Salt, "email", r.Actor.Email),
		IP:        Commit(r.Actor.Salt, "ip", r.Actor.IP),
		UserAgent: Commit(r.Actor.Salt, "user_agent", r.Raw.UserAgent),
	}
}

func (p *Personal) commitment() string {
	if p.Commitment != "" {
		return p.Commitment
	}
	return Commit(p.Salt, "body", p.Value)
}

func (r *Record) personalCommitments() string {
	var b []byte
	for i := range r.Personal {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, r.Personal[i].commitment()...)
	}
	return string(b)
}

func digest(body []byte) string {
	if len(body) == 0 {
		return ""
	}
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// micros returns t as the canonical form has it.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func integer(b []byte, name string, v int64) []byte {
	b = append(b, ',', '"')
	b = append(b, name...)
	b = append(b, '"', ':')
	return strconv.AppendInt(b, v, 10)
}

func member(b []byte, lead byte, name, value string) []byte {
	b = append(b, lead, '"')
	b = append(b, name...)
	b = append(b, '"', ':', '"')
	for i := 0; i < len(value); {
		c := value[i]
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
			i++
		case c < 0x20:
			const digits = "0123456789abcdef"
			b = append(b, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
			i++
		case c < utf8.RuneSelf:
			b = append(b, c)
			i++
		default:
			r, n := utf8.DecodeRuneInString(value[i:])
			b = utf8.AppendRune(b, r)
			i += n
		}
	}
	return append(b, '"')
}
