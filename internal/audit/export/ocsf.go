package export

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/id"
)

// The classification of every event: API Activity of the category Application
// Activity, in the words of OCSF 1.3.
const (
	ocsfVersion  = "1.3.0"
	ocsfCategory = 6
	ocsfClass    = 6003
)

// The severities that are used.
const (
	ocsfInformational = 1
	ocsfLow           = 2
)

type ocsfEvent struct {
	ActivityID   int            `json:"activity_id"`
	ActivityName string         `json:"activity_name"`
	Actor        ocsfActor      `json:"actor"`
	API          ocsfAPI        `json:"api"`
	CategoryName string         `json:"category_name"`
	CategoryUID  int            `json:"category_uid"`
	ClassName    string         `json:"class_name"`
	ClassUID     int            `json:"class_uid"`
	HTTPRequest  *ocsfRequest   `json:"http_request,omitempty"`
	Message      string         `json:"message,omitempty"`
	Metadata     ocsfMetadata   `json:"metadata"`
	Resources    []ocsfResource `json:"resources,omitempty"`
	Severity     string         `json:"severity"`
	SeverityID   int            `json:"severity_id"`
	SrcEndpoint  ocsfEndpoint   `json:"src_endpoint"`
	Status       string         `json:"status"`
	StatusCode   string         `json:"status_code,omitempty"`
	StatusID     int            `json:"status_id"`
	Time         int64          `json:"time"`
	TypeName     string         `json:"type_name"`
	TypeUID      int            `json:"type_uid"`
	Unmapped     ocsfUnmapped   `json:"unmapped"`
}

type ocsfActor struct {
	User ocsfUser `json:"user"`
}

type ocsfUser struct {
	CredentialUID string `json:"credential_uid,omitempty"`
	Email         string `json:"email_addr,omitempty"`
	Name          string `json:"name,omitempty"`
	Type          string `json:"type"`
	TypeID        int    `json:"type_id"`
	UID           string `json:"uid,omitempty"`
}

type ocsfAPI struct {
	Operation string        `json:"operation"`
	Request   ocsfAPICall   `json:"request"`
	Response  ocsfAPIAnswer `json:"response"`
	Service   *ocsfName     `json:"service,omitempty"`
}

type ocsfAPICall struct {
	UID  string          `json:"uid"`
	Data json.RawMessage `json:"data,omitempty"`
}

type ocsfAPIAnswer struct {
	Code int             `json:"code,omitempty"`
	Data json.RawMessage `json:"data,omitempty"`
}

type ocsfName struct {
	Name string `json:"name"`
}

type ocsfRequest struct {
	Method    string   `json:"http_method,omitempty"`
	UID       string   `json:"uid,omitempty"`
	URL       *ocsfURL `json:"url,omitempty"`
	UserAgent string   `json:"user_agent,omitempty"`
}

type ocsfURL struct {
	Path  string `json:"path,omitempty"`
	Query string `json:"query_string,omitempty"`
	Whole string `json:"url_string,omitempty"`
}

type ocsfEndpoint struct {
	IP   string `json:"ip,omitempty"`
	Name string `json:"name,omitempty"`
}

type ocsfMetadata struct {
	EventCode    string      `json:"event_code,omitempty"`
	LogName      string      `json:"log_name"`
	LogProvider  string      `json:"log_provider"`
	LoggedTime   int64       `json:"logged_time"`
	OriginalTime string      `json:"original_time"`
	Product      ocsfProduct `json:"product"`
	Sequence     int64       `json:"sequence"`
	TenantUID    string      `json:"tenant_uid"`
	UID          string      `json:"uid"`
	Version      string      `json:"version"`
}

type ocsfProduct struct {
	Name       string `json:"name"`
	VendorName string `json:"vendor_name"`
}

type ocsfResource struct {
	Type string `json:"type,omitempty"`
	UID  string `json:"uid"`
}

