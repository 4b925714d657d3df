// Package fsck checks a store for what must always be true: the invariants of
// the tree, of members, of the audit logs and their streams, of usage, charges
// and bills, and that every change has its record and every record its change.
// It is a command, and it runs after each test of the store.
package fsck

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/usage"
)

// Inspector shows the tables of a store as they are, row by row. The reader
// that a store's View passes to its function has to be one.
type Inspector interface {
	InspectOrganizations(ctx context.Context, f func(o org.Organization, depth int) error) error
	InspectClosure(ctx context.Context, f func(ancestor, descendant id.Organization, created time.Time) error) error
	InspectCounts(ctx context.Context, f func(o id.Organization, organizations, accounts int64) error) error
	InspectAccounts(ctx context.Context, f func(a org.Account, root id.Organization) error) error
	InspectMembers(ctx context.Context, f func(org.Member) error) error
	InspectAccountMembers(ctx context.Context, f func(org.AccountMember) error) error
	InspectUsers(ctx context.Context, f func(org.User) error) error
	InspectTokens(ctx context.Context, f func(org.Token) error) error
	InspectProfiles(ctx context.Context, f func(owner string, updated time.Time) error) error
	InspectStrays(ctx context.Context, f func(kind, key, what, name string) error) error
	InspectHeads(ctx context.Context, f func(log id.Log, first, seq int64, last time.Time) error) error
	InspectRecords(ctx context.Context, f func(*audit.Record) error) error
	InspectJournal(ctx context.Context, f func(log id.Log, tick, first, last int64) error) error
	InspectSubjects(ctx context.Context, f func(r *audit.Record, kept []id.User) error) error
	InspectSettings(ctx context.Context, f func(log id.Log, s org.AuditSettings, updated time.Time) error) error
	InspectErasures(ctx context.Context, f func(org.Erasure) error) error
	InspectStreams(ctx context.Context, f func(org.Stream) error) error
	InspectLeases(ctx context.Context, f func(kind, key string, l org.Lease) error) error
	InspectTrees(ctx context.Context, f func(org.Tree) error) error
	InspectCosigned(ctx context.Context, f func(log id.Log, size int64, checkpoint string) error) error
	InspectUsage(ctx context.Context, f func(l usage.Line, counted, there int64) error) error
	InspectUsageKeys(ctx context.Context, f func(l usage.Line, counted, there int64) error) error
	InspectUsageWithoutPeriod(ctx context.Context, f func(usage.Line) error) error
	InspectBudgets(ctx context.Context, f func(org.Budget) error) error
	InspectCrossings(ctx context.Context, f func(org.Crossing) error) error
	InspectTiles(ctx context.Context, f func(log id.Log, level int, first int64, hashes []byte) error) error
	InspectPeriods(ctx context.Context, f func(p usage.BillingPeriod, anchor usage.Anchor) error) error
	InspectBills(ctx context.Context, f func(a id.Account, billed usage.Day) error) error
	InspectPeriodBooks(ctx context.Context, f func(a id.Account, start usage.Day, s usage.Since) error) error
	InspectRestatements(ctx context.Context, f func(a id.Account, first, last, n int64) error) error
	InspectWatermarks(ctx context.Context, f func(a id.Account, w usage.Watermark) error) error
	InspectCharges(ctx context.Context, f func(usage.AccountFee) error) error
}

// Options sets the limits that trees must keep, and the time that leases are
// compared with; the zero value checks neither.
type Options struct {
	Depth    int   // levels below a root
	Accounts int64 // accounts in the whole tree of a root
	Now      time.Time
}

// Rule names an invariant.
type Rule string

// The invariants.
const (
	Cycle        Rule = "cycle"         // following parents ends at a root
	Path         Rule = "path"          // a path is the parent's path and the organization itself
	Depth        Rule = "depth"         // the depth is the number of ancestors, within the limit
	Orphan       Rule = "orphan"        // nothing live lies in something deleted or absent
	Closure      Rule = "closure"       // the closure is the tree
	Count        Rule = "count"         // the counters are the numbers of what is there
	Limit        Rule = "limit"         // no root has more accounts than it may
	Root         Rule = "root"          // an account knows the root of its tree
	Membership   Rule = "membership"    // nobody is twice a member of the same organization
	Unowned      Rule = "unowned"       // every root has an active super administrator
	Sequence     Rule = "sequence"      // a log counts without gaps, from 1 or from where its retention has it begin, up to its head
	Chronology   Rule = "chronology"    // the times of a log never go back, and its head has the last one
	Tree         Rule = "tree"          // the tree of a log is that of its records, as far as it is built, and begins with what witnesses have cosigned
	Journal      Rule = "journal"       // the journal has the records of a log without gaps, from the first that is kept, in the order of their numbers
	Subject      Rule = "subject"       // whom the personal data in a record describes is kept beside it, so that it can be erased
	Retention    Rule = "retention"     // a log is kept for as long as one can ask for
	Erasure      Rule = "erasure"       // an erasure that is complete has forgotten the address, and any other goes on
	Stream       Rule = "stream"        // a stream has come no further than its log, and its batch ends between the two
	Lease        Rule = "lease"         // what is held is held by somebody, not for ever, and nobody holds a stream that is paused
	Budget       Rule = "budget"        // what was crossed of a budget can have been
	NoRecord     Rule = "no record"     // every change has its record
	NoChange     Rule = "no change"     // every record has its change
	Counted      Rule = "counted"       // a line of usage counts the events and keys that there are
	Period       Rule = "period"        // every line of usage and every charge lies in a billing period
	Bill         Rule = "bill"          // what was billed of a closed period, with its corrections, is what it costs
	Charge       Rule = "charge"        // a charge is what was recorded, and nothing was added to a closed period or taken away from it
	Watermark    Rule = "watermark"     // usage is complete where it was billed, and was called so when its days were over
	Reference    Rule = "reference"     // what a row names is there
	NotInspected Rule = "not inspected" // there were too many violations to go on
)

