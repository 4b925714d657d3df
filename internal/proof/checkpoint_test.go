package proof_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/orgd/orgd/internal/proof"
)

const (
	instance = "audit.example.com/orgd"
	origin   = instance + "/0123456789abcdef0123456789abcdef"
)

func newKey(t *testing.T) *proof.Key {
	t.Helper()
	text, err := proof.GenerateKey(rand.Reader, instance)
	if err != nil {
		t.Fatal(err)
	}
	k, err := proof.ParseKey(text+"\n", "")
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func verifier(t *testing.T, k *proof.Key, name string) note.Verifier {
	t.Helper()
	text, err := k.VerifierKey(name)
	if err != nil {
		t.Fatal(err)
	}
	v, err := proof.LogVerifier(text, origin)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestCheckpoint(t *testing.T) {
	t.Parallel()
	k := newKey(t)
	c := proof.Checkpoint{Origin: origin, Size: 7, Root: leaf(1)}
	signed, err := k.Sign(c)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := k.Sign(c); err != nil || again != signed {
		t.Errorf("signed again: got %q, %v, want %q", again, err, signed)
	}
	root := leaf(1)
	wantText := origin + "\n7\n" + base64.StdEncoding.EncodeToString(root[:]) + "\n"
	if !strings.HasPrefix(signed, wantText+"\n— "+origin+" ") {
		t.Errorf("got %q", signed)
	}
	for _, name := range []string{origin, instance} { // the key of the log, and that of the instance
		got, _, err := proof.Open(signed, verifier(t, k, name))
		if err != nil || got != c {
			t.Errorf("with the key of %s: got %+v, %v", name, got, err)
		}
	}
	if got, _, err := proof.Open(signed, verifier(t, newKey(t), origin)); err == nil {
		t.Errorf("with another key: got %+v", got)
	}
	if got, _, err := proof.Open(strings.Replace(signed, "\n7\n", "\n8\n", 1), verifier(t, k, origin)); err == nil {
		t.Errorf("with another size: got %+v", got)
	}
	other, err := k.Sign(proof.Checkpoint{Origin: instance + "/other", Size: 7})
	if err != nil {
		t.Fatal(err)
	}
	if got, _, err := proof.Open(other, verifier(t, k, origin)); err == nil {
		t.Errorf("of another log: got %+v", got)
	}
}

func TestParseCheckpoint(t *testing.T) {
	t.Parallel()
	h := leaf(0).String()
	if got, err := proof.ParseCheckpoint("o\n0\n" + h + "\nan extension\n"); err != nil || got != (proof.Checkpoint{Origin: "o", Root: leaf(0)}) {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, text := range []string{
		"", "o\n", "o\n1\n" + h, "\n1\n" + h + "\n", "o\n01\n" + h + "\n", "o\n-1\n" + h + "\n", "o\n+1\n" + h + "\n",
		"o\n9223372036854775808\n" + h + "\n", "o\n1\n" + h[:40] + "\n", "o\n1\n" + h + "=\n", "o\n1\nnot base64\n",
	} {
		if got, err := proof.ParseCheckpoint(text); err == nil {
			t.Errorf("%q: got %+v and no error", text, got)
		}
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "PRIVATE+KEY+a+00000000+AA==", "a secret that must not be shown"} {
		if _, err := proof.ParseKey(text, ""); err == nil || text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("%q: got %v", text, err)
		}
	}
	for _, name := range []string{"", "a b", "a+b", "a/", "a\n", "é", strings.Repeat("a", 201)} {
		if _, err := proof.GenerateKey(rand.Reader, name); err == nil {
			t.Errorf("a key named %q", name)
		}
	}
	text, err := proof.GenerateKey(rand.Reader, instance)
	if err != nil {
		t.Fatal(err)
	}
	k, err := proof.ParseKey(text, "other.example.com")
	if err != nil || k.Name() != "other.example.com" {
		t.Errorf("got %v, %v", k, err)
	}
	if _, err := proof.ParseKey(text, "other example"); err == nil {
		t.Error("an origin with a space is taken")
	}
	key, err := k.VerifierKey(instance)
	if err != nil {
		t.Fatal(err)
	}
	for _, log := range []string{instance + "-2/a", "a", ""} {
		if _, err := proof.LogVerifier(key, log); err == nil {
			t.Errorf("the key of %s is taken for %q", instance, log)
		}
	}
	if _, err := proof.LogVerifier("nothing", origin); err == nil {
		t.Error("a key that is none is taken")
	}
}

// cosignature returns the line of a witness.
func cosignature(name string, key ed25519.PrivateKey, text string, at uint64) string {
	raw := binary.BigEndian.AppendUint64(nil, at)
	raw = append(raw, ed25519.Sign(key, []byte("cosignature/v1\ntime "+strconv.FormatUint(at, 10)+"\n"+text))...)
	vkey := proof.WitnessKey(name, key.Public().(ed25519.PublicKey))
	var hash uint32
	if _, err := fmt.Sscanf(strings.Split(vkey, "+")[1], "%08x", &hash); err != nil {
		panic(err)
	}
	return "— " + name + " " + base64.StdEncoding.EncodeToString(append(binary.BigEndian.AppendUint32(nil, hash), raw...)) + "\n"
}

func TestCosign(t *testing.T) {
	t.Parallel()
	k := newKey(t)
	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	w, err := proof.NewWitnessVerifier(proof.WitnessKey("witness.example.com/w1", private.Public().(ed25519.PublicKey)))
	if err != nil {
		t.Fatal(err)
	}
	c := proof.Checkpoint{Origin: origin, Size: 3, Root: leaf(2)}
	signed, err := k.Sign(c)
	if err != nil {
		t.Fatal(err)
	}
	line := cosignature(w.Name(), private, c.Text(), 1_700_000_000)
	both, err := proof.Cosign(signed, "— somebody.else AAAAAAAA\n"+line, w)
	if err != nil || both != signed+line {
		t.Fatalf("got %q, %v, want %q", both, err, signed+line)
	}
	got, n, err := proof.Open(both, verifier(t, k, origin), w)
	if err != nil || got != c || len(n.Sigs) != 2 {
		t.Errorf("got %+v, %v", got, err)
	}
	for name, lines := range map[string]string{
		"nothing":        "",
		"another text":   cosignature(w.Name(), private, "another\n", 1),
		"a far future":   cosignature(w.Name(), private, c.Text(), 1<<63),
		"a foreign line": "— somebody.else AAAAAAAA\n",
		"no line":        "what?\n",
	} {
		if got, err := proof.Cosign(signed, lines, w); err == nil {
			t.Errorf("%s: got %q", name, got)
		}
	}
	for _, key := range []string{"", "a+b+c", "a+00000000+" + base64.StdEncoding.EncodeToString(append([]byte{4}, private[32:]...))} {
		if _, err := proof.NewWitnessVerifier(key); err == nil {
			t.Errorf("the key %q is taken", key)
		}
	}
}
