package gosdk_test

import (
	"fmt"
	"net/http"
	"testing"

	cloudflare "github.com/cloudflare/cloudflare-go/v7"
	"github.com/cloudflare/cloudflare-go/v7/accounts"
	"github.com/cloudflare/cloudflare-go/v7/option"
	"github.com/cloudflare/cloudflare-go/v7/organizations"
	"github.com/cloudflare/cloudflare-go/v7/tenants"

	"github.com/orgd/orgd/compat/live"
)

func dry() option.RequestOption { return option.WithQuery("dry_run", "true") }

func header(key, value string) option.RequestOption { return option.WithHeader(key, value) }

func getAccount(t *testing.T, c *cloudflare.Client, id string) *accounts.Account {
	t.Helper()
	account, err := c.Accounts.Get(t.Context(), accounts.AccountGetParams{AccountID: cloudflare.F(id)})
	must(t, err)
	return account
}

func updateParams(a accounts.AccountParam, id string) accounts.AccountUpdateParams {
	a.ID = cloudflare.F(id)
	if !a.Type.Present {
		a.Type = cloudflare.F(accounts.AccountTypeStandard)
	}
	return accounts.AccountUpdateParams{AccountID: cloudflare.F(id), Account: a}
}

func moveTo(account, organization string) accounts.AccountOrganizationNewParams {
	return accounts.AccountOrganizationNewParams{
		AccountID: cloudflare.F(account), DestinationOrganizationID: cloudflare.F(organization),
	}
}

func (s *suite) accountLifecycle(t *testing.T) {
	c, ctx := s.client(t), t.Context()
	name := "Account " + live.Unique()
	account := newAccount(t, c, "", name)
	wantID(t, "account", account.ID)
	equal(t, "name", account.Name, name)
	equal(t, "type", account.Type, accounts.AccountTypeStandard)
	recent(t, "created_on", account.CreatedOn)
	equal(t, "parent_org_id of an account by itself", account.ManagedBy.ParentOrgID, "")
	equal(t, "get", getAccount(t, c, account.ID).JSON.RawJSON(), account.JSON.RawJSON())

	root := s.newRoot(t, c, "Accounts "+live.Unique())
	inside, err := c.Accounts.New(ctx, accounts.AccountNewParams{
		Name: cloudflare.F(name), Type: cloudflare.F(accounts.AccountNewParamsTypeEnterprise),
		Unit: cloudflare.F(accounts.AccountNewParamsUnit{ID: cloudflare.F(root.ID)}),
	})
	must(t, err)
	equal(t, "type as asked for", inside.Type, accounts.AccountTypeEnterprise)
	equal(t, "parent_org_id", inside.ManagedBy.ParentOrgID, root.ID)
	equal(t, "parent_org_name", inside.ManagedBy.ParentOrgName, root.Name)

	// Settings are replaced when sent and kept when not.
	settings := accounts.AccountSettingsParam{
		AbuseContactEmail: cloudflare.F("abuse@example.com"), EnforceTwofactor: cloudflare.F(true),
	}
	changed, err := c.Accounts.Update(ctx, updateParams(accounts.AccountParam{
		Name: cloudflare.F(name + " II"), Settings: cloudflare.F(settings),
	}, account.ID))
	must(t, err)
	equal(t, "name after an update", changed.Name, name+" II")
	kept, err := c.Accounts.Update(ctx, updateParams(accounts.AccountParam{Name: cloudflare.F(name)}, account.ID))
	must(t, err)
	equal(t, "abuse_contact_email", kept.Settings.AbuseContactEmail, "abuse@example.com")
	equal(t, "enforce_twofactor", kept.Settings.EnforceTwofactor, true)
	equal(t, "created_on after an update", kept.CreatedOn, account.CreatedOn)

	for _, id := range []string{account.ID, inside.ID} {
		deleted, err := c.Accounts.Delete(ctx, accounts.AccountDeleteParams{AccountID: cloudflare.F(id)})
		must(t, err)
		equal(t, "id of the deleted account", deleted.ID, id)
		_, err = c.Accounts.Get(ctx, accounts.AccountGetParams{AccountID: cloudflare.F(id)})
		notFound(t, "account", err)
	}
	must(t, ignore(c.Organizations.Delete(ctx, root.ID)))
}

