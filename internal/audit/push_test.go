package audit_test

import (
	"testing"
	"time"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/id"
)

func TestRecordID(t *testing.T) {
	const own = id.Record("0190a0b0c0d0700080000000000000a1")
	for _, text := range []string{
		"0190a0b0c0d0700080000000000000a1", "0190A0B0C0D0700080000000000000A1",
		"0190a0b0-c0d0-7000-8000-0000000000a1", "0190A0B0-C0D0-7000-8000-0000000000a1",
	} {
		if got := audit.RecordID(text); got != own || !audit.IsUUID(text) {
			t.Errorf("%s names %s, a UUID: %v", text, got, audit.IsUUID(text))
		}
	}
	// What stands in logs and in other systems must never name another record.
	for text, want := range map[string]id.Record{
		"2026-01-01:17": "fb064631b13084958a8df3279b8b8c29",
		"a":             "1eb7926a0ec980c680a1853f11541fe5",
	} {
		if got := audit.RecordID(text); got != want || audit.IsUUID(text) {
			t.Errorf("%s names %s, want %s", text, got, want)
		}
	}
	seen := map[id.Record]string{own: "a UUID"}
	for _, text := range []string{
		"", "x", "0190a0b0c0d0700080000000000000a", "0190a0b0c0d0700080000000000000ag", "0190a0b0c0d0700080000000000000a1-",
		"0190a0b0c0d0-7000-8000-0000-000000a1-", "----0190a0b0c0d0700080000000000000a1", "0190a0b0-c0d0-7000-8000-0000000000ag", "\x00",
	} {
		got := audit.RecordID(text)
		if !id.Valid(string(got)) || got[12] != '8' || seen[got] != "" || audit.IsUUID(text) {
			t.Errorf("%q names %s, as %q does", text, got, seen[got])
		}
		seen[got] = text
	}
}

// pushedRecord has every field set that another system may tell.
func pushedRecord(t *testing.T) *audit.Record {
	t.Helper()
	r := readVectors(t)[4].record()
	r.Source, r.SourceID, r.Occurred = "idp", "17", time.UnixMicro(1_785_585_600_000_000)
	return r
}

func TestSameEvent(t *testing.T) {
	for name, change := range map[string]func(*audit.Record){
		"Seq":          func(r *audit.Record) { r.Seq++ },
		"Time":         func(r *audit.Record) { r.Time = r.Time.Add(time.Hour) },
		"Salt":         func(r *audit.Record) { r.Actor.Salt = []byte("x") },
		"the subject":  func(r *audit.Record) { r.Actor.Subject = "x" },
		"other salts":  func(r *audit.Record) { r.Personal[0].Salt = []byte("x") },
		"the zone":     func(r *audit.Record) { r.Occurred = r.Occurred.UTC() },
		"a new person": func(r *audit.Record) { r.Personal[0].Subject = "x" },
	} {
		r := pushedRecord(t)
		change(r)
		if !audit.SameEvent(pushedRecord(t), r) {
			t.Errorf("%s makes another event", name)
		}
	}
	for name, change := range map[string]func(*audit.Record){
		"ID":          func(r *audit.Record) { r.ID += "x" },
		"Source":      func(r *audit.Record) { r.Source += "x" },
		"SourceID":    func(r *audit.Record) { r.SourceID += "x" },
		"Occurred":    func(r *audit.Record) { r.Occurred = r.Occurred.Add(time.Microsecond) },
		"Account":     func(r *audit.Record) { r.Account += "x" },
		"Type":        func(r *audit.Record) { r.Action.Type += "x" },
		"Description": func(r *audit.Record) { r.Action.Description += "x" },
		"Result":      func(r *audit.Record) { r.Result += "x" },
		"Actor.ID":    func(r *audit.Record) { r.Actor.ID += "x" },
		"Actor.Type":  func(r *audit.Record) { r.Actor.Type += "x" },
		"Email":       func(r *audit.Record) { r.Actor.Email += "x" },
		"IP":          func(r *audit.Record) { r.Actor.IP += "x" },
		"UserAgent":   func(r *audit.Record) { r.Raw.UserAgent += "x" },
		"TokenID":     func(r *audit.Record) { r.Actor.TokenID += "x" },
		"TokenName":   func(r *audit.Record) { r.Actor.TokenName += "x" },
		"RayID":       func(r *audit.Record) { r.Raw.RayID += "x" },
		"Method":      func(r *audit.Record) { r.Raw.Method += "x" },
		"URI":         func(r *audit.Record) { r.Raw.URI += "x" },
		"Status":      func(r *audit.Record) { r.Raw.Status++ },
		"Resource.ID": func(r *audit.Record) { r.Resource.ID += "x" },
		"Product":     func(r *audit.Record) { r.Resource.Product += "x" },
		"of resource": func(r *audit.Record) { r.Resource.Type += "x" },
		"Request":     func(r *audit.Record) { r.Resource.Request = []byte("{}") },
		"Response":    func(r *audit.Record) { r.Resource.Response = []byte("1") },
		"Before":      func(r *audit.Record) { r.Resource.Before = []byte("1") },
		"After":       func(r *audit.Record) { r.Resource.After = []byte("1") },
		"a person":    func(r *audit.Record) { r.Personal[1].Value += "x" },
		"one less":    func(r *audit.Record) { r.Personal = r.Personal[:2] },
	} {
		r := pushedRecord(t)
		change(r)
		if audit.SameEvent(pushedRecord(t), r) {
			t.Errorf("%s makes no other event", name)
		}
	}
}

func TestSameEventAfterErasure(t *testing.T) {
	stored := pushedRecord(t)
	stored.Erase("someone")
	stored.Erase(stored.Actor.ID)
	if !audit.SameEvent(stored, pushedRecord(t)) {
		t.Error("an erased record is another one when it is pushed again")
	}
	other := pushedRecord(t)
	other.Raw.Method = "x"
	if audit.SameEvent(stored, other) {
		t.Error("what was not erased is not compared")
	}
}

func TestErasureFindsTheActorOfAnotherSystem(t *testing.T) {
	r := pushedRecord(t)
	r.Actor.Subject = "somebody"
	want := string(audit.Canonical(r))
	r.Erase("somebody")
	if r.Actor.Email+r.Actor.IP+r.Raw.UserAgent != "" || string(audit.Canonical(r)) != want {
		t.Errorf("left is %+v of %s", r.Actor, audit.Canonical(r))
	}
}
