package stream_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/stream"
)

// bucket is a small S3: it keeps what is put, if the request is signed as the
// documentation of S3 says, for the key that it knows.
type bucket struct {
	*httptest.Server
	t       *testing.T
	mu      sync.Mutex
	objects map[string][]byte
	puts    int
	answer  func(http.ResponseWriter) bool // false: it has answered by itself
}

func newBucket(t *testing.T) *bucket {
	t.Helper()
	b := &bucket{t: t, objects: make(map[string][]byte)}
	b.Server = httptest.NewServer(b)
	t.Cleanup(b.Close)
	return b
}

// answerWith says how objects are answered from now on. A client that gave up
// may have left a request behind that still reads it.
func (b *bucket) answerWith(answer func(http.ResponseWriter) bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answer = answer
}

func (b *bucket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		b.t.Errorf("read the object: %v", err)
	}
	if r.Method != http.MethodPut {
		b.t.Errorf("%s %s: only objects are put here", r.Method, r.URL)
	}
	sum := sha256.Sum256(body)
	if got := r.Header.Get("X-Amz-Content-Sha256"); got != hex.EncodeToString(sum[:]) {
		b.t.Errorf("the hash of the content is %q", got)
	}
	if got, want := r.Header.Get("Authorization"), signature(r, "secret", "eu-central-1"); strings.ReplaceAll(got, ", ", ",") != want {
		b.t.Errorf("signed %q, want %q", got, want)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.puts++
	b.objects[r.URL.Path] = body
	if b.answer == nil || b.answer(w) {
		w.Header().Set("ETag", `"x"`)
	}
}

func TestBucket(t *testing.T) {
	onEveryEngine(t, func(w *world) {
		b := newBucket(w.T)
		st := w.stream(org.NewStream{Name: "s", FromSeq: 1, Target: bucketAt(b.URL), Secret: "secret"})
		w.write(120)
		worker := w.worker("one", loopback, nil)
		b.answerWith(func(rw http.ResponseWriter) bool { // the object is there, but nobody is told
			breaks(rw, nil)
			return false
		})
		w.deliver(worker)
		if got := w.state(st.Stream).Delivery; got.Delivered != 0 || got.LastError != "the connection failed" {
			w.Errorf("not acknowledged: %+v", got)
		}
		b.answerWith(func(rw http.ResponseWriter) bool {
			rw.Header().Set("Content-Type", "application/xml")
			rw.WriteHeader(http.StatusForbidden)
			fmt.Fprint(rw, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code><Message>no, AKID</Message></Error>`)
			return false
		})
		w.pass(stream.LongestWait)
		w.deliver(worker)
		if got := w.state(st.Stream).Delivery.LastError; got != "the bucket answered 403 Forbidden AccessDenied" {
			w.Errorf("refused: %q", got)
		}
		b.answerWith(nil)
		w.write(10)
		w.pass(stream.LongestWait)
		w.deliver(worker)
		n := int64(len(w.ids()))
		want := map[string]string{
			fmt.Sprintf("/audit/logs/%s/%020d-%020d.ndjson.gz", w.o, 1, 100): strings.Join(w.entries(1, 100), "\n") + "\n",
			fmt.Sprintf("/audit/logs/%s/%020d-%020d.ndjson.gz", w.o, 101, n): strings.Join(w.entries(101, n), "\n") + "\n",
		}
		if len(b.objects) != len(want) || b.puts != 4 {
			w.Errorf("%d objects after %d requests, want %d after 4", len(b.objects), b.puts, len(want))
		}
		for name, text := range want {
			z, err := gzip.NewReader(bytes.NewReader(b.objects[name]))
			if err != nil {
				w.Errorf("%s: %v", name, err)
				continue
			}
			if got := string(must(io.ReadAll(z))(w.T)); got != text {
				w.Errorf("%s has\n%s\nwant\n%s", name, got, text)
			}
		}
		if strings.Contains(w.logs.String(), "secret\"") || strings.Contains(w.logs.String(), "AKID") {
			w.Errorf("the log has credentials: %s", w.logs)
		}
	})
}
