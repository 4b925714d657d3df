package main

import (
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"strconv"
	"time"
)

// What the events of TestExactlyOnce are about.
const (
	meterAccounts = 8
	meterDays     = 7
	meterPlaces   = 3
	meterSources  = 12
	sharedIDs     = 3    // how many sources use the same id
	meterKeys     = 5000 // that unique counts see
	meterBehind   = 2000 // how far an event may come after its neighbours, about
)

// meterPrices has a metric of each aggregation and a price for each.
const meterPrices = `catalogue:
  version: v1
  metrics:
    - {id: sums, name: Sums, unit: Units, aggregation: sum, service: {name: S, category: Other}}
    - {id: peaks, name: Peaks, unit: Units, aggregation: max, service: {name: S, category: Other}}
    - {id: means, name: Means, unit: Units, aggregation: average, service: {name: S, category: Other}}
    - {id: levels, name: Levels, unit: Units, aggregation: last, service: {name: S, category: Other}}
    - {id: users, name: Users, unit: Users, aggregation: unique_count, service: {name: S, category: Other}}
price_books:
  - id: book
    currency: USD
    prices:
      - {metric: sums, sku: sums-1, unit: Units, list: 0.25, contracted: 0.125}
      - {metric: peaks, sku: peaks-1, unit: Units, list: 0.25, contracted: 0.125}
      - {metric: means, sku: means-1, unit: Units, list: 0.25, contracted: 0.125}
      - {metric: levels, sku: levels-1, unit: Units, list: 0.25, contracted: 0.125}
      - {metric: users, sku: users-1, unit: Users, list: 0.25, contracted: 0.125}
`

// The metrics by their place in meterMetrics.
const (
	sums = iota
	peaks
	means
	levels
	users
)

func meterMetrics() []string { return []string{"sums", "peaks", "means", "levels", "users"} }

// meterLine is where an event counts. Place 0 is nowhere.
type meterLine struct{ account, metric, day, place int }

// meterEvent is one event. Its quantity is whole plus billionths.
type meterEvent struct {
	meterLine
	number, source int
	at             time.Time
	whole          int64
	billionths     int64
	thousandths    int64 // of a weight, 0 for none
	key            int
}

// meterWorld makes events, and batches of them.
type meterWorld struct {
	random   *rand.Rand
	first    time.Time // of the first day
	accounts []string
	events   []meterEvent
	total    int     // of events that are to be sent, duplicates included
	sent     int     // of those
	behind   [][]int // by account: events that come later
	before   [][]int // by account: events that were sent
}

func newMeterWorld(random *rand.Rand, accounts []string, total int, today time.Time) *meterWorld {
	return &meterWorld{
		random: random, first: today.AddDate(0, 0, -meterDays), accounts: accounts, total: total,
		behind: make([][]int, meterAccounts), before: make([][]int, meterAccounts),
	}
}

// make makes an event of an account and returns its place.
func (w *meterWorld) make(account int) int {
	r := w.random
	e := meterEvent{
		meterLine: meterLine{account, r.IntN(len(meterMetrics())), r.IntN(meterDays), r.IntN(meterPlaces)},
		number:    len(w.events), whole: r.Int64N(1000), billionths: r.Int64N(1e9),
	}
	e.source = e.number%sharedIDs + sharedIDs*r.IntN(meterSources/sharedIDs)
	// Some are of the same moment, and some of the last one of their day.
	offset := time.Duration(r.Int64N(int64(24 * time.Hour / time.Microsecond)))
	switch r.IntN(10) {
	case 0:
		offset = 0
	case 1:
		offset = 24*time.Hour/time.Microsecond - 1
	}
	e.at = w.first.AddDate(0, 0, e.day).Add(offset * time.Microsecond)
	switch r.IntN(4) {
	case 0:
		e.whole = r.Int64N(1e18)
	case 1:
		e.billionths = 0
	}
	switch e.metric {
	case means:
		e.thousandths = r.Int64N(3000)
	case users:
		e.whole, e.billionths, e.key = 1, 0, r.IntN(meterKeys)
	}
	w.events = append(w.events, e)
	return e.number
}

