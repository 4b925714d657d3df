package fsck

import (
	"context"
	"time"

	"github.com/orgd/orgd/internal/org"
)

// longestLease is many times what anything is held for.
const longestLease = time.Hour

// readStreams checks that streams have come no further than their logs.
func (c *checker) readStreams(ctx context.Context, in Inspector) error {
	return in.InspectStreams(ctx, func(st org.Stream) error {
		o := newObject(st.Created, st.Updated, time.Time{})
		c.kept[thing{"audit_stream", string(st.ID)}] = &o
		bad := func(format string, args ...any) error {
			return c.violate(Stream, "stream", string(st.ID), format, args...)
		}
		d := &st.Delivery
		switch {
		case d.Delivered < 0 || d.Delivered > d.Head:
			return bad("it has delivered up to record %d of %d", d.Delivered, d.Head)
		case d.Batch < d.Delivered || d.Batch > d.Head:
			return bad("its batch ends with record %d, behind %d of %d", d.Batch, d.Delivered, d.Head)
		case d.Expired < 0 || d.Failures < 0:
			return bad("it counts %d failures and %d expired records", d.Failures, d.Expired)
		case st.Version < 1:
			return bad("it has the version %d", st.Version)
		}
		return nil
	})
}

// checkLeases wants what is held to be held by somebody, and not for ever.
func (c *checker) checkLeases(ctx context.Context, in Inspector) error {
	return in.InspectLeases(ctx, func(kind, key string, l org.Lease) error {
		switch {
		case kind == "paused stream":
			return c.violate(Lease, kind, key, "%q holds it until %s", l.Holder, stamp(l.End))
		case l.Holder == "":
			return c.violate(Lease, kind, key, "nobody holds it until %s", stamp(l.End))
		case !c.Now.IsZero() && l.End.After(c.Now.Add(longestLease)):
			return c.violate(Lease, kind, key, "%q holds it until %s, which is too long", l.Holder, stamp(l.End))
		}
		return nil
	})
}
