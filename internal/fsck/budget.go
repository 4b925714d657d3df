package fsck

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
)

// budget is what is kept of a budget.
type budget struct {
	revision int64
	webhook  bool
	crossed  []time.Time // when its thresholds were
	records  int         // of crossing them
}

// readBudgets checks that what was crossed of a budget can have been, and that
// what waits has somewhere to go.
func (c *checker) readBudgets(ctx context.Context, in Inspector) error {
	err := in.InspectBudgets(ctx, func(b org.Budget) error {
		c.budgets[b.ID] = &budget{revision: b.Revision, webhook: b.Webhook != ""}
		o := newObject(b.Created, b.Updated, time.Time{})
		c.kept[thing{"budget", string(b.ID)}] = &o
		return nil
	})
	if err != nil {
		return err
	}
	return in.InspectCrossings(ctx, func(x org.Crossing) error {
		b := c.budgets[x.Budget]
		if b == nil {
			return c.violate(Budget, "crossing", string(x.ID), "its budget %s is absent", x.Budget)
		}
		b.crossed = append(b.crossed, x.At)
		if x.Revision > b.revision {
			return c.violate(Budget, "crossing", string(x.ID), "it is of terms %d, its budget has come to %d", x.Revision, b.revision)
		}
		if x.Delivery.State == org.NoticeWaiting && !b.webhook {
			return c.violate(Budget, "crossing", string(x.ID), "its notice waits for a webhook that is not there")
		}
		return nil
	})
}

// noteCrossing counts a record of a crossing. Those of a budget that was
// deleted have nothing to be compared with.
func (c *checker) noteCrossing(b id.Budget) {
	if b := c.budgets[b]; b != nil {
		b.records++
	}
}

// checkCrossings holds crossings against their records: there is one of each,
// as far as it can still be there.
func (c *checker) checkCrossings(context.Context, Inspector) error {
	for _, key := range slices.Sorted(maps.Keys(c.budgets)) {
		b := c.budgets[key]
		recorded := 0 // at least
		for _, at := range b.crossed {
			if at.After(c.expired) {
				recorded++
			}
		}
		var err error
		switch {
		case b.records < recorded:
			err = c.violate(NoRecord, "budget", string(key), "it was crossed %d times, and there are %d records", recorded, b.records)
		case b.records > len(b.crossed):
			err = c.violate(NoChange, "budget", string(key), "there are %d records of crossing it, and it was crossed %d times", b.records, len(b.crossed))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
