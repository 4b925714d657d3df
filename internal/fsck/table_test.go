package fsck_test

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/orgd/orgd/internal/fsck"
)

// unruled are the tables that no rule looks at, and why.
var unruled = map[string]string{
	"rights_changes": "it says that something changed, and never what: any number will do",
	"usage_refusals": "receipts of what somebody sent, which may name anything: nothing depends on them",
}

// TestEveryTableHasARule wants a test that damages each table of the schema in
// a way that is found, or a reason why there is none: a new table needs a rule.
func TestEveryTableHasARule(t *testing.T) {
	found := map[string][]fsck.Rule{}
	add := func(sql string, rules ...fsck.Rule) {
		for _, table := range changedTables(sql) {
			found[table] = append(found[table], rules...)
		}
	}
	for _, d := range damages {
		add(d.sql, d.want...)
	}
	for _, d := range bills {
		add(d.sql, fsck.Bill)
	}
	for _, i := range injuries {
		if tables := changedTables(i.sql); !slices.Equal(tables, []string{i.table}) {
			t.Errorf("the injury %s %s is of %q: %s", i.table, i.name, tables, i.sql)
		}
		add(i.sql, i.rule)
	}
	for _, engine := range []string{"sqlite", "postgres"} {
		text, err := os.ReadFile("../sqlstore/schema." + engine + ".sql")
		if err != nil {
			t.Fatal(err)
		}
		tables := map[string]bool{}
		for _, table := range regexp.MustCompile(`(?m)^CREATE TABLE (\w+)`).FindAllStringSubmatch(string(text), -1) {
			tables[table[1]] = true
		}
		if len(tables) < 30 {
			t.Fatalf("%s has the tables %v", engine, tables)
		}
		for _, table := range slices.Sorted(maps.Keys(tables)) {
			if ruled, reason := len(found[table]) > 0, unruled[table]; ruled == (reason != "") {
				t.Errorf("%s: table %s: found by %q, and a reason to leave it out: %q; want one of them", engine, table, found[table], reason)
			}
		}
		for _, table := range slices.Concat(slices.Collect(maps.Keys(found)), slices.Collect(maps.Keys(unruled))) {
			if !tables[table] {
				t.Errorf("%s has no table %s", engine, table)
			}
		}
	}
}

// TestRulesAreDocumented wants every rule in the table of docs/OPERATING.md.
func TestRulesAreDocumented(t *testing.T) {
	source, err := os.ReadFile("fsck.go")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/OPERATING.md")
	if err != nil {
		t.Fatal(err)
	}
	rules := regexp.MustCompile(`(?m)^\t\w+ +Rule = "([^"]+)"`).FindAllStringSubmatch(string(source), -1)
	if len(rules) < 20 {
		t.Fatalf("fsck.go has the rules %q", rules)
	}
	for _, rule := range rules {
		if !regexp.MustCompile("(?m)^\\|.*`" + rule[1] + "`.*\\|.*\\|$").Match(page) {
			t.Errorf("docs/OPERATING.md does not tell the rule %q", rule[1])
		}
	}
}
