// Package pricelist reads catalogues of metrics and price books from YAML,
// strictly: an unknown key, a wrong type or a number that would have to be
// rounded is refused, every problem with its line. docs/USAGE.md describes the
// format; demo.yaml is an example of it.
package pricelist

import (
	"bytes"
	_ "embed" // for the demo
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"

	"github.com/orgd/orgd/internal/usage"
)

// List is what one file holds. The catalogue is nil when the file has none.
type List struct {
	Catalogue *usage.Catalogue
	Books     []usage.PriceBook
}

//go:embed demo.yaml
var demo []byte

// Demo returns the catalogue and price book of the demo data: public names,
// units and prices of a well-known edge network.
func Demo() (*List, error) { return Read(bytes.NewReader(demo)) }

// maxSize is the largest file that is read, in bytes.
const maxSize = 4 << 20

// Read reads one YAML document. The error names every problem, one a line,
// each beginning with "line 12: ".
func Read(r io.Reader) (*List, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxSize+1))
	if err != nil {
		return nil, fmt.Errorf("read the price list: %w", err)
	}
	if len(text) > maxSize {
		return nil, fmt.Errorf("the price list is larger than %d bytes", maxSize)
	}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var doc, more yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("line 1: the price list is empty")
		}
		return nil, err
	}
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("line %d: a price list is one document", max(more.Line, 1))
	}
	p := &problems{}
	list := readList(p.mapping(doc.Content[0], "the price list"))
	if len(p.all) > 0 {
		return nil, errors.Join(p.all...)
	}
	if err := list.check(); err != nil {
		return nil, err
	}
	return &list.List, nil
}

// located is a list and the lines its parts came from.
type located struct {
	List
	version      string
	metrics      []usage.Metric
	metricLines  []int
	catalogue    int // line, 0 for none
	bookLines    []int
	priceLines   [][]int
	hasCatalogue bool
}

// check applies the rules of the domain, one metric and one price at a time,
// so that a refusal has a line.
func (l *located) check() error {
	var found []error
	add := func(line int, err error) {
		if err != nil {
			found = append(found, fmt.Errorf("line %d: %w", line, err))
		}
	}
	for i := range l.metrics {
		_, err := usage.NewCatalogue(l.version, l.metrics[i:i+1])
		add(l.metricLines[i], err)
	}
	for i := range l.Books {
		book := l.Books[i]
		for j := range book.Prices {
			book.Prices = l.Books[i].Prices[j : j+1]
			add(l.priceLines[i][j], bookOf(book).Check())
		}
		book.Prices = nil
		add(l.bookLines[i], book.Check())
	}
	if len(found) == 0 {
		return l.checkTogether()
	}
	return errors.Join(found...)
}

// bookOf makes a book whose own fields are right, so that only its prices are
// judged.
func bookOf(b usage.PriceBook) *usage.PriceBook {
	b.ID, b.Currency = "book", "USD"
	return &b
}

// checkTogether looks for what only shows in the whole: something given
// twice, or a price of no metric.
func (l *located) checkTogether() error {
	if l.hasCatalogue {
		c, err := usage.NewCatalogue(l.version, l.metrics)
		if err != nil {
			return fmt.Errorf("line %d: %w", l.catalogue, err)
		}
		l.Catalogue = c
	}
	var found []error
	seen := map[usage.BookID]bool{}
	for i := range l.Books {
		b := &l.Books[i]
		if seen[b.ID] {
			found = append(found, fmt.Errorf("line %d: price book %s is there twice", l.bookLines[i], b.ID))
		}
		seen[b.ID] = true
		if err := b.Check(); err != nil {
			found = append(found, fmt.Errorf("line %d: %w", l.bookLines[i], err))
		}
		for j := range b.Prices {
			if l.Catalogue == nil {
				break
			}
			if _, ok := l.Catalogue.Metric(b.Prices[j].Metric); !ok {
				found = append(found, fmt.Errorf("line %d: there is no metric %q in the catalogue", l.priceLines[i][j], b.Prices[j].Metric))
			}
		}
	}
	return errors.Join(found...)
}