// accountPages lists as a user of its own, who sees nothing else.
func (s *suite) accountPages(t *testing.T) {
	admin := s.client(t)
	root := s.newRoot(t, admin, "Account pages "+live.Unique())
	viewer := s.newUser(t, "Viewer")
	newMember(t, admin, root.ID, viewer.Email, "organization_read_only")
	want := []string{}
	for i := range 12 {
		want = append(want, fmt.Sprintf("account %02d", i))
		newAccount(t, admin, root.ID, want[i])
	}
	c, ctx := s.as(t, viewer), t.Context()

	page, err := c.Accounts.List(ctx, accounts.AccountListParams{})
	must(t, err)
	equalSlices(t, "the default page", accountNames(page.Result), want)
	equal(t, "page", page.ResultInfo.Page, 1)
	equal(t, "per_page", page.ResultInfo.PerPage, 20)

	// The pager asks until a page is empty.
	got, pager := []string{}, c.Accounts.ListAutoPaging(ctx, accounts.AccountListParams{PerPage: cloudflare.F(5.0)})
	for pager.Next() {
		got = append(got, pager.Current().Name)
	}
	must(t, pager.Err())
	equalSlices(t, "ListAutoPaging", got, want)
	beyond, err := c.Accounts.List(ctx, accounts.AccountListParams{Page: cloudflare.F(9.0), PerPage: cloudflare.F(5.0)})
	must(t, err)
	equal(t, "accounts on a page past the end", len(beyond.Result), 0)
	equal(t, "page past the end", beyond.ResultInfo.Page, 9)

	last, err := c.Accounts.List(ctx, accounts.AccountListParams{
		Direction: cloudflare.F(accounts.AccountListParamsDirectionDesc), PerPage: cloudflare.F(5.0),
	})
	must(t, err)
	equal(t, "first in descending order", last.Result[0].Name, want[11])
	named, err := c.Accounts.List(ctx, accounts.AccountListParams{Name: cloudflare.F("account 03")})
	must(t, err)
	equalSlices(t, "name", accountNames(named.Result), []string{"account 03"})

	for _, tt := range []struct {
		query   accounts.AccountListParams
		pointer string
	}{
		{accounts.AccountListParams{PerPage: cloudflare.F(4.0)}, "per_page"},
		{accounts.AccountListParams{PerPage: cloudflare.F(51.0)}, "per_page"},
		{accounts.AccountListParams{Page: cloudflare.F(0.0)}, "page"},
		{accounts.AccountListParams{Direction: cloudflare.F(accounts.AccountListParamsDirection("up"))}, "direction"},
	} {
		fails(t, ignore(c.Accounts.List(ctx, tt.query)), failure{status: http.StatusBadRequest, code: 1001, pointer: tt.pointer})
	}
}

func accountNames(list []accounts.Account) []string {
	names := []string{}
	for _, a := range list {
		names = append(names, a.Name)
	}
	return names
}

func (s *suite) accountMove(t *testing.T) {
	c, ctx := s.client(t), t.Context()
	root := s.newRoot(t, c, "Moves "+live.Unique())
	left, right := newChild(t, c, root.ID, "left"), newChild(t, c, root.ID, "right")
	account := newAccount(t, c, "", "mover")

	for _, step := range []struct{ from, to string }{{"", left.ID}, {left.ID, right.ID}, {right.ID, root.ID}} {
		moved, err := c.Accounts.AccountOrganizations.New(ctx, moveTo(account.ID, step.to))
		must(t, err)
		equal(t, "account_id", moved.AccountID, account.ID)
		equal(t, "source_organization_id", moved.SourceOrganizationID, step.from)
		equal(t, "destination_organization_id", moved.DestinationOrganizationID, step.to)
		equal(t, "parent_org_id after the move", getAccount(t, c, account.ID).ManagedBy.ParentOrgID, step.to)
	}

	_, err := c.Accounts.AccountOrganizations.New(ctx, moveTo(account.ID, "0190000000007000800000000000dead"))
	fails(t, err, failure{status: http.StatusNotFound, code: 1003, pointer: "/destination_organization_id"})
	_, err = c.Accounts.AccountOrganizations.New(ctx, moveTo("0190000000007000800000000000dead", root.ID))
	notFound(t, "account", err)
	_, err = c.Accounts.AccountOrganizations.New(ctx, accounts.AccountOrganizationNewParams{AccountID: cloudflare.F(account.ID)})
	fails(t, err, failure{status: http.StatusBadRequest, code: 1001, pointer: "/destination_organization_id"})

	// A mover needs rights on both sides.
	half := s.newUser(t, "Half")
	newMember(t, c, left.ID, half.Email, "organization_super_administrator")
	newMember(t, c, root.ID, half.Email, "organization_read_only")
	_, err = s.as(t, half).Accounts.AccountOrganizations.New(ctx, moveTo(account.ID, left.ID))
	fails(t, err, failure{status: http.StatusForbidden, code: 10000, message: "Forbidden: needs "})
}

