package tlog_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/client"
	"golang.org/x/mod/sumdb/note"

	"github.com/orgd/orgd/compat/live"
)

// call sends a request to /client/v4 and returns the identifier in its result.
func call(t *testing.T, s *live.Server, method, path, body string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.BaseURL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.Token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct{ Result struct{ ID string } }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %d, %v", method, path, resp.StatusCode, err)
	}
	return answer.Result.ID
}

// TestTesseraClient lets the client of Tessera follow a log of more than one
// tile: it checks checkpoints, tiles, entries and proofs by itself.
func TestTesseraClient(t *testing.T) {
	ctx := t.Context()
	s, err := live.Open()
	if err != nil {
		t.Fatal(err)
	}
	o := call(t, s, http.MethodPost, "/organizations", `{"name":"tlog `+live.Unique()+`"}`)
	grow := func(n int) {
		for i := range n {
			call(t, s, http.MethodPut, "/organizations/"+o, fmt.Sprintf(`{"name":"name %d"}`, i))
		}
	}
	grow(40)
	var known struct {
		Origin      string `json:"origin"`
		VerifierKey string `json:"verifier_key"`
	}
	if err := s.Call(ctx, http.MethodGet, "/organizations/"+o+"/audit/proofs", nil, &known); err != nil {
		t.Fatal(err)
	}
	v, err := note.NewVerifier(known.VerifierKey)
	if err != nil {
		t.Fatal(err)
	}
	root, err := url.Parse(s.Origin() + "/orgd/v1/organizations/" + o + "/audit/tlog/")
	if err != nil {
		t.Fatal(err)
	}
	f, err := client.NewHTTPFetcher(root, nil)
	if err != nil {
		t.Fatal(err)
	}
	f.SetAuthorizationHeader("Bearer " + s.Token)
	tracker, err := client.NewLogStateTracker(ctx, f.ReadTile, nil, v, known.Origin, client.UnilateralConsensus(f.ReadCheckpoint))
	if err != nil {
		t.Fatal(err)
	}
	if size := tracker.Latest().Size; size != 41 {
		t.Errorf("the first checkpoint is of %d records, want 41", size)
	}
	grow(300)
	if _, _, _, err := tracker.Update(ctx); err != nil { // checks that one begins with the other
		t.Fatalf("follow the log: %v", err)
	}
	now := tracker.Latest()
	if now.Size != 341 {
		t.Fatalf("the second checkpoint is of %d records, want 341", now.Size)
	}
	checkEntries(ctx, t, f, now.Size, now.Hash)
}

// checkEntries proves that every entry is in the tree.
func checkEntries(ctx context.Context, t *testing.T, f *client.HTTPFetcher, size uint64, root []byte) {
	t.Helper()
	builder, err := client.NewProofBuilder(ctx, size, f.ReadTile)
	if err != nil {
		t.Fatal(err)
	}
	leaves, err := client.FetchLeafHashes(ctx, f.ReadTile, 0, size, size)
	if err != nil {
		t.Fatal(err)
	}
	n := uint64(0)
	for i := range (size + 255) / 256 {
		bundle, err := client.GetEntryBundle(ctx, f.ReadEntryBundle, i, size)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range bundle.Entries {
			leaf := rfc6962.DefaultHasher.HashLeaf(entry)
			if !bytes.Equal(leaf, leaves[n]) {
				t.Fatalf("entry %d is not the one in its tile: %s", n, entry)
			}
			p, err := builder.InclusionProof(ctx, n)
			if err != nil {
				t.Fatal(err)
			}
			if err := proof.VerifyInclusion(rfc6962.DefaultHasher, n, size, leaf, p, root); err != nil {
				t.Errorf("entry %d: %v", n, err)
			}
			var record struct{ Seq uint64 }
			if err := json.Unmarshal(entry, &record); err != nil || record.Seq != n+1 {
				t.Errorf("entry %d is %s, %v", n, entry, err)
			}
			n++
		}
	}
	if n != size {
		t.Errorf("there are %d entries, want %d", n, size)
	}
}
