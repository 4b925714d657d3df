package main

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// growPeriod is the time between two passes over the trees of audit logs, so
// that a checkpoint is never more than a second behind.
const growPeriod = 500 * time.Millisecond

// repeatPeriod is how often the same failure is logged.
const repeatPeriod = time.Minute

// trees lets the trees of audit logs grow while the server runs.
type trees struct {
	instance *instance
	stopping context.CancelFunc
	done     chan struct{}

	records  prometheus.Counter
	failures prometheus.Counter
	lag      prometheus.Gauge

	passed   time.Time // when the last pass without a failure ended
	failure  string    // what was logged last
	failedAt time.Time // when
}

// startTrees begins to let trees grow, if there is a key to sign them with.
func (i *instance) startTrees() {
	if i.config.SigningKey == nil {
		return
	}
	t := &trees{
		instance: i, done: make(chan struct{}), passed: time.Now(),
		records:  prometheus.NewCounter(prometheus.CounterOpts{Name: "orgd_audit_tree_records_total", Help: "Audit records added to the trees of their logs by this server."}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{Name: "orgd_audit_tree_failures_total", Help: "Passes over the trees of audit logs that failed for some log."}),
		lag:      prometheus.NewGauge(prometheus.GaugeOpts{Name: "orgd_audit_tree_lag_seconds", Help: "How long the oldest audit record of the last pass had waited for its checkpoint, or how long passes have been failing."}),
	}
	i.registry.MustRegister(t.records, t.failures, t.lag)
	var ctx context.Context
	ctx, t.stopping = context.WithCancel(context.Background())
	i.trees = t
	go t.run(ctx)
}

func (t *trees) run(ctx context.Context) {
	defer close(t.done)
	tick := time.NewTicker(growPeriod)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			t.pass(ctx)
		}
	}
}

// pass is one pass. Failing is no reason to end: it is due again soon.
func (t *trees) pass(ctx context.Context) {
	p, err := t.instance.service.GrowTrees(ctx)
	now := time.Now()
	t.records.Add(float64(p.Records))
	if err == nil {
		t.passed, t.failure = now, ""
		t.lag.Set(p.Waited.Seconds())
		return
	}
	if ctx.Err() != nil {
		return
	}
	t.failures.Inc()
	t.lag.Set(now.Sub(t.passed).Seconds())
	if err.Error() == t.failure && now.Sub(t.failedAt) < repeatPeriod {
		return
	}
	t.failure, t.failedAt = err.Error(), now
	t.instance.logger.Error("audit trees do not grow", "err", err, "since", t.passed, "logs", p.Logs, "records", p.Records)
}

// stop makes a last pass, so that what was answered is signed.
func (t *trees) stop(ctx context.Context) {
	if t == nil {
		return
	}
	t.stopping()
	<-t.done
	t.pass(ctx)
}
