// Package storetest is the contract of org.Store as a test suite. Each file
// is about one resource, each case is a sentence of the contract, and the
// whole store is checked after each of them.
package storetest

import (
	"slices"
	"strings"
	"testing"

	"github.com/orgd/orgd/internal/fsck"
	"github.com/orgd/orgd/internal/org"
)

// group is a part of the contract.
type group struct {
	name  string
	cases []testCase
}

// testCase is a sentence of the contract and the proof of it.
type testCase struct {
	name string
	run  func(*world)
}

// groups is the table of contents.
func groups() []group {
	return []group{
		{"Transactions", transactionCases()},
		{"Organizations", organizationCases()},
		{"ListOrganizations", organizationListCases()},
		{"Accounts", accountCases()},
		{"ListAccounts", accountListCases()},
		{"Profiles", profileCases()},
		{"Members", memberCases()},
		{"AccountMembers", accountMemberCases()},
		{"Access", accessCases()},
		{"Users", userCases()},
		{"Tokens", tokenCases()},
		{"Audit", auditCases()},
		{"ListAudit", auditListCases()},
		{"ListAudits", auditMergeCases()},
		{"Streams", streamCases()},
		{"Erasure", erasureCases()},
		{"Trees", treeCases()},
		{"Usage", append(usageCases(), usagePeriodCases()...)},
		{"Budgets", budgetCases()},
		{"Charges", chargeCases()},
		{"Idempotency", idempotencyCases()},
		{"Faults", faultCases()},
	}
}

// Run holds a store against the contract; open returns an empty store that is
// closed when the test ends.
func Run(t *testing.T, open func(testing.TB) org.Store) {
	for _, g := range groups() {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			for _, c := range g.cases {
				t.Run(c.name, func(t *testing.T) {
					w := newWorld(t, open(t))
					c.run(w)
					w.check()
				})
			}
		})
	}
}

// check fails the test when an invariant of the store is broken.
func (w *world) check() {
	if w.store == nil {
		return // the case was about closing it
	}
	w.Helper()
	violations, err := fsck.Check(w.Context(), w.store, fsck.Options{})
	if err != nil {
		w.Error(err)
	}
	for _, v := range violations {
		if !madeUp(&v) {
			w.Errorf("after the test: %s", v)
		}
	}
}

// madeUp reports whether a violation is of the making of a case: those about
// one table write neither the rows of others that its rows name nor, for some
// kinds of objects, records. The services are held to both by their own tests.
func madeUp(v *fsck.Violation) bool {
	kind, _, _ := strings.Cut(v.Object, " ")
	switch v.Rule {
	case fsck.Reference, fsck.Stream, fsck.Lease, fsck.Watermark:
		return true
	case fsck.NoRecord:
		return slices.Contains([]string{"audit_stream", "audit_settings", "charge", "profile"}, kind)
	case fsck.Period:
		return kind == "charge"
	}
	return false
}
