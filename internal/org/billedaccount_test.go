package org_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/page"
	"github.com/orgd/orgd/internal/usage"
)

// leave deletes the shop and finishes its books, while prices, names and places
// go on to change.
func (b *books) leave() {
	b.t.Helper()
	ctx := b.t.Context()
	b.home = must[org.Account](b.t)(b.Account(ctx, b.ada.caller(), b.shop.ID)).Organization
	must[id.Account](b.t)(b.DeleteAccount(ctx, b.ada.request(), b.shop.ID))
	b.check("the deletion")
	if got := b.push(b.ada, used("too late", b.shop.ID, requests, b.today().String(), "1")); got != "refused unknown_account" {
		b.t.Errorf("usage of a deleted account is %s", got)
	}
	for {
		p, err := b.store.FirstOpenPeriod(ctx, b.shop.ID)
		if fault.CodeOf(err) == fault.NotFound {
			break
		}
		if err != nil {
			b.t.Fatal(err)
		}
		if b.today() < p.Start {
			if err := b.close(p.Start.String()); fault.CodeOf(err) != fault.PeriodOpen {
				b.t.Errorf("close %s on %s: %v", p.Period, b.today(), err)
			}
			b.clock.advance(time.Duration(p.Start-b.today()) * 24 * time.Hour)
		}
		b.disturbDeleted()
		b.check("another name or place of a deleted account")
		if err := b.close(p.Start.String()); err != nil {
			b.t.Fatalf("close %s on %s: %v", p.Period, b.today(), err)
		}
		b.end = max(b.end, p.End)
		b.closed, _ = b.lines(b.shop.ID)
		b.check("closing after the deletion")
	}
	all := must[[]usage.BillingPeriod](b.t)(b.store.ClosedPeriods(ctx, []id.Account{b.shop.ID}, 0))
	if slices.ContainsFunc(all, func(p usage.BillingPeriod) bool { return p.Due }) {
		b.t.Errorf("finished books have corrections: %+v", all)
	}
	b.clock.advance(70 * 24 * time.Hour)
	b.disturbDeleted()
	b.assign(org.Owner{Organization: b.home}, "demo-contract-1", 0)
	if rows, _ := b.lines(b.shop.ID); !slices.Equal(rows, b.closed) {
		b.t.Errorf("finished books have changed:\n\t%s\nwere\n\t%s", strings.Join(rows, "\n\t"), strings.Join(b.closed, "\n\t"))
	}
}

// disturbDeleted does what is left of disturb for a deleted account: names of
// metrics, and the name and place of the organization that it was in.
func (b *books) disturbDeleted() {
	b.t.Helper()
	b.events++
	b.rename()
	name := fmt.Sprint("Home ", b.events)
	must[org.Organization](b.t)(b.UpdateOrganization(b.t.Context(), b.ada.request(), b.home, org.OrganizationUpdate{Name: name}))
}

// books of an account, and what a caller is told about them.
func (w *world) booksOf(a id.Account, charge id.Charge) (reads, writes map[string]func(*auth.Caller) error) {
	ctx, one := w.t.Context(), page.Request{Size: 5}
	reads = map[string]func(*auth.Caller) error{
		"periods":      func(c *auth.Caller) error { _, err := w.BillingPeriods(ctx, c, a, one); return err },
		"restatements": func(c *auth.Caller) error { _, err := w.Restatements(ctx, c, a, one); return err },
		"watermark":    func(c *auth.Caller) error { _, err := w.AccountWatermark(ctx, c, a); return err },
		"charges":      func(c *auth.Caller) error { _, err := w.ListCharges(ctx, c, a, one); return err },
	}
	writes = map[string]func(*auth.Caller) error{
		"close": func(c *auth.Caller) error {
			_, err := w.CloseBillingPeriod(ctx, dryRun(requestOf(c)), a, usage.DateOf(2026, time.July, 1))
			return err
		},
		"charge": func(c *auth.Caller) error {
			_, err := w.CreateCharge(ctx, dryRun(requestOf(c)), a, fee(w.t, "2026-07-20", "1", false))
			return err
		},
		"uncharge": func(c *auth.Caller) error {
			_, err := w.DeleteCharge(ctx, dryRun(requestOf(c)), a, charge)
			return err
		},
	}
	return reads, writes
}

