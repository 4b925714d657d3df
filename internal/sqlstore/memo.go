package sqlstore

import (
	"sync"

	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
)

// maxMemo bounds the organizations that are remembered; a full memo starts
// afresh.
const maxMemo = 20_000

// memo remembers organizations of a SQLite database for as long as nobody
// commits anything, because reading one again costs a third of answering a
// request. A nil memo remembers nothing.
type memo struct {
	mu      sync.RWMutex
	index   *walIndex
	version version
	byID    map[id.Organization]org.Organization
}

// newMemo returns a memo for the database at path, nil where the system does
// not let it see who commits.
func newMemo(path string) *memo {
	index, err := openWALIndex(path)
	if err != nil {
		return nil
	}
	return &memo{index: index}
}

// find returns an organization that is still current. Without one it returns
// the version for keep.
func (m *memo) find(o id.Organization) (found org.Organization, v version, ok bool) {
	if m == nil {
		return found, v, false
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	v = m.index.version()
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

func (m *memo) close() error {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.index.close()
}
