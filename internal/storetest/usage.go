package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/shopspring/decimal"

	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/usage"
	"github.com/orgd/orgd/internal/usage/pricelist"
)

func usageCases() []testCase {
	return []testCase{
		{"an event is counted once, however often and in whatever order it comes", countsOnce},
		{"writers count side by side without losing anything", countsSideBySide},
		{"different keys are counted exactly", countsKeys},
		{"a place keeps its last name", keepsPlaceNames},
		{"a refused event has a receipt until it is counted", keepsRefusals},
		{"usage is read by day, account and metric, in order", readsUsage},
		{"states are those of the usage that is read", readsStates},
		{"billing periods are counted from the first month", anchorsAccounts},
		{"billing periods count from the anchor that was put last", setsAnchors},
		{"catalogues and price books are kept and never change", keepsPriceLists},
		{"an assignment is replaced on its very day only", keepsAssignments},
		{"a count that fails can be done again", countWithFaults},
	}
}

// usageStart is the first day of events.
func usageStart() time.Time { return time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC) }

// event makes an event of a day after usageStart().
func event(name string, a id.Account, m usage.MetricID, day int, quantity string) usage.Submission {
	return usage.Submission{Event: usage.Event{
		Source: "/meter", ID: name, Account: a, Metric: m, Quantity: decimal.RequireFromString(quantity),
		Time: usageStart().AddDate(0, 0, day).Add(time.Hour),
	}}
}

func (w *world) count(all ...usage.Submission) []usage.Receipt {
	w.Helper()
	var receipts []usage.Receipt
	w.update(func(ctx context.Context, tx org.Tx) error {
		var err error
		receipts, err = tx.CountUsage(ctx, all, w.now())
		return err
	})
	return receipts
}

func outcomes(receipts []usage.Receipt) string {
	var all []string
	for _, r := range receipts {
		all = append(all, string(r.Outcome))
	}
	return strings.Join(all, " ")
}

// usageOf lists the usage of a day: account, metric, place and quantities.
func (w *world) usageOf(day int, metrics []usage.MetricID, accounts ...id.Account) []string {
	w.Helper()
	var all []string
	q := usage.Query{Day: usage.DayOf(usageStart()) + usage.Day(day), Accounts: accounts, Metrics: metrics}
	err := w.store.EachUsage(w.Context(), q, func(r *usage.Record) error {
		s := &r.State
		all = append(all, fmt.Sprintf("%s %s %s(%s) %s(%s) n=%d sum=%s max=%s last=%s avg=%s uniq=%d", r.Line.Account, r.Line.Metric,
			r.Place.Zone.ID, r.Place.Zone.Name, r.Place.Region.ID, r.Place.Region.Name, s.Events, s.Sum, s.Max, s.Last, s.Quantity(usage.Average), s.Unique))
		return nil
	})
	if err != nil {
		w.Error(err)
	}
	return all
}

func countsOnce(w *world) {
	a := event("1", "acc", "m", 0, "1.5")
	b := event("2", "acc", "m", 0, "0.25")
	b.Event.Time = b.Event.Time.Add(time.Minute)
	want(w, "first", outcomes(w.count(b, a, b)), "counted counted duplicate")
	want(w, "again", outcomes(w.count(a, event("3", "acc", "m", 0, "9"), b)), "duplicate counted duplicate")
	other := a
	other.Event.Source = "/other"
	other.Event.Quantity = decimal.RequireFromString("1000000000000000.000000001")
	want(w, "another source", outcomes(w.count(other)), "counted")
	want(w, "usage", w.usageOf(0, nil, "acc"), []string{
		"acc m () () n=4 sum=1000000000000010.750000001 max=1000000000000000.000000001 last=0.25 avg=250000000000002.6875 uniq=0",
	})
	found(w, "receipt", usage.Counted)(receiptOutcome(w.store.UsageReceipt(w.Context(), "/meter", "1")))
	absent[usage.Receipt](w, "receipt")(w.store.UsageReceipt(w.Context(), "/meter", "4"))
}

