// Package sqlstore implements org.Store on SQLite and PostgreSQL with one SQL
// text for both. What the engines disagree on is in dialect.go; how they are
// talked to is in sqlite.go and postgres.go, behind the interface backend.
package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"time"

	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/org"
)

// row is one row of an answer.
type row interface {
	Scan(into ...any) error
}

// conn runs reading statements.
type conn interface {
	// query calls each for every row of the answer.
	query(ctx context.Context, sql string, args []any, each func(row) error) error
	// search is query for a statement that was composed for its arguments:
	// it is planned with their values.
	search(ctx context.Context, sql string, args []any, each func(row) error) error
}

// transaction is a conn that sees one moment, or its own writes.
type transaction interface {
	conn
	// exec runs a writing statement, at once or together with the next
	// reading one or the commit. Its failure may come out of those.
	exec(ctx context.Context, sql string, args ...any) error
	// join is exec for parts of which those that follow each other may become
	// one statement. Those of one call always do, or none does.
	join(ctx context.Context, unit ...bound) error
	// assume says that a condition holds here, which is looked at together
	// with what follows. If it does not, the transaction fails with errStale.
	assume(condition string, args ...any) error
	// unconfirmed reports whether there are assumptions that were not looked at.
	unconfirmed() bool
	// flush sends what was put off.
	flush(ctx context.Context) error
	// change runs a writing statement at once and counts the rows.
	change(ctx context.Context, sql string, args ...any) (int64, error)
	commit(ctx context.Context) error
	// rollback ends the transaction if it has not ended.
	rollback(ctx context.Context)
	// failure is the first failure of the engine in this transaction.
	failure() error
	// ahead says that a reading statement is about to be asked for, so that it
	// can share a round trip. A later write or lock makes up for it: what was
	// read before is then read again.
	ahead(text string, args ...any)
	// load inserts many rows at once.
	load(ctx context.Context, table, columns string, rows [][]any) error
	// beside returns what answers questions at once while the transaction does
	// not have to begin for them; nil when that saves nothing.
	beside() conn
	// apart keeps others from being committed together with this one.
	apart()
}

// backend is an open database.
type backend interface {
	conn
	begin(ctx context.Context, write bool) (transaction, error)
	ready(ctx context.Context) error
	close() error
}

// Store implements org.Store. Open it with OpenSQLite or OpenPostgres.
type Store struct {
	reader
	backend backend
	memo    *memo // of SQLite
	recent  *recent
}

var _ org.Store = (*Store)(nil)

func newStore(b backend, d *dialect) *Store {
	s := &Store{backend: b}
	s.reader = reader{conn: b, dialect: d, catalogues: &catalogueMemo{}, store: s}
	return s
}

// View implements org.Store.
func (s *Store) View(ctx context.Context, f func(org.Reader) error) error {
	return s.snapshot(ctx, func(r *reader) error { return f(r) })
}

func (s *Store) snapshot(ctx context.Context, f func(*reader) error) error {
	t, err := s.backend.begin(ctx, false)
	if err != nil {
		return err
	}
	defer t.rollback(ctx)
	return f(&reader{conn: t, dialect: s.dialect, catalogues: s.catalogues})
}

// The back-off between the attempts of a transaction. All of them take about
// three seconds.
const (
	attempts     = 15
	firstBackoff = time.Millisecond
	maxBackoff   = 400 * time.Millisecond
)

// Update implements org.Store.
func (s *Store) Update(ctx context.Context, f func(org.Tx) error) error {
	backoff := firstBackoff
	assumed := s.recent
	for attempt := 1; ; attempt++ {
		err, again := s.attempt(ctx, f, assumed)
		if !again {
			return err
		}
		if first := assumed != nil; first && (errors.Is(err, errStale) || errors.Is(err, errApart)) {
			assumed = nil
			continue
		}
		if attempt == attempts {
			return fault.Wrap(fault.Unavailable, "The change met too many others; try again", err)
		}
		wait := time.NewTimer(backoff/2 + rand.N(backoff))
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return fmt.Errorf("wait to try again: %w", ctx.Err())
		}
		backoff = min(2*backoff, maxBackoff)
	}
}

