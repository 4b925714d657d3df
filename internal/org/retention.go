package org

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
)

// AuditSettings say how long the records of a log are kept. Under legal hold
// none is removed, whatever its age, and no personal data is erased from them.
type AuditSettings struct {
	RetentionMonths int64
	LegalHold       bool
}

// The bounds of a retention, in months.
const (
	DefaultRetention = 18 // Rule: as in the real system (decisions §6)
	LeastRetention   = 1
	MostRetention    = 240
)

// settings returns those of a log, or what stands for them until they are set.
func (s *Service) settings(ctx context.Context, r RetentionReader, log id.Log) (AuditSettings, error) {
	a, err := r.AuditSettings(ctx, log)
	if errors.Is(err, fault.New(fault.NotFound, "")) {
		return AuditSettings{RetentionMonths: s.retention()}, nil
	}
	return a, err
}

// retention returns how many months logs without settings are kept.
func (s *Service) retention() int64 {
	if s.RetentionMonths == 0 {
		return DefaultRetention
	}
	return s.RetentionMonths
}

// AuditSettings returns the settings of the log of an organization.
func (s *Service) AuditSettings(ctx context.Context, caller *auth.Caller, o id.Organization) (AuditSettings, error) {
	org, err := visibleOrganization(ctx, s.Store, caller, o, "", "organization")
	if err != nil {
		return AuditSettings{}, err
	}
	if err := require(caller, auth.AuditManage, auth.OrganizationTarget(org.Path)); err != nil {
		return AuditSettings{}, err
	}
	return s.settings(ctx, s.Store, id.Log(o))
}

// settingsLock is what a change of settings and an expiry hold, so that a
// legal hold that was answered holds.
func settingsLock(log id.Log) string { return "audit:" + string(log) }

// PutAuditSettings sets the settings of the log of an organization.
func (s *Service) PutAuditSettings(ctx context.Context, r Request, o id.Organization, in AuditSettings) (AuditSettings, error) {
	if in.RetentionMonths < LeastRetention || in.RetentionMonths > MostRetention {
		return AuditSettings{}, fault.At(fault.Invalid, "/retention_months",
			fmt.Sprintf("/retention_months must be a whole number from %d to %d", LeastRetention, MostRetention))
	}
	return mutate(ctx, s, r, func(ctx context.Context, c *change) (AuditSettings, error) {
		if err := c.LockTree(ctx, false); err != nil {
			return AuditSettings{}, err
		}
		log := id.Log(o)
		if err := c.Lock(ctx, settingsLock(log)); err != nil {
			return AuditSettings{}, err
		}
		org, err := c.visibleOrganization(ctx, o, "", "organization")
		if err != nil {
			return AuditSettings{}, err
		}
		e := c.record(entry{action: audit.AuditSettingsUpdate, log: log, resource: string(o)})
		before, err := s.settings(ctx, c.Tx, log)
		if err != nil {
			return AuditSettings{}, err
		}
		switch {
		case in.LegalHold && !before.LegalHold:
			e.action = audit.LegalHoldSet
		case !in.LegalHold && before.LegalHold:
			e.action = audit.LegalHoldUnset
		}
		if err := c.require(auth.AuditManage, auth.OrganizationTarget(org.Path)); err != nil {
			return AuditSettings{}, err
		}
		if err := c.match(before); err != nil {
			return AuditSettings{}, err
		}
		e.before, e.after = before, in
		return in, c.Tx.PutAuditSettings(ctx, log, in, c.now)
	})
}

// Log is a log that has records, for the search for what has to expire.
type Log struct {
	ID       id.Log
	Oldest   time.Time // the time of its first record that is there
	Settings *AuditSettings
}

// Expired is what was removed from a log: the records From to To, none when To
// is 0. Scope is that of the last of them.
type Expired struct {
	From, To int64
	Scope    audit.Scope
}

// The bounds of an expiry.
const (
	expiryBatch = 1000 // records of one transaction
	logsAtOnce  = 500  // logs of one look
)

// expiryEdge returns the first moment of what is kept: whole days, so that a
// log that is written to all the time is not made shorter all the time, and
// months as they are, so that the 31st becomes the last day of a shorter one.
func expiryEdge(now time.Time, months int64) time.Time {
	y, m, d := now.UTC().Date()
	first := time.Date(y, m-time.Month(months), 1, 0, 0, 0, 0, time.UTC)
	lastDay := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(d, lastDay)-1)
}

// ExpireAudit removes from every log what its retention has passed: its oldest
// records, never under legal hold, never what an active stream has not
// delivered yet. Each step leaves its record. The program calls it now and
// then; it may be interrupted at any time, and one server at a time does it.
func (s *Service) ExpireAudit(ctx context.Context) error {
	var errs []error
	for after := id.Log(""); ; {
		logs, err := s.Store.Logs(ctx, after, logsAtOnce)
		if err != nil {
			return errors.Join(append(errs, fmt.Errorf("list the logs: %w", err))...)
		}
		if len(logs) == 0 {
			return errors.Join(errs...)
		}
		for i := range logs {
			if err := s.expireLog(ctx, &logs[i]); err != nil {
				errs = append(errs, fmt.Errorf("expire records of log %s: %w", logs[i].ID, err))
			}
			after = logs[i].ID
		}
	}
}

func (s *Service) expireLog(ctx context.Context, l *Log) error {
	a := AuditSettings{RetentionMonths: s.retention()}
	if l.Settings != nil {
		a = *l.Settings
	}
	if a.LegalHold || !l.Oldest.Before(expiryEdge(s.now(), a.RetentionMonths)) {
		return nil
	}
	for {
		gone, err := s.expireBatch(ctx, l.ID)
		if err != nil || gone.To == 0 {
			return err
		}
	}
}

// expireBatch removes the next records of a log in a transaction that decides
// anew.
func (s *Service) expireBatch(ctx context.Context, log id.Log) (Expired, error) {
	r := Request{Caller: System(), Origin: Origin{URI: "orgd retention", Status: 200}}
	return mutate(ctx, s, r, func(ctx context.Context, c *change) (Expired, error) {
		c.view = true // there is no answer to record
		if err := c.Lock(ctx, settingsLock(log), "expiry"); err != nil {
			return Expired{}, err
		}
		a, err := s.settings(ctx, c.Tx, log)
		if err != nil || a.LegalHold {
			return Expired{}, err
		}
		end, err := c.firstNeeded(ctx, log)
		if err != nil {
			return Expired{}, err
		}
		edge := expiryEdge(c.now, a.RetentionMonths)
		gone, err := c.Tx.ExpireRecords(ctx, log, edge, end, expiryBatch)
		if err != nil || gone.To == 0 {
			return gone, err
		}
		c.request.Origin.Body = fmt.Appendf(nil, `{"before":"%s","from_seq":%d,"to_seq":%d}`, edge.Format(time.RFC3339), gone.From, gone.To)
		c.record(entry{action: audit.LogExpire, log: log, scope: gone.Scope, resource: string(log)})
		return gone, nil
	})
}

// firstNeeded returns the number of the first record of a log that somebody
// still has to read: an active stream, or the tree of the log.
func (c *change) firstNeeded(ctx context.Context, log id.Log) (int64, error) {
	needed := int64(endOfLog)
	if c.s.Key != nil {
		trees, err := c.AuditTrees(ctx, []id.Log{log})
		if err != nil {
			return 0, err
		}
		for _, t := range trees {
			needed = t.Size + 1
		}
	}
	end, err := c.FirstUndelivered(ctx, log)
	if err == nil {
		needed = min(needed, end)
	}
	return needed, unlessAbsent(err)
}