func receiptOutcome(r usage.Receipt, err error) (usage.Outcome, error) { return r.Outcome, err }

// countsSideBySide sends the same events from several writers, each in an
// order and in batches of its own.
func countsSideBySide(w *world) {
	const events, writers = 300, 4
	var all []usage.Submission
	for i := range events {
		all = append(all, event(fmt.Sprint(i), id.Account(fmt.Sprint("acc", i%3)), "m", i%2, fmt.Sprint(i, ".001")))
	}
	var wg sync.WaitGroup
	for n := range writers {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(7, uint64(n)))
			mine := slices.Clone(all)
			random.Shuffle(len(mine), func(i, j int) { mine[i], mine[j] = mine[j], mine[i] })
			for batch := range slices.Chunk(mine, 37) {
				err := w.store.Update(w.Context(), func(tx org.Tx) error {
					_, err := tx.CountUsage(w.Context(), batch, w.now())
					return err
				})
				if err != nil {
					w.Error(err)
				}
			}
		})
	}
	wg.Wait()
	total := decimal.Decimal{}
	for _, day := range []int{0, 1} {
		q := usage.Query{Day: usage.DayOf(usageStart()) + usage.Day(day), Accounts: []id.Account{"acc0", "acc1", "acc2"}}
		err := w.store.EachUsage(w.Context(), q, func(r *usage.Record) error {
			total = total.Add(r.State.Sum)
			return nil
		})
		if err != nil {
			w.Error(err)
		}
	}
	want(w, "sum of all", total.String(), "44850.3")
}

func countsKeys(w *world) {
	keyed := func(name, key string) usage.Submission {
		e := event(name, "acc", "seats", 0, "1")
		e.Event.Unique = key
		return e
	}
	w.count(keyed("1", "ann"), keyed("2", "bob"), keyed("3", "ann"))
	w.count(keyed("4", "bob"), keyed("5", "cid"), keyed("1", "dan"))
	want(w, "usage", w.usageOf(0, nil, "acc"), []string{"acc seats () () n=5 sum=5 max=1 last=1 avg=1 uniq=3"})
}

func keepsPlaceNames(w *world) {
	placed := func(name, zone, zoneName string) usage.Submission {
		e := event(name, "acc", "m", 0, "1")
		e.Event.Place = usage.Place{Zone: usage.Named{ID: zone, Name: zoneName}, Region: usage.Named{ID: "eu"}}
		return e
	}
	w.count(placed("1", "z1", "old.example"), placed("2", "z2", ""))
	w.count(placed("3", "z1", "new.example"), placed("4", "z1", ""))
	want(w, "usage", w.usageOf(0, nil, "acc"), []string{
		"acc m z1(new.example) eu() n=3 sum=3 max=1 last=1 avg=1 uniq=0", "acc m z2() eu() n=1 sum=1 max=1 last=1 avg=1 uniq=0",
	})
}

func keepsRefusals(w *world) {
	bad := event("1", "acc", "nothing", 0, "1")
	bad.Refusal = &usage.Refusal{Reason: usage.UnknownMetric, Pointer: "/data/metric", Message: "no such metric"}
	nameless := usage.Submission{Refusal: &usage.Refusal{Reason: usage.Malformed, Message: "is not valid JSON"}}
	want(w, "refused", outcomes(w.count(bad, nameless, event("2", "acc", "m", 0, "1"))), "refused refused counted")
	r, err := w.store.UsageReceipt(w.Context(), "/meter", "1")
	if err != nil {
		w.Fatal(err)
	}
	want(w, "receipt", r.Refusal, *bad.Refusal)
	want(w, "outcome", r.Outcome, usage.Refused)
	bad.Refusal = nil
	want(w, "later", outcomes(w.count(bad)), "counted")
	found(w, "receipt", usage.Counted)(receiptOutcome(w.store.UsageReceipt(w.Context(), "/meter", "1")))
	bad.Refusal = &usage.Refusal{Reason: usage.Late, Message: "too late"}
	want(w, "refused after it was counted", outcomes(w.count(bad)), "refused")
	found(w, "receipt", usage.Counted)(receiptOutcome(w.store.UsageReceipt(w.Context(), "/meter", "1")))
}

