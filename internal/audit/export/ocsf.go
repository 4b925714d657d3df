package export

import (
	"encoding/json"
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
	HTTPResponse *ocsfCode      `json:"http_response,omitempty"`
	Message      string         `json:"message"`
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
	Service   ocsfName      `json:"service"`
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
	Method    string  `json:"http_method"`
	UID       string  `json:"uid,omitempty"`
	URL       ocsfURL `json:"url"`
	UserAgent string  `json:"user_agent,omitempty"`
}

type ocsfURL struct {
	Path  string `json:"path"`
	Query string `json:"query_string,omitempty"`
}

type ocsfCode struct {
	Code int `json:"code"`
}

type ocsfEndpoint struct {
	IP   string `json:"ip,omitempty"`
	Name string `json:"name,omitempty"`
}

type ocsfMetadata struct {
	EventCode    string      `json:"event_code"`
	LogName      string      `json:"log_name"`
	LogProvider  string      `json:"log_provider"`
	LoggedTime   int64       `json:"logged_time"`
	OriginalTime string      `json:"original_time"`
	Product      ocsfProduct `json:"product"`
	Sequence     int64       `json:"sequence"`
	UID          string      `json:"uid"`
	Version      string      `json:"version"`
}

type ocsfProduct struct {
	Name       string `json:"name"`
	VendorName string `json:"vendor_name"`
}

type ocsfResource struct {
	Type string `json:"type,omitempty"`
	UID  string `json:"uid,omitempty"`
}

// ocsfUnmapped is what OCSF has no place for.
type ocsfUnmapped struct {
	OrganizationID  string          `json:"organization_id"`
	AccountID       string          `json:"account_id,omitempty"`
	ActorContext    string          `json:"actor_context,omitempty"`
	TokenName       string          `json:"actor_token_name,omitempty"`
	ResourceProduct string          `json:"resource_product,omitempty"`
	ResourceScope   string          `json:"resource_scope,omitempty"`
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

func newOCSFUser(r *audit.Record, email string) ocsfUser {
	u := ocsfUser{
		UID: string(r.Actor.ID), Email: email, CredentialUID: string(r.Actor.TokenID),
		Type: "Other", TypeID: 99,
	}
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
		Actor: ocsfActor{newOCSFUser(r, clear.email)},
		API: ocsfAPI{
			Operation: r.Action.Description, Service: ocsfName{r.Resource.Product},
			Request:  ocsfAPICall{UID: r.Raw.RayID, Data: clear.request},
			Response: ocsfAPIAnswer{Code: r.Raw.Status, Data: clear.response},
		},
		Message: r.Action.Description,
		Metadata: ocsfMetadata{
			EventCode: r.Action.Description, LogName: string(o), LogProvider: provider(r), LoggedTime: r.Time.UnixMilli(),
			OriginalTime: stamp(occurred(r)), Product: ocsfProduct{"orgd", "orgd"}, Sequence: r.Seq, UID: string(r.ID), Version: ocsfVersion,
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
	if r.Raw.Method != "" {
		path, query, _ := strings.Cut(r.Raw.URI, "?")
		e.HTTPRequest = &ocsfRequest{Method: r.Raw.Method, UID: r.Raw.RayID, URL: ocsfURL{path, query}, UserAgent: clear.userAgent}
	}
	if r.Raw.Status != 0 {
		e.StatusCode = strconv.Itoa(r.Raw.Status)
		e.HTTPResponse = &ocsfCode{r.Raw.Status}
	}
	if r.Resource.ID != "" || r.Resource.Type != "" {
		e.Resources = []ocsfResource{{Type: r.Resource.Type, UID: r.Resource.ID}}
	}
}
