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
// for those under way only when they are more than wait with it, or as many
// common commits as keep the server busy, or when one of them writes to the
// same audit log, which it would wait for anyway.
//
// More than two at a time would not be faster: while one waits for the disk,
// the server works on the other, and those who wait meanwhile share the next
// wait. One that is late waits for a lock or a slow disk, and is not waited for
// any longer.
type committer struct {
	backend  *postgresBackend
	patience time.Duration // after which a common commit is late

	mu      sync.Mutex
	flying  int             // common commits under way, but for the late ones
	aboard  int             // transactions in those
	late    int             // common commits
	logs    map[string]bool // that all of these write to
	waiting []*passenger
}

const (
	// most common commits are under way at a time, and as many as mostLate
	// besides: they must not take all connections.
	most, mostLate = 2, 4
	// usualPatience is several times what a common commit takes.
	usualPatience = 20 * time.Millisecond
)

// flight is a common commit.
type flight struct {
	all          []*passenger
	late, landed bool
}

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
	c.depart(c.board())
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
func (c *committer) board() *flight {
	if c.flying >= most || c.late >= mostLate {
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
	if len(all) == 0 || len(all) < min(c.aboard, maxShared) {
		return nil
	}
	c.waiting = rest
	c.flying++
	c.aboard += len(all)
	c.mark(all, true)
	return &flight{all: all}
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

func (c *committer) depart(f *flight) {
	if f != nil {
		go c.fly(f)
	}
}

// fly commits passengers, and then those who may follow them.
func (c *committer) fly(f *flight) {
	for f != nil {
		under := f
		late := time.AfterFunc(c.patience, func() { c.overtake(under) })
		err := c.send(f.all)
		late.Stop()
		next := c.land(f)
		for _, p := range f.all {
			p.done <- err
		}
		f = next
	}
}

// overtake has nobody wait for f any longer.
func (c *committer) overtake(f *flight) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !f.landed {
		f.late = true
		c.flying, c.aboard, c.late = c.flying-1, c.aboard-len(f.all), c.late+1
		c.depart(c.board())
	}
}

// land ends f and takes those who may follow.
func (c *committer) land(f *flight) *flight {
	c.mu.Lock()
	defer c.mu.Unlock()
	f.landed = true
	if f.late {
		c.late--
	} else {
		c.flying, c.aboard = c.flying-1, c.aboard-len(f.all)
	}
	c.mark(f.all, false)
	return c.board()
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
	if s, ok := counts.all(); ok {
		t.queue = append(t.queue, queued{statement: s})
	}
	err := t.commit(ctx)
	if t.refused && len(all) > 1 {
		return errors.Join(errApart, err)
	}
	return err
}
