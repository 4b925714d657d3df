package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/orgd/orgd/internal/engine/enginetest"
)

// The shape of TestExactlyOnce.
const (
	meterEvents      = 20_000 // unless meterVariable says another number
	meterVariable    = "ORGD_TEST_USAGE_EVENTS"
	meterConnections = 8
	meterKills       = 20
	meterPause       = 5 * time.Millisecond // at most, before a kill
	meterTimeout     = 5 * time.Minute      // of one request
	meterAgain       = 500                  // events that are sent again after a kill
)

// TestExactlyOnce sends events of every aggregation, some of them several
// times and in no order, over many connections to a server that is killed
// again and again. Requests are repeated until they are answered. In the end
// the totals are those of an independent count, to the last digit, and so are
// receipts. scripts/check has it send a million.
func TestExactlyOnce(t *testing.T) {
	t.Parallel()
	total := meterEvents
	if text := os.Getenv(meterVariable); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1000 {
			t.Fatalf("%s is %q, want a number of at least 1000", meterVariable, text)
		}
		total = n
	}
	program := binary(t)
	for _, e := range enginetest.All(t) {
		t.Run(e.Name, func(t *testing.T) {
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			m := &meter{program: program, url: e.URL(t), engine: e, random: rand.New(rand.NewPCG(seed, 0))}
			m.token = prepared(t, program, m.url)
			m.setUp(t, total)
			m.run(t)
			m.check(t)
		})
	}
}

// meter sends the events of a world to a server that dies.
type meter struct {
	program, url, token string
	engine              enginetest.Engine
	random              *rand.Rand
	organizations       []string // the root, then the others
	homes               []int    // by account: its place among organizations
	server              *process

	mu       sync.Mutex
	changed  *sync.Cond // base, answered, done or err
	world    *meterWorld
	base     string       // of the server that lives
	lives    int          // how often it was started
	answered int          // events
	counted  map[int]int  // by event: how often it was answered that it was counted
	lost     map[int]bool // events of requests that were not answered
	repeated int          // events that were answered to be duplicates
	failures int          // requests that were not answered
	poisoned map[string]poison
	senders  int // that are not done
	err      error
}

// setUp makes a tree of organizations with accounts, and prices.
func (m *meter) setUp(t *testing.T, total int) {
	t.Helper()
	m.changed = sync.NewCond(&m.mu)
	m.counted, m.lost, m.poisoned = map[int]int{}, map[int]bool{}, map[string]poison{}
	m.start(t)
	c := newClient(m.base, m.token)
	root := c.must(t, "POST", "/organizations", named("Root")).id()
	m.organizations = []string{root}
	for _, name := range []string{"East", "West"} {
		child := map[string]any{"name": name, "parent": map[string]any{"id": root}}
		m.organizations = append(m.organizations, c.must(t, "POST", "/organizations", child).id())
	}
	var accounts []string
	for i := range meterAccounts {
		home := i % len(m.organizations)
		m.homes = append(m.homes, home)
		body := map[string]any{"name": fmt.Sprint("Account ", i), "unit": map[string]any{"id": m.organizations[home]}}
		accounts = append(accounts, c.must(t, "POST", "/accounts", body).id())
	}
	own := m.own(c)
	own.must(t, "POST", "/usage/price_lists", map[string]any{"yaml": meterPrices})
	own.must(t, "PUT", "/organizations/"+root+"/price_book", map[string]any{"book_id": "book", "start": "2020-01-01"})
	today := time.Now().UTC().Truncate(24 * time.Hour)
	m.world = newMeterWorld(m.random, accounts, total, today)
}

// own returns a client of what is not the API of Cloudflare.
func (m *meter) own(c *client) *client {
	own := *c
	own.base = strings.TrimSuffix(c.base, "/client/v4") + "/orgd/v1"
	return &own
}

// start starts the server.
func (m *meter) start(t *testing.T) {
	t.Helper()
	m.server = start(t, m.program, "serve", "--store", m.url, "--rate-limit", "0")
	m.mu.Lock()
	defer m.mu.Unlock()
	m.base = m.server.BaseURL
	m.lives++
	m.changed.Broadcast()
}

