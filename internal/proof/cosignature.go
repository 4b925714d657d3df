package proof

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// cosignatureAlgorithm is the kind of key that makes cosignatures with
// Ed25519 (C2SP tlog-cosignature).
const cosignatureAlgorithm = 4

var errWitnessKey = errors.New("no verifier key of a witness (name+hash+key, for Ed25519 cosignatures)")

// NewWitnessVerifier returns what checks the cosignatures of a witness.
func NewWitnessVerifier(key string) (note.Verifier, error) {
	name, rest, _ := strings.Cut(strings.TrimSpace(key), "+")
	hash, text, _ := strings.Cut(rest, "+")
	public, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(public) != 1+ed25519.PublicKeySize || public[0] != cosignatureAlgorithm || name == "" {
		return nil, errWitnessKey
	}
	v := &witnessVerifier{name: name, hash: cosignatureKeyHash(name, public[1:]), public: public[1:]}
	if fmt.Sprintf("%08x", v.hash) != hash {
		return nil, errWitnessKey
	}
	return v, nil
}

// WitnessKey returns the verifier key of a witness.
func WitnessKey(name string, public ed25519.PublicKey) string {
	raw := append([]byte{cosignatureAlgorithm}, public...)
	return fmt.Sprintf("%s+%08x+%s", name, cosignatureKeyHash(name, public), base64.StdEncoding.EncodeToString(raw))
}

func cosignatureKeyHash(name string, public []byte) uint32 {
	h := sha256.New()
	h.Write([]byte(name + "\n"))
	h.Write([]byte{cosignatureAlgorithm})
	h.Write(public)
	return binary.BigEndian.Uint32(h.Sum(nil))
}

// witnessVerifier is a note.Verifier of cosignatures.
type witnessVerifier struct {
	name   string
	hash   uint32
	public ed25519.PublicKey
}

// Name implements note.Verifier.
func (v *witnessVerifier) Name() string { return v.name }

// KeyHash implements note.Verifier.
func (v *witnessVerifier) KeyHash() uint32 { return v.hash }

// Verify implements note.Verifier.
func (v *witnessVerifier) Verify(msg, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	at := binary.BigEndian.Uint64(sig)
	return at < 1<<63 && ed25519.Verify(v.public, CosignedMessage(msg, at), sig[8:])
}

// CosignedMessage returns what a witness signs: the time, in seconds since
// 1970, and the text of the checkpoint.
func CosignedMessage(text []byte, at uint64) []byte {
	return append([]byte("cosignature/v1\ntime "+strconv.FormatUint(at, 10)+"\n"), text...)
}

// Cosign adds the signature lines of a witness to a signed checkpoint. Only a
// line that v accepts counts; others are left out.
func Cosign(signed, lines string, v note.Verifier) (string, error) {
	n, err := note.Open([]byte(signed+lines), note.VerifierList(v))
	if err != nil {
		return "", fmt.Errorf("open the cosignature of %s: %w", v.Name(), err)
	}
	own, err := note.Open([]byte(signed), nil)
	if unverified, ok := errors.AsType[*note.UnverifiedNoteError](err); ok {
		own = unverified.Note
	} else if err != nil {
		return "", fmt.Errorf("open the checkpoint: %w", err)
	}
	both, err := note.Sign(&note.Note{Text: n.Text, Sigs: own.UnverifiedSigs, UnverifiedSigs: n.Sigs})
	if err != nil {
		return "", fmt.Errorf("add the cosignature of %s: %w", v.Name(), err)
	}
	return string(both), nil
}
