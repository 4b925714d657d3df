package sqlstore

import (
	"encoding/json"
	"fmt"
	"strings"
)

// dialect is everything that SQLite and PostgreSQL disagree on. Statements
// are written for both, with two words of our own: list($n) is the table of
// the elements, in its column value, of the list that is parameter n, and
// head($n) the row of audit_heads of the log that is parameter n, which a part
// that is joined to this one has just written.
type dialect struct {
	name string
	// listHead and listTail are what stands around the parameter of list.
	listHead, listTail string
	// head returns what stands for head.
	head func(parameter string) string
	// encodeList returns the parameter for list.
	encodeList func([]string) any
	// lockTree, lockTreeShared and lock are statements, empty where writing
	// transactions run one at a time anyway. lock takes the hash of the key.
	lockTree, lockTreeShared, lock string
	// hasVersions is a statement that answers 1 when there is a table of
	// schema versions, 0 otherwise.
	hasVersions string
}

var sqliteDialect = &dialect{
	name:     "sqlite",
	listHead: "json_each(", listTail: ")",
	head:        func(parameter string) string { return "audit_heads WHERE log_id = " + parameter },
	encodeList:  encodeJSONList,
	hasVersions: "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'goose_db_version'",
}

// The advisory locks of PostgreSQL that have two numbers are apart from those
// that have one.
var postgresDialect = &dialect{
	name:     "postgres",
	listHead: `unnest(CAST(`, listTail: ` AS TEXT[]) COLLATE "C") AS list(value)`,
	head:           func(string) string { return "head" },
	encodeList:     func(list []string) any { return list },
	lockTree:       "SELECT pg_advisory_xact_lock(7238001, 1)",
	lockTreeShared: "SELECT pg_advisory_xact_lock_shared(7238001, 1)",
	lock:           "SELECT pg_advisory_xact_lock($1)",
	hasVersions:    "SELECT CASE WHEN to_regclass('goose_db_version') IS NULL THEN 0 ELSE 1 END",
}

// rewrite returns the statement in the words of the engine.
func (d *dialect) rewrite(sql string) string {
	sql = replaceWord(sql, "list(", func(parameter string) string { return d.listHead + parameter + d.listTail })
	return replaceWord(sql, "head(", d.head)
}

func replaceWord(sql, word string, with func(parameter string) string) string {
	if !strings.Contains(sql, word) {
		return sql
	}
	var b strings.Builder
	for {
		before, after, found := strings.Cut(sql, word)
		b.WriteString(before)
		if !found {
			return b.String()
		}
		parameter, rest, _ := strings.Cut(after, ")")
		b.WriteString(with(parameter))
		sql = rest
	}
}

func encodeJSONList(list []string) any {
	b, err := json.Marshal(list)
	if err != nil {
		panic(fmt.Sprintf("sqlstore: a list of strings has no JSON: %v", err))
	}
	return string(b)
}

// list returns the parameter for list of identifiers. What cannot be stored
// cannot be found either.
func list[T ~string](d *dialect, ids []T) any {
	plain := make([]string, 0, len(ids))
	for _, v := range ids {
		if storable(string(v)) {
			plain = append(plain, string(v))
		}
	}
	return d.encodeList(plain)
}
