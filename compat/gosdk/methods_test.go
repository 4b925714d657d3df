package gosdk_test

import (
	"testing"

	"github.com/orgd/orgd/compat/gosdk"
	"github.com/orgd/orgd/compat/live"
)

func TestMethods(t *testing.T) {
	routes, err := live.Routes("../routes.txt")
	if err != nil {
		t.Fatal(err)
	}
	methods, err := gosdk.Methods(routes)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]live.Route{
		"organizations.OrganizationService.New":           {Method: "POST", Path: "/organizations"},
		"organizations.MemberService.ListAutoPaging":      {Method: "GET", Path: "/organizations/{}/members"},
		"accounts.AccountOrganizationService.New":         {Method: "POST", Path: "/accounts/{}/move"},
		"user.TokenValueService.Update":                   {Method: "PUT", Path: "/user/tokens/{}/value"},
		"memberships.MembershipService.List":              {Method: "GET", Path: "/memberships"},
		"organizations.OrganizationAccountService.Get":    {Method: "GET", Path: "/organizations/{}/accounts"},
		"organizations.OrganizationProfileService.Update": {Method: "PUT", Path: "/organizations/{}/profile"},
		"user.TokenPermissionGroupService.ListAutoPaging": {Method: "GET", Path: "/user/tokens/permission_groups"},
		"user.OrganizationService.ListAutoPaging":         {Method: "GET", Path: "/user/organizations"},
		"accounts.AccountService.ListAutoPaging":          {Method: "GET", Path: "/accounts"},
	} {
		if methods[name] != want {
			t.Errorf("%s: got %v, want %v", name, methods[name], want)
		}
	}
	t.Logf("the SDK has %d methods for the routes", len(methods))
	for name, route := range methods {
		t.Logf("%-60s %s", name, route)
	}
}
