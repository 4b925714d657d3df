package stream_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/outbound"
	"github.com/orgd/orgd/internal/stream"
)

// TestOutage lets a receiver be down for ten minutes, then come and go, be too
// slow, answer 500, lose its memory of what it took, and at last be up again,
// while records are written.
func TestOutage(t *testing.T) {
	onEveryEngine(t, func(w *world) {
		r := newReceiver(w.T, httptest.NewServer)
		st := w.webhook(r.URL)
		worker := w.worker("one", loopback, nil)
		const step = 5 * time.Second
		during := func(steps int, behave func(int) behaviour) (attempts int) {
			before := r.tried()
			for i := range steps {
				r.does(behave(i))
				w.write(1)
				w.deliver(worker)
				w.pass(step)
			}
			return r.tried() - before
		}
		always := func(b behaviour) func(int) behaviour {
			return func(int) behaviour { return b }
		}
		if n := during(120, always(breaks)); n < 5 || n > 15 {
			w.Errorf("%d attempts in ten minutes, want about ten", n)
		}
		now := w.state(st.Stream)
		lag, wait := now.Delivery.Lag()
		if now.State() != org.StreamRetrying || now.Delivery.Delivered != 0 || lag != now.Delivery.Head || wait < 10*time.Minute ||
			now.Delivery.LastError != "the receiver closed the connection" || !now.Delivery.NextAttempt.After(w.now().Add(-step)) {
			w.Errorf("after ten minutes: %+v, lag %d, %s", now.Delivery, lag, wait)
		}
		during(120, func(i int) behaviour {
			return []behaviour{nil, answers(503), breaks, forgets}[i%4]
		})
		worker.SetTimeout(500 * time.Millisecond)
		during(61, always(sleeps))
		worker.SetTimeout(time.Minute)
		if got := w.state(st.Stream).Delivery.LastError; got != "the receiver did not answer in time" {
			w.Errorf("too slow: %q", got)
		}
		during(61, always(answers(500)))
		if got := w.state(st.Stream).Delivery.LastError; got != "the receiver answered 500 Internal Server Error" {
			w.Errorf("500: %q", got)
		}
		r.does(nil)
		w.pass(stream.LongestWait)
		w.deliver(worker)
		if repeated := r.check(w.ids()); repeated == 0 {
			w.Error("nothing was delivered twice: no batch was forgotten")
		}
		now = w.state(st.Stream)
		if lag, wait := now.Delivery.Lag(); now.State() != org.StreamActive || lag != 0 || wait != 0 || !now.Delivery.LastSuccess.Equal(w.now()) {
			w.Errorf("in the end: %+v", now.Delivery)
		}
	})
}

// TestRepeatsTheSameBatch demands that a batch that was tried keeps its end,
// whatever is written meanwhile and whoever tries it again.
func TestRepeatsTheSameBatch(t *testing.T) {
	onEveryEngine(t, func(w *world) {
		r := newReceiver(w.T, httptest.NewServer)
		w.webhook(r.URL)
		w.write(10)
		r.does(forgets)
		w.deliver(w.worker("one", loopback, nil))
		w.write(10)
		w.pass(stream.LongestWait)
		r.does(nil)
		w.deliver(w.worker("two", loopback, nil))
		r.check(w.ids())
		if len(r.taken) != 3 || r.taken[0].to != r.taken[1].to || r.taken[0].header.Get("Webhook-Id") != r.taken[1].header.Get("Webhook-Id") {
			w.Errorf("%d batches were taken, want the first one twice and then the rest", len(r.taken))
		}
	})
}

