package stream_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/orgd/orgd/internal/api"
	"github.com/orgd/orgd/internal/engine/enginetest"
	"github.com/orgd/orgd/internal/fsck"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/outbound"
	"github.com/orgd/orgd/internal/seal"
	"github.com/orgd/orgd/internal/stream"
)

// world is an organization with a log that grows, on one engine, under a clock
// that the test turns.
type world struct {
	*testing.T
	*org.Service
	caller  org.Request
	o       id.Organization
	encoder api.Encoder
	logs    *lockedBuffer

	mu  sync.Mutex
	at  time.Time
	run int
}

var loopback = outbound.Policy{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}

func onEveryEngine(t *testing.T, f func(*world)) {
	t.Parallel()
	for _, e := range enginetest.All(t) {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			f(newWorld(t, e))
		})
	}
}

func newWorld(t *testing.T, e enginetest.Engine) *world {
	t.Helper()
	w := &world{T: t, at: time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC), logs: &lockedBuffer{}}
	limits := org.DefaultLimits
	w.encoder = api.Encoder{Limits: limits, EchoProfile: true}
	sealer, err := seal.New(strings.Repeat("01", seal.KeySize), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	store := e.Open(t)
	t.Cleanup(func() {
		// The context of the test has ended by now.
		found, err := fsck.Check(context.WithoutCancel(t.Context()), store, fsck.Options{Now: w.now()})
		if err != nil || len(found) > 0 {
			t.Errorf("fsck: %v, %v", found, err)
		}
	})
	w.Service = org.New(org.Config{
		Store: store, Now: w.now, Random: rand.Reader, Limits: limits, Encode: w.encoder.Encode, StatusOf: api.StatusOf,
		Sealer: sealer, CheckHost: loopback.CheckHost,
	})
	b := must(w.Bootstrap(t.Context(), org.Origin{Status: 200}, org.NewUser{Email: "admin@example.com"}))(t)
	caller := must(w.Authenticate(t.Context(), org.Secrets{Token: b.Token.Value}, netip.Addr{}))(t)
	w.caller = org.Request{Caller: caller, Origin: org.Origin{RayID: "0123456789abcdef-ORG", IP: "192.0.2.7", Method: "PUT", URI: "/x", UserAgent: "test", Status: 200}}
	w.o = must(w.CreateOrganization(t.Context(), w.caller, org.NewOrganization{Name: "Acme"}))(t).ID
	w.caller.Caller = must(w.Authenticate(t.Context(), org.Secrets{Token: b.Token.Value}, netip.Addr{}))(t) // with what it may do there
	return w
}

// must returns v, or ends the test when there is an error.
func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = w.at.Add(d)
}

// write makes n records.
func (w *world) write(n int) {
	w.Helper()
	for range n {
		w.mu.Lock()
		w.run++
		name := "Acme " + strconv.Itoa(w.run)
		w.mu.Unlock()
		if _, err := w.UpdateOrganization(w.Context(), w.caller, w.o, org.OrganizationUpdate{Name: name}); err != nil {
			w.Fatal(err)
		}
	}
}

// webhook makes a stream from the first record on.
func (w *world) webhook(url string) org.ShownStream {
	w.Helper()
	return w.stream(org.NewStream{Name: "s", FromSeq: 1, Target: org.StreamTarget{Type: org.StreamWebhook, Webhook: org.WebhookTarget{URL: url}}})
}

func (w *world) stream(in org.NewStream) org.ShownStream {
	w.Helper()
	return must(w.CreateStream(w.Context(), w.caller, w.o, in))(w.T)
}

// state returns what is known of a stream.
func (w *world) state(st org.Stream) org.Stream {
	w.Helper()
	return must(w.Service.Stream(w.Context(), w.caller.Caller, w.o, st.ID))(w.T)
}

// worker returns a worker like that of another process.
func (w *world) worker(name string, policy outbound.Policy, config *tls.Config) *stream.Worker {
	return stream.New(stream.Config{
		Source: w.Service, Policy: policy, Encode: w.encoder.AuditEntry, Now: w.now, Jitter: func(d time.Duration) time.Duration { return d },
		Name: name, Logger: slog.New(slog.NewTextHandler(w.logs, nil)), Registry: prometheus.NewRegistry(), TLS: config,
	})
}

// deliver delivers all that is due.
func (w *world) deliver(worker *stream.Worker) {
	w.Helper()
	if err := worker.Pass(w.Context()); err != nil {
		w.Fatal(err)
	}
}

