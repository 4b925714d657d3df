package org

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/page"
)

// NewMember is whom to make a member. Status empty or Pending invites; Active
// adds an existing user at once.
type NewMember struct {
	Email  string
	Role   auth.Role // empty for the default
	Status MemberStatus
}

// CreateMember invites somebody to an organization, or adds an existing user
// at once. The answer alone carries the invitation's code.
func (s *Service) CreateMember(ctx context.Context, r Request, o id.Organization, in NewMember) (Member, error) {
	if err := checkNewMember("/member", &in); err != nil {
		return Member{}, err
	}
	return mutate(ctx, s, r, func(ctx context.Context, c *change) (Member, error) {
		org, err := c.lockMembers(ctx, o)
		if err != nil {
			return Member{}, err
		}
		return c.createMember(ctx, &org, in, "/member")
	})
}

// CreateMembers does the same for several, all or none.
func (s *Service) CreateMembers(ctx context.Context, r Request, o id.Organization, in []NewMember) ([]Member, error) {
	if n := len(in); n == 0 || n > BatchMembers {
		return nil, fault.At(fault.Invalid, "/members", fmt.Sprintf("/members must have 1 to %d members", BatchMembers))
	}
	for i := range in {
		if err := checkNewMember(fmt.Sprintf("/members/%d", i), &in[i]); err != nil {
			return nil, err
		}
	}
	return mutate(ctx, s, r, func(ctx context.Context, c *change) ([]Member, error) {
		org, err := c.lockMembers(ctx, o)
		if err != nil {
			return nil, err
		}
		members := make([]Member, 0, len(in))
		for i, n := range in {
			m, err := c.createMember(ctx, &org, n, fmt.Sprintf("/members/%d", i))
			if err != nil {
				return nil, err
			}
			members = append(members, m)
		}
		return members, nil
	})
}

func checkNewMember(pointer string, in *NewMember) (err error) {
	if in.Email, err = checkEmail(pointer+"/user/email", in.Email); err != nil {
		return err
	}
	if in.Role, err = checkRole(pointer+"/role", in.Role, auth.OrganizationRoles()); err != nil {
		return err
	}
	if in.Status == "" {
		in.Status = Pending
	}
	if in.Status != Pending && in.Status != Active {
		return fault.At(fault.Invalid, pointer+"/status", pointer+"/status of a new member must be active, or absent to invite")
	}
	return nil
}

// lockMembers holds the members of an organization and returns it.
func (c *change) lockMembers(ctx context.Context, o id.Organization) (Organization, error) {
	if err := c.LockTree(ctx, false); err != nil {
		return Organization{}, err
	}
	if err := c.Lock(ctx, "members:"+string(o)); err != nil {
		return Organization{}, err
	}
	return c.visibleOrganization(ctx, o, "", "organization")
}

func (c *change) createMember(ctx context.Context, o *Organization, in NewMember, pointer string) (Member, error) {
	m := Member{
		ID: id.Member(c.s.ids.New()), Organization: o.ID, User: UserSummary{Email: in.Email},
		Role: in.Role, Status: in.Status, Created: c.now, Updated: c.now,
	}
	e := c.record(entry{action: audit.MemberInvite, log: id.Log(o.ID), resource: string(m.ID), made: true})
	if in.Status == Active {
		e.action = audit.MemberAdd
	}
	if err := c.require(auth.MemberWrite, auth.OrganizationTarget(o.Path)); err != nil {
		return Member{}, err
	}
	u, err := c.memberUser(ctx, in, pointer)
	if err != nil {
		return Member{}, err
	}
	m.User = u.summary()
	c.about(e, m.User)
	if err := c.replaceExpired(ctx, &m, pointer); err != nil {
		return Member{}, err
	}
	if m.Status == Pending {
		if m.Code, err = auth.NewInvitationCode(c.s.Random); err != nil {
			return Member{}, err
		}
		m.CodeHash, m.CodeExpires = auth.HashSecret(m.Code), c.now.Add(InvitationLifetime)
	}
	if c.request.DryRun {
		m.Code = "" // it would open nothing
	}
	e.after = m
	c.rights = true
	return m, c.InsertMember(ctx, m)
}

