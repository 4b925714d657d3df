package stream

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/orgd/orgd/internal/org"
)

// metrics are what operators see of streams and notices. No label names one, so
// the number of series is bounded; the state of one is in the API.
type metrics struct {
	attempts, records         *prometheus.CounterVec
	seconds                   *prometheus.HistogramVec
	streams                   *prometheus.GaugeVec
	lagRecords, lag           prometheus.Gauge
	notices                   *prometheus.CounterVec
	noticesWaiting, noticeLag prometheus.Gauge
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "orgd_stream_attempts_total", Help: "Attempts to deliver a batch, by type of stream and outcome.",
		}, []string{"type", "outcome"}),
		records: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "orgd_stream_records_total", Help: "Records that receivers have acknowledged, by type of stream.",
		}, []string{"type"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "orgd_stream_attempt_seconds", Help: "Time of an attempt, by type of stream.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 15},
		}, []string{"type"}),
		streams: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "orgd_streams", Help: "Streams in the store, by state.",
		}, []string{"state"}),
		lagRecords: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "orgd_stream_lag_records", Help: "Records that wait for streams which are not paused, counted for each.",
		}),
		lag: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "orgd_stream_lag_seconds", Help: "How long the oldest of these records has been waiting.",
		}),
		notices: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "orgd_budget_notice_attempts_total", Help: "Attempts to tell a webhook that a budget was crossed, by outcome.",
		}, []string{"outcome"}),
		noticesWaiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "orgd_budget_notices_waiting", Help: "Notices of budgets that are not delivered yet.",
		}),
		noticeLag: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "orgd_budget_notice_lag_seconds", Help: "How long the oldest of these notices has been waiting.",
		}),
	}
	r.MustRegister(m.attempts, m.records, m.seconds, m.streams, m.lagRecords, m.lag, m.notices, m.noticesWaiting, m.noticeLag)
	return m
}

func (m *metrics) set(t org.StreamTotals) {
	m.streams.WithLabelValues(string(org.StreamActive)).Set(float64(t.Active))
	m.streams.WithLabelValues(string(org.StreamRetrying)).Set(float64(t.Retrying))
	m.streams.WithLabelValues(string(org.StreamPaused)).Set(float64(t.Paused))
	m.lagRecords.Set(float64(t.LagRecords))
	m.lag.Set(t.Lag.Seconds())
}
