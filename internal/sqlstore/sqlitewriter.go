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

// sqliteWriter owns the one connection that writes. Whoever has it hands it
// on: to a transaction that asks questions, one at a time, while the writes of
// transactions that have nothing more to ask are made on the spot. While
// somebody waits, a finished transaction leaves the commit to those who come
// behind it: waiting for the disk, and writing the pages that all of them
// change, is done once for all.
type sqliteWriter struct {
	open opener

	mu     sync.Mutex
	idle   bool
	closed bool
	line   []*waiter

	// What follows belongs to whoever has the connection.

	conn        *sqliteConn
	group       *commitGroup // the finished transactions, nil when there are none
	facts       facts
	checkpoints *checkpointer
}

// waiter stands in line for the connection, or to have its writes made by
// whoever has it.
type waiter struct {
	load *sqliteLoad // nil when it wants the connection itself
	turn chan struct{}
}

// commitGroup is transactions that wait for their common commit.
type commitGroup struct {
	members []chan<- error
	counts  countChanges // of the members, not written yet
}

// enter returns the waiter of somebody who has got in line, nil when the
// connection is free and theirs.
func (w *sqliteWriter) enter(ctx context.Context, l *sqliteLoad) (*waiter, error) {
	if err := contextError(ctx); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil, errClosed
	}
	if w.idle {
		w.idle = false
		return nil, nil
	}
	me := &waiter{load: l, turn: make(chan struct{}, 1)}
	w.line = append(w.line, me)
	return me, nil
}

// leave reports whether the waiter was still in line, which it is not afterwards.
func (w *sqliteWriter) leave(me *waiter) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := slices.Index(w.line, me)
	if at >= 0 {
		w.line = slices.Delete(w.line, at, at+1)
	}
	return at >= 0
}

// take waits for the connection.
func (w *sqliteWriter) take(ctx context.Context) error {
	me, err := w.enter(ctx, nil)
	if err != nil || me == nil {
		return err
	}
	select {
	case <-me.turn:
		return nil
	case <-ctx.Done():
	}
	if !w.leave(me) { // it was our turn at the same moment
		w.pass()
	}
	return contextError(ctx)
}

// ship has a load written and returns when it is committed, or when ctx ends
// before it is under way.
func (w *sqliteWriter) ship(ctx context.Context, l *sqliteLoad) error {
	me, err := w.enter(ctx, l)
	if err != nil {
		return err
	}
	if me != nil {
		select {
		case err := <-l.done:
			return err
		case <-me.turn:
		case <-ctx.Done():
			if w.leave(me) {
				return contextError(ctx)
			}
			select {
			case err := <-l.done:
				return err
			case <-me.turn:
			}
		}
	}
	w.carry(l)
	w.pass()
	return <-l.done
}

// next takes the first who waits out of the line, nil when nobody does: with
// rest the connection becomes idle then.
func (w *sqliteWriter) next(rest bool) *waiter {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.line) == 0 {
		w.idle = rest
		return nil
	}
	first := w.line[0]
	w.line = w.line[1:]
	return first
}

// pass makes the writes of those who wait, gives the connection to the first
// one who wants it, and commits if nobody is there to do that. After the
// commit the next one in line goes on, so that nobody works for the others
// longer than it waits itself.
func (w *sqliteWriter) pass() {
	for w.group != nil && len(w.group.members) < maxGroup {
		first := w.next(false)
		if first == nil {
			break
		}
		if first.load == nil {
			first.turn <- struct{}{}
			return
		}
		w.carry(first.load)
	}
	w.commit()
	if first := w.next(true); first != nil {
		first.turn <- struct{}{}
	}
}

// begin starts the transaction of a group.
func (w *sqliteWriter) begin() error {
	if _, err := w.conn.run(context.Background(), "BEGIN IMMEDIATE", nil); err != nil {
		return err
	}
	err := w.facts.renew(w.conn)
	if err != nil {
		w.reset()
	}
	return err
}

// carry makes the writes of a transaction in that of the group. It answers
// when that has failed; otherwise the commit does.
func (w *sqliteWriter) carry(l *sqliteLoad) {
	if w.group == nil {
		if err := w.begin(); err != nil {
			l.done <- err
			return
		}
	}
	if err := w.put(l); err != nil {
		l.done <- err
		return
	}
	w.add(l.done).counts.merge(l.counts)
}

