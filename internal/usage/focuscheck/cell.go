package focuscheck

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/shopspring/decimal"

	"github.com/orgd/orgd/internal/usage"
	"github.com/orgd/orgd/internal/usage/focus"
)

// cell is a cell of the row at hand. What is bad has broken a rule by itself
// and is not looked at again.
type cell struct {
	focus.Cell
	bad    bool
	number usage.Decimal
	at     time.Time
}

func (c *cell) null() bool { return c.Kind == focus.Null }

func placeholderRule() Rule {
	return Rule{"NullHandling-A-002-M", Must, "What has no value is null, and not an empty text, spaces or a word that stands for nothing."}
}

// declareCell declares the rules of a column by itself.
func (c *checker) declareCell(s *spec) {
	what := map[focus.Type][2]string{
		focus.String:   {"a text", "valid Unicode, and not only spaces"},
		focus.Decimal:  {"a number", "written as a plain number, or as mEn without a plus sign"},
		focus.DateTime: {"a date and time", "written in UTC as 2026-01-31T00:00:00Z"},
		focus.KeyValue: {"a text with a JSON object", "an object of different keys, with values that are no objects or lists"},
	}[s.kind]
	if s.types == s.format {
		what[0] += ": " + what[1]
	}
	if id := s.id(s.types); id != "" {
		c.declare(Rule{id, Must, fmt.Sprintf("%s is %s.", s.name, what[0])})
	}
	if id := s.id(s.format); id != "" {
		c.declare(Rule{id, Must, fmt.Sprintf("%s is %s.", s.name, what[1])})
	}
	if id := s.id(s.notNull); id != "" {
		c.declare(Rule{id, Must, fmt.Sprintf("%s is not null.", s.name)})
	}
}

// checkCell checks one cell by itself, up to the first rule that it breaks.
func (c *checker) checkCell(i int, v *cell) {
	s := c.specs[i]
	if s == nil {
		return
	}
	id, detail := v.check(s)
	if id == "" {
		return
	}
	v.bad = true
	c.found(id, Example{Row: c.rows, Column: s.name, Value: v.Text, Detail: detail})
}

func (v *cell) check(s *spec) (id, detail string) {
	if v.null() {
		return s.id(s.notNull), ""
	}
	if placeholder(v, s) {
		return placeholderRule().ID, ""
	}
	switch s.kind {
	case focus.Decimal:
		return v.checkNumber(s)
	case focus.DateTime:
		return v.checkTime(s)
	case focus.KeyValue:
		return v.checkKeyValue(s)
	}
	if v.Kind != focus.Text && v.Kind != focus.Untyped {
		return s.id(s.types), ""
	}
	if !utf8.ValidString(v.Text) || strings.ContainsRune(v.Text, 0) {
		return s.id(s.format), "StringHandling-A-001-M"
	}
	return "", ""
}

// placeholder reports whether the text stands for nothing. A host provider may
// be "Not Applicable".
func placeholder(v *cell, s *spec) bool {
	if v.Kind != focus.Text && v.Kind != focus.Untyped {
		return false
	}
	text := strings.ToLower(strings.TrimSpace(v.Text))
	if s.name == "HostProviderName" && text == "not applicable" {
		return false
	}
	return slices.Contains([]string{"", "null", "none", "nil", "n/a", "na", "nan", "-", "not applicable", "(null)", "\\n"}, text)
}

// checkNumber tells what is no number from what is one written badly.
func (v *cell) checkNumber(s *spec) (id, detail string) {
	if v.Kind != focus.Number && v.Kind != focus.Untyped || !strings.ContainsAny(v.Text, "0123456789") {
		return s.id(s.types), ""
	}
	if detail := numberProblem(v.Text); detail != "" {
		return s.id(s.format), detail
	}
	d, err := decimal.NewFromString(v.Text)
	if err != nil || d.Exponent() > 400 || d.Exponent() < -400 {
		return s.id(s.format), "NumericFormat-A-002-M"
	}
	v.number = d
	return "", ""
}

