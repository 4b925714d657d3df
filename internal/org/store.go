package org

import (
	"context"
	"time"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/page"
)

// Store keeps everything. It is implemented by package sqlstore for SQLite
// and PostgreSQL; package storetest is its contract as a test suite.
//
// Every method that looks for one object answers fault.NotFound when there is
// none. Deleted organizations and accounts are not found and not listed
// unless the method says otherwise. Times are UTC in whole microseconds.
type Store interface {
	// Reader reads without a transaction: each call sees all that was
	// committed before it.
	Reader
	// View calls f with a reader on which all calls see one moment.
	View(ctx context.Context, f func(Reader) error) error
	// Update calls f in a transaction and commits when f returns nil. f may
	// run more than once (serialization failure, deadlock), so it must have
	// no effect outside tx. A write may be deferred to the next read or to
	// the commit, so that its failure may come out of a later call.
	Update(ctx context.Context, f func(Tx) error) error
	// Ready answers nil when the schema is current and the store can write.
	Ready(ctx context.Context) error
	// Close releases the store.
	Close() error
}

// Reader is what can be asked of the store.
type Reader interface {
	OrganizationReader
	AccountReader
	ProfileReader
	MemberReader
	UserReader
	TokenReader
	AuditReader
	StreamReader
	ErasureReader
	RetentionReader
	TreeReader
	UsageReader
	BudgetReader
	ChargeReader
}

// Tx is what can be done in a transaction. After LockTree or Lock
// every read sees what earlier holders of the lock committed.
type Tx interface {
	Reader
	OrganizationTx
	AccountTx
	ProfileTx
	MemberTx
	UserTx
	TokenTx
	AuditTx
	StreamTx
	ErasureTx
	RetentionTx
	TreeTx
	UsageTx
	BudgetTx
	ChargeTx
	IdempotencyTx

	// LockTree holds the shape of all trees until the end of the
	// transaction. Shared holders (creating below a parent) run side by
	// side; an exclusive holder (moving, deleting, restoring) runs alone.
	LockTree(ctx context.Context, exclusive bool) error
	// Ahead says what the function is going to ask for, before it asks for
	// anything else, so that a store for which each question costs a round
	// trip can ask for all of it in one. It changes nothing else.
	Ahead(a Ahead)
	// Lock serializes all transactions that lock the same key, until the end
	// of the transaction. Keys are locked after the tree and in sorted order.
	Lock(ctx context.Context, keys ...string) error
}

// Ahead is what a transaction is going to ask for; see Tx.
type Ahead struct {
	Place id.Organization // Place will be asked for it
}

// OrganizationReader reads organizations.
type OrganizationReader interface {
	// Organization returns the organization with its path, the name of its
	// parent and its echoed profile.
	Organization(ctx context.Context, o id.Organization) (Organization, error)
	// Place returns what has to be known of an organization to put something
	// into it. In a transaction that is cheaper than Organization.
	Place(ctx context.Context, o id.Organization) (Place, error)
	// DeletedOrganization returns an organization that was deleted.
	DeletedOrganization(ctx context.Context, o id.Organization) (Organization, error)
	// OrganizationsByID returns those that exist, in order of creation.
	OrganizationsByID(ctx context.Context, ids []id.Organization) ([]Organization, error)
	// ListOrganizations returns a page in order of creation (time, id).
	ListOrganizations(ctx context.Context, q OrganizationQuery) (page.Page[Organization], error)
	// CountBelow counts the live sub-organizations directly below o and the
	// accounts directly in it.
	CountBelow(ctx context.Context, o id.Organization) (organizations, accounts int64, err error)
	// Subtree counts the organizations below o, without itself, the accounts
	// in all of them and in itself, and the levels below o.
	Subtree(ctx context.Context, o id.Organization) (organizations, accounts int64, height int, err error)
	// SubtreeAccounts counts the accounts in o and below it, at the same cost
	// for every size of the tree.
	SubtreeAccounts(ctx context.Context, o id.Organization) (int64, error)
}

// Place is where something can be put.
type Place struct {
	ID   id.Organization
	Name string
	Path []id.Organization // from the root to itself
}

