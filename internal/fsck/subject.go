package fsck

import (
	"context"
	"slices"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/id"
)

// checkSubjects wants everybody whose personal data is in a record to be kept
// as somebody whom it describes, or an erasure would not find it.
func (c *checker) checkSubjects(ctx context.Context, in Inspector) error {
	return in.InspectSubjects(ctx, func(r *audit.Record, kept []id.User) error {
		for _, u := range r.Described() {
			if !slices.Contains(kept, u) {
				return c.violate(Subject, "log", string(r.Log), "its record %d is not kept as about %s, whom it describes", r.Seq, u)
			}
		}
		return nil
	})
}
