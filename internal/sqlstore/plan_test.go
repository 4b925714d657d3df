package sqlstore_test

import (
	"context"
	"strings"
	"testing"

	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/engine/enginetest"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/page"
	"github.com/orgd/orgd/internal/storetest"
	"github.com/orgd/orgd/internal/usage"
)

// lists are the queries whose cost must not grow with what they do not show,
// and the indexes that see to it: the name on PostgreSQL and, where it is
// another, on SQLite.
func lists(f storetest.Sample) []struct {
	name    string
	indexes []string
	call    func(context.Context, org.Reader) error
} {
	after := page.Request{Size: 10, After: &page.Position{Time: f.Root.Created, Key: "a", ID: string(f.Root.ID)}}
	numbered := page.Numbered{Page: 2, PerPage: 10}
	scope := auth.Scope{Roots: []id.Organization{f.Root.ID, f.Other.ID}}
	part := auth.Scope{Roots: []id.Organization{f.Mid.ID}, Accounts: []id.Account{f.Loose.ID}}
	organizations := func(q org.OrganizationQuery) func(context.Context, org.Reader) error {
		return func(ctx context.Context, r org.Reader) error { _, err := r.ListOrganizations(ctx, q); return err }
	}
	accounts := func(q org.AccountQuery) func(context.Context, org.Reader) error {
		return func(ctx context.Context, r org.Reader) error { _, err := r.ListAccounts(ctx, q); return err }
	}
	own := func(q org.OrganizationAccountQuery) func(context.Context, org.Reader) error {
		return func(ctx context.Context, r org.Reader) error {
			_, err := r.ListOrganizationAccounts(ctx, q)
			return err
		}
	}
	return []struct {
		name    string
		indexes []string
		call    func(context.Context, org.Reader) error
	}{
		{"organizations of subtrees", []string{"organization_closure_pkey", "subtree_counts_pkey", "organizations_pkey"}, organizations(org.OrganizationQuery{Scope: scope, Request: after})},
		{"organizations by name", []string{"organizations_name", "organization_closure_pkey"}, organizations(org.OrganizationQuery{Scope: scope, Name: org.TextFilter{StartsWith: "a"}, Request: after})},
		{"organizations by identifier", []string{"organizations_pkey", "organization_closure_pkey"}, organizations(org.OrganizationQuery{Scope: scope, IDs: []id.Organization{f.Leaf.ID}, Request: after})},
		{"organizations below one", []string{"organizations_parent"}, organizations(org.OrganizationQuery{Scope: scope, Parent: org.ParentFilter{ID: f.Root.ID}, Request: after})},
		{"roots", []string{"organizations_pkey"}, organizations(org.OrganizationQuery{Scope: scope, Parent: org.ParentFilter{Roots: true}, Request: after})},
		{"accounts of whole trees", []string{"accounts_root", "accounts_pkey", "subtree_counts_pkey"}, accounts(org.AccountQuery{Scope: scope, Numbered: numbered})},
		{"accounts of part of a tree", []string{"accounts_organization", "organization_closure_pkey", "accounts_pkey"}, accounts(org.AccountQuery{Scope: part, Numbered: numbered})},
		{"accounts by name", []string{"accounts_name"}, accounts(org.AccountQuery{Scope: scope, Name: "x", Numbered: numbered})},
		{"accounts of an organization", []string{"accounts_organization"}, own(org.OrganizationAccountQuery{Organization: f.Root.ID, Request: after})},
		{"accounts that were deleted", []string{"accounts_deleted"}, func(ctx context.Context, r org.Reader) error {
			_, err := r.DeletedAccounts(ctx, []id.Organization{f.Root.ID})
			return err
		}},
		{"accounts of an organization by name", []string{"accounts_organization_name"}, own(org.OrganizationAccountQuery{Organization: f.Root.ID, ByName: true, Request: after})},
		{"members", []string{"members_organization", "users_pkey"}, func(ctx context.Context, r org.Reader) error {
			_, err := r.ListMembers(ctx, org.MemberQuery{Organization: f.Root.ID, Request: after})
			return err
		}},
		{"members of an account", []string{"account_members_account"}, func(ctx context.Context, r org.Reader) error {
			_, err := r.ListAccountMembers(ctx, f.Account.ID, after)
			return err
		}},
		{"memberships", []string{"account_members_user"}, func(ctx context.Context, r org.Reader) error {
			_, err := r.ListMemberships(ctx, org.MembershipQuery{User: f.User.ID, Numbered: numbered})
			return err
		}},
		{"users", []string{"users_created"}, func(ctx context.Context, r org.Reader) error {
			_, err := r.ListUsers(ctx, org.UserQuery{Request: after})
			return err
		}},
		{"tokens", []string{"api_tokens_user"}, func(ctx context.Context, r org.Reader) error {
			_, err := r.ListTokens(ctx, org.TokenQuery{User: f.User.ID, Numbered: numbered})
			return err
		}},
		{"principal by token", []string{"api_tokens_hash_key", "members_user", "account_members_user", "organizations_pkey"}, func(ctx context.Context, r org.Reader) error {
			_, err := r.Principal(ctx, org.CredentialRef{TokenHash: "hash"})
			return unlessAbsent(err)
		}},
		{"principal by key", []string{"users_email_fold_key", "api_keys_pkey"}, func(ctx context.Context, r org.Reader) error {
			_, err := r.Principal(ctx, org.CredentialRef{KeyHash: "hash", Email: "a"})
			return unlessAbsent(err)
		}},
		{"grants", []string{"members_user", "account_members_user"}, func(ctx context.Context, r org.Reader) error {
			_, _, err := r.Grants(ctx, f.User.ID)
			return err
		}},
		{"places", []string{"members_user"}, func(ctx context.Context, r org.Reader) error {
			_, err := r.MemberPlaces(ctx, f.User.ID)
			return err
		}},
		{"invitation", []string{"members_code"}, func(ctx context.Context, r org.Reader) error {
			_, err := r.MemberByCode(ctx, f.Mid.ID, "hash")
			return unlessAbsent(err)
		}},
		{"live member", []string{"members_live"}, func(ctx context.Context, r org.Reader) error {
			_, err := r.LiveMember(ctx, f.Mid.ID, f.User.ID)
			return err
		}},
		{"access", []string{"members_", "account_members_"}, func(ctx context.Context, r org.Reader) error {
			_, err := r.ListAccess(ctx, org.AccessQuery{Path: f.Leaf.Path, Account: f.Account.ID, Request: page.Request{Size: 5}})
			return err
		}},
		{"users by e-mail", []string{"users_email_fold_key"}, func(ctx context.Context, r org.Reader) error {
			_, err := r.UsersByEmail(ctx, []string{"a", "b"})
			return err
		}},
		{"records by identifier", []string{"audit_records_id"}, func(ctx context.Context, r org.Reader) error {
			_, err := r.AuditRecordsByID(ctx, id.Log(f.Root.ID), []id.Record{"a", "b"})
			return err
		}},
		{"log", []string{"audit_records_pkey"}, func(ctx context.Context, r org.Reader) error {
			_, err := r.AuditRecords(ctx, id.Log(f.Root.ID), 3, 10)
			return err
		}},
		{"streams", []string{"audit_streams_log", "audit_heads_pkey"}, func(ctx context.Context, r org.Reader) error {
			_, err := r.ListStreams(ctx, id.Log(f.Root.ID), after)
			return err
		}},
		{"budgets", []string{"budgets_owner"}, func(ctx context.Context, r org.Reader) error {
			_, err := r.ListBudgets(ctx, org.Owner{Organization: "o1"}, after)
			return err
		}},
		{"budgets that are due", []string{"budgets_due"}, func(ctx context.Context, r org.Reader) error {
			_, err := r.DueBudgets(ctx, f.Root.Created, 10)
			return err
		}},
		{"crossings", []string{"budget_crossings_order", "budgets_pkey"}, func(ctx context.Context, r org.Reader) error {
			_, err := r.ListCrossings(ctx, "b1", after)
			return err
		}},
		{"current crossings", []string{"budget_crossings_o", "budgets_pkey"}, func(ctx context.Context, r org.Reader) error {
			_, err := r.CurrentCrossings(ctx, []id.Budget{"b1", "b2"})
			return err
		}},
		{"notices that are due", []string{"budget_crossings_waiting"}, func(ctx context.Context, r org.Reader) error {
			_, err := r.DueNotices(ctx, f.Root.Created, 10)
			return err
		}},
		{"billing periods", []string{"usage_periods_pkey"}, func(ctx context.Context, r org.Reader) error {
			_, err := r.ListBillingPeriods(ctx, f.Account.ID, page.Request{Size: 10, After: &page.Position{ID: "20000"}})
			return err
		}},
		{"the first open period", []string{"usage_periods_pkey"}, func(ctx context.Context, r org.Reader) error {
			_, err := r.FirstOpenPeriod(ctx, f.Account.ID)
			return unlessAbsent(err)
		}},
		{"restatements", []string{"usage_restatements_pkey"}, func(ctx context.Context, r org.Reader) error {
			_, err := r.ListRestatements(ctx, f.Account.ID, page.Request{Size: 10, After: &page.Position{ID: "1000"}})
			return err
		}},
		{"what was billed and used on a day", []string{"usage_billed_pkey", "usage_days_pkey"}, func(ctx context.Context, r org.Reader) error {
			q := usage.Query{Day: 20000, Accounts: []id.Account{f.Account.ID}, Billed: []id.Account{f.Account.ID}}
			return r.EachLine(ctx, q, func(*usage.Billed, *usage.Record) error { return nil })
		}},
		{"usage of a day", []string{"usage_days_pkey"}, func(ctx context.Context, r org.Reader) error {
			return r.EachUsage(ctx, usage.Query{Day: 20000, Accounts: []id.Account{f.Account.ID, "a1"}}, func(*usage.Record) error { return nil })
		}},
		{"states of a day", []string{"usage_days_pkey"}, func(ctx context.Context, r org.Reader) error {
			return r.EachState(ctx, usage.Query{Day: 20000, Accounts: []id.Account{f.Account.ID, "a1"}}, func(*usage.Record) error { return nil })
		}},
		{"states of a day of some metrics", []string{"usage_days_pkey"}, func(ctx context.Context, r org.Reader) error {
			q := usage.Query{Day: 20000, Accounts: []id.Account{f.Account.ID, "a1"}, Metrics: []usage.MetricID{"m", "n"}}
			return r.EachState(ctx, q, func(*usage.Record) error { return nil })
		}},
		{"charges", []string{"usage_charges_account"}, func(ctx context.Context, r org.Reader) error {
			_, err := r.ListCharges(ctx, f.Account.ID, after)
			return err
		}},
		{"recurring charges", []string{"usage_charges_day"}, func(ctx context.Context, r org.Reader) error {
			_, err := r.RecurringCharges(ctx, []id.Account{f.Account.ID})
			return err
		}},
		{"charges of some days", []string{"usage_charges_day"}, func(ctx context.Context, r org.Reader) error {
			_, err := r.ChargesOnce(ctx, org.ChargeQuery{Accounts: []id.Account{f.Account.ID}, Days: usage.Period{Start: 1, End: 9}, Limit: 5})
			return err
		}},
		{"first billing period", []string{"usage_periods_pkey"}, func(ctx context.Context, r org.Reader) error {
			_, err := r.FirstPeriod(ctx, []id.Account{f.Account.ID})
			return unlessAbsent(err)
		}},
		{"undelivered", []string{"audit_streams_running"}, func(ctx context.Context, r org.Reader) error {
			_, err := r.FirstUndelivered(ctx, id.Log(f.Root.ID))
			return unlessAbsent(err)
		}},
	}
}

