package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/orgd/orgd/internal/engine/enginetest"
)

// tests stops what enginetest started once all tests have run.
type tests struct{ *testing.M }

func (t tests) Run() int { return enginetest.Main(t.M) }

// TestMain makes this test binary act as orgd when it is called by that name.
func TestMain(m *testing.M) {
	testscript.Main(tests{m}, map[string]func(){"orgd": main})
}
