package org_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/orgd/orgd/internal/api"
	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/engine/enginetest"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
)

func TestEveryChangeIsRefusedToThoseWhoMayNot(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		x := w.plant()
		for _, op := range w.operations(x) {
			t.Run(op.name, func(t *testing.T) {
				before := w.dump()
				w.wantTrail(t, func() {
					for _, p := range []*person{x.stranger, x.atRight, w.admin} {
						wantRefusal(t, op.refuse(p), op.absent)
					}
				})
				wantDiff(t, before, w.dump())
				may := []*person{x.reader, x.guest, x.atLeaf}
				if op.account {
					may = may[:2] // the account lies in Leaf
				}
				var want []string
				for range may {
					want = append(want, op.failure())
				}
				records := w.wantTrail(t, func() {
					for _, p := range may {
						wantRefusal(t, op.refuse(p), forbidden(op.permission))
					}
				}, want...)
				for _, r := range records {
					if r.Resource.Before != nil || r.Resource.After != nil || r.Resource.Response != nil {
						t.Errorf("the refusal is recorded with %+v", r.Resource)
					}
				}
			})
		}
	})
}

func TestEveryChangeIsRecordedOnce(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		x := w.plant()
		for _, op := range w.operations(x) {
			t.Run(op.name, func(t *testing.T) {
				records := w.wantTrail(t, func() {
					r := x.atLeft.request()
					r.Origin.Body = []byte(`{"x":1}`)
					if err := op.do(r); err != nil {
						t.Fatal(err)
					}
				}, op.trail+" success 200")
				checkRecord(t, &records[0], x.atLeft)
			})
		}
	})
}

// checkRecord checks what every record of a success by p has.
func checkRecord(t *testing.T, r *audit.Record, p *person) {
	t.Helper()
	if r.Actor.ID != p.user.ID || r.Actor.Email != p.user.Email || r.Actor.Context != auth.ContextAPIKey || r.Actor.Type != audit.ActorUser || r.Actor.IP != "192.0.2.7" || len(r.Actor.Salt) != 16 {
		t.Errorf("the actor is %+v", r.Actor)
	}
	if want := (audit.Raw{RayID: "0123456789abcdef-ORG", Method: "POST", URI: "/client/v4/x", UserAgent: "test/1", Status: 200}); r.Raw != want {
		t.Errorf("the request is %+v", r.Raw)
	}
	if string(r.Resource.Request) != `{"x":1}` || r.Resource.Response == nil {
		t.Errorf("bodies %s and %s", r.Resource.Request, r.Resource.Response)
	}
	before, after := r.Resource.Before != nil, r.Resource.After != nil
	switch r.Action.Type {
	case audit.Create:
		if before || !after {
			t.Errorf("a creation has before %s, after %s", r.Resource.Before, r.Resource.After)
		}
	case audit.Update:
		if !after {
			t.Error("an update has no after")
		}
	case audit.Delete:
		if !before {
			t.Error("a deletion has no before")
		}
	}
	if !id.Valid(r.Resource.ID) || r.Resource.Type != r.Action.Resource || r.Resource.Product != r.Action.Product {
		t.Errorf("the resource is %+v of %+v", r.Resource, r.Action)
	}
}

