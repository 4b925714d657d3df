package openapitest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers"
)

// route is one path of a document, cut into segments. The library's own
// routers refuse escaped segments, which the server accepts.
type route struct {
	path     string
	segments []string
	rank     string
	item     *openapi3.PathItem
}

func newRoute(path string, item *openapi3.PathItem) route {
	segments := strings.Split(path, "/")
	rank := make([]string, len(segments))
	for i, s := range segments {
		rank[i] = s
		if isParameter(s) {
			rank[i] = "\U0010FFFF"
		}
	}
	return route{path: path, segments: segments, rank: strings.Join(rank, "/"), item: item}
}

// rest is the parameter that stands for all the segments that are left.
const rest = "{path}"

func isParameter(segment string) bool {
	return strings.HasPrefix(segment, "{") && strings.HasSuffix(segment, "}")
}

// match returns the path parameters when the segments fit.
func (r route) match(segments []string) (map[string]string, bool) {
	if last := len(r.segments) - 1; r.segments[last] == rest && len(segments) > last {
		segments = append(slices.Clone(segments[:last]), strings.Join(segments[last:], "/"))
	}
	if len(segments) != len(r.segments) {
		return nil, false
	}
	params := map[string]string{}
	for i, want := range r.segments {
		got := segments[i]
		switch {
		case isParameter(want) && got != "":
			params[strings.Trim(want, "{}")] = got
		case want != got:
			return nil, false
		}
	}
	return params, true
}

// find returns the path of a request, whether or not it has the method.
func (d *Document) find(u *url.URL) (route, map[string]string, bool) {
	path, ok := strings.CutPrefix(u.EscapedPath(), d.prefix)
	if !ok {
		return route{}, nil, false
	}
	segments := strings.Split(path, "/")
	for i, s := range segments {
		plain, err := url.PathUnescape(s)
		if err != nil || s == "." || s == ".." { // no identifiers, unless they are escaped
			return route{}, nil, false
		}
		segments[i] = plain
	}
	for _, r := range d.routes {
		if params, ok := r.match(segments); ok {
			return r, params, true
		}
	}
	return route{}, nil, false
}

// operation returns the library's view of the operation that a request is
// for. HEAD is answered as GET is.
func (d *Document) operation(method string, r route) (*routers.Route, bool) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	operation := r.item.GetOperation(method)
	if operation == nil {
		return nil, false
	}
	return &routers.Route{Spec: d.spec, Path: r.path, PathItem: r.item, Method: method, Operation: operation}, true
}
