package stream

import (
	"context"
	"time"
)

// SetTimeout bounds the attempts of w.
func (w *Worker) SetTimeout(d time.Duration) { w.timeout = d }

// SetGrace bounds what attempts get when w stops.
func (w *Worker) SetGrace(d time.Duration) { w.grace = d }

// Count sets the metrics about all streams.
func (w *Worker) Count(ctx context.Context) { w.count(ctx) }

// What tests of the rhythm have to know.
const (
	LeaseTime   = leaseTime
	LongestWait = longestWait
)
