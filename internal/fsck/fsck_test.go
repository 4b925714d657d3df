package fsck_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orgd/orgd/internal/engine"
	"github.com/orgd/orgd/internal/engine/enginetest"
	"github.com/orgd/orgd/internal/fsck"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/storetest"
)

func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }

// budgetSQL makes a budget of the sample, and crossingSQL a crossing of it.
const (
	budgetSQL = "INSERT INTO budgets (id, owner_id, is_account, name, scope, kind, amount, currency, thresholds, webhook, secret, old_secret, old_secret_end, version, revision, since_at, " +
		"created_at, updated_at, evaluated_at, period_start, period_end, complete_days, spent, projected, other_currencies, unpriced, evaluate_at, lease_holder, lease_end) " +
		"SELECT 'b', '{root}', FALSE, '', '', '', '1', 'USD', '100', '', actor_salt, actor_salt, 0, 1, 1, 1, 1, 1, 1, 0, 31, 0, '0', '0', '', FALSE, 0, '', 0 " +
		"FROM audit_records WHERE log_id = '{mid}' AND seq = 1"
	crossingSQL = "; INSERT INTO budget_crossings (id, budget_id, budget_name, revision, scope, kind, amount, currency, percent, period_start, period_end, spent, projected, crossed_at, notice, " +
		"state, redirects, failures, next_attempt_at, last_error, last_failure_at, delivered_at, lease_holder, lease_end) " +
		"VALUES ('x', 'b', '', 1, '', '', '1', 'USD', 100, 0, 31, '1', '1', 9000000000000000, '', 'none', 0, 0, 0, '', 0, 0, '', 0)"
)

