package gosdk_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"testing"

	cloudflare "github.com/cloudflare/cloudflare-go/v7"
	"github.com/cloudflare/cloudflare-go/v7/accounts"
	"github.com/cloudflare/cloudflare-go/v7/organizations"

	"github.com/orgd/orgd/compat/live"
)

func (s *suite) organizationLifecycle(t *testing.T) {
	c, ctx := s.client(t), t.Context()
	name := "Lifecycle " + live.Unique()
	root := s.newRoot(t, c, name)
	wantOrganization(t, root, name)
	recent(t, "create_time", root.CreateTime)
	equalSlices(t, "hierarchy_tags of a root", root.Meta.HierarchyTags, []string{root.ID})
	if !root.JSON.Parent.IsMissing() || !root.JSON.Profile.IsMissing() {
		t.Errorf("a new root has a parent or a profile: %s", root.JSON.RawJSON())
	}

	got, err := c.Organizations.Get(ctx, root.ID)
	must(t, err)
	equal(t, "get", got.JSON.RawJSON(), root.JSON.RawJSON())

	renamed, err := c.Organizations.Update(ctx, root.ID, organizations.OrganizationUpdateParams{
		Organization: organizations.OrganizationParam{Name: cloudflare.F("  " + name + " II ")},
	})
	must(t, err)
	wantOrganization(t, renamed, name+" II")
	equal(t, "create_time after an update", renamed.CreateTime, root.CreateTime)

	deleted, err := c.Organizations.Delete(ctx, root.ID)
	must(t, err)
	equal(t, "id of the deleted organization", deleted.ID, root.ID)
	_, err = c.Organizations.Get(ctx, root.ID)
	notFound(t, "organization", err)
	_, err = c.Organizations.Delete(ctx, root.ID)
	notFound(t, "organization", err)
}

// wantOrganization checks what every organization object has.
func wantOrganization(t *testing.T, o *organizations.Organization, name string) {
	t.Helper()
	wantID(t, "organization", o.ID)
	equal(t, "name", o.Name, name)
	var meta struct {
		Flags       map[string]string `json:"flags"`
		TenantFlags map[string]string `json:"tenant_flags"`
	}
	must(t, json.Unmarshal([]byte(o.Meta.JSON.RawJSON()), &meta))
	if len(meta.Flags) != 5 || len(meta.TenantFlags) != 8 {
		t.Errorf("%d flags and %d tenant_flags, want 5 and 8", len(meta.Flags), len(meta.TenantFlags))
	}
	for key, value := range meta.TenantFlags {
		if value != "enabled" && value != "disabled" {
			t.Errorf("tenant_flags.%s is %q", key, value)
		}
	}
	for key, value := range meta.Flags {
		equal(t, "flags."+key, value, meta.TenantFlags[key])
	}
	if n := len(o.Meta.HierarchyTags); n == 0 || o.Meta.HierarchyTags[n-1] != o.ID {
		t.Errorf("hierarchy_tags %v do not end with the organization %s", o.Meta.HierarchyTags, o.ID)
	}
}

// wantID checks for a UUIDv7 as 32 lower-case hexadecimal characters.
func wantID(t *testing.T, what, id string) {
	t.Helper()
	if !regexp.MustCompile(`^[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}$`).MatchString(id) {
		t.Errorf("id of the %s: %q is not a UUIDv7 in 32 characters", what, id)
	}
}

