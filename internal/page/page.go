// Package page holds the list styles of the API: page_token/page_size,
// page/per_page and cursor/limit, their limits and defaults, and the format
// of the token.
package page

import "time"

// The limits and defaults of the list styles, as the official description
// states them.
const (
	DefaultSize    = 10   // page_size
	MaxSize        = 1000 // page_size
	DefaultPerPage = 20   // per_page
	MinPerPage     = 5    // per_page
	MaxPerPage     = 50   // per_page
	DefaultLimit   = 100  // limit
	MaxLimit       = 1000 // limit
)

// Position is the place after which a page begins: the sort key and, last,
// the identifier that makes it unique. Time-ordered lists set Time, lists
// ordered by text set Key, lists ordered by identifier neither.
type Position struct {
	Time time.Time
	Key  string
	ID   string
}

// Request asks for a page of a token-style list. The zero After is the start.
type Request struct {
	Size  int
	After *Position
}

// Numbered asks for a page of a page/per_page list, counted from 1.
type Numbered struct {
	Page    int
	PerPage int
	Desc    bool
}

// Offset returns the number of items before the page.
func (n Numbered) Offset() int { return (n.Page - 1) * n.PerPage }

// Page is one page of a list. Next is nil on the last page. Total counts the
// whole list as the caller sees it, -1 when it was not asked for.
type Page[T any] struct {
	Items []T
	Total int64
	Next  *Position
}

// Cut shortens a page that was read with one item more than size, to know
// whether another follows, and sets Next to the place of the last one kept.
func (p *Page[T]) Cut(size int, place func(*T) Position) {
	if len(p.Items) <= size {
		return
	}
	p.Items = p.Items[:size]
	next := place(&p.Items[size-1])
	p.Next = &next
}
