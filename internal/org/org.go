package org

import (
	"io"
	"sync/atomic"
	"time"

	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/proof"
)

// Limits are the bounds of every tree.
type Limits struct {
	Depth    int   // levels below a root
	Accounts int64 // accounts in the whole tree of a root
	Streams  int64 // streams of the audit log of an organization
	Budgets  int64 // budgets of an organization, or of an account
}

// DefaultLimits are those of the real system, which has neither streams nor
// such budgets.
var DefaultLimits = Limits{Depth: 5, Accounts: 20_000, Streams: 10, Budgets: 20}

// Lifetimes and windows of the domain.
const (
	InvitationLifetime = 7 * 24 * time.Hour  // Rule: an invitation code expires after 7 days (decisions §4)
	RestoreWindow      = 30 * 24 * time.Hour // Rule: deletion is soft for 30 days (decisions §5)
	AnswerLifetime     = 24 * time.Hour      // Rule: an Idempotency-Key is honoured for 24 h (decisions §3)
	callerLifetime     = time.Second         // how long a caller's rights may be reused for reads
	BatchMembers       = 10                  // members of one members:batchCreate
	BatchMoves         = 1000                // accounts of one batch move
)

// Config is what a Service needs from outside. What stands from AuditReads on
// may be left out.
type Config struct {
	Store  Store
	Now    func() time.Time
	Random io.Reader
	Limits Limits
	// Encode returns the JSON of an object as the API shows it, for records.
	Encode func(object any) ([]byte, error)
	// StatusOf returns the HTTP status that an error is answered with, for
	// the records of refused changes.
	StatusOf func(err error) int
	// AuditReads records who reads an audit log, as views.
	AuditReads bool
	// Key signs the checkpoints of audit logs. Without one there are none.
	Key *proof.Key
	// Witnesses cosign them.
	Witnesses []Witness
	// RetentionMonths is how long the records of logs without settings of
	// their own are kept, 0: DefaultRetention.
	RetentionMonths int64
	// Sealer keeps the secrets of receivers; without one there are no streams
	// that have a secret.
	Sealer Sealer
	// CheckHost refuses hosts that no receiver may be at, as far as that can
	// be told before connecting. A plain one is without TLS.
	CheckHost func(host string, plain bool) error
	// Changed is called when something was recorded, with nothing held.
	Changed func()
}

// Sealer keeps secrets, each for the place that it is used in.
type Sealer interface {
	Seal(place, text string) ([]byte, error)
	Open(place string, sealed []byte) (string, error)
}

// Service is the domain's set of operations. It is safe for concurrent use.
type Service struct {
	Config
	ids     *id.Generator
	callers callerCache
	used    usedTokens
	// rights counts the changes to who may do what, to drop cached callers.
	rights atomic.Uint64
	trees  treeState
	pushes pushes
}

// New returns a Service.
func New(c Config) *Service {
	return &Service{Config: c, ids: id.NewGenerator(c.Now, c.Random)}
}

// now returns the present moment in the precision that is stored.
func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Microsecond) }
