// Package openapitest holds requests and responses against an OpenAPI
// document. It is imported by tests only.
package openapitest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"

	"github.com/orgd/orgd/internal/api"
)

// ExternalVariable names the environment variable that External reads.
const ExternalVariable = "ORGD_OPENAPI_EXTERNAL"

// ErrNoOperation means that a document does not describe the path and method
// of a request.
var ErrNoOperation = errors.New("no such operation in the OpenAPI document")

// Document is a loaded OpenAPI document. It may be used by several tests at
// once.
type Document struct {
	spec   *openapi3.T
	routes []route
	prefix string
	// own is set for our document only: it has to name every key of a
	// response, and describes what is answered to requests that it lacks.
	own bool
}

// Load returns the OpenAPI document of this program, and fails the test when
// it is not valid.
func Load(t testing.TB) *Document {
	t.Helper()
	body, err := api.OpenAPIJSON()
	if err != nil {
		t.Fatalf("OpenAPI document: %v", err)
	}
	d, err := parse(body)
	if err != nil {
		t.Fatalf("OpenAPI document: %v", err)
	}
	if err := d.spec.Validate(context.Background()); err != nil {
		t.Fatalf("OpenAPI document is not valid: %v", err)
	}
	d.own = true
	return d
}

// LoadExternal reads another OpenAPI document, whose paths lack prefix. Keys
// that it does not name are no fault in a response.
func LoadExternal(path, prefix string) (*Document, error) {
	body, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the external OpenAPI document: %w", err)
	}
	d, err := parse(body)
	if err != nil {
		return nil, fmt.Errorf("external OpenAPI document %s: %w", path, err)
	}
	d.prefix = prefix
	return d, nil
}

// External returns the document in the file that ExternalVariable names, with
// the paths that follow /client/v4, and false when the variable is not set.
func External(t testing.TB) (*Document, bool) {
	t.Helper()
	path := os.Getenv(ExternalVariable)
	if path == "" {
		return nil, false
	}
	d, err := LoadExternal(path, "/client/v4")
	if err != nil {
		t.Fatal(err)
	}
	return d, true
}

// Paths returns "METHOD /path" of every operation, sorted.
func (d *Document) Paths() []string {
	var paths []string
	for _, r := range d.routes {
		for method := range r.item.Operations() {
			paths = append(paths, method+" "+d.prefix+r.path)
		}
	}
	slices.Sort(paths)
	return paths
}

// Permission returns the x-orgd-permission of an operation named as in Paths,
// and false when there is no such operation or it names none.
func (d *Document) Permission(name string) (string, bool) {
	method, path, _ := strings.Cut(name, " ")
	item := d.spec.Paths.Value(strings.TrimPrefix(path, d.prefix))
	if item == nil {
		return "", false
	}
	operation := item.GetOperation(method)
	if operation == nil {
		return "", false
	}
	permission, ok := operation.Extensions["x-orgd-permission"].(string)
	return permission, ok
}

func parse(body []byte) (*Document, error) {
	spec, err := openapi3.NewLoader().LoadFromData(body)
	if err != nil {
		return nil, fmt.Errorf("parse: %w", err)
	}
	d := &Document{spec: spec}
	for path, item := range spec.Paths.Map() {
		d.routes = append(d.routes, newRoute(path, item))
	}
	// Literal segments win over parameters, as they do in the server.
	slices.SortFunc(d.routes, func(a, b route) int { return strings.Compare(a.rank, b.rank) })
	return d, nil
}

func (d *Document) options() *openapi3filter.Options {
	return &openapi3filter.Options{
		AuthenticationFunc:    openapi3filter.NoopAuthenticationFunc,
		IncludeResponseStatus: true,
		MultiError:            true,
		SkipSettingDefaults:   true,
		SchemaValidationOptions: []openapi3.SchemaValidationOption{
			openapi3.EnableFormatValidation(),
			openapi3.DisableSchemaErrorDetails(),
			openapi3.WithStringFormatValidators(formats()),
		},
	}
}

// formats are stricter than the library's: a day has to exist.
func formats() map[string]openapi3.StringFormatValidator {
	return map[string]openapi3.StringFormatValidator{
		"date": openapi3.NewCallbackValidator(func(s string) error {
			_, err := time.Parse(time.DateOnly, s)
			return err
		}),
		"date-time": openapi3.NewCallbackValidator(func(s string) error {
			_, err := time.Parse(time.RFC3339Nano, s)
			return err
		}),
		"email": openapi3.NewRegexpFormatValidator(`^[^@\s]+@[^@\s]+$`),
		"uuid":  openapi3.NewRegexpFormatValidator(openapi3.FormatOfStringForUUIDOfRFC4122),
	}
}

// isBodyless tells whether a status never comes with a body.
func isBodyless(status int) bool {
	return status == http.StatusNoContent || status == http.StatusNotModified
}