// ocsfUnmapped is what OCSF has no place for: also values that are none of
// the type that OCSF demands, which other systems may push.
type ocsfUnmapped struct {
	OrganizationID  string          `json:"organization_id"`
	AccountID       string          `json:"account_id,omitempty"`
	ActorContext    string          `json:"actor_context,omitempty"`
	ActorEmail      string          `json:"actor_email,omitempty"`
	ActorErased     bool            `json:"actor_erased,omitempty"`
	TokenName       string          `json:"actor_token_name,omitempty"`
	Method          string          `json:"http_method,omitempty"`
	URI             string          `json:"uri,omitempty"`
	UserAgent       string          `json:"user_agent,omitempty"`
	ResourceProduct string          `json:"resource_product,omitempty"`
	ResourceScope   string          `json:"resource_scope,omitempty"`
	ResourceType    string          `json:"resource_type,omitempty"`
	SourceID        string          `json:"source_id,omitempty"`
	Before          json.RawMessage `json:"before,omitempty"`
	After           json.RawMessage `json:"after,omitempty"`
}

// ocsfActivity returns the number and the name of what was done.
func ocsfActivity(t audit.Type) (int, string) {
	switch t {
	case audit.Create:
		return 1, "Create"
	case audit.View:
		return 2, "Read"
	case audit.Update:
		return 3, "Update"
	case audit.Delete:
		return 4, "Delete"
	}
	return 99, "Other"
}

// newOCSFUser says who acted. What is neither a user nor the system keeps the
// name that the log has for it.
func newOCSFUser(r *audit.Record) ocsfUser {
	u := ocsfUser{UID: string(r.Actor.ID), CredentialUID: string(r.Actor.TokenID), Type: string(r.Actor.Type), TypeID: 99}
	switch r.Actor.Type {
	case audit.ActorUser:
		u.Type, u.TypeID = "User", 1
	case audit.ActorSystem:
		u.Type, u.TypeID = "System", 3
	}
	if u.UID == "" {
		u.Name = string(r.Actor.Type)
	}
	return u
}

// isOCSFEmail reports whether text is of the type email_t, which is narrower
// than what e-mail addresses may be.
func isOCSFEmail(text string) bool {
	local, domain, found := strings.Cut(text, "@")
	host, rest, dotted := strings.Cut(domain, ".")
	return found && dotted && local != "" && host != "" && rest != "" &&
		only(local, "!#$%&'*+,-./=?^_`{|}~") && only(host, "-") && only(rest, "-.")
}

// only reports whether text consists of letters and digits of ASCII, and of
// others.
func only(text, others string) bool {
	return strings.IndexFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune(others, r)
	}) < 0
}

// newOCSFEndpoint says where a request came from. What the operator does at
// the command line comes from nowhere, but the place is required.
func newOCSFEndpoint(ip string) ocsfEndpoint {
	switch ip {
	case "":
		return ocsfEndpoint{Name: "unknown"}
	case audit.Erased:
		return ocsfEndpoint{Name: ip} // no value of the type of addresses
	}
	return ocsfEndpoint{IP: ip}
}

// isOCSFMethod reports whether OCSF 1.3 knows a method: PATCH it does not.
func isOCSFMethod(method string) bool {
	return slices.Contains([]string{
		http.MethodConnect, http.MethodDelete, http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPost, http.MethodPut, http.MethodTrace,
	}, method)
}

// newOCSFURL takes what a request was for apart. Other systems may tell a
// whole URL, or anything else.
func newOCSFURL(uri string) *ocsfURL {
	switch {
	case uri == "":
		return nil
	case uri[0] != '/':
		return &ocsfURL{Whole: uri}
	}
	path, query, _ := strings.Cut(uri, "?")
	return &ocsfURL{Path: path, Query: query}
}

// occurred returns when it happened, according to whoever saw it.
func occurred(r *audit.Record) time.Time {
	if r.Occurred.IsZero() {
		return r.Time
	}
	return r.Occurred
}

