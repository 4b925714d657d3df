package audit_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/id"
)

const (
	ada = id.User("0190a0b0c0d07000800000000000000a")
	bob = id.User("0190a0b0c0d07000800000000000000b")
)

// salts counts, so that every call gives another.
func salts() func() []byte {
	n := byte(0)
	return func() []byte {
		n++
		return bytes.Repeat([]byte{n}, 16)
	}
}

func TestRedact(t *testing.T) {
	token, key := "orgd_"+strings.Repeat("A", 43), "orgdkey_"+strings.Repeat("A", 43)
	for _, x := range []struct {
		what     string
		body     string
		want     string
		personal []string // subject:value
	}{
		{"no body", ``, ``, nil},
		{"null", `null`, `null`, nil},
		{"members are sorted, space goes", `{ "b": 1, "a": [ true, null ] }`, `{"a":[true,null],"b":1}`, nil},
		{"numbers keep their text", `[1.0,1e400,12345678901234567890,-0,0.1E+2]`, `[1.0,1e400,12345678901234567890,-0,0.1E+2]`, nil},
		{"HTML is left alone", `{"a":"<&>"}`, `{"a":"<&>"}`, nil},
		{
			"secrets", `{"value":"x","api_key":"x","code":"x","bootstrap_secret":"x"}`,
			`{"api_key":"[redacted]","bootstrap_secret":"[redacted]","code":"[redacted]","value":"[redacted]"}`, nil,
		},
		{"secrets anywhere", `{"a":[{"meta":{"invitation":{"code":"x"}}}]}`, `{"a":[{"meta":{"invitation":{"code":"[redacted]"}}}]}`, nil},
		{"a list of secrets", `{"value":["x",["y"]]}`, `{"value":["[redacted]",["[redacted]"]]}`, nil},
		{"a number is no secret", `{"code":1001,"value":null,"api_key":""}`, `{"api_key":"","code":1001,"value":null}`, nil},
		{"a bare token", `"` + token + `"`, `"[redacted]"`, nil},
		{"a token and a key where nobody expects them", `{"a":"` + token + `","b":["` + key + `"]}`, `{"a":"[redacted]","b":["[redacted]"]}`, nil},
		{
			"what only looks like a token", `["orgd_A","` + token + `A","orgd_` + strings.Repeat("!", 43) + `"]`,
			`["orgd_A","` + token + `A","orgd_` + strings.Repeat("!", 43) + `"]`, nil,
		},
		{
			"personal data", `{"email":"e","first_name":"f","last_name":"l","telephone":"t"}`,
			`{"email":{"$personal":0},"first_name":{"$personal":1},"last_name":{"$personal":2},"telephone":{"$personal":3}}`,
			[]string{"default:e", "default:f", "default:l", "default:t"},
		},
		{
			"a profile", `{"profile":{"business_address":"a","business_email":"e","business_name":"n","business_phone":"p","external_metadata":"m"}}`,
			`{"profile":{"business_address":{"$personal":0},"business_email":{"$personal":1},"business_name":{"$personal":2},"business_phone":{"$personal":3},"external_metadata":{"$personal":4}}}`,
			[]string{"default:a", "default:e", "default:n", "default:p", "default:m"},
		},
		{"an account", `{"name":"Acme","settings":{"abuse_contact_email":"e"}}`, `{"name":"Acme","settings":{"abuse_contact_email":{"$personal":0}}}`, []string{"default:e"}},
		{
			"the addresses of a token", `{"condition":{"request_ip":{"in":["192.0.2.1"],"not_in":["::1"]}}}`,
			`{"condition":{"request_ip":{"in":[{"$personal":0}],"not_in":[{"$personal":1}]}}}`,
			[]string{"default:192.0.2.1", "default:::1"},
		},
		{"a list of addresses", `{"email":["a",1,"b"]}`, `{"email":[{"$personal":0},1,{"$personal":1}]}`, []string{"default:a", "default:b"}},
		{"an empty text is nothing personal", `{"email":"","user":{"name":""}}`, `{"email":"","user":{"name":""}}`, nil},
		{
			"the name of a user, and of something else", `{"name":"n","role":{"name":"r"},"user":{"name":"u"}}`,
			`{"name":"n","role":{"name":"r"},"user":{"name":{"$personal":0}}}`,
			[]string{"default:u"},
		},
		{
			"a user with an identifier", `{"user":{"id":"` + string(bob) + `","email":"b","name":"B"},"email":"d"}`,
			`{"email":{"$personal":0},"user":{"email":{"$personal":1},"id":"` + string(bob) + `","name":{"$personal":2}}}`,
			[]string{"default:d", string(bob) + ":b", string(bob) + ":B"},
		},
		{
			"the identifier of something else", `{"account":{"id":"` + string(bob) + `","email":"b"}}`,
			`{"account":{"email":{"$personal":0},"id":"` + string(bob) + `"}}`,
			[]string{"default:b"},
		},
		{
			"users by their e-mails", `{"members":[{"user":{"email":"Ada@Example.com"}},{"user":{"email":"bob@example.com"}},{"user":{"email":"eve@example.com"}}]}`,
			`{"members":[{"user":{"email":{"$personal":0}}},{"user":{"email":{"$personal":1}}},{"user":{"email":{"$personal":2}}}]}`,
			[]string{string(ada) + ":Ada@Example.com", string(bob) + ":bob@example.com", "default:eve@example.com"},
		},
		{"a forged placeholder", `{"a":{"$personal":0},"email":"e"}`, `{"a":{"$$personal":0},"email":{"$personal":0}}`, []string{"default:e"}},
		{"a forged escape", `{"$$personal":0,"$":1,"$value":"v"}`, `{"$$":1,"$$$personal":0,"$$value":"v"}`, nil},
		{"a placeholder in place of an e-mail", `{"email":{"$personal":0}}`, `{"email":{"$$personal":0}}`, nil},
	} {
		t.Run(x.what, func(t *testing.T) {
			r := audit.Redactor{Salt: salts(), Subject: "default", Subjects: map[string]id.User{"ada@example.com": ada, "bob@example.com": bob}}
			got, err := r.Redact([]byte(x.body))
			if err != nil || string(got) != x.want {
				t.Errorf("Redact(%s)\n got %s, %v\nwant %s", x.body, got, err, x.want)
			}
			var personal []string
			for _, p := range r.Personal() {
				personal = append(personal, string(p.Subject)+":"+p.Value)
			}
			if diff := cmp.Diff(x.personal, personal); diff != "" {
				t.Errorf("personal data (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRedactRefusesWhatIsNoJSON(t *testing.T) {
	for _, body := range []string{" ", "{", `{"a":1}{"b":2}`, `{"a":1}]`, "nul", `"`} {
		r := audit.Redactor{Salt: salts()}
		if got, err := r.Redact([]byte(body)); err == nil || got != nil {
			t.Errorf("Redact(%s) = %s, %v", body, got, err)
		}
		if got, err := audit.Restore([]byte(body), nil); err == nil || got != nil {
			t.Errorf("Restore(%s) = %s, %v", body, got, err)
		}
	}
}

func TestOneRedactorServesAllBodiesOfARecord(t *testing.T) {
	r := audit.Redactor{Salt: salts(), Subject: ada}
	for i, want := range []string{`{"email":{"$personal":0}}`, `{"email":{"$personal":1}}`, `{"user":{"id":"` + string(bob) + `","name":{"$personal":2}}}`} {
		body := []string{`{"email":"a"}`, `{"email":"b"}`, `{"user":{"id":"` + string(bob) + `","name":"B"}}`}[i]
		if got, err := r.Redact([]byte(body)); err != nil || string(got) != want {
			t.Errorf("body %d: %s, %v, want %s", i, got, err, want)
		}
	}
	p := r.Personal()
	if !bytes.Equal(p[0].Salt, p[1].Salt) || bytes.Equal(p[0].Salt, p[2].Salt) || len(p[0].Salt) != 16 {
		t.Errorf("salts %x, %x and %x, want one for each person", p[0].Salt, p[1].Salt, p[2].Salt)
	}
	record := audit.Record{Actor: audit.Actor{ID: "nobody", Subject: "cy"}, Personal: append(p, audit.Personal{Value: "nobody's"})}
	if got, want := record.Subjects(), []id.User{"cy", ada, bob}; !slices.Equal(got, want) {
		t.Errorf("subjects %v, want %v", got, want)
	}
}

func TestRestore(t *testing.T) {
	personal := []audit.Personal{{Value: "ada@example.com"}, {Commitment: "erased"}}
	for body, want := range map[string]string{
		``:                                  ``,
		`{"email":{"$personal":0}}`:         `{"email":"ada@example.com"}`,
		`{"email":{"$personal":1}}`:         `{"email":"[erased]"}`,
		`{"email":{"$personal":2}}`:         `{"email":"[erased]"}`,
		`{"email":{"$personal":-1}}`:        `{"email":"[erased]"}`,
		`{"email":{"$personal":1e99}}`:      `{"email":"[erased]"}`,
		`{"a":{"$personal":0,"b":1}}`:       `{"a":{"$personal":0,"b":1}}`,
		`{"a":{"$personal":"0"}}`:           `{"a":{"$personal":"0"}}`,
		`{"$$personal":0}`:                  `{"$personal":0}`,
		`{"$$$a":[{"$$b":1.0}]}`:            `{"$$a":[{"$b":1.0}]}`,
		`[{"$personal":0},{"$personal":0}]`: `["ada@example.com","ada@example.com"]`,
	} {
		if got, err := audit.Restore([]byte(body), personal); err != nil || string(got) != want {
			t.Errorf("Restore(%s) = %s, %v, want %s", body, got, err, want)
		}
	}
}

// isSecretName and isPersonalName say what the values of members are, in
// whatever case their names are written.
func isSecretName(name string) bool {
	return slices.Contains(strings.Fields(`value api_key code bootstrap_secret password passwd passphrase secret
		secret_access_key client_secret private_key token access_token refresh_token id_token session_token
		authorization cookie apikey x-api-key x-auth-key`), strings.ToLower(name))
}

func isPersonalName(name string) bool {
	return slices.Contains(strings.Fields(`email first_name last_name telephone abuse_contact_email business_name
		business_email business_phone business_address external_metadata phone phone_number ip ip_address user_agent
		actor_email actor_email.not actor_ip_address actor_ip_address.not`), strings.ToLower(name))
}

// expected says what becomes of a decoded body: secrets turn into [redacted],
// personal texts into what person makes of them.
func expected(v any, parent, name string, person func(string) string) any {
	secret := isSecretName(name)
	personal := parent == "user" && name == "name" || parent == "request_ip" || isPersonalName(name)
	switch v := v.(type) {
	case string:
		switch {
		case v != "" && (secret || auth.IsSecret(v)):
			return "[redacted]"
		case v != "" && personal:
			return person(v)
		}
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = expected(v[i], parent, name, person)
		}
		return out
	case map[string]any:
		out := make(map[string]any)
		for member, value := range v {
			out[member] = expected(value, name, member, person)
		}
		return out
	}
	return v
}

func decode(body []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	err = d.Decode(&v)
	return v, err
}

type failer interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// checkRoundTrip redacts body and puts it back, with all that was personal and
// without any of it.
func checkRoundTrip(t failer, body []byte) {
	t.Helper()
	original, err := decode(body)
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	r := audit.Redactor{Salt: salts(), Subject: ada}
	redacted, err := r.Redact(body)
	if err != nil {
		t.Fatalf("Redact(%s): %v", body, err)
	}
	kept := r.Personal()
	for what, x := range map[string]struct {
		personal []audit.Personal
		person   func(string) string
	}{
		"all there":  {kept, func(s string) string { return s }},
		"all erased": {make([]audit.Personal, len(kept)), func(string) string { return "[erased]" }},
		"all lost":   {nil, func(string) string { return "[erased]" }},
	} {
		restored, err := audit.Restore(redacted, x.personal)
		if err != nil {
			t.Fatalf("%s: Restore(%s): %v", what, redacted, err)
		}
		got, err := decode(restored)
		if err != nil {
			t.Fatalf("%s: %s: %v", what, restored, err)
		}
		if diff := cmp.Diff(expected(original, "", "", x.person), got); diff != "" {
			t.Errorf("%s: %s became %s and then (-want +got):\n%s", what, body, redacted, diff)
		}
	}
	for _, p := range kept {
		if p.Value == "" || len(p.Salt) != 16 {
			t.Errorf("%s gave the personal data %+v", body, p)
		}
	}
}

// drawBody draws a body in which every text is there once, so that it can be
// looked for.
func drawBody(t *rapid.T) (body []byte, texts int) {
	names := rapid.SampledFrom([]string{
		"value", "api_key", "code", "email", "first_name", "business_name", "external_metadata",
		"user", "name", "request_ip", "in", "$personal", "$$personal", "$", "id", "a", "b", "",
	})
	var draw func(depth int) any
	draw = func(depth int) any {
		kinds := 6
		if depth == 0 {
			kinds = 4
		}
		switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
		case 0, 1:
			texts++
			return fmt.Sprintf("text-%d-", texts)
		case 2:
			return json.Number(rapid.SampledFrom([]string{"0", "1", "-1", "1.50", "1e3"}).Draw(t, "number"))
		case 3:
			return rapid.SampledFrom([]any{nil, true, false, ""}).Draw(t, "constant")
		case 4:
			list := []any{}
			for range rapid.IntRange(0, 3).Draw(t, "elements") {
				list = append(list, draw(depth-1))
			}
			return list
		default:
			object := map[string]any{}
			for range rapid.IntRange(0, 5).Draw(t, "members") {
				object[names.Draw(t, "name")] = draw(depth - 1)
			}
			return object
		}
	}
	body, err := json.Marshal(draw(4))
	if err != nil {
		t.Fatal(err)
	}
	return body, texts
}

func TestRedactAndRestoreAreInverse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		body, _ := drawBody(t)
		checkRoundTrip(t, body)
	})
}

