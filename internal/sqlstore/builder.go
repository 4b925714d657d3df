package sqlstore

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/orgd/orgd/internal/org"
)

// builder composes a statement from constant text and parameters. A statement
// for optional filters names only those that are given: one that asks of each
// whether it is given cannot use their indexes.
type builder struct {
	dialect *dialect
	text    strings.Builder
	args    []any
}

// arg adds a parameter and returns its name.
func (b *builder) arg(v any) string {
	b.args = append(b.args, v)
	return "$" + strconv.Itoa(len(b.args))
}

// add appends constant text and names of parameters.
func (b *builder) add(parts ...string) {
	for _, p := range parts {
		b.text.WriteString(p)
	}
}

// where appends the conditions that every filter set in f puts on a folded
// column.
func (b *builder) where(column string, f org.TextFilter) {
	if f.Equal != "" {
		b.add(" AND ", column, " = ", b.arg(fold(f.Equal)))
	}
	if f.StartsWith != "" {
		b.prefix(column, fold(f.StartsWith))
	}
	if f.EndsWith != "" {
		b.add(" AND ", column, " LIKE ", b.arg("%"+escapeLike(fold(f.EndsWith))), ` ESCAPE '\'`)
	}
	if f.Contains != "" {
		b.add(" AND ", column, " LIKE ", b.arg("%"+escapeLike(fold(f.Contains))+"%"), ` ESCAPE '\'`)
	}
}

// prefix appends a range instead of a pattern, so that an index can serve it
// on both engines.
func (b *builder) prefix(column, prefix string) {
	b.add(" AND ", column, " >= ", b.arg(prefix))
	if end := afterPrefix(prefix); end != "" {
		b.add(" AND ", column, " < ", b.arg(end))
	}
}

// afterPrefix returns the smallest text greater than every text that begins
// with prefix, "" when there is none.
func afterPrefix(prefix string) string {
	for prefix != "" {
		r, n := utf8.DecodeLastRuneInString(prefix)
		prefix = prefix[:len(prefix)-n]
		if next := r + 1; next <= utf8.MaxRune {
			if !utf8.ValidRune(next) {
				next = 0xE000 // behind the surrogates
			}
			return prefix + string(next)
		}
	}
	return ""
}

func escapeLike(s string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(s)
}