// damages break one invariant each. The names in braces are replaced by
// identifiers of the sample.
var damages = []struct {
	name string
	sql  string
	want []fsck.Rule // besides others that follow from the same damage
}{
	{"a cycle", "UPDATE organizations SET parent_id = '{leaf}' WHERE id = '{root}'", []fsck.Rule{fsck.Cycle}},
	{"an organization below itself", "UPDATE organizations SET parent_id = id WHERE id = '{leaf}'", []fsck.Rule{fsck.Cycle}},
	{"a wrong path", "UPDATE organizations SET path = '{other}/{leaf}', depth = 1 WHERE id = '{leaf}'", []fsck.Rule{fsck.Path, fsck.Closure, fsck.Root, fsck.Count}},
	{"an empty path", "UPDATE organizations SET path = '' WHERE id = '{leaf}'", []fsck.Rule{fsck.Path, fsck.Depth}},
	{"another parent", "UPDATE organizations SET parent_id = '{other}' WHERE id = '{leaf}'", []fsck.Rule{fsck.Path}},
	{"a wrong depth", "UPDATE organizations SET depth = 7 WHERE id = '{mid}'", []fsck.Rule{fsck.Depth}},
	{"a parent that is deleted", "UPDATE organizations SET deleted_at = 5 WHERE id = '{mid}'", []fsck.Rule{fsck.Orphan, fsck.Closure, fsck.Count, fsck.NoRecord}},
	{"a parent that is absent", "DELETE FROM organizations WHERE id = '{mid}'", []fsck.Rule{fsck.Orphan, fsck.NoChange}},
	{"a pair that is missing", "DELETE FROM organization_closure WHERE ancestor_id = '{root}' AND descendant_id = '{leaf}'", []fsck.Rule{fsck.Closure}},
	{"a pair too many", "INSERT INTO organization_closure (ancestor_id, created_at, descendant_id) VALUES ('{other}', 1, '{leaf}')", []fsck.Rule{fsck.Closure}},
	{"a pair of what is absent", "INSERT INTO organization_closure (ancestor_id, created_at, descendant_id) VALUES ('{other}', 1, 'nothing')", []fsck.Rule{fsck.Closure}},
	{"another time in the closure", "UPDATE organization_closure SET created_at = 3 WHERE ancestor_id = '{root}' AND descendant_id = '{leaf}'", []fsck.Rule{fsck.Closure}},
	{"a wrong count of organizations", "UPDATE subtree_counts SET organizations = organizations + 1 WHERE organization_id = '{root}'", []fsck.Rule{fsck.Count}},
	{"a wrong count of accounts", "UPDATE subtree_counts SET accounts = accounts - 1 WHERE organization_id = '{leaf}'", []fsck.Rule{fsck.Count}},
	{"a count that is missing", "DELETE FROM subtree_counts WHERE organization_id = '{mid}'", []fsck.Rule{fsck.Count}},
	{"a count of what is absent", "UPDATE subtree_counts SET organization_id = 'nothing' WHERE organization_id = '{mid}'", []fsck.Rule{fsck.Count}},
	{"an account of what is absent", "UPDATE accounts SET organization_id = 'nothing' WHERE id = '{account}'", []fsck.Rule{fsck.Orphan, fsck.Count}},
	{"an account with a wrong root", "UPDATE accounts SET root_id = '{other}' WHERE id = '{account}'", []fsck.Rule{fsck.Root}},
	{"an account outside any with a root", "UPDATE accounts SET root_id = '{other}' WHERE id = '{loose}'", []fsck.Rule{fsck.Root}},
	{"a second live membership", "DROP INDEX IF EXISTS members_live; UPDATE members SET user_id = '{user}', organization_id = '{mid}'", []fsck.Rule{fsck.Membership, fsck.Unowned}},
	{"a member of what is absent", "UPDATE members SET organization_id = 'nothing' WHERE id = '{member}'", []fsck.Rule{fsck.Orphan}},
	{"a member of a deleted account", "UPDATE account_members SET account_id = (SELECT id FROM accounts WHERE deleted_at <> 0) WHERE id = '{accountMember}'", []fsck.Rule{fsck.Orphan}},
	{"a root without super administrator", "UPDATE members SET role = 'organization_administrator' WHERE organization_id = '{root}'", []fsck.Rule{fsck.Unowned}},
	{"a gap in a log", "UPDATE audit_records SET seq = 100 WHERE log_id = '{leaf}' AND seq = 1; UPDATE audit_heads SET seq = 100 WHERE log_id = '{leaf}'", []fsck.Rule{fsck.Sequence}},
	{"a head behind its log", "UPDATE audit_heads SET seq = seq - 1 WHERE log_id = '{mid}'", []fsck.Rule{fsck.Sequence}},
	{"a head before its log", "UPDATE audit_heads SET seq = seq + 1 WHERE log_id = '{mid}'", []fsck.Rule{fsck.Sequence}},
	{"a log without head", "DELETE FROM audit_heads WHERE log_id = '{mid}'", []fsck.Rule{fsck.Sequence}},
	{"a head without log", "INSERT INTO audit_heads (log_id, seq, time) VALUES ('nothing', 1, 1)", []fsck.Rule{fsck.Sequence}},
	{"a head with another time", "UPDATE audit_heads SET time = time + 1 WHERE log_id = '{mid}'", []fsck.Rule{fsck.Chronology}},
	{"a time that goes back", "UPDATE audit_records SET time = time + 1000000000 WHERE log_id = '{root}' AND seq = 1", []fsck.Rule{fsck.Chronology}},
	{"a record that was changed", "UPDATE audit_records SET raw_status = 500 WHERE log_id = '{mid}' AND seq = 1", []fsck.Rule{fsck.Tree}},
	{"a tree of other records", "UPDATE audit_trees SET nodes = (SELECT nodes FROM audit_trees WHERE log_id = '{root}') WHERE log_id = '{mid}'", []fsck.Rule{fsck.Tree}},
	{"a tree that is too long", "UPDATE audit_trees SET size = size + 1 WHERE log_id = '{mid}'", []fsck.Rule{fsck.Tree}},
	{"a tile that is missing", "DELETE FROM audit_tiles WHERE log_id = '{mid}'", []fsck.Rule{fsck.Tree}},
	{"a tile that begins too late", "UPDATE audit_tiles SET idx = 1 WHERE log_id = '{mid}'", []fsck.Rule{fsck.Tree}},
	{"a tile of other records", "UPDATE audit_tiles SET data = (SELECT data FROM audit_tiles WHERE log_id = '{root}') WHERE log_id = '{mid}'", []fsck.Rule{fsck.Tree}},
	{"tiles without a tree", "DELETE FROM audit_trees WHERE log_id = '{mid}'", []fsck.Rule{fsck.Tree}},
	{"a checkpoint of another size", "UPDATE audit_trees SET checkpoint = (SELECT checkpoint FROM audit_trees WHERE log_id = '{leaf}') WHERE log_id = '{mid}'", []fsck.Rule{fsck.Tree}},
	{"no checkpoint at all", "UPDATE audit_trees SET checkpoint = 'nonsense' WHERE log_id = '{mid}'", []fsck.Rule{fsck.Tree}},
	{"a cosigned checkpoint of more than the log", "INSERT INTO audit_cosignatures (log_id, size, checkpoint) SELECT log_id, size + 1, checkpoint FROM audit_trees WHERE log_id = '{mid}'", []fsck.Rule{fsck.Tree}},
	{"a cosigned checkpoint of another log", "INSERT INTO audit_cosignatures (log_id, size, checkpoint) SELECT '{mid}', size, checkpoint FROM audit_trees WHERE log_id = '{leaf}'", []fsck.Rule{fsck.Tree}},
	{"a cosigned checkpoint of no log", "INSERT INTO audit_cosignatures (log_id, size, checkpoint) SELECT 'nothing', size, checkpoint FROM audit_trees WHERE log_id = '{mid}'", []fsck.Rule{fsck.Reference}},
	{"a crossing without record", budgetSQL + crossingSQL, []fsck.Rule{fsck.NoRecord}},
	{"a crossing of other terms", budgetSQL + crossingSQL + "; UPDATE budgets SET revision = 0", []fsck.Rule{fsck.Budget}},
	{"a notice without a webhook", budgetSQL + crossingSQL + "; UPDATE budget_crossings SET state = 'waiting'", []fsck.Rule{fsck.Budget}},
	{"a record of a crossing that is absent", budgetSQL + "; UPDATE audit_records SET resource_id = 'b', resource_type = 'budget', resource_product = 'budgets', action_type = 'update', action_description = 'Cross Budget Threshold' WHERE log_id = '{mid}' AND seq = 1", []fsck.Rule{fsck.NoChange, fsck.Tree}},
	{"an organization without record", "DELETE FROM audit_records WHERE resource_id = '{leaf}'", []fsck.Rule{fsck.NoRecord, fsck.Sequence}},
	{"an account without record", "DELETE FROM audit_records WHERE resource_id = '{account}'", []fsck.Rule{fsck.NoRecord}},
	{"a member without record", "DELETE FROM audit_records WHERE resource_id = '{member}'", []fsck.Rule{fsck.NoRecord}},
	{"an account member without record", "DELETE FROM audit_records WHERE resource_id = '{accountMember}'", []fsck.Rule{fsck.NoRecord}},
	{"a user without record", "DELETE FROM audit_records WHERE resource_id = '{user}'", []fsck.Rule{fsck.NoRecord}},
	{"a token without record", "DELETE FROM audit_records WHERE resource_id = '{token}'", []fsck.Rule{fsck.NoRecord}},
	{"a change without record", "UPDATE organizations SET updated_at = updated_at + 1 WHERE id = '{mid}'", []fsck.Rule{fsck.NoRecord}},
	{"a change of an account without record", "UPDATE accounts SET updated_at = updated_at + 1 WHERE id = '{account}'", []fsck.Rule{fsck.NoRecord}},
	{"a change of a member without record", "UPDATE members SET updated_at = updated_at + 1 WHERE id = '{member}'", []fsck.Rule{fsck.NoRecord}},
	{"a deletion without record", "UPDATE accounts SET deleted_at = 5, organization_id = NULL WHERE id = '{loose}'", []fsck.Rule{fsck.NoRecord}},
	{"a record of a deletion that was not", "UPDATE organizations SET deleted_at = 0 WHERE deleted_at <> 0", []fsck.Rule{fsck.NoChange, fsck.Closure}},
	{"a record of an account that is absent", "DELETE FROM accounts WHERE id = '{loose}'", []fsck.Rule{fsck.NoChange}},
	{"a record of a member that is absent", "DELETE FROM members WHERE id = '{member}'", []fsck.Rule{fsck.NoChange}},
	{"a record of an account member that is absent", "DELETE FROM account_members WHERE id = '{accountMember}'", []fsck.Rule{fsck.NoChange}},
	{
		"usage of no event", "INSERT INTO usage_days (account_id, day, metric, zone_id, region_id, zone_name, region_name, events, total, weight, greatest, latest, latest_at, latest_by, uniques) " +
			"VALUES ('{account}', 1, 'm', '', '', '', '', 1, '1', '1', '1', '1', 1, 's', 0)", []fsck.Rule{fsck.Counted, fsck.Period},
	},
	{
		"an event that was not counted", "INSERT INTO usage_events (source, event_id, account_id, metric, day, zone_id, region_id, received_at) VALUES ('s', 'e', '{account}', 'm', 1, '', '', 1)",
		[]fsck.Rule{fsck.Counted},
	},
	{"a key that was not counted", "INSERT INTO usage_keys (account_id, day, metric, zone_id, region_id, value) VALUES ('{account}', 1, 'm', '', '', 'k')", []fsck.Rule{fsck.Counted}},
	{"a record of a user that is absent", "DELETE FROM users WHERE id = '{user}'", []fsck.Rule{fsck.NoChange}},
}

