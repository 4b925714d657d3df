package storetest

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/usage"
)

// ErrFault is the failure of a Faulty store.
var ErrFault = errors.New("a fault was injected")

// Fault says what becomes of the call that fails.
type Fault int

const (
	// Lost is a call that fails before it took effect.
	Lost Fault = iota
	// Done is a call that fails after it took effect: only its answer is lost.
	Done
)

// Faulty is a store of which one writing call fails, counted from 1 over all
// transactions. The commit is a call as well. A test tries every number until
// an operation ends without having met its fault.
type Faulty struct {
	org.Store
	Fault Fault
	At    int64
	calls atomic.Int64
}

// Met reports whether the call that fails was made.
func (f *Faulty) Met() bool { return f.calls.Load() >= f.At }

// call makes a call, or lets it fail when it is its turn.
func (f *Faulty) call(do func() error) error {
	if f.calls.Add(1) != f.At {
		return do()
	}
	if f.Fault == Done {
		_ = do()
	}
	return ErrFault
}

// Update implements org.Store.
func (f *Faulty) Update(ctx context.Context, change func(org.Tx) error) error {
	lost := false
	err := f.Store.Update(ctx, func(tx org.Tx) error {
		lost = false
		if err := change(&faultyTx{Tx: tx, faulty: f}); err != nil {
			return err
		}
		commit := f.calls.Add(1) == f.At
		lost = commit && f.Fault == Done
		if commit && f.Fault == Lost {
			return ErrFault
		}
		return nil
	})
	if err == nil && lost {
		return ErrFault
	}
	return err
}

// faultyTx lets writes and locks fail.
type faultyTx struct {
	org.Tx
	faulty *Faulty
}

func (x *faultyTx) InsertOrganization(ctx context.Context, o org.Organization) error {
	return x.faulty.call(func() error { return x.Tx.InsertOrganization(ctx, o) })
}

func (x *faultyTx) RenameOrganization(ctx context.Context, o id.Organization, name string, updated time.Time) error {
	return x.faulty.call(func() error { return x.Tx.RenameOrganization(ctx, o, name, updated) })
}

func (x *faultyTx) MoveOrganization(ctx context.Context, o org.Organization, parent org.Organization, updated time.Time) error {
	return x.faulty.call(func() error { return x.Tx.MoveOrganization(ctx, o, parent, updated) })
}

func (x *faultyTx) DeleteOrganization(ctx context.Context, o org.Organization, deleted time.Time) error {
	return x.faulty.call(func() error { return x.Tx.DeleteOrganization(ctx, o, deleted) })
}

func (x *faultyTx) RestoreOrganization(ctx context.Context, o org.Organization, updated time.Time) error {
	return x.faulty.call(func() error { return x.Tx.RestoreOrganization(ctx, o, updated) })
}

func (x *faultyTx) InsertAccount(ctx context.Context, a org.Account) error {
	return x.faulty.call(func() error { return x.Tx.InsertAccount(ctx, a) })
}

func (x *faultyTx) UpdateAccount(ctx context.Context, a org.Account) error {
	return x.faulty.call(func() error { return x.Tx.UpdateAccount(ctx, a) })
}

func (x *faultyTx) DeleteAccount(ctx context.Context, a org.Account, deleted time.Time) error {
	return x.faulty.call(func() error { return x.Tx.DeleteAccount(ctx, a, deleted) })
}

func (x *faultyTx) MoveAccount(ctx context.Context, a org.Account, path []id.Organization, updated time.Time) error {
	return x.faulty.call(func() error { return x.Tx.MoveAccount(ctx, a, path, updated) })
}

func (x *faultyTx) PutProfile(ctx context.Context, o org.Owner, p org.Profile, echoed bool, updated time.Time) error {
	return x.faulty.call(func() error { return x.Tx.PutProfile(ctx, o, p, echoed, updated) })
}

func (x *faultyTx) DeleteProfile(ctx context.Context, o org.Owner) error {
	return x.faulty.call(func() error { return x.Tx.DeleteProfile(ctx, o) })
}

func (x *faultyTx) InsertMember(ctx context.Context, m org.Member) error {
	return x.faulty.call(func() error { return x.Tx.InsertMember(ctx, m) })
}

