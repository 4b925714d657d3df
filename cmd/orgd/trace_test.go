package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// TestTraces lets a server send its traces to a collector.
func TestTraces(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var paths []string
	var sent strings.Builder
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		paths = append(paths, r.Method+" "+r.URL.Path)
		if _, err := io.Copy(&sent, r.Body); err != nil {
			t.Error(err)
		}
	}))
	defer collector.Close()
	store := "sqlite:" + filepath.Join(t.TempDir(), "orgd.db")
	token := prepared(t, "orgd", store)
	p := start(t, "orgd", "serve", "--store", store, "--otlp-endpoint", collector.URL)
	newClient(p.BaseURL, token).must(t, "GET", "/organizations", nil)
	p.signal(t, syscall.SIGTERM)
	if code := p.wait(t); code != 0 {
		t.Errorf("exit code %d, want 0\n%s", code, p.output)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(paths) == 0 || paths[0] != "POST /v1/traces" {
		t.Fatalf("the collector got %q, want POST /v1/traces", paths)
	}
	// The messages are protobuf, in which texts stand as they are.
	for _, want := range []string{"service.name", "orgd", "GET", "/client/v4/organizations"} {
		if !strings.Contains(sent.String(), want) {
			t.Errorf("the traces do not have %q", want)
		}
	}
}