// memberUser returns the user to make a member. Inviting an e-mail that
// nobody has yet makes a user without credentials for it.
func (c *change) memberUser(ctx context.Context, in NewMember, pointer string) (User, error) {
	if err := c.lockEmail(ctx, in.Email); err != nil {
		return User{}, err
	}
	u, err := c.UserByEmail(ctx, in.Email)
	if err == nil && (in.Status != Active || u.Status == UserActive) {
		return u, nil
	}
	if err := unlessAbsent(err); err != nil {
		return User{}, err
	}
	if in.Status == Active {
		return User{}, fault.At(fault.Invalid, pointer+"/user/email", "Only an existing user can be added at once; leave status out to invite")
	}
	u = User{ID: id.User(c.s.ids.New()), Email: in.Email, Status: UserInvited, Created: c.now, Updated: c.now}
	return u, c.InsertUser(ctx, u)
}

// lockEmail holds an e-mail, because whoever finds no user of it makes one.
func (c *change) lockEmail(ctx context.Context, email string) error {
	return c.Lock(ctx, "email:"+strings.ToLower(email))
}

// replaceExpired refuses a second membership of the same user, unless the
// first is an invitation that ran out, which it cancels.
//
// Rule: the same e-mail twice is refused (decisions §4).
func (c *change) replaceExpired(ctx context.Context, m *Member, pointer string) error {
	old, err := c.LiveMember(ctx, m.Organization, m.User.ID)
	if err != nil {
		return unlessAbsent(err)
	}
	if old.Status == Active || c.now.Before(old.CodeExpires) {
		return fault.At(fault.Invalid, pointer+"/user/email", "This e-mail already belongs to a member or an open invitation")
	}
	gone := old
	gone.Status, gone.CodeHash, gone.Updated = Canceled, "", c.now
	c.record(entry{action: audit.MemberRemove, log: id.Log(m.Organization), resource: string(old.ID), before: old, after: gone, subject: old.User.ID})
	return c.UpdateMember(ctx, gone)
}

// Member returns one membership. Canceled ones are gone.
func (s *Service) Member(ctx context.Context, caller *auth.Caller, o id.Organization, m id.Member) (Member, error) {
	org, err := visibleOrganization(ctx, s.Store, caller, o, "", "organization")
	if err != nil {
		return Member{}, err
	}
	if err := require(caller, auth.MemberRead, auth.OrganizationTarget(org.Path)); err != nil {
		return Member{}, err
	}
	return presentMember(ctx, s.Store, o, m)
}

func presentMember(ctx context.Context, r MemberReader, o id.Organization, m id.Member) (Member, error) {
	absent := fault.ErrNotFound("member")
	if !id.Valid(string(m)) {
		return Member{}, absent
	}
	member, err := r.Member(ctx, o, m)
	if errors.Is(err, absent) || (err == nil && member.Status == Canceled) {
		return Member{}, absent
	}
	return member, err
}

// ListMembers returns a page of the members of an organization itself, in
// order of creation. Without statuses the pending and active ones are listed.
func (s *Service) ListMembers(ctx context.Context, caller *auth.Caller, q MemberQuery) (page.Page[Member], error) {
	var out page.Page[Member]
	err := s.Store.View(ctx, func(r Reader) error {
		o, err := visibleOrganization(ctx, r, caller, q.Organization, "", "organization")
		if err != nil {
			return err
		}
		if err := require(caller, auth.MemberRead, auth.OrganizationTarget(o.Path)); err != nil {
			return err
		}
		out, err = r.ListMembers(ctx, q)
		return err
	})
	return out, err
}

// changeMember loads a pending or active membership under the locks that
// every change of members takes, and checks the permission and the rule about
// the last super administrator.
func (c *change) changeMember(ctx context.Context, o id.Organization, m id.Member, action audit.Action) (Member, *entry, error) {
	org, err := c.lockMembers(ctx, o)
	if err != nil {
		return Member{}, nil, err
	}
	target := auth.OrganizationTarget(org.Path)
	e := c.record(entry{action: action, log: id.Log(o), resource: string(m)})
	if err := c.require(auth.MemberWrite, target); err != nil {
		return Member{}, nil, err
	}
	member, err := presentMember(ctx, c.Tx, o, m)
	if err != nil {
		return Member{}, nil, err
	}
	if member.Status == Rejected {
		return Member{}, nil, fault.ErrNotFound("member")
	}
	e.before, e.subject = member, member.User.ID
	if err := c.match(member); err != nil {
		return Member{}, nil, err
	}
	others, err := c.CountSuperAdministrators(ctx, o)
	if err != nil {
		return Member{}, nil, err
	}
	if others, err = c.withoutOne(ctx, others, member.User.ID); err != nil {
		return Member{}, nil, err
	}
	return member, e, checkLastSuperAdministrator(&org, &member, others)
}

