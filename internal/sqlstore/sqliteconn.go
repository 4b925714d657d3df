package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// opener opens a connection to one database.
type opener func() (*sqliteConn, error)

func newOpener(path, synchronous string) (opener, error) {
	name, err := sqliteName(path, synchronous)
	if err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", name)
	if err != nil {
		return nil, err
	}
	d := db.Driver()
	return func() (*sqliteConn, error) {
		c, err := d.Open(name)
		if err != nil {
			return nil, translate(err, "connect")
		}
		return &sqliteConn{conn: c, statements: make(map[string]*sqliteStatement)}, nil
	}, db.Close()
}

// writing opens a connection for the writer. Its cache is small: SQLite goes
// through all of it at every commit after it has reordered pages, which costs
// more than what is read again. What a group of transactions changes does not
// leave it before the commit all the same.
func (o opener) writing() (*sqliteConn, error) {
	c, err := o()
	if err != nil {
		return nil, err
	}
	for _, setting := range []string{"PRAGMA cache_size = -2000", "PRAGMA cache_spill = 4000"} {
		if _, err := c.run(context.Background(), setting, nil); err != nil {
			return nil, errors.Join(err, c.close())
		}
	}
	return c, nil
}

// openSQLiteDB opens a database for the migrations, which need a sql.DB.
func openSQLiteDB(path, synchronous string) (*sql.DB, error) {
	name, err := sqliteName(path, synchronous)
	if err != nil {
		return nil, err
	}
	return sql.Open("sqlite", name)
}

// sqliteName makes sure that there is a file, and describes the connections to
// it; the busy timeout comes first, because the other settings may have to wait
// already. Checkpoints are the business of
// checkpointer; SQLite itself makes one when the log has grown to 200 MB.
func sqliteName(path, synchronous string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if err := makePrivate(path); err != nil {
		return "", err
	}
	settings := url.Values{"_txlock": {"immediate"}, "_pragma": {
		"busy_timeout(5000)", "journal_mode(wal)", "synchronous(" + synchronous + ")", "foreign_keys(1)",
		"cache_size(-32000)", "journal_size_limit(167772160)", "wal_autocheckpoint(48000)", "temp_store(memory)",
	}}
	name := url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: settings.Encode()}
	return name.String(), nil
}

