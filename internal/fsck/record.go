package fsck

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
)

// object is what every kind of object has, and what the records say of it.
type object struct {
	created, updated, deleted time.Time

	creates, deletes int  // records of creating and deleting it
	updateRecorded   bool // a record is not older than its last update
}

func newObject(created, updated, deleted time.Time) object {
	return object{created: created, updated: updated, deleted: deleted}
}

func (o *object) live() bool { return o.deleted.IsZero() }

// note counts a record about the object.
func (o *object) note(r *audit.Record) {
	switch r.Action.Type {
	case audit.Create:
		o.creates++
	case audit.Delete:
		o.deletes++
	}
	if !r.Time.Before(o.updated) { // it is later when the clock was behind the log
		o.updateRecorded = true
	}
}

func (c *checker) readHeads(ctx context.Context, in Inspector) error {
	return in.InspectHeads(ctx, func(log id.Log, first, seq int64, last time.Time) error {
		c.heads[log] = logEnd{log: log, first: first, seq: seq, time: last}
		return nil
	})
}

// logEnd is the last record of a log, as its head has it or as it was seen,
// and the number that the log begins with.
type logEnd struct {
	log   id.Log
	first int64
	seq   int64
	time  time.Time
}

// checkRecords reads every record once, in the order of logs and sequences.
func (c *checker) checkRecords(ctx context.Context, in Inspector) error {
	var end logEnd
	gone := make(map[id.Member]*audit.Record) // memberships that records say were made, but are not there
	err := in.InspectRecords(ctx, func(r *audit.Record) error {
		if r.Log != end.log {
			if err := c.checkHead(end); err != nil {
				return err
			}
			end = logEnd{log: r.Log}
			if first := c.heads[r.Log].first; first > 1 {
				end.seq = first - 1
				c.expired = later(c.expired, r.Time)
			}
		}
		if err := c.checkNext(&end, r); err != nil {
			return err
		}
		c.addLeaf(r)
		if r.Result != audit.Success || r.Action.Type == audit.View || r.Source != "" {
			return nil
		}
		return c.noteRecord(r, gone)
	})
	if err != nil {
		return err
	}
	if err := c.checkHead(end); err != nil {
		return err
	}
	for _, log := range slices.Sorted(maps.Keys(c.heads)) {
		if err := c.violate(Sequence, "log", string(log), "its head is %d, but there are no records", c.heads[log].seq); err != nil {
			return err
		}
	}
	return c.checkGone(gone)
}

// checkHead compares the end of a log with its head, which is forgotten.
func (c *checker) checkHead(end logEnd) error {
	if end.log == "" {
		return nil
	}
	head := c.heads[end.log]
	delete(c.heads, end.log)
	if head.seq != end.seq {
		return c.violate(Sequence, "log", string(end.log), "its head is %d, its last record %d", head.seq, end.seq)
	}
	if !head.time.Equal(end.time) {
		return c.violate(Chronology, "log", string(end.log), "its head has the time %s, its last record %s", stamp(head.time), stamp(end.time))
	}
	return nil
}

