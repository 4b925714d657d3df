package focus

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// sortColumns puts columns in alphabetical order, ours behind FOCUS's.
func sortColumns(columns []Column) {
	slices.SortFunc(columns, func(a, b Column) int {
		if (a.Level == Custom) != (b.Level == Custom) {
			if a.Level == Custom {
				return 1
			}
			return -1
		}
		return strings.Compare(a.Name, b.Name)
	})
}

// Format is a format of files.
type Format string

// The formats.
const (
	CSV       Format = "csv"
	JSONLines Format = "jsonl"
	Parquet   Format = "parquet"
)

// MediaType returns the media type of the format.
func (f Format) MediaType() string {
	switch f {
	case CSV:
		return "text/csv; charset=utf-8"
	case JSONLines:
		return "application/x-ndjson"
	case Parquet:
		return "application/vnd.apache.parquet"
	}
	return "application/octet-stream"
}

// Writer writes rows. Nothing may be written after Close, which does not close
// what is written to.
type Writer interface {
	Write(*Row) error
	Close() error
}

// NewWriter returns a writer of the format, which keeps a bounded number of
// rows in memory.
func NewWriter(f Format, w io.Writer) (Writer, error) {
	switch f {
	case CSV:
		return newCSVWriter(w)
	case JSONLines:
		return newJSONWriter(w), nil
	case Parquet:
		return newParquetWriter(w), nil
	}
	return nil, fmt.Errorf("%q is none of the formats csv, jsonl, parquet", f)
}

type csvWriter struct {
	columns []Column
	w       *csv.Writer
	fields  []string
}

func newCSVWriter(w io.Writer) (*csvWriter, error) {
	c := &csvWriter{columns: Written(), w: csv.NewWriter(w)}
	for i := range c.columns {
		c.fields = append(c.fields, c.columns[i].Name)
	}
	if err := c.w.Write(c.fields); err != nil {
		return nil, fmt.Errorf("write the header: %w", err)
	}
	return c, nil
}

func (c *csvWriter) Write(r *Row) error {
	for i := range c.columns {
		v := c.columns[i].Of(r)
		c.fields[i] = v.Format(c.columns[i].Type)
	}
	if err := c.w.Write(c.fields); err != nil {
		return fmt.Errorf("write a row: %w", err)
	}
	return nil
}

func (c *csvWriter) Close() error {
	c.w.Flush()
	if err := c.w.Error(); err != nil {
		return fmt.Errorf("write the last rows: %w", err)
	}
	return nil
}

type jsonWriter struct {
	columns []Column
	w       *bufio.Writer
	line    []byte
}

func newJSONWriter(w io.Writer) *jsonWriter {
	return &jsonWriter{columns: Written(), w: bufio.NewWriterSize(w, 1<<16)}
}

func (j *jsonWriter) Write(r *Row) error {
	var err error
	if j.line, err = AppendJSON(j.line[:0], j.columns, r); err != nil {
		return err
	}
	j.line = append(j.line, '\n')
	if _, err := j.w.Write(j.line); err != nil {
		return fmt.Errorf("write a row: %w", err)
	}
	return nil
}

func (j *jsonWriter) Close() error {
	if err := j.w.Flush(); err != nil {
		return fmt.Errorf("write the last rows: %w", err)
	}
	return nil
}

// AppendJSON appends the row as a JSON object, with the columns in their order,
// null for what has no value, and decimals as plain numbers.
func AppendJSON(line []byte, columns []Column, r *Row) ([]byte, error) {
	return appendObject(line, columns, r, true)
}

// AppendObject is AppendJSON without the columns that have no value.
func AppendObject(line []byte, columns []Column, r *Row) ([]byte, error) {
	return appendObject(line, columns, r, false)
}

func appendObject(line []byte, columns []Column, r *Row, nulls bool) ([]byte, error) {
	line = append(line, '{')
	first := true
	for i := range columns {
		c := &columns[i]
		v := c.Of(r)
		if v.IsNull() && !nulls {
			continue
		}
		if !first {
			line = append(line, ',')
		}
		first = false
		line = append(line, '"')
		line = append(append(line, c.Name...), '"', ':')
		switch {
		case v.IsNull():
			line = append(line, "null"...)
		case c.Type == Decimal:
			line = append(line, v.Format(Decimal)...)
		default:
			var err error
			if line, err = appendText(line, v.Format(c.Type)); err != nil {
				return line, fmt.Errorf("write %s: %w", c.Name, err)
			}
		}
	}
	return append(line, '}'), nil
}

// appendText appends a JSON string. Most texts need no escaping.
func appendText(line []byte, s string) ([]byte, error) {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			text, err := json.Marshal(s)
			return append(line, text...), err
		}
	}
	return append(append(append(line, '"'), s...), '"'), nil
}
