package main

import (
	"os"
	"runtime/debug"
)

// gcPercent lets the heap grow to five times what is live before it is
// collected. A few megabytes are live, so that with Go's default of 100 a
// busy server would collect forty times a second, for 15 % of its time.
const gcPercent = 400

// tuneCollector does so unless the operator says otherwise by GOGC.
func tuneCollector() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}