// checkNext compares a record with the one before it, and moves the end on.
func (c *checker) checkNext(end *logEnd, r *audit.Record) error {
	before := *end
	end.seq, end.time = r.Seq, r.Time
	if r.Seq != before.seq+1 {
		if err := c.violate(Sequence, "log", string(r.Log), "number %d follows %d", r.Seq, before.seq); err != nil {
			return err
		}
	}
	if r.Time.Before(before.time) {
		return c.violate(Chronology, "log", string(r.Log), "record %d has the time %s, the one before it %s", r.Seq, stamp(r.Time), stamp(before.time))
	}
	return nil
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func stamp(t time.Time) string { return t.Format(time.RFC3339Nano) }

// noteRecord tells the object of a record about it.
func (c *checker) noteRecord(r *audit.Record, gone map[id.Member]*audit.Record) error {
	switch r.Action.Resource {
	case "organization":
		c.noteChanged("profile", r) // it may come with its profile
		if o := c.organizations[id.Organization(r.Resource.ID)]; o != nil {
			c.noteOrganization(o, r)
			return nil
		}
	case "account":
		if a := c.accounts[id.Account(r.Resource.ID)]; a != nil {
			a.note(r)
			a.detached = a.detached || r.Action == audit.AccountDetach
			return nil
		}
	case "member":
		return c.noteMember(r, gone)
	case "profile":
		c.noteChanged("profile", r)
		if c.organizations[id.Organization(r.Resource.ID)] != nil || c.accounts[id.Account(r.Resource.ID)] != nil {
			return nil
		}
	case "user":
		if u := c.users[id.User(r.Resource.ID)]; u != nil {
			u.note(r)
			return nil
		}
	case "token":
		if t := c.tokens[id.Token(r.Resource.ID)]; t != nil {
			t.note(r)
			return nil
		}
		// A token is removed with its row; its owner's log says so.
		if r.Action.Type != audit.Create || c.users[id.User(r.Log)] != nil {
			return nil
		}
	default:
		return c.noteThing(r)
	}
	return c.violate(NoChange, "log", string(r.Log), "record %d is about %s %q, which is absent", r.Seq, r.Action.Resource, r.Resource.ID)
}

// noteThing tells what is neither a place nor a person about a record.
func (c *checker) noteThing(r *audit.Record) error {
	switch r.Action.Resource {
	case "audit_settings":
		c.noteChanged("audit_settings", r)
	case "audit_stream":
		c.noteKept(r)
	case "billing_period":
		return c.noteClosing(r)
	case "budget":
		if r.Action == audit.BudgetCross {
			c.noteCrossing(id.Budget(r.Resource.ID))
		} else {
			c.noteKept(r)
		}
	case "charge":
		c.noteCharge(r)
		c.noteKept(r)
	}
	return nil // the rest leaves nothing that can be compared
}

func (c *checker) noteOrganization(o *organization, r *audit.Record) {
	o.note(r)
	if r.Action == audit.OrganizationRestore {
		o.creates--
		o.restores++
	}
}

// noteMember collects the memberships in accounts that are not there: their
// rows go when they end.
func (c *checker) noteMember(r *audit.Record, gone map[id.Member]*audit.Record) error {
	key := id.Member(r.Resource.ID)
	if m := c.members[key]; m != nil {
		m.note(r)
		return nil
	}
	if r.Account == "" {
		return c.violate(NoChange, "log", string(r.Log), "record %d is about member %q, which is absent", r.Seq, r.Resource.ID)
	}
	if r.Action.Type == audit.Delete {
		gone[key] = nil
	} else if _, ended := gone[key]; !ended {
		gone[key] = &audit.Record{Log: r.Log, Seq: r.Seq, Time: r.Time, Account: r.Account}
	}
	return nil
}

// checkGone accepts the end of a membership with its own record, with the
// deletion of its account, or in exchange for another when the account left
// its organization.
func (c *checker) checkGone(gone map[id.Member]*audit.Record) error {
	for _, key := range slices.Sorted(maps.Keys(gone)) {
		r := gone[key]
		if r == nil || !r.Time.After(c.expired) {
			continue
		}
		if a := c.accounts[r.Account]; a != nil && (!a.live() || a.detached) {
			continue
		}
		if err := c.violate(NoChange, "log", string(r.Log), "record %d made member %s of account %s, which is absent", r.Seq, key, r.Account); err != nil {
			return err
		}
	}
	return nil
}

// checkRecorded checks that what the records say happened to an object is how
// it came to be as it is.
func (c *checker) checkRecorded(context.Context, Inspector) error {
	for _, key := range slices.Sorted(maps.Keys(c.organizations)) {
		o := c.organizations[key]
		if err := c.checkObject("organization", string(key), &o.object, o.restores); err != nil {
			return err
		}
	}
	for _, key := range slices.Sorted(maps.Keys(c.accounts)) {
		if err := c.checkObject("account", string(key), &c.accounts[key].object, 0); err != nil {
			return err
		}
	}
	for _, key := range slices.Sorted(maps.Keys(c.members)) {
		if err := c.checkMember(key, c.members[key]); err != nil {
			return err
		}
	}
	for _, key := range slices.Sorted(maps.Keys(c.users)) {
		u := c.users[key]
		if u.status != org.UserInvited && u.creates == 0 && u.created.After(c.expired) {
			if err := c.violate(NoRecord, "user", string(key), "no record of its creation"); err != nil {
				return err
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(c.tokens)) {
		if c.tokens[key].creates == 0 && c.tokens[key].created.After(c.expired) {
			if err := c.violate(NoRecord, "token", string(key), "no record of its creation"); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *checker) checkObject(kind, key string, o *object, restores int) error {
	deleted := 0
	if !o.live() {
		deleted = 1
	}
	// A move is recorded in two logs, creating and deleting in one.
	old := !o.created.After(c.expired) // some of its records may be gone
	switch {
	case o.creates == 0 && !old:
		return c.violate(NoRecord, kind, key, "no record of its creation")
	case o.creates > 1:
		return c.violate(NoChange, kind, key, "%d records of its creation", o.creates)
	case !o.updated.After(c.expired):
		return nil
	case old && o.deletes != restores+deleted:
		return nil
	case o.deletes < restores+deleted:
		return c.violate(NoRecord, kind, key, "%d records of its deletion, with %d of restoring it", o.deletes, restores)
	case o.deletes > restores+deleted:
		return c.violate(NoChange, kind, key, "%d records of its deletion, with %d of restoring it", o.deletes, restores)
	case !o.updateRecorded:
		return c.violate(NoRecord, kind, key, "no record of its change at %s", stamp(o.updated))
	}
	return nil
}

// checkMember accepts a membership without a record of its own when it was
// made together with its organization or account, or by detaching the account.
func (c *checker) checkMember(key id.Member, m *member) error {
	if m.creates == 0 && m.created.After(c.expired) && !c.founded(m) {
		return c.violate(NoRecord, "member", string(key), "no record of its creation")
	}
	if m.account != "" || m.updated.Equal(m.created) || !m.updated.After(c.expired) {
		return nil
	}
	if !m.updateRecorded {
		return c.violate(NoRecord, "member", string(key), "no record of its change at %s", stamp(m.updated))
	}
	if m.status == org.Canceled && m.deletes == 0 {
		return c.violate(NoRecord, "member", string(key), "no record of its end")
	}
	return nil
}

func (c *checker) founded(m *member) bool {
	if m.account != "" {
		a := c.accounts[m.account]
		return a != nil && m.role == auth.AccountSuperAdministrator && (a.detached || m.created.Equal(a.created))
	}
	o := c.organizations[m.organization]
	return o != nil && m.role != "" && m.created.Equal(o.created)
}
