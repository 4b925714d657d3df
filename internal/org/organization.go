package org

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/page"
)

// NewOrganization is what a new organization is made of.
type NewOrganization struct {
	Name    string
	Parent  id.Organization // empty for a root
	Profile *Profile
}

// CreateOrganization makes an organization. A root makes its creator the
// super administrator; a sub-organization needs organization.create on its
// parent.
func (s *Service) CreateOrganization(ctx context.Context, r Request, in NewOrganization) (Organization, error) {
	name, err := checkName("/name", in.Name)
	if err != nil {
		return Organization{}, err
	}
	if in.Profile != nil {
		if err := checkProfile("/profile", *in.Profile); err != nil {
			return Organization{}, err
		}
	}
	return mutate(ctx, s, r.below(in.Parent), func(ctx context.Context, c *change) (Organization, error) {
		o := Organization{ID: id.Organization(s.ids.New()), Name: name, Profile: in.Profile, Created: c.now, Updated: c.now}
		e := entry{action: audit.OrganizationCreate, log: id.Log(o.ID), resource: string(o.ID), made: true}
		if in.Parent != "" {
			e.log = id.Log(in.Parent)
		}
		if err := c.placeOrganization(ctx, &o, in.Parent, &e); err != nil {
			return Organization{}, err
		}
		return o, c.insertOrganization(ctx, o)
	})
}

// placeOrganization puts o below parent, or makes it a root, after checking
// permission and depth. The shape of the trees is held from here on.
func (c *change) placeOrganization(ctx context.Context, o *Organization, parent id.Organization, e *entry) error {
	if parent == "" {
		o.Path = []id.Organization{o.ID}
		e.after = o
		return c.requireOwn(auth.OrganizationCreate, *e)
	}
	if err := c.LockTree(ctx, false); err != nil {
		return err
	}
	p, err := c.visiblePlace(ctx, parent, "/parent/id", "parent organization")
	if err != nil {
		return err
	}
	o.Parent, o.ParentName = p.ID, p.Name
	o.Path = append(slices.Clone(p.Path), o.ID)
	e.after = o
	c.record(*e)
	if err := c.require(auth.OrganizationCreate, auth.OrganizationTarget(p.Path)); err != nil {
		return err
	}
	return checkDepth(c.s.Limits, p.Path, 0)
}

func (c *change) insertOrganization(ctx context.Context, o Organization) error {
	if err := c.InsertOrganization(ctx, o); err != nil {
		return err
	}
	if o.Profile != nil {
		if err := c.PutProfile(ctx, Owner{Organization: o.ID}, *o.Profile, true, c.now); err != nil {
			return err
		}
	}
	if o.Parent != "" || c.caller.User.ID == "" {
		return nil
	}
	c.rights = true
	return c.InsertMember(ctx, Member{
		ID: id.Member(c.s.ids.New()), Organization: o.ID, User: summary(c.caller.User),
		Role: auth.SuperAdministrator, Status: Active, Created: c.now, Updated: c.now,
	})
}

// visibleOrganization loads an organization that the caller may at least know
// by name; pointer and what word the refusal.
func (c *change) visibleOrganization(ctx context.Context, o id.Organization, pointer, what string) (Organization, error) {
	return visibleOrganization(ctx, c.Tx, c.caller, o, pointer, what)
}

// visiblePlace is visibleOrganization for something that is put into it.
func (c *change) visiblePlace(ctx context.Context, o id.Organization, pointer, what string) (Place, error) {
	absent := &fault.Error{Code: fault.NotFound, Message: what + " not found", Pointer: pointer}
	if !id.Valid(string(o)) {
		return Place{}, absent
	}
	p, err := c.Place(ctx, o)
	return p, unlessInvisible(c.caller, p.Path, err, absent)
}

