package api

import (
	"context"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/orgd/orgd/internal/audit/export"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/proof"
)

// optionalMoment is moment for a parameter that may be absent.
func (q *query) optionalMoment(name string) time.Time {
	if q.text(name) == "" {
		return time.Time{}
	}
	return q.moment(name)
}

// auditRange returns the part of a log that is asked for.
func (q *query) auditRange() org.AuditRange {
	out := org.AuditRange{
		Since: q.optionalMoment("since"), Before: q.optionalMoment("before"),
		From: int64(q.number("from_seq", 0, 1, math.MaxInt)), To: int64(q.number("to_seq", 0, 1, math.MaxInt)),
	}
	if !out.Since.IsZero() && !out.Before.IsZero() && out.Before.Before(out.Since) {
		q.refuse("before", "is earlier than since")
	}
	if out.To > 0 && out.To < out.From {
		q.refuse("to_seq", "is less than from_seq")
	}
	return out
}

// exportFormat returns the format that is asked for.
func (q *query) exportFormat() export.Format {
	format, fields := q.enum("format", "ndjson", "csv", "ocsf"), q.enum("fields", "logpush")
	switch {
	case fields != "" && format != "" && format != "ndjson":
		q.refuse("fields", "is for the format ndjson only")
	case fields != "":
		return export.Logpush
	case format == "csv":
		return export.CSV
	case format == "ocsf":
		return export.OCSF
	}
	return export.Native
}

// exportAudit answers with a file. The range is decided on before the first
// byte; the trailer says that the file is whole.
func exportAudit(ctx context.Context, q *request) (reply, error) {
	window, format := q.query.auditRange(), q.query.exportFormat()
	req, err := q.reading()
	if err != nil {
		return reply{}, err
	}
	e, err := q.server.Service.ExportAudit(ctx, req, q.organization(), window)
	if err != nil {
		return reply{}, err
	}
	source, err := ExportSource(ctx, q.organization(), &window, &e)
	if err != nil {
		return reply{}, err
	}
	return reply{Stream: &stream{
		contentType: format.MediaType(),
		header: map[string]string{
			"Content-Disposition": fmt.Sprintf(`attachment; filename="audit-%s-%d-%d.%s"`, e.Log, e.From, e.To, format.Extension()),
			"Orgd-From-Seq":       strconv.FormatInt(e.From, 10),
			"Orgd-To-Seq":         strconv.FormatInt(e.To, 10),
		},
		write: func(ctx context.Context, w io.Writer) error { return export.Write(ctx, w, format, source) },
	}}, nil
}

// ExportSource returns what files are made of for an export that was decided on.
func ExportSource(ctx context.Context, o id.Organization, asked *org.AuditRange, e *org.AuditExport) (export.Source, error) {
	s := export.Source{
		Organization: o,
		Header:       export.Header{Log: e.Log, First: asked.From, Last: asked.To},
		Trailer:      export.Trailer{FromSeq: e.From, ToSeq: e.To, Expired: e.Expired},
		Each:         e.Each,
	}
	if !asked.Since.IsZero() {
		s.Header.Since = &asked.Since
	}
	if !asked.Before.IsZero() {
		s.Header.Before = &asked.Before
	}
	if e.Proof == nil {
		return s, nil
	}
	return s, addProof(ctx, &s, e)
}

// addProof adds what the records are proved with. Records behind the end of
// the tree are there when the tree cannot go on; then they have no proof.
func addProof(ctx context.Context, s *export.Source, e *org.AuditExport) error {
	p := e.Proof
	left, right, err := p.Sides(ctx, e.From, e.To)
	if err != nil {
		return err
	}
	s.Header.Origin = p.Origin
	s.Trailer.TreeSize, s.Trailer.Checkpoint = p.Size, p.Checkpoint
	s.Trailer.Left, s.Trailer.Right = export.HexHashes(left), export.HexHashes(right)
	var leaves []proof.Hash
	var first int64 // number of the record that leaves begin with
	s.Leaf = func(ctx context.Context, seq int64) (*proof.Hash, error) {
		if at := seq - first; first == 0 || at >= int64(len(leaves)) {
			if leaves, err = p.Leaves(ctx, seq); err != nil {
				return nil, err
			}
			first = seq
		}
		if at := seq - first; at < int64(len(leaves)) {
			return &leaves[at], nil
		}
		return nil, nil
	}
	return nil
}