// numberProblem names the requirement of the numeric format that s breaks.
func numberProblem(s string) string {
	mantissa, exponent, scientific := strings.Cut(strings.Replace(s, "e", "E", 1), "E")
	switch {
	case strings.HasPrefix(s, "+"):
		return "NumericFormat-A-010-M: a sign of a value above zero"
	case scientific && strings.HasPrefix(exponent, "+"):
		return "NumericFormat-A-006-M: a plus sign in the exponent"
	case strings.Contains(s, ","):
		return "NumericFormat-A-009-M: a comma"
	case strings.Contains(s, "/"):
		return "NumericFormat-A-004-M: a fraction"
	case !plain(mantissa, true):
		return "NumericFormat-A-008-M: more than a number"
	case scientific && !plain(exponent, false):
		return "NumericFormat-A-005-M: an exponent that is no whole number"
	}
	return ""
}

// plain reports whether s is digits, with a minus sign before and, if allowed,
// a point between them.
func plain(s string, point bool) bool {
	whole, fraction, has := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	return allDigits(whole) && (!has || point && allDigits(fraction))
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

func (v *cell) checkTime(s *spec) (id, detail string) {
	switch v.Kind {
	case focus.Time, focus.Text, focus.Untyped:
	case focus.LocalTime:
		return s.id(s.format), "DateTimeFormat-A-001-M: a time without a zone"
	default:
		return s.id(s.types), ""
	}
	if !looksLikeDate(v.Text) {
		return s.id(s.types), ""
	}
	if detail := timeProblem(v.Text); detail != "" {
		return s.id(s.format), detail
	}
	at, err := time.Parse(time.RFC3339, v.Text)
	if err != nil {
		return s.id(s.format), "DateTimeFormat-A-002-M: no such date or time"
	}
	v.at = at
	return "", ""
}

// looksLikeDate reports whether s begins with a year, month and day.
func looksLikeDate(s string) bool {
	return len(s) >= 10 && allDigits(s[:4]) && s[4] == '-' && allDigits(s[5:7]) && s[7] == '-' && allDigits(s[8:10])
}

// timeProblem names the requirement of the format that s breaks.
func timeProblem(s string) string {
	switch {
	case len(s) < len("2006-01-02T15:04:05") || s[10] != 'T':
		return "DateTimeFormat-A-004-M: date and time with a T between them"
	case strings.ContainsAny(s[11:], "+-"):
		return "DateTimeFormat-A-001-M: not in UTC"
	case !strings.HasSuffix(s, "Z"):
		return "DateTimeFormat-A-006-M: no Z at the end"
	case s[13] != ':' || s[16] != ':':
		return "DateTimeFormat-A-005-M: hours, minutes and seconds of two digits"
	}
	return ""
}

func (v *cell) checkKeyValue(s *spec) (id, detail string) {
	if v.Kind != focus.Text && v.Kind != focus.Untyped {
		return s.id(s.types), ""
	}
	if detail := keyValueProblem(v.Text); detail != "" {
		return s.id(s.format), detail
	}
	return "", ""
}

// keyValueProblem names the requirement of the key-value format that s breaks.
func keyValueProblem(s string) string {
	if !json.Valid([]byte(s)) {
		return "KeyValueFormat-A-001-M: not valid JSON"
	}
	dec := json.NewDecoder(bytes.NewReader([]byte(s)))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return "KeyValueFormat-A-001-M: no JSON object"
	}
	seen := map[string]bool{}
	for dec.More() {
		t, err := dec.Token()
		key, ok := t.(string)
		if err != nil || !ok {
			return "KeyValueFormat-A-001-M: not valid JSON"
		}
		if seen[key] {
			return fmt.Sprintf("KeyValueFormat-A-002-M: %q is there twice", key)
		}
		seen[key] = true
		if t, err = dec.Token(); err != nil && !errors.Is(err, io.EOF) {
			return "KeyValueFormat-A-001-M: not valid JSON"
		}
		if _, nested := t.(json.Delim); nested {
			return fmt.Sprintf("KeyValueFormat-A-004-M: %q is an object or a list", key)
		}
	}
	return ""
}