// add makes a finished transaction a member of the group.
func (w *sqliteWriter) add(member chan<- error) *commitGroup {
	if w.group == nil {
		w.group = &commitGroup{}
	}
	w.group.members = append(w.group.members, member)
	return w.group
}

// put makes writes. When one fails those before it are taken back: by a
// savepoint if the load has writes that may fail for what is in them.
// Otherwise there is none, because it costs more than running the whole group
// again in the rare case.
func (w *sqliteWriter) put(l *sqliteLoad) error {
	if err := w.facts.confirm(w.conn, l.assumptions); err != nil {
		if w.group == nil {
			w.reset()
		}
		return err
	}
	guarded := l.guarded && w.group != nil
	if guarded {
		if err := w.savepoint(); err != nil {
			return err
		}
	}
	err := w.write(l.writes)
	if err == nil && guarded {
		_, err = w.conn.run(context.Background(), "RELEASE member", nil)
	}
	if err != nil {
		w.undo(guarded, err)
	}
	return err
}

func (w *sqliteWriter) write(all []sqliteWrite) error {
	for _, one := range all {
		w.facts.touch(one.part)
		if err := w.conn.write(one); err != nil {
			return err
		}
	}
	return nil
}

// savepoint begins a transaction behind those of the group, which see to
// their counts before: it may ask for them, and take back its own.
func (w *sqliteWriter) savepoint() error {
	err := w.settle(&w.group.counts)
	if err == nil {
		_, err = w.conn.run(context.Background(), "SAVEPOINT member", nil)
	}
	if err != nil {
		w.lose(err)
	}
	return err
}

// undo takes back what the transaction behind those of the group did, and
// them as well when there is no savepoint.
func (w *sqliteWriter) undo(guarded bool, cause error) {
	w.facts.clear()
	if guarded {
		ctx := context.Background()
		_, err := w.conn.run(ctx, "ROLLBACK TO member", nil)
		if err == nil {
			_, err = w.conn.run(ctx, "RELEASE member", nil)
		}
		if err == nil {
			return
		}
		cause = errors.Join(err, cause)
	}
	w.lose(cause)
}

// lose rolls everything back. The members of the group run again.
func (w *sqliteWriter) lose(cause error) {
	w.reset()
	w.finish(fmt.Errorf("%w: %w", errApart, cause))
}

// settle writes counts.
func (w *sqliteWriter) settle(counts *countChanges) error {
	for {
		b, ok := counts.next(sqliteDialect)
		if !ok {
			return nil
		}
		if _, err := w.conn.run(context.Background(), b.part.text, b.args); err != nil {
			return err
		}
	}
}

// commit commits the group, if there is one.
func (w *sqliteWriter) commit() {
	if w.group == nil {
		return
	}
	err := w.settle(&w.group.counts)
	if err == nil {
		_, err = w.conn.run(context.Background(), "COMMIT", nil)
	}
	if err != nil {
		w.reset()
	}
	n := len(w.group.members)
	w.finish(err)
	w.checkpoints.count(n, w.conn)
}

// finish tells the group how its commit went.
func (w *sqliteWriter) finish(err error) {
	g := w.group
	w.group = nil
	if g == nil {
		return
	}
	for _, member := range g.members {
		member <- err
	}
}

// reset leaves the transaction, with a new connection if there is no other way.
func (w *sqliteWriter) reset() {
	w.facts.clear()
	if _, err := w.conn.run(context.Background(), "ROLLBACK", nil); err == nil {
		return
	}
	if fresh, err := w.open(); err == nil {
		_ = w.conn.close()
		w.conn = fresh
	}
}

// close waits for what is under way.
func (w *sqliteWriter) close() error {
	w.mu.Lock()
	w.closed = true
	idle := w.idle
	me := &waiter{turn: make(chan struct{}, 1)}
	if !idle {
		w.line = append(w.line, me)
	}
	w.idle = false
	w.mu.Unlock()
	if !idle {
		<-me.turn
	}
	w.commit()
	return errors.Join(w.checkpoints.close(), w.conn.close())
}
