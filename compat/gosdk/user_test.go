package gosdk_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	cloudflare "github.com/cloudflare/cloudflare-go/v7"
	"github.com/cloudflare/cloudflare-go/v7/memberships"
	"github.com/cloudflare/cloudflare-go/v7/user"

	"github.com/orgd/orgd/compat/live"
)

func (s *suite) user(t *testing.T) {
	c, ctx := s.client(t), t.Context()
	me, err := c.User.Get(ctx)
	must(t, err)
	wantID(t, "user", me.ID)
	equal(t, "email", me.Email, s.server.Email)
	equal(t, "suspended", me.Suspended, false)

	other := s.newUser(t, "Ada Lovelace")
	them, err := s.as(t, other).User.Get(ctx)
	must(t, err)
	equal(t, "id", them.ID, other.ID)
	equal(t, "email", them.Email, other.Email)
	equal(t, "first_name", them.FirstName, "Ada")
	equal(t, "last_name", them.LastName, "Lovelace")
	s.userTenants(t)
}

// userTenants: the organizations in which the caller is an active member.
func (s *suite) userTenants(t *testing.T) {
	admin, ctx := s.client(t), t.Context()
	root := s.newRoot(t, admin, "Tenant "+live.Unique())
	child := newChild(t, admin, root.ID, "child")
	newChild(t, admin, child.ID, "below")
	tenant := s.newUser(t, "Tenant")
	empty, err := s.as(t, tenant).User.Tenants.List(ctx)
	must(t, err)
	equal(t, "tenants of a stranger", len(empty.Result), 0)

	newMember(t, admin, child.ID, tenant.Email, "organization_read_only")
	pager := s.as(t, tenant).User.Tenants.ListAutoPaging(ctx)
	var ids []string
	for pager.Next() {
		ids = append(ids, pager.Current().ID)
	}
	must(t, pager.Err())
	equalSlices(t, "tenants", ids, []string{child.ID})
}

// given makes a user who was given accounts, and nothing else.
func (s *suite) given(t *testing.T, names ...string) (*live.User, []string) {
	t.Helper()
	admin, owner := s.client(t), s.newUser(t, "Owner")
	var ids []string
	for _, name := range names {
		account := newAccount(t, admin, "", name)
		body := map[string]string{"email": owner.Email, "role": "account_super_administrator"}
		must(t, s.server.Call(t.Context(), http.MethodPost, "/accounts/"+account.ID+"/members", body, nil))
		ids = append(ids, account.ID)
	}
	return owner, ids
}

func (s *suite) userOrganizations(t *testing.T) {
	ctx := t.Context()
	var names []string
	for i := range 6 {
		names = append(names, fmt.Sprintf("given %d", i))
	}
	owner, ids := s.given(t, names...)
	c := s.as(t, owner)
	page, err := c.User.Organizations.List(ctx, user.OrganizationListParams{})
	must(t, err)
	equal(t, "elements", len(page.Result), 6)
	for i, o := range page.Result {
		equal(t, "id", o.ID, ids[i])
		equal(t, "name", o.Name, names[i])
		equal(t, "status", string(o.Status), "member")
		if len(o.Roles) == 0 || len(o.Permissions) == 0 {
			t.Errorf("no roles or permissions: %s", o.JSON.RawJSON())
		}
	}

	var got []string
	pager := c.User.Organizations.ListAutoPaging(ctx, user.OrganizationListParams{PerPage: cloudflare.F(5.0)})
	for pager.Next() {
		got = append(got, pager.Current().Name)
	}
	must(t, pager.Err())
	equalSlices(t, "ListAutoPaging", got, names)

	for _, tt := range []struct {
		what  string
		query user.OrganizationListParams
		want  []string
	}{
		{"name", user.OrganizationListParams{Name: cloudflare.F("given 3")}, []string{"given 3"}},
		{"status", user.OrganizationListParams{Status: cloudflare.F(user.OrganizationListParamsStatusInvited)}, nil},
		{"match any", user.OrganizationListParams{
			Name: cloudflare.F("given 3"), Status: cloudflare.F(user.OrganizationListParamsStatusInvited),
			Match: cloudflare.F(user.OrganizationListParamsMatchAny),
		}, []string{"given 3"}},
		{"match all", user.OrganizationListParams{
			Name: cloudflare.F("given 3"), Status: cloudflare.F(user.OrganizationListParamsStatusInvited),
			Match: cloudflare.F(user.OrganizationListParamsMatchAll),
		}, nil},
		{"order", user.OrganizationListParams{
			Order: cloudflare.F(user.OrganizationListParamsOrderName), Direction: cloudflare.F(user.OrganizationListParamsDirectionDesc),
		}, reversed(names)},
	} {
		page, err := c.User.Organizations.List(ctx, tt.query)
		must(t, err)
		var got []string
		for _, o := range page.Result {
			got = append(got, o.Name)
		}
		equalSlices(t, tt.what, got, tt.want)
	}
	fails(t, ignore(c.User.Organizations.List(ctx, user.OrganizationListParams{
		Order: cloudflare.F(user.OrganizationListParamsOrder("size")),
	})), failure{status: http.StatusBadRequest, code: 1001, pointer: "order"})
}

