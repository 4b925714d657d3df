package org

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/id"
)

// AuditRange asks for the records of a log from Since on and before Before
// that have the numbers From to To. What is zero does not limit.
type AuditRange struct {
	Since, Before time.Time
	From, To      int64
}

// AuditExport is a range of a log that was decided on: the records From to
// To, whatever is written meanwhile. To is From-1 when there are none.
type AuditExport struct {
	Log      id.Log
	From, To int64
	// Proof is of the log up to To or more, nil without a signing key.
	Proof   *LogProof
	Expired int64 // records at the beginning of the log that are gone

	store Reader
}

// Count returns the number of records in the range.
func (e *AuditExport) Count() int64 { return e.To - e.From + 1 }

// The bounds of a batch of an export: what is held at a time is about
// exportBytes, unless single records are larger than that.
const (
	firstExportBatch = 50
	mostExportBatch  = 1000
	exportBytes      = 1 << 20
)

// ExportAudit decides on the range of the log of an organization that is to be
// exported.
func (s *Service) ExportAudit(ctx context.Context, r Request, o id.Organization, q AuditRange) (AuditExport, error) {
	var e AuditExport
	err := s.checkAudit(ctx, r, o)
	if err == nil {
		e, err = s.exportRange(ctx, id.Log(o), q)
	}
	return e, s.recordRead(ctx, r, auditRead{action: audit.LogExport, log: o, shows: true}, err)
}

// The times that lie before and after every record.
var (
	beginningOfTime = time.UnixMicro(-1 << 62)
	endOfTime       = time.UnixMicro(1 << 62)
)

func (s *Service) exportRange(ctx context.Context, log id.Log, q AuditRange) (AuditExport, error) {
	if q.Since.IsZero() {
		q.Since = beginningOfTime
	}
	if q.Before.IsZero() {
		q.Before = endOfTime
	}
	p, err := s.LogProof(ctx, log)
	if err != nil && !errors.Is(err, errNoKey) {
		return AuditExport{}, err
	}
	first, last, err := s.Store.AuditRange(ctx, log, q.Since, q.Before)
	if err != nil {
		return AuditExport{}, fmt.Errorf("find the records of log %s: %w", log, err)
	}
	if p != nil && p.Size >= p.Head { // what was recorded since is for the next export
		last = min(last, p.Size)
	}
	if q.To > 0 {
		last = min(last, q.To)
	}
	first = min(max(first, q.From), last+1)
	kept, err := s.Store.FirstKept(ctx, log)
	if err != nil {
		return AuditExport{}, fmt.Errorf("find the first record of log %s: %w", log, err)
	}
	return AuditExport{Log: log, From: first, To: last, Expired: kept - 1, Proof: p, store: s.Store}, nil
}

// Each calls f for every record of the range in the order of the log. It
// reads in batches and holds nothing in the store between them. Records that
// are not there are left out: whoever counts them, or checks the file, sees it.
func (e *AuditExport) Each(ctx context.Context, f func(*audit.Record) error) error {
	limit := int64(firstExportBatch)
	for next := e.From; next <= e.To; {
		records, err := e.store.AuditRecords(ctx, e.Log, next-1, int(min(limit, e.To-next+1)))
		if err != nil {
			return fmt.Errorf("read log %s from record %d on: %w", e.Log, next, err)
		}
		size := int64(1)
		for i := range records {
			if records[i].Seq > e.To {
				return nil
			}
			if err := f(&records[i]); err != nil {
				return err
			}
			next = records[i].Seq + 1
			size += bulk(&records[i])
		}
		if len(records) == 0 {
			return nil
		}
		limit = min(max(int64(len(records))*exportBytes/size, 1), mostExportBatch)
	}
	return nil
}

// bulk returns about how many bytes a record takes.
func bulk(r *audit.Record) int64 {
	n := 1000 + len(r.Raw.URI) + len(r.Raw.UserAgent)
	n += len(r.Resource.Request) + len(r.Resource.Response) + len(r.Resource.Before) + len(r.Resource.After)
	for i := range r.Personal {
		n += 200 + len(r.Personal[i].Value)
	}
	return int64(n)
}