func TestListsUseIndexes(t *testing.T) {
	for _, e := range enginetest.All(t) {
		t.Run(e.Name, func(t *testing.T) {
			url := e.URL(t)
			store := openMigrated(t, url)
			f := storetest.Fill(t, store)
			if e.Name == "postgres" { // SQLite plans alike for all sizes
				e.Exec(t, url, strings.NewReplacer("{root}", string(f.Root.ID), "{user}", string(f.User.ID), "{account}", string(f.Account.ID)).Replace(crowdSQL))
			}
			for _, l := range lists(f) {
				plan, err := store.Explain(t.Context(), func(r org.Reader) error { return l.call(t.Context(), r) })
				if err != nil {
					t.Errorf("%s: %v", l.name, err)
					continue
				}
				checkPlan(t, e.Name, l.name, plan, l.indexes)
			}
		})
	}
}

// crowdSQL makes the tables so large that reading one from one end to the
// other does not pay.
const crowdSQL = `
	INSERT INTO users SELECT 'u' || i, 'e' || i, 'e' || i, '', '', FALSE, FALSE, 'active', i, i FROM generate_series(1, 3000) i;
	INSERT INTO api_tokens SELECT 't' || i, 'u' || i, 'h' || i, '', 'active', '', '', '', 0, 0, i, i, 0 FROM generate_series(1, 3000) i;
	INSERT INTO api_keys SELECT 'u' || i, 'h' || i, i FROM generate_series(1, 3000) i;
	INSERT INTO organizations SELECT 'o' || i, '{root}', '{root}/o' || i, 1, 'n' || i % 500, 'n' || i % 500, '', i, i, 0 FROM generate_series(1, 3000) i;
	INSERT INTO organizations SELECT 'r' || i, NULL, 'r' || i, 0, 'n' || i % 500, 'n' || i % 500, '', i, i, 0 FROM generate_series(1, 3000) i;
	INSERT INTO organization_closure SELECT '{root}', i, 'o' || i FROM generate_series(1, 3000) i;
	INSERT INTO organization_closure SELECT 'o' || i, i, 'o' || i FROM generate_series(1, 3000) i;
	INSERT INTO organization_closure SELECT 'r' || i, i, 'r' || i FROM generate_series(1, 3000) i;
	INSERT INTO subtree_counts SELECT 'o' || i, 1, 0, 1 FROM generate_series(1, 3000) i;
	INSERT INTO accounts SELECT 'a' || i, 'o' || i % 1000, '{root}', 'n' || i % 500, 'n' || i % 500, 'standard', NULL, NULL, i, i, 0 FROM generate_series(1, 3000) i;
	INSERT INTO accounts SELECT 'b' || i, '{root}', '{root}', 'n' || i % 500, 'n' || i % 500, 'standard', NULL, NULL, i, i, 0 FROM generate_series(1, 1000) i;
	INSERT INTO accounts SELECT 'c' || i, 'r' || i, 'r' || i, 'n' || i % 500, 'n' || i % 500, 'standard', NULL, NULL, i, i, 0 FROM generate_series(1, 3000) i;
	INSERT INTO profiles SELECT 'o' || i, '', '', '', '', '', TRUE, i FROM generate_series(1, 3000) i;
	INSERT INTO members SELECT 'm' || i, 'o' || i, 'u' || i, 'organization_read_only', 'active', 'h' || i, 0, i, i FROM generate_series(1, 3000) i;
	INSERT INTO members SELECT 'n' || i, '{root}', 'u' || i, 'organization_read_only', 'active', '', 0, i, i FROM generate_series(1, 1000) i;
	INSERT INTO account_members SELECT 'x' || i, 'a' || i, 'u' || i, 'account_read_only', i FROM generate_series(1, 3000) i;
	INSERT INTO usage_periods SELECT 'a' || i % 50, i, i + 1, i % 2, 0, FALSE, '', '', '', '' FROM generate_series(1, 5000) i;
	INSERT INTO usage_restatements SELECT 'a' || i % 10, i, 1, 1, 'm', '', '', '0', '1', 1, 1 FROM generate_series(1, 5000) i;
	INSERT INTO usage_days SELECT 'a' || i % 10, i, 'm', '', '', '', '', 1, '1', '1', '1', '1', 1, '', 0 FROM generate_series(1, 5000) i;
	INSERT INTO usage_billed SELECT 'a' || i % 10, i, 'm', '', '', 1, 0, FALSE, '', '', '1', '1', '1', '1', '' FROM generate_series(1, 5000) i;
	INSERT INTO audit_heads SELECT 'l' || i, i, i FROM generate_series(1, 3000) i;
	INSERT INTO audit_streams SELECT 's' || i, 'l' || i, '', '{}', '', '', 0, i % 10 = 0, '', 1, i, i, i, i, 0, 0, 0, 0, 0, '', '', 0 FROM generate_series(1, 3000) i;
	INSERT INTO budgets SELECT 'b' || i, 'o' || i % 1000, FALSE, '', '', '', '1', 'USD', '100', '', '', '', 0, 1, 1, i, i, i, i, 0, 31, 0, '0', '0', '', FALSE,
		4000000000000000 + i, '', 0 FROM generate_series(1, 3000) i;
	INSERT INTO budget_crossings SELECT 'x' || i, 'b' || i % 1000 + 1, '', 1, '', '', '1', 'USD', i, 0, 31, '0', '0', i, '', CASE WHEN i % 100 = 0 THEN 'waiting' ELSE 'delivered' END,
		0, 0, 4000000000000000 + i, '', 0, 0, '', 0 FROM generate_series(1, 30000) i;
	INSERT INTO usage_charges SELECT CASE WHEN i % 2 = 0 THEN '{account}' ELSE 'a' || i END, 'c' || i, i, 'Tax', i % 10 = 0, '1', 'USD', '', i, i + 1 FROM generate_series(1, 3000) i;
	INSERT INTO audit_records SELECT log_id, seq + i, id || i, time, account_id, source, source_id, occurred, action_type, action_description, action_result, actor_id, actor_type, actor_context,
		actor_email, actor_ip, actor_token_id, actor_token_name, actor_salt, actor_commitments, actor_subject, raw_ray_id, raw_method, raw_uri, raw_user_agent, raw_status,
		resource_id, resource_type, resource_product, resource_scope, request, response, before_change, after_change, personal
		FROM (SELECT * FROM audit_records WHERE log_id = '{root}' ORDER BY seq DESC LIMIT 1) r, generate_series(1, 3000) i;
	ANALYZE`