// The books of a deleted account are there for those who have a right to the
// bills of the organization that it was in. For all others there is nothing.
func TestWhoFinishesBooks(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, x := t.Context(), w.plant()
		w.prices()
		must[usage.Assignment](t)(w.AssignPriceBook(ctx, x.owner.request(), org.Owner{Organization: x.root.ID}, "demo-list-1", 0))
		w.push(x.owner, used("1", x.inner.ID, requests, "2026-07-15", "12000000"))
		charge := must[org.Charge](t)(w.CreateCharge(ctx, x.owner.request(), x.inner.ID, fee(t, "2026-07-20", "1", false)))
		billing, auditor, keeper := w.person("billing"), w.person("auditor"), w.person("keeper")
		w.join(x.leaf.ID, x.owner, billing, auth.Billing)
		w.join(x.left.ID, x.owner, auditor, auth.AuditViewer)
		must[org.AccountMember](t)(w.CreateAccountMember(ctx, x.owner.request(), x.inner.ID, keeper.user.Email, auth.AccountSuperAdministrator))
		token := func(change func(*org.NewToken), resources ...string) func() *auth.Caller {
			in := org.FullToken(x.owner.user.ID, "test")
			if resources != nil {
				in.Policies[0].Resources = resources
			}
			change(&in)
			secret := must[org.CreatedToken](t)(w.CreateToken(ctx, x.owner.request(), in)).Value
			return func() *auth.Caller { return w.bearer(secret) }
		}
		as := func(*org.NewToken) {}
		const billingRead = "6e5d275bd65eaa4dd1f4691507c2ddd8"
		callers := map[string]struct {
			caller func() *auth.Caller
			may    string
		}{
			"the root's":                   {x.owner.caller, "write"},
			"one's above":                  {x.atLeft.caller, "write"},
			"its organization's":           {x.atLeaf.caller, "write"},
			"who pays the bills":           {billing.caller, "write"},
			"who reads":                    {x.reader.caller, ""},
			"who reads logs":               {auditor.caller, ""},
			"a sibling's":                  {x.atRight.caller, ""},
			"its super administrator":      {keeper.caller, ""},
			"its reader":                   {x.guest.caller, ""},
			"a stranger":                   {x.stranger.caller, ""},
			"the instance's":               {w.admin.caller, ""},
			"a token for the account":      {token(as, onAccount(x.inner.ID)), "write"},
			"a token for all accounts":     {token(as, "com.cloudflare.api.account.*"), "write"},
			"a token for the organization": {token(as, onOrganization(x.leaf.ID)), "write"},
			"a token for one above":        {token(as, onOrganization(x.left.ID)), "write"},
			"a token for another":          {token(as, onOrganization(x.right.ID)), ""},
			"a token for another account":  {token(as, onAccount(x.outer.ID)), ""},
			"a token that reads bills":     {token(func(in *org.NewToken) { in.Policies[0].Groups = []string{billingRead} }), "read"},
			"a token that denies the account": {token(func(in *org.NewToken) {
				in.Policies = append(in.Policies, org.TokenPolicy{Deny: true, Groups: in.Policies[0].Groups, Resources: []string{onAccount(x.inner.ID)}})
			}), ""},
			"a token that denies one above": {token(func(in *org.NewToken) {
				in.Policies = append(in.Policies, org.TokenPolicy{Deny: true, Groups: in.Policies[0].Groups, Resources: []string{onOrganization(x.left.ID)}})
			}), ""},
		}
		must[id.Account](t)(w.DeleteAccount(ctx, x.owner.request(), x.inner.ID))
		reads, writes := w.booksOf(x.inner.ID, charge.ID)
		for who, c := range callers {
			caller := c.caller()
			for what, read := range reads {
				err := read(caller)
				if c.may == "" {
					wantRefusal(t, err, notFound("account"))
				} else if err != nil {
					t.Errorf("%s by %s: %v", what, who, err)
				}
			}
			for what, write := range writes {
				switch err := write(caller); {
				case c.may == "":
					wantRefusal(t, err, notFound("account"))
				case c.may == "read":
					wantRefusal(t, err, forbidden("billing.write"))
				case err != nil:
					t.Errorf("%s by %s: %v", what, who, err)
				}
			}
		}
		july := usage.DateOf(2026, time.July, 1)
		for who, trail := range map[string][]string{"a token that reads bills": {"Leaf: Close Billing Period failure 403"}, "who reads": nil} {
			w.wantTrail(t, func() { _, _ = w.CloseBillingPeriod(ctx, requestOf(callers[who].caller()), x.inner.ID, july) }, trail...)
		}
	})
}

