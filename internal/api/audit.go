package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/page"
)

type auditEntry struct {
	ID           string             `json:"id"`
	Action       auditAction        `json:"action"`
	Actor        auditActor         `json:"actor"`
	Organization *auditOrganization `json:"organization,omitempty"`
	Account      *auditAccount      `json:"account,omitempty"`
	Raw          auditRaw           `json:"raw"`
	Resource     auditResource      `json:"resource"`

	// What another system pushed; these are ours.
	Source   string     `json:"source,omitempty"`
	SourceID string     `json:"source_id,omitempty"`
	Occurred *timestamp `json:"occurred,omitempty"`
}

type auditOrganization struct {
	ID string `json:"id"`
}

type auditAccount struct {
	ID   id.Account `json:"id"`
	Name string     `json:"name"`
}

type auditAction struct {
	Description string       `json:"description"`
	Result      audit.Result `json:"result"`
	Time        timestamp    `json:"time"`
	Type        audit.Type   `json:"type"`
}

type auditActor struct {
	ID        id.User         `json:"id,omitempty"`
	Context   auth.Context    `json:"context,omitempty"`
	Email     string          `json:"email,omitempty"`
	IP        string          `json:"ip_address,omitempty"`
	TokenID   id.Token        `json:"token_id,omitempty"`
	TokenName string          `json:"token_name,omitempty"`
	Type      audit.ActorType `json:"type,omitempty"`
	External  audit.ActorType `json:"external_type,omitempty"` // in place of a type that the document does not know
	Erased    bool            `json:"erased,omitempty"`        // the address, the IP address and the user agent are gone
}

type auditRaw struct {
	RayID     string `json:"cf_ray_id"`
	Method    string `json:"method"`
	Status    int    `json:"status_code"`
	URI       string `json:"uri"`
	UserAgent string `json:"user_agent,omitempty"`
}

// auditResource has the bodies as objects, and the scope as one: the document
// demands both. Before and after are ours.
type auditResource struct {
	ID       string          `json:"id"`
	Product  string          `json:"product"`
	Request  json.RawMessage `json:"request,omitempty"`
	Response json.RawMessage `json:"response,omitempty"`
	Before   json.RawMessage `json:"before,omitempty"`
	After    json.RawMessage `json:"after,omitempty"`
	Scope    auditScope      `json:"scope"`
	Type     string          `json:"type"`
}

type auditScope struct {
	Name audit.Scope `json:"name"`
}

// newAuditEntry puts the personal data back into a record. The context of the
// operator's own doings is left out, because the document has no word for it.
func newAuditEntry(r *audit.Record) (auditEntry, error) {
	e := auditEntry{
		ID:     string(r.ID),
		Action: auditAction{Description: r.Action.Description, Result: r.Result, Time: timestamp(r.Time), Type: r.Action.Type},
		Actor: auditActor{
			ID: r.Actor.ID, Context: r.Actor.Context, Email: r.Actor.Email, IP: r.Actor.IP,
			TokenID: r.Actor.TokenID, TokenName: r.Actor.TokenName, Type: r.Actor.Type,
			Erased: r.Actor.Commitments != (audit.Commitments{}),
		},
		Raw: auditRaw{
			RayID: r.Raw.RayID, Method: r.Raw.Method, Status: r.Raw.Status, URI: r.Raw.URI,
			UserAgent: r.Raw.UserAgent,
		},
		Resource: auditResource{ID: r.Resource.ID, Product: r.Resource.Product, Scope: auditScope{r.Resource.Scope}, Type: r.Resource.Type},
	}
	if e.Actor.Context == auth.ContextSystem {
		e.Actor.Context = ""
	}
	if r.Source != "" {
		e.Source, e.SourceID, e.Occurred = r.Source, r.SourceID, optional(r.Occurred)
		e.Actor.Type, e.Actor.External = "", r.Actor.Type
	}
	for _, b := range []struct {
		to   *json.RawMessage
		body []byte
	}{
		{&e.Resource.Request, r.Resource.Request},
		{&e.Resource.Response, r.Resource.Response},
		{&e.Resource.Before, r.Resource.Before},
		{&e.Resource.After, r.Resource.After},
	} {
		restored, err := audit.Restore(b.body, r.Personal)
		if err != nil {
			return auditEntry{}, err
		}
		*b.to = asObject(restored)
	}
	return e, nil
}

// asObject returns a body that is no object as the result of one.
func asObject(body []byte) []byte {
	if len(body) == 0 || body[0] == '{' {
		return body
	}
	return slices.Concat([]byte(`{"result":`), bytes.TrimSpace(body), []byte(`}`))
}

// auditKind is how the values of a filter are read.
type auditKind uint8