// withoutOne takes a super administrator off a count of them, in which those
// who are disabled are not.
func (c *change) withoutOne(ctx context.Context, count int64, u id.User) (int64, error) {
	user, err := c.User(ctx, u)
	if err != nil || user.Status == UserDisabled {
		return count, err
	}
	return count - 1, nil
}

// DeleteMember ends a membership or withdraws an invitation. It is kept as
// canceled.
func (s *Service) DeleteMember(ctx context.Context, r Request, o id.Organization, m id.Member) (Member, error) {
	return mutate(ctx, s, r, func(ctx context.Context, c *change) (Member, error) {
		member, e, err := c.changeMember(ctx, o, m, audit.MemberRemove)
		if err != nil {
			return Member{}, err
		}
		member.Status, member.CodeHash, member.Updated = Canceled, "", c.now
		e.after = member
		c.rights = true
		return member, c.UpdateMember(ctx, member)
	})
}

// SetMemberRole gives a member another role.
func (s *Service) SetMemberRole(ctx context.Context, r Request, o id.Organization, m id.Member, role auth.Role) (Member, error) {
	if role == "" {
		return Member{}, fault.At(fault.Invalid, "/role", "/role is required")
	}
	if _, err := checkRole("/role", role, auth.OrganizationRoles()); err != nil {
		return Member{}, err
	}
	return mutate(ctx, s, r, func(ctx context.Context, c *change) (Member, error) {
		member, e, err := c.changeMember(ctx, o, m, audit.MemberUpdate)
		if member.Role == auth.SuperAdministrator && role == auth.SuperAdministrator && errors.Is(err, fault.New(fault.LastSuperAdministrator, "")) {
			err = nil // it keeps the role, so nobody is demoted
		}
		if err != nil {
			return Member{}, err
		}
		member.Role, member.Updated = role, c.now
		e.after = member
		c.rights = true
		return member, c.UpdateMember(ctx, member)
	})
}

