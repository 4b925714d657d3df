package cloudevent_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orgd/orgd/internal/usage"
	"github.com/orgd/orgd/internal/usage/cloudevent"
)

const (
	account = "0190f0a0b0c07d0e8f00112233445566"
	good    = `{"specversion":"1.0","id":"e1","source":"/meter/1","type":"orgd.usage","time":"2026-01-31T23:59:59.9999999+00:00",` +
		`"data":{"account_id":"` + account + `","metric":"workers_standard_requests","quantity":12.50}}`
)

// show writes an event on one line.
func show(e *usage.Event, refusal *usage.Refusal) string {
	if refusal != nil {
		return fmt.Sprintf("%s %s: %s", refusal.Reason, refusal.Pointer, refusal.Message)
	}
	weight := "-"
	if e.Weight != nil {
		weight = e.Weight.String()
	}
	return fmt.Sprintf("%s %s %s %s %s q=%s w=%s u=%s zone=%s/%s region=%s/%s", e.Source, e.ID, e.Time.Format(time.RFC3339Nano), e.Account, e.Metric,
		e.Quantity, weight, e.Unique, e.Place.Zone.ID, e.Place.Zone.Name, e.Place.Region.ID, e.Place.Region.Name)
}

// with puts other data or attributes into the good event.
func with(oldnew ...string) string { return strings.NewReplacer(oldnew...).Replace(good) }

func data(s string) string {
	return with(`{"account_id":"`+account+`","metric":"workers_standard_requests","quantity":12.50}`, s)
}

