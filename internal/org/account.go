package org

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/page"
)

// NewAccount is what a new account is made of.
type NewAccount struct {
	Name         string
	Type         AccountType     // empty for Standard
	Organization id.Organization // empty for none
	Settings     AccountSettings
}

// CreateAccount makes an account, inside an organization (account.create
// there) or outside any, where its creator becomes its super administrator.
func (s *Service) CreateAccount(ctx context.Context, r Request, in NewAccount) (Account, error) {
	name, err := checkName("/name", in.Name)
	if err != nil {
		return Account{}, err
	}
	if in.Type == "" {
		in.Type = Standard
	}
	if in.Type != Standard && in.Type != Enterprise {
		return Account{}, fault.At(fault.Invalid, "/type", "/type must be standard or enterprise")
	}
	if err := checkSettings(&in.Settings); err != nil {
		return Account{}, err
	}
	return mutate(ctx, s, r.below(in.Organization), func(ctx context.Context, c *change) (Account, error) {
		a := Account{ID: id.Account(s.ids.New()), Name: name, Type: in.Type, Settings: in.Settings, Created: c.now, Updated: c.now}
		if in.Organization == "" {
			return a, c.insertLooseAccount(ctx, a)
		}
		if err := c.LockTree(ctx, false); err != nil {
			return Account{}, err
		}
		o, err := c.visiblePlace(ctx, in.Organization, "/unit/id", "organization")
		if err != nil {
			return Account{}, err
		}
		a.Organization, a.OrganizationName, a.Path = o.ID, o.Name, o.Path
		c.record(entry{action: audit.AccountCreate, log: id.Log(o.ID), resource: string(a.ID), account: a.ID, after: a, made: true})
		if err := c.require(auth.AccountCreate, auth.OrganizationTarget(o.Path)); err != nil {
			return Account{}, err
		}
		if err := c.checkAccountLimit(ctx, o.Path[0], 1); err != nil {
			return Account{}, err
		}
		return a, c.InsertAccount(ctx, a)
	})
}

func (c *change) insertLooseAccount(ctx context.Context, a Account) error {
	e := entry{action: audit.AccountCreate, log: id.Log(a.ID), scope: audit.ScopeAccounts, resource: string(a.ID), account: a.ID, after: a}
	if err := c.requireOwn(auth.AccountCreate, e); err != nil {
		return err
	}
	if err := c.InsertAccount(ctx, a); err != nil {
		return err
	}
	c.rights = true
	return c.InsertAccountMember(ctx, AccountMember{
		ID: id.Member(c.s.ids.New()), Account: a.ID, User: summary(c.caller.User),
		Role: auth.AccountSuperAdministrator, Created: c.now,
	})
}

// accountTarget returns what a permission on a is asked for.
func accountTarget(a *Account) auth.Target { return auth.AccountTarget(a.ID, a.Path) }

// accountLog returns the log of what happens to a, and its scope.
func accountLog(a *Account) (id.Log, audit.Scope) {
	if a.Organization == "" {
		return id.Log(a.ID), audit.ScopeAccounts
	}
	return id.Log(a.Organization), audit.ScopeOrganizations
}

// visibleAccount loads an account that the caller has any permission on.
func visibleAccount(ctx context.Context, r AccountReader, caller *auth.Caller, a id.Account) (Account, error) {
	absent := fault.ErrNotFound("account")
	if !id.Valid(string(a)) {
		return Account{}, absent
	}
	acc, err := r.Account(ctx, a)
	if errors.Is(err, absent) {
		return Account{}, absent
	}
	if err != nil {
		return Account{}, err
	}
	if caller.Credential.Context != auth.ContextSystem && caller.Permissions(accountTarget(&acc)) == 0 {
		return Account{}, absent
	}
	return acc, nil
}

// readAccount loads an account and checks a permission on it.
func readAccount(ctx context.Context, r AccountReader, caller *auth.Caller, a id.Account, p auth.Permission) (Account, error) {
	acc, err := visibleAccount(ctx, r, caller, a)
	if err != nil {
		return Account{}, err
	}
	return acc, require(caller, p, accountTarget(&acc))
}

// Account returns one account.
func (s *Service) Account(ctx context.Context, caller *auth.Caller, a id.Account) (Account, error) {
	return readAccount(ctx, s.Store, caller, a, auth.AccountRead)
}

// ListAccounts returns a page of the accounts that the caller sees. Name is
// an exact match without regard to case, empty for any.
func (s *Service) ListAccounts(ctx context.Context, caller *auth.Caller, name string, p page.Numbered) (page.Page[Account], error) {
	var out page.Page[Account]
	err := s.Store.View(ctx, func(r Reader) error {
		var err error
		out, err = r.ListAccounts(ctx, AccountQuery{Scope: caller.Scope(auth.AccountRead), Name: name, Numbered: p})
		return err
	})
	return out, err
}