const (
	auditText  auditKind = iota // as they are; each is a value of its own
	auditList                   // identifiers, which may be separated by commas
	auditIDs                    // those of records: UUIDs with or without dashes, or those of other systems
	auditCodes                  // numbers, which may be separated by commas
	auditIP                     // addresses in any spelling
	auditWords                  // some of those in words
)

type auditFilter struct {
	name  string
	field audit.Field
	kind  auditKind
	words []string
}

// auditFilters are the families of filters. Each has a form that ends in .not.
func auditFilters() []auditFilter {
	return []auditFilter{
		{"id", audit.FieldID, auditIDs, nil},
		{"action_result", audit.FieldActionResult, auditWords, []string{"success", "failure"}},
		{"action_type", audit.FieldActionType, auditWords, []string{"create", "delete", "view", "update"}},
		{"actor_context", audit.FieldActorContext, auditWords, []string{"api_key", "api_token", "dash", "oauth", "origin_ca_key"}},
		{"actor_email", audit.FieldActorEmail, auditText, nil},
		{"actor_id", audit.FieldActorID, auditList, nil},
		{"actor_ip_address", audit.FieldActorIP, auditIP, nil},
		{"actor_token_id", audit.FieldActorTokenID, auditList, nil},
		{"actor_token_name", audit.FieldActorTokenName, auditText, nil},
		{"actor_type", audit.FieldActorType, auditWords, []string{
			"cloudflare_admin", "system", "user", string(audit.ExternalUser), string(audit.ExternalService), string(audit.ExternalSystem),
		}},
		{"raw_cf_ray_id", audit.FieldRawRayID, auditList, nil},
		{"raw_method", audit.FieldRawMethod, auditText, nil},
		{"raw_status_code", audit.FieldRawStatus, auditCodes, nil},
		{"raw_uri", audit.FieldRawURI, auditText, nil},
		{"resource_id", audit.FieldResourceID, auditList, nil},
		{"resource_product", audit.FieldResourceProduct, auditText, nil},
		{"resource_type", audit.FieldResourceType, auditText, nil},
		{"resource_scope", audit.FieldResourceScope, auditWords, []string{"organizations", "accounts", "user"}},
	}
}

// read returns the values of a filter under a name, none when it is absent.
func (f *auditFilter) read(q *query, name string) []string {
	if f.kind == auditText {
		return q.texts(name)
	}
	values := q.split(name)
	for i, v := range values {
		switch f.kind {
		case auditIDs:
			values[i] = string(audit.RecordID(v))
		case auditIP:
			if ip, err := netip.ParseAddr(v); err == nil {
				values[i] = ip.Unmap().String()
			}
		case auditCodes:
			n, err := strconv.ParseUint(v, 10, 16)
			if err != nil {
				q.refuse(name, "must be a whole number")
			}
			values[i] = strconv.FormatUint(n, 10)
		case auditWords:
			if !slices.Contains(f.words, v) {
				q.refuse(name, "must be one of %s", strings.Join(f.words, ", "))
			}
		}
	}
	return values
}

// auditFilters returns the filters that the request names.
func (q *query) auditFilters(families []auditFilter) []audit.Filter {
	var out []audit.Filter
	for _, f := range families {
		if values := f.read(q, f.name); len(values) > 0 {
			out = append(out, audit.Filter{Field: f.field, Values: values})
		}
		if values := f.read(q, f.name+".not"); len(values) > 0 {
			out = append(out, audit.Filter{Field: f.field, Not: true, Values: values})
		}
	}
	return out
}

// auditWindow returns window, direction and place of a list of records. The
// cursor must have been made for the same view.
func (q *query) auditWindow(v page.View) audit.Query {
	out := audit.Query{
		Since: q.moment("since"), Before: q.moment("before"),
		Ascending: q.enum("direction", "desc", "asc") == "asc",
		Limit:     q.number("limit", page.DefaultLimit, 1, page.MaxLimit),
	}
	if out.Before.Before(out.Since) && q.err() == nil {
		q.refuse("before", "is earlier than since")
	}
	if cursor := q.text("cursor"); cursor != "" {
		var ok bool
		if out.After, out.Tick, ok = readAuditCursor(v, cursor); !ok {
			q.refuse("cursor", "is not a cursor of this list with these filters")
		}
	}
	return out
}

// auditCursor returns the cursor for the page behind a number, and behind a
// tick in a list of several logs.
func auditCursor(v page.View, seq, tick int64) string {
	p := page.Position{ID: strconv.FormatInt(seq, 10)}
	if tick != 0 {
		p.Key = strconv.FormatInt(tick, 10)
	}
	return page.Encode(v, p)
}

// readAuditCursor returns what a cursor was made of. That it is bound to its
// list says whether it has to have a tick.
func readAuditCursor(v page.View, cursor string) (seq, tick int64, ok bool) {
	p, err := page.Decode(v, cursor)
	if err != nil {
		return 0, 0, false
	}
	seq, err = strconv.ParseInt(p.ID, 10, 62)
	if err == nil && p.Key != "" {
		tick, err = strconv.ParseInt(p.Key, 10, 62)
	}
	return seq, tick, err == nil && seq >= 1 && tick >= 0 && auditCursor(v, seq, tick) == cursor
}

