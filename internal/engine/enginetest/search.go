package enginetest

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// hits returns the texts that stand in a row.
func hits(table, row string, texts []string) []string {
	var found []string
	for _, text := range texts {
		if strings.Contains(strings.ToLower(row), strings.ToLower(text)) {
			found = append(found, fmt.Sprintf("%q in %s: %s", text, table, row))
		}
	}
	return found
}

func searchSQLite(tb testing.TB, url string, texts ...string) []string {
	tb.Helper()
	db, err := sql.Open("sqlite", strings.TrimPrefix(url, "sqlite:"))
	if err != nil {
		tb.Fatal(err)
	}
	defer db.Close()
	var found []string
	for _, table := range columnSQLite(tb, db, "SELECT name FROM sqlite_master WHERE type = 'table'") {
		quoted := `"` + table + `"`
		var row []string
		for _, column := range columnSQLite(tb, db, "SELECT name FROM pragma_table_info('"+table+"')") {
			row = append(row, `CAST("`+column+`" AS TEXT)`)
		}
		for _, text := range columnSQLite(tb, db, "SELECT concat_ws('|', "+strings.Join(row, ", ")+") FROM "+quoted) {
			found = append(found, hits(table, text, texts)...)
		}
	}
	return found
}

func columnSQLite(tb testing.TB, db *sql.DB, query string) []string {
	tb.Helper()
	rows, err := db.QueryContext(tb.Context(), query)
	if err != nil {
		tb.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	var list []string
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			tb.Fatalf("%s: %v", query, err)
		}
		list = append(list, text)
	}
	if err := rows.Err(); err != nil {
		tb.Fatalf("%s: %v", query, err)
	}
	return list
}

func searchPostgres(tb testing.TB, url string, texts ...string) []string {
	tb.Helper()
	conn, err := pgx.Connect(tb.Context(), url)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() {
		if err := conn.Close(tb.Context()); err != nil {
			tb.Error(err)
		}
	}()
	column := func(query string) []string {
		rows, err := conn.Query(tb.Context(), query)
		if err != nil {
			tb.Fatalf("%s: %v", query, err)
		}
		list, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			tb.Fatalf("%s: %v", query, err)
		}
		return list
	}
	var found []string
	for _, table := range column("SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema()") {
		for _, text := range column(`SELECT t::text FROM "` + table + `" t`) {
			found = append(found, hits(table, text, texts)...)
		}
	}
	return found
}
