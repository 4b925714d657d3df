package sqlstore

import (
	"context"
	"fmt"
	"strings"
)

// many runs a statement on many rows of values: before, then the rows as the
// table given with the columns column1, column2 and so on, then after. The
// values are handed over column by column, each a []string or []int64 of the
// same length; without any nothing happens. Each is called for every row that
// the statement answers; without it, there are none.
//
// PostgreSQL takes the columns as they are, which costs it half of what a
// parameter for each value does. SQLite takes few rows at a time, so that the
// statements stay prepared.
func (t *tx) many(ctx context.Context, before string, columns []any, after string, each func(row) error) error {
	rows := height(columns[0])
	if rows == 0 {
		return nil
	}
	if t.dialect.arrays {
		return t.queryOrExec(ctx, before+givenArrays(columns)+after, columns, each)
	}
	for start := 0; start < rows; {
		n := 1
		for _, most := range rowsPerStatement() {
			if rows-start >= most {
				n = most
				break
			}
		}
		args := make([]any, 0, n*len(columns))
		for i := start; i < start+n; i++ {
			for _, c := range columns {
				args = append(args, at(c, i))
			}
		}
		sql := before + "(VALUES " + placeholders(n, len(columns)) + ") AS given" + after
		if err := t.queryOrExec(ctx, sql, args, each); err != nil {
			return err
		}
		start += n
	}
	return nil
}

func (t *tx) queryOrExec(ctx context.Context, sql string, args []any, each func(row) error) error {
	if each == nil {
		return t.exec(ctx, sql, args...)
	}
	return t.query(ctx, sql, args, each)
}

// rowsPerStatement are the numbers of rows of one statement, where there is a
// parameter for each value.
func rowsPerStatement() []int { return []int{250, 25, 1} }

// height returns the length of a column.
func height(column any) int {
	if texts, ok := column.([]string); ok {
		return len(texts)
	}
	return len(column.([]int64))
}

// at returns the value of a column in row i.
func at(column any, i int) any {
	if texts, ok := column.([]string); ok {
		return texts[i]
	}
	return column.([]int64)[i]
}

// givenArrays returns the table whose columns are parameters.
func givenArrays(columns []any) string {
	var arrays, names strings.Builder
	for i, c := range columns {
		kind, separator := "TEXT", ", "
		if _, ok := c.([]int64); ok {
			kind = "BIGINT"
		}
		if i == 0 {
			separator = ""
		}
		fmt.Fprintf(&arrays, "%sCAST($%d AS %s[])", separator, i+1, kind)
		fmt.Fprintf(&names, "%scolumn%d", separator, i+1)
	}
	return "unnest(" + arrays.String() + ") AS given(" + names.String() + ")"
}

// placeholders returns the parameters of n rows: (?, ?), (?, ?). They have no
// numbers, because the driver of SQLite looks for the name of each parameter,
// from the first on, when it binds it: what $1 to $3000 cost grows with their
// square.
func placeholders(n, width int) string {
	row := "(" + strings.Repeat("?, ", width-1) + "?)"
	return strings.Repeat(row+", ", n-1) + row
}
