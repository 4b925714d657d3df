package api

import (
	"context"

	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
)

type person struct {
	ID    string `json:"id"`
	Email string `json:"email"`
	Name  string `json:"name"`
}

func newPerson(u *org.UserSummary) *person {
	if u == nil {
		return nil
	}
	return &person{string(u.ID), u.Email, u.Name()}
}

type organizationAccess struct {
	User         *person  `json:"user"`
	Organization parent   `json:"organization"`
	Permissions  []string `json:"permissions"`
	Grants       []grant  `json:"grants"`
}

type grant struct {
	Role         auth.Role `json:"role"`
	Organization parent    `json:"organization"`
	Member       id.Member `json:"member_id"`
	Inherited    bool      `json:"inherited"`
}

func newOrganizationAccess(a *org.EffectiveAccess) organizationAccess {
	return organizationAccess{
		User:         newPerson(a.User),
		Organization: parent{a.Organization.ID, a.Organization.Name},
		Permissions:  permissionNames(a.Permissions),
		Grants: each(a.Grants, func(g *org.Access) grant {
			return grant{g.Role, parent{g.Organization, g.Name}, g.Member, g.Inherited}
		}),
	}
}

func permissionNames(s auth.Set) []string {
	names := []string{}
	for _, p := range s.List() {
		names = append(names, p.String())
	}
	return names
}

type accountAccess struct {
	User        *person  `json:"user"`
	Via         via      `json:"via"`
	Permissions []string `json:"permissions"`
}

type via struct {
	Type      string    `json:"type"`
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Role      auth.Role `json:"role"`
	Member    id.Member `json:"member_id"`
	Inherited bool      `json:"inherited"`
}

func newAccountAccess(a *org.Access) accountAccess {
	v := via{Type: "organization", ID: string(a.Organization), Name: a.Name, Role: a.Role, Member: a.Member, Inherited: a.Inherited}
	if a.Account != "" {
		v.Type, v.ID = "account", string(a.Account)
	}
	return accountAccess{User: newPerson(&a.User), Via: v, Permissions: permissionNames(a.Permissions)}
}

func getOrganizationAccess(ctx context.Context, q *request) (reply, error) {
	user := q.query.text("user")
	if user == "" {
		q.query.refuse("user", "is required: the id or e-mail of a user")
	}
	if err := q.query.err(); err != nil {
		return reply{}, err
	}
	a, err := q.server.Service.OrganizationAccess(ctx, q.caller, q.organization(), user)
	return reply{Result: a}, err
}

func listAccountAccess(ctx context.Context, q *request) (reply, error) {
	v := q.query.view("account access "+string(q.account()), q.callerID())
	req := q.query.page(v)
	if err := q.query.err(); err != nil {
		return reply{}, err
	}
	p, err := q.server.Service.AccountAccess(ctx, q.caller, q.account(), req)
	return tokenList(p, v), err
}
