// Package id holds the typed identifiers of orgd and their generator.
//
// Every identifier is a UUIDv7 written as 32 lower-case hexadecimal digits, so
// that identifiers sort by the time they were made and fit the 32 characters
// that the official clients allow.
package id

import (
	"encoding/hex"
	"io"
	"sync"
	"time"
)

// The identifiers, one type for each kind of object.
type (
	// Organization identifies an organization at any level of the tree.
	Organization string
	// Account identifies an account.
	Account string
	// User identifies a person or machine that owns credentials.
	User string
	// Member identifies the membership of a user in an organization or account.
	Member string
	// Token identifies an API token (not its secret).
	Token string
	// Stream identifies a stream of an audit log to a receiver.
	Stream string
	// Budget identifies a budget of an organization or account.
	Budget string
	// Crossing identifies the crossing of a threshold of a budget.
	Crossing string
	// Charge identifies a charge that somebody added to an account.
	Charge string
	// Record identifies a record of the audit log.
	Record string
	// Log identifies an audit log: the organization, account or user it
	// belongs to, or Instance.
	Log string
)

// Instance is the audit log of what belongs to no organization, account or
// user: the users themselves.
const Instance Log = "00000000000000000000000000000000"

// Len is the number of characters of every identifier.
const Len = 32

// Valid reports whether s could be an identifier made here. A path may carry
// anything; what is not valid cannot exist and is answered like what does not.
func Valid(s string) bool {
	if len(s) != Len {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// Generator makes identifiers that increase strictly within one process. It
// is safe for concurrent use.
type Generator struct {
	now    func() time.Time
	random io.Reader

	mu   sync.Mutex
	last uint64 // 48 bits of milliseconds, 12 bits of fraction or counter
}

// NewGenerator returns a Generator on the given clock and source of
// randomness, which must not fail.
func NewGenerator(now func() time.Time, random io.Reader) *Generator {
	return &Generator{now: now, random: random}
}

// New returns a fresh identifier. It panics only when the source of
// randomness fails, because no identifier would be safe then.
func (g *Generator) New() string {
	var b [16]byte
	g.mu.Lock()
	if _, err := io.ReadFull(g.random, b[8:]); err != nil {
		g.mu.Unlock()
		panic("id: no randomness: " + err.Error())
	}
	stamp := g.stamp()
	g.mu.Unlock()
	ms := stamp >> 12
	b[0], b[1], b[2] = byte(ms>>40), byte(ms>>32), byte(ms>>24)
	b[3], b[4], b[5] = byte(ms>>16), byte(ms>>8), byte(ms)
	b[6] = 0x70 | byte(stamp>>8)&0x0f
	b[7] = byte(stamp)
	b[8] = 0x80 | b[8]&0x3f
	return hex.EncodeToString(b[:])
}

// stamp returns the time as 48 bits of milliseconds and 12 bits of fraction,
// or the last stamp plus one when the clock has not moved on.
func (g *Generator) stamp() uint64 {
	now := g.now()
	fraction := uint64(now.Nanosecond()%int(time.Millisecond)) * 4096 / uint64(time.Millisecond)
	stamp := uint64(now.UnixMilli())<<12 | fraction
	if stamp <= g.last {
		stamp = g.last + 1
	}
	g.last = stamp
	return stamp
}
