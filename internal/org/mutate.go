package org

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
)

// change is one mutation under way: the transaction, the caller with the
// rights it holds now, and the records that will be written with it.
type change struct {
	Tx
	s       *Service
	request Request
	caller  *auth.Caller
	now     time.Time
	entries []*entry
	people  map[string]id.User // whom the bodies name by e-mail, in lower case
	rights  bool               // set when the change alters who may do what
	view    bool               // nothing is changed; the answer is not kept
	summary any                // what is recorded in place of an answer that is too long
}

// entry is an audit record in the making.
type entry struct {
	action   audit.Action
	log      id.Log
	scope    audit.Scope
	resource string
	account  id.Account
	before   any
	after    any
	subject  id.User // whom the personal data in the bodies describes
	made     bool    // the resource comes into being: a refusal leaves none
}

// errDryRun rolls a dry run back.
var errDryRun = errors.New("dry run")

// mutate is the only place that changes anything: it runs do in a
// transaction, with the caller's rights read in the same transaction, and
// writes the records of the change, and the answer kept for its idempotency
// key, with it. A refusal (permission or rule) is recorded as a failure.
func mutate[T any](ctx context.Context, s *Service, r Request, do func(context.Context, *change) (T, error)) (T, error) {
	var result T
	var last *change
	err := s.update(ctx, func(tx Tx) error {
		c := &change{Tx: tx, s: s, request: r, now: s.now()}
		last = c
		if err := c.lookAhead(ctx); err != nil {
			return err
		}
		if err := c.authenticate(ctx); err != nil {
			return err
		}
		if err := c.replay(ctx); err != nil {
			return err
		}
		out, err := do(ctx, c)
		if err != nil {
			return err
		}
		result = out
		if r.DryRun {
			return errDryRun
		}
		if c.rights {
			if err := c.ChangeRights(ctx); err != nil {
				return err
			}
		}
		if err := c.writeRecords(ctx, result); err != nil {
			return err
		}
		return c.keepAnswer(ctx, result)
	})
	switch {
	case errors.Is(err, errDryRun):
		return result, nil
	case err != nil:
		var zero T
		return zero, s.recordRefusal(ctx, last, err)
	}
	if last.rights {
		s.rights.Add(1)
	}
	s.recorded(last)
	return result, nil
}

// lookAhead tells the store what will be asked for, once the shape of the
// trees is held, because what is read before that may be out of date.
func (c *change) lookAhead(ctx context.Context) error {
	if c.request.ahead == (Ahead{}) {
		return nil
	}
	if err := c.LockTree(ctx, false); err != nil {
		return err
	}
	c.Ahead(c.request.ahead)
	return nil
}

// authenticate makes sure of the caller's rights, so that a change is decided
// on what is true in its own transaction: it asks whether any rights changed
// since they were read, and only then reads them again.
func (c *change) authenticate(ctx context.Context) error {
	if c.request.Caller.Credential.Context == auth.ContextSystem {
		c.caller = c.request.Caller
		return nil
	}
	ref := refOf(c.request.Caller)
	stored, err := c.Rights(ctx)
	if err != nil {
		return err
	}
	caller := c.s.callers.current(ref, stored)
	if caller == nil {
		if caller, err = c.s.principal(ctx, c.Tx, ref); err != nil {
			return err
		}
	}
	c.caller = caller
	return nil
}

func (c *change) replay(ctx context.Context) error {
	k := c.request.Idempotency
	if k == nil || c.request.DryRun {
		return nil
	}
	if !utf8.ValidString(k.Key) || strings.IndexByte(k.Key, 0) >= 0 {
		return fault.At(fault.Invalid, "Idempotency-Key", "Idempotency-Key has characters that are not allowed")
	}
	a, err := c.Answer(ctx, c.caller.User.ID, k.Key)
	switch {
	case errors.Is(err, fault.New(fault.NotFound, "")):
		return nil
	case err != nil:
		return err
	case c.now.Sub(a.Created) >= AnswerLifetime:
		return c.DropAnswers(ctx, c.now.Add(-AnswerLifetime).Add(time.Microsecond))
	case a.Fingerprint != k.Fingerprint:
		return fault.New(fault.IdempotencyKeyReused, "Idempotency-Key was used before with another request")
	}
	return &Replay{Answer: a}
}

func (c *change) keepAnswer(ctx context.Context, result any) error {
	k := c.request.Idempotency
	if k == nil {
		return nil
	}
	body, err := k.Seal(result)
	if err != nil {
		return fmt.Errorf("seal the answer: %w", err)
	}
	a := Answer{Fingerprint: k.Fingerprint, Status: c.request.Origin.Status, Body: body, Created: c.now}
	return c.PutAnswer(ctx, c.caller.User.ID, k.Key, a)
}

// record announces what is about to be changed, before permission and rules
// are checked, so that a refusal is recorded with it. The returned entry may
// be completed until the change ends.
func (c *change) record(e entry) *entry {
	if e.scope == "" {
		e.scope = audit.ScopeOrganizations
	}
	c.entries = append(c.entries, &e)
	return &e
}