func visibleOrganization(ctx context.Context, r OrganizationReader, caller *auth.Caller, o id.Organization, pointer, what string) (Organization, error) {
	absent := &fault.Error{Code: fault.NotFound, Message: what + " not found", Pointer: pointer}
	if !id.Valid(string(o)) {
		return Organization{}, absent
	}
	org, err := r.Organization(ctx, o)
	if err := unlessInvisible(caller, org.Path, err, absent); err != nil {
		return Organization{}, err
	}
	return org, nil
}

// unlessInvisible returns what is wrong with reading an organization: err, or
// absent when it is not there or the caller must not know of it.
func unlessInvisible(caller *auth.Caller, path []id.Organization, err, absent error) error {
	switch {
	case errors.Is(err, absent):
		return absent
	case err != nil:
		return err
	case caller.Credential.Context == auth.ContextSystem || reaches(caller, path):
		return nil
	}
	return absent
}

// reaches reports whether the caller may know of the organization: by a
// permission on it of any kind, or by its name.
func reaches(c *auth.Caller, path []id.Organization) bool {
	return c.Permissions(auth.OrganizationTarget(path)) != 0 || c.SeesName(path)
}

// Organization returns one organization. A caller who may see only its name
// gets NamesOnly.
func (s *Service) Organization(ctx context.Context, caller *auth.Caller, o id.Organization) (Organization, error) {
	if !id.Valid(string(o)) {
		return Organization{}, fault.ErrNotFound("organization")
	}
	org, err := s.Store.Organization(ctx, o)
	if err != nil {
		return Organization{}, err
	}
	if caller.Allows(auth.OrganizationRead, auth.OrganizationTarget(org.Path)) {
		return org, nil
	}
	if !reaches(caller, org.Path) {
		return Organization{}, fault.ErrNotFound("organization")
	}
	return nameOnly(org), nil
}

func nameOnly(o Organization) Organization {
	o.Profile, o.NamesOnly = nil, true
	return o
}

// OrganizationFilter selects organizations. Everything set must match.
type OrganizationFilter struct {
	IDs                    []id.Organization // nil: any
	Name                   TextFilter
	Parent                 ParentFilter
	ContainingAccount      id.Account
	ContainingOrganization id.Organization
	ContainingUser         id.User
}

// ListOrganizations returns a page of the organizations that the caller sees,
// in order of creation.
func (s *Service) ListOrganizations(ctx context.Context, caller *auth.Caller, f OrganizationFilter, p page.Request) (page.Page[Organization], error) {
	var out page.Page[Organization]
	err := s.Store.View(ctx, func(r Reader) error {
		ids, err := containing(ctx, r, caller, f)
		if err != nil {
			return err
		}
		out, err = r.ListOrganizations(ctx, OrganizationQuery{
			Scope: caller.Scope(auth.OrganizationRead), IDs: ids, Name: f.Name, Parent: f.Parent, Request: p,
		})
		return err
	})
	if err != nil {
		return page.Page[Organization]{}, err
	}
	for i, o := range out.Items {
		if !caller.Allows(auth.OrganizationRead, auth.OrganizationTarget(o.Path)) {
			out.Items[i] = nameOnly(o)
		}
	}
	return out, nil
}

// containing turns the containing.* filters into identifiers, together with
// the id filter; nil means any.
//
// Rule: containing.* is transitive upwards; an organization does not contain
// itself (decisions §3). What the caller cannot see is contained nowhere.
func containing(ctx context.Context, r Reader, caller *auth.Caller, f OrganizationFilter) ([]id.Organization, error) {
	ids := f.IDs
	if f.ContainingOrganization != "" {
		o, err := visibleOrganization(ctx, r, caller, f.ContainingOrganization, "", "organization")
		if err := unlessAbsent(err); err != nil {
			return nil, err
		}
		var above []id.Organization
		if len(o.Path) > 0 {
			above = o.Path[:len(o.Path)-1]
		}
		ids = narrow(ids, above)
	}
	if f.ContainingAccount != "" {
		a, err := visibleAccount(ctx, r, caller, f.ContainingAccount)
		if err := unlessAbsent(err); err != nil {
			return nil, err
		}
		ids = narrow(ids, a.Path)
	}
	if f.ContainingUser != "" {
		places, err := r.MemberPlaces(ctx, f.ContainingUser)
		if err != nil {
			return nil, err
		}
		ids = narrow(ids, visiblePlaces(caller, f.ContainingUser, places))
	}
	return ids, nil
}