// checkPlan wants the indexes in a plan, and no table read from one end to the
// other. SQLite names primary keys otherwise.
func checkPlan(t *testing.T, engine, name, plan string, indexes []string) {
	t.Helper()
	for _, index := range indexes {
		if engine == "sqlite" && (strings.HasSuffix(index, "_pkey") || strings.HasSuffix(index, "_key")) {
			continue // PRIMARY KEY, or sqlite_autoindex; the lines below see to those
		}
		if !strings.Contains(plan, index) {
			t.Errorf("%s: the plan does not use %s:\n%s", name, index, plan)
		}
	}
	for line := range strings.Lines(plan) {
		line = strings.TrimSpace(line)
		// Scanned may be what a list is made of, and an index in its order.
		scan := strings.HasPrefix(line, "SCAN ") && !strings.Contains(line, "json_each") && !strings.Contains(line, "INDEX") &&
			!isPart(line)
		if scan || strings.Contains(line, "Seq Scan on") {
			t.Errorf("%s: the plan has %q:\n%s", name, line, plan)
		}
	}
}

// isPart reports whether a line of SQLite's plan is about a part of the
// statement instead of a table.
func isPart(line string) bool {
	switch strings.Fields(line)[1] {
	case "k", "s", "p", "n", "g", "one", "list", "above", "CONSTANT":
		return true
	}
	return strings.HasPrefix(strings.Fields(line)[1], "(")
}
