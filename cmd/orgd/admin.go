package main

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// draining is set once the server stops: it finishes what it accepted and is
// ready for nothing new.
type draining struct{ atomic.Bool }

// readyTimeout bounds the question whether the store can write.
const readyTimeout = 2 * time.Second

// adminHandler serves what the operator's machinery asks for.
func (i *instance) adminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", i.readyz)
	mux.Handle("GET /metrics", promhttp.HandlerFor(i.registry, promhttp.HandlerOpts{}))
	return mux
}

// readyz answers 200 when the server is not stopping and the store is
// migrated and able to write.
func (i *instance) readyz(w http.ResponseWriter, r *http.Request) {
	if i.draining.Load() {
		plain(w, http.StatusServiceUnavailable, "stopping")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
	defer cancel()
	if err := i.store.Ready(ctx); err != nil {
		plain(w, http.StatusServiceUnavailable, "the store is not ready: "+err.Error())
		return
	}
	plain(w, http.StatusOK, "ok")
}

func plain(w http.ResponseWriter, status int, line string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(line + "\n")) // whoever asked may be gone
}