func TestADryRunChecksEverythingAndChangesNothing(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, x := t.Context(), w.plant()
		ops := append(w.operations(x), operation{name: "move an organization", do: func(r org.Request) error {
			_, err := w.UpdateOrganization(ctx, r, x.left.ID, org.OrganizationUpdate{Name: "Left", Parent: x.right.ID})
			return err
		}}, operation{name: "move accounts", do: func(r org.Request) error {
			m, err := w.MoveAccounts(ctx, r, []id.Account{x.inner.ID, x.loose.ID}, x.right.ID)
			if err == nil && (len(m) != 2 || m[0].Destination != x.right.ID) {
				t.Errorf("it would move %+v", m)
			}
			return err
		}}, operation{name: "detach an account", do: func(r org.Request) error {
			_, err := w.DetachAccount(ctx, r, x.inner.ID)
			return err
		}})
		for _, op := range ops {
			t.Run(op.name, func(t *testing.T) {
				refusals := []string{fmt.Sprint(op.do(x.reader.request())), fmt.Sprint(op.do(x.stranger.request()))}
				before := w.dump()
				w.wantTrail(t, func() {
					if err := op.do(dryRun(x.owner.request())); err != nil {
						t.Errorf("it would be refused: %v", err)
					}
					dry := []string{fmt.Sprint(op.do(dryRun(x.reader.request()))), fmt.Sprint(op.do(dryRun(x.stranger.request())))}
					wantDiff(t, refusals, dry)
				})
				wantDiff(t, before, w.dump())
			})
		}
		t.Run("rules are checked as well", func(t *testing.T) {
			w.wantTrail(t, func() {
				_, err := w.DeleteOrganization(ctx, dryRun(x.owner.request()), x.root.ID)
				if fault.CodeOf(err) != fault.OrganizationNotEmpty {
					t.Errorf("got %v", err)
				}
				_, err = w.UpdateOrganization(ctx, dryRun(x.owner.request()), x.root.ID, org.OrganizationUpdate{Name: "x", Parent: x.leaf.ID})
				if fault.CodeOf(err) != fault.Cycle {
					t.Errorf("got %v", err)
				}
			})
		})
	})
}

func TestIfMatch(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, x := t.Context(), w.plant()
		token := w.token(x.owner)
		member := w.join(x.left.ID, x.owner, x.stranger, auth.ReadOnly)
		stale := refusal{code: fault.PreconditionFailed, message: "The object has changed: its ETag does not match If-Match"}
		for _, c := range []struct {
			name    string
			do      func(org.Request) error
			current func(any) bool
		}{
			{
				"update an organization",
				func(r org.Request) error {
					_, err := w.UpdateOrganization(ctx, r, x.left.ID, org.OrganizationUpdate{Name: "New"})
					return err
				}, func(v any) bool { o, ok := v.(org.Organization); return ok && o.Name == "Left" },
			},
			{
				"set the first profile",
				func(r org.Request) error {
					_, err := w.PutOrganizationProfile(ctx, r, x.left.ID, org.Profile{BusinessName: "a"})
					return err
				}, func(v any) bool { return v == nil },
			},
			{
				"set another profile",
				func(r org.Request) error {
					_, err := w.PutOrganizationProfile(ctx, r, x.left.ID, org.Profile{BusinessName: "b"})
					return err
				}, func(v any) bool { return v == org.Profile{BusinessName: "a"} },
			},
			{
				"update an account",
				func(r org.Request) error {
					_, err := w.UpdateAccount(ctx, r, x.inner.ID, org.AccountUpdate{Name: "New"})
					return err
				}, func(v any) bool { a, ok := v.(org.Account); return ok && a.Name == "Inner" },
			},
			{
				"delete an account",
				func(r org.Request) error {
					_, err := w.DeleteAccount(ctx, r, x.inner.ID)
					return err
				}, func(v any) bool { a, ok := v.(org.Account); return ok && a.Name == "New" },
			},
			{
				"delete an organization",
				func(r org.Request) error {
					_, err := w.DeleteOrganization(ctx, r, w.child("Bare", x.owner, x.root.ID).ID)
					return err
				}, func(v any) bool { o, ok := v.(org.Organization); return ok && o.Name == "Bare" },
			},
			{
				"change a role",
				func(r org.Request) error {
					_, err := w.SetMemberRole(ctx, r, x.left.ID, member.ID, auth.Billing)
					return err
				}, func(v any) bool { m, ok := v.(org.Member); return ok && m.Role == auth.ReadOnly },
			},
			{
				"remove a member",
				func(r org.Request) error { _, err := w.DeleteMember(ctx, r, x.left.ID, member.ID); return err },
				func(v any) bool { m, ok := v.(org.Member); return ok && m.Role == auth.Billing },
			},
			{
				"update a token",
				func(r org.Request) error {
					_, err := w.UpdateToken(ctx, r, token.ID, org.FullToken(x.owner.user.ID, "new"))
					return err
				}, func(v any) bool { t, ok := v.(org.Token); return ok && t.Name == "test" },
			},
			{
				"delete a token",
				func(r org.Request) error { _, err := w.DeleteToken(ctx, r, token.ID); return err },
				func(v any) bool { t, ok := v.(org.Token); return ok && t.Name == "new" },
			},
		} {
			t.Run(c.name, func(t *testing.T) {
				r := x.owner.request()
				r.IfMatch = func(any) bool { return false }
				records := w.added(func() { wantRefusal(t, c.do(r), stale) })
				for _, r := range records {
					if r.Result == audit.Failure {
						t.Errorf("the refusal is recorded: %+v", r)
					}
				}
				var asked any
				r.IfMatch = func(v any) bool { asked = v; return true }
				if err := c.do(r); err != nil {
					t.Error(err)
				}
				if !c.current(asked) {
					t.Errorf("the condition is asked about %+v", asked)
				}
			})
		}
		t.Run("who may not is refused before", func(t *testing.T) {
			r := x.reader.request()
			r.IfMatch = func(any) bool { t.Error("the condition is asked"); return false }
			_, err := w.UpdateOrganization(ctx, r, x.left.ID, org.OrganizationUpdate{Name: "New"})
			wantRefusal(t, err, forbidden("organization.update"))
		})
	})
}

