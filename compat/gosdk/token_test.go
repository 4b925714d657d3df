package gosdk_test

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	cloudflare "github.com/cloudflare/cloudflare-go/v7"
	"github.com/cloudflare/cloudflare-go/v7/accounts"
	"github.com/cloudflare/cloudflare-go/v7/option"
	"github.com/cloudflare/cloudflare-go/v7/organizations"
	"github.com/cloudflare/cloudflare-go/v7/shared"
	"github.com/cloudflare/cloudflare-go/v7/user"

	"github.com/orgd/orgd/compat/live"
)

// everywhere is the resources of a policy that reaches all organizations and
// accounts of the token's owner.
func everywhere() map[string]string {
	return map[string]string{"com.cloudflare.api.organization.*": "*", "com.cloudflare.api.account.*": "*"}
}

// policy allows the named permission groups on the resources.
func policy(t *testing.T, c *cloudflare.Client, resources map[string]string, groups ...string) shared.TokenPolicyParam {
	t.Helper()
	var ids []shared.TokenPolicyPermissionGroupParam
	for _, name := range groups {
		page, err := c.User.Tokens.PermissionGroups.List(t.Context(), user.TokenPermissionGroupListParams{Name: cloudflare.F(name)})
		must(t, err)
		if len(page.Result) != 1 {
			t.Fatalf("%d permission groups are named %q", len(page.Result), name)
		}
		ids = append(ids, shared.TokenPolicyPermissionGroupParam{ID: cloudflare.F(page.Result[0].ID)})
	}
	return shared.TokenPolicyParam{
		Effect:           cloudflare.F(shared.TokenPolicyEffectAllow),
		PermissionGroups: cloudflare.F(ids),
		Resources: cloudflare.F[shared.TokenPolicyResourcesUnionParam](
			shared.TokenPolicyResourcesIAMResourcesTypeObjectStringParam(resources)),
	}
}

func tokenParams(name string, policies ...shared.TokenPolicyParam) user.TokenNewParams {
	return user.TokenNewParams{Name: cloudflare.F(name), Policies: cloudflare.F(policies)}
}

// with returns a client that uses the secret of a token.
func (s *suite) with(t *testing.T, secret string) *cloudflare.Client {
	t.Helper()
	return s.bare(t, option.WithAPIToken(secret))
}

func (s *suite) tokenLifecycle(t *testing.T) {
	owner := s.newUser(t, "Token Owner")
	c, ctx := s.as(t, owner), t.Context()
	reads := policy(t, c, everywhere(), "Organizations Read", "Account Settings Read")
	expires := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	params := tokenParams("first", reads)
	params.ExpiresOn = cloudflare.F(expires)
	params.Condition = cloudflare.F(user.TokenNewParamsCondition{RequestIP: cloudflare.F(user.TokenNewParamsConditionRequestIP{
		In:    cloudflare.F([]shared.TokenConditionCIDRListParam{"127.0.0.0/8", "::1/128"}),
		NotIn: cloudflare.F([]shared.TokenConditionCIDRListParam{"10.0.0.0/8"}),
	})})
	token, err := c.User.Tokens.New(ctx, params)
	must(t, err)
	wantID(t, "token", token.ID)
	wantSecret(t, token.Value)
	equal(t, "status", token.Status, user.TokenNewResponseStatusActive)
	equal(t, "expires_on", token.ExpiresOn.UTC(), expires)
	recent(t, "issued_on", token.IssuedOn)
	equalSlices(t, "condition.request_ip.in", token.Condition.RequestIP.In, []string{"127.0.0.0/8", "::1/128"})

	got, err := c.User.Tokens.Get(ctx, token.ID)
	must(t, err)
	equal(t, "name", got.Name, "first")
	if got.JSON.ExtraFields["value"].Raw() != "" {
		t.Errorf("the secret is shown again: %s", got.JSON.RawJSON())
	}
	if len(got.Policies) != 1 || len(got.Policies[0].PermissionGroups) != 2 || got.Policies[0].Effect != shared.TokenPolicyEffectAllow {
		t.Fatalf("policies: %s", got.JSON.Policies.Raw())
	}
	equal(t, "name of the permission group", got.Policies[0].PermissionGroups[0].Name, "Organizations Read")
	if _, ok := got.Policies[0].Resources.(shared.TokenPolicyResourcesIAMResourcesTypeObjectString); !ok {
		t.Errorf("resources are a %T", got.Policies[0].Resources)
	}

	verified, err := s.with(t, token.Value).User.Tokens.Verify(ctx)
	must(t, err)
	equal(t, "id of the verified token", verified.ID, token.ID)
	equal(t, "status of the verified token", verified.Status, user.TokenVerifyResponseStatusActive)
	equal(t, "expires_on of the verified token", verified.ExpiresOn.UTC(), expires)
	s.tokenChanges(t, c, token, reads)
}

// tokenChanges rolls, renames, disables and deletes a token.
func (s *suite) tokenChanges(t *testing.T, c *cloudflare.Client, token *user.TokenNewResponse, p shared.TokenPolicyParam) {
	t.Helper()
	ctx := t.Context()
	rolled, err := c.User.Tokens.Value.Update(ctx, token.ID, user.TokenValueUpdateParams{Body: map[string]any{}})
	must(t, err)
	wantSecret(t, *rolled)
	invalid := failure{status: http.StatusUnauthorized, code: 9109, message: "Invalid API token"}
	_, err = s.with(t, token.Value).User.Tokens.Verify(ctx)
	fails(t, err, invalid)
	_, err = s.with(t, *rolled).User.Tokens.Verify(ctx)
	must(t, err)

	update := func(status shared.TokenStatus) *shared.Token {
		changed, err := c.User.Tokens.Update(ctx, token.ID, user.TokenUpdateParams{Token: shared.TokenParam{
			Name: cloudflare.F("second"), Policies: cloudflare.F([]shared.TokenPolicyParam{p}), Status: cloudflare.F(status),
		}})
		must(t, err)
		return changed
	}
	changed := update(shared.TokenStatusDisabled)
	equal(t, "name after an update", changed.Name, "second")
	equal(t, "status after an update", changed.Status, shared.TokenStatusDisabled)
	equal(t, "an absent condition is removed", changed.JSON.Condition.IsMissing(), true)
	_, err = s.with(t, *rolled).User.Tokens.Verify(ctx)
	fails(t, err, invalid)
	update(shared.TokenStatusActive)
	_, err = s.with(t, *rolled).User.Tokens.Verify(ctx)
	must(t, err)

	deleted, err := c.User.Tokens.Delete(ctx, token.ID)
	must(t, err)
	equal(t, "id of the deleted token", deleted.ID, token.ID)
	_, err = c.User.Tokens.Get(ctx, token.ID)
	notFound(t, "token", err)
	_, err = s.with(t, *rolled).User.Tokens.Verify(ctx)
	fails(t, err, invalid)
}

// wantSecret checks for the shape that the Terraform provider insists on too.
func wantSecret(t *testing.T, secret string) {
	t.Helper()
	if !regexp.MustCompile(`^orgd_[0-9A-Za-z_-]{43}$`).MatchString(secret) {
		t.Errorf("token secret of %d characters: not orgd_ and 43 url-safe ones", len(secret))
	}
}

func (s *suite) tokenPages(t *testing.T) {
	c, ctx := s.as(t, s.newUser(t, "Lister")), t.Context()
	p := policy(t, c, everywhere(), "Organizations Read")
	var want []string
	for i := range 6 {
		want = append(want, fmt.Sprintf("token %d", i))
		_, err := c.User.Tokens.New(ctx, tokenParams(want[i], p))
		must(t, err)
	}
	page, err := c.User.Tokens.List(ctx, user.TokenListParams{})
	must(t, err)
	equalSlices(t, "tokens", tokenNames(page.Result), want)
	var got []string
	pager := c.User.Tokens.ListAutoPaging(ctx, user.TokenListParams{PerPage: cloudflare.F(5.0)})
	for pager.Next() {
		got = append(got, pager.Current().Name)
	}
	must(t, pager.Err())
	equalSlices(t, "ListAutoPaging", got, want)
	desc, err := c.User.Tokens.List(ctx, user.TokenListParams{Direction: cloudflare.F(user.TokenListParamsDirectionDesc)})
	must(t, err)
	equalSlices(t, "descending", tokenNames(desc.Result), reversed(want))

	// An expired token is listed on request only, and does not work.
	short := tokenParams("short", p)
	short.ExpiresOn = cloudflare.F(time.Now().Add(2 * time.Second).UTC())
	made, err := c.User.Tokens.New(ctx, short)
	must(t, err)
	_, err = s.with(t, made.Value).User.Tokens.Verify(ctx)
	must(t, err)
	<-time.After(time.Until(made.ExpiresOn) + 10*time.Millisecond)
	page, err = c.User.Tokens.List(ctx, user.TokenListParams{})
	must(t, err)
	equal(t, "tokens without the expired one", len(page.Result), 6)
	page, err = c.User.Tokens.List(ctx, user.TokenListParams{IncludeExpired: cloudflare.F(true)})
	must(t, err)
	at := slices.IndexFunc(page.Result, func(t shared.Token) bool { return t.ID == made.ID })
	if at < 0 || page.Result[at].Status != shared.TokenStatusExpired {
		t.Errorf("the expired token is not listed as such: %s", page.JSON.RawJSON())
	}
	_, err = s.with(t, made.Value).User.Tokens.Verify(ctx)
	fails(t, err, failure{status: http.StatusUnauthorized, code: 9109, message: "Invalid API token"})
}

func tokenNames(list []shared.Token) []string {
	var names []string
	for _, token := range list {
		names = append(names, token.Name)
	}
	return names
}

func (s *suite) tokenPermissionGroups(t *testing.T) {
	c, ctx := s.client(t), t.Context()
	all, err := c.User.Tokens.PermissionGroups.List(ctx, user.TokenPermissionGroupListParams{})
	must(t, err)
	if len(all.Result) < 2 {
		t.Fatalf("%d permission groups", len(all.Result))
	}
	want := all.Result[0]
	for _, query := range []user.TokenPermissionGroupListParams{
		{Name: cloudflare.F(want.Name)},
		{Name: cloudflare.F(want.Name), Scope: cloudflare.F(string(want.Scopes[0]))},
	} {
		page, err := c.User.Tokens.PermissionGroups.List(ctx, query)
		must(t, err)
		if len(page.Result) != 1 || page.Result[0].ID != want.ID {
			t.Errorf("got %s, want only %s", page.JSON.RawJSON(), want.Name)
		}
	}
	pager := c.User.Tokens.PermissionGroups.ListAutoPaging(ctx, user.TokenPermissionGroupListParams{Scope: cloudflare.F("com.cloudflare.api.user")})
	count := 0
	for pager.Next() {
		count++
		equalSlices(t, "scopes", pager.Current().Scopes, []user.TokenPermissionGroupListResponseScope{"com.cloudflare.api.user"})
	}
	must(t, pager.Err())
	if count == 0 || count >= len(all.Result) {
		t.Errorf("%d of %d groups have the scope of a user", count, len(all.Result))
	}
}

// tokenLimits: a token may less than its owner, never more.
func (s *suite) tokenLimits(t *testing.T) {
	admin, ctx := s.client(t), t.Context()
	root := s.newRoot(t, admin, "Limits "+live.Unique())
	inside, outside := newChild(t, admin, root.ID, "inside"), newChild(t, admin, root.ID, "outside")
	account := newAccount(t, admin, inside.ID, "account")
	owner := s.newUser(t, "Limited")
	newMember(t, admin, root.ID, owner.Email, "organization_administrator")
	c := s.as(t, owner)
	client := func(resources map[string]string, groups ...string) *cloudflare.Client {
		token, err := c.User.Tokens.New(ctx, tokenParams("limited", policy(t, c, resources, groups...)))
		must(t, err)
		return s.with(t, token.Value)
	}
	rename := organizations.OrganizationUpdateParams{Organization: organizations.OrganizationParam{Name: cloudflare.F("inside")}}

	reader := client(map[string]string{"com.cloudflare.api.organization." + inside.ID: "*"}, "Organizations Read")
	_, err := reader.Organizations.Get(ctx, inside.ID)
	must(t, err)
	_, err = reader.Organizations.Get(ctx, outside.ID)
	notFound(t, "organization", err)
	_, err = reader.Organizations.Update(ctx, inside.ID, rename)
	fails(t, err, failure{status: http.StatusForbidden, code: 10000, message: "Forbidden: needs organization.update"})
	page := listOrganizations(t, reader, organizations.OrganizationListParams{})
	if names := organizationNames(page); !slices.Contains(names, "inside") || slices.Contains(names, "outside") {
		t.Errorf("a token of one subtree lists %v", names)
	}

	writer := client(map[string]string{"com.cloudflare.api.organization." + inside.ID: "*"}, "Organizations Write", "Organization Members Write")
	_, err = writer.Organizations.Update(ctx, inside.ID, rename)
	must(t, err)
	_, err = writer.Organizations.Members.New(ctx, inside.ID, memberParams("x@example.com", ""))
	fails(t, err, failure{status: http.StatusForbidden, code: 10000, message: "Forbidden: needs member.write"})

	narrow := client(map[string]string{"com.cloudflare.api.account." + account.ID: "*"}, "Account Settings Read")
	equal(t, "the account of the token", getAccount(t, narrow, account.ID).ID, account.ID)
	verified, err := narrow.Accounts.Tokens.Verify(ctx, accounts.TokenVerifyParams{AccountID: cloudflare.F(account.ID)})
	must(t, err)
	equal(t, "status of the verified token", verified.Status, accounts.TokenVerifyResponseStatusActive)
	wantID(t, "verified token", verified.ID)
	_, err = narrow.Accounts.Tokens.Verify(ctx, accounts.TokenVerifyParams{AccountID: cloudflare.F("no-such-account")})
	notFound(t, "account", err)
}

func (s *suite) tokenErrors(t *testing.T) {
	c, ctx := s.as(t, s.newUser(t, "Careless")), t.Context()
	p := policy(t, c, everywhere(), "Organizations Read")
	create := func(params user.TokenNewParams) error { return ignore(c.User.Tokens.New(ctx, params)) }
	bad := func(pointer string) failure {
		return failure{status: http.StatusBadRequest, code: 1001, pointer: pointer}
	}
	unnamed := tokenParams("", p)
	fails(t, create(unnamed), bad("/name"))
	fails(t, create(user.TokenNewParams{Name: cloudflare.F("x")}), bad("/policies"))
	odd := p
	odd.Effect = cloudflare.F(shared.TokenPolicyEffect("perhaps"))
	fails(t, create(tokenParams("x", odd)), bad("/policies/0/effect"))
	odd = p
	odd.PermissionGroups = cloudflare.F([]shared.TokenPolicyPermissionGroupParam{{ID: cloudflare.F("no-such-group")}})
	fails(t, create(tokenParams("x", odd)), bad("/policies/0/permission_groups/0/id"))
	odd = p
	odd.Resources = cloudflare.F[shared.TokenPolicyResourcesUnionParam](
		shared.TokenPolicyResourcesIAMResourcesTypeObjectStringParam{"com.example.zone": "*"})
	fails(t, create(tokenParams("x", odd)), bad("/policies/0/resources"))

	notFound(t, "token", ignore(c.User.Tokens.Get(ctx, "no-such-token")))
	notFound(t, "token", ignore(c.User.Tokens.Delete(ctx, "no-such-token")))
	notFound(t, "token", ignore(c.User.Tokens.Value.Update(ctx, "no-such-token", user.TokenValueUpdateParams{Body: map[string]any{}})))
	notFound(t, "token", ignore(c.User.Tokens.Update(ctx, "no-such-token", user.TokenUpdateParams{Token: shared.TokenParam{
		Name: cloudflare.F("x"), Policies: cloudflare.F([]shared.TokenPolicyParam{p}),
	}})))

	// Another user's token does not exist.
	mine, err := c.User.Tokens.New(ctx, tokenParams("mine", p))
	must(t, err)
	notFound(t, "token", ignore(s.client(t).User.Tokens.Get(ctx, mine.ID)))
}

// credentials: both schemes, both at once, none, wrong ones.
func (s *suite) credentials(t *testing.T) {
	ctx := t.Context()
	wantSecret(t, s.server.Token)
	if !regexp.MustCompile(`^[0-9A-Za-z_-]{37,60}$`).MatchString(s.server.APIKey) {
		t.Errorf("a key of %d characters: the Terraform provider insists on 37 to 60 url-safe ones", len(s.server.APIKey))
	}
	both := []option.RequestOption{option.WithAPIEmail(s.server.Email), option.WithAPIKey(s.server.APIKey)}
	for name, c := range map[string]*cloudflare.Client{
		"token":                s.client(t),
		"key":                  s.bare(t, both...),
		"token and key":        s.client(t, both...),
		"token and a bad key":  s.client(t, option.WithAPIEmail(s.server.Email), option.WithAPIKey("wrong")),
		"token and empty keys": s.client(t, header("X-Auth-Email", ""), header("X-Auth-Key", "")),
		"key, other case":      s.bare(t, option.WithAPIEmail(strings.ToUpper(s.server.Email)), option.WithAPIKey(s.server.APIKey)),
	} {
		me, err := c.User.Get(ctx)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		equal(t, name, me.Email, s.server.Email)
		_, err = c.Organizations.Get(ctx, s.server.OrganizationID)
		must(t, err)
	}

	missing := failure{status: http.StatusUnauthorized, code: 9106}
	invalid := failure{status: http.StatusUnauthorized, code: 9109, message: "Invalid API token"}
	wrong := s.with(t, "orgd_"+"0123456789012345678901234567890123456789012")
	_, err := s.bare(t).Organizations.List(ctx, organizations.OrganizationListParams{})
	fails(t, err, missing)
	_, err = s.bare(t).User.Get(ctx)
	fails(t, err, missing)
	_, err = s.bare(t, option.WithAPIEmail(s.server.Email)).User.Get(ctx)
	fails(t, err, missing)
	_, err = wrong.Organizations.List(ctx, organizations.OrganizationListParams{})
	fails(t, err, invalid)
	_, err = wrong.User.Tokens.Verify(ctx)
	fails(t, err, invalid)
	_, err = s.bare(t, option.WithAPIEmail(s.server.Email), option.WithAPIKey("wrong")).User.Get(ctx)
	fails(t, err, failure{status: http.StatusUnauthorized, code: 9109})

	// A disabled user's credentials stop working at once.
	gone := s.newUser(t, "Gone")
	must(t, s.server.Call(ctx, http.MethodPost, "/users/"+gone.ID+"/disable", map[string]any{}, nil))
	_, err = s.as(t, gone).User.Get(ctx)
	fails(t, err, failure{status: http.StatusUnauthorized, code: 9109})
}
