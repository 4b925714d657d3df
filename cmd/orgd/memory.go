package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// gcPercent lets the heap grow to five times what is live before it is
	// collected. A few megabytes are live, so that with Go's default of 100 a
	// busy server would collect forty times a second, for 15 % of its time.
	gcPercent = 400
	// gcGarbage is how much garbage there may be, in bytes, beyond what Go's
	// default allows: a long answer has tens of megabytes that are live.
	gcGarbage = 32 << 20
	// gcDefault is Go's default.
	gcDefault = 100
)

// tuneCollector does so unless the operator says otherwise by GOGC.
func tuneCollector() {
	if os.Getenv("GOGC") != "" {
		return
	}
	debug.SetGCPercent(gcPercent)
	t := &collectorTuner{percent: gcPercent}
	runtime.SetFinalizer(t, (*collectorTuner).collected)
}

// collectorTuner is garbage, which is collected by every collection.
type collectorTuner struct{ percent int }

// collected is called after a collection.
func (t *collectorTuner) collected() {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	if p := percentFor(live[0].Value.Uint64()); p != t.percent {
		t.percent = p
		debug.SetGCPercent(p)
	}
	runtime.SetFinalizer(t, (*collectorTuner).collected)
}

// percentFor returns by how much a heap of live bytes may grow, in few steps.
func percentFor(live uint64) int {
	for p := gcPercent; p > gcDefault; p -= gcDefault {
		if live*uint64(p) <= gcGarbage*100 {
			return p
		}
	}
	return gcDefault
}