func TestIdempotency(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, ada, bob := t.Context(), w.person("ada"), w.person("bob")
		root := w.root("Root", ada)
		create := func(p *person, key, fingerprint, name string, parent id.Organization) (string, error) {
			r := p.request()
			r.Idempotency = &org.Idempotency{Key: key, Fingerprint: fingerprint, Seal: func(v any) ([]byte, error) {
				return []byte("sealed " + v.(org.Organization).Name), nil
			}}
			o, err := w.CreateOrganization(ctx, r, org.NewOrganization{Name: name, Parent: parent})
			if replay, ok := errors.AsType[*org.Replay](err); ok {
				return fmt.Sprintf("%d %s", replay.Answer.Status, replay.Answer.Body), nil
			}
			w.labels[string(o.ID)] = o.Name
			return o.Name, err
		}
		want := func(t *testing.T, want string) func(string, error) {
			return func(got string, err error) {
				t.Helper()
				if err != nil || got != want {
					t.Errorf("got %q, %v, want %q", got, err, want)
				}
			}
		}
		reused := refusal{code: fault.IdempotencyKeyReused, message: "Idempotency-Key was used before with another request"}
		t.Run("the same request is answered again and done once", func(t *testing.T) {
			w.wantTrail(t, func() {
				want(t, "A")(create(ada, "k", "f", "A", root.ID))
				want(t, "200 sealed A")(create(ada, "k", "f", "A", root.ID))
				w.clock.advance(24*time.Hour - time.Microsecond)
				want(t, "200 sealed A")(create(ada, "k", "f", "A", root.ID))
			}, "Root: Create Organization success 200")
		})
		t.Run("another request under the same key is refused", func(t *testing.T) {
			w.wantTrail(t, func() {
				_, err := create(ada, "k", "other", "B", root.ID)
				wantRefusal(t, err, reused)
			})
		})
		t.Run("another key, and the same key of another user, are others", func(t *testing.T) {
			want(t, "C")(create(ada, "k2", "f", "C", root.ID))
			want(t, "D")(create(bob, "k", "f", "D", ""))
		})
		t.Run("after a day it is forgotten", func(t *testing.T) {
			w.clock.advance(time.Microsecond)
			want(t, "E")(create(ada, "k", "other", "E", root.ID))
			want(t, "200 sealed E")(create(ada, "k", "other", "E", root.ID))
		})
		t.Run("what failed may be tried again", func(t *testing.T) {
			_, err := create(bob, "retry", "f", "F", root.ID)
			wantRefusal(t, err, refusal{fault.NotFound, "/parent/id", "parent organization not found"})
			reader := w.join(root.ID, ada, bob, auth.ReadOnly)
			_, err = create(bob, "retry", "f", "F", root.ID)
			wantRefusal(t, err, forbidden("organization.create"))
			must[org.Member](t)(w.SetMemberRole(ctx, ada.request(), root.ID, reader.ID, auth.Administrator))
			want(t, "F")(create(bob, "retry", "f", "F", root.ID))
			want(t, "200 sealed F")(create(bob, "retry", "f", "F", root.ID))
		})
		t.Run("what cannot be sealed is not done", func(t *testing.T) {
			r := ada.request()
			broken := errors.New("broken")
			r.Idempotency = &org.Idempotency{Key: "broken", Seal: func(any) ([]byte, error) { return nil, broken }}
			w.wantTrail(t, func() {
				_, err := w.CreateOrganization(ctx, r, org.NewOrganization{Name: "G", Parent: root.ID})
				if !errors.Is(err, broken) {
					t.Errorf("got %v", err)
				}
			})
		})
		t.Run("a dry run neither asks nor keeps", func(t *testing.T) {
			r := dryRun(ada.request())
			r.Idempotency = &org.Idempotency{Key: "k2", Fingerprint: "x", Seal: func(any) ([]byte, error) { return nil, errors.New("sealed") }}
			must[org.Organization](t)(w.CreateOrganization(ctx, r, org.NewOrganization{Name: "H", Parent: root.ID}))
		})
		t.Run("keys that cannot be kept are refused", func(t *testing.T) {
			for _, key := range []string{"\xff", "a\x00b"} {
				_, err := create(ada, key, "f", "I", root.ID)
				wantRefusal(t, err, refusal{fault.Invalid, "Idempotency-Key", "Idempotency-Key has characters that are not allowed"})
			}
		})
		t.Run("housekeeping forgets what has run out, and nothing else", func(t *testing.T) {
			want(t, "J")(create(ada, "old", "f", "J", root.ID))
			w.clock.advance(24 * time.Hour)
			want(t, "K")(create(ada, "new", "f", "K", root.ID))
			if err := w.Housekeep(ctx); err != nil {
				t.Fatal(err)
			}
			want(t, "200 sealed K")(create(ada, "new", "f", "K", root.ID))
			want(t, "L")(create(ada, "old", "other", "L", root.ID))
		})
	})
}

