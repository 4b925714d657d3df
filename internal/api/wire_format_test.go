package api_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/orgd/orgd/internal/audit"
)

// unlisted are the headers that the harness demands of every answer itself.
var unlisted = []string{"Cf-Ray", "Cache-Control", "Content-Length", "Content-Type", "Date"}

func formatResponse(status int, header http.Header, body []byte) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d\n", status)
	for _, name := range slices.Sorted(maps.Keys(header)) {
		if slices.Contains(unlisted, name) {
			continue
		}
		fmt.Fprintf(&b, "%s: %s\n", name, strings.Join(header[name], ", "))
	}
	if len(body) > 0 {
		fmt.Fprintf(&b, "\n%s\n", body)
	}
	return b.String()
}

func (r *runner) formatRecord(rec *audit.Record) string {
	r.t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "%s #%d %s (%s): %s, %d\n", rec.Log, rec.Seq, rec.Action.Description, rec.Action.Type, rec.Result, rec.Raw.Status)
	if rec.Source != "" {
		fmt.Fprintf(&b, "pushed: %s, source %q %q, occurred %s, the actor is %q\n", rec.ID, rec.Source, rec.SourceID, rec.Occurred.Format(time.RFC3339Nano), rec.Actor.Subject)
	}
	fmt.Fprintf(&b, "actor: %s %s %s, %s", rec.Actor.Type, rec.Actor.ID, rec.Actor.Email, rec.Actor.Context)
	if rec.Actor.TokenID != "" {
		fmt.Fprintf(&b, " %s %q", rec.Actor.TokenID, rec.Actor.TokenName)
	}
	fmt.Fprintf(&b, ", %s, %s\n", rec.Actor.IP, rec.Raw.UserAgent)
	fmt.Fprintf(&b, "uri: %s %s\n", rec.Raw.Method, rec.Raw.URI)
	fmt.Fprintf(&b, "resource: %s %s, %s, %s", rec.Resource.Type, rec.Resource.ID, rec.Resource.Product, rec.Resource.Scope)
	if rec.Account != "" {
		fmt.Fprintf(&b, ", account %s", rec.Account)
	}
	b.WriteString("\n")
	for _, body := range []struct {
		name string
		json []byte
	}{
		{"request", rec.Resource.Request},
		{"response", rec.Resource.Response},
		{"before", rec.Resource.Before},
		{"after", rec.Resource.After},
	} {
		restored, err := audit.Restore(body.json, rec.Personal)
		if err != nil {
			r.t.Fatalf("record %d of %s: %v", rec.Seq, rec.Log, err)
		}
		if len(restored) > 0 {
			fmt.Fprintf(&b, "%s: %s\n", body.name, restored)
		}
	}
	return b.String()
}
