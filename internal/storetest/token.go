package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/page"
)

func tokenCases() []testCase {
	return []testCase{
		{"a token is read back as it was written", readsToken},
		{"a token is its user's only", tokenAbsent},
		{"an update sets what may change", updatesToken},
		{"a principal is found by the secret of a token", tokenPrincipal},
		{"a principal is found by e-mail and key together", keyPrincipal},
		{"the number of the rights grows with every commit that changes them", countsRights},
		{"rolling a token replaces its secret", rollsToken},
		{"a deleted token is gone", deletesToken},
		{"pages walk the whole list once", tokenPages},
		{"the time of the last use only goes forward", touchesTokens},
		{"paths are known for what exists", paths},
	}
}

func fullToken(t *org.Token) {
	at := t.Issued
	t.Name, t.Status = "Zoë's token", org.TokenDisabled
	t.Policies = []org.TokenPolicy{
		{ID: "p1", Groups: []string{"g1", "g2"}, Resources: []string{"com.cloudflare.api.account.*"}},
		{ID: "p2", Deny: true, Groups: []string{"g3"}, Resources: []string{"r1", "r2"}},
	}
	t.AllowIP, t.DenyIP = []string{"10.0.0.0/8", "::1"}, []string{"10.1.2.3"}
	t.NotBefore, t.Expires, t.LastUsed = at.Add(time.Hour), at.Add(2*time.Hour), at.Add(time.Microsecond)
}

func readsToken(w *world) {
	full := w.token(w.admin, "full", fullToken)
	found(w, "full", full)(w.store.Token(w.Context(), w.admin.ID, full.ID))
	plain := w.token(w.admin, "plain", nil)
	found(w, "plain", plain)(w.store.Token(w.Context(), w.admin.ID, plain.ID))
}

func tokenAbsent(w *world) {
	t := w.token(w.admin, "hash", nil)
	absent[org.Token](w, "somebody else's")(w.store.Token(w.Context(), w.user("u@example.com").ID, t.ID))
	absent[org.Token](w, "unknown")(w.store.Token(w.Context(), w.admin.ID, "nothing"))
}

func updatesToken(w *world) {
	t := w.token(w.admin, "hash", nil)
	fullToken(&t)
	t.Modified = w.now()
	w.update(func(ctx context.Context, tx org.Tx) error { return tx.UpdateToken(ctx, t) })
	found(w, "updated", t)(w.store.Token(w.Context(), w.admin.ID, t.ID))
}

func countsRights(w *world) {
	rights := func(r org.Reader) int64 {
		w.Helper()
		n, err := r.Rights(w.Context())
		if err != nil {
			w.Fatal(err)
		}
		return n
	}
	before := rights(w.store)
	w.user("u@example.com")
	if got := rights(w.store); got != before {
		w.Errorf("a change that does not say so: %d, want %d", got, before)
	}
	errDropped := errors.New("dropped")
	for _, result := range []error{nil, errDropped} {
		err := w.store.Update(w.Context(), func(tx org.Tx) error {
			if err := tx.ChangeRights(w.Context()); err != nil {
				return err
			}
			if got := rights(w.store); got != before {
				w.Errorf("before the commit: %d, want %d", got, before)
			}
			return result
		})
		if !errors.Is(err, result) {
			w.Fatal(err)
		}
		if result == nil {
			before++
		}
		if got := rights(w.store); got != before {
			w.Errorf("after a change that ended with %v: %d, want %d", result, got, before)
		}
	}
}

func tokenPrincipal(w *world) {
	u := w.user("u@example.com")
	t := w.token(u, "hash", func(t *org.Token) { fullToken(t); t.Status = org.TokenActive })
	found(w, "principal", org.Principal{User: u, Token: &t})(w.store.Principal(w.Context(), org.CredentialRef{TokenHash: "hash"}))
	absent[org.Principal](w, "unknown")(w.store.Principal(w.Context(), org.CredentialRef{TokenHash: "other"}))
	absent[org.Principal](w, "empty")(w.store.Principal(w.Context(), org.CredentialRef{}))
	t.Status = org.TokenDisabled
	w.update(func(ctx context.Context, tx org.Tx) error { return tx.UpdateToken(ctx, t) })
	absent[org.Principal](w, "disabled token")(w.store.Principal(w.Context(), org.CredentialRef{TokenHash: "hash"}))
	t.Status = org.TokenActive
	w.update(func(ctx context.Context, tx org.Tx) error { return tx.UpdateToken(ctx, t) })
	for _, status := range []org.UserStatus{org.UserDisabled, org.UserInvited} {
		u.Status = status
		w.setUser(u)
		absent[org.Principal](w, string(status))(w.store.Principal(w.Context(), org.CredentialRef{TokenHash: "hash"}))
	}
}

