package page

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/orgd/orgd/internal/fault"
)

// A page token is unpadded base64url of
//
//	1 byte   version, 1
//	8 bytes  hash of the view: list, filters and caller (see View)
//	8 bytes  time of the position, microseconds since 1970, big endian, 0 for none
//	2 bytes  length of the key, big endian
//	n bytes  key
//	m bytes  identifier, the rest
//
// It is opaque to clients. It is not secret and not signed: a forged token can
// only name another place in a list that the caller may read anyway.
const tokenVersion = 1

const tokenHeader = 1 + 8 + 8 + 2

// maxToken is longer than any token made here; longer input is not decoded.
const maxToken = 2048

// View is the hash that binds a token to what it was made for.
type View [8]byte

// NewView hashes the parts that must not change between the pages of a list:
// its name, the caller, and every filter.
func NewView(parts ...string) View {
	h := sha256.New()
	var n [8]byte
	for _, p := range parts {
		binary.BigEndian.PutUint64(n[:], uint64(len(p)))
		h.Write(n[:])
		h.Write([]byte(p))
	}
	var v View
	copy(v[:], h.Sum(nil))
	return v
}

// Encode returns the token for the page after p.
func Encode(v View, p Position) string {
	b := make([]byte, 0, tokenHeader+len(p.Key)+len(p.ID))
	b = append(b, tokenVersion)
	b = append(b, v[:]...)
	var micros int64
	if !p.Time.IsZero() {
		micros = p.Time.UnixMicro()
	}
	b = binary.BigEndian.AppendUint64(b, uint64(micros))
	b = binary.BigEndian.AppendUint16(b, uint16(len(p.Key)))
	b = append(b, p.Key...)
	b = append(b, p.ID...)
	return base64.RawURLEncoding.EncodeToString(b)
}

// Decode returns the position in token. A token that was not made by Encode,
// or was made for another list, filter or caller, is refused as invalid.
func Decode(v View, token string) (Position, error) {
	bad := fault.At(fault.Invalid, "page_token", "page_token is not a token of this list with these filters")
	if len(token) > maxToken {
		return Position{}, bad
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(b) < tokenHeader || b[0] != tokenVersion || View(b[1:9]) != v {
		return Position{}, bad
	}
	micros := int64(binary.BigEndian.Uint64(b[9:17]))
	key := int(binary.BigEndian.Uint16(b[17:19]))
	rest := string(b[tokenHeader:])
	if key > len(rest) || strings.ContainsRune(rest, 0) || !utf8.ValidString(rest) {
		return Position{}, bad
	}
	p := Position{Key: rest[:key], ID: rest[key:]}
	if micros != 0 {
		p.Time = time.UnixMicro(micros).UTC()
	}
	// base64 skips line breaks, and the zero time has two encodings.
	if Encode(v, p) != token {
		return Position{}, bad
	}
	return p, nil
}
