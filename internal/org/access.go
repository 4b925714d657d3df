package org

import (
	"context"
	"slices"
	"strings"

	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/page"
)

// EffectiveAccess is what a user may do in an organization, and through which
// grants. User is nil when nothing reaches there, whether or not such a user
// exists.
type EffectiveAccess struct {
	Organization Organization
	User         *UserSummary
	Permissions  auth.Set
	Grants       []Access
}

// OrganizationAccess answers what a user, named by identifier or e-mail, may
// do in an organization.
func (s *Service) OrganizationAccess(ctx context.Context, caller *auth.Caller, o id.Organization, user string) (EffectiveAccess, error) {
	var out EffectiveAccess
	err := s.Store.View(ctx, func(r Reader) error {
		org, err := visibleOrganization(ctx, r, caller, o, "", "organization")
		if err != nil {
			return err
		}
		target := auth.OrganizationTarget(org.Path)
		if err := require(caller, auth.AccessRead, target); err != nil {
			return err
		}
		out = EffectiveAccess{Organization: org}
		u, err := findUser(ctx, r, user)
		if err != nil || u.Status != UserActive {
			return unlessAbsent(err)
		}
		return out.fill(ctx, r, &u, target)
	})
	return out, err
}

func findUser(ctx context.Context, r UserReader, user string) (User, error) {
	if strings.Contains(user, "@") {
		return r.UserByEmail(ctx, user)
	}
	return r.User(ctx, id.User(user))
}

func (a *EffectiveAccess) fill(ctx context.Context, r Reader, u *User, target auth.Target) error {
	places, err := r.MemberPlaces(ctx, u.ID)
	if err != nil {
		return err
	}
	for _, p := range places {
		here := p.Path[len(p.Path)-1]
		below := here != a.Organization.ID
		if !slices.Contains(target.Path, here) {
			continue
		}
		perms := p.Role.Permissions(below)
		a.Permissions |= perms
		a.Grants = append(a.Grants, Access{
			User: u.summary(), Member: p.Member, Role: p.Role, Organization: here,
			Name: p.Name, Inherited: below, Permissions: perms,
		})
	}
	if len(a.Grants) > 0 {
		user := u.summary()
		a.User = &user
	}
	return nil
}

// AccountAccess returns a page of all who can reach an account, and why, in
// order of the identifiers of their memberships.
func (s *Service) AccountAccess(ctx context.Context, caller *auth.Caller, a id.Account, p page.Request) (page.Page[Access], error) {
	var out page.Page[Access]
	err := s.Store.View(ctx, func(r Reader) error {
		acc, err := readAccount(ctx, r, caller, a, auth.AccessRead)
		if err != nil {
			return err
		}
		out, err = r.ListAccess(ctx, AccessQuery{Path: acc.Path, Account: a, Request: p})
		return err
	})
	for i := range out.Items {
		g := &out.Items[i]
		g.Inherited = g.Account == ""
		g.Permissions = g.Role.Permissions(g.Inherited) & auth.OnAccounts
	}
	return out, err
}