// about says whom e is about.
func (c *change) about(e *entry, u UserSummary) {
	e.subject = u.ID
	c.name(u)
}

// name says whom the bodies mean by an e-mail.
func (c *change) name(u UserSummary) {
	if c.people == nil {
		c.people = make(map[string]id.User)
	}
	c.people[strings.ToLower(u.Email)] = u.ID
}

// forget takes an announcement back when there turns out to be nothing to do.
func (c *change) forget(e *entry) {
	c.entries = slices.DeleteFunc(c.entries, func(other *entry) bool { return other == e })
}

// refused returns the announcement that a refusal is recorded with: the first
// one about the object that was worked on last.
func (c *change) refused() entry {
	last := c.entries[len(c.entries)-1]
	i := slices.IndexFunc(c.entries, func(e *entry) bool { return e.resource == last.resource && e.action == last.action })
	return *c.entries[i]
}

// writeRecords writes every announced record. Logs are taken in order of
// their identifiers, so that two changes never wait for each other.
func (c *change) writeRecords(ctx context.Context, result any) error {
	var response []byte
	if c.request.Origin.Status != 204 && !c.view { // with 204 there is no body to keep
		var err error
		if c.summary != nil {
			result = c.summary
		}
		if response, err = c.s.encode(result); err != nil {
			return err
		}
	}
	entries := slices.Clone(c.entries)
	slices.SortStableFunc(entries, func(a, b *entry) int { return strings.Compare(string(a.log), string(b.log)) })
	for _, e := range entries {
		r, err := c.newRecord(e, c.now, response)
		if err != nil {
			return err
		}
		r.Result, r.Raw.Status = audit.Success, c.request.Origin.Status
		if err := c.AppendAudit(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// recordRefusal writes the failure record of a refused change and returns the
// refusal. Only what the caller may know of was announced, so nothing is
// recorded about objects that it cannot see.
func (s *Service) recordRefusal(ctx context.Context, c *change, refusal error) error {
	if c == nil || c.request.DryRun || len(c.entries) == 0 || !fault.CodeOf(refusal).Refusal() {
		return refusal
	}
	e := c.refused()
	e.before, e.after = nil, nil
	if e.made {
		e.resource = ""
		if e.action == audit.AccountCreate {
			e.account = ""
		}
	}
	err := s.update(ctx, func(tx Tx) error {
		r, err := c.newRecord(&e, s.now(), nil)
		if err != nil {
			return err
		}
		r.Result, r.Raw.Status = audit.Failure, s.StatusOf(refusal)
		return tx.AppendAudit(ctx, r)
	})
	if err != nil {
		return fmt.Errorf("record the refusal %q: %w", refusal, err)
	}
	s.recorded(c)
	return refusal
}

// recorded says that there are new records.
func (s *Service) recorded(c *change) {
	if s.Changed != nil && len(c.entries) > 0 {
		s.Changed()
	}
}

// bookkeep writes what no record is about: how far work in the background has
// come, and what follows from a change that has its record.
func (s *Service) bookkeep(ctx context.Context, do func(Tx) error) error {
	return s.Store.Update(ctx, do)
}

// newRecord makes the record of e, all but its place in the log.
func (c *change) newRecord(e *entry, at time.Time, response []byte) (*audit.Record, error) {
	s, o := c.s, c.request.Origin.legible()
	red := audit.Redactor{Salt: s.salt, Subject: e.subject, Subjects: c.people}
	r := &audit.Record{
		Log: e.log, ID: id.Record(s.ids.New()), Time: at, Account: e.account, Action: e.action,
		Actor: actor(c.caller, o, s.salt()),
		Raw:   audit.Raw{RayID: o.RayID, Method: o.Method, URI: o.URI, UserAgent: o.UserAgent},
		Resource: audit.Resource{
			ID: e.resource, Type: e.action.Resource, Product: e.action.Product, Scope: e.scope,
		},
	}
	before, err := s.encode(e.before)
	if err != nil {
		return nil, err
	}
	after, err := s.encode(e.after)
	if err != nil {
		return nil, err
	}
	for _, b := range []struct {
		to   *[]byte
		body []byte
	}{{&r.Resource.Request, o.Body}, {&r.Resource.Response, response}, {&r.Resource.Before, before}, {&r.Resource.After, after}} {
		if *b.to, err = red.Redact(b.body); err != nil {
			return nil, err
		}
	}
	r.Personal = red.Personal()
	return r, nil
}

func actor(c *auth.Caller, o Origin, salt []byte) audit.Actor {
	a := audit.Actor{
		ID: c.User.ID, Type: audit.ActorUser, Context: c.Credential.Context, Email: c.User.Email,
		IP: o.IP, TokenID: c.Credential.Token, TokenName: c.Credential.TokenName, Salt: salt,
	}
	if c.Credential.Context == auth.ContextSystem {
		a.Type = audit.ActorSystem
	}
	return a
}

// encode returns the JSON of an object as the API shows it, nil for nil.
func (s *Service) encode(object any) ([]byte, error) {
	if object == nil {
		return nil, nil
	}
	b, err := s.Encode(object)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", object, err)
	}
	return b, nil
}

func (s *Service) salt() []byte {
	b := make([]byte, 16)
	if _, err := io.ReadFull(s.Random, b); err != nil {
		panic("org: no randomness: " + err.Error())
	}
	return b
}

// match checks the If-Match condition of the request.
func (c *change) match(current any) error {
	if c.request.IfMatch != nil && !c.request.IfMatch(current) {
		return fault.New(fault.PreconditionFailed, "The object has changed: its ETag does not match If-Match")
	}
	return nil
}

// require checks a permission on what the caller is known to see.
func (c *change) require(p auth.Permission, t auth.Target) error { return require(c.caller, p, t) }

// requireOwn announces e and checks a permission on nothing yet: a tree or an
// account of the caller's own. What has no log yet is refused in the caller's.
func (c *change) requireOwn(p auth.Permission, e entry) error {
	own := e
	own.log, own.scope = id.Log(c.caller.User.ID), audit.ScopeUser
	announced := c.record(own)
	if err := c.require(p, auth.Target{}); err != nil {
		return err
	}
	announced.log, announced.scope = e.log, e.scope
	if announced.scope == "" {
		announced.scope = audit.ScopeOrganizations
	}
	return nil
}

func require(c *auth.Caller, p auth.Permission, t auth.Target) error {
	if c.Credential.Context == auth.ContextSystem || c.Allows(p, t) {
		return nil
	}
	return fault.New(fault.Forbidden, "Forbidden: needs "+p.String())
}

// Housekeep writes down when tokens were last used and forgets idempotency
// keys that have run out. The program calls it now and then; it changes
// nothing that a record would be about.
func (s *Service) Housekeep(ctx context.Context) error {
	used := s.used.take()
	before := s.now().Add(-AnswerLifetime)
	return s.bookkeep(ctx, func(tx Tx) error {
		if err := tx.TouchTokens(ctx, used); err != nil {
			return err
		}
		return tx.DropAnswers(ctx, before)
	})
}

// journal enters in the journal what it lacks of the logs, and reports whether
// that was anything. Like Housekeep it changes nothing that a record would be
// about: it says in which order the records are read.
func (s *Service) journal(ctx context.Context, logs []id.Log) (bool, error) {
	n, err := s.Store.AuditBacklog(ctx, logs)
	if err != nil || n == 0 {
		return false, err
	}
	at := s.now()
	err = s.bookkeep(ctx, func(tx Tx) error { return tx.JournalAudits(ctx, logs, at) })
	return err == nil, err
}

// update runs f in a transaction and remembers which logs it appended to.
func (s *Service) update(ctx context.Context, f func(Tx) error) error {
	if s.Key == nil {
		return s.Store.Update(ctx, f)
	}
	var logs []id.Log
	err := s.Store.Update(ctx, func(tx Tx) error {
		n := noting{Tx: tx}
		err := f(&n)
		logs = n.logs
		return err
	})
	if err == nil {
		s.trees.add(logs...)
	}
	return err
}

// noting is a transaction that notes the logs that are appended to.
type noting struct {
	Tx
	logs []id.Log
}

// AppendAudit implements AuditTx.
func (n *noting) AppendAudit(ctx context.Context, r *audit.Record) error {
	n.logs = append(n.logs, r.Log)
	return n.Tx.AppendAudit(ctx, r)
}

// AppendAudits implements AuditTx.
func (n *noting) AppendAudits(ctx context.Context, records []*audit.Record) error {
	if len(records) > 0 {
		n.logs = append(n.logs, records[0].Log)
	}
	return n.Tx.AppendAudits(ctx, records)
}

// writeTrees adds to the trees of logs, but for those that another process
// has added to meanwhile, and returns those that have grown. Trees are made of
// records, so that there is no record about them.
func (s *Service) writeTrees(ctx context.Context, growths []Growth) ([]id.Log, error) {
	if len(growths) == 0 {
		return nil, nil
	}
	logs := make([]id.Log, len(growths))
	for i, g := range growths {
		logs[i] = g.Log
	}
	var grown []id.Log
	err := s.Store.Update(ctx, func(tx Tx) error {
		grown = nil
		if err := tx.Lock(ctx, TreesLock); err != nil {
			return err
		}
		trees, err := tx.AuditTrees(ctx, logs)
		if err != nil {
			return err
		}
		sizes := make(map[id.Log]int64, len(trees))
		for _, t := range trees {
			sizes[t.Log] = t.Size
		}
		var current []Growth
		for _, g := range growths {
			if size, ok := sizes[g.Log]; ok && size == g.From {
				current = append(current, g)
				grown = append(grown, g.Log)
			}
		}
		return tx.GrowTrees(ctx, current)
	})
	return grown, err
}
