package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// The limits of a connection. A client that sends or reads more slowly than
// that is dropped.
const (
	headerTimeout   = 10 * time.Second
	readTimeout     = 60 * time.Second
	writeTimeout    = 90 * time.Second
	idleTimeout     = 2 * time.Minute
	maxHeader       = 64 << 10
	housekeepPeriod = 30 * time.Second
	erasurePeriod   = 30 * time.Second
	expiryPeriod    = time.Hour
	goodbyeTimeout  = 5 * time.Second
)

// listeners are the two open ports.
type listeners struct {
	api, admin net.Listener
}

// listen opens both ports.
func listen(ctx context.Context, c *config) (*listeners, error) {
	var lc net.ListenConfig
	l := &listeners{}
	for _, p := range []struct {
		to            *net.Listener
		address, flag string
	}{{&l.api, c.Listen, "listen"}, {&l.admin, c.AdminListen, "admin-listen"}} {
		opened, err := lc.Listen(ctx, "tcp", p.address)
		if err != nil {
			return nil, errors.Join(hinted(err, "choose another address with --"+p.flag), l.close())
		}
		*p.to = opened
	}
	return l, nil
}

func (l *listeners) close() error {
	var err error
	for _, open := range []net.Listener{l.api, l.admin} {
		if open != nil {
			err = errors.Join(err, open.Close())
		}
	}
	return err
}

// newServer returns a server with every limit set. It speaks HTTP/1 only:
// HTTP/2 is for the proxy in front, if there is one.
func newServer(h http.Handler, logger *slog.Logger) *http.Server {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &http.Server{
		Handler: h, Protocols: &protocols,
		ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeader,
		ErrorLog:       slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
}

// run serves on both listeners until a signal, or until one of them fails,
// and then stops. announce is called once everything is open.
func (i *instance) run(ctx context.Context, l *listeners, announce func() error) error {
	defer i.flushLog() // also when this panics
	handler, stopTraces, err := traced(ctx, i.config.OTLPEndpoint, i.handler)
	if err != nil {
		return errors.Join(err, l.close())
	}
	public, admin := newServer(handler, i.logger), newServer(i.adminHandler(), i.logger)
	failed := make(chan error, 2)
	go func() { failed <- public.Serve(l.api) }()
	go func() { failed <- admin.Serve(l.admin) }()

	ctx, forget := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer forget()
	i.logger.Info("serving", "listen", l.api.Addr().String(), "admin_listen", l.admin.Addr().String(), "version", release())
	delivered := make(chan struct{})
	go func() {
		defer close(delivered)
		i.streams.Run(ctx)
	}()
	i.startTrees()
	err = announce()
	if err == nil {
		err = i.work(ctx, failed)
	}
	// From here on a second signal has its usual effect: it ends the process.
	forget()
	return errors.Join(err, i.stop(public, admin, delivered, stopTraces))
}

// work keeps house until ctx ends or a listener fails. What may take long
// has ended when it returns.
func (i *instance) work(ctx context.Context, failed <-chan error) error {
	ctx, stop := context.WithCancel(ctx)
	var group sync.WaitGroup
	defer group.Wait()
	defer stop()
	for _, c := range i.chores() {
		group.Go(func() { i.repeat(ctx, c) })
	}
	tick := time.NewTicker(housekeepPeriod)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-failed:
			return fmt.Errorf("serve: %w", err)
		case <-tick.C:
			i.housekeep(ctx)
		}
	}
}

// chore is something that is due now and then.
type chore struct {
	name   string
	period time.Duration
	do     func(context.Context) error
}

func (i *instance) chores() []chore {
	return []chore{
		{"have checkpoints cosigned", cosignPeriod, i.service.CosignTrees},
		{"erase users", erasurePeriod, i.service.ContinueErasures},
		{"look at held erasures", expiryPeriod, i.service.RecheckErasures},
		{"expire audit records", expiryPeriod, i.service.ExpireAudit},
		{"evaluate budgets", budgetPeriod, i.evaluateBudgets()},
	}
}

// repeat does a chore at once and then in its period, until ctx ends. Failing
// is no reason to end: it is due again soon.
func (i *instance) repeat(ctx context.Context, c chore) {
	tick := time.NewTicker(c.period)
	defer tick.Stop()
	for {
		if err := c.do(ctx); err != nil && ctx.Err() == nil {
			i.logger.Warn(c.name, "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// housekeep does what is due. Failing is no reason to end: it is due again
// soon.
func (i *instance) housekeep(ctx context.Context) {
	if err := i.service.Housekeep(ctx); err != nil && ctx.Err() == nil {
		i.logger.Warn("housekeeping", "err", err)
	}
}

// stop says that it is not ready any more, closes the port, finishes what was
// accepted, and closes the rest. The admin port closes last, so that the stop
// can be watched.
func (i *instance) stop(public, admin *http.Server, delivered <-chan struct{}, stopTraces func(context.Context) error) error {
	i.draining.Store(true)
	i.logger.Info("stopping", "timeout", i.config.ShutdownTimeout.String())
	ctx, cancel := context.WithTimeout(context.Background(), i.config.ShutdownTimeout)
	defer cancel()
	err := public.Shutdown(ctx)
	if err != nil {
		err = errors.Join(fmt.Errorf("finish accepted requests within %s: %w", i.config.ShutdownTimeout, err), public.Close())
	}
	<-delivered
	last, cancelLast := context.WithTimeout(context.Background(), goodbyeTimeout)
	defer cancelLast()
	i.housekeep(last)
	i.trees.stop(last)
	if err := stopTraces(last); err != nil {
		i.logger.Warn("send the last traces", "err", err)
	}
	err = errors.Join(err, i.store.Close(), admin.Shutdown(last))
	i.logger.Info("stopped")
	return err
}
