package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/org"
)

// Config is what a Server needs. Everything but RateLimit, BootstrapSecret,
// TrustedProxies and WriteDeadline is required.
type Config struct {
	Service  *org.Service
	Encoder  Encoder
	Now      func() time.Time
	Random   io.Reader
	Logger   *slog.Logger
	Registry prometheus.Registerer
	// RateLimit bounds each credential; the zero value does not.
	RateLimit RateLimit
	// BootstrapSecret opens POST /orgd/v1/bootstrap; without one it does not exist.
	BootstrapSecret string
	// TrustedProxies are believed when they name the client in X-Forwarded-For.
	TrustedProxies []netip.Prefix
	// MaxBody is the largest request body, in bytes.
	MaxBody int64
	// WriteDeadline returns the time until which the next part of a streamed
	// answer must have been taken; nil gives clients all the time they want.
	WriteDeadline func() time.Time
}

// Server answers requests. It is safe for concurrent use.
type Server struct {
	Config
	mux     *http.ServeMux
	routes  map[string]*route
	limiter *limiter
	metrics *metrics
}

// New returns a Server.
func New(c Config) *Server {
	s := &Server{Config: c, mux: http.NewServeMux(), routes: make(map[string]*route)}
	s.limiter = newLimiter(c.RateLimit, c.Now)
	s.metrics = newMetrics(c.Registry)
	for _, r := range routes() {
		r.segments = strings.Split(strings.TrimPrefix(r.path, "/"), "/")
		s.routes[r.pattern()] = &r
		s.mux.Handle(r.pattern(), http.NotFoundHandler()) // only matches; see ServeHTTP
	}
	return s
}

// Handler returns the handler of the public listener.
func (s *Server) Handler() http.Handler { return s }

// request is one request under way.
type request struct {
	*http.Request
	server *Server
	route  *route
	ray    string
	ip     netip.Addr
	caller *auth.Caller
	secret string // of the credential that was used
	query  *query

	body   *object
	raw    []byte
	status int // of the success
}

// ServeHTTP is the one place where a request becomes a response: match,
// authenticate, limit, handle, write, log, count.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := s.Now()
	q := &request{Request: r, server: s, ray: s.newRay(), ip: s.clientIP(r)}
	w.Header().Set("Cf-Ray", q.ray)
	w.Header().Set("Cache-Control", "private, no-cache") // a 304 needs it as well as the 200 that it stands for
	rep, err := s.answer(w, q)
	if err == nil && rep.Stream != nil {
		s.serveStream(w, q, rep.Stream, start)
		return
	}
	status, size := s.write(w, q, rep, err)
	s.log(q, answered{status, size, start, s.Now()}, err)
}

// answer runs the handler; a panic becomes an internal error whose stack is
// in the log only.
func (s *Server) answer(w http.ResponseWriter, q *request) (rep reply, err error) {
	defer recovered(&err)
	if q.route, err = s.match(w, q.Request); err != nil {
		return reply{}, err
	}
	if q.query, err = parseQuery(q.URL.RawQuery); err != nil {
		return reply{}, err
	}
	q.Body = http.MaxBytesReader(w, q.Body, q.bodyLimit())
	if !q.route.public {
		if err := s.authenticate(w, q); err != nil {
			return reply{}, err
		}
	}
	rep, err = q.route.handle(q.Context(), q)
	if replay, ok := asReplay(err); ok {
		if rep, err = q.replayed(replay); err == nil {
			w.Header().Set("Idempotent-Replayed", "true")
		}
		return rep, err
	}
	if err == nil && rep.hasResult() {
		rep.encoded, err = s.Encoder.Encode(rep.Result)
	}
	return rep, err
}

// largeBody is how many times MaxBody the body of a batch may have.
const largeBody = 8

// bodyLimit is the largest body that the route takes, in bytes.
func (q *request) bodyLimit() int64 {
	if q.route.large {
		return q.server.MaxBody * largeBody
	}
	return q.server.MaxBody
}

// recovered turns a panic into an internal error.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fault.Wrap(fault.Internal, "Internal error", fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
	}
}

// match finds the route. The mux answers in plain text for what it does not
// know and redirects unclean paths, so it is only asked, never run.
func (s *Server) match(w http.ResponseWriter, r *http.Request) (*route, error) {
	if rt := s.find(r); rt != nil {
		return rt, nil
	}
	var allowed []string
	var other *route
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete} {
		probe := &http.Request{Method: method, URL: r.URL, Host: r.Host}
		if rt := s.find(probe); rt != nil {
			allowed = append(allowed, method)
			other = rt
		}
	}
	if other == nil {
		return nil, fault.New(fault.NoRoute, "No such route: "+r.Method+" "+clean(r.URL.Path))
	}
	if allowed[0] == http.MethodGet {
		allowed = slices.Insert(allowed, 1, http.MethodHead)
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	return &route{family: other.family, path: other.path}, fault.New(fault.MethodNotAllowed, "Method "+clean(r.Method)+" is not allowed here; allowed: "+strings.Join(allowed, ", "))
}

// find returns the route of r with the path values set, nil when there is none.
func (s *Server) find(r *http.Request) *route {
	_, pattern := s.mux.Handler(r)
	rt := s.routes[pattern]
	if rt == nil || !rt.setPathValues(r) {
		return nil
	}
	return rt
}

