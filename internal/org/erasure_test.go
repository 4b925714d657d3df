package org_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/engine/enginetest"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/storetest"
)

// What may not be left of jane.
const (
	janeIP    = "198.51.100.77"
	janeAgent = "janes-browser/1"
	janesMate = "mate@example.com" // who is named with her in a request that is refused
)

var ofJane = []string{"jane@example.com", "Jane", janeIP, janeAgent}

// janes is a request of jane.
func janes(p *person) org.Request {
	r := p.request()
	r.Origin.IP, r.Origin.UserAgent = janeIP, janeAgent
	return r
}

// withBody is a request with a body.
func withBody(r org.Request, body string) org.Request {
	r.Origin.Body = []byte(body)
	return r
}

// refused makes sure that a request is refused.
func refused[T any](t *testing.T, code fault.Code) func(T, error) {
	t.Helper()
	return func(_ T, err error) {
		t.Helper()
		if fault.CodeOf(err) != code {
			t.Fatalf("got the error %v, want %s", err, code)
		}
	}
}

// live puts jane into everything that somebody can be in, as actor and as
// subject, in what succeeds and in what is refused.
func live(t *testing.T, w *world) (jane, ada *person, root org.Organization) {
	t.Helper()
	ada = w.person("ada")
	bob := w.person("bob")
	const body = `{"email":"JANE@example.com","first_name":"Jane","last_name":"Janeson"}`
	// Somebody who may not, before there is such a user.
	refused[org.CreatedUser](t, fault.Forbidden)(w.CreateUser(t.Context(), withBody(ada.request(), body), org.NewUser{Email: "JANE@example.com", FirstName: "Jane"}))
	refused[org.CreatedUser](t, fault.Forbidden)(w.CreateUser(t.Context(), withBody(ada.request(), `{"email":"jane@example.com","and":{"email":"`+janesMate+`"}}`), org.NewUser{Email: "jane@example.com"}))
	u := must[org.CreatedUser](t)(w.CreateUser(t.Context(), withBody(w.admin.request(), body), org.NewUser{Email: "jane@example.com", FirstName: "Jane", LastName: "Janeson"}))
	jane = w.known(u.User, u.APIKey)
	refused[org.CreatedUser](t, fault.Invalid)(w.CreateUser(t.Context(), withBody(w.admin.request(), body), org.NewUser{Email: "jane@example.com"}))

	root = w.root("Root", ada)
	invite := `{"member":{"user":{"email":" Jane@Example.com "}}}`
	refused[org.Member](t, fault.NotFound)(w.CreateMember(t.Context(), withBody(bob.request(), invite), root.ID, org.NewMember{Email: "jane@example.com"}))
	w.join(root.ID, ada, bob, auth.ReadOnly)
	refused[org.Member](t, fault.Forbidden)(w.CreateMember(t.Context(), withBody(bob.request(), invite), root.ID, org.NewMember{Email: "jane@example.com"}))
	must[org.Member](t)(w.CreateMember(t.Context(), withBody(ada.request(), invite), root.ID, org.NewMember{Email: "jane@example.com", Status: org.Active}))
	other := w.root("Other", bob)
	must[org.Member](t)(w.CreateMember(t.Context(), withBody(bob.request(), invite), other.ID, org.NewMember{Email: "jane@example.com"}))
	loose := w.account("Loose", ada, "")
	must[org.AccountMember](t)(w.CreateAccountMember(t.Context(), withBody(ada.request(), `{"email":"jane@example.com"}`), loose.ID, "jane@example.com", auth.AccountReadOnly))

	token := org.FullToken(u.ID, "hers")
	token.AllowIP = []string{janeIP}
	must[org.CreatedToken](t)(w.CreateToken(t.Context(), withBody(janes(jane), `{"condition":{"request_ip":{"in":["`+janeIP+`"]}}}`), token))
	renamed := janes(jane)
	renamed.Idempotency = &org.Idempotency{Key: "key", Fingerprint: "print", Seal: func(any) ([]byte, error) { return []byte("jane@example.com"), nil }}
	must[org.Organization](t)(w.UpdateOrganization(t.Context(), janes(jane), root.ID, org.OrganizationUpdate{Name: "Renamed"}))
	must[org.Organization](t)(w.CreateOrganization(t.Context(), renamed, org.NewOrganization{Name: "Below", Parent: root.ID}))
	refused[org.Organization](t, fault.NotFound)(w.UpdateOrganization(t.Context(), janes(jane), other.ID, org.OrganizationUpdate{Name: "x"}))
	refused[id.Organization](t, fault.OrganizationNotEmpty)(w.DeleteOrganization(t.Context(), janes(jane), root.ID))

	w.AuditReads = true
	q := w.window()
	q.Filters = []audit.Filter{{Field: audit.FieldActorEmail, Values: []string{"jane@example.com"}}}
	must[org.AuditPage](t)(w.AuditLog(t.Context(), withBody(ada.request(), `{"actor_email":["jane@example.com","bob@example.com"],"actor_ip_address.not":["192.0.2.1"]}`), root.ID, q))
	w.AuditReads = false
	return jane, ada, root
}

