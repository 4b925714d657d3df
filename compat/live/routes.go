package live

import (
	"fmt"
	"os"
	"regexp"
	"strings"
)

// Route is a method and a path of /client/v4, parameters written as {}.
type Route struct {
	Method string
	Path   string
}

// String returns the route as a request line.
func (r Route) String() string { return r.Method + " " + r.Path }

// NewRoute returns the route of a path template: every {name} and every %s
// becomes {}, and a leading slash is added where it is missing.
func NewRoute(method, template string) Route {
	path := regexp.MustCompile(`\{[^}]*\}|%s`).ReplaceAllString(template, "{}")
	return Route{Method: method, Path: "/" + strings.TrimPrefix(path, "/")}
}

// Routes reads a route list: lines of METHOD PATH, # starts a comment.
func Routes(file string) (map[Route]bool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the route list: %w", err)
	}
	routes := map[Route]bool{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Fields(line)
		if len(fields) != 2 {
			return nil, fmt.Errorf("%s: %q is not METHOD PATH", file, line)
		}
		routes[NewRoute(fields[0], fields[1])] = true
	}
	return routes, nil
}
