package export_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/audit/export"
	"github.com/orgd/orgd/internal/auth"
)

// event is what is asked of a line of the OCSF format.
type event struct {
	ActivityID int   `json:"activity_id"`
	Category   int   `json:"category_uid"`
	Class      int   `json:"class_uid"`
	Severity   int   `json:"severity_id"`
	StatusID   int   `json:"status_id"`
	Type       int   `json:"type_uid"`
	Time       int64 `json:"time"`
	Actor      struct {
		User struct {
			Email  string `json:"email_addr"`
			Name   string
			Type   string
			TypeID int `json:"type_id"`
			UID    string
		}
	}
	API struct {
		Operation string
		Request   struct{ UID string }
		Service   *struct{ Name string }
	}
	HTTP *struct {
		Method string `json:"http_method"`
		URL    *struct {
			Path  string
			Whole string `json:"url_string"`
		}
	} `json:"http_request"`
	Metadata struct {
		Provider string `json:"log_provider"`
		Original string `json:"original_time"`
		Sequence int64
		Tenant   string `json:"tenant_uid"`
		Version  string
	}
	Resources []struct{ Type, UID string }
	Source    struct{ IP, Name string } `json:"src_endpoint"`
	Unmapped  map[string]any
}

// eventOf returns the event that a record is exported as.
func eventOf(t *testing.T, r *audit.Record) (e event, text string) {
	t.Helper()
	text, _, _ = strings.Cut(write(t, export.OCSF, r), "\n")
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		t.Fatal(err)
	}
	return e, text
}

// ocsfSamples are records of every kind, some of them with as little or as
// strange values as other systems may push.
func ocsfSamples() map[string]*audit.Record {
	all := map[string]*audit.Record{"ours": sample(1), "system": sample(2), "erased": sample(3), "pushed": sample(4), "strange": sample(6)}
	all["system"].Actor = audit.Actor{Type: audit.ActorSystem, Context: auth.ContextSystem}
	all["system"].Raw = audit.Raw{URI: "orgd token", UserAgent: "orgd", Status: 200}
	all["system"].Result, all["system"].Action.Type = audit.Success, audit.View
	all["erased"].Erase("actor")
	r := all["pushed"]
	r.Source, r.Occurred, r.Actor.Type = "idp", time.UnixMilli(5), audit.ExternalUser
	r.Raw = audit.Raw{Method: "PATCH", URI: "https://idp.example.com/login?x=1"}
	all["bare"] = &audit.Record{
		Log: "log", Seq: 5, ID: "record", Time: r.Time, Source: "idp", Occurred: r.Time,
		Action: audit.Action{Type: audit.Delete}, Result: audit.Success, Actor: audit.Actor{Type: audit.ExternalSystem},
	}
	r = all["strange"]
	r.Actor.Email, r.Actor.Type, r.Resource.ID, r.Raw.URI = "jörg@localhost", audit.ExternalService, "", "?a=b"
	return all
}

// TestEventsAreAPIActivity demands of every kind of record what the schema of
// OCSF 1.3.0 requires of the class, its objects and their values.
func TestEventsAreAPIActivity(t *testing.T) {
	t.Parallel()
	methods := []string{"", "CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT", "TRACE"}
	for name, r := range ocsfSamples() {
		e, text := eventOf(t, r)
		bad := func(format string, args ...any) {
			t.Errorf("%s: "+format+"\n%s", append(append([]any{name}, args...), text)...)
		}
		if e.Class != 6003 || e.Category != 6 || e.Type != 600300+e.ActivityID || e.ActivityID < 1 || e.ActivityID > 4 || e.Severity == 0 || e.StatusID == 0 {
			bad("it is of class %d, category %d, type %d, activity %d, severity %d, status %d", e.Class, e.Category, e.Type, e.ActivityID, e.Severity, e.StatusID)
		}
		if e.Time == 0 || e.Metadata.Version != "1.3.0" || e.Metadata.Tenant != "acme" || e.Metadata.Sequence != r.Seq {
			bad("time %d, %+v", e.Time, e.Metadata)
		}
		if e.API.Operation == "" || e.API.Request.UID == "" || e.API.Service != nil && e.API.Service.Name == "" {
			bad("a member of %+v is empty", e.API)
		}
		if u := e.Actor.User; u.UID == "" && u.Name == "" || u.Type == "" || u.Email != "" && u.Email != "ada@example.com" {
			bad("the user is %+v", u)
		}
		if e.HTTP != nil && (!slices.Contains(methods, e.HTTP.Method) || e.HTTP.URL != nil && (e.HTTP.URL.Path == "") == (e.HTTP.URL.Whole == "")) {
			bad("the request is %+v", e.HTTP)
		}
		for _, r := range e.Resources {
			if r.UID == "" {
				bad("a resource has no uid")
			}
		}
		if e.Source.IP == "" && e.Source.Name == "" || e.Source.IP == audit.Erased {
			bad("it came from %+v", e.Source)
		}
		for _, part := range []string{`:""`, `:null`, `"http_response"`} {
			if strings.Contains(text, part) {
				bad("it has %s", part)
			}
		}
	}
}

// TestEventsLoseNothing looks for what the schema has no place for.
func TestEventsLoseNothing(t *testing.T) {
	t.Parallel()
	want := map[string]map[string]any{
		"ours":    {"http_method": nil, "actor_email": nil, "actor_erased": nil},
		"system":  {"uri": "orgd token", "user_agent": "orgd"},
		"erased":  {"actor_erased": true},
		"pushed":  {"http_method": "PATCH"},
		"bare":    {"organization_id": "acme"},
		"strange": {"actor_email": "jörg@localhost", "resource_type": "member"},
	}
	got := make(map[string]event)
	for name, r := range ocsfSamples() {
		e, text := eventOf(t, r)
		got[name] = e
		for key, value := range want[name] {
			if e.Unmapped[key] != value {
				t.Errorf("%s: %s is %v, want %v\n%s", name, key, e.Unmapped[key], value, text)
			}
		}
	}
	if e := got["pushed"]; e.Time != 5 || e.StatusID != 2 || e.Severity != 2 || e.Metadata.Provider != "idp" || e.Metadata.Original != "1970-01-01T00:00:00.005Z" ||
		e.HTTP.URL.Whole != "https://idp.example.com/login?x=1" || e.Actor.User.Type != "external_user" || e.Actor.User.TypeID != 99 {
		t.Errorf("a pushed failure is %+v", e)
	}
	if e := got["strange"]; e.HTTP.URL.Whole != "?a=b" || len(e.Resources) != 0 {
		t.Errorf("a strange record is %+v", e)
	}
	if e := got["bare"]; e.API.Operation != "Delete" || e.API.Request.UID != "record" || e.API.Service != nil || e.HTTP != nil || e.Source.Name != "unknown" {
		t.Errorf("a bare record is %+v", e)
	}
	if e := got["ours"]; e.Actor.User.Email != "ada@example.com" || e.HTTP.Method != "POST" || e.HTTP.URL.Path != "/a" || len(e.Resources) != 1 {
		t.Errorf("a record of ours is %+v", e)
	}
}
