package gosdk

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/orgd/orgd/compat/live"
)

// module is the import path of the SDK.
const module = "github.com/cloudflare/cloudflare-go/v7"

// Methods reads the source of the SDK in the module cache and returns the
// methods that call one of the routes, as "package.Service.Method", each with
// its route. The paging variants (…AutoPaging) of such a method are included.
func Methods(routes map[live.Route]bool) (map[string]live.Route, error) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		return nil, fmt.Errorf("find the source of %s: %w", module, err)
	}
	found := map[string]live.Route{}
	root := strings.TrimSpace(string(dir))
	err = filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		addMethods(found, path.Base(filepath.Dir(name)), string(text), routes)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the source of %s: %w", module, err)
	}
	return found, nil
}

// addMethods finds the methods in one generated file. Each states its path and
// its HTTP method as constants, which is why text search is enough.
func addMethods(found map[string]live.Route, pkg, text string, routes map[live.Route]bool) {
	function := regexp.MustCompile(`(?m)^func \(r \*(\w+Service)\) (\w+)\(`)
	pathOf := regexp.MustCompile(`path := (?:fmt\.Sprintf\()?"([^"]*)"`)
	verbOf := regexp.MustCompile(`http\.Method(\w+)`)
	starts := function.FindAllStringSubmatchIndex(text, -1)
	for i, at := range starts {
		end := len(text)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		body := text[at[0]:end]
		name := pkg + "." + text[at[2]:at[3]] + "." + text[at[4]:at[5]]
		template, verb := pathOf.FindStringSubmatch(body), verbOf.FindStringSubmatch(body)
		if template == nil || verb == nil {
			continue
		}
		route := live.NewRoute(strings.ToUpper(verb[1]), template[1])
		if !routes[route] {
			continue
		}
		found[name] = route
		if strings.Contains(text, "func (r *"+text[at[2]:at[3]]+") "+text[at[4]:at[5]]+"AutoPaging(") {
			found[name+"AutoPaging"] = route
		}
	}
}
