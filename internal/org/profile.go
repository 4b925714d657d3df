package org

import (
	"context"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/id"
)

// OrganizationProfile returns the profile of an organization, fault.NotFound
// when it has none.
func (s *Service) OrganizationProfile(ctx context.Context, caller *auth.Caller, o id.Organization) (Profile, error) {
	org, err := visibleOrganization(ctx, s.Store, caller, o, "", "organization")
	if err != nil {
		return Profile{}, err
	}
	if err := require(caller, auth.ProfileRead, auth.OrganizationTarget(org.Path)); err != nil {
		return Profile{}, err
	}
	return s.Store.Profile(ctx, Owner{Organization: o})
}

// AccountProfile returns the profile of an account, fault.NotFound when it
// has none.
func (s *Service) AccountProfile(ctx context.Context, caller *auth.Caller, a id.Account) (Profile, error) {
	if _, err := readAccount(ctx, s.Store, caller, a, auth.ProfileRead); err != nil {
		return Profile{}, err
	}
	return s.Store.Profile(ctx, Owner{Account: a})
}

// PutOrganizationProfile replaces the profile of an organization. From then
// on it is not repeated in the organization itself.
func (s *Service) PutOrganizationProfile(ctx context.Context, r Request, o id.Organization, p Profile) (Profile, error) {
	if err := checkProfile("", p); err != nil {
		return Profile{}, err
	}
	return mutate(ctx, s, r, func(ctx context.Context, c *change) (Profile, error) {
		org, err := c.lockOrganization(ctx, o, "")
		if err != nil {
			return Profile{}, err
		}
		e := c.record(entry{action: audit.ProfileUpdate, log: id.Log(o), resource: string(o)})
		if err := c.require(auth.ProfileUpdate, auth.OrganizationTarget(org.Path)); err != nil {
			return Profile{}, err
		}
		return p, c.putProfile(ctx, Owner{Organization: o}, p, e)
	})
}

// PutAccountProfile replaces the profile of an account.
func (s *Service) PutAccountProfile(ctx context.Context, r Request, a id.Account, p Profile) (Profile, error) {
	if err := checkProfile("", p); err != nil {
		return Profile{}, err
	}
	return mutate(ctx, s, r, func(ctx context.Context, c *change) (Profile, error) {
		acc, e, err := c.lockAccount(ctx, a, audit.ProfileUpdate, false)
		if err != nil {
			return Profile{}, err
		}
		e.before = nil
		if err := c.require(auth.ProfileUpdate, accountTarget(&acc)); err != nil {
			return Profile{}, err
		}
		return p, c.putProfile(ctx, Owner{Account: a}, p, e)
	})
}

func (c *change) putProfile(ctx context.Context, o Owner, p Profile, e *entry) error {
	old, err := c.Profile(ctx, o)
	if absent := err; unlessAbsent(err) != nil {
		return err
	} else if absent == nil {
		e.before = old
		if err := c.match(old); err != nil {
			return err
		}
	} else if err := c.match(nil); err != nil {
		return err
	}
	e.after = p
	return c.PutProfile(ctx, o, p, false, c.now)
}
