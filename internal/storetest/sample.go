package storetest

import (
	"testing"

	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/org"
)

// Sample is what Fill writes: two trees, Root > Mid > Leaf and Other, an
// account in Leaf, and a member of Mid with a token.
type Sample struct {
	Root, Mid, Leaf, Other org.Organization
	Account, Loose         org.Account
	User                   org.User
	Member                 org.Member
	AccountMember          org.AccountMember
	Token                  org.Token
}

// Fill writes a sample of everything into an empty store, with its records,
// for tests of what reads a store.
func Fill(t *testing.T, s org.Store) Sample {
	t.Helper()
	w := newWorld(t, s)
	g := w.grove()
	f := Sample{Root: g.a, Mid: g.mid, Leaf: g.leaf, Other: g.b, Account: g.inLeaf}
	f.Loose = w.account(nil, "loose")
	f.User = w.user("sample@example.com")
	f.Member = w.member(f.Mid, f.User, auth.Administrator, org.Active)
	f.AccountMember = w.accountMember(f.Account, f.User, auth.AccountReadOnly)
	f.Token = w.token(f.User, "hash", fullToken)
	w.restore(w.delete(w.below(f.Other, "restored")))
	w.delete(w.below(f.Other, "deleted"))
	w.deleteAccount(w.account(&g.c, "deleted"))
	f.Mid = w.rename(f.Mid, "Mid renamed")
	w.growAll()
	return f
}
