package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/orgd/orgd/internal/id"
)

// RecordID returns the identifier of the record that text names: that very
// UUID, which may be written with dashes and in upper case, or else one made
// from the text, so that another system's own identifiers find its records.
// A made one is a UUIDv8 and never equals one of ours.
func RecordID(text string) id.Record {
	if u, ok := parseUUID(text); ok {
		return id.Record(u)
	}
	sum := sha256.Sum256([]byte("orgd record\x00" + text))
	b := sum[:16]
	b[6] = 0x80 | b[6]&0x0f
	b[8] = 0x80 | b[8]&0x3f
	return id.Record(hex.EncodeToString(b))
}

// IsUUID reports whether text is a UUID, with or without dashes.
func IsUUID(text string) bool {
	_, ok := parseUUID(text)
	return ok
}

func parseUUID(text string) (string, bool) {
	if len(text) == id.Len+4 {
		for _, at := range []int{8, 13, 18, 23} {
			if text[at] != '-' {
				return "", false
			}
		}
		text = strings.ReplaceAll(text, "-", "")
	}
	if len(text) != id.Len {
		return "", false
	}
	text = strings.ToLower(text)
	return text, id.Valid(text)
}

// SameEvent reports whether two records of other systems say the same, whatever
// their places. Personal data that was erased from a is taken to be the same.
func SameEvent(a, b *Record) bool {
	x, y := a.told(), b.told()
	return x == y && a.sameActor(b) && a.samePersonal(b) &&
		bytes.Equal(a.Resource.Request, b.Resource.Request) && bytes.Equal(a.Resource.Response, b.Resource.Response) &&
		bytes.Equal(a.Resource.Before, b.Resource.Before) && bytes.Equal(a.Resource.After, b.Resource.After)
}

// told is what another system told about an event, but for the bodies and what
// may be erased.
type told struct {
	id                              id.Record
	source, sourceID                string
	occurred                        int64
	account                         id.Account
	kind                            Type
	description                     string
	result                          Result
	actor                           id.User
	actorType                       ActorType
	token                           id.Token
	tokenName                       string
	ray, method, uri                string
	status                          int
	resource, product, resourceType string
}

func (r *Record) told() told {
	return told{
		r.ID, r.Source, r.SourceID, micros(r.Occurred), r.Account, r.Action.Type, r.Action.Description, r.Result,
		r.Actor.ID, r.Actor.Type, r.Actor.TokenID, r.Actor.TokenName,
		r.Raw.RayID, r.Raw.Method, r.Raw.URI, r.Raw.Status, r.Resource.ID, r.Resource.Product, r.Resource.Type,
	}
}

func (r *Record) sameActor(other *Record) bool {
	return r.Actor.Commitments != (Commitments{}) ||
		r.Actor.Email == other.Actor.Email && r.Actor.IP == other.Actor.IP && r.Raw.UserAgent == other.Raw.UserAgent
}

func (r *Record) samePersonal(other *Record) bool {
	return slices.EqualFunc(r.Personal, other.Personal, func(p, q Personal) bool { return p.Commitment != "" || p.Value == q.Value })
}

// Addresses returns the texts of a body that could be e-mail addresses.
func Addresses(body []byte) ([]string, error) {
	if bytes.IndexByte(body, '@') < 0 && bytes.IndexByte(body, '\\') < 0 {
		return nil, nil
	}
	t, err := newTape(body)
	if err != nil {
		return nil, fmt.Errorf("look for addresses in a body: %w", err)
	}
	var list []string
	for i := range t.tokens {
		if t.kind(i) != '"' {
			continue
		}
		s, err := t.str(i)
		if err != nil {
			return nil, fmt.Errorf("look for addresses in a body: %w", err)
		}
		if at := strings.IndexByte(s, '@'); at > 0 && !strings.ContainsAny(s, " \t\r\n\x00") {
			list = append(list, s)
		}
	}
	return list, nil
}
