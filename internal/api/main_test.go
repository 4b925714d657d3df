package api

import (
	"os"
	"testing"

	"github.com/orgd/orgd/internal/engine/enginetest"
)

// TestMain stops the PostgreSQL server that the tests of this package share.
func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }
