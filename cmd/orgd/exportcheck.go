package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/orgd/orgd/internal/audit/export"
)

// exportCheck passes an export on and counts what goes by, so that its trailer
// can be held against it.
type exportCheck struct {
	to       io.Writer
	format   export.Format
	progress *progress
	from     int64
	last     int64
	lines    int64 // that have ended
	quoted   bool  // within a quoted cell of CSV, where a line end ends nothing
	tail     []byte
	ended    bool // tail is a line that has ended
	tooLong  bool // the line under way is none that could be a trailer
}

// maxTrailer is the longest trailer: a checkpoint with cosignatures, and the
// hashes of two sides of a tree.
const maxTrailer = 64 << 10

func newExportCheck(to io.Writer, format export.Format, p *progress) *exportCheck {
	return &exportCheck{to: to, format: format, progress: p}
}

// expect says which records are to come.
func (c *exportCheck) expect(from, last int64) {
	c.from, c.last = from, last
	c.progress.total = last - from + 1
}

// Write implements io.Writer.
func (c *exportCheck) Write(b []byte) (int, error) {
	for rest := b; len(rest) > 0; {
		end := bytes.IndexByte(rest, '\n')
		part := rest
		if end >= 0 {
			part = rest[:end+1]
		}
		c.add(part)
		rest = rest[len(part):]
	}
	c.progress.show(c.records())
	return c.to.Write(b)
}

// add takes a line, or a part of one.
func (c *exportCheck) add(part []byte) {
	if c.ended {
		c.tail, c.ended, c.tooLong = c.tail[:0], false, false
	}
	if c.tooLong = c.tooLong || len(c.tail)+len(part) > maxTrailer; !c.tooLong {
		c.tail = append(c.tail, part...)
	}
	if c.format == export.CSV && (len(c.tail) == 0 || c.tail[0] != '#') && bytes.Count(part, []byte(`"`))%2 == 1 {
		c.quoted = !c.quoted
	}
	if part[len(part)-1] == '\n' && !c.quoted {
		c.lines++
		c.ended = true
	}
}

// records returns how many records went by, as far as it can be told before
// the trailer came.
func (c *exportCheck) records() int64 {
	n := c.lines
	if c.format == export.Native || c.format == export.CSV {
		n-- // the first line
	}
	return min(max(n, 0), max(c.last-c.from+1, 0))
}

// whole compares the trailer with what came before it.
func (c *exportCheck) whole() error {
	var t export.Trailer
	line := c.tail
	if c.format == export.CSV {
		line = bytes.TrimPrefix(line, []byte("#"))
	}
	if !c.ended || c.tooLong || json.Unmarshal(line, &t) != nil || !t.End {
		return errors.New("the export is not whole: its trailer is missing")
	}
	got := c.lines - 1
	if c.format == export.Native || c.format == export.CSV {
		got--
	}
	if t.Count != got || t.FromSeq != c.from || t.ToSeq != c.last {
		return fmt.Errorf("the export is not whole: it has %d records, its trailer speaks of %d from %d to %d", got, t.Count, t.FromSeq, t.ToSeq)
	}
	return nil
}

// progressPeriod is the time between two updates of the terminal.
const progressPeriod = 200 * time.Millisecond

// progress shows on a terminal how far an export is. Elsewhere it shows
// nothing.
type progress struct {
	to             io.Writer // nil for none
	total          int64
	start, updated time.Time
	shown          bool
}

func newProgress(w io.Writer) *progress {
	p := &progress{start: time.Now()}
	if f, ok := w.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			p.to = w
		}
	}
	return p
}

// show updates the line, now and then.
func (p *progress) show(done int64) {
	now := time.Now()
	if p.to == nil || now.Sub(p.updated) < progressPeriod {
		return
	}
	p.updated, p.shown = now, true
	fmt.Fprintf(p.to, "\r\x1b[K%s", progressLine(done, p.total, now.Sub(p.start)))
}

// finish clears the line.
func (p *progress) finish() {
	if p.shown {
		fmt.Fprint(p.to, "\r\x1b[K")
	}
}

// progressLine tells how many records are done, how fast, and how long the
// rest takes at that rate.
func progressLine(done, total int64, took time.Duration) string {
	line := fmt.Sprintf("%d of %d records", done, total)
	if rate := float64(done) / took.Seconds(); took > 0 && rate >= 1 {
		left := time.Duration(float64(total-done) / rate * float64(time.Second))
		line += fmt.Sprintf(", %.0f/s, %s left", rate, left.Round(time.Second))
	}
	return line
}