// Nothing but its books is there of a deleted account, for whomever.
func TestNothingElseOfTheDeleted(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, ada := t.Context(), w.person("ada")
		root := w.root("Root", ada)
		shop := w.account("Shop", ada, root.ID)
		w.prices()
		w.push(ada, used("1", shop.ID, requests, "2026-07-15", "1"))
		must[id.Account](t)(w.DeleteAccount(ctx, ada.request(), shop.ID))
		a, owner := shop.ID, org.Owner{Account: shop.ID}
		for what, try := range map[string]func() error{
			"read": func() error { _, err := w.Account(ctx, ada.caller(), a); return err },
			"update": func() error {
				_, err := w.UpdateAccount(ctx, ada.request(), a, org.AccountUpdate{Name: "n"})
				return err
			},
			"delete": func() error { _, err := w.DeleteAccount(ctx, ada.request(), a); return err },
			"move":   func() error { _, err := w.MoveAccount(ctx, ada.request(), a, root.ID); return err },
			"detach": func() error { _, err := w.DetachAccount(ctx, ada.request(), a); return err },
			"usage": func() error {
				_, err := w.AccountUsage(ctx, ada.caller(), a, days(t, "2026-07-01", "2026-07-31"))
				return err
			},
			"running":    func() error { _, err := w.RunningUsage(ctx, ada.caller(), a, org.RunningQuery{}); return err },
			"info":       func() error { _, err := w.BillingInfo(ctx, ada.caller(), a); return err },
			"anchor":     func() error { _, err := w.SetAnchor(ctx, ada.request(), a, 0); return err },
			"price book": func() error { _, err := w.AssignPriceBook(ctx, ada.request(), owner, "demo-list-1", 0); return err },
			"watermark": func() error {
				_, err := w.PutWatermark(ctx, ada.request(), a, usage.DateOf(2026, time.July, 1))
				return err
			},
			"budgets":     func() error { _, err := w.ListBudgets(ctx, ada.caller(), owner, page.Request{Size: 1}); return err },
			"members":     func() error { _, err := w.ListAccountMembers(ctx, ada.caller(), a, page.Request{Size: 1}); return err },
			"audit words": func() error { _, err := w.AuditCategories(ctx, ada.caller(), a); return err },
		} {
			t.Log(what)
			wantRefusal(t, try(), notFound("account"))
		}
	})
}

// An account that was deleted outside any organization is on nobody's bill.
func TestBooksOfADetachedAccount(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ctx, ada := t.Context(), w.person("ada")
		root := w.root("Root", ada)
		shop := w.account("Shop", ada, root.ID)
		w.prices()
		must[usage.Assignment](t)(w.AssignPriceBook(ctx, ada.request(), org.Owner{Account: shop.ID}, "demo-list-1", 0))
		w.push(ada, used("1", shop.ID, requests, "2026-07-15", "12000000"))
		charge := must[org.Charge](t)(w.CreateCharge(ctx, ada.request(), shop.ID, fee(t, "2026-07-20", "1", false)))
		must[org.Move](t)(w.DetachAccount(ctx, ada.request(), shop.ID))
		reads, writes := w.booksOf(shop.ID, charge.ID)
		try := func(check func(error)) {
			for _, all := range []map[string]func(*auth.Caller) error{reads, writes} {
				for _, f := range all {
					check(f(ada.caller()))
				}
			}
		}
		try(func(err error) {
			if err != nil {
				t.Errorf("as long as it is there: %v", err)
			}
		})
		must[id.Account](t)(w.DeleteAccount(ctx, ada.request(), shop.ID))
		try(func(err error) { wantRefusal(t, err, notFound("account")) })
		if got := w.bill(ada, root.ID, days(t, "2026-07-01", "2026-07-31")); len(got) != 0 {
			t.Errorf("the bill of the organization that it left has %q", got)
		}
	})
}