// provider returns who saw it.
func provider(r *audit.Record) string {
	if r.Source == "" {
		return "orgd"
	}
	return r.Source
}

func ocsfLine(o id.Organization, r *audit.Record) (any, error) {
	clear, err := restore(r)
	if err != nil {
		return nil, err
	}
	activity, name := ocsfActivity(r.Action.Type)
	e := ocsfEvent{
		ActivityID: activity, ActivityName: name,
		CategoryName: "Application Activity", CategoryUID: ocsfCategory,
		ClassName: "API Activity", ClassUID: ocsfClass,
		TypeName: "API Activity: " + name, TypeUID: ocsfClass*100 + activity,
		Actor: ocsfActor{newOCSFUser(r)},
		API: ocsfAPI{
			Operation: cmp.Or(r.Action.Description, name), Request: ocsfAPICall{UID: cmp.Or(r.Raw.RayID, string(r.ID)), Data: clear.request},
			Response: ocsfAPIAnswer{Code: r.Raw.Status, Data: clear.response},
		},
		Message: r.Action.Description,
		Metadata: ocsfMetadata{
			EventCode: r.Action.Description, LogName: string(o), LogProvider: provider(r), LoggedTime: r.Time.UnixMilli(),
			OriginalTime: stamp(occurred(r)), Product: ocsfProduct{"orgd", "orgd"}, Sequence: r.Seq, TenantUID: string(o), UID: string(r.ID), Version: ocsfVersion,
		},
		Severity: "Informational", SeverityID: ocsfInformational,
		Status: "Success", StatusID: 1,
		SrcEndpoint: newOCSFEndpoint(clear.ip),
		Time:        occurred(r).UnixMilli(),
		Unmapped: ocsfUnmapped{
			OrganizationID: string(o), AccountID: string(r.Account), ActorContext: string(clear.context), TokenName: r.Actor.TokenName,
			ResourceProduct: r.Resource.Product, ResourceScope: string(r.Resource.Scope), SourceID: r.SourceID, Before: clear.before, After: clear.after,
		},
	}
	e.complete(r, &clear)
	return e, nil
}

// complete adds what not every record has.
func (e *ocsfEvent) complete(r *audit.Record, clear *restored) {
	if r.Result == audit.Failure {
		e.Status, e.StatusID = "Failure", 2
		e.Severity, e.SeverityID = "Low", ocsfLow
	}
	if e.Unmapped.ActorErased = r.Actor.Commitments != (audit.Commitments{}); !e.Unmapped.ActorErased {
		e.addEmail(r.Actor.Email)
	}
	if r.Raw.Status != 0 {
		e.StatusCode = strconv.Itoa(r.Raw.Status)
	}
	if r.Resource.Product != "" {
		e.API.Service = &ocsfName{r.Resource.Product}
	}
	if r.Resource.ID != "" {
		e.Resources = []ocsfResource{{Type: r.Resource.Type, UID: r.Resource.ID}}
	} else {
		e.Unmapped.ResourceType = r.Resource.Type
	}
	e.completeRequest(&r.Raw, clear.userAgent)
}

func (e *ocsfEvent) addEmail(email string) {
	if isOCSFEmail(email) {
		e.Actor.User.Email = email
	} else {
		e.Unmapped.ActorEmail = email
	}
}

// completeRequest adds the request over HTTP, if it was one.
func (e *ocsfEvent) completeRequest(raw *audit.Raw, userAgent string) {
	if raw.Method == "" {
		e.Unmapped.URI, e.Unmapped.UserAgent = raw.URI, userAgent
		return
	}
	e.HTTPRequest = &ocsfRequest{UID: raw.RayID, URL: newOCSFURL(raw.URI), UserAgent: userAgent}
	if isOCSFMethod(raw.Method) {
		e.HTTPRequest.Method = raw.Method
	} else {
		e.Unmapped.Method = raw.Method
	}
}