func (s *suite) accountProfile(t *testing.T) {
	c, ctx := s.client(t), t.Context()
	account := newAccount(t, c, "", "Profiled "+live.Unique())
	get := func(id string) (*accounts.AccountProfile, error) {
		return c.Accounts.AccountProfile.Get(ctx, accounts.AccountProfileGetParams{AccountID: cloudflare.F(id)})
	}
	put := func(id string, p accounts.AccountProfileParam) error {
		return c.Accounts.AccountProfile.Update(ctx, accounts.AccountProfileUpdateParams{AccountID: cloudflare.F(id), AccountProfile: p})
	}
	_, err := get(account.ID)
	notFound(t, "profile", err)
	for _, name := range []string{"One", "Two"} {
		must(t, put(account.ID, profileParam(name)))
		profile, err := get(account.ID)
		must(t, err)
		wantProfile(t, *profile, name)
	}
	incomplete := profileParam("Three")
	incomplete.BusinessEmail = cloudflare.Null[string]()
	fails(t, put(account.ID, incomplete), failure{status: http.StatusBadRequest, code: 1001, pointer: "/business_email"})
	notFound(t, "account", put("0190000000007000800000000000dead", profileParam("x")))
}

func (s *suite) accountErrors(t *testing.T) {
	c, ctx := s.client(t), t.Context()
	create := func(p accounts.AccountNewParams) error { return ignore(c.Accounts.New(ctx, p)) }
	bad := func(pointer string) failure {
		return failure{status: http.StatusBadRequest, code: 1001, pointer: pointer}
	}
	fails(t, create(accounts.AccountNewParams{}), bad("/name"))
	fails(t, create(accounts.AccountNewParams{
		Name: cloudflare.F("x"), Type: cloudflare.F(accounts.AccountNewParamsType("huge")),
	}), bad("/type"))
	fails(t, create(accounts.AccountNewParams{
		Name: cloudflare.F("x"), Unit: cloudflare.F(accounts.AccountNewParamsUnit{ID: cloudflare.F("no-such-unit")}),
	}), failure{status: http.StatusNotFound, code: 1003, pointer: "/unit/id"})
	_, err := c.Accounts.Get(ctx, accounts.AccountGetParams{AccountID: cloudflare.F("no-such-account")})
	notFound(t, "account", err)
	_, err = c.Accounts.Update(ctx, updateParams(accounts.AccountParam{Name: cloudflare.F("x")}, "no-such-account"))
	notFound(t, "account", err)
	_, err = c.Accounts.Delete(ctx, accounts.AccountDeleteParams{AccountID: cloudflare.F("no-such-account")})
	notFound(t, "account", err)

	root := s.newRoot(t, c, "Account errors "+live.Unique())
	account := newAccount(t, c, root.ID, "guarded")
	reader := s.newUser(t, "Reader")
	newMember(t, c, root.ID, reader.Email, "organization_read_only")
	limited := s.as(t, reader)
	_, err = limited.Accounts.New(ctx, accounts.AccountNewParams{
		Name: cloudflare.F("x"), Unit: cloudflare.F(accounts.AccountNewParamsUnit{ID: cloudflare.F(root.ID)}),
	})
	fails(t, err, failure{status: http.StatusForbidden, code: 10000, message: "Forbidden: needs account.create"})
	_, err = limited.Accounts.Update(ctx, updateParams(accounts.AccountParam{Name: cloudflare.F("x")}, account.ID))
	fails(t, err, failure{status: http.StatusForbidden, code: 10000, message: "Forbidden: needs account.update"})
	_, err = limited.Accounts.Delete(ctx, accounts.AccountDeleteParams{AccountID: cloudflare.F(account.ID)})
	fails(t, err, failure{status: http.StatusForbidden, code: 10000, message: "Forbidden: needs account.delete"})
}

