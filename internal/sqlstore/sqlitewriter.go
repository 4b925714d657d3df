package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// maxGroup bounds the transactions that are committed together, and with it
// the time that the first of them waits for the others.
const maxGroup = 64

// sqliteWriter owns the one connection that writes and hands it from
// transaction to transaction, one at a time. While somebody waits, a finished
// transaction leaves the commit to the next one, which runs in a savepoint
// behind it: waiting for the disk, and writing the pages that all of them
// change, is done once for all.
type sqliteWriter struct {
	open opener

	mu      sync.Mutex
	idle    bool
	closed  bool
	waiters []chan struct{}

	// What follows belongs to whoever has the connection.

	conn        *sqliteConn
	group       *commitGroup // the finished transactions, nil when there are none
	checkpoints *checkpointer
}

// commitGroup is transactions that wait for their common commit.
type commitGroup struct {
	size int
	done chan struct{}
	err  error // set before done is closed
}

// take waits for the connection.
func (w *sqliteWriter) take(ctx context.Context) error {
	if err := contextError(ctx); err != nil {
		return err
	}
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return errClosed
	}
	if w.idle {
		w.idle = false
		w.mu.Unlock()
		return nil
	}
	turn := make(chan struct{}, 1)
	w.waiters = append(w.waiters, turn)
	w.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	w.mu.Lock()
	at := slices.Index(w.waiters, turn)
	if at >= 0 {
		w.waiters = slices.Delete(w.waiters, at, at+1)
	}
	w.mu.Unlock()
	if at < 0 { // it was our turn at the same moment
		w.pass()
	}
	return contextError(ctx)
}

// next gives the connection to the first who waits and reports whether there
// was one. With rest it becomes idle when there was none.
func (w *sqliteWriter) next(rest bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.waiters) == 0 {
		w.idle = rest
		return false
	}
	turn := w.waiters[0]
	w.waiters = w.waiters[1:]
	turn <- struct{}{}
	return true
}

// pass gives the connection away. If nobody is there to commit for the group,
// or it is full, it is committed first.
func (w *sqliteWriter) pass() {
	if g := w.group; g != nil {
		if g.size < maxGroup && w.next(false) {
			return
		}
		w.finish(w.commit())
		w.checkpoints.count(g.size, w.conn)
	}
	w.next(true)
}

// join ends a transaction with that of the group and returns when it is
// committed.
func (w *sqliteWriter) join() error {
	if w.group == nil {
		w.group = &commitGroup{done: make(chan struct{})}
	}
	g := w.group
	g.size++
	w.pass()
	<-g.done
	return g.err
}

func (w *sqliteWriter) commit() error {
	_, err := w.conn.run(context.Background(), "COMMIT", nil)
	if err != nil {
		w.reset()
	}
	return err
}

// finish tells the group how its commit went.
func (w *sqliteWriter) finish(err error) {
	g := w.group
	w.group = nil
	if g != nil {
		g.err = err
		close(g.done)
	}
}

// reset leaves the transaction, with a new connection if there is no other way.
func (w *sqliteWriter) reset() {
	if _, err := w.conn.run(context.Background(), "ROLLBACK", nil); err == nil {
		return
	}
	if fresh, err := w.open(); err == nil {
		_ = w.conn.close()
		w.conn = fresh
	}
}

// begin starts a transaction, behind those of the group if there is one.
func (w *sqliteWriter) begin(ctx context.Context) (*sqliteWriting, error) {
	if err := w.take(ctx); err != nil {
		return nil, err
	}
	t := &sqliteWriting{sqliteTransaction: sqliteTransaction{conn: w.conn}, writer: w, behind: w.group != nil}
	begin := "BEGIN IMMEDIATE"
	if t.behind {
		begin = "SAVEPOINT transaction_of_group"
	}
	if _, err := w.conn.run(context.WithoutCancel(ctx), begin, nil); err != nil {
		w.pass()
		return nil, err
	}
	return t, nil
}

// close waits for what is under way.
func (w *sqliteWriter) close() error {
	w.mu.Lock()
	w.closed = true
	idle := w.idle
	turn := make(chan struct{}, 1)
	if !idle {
		w.waiters = append(w.waiters, turn)
	}
	w.idle = false
	w.mu.Unlock()
	if !idle {
		<-turn
	}
	if w.group != nil {
		w.finish(w.commit())
	}
	return errors.Join(w.checkpoints.close(), w.conn.close())
}

// sqliteWriting is a transaction that writes.
type sqliteWriting struct {
	sqliteTransaction
	writer *sqliteWriter
	behind bool // others of the same group come before it, it is a savepoint
}

func (t *sqliteWriting) commit(ctx context.Context) error {
	if t.err != nil {
		return t.err
	}
	if t.behind {
		if _, err := t.conn.run(context.WithoutCancel(ctx), "RELEASE transaction_of_group", nil); err != nil {
			return t.keep(err)
		}
	}
	t.ended = true
	return t.keep(t.writer.join())
}

// rollback takes back what this transaction did. If those before it are lost
// with it, they run again.
func (t *sqliteWriting) rollback(ctx context.Context) {
	if t.ended {
		return
	}
	t.ended = true
	defer t.writer.pass()
	if !t.behind {
		t.writer.reset()
		return
	}
	ctx = context.WithoutCancel(ctx)
	_, err := t.conn.run(ctx, "ROLLBACK TO transaction_of_group", nil)
	if err == nil {
		_, err = t.conn.run(ctx, "RELEASE transaction_of_group", nil)
	}
	if err != nil {
		t.writer.reset()
		t.writer.finish(fmt.Errorf("%w: %w", errAgain, errors.Join(err, t.err)))
	}
}
