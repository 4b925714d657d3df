package openapitest_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/orgd/orgd/internal/api"
	"github.com/orgd/orgd/internal/openapitest"
)

// load returns the document as the library sees it.
func load(t *testing.T) *openapi3.T {
	t.Helper()
	body, err := api.OpenAPIJSON()
	if err != nil {
		t.Fatal(err)
	}
	spec, err := openapi3.NewLoader().LoadFromData(body)
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

type operation struct {
	*openapi3.Operation
	name   string
	method string
	path   string
	params openapi3.Parameters
}

func operations(t *testing.T) []operation {
	t.Helper()
	var all []operation
	for path, item := range load(t).Paths.Map() {
		for method, op := range item.Operations() {
			params := append(slices.Clone(item.Parameters), op.Parameters...)
			all = append(all, operation{op, method + " " + path, method, path, params})
		}
	}
	return all
}

func (o operation) isPublic() bool {
	return o.Security != nil && !slices.ContainsFunc(*o.Security, func(r openapi3.SecurityRequirement) bool {
		_, ok := r["bearer"]
		return ok
	})
}

// reads reports whether the operation needs no more than a right to read.
func (o operation) reads() bool {
	permission, _ := o.Extensions["x-orgd-permission"].(string)
	return strings.HasSuffix(permission, ".read")
}

func (o operation) has(in, name string) bool {
	return o.params.GetByInAndName(in, name) != nil
}

func TestDocumentIsValid(t *testing.T) {
	t.Parallel()
	d := openapitest.Load(t)
	paths := d.Paths()
	if len(paths) < 50 || !slices.IsSorted(paths) {
		t.Errorf("Paths() = %d entries, sorted %v; want every operation, sorted", len(paths), slices.IsSorted(paths))
	}
	for _, want := range []string{
		"GET /openapi.json",
		"GET /client/v4/organizations",
		"POST /client/v4/organizations/{organization_id}/members:batchCreate",
		"POST /orgd/v1/organizations/{organization_id}/restore",
	} {
		if !slices.Contains(paths, want) {
			t.Errorf("Paths() lacks %s", want)
		}
	}
}

func TestOpenAPIJSONIsJSON(t *testing.T) {
	t.Parallel()
	body, err := api.OpenAPIJSON()
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		OpenAPI string `json:"openapi"`
	}
	if err := json.Unmarshal(body, &document); err != nil || document.OpenAPI != "3.0.3" {
		t.Errorf("openapi = %q, %v; want 3.0.3", document.OpenAPI, err)
	}
}

func TestEveryOperationNamesAPermission(t *testing.T) {
	t.Parallel()
	d := openapitest.Load(t)
	permissions := load(t).Components.Schemas["Permission"].Value.Enum
	for _, o := range operations(t) {
		got, ok := d.Permission(o.name)
		switch {
		case !ok:
			t.Errorf("%s: no x-orgd-permission", o.name)
		case (got == "none") != o.isPublic():
			t.Errorf("%s: permission %q, public %v", o.name, got, o.isPublic())
		case got != "none" && got != "any" && !slices.Contains(permissions, any(got)):
			t.Errorf("%s: unknown permission %q", o.name, got)
		}
	}
	if _, ok := d.Permission("GET /nowhere"); ok {
		t.Error("Permission of an unknown operation is ok")
	}
}

func TestEveryOperationSaysHowItEnds(t *testing.T) {
	t.Parallel()
	for _, o := range operations(t) {
		for _, status := range []int{http.StatusMethodNotAllowed, http.StatusInternalServerError} {
			if o.Responses.Status(status) == nil {
				t.Errorf("%s: no %d", o.name, status)
			}
		}
		if !o.isPublic() && (o.Responses.Status(http.StatusUnauthorized) == nil || o.Responses.Status(http.StatusForbidden) == nil) {
			t.Errorf("%s: needs 401 and 403", o.name)
		}
		good := 0
		for status, ref := range o.Responses.Map() {
			if status < "400" {
				good++
			}
			ray := ref.Value.Headers["CF-RAY"]
			if ray == nil || !ray.Value.Required {
				t.Errorf("%s %s: CF-RAY is not required", o.name, status)
			}
		}
		if good == 0 {
			t.Errorf("%s: no way to succeed", o.name)
		}
	}
}

func TestConditionsAndKeysAreDocumented(t *testing.T) {
	t.Parallel()
	for _, o := range operations(t) {
		if got, want := o.has("header", "Idempotency-Key"), o.method == http.MethodPost && !o.isPublic() && !o.reads(); got != want {
			t.Errorf("%s: Idempotency-Key %v, want %v", o.name, got, want)
		}
		if got, want := o.has("header", "If-None-Match"), o.Responses.Status(http.StatusNotModified) != nil; got != want {
			t.Errorf("%s: If-None-Match %v, 304 %v", o.name, got, want)
		}
		if got, want := o.has("header", "If-Match"), o.Responses.Status(http.StatusPreconditionFailed) != nil; got != want {
			t.Errorf("%s: If-Match %v, 412 %v", o.name, got, want)
		}
		if got, want := o.has("header", "Idempotency-Key"), o.Responses.Status(http.StatusUnprocessableEntity) != nil; got != want {
			t.Errorf("%s: Idempotency-Key %v, 422 %v", o.name, got, want)
		}
		if o.RequestBody != nil && o.Responses.Status(http.StatusRequestEntityTooLarge) == nil {
			t.Errorf("%s: takes a body and has no 413", o.name)
		}
	}
}

// A path has one family, and all refusals of an operation are of it.
func TestRefusalsAreOfOneFamily(t *testing.T) {
	t.Parallel()
	families := map[string]string{}
	for _, o := range operations(t) {
		for status, ref := range o.Responses.Map() {
			if status < "400" {
				continue
			}
			family := "other"
			if strings.HasPrefix(ref.Ref, "#/components/responses/Organizations") {
				family = "organizations"
			}
			if seen := families[o.path]; seen != "" && seen != family {
				t.Errorf("%s %s: family %s, the path has %s", o.name, status, family, seen)
			}
			families[o.path] = family
		}
	}
}