func TestStructured(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, body, want string }{
		{"an event", good, "/meter/1 e1 2026-01-31T23:59:59.999999Z " + account + " workers_standard_requests q=12.5 w=- u= zone=/ region=/"},
		{"another zone of time", with("2026-01-31T23:59:59.9999999+00:00", "2026-02-01T01:00:00+01:00"), "/meter/1 e1 2026-02-01T00:00:00Z " + account + " workers_standard_requests q=12.5 w=- u= zone=/ region=/"},
		{
			"everything", data(`{"account_id":"a","metric":"m","quantity":"0.000000001","weight":2,"unique":"k","zone":{"id":"z","name":"example.com"},"region":{"id":"eu","name":"Europe","x":1},"more":[{}]}`),
			"/meter/1 e1 2026-01-31T23:59:59.999999Z a m q=0.000000001 w=2 u=k zone=z/example.com region=eu/Europe",
		},
		{
			"null is absent", data(`{"account_id":"a","metric":"m","quantity":1,"weight":null,"unique":null,"zone":null,"region":{"id":null}}`),
			"/meter/1 e1 2026-01-31T23:59:59.999999Z a m q=1 w=- u= zone=/ region=/",
		},
		{"a key is one", data(`{"account_id":"a","metric":"m","unique":"user-1"}`), "/meter/1 e1 2026-01-31T23:59:59.999999Z a m q=1 w=- u=user-1 zone=/ region=/"},
		{"no data at all", ``, "malformed : is not valid JSON"},
		{"not JSON", `{"id":`, "malformed : is not valid JSON"},
		{"two values", good + good, "malformed : is not valid JSON"},
		{"an array", `[` + good + `]`, "malformed : is not a JSON object"},
		{"not UTF-8", with("e1", "\xff"), "malformed : is not UTF-8"},
		{"half a surrogate pair", with("e1", `\ud800`), "malformed /id: has a character that is a control character or not Unicode"},
		{"NUL", with("e1", `\u0000`), "malformed /id: has a character that is a control character or not Unicode"},
		{"a key given twice", with(`"id":"e1"`, `"id":"e1","id":"e2"`), "malformed /id: is there twice"},
		{"a key given twice, with a slash", with(`"id":"e1"`, `"a/~b":1,"a/~b":2`), "malformed /a~1~0b: is there twice"},
		{"a key of the data given twice", data(`{"quantity":1,"quantity":2}`), "malformed /data/quantity: is there twice"},
		{"version", with(`"1.0"`, `"0.3"`), `malformed /specversion: is not "1.0"`},
		{"version as a number", with(`"1.0"`, `1.0`), "malformed /specversion: is not a string"},
		{"no id", with(`"id":"e1",`, ``), "malformed /id: is missing"},
		{"empty id", with(`e1`, ``), "malformed /id: is empty"},
		{"long id", with(`e1`, strings.Repeat("i", 257)), "malformed /id: is longer than 256 bytes"},
		{"no source", with(`/meter/1`, ``), "malformed /source: is empty"},
		{"source", with(`/meter/1`, `%zz`), "malformed /source: is not a URI reference"},
		{"no type", with(`"type":"orgd.usage",`, ``), "malformed /type: is missing"},
		{"no time", with(`"time":"2026-01-31T23:59:59.9999999+00:00",`, ``), "malformed /time: is missing"},
		{"no zone of time", with(`59.9999999+00:00`, `59`), "malformed /time: is not a time such as 2026-01-31T12:00:00Z"},
		{"no such day", with(`2026-01-31T`, `2026-02-30T`), "malformed /time: is not a time such as 2026-01-31T12:00:00Z"},
		{"long ago", with(`2026-01-31T`, `1999-12-31T`), "malformed /time: is not between the years 2000 and 2199"},
		{"far away", with(`2026-01-31T`, `9999-12-31T`), "malformed /time: is not between the years 2000 and 2199"},
		{"time as a number", with(`"2026-01-31T23:59:59.9999999+00:00"`, `1769903999`), "malformed /time: is not a string"},
		{"another content", with(`"type":`, `"datacontenttype":"text/xml","type":`), "malformed /datacontenttype: is not JSON"},
		{"base64", with(`"data":`, `"data_base64":"e30=","data":`), "malformed /data_base64: is not read: send the data as JSON in data"},
		{"no data", with(`"data":`, `"Data":`), "malformed /data: is missing"},
		{"data is null", data(`null`), "malformed /data: is missing"},
		{"data is a text", data(`"{}"`), "malformed /data: is not a JSON object"},
		{"no account", data(`{"metric":"m","quantity":1}`), "malformed /data/account_id: is missing"},
		{"account as a number", data(`{"account_id":7,"metric":"m","quantity":1}`), "malformed /data/account_id: is not a string"},
		{"no metric", data(`{"account_id":"a","quantity":1}`), "malformed /data/metric: is missing"},
		{"no quantity", data(`{"account_id":"a","metric":"m"}`), "malformed /data/quantity: is missing"},
		{"quantity is true", data(`{"account_id":"a","metric":"m","quantity":true}`), "malformed /data/quantity: is not a number"},
		{"quantity is empty", data(`{"account_id":"a","metric":"m","quantity":""}`), "malformed /data/quantity: is not a number"},
		{"quantity below zero", data(`{"account_id":"a","metric":"m","quantity":-1}`), "malformed /data/quantity: is below zero"},
		{"quantity too fine", data(`{"account_id":"a","metric":"m","quantity":1e-10}`), "malformed /data/quantity: has more than 9 digits after the point"},
		{"quantity too large", data(`{"account_id":"a","metric":"m","quantity":1e18}`), "malformed /data/quantity: has more than 18 digits before the point"},
		{"quantity of a million digits", data(`{"account_id":"a","metric":"m","quantity":1e999999999}`), "malformed /data/quantity: is not a number"},
		{"weight is zero", data(`{"account_id":"a","metric":"m","quantity":1,"weight":0}`), "malformed /data/weight: is zero"},
		{"zone is a text", data(`{"account_id":"a","metric":"m","quantity":1,"zone":"z"}`), "malformed /data/zone: is not a JSON object"},
		{"zone without id", data(`{"account_id":"a","metric":"m","quantity":1,"zone":{"name":"n"}}`), "malformed /data/zone/id: is missing"},
		{"region with a number", data(`{"account_id":"a","metric":"m","quantity":1,"region":{"id":1}}`), "malformed /data/region/id: is not a string"},
		{"deep", data(strings.Repeat("[", 20000) + strings.Repeat("]", 20000)), "malformed : is not valid JSON"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := show(cloudevent.Structured([]byte(tt.body))); got != tt.want {
				t.Errorf("%s\n is %s\nwant %s", tt.body, got, tt.want)
			}
		})
	}
}

