// Package stream delivers the records of audit logs to receivers: webhooks,
// S3-compatible buckets and syslog over TLS. Each stream is delivered in
// order, every record at least once, by one process at a time. It delivers the
// notices of budgets to their webhooks in the same way, in no order.
package stream

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/outbound"
)

// The rhythm of a worker.
const (
	pollPeriod   = time.Second            // how soon records of another process are seen
	wakePause    = 100 * time.Millisecond // least time between two looks
	countPeriod  = 15 * time.Second       // of the metrics about all streams
	stopGrace    = 5 * time.Second        // for attempts under way when the process stops
	attemptTime  = 15 * time.Second
	leaseTime    = 20 * time.Second // longer than an attempt, so that it is not lost during one
	concurrent   = 32               // attempts at a time
	turns        = 16               // batches of one stream, before it is another one's turn
	maxBatchSize = 1 << 20          // bytes of the entries of a batch
	readAtOnce   = 20               // records, which may be large
	firstWait    = time.Second
	longestWait  = 5 * time.Minute
)

// Source is where streams, their records and notices come from, and where it
// is kept how far they have come.
type Source interface {
	ClaimStreams(ctx context.Context, h org.Holder, limit int) ([]org.Stream, error)
	SettleStream(ctx context.Context, h org.Holder, st org.Stream, o org.StreamOutcome) (next org.Stream, more bool, err error)
	StopStream(ctx context.Context, st org.Stream, reason string) error
	StreamRecords(ctx context.Context, st org.Stream, after int64, limit int) ([]audit.Record, error)
	StreamSecrets(st org.Stream) ([]string, error)
	StreamTotals(ctx context.Context) (org.StreamTotals, error)

	ClaimNotices(ctx context.Context, h org.Holder, limit int) ([]org.Notice, error)
	SettleNotice(ctx context.Context, h org.Holder, n org.Notice, o org.NoticeOutcome) error
	NoticeSecrets(n org.Notice) ([]string, error)
	NoticeTotals(ctx context.Context) (waiting int64, lag time.Duration, err error)
}

// Config is what a Worker needs.
type Config struct {
	Source Source
	// Policy says which addresses may be connected to.
	Policy outbound.Policy
	// Encode returns the JSON of a record as readers of the log see it.
	Encode func(*audit.Record) ([]byte, error)
	Now    func() time.Time
	// Jitter returns a random duration up to its argument.
	Jitter func(time.Duration) time.Duration
	// Name is that of this process among all that share the store.
	Name     string
	Logger   *slog.Logger
	Registry prometheus.Registerer
	// TLS is what webhooks and buckets are held to; nil is what the system
	// trusts.
	TLS *tls.Config
}

// Worker delivers streams and notices. Several on one store share them.
type Worker struct {
	Config
	client  *http.Client
	metrics *metrics
	wake    chan struct{}
	slots   chan struct{}
	claims  atomic.Int64
	timeout time.Duration // of an attempt
	grace   time.Duration // for attempts when the process stops
}

// New returns a Worker.
func New(c Config) *Worker {
	return &Worker{
		Config: c, client: c.Policy.NewTransport(c.TLS).NewClient(attemptTime), metrics: newMetrics(c.Registry),
		wake: make(chan struct{}, 1), slots: make(chan struct{}, concurrent), timeout: attemptTime, grace: stopGrace,
	}
}

// Wake says that there may be something to deliver. It never waits.
func (w *Worker) Wake() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Run delivers until ctx ends. Attempts that are under way then may still end
// by themselves for a moment.
func (w *Worker) Run(ctx context.Context) {
	attempts, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(w.grace, cut) })
	defer stop()
	var group sync.WaitGroup
	defer group.Wait()
	poll, count := time.NewTicker(pollPeriod), time.NewTicker(countPeriod)
	defer poll.Stop()
	defer count.Stop()
	for ctx.Err() == nil {
		w.look(ctx, attempts, &group)
		select {
		case <-ctx.Done():
		case <-poll.C:
		case <-count.C:
			w.count(ctx)
		case <-w.wake:
			pause(ctx, wakePause)
		}
	}
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// look begins to deliver what is due, as far as there is room.
func (w *Worker) look(ctx, attempts context.Context, group *sync.WaitGroup) {
	if _, err := w.begin(ctx, attempts, group); err != nil && ctx.Err() == nil {
		w.Logger.Warn("look for what is to be delivered", "err", err)
	}
}

// Pass delivers everything that is due and returns when nothing more is.
func (w *Worker) Pass(ctx context.Context) error {
	for {
		var group sync.WaitGroup
		n, err := w.begin(ctx, ctx, &group)
		group.Wait()
		if err != nil || n == 0 {
			return err
		}
	}
}

