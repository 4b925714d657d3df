package api

import (
	"context"

	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/page"
)

type organization struct {
	ID      string           `json:"id"`
	Name    string           `json:"name"`
	Created timestamp        `json:"create_time"`
	Meta    organizationMeta `json:"meta"`
	Parent  *parent          `json:"parent,omitempty"`
	Profile *profileBody     `json:"profile,omitempty"`
}

// organizationMeta carries the flags twice: older clients read flags, newer
// ones tenant_flags.
type organizationMeta struct {
	Flags         flags             `json:"flags"`
	TenantFlags   tenantFlags       `json:"tenant_flags"`
	HierarchyTags []id.Organization `json:"hierarchy_tags"`
	ManagedBy     string            `json:"managed_by,omitempty"`
}

type flags struct {
	AccountCreation  flag `json:"account_creation"`
	AccountDeletion  flag `json:"account_deletion"`
	AccountMigration flag `json:"account_migration"`
	AccountMobility  flag `json:"account_mobility"`
	SubOrgCreation   flag `json:"sub_org_creation"`
}

type tenantFlags struct {
	AccountCreation                      flag `json:"account_creation"`
	AccountCreationAppliesTenantDefaults flag `json:"account_creation_applies_tenant_defaults"`
	AccountDeletion                      flag `json:"account_deletion"`
	AccountMigration                     flag `json:"account_migration"`
	AccountMobility                      flag `json:"account_mobility"`
	EnterpriseCapability                 flag `json:"enterprise_capability"`
	MemberManagement                     flag `json:"member_management"`
	SubOrgCreation                       flag `json:"sub_org_creation"`
}

// flag is a capability. The real values are unknown; these are the words that
// a client's documentation uses.
type flag string

const (
	enabled  flag = "enabled"
	disabled flag = "disabled"
)

func flagOf(on bool) flag {
	if on {
		return enabled
	}
	return disabled
}

type parent struct {
	ID   id.Organization `json:"id"`
	Name string          `json:"name"`
}

func (e Encoder) organization(o *org.Organization) organization {
	f := e.Limits.Flags(o)
	w := organization{
		ID: string(o.ID), Name: o.Name, Created: timestamp(o.Created),
		Meta: organizationMeta{
			Flags: flags{
				AccountCreation: flagOf(f.AccountCreation), AccountDeletion: flagOf(f.AccountDeletion),
				AccountMigration: flagOf(f.AccountMigration), AccountMobility: flagOf(f.AccountMobility),
				SubOrgCreation: flagOf(f.SubOrgCreation),
			},
			TenantFlags: tenantFlags{
				AccountCreation: flagOf(f.AccountCreation), AccountDeletion: flagOf(f.AccountDeletion),
				AccountMigration: flagOf(f.AccountMigration), AccountMobility: flagOf(f.AccountMobility),
				SubOrgCreation: flagOf(f.SubOrgCreation), EnterpriseCapability: flagOf(f.EnterpriseCapability),
				MemberManagement:                     flagOf(f.MemberManagement),
				AccountCreationAppliesTenantDefaults: flagOf(f.AccountCreationAppliesTenantDefaults),
			},
			HierarchyTags: o.Path,
			ManagedBy:     o.ManagedBy,
		},
	}
	if o.Parent != "" {
		w.Parent = &parent{o.Parent, o.ParentName}
	}
	if o.Profile != nil && e.EchoProfile {
		p := profile(*o.Profile)
		w.Profile = &p
	}
	return w
}

func listOrganizations(ctx context.Context, q *request) (reply, error) {
	v := q.query.view("organizations", q.callerID())
	f := org.OrganizationFilter{
		IDs:                    identifiers[id.Organization](q.query, "id"),
		Name:                   q.query.filter("name"),
		ContainingAccount:      id.Account(q.query.text("containing.account")),
		ContainingOrganization: id.Organization(q.query.text("containing.organization")),
		ContainingUser:         id.User(q.query.text("containing.user")),
	}
	if p := q.query.text("parent.id"); p == "null" {
		f.Parent.Roots = true
	} else {
		f.Parent.ID = id.Organization(p)
	}
	req := q.query.page(v)
	if err := q.query.err(); err != nil {
		return reply{}, err
	}
	p, err := q.server.Service.ListOrganizations(ctx, q.caller, f, req)
	return tokenList(p, v), err
}

// tokenList is the reply to a page_token list.
func tokenList[T any](p page.Page[T], v page.View) reply {
	info := tokenInfo{}
	if p.Total >= 0 {
		info.TotalSize = &p.Total
	}
	if p.Next != nil {
		info.NextPageToken = page.Encode(v, *p.Next)
	}
	return reply{Result: p.Items, Info: info}
}

func createOrganization(ctx context.Context, q *request) (reply, error) {
	body, err := q.decode()
	if err != nil {
		return reply{}, err
	}
	in := org.NewOrganization{Name: body.required("name")}
	if p := body.object("parent"); p != nil {
		in.Parent = id.Organization(p.required("id"))
	}
	in.Profile = readProfile(body.object("profile"))
	req, err := q.mutation(200)
	if err != nil {
		return reply{}, err
	}
	o, err := q.server.Service.CreateOrganization(ctx, req, in)
	return q.changed(o), err
}

func getOrganization(ctx context.Context, q *request) (reply, error) {
	o, err := q.server.Service.Organization(ctx, q.caller, q.organization())
	return reply{Result: o, ETag: true}, err
}

func updateOrganization(ctx context.Context, q *request) (reply, error) {
	body, err := q.decode()
	if err != nil {
		return reply{}, err
	}
	in := org.OrganizationUpdate{Name: body.required("name"), SetProfile: body.has("profile")}
	in.Profile = readProfile(body.object("profile"))
	if p := body.object("parent"); p != nil {
		in.Parent = id.Organization(p.required("id"))
	}
	req, err := q.mutation(200)
	if err != nil {
		return reply{}, err
	}
	o, err := q.server.Service.UpdateOrganization(ctx, req, q.organization(), in)
	return q.changed(o), err
}

func deleteOrganization(ctx context.Context, q *request) (reply, error) {
	req, err := q.mutation(200)
	if err != nil {
		return reply{}, err
	}
	o, err := q.server.Service.DeleteOrganization(ctx, req, q.organization())
	return q.changed(o), err
}

func restoreOrganization(ctx context.Context, q *request) (reply, error) {
	req, err := q.mutation(200)
	if err != nil {
		return reply{}, err
	}
	o, err := q.server.Service.RestoreOrganization(ctx, req, q.organization())
	return q.changed(o), err
}

func getOpenAPI(context.Context, *request) (reply, error) {
	body, err := OpenAPIJSON()
	return reply{Raw: body}, err
}

func redirectToConsole(context.Context, *request) (reply, error) {
	return reply{Status: 307, Location: "/console/"}, nil
}