func readsUsage(w *world) {
	var all []usage.Submission
	for i, a := range []id.Account{"b", "a", "c"} {
		for j, m := range []usage.MetricID{"y", "x"} {
			for day := range 2 {
				all = append(all, event(fmt.Sprint(i, j, day), a, m, day, "1"))
			}
		}
	}
	w.count(all...)
	one := func(a, m string) string { return a + " " + m + " () () n=1 sum=1 max=1 last=1 avg=1 uniq=0" }
	want(w, "two accounts", w.usageOf(1, nil, "b", "a"), []string{one("a", "x"), one("a", "y"), one("b", "x"), one("b", "y")})
	want(w, "one metric", w.usageOf(1, []usage.MetricID{"x", "z"}, "c", "a"), []string{one("a", "x"), one("c", "x")})
	want(w, "no metric", w.usageOf(1, []usage.MetricID{}, "c", "a"), nil)
	want(w, "no account", w.usageOf(1, nil), nil)
	want(w, "another day", w.usageOf(2, nil, "a"), nil)
}

// readsStates reads the same twice: as it is shown and as it is added up.
func readsStates(w *world) {
	d := decimal.RequireFromString
	var all []usage.Submission
	for i, a := range []id.Account{"b", "a", "c"} {
		for j, m := range []usage.MetricID{"y", "x-2", "m_1"} {
			e := event(fmt.Sprint(i, j), a, m, j%2, fmt.Sprint("1234567890", i, ".00000000", j))
			weight := d("0.3")
			e.Event.Weight = &weight
			e.Event.Place = usage.Place{Zone: usage.Named{ID: fmt.Sprint("z, ", i), Name: "a, b c"}, Region: usage.Named{ID: "eu west"}}
			more := event(fmt.Sprint(i, j, " more"), a, m, j%2, "0.7")
			more.Event.Place, more.Event.Time, more.Event.Unique = e.Event.Place, e.Event.Time.Add(time.Minute), "ann"
			nowhere := event(fmt.Sprint(i, j, " nowhere"), a, m, j%2, fmt.Sprint(7+i))
			nowhere.Event.Unique = "bob"
			all = append(all, e, more, nowhere)
		}
	}
	w.count(all...)
	of := func(read func(context.Context, usage.Query, func(*usage.Record) error) error, q usage.Query) []string {
		var all []string
		err := read(w.Context(), q, func(r *usage.Record) error {
			line := fmt.Sprint(r.Line.Account, " ", r.Line.Metric, " ", r.Line.Day)
			for _, a := range []usage.Aggregation{usage.Sum, usage.Maximum, usage.Average, usage.Last, usage.UniqueCount} {
				line += fmt.Sprint(" ", a, "=", r.State.Quantity(a))
			}
			all = append(all, line)
			return nil
		})
		if err != nil {
			w.Error(err)
		}
		slices.Sort(all)
		return all
	}
	first := usage.DayOf(usageStart())
	for _, q := range []usage.Query{
		{Day: first, Accounts: []id.Account{"c", "a", "nobody"}},
		{Day: first + 1, Accounts: []id.Account{"a", "b"}},
		{Day: first, Accounts: []id.Account{"a", "b", "c"}, Metrics: []usage.MetricID{"y", "nothing"}},
		{Day: first, Accounts: []id.Account{"a"}, Metrics: []usage.MetricID{}},
		{Day: first + 2, Accounts: []id.Account{"a"}},
		{Day: first},
	} {
		want(w, fmt.Sprint("states of ", q), of(w.store.EachState, q), of(w.store.EachUsage, q))
	}
	got := of(w.store.EachState, usage.Query{Day: first + 1, Accounts: []id.Account{"b"}})
	want(w, "states", got, []string{
		"b x-2 2026-03-02 sum=3703703670.7000000003 max=12345678900.000000001 average=2849002823.615384616 last=0.7 unique_count=1",
		"b x-2 2026-03-02 sum=7 max=7 average=7 last=7 unique_count=1",
	})
	stop := errors.New("enough")
	n := 0
	err := w.store.EachState(w.Context(), usage.Query{Day: first, Accounts: []id.Account{"a", "b", "c"}}, func(*usage.Record) error { n++; return stop })
	if !errors.Is(err, stop) || n != 1 {
		w.Errorf("%d states and %v after the first was enough", n, err)
	}
}