func (s *suite) organizationAccounts(t *testing.T) {
	c, ctx := s.client(t), t.Context()
	root := s.newRoot(t, c, "Owner "+live.Unique())
	child := newChild(t, c, root.ID, "child")
	for _, name := range []string{"Delta shop", "alpha Shop", "Charlie", "bravo"} {
		newAccount(t, c, root.ID, name)
	}
	newAccount(t, c, child.ID, "not direct")
	type params = organizations.OrganizationAccountGetParams
	type named = organizations.OrganizationAccountGetParamsName
	type pubname = organizations.OrganizationAccountGetParamsAccountPubname
	byName := cloudflare.F(organizations.OrganizationAccountGetParamsOrderByAccountName)
	for _, tt := range []struct {
		what  string
		query params
		want  []string
	}{
		{"all, direct only", params{}, []string{"Delta shop", "alpha Shop", "Charlie", "bravo"}},
		{"order_by", params{OrderBy: byName}, []string{"alpha Shop", "bravo", "Charlie", "Delta shop"}},
		{
			"order_by descending",
			params{OrderBy: byName, Direction: cloudflare.F(organizations.OrganizationAccountGetParamsDirectionDesc)},
			[]string{"Delta shop", "Charlie", "bravo", "alpha Shop"},
		},
		{"name.contains", params{Name: cloudflare.F(named{Contains: cloudflare.F("SH")})}, []string{"Delta shop", "alpha Shop"}},
		{"name.startsWith", params{Name: cloudflare.F(named{StartsWith: cloudflare.F("b")})}, []string{"bravo"}},
		{"name.endsWith", params{Name: cloudflare.F(named{EndsWith: cloudflare.F("LIE")})}, []string{"Charlie"}},
		{"account_pubname.contains", params{AccountPubname: cloudflare.F(pubname{Contains: cloudflare.F("ha")})}, []string{"alpha Shop", "Charlie"}},
		{"account_pubname.startsWith", params{AccountPubname: cloudflare.F(pubname{StartsWith: cloudflare.F("delta")})}, []string{"Delta shop"}},
		{"account_pubname.endsWith", params{AccountPubname: cloudflare.F(pubname{EndsWith: cloudflare.F("avo")})}, []string{"bravo"}},
		{"page_size", params{OrderBy: byName, PageSize: cloudflare.F(int64(3))}, []string{"alpha Shop", "bravo", "Charlie"}},
	} {
		list, err := c.Organizations.OrganizationAccounts.Get(ctx, root.ID, tt.query)
		must(t, err)
		equalSlices(t, tt.what, tenantAccountNames(*list), tt.want)
	}
	s.organizationAccountPages(t, c, root.ID)
	notFound(t, "organization", ignore(c.Organizations.OrganizationAccounts.Get(ctx, "no-such-organization", params{})))
	fails(t, ignore(c.Organizations.OrganizationAccounts.Get(ctx, root.ID, params{
		OrderBy: cloudflare.F(organizations.OrganizationAccountGetParamsOrderBy("id")),
	})), failure{status: http.StatusBadRequest, code: 1001, pointer: "order_by"})
}

func (s *suite) organizationAccountPages(t *testing.T, c *cloudflare.Client, organization string) {
	t.Helper()
	got, token := []string{}, ""
	for {
		params := organizations.OrganizationAccountGetParams{PageSize: cloudflare.F(int64(3))}
		if token != "" {
			params.PageToken = cloudflare.F(token)
		}
		var envelope organizations.OrganizationAccountGetResponseEnvelope
		_, err := c.Organizations.OrganizationAccounts.Get(t.Context(), organization, params, option.WithResponseBodyInto(&envelope))
		must(t, err)
		equal(t, "total_size", envelope.ResultInfo.TotalSize, 4)
		got = append(got, tenantAccountNames(envelope.Result)...)
		if token = envelope.ResultInfo.NextPageToken; token == "" {
			break
		}
	}
	equalSlices(t, "pages of accounts", got, []string{"Delta shop", "alpha Shop", "Charlie", "bravo"})
}

func tenantAccountNames(list []tenants.TenantAccount) []string {
	names := []string{}
	for _, a := range list {
		names = append(names, a.Name)
	}
	return names
}
