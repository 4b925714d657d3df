package fsck

import (
	"context"
	"fmt"

	"github.com/orgd/orgd/internal/usage"
)

// checkUsage holds what lines of usage count against the events and keys that
// are kept.
func (c *checker) checkUsage(ctx context.Context, in Inspector) error {
	err := in.InspectUsage(ctx, func(l usage.Line, counted, there int64) error {
		if counted == there {
			return nil
		}
		return c.violate(Counted, "usage", lineName(&l), "it counts %d events, and there are %d", counted, there)
	})
	if err != nil {
		return err
	}
	err = in.InspectUsageKeys(ctx, func(l usage.Line, counted, there int64) error {
		if counted == there {
			return nil
		}
		return c.violate(Counted, "usage", lineName(&l), "it counts %d different keys, and there are %d", counted, there)
	})
	if err != nil {
		return err
	}
	return in.InspectUsageWithoutPeriod(ctx, func(l usage.Line) error {
		return c.violate(Period, "usage", lineName(&l), "there is no billing period that it lies in")
	})
}

func lineName(l *usage.Line) string {
	return fmt.Sprintf("of %s, %s, %s, zone %q, region %q", l.Account, l.Metric, l.Day, l.Zone, l.Region)
}
