package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/orgd/orgd/internal/engine/enginetest"
)

// tests cleans up once all tests have run.
type tests struct{ *testing.M }

func (t tests) Run() int {
	code := enginetest.Main(t.M)
	if built.dir == "" {
		return code
	}
	if err := os.RemoveAll(built.dir); err != nil {
		fmt.Fprintln(os.Stderr, "remove the binary:", err)
		return max(code, 1)
	}
	return code
}

// TestMain makes this test binary act as orgd when it is called by that name.
func TestMain(m *testing.M) {
	testscript.Main(tests{m}, map[string]func(){"orgd": main})
}

// built is orgd as it is shipped.
var built struct {
	once      sync.Once
	dir, name string
	err       error
}

// binary builds orgd the way that it is shipped, once for all tests: without
// the race detector, which would make a server too slow to do much.
func binary(t *testing.T) string {
	t.Helper()
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "orgd-test-"); built.err != nil {
			return
		}
		built.name = filepath.Join(built.dir, "orgd")
		cmd := exec.Command("go", "build", "-trimpath", "-o", built.name, ".")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			built.err = fmt.Errorf("%w\n%s", err, out)
		}
	})
	if built.err != nil {
		t.Fatalf("build orgd: %v", built.err)
	}
	return built.name
}
