package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// ban is something that source files must not contain.
type ban struct {
	what, why string
	// in lists the folders and files that it holds for; none means all.
	in []string
	// exempt lists the folders and files that it does not hold for.
	exempt  []string
	matches func(ast.Node) bool
}

// source is one parsed file.
type source struct {
	// name is relative to the root, with slashes.
	name   string
	syntax *ast.File
	files  *token.FileSet
}

// check returns what breaks the rules in the module at root, in the order of
// the files, as lines that start with file and line.
func check(root string) ([]string, error) {
	var found []string
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return enter(root, file)
		}
		if !strings.HasSuffix(file, ".go") {
			return nil
		}
		s, err := read(root, file)
		if err != nil {
			return err
		}
		found = append(found, s.check()...)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("check %s: %w", root, err)
	}
	return found, nil
}

// enter skips the folders that hold no package of this module.
func enter(root, dir string) error {
	if dir == root {
		return nil
	}
	name := filepath.Base(dir)
	if name == "testdata" || name == "node_modules" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") {
		return fs.SkipDir
	}
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
		return fs.SkipDir
	}
	return nil
}

func read(root, file string) (source, error) {
	name, err := filepath.Rel(root, file)
	if err != nil {
		return source{}, err
	}
	files := token.NewFileSet()
	syntax, err := parser.ParseFile(files, file, nil, parser.SkipObjectResolution)
	if err != nil {
		return source{}, err
	}
	return source{name: filepath.ToSlash(name), syntax: syntax, files: files}, nil
}

func (s source) check() []string {
	if s.isTest() {
		return s.checkTestImports()
	}
	return append(s.checkImports(), s.checkBans()...)
}

func (s source) isTest() bool { return strings.HasSuffix(s.name, "_test.go") }

// pkg is the package's name in the tables.
func (s source) pkg() string {
	return strings.TrimPrefix(path.Dir(s.name), "internal/")
}

func (s source) checkImports() []string {
	ours, listed := allowed[s.pkg()]
	if !listed {
		return []string{s.finding(s.syntax, "package %s is not in the table of archtest", path.Dir(s.name))}
	}
	var found []string
	for _, i := range s.syntax.Imports {
		imported := importPath(i)
		if name, isOurs := strings.CutPrefix(imported, module); isOurs {
			if !slices.Contains(ours, strings.TrimPrefix(name, "internal/")) {
				found = append(found, s.finding(i, "%s must not import %s", s.pkg(), name))
			}
			continue
		}
		found = append(found, s.checkForeign(i, imported)...)
	}
	return found
}

func (s source) checkForeign(at ast.Node, imported string) []string {
	var found []string
	for _, f := range foreign {
		if !below(imported, f.prefix) {
			continue
		}
		if f.only != nil && !slices.Contains(f.only, s.pkg()) || slices.Contains(f.except, s.pkg()) {
			found = append(found, s.finding(at, "%s must not import %s: %s", s.pkg(), imported, f.why))
		}
	}
	return found
}

func (s source) checkTestImports() []string {
	if !slices.Contains(needEnginetest, s.pkg()) {
		return nil
	}
	var found []string
	for _, i := range s.syntax.Imports {
		name, isOurs := strings.CutPrefix(importPath(i), module+"internal/")
		if isOurs && slices.Contains(storeOpeners, name) {
			found = append(found, s.finding(i, "tests of %s open stores with enginetest, not with %s", s.pkg(), name))
		}
	}
	return found
}

func (s source) checkBans() []string {
	var found []string
	for n := range ast.Preorder(s.syntax) {
		for _, b := range bans {
			if b.holdsFor(s.name) && b.matches(n) {
				found = append(found, s.finding(n, "%s is banned here: %s", b.what, b.why))
			}
		}
	}
	return found
}

func (b ban) holdsFor(name string) bool {
	under := func(place string) bool {
		return name == place || strings.HasSuffix(place, "/") && strings.HasPrefix(name, place)
	}
	return (b.in == nil || slices.ContainsFunc(b.in, under)) && !slices.ContainsFunc(b.exempt, under)
}

func (s source) finding(at ast.Node, format string, args ...any) string {
	line := s.files.Position(at.Pos()).Line
	return fmt.Sprintf("%s:%d: ", s.name, line) + fmt.Sprintf(format, args...)
}

// below reports whether an import path is prefix or a package under it.
func below(imported, prefix string) bool {
	return imported == prefix || strings.HasPrefix(imported, strings.TrimSuffix(prefix, "/")+"/")
}

func importPath(i *ast.ImportSpec) string {
	p, err := strconv.Unquote(i.Path.Value)
	if err != nil {
		return i.Path.Value
	}
	return p
}

// names reports whether n is pkg.name for one of the names, called or not: a
// function that is passed on is called elsewhere. A package that is imported
// under another name escapes.
func names(n ast.Node, pkg string, name ...string) bool {
	sel, ok := n.(*ast.SelectorExpr)
	if !ok || !slices.Contains(name, sel.Sel.Name) {
		return false
	}
	x, ok := sel.X.(*ast.Ident)
	return ok && x.Name == pkg
}

func imports(n ast.Node, name string) bool {
	i, ok := n.(*ast.ImportSpec)
	return ok && importPath(i) == name
}

func usesDefaultLogger(n ast.Node) bool {
	return names(n, "slog", "Default", "SetDefault", "With", "Log", "LogAttrs",
		"Debug", "DebugContext", "Info", "InfoContext", "Warn", "WarnContext", "Error", "ErrorContext")
}

// callsStoreUpdate matches x.Update(...) by the name of x: a store, Store or
// anything that ends so, alone or as a field. It knows no types, so a store
// that is called something else escapes: stores are called store.
func callsStoreUpdate(n ast.Node) bool {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return false
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != "Update" {
		return false
	}
	switch x := sel.X.(type) {
	case *ast.Ident:
		return isStoreName(x.Name)
	case *ast.SelectorExpr:
		return isStoreName(x.Sel.Name)
	}
	return false
}

func isStoreName(name string) bool {
	return strings.HasSuffix(strings.ToLower(name), "store")
}

func declaresInit(n ast.Node) bool {
	f, ok := n.(*ast.FuncDecl)
	return ok && f.Recv == nil && f.Name.Name == "init"
}

func hasJSONTag(n ast.Node) bool {
	f, ok := n.(*ast.Field)
	if !ok || f.Tag == nil {
		return false
	}
	tag, err := strconv.Unquote(f.Tag.Value)
	if err != nil {
		return false
	}
	_, ok = reflect.StructTag(tag).Lookup("json")
	return ok
}
