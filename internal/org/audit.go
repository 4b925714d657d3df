package org

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
)

// AuditPage is one page of an audit log, or of several. After is the number
// behind which the next page begins, 0 when there is none; of several logs,
// Tick is its place in their order.
type AuditPage struct {
	Records []audit.Record
	After   int64
	Tick    int64
}

// HistoryStatus says how well the history of a resource is known.
type HistoryStatus string

// The states of a history. Records of ours name their resource by type and
// identifier, so that nothing has to be guessed.
const (
	HistoryExact       HistoryStatus = "exact"
	HistoryUnavailable HistoryStatus = "unavailable" // the record names no resource
)

// auditSettling is how long after its end a window may still get records:
// those of changes that were under way, or came from a clock that is behind.
const auditSettling = time.Minute

// AuditLog returns a page of the records in the log of an organization.
func (s *Service) AuditLog(ctx context.Context, r Request, o id.Organization, q audit.Query) (AuditPage, error) {
	var p AuditPage
	err := s.checkAudit(ctx, r, o)
	if err == nil {
		p, err = s.listAudit(ctx, id.Log(o), q)
	}
	return p, s.recordRead(ctx, r, auditRead{action: audit.LogView, log: o, query: q, shows: shows(p, q)}, err)
}

// AuditHistory returns a page of the records about the same resource as the
// record source in the log of an organization, in whichever log that the
// caller may read they are.
func (s *Service) AuditHistory(ctx context.Context, r Request, o id.Organization, source id.Record, q audit.Query) (AuditPage, HistoryStatus, error) {
	var p AuditPage
	status := HistoryUnavailable
	err := s.checkAudit(ctx, r, o)
	if err == nil {
		var e audit.Record
		if e, err = s.auditRecord(ctx, id.Log(o), source); err == nil {
			p, status, err = s.history(ctx, r.Caller, &e, q)
		}
	}
	return p, status, s.recordRead(ctx, r, auditRead{action: audit.LogHistoryView, log: o, query: q, shows: shows(p, q)}, err)
}

func (s *Service) auditRecord(ctx context.Context, log id.Log, source id.Record) (audit.Record, error) {
	if !id.Valid(string(source)) {
		return audit.Record{}, fault.ErrNotFound("audit log entry")
	}
	return s.Store.AuditRecord(ctx, log, source)
}

// listAudit reads a page. Forwards, the page at the end of a window that may
// still get records has a next one all the same, so that the log can be
// followed; an empty page never has, so that whoever asks for page after page
// comes to an end.
func (s *Service) listAudit(ctx context.Context, log id.Log, q audit.Query) (AuditPage, error) {
	records, more, err := s.Store.ListAudit(ctx, log, q)
	p := AuditPage{Records: records}
	if n := len(records); n > 0 && (more || s.growing(&q)) {
		p.After = records[n-1].Seq
	}
	return p, err
}

// growing reports whether a list may still get records behind its last one.
func (s *Service) growing(q *audit.Query) bool {
	return q.Ascending && q.Before.After(s.now().Add(-auditSettling))
}

func (s *Service) checkAudit(ctx context.Context, r Request, o id.Organization) error {
	org, err := visibleOrganization(ctx, s.Store, r.Caller, o, "", "organization")
	if err != nil {
		return err
	}
	return require(r.Caller, auth.AuditRead, auth.OrganizationTarget(org.Path))
}

// auditRead is a reading of the log of an organization, or of the records
// about an account, that may have to be recorded there.
type auditRead struct {
	action  audit.Action
	log     id.Organization
	account id.Account
	query   audit.Query
	shows   bool
}

// shows reports whether a page is worth a record: the first of a list, and
// every other with something on it besides readings. Without this exception
// following a log would be what makes it grow.
func shows(p AuditPage, q audit.Query) bool {
	return q.After == 0 || slices.ContainsFunc(p.Records, func(r audit.Record) bool { return r.Action.Type != audit.View })
}

// recordRead records a reading that came out with err, if readings are
// recorded, and returns what is to be answered. Rights are looked at again
// where it is recorded; no page leaves without its record.
func (s *Service) recordRead(ctx context.Context, r Request, a auditRead, err error) error {
	refused := errors.Is(err, fault.New(fault.Forbidden, ""))
	if !s.AuditReads || (err != nil && !refused) || (err == nil && !a.shows) {
		return err
	}
	_, recordErr := mutate(ctx, s, r, func(ctx context.Context, c *change) (struct{}, error) {
		c.view = true
		target, err := c.announceRead(ctx, &a)
		if err != nil {
			return struct{}{}, err
		}
		if err := c.aboutThose(ctx, a.query.Filters); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, c.require(auth.AuditRead, target)
	})
	if recordErr != nil {
		return recordErr
	}
	return err
}

// announceRead announces the record of a reading and returns what it read.
func (c *change) announceRead(ctx context.Context, a *auditRead) (auth.Target, error) {
	if a.account == "" {
		org, err := c.visibleOrganization(ctx, a.log, "", "organization")
		if err == nil {
			c.record(entry{action: a.action, log: id.Log(a.log), resource: string(a.log)})
		}
		return auth.OrganizationTarget(org.Path), err
	}
	acc, err := visibleAccount(ctx, c.Tx, c.caller, a.account)
	if err == nil {
		log, scope := accountLog(&acc)
		c.record(entry{action: a.action, log: log, scope: scope, resource: string(a.account), account: a.account})
	}
	return accountTarget(&acc), err
}

// aboutThose finds out whom the filters name by e-mail.
func (c *change) aboutThose(ctx context.Context, filters []audit.Filter) error {
	for _, f := range filters {
		if f.Field != audit.FieldActorEmail {
			continue
		}
		for _, email := range f.Values {
			u, err := c.UserByEmail(ctx, email)
			if err == nil {
				c.name(u.summary())
			} else if err := unlessAbsent(err); err != nil {
				return err
			}
		}
	}
	return nil
}
