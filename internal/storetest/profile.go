package storetest

import (
	"context"

	"github.com/orgd/orgd/internal/org"
)

func profileCases() []testCase {
	return []testCase{
		{"a profile is kept byte for byte", keepsProfile},
		{"without a profile it is not found", profileAbsent},
		{"a profile replaces the one before", replacesProfile},
		{"it is repeated in the organization only when it came with it", echoesProfile},
		{"a removed profile is gone", removesProfile},
	}
}

func (w *world) putProfile(o org.Owner, p org.Profile, echoed bool) {
	w.Helper()
	w.update(func(ctx context.Context, tx org.Tx) error { return tx.PutProfile(ctx, o, p, echoed, w.now()) })
}

func keepsProfile(w *world) {
	p := org.Profile{
		BusinessAddress: "1 Main St\r\n\tSuite \"2\"\\ ", BusinessEmail: "A@B.example", BusinessName: " é\u0301 \U0001F600 ",
		BusinessPhone: "", ExternalMetadata: `{"a": 1.00, "b": "\u0000"}` + "\u2028\u0001",
	}
	o, a := w.root("O"), w.account(nil, "A")
	for _, owner := range []org.Owner{{Organization: o.ID}, {Account: a.ID}} {
		w.putProfile(owner, p, false)
		found(w, "Profile", p)(w.store.Profile(w.Context(), owner))
	}
}

func profileAbsent(w *world) {
	o := w.root("O")
	for _, owner := range []org.Owner{{Organization: o.ID}, {Account: "nothing"}, {}} {
		absent[org.Profile](w, "Profile")(w.store.Profile(w.Context(), owner))
	}
}

func replacesProfile(w *world) {
	owner := org.Owner{Organization: w.root("O").ID}
	w.putProfile(owner, org.Profile{BusinessName: "old", BusinessPhone: "1"}, true)
	w.putProfile(owner, org.Profile{BusinessName: "new"}, true)
	found(w, "Profile", org.Profile{BusinessName: "new"})(w.store.Profile(w.Context(), owner))
}

func echoesProfile(w *world) {
	o := w.root("O")
	child := w.below(o, "Child")
	owner := org.Owner{Organization: o.ID}
	w.putProfile(owner, org.Profile{}, true)
	with := o
	with.Profile = &org.Profile{}
	found(w, "set through the organization", with)(w.store.Organization(w.Context(), o.ID))
	want(w, "in a list", w.list(o), []org.Organization{with, child})
	w.putProfile(owner, org.Profile{BusinessName: "x"}, false)
	found(w, "set in its own right", o)(w.store.Organization(w.Context(), o.ID))
	want(w, "in a list", w.list(o), []org.Organization{o, child})
}

// list lists the subtree of a root.
func (w *world) list(root org.Organization) []org.Organization {
	w.Helper()
	q := org.OrganizationQuery{}
	q.Scope.Roots, q.Size = append(q.Scope.Roots, root.ID), 100
	return w.walkOrganizations(q, nil)
}

func removesProfile(w *world) {
	o := w.root("O")
	owner := org.Owner{Organization: o.ID}
	remove := func(ctx context.Context, tx org.Tx) error { return tx.DeleteProfile(ctx, owner) }
	w.putProfile(owner, org.Profile{BusinessName: "x"}, true)
	w.update(remove)
	absent[org.Profile](w, "Profile")(w.store.Profile(w.Context(), owner))
	found(w, "Organization", o)(w.store.Organization(w.Context(), o.ID))
	w.update(remove)
}
