// Package load drives an HTTP/1.1 server over a fixed number of keep-alive connections for a fixed time.
//
// It shares its two cores with the server that it measures, so it writes prepared bytes to a socket and reads
// answers with the smallest parser that finds their end: several times less work per request than net/http's client.
package load

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Request appends the bytes of the request number seq of connection conn to buf and returns it.
// It is called from one goroutine per connection.
type Request func(conn, seq int, buf []byte) []byte

// Options says where and how hard to drive.
type Options struct {
	Addr        string
	Connections int
	Warmup      time.Duration // answered but not counted
	Duration    time.Duration
	WantStatus  int // any other status ends the run with an error
	// FirstSeq is the seq of each connection's first request, so that repeated runs can send different requests.
	FirstSeq int
}

// Result is what one run counted.
type Result struct {
	Requests int
	Answered int // with those of the warm-up
	Elapsed  time.Duration
	latency  []time.Duration // sorted
	LastSeq  int             // the highest seq sent by any connection
}

// PerSecond is the counted requests per second.
func (r Result) PerSecond() float64 {
	return float64(r.Requests) / r.Elapsed.Seconds()
}

// Percentile is the latency that the share p (0 to 1) of the requests did not exceed.
func (r Result) Percentile(p float64) time.Duration {
	if len(r.latency) == 0 {
		return 0
	}
	return r.latency[min(int(p*float64(len(r.latency))), len(r.latency)-1)]
}

// Run drives the server until the time is over and every request sent has been answered.
func Run(ctx context.Context, o Options, next Request) (Result, error) {
	workers := make([]*worker, o.Connections)
	for i := range workers {
		w, err := dial(ctx, o, i)
		if err != nil {
			return Result{}, err
		}
		defer w.conn.Close()
		workers[i] = w
	}
	start := time.Now()
	counted := start.Add(o.Warmup)
	end := counted.Add(o.Duration)
	errs := make([]error, len(workers))
	var wg sync.WaitGroup
	for i, w := range workers {
		wg.Go(func() { errs[i] = w.drive(ctx, next, counted, end) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return Result{}, err
	}
	return merge(workers, o.Duration), nil
}

func merge(workers []*worker, elapsed time.Duration) Result {
	r := Result{Elapsed: elapsed}
	for _, w := range workers {
		r.latency = append(r.latency, w.latency...)
		r.LastSeq = max(r.LastSeq, w.seq)
		r.Answered += w.seq - w.first
	}
	r.Requests = len(r.latency)
	slices.Sort(r.latency)
	return r
}

type worker struct {
	id      int
	first   int
	seq     int
	want    int
	conn    net.Conn
	in      *bufio.Reader
	latency []time.Duration
}

func dial(ctx context.Context, o Options, id int) (*worker, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", o.Addr)
	if err != nil {
		return nil, fmt.Errorf("connect to the server under load: %w", err)
	}
	return &worker{
		id: id, first: o.FirstSeq, seq: o.FirstSeq, want: o.WantStatus, conn: conn,
		in:      bufio.NewReaderSize(conn, 64<<10),
		latency: make([]time.Duration, 0, 1<<15),
	}, nil
}

// drive counts the requests that were answered between counted and end.
func (w *worker) drive(ctx context.Context, next Request, counted, end time.Time) error {
	buf := make([]byte, 0, 4096)
	for before := time.Now(); before.Before(end); {
		if err := ctx.Err(); err != nil {
			return err
		}
		buf = next(w.id, w.seq, buf[:0])
		w.seq++
		if _, err := w.conn.Write(buf); err != nil {
			return fmt.Errorf("send request %d of connection %d: %w", w.seq, w.id, err)
		}
		if err := w.answer(); err != nil {
			return fmt.Errorf("answer %d of connection %d: %w", w.seq, w.id, err)
		}
		after := time.Now()
		if after.After(counted) && !after.After(end) {
			w.latency = append(w.latency, after.Sub(before))
		}
		before = after
	}
	return nil
}

// answer reads one response to its last byte and compares the status.
func (w *worker) answer() error {
	line, err := w.in.ReadSlice('\n')
	if err != nil {
		return err
	}
	if len(line) < 12 {
		return fmt.Errorf("status line %q", line)
	}
	status, err := strconv.Atoi(string(line[9:12]))
	if err != nil {
		return fmt.Errorf("status line %q: %w", line, err)
	}
	length, chunked, err := w.headers()
	if err != nil {
		return err
	}
	if status != w.want {
		return fmt.Errorf("status %d, want %d: %s", status, w.want, w.peek(length))
	}
	if chunked {
		return w.discardChunks()
	}
	_, err = w.in.Discard(length)
	return err
}

func (w *worker) peek(length int) []byte {
	body, _ := w.in.Peek(min(max(length, w.in.Buffered()), 600))
	return body
}

func (w *worker) headers() (length int, chunked bool, err error) {
	for {
		line, err := w.in.ReadSlice('\n')
		if err != nil {
			return 0, false, err
		}
		if len(line) <= 2 {
			return length, chunked, nil
		}
		switch line[0] {
		case 'C', 'c':
			if value, ok := header(line, "Content-Length:"); ok {
				if length, err = strconv.Atoi(value); err != nil {
					return 0, false, fmt.Errorf("header %q: %w", line, err)
				}
			}
		case 'T', 't':
			if value, ok := header(line, "Transfer-Encoding:"); ok {
				chunked = value == "chunked"
			}
		}
	}
}

func header(line []byte, name string) (string, bool) {
	if len(line) < len(name) || !bytes.EqualFold(line[:len(name)], []byte(name)) {
		return "", false
	}
	return string(bytes.TrimSpace(line[len(name):])), true
}

func (w *worker) discardChunks() error {
	for {
		line, err := w.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		size, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 16, 32)
		if err != nil {
			return fmt.Errorf("chunk size %q: %w", line, err)
		}
		if _, err := w.in.Discard(int(size) + len("\r\n")); err != nil {
			return err
		}
		if size == 0 {
			return nil
		}
	}
}

// Bytes is a Request that always sends the same bytes.
func Bytes(request []byte) Request {
	return func(_, _ int, buf []byte) []byte { return append(buf, request...) }
}

// Message renders an HTTP/1.1 request; the header pairs are name, value, name, value.
func Message(method, target, body string, header ...string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: bench\r\n", method, target)
	for i := 0; i+1 < len(header); i += 2 {
		fmt.Fprintf(&b, "%s: %s\r\n", header[i], header[i+1])
	}
	if body != "" {
		fmt.Fprintf(&b, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	_, _ = io.WriteString(&b, "\r\n"+body)
	return b.Bytes()
}