// bills are what damages of bills are done to: an account that was billed for
// March 2026, and nothing else.
var bills = []struct{ name, sql string }{
	{"a row that was billed and is gone", "DELETE FROM usage_billed WHERE tier = 0"},
	{"a row that was billed otherwise", "UPDATE usage_billed SET pricing = '3'"},
	{"usage that was not restated", "UPDATE usage_days SET total = '17000000'"},
	{"a row billed in an open period", "UPDATE usage_billed SET billed_in = billed_in + 1"},
	{"a period that is not counted from the anchor", "UPDATE usage_accounts SET anchor_day = anchor_day + 1"},
	{"a restated period that is open", "DELETE FROM usage_billed; UPDATE usage_periods SET closed_at = 0, restated_at = 5"},
}

func TestCheckFindsDamagedBills(t *testing.T) {
	for _, e := range enginetest.All(t) {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			url := e.Migrated(t)
			s := open(t, url)
			storetest.FillBills(t, s)
			for _, d := range bills {
				t.Run(d.name, func(t *testing.T) {
					found := checkInjured(t, e, s, url, d.sql)
					if !slices.ContainsFunc(found, func(v fsck.Violation) bool { return v.Rule == fsck.Bill }) {
						t.Errorf("found %v", found)
					}
				})
			}
			t.Run("a restatement that is gone", func(t *testing.T) {
				found := checkInjured(t, e, s, url, `INSERT INTO usage_restatements (account_id, seq, start_day, day, metric, zone_id, region_id, quantity_before,
					quantity_after, events, restated_at) VALUES ('a', 2, 20513, 20513, 'm', '', '', '0', '1', 1, 1)`)
				if len(found) != 1 || found[0].Rule != fsck.Sequence {
					t.Errorf("found %v", found)
				}
			})
		})
	}
}