func anchorsAccounts(w *world) {
	w.count(event("1", "a", "m", 40, "1"), event("2", "a", "m", 10, "1"), event("3", "b", "m", -1, "1"))
	w.count(event("4", "a", "m", -40, "1"))
	got, err := w.store.Anchors(w.Context(), []id.Account{"a", "b", "c"})
	if err != nil {
		w.Fatal(err)
	}
	want(w, "anchors", got, map[id.Account]usage.Anchor{
		"a": usage.Anchor(usage.DateOf(2026, time.March, 1)), "b": usage.Anchor(usage.DateOf(2026, time.February, 1)),
	})
}

func setsAnchors(w *world) {
	put := func(a id.Account, anchor usage.Anchor) {
		w.Helper()
		w.update(func(ctx context.Context, tx org.Tx) error { return tx.PutAnchor(ctx, a, anchor) })
	}
	first, second := usage.Anchor(usage.DateOf(2026, time.January, 31)), usage.Anchor(usage.DateOf(2026, time.January, 5))
	put("a", first)
	put("a", second)
	found(w, "periods of an anchor", false)(w.store.HasPeriods(w.Context(), "a"))
	w.count(event("1", "a", "m", 0, "1"))
	found(w, "periods of usage", true)(w.store.HasPeriods(w.Context(), "a"))
	found(w, "periods of nothing", false)(w.store.HasPeriods(w.Context(), "b"))
	got, err := w.store.Anchors(w.Context(), []id.Account{"a", "b"})
	if err != nil {
		w.Fatal(err)
	}
	want(w, "anchors", got, map[id.Account]usage.Anchor{"a": second})
	p, err := w.store.BillingPeriod(w.Context(), "a", usage.DateOf(2026, time.February, 5))
	if err != nil {
		w.Fatal(err)
	}
	want(w, "the period", p.Period, usage.Period{Start: usage.DateOf(2026, time.February, 5), End: usage.DateOf(2026, time.March, 5)})
}