// finish is a customer who left: an account that was deleted on 4 August with a
// closed period that is corrected, and the organizations Old > Part that it was in.
type finish struct {
	*world
	ada            *person
	top, old, part org.Organization
	shop, open     org.Account
}

func (w *world) customerWhoLeft() *finish {
	t, ctx, ada := w.t, w.t.Context(), w.person("ada")
	t.Helper()
	f := &finish{world: w, ada: ada, top: w.root("Top", ada), old: w.root("Old", ada)}
	f.part = w.child("Part", ada, f.old.ID)
	f.shop, f.open = w.account("Shop", ada, f.part.ID), w.account("Open", ada, f.old.ID)
	w.prices()
	must[usage.Assignment](t)(w.AssignPriceBook(ctx, ada.request(), org.Owner{Organization: f.part.ID}, "demo-list-1", 0))
	w.push(ada, used("1", f.shop.ID, requests, "2026-07-30", "12000000"), used("2", f.open.ID, requests, "2026-07-30", "1"))
	must[org.Charge](t)(w.CreateCharge(ctx, ada.request(), f.shop.ID, fee(t, "2026-07-01", "5", true)))
	must[org.Charge](t)(w.CreateCharge(ctx, ada.request(), f.shop.ID, fee(t, "2026-09-10", "7", false)))
	w.clock.advance(3 * 24 * time.Hour)
	if err := f.closing("2026-07-01"); err != nil {
		t.Fatal(err)
	}
	w.push(ada, used("3", f.shop.ID, requests, "2026-07-30", "1000000"), used("4", f.shop.ID, requests, "2026-08-02", "11000000"))
	must[id.Account](t)(w.DeleteAccount(ctx, ada.request(), f.shop.ID))
	return f
}

func (f *finish) closing(start string) error {
	f.t.Helper()
	_, err := f.CloseBillingPeriod(f.t.Context(), f.ada.request(), f.shop.ID, day(f.t, start))
	return err
}

func (f *finish) charge(start, amount string, recurring bool) error {
	f.t.Helper()
	_, err := f.CreateCharge(f.t.Context(), f.ada.request(), f.shop.ID, fee(f.t, start, amount, recurring))
	return err
}

