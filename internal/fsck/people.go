package fsck

import (
	"context"
	"maps"
	"slices"

	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
)

// user is what is kept of a user.
type user struct {
	object
	status org.UserStatus
}

// member is what is kept of a membership, in an organization or an account.
type member struct {
	object
	organization id.Organization
	account      id.Account
	user         id.User
	status       org.MemberStatus
	role         auth.Role
}

func (c *checker) readUsers(ctx context.Context, in Inspector) error {
	return in.InspectUsers(ctx, func(u org.User) error {
		c.users[u.ID] = &user{object: object{created: u.Created, updated: u.Updated}, status: u.Status}
		return nil
	})
}

func (c *checker) readMembers(ctx context.Context, in Inspector) error {
	type place struct {
		organization id.Organization
		user         id.User
	}
	live := make(map[place]id.Member)
	return in.InspectMembers(ctx, func(m org.Member) error {
		c.members[m.ID] = &member{
			object:       object{created: m.Created, updated: m.Updated},
			organization: m.Organization, user: m.User.ID, status: m.Status, role: m.Role,
		}
		o := c.organizations[m.Organization]
		if o == nil {
			return c.violate(Orphan, "member", string(m.ID), "its organization %s is absent", m.Organization)
		}
		if m.Status != org.Pending && m.Status != org.Active {
			return nil
		}
		if m.Status == org.Active && m.Role == auth.SuperAdministrator {
			o.superiors++
		}
		at := place{m.Organization, m.User.ID}
		if other, twice := live[at]; twice {
			return c.violate(Membership, "member", string(m.ID), "user %s is a member of organization %s already, as %s", m.User.ID, m.Organization, other)
		}
		live[at] = m.ID
		return nil
	})
}

func (c *checker) readAccountMembers(ctx context.Context, in Inspector) error {
	return in.InspectAccountMembers(ctx, func(m org.AccountMember) error {
		c.members[m.ID] = &member{
			object: object{created: m.Created, updated: m.Created}, account: m.Account, user: m.User.ID, role: m.Role,
		}
		if a := c.accounts[m.Account]; a == nil || !a.live() {
			return c.violate(Orphan, "member", string(m.ID), "its account %s is deleted or absent", m.Account)
		}
		return nil
	})
}

func (c *checker) readTokens(ctx context.Context, in Inspector) error {
	return in.InspectTokens(ctx, func(t org.Token) error {
		c.tokens[t.ID] = &object{created: t.Issued, updated: t.Modified}
		return nil
	})
}

func (c *checker) checkOwners(context.Context, Inspector) error {
	for _, key := range slices.Sorted(maps.Keys(c.organizations)) {
		o := c.organizations[key]
		if o.live() && o.parent == "" && o.superiors == 0 {
			if err := c.violate(Unowned, "organization", string(key), "this root has no active super administrator"); err != nil {
				return err
			}
		}
	}
	return nil
}