func (s *suite) organizationTree(t *testing.T) {
	c, ctx := s.client(t), t.Context()
	root := s.newRoot(t, c, "Tree "+live.Unique())
	left, right := newChild(t, c, root.ID, "left"), newChild(t, c, root.ID, "right")
	leaf := newChild(t, c, left.ID, "leaf")
	wantOrganization(t, leaf, "leaf")
	equal(t, "parent.id", leaf.Parent.ID, left.ID)
	equal(t, "parent.name", leaf.Parent.Name, "left")
	equalSlices(t, "hierarchy_tags", leaf.Meta.HierarchyTags, []string{root.ID, left.ID, leaf.ID})

	// An update without a parent leaves the organization where it is.
	stays, err := c.Organizations.Update(ctx, left.ID, organizations.OrganizationUpdateParams{
		Organization: organizations.OrganizationParam{
			Name: cloudflare.F("left"), Parent: cloudflare.Null[organizations.OrganizationParentParam](),
		},
	})
	must(t, err)
	equal(t, "parent.id after parent null", stays.Parent.ID, root.ID)

	// Another parent moves the whole subtree.
	moved, err := c.Organizations.Update(ctx, left.ID, inParent("left", right.ID))
	must(t, err)
	equal(t, "parent.id after the move", moved.Parent.ID, right.ID)
	leaf, err = c.Organizations.Get(ctx, leaf.ID)
	must(t, err)
	equalSlices(t, "hierarchy_tags after the move", leaf.Meta.HierarchyTags, []string{root.ID, right.ID, left.ID, leaf.ID})

	_, err = c.Organizations.Update(ctx, right.ID, inParent("right", leaf.ID))
	fails(t, err, failure{status: http.StatusBadRequest, code: 1006, pointer: "/parent/id"})
	_, err = c.Organizations.Delete(ctx, right.ID)
	fails(t, err, failure{status: http.StatusBadRequest, code: 1005})

	for _, id := range []string{leaf.ID, left.ID, right.ID, root.ID} {
		_, err = c.Organizations.Delete(ctx, id)
		must(t, err)
	}
}

func inParent(name, parent string) organizations.OrganizationUpdateParams {
	return organizations.OrganizationUpdateParams{Organization: organizations.OrganizationParam{
		Name: cloudflare.F(name), Parent: cloudflare.F(organizations.OrganizationParentParam{ID: cloudflare.F(parent)}),
	}}
}

func profileParam(name string) accounts.AccountProfileParam {
	return accounts.AccountProfileParam{
		BusinessAddress:  cloudflare.F(`{"line1":"1 Main St","line2":"","country":"US","zipcode":"12345","city":"Town","stateOrProvince":"TX"}`),
		BusinessEmail:    cloudflare.F("billing@example.com"),
		BusinessName:     cloudflare.F(name),
		BusinessPhone:    cloudflare.F("+1234567890"),
		ExternalMetadata: cloudflare.F(`{"department":"IT",  "b":1}`),
	}
}

func wantProfile(t *testing.T, got accounts.AccountProfile, name string) {
	t.Helper()
	want := profileParam(name)
	equal(t, "business_address", got.BusinessAddress, want.BusinessAddress.Value)
	equal(t, "business_email", got.BusinessEmail, want.BusinessEmail.Value)
	equal(t, "business_name", got.BusinessName, name)
	equal(t, "business_phone", got.BusinessPhone, want.BusinessPhone.Value)
	equal(t, "external_metadata", got.ExternalMetadata, want.ExternalMetadata.Value)
}

func (s *suite) organizationProfile(t *testing.T) {
	c, ctx := s.client(t), t.Context()
	profiles := c.Organizations.OrganizationProfile
	name := "Profile " + live.Unique()
	root, err := c.Organizations.New(ctx, organizations.OrganizationNewParams{Organization: organizations.OrganizationParam{
		Name: cloudflare.F(name), Profile: cloudflare.F(profileParam("One")),
	}})
	must(t, err)
	wantProfile(t, root.Profile, "One")
	got, err := profiles.Get(ctx, root.ID)
	must(t, err)
	wantProfile(t, *got, "One")

	// An update without the key leaves the profile, a new one replaces it.
	update := organizations.OrganizationParam{Name: cloudflare.F(name)}
	root, err = c.Organizations.Update(ctx, root.ID, organizations.OrganizationUpdateParams{Organization: update})
	must(t, err)
	wantProfile(t, root.Profile, "One")
	update.Profile = cloudflare.F(profileParam("Two"))
	root, err = c.Organizations.Update(ctx, root.ID, organizations.OrganizationUpdateParams{Organization: update})
	must(t, err)
	wantProfile(t, root.Profile, "Two")

	// null removes it.
	update.Profile = cloudflare.Null[accounts.AccountProfileParam]()
	root, err = c.Organizations.Update(ctx, root.ID, organizations.OrganizationUpdateParams{Organization: update})
	must(t, err)
	equal(t, "profile is missing after null", root.JSON.Profile.IsMissing(), true)
	_, err = profiles.Get(ctx, root.ID)
	notFound(t, "profile", err)

	// A profile that came through /profile is not echoed in the organization.
	must(t, profiles.Update(ctx, root.ID, organizations.OrganizationProfileUpdateParams{AccountProfile: profileParam("Three")}))
	got, err = profiles.Get(ctx, root.ID)
	must(t, err)
	wantProfile(t, *got, "Three")
	root, err = c.Organizations.Get(ctx, root.ID)
	must(t, err)
	equal(t, "profile is missing after PUT /profile", root.JSON.Profile.IsMissing(), true)

	must(t, ignore(c.Organizations.Delete(ctx, root.ID)))
	_, err = profiles.Get(ctx, root.ID)
	notFound(t, "organization", err)
	notFound(t, "organization", profiles.Update(ctx, root.ID, organizations.OrganizationProfileUpdateParams{AccountProfile: profileParam("x")}))
}

