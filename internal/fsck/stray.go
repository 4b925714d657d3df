package fsck

import (
	"context"

	"github.com/orgd/orgd/internal/id"
)

// checkStrays wants everything that a row names to be there. What closed
// billing periods cost cannot be told without their prices.
func (c *checker) checkStrays(ctx context.Context, in Inspector) error {
	return in.InspectStrays(ctx, func(kind, key, what, name string) error {
		if what == "price book" || what == "catalogue" {
			c.unpriced[id.Account(key)] = true
		}
		return c.violate(Reference, kind, key, "the %s %s that it names is absent", what, name)
	})
}
