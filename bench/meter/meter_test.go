package meter

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/orgd/orgd/internal/usage/pricelist"
)

func TestPriceListIsOne(t *testing.T) {
	list, err := pricelist.Read(strings.NewReader(PriceList()))
	if err != nil {
		t.Fatal(err)
	}
	if got := len(list.Catalogue.Metrics); got != Metrics {
		t.Errorf("%d metrics, want %d", got, Metrics)
	}
	if got := len(list.Books[0].Prices); got != Metrics {
		t.Errorf("%d prices, want %d", got, Metrics)
	}
}

// Every event of a batch but the last ten is new, and the rows are those of the new ones.
func TestBatchesRepeatAFew(t *testing.T) {
	b := NewBatches(NewSource([]string{"a", "b"}), "/meters/test", 3, 100, time.Unix(1_800_000_000, 0).UTC())
	seen := map[string]bool{}
	for n := range 2*back + 3 {
		var events []struct{ ID string }
		if err := json.Unmarshal(b.AppendBody(nil, n), &events); err != nil {
			t.Fatal(err)
		}
		var fresh []string
		for _, e := range events {
			if !seen[e.ID] {
				seen[e.ID] = true
				fresh = append(fresh, e.ID)
			}
		}
		if len(events) != 100 || len(fresh) != b.New(n) {
			t.Fatalf("batch %d has %d events, %d of them new, want 100 and %d", n, len(events), len(fresh), b.New(n))
		}
		var rows []string
		for line := range bytes.Lines(b.AppendRows(nil, n)) {
			rows = append(rows, strings.Split(string(line), "\t")[1])
		}
		if strings.Join(rows, " ") != strings.Join(fresh, " ") {
			t.Errorf("batch %d has the rows %v, want those of %v", n, rows, fresh)
		}
	}
}
