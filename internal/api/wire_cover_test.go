package api_test

import (
	"encoding/json"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/orgd/orgd/internal/api"
)

// everywhere are the statuses that every operation may answer with for reasons
// that have nothing to do with it. Their scripts are those of the refusals.
var everywhere = []string{"401", "405", "413", "429", "500"}

// impossible are refusals that the description has in general and that cannot
// happen in particular.
var impossible = map[string]string{
	"GET /client/v4/organizations/{organization_id} 403": "what may not be read is shown by name",
}

// TestWireShowsEveryOperation demands of the wire scripts every status and
// every query parameter that the API description has for an operation, each
// operation's success among them.
func TestWireShowsEveryOperation(t *testing.T) {
	t.Parallel()
	shown := make(map[string]bool)
	for _, path := range scriptPaths(t) {
		for _, st := range readScript(t, path).steps {
			route := routeOf(st)
			shown[route+" "+strconv.Itoa(st.status())] = true
			u, err := url.Parse(st.target)
			if err != nil {
				continue // a malformed query is a refusal that some scripts show
			}
			for name := range u.Query() {
				shown[route+" ?"+name] = true
			}
		}
	}
	d := readDescription(t)
	for _, r := range api.RouteTable() {
		for _, what := range d.parts(t, r) {
			if what := r.Name() + " " + what; !shown[what] && impossible[what] == "" {
				t.Errorf("no wire script shows %s", what)
			}
		}
	}
}

// description is the part of the API description that wire scripts have to show.
type description struct {
	Paths      map[string]map[string]json.RawMessage
	Components struct{ Parameters map[string]describedParameter }
}

type describedParameter struct {
	Ref  string `json:"$ref"`
	Name string `json:"name"`
	In   string `json:"in"`
}

func readDescription(t *testing.T) description {
	t.Helper()
	text, err := api.OpenAPIJSON()
	if err != nil {
		t.Fatal(err)
	}
	var d description
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// parts returns the statuses of a route and, behind question marks, its query
// parameters. Callers are never denied what every caller may use.
func (d *description) parts(t *testing.T, r api.RouteRow) []string {
	t.Helper()
	var operation struct {
		Parameters []describedParameter
		Responses  map[string]json.RawMessage
	}
	if err := json.Unmarshal(d.Paths[r.Path][strings.ToLower(r.Method)], &operation); err != nil {
		t.Fatalf("%s in the description: %v", r.Name(), err)
	}
	var parts []string
	for status := range operation.Responses {
		if !slices.Contains(everywhere, status) && !(status == "403" && r.Permission == "any") {
			parts = append(parts, status)
		}
	}
	for _, p := range operation.Parameters {
		if name, ok := strings.CutPrefix(p.Ref, "#/components/parameters/"); ok {
			p = d.Components.Parameters[name]
		}
		if p.In == "query" {
			parts = append(parts, "?"+p.Name)
		}
	}
	return parts
}

// routeOf returns the route that a step is for, "" for none. Literal segments
// win over wildcards.
func routeOf(st *step) string {
	path, _, _ := strings.Cut(st.target, "?")
	have := strings.Split(path, "/")
	best, most := "", -1
	for _, r := range api.RouteTable() {
		if n := literals(strings.Split(r.Path, "/"), have); r.Method == st.method && n > most {
			best, most = r.Name(), n
		}
	}
	return best
}

// literals counts the segments that are equal, -1 when a pattern does not fit.
func literals(pattern, path []string) int {
	if last := len(pattern) - 1; pattern[last] == "{path}" && len(path) > last {
		path = path[:last+1]
	}
	if len(pattern) != len(path) {
		return -1
	}
	n := 0
	for i, want := range pattern {
		switch {
		case want == path[i]:
			n++
		case !strings.HasPrefix(want, "{"):
			return -1
		}
	}
	return n
}

// TestWireShowsEveryRefusal demands a script of its own for every row of the
// table of refusals, named after it: error_1003_not_found.txtar.
func TestWireShowsEveryRefusal(t *testing.T) {
	t.Parallel()
	for _, p := range api.Problems() {
		path := "testdata/wire/error_" + strconv.Itoa(p.Code) + "_" + string(p.Fault) + ".txtar"
		if _, err := os.Stat(path); err != nil {
			t.Errorf("%d/%d (%s) has no wire script: %v", p.Status, p.Code, p.Fault, err)
			continue
		}
		code := `{"code":` + strconv.Itoa(p.Code) + `,`
		shown := slices.ContainsFunc(readScript(t, path).steps, func(st *step) bool {
			return st.status() == p.Status && strings.Contains(st.response, code)
		})
		if !shown {
			t.Errorf("%s does not show %d with code %d", path, p.Status, p.Code)
		}
	}
}
