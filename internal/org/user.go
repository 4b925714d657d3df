package org

import (
	"context"
	"errors"
	"strings"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/page"
)

// NewUser is what a user is made of.
type NewUser struct {
	Email         string
	FirstName     string
	LastName      string
	TwoFactor     bool
	Administrator bool
}

// CreatedUser is a new user with its global API key, which is shown once.
type CreatedUser struct {
	User
	APIKey string
}

// CreateUser makes a user, or gives an e-mail that was invited before its
// user. Only administrators of the instance do.
func (s *Service) CreateUser(ctx context.Context, r Request, in NewUser) (CreatedUser, error) {
	if err := checkUser(&in); err != nil {
		return CreatedUser{}, err
	}
	return mutate(ctx, s, r, func(ctx context.Context, c *change) (CreatedUser, error) {
		if err := c.requireAdministrator(audit.UserCreate, ""); err != nil {
			return CreatedUser{}, err
		}
		return c.createUser(ctx, in, c.entries[0])
	})
}

func checkUser(in *NewUser) (err error) {
	if in.Email, err = checkEmail("/email", in.Email); err != nil {
		return err
	}
	if in.FirstName, err = checkText("/first_name", in.FirstName, 0, maxPerson); err != nil {
		return err
	}
	in.LastName, err = checkText("/last_name", in.LastName, 0, maxPerson)
	return err
}

// requireAdministrator announces the record of a change to users and checks
// that the caller administers the instance. Others are refused alike,
// whatever they name.
func (c *change) requireAdministrator(action audit.Action, u id.User) error {
	c.record(entry{action: action, log: id.Instance, scope: audit.ScopeUser, resource: string(u), subject: u})
	return c.require(auth.UserAdmin, auth.UserTarget(c.caller.User.ID))
}

func (c *change) createUser(ctx context.Context, in NewUser, e *entry) (CreatedUser, error) {
	u := User{
		ID: id.User(c.s.ids.New()), Email: in.Email, FirstName: in.FirstName, LastName: in.LastName,
		TwoFactor: in.TwoFactor, Administrator: in.Administrator, Status: UserActive, Created: c.now, Updated: c.now,
	}
	if err := c.lockEmail(ctx, in.Email); err != nil {
		return CreatedUser{}, err
	}
	old, err := c.UserByEmail(ctx, in.Email)
	if err := unlessAbsent(err); err != nil {
		return CreatedUser{}, err
	}
	if err == nil {
		c.name(old.summary()) // the record of a refusal knows whom it is about, too
	}
	switch {
	case err != nil:
		err = c.InsertUser(ctx, u)
	case old.Status == UserInvited:
		u.ID, u.Email, u.Created = old.ID, old.Email, old.Created
		err = c.Tx.UpdateUser(ctx, u)
	default:
		return CreatedUser{}, fault.At(fault.Invalid, "/email", "A user with this e-mail exists already")
	}
	if err != nil {
		return CreatedUser{}, err
	}
	c.about(e, u.summary())
	e.resource, e.after = string(u.ID), u
	key, err := auth.NewKeySecret(c.s.Random)
	if err != nil {
		return CreatedUser{}, err
	}
	return CreatedUser{User: u, APIKey: key}, c.PutKey(ctx, u.ID, auth.HashSecret(key), c.now)
}

// User returns a user, for administrators of the instance.
func (s *Service) User(ctx context.Context, caller *auth.Caller, u id.User) (User, error) {
	if err := require(caller, auth.UserAdmin, auth.UserTarget(caller.User.ID)); err != nil {
		return User{}, err
	}
	if !id.Valid(string(u)) {
		return User{}, fault.ErrNotFound("user")
	}
	return s.Store.User(ctx, u)
}

// ListUsers returns a page of all users in order of creation, for
// administrators of the instance.
func (s *Service) ListUsers(ctx context.Context, caller *auth.Caller, q UserQuery) (page.Page[User], error) {
	var out page.Page[User]
	if err := require(caller, auth.UserAdmin, auth.UserTarget(caller.User.ID)); err != nil {
		return out, err
	}
	err := s.Store.View(ctx, func(r Reader) error {
		var err error
		out, err = r.ListUsers(ctx, q)
		return err
	})
	return out, err
}

// DisableUser makes every credential of a user invalid at once. What the user
// was granted stays, without effect. Nobody disables themselves.
func (s *Service) DisableUser(ctx context.Context, r Request, u id.User) (User, error) {
	return s.setUserStatus(ctx, r, u, audit.UserDisable, UserDisabled)
}

// EnableUser undoes DisableUser.
func (s *Service) EnableUser(ctx context.Context, r Request, u id.User) (User, error) {
	return s.setUserStatus(ctx, r, u, audit.UserEnable, UserActive)
}

