package stream_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/stream"
)

// TestStop ends a worker whose receiver hangs: the attempt is cut off, counts
// as a failure, and another worker goes on.
func TestStop(t *testing.T) {
	onEveryEngine(t, func(w *world) {
		r := newReceiver(w.T, httptest.NewServer)
		st := w.webhook(r.URL)
		arrived := make(chan struct{}, 1)
		r.does(func(rw http.ResponseWriter, req *http.Request) verdict {
			arrived <- struct{}{}
			return sleeps(rw, req)
		})
		worker := w.worker("one", loopback, nil)
		worker.SetGrace(50 * time.Millisecond)
		ctx, stop := context.WithCancel(w.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			worker.Run(ctx)
		}()
		<-arrived
		stop()
		select {
		case <-ended:
		case <-time.After(time.Minute):
			w.Fatal("the worker did not end")
		}
		if got := w.state(st.Stream).Delivery; got.Failures != 1 || got.LastError != "the server stopped" {
			w.Errorf("%+v", got)
		}
		r.does(nil)
		w.pass(stream.LongestWait)
		w.deliver(w.worker("two", loopback, nil))
		r.check(w.ids())
	})
}

// TestWake delivers what is recorded without waiting for the next look.
func TestWake(t *testing.T) {
	onEveryEngine(t, func(w *world) {
		r := newReceiver(w.T, httptest.NewServer)
		got := make(chan struct{}, 100)
		r.does(func(http.ResponseWriter, *http.Request) verdict {
			got <- struct{}{}
			return accepted
		})
		worker := w.worker("one", loopback, nil)
		w.Changed = worker.Wake
		ctx, stop := context.WithCancel(w.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			worker.Run(ctx)
		}()
		w.webhook(r.URL)
		for range 3 {
			<-got
			w.write(1)
		}
		<-got
		stop()
		<-ended
		r.check(w.ids())
	})
}

func TestMetrics(t *testing.T) {
	onEveryEngine(t, func(w *world) {
		r := newReceiver(w.T, httptest.NewServer)
		worker := w.worker("one", loopback, nil)
		w.webhook(r.URL)
		w.deliver(worker)
		r.does(answers(http.StatusTeapot))
		w.write(4)
		w.deliver(worker)
		off := true
		paused := w.webhook(r.URL)
		must(w.UpdateStream(w.Context(), w.caller, w.o, paused.ID, org.StreamChange{Paused: &off}))(w.T)
		w.pass(90 * time.Second)
		worker.Count(w.Context())
		want := map[string]float64{
			"orgd_stream_attempts_total delivered webhook": 1, "orgd_stream_attempts_total failed webhook": 1,
			"orgd_stream_records_total webhook": 2, "orgd_stream_lag_records": 6, "orgd_stream_lag_seconds": 90,
			"orgd_streams active": 0, "orgd_streams retrying": 1, "orgd_streams paused": 1,
			"orgd_budget_notices_waiting": 0, "orgd_budget_notice_lag_seconds": 0,
		}
		if diff := cmp.Diff(want, values(w.T, worker.Registry.(*prometheus.Registry))); diff != "" {
			w.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// values returns the counters and gauges, by name and labels.
func values(t *testing.T, r *prometheus.Registry) map[string]float64 {
	t.Helper()
	all := make(map[string]float64)
	for _, family := range must(r.Gather())(t) {
		for _, m := range family.GetMetric() {
			name := family.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			switch {
			case m.GetCounter() != nil:
				all[name] = m.GetCounter().GetValue()
			case m.GetGauge() != nil:
				all[name] = m.GetGauge().GetValue()
			}
		}
	}
	return all
}
