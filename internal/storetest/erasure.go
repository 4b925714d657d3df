package storetest

import (
	"context"
	"time"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
)

func erasureCases() []testCase {
	return []testCase{
		{"an erased user keeps its row and nothing else", erasesUser},
		{"memberships of a user are the live ones in what is live", listsMemberships},
		{"an erasure is read back as it was written", readsErasure},
		{"open erasures are listed from the oldest on", listsErasures},
		{"records with data of a person are found in every log", findsPersonal},
		{"records with data of a person come in order and in part", pagesPersonal},
		{"an erased record keeps its canonical form and is found no more", erasesRecord},
		{"settings of a log are read back as they were written", readsAuditSettings},
		{"the oldest records expire in order and in part", expiresRecords},
		{"records of expiries alone do not expire", keepsExpiries},
	}
}

func erasesUser(w *world) {
	u, at := w.user("Jane@Example.com"), w.now()
	w.update(func(ctx context.Context, tx org.Tx) error { return tx.PutKey(ctx, u.ID, "key hash", at) })
	t := org.Token{ID: id.Token(w.id()), User: u.ID, Name: "hers", Status: org.TokenActive, Issued: at, Modified: at}
	w.update(func(ctx context.Context, tx org.Tx) error { return tx.InsertToken(ctx, t, "token hash") })
	w.update(func(ctx context.Context, tx org.Tx) error {
		return tx.PutAnswer(ctx, u.ID, "key", org.Answer{Fingerprint: "print", Status: 200, Created: at})
	})
	w.update(func(ctx context.Context, tx org.Tx) error {
		return tx.EraseUser(ctx, u.ID, "Nobody@erased.invalid", at)
	})
	want := org.User{ID: u.ID, Email: "Nobody@erased.invalid", Status: org.UserDisabled, Created: u.Created, Updated: at}
	found(w, "erased", want)(w.store.User(w.Context(), u.ID))
	found(w, "by its new e-mail", want)(w.store.UserByEmail(w.Context(), "nobody@erased.invalid"))
	absent[org.User](w, "by its old e-mail")(w.store.UserByEmail(w.Context(), u.Email))
	absent[org.Token](w, "its token")(w.store.Token(w.Context(), u.ID, t.ID))
	w.update(func(ctx context.Context, tx org.Tx) error {
		absent[org.Answer](w, "its answer")(tx.Answer(ctx, u.ID, "key"))
		return nil
	})
	w.user("jane@example.com") // is free again
}

func listsMemberships(w *world) {
	u, other := w.user("u@example.com"), w.user("other@example.com")
	live, gone := w.root("live"), w.root("gone")
	pending := w.member(live, u, auth.ReadOnly, org.Pending)
	w.member(live, other, auth.SuperAdministrator, org.Active)
	w.member(gone, u, auth.SuperAdministrator, org.Active)
	w.delete(gone)
	members, accounts, err := w.store.Memberships(w.Context(), u.ID)
	if err != nil || len(members) != 1 || members[0].ID != pending.ID || members[0].User.Email != u.Email || len(accounts) != 0 {
		w.Errorf("got %+v, %+v, %v", members, accounts, err)
	}
}

func readsErasure(w *world) {
	u := w.user("u@example.com")
	absent[org.Erasure](w, "erasure")(w.store.Erasure(w.Context(), u.ID))
	e := org.Erasure{User: u.ID, State: org.ErasureRunning, Records: 7, Requested: w.now(), Email: "u@example.com", Log: "log", Seq: 1<<63 - 1}
	for range 2 {
		w.update(func(ctx context.Context, tx org.Tx) error { return tx.PutErasure(ctx, e) })
		found(w, "Erasure", e)(w.store.Erasure(w.Context(), u.ID))
		e = org.Erasure{User: u.ID, State: org.ErasureComplete, Records: 8, Requested: e.Requested, Completed: w.now()}
	}
}

func listsErasures(w *world) {
	at := w.now()
	var want []org.Erasure
	for i, state := range []org.ErasureState{org.ErasureRunning, org.ErasureComplete, org.ErasureHeld, org.ErasureSettling} {
		e := org.Erasure{User: w.user(string(state) + "@example.com").ID, State: state, Requested: at.Add(time.Duration(-i) * time.Second)}
		if state == org.ErasureComplete {
			e.Completed = at
		}
		w.update(func(ctx context.Context, tx org.Tx) error { return tx.PutErasure(ctx, e) })
		if state != org.ErasureComplete {
			want = append([]org.Erasure{e}, want...)
		}
	}
	found(w, "OpenErasures", want)(w.store.OpenErasures(w.Context()))
}

