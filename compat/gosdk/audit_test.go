package gosdk_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	cloudflare "github.com/cloudflare/cloudflare-go/v7"
	"github.com/cloudflare/cloudflare-go/v7/organizations"

	"github.com/orgd/orgd/compat/live"
)

// auditWindow is from yesterday to the day after tomorrow: the log can be
// followed.
func auditWindow() organizations.LogAuditListParams {
	now := time.Now().UTC()
	return organizations.LogAuditListParams{Since: cloudflare.F(now.AddDate(0, 0, -1)), Before: cloudflare.F(now.AddDate(0, 0, 2))}
}

func renameOrganization(t *testing.T, c *cloudflare.Client, id, name string) {
	t.Helper()
	_, err := c.Organizations.Update(t.Context(), id, organizations.OrganizationUpdateParams{
		Organization: organizations.OrganizationParam{Name: cloudflare.F(name)},
	})
	must(t, err)
}

func (s *suite) auditList(t *testing.T) {
	c, ctx := s.client(t), t.Context()
	root := s.newRoot(t, c, "Audit "+live.Unique())
	renameOrganization(t, c, root.ID, "Renamed")
	member := newMember(t, c, root.ID, s.newUser(t, "Audited").Email, "organization_read_only")

	page, err := c.Organizations.Logs.Audit.List(ctx, root.ID, auditWindow())
	must(t, err)
	descriptions := []string{}
	for _, r := range page.Result {
		descriptions = append(descriptions, r.Action.Description)
		equal(t, "organization", r.Organization.ID, root.ID)
		recent(t, "action.time", r.Action.Time)
	}
	equalSlices(t, "records", descriptions, []string{"Add Member", "Update Organization", "Create Organization"})
	equal(t, "resource", page.Result[0].Resource.ID, member.ID)

	p := auditWindow()
	p.ActionType = cloudflare.F(organizations.LogAuditListParamsActionType{Not: cloudflare.F([]organizations.LogAuditListParamsActionTypeNot{"create"})})
	p.RawStatusCode = cloudflare.F(organizations.LogAuditListParamsRawStatusCode{Not: cloudflare.F([]int64{404, 500})})
	p.ResourceID = cloudflare.F(organizations.LogAuditListParamsResourceID{Not: cloudflare.F([]string{member.ID, "x"})})
	page, err = c.Organizations.Logs.Audit.List(ctx, root.ID, p)
	must(t, err)
	equal(t, "records that pass the negations", len(page.Result), 1)

	// The required dates may be equal, as the SDK's own suite sends them.
	same := auditWindow()
	same.Since = same.Before
	page, err = c.Organizations.Logs.Audit.List(ctx, root.ID, same)
	must(t, err)
	equal(t, "records in an empty window", len(page.Result), 0)

	_, err = c.Organizations.Logs.Audit.List(ctx, "0190000000007000800000000000dead", auditWindow())
	notFound(t, "organization", err)
	bad := auditWindow()
	bad.Cursor = cloudflare.F("cursor")
	fails(t, ignore(c.Organizations.Logs.Audit.List(ctx, root.ID, bad)), failure{status: http.StatusBadRequest, code: 1001, pointer: "cursor"})
}

// auditPaging walks a log with the SDK's own pager while four writers add to
// it. Backwards it has to give what was there; forwards it follows the log,
// and has to end when it has caught up.
func (s *suite) auditPaging(t *testing.T) {
	c, ctx := s.client(t), t.Context()
	root := s.newRoot(t, c, "Audit paging "+live.Unique())
	for i := range 20 {
		renameOrganization(t, c, root.ID, fmt.Sprint("before ", i))
	}
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 10 {
				renameOrganization(t, c, root.ID, fmt.Sprint("writer ", w, " ", i))
			}
		})
	}
	walk := func(direction organizations.LogAuditListParamsDirection, limit float64) int {
		p := auditWindow()
		p.Direction, p.Limit = cloudflare.F(direction), cloudflare.F(limit)
		seen, last := map[string]bool{}, time.Time{}
		pager := c.Organizations.Logs.Audit.ListAutoPaging(ctx, root.ID, p)
		for pager.Next() {
			r := pager.Current()
			if seen[r.ID] {
				t.Errorf("%s: record %s comes twice", direction, r.ID)
			}
			if back := last.After(r.Action.Time); !last.IsZero() && !r.Action.Time.Equal(last) && back != (direction == "desc") {
				t.Errorf("%s: %s follows %s", direction, r.Action.Time, last)
			}
			seen[r.ID], last = true, r.Action.Time
		}
		must(t, pager.Err())
		return len(seen)
	}
	for _, limit := range []float64{1, 3, 7, 1000} {
		for _, direction := range []organizations.LogAuditListParamsDirection{"desc", "asc"} {
			if n := walk(direction, limit); n < 21 || n > 61 {
				t.Errorf("%s by %g: %d records", direction, limit, n)
			}
		}
	}
	wg.Wait()
	equal(t, "records in the end, backwards", walk("desc", 9), 61)
	equal(t, "records in the end, forwards", walk("asc", 9), 61)
}

func (s *suite) auditHistory(t *testing.T) {
	c, ctx := s.client(t), t.Context()
	root := s.newRoot(t, c, "Audit history "+live.Unique())
	renameOrganization(t, c, root.ID, "Renamed")
	newMember(t, c, root.ID, s.newUser(t, "Historic").Email, "organization_read_only")
	w := auditWindow()
	page, err := c.Organizations.Logs.Audit.List(ctx, root.ID, w)
	must(t, err)
	source := page.Result[1]
	p := organizations.LogAuditHistoryParams{ActionTime: cloudflare.F(source.Action.Time), Since: w.Since, Before: w.Before}
	list, err := c.Organizations.Logs.Audit.History(ctx, root.ID, source.ID, p)
	must(t, err)
	descriptions := []string{}
	for _, r := range *list {
		descriptions = append(descriptions, r.Action.Description)
	}
	equalSlices(t, "history", descriptions, []string{"Update Organization", "Create Organization"})
	var resource struct{ Before, After struct{ Name string } }
	must(t, json.Unmarshal([]byte((*list)[0].Resource.JSON.RawJSON()), &resource))
	equal(t, "name before", resource.Before.Name, root.Name)
	equal(t, "name after", resource.After.Name, "Renamed")

	dashed := source.ID[:8] + "-" + source.ID[8:12] + "-" + source.ID[12:16] + "-" + source.ID[16:20] + "-" + source.ID[20:]
	list, err = c.Organizations.Logs.Audit.History(ctx, root.ID, dashed, p)
	must(t, err)
	equal(t, "records for an id with dashes", len(*list), 2)
	_, err = c.Organizations.Logs.Audit.History(ctx, root.ID, "0190000000007000800000000000dead", p)
	notFound(t, "audit log entry", err)
}