// OrganizationQuery asks for the organizations in Scope (the subtrees of
// Roots without DeniedOrganizations, and Names) that match all filters.
type OrganizationQuery struct {
	Scope  auth.Scope
	IDs    []id.Organization // nil: any; empty and not nil: none
	Name   TextFilter
	Parent ParentFilter
	page.Request
}

// ParentFilter selects by parent. The zero value selects everything.
type ParentFilter struct {
	Roots bool            // those without a parent
	ID    id.Organization // those below this one, if not empty
}

// TextFilter matches text without regard to case. Empty fields do not filter;
// all others must match.
type TextFilter struct {
	Equal, StartsWith, EndsWith, Contains string
}

// Empty reports whether f filters nothing.
func (f TextFilter) Empty() bool { return f == TextFilter{} }

// OrganizationTx changes organizations.
type OrganizationTx interface {
	// InsertOrganization adds o below o.Parent. o.Path is complete.
	InsertOrganization(ctx context.Context, o Organization) error
	// RenameOrganization sets the name and the time of the update.
	RenameOrganization(ctx context.Context, o id.Organization, name string, updated time.Time) error
	// MoveOrganization hangs o with its whole subtree below parent, which is
	// given with its path. Paths, closure, counts and the roots of accounts follow.
	MoveOrganization(ctx context.Context, o Organization, parent Organization, updated time.Time) error
	// DeleteOrganization marks an empty organization as deleted.
	DeleteOrganization(ctx context.Context, o Organization, deleted time.Time) error
	// RestoreOrganization takes the mark away again and hangs o below its
	// parent, along o.Path, which may differ from the path it was deleted with.
	RestoreOrganization(ctx context.Context, o Organization, updated time.Time) error
}

// AccountReader reads accounts.
type AccountReader interface {
	// Account returns the account with the path of its organization.
	Account(ctx context.Context, a id.Account) (Account, error)
	// AccountsByID returns those that exist, in order of identifier.
	AccountsByID(ctx context.Context, ids []id.Account) ([]Account, error)
	// ListAccounts returns a page of the accounts in Scope (inside the
	// subtrees of Roots without DeniedOrganizations, or one of Accounts, without
	// DeniedAccounts) in order of creation, with the total.
	ListAccounts(ctx context.Context, q AccountQuery) (page.Page[Account], error)
	// ListOrganizationAccounts returns a page of the accounts directly in an
	// organization.
	ListOrganizationAccounts(ctx context.Context, q OrganizationAccountQuery) (page.Page[Account], error)
	// DeletedAccount returns an account that was deleted, as DeletedAccounts does.
	DeletedAccount(ctx context.Context, a id.Account) (Account, error)
	// DeletedAccounts returns the accounts that were deleted directly in those
	// organizations, in order of identifier. If the organization was deleted
	// as well, their Path may be one that it had before (see SubtreePaths).
	DeletedAccounts(ctx context.Context, organizations []id.Organization) ([]Account, error)
}

// AccountQuery asks for accounts by page number. Name is an exact match
// without regard to case.
type AccountQuery struct {
	Scope auth.Scope
	Name  string
	page.Numbered
}

// OrganizationAccountQuery asks for the accounts directly in an organization,
// ordered by id or, with ByName, by name and id. Numbered is used instead of
// Request when its Page is not 0.
type OrganizationAccountQuery struct {
	Organization id.Organization
	Name         TextFilter
	PublicName   TextFilter   // matches the same name: an account of ours has only one
	Exclude      []id.Account // accounts that the caller's credential denies
	ByName       bool
	Desc         bool
	WithTotal    bool
	page.Request
	Numbered page.Numbered
}

// AccountTx changes accounts.
type AccountTx interface {
	// InsertAccount adds a. a.Path is complete when a lies in an organization.
	InsertAccount(ctx context.Context, a Account) error
	// UpdateAccount sets name, settings and the time of the update.
	UpdateAccount(ctx context.Context, a Account) error
	// DeleteAccount marks a as deleted and ends its explicit memberships.
	DeleteAccount(ctx context.Context, a Account, deleted time.Time) error
	// MoveAccount puts a into the organization at the end of path, or
	// outside any when path is empty.
	MoveAccount(ctx context.Context, a Account, path []id.Organization, updated time.Time) error
}

// Owner is an organization or an account that has a profile.
type Owner struct {
	Organization id.Organization
	Account      id.Account
}