func batch(body string, most int) []string {
	var got []string
	err := cloudevent.Each([]byte(body), most, func(i int, e *usage.Event, refusal *usage.Refusal) error {
		if refusal == nil {
			got = append(got, fmt.Sprint(i, " ", e.ID))
			return nil
		}
		got = append(got, fmt.Sprint(i, " ", show(nil, refusal)))
		return nil
	})
	if refusal, ok := errors.AsType[*usage.Refusal](err); ok {
		return append(got, "! "+show(nil, refusal))
	} else if err != nil {
		return append(got, "error: "+err.Error())
	}
	return got
}

func TestEach(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, body, want string }{
		{"none", `[]`, ""},
		{"some, one of them bad", "[" + good + "," + data(`{}`) + "," + with("e1", "e3") + "]", "0 e1|1 malformed /1/data/account_id: is missing|2 e3"},
		{"no array", good, "! malformed : a batch is a JSON array of events"},
		{"empty", "", "! malformed : a batch is a JSON array of events"},
		{"cut off", "[" + good, "! malformed : a batch is a JSON array of events"},
		{"cut off in an event", "[" + good + `,{"id"`, "! malformed /1: is not valid JSON"},
		{"no comma", "[" + good + good + "]", "! malformed /1: is not valid JSON"},
		{"not events", `[1,null,"x",[]]`, "0 malformed /0: is not a JSON object|1 malformed /1: is not a JSON object|2 malformed /2: is not a JSON object|3 malformed /3: is not a JSON object"},
		{"too many", "[" + strings.Repeat(good+",", 4) + good + "]", "0 e1|1 e1|2 e1|3 e1|! malformed : a batch has at most 4 events"},
		{"more behind", "[" + good + "] []", "! malformed : there is something after the batch"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := strings.Join(batch(tt.body, 4), "|"); got != tt.want {
				t.Errorf("%s\n is %s\nwant %s", tt.body, got, tt.want)
			}
		})
	}
}

func TestBinary(t *testing.T) {
	t.Parallel()
	headers := func(change ...string) func(string) string {
		h := map[string]string{
			"ce-specversion": "1.0", "ce-id": "e%201", "ce-source": "/meter/%C3%A9", "ce-type": "orgd.usage", "ce-time": "2026-01-31T00:00:00Z",
			"Content-Type": "application/json; charset=utf-8",
		}
		for i := 0; i < len(change); i += 2 {
			h[change[i]] = change[i+1]
		}
		return func(k string) string { return h[k] }
	}
	body := `{"account_id":"a","metric":"m","quantity":1}`
	for _, tt := range []struct {
		name   string
		header func(string) string
		body   string
		want   string
	}{
		{"an event", headers(), body, "/meter/é e 1 2026-01-31T00:00:00Z a m q=1 w=- u= zone=/ region=/"},
		{"no id", headers("ce-id", ""), body, "malformed ce-id: is missing"},
		{"encoding", headers("ce-id", "%zz"), body, "malformed ce-id: is not a percent-encoded text"},
		{"encoding of no text", headers("ce-source", "%ff"), body, "malformed ce-source: is not a percent-encoded text"},
		{"a line break", headers("ce-id", "a%0ab"), body, "malformed ce-id: has a character that is a control character or not Unicode"},
		{"another content", headers("Content-Type", "application/xml"), body, "malformed ce-datacontenttype: is not JSON"},
		{"no body", headers(), "", "malformed /data: is missing"},
		{"bad body", headers(), "{", "malformed /data: is not valid JSON"},
		{"bad quantity", headers(), `{"account_id":"a","metric":"m","quantity":"1,5"}`, "malformed /data/quantity: is not a number"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := show(cloudevent.Binary(tt.header, []byte(tt.body))); got != tt.want {
				t.Errorf("is %s\nwant %s", got, tt.want)
			}
		})
	}
}

func FuzzStructured(f *testing.F) {
	for _, s := range []string{
		good, data(`{"account_id":"a","metric":"m","quantity":"1e3","zone":{"id":"z"},"unique":"k"}`), `{}`, `[]`, "", "\xff",
		with("e1", `\ud800`), data(`{"quantity":1e999999}`), with(`"data":`, `"data_base64":"e30=","data":`),
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		e, refusal := cloudevent.Structured(body)
		if (e == nil) == (refusal == nil) {
			t.Fatalf("event %v and refusal %v", e, refusal)
		}
		if refusal != nil {
			if refusal.Reason != usage.Malformed || refusal.Message == "" {
				t.Fatalf("refused without a reason: %+v", refusal)
			}
			return
		}
		if e.ID == "" || e.Source == "" || e.Account == "" || e.Metric == "" || e.Quantity.IsNegative() || e.Time.Location() != time.UTC {
			t.Fatalf("an event without what it needs: %+v", e)
		}
		compare(t, e, body)
		compareBinary(t, e, body)
		for _, s := range []string{e.ID, e.Source, string(e.Account), string(e.Metric), e.Unique, e.Place.Zone.ID, e.Place.Region.Name} {
			if strings.ContainsRune(s, 0) {
				t.Fatalf("NUL in %q", s)
			}
		}
	})
}

