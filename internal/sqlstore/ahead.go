package sqlstore

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// answer is what a statement answered before it was asked for.
type answer struct {
	statement
	fields []pgconn.FieldDescription
	rows   [][][]byte
}

// collect reads the next answer of a batch.
func collect(results pgx.BatchResults, s statement) (*answer, error) {
	rows, err := results.Query()
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	a := &answer{statement: s, fields: slices.Clone(rows.FieldDescriptions())}
	for rows.Next() {
		raw := rows.RawValues()
		kept := make([][]byte, len(raw))
		for i, v := range raw {
			kept[i] = bytes.Clone(v) // keeps null apart from empty
		}
		a.rows = append(a.rows, kept)
	}
	return a, rows.Err()
}

// read calls each for every row.
func (a *answer) read(types *pgtype.Map, each func(row) error) error {
	for _, values := range a.rows {
		if err := each(answerRow{a.fields, values, types}); err != nil {
			return err
		}
	}
	return nil
}

// answerRow is a row of an answer.
type answerRow struct {
	fields []pgconn.FieldDescription
	values [][]byte
	types  *pgtype.Map
}

// Scan implements row.
func (r answerRow) Scan(into ...any) error {
	if len(into) != len(r.values) {
		return fmt.Errorf("scan %d columns into %d places", len(r.values), len(into))
	}
	for i, to := range into {
		if err := r.types.Scan(r.fields[i].DataTypeOID, r.fields[i].Format, r.values[i], to); err != nil {
			return fmt.Errorf("scan column %s: %w", r.fields[i].Name, err)
		}
	}
	return nil
}

func (t *postgresTransaction) ahead(text string, args ...any) {
	t.hints = append(t.hints, statement{postgresDialect.rewrite(text), args})
}

// recall returns the answer to a statement that was sent ahead, nil when there
// is none. It is used once. A hint that was not sent yet is dropped, because
// the statement itself is sent now.
func (t *postgresTransaction) recall(text string, args []any) *answer {
	same := func(s statement) bool { return s.text == text && reflect.DeepEqual(s.args, args) }
	if i := slices.IndexFunc(t.hints, same); i >= 0 {
		t.hints = slices.Delete(t.hints, i, i+1)
		return nil
	}
	i := slices.IndexFunc(t.early, func(a *answer) bool { return same(a.statement) })
	if i < 0 {
		return nil
	}
	a := t.early[i]
	t.early = slices.Delete(t.early, i, i+1)
	return a
}

// forget drops what a write or a lock may have made wrong.
func (t *postgresTransaction) forget() { t.early = nil }
