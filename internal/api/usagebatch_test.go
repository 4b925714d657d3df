package api_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
	"testing"

	"github.com/orgd/orgd/internal/engine/enginetest"
)

// TestUsageBatch sends as many events as a batch may have, and one more.
func TestUsageBatch(t *testing.T) {
	t.Parallel()
	for _, e := range enginetest.All(t) {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, e.Open(t))
			account := w.send(w.founder, "POST", "/client/v4/accounts", `{"name":"Shop"}`).at(t, "id")
			w.send(w.admin, "POST", own+"/usage/price_lists",
				`{"yaml":"catalogue:\n  version: v1\n  metrics: [{id: m, name: M, unit: U, aggregation: sum, service: {name: S, category: Other}}]"}`).at(t, "metrics")
			batch := func(name string, n int) string {
				var b strings.Builder
				for i := range n {
					fmt.Fprintf(&b, `,{"specversion":"1.0","type":"t","source":"/m","id":"%s%d","time":"2026-02-01T10:00:00Z","data":{"account_id":%q,"metric":"m","quantity":0.1}}`, name, i, account)
				}
				return "[" + b.String()[1:] + "]"
			}
			const media = "application/cloudevents-batch+json"
			a := w.send(w.founder, "POST", own+"/usage/events", batch("a", 10_001), "Content-Type", media)
			if want := `{"success":false,"errors":[{"code":1001,"message":"The body: a batch has at most 10000 events","source":{"pointer":"/"}}],"messages":[],"result":null}`; a.status != 400 || a.body != want {
				t.Errorf("10,001 events: %d %.300s", a.status, a.body)
			}
			if a := w.send(w.founder, "GET", own+"/usage/receipts/%2Fm/a0", ""); a.status != 404 {
				t.Errorf("an event of the batch that was refused: %d %s", a.status, a.body)
			}
			var compressed bytes.Buffer
			z := gzip.NewWriter(&compressed)
			_, _ = z.Write([]byte(batch("b", 10_000))) // to a buffer
			_ = z.Close()
			a = w.send(w.founder, "POST", own+"/usage/events", compressed.String(), "Content-Type", media, "Content-Encoding", "gzip")
			if counted := a.at(t, "counted"); counted != "10000" || a.at(t, "receipts.9999.id") != "b9999" {
				t.Errorf("of 10,000 events %s were counted", counted)
			}
			a = w.send(w.founder, "GET", "/client/v4/accounts/"+account+"/billable/usage?from=2026-02-01&to=2026-02-01", "")
			if !strings.Contains(a.body, `"ConsumedQuantity":1000,`) {
				t.Errorf("they come to %s", a.body)
			}
		})
	}
}
