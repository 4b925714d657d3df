package proof

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Checkpoint states the size and the root of a log. Signed, it is a note
// (C2SP tlog-checkpoint).
type Checkpoint struct {
	Origin string // names the log, and the key that signs for it
	Size   int64
	Root   Hash
}

// Text returns what is signed.
func (c Checkpoint) Text() string {
	return c.Origin + "\n" + strconv.FormatInt(c.Size, 10) + "\n" + c.Root.String() + "\n"
}

var errCheckpoint = errors.New("malformed checkpoint")

// ParseCheckpoint reads the text of a checkpoint. Lines behind the third are
// allowed and mean nothing.
func ParseCheckpoint(text string) (Checkpoint, error) {
	lines := strings.Split(text, "\n")
	if len(lines) < 4 || lines[len(lines)-1] != "" || lines[0] == "" {
		return Checkpoint{}, errCheckpoint
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return Checkpoint{}, errCheckpoint
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(raw) != HashSize {
		return Checkpoint{}, errCheckpoint
	}
	c := Checkpoint{Origin: lines[0], Size: size, Root: tlog.Hash(raw)}
	return c, nil
}

// Open reads a signed checkpoint. The signature of v has to be on it, and its
// origin has to be the name of v. Cosignatures may be there or not.
func Open(signed string, v note.Verifier, witnesses ...note.Verifier) (Checkpoint, *note.Note, error) {
	n, err := note.Open([]byte(signed), note.VerifierList(append(witnesses, v)...))
	if err != nil {
		return Checkpoint{}, nil, fmt.Errorf("open the checkpoint: %w", err)
	}
	by := false
	for _, s := range n.Sigs {
		by = by || s.Name == v.Name() && s.Hash == v.KeyHash()
	}
	if !by {
		return Checkpoint{}, nil, fmt.Errorf("open the checkpoint: %w", &note.UnverifiedNoteError{Note: n})
	}
	c, err := ParseCheckpoint(n.Text)
	if err != nil {
		return Checkpoint{}, nil, err
	}
	if c.Origin != v.Name() {
		return Checkpoint{}, nil, fmt.Errorf("the checkpoint is of %q, the key of %q", c.Origin, v.Name())
	}
	return c, n, nil
}

// Origin returns the name of a log in its checkpoints.
func Origin(instance, log string) string { return instance + "/" + log }

// ValidOrigin reports whether s may name an instance: like a URL without its
// scheme, without spaces, control characters and plus signs.
func ValidOrigin(s string) bool {
	return s != "" && len(s) <= maxOrigin && utf8.ValidString(s) && !strings.HasSuffix(s, "/") &&
		strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '+' || r > '~' }) < 0
}

// maxOrigin leaves room for the identifier of a log in the 255 bytes that an
// origin may have.
const maxOrigin = 200

// CutSignatures returns the text of a signed note without looking at who
// signed it.
func CutSignatures(signed string) (text, signatures string, found bool) {
	i := strings.LastIndex(signed, "\n\n")
	if i < 0 {
		return signed, "", false
	}
	return signed[:i+1], signed[i+2:], true
}