// moment returns a required date, which begins at midnight UTC, or time.
func (q *query) moment(name string) time.Time {
	v := q.text(name)
	if v == "" {
		q.refuse(name, "is required")
		return time.Time{}
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, v); err == nil {
			return t
		}
	}
	q.refuse(name, "must be a date such as 2026-01-31, or a time in RFC 3339")
	return time.Time{}
}

// auditInfo is the result_info of a list of records. The document has cursor,
// the official clients read cursors.
type auditInfo struct {
	Count   string        `json:"count"`
	Cursor  string        `json:"cursor,omitempty"`
	Cursors *auditCursors `json:"cursors,omitempty"`
}

// historyInfo is that of a history, in which the count is a number.
type historyInfo struct {
	Count   int               `json:"count"`
	Cursor  string            `json:"cursor,omitempty"`
	Cursors *auditCursors     `json:"cursors,omitempty"`
	Status  org.HistoryStatus `json:"history_status"`
}

type auditCursors struct {
	After string `json:"after"`
}

func newAuditCursors(p *org.AuditPage, v page.View) (string, *auditCursors) {
	if p.After == 0 {
		return "", nil
	}
	cursor := auditCursor(v, p.After, p.Tick)
	return cursor, &auditCursors{cursor}
}

// newAuditEntries returns records in the logs of organizations. What happened
// to an account outside any has a log of its own, and no organization.
func newAuditEntries(records []audit.Record) ([]auditEntry, error) {
	list := make([]auditEntry, len(records))
	for i := range records {
		e, err := newAuditEntry(&records[i])
		if err != nil {
			return nil, err
		}
		if log := string(records[i].Log); log != string(records[i].Account) {
			e.Organization = &auditOrganization{log}
		}
		list[i] = e
	}
	return list, nil
}

// reading describes the request to the service, which may record it. The
// parameters are recorded as a body is: some of them are personal data, which
// has to stay out of the path, where it could not be erased.
func (q *request) reading() (org.Request, error) {
	req, err := q.mutation(200)
	if err != nil {
		return req, err
	}
	req.Origin.URI = q.URL.EscapedPath()
	req.Origin.Body, err = marshal(q.query.values)
	return req, err
}

func listAudit(ctx context.Context, q *request) (reply, error) {
	v := q.query.view("audit log "+string(q.organization()), q.callerID())
	list := q.query.auditWindow(v)
	list.Filters = q.query.auditFilters(auditFilters())
	read := q.server.Service.AuditLog
	if q.query.flag("include_descendants", false) {
		read = q.server.Service.AuditSubtree
	}
	req, err := q.reading()
	if err != nil {
		return reply{}, err
	}
	p, err := read(ctx, req, q.organization(), list)
	if err != nil {
		return reply{}, err
	}
	entries, err := newAuditEntries(p.Records)
	return auditReply(entries, &p, v), err
}

func auditReply(entries []auditEntry, p *org.AuditPage, v page.View) reply {
	info := auditInfo{Count: strconv.Itoa(len(p.Records))}
	info.Cursor, info.Cursors = newAuditCursors(p, v)
	return reply{Result: entries, Info: info}
}

// getAuditHistory does not need action_time to find the record, but the
// document requires it.
func getAuditHistory(ctx context.Context, q *request) (reply, error) {
	source := audit.RecordID(q.PathValue("id"))
	v := q.query.view("audit history "+string(q.organization())+" "+string(source), q.callerID())
	list := q.query.auditWindow(v)
	q.query.moment("action_time")
	read := q.server.Service.AuditHistory
	if q.query.flag("include_descendants", false) {
		read = q.server.Service.AuditSubtreeHistory
	}
	req, err := q.reading()
	if err != nil {
		return reply{}, err
	}
	p, status, err := read(ctx, req, q.organization(), source, list)
	if err != nil {
		return historyRefusal(status, err)
	}
	entries, err := newAuditEntries(p.Records)
	return historyReply(entries, &p, v, status), err
}

// historyRefusal is the answer to a failure: an entry that is not found says
// so in the info as well.
func historyRefusal(status org.HistoryStatus, err error) (reply, error) {
	if errors.Is(err, fault.New(fault.NotFound, "")) {
		return reply{RefusalInfo: historyInfo{Status: status}}, err
	}
	return reply{}, err
}

func historyReply(entries []auditEntry, p *org.AuditPage, v page.View, status org.HistoryStatus) reply {
	info := historyInfo{Count: len(p.Records), Status: status}
	info.Cursor, info.Cursors = newAuditCursors(p, v)
	return reply{Result: entries, Info: info}
}
