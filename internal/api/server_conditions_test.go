package api_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/engine/enginetest"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
)

// onEveryEngine runs f on a world on each engine.
func onEveryEngine(t *testing.T, f func(*testing.T, *world, org.Store)) {
	t.Helper()
	for _, e := range enginetest.All(t) {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			store := e.Open(t)
			w := newWorld(t, store)
			w.plant(t)
			f(t, w, store)
		})
	}
}

// TestETags reads each object that has one, changes it and reads it again.
func TestETags(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, w *world, _ org.Store) {
		token := w.send(w.founder, "POST", cf+"/user/tokens", tokenJSON).at(t, "id")
		w.sendProfile(t, cf+"/organizations/"+w.ids["T"]+"/profile")
		other := strings.Replace(profileJSON, `"a"`, `"changed"`, 1)
		for _, test := range []struct{ get, put, body string }{
			{cf + "/organizations/" + w.ids["T"], cf + "/organizations/" + w.ids["T"], `{"name":"changed"}`},
			{cf + "/organizations/" + w.ids["T"] + "/profile", cf + "/organizations/" + w.ids["T"] + "/profile", other},
			{cf + "/organizations/" + w.ids["T"] + "/members/" + w.ids["MT"], own + "/organizations/" + w.ids["T"] + "/members/" + w.ids["MT"], `{"role":"organization_billing"}`},
			{cf + "/accounts/" + w.ids["AT"], cf + "/accounts/" + w.ids["AT"], `{"name":"changed"}`},
			{cf + "/accounts/" + w.ids["AT"] + "/profile", cf + "/accounts/" + w.ids["AT"] + "/profile", other},
			{cf + "/user/tokens/" + token, cf + "/user/tokens/" + token, strings.Replace(tokenJSON, `"t"`, `"changed"`, 1)},
		} {
			w.checkETag(t, test.get, test.put, test.body)
		}
	})
}

func (w *world) checkETag(t *testing.T, get, put, body string) {
	t.Helper()
	first := w.send(w.founder, "GET", get, "")
	tag := first.header.Get("ETag")
	if first.status != 200 || tag == "" {
		t.Fatalf("GET %s: %d %s, ETag %q", get, first.status, first.body, tag)
	}
	for _, match := range []string{tag, "W/" + tag, `"x", ` + tag, "*"} {
		a := w.send(w.founder, "GET", get, "", "If-None-Match", match)
		if a.status != 304 || a.body != "" || a.header.Get("ETag") != tag || a.header.Get("CF-RAY") == "" {
			t.Errorf("GET %s with If-None-Match %s: %d %q %v", get, match, a.status, a.body, a.header)
		}
	}
	if a := w.send(w.founder, "GET", get, "", "If-None-Match", `"x"`); a.status != 200 || a.body != first.body {
		t.Errorf("GET %s with another tag: %d %s", get, a.status, a.body)
	}
	w.pass(time.Second)
	if a := w.send(w.founder, "PUT", put, body, "If-Match", `"x"`); a.status != 412 || a.code() != 1412 {
		t.Errorf("PUT %s with another tag: %d %s", put, a.status, a.body)
	}
	if a := w.send(w.founder, "GET", get, "", "If-None-Match", tag); a.status != 304 {
		t.Errorf("GET %s after a refused change: %d %s", get, a.status, a.body)
	}
	if a := w.send(w.founder, "PUT", put, body, "If-Match", tag); a.status >= 300 {
		t.Errorf("PUT %s with its tag: %d %s", put, a.status, a.body)
	}
	if a := w.send(w.founder, "GET", get, "", "If-None-Match", tag); a.status != 200 || a.header.Get("ETag") == tag {
		t.Errorf("GET %s after the change: %d, ETag %s", get, a.status, a.header.Get("ETag"))
	}
	if a := w.send(w.founder, "PUT", put, body, "If-Match", tag); a.status != 412 {
		t.Errorf("PUT %s with the tag of before: %d %s", put, a.status, a.body)
	}
	if a := w.send(w.founder, "PUT", put, body, "If-Match", "*"); a.status >= 300 {
		t.Errorf("PUT %s with *: %d %s", put, a.status, a.body)
	}
}

// TestETagOfAnExpiredToken changes a token whose status follows from the time.
func TestETagOfAnExpiredToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sqlite(t))
	at := w.now.Load().Add(time.Hour).Format(time.RFC3339)
	target := cf + "/user/tokens/" + w.send(w.founder, "POST", cf+"/user/tokens", tokenJSON[:len(tokenJSON)-1]+`,"expires_on":"`+at+`"}`).at(t, "id")
	w.pass(2 * time.Hour)
	a := w.send(w.founder, "GET", target, "")
	if a.at(t, "status") != "expired" {
		t.Fatal(a.body)
	}
	if a := w.send(w.founder, "DELETE", target, "", "If-Match", a.header.Get("ETag")); a.status != 200 {
		t.Errorf("DELETE with the tag that was read: %d %s", a.status, a.body)
	}
}