// AnswerInvitation accepts or rejects an invitation with the invitee's own
// credential. Whoever is not the invitee learns nothing of it.
func (s *Service) AnswerInvitation(ctx context.Context, r Request, o id.Organization, code string, accept bool) (Member, error) {
	status, action := Rejected, audit.InvitationReject
	if accept {
		status, action = Active, audit.InvitationAccept
	}
	return mutate(ctx, s, r, func(ctx context.Context, c *change) (Member, error) {
		absent := fault.ErrNotFound("invitation")
		if !id.Valid(string(o)) || code == "" {
			return Member{}, absent
		}
		if err := c.LockTree(ctx, false); err != nil {
			return Member{}, err
		}
		if err := c.Lock(ctx, "members:"+string(o)); err != nil {
			return Member{}, err
		}
		if _, err := c.Organization(ctx, o); err != nil {
			return Member{}, firstError(unlessAbsent(err), absent)
		}
		m, err := c.MemberByCode(ctx, o, auth.HashSecret(code))
		if err != nil {
			return Member{}, firstError(unlessAbsent(err), absent)
		}
		if m.User.ID != c.caller.User.ID || m.Status != Pending {
			return Member{}, absent
		}
		if !c.now.Before(m.CodeExpires) {
			return Member{}, fault.New(fault.Invalid, "The invitation has expired; ask for another")
		}
		answered := m
		answered.Status, answered.CodeHash, answered.Updated = status, "", c.now
		c.record(entry{action: action, log: id.Log(o), resource: string(m.ID), before: m, after: answered, subject: m.User.ID})
		c.rights = true
		return answered, c.UpdateMember(ctx, answered)
	})
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// CreateAccountMember makes an existing user an explicit member of one
// account.
func (s *Service) CreateAccountMember(ctx context.Context, r Request, a id.Account, email string, role auth.Role) (AccountMember, error) {
	email, err := checkEmail("/email", email)
	if err != nil {
		return AccountMember{}, err
	}
	if role, err = checkRole("/role", role, auth.AccountRoles()); err != nil {
		return AccountMember{}, err
	}
	return mutate(ctx, s, r, func(ctx context.Context, c *change) (AccountMember, error) {
		acc, e, err := c.lockAccount(ctx, a, audit.MemberAdd, false)
		if err != nil {
			return AccountMember{}, err
		}
		m := AccountMember{ID: id.Member(s.ids.New()), Account: a, Role: role, Created: c.now}
		e.before, e.resource, e.made = nil, string(m.ID), true
		if err := c.require(auth.MemberWrite, accountTarget(&acc)); err != nil {
			return AccountMember{}, err
		}
		u, err := c.UserByEmail(ctx, email)
		if err := unlessAbsent(err); err != nil {
			return AccountMember{}, err
		}
		if err != nil || u.Status != UserActive {
			return AccountMember{}, fault.At(fault.Invalid, "/email", "Only an existing user can be a member of an account")
		}
		m.User = u.summary()
		if _, err := c.AccountMemberOf(ctx, a, u.ID); unlessAbsent(err) != nil {
			return AccountMember{}, err
		} else if err == nil {
			return AccountMember{}, fault.At(fault.Invalid, "/email", "The user is a member of this account already")
		}
		c.about(e, m.User)
		e.after = m
		c.rights = true
		return m, c.InsertAccountMember(ctx, m)
	})
}

// ListAccountMembers returns a page of the explicit members of an account.
func (s *Service) ListAccountMembers(ctx context.Context, caller *auth.Caller, a id.Account, p page.Request) (page.Page[AccountMember], error) {
	var out page.Page[AccountMember]
	err := s.Store.View(ctx, func(r Reader) error {
		if _, err := readAccount(ctx, r, caller, a, auth.MemberRead); err != nil {
			return err
		}
		var err error
		out, err = r.ListAccountMembers(ctx, a, p)
		return err
	})
	return out, err
}

// DeleteAccountMember ends an explicit membership.
//
// Rule: an account outside any organization keeps one super administrator, or
// nobody could reach it (after decisions §5).
func (s *Service) DeleteAccountMember(ctx context.Context, r Request, a id.Account, m id.Member) (id.Member, error) {
	return mutate(ctx, s, r, func(ctx context.Context, c *change) (id.Member, error) {
		acc, e, err := c.lockAccount(ctx, a, audit.MemberRemove, false)
		if err != nil {
			return "", err
		}
		e.before, e.resource = nil, string(m)
		if err := c.require(auth.MemberWrite, accountTarget(&acc)); err != nil {
			return "", err
		}
		if !id.Valid(string(m)) {
			return "", fault.ErrNotFound("member")
		}
		member, err := c.AccountMember(ctx, a, m)
		if err != nil {
			return "", err
		}
		e.before, e.subject = member, member.User.ID
		if err := c.keepsSuperAdministrator(ctx, &acc, &member); err != nil {
			return "", err
		}
		c.rights = true
		return m, c.Tx.DeleteAccountMember(ctx, member)
	})
}

func (c *change) keepsSuperAdministrator(ctx context.Context, a *Account, m *AccountMember) error {
	if a.Organization != "" || m.Role != auth.AccountSuperAdministrator {
		return nil
	}
	others, err := c.CountAccountSuperAdministrators(ctx, a.ID)
	if err != nil {
		return err
	}
	if others, err = c.withoutOne(ctx, others, m.User.ID); err != nil {
		return err
	}
	if others <= 0 {
		return fault.New(fault.LastSuperAdministrator, "The last super administrator of an account outside any organization cannot be removed")
	}
	return nil
}

func summary(u auth.User) UserSummary {
	return UserSummary{ID: u.ID, Email: u.Email, FirstName: u.FirstName, LastName: u.LastName, TwoFactor: u.TwoFactor}
}

func (u *User) summary() UserSummary {
	return UserSummary{ID: u.ID, Email: u.Email, FirstName: u.FirstName, LastName: u.LastName, TwoFactor: u.TwoFactor}
}

// Name returns first and last name together.
func (u *UserSummary) Name() string { return strings.TrimSpace(u.FirstName + " " + u.LastName) }