func TestRecordsKeepWhatTheyCan(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ada := w.person("ada")
		r := ada.request()
		r.Origin.UserAgent, r.Origin.URI = "agent\xff\xfe\x00", "/\xc3(\x00"
		records := w.added(func() {
			must[org.Organization](t)(w.CreateOrganization(t.Context(), r, org.NewOrganization{Name: "<\u2028\u00fc\U0001f600>"}))
		})
		if got, want := records[0].Raw.UserAgent, "agent\ufffd\ufffd\ufffd"; got != want {
			t.Errorf("user agent %q, want %q", got, want)
		}
		if got, want := records[0].Raw.URI, "/\ufffd(\ufffd"; got != want {
			t.Errorf("URI %q, want %q", got, want)
		}
	})
}

func TestATokenIsTheActor(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ada := w.person("ada")
		made := w.token(ada)
		records := w.added(func() {
			must[org.Organization](t)(w.CreateOrganization(t.Context(), requestOf(w.bearer(made.Value)), org.NewOrganization{Name: "x"}))
		})
		a := records[0].Actor
		if a.ID != ada.user.ID || a.Context != auth.ContextAPIToken || a.TokenID != made.ID || a.TokenName != "test" {
			t.Errorf("the actor is %+v", a)
		}
	})
}

func TestNothingPersonalStandsInTheBodies(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		x := w.plant()
		for _, op := range w.operations(x) {
			if err := op.do(x.owner.request()); err != nil {
				t.Fatal(err)
			}
		}
		for _, r := range w.records() {
			for _, b := range [][]byte{r.Resource.Request, r.Resource.Response, r.Resource.Before, r.Resource.After} {
				if strings.Contains(string(b), "@example.com") || strings.Contains(string(b), `"Example"`) || strings.Contains(string(b), "orgd_") || strings.Contains(string(b), "orgdkey_") {
					t.Errorf("%s: %s", r.Action.Description, b)
				}
			}
			for _, p := range r.Personal {
				if len(p.Salt) != 16 || p.Value == "" {
					t.Errorf("%s: %+v", r.Action.Description, p)
				}
			}
		}
	})
}

// twice runs every change a second time after rolling the first back, as a
// store may.
type twice struct {
	org.Store
}

var errRolledBack = errors.New("rolled back")

func (s twice) Update(ctx context.Context, f func(org.Tx) error) error {
	err := s.Store.Update(ctx, func(tx org.Tx) error {
		if err := f(tx); err != nil {
			return err
		}
		return errRolledBack
	})
	if !errors.Is(err, errRolledBack) {
		return err
	}
	return s.Store.Update(ctx, f)
}

