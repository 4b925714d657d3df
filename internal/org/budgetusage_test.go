package org_test

import (
	"testing"
	"time"

	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/usage"
)

// What a budget has spent is what the answers about usage add up to, also when
// a period was closed and corrected, and prices have tiers.
func TestBudgetSpendsWhatUsageCosts(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		s := w.shop()
		s.clock.advance(29 * 24 * time.Hour) // 30 August
		s.prices()
		s.assign(org.Owner{Organization: s.root.ID}, "demo-list-1", "2026-01-01")
		all := s.budget(org.Owner{Organization: s.root.ID}, usage.CumulativeBudget, "1000000", 1)
		one := s.budget(org.Owner{Account: s.inner.ID}, usage.CumulativeBudget, "7.8")
		check := func(what, want string) {
			t.Helper()
			s.next()
			q := org.UsageQuery{From: s.read(all).State.Period.Start, End: s.read(all).State.Period.End}
			_, whole := s.rows(must[org.Usage](t)(s.OrganizationUsage(t.Context(), s.ada.caller(), s.root.ID, q)))
			_, part := s.rows(must[org.Usage](t)(s.AccountUsage(t.Context(), s.ada.caller(), s.inner.ID, q)))
			if got := s.read(all).State.Spent; !got.Equal(whole) || got.String() != want {
				t.Errorf("%s: the organization has spent %s, its usage costs %s, want %s", what, got, whole, want)
			}
			if got := s.read(one).State.Spent; !got.Equal(part) {
				t.Errorf("%s: the account has spent %s, its usage costs %s", what, got, part)
			}
		}
		s.use(s.inner.ID, requests, "2026-08-03", "12345678")
		s.use(s.lower.ID, requests, "2026-08-03", "20000000.000000001")
		s.use(s.inner.ID, "r2_class_a_operations", "2026-08-04", "1000001")
		check("in August", "8.2037034")
		s.use(s.inner.ID, requests, "2026-08-29", "8000000")
		check("more in August", "10.6037034")
		s.clock.advance(3 * 24 * time.Hour) // 2 September
		for _, a := range []org.Account{s.inner, s.lower} {
			must[usage.BillingPeriod](t)(s.CloseBillingPeriod(t.Context(), s.ada.request(), a.ID, s.read(all).State.Period.Start))
		}
		s.use(s.inner.ID, requests, "2026-08-29", "1000000")
		check("in September", "0")
		s.wantCrossed("by what came when August was closed", one, s.root.ID, "100% of 7.8 at 7.9037034 in 2026-08-01")
	})
}
