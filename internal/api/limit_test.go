package api

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/fault"
)

// clock is a time that tests move.
type clock struct{ at time.Time }

func newClock() *clock { return &clock{time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time       { return c.at }
func (c *clock) pass(d time.Duration) { c.at = c.at.Add(d) }

func byToken(hash string) *auth.Caller {
	return &auth.Caller{Credential: auth.Credential{TokenHash: hash}}
}

// TestLimitIsSmooth spends the bucket and then gets one request for each
// moment that one takes to come back, not all of them at the end of a window.
func TestLimitIsSmooth(t *testing.T) {
	t.Parallel()
	c := newClock()
	l := newLimiter(RateLimit{PerSecond: 4, Burst: 20}, c.now)
	for i := range 20 {
		h := make(http.Header)
		if err := l.take(h, byToken("a")); err != nil {
			t.Fatalf("request %d of 20: %v", i+1, err)
		}
		if got, want := h.Get("Ratelimit"), fmt.Sprintf(`"default";r=%d;t=%d`, 19-i, (i+1)/4+1); got != want {
			t.Errorf("request %d: Ratelimit %s, want %s", i+1, got, want)
		}
		if got := h.Get("Ratelimit-Policy"); got != `"default";q=20;w=5` {
			t.Errorf("request %d: Ratelimit-Policy %s", i+1, got)
		}
	}
	for i := range 12 {
		for range 3 { // a refused request costs nothing
			expectLimited(t, l)
		}
		c.pass(250*time.Millisecond - time.Microsecond)
		expectLimited(t, l)
		c.pass(time.Microsecond)
		if err := l.take(make(http.Header), byToken("a")); err != nil {
			t.Fatalf("after %d times 250 ms: %v", i+1, err)
		}
	}
	c.pass(time.Hour)
	for i := range 20 {
		if err := l.take(make(http.Header), byToken("a")); err != nil {
			t.Fatalf("request %d after an hour: %v", i+1, err)
		}
	}
	expectLimited(t, l)
}

func expectLimited(t *testing.T, l *limiter) {
	t.Helper()
	h := make(http.Header)
	err := l.take(h, byToken("a"))
	if !errors.Is(err, fault.New(fault.RateLimited, "")) {
		t.Fatalf("got %v, want a refusal", err)
	}
	if h.Get("Retry-After") != "1" || h.Get("Ratelimit") != `"default";r=0;t=6` {
		t.Errorf("headers of a refusal: %v", h)
	}
}

// TestLimitTellsWhenToComeBack waits as long as it is told to.
func TestLimitTellsWhenToComeBack(t *testing.T) {
	t.Parallel()
	c := newClock()
	l := newLimiter(RateLimit{PerSecond: 0.3, Burst: 1}, c.now)
	for range 10 {
		if err := l.take(make(http.Header), byToken("a")); err != nil {
			t.Fatal(err)
		}
		h := make(http.Header)
		if err := l.take(h, byToken("a")); err == nil {
			t.Fatal("a request too many passed")
		}
		seconds, err := strconv.Atoi(h.Get("Retry-After"))
		if err != nil || seconds < 1 || seconds > 4 {
			t.Fatalf("Retry-After %q", h.Get("Retry-After"))
		}
		c.pass(time.Duration(seconds) * time.Second)
	}
}

func TestLimitIsForEachCredential(t *testing.T) {
	t.Parallel()
	l := newLimiter(RateLimit{PerSecond: 1, Burst: 1}, newClock().now)
	callers := []*auth.Caller{byToken("a"), byToken("b"), {Credential: auth.Credential{KeyHash: "c"}}}
	for _, c := range callers {
		if err := l.take(make(http.Header), c); err != nil {
			t.Errorf("%+v: %v", c.Credential, err)
		}
	}
	for _, c := range callers {
		if err := l.take(make(http.Header), c); err == nil {
			t.Errorf("%+v: a request too many passed", c.Credential)
		}
	}
}

func TestLimitIsOffWithoutABurst(t *testing.T) {
	t.Parallel()
	l := newLimiter(RateLimit{}, newClock().now)
	h := make(http.Header)
	for range 1000 {
		if err := l.take(h, byToken("a")); err != nil {
			t.Fatal(err)
		}
	}
	if len(h) > 0 {
		t.Errorf("headers without a limit: %v", h)
	}
}

func TestLimitLetsNoMoreThroughAtOnce(t *testing.T) {
	t.Parallel()
	c := newClock()
	l := newLimiter(RateLimit{PerSecond: 1, Burst: 50}, c.now)
	passed := make(chan bool, 200)
	var all sync.WaitGroup
	for range cap(passed) {
		all.Go(func() { passed <- l.take(make(http.Header), byToken("a")) == nil })
	}
	all.Wait()
	close(passed)
	n := 0
	for ok := range passed {
		if ok {
			n++
		}
	}
	if n != 50 {
		t.Errorf("%d of 200 requests passed at once, want 50", n)
	}
	c.pass(time.Second) // those that were refused cost nothing, though they came together
	if err := l.take(make(http.Header), byToken("a")); err != nil {
		t.Errorf("after a second: %v", err)
	}
}

func TestLimitForgetsFullBuckets(t *testing.T) {
	t.Parallel()
	c := newClock()
	l := newLimiter(RateLimit{PerSecond: 1, Burst: 1}, c.now)
	for i := range maxBuckets {
		l.bucket(strconv.Itoa(i), c.now())
	}
	if err := l.take(make(http.Header), byToken("0")); err != nil {
		t.Fatal(err)
	}
	l.bucket("one more", c.now())
	if n := len(l.buckets); n != 2 {
		t.Errorf("%d buckets are kept, want the used one and the new one", n)
	}
	if err := l.take(make(http.Header), byToken("0")); err == nil {
		t.Error("the used bucket was forgotten")
	}
}
