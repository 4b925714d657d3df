package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// tape is a JSON text with where its values begin and end. Redact walks it
// instead of decoding it into maps: most values are kept as they are written,
// and a map for every object costs more than all else.
type tape struct {
	text   string // that all strings are parts of
	tokens []token
}

// token is a value; the tokens of its elements, or of its names and values,
// follow it.
type token struct {
	start, end int
	next       int // the token behind the value
}

var errManyValues = errors.New("there is more than one JSON value")

// newTape reads one JSON value.
func newTape(text []byte) (*tape, error) {
	if !json.Valid(text) {
		return nil, invalid(text)
	}
	t := &tape{text: string(text), tokens: make([]token, 0, 32)}
	t.read(0)
	return t, nil
}

// invalid says what is wrong with a text that is not valid.
func invalid(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	var v json.RawMessage
	if err := d.Decode(&v); err != nil {
		return err
	}
	return errManyValues
}

// read reads the value that comes next and returns where it ends. The text is
// known to be valid.
func (t *tape) read(at int) int {
	at = t.space(at)
	i := len(t.tokens)
	t.tokens = append(t.tokens, token{start: at})
	switch t.text[at] {
	case '{', '[':
		at = t.readAll(at + 1)
	case '"':
		for at++; t.text[at] != '"'; at++ {
			if t.text[at] == '\\' {
				at++
			}
		}
		at++
	default:
		for at < len(t.text) && !ends(t.text[at]) {
			at++
		}
	}
	t.tokens[i].end, t.tokens[i].next = at, len(t.tokens)
	return at
}

// readAll reads what stands between brackets, and the closing one.
func (t *tape) readAll(at int) int {
	for {
		at = t.space(at)
		switch t.text[at] {
		case ',', ':':
			at++
		case '}', ']':
			return at + 1
		default:
			at = t.read(at)
		}
	}
}

func (t *tape) space(at int) int {
	for t.text[at] == ' ' || t.text[at] == '\n' || t.text[at] == '\t' || t.text[at] == '\r' {
		at++
	}
	return at
}

// ends reports whether c ends a number or a word.
func ends(c byte) bool {
	switch c {
	case ',', '}', ']', ' ', '\n', '\t', '\r':
		return true
	}
	return false
}

// kind returns the first character of the token i.
func (t *tape) kind(i int) byte { return t.text[t.tokens[i].start] }

// raw returns the text of the token i.
func (t *tape) raw(i int) string { return t.text[t.tokens[i].start:t.tokens[i].end] }

// str returns the string that the token i is.
func (t *tape) str(i int) (string, error) {
	raw := t.raw(i)
	if plain(raw) {
		return raw[1 : len(raw)-1], nil
	}
	var s string
	if err := json.Unmarshal([]byte(raw), &s); err != nil {
		return "", fmt.Errorf("decode a text: %w", err)
	}
	return s, nil
}

// plain reports whether a quoted string means what it says, and is written as
// appendString would.
func plain(raw string) bool {
	ascii := true
	for i := range len(raw) {
		if raw[i] == '\\' {
			return false
		}
		ascii = ascii && raw[i] < utf8.RuneSelf
	}
	return ascii || utf8.ValidString(raw) && !strings.ContainsAny(raw, "\u2028\u2029")
}

// appendString appends s in quotes, escaped as little as encoding/json does.
func appendString(b []byte, s string) ([]byte, error) {
	if quotable(s) {
		b = append(b, '"')
		b = append(b, s...)
		return append(b, '"'), nil
	}
	text, err := encode(s)
	return append(b, text...), err
}

func quotable(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
