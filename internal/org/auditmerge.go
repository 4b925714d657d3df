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

// AccountAuditQuery asks for records about an account. The account passes
// when its name is one of Names, if there are any, and none of NotNames.
type AccountAuditQuery struct {
	audit.Query
	Names, NotNames []string
}

func (q *AccountAuditQuery) passes(a *Account) bool {
	return (len(q.Names) == 0 || slices.Contains(q.Names, a.Name)) && !slices.Contains(q.NotNames, a.Name)
}

// AuditSubtree returns a page of the records in the logs of an organization
// and of all below it that the caller may read, those among them that were
// deleted and could be restored.
func (s *Service) AuditSubtree(ctx context.Context, r Request, o id.Organization, q audit.Query) (AuditPage, error) {
	var p AuditPage
	logs, err := s.subtreeLogs(ctx, r, o)
	if err == nil {
		p, err = s.listAudits(ctx, logs, q)
	}
	return p, s.recordRead(ctx, r, auditRead{action: audit.LogView, log: o, query: q, shows: shows(p, q)}, err)
}

// AuditSubtreeHistory returns a page of the history of the resource that the
// record source is about, which may be in the log of any organization of the
// subtree.
func (s *Service) AuditSubtreeHistory(ctx context.Context, r Request, o id.Organization, source id.Record, q audit.Query) (AuditPage, HistoryStatus, error) {
	var p AuditPage
	status := HistoryUnavailable
	logs, err := s.subtreeLogs(ctx, r, o)
	if err == nil {
		p, status, err = s.historyIn(ctx, r.Caller, logs, source, q)
	}
	return p, status, s.recordRead(ctx, r, auditRead{action: audit.LogHistoryView, log: o, query: q, shows: shows(p, q)}, err)
}

// AccountAuditLog returns a page of the records about an account, in
// whichever log they are.
func (s *Service) AccountAuditLog(ctx context.Context, r Request, a id.Account, q AccountAuditQuery) (AuditPage, Account, error) {
	var p AuditPage
	acc, logs, err := s.accountLogs(ctx, r, a)
	if err == nil && q.passes(&acc) {
		p, err = s.listAudits(ctx, logs, aboutAccount(a, q.Query))
	}
	return p, acc, s.recordRead(ctx, r, auditRead{action: audit.LogView, account: a, query: q.Query, shows: shows(p, q.Query)}, err)
}

// AccountAuditHistory returns a page of those records about an account that
// are about the same resource as the record source.
func (s *Service) AccountAuditHistory(ctx context.Context, r Request, a id.Account, source id.Record, q audit.Query) (AuditPage, Account, HistoryStatus, error) {
	var p AuditPage
	status := HistoryUnavailable
	acc, logs, err := s.accountLogs(ctx, r, a)
	if err == nil {
		var e audit.Record
		if e, err = s.auditSource(ctx, logs, source, aboutAccount(a, q)); err == nil && e.Resource.ID != "" {
			status = HistoryExact
			p, err = s.listAudits(ctx, logs, aboutAccount(a, aboutResource(&e, q)))
		}
	}
	return p, acc, status, s.recordRead(ctx, r, auditRead{action: audit.LogHistoryView, account: a, query: q, shows: shows(p, q)}, err)
}

// AuditCategories returns the categories of products that records about an
// account may have.
func (s *Service) AuditCategories(ctx context.Context, caller *auth.Caller, a id.Account) ([]audit.Category, error) {
	if _, err := readAccount(ctx, s.Store, caller, a, auth.AuditRead); err != nil {
		return nil, err
	}
	return audit.Categories(), nil
}

// listAudits reads a page of several logs. What was committed before has to be
// in the journal first: to begin at the newest, and forwards when what is in
// it does not fill the page. Backwards from a place there is nothing new.
func (s *Service) listAudits(ctx context.Context, logs []id.Log, q audit.Query) (AuditPage, error) {
	if !q.Ascending && q.After == 0 {
		if _, err := s.journal(ctx, logs); err != nil {
			return AuditPage{}, err
		}
	}
	m, err := s.Store.ListAudits(ctx, logs, q)
	if err == nil && q.Ascending && !m.More {
		var entered bool
		if entered, err = s.journal(ctx, logs); entered {
			m, err = s.Store.ListAudits(ctx, logs, q)
		}
	}
	p := AuditPage{Records: m.Records}
	if n := len(m.Records); n > 0 && (m.More || s.growing(&q)) {
		p.After, p.Tick = m.Records[n-1].Seq, m.Tick
	}
	return p, err
}

// subtreeLogs returns the logs of an organization, which the caller has to be
// allowed to read, and of those below it that it may read as well.
func (s *Service) subtreeLogs(ctx context.Context, r Request, o id.Organization) ([]id.Log, error) {
	if err := s.checkAudit(ctx, r, o); err != nil {
		return nil, err
	}
	paths, err := s.Store.SubtreePaths(ctx, o, s.now().Add(-RestoreWindow))
	var logs []id.Log
	for _, path := range paths {
		if require(r.Caller, auth.AuditRead, auth.OrganizationTarget(path)) == nil {
			logs = append(logs, id.Log(path[len(path)-1]))
		}
	}
	return logs, err
}

