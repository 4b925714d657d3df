package export

import (
	"bytes"
	"context"
	"io"
	"strconv"
	"strings"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/id"
)

// csvColumns are those of the Logpush dataset, objects as JSON.
var csvColumns = [...]string{
	"AccountID", "AccountName", "ActionDescription", "ActionResult", "ActionTimestamp", "ActionType",
	"ActorContext", "ActorEmail", "ActorID", "ActorIPAddress", "ActorTokenDetails", "ActorType", "AuditLogID", "Raw",
	"ResourceID", "ResourceProduct", "ResourceRequest", "ResourceResponse", "ResourceScope", "ResourceType", "ResourceValue",
	"ZoneID", "ZoneName", "OrganizationID", "SequenceNumber", "Source", "SourceID", "OccurredTimestamp",
}

// csvFile writes RFC 4180: a line of names, one line per record, all of them
// ended by CR LF, and behind them a line that begins with # and holds the
// trailer as JSON. The CSV writer of the standard library is not used because
// it cannot end lines with CR LF and leave line ends within cells alone.
type csvFile struct {
	w            io.Writer
	organization id.Organization
}

func (c *csvFile) begin() error { return c.row(csvColumns[:]) }

func (c *csvFile) row(cells []string) error {
	var b strings.Builder
	for i, cell := range cells {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(csvCell(cell))
	}
	b.WriteString("\r\n")
	_, err := io.WriteString(c.w, b.String())
	return err
}

// csvCell returns a cell that no spreadsheet takes for a formula: an
// apostrophe goes in front of what begins like one, and in front of an
// apostrophe, so that taking one away gives the value again.
func csvCell(cell string) string {
	if strings.IndexAny(cell, "=+-@'\t\r\n\uff1d\uff0b\uff0d\uff20") == 0 {
		cell = "'" + cell
	}
	if strings.ContainsAny(cell, "\",\r\n") {
		return `"` + strings.ReplaceAll(cell, `"`, `""`) + `"`
	}
	return cell
}

func (c *csvFile) record(_ context.Context, r *audit.Record) error {
	p, err := newLogpushRecord(c.organization, r)
	if err != nil {
		return err
	}
	var objects [5]string
	for i, v := range []any{p.ActorTokenDetails, p.Raw, p.ResourceRequest, p.ResourceResponse, p.ResourceValue} {
		text, err := appendLine(nil, v)
		if err != nil {
			return err
		}
		objects[i] = string(bytes.TrimSuffix(text, []byte("\n")))
	}
	return c.row([]string{
		p.AccountID, p.AccountName, p.ActionDescription, p.ActionResult, p.ActionTimestamp, p.ActionType,
		p.ActorContext, p.ActorEmail, p.ActorID, p.ActorIPAddress, objects[0], p.ActorType, p.AuditLogID, objects[1],
		p.ResourceID, p.ResourceProduct, objects[2], objects[3], p.ResourceScope, p.ResourceType, objects[4],
		p.ZoneID, p.ZoneName, p.OrganizationID, strconv.FormatInt(p.SequenceNumber, 10), p.Source, p.SourceID, p.OccurredTimestamp,
	})
}

func (c *csvFile) end(t Trailer) error {
	text, err := AppendTrailer([]byte("#"), t)
	if err != nil {
		return err
	}
	_, err = c.w.Write(append(bytes.TrimSuffix(text, []byte("\n")), "\r\n"...))
	return err
}
