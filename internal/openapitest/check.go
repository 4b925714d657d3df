package openapitest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
)

// Check reports where a request or its answer differs from the document. Use
// CheckResponse when the request is meant to be wrong.
func (d *Document) Check(req *http.Request, reqBody []byte, status int, header http.Header, body []byte) error {
	input, err := d.input(req, reqBody)
	if err != nil {
		return err
	}
	if err := openapi3filter.ValidateRequest(context.Background(), input); err != nil {
		return describe("request", req, fmt.Errorf("%w; body: %s", err, reqBody))
	}
	return d.CheckResponse(req, status, header, body)
}

// CheckResponse reports where an answer differs from the document. A path that
// is not in our document has to be answered with 404, a method with 405.
func (d *Document) CheckResponse(req *http.Request, status int, header http.Header, body []byte) error {
	input, err := d.input(req, nil)
	if errors.Is(err, ErrNoOperation) && d.own {
		err = d.checkUnrouted(req, status, header, body)
	} else if err == nil {
		err = d.checkRouted(input, status, header, body)
	}
	if err != nil {
		return describe("response "+strconv.Itoa(status), req, fmt.Errorf("%w; body: %s", err, body))
	}
	return nil
}

func describe(what string, req *http.Request, err error) error {
	return fmt.Errorf("%s of %s %s: %w", what, req.Method, req.URL.RequestURI(), err)
}

// input prepares a copy of the request for the library: an empty parameter
// counts as absent and a body is JSON whatever its Content-Type says.
func (d *Document) input(req *http.Request, body []byte) (*openapi3filter.RequestValidationInput, error) {
	r, params, ok := d.find(req.URL)
	if !ok {
		return nil, ErrNoOperation
	}
	operation, ok := d.operation(req.Method, r)
	if !ok {
		return nil, ErrNoOperation
	}
	clone := req.Clone(context.Background())
	query := clone.URL.Query()
	for key, values := range query {
		query[key] = slices.DeleteFunc(values, func(v string) bool { return v == "" })
		if len(query[key]) == 0 {
			delete(query, key)
		}
	}
	clone.URL.RawQuery = query.Encode()
	clone.Body = http.NoBody
	clone.ContentLength = int64(len(body))
	if len(body) > 0 {
		clone.Body = io.NopCloser(bytes.NewReader(body))
		clone.Header.Set("Content-Type", "application/json")
	}
	return &openapi3filter.RequestValidationInput{
		Request: clone, PathParams: params, QueryParams: query, Route: operation, Options: d.options(),
	}, nil
}

func (d *Document) checkRouted(input *openapi3filter.RequestValidationInput, status int, header http.Header, body []byte) error {
	ref := input.Route.Operation.Responses.Status(status)
	if ref == nil || ref.Value == nil {
		return fmt.Errorf("status is not in the document")
	}
	response := ref.Value
	if input.Request.Method == http.MethodHead || isBodyless(status) || len(response.Content) == 0 {
		if len(body) > 0 && status != http.StatusTemporaryRedirect {
			return fmt.Errorf("a body where the document has none")
		}
		return d.checkHeaders(response, header)
	}
	if isText(response, header) {
		return d.checkHeaders(response, header)
	}
	err := openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: status, Header: header,
		Body: io.NopCloser(bytes.NewReader(body)), Options: d.options(),
	})
	if err != nil {
		return err
	}
	return d.checkKeys(response, body)
}

// isText reports whether the document has this type of answer as plain text,
// which the library cannot read for every type.
func isText(response *openapi3.Response, header http.Header) bool {
	kind, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil || kind == "application/json" {
		return false
	}
	described := response.Content[kind]
	return described != nil && described.Schema != nil && described.Schema.Value.Type.Is("string")
}

// checkHeaders does for answers without a body what the library does for the
// others.
func (d *Document) checkHeaders(response *openapi3.Response, header http.Header) error {
	for name, ref := range response.Headers {
		got := header.Get(name)
		if got == "" {
			if ref.Value.Required {
				return fmt.Errorf("header %s is missing", name)
			}
			continue
		}
		if err := ref.Value.Schema.Value.VisitJSON(got); err != nil {
			return fmt.Errorf("header %s: %w", name, err)
		}
	}
	return nil
}

// checkUnrouted validates the refusal of a request that no operation is for.
func (d *Document) checkUnrouted(req *http.Request, status int, header http.Header, body []byte) error {
	schema, want := "ErrorResponse", http.StatusNotFound
	if r, _, ok := d.find(req.URL); ok {
		want = http.StatusMethodNotAllowed
		schema = methodNotAllowedSchema(r)
		if header.Get("Allow") == "" {
			return fmt.Errorf("header Allow is missing")
		}
	}
	if status != want {
		return fmt.Errorf("status %d for a request that no operation is for, want %d", status, want)
	}
	ray := d.spec.Components.Headers["CfRay"].Value.Schema.Value
	if err := ray.VisitJSON(header.Get("CF-RAY")); err != nil {
		return fmt.Errorf("header CF-RAY: %w", err)
	}
	if req.Method == http.MethodHead {
		return nil
	}
	return d.checkBody(d.spec.Components.Schemas[schema].Value, body)
}

// methodNotAllowedSchema names the refusal of the family that a path is in.
func methodNotAllowedSchema(r route) string {
	for _, operation := range r.item.Operations() {
		ref := operation.Responses.Status(http.StatusMethodNotAllowed)
		if ref != nil && ref.Ref == "#/components/responses/OrganizationsMethodNotAllowed" {
			return "OrganizationsErrorResponse"
		}
	}
	return "ErrorResponse"
}

func (d *Document) checkBody(schema *openapi3.Schema, body []byte) error {
	value, err := decode(body)
	if err != nil {
		return err
	}
	options := append(d.options().SchemaValidationOptions, openapi3.VisitAsResponse(), openapi3.MultiErrors())
	if err := schema.VisitJSON(value, options...); err != nil {
		return err
	}
	return unnamedError(unnamedKeys([]*openapi3.Schema{schema}, value, ""))
}

// checkKeys reports keys of a body that the document does not name.
func (d *Document) checkKeys(response *openapi3.Response, body []byte) error {
	value, err := decode(body)
	if err != nil {
		return err
	}
	media := response.Content.Get("application/json")
	if !d.own || media == nil || media.Schema == nil {
		return nil
	}
	return unnamedError(unnamedKeys([]*openapi3.Schema{media.Schema.Value}, value, ""))
}

// decode reads exactly one JSON value.
func decode(body []byte) (any, error) {
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		return nil, fmt.Errorf("body is not JSON: %w", err)
	}
	return value, nil
}
