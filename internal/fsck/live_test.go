package fsck_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/orgd/orgd/internal/engine/enginetest"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/fsck"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/page"
	"github.com/orgd/orgd/internal/usage"
)

// turns is how often each writer writes.
const turns = 12

// TestCheckWhileServersWrite checks a store again and again while everything
// that it looks at is being written: nothing may be found.
func TestCheckWhileServersWrite(t *testing.T) {
	for _, e := range enginetest.All(t) {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			l := newLedger(t, e)
			var group sync.WaitGroup
			var left atomic.Int64
			for name, write := range map[string]func(context.Context, int) error{
				"charges": l.charge, "closings": l.close, "usage": l.use, "logs": l.log, "streams": l.deliver, "people": l.erase,
			} {
				left.Add(1)
				group.Go(func() {
					defer left.Add(-1)
					for i := range turns {
						if err := write(t.Context(), i); err != nil && !fault.CodeOf(err).Refusal() {
							t.Errorf("%s, turn %d: %v", name, i, err)
							return
						}
					}
				})
			}
			for last := false; !last; {
				last = left.Load() == 0
				if found := check(t, l.store, fsck.Options{Now: l.clock.now()}); found != nil {
					t.Errorf("found %v", found)
					break
				}
			}
			group.Wait()
		})
	}
}

// charge adds a charge, and takes every other one away.
func (l *ledger) charge(ctx context.Context, i int) error {
	c, err := l.CreateCharge(ctx, l.request(), l.shop, org.NewCharge{Fee: usage.Fee{
		Category: usage.Adjustment, Amount: decimal.NewFromInt(int64(i)), Description: "Fee", Recurring: i%3 == 0,
		Days: usage.Period{Start: usage.DayOf(l.clock.now())},
	}})
	if err == nil && i%2 == 0 {
		_, err = l.DeleteCharge(ctx, l.request(), l.shop, c.ID)
	}
	return err
}

// close closes the billing periods that have ended, a week later.
func (l *ledger) close(ctx context.Context, _ int) error {
	l.clock.advance(7 * 24 * time.Hour)
	p, err := l.BillingPeriods(ctx, l.request().Caller, l.shop, page.Request{Size: 50})
	if err != nil {
		return err
	}
	for i := range p.Items {
		if !p.Items[i].Closed.IsZero() || p.Items[i].End > usage.DayOf(l.clock.now()) {
			continue
		}
		if _, err := l.CloseBillingPeriod(ctx, l.request(), l.shop, p.Items[i].Start); err != nil {
			return err
		}
	}
	return nil
}

// use counts an event of the last days, and one of a closed billing period.
func (l *ledger) use(ctx context.Context, i int) error {
	event := func(name string, at time.Time) usage.Submission {
		return usage.Submission{Event: usage.Event{
			Source: "/live", ID: fmt.Sprint(name, i), Account: l.shop, Metric: "workers_standard_requests", Time: at, Quantity: decimal.New(5, 6),
		}}
	}
	now := l.clock.now()
	_, err := l.PushUsage(ctx, l.request(), []usage.Submission{event("now", now), event("late", time.Date(2026, 6, 4, 0, 0, 0, 0, time.UTC))})
	return err
}

// log writes into two logs in turn, and reads both.
func (l *ledger) log(ctx context.Context, i int) error {
	o := l.root
	if i%2 == 0 {
		o = l.child
	}
	if _, err := l.PutAuditSettings(ctx, l.request(), o, org.AuditSettings{RetentionMonths: int64(i + 1)}); err != nil {
		return err
	}
	_, err := l.AuditSubtree(ctx, l.request(), l.root, l.lately())
	return err
}

// deliver delivers a batch of every stream, and makes and pauses one.
func (l *ledger) deliver(ctx context.Context, i int) error {
	in := org.NewStream{Name: "stream", FromSeq: 1, Target: org.StreamTarget{Type: org.StreamSyslog, Syslog: org.SyslogTarget{Address: "logs.example.com"}}}
	st, err := l.CreateStream(ctx, l.request(), l.child, in)
	if err != nil {
		return err
	}
	h := org.Holder{Name: fmt.Sprint("live/", i), Lease: time.Minute}
	held, err := l.ClaimStreams(ctx, h, 10)
	if err != nil {
		return err
	}
	for _, s := range held {
		if _, _, err := l.SettleStream(ctx, h, s, org.StreamOutcome{To: s.Delivery.Batch, Last: i%2 == 0}); err != nil {
			return err
		}
	}
	if i%3 == 0 {
		_, err = l.DeleteStream(ctx, l.request(), l.child, st.ID)
		return err
	}
	_, err = l.UpdateStream(ctx, l.request(), l.child, st.ID, org.StreamChange{Paused: new(i%2 == 0)})
	return err
}

// erase makes a user whose data is erased.
func (l *ledger) erase(ctx context.Context, i int) error {
	u, err := l.CreateUser(ctx, l.request(), org.NewUser{Email: fmt.Sprintf("live-%d@example.com", i), FirstName: "First"})
	if err != nil {
		return err
	}
	if _, err := l.EraseUser(ctx, l.request(), u.ID); err != nil {
		return err
	}
	return l.ContinueErasures(ctx)
}