// attempt runs f in a transaction once, on what is assumed, and reports
// whether to run it again.
func (s *Store) attempt(ctx context.Context, f func(org.Tx) error, assumed *recent) (err error, again bool) {
	t, err := s.backend.begin(ctx, true)
	if err != nil {
		return err, false
	}
	defer t.rollback(ctx)
	if assumed == nil {
		t.apart()
	}
	tx := &tx{reader: reader{conn: t, dialect: s.dialect, catalogues: s.catalogues}, transaction: t, recent: s.recent, assumed: assumed}
	if err = f(tx); err == nil {
		err = tx.finish(ctx)
	} else {
		err = tx.confirm(ctx, err)
	}
	if err == nil {
		return nil, false
	}
	if failure := t.failure(); failure != nil && errors.Is(failure, errAgain) {
		return failure, true
	}
	return err, errors.Is(err, errAgain)
}

// Ready implements org.Store.
func (s *Store) Ready(ctx context.Context) error { return s.backend.ready(ctx) }

// Close implements org.Store.
func (s *Store) Close() error { return errors.Join(s.memo.close(), s.backend.close()) }

// reader implements org.Reader on a conn.
type reader struct {
	conn
	dialect    *dialect
	catalogues *catalogueMemo
	store      *Store // set outside transactions
}

var _ org.Reader = (*reader)(nil)

// snapshot calls f with a reader on which all statements see one moment.
func (r *reader) snapshot(ctx context.Context, f func(*reader) error) error {
	if r.store == nil {
		return f(r)
	}
	return r.store.snapshot(ctx, f)
}

// one runs a statement that answers one row, fault.NotFound of what when it
// answers none.
func (r *reader) one(ctx context.Context, what, sql string, args []any, into ...any) error {
	found := false
	err := r.query(ctx, sql, args, func(row row) error {
		found = true
		return row.Scan(into...)
	})
	if err != nil {
		return err
	}
	if !found {
		return fault.ErrNotFound(what)
	}
	return nil
}

// number runs a statement that answers one number.
func (r *reader) number(ctx context.Context, sql string, args ...any) (int64, error) {
	var n int64
	err := r.one(ctx, "number", sql, args, &n)
	return n, err
}

// tx implements org.Tx on a transaction.
type tx struct {
	reader
	transaction
	tree    treeLock
	counts  countChanges // not written yet
	recent  *recent      // for what is read
	assumed *recent      // recent, or nil when what is asked for has to be read
}

// treeLock is how the shape of the trees is held.
type treeLock int

const (
	treeFree treeLock = iota
	treeShared
	treeExclusive
)

var _ org.Tx = (*tx)(nil)

// finish writes what was put off and commits.
func (t *tx) finish(ctx context.Context) error {
	if err := t.settle(ctx); err != nil {
		return err
	}
	return t.commit(ctx)
}

// A transaction that has written something assumes nothing any more: it has
// to see what it wrote.

func (t *tx) exec(ctx context.Context, sql string, args ...any) error {
	t.assumed = nil
	return t.transaction.exec(ctx, sql, args...)
}

func (t *tx) change(ctx context.Context, sql string, args ...any) (int64, error) {
	t.assumed = nil
	return t.transaction.change(ctx, sql, args...)
}

func (t *tx) join(ctx context.Context, unit ...bound) error {
	t.assumed = nil
	return t.transaction.join(ctx, unit...)
}

// LockTree implements org.Tx.
func (t *tx) LockTree(ctx context.Context, exclusive bool) error {
	want, sql := treeShared, t.dialect.lockTreeShared
	if exclusive {
		want, sql = treeExclusive, t.dialect.lockTree
	}
	if t.tree >= want || sql == "" {
		return nil
	}
	t.tree = want
	return t.transaction.exec(ctx, sql)
}

// Lock implements org.Tx.
func (t *tx) Lock(ctx context.Context, keys ...string) error {
	if t.dialect.lock == "" || len(keys) == 0 {
		return nil
	}
	hashes := make([]int64, len(keys))
	for i, k := range keys {
		h := fnv.New64a()
		h.Write([]byte(k))
		hashes[i] = int64(h.Sum64())
	}
	if len(hashes) == 1 {
		return t.transaction.exec(ctx, t.dialect.lock, hashes[0])
	}
	return t.transaction.exec(ctx, t.dialect.lockAll, hashes)
}

// Ahead implements org.Tx.
func (t *tx) Ahead(a org.Ahead) {
	if _, ok := t.assumed.place(a.Place); ok || a.Place == "" {
		return
	}
	t.ahead(placeSQL, string(a.Place))
}

// must runs a change that has to find exactly one row. Finding none means
// that another transaction was there first: this one runs again and sees why.
func (t *tx) must(ctx context.Context, sql string, args ...any) error {
	n, err := t.change(ctx, sql, args...)
	if err != nil {
		return err
	}
	if n != 1 {
		return fmt.Errorf("change of %d rows instead of one: %w", n, errAgain)
	}
	return nil
}
