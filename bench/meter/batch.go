package meter

import (
	"bytes"
	"math/rand/v2"
	"time"
)

// Repeated is how many events of a batch were in one before it: one in a hundred.
const Repeated = 10

// back is how many batches before it that one was sent.
const back = 32

// mark stands for the id of an event, a random UUID, as most makers of CloudEvents give.
const mark = "########-####-####-####-############"

// Batches are batches that can be sent again and again: every time with other numbers in the ids of the events.
type Batches struct {
	Size      int
	templates []template
}

// template is a batch as JSON and as rows, and where in them the marks are.
type template struct {
	body, rows []byte
	inBody     []int
	inRows     []int
}

// NewBatches makes n different batches of events of one moment.
func NewBatches(s *Source, source string, n, size int, at time.Time) *Batches {
	all := &Batches{Size: size}
	for range n {
		var t template
		t.body = append(t.body, '[')
		for i := range size {
			e := s.Any(at)
			e.Source, e.ID = source, mark
			if i > 0 {
				t.body = append(t.body, ',')
			}
			t.body, t.rows = e.AppendJSON(t.body), e.AppendRow(t.rows)
		}
		t.body = append(t.body, ']')
		if size == 1 {
			t.body = bytes.Trim(t.body, "[]")
		}
		t.inBody, t.inRows = places(t.body), places(t.rows)
		all.templates = append(all.templates, t)
	}
	return all
}

func places(text []byte) []int {
	var all []int
	for at := 0; ; {
		next := bytes.Index(text[at:], []byte(mark))
		if next < 0 {
			return all
		}
		all = append(all, at+next)
		at += next + len(mark)
	}
}

// Length is that of the body of batch n.
func (b *Batches) Length(n int) int { return len(b.of(n).body) }

func (b *Batches) of(n int) *template { return &b.templates[n%len(b.templates)] }

// repeated reports whether event i of batch n bears the name of one that was sent. The first batches have none.
func (b *Batches) repeated(n, i int) bool {
	return n >= back && b.Size > Repeated && i >= b.Size-Repeated
}

// New is how many events batch n has that no batch before had.
func (b *Batches) New(n int) int {
	if b.repeated(n, b.Size-1) {
		return b.Size - Repeated
	}
	return b.Size
}

// AppendBody appends batch n as JSON.
func (b *Batches) AppendBody(to []byte, n int) []byte {
	t, start := b.of(n), len(to)
	to = append(to, t.body...)
	for i, at := range t.inBody {
		number := n*b.Size + i
		if b.repeated(n, i) {
			number = (n-back)*b.Size + b.Size - 1 - i
		}
		write(to[start+at:], number)
	}
	return to
}

// AppendRows appends the events of batch n that are new in the text format of COPY.
func (b *Batches) AppendRows(to []byte, n int) []byte {
	t, start := b.of(n), len(to)
	to = append(to, t.rows...)
	for i, at := range t.inRows[:b.New(n)] {
		write(to[start+at:], n*b.Size+i)
	}
	if rest := b.New(n); rest < b.Size {
		end := bytes.LastIndexByte(to[:start+t.inRows[rest]], '\n') + 1
		to = to[:end]
	}
	return to
}

// write writes the UUID of the event of that number over a mark.
func write(to []byte, number int) {
	const digits = "0123456789abcdef"
	random := rand.NewPCG(seed, uint64(number))
	bits := random.Uint64()
	for i := range len(mark) {
		switch {
		case mark[i] == '-':
			continue
		case i == len("########-####-"):
			to[i] = '4'
			continue
		case i == len("########-####-####-"):
			bits = random.Uint64()
			to[i] = digits[8|bits&3]
		default:
			to[i] = digits[bits&15]
		}
		bits >>= 4
	}
}