// fresh returns an event of an account that was not sent yet: not the last
// one that was made, but any of those that wait.
func (w *meterWorld) fresh(account int) int {
	e := w.make(account)
	if len(w.behind[account]) < min(meterBehind, w.total/100) {
		w.behind[account] = append(w.behind[account], e)
		e = w.make(account)
	}
	i := w.random.IntN(len(w.behind[account]))
	e, w.behind[account][i] = w.behind[account][i], e
	return e
}

// again returns an event of an account that was sent before: mostly a short
// while ago, so that it may be under way on another connection.
func (w *meterWorld) again(account int) int {
	sent := w.before[account]
	if near := 4000; len(sent) > near && w.random.IntN(4) > 0 {
		sent = sent[len(sent)-near:]
	}
	return sent[w.random.IntN(len(sent))]
}

// next returns the events of a batch, nil when all were sent. A fifth of them
// were there before, in this batch or in another one. Most batches are of one
// account.
func (w *meterWorld) next() []int {
	n := 1 + w.random.IntN(max(1, w.total/333))
	if w.random.IntN(40) == 0 {
		n = min(10_000, w.total/50)
	}
	n = min(n, w.total-w.sent)
	one := w.random.IntN(4 * meterAccounts / 3)
	batch := make([]int, 0, n)
	for range n {
		account := one
		if one >= meterAccounts {
			account = w.random.IntN(meterAccounts)
		}
		e := 0
		if w.random.IntN(5) == 0 && len(w.before[account]) > 0 {
			e = w.again(account)
		} else {
			e = w.fresh(account)
			w.before[account] = append(w.before[account], e)
		}
		batch = append(batch, e)
	}
	w.sent += n
	w.random.Shuffle(len(batch), func(i, j int) { batch[i], batch[j] = batch[j], batch[i] })
	return batch
}

// distinct returns the events that were sent, each once.
func (w *meterWorld) distinct() []int {
	var all []int
	for _, sent := range w.before {
		all = append(all, sent...)
	}
	return all
}

// The names of things.
func (e *meterEvent) sourceName() string { return "/meter/" + strconv.Itoa(e.source) }
func (e *meterEvent) id() string         { return "e" + strconv.Itoa(e.number/sharedIDs) }
func (e *meterEvent) quantity() string   { return fmt.Sprintf("%d.%09d", e.whole, e.billionths) }
func (l meterLine) metricName() string   { return meterMetrics()[l.metric] }

func (l meterLine) zone() string {
	if l.place == 0 {
		return ""
	}
	return "z" + strconv.Itoa(l.place)
}

func (l meterLine) region() string {
	if l.place < 2 {
		return ""
	}
	return "eu"
}

// data returns the data of an event as JSON, in one of the ways to write it.
func (w *meterWorld) data(e *meterEvent) []byte {
	b := append(make([]byte, 0, 256), `{"account_id":"`...)
	b = append(append(append(b, w.accounts[e.account]...), `","metric":"`...), e.metricName()...)
	switch {
	case e.metric == users:
		b = append(strconv.AppendInt(append(b, `","unique":"key `...), int64(e.key), 10), '"')
	case e.number%2 == 0:
		b = append(append(append(b, `","quantity":"`...), e.quantity()...), '"')
	default:
		b = append(append(b, `","quantity":`...), e.quantity()...)
	}
	if e.thousandths > 0 {
		b = fmt.Appendf(b, `,"weight":%d.%03d`, e.thousandths/1000, e.thousandths%1000)
	}
	if zone := e.zone(); zone != "" {
		b = append(append(append(b, `,"zone":{"id":"`...), zone...), `"}`...)
	}
	if region := e.region(); region != "" {
		b = append(append(append(b, `,"region":{"id":"`...), region...), `"}`...)
	}
	return append(b, '}')
}

// structured returns an event as JSON.
func (w *meterWorld) structured(b []byte, e *meterEvent) []byte {
	b = append(append(append(b, `{"specversion":"1.0","type":"meter","id":"`...), e.id()...), `","source":"`...)
	b = append(append(append(b, e.sourceName()...), `","time":"`...), e.at.Format(time.RFC3339Nano)...)
	return append(append(append(b, `","data":`...), w.data(e)...), '}')
}