// ListOrganizationAccounts returns a page of the accounts directly in an
// organization; sub-organizations' accounts are not among them.
func (s *Service) ListOrganizationAccounts(ctx context.Context, caller *auth.Caller, q OrganizationAccountQuery) (page.Page[Account], error) {
	var out page.Page[Account]
	err := s.Store.View(ctx, func(r Reader) error {
		o, err := visibleOrganization(ctx, r, caller, q.Organization, "", "organization")
		if err != nil {
			return err
		}
		if err := require(caller, auth.AccountRead, auth.AccountsTarget(o.Path)); err != nil {
			return err
		}
		q.Exclude = caller.Scope(auth.AccountRead).DeniedAccounts
		out, err = r.ListOrganizationAccounts(ctx, q)
		return err
	})
	return out, err
}

// AccountOrganizations returns the organizations that contain the account,
// the root first, the immediate one last.
func (s *Service) AccountOrganizations(ctx context.Context, caller *auth.Caller, a id.Account) ([]Organization, error) {
	var chain []Organization
	err := s.Store.View(ctx, func(r Reader) error {
		acc, err := readAccount(ctx, r, caller, a, auth.AccountRead)
		if err != nil {
			return err
		}
		all, err := r.OrganizationsByID(ctx, acc.Path)
		if err != nil {
			return err
		}
		chain = chain[:0]
		for _, o := range all {
			// Whoever reads the account sees the names on the path to it.
			if !caller.Allows(auth.OrganizationRead, auth.OrganizationTarget(o.Path)) {
				o = nameOnly(o)
			}
			chain = append(chain, o)
		}
		slices.SortFunc(chain, func(a, b Organization) int { return a.Depth() - b.Depth() })
		return nil
	})
	return chain, err
}

// AccountUpdate is an update of an account; nil Settings leaves them alone,
// others replace them as a whole.
type AccountUpdate struct {
	Name     string
	Settings *AccountSettings
}

// UpdateAccount sets the name and the settings of an account.
func (s *Service) UpdateAccount(ctx context.Context, r Request, a id.Account, in AccountUpdate) (Account, error) {
	name, err := checkName("/name", in.Name)
	if err != nil {
		return Account{}, err
	}
	if err := checkSettings(in.Settings); err != nil {
		return Account{}, err
	}
	return mutate(ctx, s, r, func(ctx context.Context, c *change) (Account, error) {
		acc, e, err := c.lockAccount(ctx, a, audit.AccountUpdate, false)
		if err != nil {
			return Account{}, err
		}
		if err := c.require(auth.AccountUpdate, accountTarget(&acc)); err != nil {
			return Account{}, err
		}
		if err := c.match(acc); err != nil {
			return Account{}, err
		}
		acc.Name, acc.Updated = name, c.now
		if in.Settings != nil {
			acc.Settings = *in.Settings
		}
		e.after = acc
		return acc, c.Tx.UpdateAccount(ctx, acc)
	})
}

func checkSettings(s *AccountSettings) error {
	if s == nil || s.AbuseContactEmail == nil {
		return nil
	}
	if *s.AbuseContactEmail == "" {
		s.AbuseContactEmail = nil
		return nil
	}
	email, err := checkEmail("/settings/abuse_contact_email", *s.AbuseContactEmail)
	if err != nil {
		return err
	}
	s.AbuseContactEmail = &email
	return nil
}

// lockAccount holds an account that is to be changed and announces the
// record. What moves or deletes it holds the shape of the trees as well.
func (c *change) lockAccount(ctx context.Context, a id.Account, action audit.Action, exclusive bool) (Account, *entry, error) {
	if err := c.LockTree(ctx, exclusive); err != nil {
		return Account{}, nil, err
	}
	if err := c.Lock(ctx, "account:"+string(a)); err != nil {
		return Account{}, nil, err
	}
	acc, err := visibleAccount(ctx, c.Tx, c.caller, a)
	if err != nil {
		return Account{}, nil, err
	}
	log, scope := accountLog(&acc)
	e := c.record(entry{action: action, log: log, scope: scope, resource: string(a), account: a, before: acc})
	return acc, e, nil
}

// DeleteAccount deletes an account for good; its row stays for the log and
// its identifier is never used again.
func (s *Service) DeleteAccount(ctx context.Context, r Request, a id.Account) (id.Account, error) {
	return mutate(ctx, s, r, func(ctx context.Context, c *change) (id.Account, error) {
		acc, _, err := c.lockAccount(ctx, a, audit.AccountDelete, true)
		if err != nil {
			return "", err
		}
		if err := c.require(auth.AccountDelete, accountTarget(&acc)); err != nil {
			return "", err
		}
		if err := c.match(acc); err != nil {
			return "", err
		}
		c.rights = true
		return a, c.Tx.DeleteAccount(ctx, acc, c.now)
	})
}

// Move is the outcome of moving an account. Source or Destination is empty
// for outside any organization.
type Move struct {
	Account     id.Account
	Source      id.Organization
	Destination id.Organization
}

