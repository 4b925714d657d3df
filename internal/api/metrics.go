package api

import (
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics counts requests by route. The label of a route is its pattern, so
// the number of series is bounded by the route table.
type metrics struct {
	seconds *prometheus.HistogramVec

	mu        sync.RWMutex
	observers map[series]prometheus.Observer
}

type series struct {
	method, route string
	status        int
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "orgd_http_request_seconds",
			Help:    "Time to answer a request, by method, route and status.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"method", "route", "status"}),
		observers: make(map[series]prometheus.Observer),
	}
	r.MustRegister(m.seconds)
	return m
}

// observe looks the series up in a map of its own, which is cheaper than
// hashing the labels for every request.
func (m *metrics) observe(method, route string, status int, took time.Duration) {
	switch method {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS":
	default:
		method = "other" // a client must not make series
	}
	key := series{method, route, status}
	m.mu.RLock()
	o, ok := m.observers[key]
	m.mu.RUnlock()
	if !ok {
		o = m.seconds.WithLabelValues(method, route, strconv.Itoa(status))
		m.mu.Lock()
		m.observers[key] = o
		m.mu.Unlock()
	}
	o.Observe(took.Seconds())
}
