package pgbench

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orgd/orgd/internal/engine/enginetest"
)

func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }

func TestRunInsertsIntoTheCopies(t *testing.T) {
	ctx := context.Background()
	url, drop, err := enginetest.Shared(t).CreateDatabase(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := drop(); err != nil {
			t.Error(err)
		}
	})
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, `
		CREATE TABLE organizations (id text PRIMARY KEY, parent text, name text NOT NULL, time bigint NOT NULL);
		CREATE INDEX ON organizations (parent, time);
		CREATE TABLE audit (log text, seq bigint, record text NOT NULL, leaf bytea NOT NULL, gone bigint, PRIMARY KEY (log, seq));
		INSERT INTO organizations VALUES ('a', NULL, 'it''s a:name', 7), ('b', 'a', 'b', 7), ('c', 'b', 'c', 7);
		INSERT INTO audit VALUES ('a', 1, '{"a":"b","c":true}', '\x00ff', NULL)`)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Prepare(ctx, url, t.TempDir(), "SELECT id FROM organizations WHERE id <> 'c'", []Table{
		{Name: "organizations", Sample: "id = 'a'", Set: map[string]string{"id": NewID, "parent": SomeID, "time": Counter}, IDs: []string{"id", "parent"}},
		{Name: "audit", Sample: "log = 'a'", Set: map[string]string{"log": SomeID, "seq": Counter}, IDs: []string{"log"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, run := range []func(context.Context, int, time.Duration) (Result, error){b.Plain, b.Pipelined} {
		if r, err := run(ctx, 2, time.Second); err != nil || r.PerSecond <= 0 || r.Transactions <= 0 || r.CPU <= 0 {
			t.Fatalf("%+v, %v", r, err)
		}
	}
	one, two := strings.Repeat("0", 31)+"1", strings.Repeat("0", 31)+"2"
	var copied []string
	err = conn.QueryRow(ctx, `SELECT array_agg(id || ' ' || COALESCE(parent, '-') ORDER BY name) FROM baseline.organizations WHERE time = 7`).Scan(&copied)
	if want := []string{two + " " + one, "c " + two, one + " -"}; err != nil || !slices.Equal(copied, want) {
		t.Errorf("the copies are %q, %v, want %q", copied, err, want)
	}
	var strange int
	err = conn.QueryRow(ctx, `SELECT count(*) FROM baseline.audit WHERE log NOT IN ($1, $2)`, one, two).Scan(&strange)
	if err != nil || strange != 0 {
		t.Errorf("%d records are in other logs, %v", strange, err)
	}
	var both, odd int
	err = conn.QueryRow(ctx, `SELECT count(*), count(*) FILTER (WHERE o.name <> 'it''s a:name' OR a.record <> '{"a":"b","c":true}' OR a.leaf <> '\x00ff' OR a.gone IS NOT NULL)
		FROM baseline.organizations o JOIN baseline.audit a ON a.log = o.parent AND a.seq = o.time`).Scan(&both, &odd)
	if err != nil || both < 2 || odd != 0 {
		t.Errorf("%d transactions, %d of them with other values, %v", both, odd, err)
	}
}

func TestParseRefusesFailedTransactions(t *testing.T) {
	const counted = "number of transactions actually processed: 70\n"
	if r, err := parse(counted + "number of failed transactions: 3 (1.000%)\ntps = 5.5 (without initial connection time)\n"); err == nil {
		t.Errorf("got %+v, want an error", r)
	}
	if _, err := parse(counted + "number of failed transactions: 0 (0.000%)\n"); err == nil {
		t.Error("no error for output without a rate")
	}
	r, err := parse(counted + "number of failed transactions: 0 (0.000%)\ntps = 5.5 (without initial connection time)\n")
	if err != nil || r.Transactions != 70 || r.PerSecond != 5.5 {
		t.Errorf("got %+v, %v", r, err)
	}
}