// MoveAccount moves an account into an organization. It needs account.move on
// the account and account.create on the destination.
func (s *Service) MoveAccount(ctx context.Context, r Request, a id.Account, to id.Organization) (Move, error) {
	return mutate(ctx, s, r, func(ctx context.Context, c *change) (Move, error) {
		if err := c.LockTree(ctx, true); err != nil {
			return Move{}, err
		}
		if _, err := visibleAccount(ctx, c.Tx, c.caller, a); err != nil {
			return Move{}, err
		}
		o, err := c.visibleOrganization(ctx, to, "/destination_organization_id", "destination organization")
		if err != nil {
			return Move{}, err
		}
		return c.moveAccount(ctx, a, &o)
	})
}

// MoveAccounts moves several accounts into an organization, all or none.
func (s *Service) MoveAccounts(ctx context.Context, r Request, as []id.Account, to id.Organization) ([]Move, error) {
	if n := len(as); n == 0 || n > BatchMoves {
		return nil, fault.At(fault.Invalid, "/account_ids", fmt.Sprintf("/account_ids must have 1 to %d accounts", BatchMoves))
	}
	for i, a := range as {
		if slices.Contains(as[:i], a) {
			at := fmt.Sprintf("/account_ids/%d", i)
			return nil, fault.At(fault.Invalid, at, at+" names an account twice")
		}
	}
	return mutate(ctx, s, r, func(ctx context.Context, c *change) ([]Move, error) {
		if err := c.LockTree(ctx, true); err != nil {
			return nil, err
		}
		o, err := c.visibleOrganization(ctx, to, "/destination_organization_id", "destination organization")
		if err != nil {
			return nil, err
		}
		moves := make([]Move, 0, len(as))
		for i, a := range as {
			m, err := c.moveAccount(ctx, a, &o)
			if err != nil {
				return nil, at(err, fmt.Sprintf("/account_ids/%d", i))
			}
			moves = append(moves, m)
		}
		return moves, nil
	})
}

// at points a refusal of one element of a batch at that element.
func at(err error, pointer string) error {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Pointer != "" {
		return err
	}
	return &fault.Error{Code: f.Code, Message: f.Message, Pointer: pointer, Err: f.Err}
}

func (c *change) moveAccount(ctx context.Context, a id.Account, to *Organization) (Move, error) {
	acc, e, err := c.lockAccount(ctx, a, audit.AccountMove, true)
	if err != nil {
		return Move{}, err
	}
	moved := acc
	moved.Organization, moved.OrganizationName, moved.Path, moved.Updated = to.ID, to.Name, to.Path, c.now
	e.after = moved
	if log := id.Log(to.ID); log != e.log {
		c.record(entry{action: e.action, log: log, resource: e.resource, account: a, before: acc, after: moved})
	}
	if err := c.require(auth.AccountMove, accountTarget(&acc)); err != nil {
		return Move{}, err
	}
	if err := c.require(auth.AccountCreate, auth.OrganizationTarget(to.Path)); err != nil {
		return Move{}, at(err, "/destination_organization_id")
	}
	m := Move{Account: a, Source: acc.Organization, Destination: to.ID}
	if acc.Organization == to.ID {
		c.forget(e)
		return m, nil
	}
	if acc.Root() != to.Root() {
		if err := c.checkAccountLimit(ctx, to.Root(), 1); err != nil {
			return Move{}, err
		}
	}
	c.rights = true
	return m, c.Tx.MoveAccount(ctx, acc, to.Path, c.now)
}

// DetachAccount takes an account out of its organization. The caller becomes
// its explicit super administrator, so that somebody can still reach it.
func (s *Service) DetachAccount(ctx context.Context, r Request, a id.Account) (Move, error) {
	return mutate(ctx, s, r, func(ctx context.Context, c *change) (Move, error) {
		acc, e, err := c.lockAccount(ctx, a, audit.AccountDetach, true)
		if err != nil {
			return Move{}, err
		}
		loose := acc
		loose.Organization, loose.OrganizationName, loose.Path, loose.Updated = "", "", nil, c.now
		e.after = loose
		if err := c.require(auth.AccountMove, accountTarget(&acc)); err != nil {
			return Move{}, err
		}
		m := Move{Account: a, Source: acc.Organization}
		if acc.Organization == "" {
			return Move{}, fault.New(fault.Invalid, "The account is not in an organization")
		}
		c.rights = true
		c.record(entry{action: e.action, log: id.Log(a), scope: audit.ScopeAccounts, resource: e.resource, account: a, before: acc, after: loose})
		if err := c.Tx.MoveAccount(ctx, acc, nil, c.now); err != nil {
			return Move{}, err
		}
		return m, c.keepReachable(ctx, a)
	})
}

// keepReachable makes the caller an explicit super administrator of an
// account that leaves its organization.
func (c *change) keepReachable(ctx context.Context, a id.Account) error {
	m, err := c.AccountMemberOf(ctx, a, c.caller.User.ID)
	if unlessAbsent(err) != nil {
		return err
	}
	if err == nil {
		if m.Role == auth.AccountSuperAdministrator {
			return nil
		}
		if err := c.Tx.DeleteAccountMember(ctx, m); err != nil {
			return err
		}
	}
	return c.InsertAccountMember(ctx, AccountMember{
		ID: id.Member(c.s.ids.New()), Account: a, User: summary(c.caller.User),
		Role: auth.AccountSuperAdministrator, Created: c.now,
	})
}
