package transcript

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"time"
)

// Variables are the names that a transcript may use and set.
type Variables map[string]string

// Match compares an answer with what is expected of it and returns one line
// for each difference. It sets the variables that the expectation names.
func (v Variables) Match(want, got any) []string {
	return v.match("$", want, got)
}

func (v Variables) match(path string, want, got any) []string {
	switch want := want.(type) {
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok {
			return []string{fmt.Sprintf("%s: got %s, want an object", path, show(got))}
		}
		return v.object(path, want, object)
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) != len(want) {
			return []string{fmt.Sprintf("%s: got %s, want %d elements", path, show(got), len(want))}
		}
		var found []string
		for i := range want {
			found = append(found, v.match(fmt.Sprintf("%s[%d]", path, i), want[i], list[i])...)
		}
		return found
	case string:
		return v.text(path, want, got)
	}
	if want != got {
		return []string{fmt.Sprintf("%s: got %s, want %s", path, show(got), show(want))}
	}
	return nil
}

func (v Variables) object(path string, want, got map[string]any) []string {
	var found []string
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if key == "..." {
			continue
		}
		value, ok := got[key]
		if !ok {
			found = append(found, fmt.Sprintf("%s.%s: missing", path, key))
			continue
		}
		found = append(found, v.match(path+"."+key, want[key], value)...)
	}
	if _, open := want["..."]; open {
		return found
	}
	for _, key := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[key]; !ok {
			found = append(found, fmt.Sprintf("%s.%s: unexpected %s", path, key, show(got[key])))
		}
	}
	return found
}

// text compares with a placeholder or with text that may hold variables.
func (v Variables) text(path, want string, got any) []string {
	placeholder := regexp.MustCompile(`^<(id|time|text|secret|number|bool|any)(?: \$(\w+))?>$`)
	m := placeholder.FindStringSubmatch(want)
	if m == nil {
		want = os.Expand(want, func(name string) string { return v[name] })
		if got != want {
			return []string{fmt.Sprintf("%s: got %s, want %q", path, show(got), want)}
		}
		return nil
	}
	if !isKind(m[1], got) {
		return []string{fmt.Sprintf("%s: got %s, want %s", path, show(got), want)}
	}
	if m[2] != "" {
		v[m[2]] = fmt.Sprint(got)
	}
	return nil
}

func isKind(kind string, got any) bool {
	switch kind {
	case "any":
		return true
	case "bool":
		_, ok := got.(bool)
		return ok
	case "number":
		_, ok := got.(json.Number)
		return ok
	}
	text, ok := got.(string)
	if !ok {
		return false
	}
	switch kind {
	case "id":
		return regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(text)
	case "secret":
		return regexp.MustCompile(`^[0-9A-Za-z_-]{32,80}$`).MatchString(text)
	case "time":
		at, err := time.Parse("2006-01-02T15:04:05.999999Z", text)
		return err == nil && !at.IsZero()
	}
	return text != ""
}

func show(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(text)
}