// The last invoice of a customer who left becomes final: with what was used and
// is corrected, and what is added at the end, before the period has ended.
func TestFinishingBooks(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		f := w.customerWhoLeft()
		ctx, ada := t.Context(), f.ada
		w.clock.advance(24 * time.Hour) // 5 August
		wantRefusal(t, f.charge("2026-08-05", "1", true), refusal{fault.Invalid, "/recurring", "/recurring must be false: the account was deleted"})
		wantRefusal(t, f.charge("2026-08-06", "1", false), refusal{fault.Invalid, "/start", "/start must not be later than today: the account was deleted"})
		wantRefusal(t, f.charge("2026-07-31", "1", false), refusal{fault.PeriodClosed, "/start", "The billing period 2026-07-01/2026-08-01 is closed"})
		w.wantTrail(t, func() { _ = f.charge("2026-08-05", "3", false) }, "Part: Add Charge success 200")

		// Its organization goes as well, and the one above it to another tree.
		must[id.Organization](t)(w.DeleteOrganization(ctx, ada.request(), f.part.ID))
		must[org.Organization](t)(w.UpdateOrganization(ctx, ada.request(), f.old.ID, org.OrganizationUpdate{Name: "Old", Parent: f.top.ID}))
		records := w.wantTrail(t, func() {
			if err := f.closing("2026-08-01"); err != nil {
				t.Error(err)
			}
		}, "Old: Close Billing Period success 200")
		if r := records[0]; r.Action != audit.BillingPeriodClose || r.Account != f.shop.ID || !strings.Contains(string(r.Resource.After), `"state":"closed"`) {
			t.Errorf("closing is recorded as %+v", r)
		}
		wantRefusal(t, f.closing("2026-09-01"), refusal{fault.PeriodOpen, "", "The billing period 2026-09-01/2026-10-01 has not begun: it can be closed from 2026-09-01 on"})
		wantRefusal(t, f.charge("2026-08-05", "1", false), refusal{fault.PeriodClosed, "/start", "The billing period 2026-08-01/2026-09-01 is closed"})

		want := []string{
			"2026-07-01/2026-08-01 Shop 5 of 2026-07-01/2026-08-01: Fee of 2026-07-01, billed to Old",
			"2026-07-30 Shop 0.6 of 2026-07-01/2026-08-01", "2026-07-30 Shop 0.3 of 2026-08-01/2026-09-01",
			"2026-08-01/2026-09-01 Shop 5 of 2026-08-01/2026-09-01: Fee of 2026-07-01, billed to Top",
			"2026-08-02 Shop 0.3 of 2026-08-01/2026-09-01",
			"2026-08-05/2026-08-06 Shop 3 of 2026-08-01/2026-09-01: Fee of 2026-08-05, billed to Top",
		}
		ofShop := func() []string {
			all := w.bill(ada, f.top.ID, days(t, "2026-07-01", "2026-12-31"))
			return slices.DeleteFunc(all, func(line string) bool { return strings.Contains(line, " Open ") })
		}
		wantLines(t, ofShop(), want...)
		for o, name := range map[id.Organization]string{f.top.ID: "Peak", f.old.ID: "Older"} {
			must[org.Organization](t)(w.UpdateOrganization(ctx, ada.request(), o, org.OrganizationUpdate{Name: name}))
			must[usage.Assignment](t)(w.AssignPriceBook(ctx, ada.request(), org.Owner{Organization: o}, "demo-contract-1", 0))
		}
		wantLines(t, ofShop(), want...)

		// What was to be charged later is not. A credit after the last invoice is.
		w.clock.advance(40 * 24 * time.Hour) // 14 September
		wantLines(t, ofShop(), want...)
		if err := f.charge("2026-09-14", "-2", false); err != nil {
			t.Error(err)
		}
		if err := f.closing("2026-09-01"); err != nil {
			t.Error(err)
		}
		want = append(want, "2026-09-14/2026-09-15 Shop -2 of 2026-09-01/2026-10-01: Fee of 2026-09-14, billed to Peak")
		w.clock.advance(60 * 24 * time.Hour)
		wantLines(t, ofShop(), want...)
		wantRefusal(t, f.closing("2026-10-01"), notFound("billing period"))
		list := must[page.Page[usage.BillingPeriod]](t)(w.BillingPeriods(ctx, ada.caller(), f.shop.ID, page.Request{Size: 10}))
		if open := slices.ContainsFunc(list.Items, func(p usage.BillingPeriod) bool { return p.Closed.IsZero() || p.Due }); open || len(list.Items) != 3 {
			t.Errorf("the periods are %+v", list.Items)
		}

		// Nothing is due for October, which is in nobody's way.
		if err := f.charge("2026-11-13", "-1", false); err != nil {
			t.Error(err)
		}
		if err := f.closing("2026-11-01"); err != nil {
			t.Error(err)
		}
	})
}

