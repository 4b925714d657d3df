package api

import (
	"encoding/json"
	"fmt"
	"strings"
)

// rawJSON is a value that is kept as it is written.
type rawJSON string

// parser decodes a JSON text that is known to be valid, as encoding/json does
// it with numbers as json.Number, but in one pass, and without decoding what
// is kept as it is written: a batch of records costs less than half of it.
type parser struct {
	text string
	at   int
	// asWritten reports whether the member of an object is kept so; object is
	// the name of the member that the object is.
	asWritten func(object, name string) bool
	levels    int      // that are allowed
	deep      bool     // there were more
	deepIn    []string // the outermost members where there were
}

// parse returns the value at p.at, which is a member called name, level
// levels deep.
func (p *parser) parse(name string, level int) (any, error) {
	p.space()
	switch p.text[p.at] {
	case '{':
		return p.object(name, level)
	case '[':
		return p.array(name, level)
	case '"':
		return p.string()
	case 't':
		p.at += len("true")
		return true, nil
	case 'f':
		p.at += len("false")
		return false, nil
	case 'n':
		p.at += len("null")
		return nil, nil //nolint:nilnil // null
	}
	start := p.at
	p.skip(level)
	return json.Number(p.text[start:p.at]), nil
}

func (p *parser) object(name string, level int) (any, error) {
	p.deep = p.deep || level > p.levels
	members := make(map[string]any)
	for p.at++; ; p.at++ {
		if p.space(); p.text[p.at] == '}' {
			p.at++
			return members, nil
		}
		key, err := p.string()
		if err != nil {
			return nil, err
		}
		p.space()
		p.at++ // the colon
		if p.asWritten(name, key) {
			p.space()
			start := p.at
			p.skip(level + 1)
			members[key] = rawJSON(p.text[start:p.at])
		} else if members[key], err = p.parse(key, level+1); err != nil {
			return nil, err
		}
		if level == 1 && p.deep {
			p.deep, p.deepIn = false, append(p.deepIn, key)
		}
		if p.space(); p.text[p.at] == '}' {
			p.at++
			return members, nil
		}
	}
}

func (p *parser) array(name string, level int) (any, error) {
	p.deep = p.deep || level > p.levels
	list := []any{}
	for p.at++; ; p.at++ {
		if p.space(); p.text[p.at] == ']' {
			p.at++
			return list, nil
		}
		v, err := p.parse(name, level+1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
		if p.space(); p.text[p.at] == ']' {
			p.at++
			return list, nil
		}
	}
}

func (p *parser) string() (string, error) {
	start := p.at
	p.skip(0)
	quoted := p.text[start:p.at]
	if strings.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1], nil
	}
	var s string
	if err := json.Unmarshal([]byte(quoted), &s); err != nil {
		return "", fmt.Errorf("decode a text: %w", err)
	}
	return s, nil
}

// skip goes to the end of a value, which is level levels deep.
func (p *parser) skip(level int) {
	open := 0
	for ; p.at < len(p.text); p.at++ {
		switch p.text[p.at] {
		case '{', '[':
			p.deep = p.deep || level+open > p.levels
			open++
			continue
		case '}', ']':
			if open == 0 {
				return // the end of a number
			}
			if open--; open > 0 {
				continue
			}
			p.at++
			return
		case '"':
			for p.at++; p.text[p.at] != '"'; p.at++ {
				if p.text[p.at] == '\\' {
					p.at++
				}
			}
			if open == 0 {
				p.at++
				return
			}
		case ',', ' ', '\n', '\t', '\r':
			if open == 0 {
				return
			}
		}
	}
}

func (p *parser) space() {
	for p.at < len(p.text) {
		switch p.text[p.at] {
		case ' ', '\n', '\t', '\r':
			p.at++
		default:
			return
		}
	}
}

// elements returns the texts of the elements of an array that is known to be
// valid, and whether there are no more than most.
func elements(text string, most int) ([]string, bool) {
	p := &parser{text: text, levels: len(text)}
	p.space()
	var parts []string
	for p.at++; ; p.at++ {
		if p.space(); p.text[p.at] == ']' {
			return parts, true
		}
		if len(parts) == most {
			return parts, false
		}
		start := p.at
		p.skip(1)
		parts = append(parts, p.text[start:p.at])
		if p.space(); p.text[p.at] == ']' {
			return parts, true
		}
	}
}
