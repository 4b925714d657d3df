package auth_test

import (
	"regexp"
	"testing"

	"github.com/orgd/orgd/internal/auth"
)

func TestPermissionGroupsAreDistinct(t *testing.T) {
	hex := regexp.MustCompile(`^[0-9a-f]{32}$`)
	ids, names := make(map[string]bool), make(map[string]bool)
	for _, g := range auth.PermissionGroups() {
		if !hex.MatchString(g.ID) {
			t.Errorf("%s has the id %q", g.Name, g.ID)
		}
		if ids[g.ID] || names[g.Name] {
			t.Errorf("%s (%s) is there twice", g.Name, g.ID)
		}
		ids[g.ID], names[g.Name] = true, true
		if g.Permissions == 0 {
			t.Errorf("%s permits nothing", g.Name)
		}
		if got, ok := auth.PermissionGroupByID(g.ID); !ok || got.Name != g.Name {
			t.Errorf("PermissionGroupByID(%s) = %s, %v", g.ID, got.Name, ok)
		}
	}
	if _, ok := auth.PermissionGroupByID("00000000000000000000000000000000"); ok {
		t.Error("there is a group without a number")
	}
}

// The identifiers are stored in tokens and written in Terraform files: they
// must never change.
func TestPermissionGroupsKeepTheirIdentifiers(t *testing.T) {
	want := map[string]string{
		"Organizations Read":         "cec04b34d4aad3279de5aa746435cfea",
		"Organizations Write":        "697be89b41487b5efd07a9d21539eaef",
		"Organization Members Write": "4442acef04693676740aeb1d306fb184",
		"Account Settings Read":      "f8db0f91fd4c6c19206979224343d65b",
		"Account Settings Write":     "48a0c711acf4ecbf18261f9f0cb47f5b",
		"Audit Logs Read":            "5ce0b6f2a87a74dfad7de0ce43fb5624",
		"Audit Logs Push":            "9d1c5e0b7a3f46d28c0e61b4f7a25d93",
		"Audit Logs Manage":          "b27f40c8d6914e3a9f85a1d07c3e6b14",
		"Billing Read":               "6e5d275bd65eaa4dd1f4691507c2ddd8",
		"Billing Write":              "7faf9fa2a033a3493b060880837f9f5c",
		"Usage Push":                 "3f6a1c92e84b4d07a5c9d18b72e06f45",
		"User Details Read":          "73234d5e36a71cfd1658fb410007ba0a",
		"API Tokens Read":            "70ce4fd34e4ddca7819cc46c9496c1ae",
		"API Tokens Write":           "feb238da6a2310991f007d2ecf2878ef",
		"Users Administration":       "ffe9d91afad32eaa2b6c300f33a5de34",
	}
	for _, g := range auth.PermissionGroups() {
		if want[g.Name] != g.ID {
			t.Errorf("%s is %s, want %q", g.Name, g.ID, want[g.Name])
		}
		delete(want, g.Name)
	}
	for name := range want {
		t.Errorf("%s is gone", name)
	}
}

func TestPermissionGroupsTogetherPermitEverything(t *testing.T) {
	var all auth.Set
	for _, g := range auth.PermissionGroups() {
		all |= g.Permissions
	}
	for _, p := range allPermissions() {
		if !all.Has(p) {
			t.Errorf("no group gives a token %s", p)
		}
	}
}