// compare holds an event against what encoding/json makes of it.
func compare(t *testing.T, e *usage.Event, body []byte) {
	t.Helper()
	type object = map[string]json.RawMessage
	var attributes, data object
	if err := errors.Join(json.Unmarshal(body, &attributes), json.Unmarshal(attributes["data"], &data)); err != nil {
		t.Fatalf("an event that is no JSON: %v", err)
	}
	text := func(o object, key string) (s string) {
		if raw, ok := o[key]; ok {
			if err := json.Unmarshal(raw, &s); err != nil {
				t.Fatalf("%s is no text: %v", key, err)
			}
		}
		return s
	}
	quantity := string(data["quantity"])
	if strings.HasPrefix(quantity, `"`) {
		quantity = text(data, "quantity")
	}
	if quantity == "" || quantity == "null" {
		quantity = "1"
	}
	q, ok := new(big.Rat).SetString(quantity)
	if !ok || q.Cmp(e.Quantity.Rat()) != 0 {
		t.Fatalf("quantity %s is read as %s", quantity, e.Quantity)
	}
	got := [5]string{e.ID, e.Source, string(e.Account), string(e.Metric), e.Unique}
	want := [5]string{text(attributes, "id"), text(attributes, "source"), text(data, "account_id"), text(data, "metric"), text(data, "unique")}
	if got != want {
		t.Fatalf("read as %q, want %q", got, want)
	}
}

// compareBinary sends an event again with its attributes in headers.
func compareBinary(t *testing.T, e *usage.Event, body []byte) {
	t.Helper()
	var attributes map[string]json.RawMessage
	if err := json.Unmarshal(body, &attributes); err != nil {
		t.Fatal(err)
	}
	got := show(cloudevent.Binary(func(name string) string {
		key, found := strings.CutPrefix(name, "ce-")
		if !found {
			return "application/json"
		}
		var text string
		if err := json.Unmarshal(attributes[key], &text); err != nil {
			t.Fatalf("%s is no text: %v", key, err)
		}
		return url.PathEscape(text)
	}, attributes["data"]))
	if want := show(e, nil); got != want {
		t.Fatalf("with headers it is\n%s\nwant\n%s", got, want)
	}
}

// Each splits a batch as encoding/json does, and reads its events as
// Structured does.
func FuzzEach(f *testing.F) {
	for _, s := range []string{
		"[" + good + "]", "[ " + good + " ,\n" + data(`{"account_id":"a\u0020\"","metric":"m","quantity":"1e3","zone":{"id":"z","x":[{}]}}`) + "\t]", `[]`, `[1,"x\\",null,[[]],{}]`,
		`[{"a":1,"a":2}]`, `{}`, "", "[\"\xff\"]", "[" + good, good + good,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var got, want []string
		err := cloudevent.Each(body, 1000, func(i int, e *usage.Event, refusal *usage.Refusal) error {
			if i != len(got) {
				t.Fatalf("event %d has index %d", len(got), i)
			}
			got = append(got, show(e, refusal))
			return nil
		})
		var raw []json.RawMessage
		bad := json.Unmarshal(body, &raw) != nil || raw == nil || len(raw) > 1000
		if bad != (err != nil) {
			t.Fatalf("error %v, want one: %t", err, bad)
		}
		if bad {
			return
		}
		for i, r := range raw {
			e, refusal := cloudevent.Structured(r)
			if refusal != nil {
				refusal.Pointer = fmt.Sprintf("/%d%s", i, refusal.Pointer)
			}
			want = append(want, show(e, refusal))
		}
		if !slices.Equal(got, want) {
			t.Fatalf("events are\n%q\nwant\n%q", got, want)
		}
	})
}