// run sends everything, and kills the server each time that another part of
// it was answered.
func (m *meter) run(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var group sync.WaitGroup
	m.senders = meterConnections
	for range meterConnections {
		group.Go(func() { m.send(ctx) })
	}
	begin := time.Now()
	for n := range meterKills {
		m.await(m.world.total * (n + 1) / (meterKills + 1))
		time.Sleep(rand.N(meterPause))
		m.server.kill()
		m.start(t)
		m.sendAgain(t)
	}
	m.await(m.world.total)
	group.Wait()
	if m.err != nil {
		t.Fatal(m.err)
	}
	t.Logf("%d events, %d of them different, %d answered to be duplicates, %d requests unanswered at %d kills, in %s",
		m.answered, len(m.world.distinct()), m.repeated, m.failures, meterKills, time.Since(begin).Round(time.Millisecond))
	if m.failures < meterKills/2 {
		t.Errorf("%d unanswered requests are too few to show anything", m.failures)
	}
}

// await waits until so many events were answered, or all senders are done.
func (m *meter) await(events int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for m.answered < events && m.senders > 0 {
		m.changed.Wait()
	}
}

// delivery is one request.
type delivery struct {
	events  []int
	poisons []poison // at the end
}

// take returns the next request, false when there is none.
func (m *meter) take() (delivery, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := delivery{events: m.world.next()}
	if len(l.events) > 100 && len(l.events) < 10_000 {
		all := m.world.poisons(len(m.poisoned))
		l.poisons = all[len(m.poisoned)%len(all):][:1]
		m.poisoned[l.poisons[0].event] = l.poisons[0]
	}
	return l, len(l.events) > 0 && m.err == nil
}

// send sends requests over one connection until there are none.
func (m *meter) send(ctx context.Context) {
	c := newClient("", m.token)
	c.http = &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1, MaxIdleConnsPerHost: 1}, Timeout: meterTimeout}
	defer c.http.CloseIdleConnections()
	for {
		l, ok := m.take()
		if !ok {
			break
		}
		m.deliver(ctx, c, l)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.senders--
	m.changed.Broadcast()
}

// deliver sends a request until it is answered. What was not answered is sent
// again in two parts, in another order.
func (m *meter) deliver(ctx context.Context, c *client, l delivery) {
	life, world := m.look(c)
	status, body, err := m.post(ctx, c, world, l)
	if ctx.Err() != nil {
		return
	}
	if err == nil {
		m.judge(l, status, body)
		return
	}
	m.mu.Lock()
	m.failures++
	for _, e := range l.events {
		m.lost[e] = true
	}
	if m.lives == life && life > meterKills {
		m.err = errors.Join(m.err, fmt.Errorf("no answer from a server that nobody kills: %w", err))
		m.changed.Broadcast()
	}
	for m.lives == life && m.err == nil {
		m.changed.Wait()
	}
	failed := m.err != nil
	m.random.Shuffle(len(l.events), func(i, j int) { l.events[i], l.events[j] = l.events[j], l.events[i] })
	half := m.random.IntN(len(l.events))
	m.mu.Unlock()
	if failed {
		return
	}
	if half > 0 {
		m.deliver(ctx, c, delivery{events: l.events[:half]})
	}
	m.deliver(ctx, c, delivery{l.events[half:], l.poisons})
}

// look points the client to the server that lives, and returns which life it
// is and the events that there are: those do not change.
func (m *meter) look(c *client) (life int, world meterWorld) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c.base = m.base
	return m.lives, *m.world
}

// post sends a request once. The error is one of the connection.
func (m *meter) post(ctx context.Context, c *client, world meterWorld, l delivery) (int, []byte, error) {
	content, header := world.encode(l)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.own(c).base+"/usage/events", bytes.NewReader(content))
	if err != nil {
		return 0, nil, err
	}
	req.GetBody = nil // the transport repeats nothing: we do
	req.Header = header
	req.Header.Set("Authorization", "Bearer "+c.token)
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, nil, err
	}
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, body, errors.Join(err, resp.Body.Close())
}

// encode writes a request: one event alone in one of the modes for that,
// others as a batch, compressed or not.
func (w *meterWorld) encode(l delivery) (content []byte, header http.Header) {
	header = http.Header{}
	if len(l.events) == 1 && len(l.poisons) == 0 {
		e := &w.events[l.events[0]]
		if e.number%2 == 0 {
			header.Set("Content-Type", "application/cloudevents+json")
			return w.structured(nil, e), header
		}
		header.Set("Content-Type", "application/json")
		for key, value := range map[string]string{
			"specversion": "1.0", "type": "meter", "id": e.id(), "source": url.PathEscape(e.sourceName()), "time": e.at.Format(time.RFC3339Nano),
		} {
			header.Set("ce-"+key, value)
		}
		return w.data(e), header
	}
	content = append(make([]byte, 0, 256*len(l.events)), '[')
	for _, e := range l.events {
		content = append(w.structured(content, &w.events[e]), ',')
	}
	for _, p := range l.poisons {
		content = append(append(content, p.event...), ',')
	}
	content[len(content)-1] = ']'
	header.Set("Content-Type", "application/cloudevents-batch+json")
	if len(l.events)%2 == 0 {
		header.Set("Content-Encoding", "gzip")
		content = zipped(content)
	}
	return content, header
}