func (x *faultyTx) UpdateMember(ctx context.Context, m org.Member) error {
	return x.faulty.call(func() error { return x.Tx.UpdateMember(ctx, m) })
}

func (x *faultyTx) InsertAccountMember(ctx context.Context, m org.AccountMember) error {
	return x.faulty.call(func() error { return x.Tx.InsertAccountMember(ctx, m) })
}

func (x *faultyTx) DeleteAccountMember(ctx context.Context, m org.AccountMember) error {
	return x.faulty.call(func() error { return x.Tx.DeleteAccountMember(ctx, m) })
}

func (x *faultyTx) EraseUser(ctx context.Context, u id.User, email string, at time.Time) error {
	return x.faulty.call(func() error { return x.Tx.EraseUser(ctx, u, email, at) })
}

func (x *faultyTx) PutErasure(ctx context.Context, e org.Erasure) error {
	return x.faulty.call(func() error { return x.Tx.PutErasure(ctx, e) })
}

func (x *faultyTx) EraseRecord(ctx context.Context, r *audit.Record, gone []id.User) error {
	return x.faulty.call(func() error { return x.Tx.EraseRecord(ctx, r, gone) })
}

func (x *faultyTx) ExpireRecords(ctx context.Context, log id.Log, before time.Time, end int64, limit int) (e org.Expired, err error) {
	err = x.faulty.call(func() error {
		e, err = x.Tx.ExpireRecords(ctx, log, before, end, limit)
		return err
	})
	return e, err
}

func (x *faultyTx) PutAuditSettings(ctx context.Context, log id.Log, s org.AuditSettings, at time.Time) error {
	return x.faulty.call(func() error { return x.Tx.PutAuditSettings(ctx, log, s, at) })
}

func (x *faultyTx) InsertUser(ctx context.Context, u org.User) error {
	return x.faulty.call(func() error { return x.Tx.InsertUser(ctx, u) })
}

func (x *faultyTx) UpdateUser(ctx context.Context, u org.User) error {
	return x.faulty.call(func() error { return x.Tx.UpdateUser(ctx, u) })
}

func (x *faultyTx) InsertToken(ctx context.Context, t org.Token, secretHash string) error {
	return x.faulty.call(func() error { return x.Tx.InsertToken(ctx, t, secretHash) })
}

func (x *faultyTx) UpdateToken(ctx context.Context, t org.Token) error {
	return x.faulty.call(func() error { return x.Tx.UpdateToken(ctx, t) })
}

func (x *faultyTx) RollToken(ctx context.Context, t org.Token, secretHash string) error {
	return x.faulty.call(func() error { return x.Tx.RollToken(ctx, t, secretHash) })
}

func (x *faultyTx) DeleteToken(ctx context.Context, t org.Token) error {
	return x.faulty.call(func() error { return x.Tx.DeleteToken(ctx, t) })
}

func (x *faultyTx) ChangeRights(ctx context.Context) error {
	return x.faulty.call(func() error { return x.Tx.ChangeRights(ctx) })
}

func (x *faultyTx) PutKey(ctx context.Context, u id.User, keyHash string, at time.Time) error {
	return x.faulty.call(func() error { return x.Tx.PutKey(ctx, u, keyHash, at) })
}

func (x *faultyTx) TouchTokens(ctx context.Context, used map[id.Token]time.Time) error {
	return x.faulty.call(func() error { return x.Tx.TouchTokens(ctx, used) })
}

func (x *faultyTx) AppendAudit(ctx context.Context, r *audit.Record) error {
	return x.faulty.call(func() error { return x.Tx.AppendAudit(ctx, r) })
}

func (x *faultyTx) AppendAudits(ctx context.Context, records []*audit.Record) error {
	return x.faulty.call(func() error { return x.Tx.AppendAudits(ctx, records) })
}

func (x *faultyTx) InsertStream(ctx context.Context, st org.Stream) error {
	return x.faulty.call(func() error { return x.Tx.InsertStream(ctx, st) })
}

