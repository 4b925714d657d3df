package witness_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/orgd/orgd/internal/api"
	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/engine/enginetest"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/proof"
	"github.com/orgd/orgd/internal/witness"
)

func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }

// testWitness is a witness that keeps its state in memory.
type testWitness struct {
	t       *testing.T
	key     ed25519.PrivateKey
	log     note.Verifier
	seen    proof.Checkpoint
	down    bool
	answers []int
}

const witnessName = "witness.example.com/w1"

func (w *testWitness) verifierKey() string {
	return proof.WitnessKey(witnessName, w.key.Public().(ed25519.PublicKey))
}

func (w *testWitness) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	status, kind, body := w.answer(r)
	w.answers = append(w.answers, status)
	rw.Header().Set("Content-Type", kind)
	rw.WriteHeader(status)
	if _, err := io.WriteString(rw, body); err != nil {
		w.t.Error(err)
	}
}

func (w *testWitness) answer(r *http.Request) (status int, kind, body string) {
	if w.down {
		return http.StatusServiceUnavailable, "text/plain", "down"
	}
	text, err := io.ReadAll(r.Body)
	if err != nil || r.Method != http.MethodPost || r.URL.Path != "/prefix/add-checkpoint" {
		return http.StatusBadRequest, "text/plain", "bad request"
	}
	head, signed, _ := strings.Cut(string(text), "\n\n")
	lines := strings.Split(head, "\n")
	old, err := strconv.ParseInt(strings.TrimPrefix(lines[0], "old "), 10, 64)
	if err != nil {
		return http.StatusBadRequest, "text/plain", "bad old size"
	}
	c, n, err := proof.Open(signed, w.log)
	if err != nil {
		return http.StatusForbidden, "text/plain", err.Error()
	}
	if old != w.seen.Size {
		return http.StatusConflict, "text/x.tlog.size", fmt.Sprintln(w.seen.Size)
	}
	var hashes []proof.Hash
	for _, line := range lines[1:] {
		b, err := base64.StdEncoding.DecodeString(line)
		if err != nil || len(b) != proof.HashSize {
			return http.StatusBadRequest, "text/plain", "bad hash"
		}
		hashes = append(hashes, proof.Hash(b))
	}
	if err := proof.CheckConsistency(hashes, w.seen, c); err != nil {
		return http.StatusUnprocessableEntity, "text/plain", err.Error()
	}
	w.seen = c
	return http.StatusOK, "text/plain", w.line(n.Text)
}

// line returns the cosignature of a text.
func (w *testWitness) line(text string) string {
	const at = 1_700_000_000
	v, err := proof.NewWitnessVerifier(w.verifierKey())
	if err != nil {
		w.t.Error(err)
		return ""
	}
	raw := binary.BigEndian.AppendUint32(nil, v.KeyHash())
	raw = binary.BigEndian.AppendUint64(raw, at)
	raw = append(raw, ed25519.Sign(w.key, proof.CosignedMessage([]byte(text), at))...)
	return "— " + witnessName + " " + base64.StdEncoding.EncodeToString(raw) + "\n"
}

// TestCosign lets a log grow beside a witness that is down now and then.
func TestCosign(t *testing.T) {
	t.Parallel()
	for _, e := range enginetest.All(t) {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			text, err := proof.GenerateKey(rand.Reader, "audit.example.com")
			if err != nil {
				t.Fatal(err)
			}
			key, err := proof.ParseKey(text, "")
			if err != nil {
				t.Fatal(err)
			}
			public, err := key.VerifierKey("audit.example.com/log")
			if err != nil {
				t.Fatal(err)
			}
			w := &testWitness{t: t}
			if _, w.key, err = ed25519.GenerateKey(rand.Reader); err != nil {
				t.Fatal(err)
			}
			if w.log, err = note.NewVerifier(public); err != nil {
				t.Fatal(err)
			}
			server := httptest.NewServer(w)
			t.Cleanup(server.Close)
			newClient := func() *witness.Client {
				c, err := witness.New(w.verifierKey(), server.URL+"/prefix", server.Client())
				if err != nil {
					t.Fatal(err)
				}
				return c
			}
			s := org.New(org.Config{
				Store: e.Open(t), Now: time.Now, Random: rand.Reader, Limits: org.DefaultLimits,
				Encode: api.Encoder{}.Encode, StatusOf: api.StatusOf, Key: key, Witnesses: []org.Witness{newClient()},
			})
			step := func(records int, fails bool, size int64, answers ...int) {
				t.Helper()
				w.answers = nil
				appendRecords(t, s, records)
				if _, err := s.LogProof(t.Context(), "log"); err != nil {
					t.Fatal(err)
				}
				if err := s.CosignTrees(t.Context()); (err != nil) != fails {
					t.Errorf("got %v", err)
				}
				if fmt.Sprint(w.answers) != fmt.Sprint(answers) {
					t.Errorf("the witness answered %v, want %v", w.answers, answers)
				}
				p, err := s.LogProof(t.Context(), "log")
				if err != nil {
					t.Fatal(err)
				}
				v, err := proof.NewWitnessVerifier(w.verifierKey())
				if err != nil {
					t.Fatal(err)
				}
				c, n, err := proof.Open(p.Cosigned, w.log, v)
				if err != nil || c.Size != size || len(n.Sigs) != 2 {
					t.Errorf("cosigned: got %+v, %v, want %d records", c, err, size)
				}
				if (p.NewestCheckpoint() == p.Cosigned) != (p.Size == size) {
					t.Errorf("the newest checkpoint of %d records is %q", p.Size, p.NewestCheckpoint())
				}
			}
			step(3, false, 3, 200)
			step(0, false, 3) // nothing to cosign
			step(300, false, 303, 200)
			w.down = true
			step(4, true, 303, 503)
			w.down = false
			step(0, false, 307, 200)
			s.Witnesses = []org.Witness{newClient()} // another process: the witness has to say what it has seen
			step(5, false, 312, 409, 200)
			w.seen.Root[0]++ // it has seen another log
			step(5, true, 312, 422)
		})
	}
}

func appendRecords(t *testing.T, s *org.Service, n int) {
	t.Helper()
	records := make([]*audit.Record, n)
	for i := range records {
		records[i] = &audit.Record{Log: "log", ID: id.Record(rand.Text()), Time: time.Now(), Action: audit.LogView, Result: audit.Success}
	}
	if err := s.Store.Update(t.Context(), func(tx org.Tx) error { return tx.AppendAudits(t.Context(), records) }); err != nil {
		t.Fatal(err)
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ key, url string }{
		{"nothing", "https://witness.example.com"},
		{proof.WitnessKey("w", public), ""},
		{proof.WitnessKey("w", public), "witness.example.com"},
		{proof.WitnessKey("w", public), "ftp://witness.example.com"},
	} {
		if _, err := witness.New(tt.key, tt.url, nil); err == nil {
			t.Errorf("%q at %q is taken", tt.key, tt.url)
		}
	}
}
