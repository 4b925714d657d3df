package api

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/fault"
)

// RateLimit is a token bucket for each credential: PerSecond refills it,
// Burst is what it holds.
type RateLimit struct {
	PerSecond float64
	Burst     int
}

// maxBuckets bounds the buckets; full ones are dropped then.
const maxBuckets = 100_000

// limiter keeps a bucket for each credential. It is per process: several
// servers admit several times the limit.
type limiter struct {
	limit RateLimit
	now   func() time.Time

	mu      sync.Mutex
	buckets map[string]*rate.Limiter
}

func newLimiter(l RateLimit, now func() time.Time) *limiter {
	return &limiter{limit: l, now: now, buckets: make(map[string]*rate.Limiter)}
}

// take takes one request out of the caller's bucket and writes the headers
// that tell what is left.
func (l *limiter) take(h http.Header, c *auth.Caller) error {
	if l.limit.Burst == 0 {
		return nil
	}
	now := l.now()
	b := l.bucket(c.Credential.TokenHash+c.Credential.KeyHash, now)
	allowed := b.AllowN(now, 1)
	tokens := b.TokensAt(now)
	left := max(0, int(tokens))
	full := int(float64(l.limit.Burst-left)/l.limit.PerSecond) + 1
	h.Set("Ratelimit", fmt.Sprintf(`"default";r=%d;t=%d`, left, full))
	h.Set("Ratelimit-Policy", fmt.Sprintf(`"default";q=%d;w=%d`, l.limit.Burst, int(float64(l.limit.Burst)/l.limit.PerSecond)))
	if allowed {
		return nil
	}
	h.Set("Retry-After", strconv.Itoa(int((1-tokens)/l.limit.PerSecond)+1))
	return fault.New(fault.RateLimited, "Too many requests: the rate limit of this credential is used up")
}

func (l *limiter) bucket(key string, now time.Time) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, ok := l.buckets[key]
	if ok {
		return b
	}
	if len(l.buckets) >= maxBuckets {
		for k, b := range l.buckets {
			if b.TokensAt(now) >= float64(l.limit.Burst) {
				delete(l.buckets, k)
			}
		}
	}
	b = rate.NewLimiter(rate.Limit(l.limit.PerSecond), l.limit.Burst)
	l.buckets[key] = b
	return b
}
