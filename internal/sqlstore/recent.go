package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
)

// maxRecent bounds the places that are remembered in each of two generations:
// when the young one is full it becomes the old one, which is forgotten.
const maxRecent = 10_000

// errStale marks a transaction that assumed what was no longer true. It runs
// again, and assumes nothing then.
var errStale = fmt.Errorf("what was remembered is out of date: %w", errAgain)

// recent remembers the answers to what nearly every writing transaction asks
// first. Nothing in it has to be true: a transaction that is answered from it
// says what it assumes, where it would have asked, and fails when that does not
// hold at the moment when it writes. See docs/adr/0015-assume-what-was-read.md
// and, for SQLite, 0008. A nil recent remembers nothing.
type recent struct {
	mu         sync.RWMutex
	young, old map[id.Organization]org.Place
	rights     int64
	knows      bool // rights
}

func (m *recent) place(o id.Organization) (p org.Place, ok bool) {
	if m == nil {
		return p, false
	}
	m.mu.RLock()
	p, ok = m.young[o]
	if ok {
		m.mu.RUnlock()
		return p, true
	}
	p, ok = m.old[o]
	m.mu.RUnlock()
	if ok {
		m.keepPlace(p)
	}
	return p, ok
}

func (m *recent) keepPlace(p org.Place) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.young == nil || len(m.young) >= maxRecent {
		m.young, m.old = make(map[id.Organization]org.Place), m.young
	}
	m.young[p.ID] = p
}

func (m *recent) lastRights() (n int64, ok bool) {
	if m == nil {
		return 0, false
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.rights, m.knows
}

func (m *recent) keepRights(n int64) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rights, m.knows = n, true
}

const placeSQL = `SELECT id, name, path FROM organizations WHERE id = $1 AND deleted_at = 0`

// placeHolds is the condition under which placeSQL gives what is remembered.
const placeHolds = `EXISTS (SELECT 1 FROM organizations WHERE id = $1 AND deleted_at = 0 AND name = $2 AND path = $3)`

// Place implements org.OrganizationReader.
func (r *reader) Place(ctx context.Context, o id.Organization) (org.Place, error) {
	var p org.Place
	var path string
	err := r.one(ctx, "organization", placeSQL, []any{string(o)}, (*string)(&p.ID), &p.Name, &path)
	p.Path = splitPath(path)
	return p, err
}

// Place implements org.OrganizationReader.
func (t *tx) Place(ctx context.Context, o id.Organization) (org.Place, error) {
	if p, ok := t.assumed.place(o); ok {
		return p, t.assumePlace(p)
	}
	if c := t.beside(); c != nil && t.assumed != nil {
		p, err := (&reader{conn: c, dialect: t.dialect}).Place(ctx, o)
		if err == nil {
			t.recent.keepPlace(p)
			return p, t.assumePlace(p)
		} // otherwise the transaction itself has to say so
	}
	p, err := t.reader.Place(ctx, o)
	if err == nil {
		t.recent.keepPlace(p)
	}
	return p, err
}

func (t *tx) assumePlace(p org.Place) error {
	return t.assume(placeHolds, string(p.ID), p.Name, joinPath(p.Path))
}

const (
	rightsSQL   = `SELECT CAST(COALESCE(SUM(changes), 0) AS BIGINT) FROM rights_changes`
	rightsHolds = `(` + rightsSQL + `) = $1`
)

// Rights implements org.TokenReader.
func (r *reader) Rights(ctx context.Context) (int64, error) { return r.number(ctx, rightsSQL) }

// Rights implements org.TokenReader.
func (t *tx) Rights(ctx context.Context) (int64, error) {
	if n, ok := t.assumed.lastRights(); ok {
		return n, t.assume(rightsHolds, n)
	}
	n, err := t.reader.Rights(ctx)
	if err == nil {
		t.recent.keepRights(n)
	}
	return n, err
}

// ChangeRights implements org.TokenTx.
func (t *tx) ChangeRights(ctx context.Context) error {
	const changeRightsSQL = `INSERT INTO rights_changes (slot, changes) VALUES (slot(), 1)
		ON CONFLICT (slot) DO UPDATE SET changes = rights_changes.changes + 1`
	return t.exec(ctx, changeRightsSQL)
}

// confirm looks at the assumptions that were not sent yet, because what a
// function says that goes wrong may be due to them.
func (t *tx) confirm(ctx context.Context, failed error) error {
	if !t.unconfirmed() {
		return failed
	}
	if err := t.flush(ctx); err != nil {
		return errors.Join(errStale, failed)
	}
	return failed
}