// ProfileReader reads profiles.
type ProfileReader interface {
	// Profile returns the profile of the owner, however it was set.
	Profile(ctx context.Context, o Owner) (Profile, error)
}

// ProfileTx changes profiles.
type ProfileTx interface {
	// PutProfile sets the profile of the owner. Echoed says that it came
	// through the organization's own body and is repeated in it.
	PutProfile(ctx context.Context, o Owner, p Profile, echoed bool, updated time.Time) error
	// DeleteProfile removes the profile of the owner, if there is one.
	DeleteProfile(ctx context.Context, o Owner) error
}

// MemberReader reads memberships.
type MemberReader interface {
	// Member returns a membership of the organization, whatever its status.
	Member(ctx context.Context, o id.Organization, m id.Member) (Member, error)
	// LiveMember returns the pending or active membership of the user.
	LiveMember(ctx context.Context, o id.Organization, u id.User) (Member, error)
	// MemberByCode returns the membership whose invitation has this hash,
	// whatever its status.
	MemberByCode(ctx context.Context, o id.Organization, codeHash string) (Member, error)
	// ListMembers returns a page in order of creation (time, id).
	ListMembers(ctx context.Context, q MemberQuery) (page.Page[Member], error)
	// CountMembers counts the pending and active members other than u.
	CountMembers(ctx context.Context, o id.Organization, except id.User) (int64, error)
	// CountSuperAdministrators counts the active super administrators of the
	// organization itself whose user is not disabled.
	CountSuperAdministrators(ctx context.Context, o id.Organization) (int64, error)
	// MemberPlaces returns the organizations in which u is an active member,
	// with their paths, in order of creation of the membership.
	MemberPlaces(ctx context.Context, u id.User) ([]MemberPlace, error)
	// AccountMember returns an explicit membership of the account.
	AccountMember(ctx context.Context, a id.Account, m id.Member) (AccountMember, error)
	// AccountMemberOf returns the explicit membership of a user.
	AccountMemberOf(ctx context.Context, a id.Account, u id.User) (AccountMember, error)
	// CountAccountSuperAdministrators counts the explicit super
	// administrators of the account whose user is not disabled.
	CountAccountSuperAdministrators(ctx context.Context, a id.Account) (int64, error)
	// ListAccountMembers returns a page in order of creation (time, id).
	ListAccountMembers(ctx context.Context, a id.Account, p page.Request) (page.Page[AccountMember], error)
	// ListAccess returns a page of the active memberships on the given
	// organizations and the explicit ones on the account, in order of the
	// identifier of the membership; disabled users are left out.
	ListAccess(ctx context.Context, q AccessQuery) (page.Page[Access], error)
	// Memberships returns the pending and active memberships of u in live
	// organizations and the explicit ones in live accounts, in order of their
	// identifiers.
	Memberships(ctx context.Context, u id.User) ([]Member, []AccountMember, error)
	// ListMemberships returns a page of the explicit account memberships of a
	// user, with the accounts.
	ListMemberships(ctx context.Context, q MembershipQuery) (page.Page[Membership], error)
}

// MemberPlace is an organization in which somebody is a member.
type MemberPlace struct {
	Member id.Member
	Role   auth.Role
	Path   []id.Organization
	Name   string
}

// MemberQuery asks for members. Statuses nil selects pending and active.
type MemberQuery struct {
	Organization id.Organization
	Statuses     []MemberStatus
	Email        TextFilter
	page.Request
}

// AccessQuery asks for all memberships that reach an object: those on Path,
// and the explicit ones on Account if it is not empty.
type AccessQuery struct {
	Path    []id.Organization
	Account id.Account
	page.Request
}

// Membership is the explicit membership of a user in an account, seen from
// the user.
type Membership struct {
	ID      id.Member
	Role    auth.Role
	Account Account
}

// MembershipQuery asks for the memberships of a user. Order is "id", "account.id",
// "account.name" or "" (creation).
type MembershipQuery struct {
	User  id.User
	Name  string // exact, without regard to case
	Order string
	Scope *auth.Scope // nil: all; else only accounts in it
	page.Numbered
}