// accountLogs returns an account that the caller may read the records of, and
// the logs with such records.
func (s *Service) accountLogs(ctx context.Context, r Request, a id.Account) (Account, []id.Log, error) {
	acc, err := readAccount(ctx, s.Store, r.Caller, a, auth.AuditRead)
	if err != nil {
		return Account{}, nil, err
	}
	logs, err := s.Store.AccountLogs(ctx, a)
	return acc, logs, err
}

func aboutAccount(a id.Account, q audit.Query) audit.Query {
	return also(q, audit.Filter{Field: audit.FieldAccount, Values: []string{string(a)}})
}

func aboutResource(r *audit.Record, q audit.Query) audit.Query {
	return also(q,
		audit.Filter{Field: audit.FieldResourceID, Values: []string{r.Resource.ID}},
		audit.Filter{Field: audit.FieldResourceType, Values: []string{r.Resource.Type}})
}

func also(q audit.Query, filters ...audit.Filter) audit.Query {
	q.Filters = slices.Concat(q.Filters, filters)
	return q
}

// historyIn returns the history of the resource that the record source in one
// of the logs is about.
func (s *Service) historyIn(ctx context.Context, caller *auth.Caller, logs []id.Log, source id.Record, q audit.Query) (AuditPage, HistoryStatus, error) {
	r, err := s.auditSource(ctx, logs, source, q)
	if err != nil {
		return AuditPage{}, HistoryUnavailable, err
	}
	return s.history(ctx, caller, &r, q)
}

// auditSource finds a record by its identifier, among those that pass q.
func (s *Service) auditSource(ctx context.Context, logs []id.Log, source id.Record, q audit.Query) (audit.Record, error) {
	absent := fault.ErrNotFound("audit log entry")
	if !id.Valid(string(source)) {
		return audit.Record{}, absent
	}
	q = also(audit.Query{Before: time.Unix(1<<40, 0), Limit: 1, Filters: q.Filters}, audit.Filter{Field: audit.FieldID, Values: []string{string(source)}})
	p, err := s.listAudits(ctx, logs, q)
	if err != nil {
		return audit.Record{}, err
	}
	if len(p.Records) == 0 {
		return audit.Record{}, absent
	}
	return p.Records[0], nil
}

// history returns a page of the records about the resource of source, in its
// log and in all others that the caller may read.
func (s *Service) history(ctx context.Context, caller *auth.Caller, source *audit.Record, q audit.Query) (AuditPage, HistoryStatus, error) {
	if source.Resource.ID == "" {
		return AuditPage{}, HistoryUnavailable, nil
	}
	found, err := s.Store.ResourceLogs(ctx, source.Resource.ID)
	if err != nil {
		return AuditPage{}, HistoryUnavailable, err
	}
	others := slices.DeleteFunc(found, func(log id.Log) bool { return log == source.Log })
	logs, err := s.readable(ctx, caller, others)
	if err != nil {
		return AuditPage{}, HistoryUnavailable, err
	}
	p, err := s.listAudits(ctx, append(logs, source.Log), aboutResource(source, q))
	return p, HistoryExact, err
}

// readable returns those of the logs that the caller may read: of
// organizations, also deleted ones, and of accounts.
func (s *Service) readable(ctx context.Context, caller *auth.Caller, logs []id.Log) ([]id.Log, error) {
	if len(logs) == 0 {
		return nil, nil
	}
	organizations, accounts := make([]id.Organization, len(logs)), make([]id.Account, len(logs))
	for i, log := range logs {
		organizations[i], accounts[i] = id.Organization(log), id.Account(log)
	}
	paths, places, err := s.Store.Paths(ctx, organizations, accounts)
	if err != nil {
		return nil, err
	}
	var out []id.Log
	for _, log := range logs {
		target, err := auth.Target{}, error(nil)
		if path, ok := places[id.Account(log)]; ok {
			target = auth.AccountTarget(id.Account(log), path)
		} else if path, ok := paths[id.Organization(log)]; ok {
			target = auth.OrganizationTarget(path)
		} else if target.Path, err = s.deletedPath(ctx, id.Organization(log)); err != nil {
			return nil, err
		}
		if require(caller, auth.AuditRead, target) == nil {
			out = append(out, log)
		}
	}
	return out, nil
}

// deletedPath returns the path that a deleted organization would be restored
// with, nil when there is none such.
func (s *Service) deletedPath(ctx context.Context, o id.Organization) ([]id.Organization, error) {
	absent := fault.New(fault.NotFound, "")
	below := []id.Organization{}
	for {
		org, err := s.Store.DeletedOrganization(ctx, o)
		switch {
		case errors.Is(err, absent):
			return nil, nil
		case err != nil:
			return nil, err
		case checkRestorable(org.Deleted, s.now()) != nil:
			return nil, nil
		}
		below = append(below, o)
		if org.Parent == "" {
			break
		}
		parent, err := s.Store.Organization(ctx, org.Parent)
		if err == nil {
			slices.Reverse(below)
			return append(slices.Clone(parent.Path), below...), nil
		}
		if !errors.Is(err, absent) {
			return nil, err
		}
		o = org.Parent
	}
	slices.Reverse(below)
	return below, nil
}
