package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/orgd/orgd/internal/engine"
	"github.com/orgd/orgd/internal/engine/enginetest"
	"github.com/orgd/orgd/internal/id"
)

// The shape of the kill test of streams.
const (
	streamKills   = 4
	streamTimeout = 90 * time.Second // a lease and a pause of the dead included
)

// TestStreamKill kills the server at random moments while it delivers a stream
// to a receiver that is not always well. Every record must arrive, in order.
func TestStreamKill(t *testing.T) {
	t.Parallel()
	program := binary(t)
	for _, e := range enginetest.All(t) {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			random := rand.New(rand.NewPCG(seed, 0))
			url := e.URL(t)
			token := prepared(t, program, url)
			r := &streamReceiver{t: t, random: rand.New(rand.NewPCG(seed, 1))}
			server := httptest.NewServer(r)
			t.Cleanup(server.Close)
			args := []string{"serve", "--store", url, "--rate-limit", "0", "--outbound-allow", "127.0.0.1", "--secret-key", strings.Repeat("01", 32)}
			organization := ""
			for n := range streamKills {
				p := start(t, program, args...)
				c := newClient(p.BaseURL, token)
				if n == 0 {
					organization = c.must(t, "POST", "/organizations", named("Acme")).id()
					makeStream(t, c, organization, server.URL)
				}
				for i := range 60 {
					c.must(t, "PUT", "/organizations/"+organization, named(fmt.Sprintf("Acme %d %d", n, i)))
				}
				time.Sleep(time.Duration(random.Int64N(int64(300 * time.Millisecond))))
				p.kill()
			}
			r.recover()
			start(t, program, args...)
			r.await(t, logIDs(t, url, organization))
		})
	}
}

// makeStream makes a stream of everything to a webhook.
func makeStream(t *testing.T, c *client, organization, url string) {
	t.Helper()
	own := *c
	own.base = strings.TrimSuffix(c.base, "/client/v4") + "/orgd/v1"
	own.must(t, "POST", "/organizations/"+organization+"/audit/streams", map[string]any{
		"name": "hook", "type": "webhook", "from_seq": 1, "webhook": map[string]any{"url": url},
	})
}

// logIDs returns the identifiers of the records of a log, in order.
func logIDs(t *testing.T, url, organization string) []string {
	t.Helper()
	store, err := engine.Open(t.Context(), url, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	var list []string
	for after := int64(0); ; {
		some, err := store.AuditRecords(t.Context(), id.Log(organization), after, 500)
		if err != nil {
			t.Fatal(err)
		}
		if len(some) == 0 {
			return list
		}
		for i := range some {
			list = append(list, string(some[i].ID))
		}
		after = some[len(some)-1].Seq
	}
}

// streamReceiver takes batches, refuses some, and forgets to answer others
// that it took, until it recovers.
type streamReceiver struct {
	t *testing.T

	mu       sync.Mutex
	random   *rand.Rand
	well     bool
	taken    []string // the records in order, each once
	repeated int
}

func (r *streamReceiver) recover() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.well = true
}

func (r *streamReceiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	var list []struct{ ID string }
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return // the sender was killed
	}
	if err := json.Unmarshal(body, &list); err != nil {
		r.t.Errorf("decode a batch: %v", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	dice := r.random.IntN(6)
	if !r.well && dice == 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	from, _ := strconv.Atoi(req.Header.Get("Orgd-From-Seq"))
	if from < 1 || from > len(r.taken)+1 {
		r.t.Errorf("a batch begins with %d after %d records", from, len(r.taken))
		return
	}
	for i, e := range list {
		switch at := from - 1 + i; {
		case at == len(r.taken):
			r.taken = append(r.taken, e.ID)
		case r.taken[at] != e.ID:
			r.t.Errorf("record %d is %s, and was %s", at+1, e.ID, r.taken[at])
		default:
			r.repeated++
		}
	}
	if !r.well && dice == 1 {
		if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
			_ = c.Close()
		}
	}
}

// await waits until every record has arrived.
func (r *streamReceiver) await(t *testing.T, ids []string) {
	t.Helper()
	for end := time.Now().Add(streamTimeout); time.Now().Before(end); time.Sleep(10 * pollPeriod) {
		r.mu.Lock()
		done, n, repeated := slices.Equal(r.taken, ids), len(r.taken), r.repeated
		r.mu.Unlock()
		if done {
			t.Logf("%d records, %d of them repeated", n, repeated)
			return
		}
	}
	t.Errorf("%d of %d records arrived within %s", len(r.taken), len(ids), streamTimeout)
}
