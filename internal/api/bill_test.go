package api_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/big"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgd/orgd/internal/engine/enginetest"
	"github.com/orgd/orgd/internal/openapitest"
	"github.com/orgd/orgd/internal/usage/focus"
	"github.com/orgd/orgd/internal/usage/focuscheck"
)

// billWorld is a company with usage and charges, and what its invoices come to
// by a reckoning of its own.
type billWorld struct {
	*runner
	random   *rand.Rand
	accounts []*billAccount
	log      []string // of what was done, for failures
}

type billAccount struct {
	name   string
	anchor time.Time // a day of the month that billing periods begin on
	used   map[string]int64
	fees   []billFee
}

type billFee struct {
	cents      int64
	start, end time.Time // no end for the zero time
	recurring  bool
}

const billPrices = `{"yaml":"catalogue:\n  version: v1\n  metrics:\n    - {id: requests, name: Requests, unit: Requests, aggregation: sum, service: {name: Web, category: Web}}\nprice_books:\n  - id: b\n    currency: EUR\n    prices:\n      - {metric: requests, sku: requests-1, unit: 1000 Requests, per: 1000, included: 1, tiers: [{up_to: 2, list: 0.50, contracted: 0.40}, {list: 0.10}]}\n"}`

// boundary returns the first day of the billing period of day.
func (a *billAccount) boundary(day time.Time) time.Time {
	first := time.Date(day.Year(), day.Month(), 1, 0, 0, 0, 0, time.UTC)
	begin := first.AddDate(0, 0, min(a.anchor.Day(), first.AddDate(0, 1, -1).Day())-1)
	if day.Before(begin) {
		return a.boundary(first.AddDate(0, 0, -1))
	}
	return begin
}

// next returns the first day of the billing period after that which begins on
// the day begin.
func (a *billAccount) next(begin time.Time) time.Time {
	return a.boundary(time.Date(begin.Year(), begin.Month()+1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 1, -1))
}

// invoices returns what an account is billed for by billing period.
func (a *billAccount) invoices(today time.Time) map[string]*big.Rat {
	sums := map[string]*big.Rat{}
	add := func(day time.Time, amount *big.Rat) {
		key := a.boundary(day).Format(time.DateOnly)
		if sums[key] == nil {
			sums[key] = new(big.Rat)
		}
		sums[key].Add(sums[key], amount)
	}
	used := map[string]int64{}
	for text, n := range a.used {
		day, _ := time.Parse(time.DateOnly, text)
		used[a.boundary(day).Format(time.DateOnly)] += n
	}
	for text, n := range used {
		day, _ := time.Parse(time.DateOnly, text)
		paid := max(n-1000, 0)
		add(day, big.NewRat(min(paid, 2000)*4+max(paid-2000, 0), 10_000))
	}
	for _, f := range a.fees {
		if !f.recurring {
			if !f.start.After(today) {
				add(f.start, big.NewRat(f.cents, 100))
			}
			continue
		}
		for day := f.start; !day.After(today) && (f.end.IsZero() || day.Before(f.end)); day = a.next(a.boundary(day)) {
			add(day, big.NewRat(f.cents, 100))
		}
	}
	return sums
}

func (w *billWorld) call(method, target, body string) (int, []byte) {
	w.t.Helper()
	w.turn(fmt.Sprint(method, target, body, w.now))
	resp, answer := w.send(&step{title: method + " " + target + " " + body, who: "owner", method: method, target: target, body: body})
	w.store.records(w.t)
	w.log = append(w.log, fmt.Sprintf("%s %s %s: %d", method, target, body, resp.StatusCode))
	return resp.StatusCode, answer
}

func (w *billWorld) do(method, target, body string) []byte {
	w.t.Helper()
	status, answer := w.call(method, target, body)
	if status != http.StatusOK {
		w.t.Fatalf("%s: %s", w.log[len(w.log)-1], answer)
	}
	return answer
}

// fill uses things and adds charges at random.
func (w *billWorld) fill() {
	w.t.Helper()
	first := time.Date(2025, 11, 5, 0, 0, 0, 0, time.UTC)
	for _, a := range w.accounts {
		events := ""
		for range 12 {
			day := first.AddDate(0, 0, w.random.IntN(56))
			n := w.random.Int64N(900)
			a.used[day.Format(time.DateOnly)] += n
			if events != "" {
				events += ","
			}
			events += fmt.Sprintf(`{"specversion":"1.0","id":"%d","source":"/m","type":"u","time":%q,"data":{"account_id":"$%s","metric":"requests","quantity":%d}}`,
				w.random.Int64(), day.Format(time.RFC3339), a.name, n)
		}
		w.do("POST", "/orgd/v1/usage/events", "["+events+"]")
		for i := range 8 {
			w.charge(a, i, first.AddDate(0, 0, w.random.IntN(70)-10))
		}
	}
}

func (w *billWorld) charge(a *billAccount, i int, start time.Time) {
	w.t.Helper()
	category := []string{"Purchase", "Credit", "Tax", "Adjustment"}[i%4]
	f := billFee{cents: w.random.Int64N(100_000), start: start, recurring: w.random.IntN(2) == 0}
	if category == "Credit" {
		f.cents = -f.cents
	}
	end := ""
	if w.random.IntN(2) == 0 {
		f.end = start.AddDate(0, 0, 1+w.random.IntN(60))
		end = fmt.Sprintf(`,"end":%q`, f.end.Format(time.DateOnly))
	}
	a.fees = append(a.fees, f)
	w.do("POST", "/orgd/v1/accounts/$"+a.name+"/charges", fmt.Sprintf(`{"category":%q,"amount":"%s","description":"%s %d","start":%q,"recurring":%t%s}`,
		category, big.NewRat(f.cents, 100).FloatString(2), category, i, start.Format(time.DateOnly), f.recurring, end))
}

