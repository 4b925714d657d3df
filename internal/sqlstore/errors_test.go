package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/orgd/orgd/internal/fault"
)

func TestTranslate(t *testing.T) {
	reset := &net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	for _, c := range []struct {
		name  string
		err   error
		code  fault.Code
		again bool
	}{
		{"serialization failure", &pgconn.PgError{Code: "40001"}, fault.Internal, true},
		{"deadlock", &pgconn.PgError{Code: "40P01"}, fault.Internal, true},
		{"idempotency key", &pgconn.PgError{Code: "23505", ConstraintName: "idempotency_answers_pkey"}, fault.Internal, true},
		{"e-mail", &pgconn.PgError{Code: "23505", ConstraintName: "users_email_fold_key"}, fault.Invalid, false},
		{"member", &pgconn.PgError{Code: "23505", ConstraintName: "members_live"}, fault.Invalid, false},
		{"another constraint", &pgconn.PgError{Code: "23505", ConstraintName: "organizations_pkey"}, fault.Internal, false},
		{"foreign key", &pgconn.PgError{Code: "23503"}, fault.Internal, false},
		{"too many connections", &pgconn.PgError{Code: "53300"}, fault.Unavailable, false},
		{"shutting down", &pgconn.PgError{Code: "57P01"}, fault.Unavailable, false},
		{"starting up", &pgconn.PgError{Code: "57P03"}, fault.Unavailable, false},
		{"read only", &pgconn.PgError{Code: "25006"}, fault.Unavailable, false},
		{"reset", fmt.Errorf("receive: %w", reset), fault.Unavailable, false},
		{"ended", io.ErrUnexpectedEOF, fault.Unavailable, false},
		{"closed", pgconn.ErrConnClosed, fault.Unavailable, false},
		{"canceled", fmt.Errorf("timeout: %w", errors.Join(context.Canceled, reset)), fault.Internal, false},
		{"unknown", errors.New("unknown"), fault.Internal, false},
	} {
		err := translate(c.err, "SELECT 1")
		if got := fault.CodeOf(err); got != c.code {
			t.Errorf("%s: code %s, want %s", c.name, got, c.code)
		}
		if got := errors.Is(err, errAgain); got != c.again {
			t.Errorf("%s: again %t, want %t", c.name, got, c.again)
		}
	}
	if err := translate(nil, "SELECT 1"); err != nil {
		t.Errorf("no error became %v", err)
	}
}

func TestAfterPrefix(t *testing.T) {
	for prefix, want := range map[string]string{
		"a": "b", "az": "a{", "": "", "\U0010FFFF": "", "a\U0010FFFF": "b", "\uD7FF": "\uE000", "é": "ê",
	} {
		if got := afterPrefix(prefix); got != want {
			t.Errorf("afterPrefix(%q) = %q, want %q", prefix, got, want)
		}
	}
}

func TestRewrite(t *testing.T) {
	const sql = "SELECT value FROM list($1) WHERE value IN (SELECT value FROM list($12))"
	for d, want := range map[*dialect]string{
		sqliteDialect:   "SELECT value FROM json_each($1) WHERE value IN (SELECT value FROM json_each($12))",
		postgresDialect: `SELECT value FROM unnest(CAST($1 AS TEXT[]) COLLATE "C") AS list(value) WHERE value IN (SELECT value FROM unnest(CAST($12 AS TEXT[]) COLLATE "C") AS list(value))`,
	} {
		if got := d.rewrite(sql); got != want {
			t.Errorf("%s: %s, want %s", d.name, got, want)
		}
	}
}
