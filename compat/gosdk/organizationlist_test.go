package gosdk_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	cloudflare "github.com/cloudflare/cloudflare-go/v7"
	"github.com/cloudflare/cloudflare-go/v7/organizations"
	"github.com/cloudflare/cloudflare-go/v7/packages/pagination"

	"github.com/orgd/orgd/compat/live"
)

// resultInfo is the result_info of the token-paged lists.
type resultInfo struct {
	NextPageToken string `json:"next_page_token"`
	TotalSize     int    `json:"total_size"`
}

func infoOf(t *testing.T, raw string) resultInfo {
	t.Helper()
	var page struct {
		ResultInfo resultInfo `json:"result_info"`
	}
	must(t, json.Unmarshal([]byte(raw), &page))
	return page.ResultInfo
}

func listOrganizations(t *testing.T, c *cloudflare.Client, p organizations.OrganizationListParams) *pagination.SinglePage[organizations.Organization] {
	t.Helper()
	page, err := c.Organizations.List(t.Context(), p)
	must(t, err)
	return page
}

func organizationNames(page *pagination.SinglePage[organizations.Organization]) []string {
	names := []string{}
	for _, o := range page.Result {
		names = append(names, o.Name)
	}
	return names
}

func (s *suite) organizationFilters(t *testing.T) {
	c := s.client(t)
	mark := live.Unique()
	root := s.newRoot(t, c, "Alpha "+mark)
	beta, gamma := newChild(t, c, root.ID, "Beta "+mark), newChild(t, c, root.ID, mark+" Gamma")
	newChild(t, c, beta.ID, "100%_"+mark)

	type name = organizations.OrganizationListParamsName
	for _, tt := range []struct {
		what   string
		params organizations.OrganizationListParams
		want   []string
	}{
		{"id", organizations.OrganizationListParams{ID: cloudflare.F([]string{gamma.ID, root.ID})}, []string{"Alpha " + mark, mark + " Gamma"}},
		{
			"name.contains",
			organizations.OrganizationListParams{Name: cloudflare.F(name{Contains: cloudflare.F(strings.ToUpper(mark))})},
			[]string{"Alpha " + mark, "Beta " + mark, mark + " Gamma", "100%_" + mark},
		},
		{"name.startsWith", organizations.OrganizationListParams{Name: cloudflare.F(name{StartsWith: cloudflare.F("BETA " + mark)})}, []string{"Beta " + mark}},
		{"name.endsWith", organizations.OrganizationListParams{Name: cloudflare.F(name{EndsWith: cloudflare.F(mark + " gamma")})}, []string{mark + " Gamma"}},
		{"wildcards are plain characters", organizations.OrganizationListParams{Name: cloudflare.F(name{Contains: cloudflare.F("%_" + mark)})}, []string{"100%_" + mark}},
		{"both ends", organizations.OrganizationListParams{Name: cloudflare.F(name{StartsWith: cloudflare.F("alpha"), EndsWith: cloudflare.F(mark)})}, []string{"Alpha " + mark}},
		{"parent.id", organizations.OrganizationListParams{Parent: cloudflare.F(organizations.OrganizationListParamsParent{
			ID: cloudflare.F(organizations.OrganizationListParamsParentID(root.ID)),
		})}, []string{"Beta " + mark, mark + " Gamma"}},
		{"parent.id null", organizations.OrganizationListParams{
			Name: cloudflare.F(name{Contains: cloudflare.F(mark)}),
			Parent: cloudflare.F(organizations.OrganizationListParamsParent{
				ID: cloudflare.F(organizations.OrganizationListParamsParentIDNull),
			}),
		}, []string{"Alpha " + mark}},
		{"nothing", organizations.OrganizationListParams{ID: cloudflare.F([]string{"no-such-id"})}, []string{}},
	} {
		page := listOrganizations(t, c, tt.params)
		equalSlices(t, tt.what, organizationNames(page), tt.want)
		equal(t, "total_size of "+tt.what, infoOf(t, page.JSON.RawJSON()).TotalSize, len(tt.want))
	}
	equal(t, "the list has the objects of get", listed(t, c, beta.ID).JSON.RawJSON(), beta.JSON.RawJSON())
}

