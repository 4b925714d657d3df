package fsck

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
)

// organization is what is kept of an organization.
type organization struct {
	object
	parent    id.Organization
	path      []id.Organization
	pairs     int   // of the closure, in which it is the descendant
	below     int64 // live organizations below it
	accounts  int64 // live accounts in its subtree
	superiors int   // active super administrators
	restores  int   // records of restoring it
}

// account is what is kept of an account.
type account struct {
	object
	organization id.Organization
	detached     bool // a record says that it left its organization
}

func (c *checker) readOrganizations(ctx context.Context, in Inspector) error {
	return in.InspectOrganizations(ctx, func(o org.Organization, depth int) error {
		c.organizations[o.ID] = &organization{
			object: newObject(o.Created, o.Updated, o.Deleted), parent: o.Parent, path: o.Path,
		}
		if depth != len(o.Path)-1 {
			return c.violate(Depth, "organization", string(o.ID), "the depth is %d, the path has %d", depth, len(o.Path)-1)
		}
		return nil
	})
}

// checkTree checks parents, paths and depths of what is live. A deleted
// organization keeps the path it had; nothing depends on it.
func (c *checker) checkTree(context.Context, Inspector) error {
	for _, key := range slices.Sorted(maps.Keys(c.organizations)) {
		o := c.organizations[key]
		if !o.live() {
			continue
		}
		if err := c.checkPlace(key, o); err != nil {
			return err
		}
		if c.Options.Depth > 0 && len(o.path)-1 > c.Options.Depth {
			if err := c.violate(Depth, "organization", string(key), "it lies %d levels below its root, %d are allowed", len(o.path)-1, c.Options.Depth); err != nil {
				return err
			}
		}
		for _, above := range o.path[:max(0, len(o.path)-1)] {
			if a := c.organizations[above]; a != nil {
				a.below++
			}
		}
	}
	return nil
}

func (c *checker) checkPlace(key id.Organization, o *organization) error {
	if c.inCycle(key) {
		return c.violate(Cycle, "organization", string(key), "it lies below itself")
	}
	var want []id.Organization
	if o.parent != "" {
		p := c.organizations[o.parent]
		if p == nil || !p.live() {
			return c.violate(Orphan, "organization", string(key), "its parent %s is deleted or absent", o.parent)
		}
		want = p.path
	}
	if !slices.Equal(o.path, append(slices.Clone(want), key)) {
		return c.violate(Path, "organization", string(key), "its path %v does not follow from that of its parent", o.path)
	}
	return nil
}

// inCycle follows the parents; more of them than organizations is a cycle.
func (c *checker) inCycle(key id.Organization) bool {
	steps := 0
	for o := c.organizations[key]; o != nil && o.parent != ""; o = c.organizations[o.parent] {
		if steps++; o.parent == key || steps > len(c.organizations) {
			return true
		}
	}
	return false
}

func (c *checker) checkClosure(ctx context.Context, in Inspector) error {
	err := in.InspectClosure(ctx, func(ancestor, descendant id.Organization, created time.Time) error {
		d := c.organizations[descendant]
		if d == nil || !d.live() {
			return c.violate(Closure, "organization", string(descendant), "it is deleted or absent, but stands below %s", ancestor)
		}
		d.pairs++
		switch {
		case !slices.Contains(d.path, ancestor):
			return c.violate(Closure, "organization", string(descendant), "it stands below %s, which is not on its path", ancestor)
		case !created.Equal(d.created):
			return c.violate(Closure, "organization", string(descendant), "below %s it was created at another time", ancestor)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(c.organizations)) {
		if o := c.organizations[key]; o.live() && o.pairs != len(o.path) {
			if err := c.violate(Closure, "organization", string(key), "it stands below %d organizations, counting itself; the path has %d", o.pairs, len(o.path)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *checker) readAccounts(ctx context.Context, in Inspector) error {
	return in.InspectAccounts(ctx, func(a org.Account, root id.Organization) error {
		c.accounts[a.ID] = &account{object: newObject(a.Created, a.Updated, a.Deleted), organization: a.Organization}
		if !a.Deleted.IsZero() {
			return nil
		}
		want := id.Organization("")
		if a.Organization != "" {
			o := c.organizations[a.Organization]
			if o == nil || !o.live() || len(o.path) == 0 {
				return c.violate(Orphan, "account", string(a.ID), "its organization %s is deleted or absent", a.Organization)
			}
			for _, above := range o.path {
				if p := c.organizations[above]; p != nil {
					p.accounts++
				}
			}
			want = o.path[0]
		}
		if root != want {
			return c.violate(Root, "account", string(a.ID), "its root is %q, that of its organization %q", root, want)
		}
		return nil
	})
}

func (c *checker) checkCounts(ctx context.Context, in Inspector) error {
	counted := make(map[id.Organization]bool)
	err := in.InspectCounts(ctx, func(key id.Organization, organizations, accounts int64) error {
		counted[key] = true
		o := c.organizations[key]
		if o == nil {
			return c.violate(Count, "organization", string(key), "it has counters, but is absent")
		}
		return c.checkCount(key, o, organizations, accounts)
	})
	if err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(c.organizations)) {
		o := c.organizations[key]
		if !counted[key] {
			if err := c.checkCount(key, o, 0, 0); err != nil {
				return err
			}
		}
		if o.parent == "" && c.Accounts > 0 && o.accounts > c.Accounts {
			if err := c.violate(Limit, "organization", string(key), "its tree has %d accounts, %d are allowed", o.accounts, c.Accounts); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *checker) checkCount(key id.Organization, o *organization, organizations, accounts int64) error {
	if organizations == o.below && accounts == o.accounts {
		return nil
	}
	return c.violate(Count, "organization", string(key), "%d organizations and %d accounts are counted, there are %d and %d",
		organizations, accounts, o.below, o.accounts)
}