// bill reads the bill in one form, holds it against the requirements of FOCUS
// and returns the sums by invoice.
func (w *billWorld) bill(format focus.Format, mapping focus.Mapping) map[string]string {
	w.t.Helper()
	text := w.do("GET", fmt.Sprintf("/orgd/v1/organizations/$acme/focus?from=2025-01-01&to=2026-12-31&format=%s&mapping=%s", format, mapping), "")
	open := func() focus.Reader {
		r, got, err := focus.Open(bytes.NewReader(text))
		if err != nil || got != format {
			w.t.Fatalf("open %s: %s, %v", format, got, err)
		}
		return r
	}
	report, err := focuscheck.Check(open(), focuscheck.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, k := range []focuscheck.Keyword{focuscheck.Must, focuscheck.Should} {
		for _, failed := range report.Failed(k) {
			w.t.Errorf("%s, %s: %s (%s): %+v", format, mapping, failed.ID, failed.Text, failed.Examples)
		}
	}
	sums := map[string]*big.Rat{}
	r := open()
	invoice, cost := slices.Index(r.Columns(), "InvoiceId"), slices.Index(r.Columns(), "BilledCost")
	for {
		cells, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			w.t.Fatal(err)
		}
		amount, ok := new(big.Rat).SetString(cells[cost].Text)
		if !ok {
			w.t.Fatalf("%s: BilledCost is %q", format, cells[cost].Text)
		}
		if sums[cells[invoice].Text] == nil {
			sums[cells[invoice].Text] = new(big.Rat)
		}
		sums[cells[invoice].Text].Add(sums[cells[invoice].Text], amount)
	}
	return texts(sums)
}

func texts(sums map[string]*big.Rat) map[string]string {
	out := map[string]string{}
	for name, sum := range sums {
		out[name] = sum.FloatString(6)
	}
	return out
}

// check holds every form of the bill against the invoices.
func (w *billWorld) check() {
	w.t.Helper()
	for _, mapping := range []focus.Mapping{focus.Cloudflare, focus.Consolidated} {
		sums := map[string]*big.Rat{}
		for _, a := range w.accounts {
			payer := w.values["acme"]
			if mapping == focus.Cloudflare {
				payer = w.values[a.name]
			}
			for period, sum := range a.invoices(w.now) {
				name := fmt.Sprintf("%s-%s-EUR", payer, period)
				if sums[name] == nil {
					sums[name] = new(big.Rat)
				}
				sums[name].Add(sums[name], sum)
			}
		}
		want := texts(sums)
		if len(want) < 4 {
			w.t.Errorf("there are only the invoices %v", want)
		}
		for _, format := range []focus.Format{focus.CSV, focus.JSONLines, focus.Parquet} {
			if diff := cmp.Diff(want, w.bill(format, mapping)); diff != "" {
				w.t.Errorf("%s, %s: invoices (-want +got):\n%s\n%v", format, mapping, diff, w.log)
			}
		}
	}
}

// close closes every billing period that has ended, in order, where there is
// one.
func (w *billWorld) close(a *billAccount) (closed int) {
	w.t.Helper()
	for begin := a.boundary(time.Date(2025, 10, 1, 0, 0, 0, 0, time.UTC)); !a.next(begin).After(w.now); begin = a.next(begin) {
		status, answer := w.call("POST", "/orgd/v1/accounts/$"+a.name+"/billing_periods/"+begin.Format(time.DateOnly)+"/close", "")
		switch status {
		case http.StatusOK:
			closed++
		case http.StatusNotFound:
		default:
			w.t.Errorf("close %s of %s: %s", begin.Format(time.DateOnly), a.name, answer)
		}
	}
	return closed
}

// The rows of a bill add up to its invoices, in all formats and both mappings,
// whatever was used and charged, before and after billing periods are closed.
func TestBillAddsUpToInvoices(t *testing.T) {
	t.Parallel()
	documents := []*openapitest.Document{openapitest.Load(t)}
	for _, e := range enginetest.All(t) {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			w := &billWorld{runner: newRunner(t, &script{}, e.Open(t), documents), random: rand.New(rand.NewPCG(4, 2))}
			for _, line := range []string{
				"user owner owner@example.com administrator",
				`owner POST /client/v4/organizations {"name":"Acme"} -> acme`,
				`owner POST /client/v4/organizations {"name":"East","parent":{"id":"$acme"}} -> east`,
				"owner POST /orgd/v1/usage/price_lists " + billPrices,
				`owner PUT /orgd/v1/organizations/$acme/price_book {"book_id":"b","start":"2020-01-01"}`,
			} {
				w.prepare(line)
			}
			for i, anchor := range []string{"2025-01-31", "2025-06-15", "2025-10-01"} {
				a := &billAccount{name: fmt.Sprint("shop", i), used: map[string]int64{}}
				a.anchor, _ = time.Parse(time.DateOnly, anchor)
				w.accounts = append(w.accounts, a)
				w.prepare(fmt.Sprintf(`owner POST /client/v4/accounts {"name":"Shop %d","unit":{"id":"$%s"}} -> %s`, i, []string{"acme", "east"}[i%2], a.name))
				w.prepare(fmt.Sprintf(`owner PUT /orgd/v1/accounts/$%s/billing_anchor {"day":%q}`, a.name, anchor))
			}
			w.fill()
			w.check()
			for _, a := range w.accounts {
				if n := w.close(a); n < 1 {
					t.Errorf("%d billing periods of %s were closed", n, a.name)
				}
			}
			w.check()
		})
	}
}
