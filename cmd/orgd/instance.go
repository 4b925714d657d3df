package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/orgd/orgd/internal/api"
	"github.com/orgd/orgd/internal/engine"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/stream"
)

// instance is the program put together: the store, the services on it, and
// the handlers in front of them.
type instance struct {
	config   *config
	logger   *slog.Logger
	flushLog func() // writes the lines that still wait
	registry *prometheus.Registry
	store    org.Store
	service  *org.Service
	handler  http.Handler
	streams  *stream.Worker
	draining draining
	trees    *trees // nil without a signing key
}

// openStore opens the store of the configuration, without migrating it.
func openStore(ctx context.Context, c *config) (org.Store, error) {
	s, err := engine.Open(ctx, c.Store, engine.Options{
		SQLiteSynchronous: c.SQLiteSynchronous,
		PostgresConns:     c.PostgresMaxConnections,
	})
	if err != nil {
		return nil, hinted(err, storeHint)
	}
	return s, nil
}

// openReady opens the store and refuses one whose schema is not up to date.
func openReady(ctx context.Context, c *config) (org.Store, error) {
	s, err := openStore(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := s.Ready(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("use the store: %w", err), s.Close())
	}
	return s, nil
}

// newService puts the services on a store.
func newService(c *config, s org.Store) (*org.Service, api.Encoder) {
	limits := org.Limits{Depth: c.LimitsDepth, Accounts: int64(c.LimitsAccounts), Streams: int64(c.LimitsStreams), Budgets: int64(c.LimitsBudgets)}
	enc := api.Encoder{Limits: limits, EchoProfile: c.Compat != "cloudflare"}
	return org.New(org.Config{
		Store: s, Now: time.Now, Random: rand.Reader, Limits: limits, Encode: enc.Encode, StatusOf: api.StatusOf,
		AuditReads: c.AuditReads == "on", RetentionMonths: int64(c.AuditRetentionMonths), Key: c.SigningKey, Witnesses: c.witnesses(),
	}), enc
}

// newInstance puts a server on an open store.
func newInstance(c *config, s org.Store, logs io.Writer) (*instance, error) {
	i := &instance{config: c, store: s, registry: prometheus.NewRegistry()}
	i.logger, i.flushLog = newLogger(c, logs)
	i.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	service, enc := newService(c, s)
	i.service = service
	if err := i.setUpStreams(enc); err != nil {
		return nil, err
	}
	i.handler = api.New(api.Config{
		Service: service, Encoder: enc, Now: time.Now, Random: rand.Reader, Logger: i.logger, Registry: i.registry,
		RateLimit:       rateLimit(c.RateLimit),
		BootstrapSecret: c.BootstrapSecret,
		TrustedProxies:  c.TrustedProxies,
		MaxBody:         int64(c.MaxBody),
		WriteDeadline:   func() time.Time { return time.Now().Add(writeTimeout) },
	}).Handler()
	return i, nil
}

// rateWindow is the span of time that the rate limit is stated for.
const rateWindow = 5 * time.Minute

func rateLimit(requests int) api.RateLimit {
	return api.RateLimit{PerSecond: float64(requests) / rateWindow.Seconds(), Burst: requests}
}
