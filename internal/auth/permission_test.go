package auth_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/orgd/orgd/internal/auth"
)

// The table of decisions: what a role allows on the object that it was
// granted on, and on what lies below it where that differs. It is written out
// and not computed, so that a change of a right shows here.
var matrix = []struct {
	role auth.Role
	self string
	more string // below, beside self
}{
	{
		role: "organization_super_administrator",
		self: `organization.read organization.create organization.update organization.delete member.read member.write
			account.read account.create account.update account.delete account.move profile.read profile.update
			audit.read audit.push audit.manage billing.read billing.write usage.push access.read`,
	},
	{
		role: "organization_administrator",
		self: `organization.read organization.create organization.update member.read
			account.read account.create account.update account.delete account.move profile.read profile.update
			audit.read audit.push audit.manage billing.read billing.write usage.push access.read`,
		more: "organization.delete",
	},
	{
		role: "organization_account_provisioner",
		self: "organization.read account.read account.create account.update account.delete account.move profile.read",
	},
	{
		role: "organization_billing",
		self: "organization.read account.read profile.read billing.read billing.write",
	},
	{
		role: "organization_audit_viewer",
		self: "organization.read member.read account.read audit.read",
	},
	{
		role: "organization_read_only",
		self: "organization.read member.read account.read profile.read access.read",
	},
	{
		role: "account_super_administrator",
		self: `member.read member.write account.read account.update account.delete account.move profile.read profile.update
			audit.read billing.read billing.write usage.push access.read`,
	},
	{
		role: "account_read_only",
		self: "account.read profile.read",
	},
	{role: "organization_god"},
	{role: ""},
}

func TestRolesAllow(t *testing.T) {
	for _, m := range matrix {
		self := strings.Fields(m.self)
		below := append(slices.Clone(self), strings.Fields(m.more)...)
		for _, p := range allPermissions() {
			if got, want := m.role.Permissions(false).Has(p), slices.Contains(self, p.String()); got != want {
				t.Errorf("%q allows %s on the object itself: %v, want %v", m.role, p, got, want)
			}
			if got, want := m.role.Permissions(true).Has(p), slices.Contains(below, p.String()); got != want {
				t.Errorf("%q allows %s below the object: %v, want %v", m.role, p, got, want)
			}
		}
	}
}

func TestRolesOffered(t *testing.T) {
	for _, list := range [][]auth.Role{auth.OrganizationRoles(), auth.AccountRoles()} {
		for _, r := range list {
			if r.Permissions(false) == 0 {
				t.Errorf("%s may be given and allows nothing", r)
			}
		}
	}
	if got := auth.OrganizationRoles()[0]; got != "organization_super_administrator" {
		t.Errorf("the default role of an organization is %s", got)
	}
	if got := auth.AccountRoles()[0]; got != "account_super_administrator" {
		t.Errorf("the default role of an account is %s", got)
	}
	if n := len(auth.OrganizationRoles()); n != 6 {
		t.Errorf("there are %d roles on organizations, want 6", n)
	}
}

func TestPermissionNames(t *testing.T) {
	seen := make(map[string]bool)
	for _, p := range allPermissions() {
		if name := p.String(); name == "" || seen[name] || strings.Count(name, ".") != 1 {
			t.Errorf("permission %d is called %q", p, name)
		}
		seen[p.String()] = true
	}
}

func TestSet(t *testing.T) {
	s := auth.NewSet(auth.UserAdmin, auth.OrganizationRead, auth.AuditRead, auth.AuditRead)
	if got, want := s.List(), []auth.Permission{auth.OrganizationRead, auth.AuditRead, auth.UserAdmin}; !slices.Equal(got, want) {
		t.Errorf("List() = %v, want %v", got, want)
	}
	if s.Has(auth.AccountRead) || !s.Has(auth.UserAdmin) {
		t.Errorf("%v has the wrong members", s.List())
	}
	if got := auth.NewSet().List(); got != nil {
		t.Errorf("the empty set lists %v", got)
	}
}

// allPermissions returns every permission that there is; the last is UserAdmin.
func allPermissions() []auth.Permission {
	var all []auth.Permission
	for p := range auth.UserAdmin + 1 {
		all = append(all, p)
	}
	return all
}