// ids returns the identifiers of all records of the log, as entries have them.
func (w *world) ids() []string {
	w.Helper()
	var list []string
	for after := int64(0); ; {
		some := must(w.Store.AuditRecords(w.Context(), id.Log(w.o), after, 500))(w.T)
		if len(some) == 0 {
			return list
		}
		for i := range some {
			list = append(list, string(some[i].ID))
		}
		after = some[len(some)-1].Seq
	}
}

// entries returns what readers of the log see of its records.
func (w *world) entries(from, to int64) []string {
	w.Helper()
	var list []string
	for _, r := range must(w.Store.AuditRecords(w.Context(), id.Log(w.o), from-1, int(to-from+1)))(w.T) {
		list = append(list, string(must(w.encoder.AuditEntry(&r))(w.T)))
	}
	return list
}

// delivery is one batch, or notice, that a receiver has acknowledged.
type delivery struct {
	from, to int64
	ids      []string
	header   http.Header
	body     []byte
}

// receiver is a webhook that does what the test wants.
type receiver struct {
	*httptest.Server
	t    *testing.T
	read func(*delivery) // tells what is in a delivery

	mu       sync.Mutex
	behave   behaviour
	attempts int
	taken    []delivery
}

func newReceiver(t *testing.T, start func(http.Handler) *httptest.Server) *receiver {
	t.Helper()
	return startReceiver(t, start, func(d *delivery) {
		d.from, _ = strconv.ParseInt(d.header.Get("Orgd-From-Seq"), 10, 64)
		d.to, _ = strconv.ParseInt(d.header.Get("Orgd-To-Seq"), 10, 64)
		var list []struct{ ID string }
		if err := json.Unmarshal(d.body, &list); err != nil {
			t.Errorf("decode %s: %v", d.body, err)
		}
		for _, e := range list {
			d.ids = append(d.ids, e.ID)
		}
	})
}

func startReceiver(t *testing.T, start func(http.Handler) *httptest.Server, read func(*delivery)) *receiver {
	t.Helper()
	r := &receiver{t: t, read: read}
	r.Server = start(r)
	t.Cleanup(r.Close)
	return r
}

// behaviour is what a receiver does with a batch.
type behaviour func(http.ResponseWriter, *http.Request) verdict

type verdict int

const (
	refused   verdict = iota // it has answered by itself
	accepted                 // 200
	forgotten                // it has taken the batch, and the connection breaks
)

// does sets how the receiver behaves from now on; nil accepts.
func (r *receiver) does(behave behaviour) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.behave = behave
}

// tried returns how many attempts there were.
func (r *receiver) tried() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.attempts
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	r.mu.Lock()
	r.attempts++
	behave := r.behave
	r.mu.Unlock()
	verdict := accepted
	if behave != nil {
		verdict = behave(w, req)
	}
	if err != nil || verdict == refused {
		return
	}
	if verdict == forgotten {
		defer breaks(w, req)
	}
	d := delivery{header: req.Header.Clone(), body: body}
	r.read(&d)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taken = append(r.taken, d)
}

// check compares what was taken with the log: every record, each batch where
// the one before ended, or again from where an earlier one began.
func (r *receiver) check(ids []string) (repeated int) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	end := int64(0)
	for i, d := range r.taken {
		if d.from > end+1 {
			r.t.Errorf("batch %d begins with %d, the last one ended with %d", i, d.from, end)
		}
		if d.from <= end {
			repeated++
		}
		if int64(len(d.ids)) != d.to-d.from+1 || d.to > int64(len(ids)) || !slices.Equal(d.ids, ids[d.from-1:d.to]) {
			r.t.Errorf("batch %d is said to be from %d to %d and has %d entries that are not those", i, d.from, d.to, len(d.ids))
		}
		end = max(end, d.to)
	}
	if end != int64(len(ids)) {
		r.t.Errorf("%d of %d records were delivered", end, len(ids))
	}
	return repeated
}

// breaks drops the connection without an answer.
func breaks(w http.ResponseWriter, _ *http.Request) verdict {
	c, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		_ = c.Close()
	}
	return refused
}

// answers refuses with a status.
func answers(status int) behaviour {
	return func(w http.ResponseWriter, _ *http.Request) verdict {
		w.WriteHeader(status)
		return refused
	}
}

// sleeps does not answer in time.
func sleeps(_ http.ResponseWriter, r *http.Request) verdict {
	<-r.Context().Done()
	return refused
}

// forgets takes a batch and breaks the connection before it says so.
func forgets(http.ResponseWriter, *http.Request) verdict { return forgotten }

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