// personal writes the records that findsPersonal looks for: in each log, one
// that is not about jane and one that is.
func (w *world) personal(u id.User) {
	w.Helper()
	plain := func(log id.Log) audit.Record {
		r := w.fullRecord(log)
		r.Personal = nil
		w.append(r)
		r.ID = id.Record(w.id())
		return r
	}
	r := plain("a")
	r.Actor.ID = u
	w.append(r)
	r = plain("b")
	r.Personal = []audit.Personal{{Subject: u, Salt: []byte("s"), Value: "v"}}
	w.append(r)
	r = plain("c")
	r.Actor.Email = "jane@example.com"
	w.append(r)
	r = plain("d")
	r.Personal = []audit.Personal{{Salt: []byte("s"), Value: " JANE@example.com"}}
	w.append(r)
	r = plain("e")
	r.Actor.Subject = ""
	r.Actor.Email = "Jane@Example.com" // of another system, and nobody's then
	w.append(r)
	plain("f")
}

func findsPersonal(w *world) {
	u := w.user("Jane@Example.com")
	w.personal(u.ID)
	p := org.Person{User: u.ID, Email: u.Email}
	w.update(func(ctx context.Context, tx org.Tx) error {
		return tx.PutAuditSettings(ctx, "c", org.AuditSettings{RetentionMonths: 1, LegalHold: true}, w.now())
	})
	after := id.Log("")
	for _, log := range []id.Log{"a", "b", "d", "e"} {
		found(w, "PersonalLog behind "+string(after), log)(w.store.PersonalLog(w.Context(), p, after, false))
		after = log
		records, err := w.store.PersonalRecords(w.Context(), p, log, 0, 10)
		if err != nil || len(records) != 1 || records[0].Seq != 2 {
			w.Errorf("log %s: got %v, %v, want record 2", log, seqs(records), err)
		}
	}
	absent[id.Log](w, "behind the last")(w.store.PersonalLog(w.Context(), p, after, false))
	found(w, "PersonalLog under legal hold", id.Log("c"))(w.store.PersonalLog(w.Context(), p, "", true))
	absent[id.Log](w, "behind the last under legal hold")(w.store.PersonalLog(w.Context(), p, "c", true))
}

func pagesPersonal(w *world) {
	u := w.user("jane@example.com")
	for range 7 {
		r := w.fullRecord("a")
		r.Actor.ID, r.Actor.Email = u.ID, u.Email
		r.Personal = []audit.Personal{{Subject: u.ID, Value: "v"}, {Value: u.Email}}
		w.append(r)
	}
	p := org.Person{User: u.ID, Email: u.Email}
	for after, want := int64(0), []int64{1, 2, 3}; ; {
		records, err := w.store.PersonalRecords(w.Context(), p, "a", after, 3)
		if got := seqs(records); err != nil || len(got) != len(want) || len(got) > 0 && got[0] != want[0] {
			w.Errorf("behind %d: got %v, %v, want %v", after, got, err, want)
			return
		}
		if len(records) == 0 {
			return
		}
		after += 3
		want = []int64{after + 1, after + 2, after + 3}
		if after == 6 {
			want = want[:1]
		}
		if after > 6 {
			want = nil
		}
	}
}

func erasesRecord(w *world) {
	u := w.user("jane@example.com")
	p := org.Person{User: u.ID, Email: u.Email}
	r := w.fullRecord("a")
	r.Actor.ID = u.ID
	r.Personal = append(r.Personal, audit.Personal{Subject: u.ID, Salt: []byte("s"), Value: "Jane"}, audit.Personal{Salt: []byte("t"), Value: u.Email})
	r = w.append(r)
	leaf := audit.LeafHash(audit.Canonical(&r))
	r.Erase(u.ID, u.Email)
	nobody := []id.User{u.ID, audit.EmailSubject(u.Email)}
	w.update(func(ctx context.Context, tx org.Tx) error { return tx.EraseRecord(ctx, &r, nobody) })
	got, err := w.store.AuditRecord(w.Context(), "a", r.ID)
	if err != nil || audit.LeafHash(audit.Canonical(&got)) != leaf {
		w.Errorf("the leaf is another: %+v, %v", got, err)
	}
	if got.Actor.Email != "" || got.Actor.IP != "" || got.Raw.UserAgent != "" || got.Actor.Salt != nil || got.Personal[4].Value != "" || got.Personal[5].Value != "" {
		w.Errorf("personal data is left: %+v", got)
	}
	if got.Personal[0].Value == "" {
		w.Error("somebody else's is gone")
	}
	absent[id.Log](w, "log")(w.store.PersonalLog(w.Context(), p, "", false))
	gone := r
	gone.Seq = 99
	w.update(func(ctx context.Context, tx org.Tx) error { return tx.EraseRecord(ctx, &gone, nobody) })
	w.refused(fault.Invalid, func(ctx context.Context, tx org.Tx) error {
		bad := r
		bad.Personal = []audit.Personal{{Value: "\xff"}}
		return tx.EraseRecord(ctx, &bad, nobody)
	})
}