// searchable is a world whose database can be searched.
func searchable(t *testing.T, e enginetest.Engine) (*world, func(texts ...string) []string) {
	t.Helper()
	url := e.Migrated(t)
	e.Open = func(tb testing.TB) org.Store { return enginetest.OpenAt(tb, url) }
	return newWorld(t, e), func(texts ...string) []string { return e.Search(t, url, texts...) }
}

// leaves are the leaf hashes of all records.
func (w *world) leaves() map[id.Record][32]byte {
	all := make(map[id.Record][32]byte)
	for _, r := range w.records() {
		all[r.ID] = audit.LeafHash(audit.Canonical(&r))
	}
	return all
}

// settle lets an erasure come to its end.
func (w *world) settle(u id.User) org.Erasure {
	w.t.Helper()
	w.clock.advance(3 * time.Minute)
	if err := w.ContinueErasures(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	return must[org.Erasure](w.t)(w.Erasure(w.t.Context(), w.admin.caller(), u))
}

// TestNothingIsLeftOfWhoWasErased searches every column of every table.
func TestNothingIsLeftOfWhoWasErased(t *testing.T) {
	t.Parallel()
	for _, e := range enginetest.All(t) {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			w, search := searchable(t, e)
			jane, _, _ := live(t, w)
			for _, text := range ofJane {
				if len(search(text)) == 0 {
					t.Errorf("%q was nowhere to begin with", text)
				}
			}
			before := w.leaves()
			must[org.Erasure](t)(w.EraseUser(t.Context(), w.admin.request(), jane.user.ID))
			if got := w.settle(jane.user.ID); got.State != org.ErasureComplete || got.Records == 0 || got.Email != "" || got.Completed.IsZero() {
				t.Errorf("the erasure is %+v", got)
			}
			for _, hit := range search(ofJane...) {
				t.Errorf("left: %s", hit)
			}
			for _, hit := range search(janesMate) {
				t.Errorf("left of who was named with her in a refused request: %s", hit)
			}
			if hits := search("bob@example.com"); len(hits) == 0 {
				t.Error("somebody else was erased as well")
			}
			after := w.leaves()
			for key, leaf := range before {
				if after[key] != leaf {
					t.Errorf("record %s has another leaf", key)
				}
			}
		})
	}
}

