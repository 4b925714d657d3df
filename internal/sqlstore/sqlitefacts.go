package sqlstore

import (
	"context"
	"fmt"
	"strings"
)

// maxFacts bounds the conditions that are known to hold; a full set starts
// afresh.
const maxFacts = 20_000

// fact is a condition with its arguments, which are texts and numbers.
type fact struct{ condition, args string }

// assumption is a condition that a transaction relies on.
type assumption struct {
	statement
	fact fact
}

func newAssumption(condition string, args []any) assumption {
	var b strings.Builder
	for _, a := range args {
		if s, ok := a.(string); ok {
			b.WriteString(s)
		} else {
			fmt.Fprint(&b, a)
		}
		b.WriteByte(0) // no text has it
	}
	return assumption{statement{condition, args}, fact{condition, b.String()}}
}

// facts are the conditions that were found to hold and of which nothing can
// have changed since, so that they need not be looked at again: nothing was
// written but by the statements of harmless, and nothing by another
// connection. They belong to the connection that writes.
type facts struct {
	version int64 // of the database, as that connection sees it
	known   map[fact]struct{}
}

// harmless reports whether a write makes no condition false that held before,
// and does not fail for what is in it.
func harmless(p *part) bool {
	switch p {
	case insertOrganization, insertAccount, insertClosure, addCounts, nextPlace, appendRecord, appendSubjects:
		return true
	}
	return false
}

// touch is called before every write.
func (f *facts) touch(p *part) {
	if !harmless(p) {
		f.clear()
	}
}

func (f *facts) clear() { f.known = nil }

// renew is called at the beginning of a transaction, when nobody else can
// write any more. The number that it asks for changes with the commits of
// other connections only.
func (f *facts) renew(c *sqliteConn) error {
	var version int64
	err := c.query(context.Background(), "PRAGMA data_version", nil, func(r row) error { return r.Scan(&version) })
	if err != nil || version != f.version {
		f.clear()
	}
	f.version = version
	return err
}

// confirm fails with errStale unless all conditions hold.
func (f *facts) confirm(c *sqliteConn, all []assumption) error {
	for i := range all {
		a := &all[i]
		if _, ok := f.known[a.fact]; ok {
			continue
		}
		holds := false
		err := c.query(context.Background(), "SELECT "+a.text, a.args, func(r row) error { return r.Scan(&holds) })
		if err != nil {
			return err
		}
		if !holds {
			return errStale
		}
		if f.known == nil || len(f.known) >= maxFacts {
			f.known = make(map[fact]struct{})
		}
		f.known[a.fact] = struct{}{}
	}
	return nil
}
