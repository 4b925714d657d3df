package org_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/orgd/orgd/internal/api"
	"github.com/orgd/orgd/internal/audit/export"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/proof"
)

// file returns the native export of a log, with its trailer and proof.
func (w *world) file(p *person, o id.Organization) string {
	w.t.Helper()
	e := must[org.AuditExport](w.t)(w.ExportAudit(w.t.Context(), p.request(), o, org.AuditRange{}))
	var out bytes.Buffer
	source := must[export.Source](w.t)(api.ExportSource(w.t.Context(), o, &org.AuditRange{}, &e))
	if err := export.Write(w.t.Context(), &out, export.Native, source); err != nil {
		w.t.Fatal(err)
	}
	return out.String()
}

// holds checks an export, against an older checkpoint if there is one, and
// returns its own checkpoint.
func (w *world) holds(what, file, old string) string {
	w.t.Helper()
	key := must[string](w.t)(w.Key.VerifierKey(w.Key.Name()))
	report, err := export.Verify(strings.NewReader(file), export.Options{Key: key, Old: old})
	if err != nil {
		w.t.Fatalf("%s: %v", what, err)
	}
	for _, f := range report.Findings {
		w.t.Errorf("%s: %s", what, f)
	}
	return report.Trailer.Checkpoint
}

// TestProofsOutliveErasureAndExpiry verifies exports from before and after
// both, each against the checkpoint before it.
func TestProofsOutliveErasureAndExpiry(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		w.Key = must[*proof.Key](t)(proof.ParseKey(testKey, ""))
		jane, ada, root := live(t, w)
		first := w.file(ada, root.ID)
		checkpoint := w.holds("before", first, "")
		if !strings.Contains(first, jane.user.Email) {
			t.Error("she is not in the export to begin with")
		}

		must[org.Erasure](t)(w.EraseUser(t.Context(), w.admin.request(), jane.user.ID))
		w.settle(jane.user.ID)
		second := w.file(ada, root.ID)
		w.holds("after the erasure", second, checkpoint)
		for _, text := range ofJane {
			if strings.Contains(second, text) {
				t.Errorf("%q is in the export after the erasure", text)
			}
		}

		w.clock.advance(600 * 24 * time.Hour)
		w.rename(ada, root.ID)
		w.expire()
		third := w.file(ada, root.ID)
		w.holds("after the expiry", third, "")
		if strings.Count(third, "\n") != 4 || !strings.Contains(third, `"expired":`) {
			t.Errorf("the export has more than what was kept:\n%s", third)
		}
		w.holds("the first, long after", first, "")
		w.holds("the second, long after, against the first", second, checkpoint)
	})
}