// makePrivate creates the file, if it is not there, for its owner alone: it is
// going to hold addresses of people. SQLite gives the files beside it the same
// mode.
func makePrivate(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// maxStatements bounds the prepared statements of a connection. Statements
// that are composed vary; those that do not are about a hundred.
const maxStatements = 256

// sqliteConn is a connection with its prepared statements: preparing again
// would double the cost of a small statement. It is used by one caller at a
// time and speaks to the driver itself, because the pool, the locks and the
// conversions of database/sql cost a tenth of a small statement.
type sqliteConn struct {
	conn       driver.Conn
	statements map[string]*sqliteStatement
	oldest     []string
	args       []driver.NamedValue
}

// sqliteStatement is a prepared statement; the driver has all three sides.
type sqliteStatement struct {
	driver.Stmt
	query driver.StmtQueryContext
	exec  driver.StmtExecContext
}

func (c *sqliteConn) close() error {
	var err error
	for _, s := range c.statements {
		err = errors.Join(err, s.Close())
	}
	return errors.Join(err, c.conn.Close())
}

// prepare returns the statement for text, preparing it when it is new.
func (c *sqliteConn) prepare(text string) (*sqliteStatement, error) {
	if s, ok := c.statements[text]; ok {
		return s, nil
	}
	if len(c.oldest) >= maxStatements {
		old := c.oldest[0]
		c.oldest = c.oldest[1:]
		s := c.statements[old]
		delete(c.statements, old)
		if err := s.Close(); err != nil {
			return nil, translate(err, old)
		}
	}
	prepared, err := c.conn.Prepare(sqliteDialect.rewrite(text))
	if err != nil {
		return nil, translate(err, text)
	}
	s := &sqliteStatement{Stmt: prepared}
	var queries, executes bool
	s.query, queries = prepared.(driver.StmtQueryContext)
	s.exec, executes = prepared.(driver.StmtExecContext)
	if !queries || !executes {
		return nil, fmt.Errorf("the driver's statement is a %T", prepared)
	}
	c.statements[text] = s
	c.oldest = append(c.oldest, text)
	return s, nil
}

// ready returns the statement for text and its arguments, which are good
// until the next call.
//
// query and run do not pass ctx on: watching it costs as much as the
// statement itself, and statements here are short. It is looked at here.
func (c *sqliteConn) ready(ctx context.Context, text string, args []any) (*sqliteStatement, []driver.NamedValue, error) {
	if err := contextError(ctx); err != nil {
		return nil, nil, err
	}
	var err error
	if c.args, err = appendArgs(c.args[:0], text, args); err != nil {
		return nil, nil, err
	}
	s, err := c.prepare(text)
	return s, c.args, err
}

// appendArgs appends the arguments of the statement text as the driver takes them.
func appendArgs(to []driver.NamedValue, text string, args []any) ([]driver.NamedValue, error) {
	if err := checkText(args); err != nil {
		return to, err
	}
	for i, arg := range args {
		v, err := driver.DefaultParameterConverter.ConvertValue(arg)
		if err != nil {
			return to, fmt.Errorf("argument %d of %s: %w", i+1, brief(text), err)
		}
		to = append(to, driver.NamedValue{Ordinal: i + 1, Value: v})
	}
	return to, nil
}

func (c *sqliteConn) query(ctx context.Context, text string, args []any, each func(row) error) (err error) {
	s, named, err := c.ready(ctx, text, args)
	if err != nil {
		return err
	}
	rows, err := s.query.QueryContext(context.Background(), named)
	if err != nil {
		return translate(err, text)
	}
	defer func() {
		if closeErr := rows.Close(); err == nil {
			err = translate(closeErr, text)
		}
	}()
	r := make(sqliteRow, len(rows.Columns()))
	for {
		switch err := rows.Next(r); {
		case err == io.EOF:
			return nil
		case err != nil:
			return translate(err, text)
		}
		if err := each(r); err != nil {
			return err
		}
	}
}

func (c *sqliteConn) run(ctx context.Context, text string, args []any) (int64, error) {
	s, named, err := c.ready(ctx, text, args)
	if err != nil {
		return 0, err
	}
	return s.run(text, named)
}

// write runs a statement that was put off.
func (c *sqliteConn) write(w sqliteWrite) error {
	s, err := c.prepare(w.text)
	if err != nil {
		return err
	}
	_, err = s.run(w.text, w.args)
	return err
}

func (s *sqliteStatement) run(text string, args []driver.NamedValue) (int64, error) {
	result, err := s.exec.ExecContext(context.Background(), args)
	if err != nil {
		return 0, translate(err, text)
	}
	return result.RowsAffected()
}

// sqliteRow is one row of an answer.
type sqliteRow []driver.Value

// Scan implements row for the types that the columns of this package have.
func (r sqliteRow) Scan(into ...any) error {
	if len(into) != len(r) {
		return fmt.Errorf("scan %d columns into %d places", len(r), len(into))
	}
	for i, to := range into {
		if !scanValue(r[i], to) {
			return fmt.Errorf("scan column %d, a %T, into a %T", i, r[i], to)
		}
	}
	return nil
}

// scanValue stores v in the place to and reports whether it fits.
func scanValue(v driver.Value, to any) bool {
	ok := false
	switch to := to.(type) {
	case *string:
		*to, ok = v.(string)
	case *held:
		var s string
		s, ok = v.(string)
		*to = held(s)
	case *int64:
		*to, ok = v.(int64)
	case *int:
		var n int64
		n, ok = v.(int64)
		*to = int(n)
	case *bool:
		*to, ok = toBool(v)
	case *[]byte:
		*to, ok = v.([]byte)
		ok = ok || v == nil
	case **string:
		var s string
		if s, ok = v.(string); ok {
			*to = &s
		} else {
			*to, ok = nil, v == nil
		}
	case **bool:
		var b bool
		if b, ok = toBool(v); ok {
			*to = &b
		} else {
			*to, ok = nil, v == nil
		}
	}
	return ok
}

// toBool understands what SQLite keeps for a boolean: 0 or 1.
func toBool(v driver.Value) (value, ok bool) {
	n, ok := v.(int64)
	return n != 0, ok
}
