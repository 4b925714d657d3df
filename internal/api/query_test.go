package api

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/page"
)

func mustParse(t *testing.T, raw string) *query {
	t.Helper()
	q, err := parseQuery(raw)
	if err != nil {
		t.Fatalf("parse %q: %v", raw, err)
	}
	return q
}

func TestQueryNames(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		raw  string
		want url.Values
	}{
		{"", url.Values{}},
		{"id=a&id=b", url.Values{"id": {"a", "b"}}},
		{"id[]=a&id[]=b", url.Values{"id": {"a", "b"}}},
		{"id[]=b&id=a", url.Values{"id": {"a", "b"}}}, // in the order of the spellings
		{"name[contains]=x&containing[user][]=y", url.Values{"name.contains": {"x"}, "containing.user": {"y"}}},
		{"name.contains=a+b%20c", url.Values{"name.contains": {"a b c"}}},
		{"name=&id=&id=a", url.Values{"id": {"a"}}}, // empty is absent
		{"NAME=x", url.Values{"NAME": {"x"}}},       // names are exact
		{"[]=x&[a]=y&b[=z", url.Values{"": {"x"}, "[a]": {"y"}, "b[": {"z"}}},
	} {
		if diff := cmp.Diff(test.want, mustParse(t, test.raw).values); diff != "" {
			t.Errorf("%q (-want +got):\n%s", test.raw, diff)
		}
	}
	for _, raw := range []string{"%zz", "a;b=c", "name=%"} {
		if _, err := parseQuery(raw); fault.CodeOf(err) != fault.Invalid {
			t.Errorf("%q: got %v, want a refusal", raw, err)
		}
	}
}

// refusals returns the messages of what did not fit.
func (q *query) refusals() string {
	var list []string
	for _, f := range faults(q.err()) {
		list = append(list, f.Pointer+": "+f.Message)
	}
	return strings.Join(list, "; ")
}