// TestLeaseOfTheDead lets a process die that holds a stream.
func TestLeaseOfTheDead(t *testing.T) {
	onEveryEngine(t, func(w *world) {
		r := newReceiver(w.T, httptest.NewServer)
		w.webhook(r.URL)
		dead := must(w.ClaimStreams(w.Context(), org.Holder{Name: "dead", Lease: stream.LeaseTime}, 10))(w.T)
		if len(dead) != 1 {
			w.Fatalf("claimed %d streams, want 1", len(dead))
		}
		worker := w.worker("living", loopback, nil)
		w.deliver(worker)
		if len(r.taken) != 0 {
			w.Error("delivered what another holds")
		}
		w.pass(stream.LeaseTime)
		w.deliver(worker)
		r.check(w.ids())
		// What comes of the dead one's attempt after all counts for nothing.
		_, more, err := w.SettleStream(w.Context(), org.Holder{Name: "dead", Lease: stream.LeaseTime}, dead[0], org.StreamOutcome{Error: "late"})
		if got := w.state(dead[0]); err != nil || more || got.Delivery.Failures != 0 || got.Delivery.Delivered != got.Delivery.Head {
			w.Errorf("%v, %t, %+v", err, more, got.Delivery)
		}
	})
}

// TestShare lets two workers on one store deliver several streams while
// records are written. As nothing fails, nothing is delivered twice.
func TestShare(t *testing.T) {
	onEveryEngine(t, func(w *world) {
		var receivers []*receiver
		for range 6 {
			r := newReceiver(w.T, httptest.NewServer)
			w.webhook(r.URL)
			receivers = append(receivers, r)
		}
		ctx, stop := context.WithCancel(w.Context())
		var group sync.WaitGroup
		for _, name := range []string{"one", "two"} {
			worker := w.worker(name, loopback, nil)
			w.Service.Changed = worker.Wake // of the last one: the other polls
			group.Go(func() { worker.Run(ctx) })
		}
		w.write(200)
		for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
			if t := must(w.StreamTotals(w.Context()))(w.T); t.LagRecords == 0 {
				break
			}
		}
		stop()
		group.Wait()
		ids := w.ids()
		for _, r := range receivers {
			if n := r.check(ids); n > 0 {
				w.Errorf("%d batches were delivered twice", n)
			}
		}
	})
}

func TestSignature(t *testing.T) {
	onEveryEngine(t, func(w *world) {
		r := newReceiver(w.T, httptest.NewServer)
		st := w.webhook(r.URL)
		worker := w.worker("one", loopback, nil)
		signedWith := func(secrets ...string) {
			w.Helper()
			w.write(1)
			w.deliver(worker)
			d := r.taken[len(r.taken)-1]
			if got := len(strings.Fields(d.header.Get("Webhook-Signature"))); got != len(secrets) {
				w.Errorf("%d signatures, want %d", got, len(secrets))
			}
			for i, secret := range secrets {
				hook := must(standardwebhooks.NewWebhook(secret))(w.T)
				if err := hook.VerifyIgnoringTimestamp(d.body, d.header); err != nil {
					w.Errorf("secret %d: %v", i, err)
				}
				if err := hook.VerifyIgnoringTimestamp(append(d.body, ' '), d.header); err == nil {
					w.Errorf("secret %d: another body has the same signature", i)
				}
			}
			if at := time.Unix(must(time.ParseDuration(d.header.Get("Webhook-Timestamp")+"s"))(w.T).Nanoseconds()/1e9, 0); !at.Equal(w.now().Truncate(time.Second)) {
				w.Errorf("the time is %s, want %s", at, w.now())
			}
		}
		signedWith(st.Value)
		rotated := must(w.UpdateStream(w.Context(), w.caller, w.o, st.ID, org.StreamChange{Rotate: true}))(w.T)
		signedWith(rotated.Value, st.Value)
		w.pass(org.SecretOverlap)
		signedWith(rotated.Value)
		for _, secret := range []string{st.Value, rotated.Value} {
			if strings.Contains(w.logs.String(), secret) {
				w.Error("a secret is in the log")
			}
		}
	})
}