func zipped(content []byte) []byte {
	var out bytes.Buffer
	z, _ := gzip.NewWriterLevel(&out, gzip.BestSpeed) // the level is one
	_, _ = z.Write(content)                           // to a buffer
	_ = z.Close()
	return out.Bytes()
}

// meterReceipt is what became of an event.
type meterReceipt struct {
	Source    string `json:"source"`
	ID        string `json:"id"`
	Outcome   string `json:"outcome"`
	AccountID string `json:"account_id"`
	Metric    string `json:"metric"`
	Day       string `json:"day"`
	ZoneID    string `json:"zone_id"`
	RegionID  string `json:"region_id"`
	Reason    string `json:"reason"`
	Pointer   string `json:"pointer"`
}

// receipt returns what the receipt of an event must be.
func (w *meterWorld) receipt(e *meterEvent, outcome string) meterReceipt {
	return meterReceipt{
		Source: e.sourceName(), ID: e.id(), Outcome: outcome, AccountID: w.accounts[e.account], Metric: e.metricName(),
		Day: w.first.AddDate(0, 0, e.day).Format(time.DateOnly), ZoneID: e.zone(), RegionID: e.region(),
	}
}

// judge compares an answer with the request.
func (m *meter) judge(l delivery, status int, body []byte) {
	var answer struct {
		Result struct {
			Counted, Duplicates, Refused int
			Receipts                     []meterReceipt
		}
	}
	err := json.Unmarshal(body, &answer)
	m.mu.Lock()
	defer m.mu.Unlock()
	defer m.changed.Broadcast()
	receipts := answer.Result.Receipts
	if err != nil || status != http.StatusOK || len(receipts) != len(l.events)+len(l.poisons) {
		m.err = errors.Join(m.err, fmt.Errorf("%d events and %d others are answered with %d: %.1000s", len(l.events), len(l.poisons), status, body))
		return
	}
	outcomes := map[string]int{}
	for i, e := range l.events {
		r := receipts[i]
		outcomes[r.Outcome]++
		if r.Outcome == "counted" {
			m.counted[e]++
		}
		if want := m.world.receipt(&m.world.events[e], r.Outcome); r != want || r.Outcome == "refused" {
			m.err = errors.Join(m.err, fmt.Errorf("the receipt is %+v, want %+v", r, want))
			return
		}
	}
	for i, p := range l.poisons {
		at := len(l.events) + i
		r := receipts[at]
		if want := "/" + strconv.Itoa(at) + p.pointer; r.Outcome != "refused" || r.Reason != p.reason || r.Pointer != want {
			m.err = errors.Join(m.err, fmt.Errorf("the receipt is %+v, want one with %s at %s", r, p.reason, want))
		}
	}
	if r := answer.Result; r.Counted != outcomes["counted"] || r.Duplicates != outcomes["duplicate"] || r.Refused != len(l.poisons) {
		m.err = errors.Join(m.err, fmt.Errorf("%d, %d and %d are answered, and receipts for %v", r.Counted, r.Duplicates, r.Refused, outcomes))
	}
	m.answered += len(l.events)
	m.repeated += outcomes["duplicate"]
}

// sendAgain sends events whose answer came before the kill: all of them must
// still be counted.
func (m *meter) sendAgain(t *testing.T) {
	t.Helper()
	m.mu.Lock()
	var l delivery
	for e := range m.counted {
		if len(l.events) == meterAgain {
			break
		}
		l.events = append(l.events, e)
	}
	m.mu.Unlock()
	c := newClient("", m.token)
	_, world := m.look(c)
	status, body, err := m.post(t.Context(), c, world, l)
	if want := fmt.Sprintf(`{"counted":0,"duplicates":%d,"refused":0,`, len(l.events)); err != nil || status != http.StatusOK || !bytes.Contains(body, []byte(want)) {
		t.Fatalf("events that were counted before the kill are answered with %d: %.300s, %v", status, body, err)
	}
}