func TestNothingSecretOrPersonalSurvives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		body, texts := drawBody(t)
		original, err := decode(body)
		if err != nil {
			t.Fatal(err)
		}
		open, err := json.Marshal(expected(original, "", "", func(string) string { return "[erased]" }))
		if err != nil {
			t.Fatal(err)
		}
		r := audit.Redactor{Salt: salts()}
		redacted, err := r.Redact(body)
		if err != nil {
			t.Fatal(err)
		}
		for n := range texts {
			text := fmt.Sprintf("text-%d-", n+1)
			if got, want := bytes.Contains(redacted, []byte(text)), bytes.Contains(open, []byte(text)); got != want {
				t.Errorf("%s of %s stands in %s: %v, want %v", text, body, redacted, got, want)
			}
		}
	})
}

func FuzzRedact(f *testing.F) {
	for _, body := range []string{
		`{"name":"Acme","profile":{"business_name":"b","external_metadata":"{\"a\":1}"}}`,
		`{"member":{"user":{"email":"ada@example.com"},"role":"organization_read_only"}}`,
		`{"user":{"id":"0190a0b0c0d07000800000000000000a","name":"Ada","email":"a@b"},"meta":{"invitation":{"code":"c"}}}`,
		`{"$personal":0,"a":{"$personal":0},"$$personal":{"$$$personal":[{"$personal":1}]}}`,
		`"orgd_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"`,
		`{"condition":{"request_ip":{"in":["192.0.2.0/24"],"not_in":[]}},"value":"v","code":7}`,
		`[1.0,1e400,-0,"\u0000\ud800\u2028",null,{}]`,
		"{\"email\":\"\xff\",\"\xff\":\"\xfe\"}",
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r := audit.Redactor{Salt: salts()}
		redacted, err := r.Redact(body)
		switch {
		case len(body) == 0:
			if redacted != nil || err != nil {
				t.Errorf("no body became %q, %v", redacted, err)
			}
		case (err == nil) != json.Valid(body):
			t.Errorf("Redact(%q): %v", body, err)
		case err == nil:
			checkRoundTrip(t, body)
			checkBytes(t, body)
		}
	})
}
