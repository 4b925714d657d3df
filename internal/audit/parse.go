package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// Members are the members of a canonical record. An integer is kept as the
// text that it is written as.
type Members map[string]string

// Int returns the value of an integer.
func (f Members) Int(name string) int64 {
	n, err := strconv.ParseInt(f[name], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

var errNotCanonical = errors.New("the record is not in canonical form")

// ParseCanonical reads a canonical record, whatever members it has. Text that
// is not what Canonical could have written is refused, so that no two readers
// take it for different records.
func ParseCanonical(text []byte) (Members, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errNotCanonical
	}
	f := make(Members, 40)
	again := make([]byte, 0, len(text))
	lead, last := byte('{'), ""
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, errNotCanonical
		}
		key, ok := name.(string)
		if !ok || key <= last {
			return nil, errNotCanonical
		}
		value, err := d.Token()
		if err != nil {
			return nil, errNotCanonical
		}
		if again, err = appendToken(again, lead, key, value, f); err != nil {
			return nil, err
		}
		lead, last = ',', key
	}
	if again = append(again, '}'); !bytes.Equal(again, text) {
		return nil, errNotCanonical
	}
	if f["v"] != strconv.Itoa(Version) {
		return nil, fmt.Errorf("the record has version %q, known is %d", f["v"], Version)
	}
	return f, nil
}

// appendToken writes a member as Canonical does, and keeps its value.
func appendToken(b []byte, lead byte, key string, value json.Token, f Members) ([]byte, error) {
	switch v := value.(type) {
	case string:
		f[key] = v
		return member(b, lead, key, v), nil
	case json.Number:
		n, err := strconv.ParseInt(v.String(), 10, 64)
		if err != nil || lead == '{' {
			return nil, errNotCanonical
		}
		f[key] = v.String()
		return integer(b, key, n), nil
	}
	return nil, errNotCanonical
}
