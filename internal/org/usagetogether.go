package org

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/orgd/orgd/internal/usage"
)

const (
	// pushesTogether and eventsTogether bound what is counted together, and
	// with it the time that the first of them waits for the others.
	pushesTogether = 8
	eventsTogether = 20_000
	// pushesFlying is how many transactions count at a time: while one writes
	// down what the days add up to, the next keeps its events.
	pushesFlying = 2
	// pushesLate is how many besides wait for a lock or a slow disk, and are
	// not waited for: they must not take all connections.
	pushesLate = 4
	// pushPatience is many times what a transaction takes.
	pushPatience = time.Second
)

// errTogether is what becomes of requests that were counted together when that
// failed: each is counted on its own, so that none fails for another.
var errTogether = errors.New("counting together with other requests failed")

// push is a request with events.
type push struct {
	request  Request
	all      []usage.Submission
	receipts []usage.Receipt
	flight   *pushFlight // nil while it waits
	done     chan error
}

// pushFlight is the requests that one transaction counts.
type pushFlight struct {
	all          []*push
	left         int // of those, how many nobody waits for any more
	cancel       context.CancelFunc
	late, landed bool
}

// pushes counts the requests that come while others are being counted in one
// transaction: they have days in common, whose totals would be read and written
// for each of them, and would wait for each other to do so. Nobody waits while
// there is little to do: a request waits only when as many transactions are
// under way as keep the store busy, or more requests than wait with it.
type pushes struct {
	patience time.Duration // after which a transaction is late, 0 for pushPatience

	mu      sync.Mutex
	flying  int // transactions under way, but for the late ones
	aboard  int // requests in those
	late    int // transactions
	waiting []*push
}

// counter counts requests in one transaction, all or none.
type counter func(context.Context, []*push) error

// count counts p, alone or with others.
func (w *pushes) count(ctx context.Context, p *push, do counter) error {
	p.done = make(chan error, 1)
	w.mu.Lock()
	w.waiting = append(w.waiting, p)
	w.depart(ctx, do)
	w.mu.Unlock()
	select {
	case err := <-p.done:
		return err
	case <-ctx.Done():
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if f := p.flight; f == nil {
		w.waiting = slices.DeleteFunc(w.waiting, func(other *push) bool { return other == p })
	} else if f.left++; f.left == len(f.all) {
		f.cancel()
	}
	return fmt.Errorf("wait for the events to be counted: %w", ctx.Err())
}

// depart starts to count those who need not wait any longer. They do not depend
// on the context of one of them, but take its values with them.
func (w *pushes) depart(ctx context.Context, do counter) {
	all := w.board()
	if all == nil {
		return
	}
	f := &pushFlight{all: all}
	ctx, f.cancel = context.WithCancel(context.WithoutCancel(ctx))
	for _, p := range all {
		p.flight = f
	}
	w.flying, w.aboard = w.flying+1, w.aboard+len(all)
	go w.fly(ctx, f, do)
}

// board takes those who need not wait any longer from the waiting.
func (w *pushes) board() []*push {
	if len(w.waiting) == 0 || w.flying >= pushesFlying || w.late >= pushesLate {
		return nil
	}
	n, events := 0, 0
	for _, p := range w.waiting {
		if events += len(p.all); n == pushesTogether || n > 0 && events > eventsTogether {
			break
		}
		n++
	}
	if n == len(w.waiting) && n < min(w.aboard, pushesTogether) {
		return nil
	}
	all := slices.Clone(w.waiting[:n])
	w.waiting = slices.Delete(w.waiting, 0, n)
	return all
}

// fly counts the requests of f and has those follow who may.
func (w *pushes) fly(ctx context.Context, f *pushFlight, do counter) {
	defer f.cancel()
	late := time.AfterFunc(cmp.Or(w.patience, pushPatience), func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if !f.landed {
			f.late = true
			w.flying, w.aboard, w.late = w.flying-1, w.aboard-len(f.all), w.late+1
			w.depart(ctx, do)
		}
	})
	err := do(ctx, f.all)
	late.Stop()
	if err != nil && len(f.all) > 1 {
		err = errTogether
	}
	w.mu.Lock()
	f.landed = true
	if f.late {
		w.late--
	} else {
		w.flying, w.aboard = w.flying-1, w.aboard-len(f.all)
	}
	w.depart(ctx, do)
	w.mu.Unlock()
	for _, p := range f.all {
		p.done <- err
	}
}