func listed(t *testing.T, c *cloudflare.Client, id string) organizations.Organization {
	t.Helper()
	page := listOrganizations(t, c, organizations.OrganizationListParams{ID: cloudflare.F([]string{id})})
	if len(page.Result) != 1 {
		t.Fatalf("%d organizations have the id %s", len(page.Result), id)
	}
	return page.Result[0]
}

func (s *suite) organizationContaining(t *testing.T) {
	c := s.client(t)
	root := s.newRoot(t, c, "containing root "+live.Unique())
	middle := newChild(t, c, root.ID, "containing middle")
	leaf := newChild(t, c, middle.ID, "containing leaf")
	account := newAccount(t, c, leaf.ID, "contained")
	contained := s.newUser(t, "Contained")
	newMember(t, c, middle.ID, contained.Email, "organization_read_only")

	for _, tt := range []struct {
		what   string
		filter organizations.OrganizationListParamsContaining
		want   []string
	}{
		{"containing.account", organizations.OrganizationListParamsContaining{Account: cloudflare.F(account.ID)}, []string{root.ID, middle.ID, leaf.ID}},
		{"containing.organization", organizations.OrganizationListParamsContaining{Organization: cloudflare.F(leaf.ID)}, []string{root.ID, middle.ID}},
		{"containing.organization of a root", organizations.OrganizationListParamsContaining{Organization: cloudflare.F(root.ID)}, []string{}},
		{"containing.user", organizations.OrganizationListParamsContaining{User: cloudflare.F(contained.ID)}, []string{root.ID, middle.ID}},
		{"account and organization", organizations.OrganizationListParamsContaining{
			Account: cloudflare.F(account.ID), Organization: cloudflare.F(middle.ID),
		}, []string{root.ID}},
	} {
		ids := []string{}
		for _, o := range listOrganizations(t, c, organizations.OrganizationListParams{Containing: cloudflare.F(tt.filter)}).Result {
			ids = append(ids, o.ID)
		}
		equalSlices(t, tt.what, ids, tt.want)
	}
}

func (s *suite) organizationPages(t *testing.T) {
	c := s.client(t)
	root := s.newRoot(t, c, "Pages "+live.Unique())
	want := []string{}
	for i := range 12 {
		want = append(want, fmt.Sprintf("page %02d", i))
		newChild(t, c, root.ID, want[i])
	}
	children := func() organizations.OrganizationListParams {
		return organizations.OrganizationListParams{Parent: cloudflare.F(organizations.OrganizationListParamsParent{
			ID: cloudflare.F(organizations.OrganizationListParamsParentID(root.ID)),
		})}
	}

	// Pages of every size, followed by the token, give each exactly once, in order.
	for _, size := range []int64{1, 5, 12, 1000} {
		got, p := []string{}, children()
		p.PageSize = cloudflare.F(size)
		for {
			page := listOrganizations(t, c, p)
			info := infoOf(t, page.JSON.RawJSON())
			equal(t, "total_size", info.TotalSize, len(want))
			got = append(got, organizationNames(page)...)
			if info.NextPageToken == "" {
				break
			}
			p.PageToken = cloudflare.F(info.NextPageToken)
		}
		equalSlices(t, fmt.Sprintf("pages of %d", size), got, want)
	}

	// Ten by default and for 0. The SDK's own pager never follows the token.
	zero := children()
	zero.PageSize = cloudflare.F(int64(0))
	equalSlices(t, "page_size 0", organizationNames(listOrganizations(t, c, zero)), want[:10])
	first := listOrganizations(t, c, children())
	equalSlices(t, "the default page", organizationNames(first), want[:10])
	got, pager := []string{}, c.Organizations.ListAutoPaging(t.Context(), children())
	for pager.Next() {
		got = append(got, pager.Current().Name)
	}
	must(t, pager.Err())
	equalSlices(t, "ListAutoPaging", got, want[:10])
	s.organizationBadPages(t, c, children(), infoOf(t, first.JSON.RawJSON()).NextPageToken)
}