func readsAuditSettings(w *world) {
	absent[org.AuditSettings](w, "settings")(w.store.AuditSettings(w.Context(), "a"))
	for _, s := range []org.AuditSettings{{RetentionMonths: 18, LegalHold: true}, {RetentionMonths: 120}} {
		w.update(func(ctx context.Context, tx org.Tx) error { return tx.PutAuditSettings(ctx, "a", s, w.now()) })
		found(w, "AuditSettings", s)(w.store.AuditSettings(w.Context(), "a"))
	}
	absent[org.AuditSettings](w, "settings of another log")(w.store.AuditSettings(w.Context(), "b"))
}

func expiresRecords(w *world) {
	at := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	for i := range 6 {
		r := w.fullRecord("a")
		r.Time = at.Add(time.Duration(i) * time.Hour)
		w.append(r)
	}
	w.append(w.fullRecord("b"))
	found(w, "FirstKept", int64(1))(w.store.FirstKept(w.Context(), "a"))
	found(w, "FirstKept of nothing", int64(1))(w.store.FirstKept(w.Context(), "nothing"))
	for _, c := range []struct {
		before time.Duration
		end    int64
		limit  int
		want   org.Expired
		first  int64
	}{
		{0, 100, 10, org.Expired{}, 1},
		{2 * time.Hour, 1, 10, org.Expired{}, 1},
		{2 * time.Hour, 100, 1, org.Expired{From: 1, To: 1, Scope: audit.ScopeOrganizations}, 2},
		{2 * time.Hour, 100, 10, org.Expired{From: 2, To: 2, Scope: audit.ScopeOrganizations}, 3},
		{2 * time.Hour, 100, 10, org.Expired{}, 3},
		{24 * time.Hour, 5, 10, org.Expired{From: 3, To: 4, Scope: audit.ScopeOrganizations}, 5},
	} {
		var got org.Expired
		w.update(func(ctx context.Context, tx org.Tx) (err error) {
			got, err = tx.ExpireRecords(ctx, "a", at.Add(c.before), c.end, c.limit)
			return err
		})
		if got != c.want {
			w.Errorf("%+v: got %+v", c, got)
		}
		found(w, "FirstKept", c.first)(w.store.FirstKept(w.Context(), "a"))
	}
	r := w.append(w.fullRecord("a"))
	if r.Seq != 7 {
		w.Errorf("the next record is %d, want 7", r.Seq)
	}
	logs, err := w.store.Logs(w.Context(), id.Instance, 10)
	if err != nil || len(logs) != 2 || logs[0].ID != "a" || !logs[0].Oldest.Equal(at.Add(4*time.Hour)) || logs[0].Settings != nil {
		w.Errorf("logs: got %+v, %v", logs, err)
	}
	p := org.Person{User: w.admin.ID, Email: "nobody@example.com"}
	left, err := w.store.PersonalRecords(w.Context(), p, "a", 0, 10)
	if got := seqs(left); err != nil || len(got) != 3 || got[0] != 5 {
		w.Errorf("records of a subject: %v, %v, want those from 5 on", got, err)
	}
}

func keepsExpiries(w *world) {
	for range 2 {
		r := w.fullRecord("a")
		r.Action = audit.LogExpire
		w.append(r)
	}
	w.update(func(ctx context.Context, tx org.Tx) error {
		got, err := tx.ExpireRecords(ctx, "a", time.Unix(1<<40, 0), 100, 10)
		if got != (org.Expired{}) {
			w.Errorf("got %+v, want nothing: there are only records of expiries", got)
		}
		return err
	})
}