// visiblePlaces returns the organizations on the paths of those places where
// the caller may know the members. Everybody knows where they are themselves.
func visiblePlaces(caller *auth.Caller, u id.User, places []MemberPlace) []id.Organization {
	var ids []id.Organization
	for _, p := range places {
		if u == caller.User.ID || caller.Allows(auth.MemberRead, auth.OrganizationTarget(p.Path)) {
			ids = append(ids, p.Path...)
		}
	}
	return ids
}

// narrow intersects ids (nil: any) with those allowed.
func narrow(ids, allowed []id.Organization) []id.Organization {
	out := []id.Organization{}
	for _, a := range allowed {
		if (ids == nil || slices.Contains(ids, a)) && !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out
}

func unlessAbsent(err error) error {
	if errors.Is(err, fault.New(fault.NotFound, "")) {
		return nil
	}
	return err
}

// OrganizationUpdate is a full update. Profile is left alone when nil and
// SetProfile is false, removed when nil and SetProfile is true. An empty
// Parent leaves the organization where it is.
type OrganizationUpdate struct {
	Name       string
	SetProfile bool
	Profile    *Profile
	Parent     id.Organization
}

// UpdateOrganization renames an organization, sets or removes its profile,
// and moves it with its whole subtree when Parent is another one. Renaming
// needs organization.update; moving needs organization.create on the parents
// on both sides (organization.delete on a root that is moved).
func (s *Service) UpdateOrganization(ctx context.Context, r Request, o id.Organization, in OrganizationUpdate) (Organization, error) {
	name, err := checkName("/name", in.Name)
	if err != nil {
		return Organization{}, err
	}
	if in.Profile != nil {
		if err := checkProfile("/profile", *in.Profile); err != nil {
			return Organization{}, err
		}
	}
	in.Name = name
	return mutate(ctx, s, r, func(ctx context.Context, c *change) (Organization, error) {
		old, err := c.lockOrganization(ctx, o, in.Parent)
		if err != nil {
			return Organization{}, err
		}
		updated, err := c.updateOrganization(ctx, old, in)
		if err != nil {
			return Organization{}, err
		}
		if in.Parent == "" || in.Parent == old.Parent {
			return updated, nil
		}
		if in.Name == old.Name && in.Profile == nil && !in.SetProfile {
			c.entries = nil // the records of the move say it all
		}
		return c.moveOrganization(ctx, updated, in.Parent)
	})
}

// lockOrganization holds an organization that is to be changed and returns
// it. The shape of the trees is held exclusively when parent is another one.
func (c *change) lockOrganization(ctx context.Context, o, parent id.Organization) (Organization, error) {
	exclusive := false
	if parent != "" {
		now, err := c.visibleOrganization(ctx, o, "", "organization")
		if err != nil {
			return Organization{}, err
		}
		exclusive = now.Parent != parent
	}
	if err := c.LockTree(ctx, exclusive); err != nil {
		return Organization{}, err
	}
	if err := c.Lock(ctx, "organization:"+string(o)); err != nil {
		return Organization{}, err
	}
	org, err := c.visibleOrganization(ctx, o, "", "organization")
	if err != nil || exclusive || parent == "" || org.Parent == parent {
		return org, err
	}
	// It was moved away since the first look, so this is a move after all.
	// Two who wait for each other here are told so by the store and run again.
	if err := c.LockTree(ctx, true); err != nil {
		return Organization{}, err
	}
	return c.visibleOrganization(ctx, o, "", "organization")
}

func (c *change) updateOrganization(ctx context.Context, old Organization, in OrganizationUpdate) (Organization, error) {
	e := c.record(entry{action: audit.OrganizationUpdate, log: id.Log(old.ID), resource: string(old.ID), before: old})
	if err := c.require(auth.OrganizationUpdate, auth.OrganizationTarget(old.Path)); err != nil {
		return Organization{}, err
	}
	if err := c.match(old); err != nil {
		return Organization{}, err
	}
	o := old
	o.Name, o.Updated = in.Name, c.now
	if err := c.RenameOrganization(ctx, o.ID, o.Name, c.now); err != nil {
		return Organization{}, err
	}
	if err := c.updateEchoedProfile(ctx, &o, in); err != nil {
		return Organization{}, err
	}
	e.after = o
	return o, nil
}

// updateEchoedProfile sets or removes the profile that came with the
// organization's own body.
func (c *change) updateEchoedProfile(ctx context.Context, o *Organization, in OrganizationUpdate) error {
	owner := Owner{Organization: o.ID}
	switch {
	case in.Profile != nil:
		o.Profile = in.Profile
		return c.PutProfile(ctx, owner, *in.Profile, true, c.now)
	case in.SetProfile:
		o.Profile = nil
		return c.DeleteProfile(ctx, owner)
	}
	return nil
}

func (c *change) moveOrganization(ctx context.Context, o Organization, parent id.Organization) (Organization, error) {
	to, err := c.visibleOrganization(ctx, parent, "/parent/id", "parent organization")
	if err != nil {
		return Organization{}, err
	}
	moved := o
	moved.Parent, moved.ParentName = to.ID, to.Name
	moved.Path = append(slices.Clone(to.Path), o.ID)
	from := id.Log(o.Parent)
	source, right := auth.OrganizationTarget(o.Path[:len(o.Path)-1]), auth.OrganizationCreate
	if o.Parent == "" {
		from = id.Log(o.ID)
		source, right = auth.OrganizationTarget(o.Path), auth.OrganizationDelete
	}
	for _, log := range []id.Log{from, id.Log(to.ID)} {
		c.record(entry{action: audit.OrganizationMove, log: log, resource: string(o.ID), before: o, after: moved})
	}
	if err := c.require(right, source); err != nil {
		return Organization{}, err
	}
	if err := c.require(auth.OrganizationCreate, auth.OrganizationTarget(to.Path)); err != nil {
		return Organization{}, err
	}
	if err := c.checkMove(ctx, &o, &to); err != nil {
		return Organization{}, err
	}
	c.rights = true
	return moved, c.MoveOrganization(ctx, o, to, c.now)
}

func (c *change) checkMove(ctx context.Context, o, to *Organization) error {
	if err := checkCycle(o.ID, to.Path); err != nil {
		return err
	}
	_, accounts, height, err := c.Subtree(ctx, o.ID)
	if err != nil {
		return err
	}
	if err := checkDepth(c.s.Limits, to.Path, height); err != nil {
		return err
	}
	if o.Root() == to.Root() {
		return nil
	}
	return c.checkAccountLimit(ctx, to.Root(), accounts)
}

// checkAccountLimit holds a root and checks that its tree may take added more
// accounts.
func (c *change) checkAccountLimit(ctx context.Context, root id.Organization, added int64) error {
	if err := c.Lock(ctx, "accounts:"+string(root)); err != nil {
		return err
	}
	present, err := c.SubtreeAccounts(ctx, root)
	if err != nil {
		return err
	}
	return checkAccounts(c.s.Limits, present, added)
}

// DeleteOrganization deletes an empty organization. It can be restored for
// RestoreWindow.
func (s *Service) DeleteOrganization(ctx context.Context, r Request, o id.Organization) (id.Organization, error) {
	return mutate(ctx, s, r, func(ctx context.Context, c *change) (id.Organization, error) {
		if err := c.LockTree(ctx, true); err != nil {
			return "", err
		}
		org, err := c.visibleOrganization(ctx, o, "", "organization")
		if err != nil {
			return "", err
		}
		c.record(entry{action: audit.OrganizationDelete, log: parentLog(&org), resource: string(o), before: org})
		if err := c.require(auth.OrganizationDelete, auth.OrganizationTarget(org.Path)); err != nil {
			return "", err
		}
		if err := c.match(org); err != nil {
			return "", err
		}
		if err := c.checkOrganizationEmpty(ctx, o); err != nil {
			return "", err
		}
		c.rights = true
		return o, c.Tx.DeleteOrganization(ctx, org, c.now)
	})
}

func (c *change) checkOrganizationEmpty(ctx context.Context, o id.Organization) error {
	organizations, accounts, err := c.CountBelow(ctx, o)
	if err != nil {
		return err
	}
	members, err := c.CountMembers(ctx, o, c.caller.User.ID)
	if err != nil {
		return err
	}
	return checkEmpty(organizations, accounts, members)
}

// parentLog returns the log in which the coming and going of o is recorded.
func parentLog(o *Organization) id.Log {
	if o.Parent == "" {
		return id.Log(o.ID)
	}
	return id.Log(o.Parent)
}

// RestoreOrganization brings a deleted organization back below its parent. It
// needs organization.create on the parent; a root is restored by those who
// were its super administrators.
func (s *Service) RestoreOrganization(ctx context.Context, r Request, o id.Organization) (Organization, error) {
	return mutate(ctx, s, r, func(ctx context.Context, c *change) (Organization, error) {
		if err := c.LockTree(ctx, true); err != nil {
			return Organization{}, err
		}
		org, err := c.deletedOrganization(ctx, o)
		if err != nil {
			return Organization{}, err
		}
		org.Deleted, org.Updated = time.Time{}, c.now
		c.record(entry{action: audit.OrganizationRestore, log: parentLog(&org), resource: string(o), after: org})
		if parent := org.Path[:len(org.Path)-1]; len(parent) > 0 {
			if err := c.require(auth.OrganizationCreate, auth.OrganizationTarget(parent)); err != nil {
				return Organization{}, err
			}
			if err := checkDepth(s.Limits, parent, 0); err != nil {
				return Organization{}, err
			}
		}
		c.rights = true
		return org, c.Tx.RestoreOrganization(ctx, org, c.now)
	})
}

// deletedOrganization returns a deleted organization that the caller may know
// of, with the path that it would have now: below a parent that the caller
// sees, or a root of which it was a super administrator.
func (c *change) deletedOrganization(ctx context.Context, o id.Organization) (Organization, error) {
	absent := fault.ErrNotFound("deleted organization")
	if !id.Valid(string(o)) {
		return Organization{}, absent
	}
	org, err := c.DeletedOrganization(ctx, o)
	if errors.Is(err, absent) {
		return Organization{}, absent
	}
	if err != nil {
		return Organization{}, err
	}
	if err := checkRestorable(org.Deleted, c.now); err != nil {
		return Organization{}, absent
	}
	if org.Parent == "" {
		return org, c.wasSuperAdministrator(ctx, &org)
	}
	parent, err := c.visibleOrganization(ctx, org.Parent, "", "deleted organization")
	if err != nil {
		return Organization{}, err
	}
	org.ParentName = parent.Name
	org.Path = append(slices.Clone(parent.Path), org.ID)
	// Who knows the parent only by its name does not see what else is below it.
	if !reaches(c.caller, org.Path) {
		return Organization{}, absent
	}
	return org, nil
}

// wasSuperAdministrator refuses as absent a deleted root of which the caller
// is no super administrator, or its credential may not say so.
func (c *change) wasSuperAdministrator(ctx context.Context, o *Organization) error {
	absent := fault.ErrNotFound("deleted organization")
	m, err := c.LiveMember(ctx, o.ID, c.caller.User.ID)
	if errors.Is(err, absent) {
		return absent
	}
	if err != nil {
		return err
	}
	then := *c.caller
	then.Grants = append(slices.Clone(then.Grants), auth.Grant{Member: m.ID, Role: m.Role, Path: o.Path})
	if m.Status != Active || !then.Allows(auth.OrganizationDelete, auth.OrganizationTarget(o.Path)) {
		return absent
	}
	return nil
}
