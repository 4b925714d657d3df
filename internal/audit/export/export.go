// Package export is the native form in which an audit log leaves orgd: lines
// of JSON that hold all that is needed to check the log without the server,
// and the check itself. One file is about one log:
//
//	{"orgd_audit_export":1,"log":…,"origin":…,"since":…,"before":…,"first":…,"last":…}
//	{"seq":1,"leaf":…,"record":{…},"clear":{…},"bodies":{…},"personal":[…]}
//	…
//	{"end":true,"from_seq":1,"to_seq":…,"count":…,"expired":0,"tree_size":…,
//	 "left":[…],"right":[…],"checkpoint":"…"}
//
// "record" is the canonical form (audit.Canonical), byte by byte as its leaf
// hash covers it; "leaf" is the hash that the tree has for it. "clear",
// "bodies" and "personal" are what the canonical form only has commitments to
// and digests of. "left" and "right" are the hashes of the subtrees that
// cover what is before and behind the records (proof.Cover), so that the root
// of the checkpoint can be computed. Hashes, salts and bytes are hexadecimal.
package export

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/proof"
)

// FormatVersion is the version of the format.
const FormatVersion = 1

// Header is the first line. Since, Before, First and Last are the bounds that
// were asked for, by time and by number, absent where there was none: without
// Before and Last the export goes to the end of the log.
type Header struct {
	Version int        `json:"orgd_audit_export"`
	Log     id.Log     `json:"log"`
	Origin  string     `json:"origin"` // of the checkpoint, "" without a signing key
	Since   *time.Time `json:"since,omitempty"`
	Before  *time.Time `json:"before,omitempty"`
	First   int64      `json:"first,omitempty"`
	Last    int64      `json:"last,omitempty"`
}

// Trailer is the last line. The records are those from FromSeq to ToSeq, both
// included; where there are none, ToSeq is FromSeq-1. Expired counts the
// records at the beginning of the log that its retention has removed. Without
// a signing key TreeSize is 0 and there is no checkpoint.
type Trailer struct {
	End        bool     `json:"end"` // true
	FromSeq    int64    `json:"from_seq"`
	ToSeq      int64    `json:"to_seq"`
	Count      int64    `json:"count"`
	Expired    int64    `json:"expired"`
	TreeSize   int64    `json:"tree_size"`
	Left       []string `json:"left"`
	Right      []string `json:"right"`
	Checkpoint string   `json:"checkpoint"`
}

// line is one record.
type line struct {
	Seq      int64           `json:"seq"`
	Leaf     string          `json:"leaf,omitempty"`
	Record   json.RawMessage `json:"record"`
	Clear    clear           `json:"clear"`
	Bodies   bodies          `json:"bodies"`
	Personal []personal      `json:"personal"`
}

// clear is the personal data of the actor. All of it is absent once it is
// erased.
type clear struct {
	Email     string `json:"actor_email,omitempty"`
	IP        string `json:"actor_ip,omitempty"`
	UserAgent string `json:"user_agent,omitempty"`
	Salt      string `json:"salt,omitempty"`
}

// bodies are those that the record has digests of. A body is text that
// happens to be JSON: its bytes matter.
type bodies struct {
	Request  *string `json:"request,omitempty"`
	Response *string `json:"response,omitempty"`
	Before   *string `json:"before,omitempty"`
	After    *string `json:"after,omitempty"`
}

// personal is a piece of personal data of a body, or the commitment that is
// left of it.
type personal struct {
	Subject    string `json:"subject,omitempty"`
	Salt       string `json:"salt,omitempty"`
	Value      string `json:"value,omitempty"`
	Commitment string `json:"commitment,omitempty"`
}

// AppendHeader appends the first line to b.
func AppendHeader(b []byte, h Header) ([]byte, error) {
	h.Version = FormatVersion
	return appendLine(b, h)
}

// AppendRecord appends the line of a record to b. Leaf is what the tree has
// for it, nil where there is no tree.
func AppendRecord(b []byte, r *audit.Record, leaf *proof.Hash) ([]byte, error) {
	l := line{
		Seq: r.Seq, Record: audit.Canonical(r),
		Clear: clear{Email: r.Actor.Email, IP: r.Actor.IP, UserAgent: r.Raw.UserAgent, Salt: hex.EncodeToString(r.Actor.Salt)},
		Bodies: bodies{
			Request: textOf(r.Resource.Request), Response: textOf(r.Resource.Response),
			Before: textOf(r.Resource.Before), After: textOf(r.Resource.After),
		},
		Personal: make([]personal, len(r.Personal)),
	}
	if leaf != nil {
		l.Leaf = hex.EncodeToString(leaf[:])
	}
	for i, p := range r.Personal {
		l.Personal[i] = personal{Subject: string(p.Subject), Salt: hex.EncodeToString(p.Salt), Value: p.Value, Commitment: p.Commitment}
	}
	return appendLine(b, l)
}

func textOf(body []byte) *string {
	if len(body) == 0 {
		return nil
	}
	s := string(body)
	return &s
}

// AppendTrailer appends the last line to b.
func AppendTrailer(b []byte, t Trailer) ([]byte, error) {
	t.End = true
	if t.Left == nil {
		t.Left = []string{}
	}
	if t.Right == nil {
		t.Right = []string{}
	}
	return appendLine(b, t)
}

// HexHashes returns hashes as a Trailer has them.
func HexHashes(hashes []proof.Hash) []string {
	list := make([]string, len(hashes))
	for i, h := range hashes {
		list[i] = hex.EncodeToString(h[:])
	}
	return list
}

// appendLine leaves <, > and & as they are: the record has to keep its bytes.
func appendLine(b []byte, v any) ([]byte, error) {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return b, fmt.Errorf("write a line of the export: %w", err)
	}
	return append(b, text.Bytes()...), nil
}
