package export

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/proof"
)

// writer writes one file.
type writer interface {
	begin() error
	record(ctx context.Context, r *audit.Record) error
	end(t Trailer) error
}

// Format is a form of files.
type Format string

// The formats.
const (
	Native  Format = "ndjson"  // NDJSON that every leaf can be computed from
	Logpush Format = "logpush" // NDJSON with the field names of Logpush
	CSV     Format = "csv"     // the same as columns
	OCSF    Format = "ocsf"    // NDJSON of OCSF API Activity events
)

// MediaType returns the type of files of the format.
func (f Format) MediaType() string {
	if f == CSV {
		return "text/csv; charset=utf-8"
	}
	return "application/x-ndjson"
}

// Extension returns the usual end of the names of such files.
func (f Format) Extension() string {
	if f == CSV {
		return "csv"
	}
	return "ndjson"
}

// Source is a range of the log of an organization that a file is made of.
type Source struct {
	Organization id.Organization
	Header       Header
	// Trailer is the end of the file but for Count. Behind the records of every
	// format it says that the file is whole.
	Trailer Trailer
	// Each calls its argument for every record, in the order of the log.
	Each func(context.Context, func(*audit.Record) error) error
	// Leaf returns what the tree has for a record, nil when it is not in the
	// tree. It is nil itself when there is no tree.
	Leaf func(ctx context.Context, seq int64) (*proof.Hash, error)
}

// Write writes a whole file. What it wrote before a failure has no trailer.
func Write(ctx context.Context, w io.Writer, f Format, s Source) error {
	file, err := newWriter(w, f, &s)
	if err != nil {
		return err
	}
	if err := file.begin(); err != nil {
		return err
	}
	t := s.Trailer
	err = s.Each(ctx, func(r *audit.Record) error {
		t.Count++
		return file.record(ctx, r)
	})
	if err != nil {
		return err
	}
	return file.end(t)
}

func newWriter(w io.Writer, f Format, s *Source) (writer, error) {
	switch f {
	case Native:
		return &native{w: w, source: s}, nil
	case Logpush:
		return &lines{w: w, organization: s.Organization, line: logpushLine}, nil
	case CSV:
		return &csvFile{w: w, organization: s.Organization}, nil
	case OCSF:
		return &lines{w: w, organization: s.Organization, line: ocsfLine}, nil
	}
	return nil, fmt.Errorf("%q is no format of exports", f)
}

// native writes the native format.
type native struct {
	w      io.Writer
	source *Source
	buffer []byte // of the line before, for its memory
}

func (n *native) write(b []byte, err error) error {
	if err == nil {
		_, err = n.w.Write(b)
	}
	n.buffer = b[:0]
	return err
}

func (n *native) begin() error { return n.write(AppendHeader(n.buffer, n.source.Header)) }

func (n *native) record(ctx context.Context, r *audit.Record) error {
	if n.source.Leaf == nil {
		return n.write(AppendRecord(n.buffer, r, nil))
	}
	leaf, err := n.source.Leaf(ctx, r.Seq)
	if err != nil {
		return fmt.Errorf("find the leaf of record %d of log %s: %w", r.Seq, r.Log, err)
	}
	return n.write(AppendRecord(n.buffer, r, leaf))
}

func (n *native) end(t Trailer) error { return n.write(AppendTrailer(n.buffer, t)) }

// lines writes one JSON object per line.
type lines struct {
	w            io.Writer
	organization id.Organization
	line         func(o id.Organization, r *audit.Record) (any, error)
}

func (*lines) begin() error { return nil }

func (l *lines) record(_ context.Context, r *audit.Record) error {
	v, err := l.line(l.organization, r)
	if err != nil {
		return err
	}
	b, err := appendLine(nil, v)
	if err != nil {
		return fmt.Errorf("write record %d of log %s: %w", r.Seq, r.Log, err)
	}
	_, err = l.w.Write(b)
	return err
}

func (l *lines) end(t Trailer) error {
	b, err := AppendTrailer(nil, t)
	if err != nil {
		return err
	}
	_, err = l.w.Write(b)
	return err
}

// restored are the parts of a record with the personal data put back, as
// readers of lists see them.
type restored struct {
	email, ip, userAgent             string
	context                          auth.Context
	request, response, before, after json.RawMessage
}

func restore(r *audit.Record) (restored, error) {
	left := r.Actor.Commitments
	out := restored{
		email: orErased(r.Actor.Email, left.Email), ip: orErased(r.Actor.IP, left.IP),
		userAgent: orErased(r.Raw.UserAgent, left.UserAgent),
	}
	if r.Actor.Context != auth.ContextSystem {
		out.context = r.Actor.Context
	}
	for _, b := range []struct {
		to   *json.RawMessage
		body []byte
	}{{&out.request, r.Resource.Request}, {&out.response, r.Resource.Response}, {&out.before, r.Resource.Before}, {&out.after, r.Resource.After}} {
		body, err := audit.Restore(b.body, r.Personal)
		if err != nil {
			return restored{}, fmt.Errorf("record %d of log %s: %w", r.Seq, r.Log, err)
		}
		*b.to = asObject(body)
	}
	return out, nil
}

func orErased(value, commitment string) string {
	if value == "" && commitment != "" {
		return audit.Erased
	}
	return value
}

// asObject returns a body that is no object as the result of one, because
// every system that reads these files wants objects.
func asObject(body []byte) json.RawMessage {
	if len(body) == 0 || body[0] == '{' {
		return body
	}
	return slices.Concat([]byte(`{"result":`), bytes.TrimSpace(body), []byte(`}`))
}

// stamp writes a time as lists of records have it, "" for none.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.999999Z")
}
