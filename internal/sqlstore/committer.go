package sqlstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// maxShared bounds the transactions that are committed together, and with it
// the time that the first of them waits for the others.
const maxShared = 64

// flightTimeout ends a common commit that does not come back. Those who wait
// for it may give up before.
const flightTimeout = time.Minute

// errApart is what becomes of transactions of which another one failed: each
// runs again on its own.
var errApart = fmt.Errorf("a transaction that was committed together with this one failed: %w", errAgain)

// committer commits transactions of which nothing was sent yet together, as
// one transaction in one round trip: waking up on both sides, the commit, and
// the counters that they have in common cost as much as what each of them
// writes. Nobody waits while the server has little to do: a transaction waits
// for the others under way only when they are as many as keep it busy, or when
// one of them writes to the same audit log, which it would wait for anyway.
type committer struct {
	backend *postgresBackend
	now     func() time.Time // may be nil

	mu      sync.Mutex
	flying  int
	usual   time.Duration   // that one takes, smoothed
	logs    map[string]bool // that those under way write to
	waiting []*passenger
}

const (
	// fewest common commits are never waited for.
	fewest = 2
	// busy is what the server does for a common commit besides waiting for
	// the disk, about: while each takes n times as long, n may be under way.
	busy = 400 * time.Microsecond
)

// passenger is a transaction that waits to be committed.
type passenger struct {
	order string // the audit log that it writes to
	tree  bool   // it holds the shape of the trees
	group *group
	done  chan error
}

// passenger returns the transaction as one that can be committed together
// with others, nil when it cannot: it was begun, or holds locks that the
// others might wait for.
func (t *postgresTransaction) passenger() *passenger {
	if t.begun || t.alone {
		return nil
	}
	p := &passenger{done: make(chan error, 1)}
	for _, q := range t.queue {
		switch {
		case q.group != nil && p.group == nil:
			p.group = q.group
		case q.group == nil && q.text == postgresDialect.lockTreeShared:
			p.tree = true
		default:
			return nil
		}
	}
	if p.group == nil {
		return nil
	}
	for _, unit := range p.group.units {
		if unit[0].part == nextPlace {
			p.order, _ = unit[0].args[0].(string)
		}
	}
	return p
}

// commit commits p, alone or with others.
func (c *committer) commit(ctx context.Context, p *passenger) error {
	c.mu.Lock()
	c.waiting = append(c.waiting, p)
	if all := c.board(); all != nil {
		go c.fly(all)
	}
	c.mu.Unlock()
	select {
	case err := <-p.done:
		return err
	case <-ctx.Done():
	}
	c.mu.Lock()
	at := slices.Index(c.waiting, p)
	if at >= 0 {
		c.waiting = slices.Delete(c.waiting, at, at+1)
	}
	c.mu.Unlock()
	if at >= 0 {
		return contextError(ctx)
	}
	// It is under way, and nothing can call it back.
	return fmt.Errorf("wait for the commit: %w", ctx.Err())
}

// board takes those who need not wait any longer, nil when there are none.
func (c *committer) board() []*passenger {
	if c.flying >= fewest && time.Duration(c.flying)*busy >= c.usual {
		return nil
	}
	var all, rest []*passenger
	for _, p := range c.waiting {
		if len(all) < maxShared && !c.logs[p.order] {
			all = append(all, p)
		} else {
			rest = append(rest, p)
		}
	}
	if all == nil {
		return nil
	}
	c.flying++
	c.waiting = rest
	c.mark(all, true)
	return all
}

// mark remembers to which logs those under way write.
func (c *committer) mark(all []*passenger, flying bool) {
	if c.logs == nil {
		c.logs = make(map[string]bool)
	}
	for _, p := range all {
		switch {
		case flying && p.order != "":
			c.logs[p.order] = true
		case !flying:
			delete(c.logs, p.order)
		}
	}
}

// fly commits passengers, and then those who may follow them.
func (c *committer) fly(all []*passenger) {
	for all != nil {
		began := c.time()
		err := c.send(all)
		took := c.time().Sub(began)
		c.mu.Lock()
		c.usual += (took - c.usual) / 8
		c.flying--
		c.mark(all, false)
		next := c.board()
		c.mu.Unlock()
		for _, p := range all {
			p.done <- err
		}
		all = next
	}
}

func (c *committer) time() time.Time {
	if c.now == nil {
		return time.Time{}
	}
	return c.now()
}

// send commits all of them, or none.
func (c *committer) send(all []*passenger) error {
	ctx, cancel := context.WithTimeout(context.Background(), flightTimeout)
	defer cancel()
	t := c.backend.transaction(true)
	defer t.rollback(ctx)
	t.alone = true
	// In the order of the logs, so that no two transactions wait for each other.
	slices.SortStableFunc(all, func(a, b *passenger) int { return cmp.Compare(a.order, b.order) })
	if slices.ContainsFunc(all, func(p *passenger) bool { return p.tree }) {
		t.queue = append(t.queue, queued{statement: statement{text: postgresDialect.lockTreeShared}})
	}
	var counts countChanges
	for _, p := range all {
		t.queue = append(t.queue, queued{group: p.group.without(&counts)})
	}
	for b, ok := counts.next(postgresDialect); ok; b, ok = counts.next(postgresDialect) {
		t.queue = append(t.queue, queued{group: &group{units: [][]bound{{b}}}})
	}
	err := t.commit(ctx)
	if t.refused && len(all) > 1 {
		return errors.Join(errApart, err)
	}
	return err
}