func TestBodies(t *testing.T) {
	onEveryEngine(t, func(w *world) {
		r := newReceiver(w.T, httptest.NewTLSServer)
		roots := r.Client().Transport.(*http.Transport).TLSClientConfig
		st := w.webhook(r.URL + "/in?tenant=1")
		w.write(3)
		worker := w.worker("one", loopback, roots)
		w.deliver(worker)
		entries := w.entries(1, int64(len(w.ids())))
		d := r.taken[0]
		if want := "[" + strings.Join(entries, ",") + "]"; string(d.body) != want || d.header.Get("Content-Type") != "application/json" {
			w.Errorf("%s\n%s\nwant\n%s", d.header, d.body, want)
		}
		if d.header.Get("Orgd-Stream") != string(st.ID) || d.header.Get("Orgd-Organization") != string(w.o) {
			w.Errorf("headers %v", d.header)
		}
		lines := make(chan string, 1)
		r.Config.Handler = http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
			body := make([]byte, req.ContentLength)
			_, _ = req.Body.Read(body)
			lines <- req.Header.Get("Content-Type") + "\n" + string(body)
		})
		target := org.StreamTarget{Type: org.StreamWebhook, Webhook: org.WebhookTarget{URL: r.URL, Format: org.FormatNDJSON}}
		must(w.UpdateStream(w.Context(), w.caller, w.o, st.ID, org.StreamChange{Target: &target}))(w.T)
		w.deliver(worker)
		entry := w.entries(int64(len(entries))+1, int64(len(entries))+1)[0]
		if got, want := <-lines, "application/x-ndjson\n"+entry+"\n"; got != want {
			w.Errorf("got %s, want %s", got, want)
		}
	})
}

// TestGone lets a receiver want no more: the stream is paused, by a record of
// its own, until somebody resumes it.
func TestGone(t *testing.T) {
	onEveryEngine(t, func(w *world) {
		r := newReceiver(w.T, httptest.NewServer)
		st := w.webhook(r.URL)
		worker := w.worker("one", loopback, nil)
		r.does(answers(http.StatusGone))
		w.deliver(worker)
		got := w.state(st.Stream)
		if got.State() != org.StreamPaused || got.PauseReason != "the receiver answered 410 Gone" {
			w.Errorf("%s, %q", got.State(), got.PauseReason)
		}
		ids := w.ids()
		last := must(w.Store.AuditRecord(w.Context(), id.Log(w.o), id.Record(ids[len(ids)-1])))(w.T)
		if last.Action != audit.StreamPause || last.Resource.ID != string(st.ID) || last.Actor.Type != audit.ActorSystem {
			w.Errorf("the last record is %+v", last)
		}
		if _, ok, err := w.Undelivered(w.Context(), id.Log(w.o)); ok || err != nil {
			w.Errorf("a paused stream keeps records: %t, %v", ok, err)
		}
		w.pass(time.Hour)
		w.deliver(worker)
		if r.tried() != 1 {
			w.Errorf("%d attempts, want 1", r.tried())
		}
		r.does(nil)
		off := false
		must(w.UpdateStream(w.Context(), w.caller, w.o, st.ID, org.StreamChange{Paused: &off}))(w.T)
		if seq, ok, err := w.Undelivered(w.Context(), id.Log(w.o)); seq != 1 || !ok || err != nil {
			w.Errorf("undelivered: %d, %t, %v", seq, ok, err)
		}
		w.deliver(worker)
		r.check(w.ids())
	})
}

// TestReplay delivers again from the middle, and what is under way does not
// get in its way.
func TestReplay(t *testing.T) {
	onEveryEngine(t, func(w *world) {
		r := newReceiver(w.T, httptest.NewServer)
		st := w.webhook(r.URL)
		w.write(250)
		worker := w.worker("one", loopback, nil)
		replayed := false
		r.does(func(http.ResponseWriter, *http.Request) verdict {
			if !replayed {
				replayed = true
				_, err := w.ReplayStream(w.Context(), w.caller, w.o, st.ID, 51)
				if err != nil {
					w.Error(err)
				}
			}
			return accepted
		})
		w.deliver(worker)
		r.check(w.ids())
		if len(r.taken) < 2 || r.taken[0].from != 1 || r.taken[1].from != 51 {
			w.Errorf("the first batches begin with %d and %d, want 1 and 51", r.taken[0].from, r.taken[1].from)
		}
		if r.taken[0].header.Get("Webhook-Id") == r.taken[1].header.Get("Webhook-Id") {
			w.Error("a replay has the name of what was delivered before")
		}
	})
}

