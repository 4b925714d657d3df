package focus

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Kind is what a file says that a cell is.
type Kind uint8

// The kinds of cells. A CSV file has only Untyped and Null.
const (
	Null    Kind = iota
	Untyped      // a text that may stand for anything
	Text
	Number
	Time
	LocalTime // a time without a zone
	Boolean
	Structure // an object or a list
)

// Cell is one value of a file, as it stands there.
type Cell struct {
	Kind Kind
	Text string
}

// Reader reads the rows of a file, one after the other.
type Reader interface {
	// Columns returns the names of the columns, in the order of the file. A
	// JSON lines file has those of its first row.
	Columns() []string
	// Next returns the next row, with a cell for each column, or io.EOF. The
	// cells are good until the next call.
	Next() ([]Cell, error)
}

// File is what can be read as a file.
type File interface {
	io.ReaderAt
	io.ReadSeeker
}

// Open returns a reader of the file, whose format it finds out from its first
// bytes.
func Open(f File) (Reader, Format, error) {
	format, err := sniff(f)
	if err != nil {
		return nil, "", err
	}
	var r Reader
	switch format {
	case Parquet:
		r, err = newParquetReader(f)
	case JSONLines:
		r, err = newJSONReader(f)
	default:
		r, err = newCSVReader(f)
	}
	return r, format, err
}

// sniff tells the formats apart and leaves f at its start.
func sniff(f File) (Format, error) {
	start := make([]byte, 512)
	n, err := io.ReadFull(f, start)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		if errors.Is(err, io.EOF) {
			return "", errors.New("the file is empty")
		}
		return "", fmt.Errorf("read the file: %w", err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", fmt.Errorf("read the file from its start: %w", err)
	}
	start = start[:n]
	switch {
	case bytes.HasPrefix(start, []byte("PAR1")):
		return Parquet, nil
	case bytes.HasPrefix(bytes.TrimLeft(start, " \t\r\n"), []byte("{")):
		return JSONLines, nil
	}
	return CSV, nil
}

// LineError is a row that cannot be read. Rows are counted from 1.
type LineError struct {
	Row int64
	Err error
}

// Error returns the row and what is wrong with it.
func (e *LineError) Error() string { return fmt.Sprintf("row %d: %v", e.Row, e.Err) }

// Unwrap returns the cause.
func (e *LineError) Unwrap() error { return e.Err }

type csvReader struct {
	r       *csv.Reader
	columns []string
	cells   []Cell
	row     int64
}

func newCSVReader(r io.Reader) (*csvReader, error) {
	buffered := bufio.NewReaderSize(r, 1<<16)
	if mark, err := buffered.Peek(3); err == nil && bytes.Equal(mark, []byte("\xef\xbb\xbf")) {
		_, _ = buffered.Discard(len(mark))
	}
	c := &csvReader{r: csv.NewReader(buffered)}
	c.r.ReuseRecord = true
	header, err := c.r.Read()
	if err != nil {
		return nil, fmt.Errorf("read the header: %w", err)
	}
	c.columns = slices.Clone(header)
	c.cells = make([]Cell, len(header))
	return c, nil
}

func (c *csvReader) Columns() []string { return c.columns }

func (c *csvReader) Next() ([]Cell, error) {
	record, err := c.r.Read()
	if errors.Is(err, io.EOF) {
		return nil, io.EOF
	}
	c.row++
	if err != nil {
		return nil, &LineError{c.row, err}
	}
	for i, field := range record {
		c.cells[i] = Cell{Kind: Untyped, Text: field}
		if field == "" {
			c.cells[i].Kind = Null
		}
	}
	return c.cells, nil
}

// maxLine is the longest line of a JSON lines file, in bytes.
const maxLine = 16 << 20

type jsonReader struct {
	lines   *bufio.Scanner
	columns []string
	index   map[string]int
	cells   []Cell
	row     int64
	first   bool
}

func newJSONReader(r io.Reader) (*jsonReader, error) {
	j := &jsonReader{lines: bufio.NewScanner(r), index: map[string]int{}, first: true}
	j.lines.Buffer(make([]byte, 1<<16), maxLine)
	if !j.scan() {
		return nil, errors.New("the file has no rows")
	}
	j.row = 1
	if err := j.read(func(key string) (int, error) {
		if _, twice := j.index[key]; twice {
			return 0, fmt.Errorf("%s is there twice", key)
		}
		j.index[key] = len(j.columns)
		j.columns = append(j.columns, key)
		j.cells = append(j.cells, Cell{})
		return j.index[key], nil
	}); err != nil {
		return nil, &LineError{j.row, err}
	}
	return j, nil
}

func (j *jsonReader) Columns() []string { return j.columns }

// scan moves to the next line that has something in it.
func (j *jsonReader) scan() bool {
	for j.lines.Scan() {
		if len(bytes.TrimSpace(j.lines.Bytes())) > 0 {
			return true
		}
	}
	return false
}

func (j *jsonReader) Next() ([]Cell, error) {
	if j.first {
		j.first = false
		return j.cells, nil
	}
	j.row++
	if !j.scan() {
		if err := j.lines.Err(); err != nil {
			return nil, &LineError{j.row, err}
		}
		return nil, io.EOF
	}
	clear(j.cells)
	seen := make([]bool, len(j.columns))
	err := j.read(func(key string) (int, error) {
		i, ok := j.index[key]
		if !ok {
			return 0, fmt.Errorf("%s is not a column of the first row", key)
		}
		if seen[i] {
			return 0, fmt.Errorf("%s is there twice", key)
		}
		seen[i] = true
		return i, nil
	})
	if err != nil {
		return nil, &LineError{j.row, err}
	}
	return j.cells, nil
}

// read puts the values of the present line where at says.
func (j *jsonReader) read(at func(key string) (int, error)) error {
	dec := json.NewDecoder(bytes.NewReader(j.lines.Bytes()))
	dec.UseNumber()
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return errors.New("is not a JSON object")
	}
	for dec.More() {
		t, err := dec.Token()
		key, ok := t.(string)
		if err != nil || !ok {
			return errors.New("is not valid JSON")
		}
		i, err := at(key)
		if err != nil {
			return err
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return errors.New("is not valid JSON")
		}
		j.cells[i] = jsonCell(raw)
	}
	if _, err := dec.Token(); err != nil {
		return errors.New("is not valid JSON")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("has more than one object")
	}
	return nil
}

func jsonCell(raw json.RawMessage) Cell {
	text := string(raw)
	switch raw[0] {
	case 'n':
		return Cell{}
	case 't', 'f':
		return Cell{Boolean, text}
	case '{', '[':
		return Cell{Structure, text}
	case '"':
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			s = strings.Trim(text, `"`)
		}
		return Cell{Text, s}
	}
	return Cell{Number, text}
}
