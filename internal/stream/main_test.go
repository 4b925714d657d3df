package stream_test

import (
	"os"
	"testing"

	"github.com/orgd/orgd/internal/engine/enginetest"
)

func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }
