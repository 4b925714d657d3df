package gosdk_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	cloudflare "github.com/cloudflare/cloudflare-go/v7"
	"github.com/cloudflare/cloudflare-go/v7/option"
	"github.com/cloudflare/cloudflare-go/v7/organizations"

	"github.com/orgd/orgd/compat/live"
)

// memberParams is the body of a member create; an empty status is not sent.
func memberParams(email, status string) organizations.MemberNewParams {
	member := organizations.MemberNewParamsMember{
		User: cloudflare.F(organizations.MemberNewParamsMemberUser{Email: cloudflare.F(email)}),
	}
	if status != "" {
		member.Status = cloudflare.F(organizations.MemberNewParamsMemberStatus(status))
	}
	return organizations.MemberNewParams{Member: cloudflare.F(member)}
}

// newMember adds an existing user at once, with a role of orgd.
func newMember(t *testing.T, c *cloudflare.Client, organization, email, role string) *organizations.OrganizationMember {
	t.Helper()
	member, err := c.Organizations.Members.New(t.Context(), organization, memberParams(email, "active"),
		option.WithJSONSet("member.role", role))
	must(t, err)
	return member
}

func (s *suite) memberLifecycle(t *testing.T) {
	c, ctx := s.client(t), t.Context()
	root := s.newRoot(t, c, "Members "+live.Unique())
	invited := s.newUser(t, "Invited")
	pending, err := c.Organizations.Members.New(ctx, root.ID, memberParams(invited.Email, ""))
	must(t, err)
	wantID(t, "member", pending.ID)
	equal(t, "status", pending.Status, organizations.OrganizationMemberStatusPending)
	equal(t, "user.email", pending.User.Email, invited.Email)
	equal(t, "user.id", pending.User.ID, invited.ID)
	recent(t, "create_time", pending.CreateTime)
	recent(t, "update_time", pending.UpdateTime)
	equal(t, "meta.role.name", within(pending.Meta, "role", "name"), "organization_super_administrator")
	expires, err := time.Parse(time.RFC3339, within(pending.Meta, "invitation", "expire_time"))
	must(t, err)
	equal(t, "life of the invitation", expires.Sub(pending.CreateTime).Round(time.Hour), 7*24*time.Hour)
	if within(pending.Meta, "invitation", "code") == "" {
		t.Errorf("no invitation code in %v", pending.Meta)
	}

	got, err := c.Organizations.Members.Get(ctx, root.ID, pending.ID)
	must(t, err)
	equal(t, "the code is shown once", within(got.Meta, "invitation", "code"), "")

	// Twice is refused, a removed member may come back.
	_, err = c.Organizations.Members.New(ctx, root.ID, memberParams(invited.Email, ""))
	fails(t, err, failure{
		status: http.StatusBadRequest, code: 1001, pointer: "/member/user/email",
		message: "This e-mail already belongs to a member or an open invitation",
	})
	must(t, c.Organizations.Members.Delete(ctx, root.ID, pending.ID))
	_, err = c.Organizations.Members.Get(ctx, root.ID, pending.ID)
	notFound(t, "member", err)
	notFound(t, "member", c.Organizations.Members.Delete(ctx, root.ID, pending.ID))
	active := newMember(t, c, root.ID, invited.Email, "organization_billing")
	equal(t, "status", active.Status, organizations.OrganizationMemberStatusActive)
	equal(t, "user.name of an active member", active.User.Name, "Invited")
	equal(t, "meta.role.name", within(active.Meta, "role", "name"), "organization_billing")
	equal(t, "an active member has no invitation", within(active.Meta, "invitation", "expire_time"), "")
}

// within returns the string at meta[object][key], or "".
func within(meta map[string]any, object, key string) string {
	inner, _ := meta[object].(map[string]any)
	value, _ := inner[key].(string)
	return value
}

func (s *suite) memberFilters(t *testing.T) {
	c, ctx := s.client(t), t.Context()
	root := s.newRoot(t, c, "Member filters "+live.Unique())
	active, pending, canceled := s.newUser(t, "Active"), s.newUser(t, "Pending"), s.newUser(t, "Canceled")
	newMember(t, c, root.ID, active.Email, "organization_read_only")
	_, err := c.Organizations.Members.New(ctx, root.ID, memberParams(pending.Email, ""))
	must(t, err)
	gone := newMember(t, c, root.ID, canceled.Email, "organization_read_only")
	must(t, c.Organizations.Members.Delete(ctx, root.ID, gone.ID))

	type status = organizations.MemberListParamsStatus
	statuses := func(list ...status) organizations.MemberListParams {
		return organizations.MemberListParams{Status: cloudflare.F(list)}
	}
	for _, tt := range []struct {
		what  string
		query organizations.MemberListParams
		want  []string
	}{
		{"the default list", organizations.MemberListParams{}, []string{s.server.Email, active.Email, pending.Email}},
		{"active", statuses(organizations.MemberListParamsStatusActive), []string{s.server.Email, active.Email}},
		{"pending", statuses(organizations.MemberListParamsStatusPending), []string{pending.Email}},
		{"canceled", statuses(organizations.MemberListParamsStatusCanceled), []string{canceled.Email}},
		{"rejected", statuses(organizations.MemberListParamsStatusRejected), nil},
		{
			"two", statuses(organizations.MemberListParamsStatusPending, organizations.MemberListParamsStatusCanceled),
			[]string{pending.Email, canceled.Email},
		},
		{"user.email", organizations.MemberListParams{
			User: cloudflare.F(organizations.MemberListParamsUser{Email: cloudflare.F(active.Email)}),
		}, []string{active.Email}},
	} {
		page, err := c.Organizations.Members.List(ctx, root.ID, tt.query)
		must(t, err)
		equalSlices(t, tt.what, memberEmails(page.Result), tt.want)
		equal(t, "total_size of "+tt.what, infoOf(t, page.JSON.RawJSON()).TotalSize, len(tt.want))
	}
	s.memberPages(t, c, root.ID, []string{s.server.Email, active.Email, pending.Email})
}

func (s *suite) memberPages(t *testing.T, c *cloudflare.Client, organization string, want []string) {
	t.Helper()
	var got []string
	params := organizations.MemberListParams{PageSize: cloudflare.F(int64(2))}
	for {
		page, err := c.Organizations.Members.List(t.Context(), organization, params)
		must(t, err)
		got = append(got, memberEmails(page.Result)...)
		info := infoOf(t, page.JSON.RawJSON())
		if info.NextPageToken == "" {
			break
		}
		params.PageToken = cloudflare.F(info.NextPageToken)
	}
	equalSlices(t, "pages of members", got, want)
	pager := c.Organizations.Members.ListAutoPaging(t.Context(), organization, organizations.MemberListParams{})
	got = nil
	for pager.Next() {
		got = append(got, pager.Current().User.Email)
	}
	must(t, pager.Err())
	equalSlices(t, "ListAutoPaging", got, want)
}

func memberEmails(list []organizations.OrganizationMember) []string {
	var emails []string
	for _, m := range list {
		emails = append(emails, m.User.Email)
	}
	return emails
}

func (s *suite) memberErrors(t *testing.T) {
	c, ctx := s.client(t), t.Context()
	root := s.newRoot(t, c, "Member errors "+live.Unique())
	create := func(c *cloudflare.Client, p organizations.MemberNewParams) error {
		return ignore(c.Organizations.Members.New(ctx, root.ID, p))
	}
	bad := func(pointer string) failure {
		return failure{status: http.StatusBadRequest, code: 1001, pointer: pointer}
	}
	fails(t, create(c, organizations.MemberNewParams{}), bad("/member"))
	fails(t, create(c, memberParams("not an address", "")), bad("/member/user/email"))
	fails(t, create(c, memberParams("a@example.com", "canceled")), bad("/member/status"))
	fails(t, create(c, memberParams("a@example.com", "odd")), bad("/member/status"))
	stranger := bad("/member/user/email")
	stranger.message = "Only an existing user can be added at once"
	fails(t, create(c, memberParams("nobody-"+live.Unique()+"@example.com", "active")), stranger)
	notFound(t, "organization", ignore(c.Organizations.Members.New(ctx, "no-such-organization", memberParams("a@example.com", ""))))
	notFound(t, "member", ignore(c.Organizations.Members.Get(ctx, root.ID, "no-such-member")))
	notFound(t, "organization", ignore(c.Organizations.Members.List(ctx, "no-such-organization", organizations.MemberListParams{})))
	fails(t, ignore(c.Organizations.Members.List(ctx, root.ID, organizations.MemberListParams{
		Status: cloudflare.F([]organizations.MemberListParamsStatus{"odd"}),
	})), bad("status"))

	// The last active super administrator stays; an administrator manages no members.
	page, err := c.Organizations.Members.List(ctx, root.ID, organizations.MemberListParams{})
	must(t, err)
	at := slices.IndexFunc(page.Result, func(m organizations.OrganizationMember) bool { return m.User.Email == s.server.Email })
	if at < 0 {
		t.Fatalf("the creator is not a member: %v", memberEmails(page.Result))
	}
	fails(t, c.Organizations.Members.Delete(ctx, root.ID, page.Result[at].ID), failure{status: http.StatusBadRequest, code: 1009})
	administrator := s.newUser(t, "Administrator")
	newMember(t, c, root.ID, administrator.Email, "organization_administrator")
	limited := s.as(t, administrator)
	denied := failure{status: http.StatusForbidden, code: 10000, message: "Forbidden: needs "}
	fails(t, create(limited, memberParams("a@example.com", "")), denied)
	fails(t, limited.Organizations.Members.Delete(ctx, root.ID, page.Result[at].ID), denied)
}
