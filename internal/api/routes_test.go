package api_test

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orgd/orgd/internal/api"
	"github.com/orgd/orgd/internal/openapitest"
)

func TestRoutesAreThoseOfTheDocument(t *testing.T) {
	t.Parallel()
	var routes []string
	for _, r := range api.RouteTable() {
		routes = append(routes, r.Name())
	}
	slices.Sort(routes)
	if diff := cmp.Diff(openapitest.Load(t).Paths(), routes); diff != "" {
		t.Errorf("route table (+) and OpenAPI document (-) differ:\n%s", diff)
	}
	if twice := len(routes) - len(slices.Compact(routes)); twice > 0 {
		t.Errorf("%d routes are in the table twice", twice)
	}
}

// TestRoutesCoverThePublishedDescription reads the operations of the published
// description that orgd serves.
func TestRoutesCoverThePublishedDescription(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/openapi-paths.txt")
	if err != nil {
		t.Fatal(err)
	}
	routes := make(map[string]bool)
	for _, r := range api.RouteTable() {
		routes[r.Name()] = true
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		n++
		if method, path, _ := strings.Cut(line, " "); !routes[method+" /client/v4"+path] {
			t.Errorf("no route for %s of the published description", line)
		}
	}
	if n != 46 {
		t.Errorf("testdata/openapi-paths.txt has %d operations, want the 46 that are served", n)
	}
}

// documentedRoute is what the document says about a route, as far as the route
// table says it too.
type documentedRoute struct {
	Permission string                     `json:"x-orgd-permission"`
	Parameters []schemaReference          `json:"parameters"`
	Responses  map[string]json.RawMessage `json:"responses"`
	Security   *[]map[string][]string     `json:"security"`
}

type schemaReference struct {
	Ref string `json:"$ref"`
}

// documentedRoutes reads the document without the library that checks responses, so
// that references are seen as they are written.
func documentedRoutes(t *testing.T) map[string]documentedRoute {
	t.Helper()
	body, err := api.OpenAPIJSON()
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal(body, &document); err != nil {
		t.Fatal(err)
	}
	all := make(map[string]documentedRoute)
	for path, item := range document.Paths {
		for method, raw := range item {
			if method == "parameters" {
				continue
			}
			var o documentedRoute
			if err := json.Unmarshal(raw, &o); err != nil {
				t.Fatalf("%s %s: %v", method, path, err)
			}
			all[strings.ToUpper(method)+" "+path] = o
		}
	}
	return all
}

func TestRoutesAgreeWithTheDocument(t *testing.T) {
	t.Parallel()
	documented := documentedRoutes(t)
	for _, r := range api.RouteTable() {
		o, ok := documented[r.Name()]
		if !ok {
			continue // TestRoutesAreThoseOfTheDocument reports it
		}
		if o.Permission != r.Permission {
			t.Errorf("%s: x-orgd-permission %q, the route table has %q", r.Name(), o.Permission, r.Permission)
		}
		dry := slices.ContainsFunc(o.Parameters, func(p schemaReference) bool { return p.Ref == "#/components/parameters/DryRun" })
		if dry != r.DryRun {
			t.Errorf("%s: dry_run in the document is %t, in the route table %t", r.Name(), dry, r.DryRun)
		}
		checkRefusals(t, r, o)
	}
}

// always are the statuses that every route may answer with, whatever it does:
// a malformed query, a wrong method, too many requests, a failure of ours.
var always = []string{"400", "405", "429", "500"}

// signedIn are those of every route that asks for a credential.
var signedIn = []string{"401", "403"}

// checkRefusals holds the refusals in the document against the family of the
// route: the schema of their bodies follows from it.
func checkRefusals(t *testing.T, r api.RouteRow, o documentedRoute) {
	t.Helper()
	want := slices.Clone(always)
	if r.Permission != "none" {
		want = append(want, signedIn...)
	}
	if r.Method == "POST" && r.Permission != "none" && !r.Reads {
		want = append(want, "422") // Idempotency-Key
	}
	for _, status := range want {
		if _, ok := o.Responses[status]; !ok {
			t.Errorf("%s: the document has no response %s", r.Name(), status)
		}
	}
	for _, status := range slices.Sorted(maps.Keys(o.Responses)) {
		if status < "400" {
			continue
		}
		var ref schemaReference
		if err := json.Unmarshal(o.Responses[status], &ref); err != nil || ref.Ref == "" {
			t.Errorf("%s: response %s is not one of components/responses", r.Name(), status)
			continue
		}
		if ours := strings.HasPrefix(ref.Ref, "#/components/responses/Organizations"); ours != r.Organizations {
			t.Errorf("%s: response %s is %s, but the route table says organizations family: %t", r.Name(), status, ref.Ref, r.Organizations)
		}
	}
}

// TestRefusalsHaveTheSchemaOfTheirFamily looks behind the names that
// checkRefusals compares.
func TestRefusalsHaveTheSchemaOfTheirFamily(t *testing.T) {
	t.Parallel()
	body, err := api.OpenAPIJSON()
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Components struct {
			Responses map[string]struct {
				Content map[string]struct {
					Schema schemaReference `json:"schema"`
				} `json:"content"`
			} `json:"responses"`
		} `json:"components"`
	}
	if err := json.Unmarshal(body, &document); err != nil {
		t.Fatal(err)
	}
	for name, response := range document.Components.Responses {
		if name == "NotModified" {
			continue
		}
		want := "#/components/schemas/ErrorResponse"
		switch {
		case strings.HasPrefix(name, "Organizations"):
			want = "#/components/schemas/OrganizationsErrorResponse"
		case name == "HistoryNotFound":
			want = "#/components/schemas/HistoryErrorResponse"
		}
		if got := response.Content["application/json"].Schema.Ref; got != want {
			t.Errorf("response %s has the schema %s, want %s", name, got, want)
		}
	}
}
