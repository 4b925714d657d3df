package org_test

import (
	"strings"
	"testing"

	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/org"
)

func TestOrganizationProfile(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, x := t.Context(), w.plant()
		full := org.Profile{
			BusinessAddress: "{\"line1\":\"1 <Main> St\"}", BusinessEmail: "not an address", BusinessName: " Acme\r\n",
			BusinessPhone: "+49 (0)", ExternalMetadata: "{\"b\":1, \"a\":\"\u2028\"}",
		}
		get := func(p *person) (org.Profile, error) {
			return w.OrganizationProfile(ctx, p.caller(), x.left.ID)
		}
		put := func(p *person, in org.Profile) error {
			_, err := w.PutOrganizationProfile(ctx, p.request(), x.left.ID, in)
			return err
		}
		t.Run("there is none at first", func(t *testing.T) {
			_, err := get(x.owner)
			if fault.CodeOf(err) != fault.NotFound {
				t.Errorf("got %v", err)
			}
		})
		t.Run("is kept byte for byte and not repeated in the organization", func(t *testing.T) {
			records := w.wantTrail(t, func() {
				if err := put(x.atLeft, full); err != nil {
					t.Fatal(err)
				}
			}, "Left: Update Profile success 200")
			wantDiff(t, full, must[org.Profile](t)(get(x.reader)))
			if o := must[org.Organization](t)(w.Organization(ctx, x.owner.caller(), x.left.ID)); o.Profile != nil {
				t.Errorf("the organization has %+v", o.Profile)
			}
			r := &records[0]
			if r.Resource.Before != nil || strings.Contains(string(r.Resource.After), "Main") || !strings.Contains(body(t, r, r.Resource.After), "<Main>") {
				t.Errorf("recorded before %s, after %s, of which is personal %v", r.Resource.Before, r.Resource.After, r.Personal)
			}
		})
		t.Run("is replaced as a whole", func(t *testing.T) {
			records := w.added(func() {
				if err := put(x.owner, org.Profile{BusinessName: "New"}); err != nil {
					t.Fatal(err)
				}
			})
			wantDiff(t, org.Profile{BusinessName: "New"}, must[org.Profile](t)(get(x.owner)))
			if b := body(t, &records[0], records[0].Resource.Before); !strings.Contains(b, "not an address") {
				t.Errorf("recorded before: %s", b)
			}
		})
		t.Run("moves between the two ways of setting it", func(t *testing.T) {
			o := must[org.Organization](t)(w.UpdateOrganization(ctx, x.owner.request(), x.left.ID, org.OrganizationUpdate{Name: "Left", SetProfile: true, Profile: &full}))
			wantDiff(t, &full, o.Profile)
			wantDiff(t, full, must[org.Profile](t)(get(x.owner)))
			if err := put(x.owner, full); err != nil {
				t.Fatal(err)
			}
			if o := must[org.Organization](t)(w.Organization(ctx, x.owner.caller(), x.left.ID)); o.Profile != nil {
				t.Errorf("the organization still has %+v", o.Profile)
			}
		})
		t.Run("is refused", func(t *testing.T) {
			w.wantTrail(t, func() {
				_, err := get(x.guest)
				wantRefusal(t, err, forbidden("profile.read"))
				_, err = get(x.atRight)
				wantRefusal(t, err, notFound("organization"))
				wantRefusal(t, put(x.reader, full), forbidden("profile.update"))
				wantRefusal(t, put(x.atLeaf, full), forbidden("profile.update"))
				wantRefusal(t, put(x.atRight, full), notFound("organization"))
				wantRefusal(t, put(x.owner, org.Profile{BusinessPhone: strings.Repeat("x", 4097)}),
					refusal{fault.Invalid, "/business_phone", "/business_phone must have at most 4096 characters"})
			}, "Left: Update Profile failure 403", "Left: Update Profile failure 403")
		})
	})
}

func TestAccountProfile(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, x := t.Context(), w.plant()
		p := org.Profile{BusinessName: "Acme"}
		put := func(by *person, a org.Account) error {
			_, err := w.PutAccountProfile(ctx, by.request(), a.ID, p)
			return err
		}
		_, err := w.AccountProfile(ctx, x.owner.caller(), x.inner.ID)
		if fault.CodeOf(err) != fault.NotFound {
			t.Errorf("there is none at first: %v", err)
		}
		w.wantTrail(t, func() {
			for _, a := range []org.Account{x.inner, x.loose} {
				if err := put(x.owner, a); err != nil {
					t.Fatal(err)
				}
				wantDiff(t, p, must[org.Profile](t)(w.AccountProfile(ctx, x.owner.caller(), a.ID)))
			}
			wantRefusal(t, put(x.guest, x.inner), forbidden("profile.update"))
			wantRefusal(t, put(x.atRight, x.inner), notFound("account"))
		}, "Leaf: Update Profile success 200", "Leaf: Update Profile failure 403", "Loose: Update Profile success 200")
		wantDiff(t, p, must[org.Profile](t)(w.AccountProfile(ctx, x.guest.caller(), x.inner.ID)))
		_, err = w.AccountProfile(ctx, x.atRight.caller(), x.inner.ID)
		wantRefusal(t, err, notFound("account"))
	})
}