// meterTally is what the events of a line come to, counted one by one by
// somebody who knows nothing of how orgd does it.
type meterTally struct {
	events       int64
	sum          *big.Int // of quantity times weight, in 1e-12
	weight       *big.Int // in 1e-3
	greatest     *big.Int // in 1e-9
	last         *meterEvent
	keys         map[int]bool
	lastQuantity *big.Int // in 1e-9
}

// tally counts events that are different.
func (w *meterWorld) tally(events []int) map[meterLine]*meterTally {
	lines := map[meterLine]*meterTally{}
	for _, number := range events {
		e := &w.events[number]
		l := lines[e.meterLine]
		if l == nil {
			l = &meterTally{sum: new(big.Int), weight: new(big.Int), greatest: new(big.Int), keys: map[int]bool{}}
			lines[e.meterLine] = l
		}
		l.count(e)
	}
	return lines
}

func (l *meterTally) count(e *meterEvent) {
	q := new(big.Int).Mul(big.NewInt(e.whole), big.NewInt(1e9))
	q.Add(q, big.NewInt(e.billionths))
	weight := big.NewInt(1000)
	if e.thousandths > 0 {
		weight.SetInt64(e.thousandths)
	}
	l.events++
	l.sum.Add(l.sum, new(big.Int).Mul(q, weight))
	l.weight.Add(l.weight, weight)
	if q.Cmp(l.greatest) > 0 {
		l.greatest = q
	}
	if l.last == nil || later(e, l.last) {
		l.last, l.lastQuantity = e, q
	}
	if e.metric == users {
		l.keys[e.key] = true
	}
}

// later reports whether a is after b: by time, then by source, then by id, as
// texts.
func later(a, b *meterEvent) bool {
	switch {
	case !a.at.Equal(b.at):
		return a.at.After(b.at)
	case a.source != b.source:
		return a.sourceName() > b.sourceName()
	}
	return a.id() > b.id()
}

// quantity returns what a metric makes of the line.
func (l *meterTally) quantity(metric int) *big.Rat {
	switch metric {
	case peaks:
		return new(big.Rat).SetFrac(l.greatest, big.NewInt(1e9))
	case means:
		return new(big.Rat).SetFrac(halfEven(l.sum, l.weight), big.NewInt(1e9))
	case levels:
		return new(big.Rat).SetFrac(l.lastQuantity, big.NewInt(1e9))
	case users:
		return new(big.Rat).SetInt64(int64(len(l.keys)))
	}
	return new(big.Rat).SetFrac(l.sum, big.NewInt(1e12))
}

// halfEven divides and rounds to a whole number, half to even.
func halfEven(n, d *big.Int) *big.Int {
	q, r := new(big.Int).QuoRem(n, d, new(big.Int))
	switch c := r.Lsh(r, 1).Cmp(d); {
	case c > 0, c == 0 && q.Bit(0) == 1:
		q.Add(q, big.NewInt(1))
	}
	return q
}

// A poison is an event that must be refused, whatever else is in its batch.
type poison struct{ reason, pointer, event string }

// poisons returns one of each kind, with a number in their names.
func (w *meterWorld) poisons(number int) []poison {
	event := func(kind string, at time.Time, account, rest string) string {
		id, _ := json.Marshal(fmt.Sprint(kind, number)) // a string always can be
		return fmt.Sprintf(`{"specversion":"1.0","type":"meter","id":%s,"source":"/poison","time":%q,"data":{"account_id":%q,%s}}`,
			id, at.Format(time.RFC3339Nano), account, rest)
	}
	a := w.accounts[0]
	return []poison{
		{"late", "/time", event("late", w.first.AddDate(0, 0, -90), a, `"metric":"sums","quantity":1`)},
		{"future", "/time", event("future", w.first.AddDate(1, 0, 0), a, `"metric":"sums","quantity":1`)},
		{"unknown_metric", "/data/metric", event("metric", w.first, a, `"metric":"nothing","quantity":1`)},
		{"unknown_account", "/data/account_id", event("account", w.first, "0190a0000000700080000000000000ff", `"metric":"sums","quantity":1`)},
		{"malformed", "/data/quantity", event("quantity", w.first, a, `"metric":"sums","quantity":-1`)},
		{"malformed", "/data/unique", event("unique", w.first, a, `"metric":"users","quantity":1`)},
	}
}