func TestCheckFindsDamage(t *testing.T) {
	for _, e := range enginetest.All(t) {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			url := e.URL(t) // of its own, because one damage is to the schema
			s := open(t, url)
			f := storetest.Fill(t, s)
			names := strings.NewReplacer(
				"{root}", string(f.Root.ID), "{mid}", string(f.Mid.ID), "{leaf}", string(f.Leaf.ID), "{other}", string(f.Other.ID),
				"{account}", string(f.Account.ID), "{loose}", string(f.Loose.ID), "{user}", string(f.User.ID),
				"{member}", string(f.Member.ID), "{accountMember}", string(f.AccountMember.ID), "{token}", string(f.Token.ID),
			)
			for _, d := range damages {
				t.Run(d.name, func(t *testing.T) {
					found := checkInjured(t, e, s, url, names.Replace(d.sql))
					for _, rule := range d.want {
						if !slices.ContainsFunc(found, func(v fsck.Violation) bool { return v.Rule == rule }) {
							t.Errorf("%q is not among %v", rule, found)
						}
					}
				})
			}
		})
	}
}

// changedTables are the tables that statements change.
func changedTables(statements string) []string {
	var tables []string
	for _, m := range regexp.MustCompile(`(?:UPDATE|INSERT INTO|DELETE FROM) (\w+)`).FindAllStringSubmatch(statements, -1) {
		tables = append(tables, m[1])
	}
	slices.Sort(tables)
	return slices.Compact(tables)
}

