package sqlstore

import (
	"database/sql/driver"
	"encoding/json"
	"strings"
)

// dialect is everything that SQLite and PostgreSQL disagree on. Statements
// are written for both, with three words of our own: list($n) is the table of
// the elements, in its column value, of the list that is parameter n, head($n)
// the row of audit_heads of the log that is parameter n, which a part that is
// joined to this one has just written, and slot() says which of the counters
// that a count is spread over is this transaction's.
type dialect struct {
	name string
	// listHead and listTail are what stands around the parameter of list.
	listHead, listTail string
	// head returns what stands for head.
	head func(parameter string) string
	// slot is what stands for slot.
	slot string
	// encodeList returns the parameter for list.
	encodeList func([]string) any
	// arrays says that parameters may be arrays.
	arrays bool
	// byIndex is a statement after which a transaction finds rows by indexes,
	// whatever else seems cheaper, empty where that is so anyway.
	byIndex string
	// physical says that rows have places, which are faster than keys: they
	// are the column ctid, of the type TID.
	physical bool
	// lockTree, lockTreeShared, lock and lockAll are statements, empty where writing
	// transactions run one at a time anyway. lock takes the hash of the key,
	// lockAll those of several, in the order in which they are locked.
	lockTree, lockTreeShared, lock, lockAll string
	// hasVersions is a statement that answers 1 when there is a table of
	// schema versions, 0 otherwise.
	hasVersions string
}

var sqliteDialect = &dialect{
	name:     "sqlite",
	listHead: "json_each(", listTail: ")",
	head:        func(parameter string) string { return "audit_heads WHERE log_id = " + parameter },
	slot:        "0", // writing transactions run one at a time
	encodeList:  func(list []string) any { return jsonList(list) },
	hasVersions: "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'goose_db_version'",
}

// slotSQL differs between the backends of a server that were started in a row,
// so that transactions of several connections, also of several processes,
// hardly ever wait for each other's counters.
const slotSQL = "pg_backend_pid() % 64"

// The advisory locks of PostgreSQL that have two numbers are apart from those
// that have one.
var postgresDialect = &dialect{
	name:     "postgres",
	listHead: `unnest(CAST(`, listTail: ` AS TEXT[]) COLLATE "C") AS list(value)`,
	head:           func(string) string { return "head" },
	slot:           slotSQL,
	encodeList:     func(list []string) any { return list },
	lockTree:       "SELECT pg_advisory_xact_lock(7238001, 1)",
	lockTreeShared: "SELECT pg_advisory_xact_lock_shared(7238001, 1)",
	lock:           "SELECT pg_advisory_xact_lock($1)",
	lockAll:        "SELECT pg_advisory_xact_lock(key) FROM unnest(CAST($1 AS BIGINT[])) AS keys(key)",
	arrays:         true,
	byIndex:        "SELECT set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)",
	physical:       true,
	hasVersions:    "SELECT CASE WHEN to_regclass('goose_db_version') IS NULL THEN 0 ELSE 1 END",
}

// rewrite returns the statement in the words of the engine.
func (d *dialect) rewrite(sql string) string {
	sql = replaceWord(sql, "list(", func(parameter string) string { return d.listHead + parameter + d.listTail })
	sql = replaceWord(sql, "head(", d.head)
	return replaceWord(sql, "slot(", func(string) string { return d.slot })
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

// jsonList is a list that becomes JSON when it is handed to SQLite.
type jsonList []string

// Value implements driver.Valuer.
func (l jsonList) Value() (driver.Value, error) {
	b, err := json.Marshal([]string(l))
	return string(b), err
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