// TestAnErasureIsResumed lets every call of the store fail once, in the
// middle of everything, and goes on.
func TestAnErasureIsResumed(t *testing.T) {
	t.Parallel()
	for _, e := range enginetest.All(t) {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			w, search := searchable(t, e)
			jane, _, _ := live(t, w)
			must[org.Erasure](t)(w.EraseUser(t.Context(), w.admin.request(), jane.user.ID))
			w.clock.advance(3 * time.Minute)
			for at := int64(1); ; at++ {
				faulty := &storetest.Faulty{Store: w.store, Fault: storetest.Fault(at % 2), At: at}
				w.Store = faulty
				err := w.ContinueErasures(context.WithoutCancel(t.Context()))
				w.Store = w.store
				if !faulty.Met() {
					if err != nil {
						t.Fatal(err)
					}
					break
				}
				if !errors.Is(err, storetest.ErrFault) {
					t.Fatalf("call %d: %v", at, err)
				}
			}
			if got := must[org.Erasure](t)(w.Erasure(t.Context(), w.admin.caller(), jane.user.ID)); got.State != org.ErasureComplete {
				t.Errorf("the erasure is %+v", got)
			}
			for _, hit := range search(ofJane...) {
				t.Errorf("left: %s", hit)
			}
		})
	}
}

// TestARequestUnderWayIsErasedToo writes a record of jane behind her erasure,
// as a request does that began before it.
func TestARequestUnderWayIsErasedToo(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		jane, _, root := live(t, w)
		stale := janes(jane)
		must[org.Erasure](t)(w.EraseUser(t.Context(), w.admin.request(), jane.user.ID))
		late := audit.Record{
			Log: id.Log(root.ID), ID: "0190a0000000700080000000000000ff", Time: w.clock.now(), Action: audit.OrganizationUpdate, Result: audit.Failure,
			Actor:    audit.Actor{ID: jane.user.ID, Type: audit.ActorUser, Email: jane.user.Email, IP: janeIP, Salt: []byte("0123456789abcdef")},
			Raw:      audit.Raw{Method: "PUT", URI: stale.Origin.URI, UserAgent: janeAgent, Status: 403},
			Resource: audit.Resource{ID: string(root.ID), Type: "organization", Product: "organizations", Scope: audit.ScopeOrganizations},
		}
		if err := w.store.Update(t.Context(), func(tx org.Tx) error { return tx.AppendAudit(t.Context(), &late) }); err != nil {
			t.Fatal(err)
		}
		if err := w.ContinueErasures(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := must[org.Erasure](t)(w.Erasure(t.Context(), w.admin.caller(), jane.user.ID)); got.State != org.ErasureSettling {
			t.Errorf("the erasure is %+v before requests can have ended", got)
		}
		w.settle(jane.user.ID)
		for _, r := range w.records() {
			if r.Actor.ID == jane.user.ID && (r.Actor.Email != "" || r.Actor.IP != "" || r.Raw.UserAgent != "") {
				t.Errorf("record %d of %s still has %q, %q, %q", r.Seq, r.Log, r.Actor.Email, r.Actor.IP, r.Raw.UserAgent)
			}
		}
	})
}

// TestAManyTimesLargerErasure takes more than one batch in one log.
func TestAManyTimesLargerErasure(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		jane, _, root := live(t, w)
		var batch []*audit.Record
		for i := range 1000 {
			batch = append(batch, &audit.Record{
				Log: id.Log(root.ID), ID: id.Record(fmt.Sprintf("%032x", i)), Time: w.clock.now(), Action: audit.OrganizationUpdate, Result: audit.Success,
				Actor:    audit.Actor{ID: jane.user.ID, Type: audit.ActorUser, Email: jane.user.Email, IP: janeIP, Salt: []byte("0123456789abcdef")},
				Resource: audit.Resource{ID: string(root.ID), Type: "organization", Product: "organizations", Scope: audit.ScopeOrganizations},
			})
		}
		if err := w.store.Update(t.Context(), func(tx org.Tx) error { return tx.AppendAudits(t.Context(), batch) }); err != nil {
			t.Fatal(err)
		}
		before := w.leaves()
		must[org.Erasure](t)(w.EraseUser(t.Context(), w.admin.request(), jane.user.ID))
		if got := w.settle(jane.user.ID); got.State != org.ErasureComplete || got.Records < 1000 {
			t.Errorf("the erasure is %+v", got)
		}
		after := w.leaves()
		for key, leaf := range before {
			if after[key] != leaf {
				t.Errorf("record %s has another leaf", key)
			}
		}
		if i := slices.IndexFunc(w.records(), func(r audit.Record) bool { return r.Actor.Email == jane.user.Email }); i >= 0 {
			t.Errorf("record %d still has her address", i)
		}
	})
}

