package org

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
)

// BatchRecords is how many records may be pushed at once.
const BatchRecords = 1000

// auditAhead is how far the clock of another system may be ahead.
const auditAhead = 5 * time.Minute

// PushedRecord is a record of another system. Of the embedded record it fills
// in Source, Occurred, Account, Action, Result, Actor, Raw and Resource, with
// the bodies as they came. Key is its own identifier, and At the pointer to
// where it stands in what was sent. Err says that it could not even be read.
type PushedRecord struct {
	audit.Record
	Key string
	At  string
	Err error
}

// Pushed tells what became of pushed records, in their order, how many of them
// are new, and the first and the last number of those.
type Pushed struct {
	Records     []PushedPlace
	New         int
	First, Last int64
}

// PushedPlace is the place of a pushed record in its log. New says that it was
// not there before.
type PushedPlace struct {
	ID  id.Record
	Seq int64
	New bool
}

// PushSummary is what the record of a push tells instead of its answer.
type PushSummary struct {
	New, Known  int
	First, Last int64
}

// PushAudit adds records of other systems to the log of an organization, all
// or none. A record that is there already, with the same content, is left
// alone. The push itself is recorded behind them.
func (s *Service) PushAudit(ctx context.Context, r Request, o id.Organization, batch []PushedRecord) (Pushed, error) {
	if err := checkPush(s.now(), batch); err != nil {
		return Pushed{}, err
	}
	return mutate(ctx, s, r, func(ctx context.Context, c *change) (Pushed, error) {
		if err := c.LockTree(ctx, false); err != nil {
			return Pushed{}, err
		}
		org, err := c.visibleOrganization(ctx, o, "", "organization")
		if err != nil {
			return Pushed{}, err
		}
		e := c.record(entry{action: audit.RecordsPush, log: id.Log(o), resource: string(o)})
		if err := c.require(auth.AuditPush, auth.OrganizationTarget(org.Path)); err != nil {
			return Pushed{}, err
		}
		if err := c.checkPushAccounts(ctx, o, batch); err != nil {
			return Pushed{}, err
		}
		records, err := c.pushedRecords(ctx, id.Log(o), batch)
		if err != nil {
			return Pushed{}, err
		}
		out, err := c.push(ctx, id.Log(o), batch, records)
		if err == nil && out.New == 0 {
			c.forget(e)
		}
		c.summary = PushSummary{out.New, len(batch) - out.New, out.First, out.Last}
		return out, err
	})
}

// push writes those records that are not there yet.
//
// Rule: idempotent by the identifier of the record (decisions §6). The same
// content under it is there already, other content is refused.
func (c *change) push(ctx context.Context, log id.Log, batch []PushedRecord, records []*audit.Record) (Pushed, error) {
	if err := c.Lock(ctx, "push:"+string(log)); err != nil {
		return Pushed{}, err
	}
	ids := make([]id.Record, len(records))
	for i, r := range records {
		ids[i] = r.ID
	}
	stored, err := c.AuditRecordsByID(ctx, log, ids)
	if err != nil {
		return Pushed{}, err
	}
	known := make(map[id.Record]*audit.Record, len(records))
	for i := range stored {
		known[stored[i].ID] = &stored[i]
	}
	var fresh []*audit.Record
	var problems []error
	for i, r := range records {
		switch before := known[r.ID]; {
		case before == nil:
			known[r.ID] = r
			fresh = append(fresh, r)
		case !audit.SameEvent(before, r):
			at := batch[i].At + "/id"
			problems = append(problems, fault.At(fault.Invalid, at, at+" is taken by a record with other content"))
		}
	}
	if err := errors.Join(problems...); err != nil {
		return Pushed{}, err
	}
	if err := c.AppendAudits(ctx, fresh); err != nil {
		return Pushed{}, fmt.Errorf("append %d pushed records to log %s: %w", len(fresh), log, err)
	}
	return newPushed(records, fresh, known), nil
}

func newPushed(records, fresh []*audit.Record, known map[id.Record]*audit.Record) Pushed {
	out := Pushed{New: len(fresh), Records: make([]PushedPlace, len(records))}
	for i, r := range records {
		place := known[r.ID]
		out.Records[i] = PushedPlace{ID: r.ID, Seq: place.Seq, New: place == r}
	}
	if len(fresh) > 0 {
		out.First, out.Last = fresh[0].Seq, fresh[len(fresh)-1].Seq
	}
	return out
}

// checkPushAccounts makes sure that every account that is named lies directly
// in the organization.
func (c *change) checkPushAccounts(ctx context.Context, o id.Organization, batch []PushedRecord) error {
	var ids []id.Account
	for i := range batch {
		if a := batch[i].Account; id.Valid(string(a)) && !slices.Contains(ids, a) {
			ids = append(ids, a)
		}
	}
	here := make(map[id.Account]bool)
	if len(ids) > 0 {
		accounts, err := c.AccountsByID(ctx, ids)
		if err != nil {
			return err
		}
		for i := range accounts {
			here[accounts[i].ID] = accounts[i].Organization == o
		}
	}
	var problems []error
	for i := range batch {
		if a := batch[i].Account; a != "" && !here[a] {
			at := batch[i].At + "/account_id"
			problems = append(problems, fault.At(fault.Invalid, at, at+" names no account of this organization"))
		}
	}
	return errors.Join(problems...)
}

// pushedRecords makes the records of a batch, all but their places in the log.
func (c *change) pushedRecords(ctx context.Context, log id.Log, batch []PushedRecord) ([]*audit.Record, error) {
	people, err := c.peopleIn(ctx, batch)
	if err != nil {
		return nil, err
	}
	records := make([]*audit.Record, len(batch))
	for i := range batch {
		p := &batch[i]
		r := p.Record
		r.Log, r.ID, r.Time = log, audit.RecordID(p.Key), c.now
		if !audit.IsUUID(p.Key) {
			r.SourceID = p.Key
		}
		r.Actor.Salt, r.Actor.Subject = c.s.salt(), people[strings.ToLower(r.Actor.Email)]
		r.Resource.Scope = audit.ScopeOrganizations
		if r.Account != "" {
			r.Resource.Scope = audit.ScopeAccounts
		}
		red := audit.Redactor{Salt: c.s.salt, Subject: r.Actor.Subject, Subjects: people}
		for _, body := range r.Resource.Bodies() {
			if *body, err = red.Redact(*body); err != nil {
				return nil, err
			}
		}
		r.Personal = red.Personal()
		records[i] = &r
	}
	return records, nil
}

// peopleIn returns the users whose e-mail addresses a batch names, so that
// they can be erased there too.
func (c *change) peopleIn(ctx context.Context, batch []PushedRecord) (map[string]id.User, error) {
	emails := make(map[string]bool)
	for i := range batch {
		p := &batch[i]
		if p.Actor.Email != "" {
			emails[strings.ToLower(p.Actor.Email)] = true
		}
		for _, body := range p.Resource.Bodies() {
			found, err := audit.Addresses(*body)
			if err != nil {
				return nil, err
			}
			for _, e := range found {
				emails[strings.ToLower(e)] = true
			}
		}
	}
	if len(emails) == 0 {
		return nil, nil
	}
	users, err := c.UsersByEmail(ctx, slices.Sorted(maps.Keys(emails)))
	if err != nil {
		return nil, err
	}
	people := make(map[string]id.User, len(users))
	for i := range users {
		people[strings.ToLower(users[i].Email)] = users[i].ID
	}
	return people, nil
}