// ignore drops the first of two results.
func ignore[T any](_ T, err error) error { return err }

func (s *suite) organizationErrors(t *testing.T) {
	c, ctx := s.client(t), t.Context()
	create := func(p organizations.OrganizationParam) error {
		return ignore(c.Organizations.New(ctx, organizations.OrganizationNewParams{Organization: p}))
	}
	bad := func(pointer string) failure {
		return failure{status: http.StatusBadRequest, code: 1001, pointer: pointer}
	}
	fails(t, create(organizations.OrganizationParam{}), bad("/name"))
	fails(t, create(organizations.OrganizationParam{Name: cloudflare.F("  ")}), bad("/name"))
	fails(t, create(organizations.OrganizationParam{Name: cloudflare.Raw[string](7)}), bad("/name"))
	fails(t, create(organizations.OrganizationParam{
		Name: cloudflare.F("x"), Parent: cloudflare.Raw[organizations.OrganizationParentParam]("p"),
	}), bad("/parent"))
	incomplete := profileParam("x")
	incomplete.BusinessPhone = cloudflare.Null[string]()
	fails(t, create(organizations.OrganizationParam{Name: cloudflare.F("x"), Profile: cloudflare.F(incomplete)}), bad("/profile/business_phone"))

	// The parent that the caller cannot see does not exist.
	unknown := "0190000000007000800000000000dead"
	fails(t, create(organizations.OrganizationParam{
		Name: cloudflare.F("x"), Parent: cloudflare.F(organizations.OrganizationParentParam{ID: cloudflare.F(unknown)}),
	}), failure{status: http.StatusNotFound, code: 1003, pointer: "/parent/id"})
	for _, id := range []string{unknown, "not-an-id"} {
		_, err := c.Organizations.Get(ctx, id)
		notFound(t, "organization", err)
		_, err = c.Organizations.Update(ctx, id, organizations.OrganizationUpdateParams{
			Organization: organizations.OrganizationParam{Name: cloudflare.F("x")},
		})
		notFound(t, "organization", err)
	}

	// Six organizations in a line are a root and the five levels below it.
	at := s.newRoot(t, c, "Deep "+live.Unique())
	for range 5 {
		at = newChild(t, c, at.ID, "deeper")
	}
	fails(t, create(organizations.OrganizationParam{
		Name: cloudflare.F("x"), Parent: cloudflare.F(organizations.OrganizationParentParam{ID: cloudflare.F(at.ID)}),
	}), failure{status: http.StatusBadRequest, code: 1007, pointer: "/parent/id"})
	s.organizationDenied(t)
}

// organizationDenied shows the difference between what a caller may not do and
// what it cannot see.
func (s *suite) organizationDenied(t *testing.T) {
	c, ctx := s.client(t), t.Context()
	root := s.newRoot(t, c, "Denied "+live.Unique())
	reader, stranger := s.newUser(t, "Reader"), s.newUser(t, "Stranger")
	newMember(t, c, root.ID, reader.Email, "organization_read_only")

	params := organizations.OrganizationUpdateParams{Organization: organizations.OrganizationParam{Name: cloudflare.F("x")}}
	_, err := s.as(t, reader).Organizations.Get(ctx, root.ID)
	must(t, err)
	_, err = s.as(t, reader).Organizations.Update(ctx, root.ID, params)
	fails(t, err, failure{status: http.StatusForbidden, code: 10000, message: "Forbidden: needs organization.update"})
	_, err = s.as(t, reader).Organizations.Delete(ctx, root.ID)
	fails(t, err, failure{status: http.StatusForbidden, code: 10000, message: "Forbidden: needs organization.delete"})
	_, err = s.as(t, stranger).Organizations.Get(ctx, root.ID)
	notFound(t, "organization", err)
	_, err = s.as(t, stranger).Organizations.Update(ctx, root.ID, params)
	notFound(t, "organization", err)
}
