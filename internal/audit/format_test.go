package audit_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/id"
)

// vector is a record of testdata/records.txt.
type vector struct {
	name     string
	texts    map[string]string
	numbers  map[string]int64
	salt     []byte
	personal []audit.Personal
}

func readVectors(t *testing.T) []vector {
	t.Helper()
	file, err := os.ReadFile("testdata/records.txt")
	if err != nil {
		t.Fatal(err)
	}
	var list []vector
	for n, line := range strings.Split(string(file), "\n") {
		if line == "" || strings.HasPrefix(line, "//") {
			continue
		}
		if name, ok := strings.CutPrefix(line, "# "); ok {
			list = append(list, vector{name: name, texts: make(map[string]string), numbers: make(map[string]int64)})
			continue
		}
		key, value, _ := strings.Cut(line, " = ")
		if err := list[len(list)-1].set(key, value); err != nil {
			t.Fatalf("line %d: %v", n+1, err)
		}
	}
	return list
}

func (v *vector) set(key, value string) error {
	if n, err := strconv.ParseInt(value, 10, 64); err == nil {
		v.numbers[key] = n
		return nil
	}
	if key == "personal" {
		salt, text, _ := strings.Cut(value, " ")
		bytes, err := hex.DecodeString(strings.Trim(salt, `"`))
		if err != nil {
			return err
		}
		text, err = strconv.Unquote(text)
		v.personal = append(v.personal, audit.Personal{Subject: "someone", Salt: bytes, Value: text})
		return err
	}
	text, err := strconv.Unquote(value)
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	if key == "salt" {
		v.salt, err = hex.DecodeString(text)
		return err
	}
	v.texts[key] = text
	return nil
}

func (v *vector) body(name string) []byte {
	if v.texts[name] == "" {
		return nil
	}
	return []byte(v.texts[name])
}

func (v *vector) record() *audit.Record {
	x := v.texts
	var occurred time.Time
	if at := v.numbers["occurred"]; at != 0 {
		occurred = time.UnixMicro(at)
	}
	return &audit.Record{
		Log: id.Log(x["log"]), Seq: v.numbers["seq"], ID: id.Record(x["id"]),
		Time: time.UnixMicro(v.numbers["time"]), Account: id.Account(x["account"]),
		Action: audit.Action{
			Type: audit.Type(x["action_type"]), Description: x["action_description"],
			Resource: "the resource's own type counts", Product: "and so does its product",
		},
		Source: x["source"], SourceID: x["source_id"], Occurred: occurred,
		Result: audit.Result(x["action_result"]),
		Actor: audit.Actor{
			ID: id.User(x["actor_id"]), Type: audit.ActorType(x["actor_type"]), Context: auth.Context(x["actor_context"]),
			Email: x["actor_email"], IP: x["actor_ip"], Salt: v.salt,
			TokenID: id.Token(x["actor_token_id"]), TokenName: x["actor_token_name"],
		},
		Raw: audit.Raw{
			RayID: x["raw_ray_id"], Method: x["raw_method"], URI: x["raw_uri"],
			UserAgent: x["raw_user_agent"], Status: int(v.numbers["raw_status"]),
		},
		Resource: audit.Resource{
			ID: x["resource_id"], Type: x["resource_type"], Product: x["resource_product"], Scope: audit.Scope(x["resource_scope"]),
			Request: v.body("request"), Response: v.body("response"), Before: v.body("before"), After: v.body("after"),
		},
		Personal: slices.Clone(v.personal),
	}
}

func TestCanonicalGolden(t *testing.T) {
	for _, v := range readVectors(t) {
		t.Run(v.name, func(t *testing.T) {
			got := audit.Canonical(v.record())
			if string(got) != v.texts["canonical"] {
				t.Errorf("canonical form\n got %s\nwant %s", got, v.texts["canonical"])
			}
			if leaf := audit.LeafHash(got); hex.EncodeToString(leaf[:]) != v.texts["leaf"] {
				t.Errorf("leaf %x, want %s", leaf, v.texts["leaf"])
			}
		})
	}
}