// begin claims notices and streams and delivers each in a goroutine. Ctx ends
// the turn of a stream, attempts its attempt. Notices get half of the room at
// most, so that neither has to wait for all of the other.
func (w *Worker) begin(ctx, attempts context.Context, group *sync.WaitGroup) (int, error) {
	room := cap(w.slots) - len(w.slots)
	if room == 0 {
		return 0, nil // whoever frees a slot wakes us
	}
	// A name of its own for each claim: what comes late for an earlier one, of
	// this process too, counts for nothing.
	h := org.Holder{Name: w.Name + "/" + strconv.FormatInt(w.claims.Add(1), 10), Lease: leaseTime}
	notices, err := w.Source.ClaimNotices(ctx, h, (room+1)/2)
	if err != nil {
		return 0, fmt.Errorf("claim notices: %w", err)
	}
	for i := range notices {
		w.occupy(group, func() { w.serveNotice(attempts, h, &notices[i]) })
	}
	claimed, err := w.Source.ClaimStreams(ctx, h, room-len(notices))
	if err != nil {
		return len(notices), fmt.Errorf("claim streams: %w", err)
	}
	for _, st := range claimed {
		w.occupy(group, func() { w.serve(ctx, attempts, h, st) })
	}
	return len(notices) + len(claimed), nil
}

// occupy takes a slot, of which there is one, for as long as do takes.
func (w *Worker) occupy(group *sync.WaitGroup, do func()) {
	w.slots <- struct{}{}
	group.Go(func() {
		defer w.Wake()
		defer func() { <-w.slots }()
		do()
	})
}

// serve delivers batches of a stream while there are some, it is its turn, and
// they are taken.
func (w *Worker) serve(ctx, attempts context.Context, h org.Holder, st org.Stream) {
	for turn := 1; ; turn++ {
		o, stopped := w.attempt(attempts, st)
		if stopped {
			return
		}
		o.Last = turn == turns || ctx.Err() != nil
		// What was acknowledged is written down even when the process stops.
		settling, done := context.WithTimeout(context.WithoutCancel(attempts), stopGrace)
		next, more, err := w.Source.SettleStream(settling, h, st, o)
		done()
		if err != nil {
			w.Logger.Warn("settle a stream", "stream", st.ID, "err", err)
		}
		if err != nil || !more {
			return
		}
		st = next
	}
}

// attempt tries to deliver the batch under way of st. It is stopped when the
// receiver wants no more of the stream.
func (w *Worker) attempt(ctx context.Context, st org.Stream) (o org.StreamOutcome, stopped bool) {
	ctx, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	start := w.Now()
	b, err := w.newBatch(ctx, st)
	if err == nil && len(b.entries) > 0 {
		err = w.send(ctx, b)
	}
	kind := string(st.Target.Type)
	w.metrics.seconds.WithLabelValues(kind).Observe(w.Now().Sub(start).Seconds())
	if err == nil {
		w.metrics.attempts.WithLabelValues(kind, "delivered").Inc()
		w.metrics.records.WithLabelValues(kind).Add(float64(len(b.entries)))
		w.delivered(&st, b)
		return org.StreamOutcome{To: b.to, Expired: b.expired}, false
	}
	why := describe(err)
	if gone(err) {
		if stopErr := w.Source.StopStream(context.WithoutCancel(ctx), st, why); stopErr == nil {
			w.metrics.attempts.WithLabelValues(kind, "stopped").Inc()
			w.Logger.Warn("paused a stream", "stream", st.ID, "log", st.Log, "reason", why)
			return o, true
		}
	}
	w.metrics.attempts.WithLabelValues(kind, "failed").Inc()
	if st.Delivery.Failures == 0 { // the first of a row; its state tells the rest
		w.Logger.Warn("deliver a stream", "stream", st.ID, "log", st.Log, "err", why)
	}
	return org.StreamOutcome{Error: why, Wait: max(w.backOff(st.Delivery.Failures), retryAfter(err))}, false
}

// delivered logs what somebody may have to know of a batch.
func (w *Worker) delivered(st *org.Stream, b *batch) {
	if st.Delivery.Failures > 0 {
		w.Logger.Info("delivers a stream again", "stream", st.ID, "log", st.Log, "failures", st.Delivery.Failures)
	}
	if b.expired > 0 {
		w.Logger.Warn("records were removed before they were delivered", "stream", st.ID, "log", st.Log, "records", b.expired, "before", b.to)
	}
}

// backOff returns how long to wait after so many failures before this one: at
// least half of a span that doubles up to its limit.
func (w *Worker) backOff(failures int64) time.Duration {
	span := longestWait
	if failures < 10 {
		span = min(firstWait<<failures, longestWait)
	}
	return span/2 + w.Jitter(span/2)
}

// count sets the metrics about all streams and notices.
func (w *Worker) count(ctx context.Context) {
	t, err := w.Source.StreamTotals(ctx)
	if err == nil {
		w.metrics.set(t)
		err = w.countNotices(ctx)
	}
	if err != nil && ctx.Err() == nil {
		w.Logger.Warn("count what is to be delivered", "err", err)
	}
}

func (w *Worker) countNotices(ctx context.Context) error {
	waiting, lag, err := w.Source.NoticeTotals(ctx)
	if err == nil {
		w.metrics.noticesWaiting.Set(float64(waiting))
		w.metrics.noticeLag.Set(lag.Seconds())
	}
	return err
}