// Violation is an invariant that does not hold.
type Violation struct {
	Rule   Rule
	Object string // its kind and identifier
	Detail string
}

// String returns one line for the operator.
func (v Violation) String() string { return fmt.Sprintf("%s: %s: %s", v.Rule, v.Object, v.Detail) }

// maxViolations bounds the answer; a store with more of them is beyond a list.
const maxViolations = 1000

var errEnough = errors.New("enough violations")

// Check returns every violation in one moment of the store. It holds a few
// hundred bytes for each object, and one record at a time.
func Check(ctx context.Context, store org.Store, o Options) ([]Violation, error) {
	var found []Violation
	err := store.View(ctx, func(r org.Reader) error {
		in, ok := r.(Inspector)
		if !ok {
			return fmt.Errorf("a %T cannot be inspected", r)
		}
		c := newChecker(o)
		err := c.run(ctx, in)
		if err == nil {
			err = c.checkBills(ctx, r)
		}
		found = c.violations
		return err
	})
	if errors.Is(err, errEnough) {
		return append(found, Violation{NotInspected, "store", "there are more violations than are listed"}), nil
	}
	if err != nil {
		return nil, fmt.Errorf("check the store: %w", err)
	}
	return found, nil
}

// checker collects what is needed to judge the rows that come later.
type checker struct {
	Options
	organizations map[id.Organization]*organization
	accounts      map[id.Account]*account
	members       map[id.Member]*member
	users         map[id.User]*user
	tokens        map[id.Token]*object
	budgets       map[id.Budget]*budget
	heads         map[id.Log]logEnd
	trees         map[id.Log]*tree
	billing       billings
	unpriced      map[id.Account]bool // what its closed periods cost cannot be told
	charges       map[id.Charge]*charge
	removals      []removal
	kept          map[thing]*object       // streams, budgets and charges
	gone          map[thing]*audit.Record // those that only records know of, nil when one says that it was deleted
	changed       map[thing]*object       // profiles and settings
	violations    []Violation
	// expired is a moment before which records may be gone: what happened
	// until then need not be recorded any more.
	expired time.Time
}

func newChecker(o Options) *checker {
	return &checker{
		Options:       o,
		organizations: make(map[id.Organization]*organization),
		accounts:      make(map[id.Account]*account),
		members:       make(map[id.Member]*member),
		users:         make(map[id.User]*user),
		tokens:        make(map[id.Token]*object),
		budgets:       make(map[id.Budget]*budget),
		heads:         make(map[id.Log]logEnd),
		trees:         make(map[id.Log]*tree),
		billing:       make(billings),
		unpriced:      make(map[id.Account]bool),
		charges:       make(map[id.Charge]*charge),
		kept:          make(map[thing]*object),
		gone:          make(map[thing]*audit.Record),
		changed:       make(map[thing]*object),
	}
}

func (c *checker) run(ctx context.Context, in Inspector) error {
	for _, step := range []func(context.Context, Inspector) error{
		c.readOrganizations, c.checkTree, c.checkClosure,
		c.readAccounts, c.checkCounts,
		c.readUsers, c.readMembers, c.readAccountMembers, c.readTokens, c.checkOwners,
		c.checkStrays, c.readProfiles, c.readSettings, c.checkErasures,
		c.readBudgets, c.readStreams, c.checkLeases,
		c.checkUsage, c.readPeriods, c.readPeriodBooks, c.checkWatermarks, c.readCharges,
		c.readTrees, c.readCosigned, c.readHeads, c.checkJournal, c.checkSubjects,
		c.checkRecords, c.checkTrees, c.checkRecorded, c.checkCrossings, c.checkKept, c.checkChanged, c.checkClosed, c.checkCharges,
	} {
		if err := step(ctx, in); err != nil {
			return err
		}
	}
	return nil
}

// violate notes a violation; its error ends a check that has seen enough.
func (c *checker) violate(rule Rule, kind string, object, format string, args ...any) error {
	if len(c.violations) >= maxViolations {
		return errEnough
	}
	c.violations = append(c.violations, Violation{rule, kind + " " + object, fmt.Sprintf(format, args...)})
	return nil
}
