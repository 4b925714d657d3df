package fsck

import (
	"context"

	"github.com/orgd/orgd/internal/id"
)

// checkJournal wants the journal to have the records of each log without a
// gap, from the first that is kept up to one that there is. It may be behind
// the log: it is completed when somebody reads. That ticks grow with numbers
// is part of it, because entries come in the order of their ticks.
func (c *checker) checkJournal(ctx context.Context, in Inspector) error {
	var log id.Log
	var end int64
	return in.InspectJournal(ctx, func(of id.Log, tick, first, last int64) error {
		bad := func(format string, args ...any) error {
			return c.violate(Journal, "log", string(of), format, args...)
		}
		begins, before := of != log, end
		log, end = of, last
		head, known := c.heads[of]
		switch {
		case !known:
			return bad("the journal has it at tick %d, but it has no head", tick)
		case begins && first > head.first:
			return bad("the journal begins with record %d, the log with %d", first, head.first)
		case !begins && first != before+1:
			return bad("the journal goes on with record %d after %d at tick %d", first, before, tick)
		case first < 1 || last < first:
			return bad("the journal has its records %d to %d at tick %d", first, last, tick)
		case last > head.seq:
			return bad("the journal has its records up to %d, its head is %d", last, head.seq)
		}
		return nil
	})
}
