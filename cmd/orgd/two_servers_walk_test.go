package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/orgd/orgd/internal/engine/enginetest"
)

// walked is how many records the log has that two servers are asked for.
const walked = 10_000

// TestTwoServersWalkALog reads ten thousand records in pages of a hundred, as
// the official clients do, each page from another of two servers on one
// PostgreSQL database, while four clients write through both.
func TestTwoServersWalkALog(t *testing.T) {
	t.Parallel()
	program := binary(t)
	store := enginetest.All(t)[1].URL(t)
	token := prepared(t, program, store)
	var clients []*client
	for range 2 {
		p := start(t, program, "serve", "--store", store, "--rate-limit", "0")
		clients = append(clients, newClient(p.BaseURL, token))
	}
	root := clients[0].must(t, "POST", "/organizations", named("Root")).id()
	below := clients[0].must(t, "POST", "/organizations", with(named("Below"), "parent", identified(root))).id()
	pushRecords(t, clients, root, below)
	for _, query := range []string{"direction=desc", "direction=asc", "direction=desc&include_descendants=true", "direction=asc&include_descendants=true"} {
		stop := make(chan struct{})
		var writers sync.WaitGroup
		for i := range 4 {
			writers.Go(func() { keepRenaming(t, clients[i%2], []string{root, below}[i/2], stop) })
		}
		begin := time.Now()
		seen := walkLog(t, clients, root, query)
		t.Logf("%s: %v in %s", query, seen, time.Since(begin))
		close(stop)
		writers.Wait()
		checkWalked(t, query, seen, root, below)
	}
}

// checkWalked wants every record that was pushed into the log, or into both.
func checkWalked(t *testing.T, query string, seen map[string]int, root, below string) {
	t.Helper()
	want := map[string]int{root: walked / 2}
	if strings.Contains(query, "include_descendants") {
		want[below] = walked / 2
	}
	if !maps.Equal(seen, want) {
		t.Errorf("%s: got %v, want %v", query, seen, want)
	}
}

// pushRecords adds half of the records to each of two logs.
func pushRecords(t *testing.T, clients []*client, root, below string) {
	t.Helper()
	at := time.Now().UTC().Format(time.RFC3339)
	for n := 0; n < walked; n += 1000 {
		batch := make([]map[string]any, 1000)
		for i := range batch {
			batch[i] = map[string]any{
				"id": fmt.Sprint("walk-", n+i), "source": "test", "time": at,
				"action": map[string]any{"type": "update", "result": "success"}, "actor": map[string]any{"type": "external_system"},
			}
		}
		own := *clients[n/1000/2%2]
		own.base = strings.TrimSuffix(own.base, "/client/v4") + "/orgd/v1"
		own.must(t, "POST", "/organizations/"+[]string{root, below}[n/1000%2]+"/audit", batch)
	}
}

func keepRenaming(t *testing.T, c *client, organization string, stop <-chan struct{}) {
	for i := 0; ; i++ {
		select {
		case <-stop:
			return
		case <-time.After(5 * time.Millisecond):
		}
		if r, err := c.call(t.Context(), "PUT", "/organizations/"+organization, named(fmt.Sprint("Renamed ", i))); err != nil || !r.ok() {
			t.Errorf("rename: %v, %v", r, err)
			return
		}
	}
}

// walkLog follows cursors.after until there is none, from server to server,
// and counts the pushed records of each log. No record may come twice.
func walkLog(t *testing.T, clients []*client, organization, query string) map[string]int {
	t.Helper()
	now := time.Now().UTC()
	query += "&limit=100&since=" + now.AddDate(0, 0, -1).Format(time.DateOnly) + "&before=" + now.AddDate(0, 0, 2).Format(time.DateOnly)
	counts, seen := make(map[string]int), make(map[string]bool)
	cursor := ""
	for page := 0; ; page++ {
		r := clients[page%2].must(t, "GET", "/organizations/"+organization+"/logs/audit?"+query+"&cursor="+url.QueryEscape(cursor), nil)
		var answer struct {
			Result []struct {
				ID, Source   string
				Organization struct{ ID string }
			}
			Info struct{ Cursors struct{ After string } } `json:"result_info"`
		}
		if err := json.Unmarshal([]byte(r.Text), &answer); err != nil {
			t.Fatal(err)
		}
		for _, rec := range answer.Result {
			if seen[rec.ID] {
				t.Fatalf("%s: record %s comes twice", query, rec.ID)
			}
			seen[rec.ID] = true
			if rec.Source != "" {
				counts[rec.Organization.ID]++
			}
		}
		if cursor = answer.Info.Cursors.After; cursor == "" {
			return counts
		}
	}
}
