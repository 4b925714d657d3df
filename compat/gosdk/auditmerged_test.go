package gosdk_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	cloudflare "github.com/cloudflare/cloudflare-go/v7"
	"github.com/cloudflare/cloudflare-go/v7/accounts"
	"github.com/cloudflare/cloudflare-go/v7/option"
	"github.com/cloudflare/cloudflare-go/v7/organizations"

	"github.com/orgd/orgd/compat/live"
)

func withDescendants() option.RequestOption { return option.WithQuery("include_descendants", "true") }

// auditDescendants reads the logs of a tree as one, and the history of a
// resource that has records in two of them.
func (s *suite) auditDescendants(t *testing.T) {
	c, ctx := s.client(t), t.Context()
	root := s.newRoot(t, c, "Audit tree "+live.Unique())
	child := newChild(t, c, root.ID, "Child")
	renameOrganization(t, c, child.ID, "Grown up")
	renameOrganization(t, c, root.ID, "Old")

	p := auditWindow()
	p.Limit = cloudflare.F(1.0)
	var logs, descriptions []string
	var source organizations.LogAuditListResponse
	pager := c.Organizations.Logs.Audit.ListAutoPaging(ctx, root.ID, p, withDescendants())
	for pager.Next() {
		r := pager.Current()
		logs, descriptions = append(logs, r.Organization.ID), append(descriptions, r.Action.Description)
		if r.Organization.ID == child.ID {
			source = r
		}
	}
	must(t, pager.Err())
	equalSlices(t, "logs", logs, []string{root.ID, child.ID, root.ID, root.ID})
	equalSlices(t, "records", descriptions, []string{"Update Organization", "Update Organization", "Create Organization", "Create Organization"})

	h := organizations.LogAuditHistoryParams{ActionTime: cloudflare.F(source.Action.Time), Since: p.Since, Before: p.Before}
	_, err := c.Organizations.Logs.Audit.History(ctx, root.ID, source.ID, h)
	notFound(t, "audit log entry", err)
	list, err := c.Organizations.Logs.Audit.History(ctx, root.ID, source.ID, h, withDescendants())
	must(t, err)
	logs = nil
	for _, r := range *list {
		equal(t, "resource", r.Resource.ID, child.ID)
		logs = append(logs, r.Organization.ID)
	}
	equalSlices(t, "logs of the history", logs, []string{child.ID, root.ID})
}

// walked is how many records the log has that is walked.
const walked = 10_000

// auditWalk walks a log in pages of a hundred with the SDK's own pager, in both
// directions, by itself and as that of a subtree, while four writers add to it.
// Every record that was there has to come once.
func (s *suite) auditWalk(t *testing.T) {
	c, ctx := s.client(t), t.Context()
	root := s.newRoot(t, c, "Audit walk "+live.Unique())
	pushRecords(t, s.server, root.ID)
	for _, merged := range []string{"false", "true"} {
		for _, direction := range []organizations.LogAuditListParamsDirection{"desc", "asc"} {
			var writers sync.WaitGroup
			for w := range 4 {
				writers.Go(func() {
					for i := range 50 {
						renameOrganization(t, c, root.ID, fmt.Sprint("writer ", w, " ", i))
						time.Sleep(5 * time.Millisecond)
					}
				})
			}
			p := auditWindow()
			p.Direction, p.Limit = cloudflare.F(direction), cloudflare.F(100.0)
			seen, pushed := map[string]bool{}, 0
			pager := c.Organizations.Logs.Audit.ListAutoPaging(ctx, root.ID, p, option.WithQuery("include_descendants", merged))
			for pager.Next() {
				r := pager.Current()
				if seen[r.ID] {
					t.Errorf("%s: record %s comes twice", direction, r.ID)
				}
				if seen[r.ID] = true; r.Resource.Product == "walk" {
					pushed++
				}
			}
			must(t, pager.Err())
			equal(t, "records, "+string(direction)+", include_descendants="+merged, pushed, walked)
			writers.Wait()
		}
	}
}

