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
	source := ExportSource(q.organization(), &window, &e)
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
func ExportSource(o id.Organization, asked *org.AuditRange, e *org.AuditExport) export.Source {
	s := export.Source{
		Organization: o,
		Header:       export.Header{Log: e.Log, First: asked.From, Last: asked.To},
		Trailer:      export.Trailer{FromSeq: e.From, ToSeq: e.To},
		Each:         e.Each,
	}
	if !asked.Since.IsZero() {
		s.Header.Since = &asked.Since
	}
	if !asked.Before.IsZero() {
		s.Header.Before = &asked.Before
	}
	return s
}