// MemberTx changes memberships.
type MemberTx interface {
	// InsertMember adds m. A second live membership of the same user in the
	// same organization is refused with fault.Invalid.
	InsertMember(ctx context.Context, m Member) error
	// UpdateMember sets role, status, invitation and the time of the update.
	UpdateMember(ctx context.Context, m Member) error
	// InsertAccountMember adds m; a second one of the same user is refused
	// with fault.Invalid.
	InsertAccountMember(ctx context.Context, m AccountMember) error
	// DeleteAccountMember removes the membership.
	DeleteAccountMember(ctx context.Context, m AccountMember) error
}

// UserReader reads users.
type UserReader interface {
	// User returns a user, whatever its status.
	User(ctx context.Context, u id.User) (User, error)
	// UserByEmail looks a user up without regard to case.
	UserByEmail(ctx context.Context, email string) (User, error)
	// UsersByEmail does that for many, and leaves out whom there is not.
	UsersByEmail(ctx context.Context, emails []string) ([]User, error)
	// ListUsers returns a page in order of creation (time, id).
	ListUsers(ctx context.Context, q UserQuery) (page.Page[User], error)
	// AnyUser reports whether there is a user at all.
	AnyUser(ctx context.Context) (bool, error)
	// Grants returns what was granted to u: active memberships in live
	// organizations with their paths, and explicit ones in live accounts.
	Grants(ctx context.Context, u id.User) ([]auth.Grant, []auth.AccountGrant, error)
}

// UserQuery asks for users.
type UserQuery struct {
	Email TextFilter
	page.Request
}

// UserTx changes users.
type UserTx interface {
	// InsertUser adds u; an e-mail that is taken (without regard to case) is
	// refused with fault.Invalid at "/email".
	InsertUser(ctx context.Context, u User) error
	// UpdateUser sets everything but id, e-mail and creation time.
	UpdateUser(ctx context.Context, u User) error
	// EraseUser gives u another e-mail, takes its names and rights away and
	// disables it, and removes its tokens, its key and its stored answers.
	EraseUser(ctx context.Context, u id.User, email string, at time.Time) error
}

// TokenReader reads credentials.
type TokenReader interface {
	// Token returns a token of the user.
	Token(ctx context.Context, u id.User, t id.Token) (Token, error)
	// ListTokens returns a page in order of issue, with the total.
	ListTokens(ctx context.Context, q TokenQuery) (page.Page[Token], error)
	// Principal returns the active user, its token (for a token) and its
	// grants in one go; fault.NotFound when the secret is unknown, the user
	// is not active or the token is disabled.
	Principal(ctx context.Context, c CredentialRef) (Principal, error)
	// Rights returns a number that grows with every commit of a change that
	// called ChangeRights. Principals that were read after a number are
	// current for as long as it is.
	Rights(ctx context.Context) (int64, error)
	// Paths returns the paths of those organizations and accounts that
	// exist. An account maps to the path of its organization, empty outside any.
	Paths(ctx context.Context, os []id.Organization, as []id.Account) (map[id.Organization][]id.Organization, map[id.Account][]id.Organization, error)
}

// TokenQuery asks for the tokens of a user. Expired tokens are listed only
// with IncludeExpired; At is the present time.
type TokenQuery struct {
	User           id.User
	IncludeExpired bool
	At             time.Time
	page.Numbered
}

// CredentialRef names a credential: the hash of a token's secret, or the hash
// of a global API key together with the e-mail of its user.
type CredentialRef struct {
	TokenHash string
	KeyHash   string
	Email     string
}

// Principal is what the store knows of a caller. Token is nil for a key.
type Principal struct {
	User     User
	Token    *Token
	Grants   []auth.Grant
	Accounts []auth.AccountGrant
}

// TokenTx changes credentials.
type TokenTx interface {
	// InsertToken adds t with the hash of its secret.
	InsertToken(ctx context.Context, t Token, secretHash string) error
	// UpdateToken sets name, status, policies, condition and times.
	UpdateToken(ctx context.Context, t Token) error
	// RollToken replaces the hash of the secret.
	RollToken(ctx context.Context, t Token, secretHash string) error
	// DeleteToken removes t.
	DeleteToken(ctx context.Context, t Token) error
	// ChangeRights says that this change alters what Principal answers.
	ChangeRights(ctx context.Context) error
	// PutKey sets the hash of the global API key of the user.
	PutKey(ctx context.Context, u id.User, keyHash string, at time.Time) error
	// TouchTokens sets the time of the last use.
	TouchTokens(ctx context.Context, used map[id.Token]time.Time) error
}