// pushRecords adds records to the log of an organization.
func pushRecords(t *testing.T, server *live.Server, organization string) {
	t.Helper()
	at := time.Now().UTC().Format(time.RFC3339)
	for n := 0; n < walked; n += 1000 {
		batch := make([]map[string]any, 1000)
		for i := range batch {
			batch[i] = map[string]any{
				"id": fmt.Sprint("walk-", n+i), "source": "compat", "time": at,
				"action": map[string]any{"type": "update", "result": "success"}, "actor": map[string]any{"type": "external_system"},
				"resource": map[string]any{"product": "walk"},
			}
		}
		must(t, server.Call(t.Context(), "POST", "/organizations/"+organization+"/audit", batch, nil))
	}
}

// accountAudit reads what happened to an account that was moved.
func (s *suite) accountAudit(t *testing.T) {
	c, ctx := s.client(t), t.Context()
	root := s.newRoot(t, c, "Account audit "+live.Unique())
	account := newAccount(t, c, "", "Audited "+live.Unique())
	_, err := c.Accounts.AccountOrganizations.New(ctx, moveTo(account.ID, root.ID))
	must(t, err)
	id := cloudflare.F(account.ID)

	w := auditWindow()
	p := accounts.LogAuditListParams{AccountID: id, Since: w.Since, Before: w.Before, Limit: cloudflare.F(1.0), Direction: cloudflare.F(accounts.LogAuditListParamsDirectionAsc)}
	var descriptions []string
	var source accounts.LogAuditListResponse
	pager := c.Accounts.Logs.Audit.ListAutoPaging(ctx, p)
	for pager.Next() {
		source = pager.Current()
		descriptions = append(descriptions, source.Action.Description)
		equal(t, "account", source.Account.ID, account.ID)
		equal(t, "name of the account", source.Account.Name, account.Name)
	}
	must(t, pager.Err())
	equalSlices(t, "records", descriptions, []string{"Create Account", "Move Account", "Move Account"})

	p.Limit = cloudflare.F(100.0)
	p.ProductCategory = cloudflare.F([]string{"Accounts"})
	p.ActionType = cloudflare.F(accounts.LogAuditListParamsActionType{Not: cloudflare.F([]accounts.LogAuditListParamsActionTypeNot{"create"})})
	p.ZoneName = cloudflare.F(accounts.LogAuditListParamsZoneName{Not: cloudflare.F([]string{"example.com"})})
	page, err := c.Accounts.Logs.Audit.List(ctx, p)
	must(t, err)
	equal(t, "records that pass the filters", len(page.Result), 2)
	p.ProductCategory = cloudflare.F([]string{"nothing"})
	fails(t, ignore(c.Accounts.Logs.Audit.List(ctx, p)), failure{status: http.StatusBadRequest, code: 1001, pointer: "product_category"})

	list, err := c.Accounts.Logs.Audit.History(ctx, source.ID, accounts.LogAuditHistoryParams{
		AccountID: id, ActionTime: cloudflare.F(source.Action.Time), Since: w.Since, Before: w.Before,
	})
	must(t, err)
	equal(t, "records of the history", len(*list), 3)

	categories, err := c.Accounts.Logs.Audit.ProductCategories(ctx, accounts.LogAuditProductCategoriesParams{AccountID: id})
	must(t, err)
	all := c.Accounts.Logs.Audit.ProductCategoriesAutoPaging(ctx, accounts.LogAuditProductCategoriesParams{AccountID: id})
	n := 0
	for all.Next() {
		n++
	}
	must(t, all.Err())
	equal(t, "categories", n, len(categories.Result))
	equal(t, "category", categories.Result[0].Value, "accounts")
	equal(t, "product", categories.Result[0].Products[0].Value, "accounts")
}
