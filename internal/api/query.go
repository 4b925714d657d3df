package api

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/page"
)

// maxValue is the longest value of a query parameter, in bytes.
const maxValue = 1000

// maxValues bounds a repeated parameter.
const maxValues = 1000

// query reads query parameters by their exact names. An empty value counts as
// absent and unknown parameters are ignored. What does not fit is collected.
type query struct {
	values   url.Values
	problems []error
}

// parseQuery understands the raw query. The bracket forms of other clients
// (name[contains]=x, id[]=x) are read as the dotted ones.
func parseQuery(raw string) (*query, error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, fault.At(fault.Invalid, "query", "The query string is malformed")
	}
	q := &query{values: make(url.Values, len(values))}
	for _, sent := range sortedNames(values) { // two spellings of one parameter keep their order
		list, name := values[sent], strings.TrimSuffix(sent, "[]")
		if open := strings.IndexByte(name, '['); open > 0 && strings.HasSuffix(name, "]") {
			name = name[:open] + "." + name[open+1:len(name)-1]
		}
		for _, v := range list {
			if v != "" {
				q.values[name] = append(q.values[name], v)
			}
		}
	}
	return q, nil
}

// err returns all that did not fit, nil when everything did.
func (q *query) err() error { return errors.Join(q.problems...) }

// refuse says what is wrong with a parameter, once though it is read twice.
func (q *query) refuse(name, format string, args ...any) {
	text := name + " " + fmt.Sprintf(format, args...)
	if !slices.ContainsFunc(q.problems, func(err error) bool { return err.Error() == text }) {
		q.problems = append(q.problems, fault.At(fault.Invalid, name, text))
	}
}

// texts returns all values of a parameter.
func (q *query) texts(name string) []string {
	list := q.values[name]
	if len(list) > maxValues {
		q.refuse(name, "is given more than %d times", maxValues)
		return nil
	}
	for _, v := range list {
		if len(v) > maxValue || !utf8.ValidString(v) || strings.ContainsRune(v, 0) {
			q.refuse(name, "is longer than %d bytes or has characters that are not allowed", maxValue)
			return nil
		}
	}
	return list
}

// text returns the only value of a parameter.
func (q *query) text(name string) string {
	list := q.texts(name)
	if len(list) == 0 {
		return ""
	}
	if len(list) > 1 {
		q.refuse(name, "is given more than once")
	}
	return list[0]
}

// split returns all values of a list of words or identifiers, which may also
// be separated by commas.
func (q *query) split(name string) []string {
	var out []string
	for _, v := range q.texts(name) {
		for part := range strings.SplitSeq(v, ",") {
			if part != "" {
				out = append(out, part)
			}
		}
	}
	if len(out) > maxValues {
		q.refuse(name, "has more than %d values", maxValues)
		return nil
	}
	return out
}

// enum returns one of the allowed words, "" when it is absent.
func (q *query) enum(name string, allowed ...string) string {
	v := q.text(name)
	if v != "" && !slices.Contains(allowed, v) {
		q.refuse(name, "must be one of %s", strings.Join(allowed, ", "))
		return ""
	}
	return v
}

// flag returns a boolean, or the default when it is absent.
func (q *query) flag(name string, absent bool) bool {
	switch q.text(name) {
	case "":
		return absent
	case "true", "1":
		return true
	case "false", "0":
		return false
	}
	q.refuse(name, "must be true or false")
	return absent
}

// number returns a whole number within bounds, or the default when absent. A
// fraction of zeros is no fraction: clients that keep numbers as floats write
// 5 as 5.0.
func (q *query) number(name string, absent, least, most int) int {
	v := q.text(name)
	if v == "" {
		return absent
	}
	whole, zeros, fraction := strings.Cut(v, ".")
	if fraction && zeros != "" && strings.Trim(zeros, "0") == "" {
		v = whole
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < least || n > most {
		q.refuse(name, "must be a whole number from %d to %d", least, most)
		return absent
	}
	return n
}

// filter returns the exact filter and its three affix forms.
func (q *query) filter(name string) org.TextFilter {
	return org.TextFilter{
		Equal:      q.text(name),
		StartsWith: q.text(name + ".startsWith"),
		EndsWith:   q.text(name + ".endsWith"),
		Contains:   q.text(name + ".contains"),
	}
}

// identifiers returns a list of identifiers, nil when the parameter is absent.
func identifiers[T ~string](q *query, name string) []T {
	var out []T
	for _, v := range q.split(name) {
		out = append(out, T(v))
	}
	return out
}

// page returns page_size and page_token. The token must have been made for
// the same view.
func (q *query) page(v page.View) page.Request {
	r := page.Request{Size: q.number("page_size", 0, 0, page.MaxSize)}
	if r.Size == 0 {
		r.Size = page.DefaultSize
	}
	if token := q.text("page_token"); token != "" {
		p, err := page.Decode(v, token)
		if err != nil {
			q.problems = append(q.problems, err)
		}
		r.After = &p
	}
	return r
}

// maxPage keeps offsets far from overflow.
const maxPage = 1_000_000_000

// numbered returns page and per_page.
func (q *query) numbered(least, absent, most int) page.Numbered {
	return page.Numbered{
		Page:    q.number("page", 1, 1, maxPage),
		PerPage: q.number("per_page", absent, least, most),
		Desc:    q.enum("direction", "asc", "desc") == "desc",
	}
}

// view is what a page token is bound to: the list, the caller, and every
// parameter but those that may change between pages.
func (q *query) view(list string, caller id.User) page.View {
	parts := []string{list, string(caller)}
	for _, name := range sortedNames(q.values) {
		switch name {
		case "page_size", "page_token", "include_total", "page", "per_page", "limit", "cursor":
			continue
		}
		parts = append(parts, name, strconv.Itoa(len(q.values[name])))
		parts = append(parts, q.values[name]...)
	}
	return page.NewView(parts...)
}

func sortedNames(v url.Values) []string {
	names := make([]string, 0, len(v))
	for name := range v {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
