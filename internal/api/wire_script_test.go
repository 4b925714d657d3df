package api_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"
)

// script is a wire script as it stands in its file.
type script struct {
	path    string
	comment []byte
	options []string
	setup   []string
	head    []txtar.File // the sections before the first request, as they are
	steps   []*step
}

// step is one request of a script with what has to come of it.
type step struct {
	title               string
	text                string // of the section
	who, method, target string
	headers             [][2]string
	keep                []string
	wait                time.Duration
	maintain            bool
	store               string
	lenient, ours       bool
	brief               bool
	body                string
	response, audit     string
}

func readScript(t *testing.T, path string) *script {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	a := txtar.Parse(data)
	s := &script{path: path, comment: a.Comment}
	titles := make(map[string]bool)
	for _, f := range a.Files {
		if err := s.section(f); err != nil {
			t.Fatalf("%s: section %q: %v", path, f.Name, err)
		}
		if title, ok := strings.CutPrefix(f.Name, "request: "); ok {
			if titles[title] {
				t.Fatalf("%s: title %q stands twice", path, title)
			}
			titles[title] = true
		}
	}
	return s
}

func (s *script) section(f txtar.File) error {
	text := string(f.Data)
	title, isRequest := strings.CutPrefix(f.Name, "request: ")
	switch {
	case f.Name == "options" && len(s.steps) == 0:
		s.options = lines(text)
		s.head = append(s.head, f)
	case f.Name == "setup" && len(s.steps) == 0:
		s.setup = lines(text)
		s.head = append(s.head, f)
	case isRequest:
		st := &step{title: title, text: text}
		s.steps = append(s.steps, st)
		return st.parse()
	case f.Name == "response" && len(s.steps) > 0:
		s.steps[len(s.steps)-1].response = text
	case f.Name == "audit" && len(s.steps) > 0:
		s.steps[len(s.steps)-1].audit = text
	default:
		return fmt.Errorf("does not belong here")
	}
	return nil
}

func (st *step) parse() (err error) {
	head, body, _ := strings.Cut(st.text, "\n\n")
	st.body = strings.TrimSuffix(body, "\n")
	list := lines(head)
	if len(list) == 0 || len(strings.Fields(list[0])) != 3 {
		return fmt.Errorf("does not begin with WHO METHOD TARGET")
	}
	first := strings.Fields(list[0])
	st.who, st.method, st.target = first[0], first[1], first[2]
	for _, line := range list[1:] {
		word, rest, _ := strings.Cut(line, " ")
		switch name, isHeader := strings.CutSuffix(word, ":"); {
		case isHeader:
			st.headers = append(st.headers, [2]string{name, rest})
		case word == "keep":
			st.keep = strings.Fields(rest)
		case word == "wait":
			st.wait, err = time.ParseDuration(rest)
		case word == "maintain":
			st.maintain = true
		case word == "store":
			st.store = rest
		case word == "lenient":
			st.lenient = true
		case word == "ours":
			st.ours = true
		case word == "brief":
			st.brief = true
		case word == "escaped":
			st.body, err = strconv.Unquote(st.body)
		default:
			err = fmt.Errorf("line %q is neither a header nor a directive", line)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// status is the first line of the response, 0 when there is none yet.
func (st *step) status() int {
	line, _, _ := strings.Cut(st.response, "\n")
	n, _ := strconv.Atoi(line)
	return n
}

// format returns the file of s.
func (s *script) format() *txtar.Archive {
	a := &txtar.Archive{Comment: s.comment, Files: s.head}
	for _, st := range s.steps {
		a.Files = append(a.Files,
			txtar.File{Name: "request: " + st.title, Data: []byte(st.text)},
			txtar.File{Name: "response", Data: []byte(st.response)})
		if st.audit != "" {
			a.Files = append(a.Files, txtar.File{Name: "audit", Data: []byte(st.audit)})
		}
	}
	return a
}

// lines returns the lines of text that are not empty.
func lines(text string) []string {
	var list []string
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, "\n"); line != "" {
			list = append(list, line)
		}
	}
	return list
}
