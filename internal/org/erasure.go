package org

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
)

// ErasureState says how far an erasure is.
type ErasureState string

// The states of an erasure. It runs through all logs; when it has come to the
// end it settles, because requests that were under way may have left more,
// and then runs once more. It is held while there are records left in a log
// under legal hold.
const (
	ErasureRunning  ErasureState = "running"
	ErasureSettling ErasureState = "settling"
	ErasureHeld     ErasureState = "held"
	ErasureComplete ErasureState = "complete"
)

// Erasure is the removal of the personal data of a user.
type Erasure struct {
	User      id.User
	State     ErasureState
	Records   int64 // from which personal data was taken so far
	Requested time.Time
	Completed time.Time // zero until it is complete

	// Email is the address that the user had, kept until it is complete.
	Email string
	// Log and Seq are the place of the last record that was looked at.
	Log id.Log
	Seq int64
}

// Person is whose data is looked for in audit logs.
type Person struct {
	User  id.User
	Email string
}

// The bounds of an erasure.
const (
	erasureBatch    = 200             // records of one transaction
	erasureAtOnce   = 20              // batches before a request is answered
	erasureSettling = 2 * time.Minute // longer than any request takes
)

// erasedDomain is that of addresses that stand in place of erased ones. The
// name .invalid is reserved for what must never exist.
const erasedDomain = "@erased.invalid"

// erasedEmail returns what stands in place of the address of a user.
func erasedEmail(u id.User) string { return string(u) + erasedDomain }

// EraseUser removes the personal data of a user: from its row, its
// credentials, its invitations and memberships at once, from all audit
// records soon. The answer says what Erasure answers at first; asking again
// changes nothing. Only administrators of the instance do this, and not to
// themselves.
func (s *Service) EraseUser(ctx context.Context, r Request, u id.User) (Erasure, error) {
	e, err := mutate(ctx, s, r, func(ctx context.Context, c *change) (Erasure, error) {
		if err := c.requireAdministrator(audit.UserErase, u); err != nil {
			return Erasure{}, err
		}
		if !id.Valid(string(u)) {
			return Erasure{}, fault.ErrNotFound("user")
		}
		if err := c.LockTree(ctx, true); err != nil { // no membership comes or goes meanwhile
			return Erasure{}, err
		}
		if err := c.Lock(ctx, "user:"+string(u)); err != nil {
			return Erasure{}, err
		}
		return c.eraseUser(ctx, u)
	})
	if err != nil {
		return e, err
	}
	for range erasureAtOnce {
		// What is left, for whatever reason, is for ContinueErasures.
		if more, err := s.eraseBatch(ctx, u); err != nil || !more {
			break
		}
	}
	return e, nil
}

func (c *change) eraseUser(ctx context.Context, u id.User) (Erasure, error) {
	user, err := c.User(ctx, u)
	if err != nil {
		return Erasure{}, err
	}
	if u == c.caller.User.ID {
		return Erasure{}, fault.New(fault.Invalid, "You cannot erase yourself")
	}
	before, err := c.Erasure(ctx, u)
	if err == nil {
		c.forget(c.entries[0])
		return before, nil
	}
	if err := unlessAbsent(err); err != nil {
		return Erasure{}, err
	}
	if err := c.mayLeaveAll(ctx, u); err != nil {
		return Erasure{}, err
	}
	c.rights = true
	if err := c.Tx.EraseUser(ctx, u, erasedEmail(u), c.now); err != nil {
		return Erasure{}, err
	}
	if err := c.leaveAll(ctx, u); err != nil {
		return Erasure{}, err
	}
	e := Erasure{User: u, State: ErasureRunning, Requested: c.now, Email: user.Email}
	return e, c.PutErasure(ctx, e)
}

// mayLeaveAll checks that everything has a super administrator without u.
//
// Rule: the last active super administrator of a root cannot be removed
// (decisions §4), and that of an account outside any organization neither.
func (c *change) mayLeaveAll(ctx context.Context, u id.User) error {
	members, accounts, err := c.Memberships(ctx, u)
	if err != nil {
		return err
	}
	for i := range members {
		m := &members[i]
		o, err := c.Organization(ctx, m.Organization)
		if err != nil {
			return err
		}
		others, err := c.CountSuperAdministrators(ctx, o.ID)
		if err != nil {
			return err
		}
		if others, err = c.withoutOne(ctx, others, u); err != nil {
			return err
		}
		if err := checkLastSuperAdministrator(&o, m, others); err != nil {
			return err
		}
	}
	for i := range accounts {
		a, err := c.Account(ctx, accounts[i].Account)
		if err != nil {
			return err
		}
		if err := c.keepsSuperAdministrator(ctx, &a, &accounts[i]); err != nil {
			return err
		}
	}
	return nil
}