// A deleted account keeps no watermark back: all of its usage has come.
func TestWatermarkOfTheDeleted(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		f := w.customerWhoLeft()
		ctx, ada := t.Context(), f.ada
		show := func(m org.Watermark, err error) string {
			if err != nil || !m.Known {
				return fmt.Sprint("none ", err)
			}
			return fmt.Sprint(m.Through, " ", m.Updated.Format(time.DateOnly))
		}
		of := func(o org.Organization) string { return show(w.OrganizationWatermark(ctx, ada.caller(), o.ID)) }
		put := func(d string) { must[org.Watermark](t)(w.PutWatermark(ctx, ada.request(), f.open.ID, day(t, d))) }
		want := func(what, got, want string) {
			t.Helper()
			if got != want {
				t.Errorf("%s: %s, want %s", what, got, want)
			}
		}
		w.clock.advance(24 * time.Hour) // 5 August
		want("of the deleted", show(w.AccountWatermark(ctx, ada.caller(), f.shop.ID)), "2026-08-05 2026-08-04")
		want("with one that has none", of(f.old), "none <nil>")
		put("2026-08-03")
		want("with one that has one", of(f.old), "2026-08-03 2026-08-05")
		want("of nothing but the deleted", of(f.part), "2026-08-05 2026-08-04")
		if err := f.closing("2026-08-01"); err != nil {
			t.Error(err)
		}
		if kept := must[map[id.Account]usage.Watermark](t)(w.store.Watermarks(ctx, []id.Account{f.shop.ID})); kept[f.shop.ID].Through != day(t, "2026-08-05") {
			t.Errorf("closing before the end of the period raised the watermark to %s", kept[f.shop.ID].Through)
		}
		w.clock.advance(40 * 24 * time.Hour) // 14 September
		want("before it moves on", of(f.old), "2026-08-03 2026-08-05")
		put("2026-09-13")
		want("after it moved on", of(f.old), "2026-09-13 2026-09-14")
		want("of the deleted, later", show(w.AccountWatermark(ctx, ada.caller(), f.shop.ID)), "2026-09-14 2026-08-04")
		if _, err := w.OrganizationWatermark(ctx, ada.caller(), f.top.ID); err != nil {
			t.Error(err)
		}
		want("of an organization without usage", of(f.top), "none <nil>")
	})
}

// Events that are on their way while their account is deleted and its period is
// closed are billed, corrected, or refused.
func TestDeletingWhileCounting(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		b := newBooks(t, w, 1)
		ctx, caller := t.Context(), b.ada.caller()
		const writers, before, after = 3, 2, 4
		started := make(chan bool, writers)
		var counted atomic.Int64
		var wg sync.WaitGroup
		for n := range writers {
			wg.Go(func() {
				for i := range before + after {
					if i == before {
						started <- true
					}
					receipts, err := w.PushUsage(ctx, requestOf(caller), []usage.Submission{used(fmt.Sprint(n, i), b.shop.ID, requests, "2026-07-15", "1")})
					switch {
					case err != nil:
						t.Error(err)
					case receipts[0].Outcome == usage.Counted:
						counted.Add(1)
					case receipts[0].Refusal.Reason != usage.UnknownAccount:
						t.Errorf("refused as %s", receipts[0].Refusal.Reason)
					}
				}
			})
		}
		for range writers {
			<-started
		}
		b.home = b.homes[0].ID
		_, err := w.DeleteAccount(ctx, requestOf(caller), b.shop.ID)
		if err == nil {
			_, err = w.CloseBillingPeriod(ctx, requestOf(caller), b.shop.ID, usage.DateOf(2026, time.June, 30))
		}
		wg.Wait()
		if err != nil {
			t.Fatal(err)
		}
		w.clock.advance(62 * 24 * time.Hour)
		for {
			p, err := w.store.FirstOpenPeriod(ctx, b.shop.ID)
			if fault.CodeOf(err) == fault.NotFound {
				break
			}
			if err := b.close(p.Start.String()); err != nil {
				t.Fatal(err)
			}
		}
		total := decimal.Zero
		b.usage(b.shop.ID, func(r *org.UsageRow) error {
			if !r.Billed {
				t.Errorf("%s of %s was not billed", r.Charge.Consumed, r.Charge.Day)
			}
			total = total.Add(r.Charge.Consumed)
			return nil
		})
		if !total.Equal(decimal.NewFromInt(counted.Load())) || counted.Load() < writers*before {
			t.Errorf("%s were billed, and %d counted", total, counted.Load())
		}
	})
}