func reversed(list []string) []string {
	list = slices.Clone(list)
	slices.Reverse(list)
	return list
}

func (s *suite) memberships(t *testing.T) {
	ctx := t.Context()
	names := []string{"mine 0", "mine 1", "mine 2", "mine 3", "mine 4", "mine 5"}
	owner, ids := s.given(t, names...)
	c := s.as(t, owner)
	page, err := c.Memberships.List(ctx, memberships.MembershipListParams{})
	must(t, err)
	equal(t, "memberships", len(page.Result), len(ids))
	for i, m := range page.Result {
		equal(t, "account.id", m.Account.ID, ids[i])
		equal(t, "account.name", m.Account.Name, names[i])
		equal(t, "status", m.Status, memberships.MembershipStatusAccepted)
		equalSlices(t, "roles", m.Roles, []string{"account_super_administrator"})
		equal(t, "permissions.billing.write", m.Permissions.Billing.Write, true)
	}

	var got []string
	pager := c.Memberships.ListAutoPaging(ctx, memberships.MembershipListParams{PerPage: cloudflare.F(5.0)})
	for pager.Next() {
		got = append(got, pager.Current().Account.Name)
	}
	must(t, pager.Err())
	equalSlices(t, "ListAutoPaging", got, names)

	for _, tt := range []struct {
		what  string
		query memberships.MembershipListParams
		want  []string
	}{
		{"account.name", memberships.MembershipListParams{
			Account: cloudflare.F(memberships.MembershipListParamsAccount{Name: cloudflare.F("mine 2")}),
		}, []string{"mine 2"}},
		{"name", memberships.MembershipListParams{Name: cloudflare.F("mine 4")}, []string{"mine 4"}},
		{"status", memberships.MembershipListParams{Status: cloudflare.F(memberships.MembershipListParamsStatusPending)}, nil},
		{"order", memberships.MembershipListParams{
			Order: cloudflare.F(memberships.MembershipListParamsOrderAccountName), Direction: cloudflare.F(memberships.MembershipListParamsDirectionDesc),
		}, reversed(names)},
	} {
		page, err := c.Memberships.List(ctx, tt.query)
		must(t, err)
		var got []string
		for _, m := range page.Result {
			got = append(got, m.Account.Name)
		}
		equalSlices(t, tt.what, got, tt.want)
	}
	fails(t, ignore(c.Memberships.List(ctx, memberships.MembershipListParams{Page: cloudflare.F(0.0)})),
		failure{status: http.StatusBadRequest, code: 1001, pointer: "page"})
}
