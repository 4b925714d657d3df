package sqlstore

import (
	"context"
	"errors"
	"sync"

	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
)

// maxMemo bounds the organizations that are remembered; a full memo starts
// afresh.
const maxMemo = 20_000

// version is the state of a SQLite database: it is another one after every
// commit of every connection of every process. The zero version is none.
type version [walHeaderWords]uint64

// watcher knows the present version.
type watcher interface {
	version() version
	close() error
}

// memo remembers organizations of a SQLite database for as long as nobody
// commits anything, because reading one again costs a third of answering a
// request. A nil memo remembers nothing.
//
// Neither kind of watcher opens a file beside SQLite: closing any file
// descriptor of the database or its WAL-index drops the POSIX locks that
// SQLite holds in this process, and another process may then reset what is in
// use here.
type memo struct {
	mu      sync.RWMutex
	watcher watcher // nil after close
	version version
	byID    map[id.Organization]org.Organization
}

// newMemo returns a memo for the database at path, to which open opens
// connections.
func newMemo(ctx context.Context, path string, open opener) (*memo, error) {
	c, err := open()
	if err != nil {
		return nil, err
	}
	var mode string
	err = c.query(ctx, "PRAGMA journal_mode", nil, func(r row) error { return r.Scan(&mode) })
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	if mode == "wal" {
		if w, err := openWALIndex(path); err == nil {
			return &memo{watcher: w}, c.close()
		}
	}
	// Asking is slower, but possible on every file system.
	return &memo{watcher: &dataVersion{conn: c}}, nil
}

// dataVersion asks SQLite for the version, on a connection that never writes:
// the number does not change by its own commits.
type dataVersion struct {
	mu   sync.Mutex
	conn *sqliteConn
}

func (d *dataVersion) version() version {
	d.mu.Lock()
	defer d.mu.Unlock()
	var n int64
	err := d.conn.query(context.Background(), "PRAGMA data_version", nil, func(r row) error { return r.Scan(&n) })
	if err != nil {
		return version{}
	}
	return version{uint64(n)}
}

func (d *dataVersion) close() error { return d.conn.close() }

// find returns an organization that is still current. Without one it returns
// the version for keep.
func (m *memo) find(o id.Organization) (found org.Organization, v version, ok bool) {
	if m == nil {
		return found, v, false
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.watcher == nil {
		return found, v, false
	}
	v = m.watcher.version()
	if v != m.version || v == (version{}) {
		return found, v, false
	}
	found, ok = m.byID[o]
	return found, v, ok
}

// keep remembers an organization that was read after the version: if somebody
// committed in between, the version is the past already and never comes back.
func (m *memo) keep(v version, o org.Organization) {
	if m == nil || v == (version{}) {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if v != m.version || len(m.byID) >= maxMemo {
		m.version, m.byID = v, make(map[id.Organization]org.Organization)
	}
	m.byID[o.ID] = o
}

// close comes before the other connections are closed.
func (m *memo) close() error {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.watcher == nil {
		return nil
	}
	w := m.watcher
	m.watcher = nil
	return w.close()
}
