package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/orgd/orgd/internal/fault"
)

// errAgain marks what goes away when the transaction runs again.
var errAgain = errors.New("a concurrent change was first")

// uniques says what a violated unique constraint means, by its name on
// PostgreSQL and its columns on SQLite.
var uniques = []struct {
	constraint, columns string
	err                 error
}{
	{"users_email_fold_key", "users.email_fold", fault.At(fault.Invalid, "/email", "There is a user with this e-mail already")},
	{"members_live", "members.organization_id, members.user_id", fault.New(fault.Invalid, "The user is a member of this organization already")},
	{"account_members_once", "account_members.account_id, account_members.user_id", fault.New(fault.Invalid, "The user is a member of this account already")},
	{"idempotency_answers_pkey", "idempotency_answers.user_id, idempotency_answers.key", errAgain},
	{"usage_events_pkey", "usage_events.source, usage_events.event_id", errAgain},
}

// translate returns what a failure of the engine means; sql is the statement
// that failed.
func translate(err error, sql string) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return fmt.Errorf("%s: %w", brief(sql), postgresError(e))
	}
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return fmt.Errorf("%s: %w", brief(sql), sqliteError(e))
	}
	if broken(err) {
		return unavailable(err)
	}
	return fmt.Errorf("%s: %w", brief(sql), err)
}

// answered reports whether err is an answer of the server, which has rolled
// the transaction back then. What ends the connection says nothing about that.
func answered(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && e.SeverityUnlocalized == "ERROR"
}

// broken reports whether the connection failed, and not because the caller
// gave up.
func broken(err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	_, connecting := errors.AsType[*pgconn.ConnectError](err)
	_, network := errors.AsType[net.Error](err)
	return connecting || network || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, pgconn.ErrConnClosed)
}

func unavailable(cause error) error {
	return fault.Wrap(fault.Unavailable, "The database cannot be reached", cause)
}

func postgresError(e *pgconn.PgError) error {
	switch {
	case e.Code == "40001" || e.Code == "40P01": // serialization failure, deadlock
		return fmt.Errorf("%w: %w", errAgain, e)
	case e.Code == "22P02" && strings.Contains(e.Message, staleText):
		return errStale
	case e.Code == "23505":
		for _, u := range uniques {
			if u.constraint == e.ConstraintName {
				return u.err
			}
		}
	case e.Code == "53300" || strings.HasPrefix(e.Code, "57P") || strings.HasPrefix(e.Code, "08"):
		return unavailable(e) // too many connections, shutting down, connection lost
	case e.Code == "25006": // read-only: a standby, or out of space
		return unavailable(e)
	}
	return e
}

func sqliteError(e *sqlite.Error) error {
	switch code := e.Code(); {
	case code == sqlite3.SQLITE_CONSTRAINT_UNIQUE || code == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
		for _, u := range uniques {
			if strings.Contains(e.Error(), "failed: "+u.columns+" ") {
				return u.err
			}
		}
	case code&0xff == sqlite3.SQLITE_BUSY || code&0xff == sqlite3.SQLITE_LOCKED || code&0xff == sqlite3.SQLITE_FULL || code&0xff == sqlite3.SQLITE_READONLY:
		return unavailable(e)
	}
	return e
}

// contended reports whether a migration of SQLite failed because another
// process was at it: it held the lock, or made the same tables first.
func contended(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && (e.Code()&0xff == sqlite3.SQLITE_BUSY || strings.Contains(e.Error(), "already exists"))
}

// brief returns the beginning of a statement, to name it in a message.
func brief(sql string) string {
	words := strings.Fields(sql)
	return strings.Join(words[:min(len(words), 6)], " ")
}

// checkText refuses what PostgreSQL cannot keep, so that both engines refuse
// it alike.
func checkText(args []any) error {
	for _, a := range args {
		switch a := a.(type) {
		case string:
			if !storable(a) {
				return errText
			}
		case []string:
			for _, s := range a {
				if !storable(s) {
					return errText
				}
			}
		}
	}
	return nil
}

var errText = fault.New(fault.Invalid, "Text must be UTF-8 without the NUL character")

func storable(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// errClosed is the answer of a store that was closed.
var errClosed = fault.New(fault.Unavailable, "The store is closed")

// contextError returns the error of a context that has ended.
func contextError(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("use the store: %w", err)
	}
	return nil
}