// TestLegalHoldHoldsAnErasure erases behind the end of the hold.
func TestLegalHoldHoldsAnErasure(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		jane, ada, root := live(t, w)
		hold := func(on bool) {
			t.Helper()
			must[org.AuditSettings](t)(w.PutAuditSettings(t.Context(), ada.request(), root.ID, org.AuditSettings{RetentionMonths: 18, LegalHold: on}))
		}
		left := func() (n int) {
			for _, r := range w.records() {
				if r.Actor.Email == jane.user.Email {
					n++
					if r.Log != id.Log(root.ID) {
						t.Errorf("record %d of %s is held", r.Seq, w.label(string(r.Log)))
					}
				}
			}
			return n
		}
		hold(true)
		must[org.Erasure](t)(w.EraseUser(t.Context(), w.admin.request(), jane.user.ID))
		if got := w.settle(jane.user.ID); got.State != org.ErasureHeld || left() == 0 {
			t.Errorf("under legal hold the erasure is %+v, with %d records left", got, left())
		}
		hold(false)
		if got := w.settle(jane.user.ID); got.State != org.ErasureHeld {
			t.Errorf("before it is looked at again the erasure is %+v", got)
		}
		if err := w.RecheckErasures(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := w.settle(jane.user.ID); got.State != org.ErasureComplete || left() != 0 {
			t.Errorf("behind it the erasure is %+v, with %d records left", got, left())
		}
	})
}

// TestErasingKeepsSuperAdministrators refuses to leave anything without one.
func TestErasingKeepsSuperAdministrators(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ada, bob, cid := w.person("ada"), w.person("bob"), w.person("cid")
		root := w.root("Root", ada)
		last := refusal{code: fault.LastSuperAdministrator, message: "The last active super administrator of a root organization cannot be removed or demoted"}
		_, err := w.EraseUser(t.Context(), w.admin.request(), ada.user.ID)
		wantRefusal(t, err, last)
		w.join(root.ID, ada, bob, auth.SuperAdministrator)
		must[org.User](t)(w.DisableUser(t.Context(), w.admin.request(), bob.user.ID))
		_, err = w.EraseUser(t.Context(), w.admin.request(), ada.user.ID)
		wantRefusal(t, err, last)
		must[org.Erasure](t)(w.EraseUser(t.Context(), w.admin.request(), bob.user.ID)) // who is disabled is not the last active one
		w.join(root.ID, ada, cid, auth.SuperAdministrator)
		must[org.Erasure](t)(w.EraseUser(t.Context(), w.admin.request(), ada.user.ID))

		loose := w.account("Loose", cid, "")
		w.join(root.ID, cid, w.person("dan"), auth.SuperAdministrator)
		_, err = w.EraseUser(t.Context(), w.admin.request(), cid.user.ID)
		wantRefusal(t, err, refusal{code: fault.LastSuperAdministrator, message: "The last super administrator of an account outside any organization cannot be removed"})
		must[id.Account](t)(w.DeleteAccount(t.Context(), cid.request(), loose.ID))
		must[org.Erasure](t)(w.EraseUser(t.Context(), w.admin.request(), cid.user.ID))
		_, err = w.EraseUser(t.Context(), w.admin.request(), w.admin.user.ID)
		wantRefusal(t, err, refusal{code: fault.Invalid, message: "You cannot erase yourself"})
	})
}