func (x *faultyTx) UpdateStream(ctx context.Context, st org.Stream) error {
	return x.faulty.call(func() error { return x.Tx.UpdateStream(ctx, st) })
}

func (x *faultyTx) ReplayStream(ctx context.Context, st org.Stream) error {
	return x.faulty.call(func() error { return x.Tx.ReplayStream(ctx, st) })
}

func (x *faultyTx) DeleteStream(ctx context.Context, st org.Stream) error {
	return x.faulty.call(func() error { return x.Tx.DeleteStream(ctx, st) })
}

func (x *faultyTx) LeaseStream(ctx context.Context, st org.Stream, before int64, l org.Lease) (ok bool, err error) {
	err = x.faulty.call(func() error {
		ok, err = x.Tx.LeaseStream(ctx, st, before, l)
		return err
	})
	return ok, err
}

func (x *faultyTx) SettleStream(ctx context.Context, st org.Stream, l org.Lease) (ok bool, err error) {
	err = x.faulty.call(func() error {
		ok, err = x.Tx.SettleStream(ctx, st, l)
		return err
	})
	return ok, err
}

func (x *faultyTx) GrowTrees(ctx context.Context, growths []org.Growth) error {
	return x.faulty.call(func() error { return x.Tx.GrowTrees(ctx, growths) })
}

func (x *faultyTx) PutCosigned(ctx context.Context, log id.Log, size int64, checkpoint string) error {
	return x.faulty.call(func() error { return x.Tx.PutCosigned(ctx, log, size, checkpoint) })
}

func (x *faultyTx) Answer(ctx context.Context, u id.User, key string) (result org.Answer, err error) {
	err = x.faulty.call(func() error {
		result, err = x.Tx.Answer(ctx, u, key)
		return err
	})
	return result, err
}

func (x *faultyTx) PutAnswer(ctx context.Context, u id.User, key string, a org.Answer) error {
	return x.faulty.call(func() error { return x.Tx.PutAnswer(ctx, u, key, a) })
}

func (x *faultyTx) DropAnswers(ctx context.Context, before time.Time) error {
	return x.faulty.call(func() error { return x.Tx.DropAnswers(ctx, before) })
}

func (x *faultyTx) LockTree(ctx context.Context, exclusive bool) error {
	return x.faulty.call(func() error { return x.Tx.LockTree(ctx, exclusive) })
}

func (x *faultyTx) Lock(ctx context.Context, keys ...string) error {
	return x.faulty.call(func() error { return x.Tx.Lock(ctx, keys...) })
}

func (x *faultyTx) PutCatalogue(ctx context.Context, c *usage.Catalogue, at time.Time) error {
	return x.faulty.call(func() error { return x.Tx.PutCatalogue(ctx, c, at) })
}

func (x *faultyTx) PutPriceBook(ctx context.Context, b *usage.PriceBook, at time.Time) error {
	return x.faulty.call(func() error { return x.Tx.PutPriceBook(ctx, b, at) })
}

func (x *faultyTx) Assign(ctx context.Context, a usage.Assignment) error {
	return x.faulty.call(func() error { return x.Tx.Assign(ctx, a) })
}

func (x *faultyTx) CountUsage(ctx context.Context, s []usage.Submission, at time.Time) (receipts []usage.Receipt, err error) {
	err = x.faulty.call(func() error {
		receipts, err = x.Tx.CountUsage(ctx, s, at)
		return err
	})
	return receipts, err
}

func (x *faultyTx) LeaseBudget(ctx context.Context, b org.Budget, l org.Lease) (ok bool, err error) {
	err = x.faulty.call(func() (err error) { ok, err = x.Tx.LeaseBudget(ctx, b, l); return err })
	return ok, err
}

func (x *faultyTx) SettleBudget(ctx context.Context, b org.Budget, next time.Time) (ok bool, err error) {
	err = x.faulty.call(func() (err error) { ok, err = x.Tx.SettleBudget(ctx, b, next); return err })
	return ok, err
}

func (x *faultyTx) InsertCrossing(ctx context.Context, c org.Crossing) (ok bool, err error) {
	err = x.faulty.call(func() (err error) { ok, err = x.Tx.InsertCrossing(ctx, c); return err })
	return ok, err
}