func (s *suite) organizationBadPages(t *testing.T, c *cloudflare.Client, p organizations.OrganizationListParams, token string) {
	t.Helper()
	list := func(p organizations.OrganizationListParams) error {
		return ignore(c.Organizations.List(t.Context(), p))
	}
	badSize := failure{status: http.StatusBadRequest, code: 1001, pointer: "page_size"}
	badToken := failure{status: http.StatusBadRequest, code: 1001, pointer: "page_token"}
	large, negative, odd := p, p, p
	large.PageSize = cloudflare.F(int64(1001))
	negative.PageSize = cloudflare.F(int64(-1))
	odd.PageToken = cloudflare.F("page_token")
	fails(t, list(large), badSize)
	fails(t, list(negative), badSize)
	fails(t, list(odd), badToken)

	// A token belongs to its filters and to its caller.
	fails(t, list(organizations.OrganizationListParams{PageToken: cloudflare.F(token)}), badToken)
	p.PageToken = cloudflare.F(token)
	must(t, list(p))
	_, err := s.as(t, s.newUser(t, "Other")).Organizations.List(t.Context(), p)
	fails(t, err, badToken)
}

func (s *suite) dryRun(t *testing.T) {
	c, ctx := s.client(t), t.Context()
	root := s.newRoot(t, c, "Dry run "+live.Unique())
	child := newChild(t, c, root.ID, "child")
	account := newAccount(t, c, root.ID, "account")
	member := newMember(t, c, root.ID, s.newUser(t, "Dry").Email, "organization_read_only")

	deleted, err := c.Organizations.Delete(ctx, child.ID, dry())
	must(t, err)
	equal(t, "id of the delete that was not done", deleted.ID, child.ID)
	_, err = c.Organizations.Delete(ctx, root.ID, dry())
	fails(t, err, failure{status: http.StatusBadRequest, code: 1005})
	move, err := c.Accounts.AccountOrganizations.New(ctx, moveTo(account.ID, child.ID), dry())
	must(t, err)
	equal(t, "destination of the move that was not done", move.DestinationOrganizationID, child.ID)
	must(t, c.Organizations.Members.Delete(ctx, root.ID, member.ID, dry()))

	_, err = c.Organizations.Get(ctx, child.ID)
	must(t, err)
	equal(t, "the account is where it was", getAccount(t, c, account.ID).ManagedBy.ParentOrgID, root.ID)
	still, err := c.Organizations.Members.Get(ctx, root.ID, member.ID)
	must(t, err)
	equal(t, "status of the member", still.Status, organizations.OrganizationMemberStatusActive)
}

// idempotency: the same key and body are answered once more, another body is
// refused, and nothing is made twice.
func (s *suite) idempotency(t *testing.T) {
	c, ctx := s.client(t), t.Context()
	name, key := "Idempotent "+live.Unique(), header("Idempotency-Key", live.Unique())
	params := organizations.OrganizationNewParams{Organization: organizations.OrganizationParam{Name: cloudflare.F(name)}}
	first, err := c.Organizations.New(ctx, params, key)
	must(t, err)
	second, err := c.Organizations.New(ctx, params, key)
	must(t, err)
	equal(t, "id under the same key", second.ID, first.ID)
	params.Organization.Name = cloudflare.F(name + " other")
	_, err = c.Organizations.New(ctx, params, key)
	fails(t, err, failure{status: http.StatusUnprocessableEntity, code: 1422, message: "Idempotency-Key"})
	page := listOrganizations(t, c, organizations.OrganizationListParams{
		Name: cloudflare.F(organizations.OrganizationListParamsName{StartsWith: cloudflare.F(name)}),
	})
	if !slices.Equal(organizationNames(page), []string{name}) {
		t.Errorf("got %v, want one %s", organizationNames(page), name)
	}
}