func TestAChangeMayRunTwice(t *testing.T) {
	t.Parallel()
	for _, e := range enginetest.All(t) {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			open := e.Open
			e.Open = func(tb testing.TB) org.Store { return twice{open(tb)} }
			w := newWorld(t, e)
			x := w.plant()
			for _, op := range w.operations(x) {
				t.Run(op.name, func(t *testing.T) {
					w.wantTrail(t, func() {
						wantRefusal(t, op.refuse(x.reader), forbidden(op.permission))
					}, op.failure())
					w.wantTrail(t, func() {
						if err := op.do(x.owner.request()); err != nil {
							t.Error(err)
						}
					}, op.trail+" success 200")
				})
			}
			w.token(x.owner)
			must[[]org.Move](t)(w.MoveAccounts(t.Context(), x.owner.request(), []id.Account{x.inner.ID, x.loose.ID}, x.right.ID))
		})
	}
}

// broken fails to store records.
type broken struct {
	org.Store
}

type brokenTx struct {
	org.Tx
}

var errNoRecord = errors.New("no record")

func (s broken) Update(ctx context.Context, f func(org.Tx) error) error {
	return s.Store.Update(ctx, func(tx org.Tx) error { return f(brokenTx{tx}) })
}

func (brokenTx) AppendAudit(context.Context, *audit.Record) error { return errNoRecord }

func TestThereIsNoChangeWithoutItsRecord(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		x := w.plant()
		ops := w.operations(x)
		before := w.dump()
		enc := api.Encoder{Limits: small}
		w.Service = org.New(org.Config{
			Store: broken{w.store}, Now: w.clock.now, Random: rand.Reader, Limits: small, Encode: enc.Encode, StatusOf: api.StatusOf,
		})
		for _, op := range ops {
			if err := op.do(x.owner.request()); !errors.Is(err, errNoRecord) {
				t.Errorf("%s: %v", op.name, err)
			}
			if err := op.refuse(x.reader); !errors.Is(err, errNoRecord) {
				t.Errorf("%s, refused: %v", op.name, err)
			}
		}
		wantDiff(t, before, w.dump())
	})
}

func TestErrorsOfTheStoreAreNoRefusals(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		x := w.plant()
		caller := x.owner.caller()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := w.Organization(ctx, caller, x.root.ID)
		if err == nil || fault.CodeOf(err) == fault.NotFound {
			t.Errorf("a read that was given up: %v", err)
		}
		_, err = w.UpdateOrganization(ctx, requestOf(caller), x.root.ID, org.OrganizationUpdate{Name: "x"})
		if _, refused := errors.AsType[*fault.Error](err); err == nil || refused && fault.CodeOf(err).Refusal() {
			t.Errorf("a change that was given up: %v", err)
		}
	})
}

func TestAnErasedRecordKeepsItsLeaf(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, ada, bob := t.Context(), w.person("ada"), w.person("bob")
		root := w.root("Root", ada)
		records := w.added(func() { w.join(root.ID, ada, bob, auth.ReadOnly) })
		r := records[0]
		r.ID, r.Result = "another", audit.Failure // no change belongs to the copy
		r.Seq++
		leaf := audit.LeafHash(audit.Canonical(&r))
		r.Erase(ada.user.ID)
		r.Erase(bob.user.ID)
		err := w.store.Update(ctx, func(tx org.Tx) error { return tx.AppendAudit(ctx, &r) })
		if err != nil {
			t.Fatal(err)
		}
		kept, err := w.store.AuditRecords(ctx, r.Log, r.Seq-1, 10)
		if err != nil || len(kept) != 1 {
			t.Fatalf("kept %+v, %v", kept, err)
		}
		if audit.LeafHash(audit.Canonical(&kept[0])) != leaf {
			t.Error("the leaf became another")
		}
		if text := fmt.Sprintf("%+v", kept[0]); strings.Contains(text, "@example.com") || strings.Contains(text, "192.0.2.7") {
			t.Errorf("kept %s", text)
		}
		if b := body(t, &kept[0], kept[0].Resource.After); !strings.Contains(b, `"email":"[erased]"`) {
			t.Errorf("it is shown as %s", b)
		}
	})
}