// TestReplay sends the same request again.
func TestReplay(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, w *world, store org.Store) {
		post := func(c client, body, key string) answer {
			return w.send(c, "POST", cf+"/user/tokens", body, "Idempotency-Key", key)
		}
		first := post(w.founder, tokenJSON, "k")
		again := post(w.founder, tokenJSON, "k")
		if again.status != 200 || again.body != first.body || again.header.Get("Idempotent-Replayed") != "true" || first.header.Get("Idempotent-Replayed") != "" {
			t.Errorf("again: %d %s %v\nfirst: %s", again.status, again.body, again.header, first.body)
		}
		if a := post(w.founder, tokenJSON+" ", "k"); a.status != 422 || a.code() != 1422 {
			t.Errorf("another body: %d %s", a.status, a.body)
		}
		if a := post(w.founder, tokenJSON, "l"); a.body == first.body || a.status != 200 {
			t.Errorf("another key: %d %s", a.status, a.body)
		}
		byKey := w.founder
		byKey.token = ""
		if a := post(byKey, tokenJSON, "k"); a.status != 422 || strings.Contains(a.body, first.at(t, "value")) {
			t.Errorf("another credential: %d %s", a.status, a.body)
		}
		if a := post(w.other, tokenJSON, "k"); a.status != 200 || a.body == first.body {
			t.Errorf("somebody else: %d %s", a.status, a.body)
		}
		w.checkSealed(t, store, first.at(t, "value"))
		w.pass(24*time.Hour - time.Second)
		if a := post(w.founder, tokenJSON, "k"); a.body != first.body {
			t.Errorf("within a day: %d %s", a.status, a.body)
		}
		w.pass(time.Second)
		if a := post(w.founder, tokenJSON, "k"); a.status != 200 || a.body == first.body {
			t.Errorf("after a day: %d %s", a.status, a.body)
		}
		if a := post(w.founder, `{"name":"x"}`, "m"); a.status != 400 {
			t.Errorf("a refusal: %d %s", a.status, a.body)
		}
		if a := post(w.founder, tokenJSON, "m"); a.status != 200 {
			t.Errorf("the key of a refused request: %d %s", a.status, a.body)
		}
	})
}

// checkSealed reads what the store keeps of the founder's answer under "k".
func (w *world) checkSealed(t *testing.T, store org.Store, secret string) {
	t.Helper()
	err := store.Update(t.Context(), func(tx org.Tx) error {
		a, err := tx.Answer(context.Background(), id.User(w.founder.id), "k")
		if bytes.Contains(a.Body, []byte(secret)) || bytes.Contains(a.Body, []byte("success")) || len(a.Body) == 0 {
			t.Errorf("the stored answer can be read: %q", a.Body)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestBytesThatAreNoText come in headers and queries. They do not keep a
// change from being made, or a refusal from being recorded.
func TestBytesThatAreNoText(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, w *world, store org.Store) {
		header := []string{"User-Agent", "caf\xe9/1", "If-Match", "\xff", "X-Forwarded-For", "\xff"}
		if a := w.send(w.founder, "POST", cf+"/organizations?x=\xff", `{"name":"n"}`, header...); a.status != 200 {
			t.Errorf("a change: %d %s", a.status, a.body)
		}
		reader := w.newUser(t, "reader")
		w.join(t, w.founder, "T", reader.email, "organization_read_only")
		target := cf + "/organizations/" + w.ids["T"]
		a := w.send(reader, "PUT", target+"?x=\xff", `{"name":"n"}`, header[:2]...)
		if a.status != 403 {
			t.Errorf("a refused change: %d %s", a.status, a.body)
		}
		records, err := store.AuditRecords(t.Context(), id.Log(w.ids["T"]), 0, 1000)
		if err != nil || len(records) == 0 {
			t.Fatalf("%d records: %v", len(records), err)
		}
		last := records[len(records)-1]
		if last.Result != audit.Failure || last.Raw.RayID != a.header.Get("CF-RAY") || last.Raw.UserAgent != "caf\uFFFD/1" {
			t.Errorf("the last record is %+v, want the refusal %s", last, a.header.Get("CF-RAY"))
		}
		if a := w.send(w.founder, "POST", cf+"/organizations", `{"name":"n"}`, "Idempotency-Key", "\xff"); a.status != 400 || !strings.Contains(a.body, `"pointer":"Idempotency-Key"`) {
			t.Errorf("a key that is no text: %d %s", a.status, a.body)
		}
	})
}