// AuditReader reads audit logs, in order of the sequence.
type AuditReader interface {
	// AuditRecords returns up to limit records of the log with a sequence
	// number above after.
	AuditRecords(ctx context.Context, log id.Log, after int64, limit int) ([]audit.Record, error)
	// ListAudit returns a page of the log, and whether more records that
	// match were there.
	ListAudit(ctx context.Context, log id.Log, q audit.Query) (records []audit.Record, more bool, err error)
	// AuditRange returns the numbers of the first record of the log at or
	// after since and of the last one before before; the first is greater
	// when there is none.
	AuditRange(ctx context.Context, log id.Log, since, before time.Time) (first, last int64, err error)
	// AuditRecord returns the record of the log with this identifier.
	AuditRecord(ctx context.Context, log id.Log, r id.Record) (audit.Record, error)
	// AuditRecordsByID returns those records of the log that there are, in order.
	AuditRecordsByID(ctx context.Context, log id.Log, ids []id.Record) ([]audit.Record, error)
	// ListAudits returns a page of several logs in the order of the journal.
	// What is not in the journal yet is not listed.
	ListAudits(ctx context.Context, logs []id.Log, q audit.Query) (audit.Merged, error)
	// AuditBacklog counts the records of the logs that the journal lacks.
	AuditBacklog(ctx context.Context, logs []id.Log) (int64, error)
	// SubtreePaths returns the path of o and of every organization below it,
	// among them those that were deleted since, as they would be restored.
	SubtreePaths(ctx context.Context, o id.Organization, since time.Time) ([][]id.Organization, error)
	// AccountLogs returns the logs with records about the account.
	AccountLogs(ctx context.Context, a id.Account) ([]id.Log, error)
	// ResourceLogs returns the logs with records about a resource.
	ResourceLogs(ctx context.Context, resource string) ([]id.Log, error)
}

// AuditTx writes audit logs.
type AuditTx interface {
	// AppendAudit writes r at the next place in its log. The store gives the
	// sequence number, and the time recorded is r.Time, or that of the place
	// before if that is later. The log is held until the transaction ends, so
	// that numbers are dense and both follow the order of commits; whoever
	// writes to several logs takes them in the order of their identifiers.
	// The place may be known only when the transaction ends, so r stays as it is.
	AppendAudit(ctx context.Context, r *audit.Record) error
	// AppendAudits does that for many records of one log, in their order, and
	// fills in Seq and Time of each.
	AppendAudits(ctx context.Context, records []*audit.Record) error
	// JournalAudits enters in the journal what it lacks of the logs. The order
	// of ticks is the order of commits: a place that was read is never
	// followed by a record that gets an earlier one. No tick is earlier than
	// at, or than the record that it is given to; records that are entered
	// together are in the order of their times, roughly if there are many.
	JournalAudits(ctx context.Context, logs []id.Log, at time.Time) error
}

// StreamReader reads the streams of audit logs, with how far each has come,
// but for the present time.
type StreamReader interface {
	// Stream returns a stream of the log.
	Stream(ctx context.Context, log id.Log, st id.Stream) (Stream, error)
	// ListStreams returns a page in order of creation (time, id), with the
	// total.
	ListStreams(ctx context.Context, log id.Log, p page.Request) (page.Page[Stream], error)
	// DueStreams returns up to limit streams that are not paused, have records
	// to deliver, are due at now, and are held by nobody, those first that
	// have been due for longest.
	DueStreams(ctx context.Context, now time.Time, limit int) ([]Stream, error)
	// FirstUndelivered returns the number of the first record of the log that
	// a stream which is not paused still has to deliver, written or not;
	// fault.NotFound when there is no such stream.
	FirstUndelivered(ctx context.Context, log id.Log) (int64, error)
	// CountStreams counts all streams but for Lag, and returns the time of the
	// oldest record that is waiting for one which is not paused.
	CountStreams(ctx context.Context) (t StreamTotals, oldest time.Time, err error)
	// LogHead returns the number of the last record of the log, 0 when it has
	// none.
	LogHead(ctx context.Context, log id.Log) (int64, error)
}