func keyPrincipal(w *world) {
	g := w.grove()
	u := w.user("U@example.com")
	m := w.member(g.mid, u, auth.Billing, org.Active)
	put := func(hash string) {
		w.update(func(ctx context.Context, tx org.Tx) error { return tx.PutKey(ctx, u.ID, hash, w.now()) })
	}
	put("old")
	put("key")
	wanted := org.Principal{User: u, Grants: []auth.Grant{{Member: m.ID, Role: auth.Billing, Path: g.mid.Path}}}
	for _, email := range []string{"U@example.com", "u@EXAMPLE.com"} {
		found(w, email, wanted)(w.store.Principal(w.Context(), org.CredentialRef{KeyHash: "key", Email: email}))
	}
	for what, c := range map[string]org.CredentialRef{
		"the old key": {KeyHash: "old", Email: "u@example.com"}, "no e-mail": {KeyHash: "key"},
		"another's e-mail": {KeyHash: "key", Email: w.admin.Email}, "no key": {Email: "u@example.com"},
	} {
		absent[org.Principal](w, what)(w.store.Principal(w.Context(), c))
	}
	u.Status = org.UserDisabled
	w.setUser(u)
	absent[org.Principal](w, "disabled")(w.store.Principal(w.Context(), org.CredentialRef{KeyHash: "key", Email: u.Email}))
}

func rollsToken(w *world) {
	t := w.token(w.admin, "old", nil)
	t.Modified = w.now()
	w.update(func(ctx context.Context, tx org.Tx) error { return tx.RollToken(ctx, t, "new") })
	absent[org.Principal](w, "old")(w.store.Principal(w.Context(), org.CredentialRef{TokenHash: "old"}))
	found(w, "new", org.Principal{User: w.admin, Token: &t})(w.store.Principal(w.Context(), org.CredentialRef{TokenHash: "new"}))
}

func deletesToken(w *world) {
	t, kept := w.token(w.admin, "gone", nil), w.token(w.admin, "kept", nil)
	w.update(func(ctx context.Context, tx org.Tx) error {
		if err := tx.DeleteToken(ctx, t); err != nil {
			return err
		}
		return w.record(ctx, tx, about(audit.TokenDelete, string(w.admin.ID), string(t.ID), w.now()))
	})
	absent[org.Token](w, "Token")(w.store.Token(w.Context(), w.admin.ID, t.ID))
	absent[org.Principal](w, "Principal")(w.store.Principal(w.Context(), org.CredentialRef{TokenHash: "gone"}))
	found(w, "the other", kept)(w.store.Token(w.Context(), w.admin.ID, kept.ID))
}

func tokenPages(w *world) {
	var live, all []org.Token
	now := w.now()
	for i := range 7 {
		t := w.token(w.admin, fmt.Sprint(i), func(t *org.Token) {
			switch i % 3 {
			case 1:
				t.Expires = now
			case 2:
				t.Expires = now.Add(time.Microsecond)
			}
		})
		all = append(all, t)
		if i%3 != 1 {
			live = append(live, t)
		}
	}
	w.token(w.user("u@example.com"), "other", nil)
	for _, expired := range []bool{false, true} {
		for _, desc := range []bool{false, true} {
			for per := 1; per <= 8; per++ {
				wanted := slices.Clone(live)
				if expired {
					wanted = slices.Clone(all)
				}
				if desc {
					slices.Reverse(wanted)
				}
				q := org.TokenQuery{User: w.admin.ID, IncludeExpired: expired, At: now, Numbered: page.Numbered{PerPage: per, Desc: desc}}
				want(w, fmt.Sprint(expired, desc, per), w.walkTokens(q), wanted)
			}
		}
	}
}

func (w *world) walkTokens(q org.TokenQuery) []org.Token {
	w.Helper()
	var all []org.Token
	for q.Page = 1; ; q.Page++ {
		p, err := w.store.ListTokens(w.Context(), q)
		if err != nil {
			w.Fatal(err)
		}
		all = append(all, p.Items...)
		if len(p.Items) < q.PerPage {
			want(w, "total", p.Total, int64(len(all)))
			return all
		}
	}
}

func touchesTokens(w *world) {
	a, b := w.token(w.admin, "a", nil), w.token(w.admin, "b", nil)
	at := w.now()
	touch := func(used map[id.Token]time.Time) {
		w.update(func(ctx context.Context, tx org.Tx) error { return tx.TouchTokens(ctx, used) })
	}
	touch(map[id.Token]time.Time{a.ID: at, b.ID: at, "nothing": at})
	touch(map[id.Token]time.Time{a.ID: at.Add(-time.Second), b.ID: at.Add(time.Second)})
	touch(nil)
	a.LastUsed, b.LastUsed = at, at.Add(time.Second)
	found(w, "a", a)(w.store.Token(w.Context(), w.admin.ID, a.ID))
	found(w, "b", b)(w.store.Token(w.Context(), w.admin.ID, b.ID))
}

func paths(w *world) {
	g := w.grove()
	loose := w.account(nil, "loose")
	os, as, err := w.store.Paths(w.Context(), []id.Organization{g.leaf.ID, g.a.ID, "nothing"}, []id.Account{g.inLeaf.ID, loose.ID, "nothing"})
	found(w, "organizations", map[id.Organization][]id.Organization{g.leaf.ID: g.leaf.Path, g.a.ID: g.a.Path})(os, err)
	found(w, "accounts", map[id.Account][]id.Organization{g.inLeaf.ID: g.leaf.Path, loose.ID: nil})(as, err)
	os, as, err = w.store.Paths(w.Context(), nil, nil)
	found(w, "no organizations", map[id.Organization][]id.Organization{})(os, err)
	found(w, "no accounts", map[id.Account][]id.Organization{})(as, err)
}