func TestQueryValues(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", maxValue+1)
	for _, test := range []struct {
		raw  string
		read func(*query) any
		want any
		err  string
	}{
		{"a=x", func(q *query) any { return q.text("a") }, "x", ""},
		{"b=x", func(q *query) any { return q.text("a") }, "", ""},
		{"a=x&a=y", func(q *query) any { return q.text("a") }, "x", "a: a is given more than once"},
		{"a=" + long, func(q *query) any { return q.text("a") }, "", "a: a is longer than 1000 bytes or has characters that are not allowed"},
		{"a=%00", func(q *query) any { return q.text("a") }, "", "a: a is longer than 1000 bytes or has characters that are not allowed"},
		{"a=%ff", func(q *query) any { return q.text("a") }, "", "a: a is longer than 1000 bytes or has characters that are not allowed"},
		{"a=x,y&a=z&a=,", func(q *query) any { return q.split("a") }, []string{"x", "y", "z"}, ""},
		{"a=" + strings.Repeat("x&a=", 1000) + "x", func(q *query) any { return len(q.split("a")) }, 0, "a: a is given more than 1000 times"},
		{"a=" + strings.Repeat(",x", 400) + "&a=" + strings.Repeat(",x", 400) + "&a=" + strings.Repeat(",x", 201), func(q *query) any { return len(q.split("a")) }, 0, "a: a has more than 1000 values"},
		{"a=up", func(q *query) any { return q.enum("a", "up", "down") }, "up", ""},
		{"a=UP", func(q *query) any { return q.enum("a", "up", "down") }, "", "a: a must be one of up, down"},
		{"a=true&b=1&c=false&d=0", func(q *query) any {
			return []bool{q.flag("a", false), q.flag("b", false), q.flag("c", true), q.flag("d", true), q.flag("e", true)}
		}, []bool{true, true, false, false, true}, ""},
		{"a=yes", func(q *query) any { return q.flag("a", false) }, false, "a: a must be true or false"},
		{"a=7", func(q *query) any { return q.number("a", 1, 5, 50) }, 7, ""},
		{"", func(q *query) any { return q.number("a", 1, 5, 50) }, 1, ""},
		{"a=4", func(q *query) any { return q.number("a", 1, 5, 50) }, 1, "a: a must be a whole number from 5 to 50"},
		{"a=99999999999999999999", func(q *query) any { return q.number("a", 1, 5, 50) }, 1, "a: a must be a whole number from 5 to 50"},
		{"a=5.0&b=50.00", func(q *query) any { return []int{q.number("a", 1, 5, 50), q.number("b", 1, 5, 50)} }, []int{5, 50}, ""},
		{"a=5.01", func(q *query) any { return q.number("a", 1, 5, 50) }, 1, "a: a must be a whole number from 5 to 50"},
		{"a=5.", func(q *query) any { return q.number("a", 1, 5, 50) }, 1, "a: a must be a whole number from 5 to 50"},
		{"a=.0", func(q *query) any { return q.number("a", 1, 0, 50) }, 1, "a: a must be a whole number from 0 to 50"},
		{"a=5.0.0", func(q *query) any { return q.number("a", 1, 5, 50) }, 1, "a: a must be a whole number from 5 to 50"},
		{"a=5e1", func(q *query) any { return q.number("a", 1, 5, 50) }, 1, "a: a must be a whole number from 5 to 50"},
		{"a=x&a.startsWith=y&a.endsWith=z&a.contains=w", func(q *query) any { return q.filter("a") }, org.TextFilter{Equal: "x", StartsWith: "y", EndsWith: "z", Contains: "w"}, ""},
		{"page_size=0", func(q *query) any { return q.page(q.view("l", "u")).Size }, 10, ""},
		{"page_size=1000", func(q *query) any { return q.page(q.view("l", "u")).Size }, 1000, ""},
		{"page_size=1001", func(q *query) any { return q.page(q.view("l", "u")).Size }, 10, "page_size: page_size must be a whole number from 0 to 1000"},
		{"page_token=x", func(q *query) any { return q.page(q.view("l", "u")).Size }, 10, "page_token: page_token is not a token of this list with these filters"},
		{"page=3&per_page=50&direction=desc", func(q *query) any { return q.numbered(5, 20, 50) }, page.Numbered{Page: 3, PerPage: 50, Desc: true}, ""},
		{"page=0&per_page=4&direction=x", func(q *query) any { return q.numbered(5, 20, 50).PerPage }, 20, "page: page must be a whole number from 1 to 1000000000; per_page: per_page must be a whole number from 5 to 50; direction: direction must be one of asc, desc"},
		{"a=x&a=y", func(q *query) any { return q.text("a") + q.text("a") }, "xx", "a: a is given more than once"}, // told once
	} {
		q := mustParse(t, test.raw)
		got := test.read(q)
		if diff := cmp.Diff(jsonText(t, test.want), jsonText(t, got)); diff != "" {
			t.Errorf("%.80q (-want +got):\n%s", test.raw, diff)
		}
		if got := q.refusals(); got != test.err {
			t.Errorf("%.80q: refused with %q, want %q", test.raw, got, test.err)
		}
	}
}

func jsonText(t *testing.T, v any) string {
	t.Helper()
	b, err := marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestQueryView demands that a page token holds for the same filters of the
// same caller, whatever the size of the page.
func TestQueryView(t *testing.T) {
	t.Parallel()
	base := mustParse(t, "name=a&id=x&id=y").view("list", "user")
	for _, same := range []string{
		"id=x&name=a&id=y", "name=a&id[]=x&id[]=y", "name=a&id=x&id=y&page_size=5&page_token=z&include_total=false&page=2&per_page=9", "name=a&id=x&id=y&other=",
	} {
		if mustParse(t, same).view("list", "user") != base {
			t.Errorf("%q is another view, want the same", same)
		}
	}
	for _, other := range []string{"name=a&id=y&id=x", "name=a&id=x", "name=b&id=x&id=y", "name=a&id=xy", "name.contains=a&id=x&id=y", "name=a&id=x&id=y&z=1"} {
		if mustParse(t, other).view("list", "user") == base {
			t.Errorf("%q is the same view, want another", other)
		}
	}
	q := mustParse(t, "name=a&id=x&id=y")
	if q.view("list", "other") == base || q.view("another", "user") == base {
		t.Error("the view of another caller or list is the same")
	}
}
