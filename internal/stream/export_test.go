package stream

import "time"

// SetTimeout bounds the attempts of w.
func (w *Worker) SetTimeout(d time.Duration) { w.timeout = d }

// What tests of the rhythm have to know.
const (
	LeaseTime   = leaseTime
	LongestWait = longestWait
	Turns       = turns
)