func TestRetryAfter(t *testing.T) {
	onEveryEngine(t, func(w *world) {
		r := newReceiver(w.T, httptest.NewServer)
		st := w.webhook(r.URL)
		worker := w.worker("one", loopback, nil)
		for _, c := range []struct {
			header string
			wait   time.Duration
		}{
			{"120", 2 * time.Minute},
			{"999999", stream.LongestWait},
			{w.now().Add(time.Hour).Format(http.TimeFormat), stream.LongestWait},
			{"-1", 8 * time.Second},
			{"soon", 16 * time.Second},
		} {
			r.does(func(rw http.ResponseWriter, _ *http.Request) verdict {
				rw.Header().Set("Retry-After", c.header)
				rw.WriteHeader(http.StatusTooManyRequests)
				return refused
			})
			w.deliver(worker)
			if got := w.state(st.Stream).Delivery.NextAttempt.Sub(w.now()); got != c.wait {
				w.Errorf("Retry-After: %s: waits %s, want %s", c.header, got, c.wait)
			}
			w.pass(stream.LongestWait)
		}
	})
}

// TestRefusedAddress delivers to names and addresses that may not be connected
// to: nothing may arrive, and the refusal must not tell what they mean.
func TestRefusedAddress(t *testing.T) {
	onEveryEngine(t, func(w *world) {
		w.CheckHost = nil // as for a name that resolved to something else when it was checked
		r := newReceiver(w.T, httptest.NewTLSServer)
		roots := r.Client().Transport.(*http.Transport).TLSClientConfig
		port := r.URL[strings.LastIndexByte(r.URL, ':'):]
		redirect := newReceiver(w.T, httptest.NewServer)
		redirect.does(func(rw http.ResponseWriter, req *http.Request) verdict {
			http.Redirect(rw, req, r.URL, http.StatusTemporaryRedirect)
			return refused
		})
		for _, c := range []struct {
			target org.StreamTarget
			policy outbound.Policy
			want   string
		}{
			{webhookAt("https://localhost" + port), outbound.Policy{}, outbound.ErrAddress.Error()},
			{webhookAt("https://[::ffff:127.0.0.1]" + port), outbound.Policy{}, outbound.ErrAddress.Error()},
			{webhookAt("http://localhost" + port), outbound.Policy{}, outbound.ErrPlain.Error()},
			{webhookAt(redirect.URL), loopback, "the receiver answered 307 Temporary Redirect"},
			{bucketAt("https://localhost" + port), outbound.Policy{}, outbound.ErrAddress.Error()},
			{bucketAt(redirect.URL), loopback, "the bucket answered 307 Temporary Redirect"},
			{org.StreamTarget{Type: org.StreamSyslog, Syslog: org.SyslogTarget{Address: "localhost" + port}}, outbound.Policy{}, outbound.ErrAddress.Error()},
		} {
			in := org.NewStream{Name: "s", FromSeq: 1, Target: c.target}
			if c.target.Type == org.StreamS3 {
				in.Secret = "secret"
			}
			st := w.stream(in)
			w.deliver(w.worker("one", c.policy, roots))
			if got := w.state(st.Stream).Delivery.LastError; !strings.HasPrefix(got, c.want) {
				w.Errorf("%+v: %q, want %q", c.target, got, c.want)
			}
			must(w.DeleteStream(w.Context(), w.caller, w.o, st.ID))(w.T)
		}
		if r.tried() != 0 {
			w.Errorf("%d requests arrived", r.tried())
		}
	})
}

func webhookAt(url string) org.StreamTarget {
	return org.StreamTarget{Type: org.StreamWebhook, Webhook: org.WebhookTarget{URL: url}}
}

func bucketAt(endpoint string) org.StreamTarget {
	return org.StreamTarget{Type: org.StreamS3, S3: org.S3Target{Endpoint: endpoint, Region: "eu-central-1", Bucket: "audit", AccessKeyID: "AKID", PathStyle: true, Prefix: "logs/"}}
}
