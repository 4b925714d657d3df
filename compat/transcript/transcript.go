// Package transcript reads and checks curl transcripts: text files that show
// requests as shell commands, each followed by the answer it must get.
//
//	## Title of a step
//	$ curl -H "$AUTH" "$BASE/organizations?name=acme" \
//	    -H 'Accept: application/json'
//	< 200
//	< Content-Type: application/json
//	{"success": true, "errors": [], "messages": [], "result": [], "result_info": {"...": ""}}
//
// The command runs in bash with the variables of the transcript in its
// environment. The lines that begin with "<" are the expected status and
// headers, the rest up to the next title is the expected JSON body; without it
// the body must be empty. Text before the first title is a comment.
//
// In the expected JSON, keys and elements must be exactly those of the answer,
// in any order of keys. The key "..." allows further keys. A string may be one
// of <id>, <time>, <text>, <secret>, <number>, <bool> or <any>; with a name, as
// in <id $org>, it also sets a variable. In other strings $name and ${name}
// stand for variables.
package transcript

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// Step is one request and the answer that it must get.
type Step struct {
	Title   string
	Line    int
	Command string
	Status  string
	Headers map[string]string
	Body    any // nil: the body must be empty
}

// Read reads the transcript in the file.
func Read(file string) ([]Step, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the transcript: %w", err)
	}
	var steps []Step
	var chunk []string
	start := 0
	flush := func() error {
		if start == 0 {
			return nil
		}
		step, err := parse(chunk)
		if err != nil {
			return fmt.Errorf("%s:%d: %w", file, start, err)
		}
		step.Line = start
		steps = append(steps, step)
		return nil
	}
	for number, line := range strings.Split(string(text), "\n") {
		if strings.HasPrefix(line, "## ") {
			if err := flush(); err != nil {
				return nil, err
			}
			start, chunk = number+1, nil
		}
		chunk = append(chunk, line)
	}
	return steps, flush()
}

func parse(lines []string) (Step, error) {
	step := Step{Title: strings.TrimPrefix(lines[0], "## "), Headers: map[string]string{}}
	i := 1
	for ; i < len(lines) && !strings.HasPrefix(lines[i], "< "); i++ {
		step.Command += strings.TrimPrefix(lines[i], "$ ") + "\n"
	}
	for ; i < len(lines) && strings.HasPrefix(lines[i], "< "); i++ {
		name, value, isHeader := strings.Cut(lines[i][2:], ": ")
		if isHeader {
			step.Headers[name] = value
		} else {
			step.Status = name
		}
	}
	if strings.TrimSpace(step.Command) == "" || step.Status == "" {
		return step, fmt.Errorf("step %q has no command or no status", step.Title)
	}
	body := strings.TrimSpace(strings.Join(lines[i:], "\n"))
	if body == "" {
		return step, nil
	}
	decoder := json.NewDecoder(strings.NewReader(body))
	decoder.UseNumber()
	if err := decoder.Decode(&step.Body); err != nil {
		return step, fmt.Errorf("step %q: the expected body: %w", step.Title, err)
	}
	if decoder.More() {
		return step, fmt.Errorf("step %q: text after the expected body", step.Title)
	}
	return step, nil
}
