package main

import (
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestReadmeCurl runs the curl calls of the README as they are printed there,
// after the lines that orgd dev prints for the shell.
func TestReadmeCurl(t *testing.T) {
	t.Parallel()
	p := start(t, "orgd", "dev", "--data", t.TempDir())
	script := "set -eu\n" + strings.Join(exports(p), "\n") + "\n" + readmeBlock(t, "sh")
	cmd := exec.CommandContext(t.Context(), "bash", "-c", script)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	answers := strings.Split(strings.TrimSpace(string(out)), "\n")
	want := []string{
		`"status":"active"`,
		`"name":"Halyard Managed Security"`,
		`"name":"Team North"`,
		`"name":"Web shop"`,
		`"result":[{"id":"`,
	}
	if len(answers) != len(want) {
		t.Fatalf("%d answers, want %d\n%s", len(answers), len(want), out)
	}
	for i, a := range answers {
		if !strings.Contains(a, `"success":true`) || !strings.Contains(a, want[i]) {
			t.Errorf("call %d answered %s, want a success with %s", i+1, a, want[i])
		}
	}
}

// exports returns the lines for the shell, from what is printed.
func exports(p *process) []string {
	var b strings.Builder
	welcome(&b, devDefaults(), &p.ready)
	return regexp.MustCompile(`(?m)^  export .*$`).FindAllString(b.String(), -1)
}

// TestReadmeExcerpts compares the other examples with the programs that they
// are taken from and that compat runs: every line is a line of the program,
// in the same order.
func TestReadmeExcerpts(t *testing.T) {
	t.Parallel()
	for language, name := range map[string]string{"go": "go/main.go", "js": "ts/first-calls.mjs", "hcl": "terraform/main.tf"} {
		text, err := os.ReadFile(filepath.Join("../../compat/examples", name))
		if err != nil {
			t.Fatal(err)
		}
		rest := strings.Split(string(text), "\n")
		for line := range strings.SplitSeq(strings.TrimSpace(readmeBlock(t, language)), "\n") {
			at := 0
			for at < len(rest) && strings.TrimSpace(rest[at]) != strings.TrimSpace(line) {
				at++
			}
			if at == len(rest) {
				t.Errorf("the README has %q, which %s does not have at this place", line, name)
				break
			}
			rest = rest[at+1:]
		}
	}
}

// TestReadmeLinks looks for the files, and the headings in them, that the README
// points at.
func TestReadmeLinks(t *testing.T) {
	t.Parallel()
	links := regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(readme(t), -1)
	if len(links) == 0 {
		t.Fatal("no links found")
	}
	for _, l := range links {
		u, err := url.Parse(l[1])
		if err != nil {
			t.Error(err)
			continue
		}
		if u.Scheme != "" {
			continue
		}
		name := filepath.Join("../..", filepath.FromSlash(u.Path))
		if _, err := os.Stat(name); err != nil {
			t.Error(err)
		} else if u.Fragment != "" && !slices.Contains(anchors(t, name), u.Fragment) {
			t.Errorf("%s has no heading #%s", u.Path, u.Fragment)
		}
	}
}

// anchors returns what links call the headings of a page.
func anchors(t *testing.T, name string) []string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, m := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(string(text), -1) {
		words := regexp.MustCompile(`[^a-z0-9 -]`).ReplaceAllString(strings.ToLower(m[1]), "")
		list = append(list, strings.ReplaceAll(words, " ", "-"))
	}
	return list
}

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// readmeBlock returns the block of code in a language.
func readmeBlock(t *testing.T, language string) string {
	t.Helper()
	_, rest, ok := strings.Cut(readme(t), "```"+language+"\n")
	block, _, end := strings.Cut(rest, "```")
	if !ok || !end {
		t.Fatalf("the README has no block of %s", language)
	}
	return block
}
