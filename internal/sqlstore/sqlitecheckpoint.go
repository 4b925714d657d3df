package sqlstore

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
)

// checkpointAfter is how many transactions are committed before the log is
// copied into the database: most of them write ten to twenty pages. The more
// there are, the more of the pages are in the log several times and are copied
// once.
const checkpointAfter = 1536

// checkpointer copies the write-ahead log into the database beside the
// transactions, which would wait for a tenth of a second otherwise. Only the
// writer can begin the log anew, when all of it is copied: so it copies the
// little that was written meanwhile itself.
type checkpointer struct {
	conn   *sqliteConn
	after  int
	due    chan struct{}
	done   sync.WaitGroup
	copied atomic.Bool // all but what was written meanwhile

	committed int // since the last one; belongs to the writer
}

func newCheckpointer(c *sqliteConn) *checkpointer {
	p := &checkpointer{conn: c, after: checkpointAfter, due: make(chan struct{}, 1)}
	p.done.Go(func() {
		for range p.due {
			// The second time copies what was written during the first.
			if errors.Join(checkpoint(p.conn), checkpoint(p.conn)) == nil {
				p.copied.Store(true)
			}
		}
	})
	return p
}

// checkpoint waits for nobody and keeps nobody from reading or writing.
func checkpoint(c *sqliteConn) error {
	return c.query(context.Background(), "PRAGMA wal_checkpoint(PASSIVE)", nil, func(row) error { return nil })
}

// count counts transactions that were committed on w, which is idle. Failing
// does no harm: it is due again soon, and SQLite itself sees to a log that has
// grown too large.
func (p *checkpointer) count(transactions int, w *sqliteConn) {
	p.committed += transactions
	if p.copied.CompareAndSwap(true, false) {
		_ = checkpoint(w)
	}
	if p.committed < p.after {
		return
	}
	p.committed = 0
	select {
	case p.due <- struct{}{}:
	default: // one is due already
	}
}

// close waits for the checkpoint under way; the writer must be at rest.
func (p *checkpointer) close() error {
	close(p.due)
	p.done.Wait()
	return p.conn.close()
}