// leaveAll ends every membership and withdraws every invitation, each with
// its record where it was.
func (c *change) leaveAll(ctx context.Context, u id.User) error {
	members, accounts, err := c.Memberships(ctx, u)
	if err != nil {
		return err
	}
	for _, m := range members {
		gone := m
		gone.Status, gone.CodeHash, gone.Updated = Canceled, "", c.now
		c.record(entry{action: audit.MemberRemove, log: id.Log(m.Organization), resource: string(m.ID), before: m, after: gone, subject: u})
		if err := c.UpdateMember(ctx, gone); err != nil {
			return err
		}
	}
	for _, m := range accounts {
		a, err := c.Account(ctx, m.Account)
		if err != nil {
			return err
		}
		log, scope := accountLog(&a)
		c.record(entry{action: audit.MemberRemove, log: log, scope: scope, resource: string(m.ID), account: a.ID, before: m, subject: u})
		if err := c.Tx.DeleteAccountMember(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// Erasure returns how far the erasure of a user is, for administrators of the
// instance.
func (s *Service) Erasure(ctx context.Context, caller *auth.Caller, u id.User) (Erasure, error) {
	if err := require(caller, auth.UserAdmin, auth.UserTarget(caller.User.ID)); err != nil {
		return Erasure{}, err
	}
	if !id.Valid(string(u)) {
		return Erasure{}, fault.ErrNotFound("erasure")
	}
	return s.Store.Erasure(ctx, u)
}

// ContinueErasures goes on with every erasure until there is nothing left to
// do for it now. The program calls it now and then; it may be interrupted at
// any time, and several servers may do it at once.
func (s *Service) ContinueErasures(ctx context.Context) error {
	open, err := s.Store.OpenErasures(ctx)
	if err != nil {
		return fmt.Errorf("list the erasures: %w", err)
	}
	var errs []error
	for _, e := range open {
		for {
			more, err := s.eraseBatch(ctx, e.User)
			if err != nil {
				errs = append(errs, fmt.Errorf("erase user %s: %w", e.User, err))
			}
			if err != nil || !more {
				break
			}
		}
	}
	return errors.Join(errs...)
}

// eraseBatch looks at the next records of an erasure and reports whether more
// can be done at once. The logs are searched before the transaction, so that
// nobody waits for that.
func (s *Service) eraseBatch(ctx context.Context, u id.User) (more bool, err error) {
	e, err := s.Store.Erasure(ctx, u)
	if err != nil || !e.due(s.now()) {
		return false, err
	}
	log, held, err := s.nextPersonal(ctx, &e)
	if err != nil {
		return false, err
	}
	err = s.bookkeep(ctx, func(tx Tx) error {
		more = false
		if err := tx.Lock(ctx, "erasure"); err != nil { // two of them may meet in one record
			return err
		}
		now, err := tx.Erasure(ctx, u)
		if err != nil || now != e {
			more = err == nil // another server was faster
			return err
		}
		if log == "" {
			return tx.PutErasure(ctx, e.atEnd(s.now(), held))
		}
		more = true
		return eraseRecords(ctx, tx, e, log)
	})
	return more, err
}

// endOfLog is the place in a log behind which there is nothing to erase.
const endOfLog = 1<<63 - 1

// nextPersonal returns the log in which to go on, "" when there is none, and
// then whether there are records left in logs under legal hold.
func (s *Service) nextPersonal(ctx context.Context, e *Erasure) (log id.Log, held bool, err error) {
	if e.Log != "" && e.Seq != endOfLog {
		return e.Log, false, nil
	}
	p := Person{e.User, e.Email}
	log, err = s.Store.PersonalLog(ctx, p, e.Log, false)
	if err == nil || unlessAbsent(err) != nil {
		return log, false, err
	}
	_, err = s.Store.PersonalLog(ctx, p, "", true)
	return "", err == nil, unlessAbsent(err)
}

// due reports whether there is something to do: one that settles has to
// wait, and one that is held for RecheckErasures.
func (e *Erasure) due(now time.Time) bool {
	return e.State == ErasureRunning || e.State == ErasureSettling && now.Sub(e.Requested) >= erasureSettling
}

// RecheckErasures lets those that are held run again, in case that a legal
// hold has ended. The program calls it now and then.
func (s *Service) RecheckErasures(ctx context.Context) error {
	open, err := s.Store.OpenErasures(ctx)
	if err != nil {
		return fmt.Errorf("list the erasures: %w", err)
	}
	for _, e := range open {
		if e.State != ErasureHeld {
			continue
		}
		err := s.bookkeep(ctx, func(tx Tx) error {
			if err := tx.Lock(ctx, "erasure"); err != nil {
				return err
			}
			now, err := tx.Erasure(ctx, e.User)
			if err != nil || now != e {
				return err
			}
			now.State = ErasureRunning
			return tx.PutErasure(ctx, now)
		})
		if err != nil {
			return fmt.Errorf("erase user %s again: %w", e.User, err)
		}
	}
	return nil
}

// atEnd returns the erasure after it came to the end of the last log.
func (e Erasure) atEnd(now time.Time, held bool) Erasure {
	e.Log, e.Seq = "", 0
	switch {
	case now.Sub(e.Requested) < erasureSettling:
		e.State = ErasureSettling
	case held:
		e.State = ErasureHeld
	default:
		e.State, e.Completed, e.Email = ErasureComplete, now, ""
	}
	return e
}

// eraseRecords takes personal data out of the next records of a log.
func eraseRecords(ctx context.Context, tx Tx, e Erasure, log id.Log) error {
	after := int64(0)
	if log == e.Log {
		after = e.Seq
	}
	p := Person{e.User, e.Email}
	settings, err := tx.AuditSettings(ctx, log)
	if err := unlessAbsent(err); err != nil {
		return err
	}
	if err == nil && settings.LegalHold { // set since the logs were searched
		e.Log, e.Seq = log, endOfLog
		return tx.PutErasure(ctx, e)
	}
	records, err := tx.PersonalRecords(ctx, p, log, after, erasureBatch)
	if err != nil {
		return err
	}
	for i := range records {
		r := &records[i]
		// With a refused request goes what it said of others, too.
		gone := append(r.Subjects(), e.User, audit.EmailSubject(e.Email))
		r.Erase(e.User, e.Email)
		left := r.Described()
		gone = slices.DeleteFunc(gone, func(u id.User) bool { return slices.Contains(left, u) })
		if err := tx.EraseRecord(ctx, r, gone); err != nil {
			return err
		}
		after = r.Seq
	}
	if len(records) == 0 {
		after = endOfLog
	}
	e.Log, e.Seq, e.Records = log, after, e.Records+int64(len(records))
	return tx.PutErasure(ctx, e)
}