// clean makes what a client sent fit for a message.
func clean(s string) string {
	if len(s) > 200 {
		s = s[:200] + "..."
	}
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f || r == 0xfffd {
			return '?'
		}
		return r
	}, s)
}

func (s *Server) newRay() string {
	var b [8]byte
	if _, err := io.ReadFull(s.Random, b[:]); err != nil {
		panic("api: no randomness: " + err.Error())
	}
	return hex.EncodeToString(b[:]) + "-ORG"
}

// clientIP returns the address of the client: the last address in
// X-Forwarded-For that is no trusted proxy, if a trusted proxy is calling.
func (s *Server) clientIP(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	ip := peer.Addr().Unmap()
	if !s.trusted(ip) {
		return ip
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			return ip
		}
		ip = hop.Unmap()
		if !s.trusted(ip) {
			return ip
		}
	}
	return ip
}

func (s *Server) trusted(ip netip.Addr) bool {
	for _, p := range s.TrustedProxies {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}

// authenticate finds the caller. A bearer token wins over a key; an empty
// header counts as absent, because official clients send such.
func (s *Server) authenticate(w http.ResponseWriter, q *request) error {
	secrets := org.Secrets{Email: q.Header.Get("X-Auth-Email"), Key: q.Header.Get("X-Auth-Key")}
	if scheme, token, ok := strings.Cut(q.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		secrets.Token = strings.TrimSpace(token)
	}
	caller, err := s.Service.Authenticate(q.Context(), secrets, q.ip)
	if err != nil {
		return err
	}
	q.caller, q.secret = caller, secrets.Key
	if secrets.Token != "" {
		q.secret = secrets.Token
	}
	return s.limiter.take(w.Header(), caller)
}

// write writes the response and returns its status and size.
func (s *Server) write(w http.ResponseWriter, q *request, rep reply, err error) (status, size int) {
	h := w.Header()
	if err != nil {
		status := StatusOf(err)
		if status == http.StatusUnauthorized {
			h.Set("Www-Authenticate", "Bearer")
		}
		return s.writeBody(w, status, withInfo(errorEnvelope(err, q.ray, q.family()), rep.RefusalInfo))
	}
	if rep.Status == 0 {
		rep.Status = http.StatusOK
	}
	switch {
	case rep.Location != "":
		h.Set("Location", rep.Location)
		w.WriteHeader(rep.Status)
		return rep.Status, 0
	case rep.Status == http.StatusNoContent:
		w.WriteHeader(rep.Status)
		return rep.Status, 0
	case rep.Raw != nil:
		return s.writeBody(w, rep.Status, rep.Raw)
	}
	result := rep.encoded
	if rep.ETag {
		tag := etag(result)
		h.Set("Etag", tag)
		if matches(q.Header.Get("If-None-Match"), tag) {
			w.WriteHeader(http.StatusNotModified)
			return http.StatusNotModified, 0
		}
	}
	body, err := successBody(result, &rep)
	if err != nil {
		return s.write(w, q, reply{}, err)
	}
	return s.writeBody(w, rep.Status, body)
}

func (s *Server) writeBody(w http.ResponseWriter, status int, body []byte) (int, int) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	n, _ := w.Write(body) // a client that went away is not our problem
	return status, n
}

// etag returns the strong validator of a result.
func etag(result []byte) string {
	sum := sha256.Sum256(result)
	return `"` + hex.EncodeToString(sum[:12]) + `"`
}

// matches reports whether a list of validators has tag, or is "*". Weak ones
// count as the strong ones they were made from.
func matches(list, tag string) bool {
	for part := range strings.SplitSeq(list, ",") {
		part = strings.TrimPrefix(strings.TrimSpace(part), "W/")
		if part == tag || part == "*" {
			return true
		}
	}
	return false
}

func (q *request) family() family {
	if q.route == nil {
		return others
	}
	return q.route.family
}

// answered is what became of a request.
type answered struct {
	status, size int
	start, end   time.Time
}

// log writes the one line of the request and counts it.
func (s *Server) log(q *request, a answered, err error) {
	path := "unmatched"
	if q.route != nil {
		path = q.route.path
	}
	took := a.end.Sub(a.start)
	s.metrics.observe(q.Method, path, a.status, took)
	level := slog.LevelInfo
	if err != nil && a.status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	ctx, h := context.WithoutCancel(q.Context()), s.Logger.Handler()
	if !h.Enabled(ctx, level) {
		return
	}
	// Logger.Log would look up by whom it is called.
	line := slog.NewRecord(a.end, level, "request", 0)
	line.AddAttrs(slog.String("ray", q.ray), slog.String("method", q.Method), slog.String("route", path),
		slog.String("uri", q.uri()), slog.Int("status", a.status), slog.Int("bytes", a.size),
		slog.Duration("took", took), slog.String("ip", q.ip.String()), slog.String("user_agent", q.UserAgent()))
	if q.caller != nil {
		line.AddAttrs(slog.String("user", string(q.caller.User.ID)), slog.String("token", string(q.caller.Credential.Token)))
	}
	if retry := q.Header.Get("X-Stainless-Retry-Count"); retry != "" && retry != "0" {
		line.AddAttrs(slog.String("retry", retry))
	}
	if err != nil {
		line.AddAttrs(slog.String("code", string(fault.CodeOf(err))), slog.String("err", err.Error()))
	}
	_ = h.Handle(ctx, line) // nobody could be told
}
