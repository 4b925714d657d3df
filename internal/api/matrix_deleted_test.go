package api_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/orgd/orgd/internal/api"
	"github.com/orgd/orgd/internal/engine/enginetest"
)

// books are the routes that go on to work for a deleted account.
var books = []string{
	"GET /orgd/v1/accounts/{account_id}/usage/watermark",
	"GET /orgd/v1/accounts/{account_id}/billing_periods",
	"POST /orgd/v1/accounts/{account_id}/billing_periods/{start}/close",
	"GET /orgd/v1/accounts/{account_id}/restatements",
	"GET /orgd/v1/accounts/{account_id}/charges",
	"POST /orgd/v1/accounts/{account_id}/charges",
	"DELETE /orgd/v1/accounts/{account_id}/charges/{charge_id}",
}

// TestDeletedAccountIsGone asks every route that names an account for a deleted
// one, as somebody who has every right above it: it is there in its books, and
// everywhere else the answer is that to an unknown identifier.
func TestDeletedAccountIsGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, enginetest.All(t)[0].Open(t))
	w.plant(t)
	asked := 0
	for _, r := range api.RouteTable() {
		for _, m := range matrix[r.Name()] {
			if !strings.Contains(m.target+m.body, "$AT") {
				continue
			}
			asked++
			ask := func(account string) answer {
				own := map[string]string{"AT": account}
				all := func(string) bool { return false }
				return w.send(w.founder, r.Method, w.expand(m.target, own, all), w.expand(m.body, own, all), m.header...)
			}
			got, nothing := ask(w.ids["AD"]), ask(unknown)
			if nothing.status != 404 {
				t.Errorf("%s (%s): an unknown account is answered with %d %s", r.Name(), m.title, nothing.status, nothing.body)
			}
			if same := differ(got, nothing) == ""; same == slices.Contains(books, r.Name()) {
				t.Errorf("%s (%s): a deleted account is answered with %d %s", r.Name(), m.title, got.status, got.body)
			}
		}
	}
	if asked < len(books) {
		t.Errorf("%d requests name an account", asked)
	}
}
