package org

import (
	"testing"
	"time"

	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/usage"
)

func TestWhenAPeriodIsOver(t *testing.T) {
	t.Parallel()
	july := usage.Period{Start: usage.DateOf(2026, time.July, 1), End: usage.DateOf(2026, time.August, 1)}
	there, deleted := &Account{}, &Account{Deleted: july.Start.Start()}
	for _, tt := range []struct {
		what  string
		acc   *Account
		today usage.Day
		want  *refused
	}{
		{"before it", there, july.Start - 1, &refused{fault.PeriodOpen, "", "The billing period 2026-07-01/2026-08-01 has not ended: it can be closed from 2026-08-01 on"}},
		{"its last day", there, july.End - 1, &refused{fault.PeriodOpen, "", "The billing period 2026-07-01/2026-08-01 has not ended: it can be closed from 2026-08-01 on"}},
		{"the day after it", there, july.End, nil},
		{"before it, deleted", deleted, july.Start - 1, &refused{fault.PeriodOpen, "", "The billing period 2026-07-01/2026-08-01 has not begun: it can be closed from 2026-07-01 on"}},
		{"its first day, deleted", deleted, july.Start, nil},
		{"long after it, deleted", deleted, july.End + 1000, nil},
	} {
		t.Run(tt.what, func(t *testing.T) { checkRefusal(t, checkOver(tt.acc, july, tt.today), tt.want) })
	}
}

func TestLastCharges(t *testing.T) {
	t.Parallel()
	july := usage.Period{Start: usage.DateOf(2026, time.July, 1), End: usage.DateOf(2026, time.August, 1)}
	there, deleted := &Account{}, &Account{Deleted: july.Start.Start()}
	today := july.Start + 9
	fee := func(start usage.Day, recurring bool) *usage.Fee {
		return &usage.Fee{Recurring: recurring, Days: usage.Period{Start: start, End: start + 1}}
	}
	for _, tt := range []struct {
		what string
		acc  *Account
		fee  *usage.Fee
		want *refused
	}{
		{"recurring from tomorrow on", there, fee(today+1, true), nil},
		{"before the deletion", deleted, fee(july.Start-9, false), nil},
		{"today", deleted, fee(today, false), nil},
		{"tomorrow", deleted, fee(today+1, false), &refused{fault.Invalid, "/start", "/start must not be later than today: the account was deleted"}},
		{"recurring", deleted, fee(july.Start, true), &refused{fault.Invalid, "/recurring", "/recurring must be false: the account was deleted"}},
	} {
		t.Run(tt.what, func(t *testing.T) { checkRefusal(t, checkLastCharge(tt.acc, tt.fee, today), tt.want) })
	}
}
