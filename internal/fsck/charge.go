package fsck

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/shopspring/decimal"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/usage"
)

// place is where a record is, the zero place where none is known.
type place struct {
	log id.Log
	seq int64
}

// before reports whether a change was committed before another one, as far as
// their records say: those of different logs have no order. Both changes held
// the usage of the account, so that one really came after the other.
func (p place) before(q place) bool { return p.log != "" && p.log == q.log && p.seq < q.seq }

// charge is what is kept of a charge.
type charge struct {
	usage.AccountFee
	made     place             // the record of it
	recorded *usage.AccountFee // as that has it, nil when it does not tell
	ended    *usage.Day        // its end, as the record of taking it away has it
}

// removal is a record of taking a charge away from open billing periods.
type removal struct {
	place
	charge id.Charge
	before usage.AccountFee
	after  *usage.AccountFee // nil when nothing of it was left
}

// readCharges checks what can be said of a charge by itself.
func (c *checker) readCharges(ctx context.Context, in Inspector) error {
	return in.InspectCharges(ctx, func(f usage.AccountFee) error {
		o := newObject(f.Created, f.Created, time.Time{})
		c.kept[thing{"charge", string(f.ID)}] = &o
		err := f.Fee.Check()
		f.Fee.Description = ""
		c.charges[f.ID] = &charge{AccountFee: f}
		if err != nil {
			return c.violate(Charge, "charge", string(f.ID), "%s", err)
		}
		return nil
	})
}

// noteCharge tells a charge about a record.
func (c *checker) noteCharge(r *audit.Record) {
	at := place{r.Log, r.Seq}
	before, hasBefore := feeOf(r, r.Resource.Before)
	after, hasAfter := feeOf(r, r.Resource.After)
	f := c.charges[id.Charge(r.Resource.ID)]
	switch {
	case r.Action == audit.ChargeCreate && f != nil:
		f.made = at
		if hasAfter {
			f.recorded = &after
		}
	case r.Action == audit.ChargeDelete && hasBefore:
		taken := removal{place: at, charge: id.Charge(r.Resource.ID), before: before}
		if hasAfter {
			taken.after = &after
		}
		if hasAfter && f != nil {
			f.ended = &after.Fee.Days.End
		}
		c.removals = append(c.removals, taken)
	}
}

// feeOf reads a charge as a record has it, false when it has none.
func feeOf(r *audit.Record, text []byte) (f usage.AccountFee, ok bool) {
	b := bodyOf(text)
	f = usage.AccountFee{Account: r.Account, ID: id.Charge(r.Resource.ID)}
	f.Fee.Category, f.Fee.Currency = usage.FeeCategory(b.text("category")), usage.Currency(b.text("currency"))
	f.Fee.Recurring = string(b["recurring"]) == "true"
	var err error
	if f.Fee.Amount, err = decimal.NewFromString(b.text("amount")); err != nil {
		return f, false
	}
	if f.Fee.Days.Start, ok = b.day("start"); !ok {
		return f, false
	}
	if f.Fee.Days.End, ok = b.day("end"); !ok {
		f.Fee.Days.End = usage.NoEnd
	}
	return f, true
}

// body is an object as a record has it.
type body map[string]json.RawMessage

func bodyOf(text []byte) body {
	var b body
	if json.Unmarshal(text, &b) != nil {
		return nil // it tells nothing
	}
	return b
}

func (b body) text(name string) string {
	var s string
	if json.Unmarshal(b[name], &s) != nil {
		return ""
	}
	return s
}

func (b body) day(name string) (usage.Day, bool) {
	d, err := usage.ParseDay(b.text(name))
	return d, err == nil
}

// checkCharges holds charges against their records and their billing periods.
func (c *checker) checkCharges(context.Context, Inspector) error {
	for _, key := range slices.Sorted(maps.Keys(c.charges)) {
		f := c.charges[key]
		for _, check := range []func(*charge) error{c.checkChargeRecord, c.checkChargePeriod, c.checkAdded} {
			if err := check(f); err != nil {
				return err
			}
		}
	}
	for i := range c.removals {
		if err := c.checkRemoved(&c.removals[i]); err != nil {
			return err
		}
	}
	return nil
}

// checkChargeRecord wants a charge to be what was recorded when it was added.
func (c *checker) checkChargeRecord(f *charge) error {
	if f.recorded == nil {
		return nil
	}
	want := *f.recorded
	if f.ended != nil {
		want.Fee.Days.End = *f.ended
	}
	is, was := chargeText(&f.AccountFee), chargeText(&want)
	if is == was {
		return nil
	}
	return c.violate(Charge, "charge", string(f.ID), "it is %s, its record has %s", is, was)
}

func chargeText(f *usage.AccountFee) string {
	kind := "once"
	if f.Fee.Recurring {
		kind = "recurring"
	}
	return fmt.Sprintf("%s of %s %s of account %s, %s, for %s", f.Fee.Category, f.Fee.Amount, f.Fee.Currency, f.Account, kind, daysText(f.Fee.Days))
}

func daysText(p usage.Period) string {
	if p.End == usage.NoEnd {
		return p.Start.String() + " and on"
	}
	return p.String()
}

// checkChargePeriod wants the first day of a charge to lie in a billing period,
// and one that is recurring in no open one before a closed one that it is in.
func (c *checker) checkChargePeriod(f *charge) error {
	b := c.billing[f.Account]
	start := f.Fee.Days.Start
	if b == nil || b.at(start) == nil {
		return c.violate(Period, "charge", string(f.ID), "there is no billing period that %s lies in", start)
	}
	if !f.Fee.Recurring {
		return nil
	}
	var last usage.Day
	for _, p := range b.all {
		if !p.closed.IsZero() && c.charged(f, p) {
			last = p.Start
		}
	}
	for d := start; d < last; {
		p := b.at(d)
		if p == nil || p.closed.IsZero() || p.End <= d {
			return c.violate(Charge, "charge", string(f.ID), "the billing period of %s is not closed, a later one that it is charged in is", d)
		}
		d = p.End
	}
	return nil
}

// charged reports whether a charge is charged in a billing period. After the
// account was deleted it is not.
func (c *checker) charged(f *charge, p *period) bool {
	fee, charged := f.In(p.Period)
	a := c.accounts[f.Account]
	gone := a != nil && !a.live() && usage.DayOf(a.deleted) < fee.Days.Start && !f.Created.After(a.deleted)
	return charged && !gone
}

// checkAdded wants nothing to have been added to a closed billing period.
func (c *checker) checkAdded(f *charge) error {
	for _, p := range c.billing.of(f.Account) {
		if _, charged := f.In(p.Period); charged && p.record.before(f.made) {
			return c.violate(Charge, "charge", string(f.ID), "it was added to the billing period %s after that was closed", p.Period)
		}
	}
	return nil
}

// checkRemoved wants nothing to have been taken away from one.
func (c *checker) checkRemoved(r *removal) error {
	for _, p := range c.billing.of(r.before.Account) {
		_, charged := r.before.In(p.Period)
		if !charged || !p.record.before(r.place) {
			continue
		}
		if r.after != nil {
			if _, still := r.after.In(p.Period); still {
				continue
			}
		}
		err := c.violate(Charge, "charge", string(r.charge), "it was taken away from the billing period %s after that was closed", p.Period)
		if err != nil {
			return err
		}
	}
	return nil
}
