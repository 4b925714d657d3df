package cloudevent

import (
	"encoding/json"
	"strings"

	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/usage"
)

// What follows splits JSON that encoding/json has found valid, once for a
// whole batch: reading it again for every event and value would take several
// times as long as counting it.

// blanks returns the index of the first byte at or after i that is no space.
func blanks(s string, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\n' || s[i] == '\t' || s[i] == '\r') {
		i++
	}
	return i
}

// skipString returns the index behind the string that begins at i.
func skipString(s string, i int) int {
	for i++; ; i++ {
		switch s[i] {
		case '"':
			return i + 1
		case '\\':
			i++
		}
	}
}

// skipValue returns the index behind the value that begins at i.
func skipValue(s string, i int) int {
	switch s[i] {
	case '"':
		return skipString(s, i)
	case '{', '[':
		return skipNested(s, i)
	}
	for i < len(s) && !strings.ContainsRune(",]} \n\t\r", rune(s[i])) {
		i++
	}
	return i
}

// skipNested returns the index behind the object or array that begins at i.
func skipNested(s string, i int) int {
	for depth := 0; ; {
		switch s[i] {
		case '"':
			i = skipString(s, i)
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
		i++
	}
}

// unquote returns the text of a JSON string.
func unquote(raw string) string {
	if text := raw[1 : len(raw)-1]; strings.IndexByte(text, '\\') < 0 {
		return text
	}
	var text string
	_ = json.Unmarshal([]byte(raw), &text) // it is valid
	return text
}

// object is a JSON object whose values have not been read yet.
type object struct {
	fields []field
	place  string // what a refusal says before the name of a key
}

type field struct{ key, raw string }

// name returns what a refusal calls the value of a key.
func (o *object) name(key string) string { return o.place + key }

// get returns the value of a key, "" when there is none or it is null.
func (o *object) get(key string) string {
	for i := range o.fields {
		if f := &o.fields[i]; f.key == key {
			if f.raw == "null" {
				return ""
			}
			return f.raw
		}
	}
	return ""
}

// manyKeys is from how many keys on an object is looked up in a set.
const manyKeys = 16

// read splits the object that is all of s, which is valid JSON in UTF-8 and at
// that place, a pointer with a slash behind it. A key that is there twice is refused,
// because readers do not agree which one counts.
func (o *object) read(s, place string) *usage.Refusal {
	o.fields, o.place = o.fields[:0], place
	at := place[:len(place)-1]
	i := blanks(s, 0)
	if s[i] != '{' {
		return malformed(at, "is not a JSON object")
	}
	var seen map[string]bool
	for i = blanks(s, i+1); s[i] != '}'; {
		end := skipString(s, i)
		key := unquote(s[i:end])
		i = blanks(s, blanks(s, end)+1)
		end = skipValue(s, i)
		if o.has(key, &seen) {
			return malformed(fault.Pointer(at, key), "is there twice")
		}
		o.fields = append(o.fields, field{key, s[i:end]})
		if i = blanks(s, end); s[i] == ',' {
			i = blanks(s, i+1)
		}
	}
	return nil
}

// has reports whether the key was there already. Looking through a long list
// for every key of a long list would take a hostile event too far.
func (o *object) has(key string, seen *map[string]bool) bool {
	if len(o.fields) < manyKeys {
		for i := range o.fields {
			if o.fields[i].key == key {
				return true
			}
		}
		return false
	}
	if *seen == nil {
		*seen = make(map[string]bool, 2*manyKeys)
		for i := range o.fields {
			(*seen)[o.fields[i].key] = true
		}
	}
	twice := (*seen)[key]
	(*seen)[key] = true
	return twice
}