// TestCanonicalFollowsItsDescription computes the form from the words of its
// description alone: names sorted, values escaped, hashes made here.
func TestCanonicalFollowsItsDescription(t *testing.T) {
	vectors := readVectors(t)
	if len(vectors) < 9 {
		t.Fatalf("%d vectors were read", len(vectors))
	}
	for _, v := range vectors {
		t.Run(v.name, func(t *testing.T) {
			want := v.describe()
			if got := string(audit.Canonical(v.record())); got != want {
				t.Errorf("canonical form\n got %s\nwant %s", got, want)
			}
			leaf := sha256.Sum256(append([]byte{0}, want...))
			if got := audit.LeafHash([]byte(want)); got != leaf {
				t.Errorf("leaf %x, want %x", got, leaf)
			}
		})
	}
}

func (v *vector) describe() string {
	members := map[string]string{"v": "1"}
	for _, name := range strings.Fields(`account action_description action_result action_type actor_context
		actor_id actor_token_id actor_token_name actor_type id log raw_method raw_ray_id raw_uri
		resource_id resource_product resource_scope resource_type source source_id`) {
		members[name] = escape(v.texts[name])
	}
	for _, name := range []string{"occurred", "raw_status", "seq", "time"} {
		members[name] = strconv.FormatInt(v.numbers[name], 10)
	}
	for name, label := range map[string]string{"actor_email": "email", "actor_ip": "ip", "raw_user_agent": "user_agent"} {
		members[name] = escape(commitment(v.salt, label, v.texts[name]))
	}
	for _, name := range []string{"request", "response", "before", "after"} {
		members[name] = escape(hexSum(v.texts[name]))
	}
	var personal []string
	for _, p := range v.personal {
		personal = append(personal, commitment(p.Salt, "body", p.Value))
	}
	members["personal"] = escape(strings.Join(personal, ","))
	var parts []string
	for name, value := range members {
		parts = append(parts, `"`+name+`":`+value)
	}
	slices.Sort(parts)
	return "{" + strings.Join(parts, ",") + "}"
}

func commitment(salt []byte, label, value string) string {
	if value == "" {
		return ""
	}
	return hexSum(string(salt) + label + "\x00" + value)
}

func hexSum(s string) string {
	if s == "" {
		return ""
	}
	return fmt.Sprintf("%x", sha256.Sum256([]byte(s)))
}

