package fsck

import (
	"context"
	"time"

	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
)

// readSettings checks that logs are kept for as long as one can ask for.
func (c *checker) readSettings(ctx context.Context, in Inspector) error {
	return in.InspectSettings(ctx, func(log id.Log, s org.AuditSettings, updated time.Time) error {
		c.changed[thing{"audit_settings", string(log)}] = &object{updated: updated}
		if s.RetentionMonths < org.LeastRetention || s.RetentionMonths > org.MostRetention {
			return c.violate(Retention, "log", string(log), "it is kept for %d months", s.RetentionMonths)
		}
		return nil
	})
}

// checkErasures checks that an erasure that is complete has forgotten whom it
// was about, and that any other goes on.
func (c *checker) checkErasures(ctx context.Context, in Inspector) error {
	return in.InspectErasures(ctx, func(e org.Erasure) error {
		complete := e.State == org.ErasureComplete
		switch {
		case !complete && e.State != org.ErasureRunning && e.State != org.ErasureSettling && e.State != org.ErasureHeld:
			return c.violate(Erasure, "user", string(e.User), "its erasure has the state %q", e.State)
		case complete == e.Completed.IsZero():
			return c.violate(Erasure, "user", string(e.User), "its erasure is %s, and was completed at %s", e.State, stamp(e.Completed))
		case complete && e.Email != "":
			return c.violate(Erasure, "user", string(e.User), "its erasure is complete, and its address is still there")
		case e.Records < 0 || e.Seq < 0:
			return c.violate(Erasure, "user", string(e.User), "its erasure has come to record %d after %d of them", e.Seq, e.Records)
		}
		return nil
	})
}