// checkInjured runs statements behind the back of a store in which everything
// is right, returns what is found then, and puts the rows back.
func checkInjured(t *testing.T, e enginetest.Engine, s org.Store, url, statements string) []fsck.Violation {
	t.Helper()
	var save, restore strings.Builder
	for _, table := range changedTables(statements) {
		fmt.Fprintf(&save, "CREATE TABLE before_%s AS SELECT * FROM %[1]s; ", table)
		fmt.Fprintf(&restore, "DELETE FROM %s; INSERT INTO %[1]s SELECT * FROM before_%[1]s; DROP TABLE before_%[1]s; ", table)
	}
	options := fsck.Options{Now: time.Date(2026, 8, 2, 0, 0, 0, 0, time.UTC)}
	e.Exec(t, url, save.String()+statements)
	injured := check(t, s, options)
	e.Exec(t, url, restore.String())
	if found := check(t, s, options); found != nil {
		t.Fatalf("%s: before it or after it was undone: %v", statements, found)
	}
	return injured
}

func open(t *testing.T, url string) org.Store {
	t.Helper()
	if err := engine.Migrate(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	s, err := engine.Open(t.Context(), url, engine.Options{SQLiteSynchronous: "normal"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func check(t *testing.T, s org.Store, o fsck.Options) []fsck.Violation {
	t.Helper()
	found, err := fsck.Check(t.Context(), s, o)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestCheckLimits(t *testing.T) {
	for _, e := range enginetest.All(t) {
		t.Run(e.Name, func(t *testing.T) {
			s := e.Open(t)
			storetest.Fill(t, s)
			if found := check(t, s, fsck.Options{Depth: 2, Accounts: 3}); found != nil {
				t.Errorf("within the limits: %v", found)
			}
			for _, c := range []struct {
				o    fsck.Options
				rule fsck.Rule
			}{{fsck.Options{Depth: 1}, fsck.Depth}, {fsck.Options{Accounts: 2}, fsck.Limit}} {
				found := check(t, s, c.o)
				if len(found) != 1 || found[0].Rule != c.rule {
					t.Errorf("%+v: got %v, want one of %q", c.o, found, c.rule)
				}
			}
		})
	}
}

func TestCheckStopsAtManyViolations(t *testing.T) {
	e := enginetest.All(t)[0]
	url := e.Migrated(t)
	s := open(t, url)
	e.Exec(t, url, `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
		INSERT INTO audit_heads (log_id, seq, time) SELECT 'log ' || i, 1, 1 FROM n`)
	found := check(t, s, fsck.Options{})
	if n := len(found); n != 1001 || found[n-1].Rule != fsck.NotInspected {
		t.Errorf("got %d violations, the last %v", n, found[n-1])
	}
}

func TestViolationString(t *testing.T) {
	v := fsck.Violation{Rule: fsck.Cycle, Object: "organization x", Detail: "it lies below itself"}
	if got, want := v.String(), "cycle: organization x: it lies below itself"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