func keepsPriceLists(w *world) {
	list, err := pricelist.Demo()
	if err != nil {
		w.Fatal(err)
	}
	absent[*usage.Catalogue](w, "catalogue")(w.store.Catalogue(w.Context()))
	absent[*usage.Catalogue](w, "catalogue")(w.store.Metrics(w.Context(), ""))
	put := func(c *usage.Catalogue, b *usage.PriceBook) func(context.Context, org.Tx) error {
		return func(ctx context.Context, tx org.Tx) error {
			return errors.Join(tx.PutCatalogue(ctx, c, w.now()), tx.PutPriceBook(ctx, b, w.now()))
		}
	}
	w.update(put(list.Catalogue, &list.Books[1]))
	w.update(put(list.Catalogue, &list.Books[1]))
	got, err := w.store.Catalogue(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	want(w, "metrics", got.Metrics, list.Catalogue.Metrics)
	book, err := w.store.PriceBook(w.Context(), list.Books[1].ID)
	if err != nil {
		w.Fatal(err)
	}
	want(w, "price book", len(book.Prices), len(list.Books[1].Prices))
	want(w, "tiers", book.Prices[0].Tiers[1].Contracted.String(), "0.24")
	changed := list.Books[1]
	changed.Name = "other"
	w.refused(fault.Invalid, func(ctx context.Context, tx org.Tx) error { return tx.PutPriceBook(ctx, &changed, w.now()) })
	renamed := list.Catalogue.Metrics[0]
	renamed.Name = "Renamed"
	newer, err := usage.NewCatalogue("newer", []usage.Metric{renamed})
	if err != nil {
		w.Fatal(err)
	}
	w.update(func(ctx context.Context, tx org.Tx) error { return tx.PutCatalogue(ctx, newer, w.now()) })
	if got, err := w.store.Catalogue(w.Context()); err != nil || got.Version != "newer" {
		w.Errorf("the catalogue is %v, %v", got, err)
	}
	for version, metrics := range map[string][]usage.Metric{
		"": append([]usage.Metric{renamed}, list.Catalogue.Metrics[1:]...), "newer": append([]usage.Metric{renamed}, list.Catalogue.Metrics[1:]...),
		list.Catalogue.Version: list.Catalogue.Metrics,
	} {
		if got, err = w.store.Metrics(w.Context(), version); err != nil {
			w.Fatal(err)
		}
		want(w, "metrics up to "+version, got.Metrics, metrics)
	}
	absent[*usage.Catalogue](w, "catalogue")(w.store.Metrics(w.Context(), "nothing"))
	absent[*usage.PriceBook](w, "price book")(w.store.PriceBook(w.Context(), "nothing"))
}

func keepsAssignments(w *world) {
	w.update(func(ctx context.Context, tx org.Tx) error {
		var all error
		for _, b := range []usage.BookID{"b1", "b2"} {
			all = errors.Join(all, tx.PutPriceBook(ctx, &usage.PriceBook{ID: b, Currency: "USD"}, w.now()))
		}
		for _, a := range []usage.Assignment{
			{Account: "a", Book: "b1", Start: 5},
			{Account: "a", Book: "b2", Start: 7},
			{Account: "a", Book: "b2", Start: 5},
			{Organization: "o", Book: "b1", Start: -3},
			{Account: "other", Book: "b1", Start: 1},
		} {
			all = errors.Join(all, tx.Assign(ctx, a))
		}
		return all
	})
	got, err := w.store.Assignments(w.Context(), []id.Account{"a"}, []id.Organization{"o", "p"})
	if err != nil {
		w.Fatal(err)
	}
	slices.SortFunc(got, func(a, b usage.Assignment) int { return int(a.Start - b.Start) })
	want(w, "assignments", got, []usage.Assignment{{Organization: "o", Book: "b1", Start: -3}, {Account: "a", Book: "b2", Start: 5}, {Account: "a", Book: "b2", Start: 7}})
}

// countWithFaults lets every call of a count fail once; doing it again counts
// what was not counted, once.
func countWithFaults(w *world) {
	for _, f := range []Fault{Lost, Done} {
		for at := int64(1); ; at++ {
			if at == 20 {
				w.Fatal("an operation of 20 calls")
			}
			account := id.Account(fmt.Sprint("acc", f, at))
			all := []usage.Submission{event(fmt.Sprint(f, at, "a"), account, "m", 0, "1"), event(fmt.Sprint(f, at, "b"), account, "m", 1, "2")}
			s := &Faulty{Store: w.store, Fault: f, At: at}
			err := s.Update(w.Context(), func(tx org.Tx) error {
				_, err := tx.CountUsage(w.Context(), all, w.now())
				return err
			})
			if err != nil {
				w.count(all...)
			}
			for day, sum := range []string{"1", "2"} {
				want(w, "usage", w.usageOf(day, nil, account), []string{
					string(account) + " m () () n=1 sum=" + sum + " max=" + sum + " last=" + sum + " avg=" + sum + " uniq=0",
				})
			}
			if !s.Met() {
				break
			}
		}
	}
}
