package sqlstore

import (
	"context"
	"sync"

	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
)

// maxMemo bounds the organizations that are remembered; a full memo starts
// afresh.
const maxMemo = 20_000

// version is the data_version of a SQLite database: it is another one after
// every commit of every connection, also of another process, but for the
// connection that is asked. The zero version is none.
type version int64

// memo remembers organizations of a SQLite database for as long as nobody
// commits anything, because reading one again costs a third of answering a
// request. A nil memo remembers nothing.
//
// It asks SQLite and looks at no file itself: closing any file descriptor of
// the database or its WAL-index drops the POSIX locks that SQLite holds in
// this process, and another process may then reset what is in use here.
type memo struct {
	mu      sync.Mutex
	watcher *sqliteConn // never writes, so that it sees every commit
	version version
	byID    map[id.Organization]org.Organization
}

// newMemo returns a memo with a connection of its own.
func newMemo(open opener) (*memo, error) {
	c, err := open()
	if err != nil {
		return nil, err
	}
	return &memo{watcher: c}, nil
}

// current returns the present version, none when it cannot be had.
func (m *memo) current(ctx context.Context) version {
	if m.watcher == nil {
		return 0
	}
	var v version
	err := m.watcher.query(context.WithoutCancel(ctx), "PRAGMA data_version", nil, func(r row) error { return r.Scan((*int64)(&v)) })
	if err != nil {
		return 0
	}
	return v
}

// find returns an organization that is still current. Without one it returns
// the version for keep.
func (m *memo) find(ctx context.Context, o id.Organization) (found org.Organization, v version, ok bool) {
	if m == nil {
		return found, 0, false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	v = m.current(ctx)
	if v != m.version || v == 0 {
		return found, v, false
	}
	found, ok = m.byID[o]
	return found, v, ok
}

// keep remembers an organization that was read after the version: if somebody
// committed in between, the version is the past already and never comes back.
func (m *memo) keep(v version, o org.Organization) {
	if m == nil || v == 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if v != m.version || len(m.byID) >= maxMemo {
		m.version, m.byID = v, make(map[id.Organization]org.Organization)
	}
	m.byID[o.ID] = o
}

func (m *memo) close() error {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.watcher
	if c == nil {
		return nil
	}
	m.watcher = nil
	return c.close()
}