func escape(s string) string {
	var b strings.Builder
	for _, r := range s { // ranging gives U+FFFD for each byte that is not UTF-8
		switch {
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case r < 0x20:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return `"` + b.String() + `"`
}

func TestEveryFieldIsPartOfTheLeaf(t *testing.T) {
	v := readVectors(t)[4]
	before := audit.Canonical(v.record())
	for name, change := range map[string]func(*audit.Record){
		"Log":               func(r *audit.Record) { r.Log += "x" },
		"Seq":               func(r *audit.Record) { r.Seq++ },
		"ID":                func(r *audit.Record) { r.ID += "x" },
		"Time":              func(r *audit.Record) { r.Time = r.Time.Add(time.Microsecond) },
		"Account":           func(r *audit.Record) { r.Account += "x" },
		"Source":            func(r *audit.Record) { r.Source += "x" },
		"SourceID":          func(r *audit.Record) { r.SourceID += "x" },
		"Occurred":          func(r *audit.Record) { r.Occurred = r.Time },
		"Action.Type":       func(r *audit.Record) { r.Action.Type += "x" },
		"Description":       func(r *audit.Record) { r.Action.Description += "x" },
		"Result":            func(r *audit.Record) { r.Result = audit.Failure },
		"Actor.ID":          func(r *audit.Record) { r.Actor.ID += "x" },
		"Actor.Type":        func(r *audit.Record) { r.Actor.Type += "x" },
		"Actor.Context":     func(r *audit.Record) { r.Actor.Context += "x" },
		"Actor.Email":       func(r *audit.Record) { r.Actor.Email += "x" },
		"Actor.IP":          func(r *audit.Record) { r.Actor.IP += "x" },
		"Actor.Salt":        func(r *audit.Record) { r.Actor.Salt = []byte("x") },
		"Actor.TokenID":     func(r *audit.Record) { r.Actor.TokenID += "x" },
		"Actor.TokenName":   func(r *audit.Record) { r.Actor.TokenName += "x" },
		"Raw.RayID":         func(r *audit.Record) { r.Raw.RayID += "x" },
		"Raw.Method":        func(r *audit.Record) { r.Raw.Method += "x" },
		"Raw.URI":           func(r *audit.Record) { r.Raw.URI += "x" },
		"Raw.UserAgent":     func(r *audit.Record) { r.Raw.UserAgent += "x" },
		"Raw.Status":        func(r *audit.Record) { r.Raw.Status++ },
		"Resource.ID":       func(r *audit.Record) { r.Resource.ID += "x" },
		"Resource.Type":     func(r *audit.Record) { r.Resource.Type += "x" },
		"Resource.Product":  func(r *audit.Record) { r.Resource.Product += "x" },
		"Resource.Scope":    func(r *audit.Record) { r.Resource.Scope += "x" },
		"Resource.Request":  func(r *audit.Record) { r.Resource.Request = []byte("{}") },
		"Resource.Response": func(r *audit.Record) { r.Resource.Response = nil },
		"Resource.Before":   func(r *audit.Record) { r.Resource.Before = []byte("{}") },
		"Resource.After":    func(r *audit.Record) { r.Resource.After = []byte("{}") },
		"Personal":          func(r *audit.Record) { r.Personal[1].Value += "x" },
		"Personal, order":   func(r *audit.Record) { slices.Reverse(r.Personal[:2]) },
		"Personal, fewer":   func(r *audit.Record) { r.Personal = r.Personal[:2] },
	} {
		r := v.record()
		change(r)
		if string(audit.Canonical(r)) == string(before) {
			t.Errorf("%s can be changed without a trace", name)
		}
	}
}

func TestCanonicalIsUTF8(t *testing.T) {
	for _, v := range readVectors(t) {
		if got := audit.Canonical(v.record()); !utf8.Valid(got) {
			t.Errorf("%s: %q", v.name, got)
		}
	}
}

func TestErasureKeepsTheLeaf(t *testing.T) {
	for _, v := range readVectors(t) {
		t.Run(v.name, func(t *testing.T) {
			r := v.record()
			want := string(audit.Canonical(r))
			for _, u := range []id.User{"nobody", "someone", r.Actor.ID, r.Actor.ID, "someone"} {
				r.Erase(u)
				if got := string(audit.Canonical(r)); got != want {
					t.Fatalf("after %q was erased\n got %s\nwant %s", u, got, want)
				}
			}
			if r.Actor.Email+r.Actor.IP+r.Raw.UserAgent != "" || r.Actor.Salt != nil {
				t.Errorf("of the actor remain %+v and %q", r.Actor, r.Raw.UserAgent)
			}
			for _, p := range r.Personal {
				if p.Value != "" || p.Salt != nil {
					t.Errorf("of the bodies remains %+v", p)
				}
			}
		})
	}
}

func TestErasureTakesOneSubjectOnly(t *testing.T) {
	r := readVectors(t)[4].record()
	r.Personal[1].Subject = "another"
	r.Erase("someone")
	if r.Actor.Email == "" || r.Personal[1].Value == "" {
		t.Errorf("somebody else was erased: %+v", r)
	}
	if r.Personal[0].Value+r.Personal[2].Value != "" {
		t.Errorf("it was not erased: %+v", r.Personal)
	}
}