// StreamTx changes streams.
type StreamTx interface {
	// InsertStream adds st.
	InsertStream(ctx context.Context, st Stream) error
	// UpdateStream sets name, target, secrets, pause, version and time of the
	// update. With another version the stream is held by nobody, has not
	// failed, and is due.
	UpdateStream(ctx context.Context, st Stream) error
	// ReplayStream sets version, time of the update, and what was delivered.
	// The stream is held by nobody, has not failed, and is due.
	ReplayStream(ctx context.Context, st Stream) error
	// DeleteStream removes st.
	DeleteStream(ctx context.Context, st Stream) error
	// LeaseStream gives st to a holder and sets the end of its batch. It is
	// false, and nothing is done, when the stream is paused, held by anybody,
	// has another version, has come further, or another batch than before.
	LeaseStream(ctx context.Context, st Stream, before int64, l Lease) (bool, error)
	// SettleStream sets how far st has come, and until when its holder keeps
	// it. It is false, and nothing is done, when somebody else holds it or it
	// has another version.
	SettleStream(ctx context.Context, st Stream, l Lease) (bool, error)
}

// ErasureReader finds the personal data of users in audit logs.
type ErasureReader interface {
	// Erasure returns the erasure of a user.
	Erasure(ctx context.Context, u id.User) (Erasure, error)
	// OpenErasures returns those that are not complete, the oldest first.
	OpenErasures(ctx context.Context) ([]Erasure, error)
	// PersonalLog returns the first log behind after, in order of
	// identifiers, that has records with data of p: of those that are under
	// legal hold when held is set, else of the others.
	PersonalLog(ctx context.Context, p Person, after id.Log, held bool) (id.Log, error)
	// PersonalRecords returns up to limit records of the log with data of p
	// and a number above after, in order.
	PersonalRecords(ctx context.Context, p Person, log id.Log, after int64, limit int) ([]audit.Record, error)
}

// ErasureTx erases personal data.
type ErasureTx interface {
	// PutErasure adds an erasure, or sets all of it but the time of the request.
	PutErasure(ctx context.Context, e Erasure) error
	// EraseRecord sets the personal data of a record, and what is left of it,
	// to that of r, which describes none of gone any more. It does nothing
	// when the record is gone.
	EraseRecord(ctx context.Context, r *audit.Record, gone []id.User) error
}

// RetentionReader reads how long logs are kept.
type RetentionReader interface {
	// AuditSettings returns the settings of a log, fault.NotFound when none
	// were ever set.
	AuditSettings(ctx context.Context, log id.Log) (AuditSettings, error)
	// Logs returns up to limit logs behind after, in order of identifiers,
	// that have records.
	Logs(ctx context.Context, after id.Log, limit int) ([]Log, error)
	// FirstKept returns the number that the log begins with: 1, or more when
	// its oldest records have expired.
	FirstKept(ctx context.Context, log id.Log) (int64, error)
}

// RetentionTx changes how long logs are kept.
type RetentionTx interface {
	// PutAuditSettings sets the settings of a log.
	PutAuditSettings(ctx context.Context, log id.Log, s AuditSettings, at time.Time) error
	// ExpireRecords removes up to limit of the oldest records of the log whose
	// time is before before and whose number is less than end, and says which.
	// Trees and the number of the next record stay. It removes nothing when
	// all of these only tell of removals.
	ExpireRecords(ctx context.Context, log id.Log, before time.Time, end int64, limit int) (Expired, error)
}

// IdempotencyTx remembers the answers to requests with an Idempotency-Key.
type IdempotencyTx interface {
	// Answer returns the stored answer, fault.NotFound when there is none.
	Answer(ctx context.Context, u id.User, key string) (Answer, error)
	// PutAnswer stores an answer; a key that is taken makes the transaction
	// run again, so that Answer finds it.
	PutAnswer(ctx context.Context, u id.User, key string, a Answer) error
	// DropAnswers removes answers stored before t.
	DropAnswers(ctx context.Context, before time.Time) error
}

// Answer is the stored answer to a request. Body is sealed by the caller.
type Answer struct {
	Fingerprint string
	Status      int
	Body        []byte
	Created     time.Time
}
