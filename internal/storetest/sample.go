package storetest

import (
	"context"
	"errors"
	"testing"

	"github.com/shopspring/decimal"

	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/usage"
	"github.com/orgd/orgd/internal/usage/pricelist"
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

// FillBills writes the usage of an account and what was billed for it.
func FillBills(t *testing.T, s org.Store) {
	t.Helper()
	w := newWorld(t, s)
	list, err := pricelist.Demo()
	if err != nil {
		t.Fatal(err)
	}
	const account, metric = "a", "workers_standard_requests"
	book := &list.Books[0]
	a := org.Account{ID: account, Name: "billed", Type: org.Standard, Created: w.now()}
	a.Updated = a.Created
	w.update(func(ctx context.Context, tx org.Tx) error { return w.insertAccount(ctx, tx, a) })
	w.update(func(ctx context.Context, tx org.Tx) error {
		return errors.Join(tx.PutCatalogue(ctx, list.Catalogue, w.now()), tx.PutPriceBook(ctx, book, w.now()))
	})
	w.count(event("1", account, metric, 0, "12000000"))
	price, _ := book.Price(metric)
	var meter usage.Meter
	var rows []usage.Billed
	for _, c := range meter.Charges(price, &usage.Consumption{Day: march().Start, Quantity: decimal.New(12, 6)}) {
		rows = append(rows, usage.Billed{Account: account, Metric: metric, In: march().Start, Book: book.ID, Charge: c})
	}
	w.update(func(ctx context.Context, tx org.Tx) error { return tx.AddBilled(ctx, rows) })
	w.closePeriod(usage.BillingPeriod{
		Account: account, Period: march(), Closed: march().End.Start(), Catalogue: list.Catalogue.Version, Books: []usage.Since{{Day: march().Start, Book: book.ID}},
	})
	w.update(func(ctx context.Context, tx org.Tx) error {
		return tx.PutWatermark(ctx, account, usage.Watermark{Through: march().End - 1, Updated: march().End.Start()})
	})
}
