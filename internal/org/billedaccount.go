package org

import (
	"context"
	"errors"
	"slices"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
)

// readBilled loads an account that somebody asks about the bills of, with the
// permission to read them.
func (s *Service) readBilled(ctx context.Context, caller *auth.Caller, a id.Account) (Account, error) {
	acc, err := visibleAccount(ctx, s.Store, caller, a)
	if errors.Is(err, fault.ErrNotFound("account")) {
		err = s.Store.View(ctx, func(r Reader) error {
			acc, err = deletedAccount(ctx, r, caller, a)
			return err
		})
	}
	if err != nil {
		return Account{}, err
	}
	return acc, require(caller, auth.BillingRead, accountTarget(&acc))
}

// lockBilled holds an account whose bills are to be changed and announces the
// record. The record is in the log of the organization of the account; where
// that was deleted, in the one of the nearest organization above it that is
// there, because nobody reads the log of what is gone.
func (c *change) lockBilled(ctx context.Context, a id.Account, action audit.Action) (Account, *entry, error) {
	if err := c.LockTree(ctx, false); err != nil {
		return Account{}, nil, err
	}
	if err := c.Lock(ctx, "account:"+string(a)); err != nil {
		return Account{}, nil, err
	}
	acc, err := visibleAccount(ctx, c.Tx, c.caller, a)
	if errors.Is(err, fault.ErrNotFound("account")) {
		acc, err = deletedAccount(ctx, c.Tx, c.caller, a)
	}
	if err != nil {
		return Account{}, nil, err
	}
	log, scope := accountLog(&acc)
	if !acc.Deleted.IsZero() {
		there, err := c.OrganizationsByID(ctx, acc.Path)
		if err != nil {
			return Account{}, nil, err
		}
		log = id.Log(acc.Path[len(there)-1])
	}
	return acc, c.record(entry{action: action, log: log, scope: scope, resource: string(a), account: a}), nil
}

// deletedAccount loads an account that was deleted, with the path that its
// organization has, or would have if it were there.
//
// Rule: the books of a deleted account are still there for those who read or
// write the bills of the organization that it was in, and for nobody else. One
// that was deleted outside any organization is on no bill of others, and those
// whose bill it was went with it (ours, ADR 19).
func deletedAccount(ctx context.Context, r Reader, caller *auth.Caller, a id.Account) (Account, error) {
	absent := fault.ErrNotFound("account")
	if !id.Valid(string(a)) {
		return Account{}, absent
	}
	acc, err := r.DeletedAccount(ctx, a)
	if err == nil {
		acc.Path, err = pathOf(ctx, r, acc.Organization)
	}
	if errors.Is(err, fault.New(fault.NotFound, "")) {
		return Account{}, absent
	}
	if err != nil {
		return Account{}, err
	}
	target := accountTarget(&acc)
	if require(caller, auth.BillingRead, target) != nil && require(caller, auth.BillingWrite, target) != nil {
		return Account{}, absent
	}
	return acc, nil
}

// pathOf returns the path of an organization that is there or was deleted below
// one that is.
func pathOf(ctx context.Context, r OrganizationReader, o id.Organization) ([]id.Organization, error) {
	there, err := r.Organization(ctx, o)
	if !errors.Is(err, fault.New(fault.NotFound, "")) {
		return there.Path, err
	}
	gone, err := r.DeletedOrganization(ctx, o)
	if err != nil {
		return nil, err
	}
	above, err := pathOf(ctx, r, gone.Parent)
	return append(slices.Clone(above), o), err
}