func (s *Service) setUserStatus(ctx context.Context, r Request, u id.User, action audit.Action, status UserStatus) (User, error) {
	return mutate(ctx, s, r, func(ctx context.Context, c *change) (User, error) {
		if err := c.requireAdministrator(action, u); err != nil {
			return User{}, err
		}
		if !id.Valid(string(u)) {
			return User{}, fault.ErrNotFound("user")
		}
		if err := c.Lock(ctx, "user:"+string(u)); err != nil {
			return User{}, err
		}
		user, err := c.User(ctx, u)
		if err != nil {
			return User{}, err
		}
		if u == c.caller.User.ID {
			return User{}, fault.New(fault.Invalid, "You cannot disable or enable yourself")
		}
		if strings.HasSuffix(user.Email, erasedDomain) {
			return User{}, fault.New(fault.Invalid, "The user was erased")
		}
		if user.Status == UserInvited {
			return User{}, fault.New(fault.Invalid, "The user was only invited; create it first")
		}
		e := c.entries[0]
		e.before = user
		user.Status, user.Updated = status, c.now
		e.after = user
		c.rights = true
		return user, c.Tx.UpdateUser(ctx, user)
	})
}

// Bootstrapped is the first administrator of an instance with its
// credentials, which are shown once.
type Bootstrapped struct {
	User   User
	Token  CreatedToken
	APIKey string
}

// Bootstrap makes the first user, an administrator of the instance with a
// token that may do everything the user may. It works once.
func (s *Service) Bootstrap(ctx context.Context, o Origin, in NewUser) (Bootstrapped, error) {
	if err := checkUser(&in); err != nil {
		return Bootstrapped{}, err
	}
	in.Administrator = true
	r := Request{Caller: System(), Origin: o}
	return mutate(ctx, s, r, func(ctx context.Context, c *change) (Bootstrapped, error) {
		if err := c.Lock(ctx, "bootstrap"); err != nil {
			return Bootstrapped{}, err
		}
		any, err := c.AnyUser(ctx)
		if err != nil {
			return Bootstrapped{}, err
		}
		if any {
			return Bootstrapped{}, fault.New(fault.Forbidden, "Forbidden: this instance has users already")
		}
		if err := c.requireAdministrator(audit.UserCreate, ""); err != nil {
			return Bootstrapped{}, err
		}
		u, err := c.createUser(ctx, in, c.entries[0])
		if err != nil {
			return Bootstrapped{}, err
		}
		t, err := c.createToken(ctx, u.ID, FullToken(u.ID, "bootstrap"))
		return Bootstrapped{User: u.User, Token: t, APIKey: u.APIKey}, err
	})
}

// System is the caller for what the operator does at the command line. It
// owns nothing and may do everything.
func System() *auth.Caller {
	return &auth.Caller{Credential: auth.Credential{Context: auth.ContextSystem, Unlimited: true}}
}

// IssueToken makes a token for a user by e-mail, for the operator at the
// command line, who lost the last one. Scope limits it; nil gives a full token.
func (s *Service) IssueToken(ctx context.Context, o Origin, email string, in *NewToken) (CreatedToken, error) {
	if in != nil {
		if err := s.checkToken(in); err != nil {
			return CreatedToken{}, err
		}
	}
	r := Request{Caller: System(), Origin: o}
	return mutate(ctx, s, r, func(ctx context.Context, c *change) (CreatedToken, error) {
		u, err := c.UserByEmail(ctx, email)
		if errors.Is(err, fault.New(fault.NotFound, "")) || (err == nil && u.Status != UserActive) {
			return CreatedToken{}, fault.ErrNotFound("active user " + email)
		}
		if err != nil {
			return CreatedToken{}, err
		}
		t := FullToken(u.ID, "command line")
		if in != nil {
			t = *in
		}
		return c.createToken(ctx, u.ID, t)
	})
}

// Self returns the caller's own user.
func (s *Service) Self(ctx context.Context, caller *auth.Caller) (User, error) {
	if err := require(caller, auth.UserRead, auth.UserTarget(caller.User.ID)); err != nil {
		return User{}, err
	}
	return s.Store.User(ctx, caller.User.ID)
}

// ListMemberships returns a page of the caller's explicit account
// memberships, as far as its credential shows the accounts.
func (s *Service) ListMemberships(ctx context.Context, caller *auth.Caller, q MembershipQuery) (page.Page[Membership], error) {
	q.User = caller.User.ID
	if !caller.Credential.Unlimited {
		scope := caller.Scope(auth.AccountRead)
		q.Scope = &scope
	}
	var out page.Page[Membership]
	err := s.Store.View(ctx, func(r Reader) error {
		var err error
		out, err = r.ListMemberships(ctx, q)
		return err
	})
	return out, err
}

// OwnOrganizations returns the organizations in which the caller is itself a
// member, in order of joining.
func (s *Service) OwnOrganizations(ctx context.Context, caller *auth.Caller) ([]Organization, error) {
	ids := make([]id.Organization, 0, len(caller.Grants))
	for i := range caller.Grants {
		if g := &caller.Grants[i]; caller.Allows(auth.OrganizationRead, auth.OrganizationTarget(g.Path)) {
			ids = append(ids, g.Organization())
		}
	}
	return s.Store.OrganizationsByID(ctx, ids)
}
