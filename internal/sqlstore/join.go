package sqlstore

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// part is a writing statement that can become one with others: none of them
// sees what another one writes, but for those that select from head, and no
// two of the same name are joined. Its text is always the same.
type part struct {
	name, text string
	// returning is what the parts that are joined with it may select from it.
	returning string
}

// bound is a part with its arguments.
type bound struct {
	part *part
	args []any
}

// group is what is sent to PostgreSQL as one statement: conditions that have
// to hold, and parts. Parsing, planning and starting a statement costs more
// than inserting a row.
type group struct {
	conditions []statement
	units      [][]bound // each is joined as a whole
}

// takes reports whether the parts can be joined with those that are there.
func (g *group) takes(unit []bound) bool {
	for _, u := range g.units {
		for _, b := range u {
			for _, other := range unit {
				if b.part.name == other.part.name {
					return false
				}
			}
		}
	}
	return true
}

// inOrder calls f for every part in the order in which they are written.
//
// PostgreSQL runs the last part of a statement first, unless one selects from
// another. The last unit of a transaction is its counts, which are to be held
// as short as possible and are always taken after the audit logs, so that no
// two transactions wait for each other: it is written first.
func (g *group) inOrder(f func(b bound)) {
	for i := len(g.units) - 1; i >= 0; i-- {
		for _, b := range g.units[i] {
			f(b)
		}
	}
}

// statement returns the group as one statement, with the arguments of the
// parts and then those of the conditions.
func (g *group) statement(texts *sync.Map) statement {
	var key strings.Builder
	args := make([]any, 0, 64)
	g.inOrder(func(b bound) {
		key.WriteString(b.part.name)
		key.WriteByte(',')
		args = append(args, b.args...)
	})
	for _, c := range g.conditions {
		key.WriteString(c.text)
		args = append(args, c.args...)
	}
	text, ok := texts.Load(key.String())
	if !ok {
		text, _ = texts.LoadOrStore(key.String(), g.text())
	}
	return statement{text.(string), args}
}

// without returns the group without its counts, which are added to counts.
func (g *group) without(counts *countChanges) *group {
	rest := &group{conditions: g.conditions}
	for _, unit := range g.units {
		b := unit[0]
		if b.part != addCounts {
			rest.units = append(rest.units, unit)
			continue
		}
		counts.addBound(b.args)
	}
	return rest
}

func (g *group) text() string {
	var b strings.Builder
	separator, next := "WITH ", 0
	add := func(text string, args int) {
		b.WriteString(renumber(text, next))
		next += args
	}
	g.inOrder(func(p bound) {
		b.WriteString(separator + p.part.name + " AS (")
		add(postgresDialect.rewrite(p.part.text), len(p.args))
		b.WriteString(p.part.returning + ")\n")
		separator = ", "
	})
	if len(g.conditions) == 0 {
		b.WriteString("SELECT 0")
		return b.String()
	}
	separator = "SELECT CASE WHEN "
	for _, c := range g.conditions {
		b.WriteString(separator)
		add(postgresDialect.rewrite(c.text), len(c.args))
		separator = "\n\tAND "
	}
	fmt.Fprintf(&b, " THEN 0 ELSE CAST('%s' || pg_backend_pid() AS INTEGER) END", staleText)
	return b.String()
}

// staleText is what PostgreSQL cannot make a number of when a condition does
// not hold. The number of the backend keeps it from trying when it plans.
const staleText = "orgd remembered what has changed since and asks again, backend "

// renumber adds n to the numbers of parameters.
func renumber(text string, n int) string {
	return regexp.MustCompile(`\$[0-9]+`).ReplaceAllStringFunc(text, func(p string) string {
		i, err := strconv.Atoi(p[1:])
		if err != nil {
			panic(fmt.Sprintf("sqlstore: parameter %s: %v", p, err))
		}
		return "$" + strconv.Itoa(i+n)
	})
}
