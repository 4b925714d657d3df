package fsck

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/orgd/orgd/internal/audit"
)

// thing names an object by the type of resource that its records have.
type thing struct{ kind, id string }

func compareThings(a, b thing) int {
	return cmp.Or(strings.Compare(a.kind, b.kind), strings.Compare(a.id, b.id))
}

// noteKept tells a stream, a budget or a charge about a record. The row of one
// that was deleted is gone, and its records may come in any order, because
// they may be in several logs.
func (c *checker) noteKept(r *audit.Record) {
	key := thing{r.Action.Resource, r.Resource.ID}
	// What is deleted and leaves something has ended, and goes on to be there.
	deleted := r.Action.Type == audit.Delete && r.Resource.After == nil
	o := c.kept[key]
	switch {
	case o != nil && deleted:
		o.deletes++
	case o != nil && r.Action.Type == audit.Delete:
	case o != nil:
		o.note(r)
	case deleted:
		c.gone[key] = nil
	default:
		if _, ended := c.gone[key]; !ended {
			c.gone[key] = &audit.Record{Log: r.Log, Seq: r.Seq, Time: r.Time}
		}
	}
}

// checkKept holds streams, budgets and charges against their records.
func (c *checker) checkKept(context.Context, Inspector) error {
	for _, key := range slices.SortedFunc(maps.Keys(c.kept), compareThings) {
		if err := c.checkObject(key.kind, key.id, c.kept[key], 0); err != nil {
			return err
		}
	}
	for _, key := range slices.SortedFunc(maps.Keys(c.gone), compareThings) {
		r := c.gone[key]
		if r == nil || !r.Time.After(c.expired) {
			continue
		}
		if err := c.violate(NoChange, "log", string(r.Log), "record %d is about %s %q, which is absent", r.Seq, key.kind, key.id); err != nil {
			return err
		}
	}
	return nil
}

// readProfiles notes when profiles were put. One that is removed leaves none.
func (c *checker) readProfiles(ctx context.Context, in Inspector) error {
	return in.InspectProfiles(ctx, func(owner string, updated time.Time) error {
		c.changed[thing{"profile", owner}] = &object{updated: updated}
		return nil
	})
}

// noteChanged tells a profile or settings about a record.
func (c *checker) noteChanged(kind string, r *audit.Record) {
	if o := c.changed[thing{kind, r.Resource.ID}]; o != nil {
		o.note(r)
	}
}

// checkChanged wants a record of the last change of each.
func (c *checker) checkChanged(context.Context, Inspector) error {
	for _, key := range slices.SortedFunc(maps.Keys(c.changed), compareThings) {
		o := c.changed[key]
		if o.updateRecorded || !o.updated.After(c.expired) {
			continue
		}
		if err := c.violate(NoRecord, key.kind, key.id, "no record of its change at %s", stamp(o.updated)); err != nil {
			return err
		}
	}
	return nil
}
