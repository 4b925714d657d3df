package sqlstore_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/engine/enginetest"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
)

// selective are the fields of which a single value has its own index.
var selective = map[audit.Field]string{
	audit.FieldID: "audit_records_id", audit.FieldActorID: "audit_records_actor", audit.FieldActorEmail: "audit_records_email",
	audit.FieldActorIP: "audit_records_ip", audit.FieldActorTokenID: "audit_records_token",
	audit.FieldRawRayID: "audit_records_ray", audit.FieldResourceID: "audit_records_resource", audit.FieldAccount: "audit_records_account",
}

// readInOrder are the fields that SQLite compares in the index that it reads a
// window by, before it reads a record.
var readInOrder = []audit.Field{audit.FieldActorID, audit.FieldActorEmail, audit.FieldActorIP, audit.FieldActorTokenID, audit.FieldRawRayID}

// TestAuditPlans demands of every family of filters, in both forms and
// directions, a plan that is bounded by the log and the window and never
// reads the whole table.
func TestAuditPlans(t *testing.T) {
	t.Parallel()
	for _, e := range enginetest.All(t) {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			url := e.Migrated(t)
			s := openStore(t, url)
			fillLogs(t, s)
			e.Exec(t, url, "ANALYZE")
			for field := range audit.FieldZone { // which no column has
				for _, not := range []bool{false, true} {
					q := audit.Query{
						Since: logStart.Add(2400 * time.Second), Before: logStart.Add(2600 * time.Second), Limit: 100,
						Filters: []audit.Filter{{Field: field, Not: not, Values: []string{"2500"}}},
					}
					for _, q.Ascending = range []bool{false, true} {
						window, page, err := s.AuditPlan(t.Context(), "log 1", q)
						if err != nil {
							t.Fatal(err)
						}
						checkPlans(t, e.Name, &q, window, page)
					}
				}
			}
		})
	}
}

func checkPlans(t *testing.T, engine string, q *audit.Query, window, page string) {
	t.Helper()
	about := fmt.Sprintf("%+v", q.Filters[0])
	if strings.Count(window, "audit_records_time") != 2 || strings.Contains(window, "Seq Scan") || strings.Contains(window, "SCAN audit") {
		t.Errorf("%s: the window is not found by its index:\n%s", about, window)
	}
	bounded := regexp.MustCompile(`Index Cond: \(.*\(log_id = `) // and, in the same condition, the numbers
	if engine == "sqlite" {
		bounded = regexp.MustCompile(`log_id=\?`) // and, in the same line, the numbers or what is looked for
	}
	if strings.Contains(page, "Seq Scan") || strings.Contains(page, "SCAN audit") || !bounded.MatchString(page) {
		t.Errorf("%s: the plan is not bounded by the log:\n%s", about, page)
	}
	index, rare := selective[q.Filters[0].Field]
	if engine == "sqlite" && (q.Filters[0].Not || slices.Contains(readInOrder, q.Filters[0].Field)) {
		index, rare = "audit_records_log (log_id=? AND seq>? AND seq<?)", true
	}
	switch {
	case rare && (engine == "sqlite" || !q.Filters[0].Not):
		if !strings.Contains(page, index) {
			t.Errorf("%s: want %s, got\n%s", about, index, page)
		}
	case engine == "sqlite" && !strings.Contains(page, "(log_id=? AND seq>? AND seq<?)"),
		engine == "postgres" && !strings.Contains(page, " AND (seq >= "):
		t.Errorf("%s: the plan is not bounded by the window:\n%s", about, page)
	}
}

var logStart = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// fillLogs writes logs in which every field has the number of the second as
// its value, or one of few.
func fillLogs(t *testing.T, s org.Store) {
	t.Helper()
	for log := range 3 {
		err := s.Update(t.Context(), func(tx org.Tx) error {
			var records []*audit.Record
			for i := range 5000 {
				records = append(records, numbered(id.Log(fmt.Sprint("log ", log)), i))
			}
			return tx.AppendAudits(t.Context(), records)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func numbered(log id.Log, i int) *audit.Record {
	n := fmt.Sprint(i)
	r := audit.Record{
		Log: log, ID: id.Record(n), Account: id.Account(n), Time: logStart.Add(time.Duration(i) * time.Second), Result: audit.Success, Action: audit.OrganizationUpdate,
		Actor:    audit.Actor{ID: id.User(n), Email: n, IP: n, TokenID: id.Token(n), TokenName: n},
		Raw:      audit.Raw{RayID: n, Method: "GET", URI: n, Status: 200},
		Resource: audit.Resource{ID: n, Type: "organization", Product: "organizations", Request: []byte(strings.Repeat("x", 300))},
	}
	return &r
}
