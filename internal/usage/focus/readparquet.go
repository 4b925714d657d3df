package focus

import (
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strconv"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
	"github.com/shopspring/decimal"
)

// parquetReader reads flat files: a column is one value a row.
type parquetReader struct {
	columns []string
	read    []func(parquet.Value) Cell
	groups  []parquet.RowGroup
	rows    parquet.Rows
	buffer  []parquet.Row
	next    int
	cells   []Cell
	row     int64
}

// newParquetReader reads the footer of the file. Damaged files make the library
// panic here and there; that is an error like any other.
func newParquetReader(f File) (r *parquetReader, err error) {
	defer recovered(&err)
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, fmt.Errorf("find the end of the file: %w", err)
	}
	file, err := parquet.OpenFile(f, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, fmt.Errorf("read the footer: %w", err)
	}
	r = &parquetReader{groups: file.RowGroups()}
	for _, field := range file.Schema().Fields() {
		if !field.Leaf() || field.Repeated() {
			return nil, fmt.Errorf("column %s is not one value a row", field.Name())
		}
		r.columns = append(r.columns, field.Name())
		r.read = append(r.read, cellReader(field.Type()))
	}
	r.cells = make([]Cell, len(r.columns))
	return r, nil
}

// recovered makes an error of a panic.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("the file is damaged: %v", p)
	}
}

func (r *parquetReader) Columns() []string { return r.columns }

func (r *parquetReader) Next() (cells []Cell, err error) {
	defer func() {
		if err != nil && !errors.Is(err, io.EOF) {
			err = &LineError{r.row, err}
		}
	}()
	defer recovered(&err)
	for r.next == len(r.buffer) {
		if err := r.fill(); err != nil {
			return nil, err
		}
	}
	row := r.buffer[r.next]
	r.next++
	r.row++
	clear(r.cells)
	for _, v := range row {
		i := v.Column()
		if i < 0 || i >= len(r.cells) {
			return nil, fmt.Errorf("there is no column %d", i)
		}
		if !v.IsNull() {
			r.cells[i] = r.read[i](v)
		}
	}
	return r.cells, nil
}

// fill reads the next rows of the present group, or of the one after it.
func (r *parquetReader) fill() error {
	if r.rows == nil {
		if len(r.groups) == 0 {
			return io.EOF
		}
		r.rows, r.groups = r.groups[0].Rows(), r.groups[1:]
	}
	if r.buffer = slices.Grow(r.buffer[:0], rowsPerWrite)[:rowsPerWrite]; r.buffer == nil {
		return io.EOF
	}
	n, err := r.rows.ReadRows(r.buffer)
	r.buffer, r.next = r.buffer[:n], 0
	if errors.Is(err, io.EOF) || err == nil && n == 0 {
		err = r.rows.Close()
		r.rows = nil
	}
	if err != nil {
		return fmt.Errorf("read rows: %w", err)
	}
	return nil
}

// cellReader returns how values of the type are read.
func cellReader(t parquet.Type) func(parquet.Value) Cell {
	if l := t.LogicalType(); l != nil {
		switch v := l.Value.(type) {
		case *format.DecimalType:
			return func(p parquet.Value) Cell { return Cell{Number, decimalText(p, v.Scale)} }
		case *format.TimestampType:
			unit := timeUnit(v)
			kind := LocalTime
			if v.IsAdjustedToUTC {
				kind = Time
			}
			return func(p parquet.Value) Cell { return Cell{kind, timeText(p.Int64(), unit)} }
		}
	}
	switch t.Kind() {
	case parquet.Boolean:
		return func(p parquet.Value) Cell { return Cell{Boolean, strconv.FormatBool(p.Boolean())} }
	case parquet.Int32, parquet.Int64, parquet.Int96:
		return func(p parquet.Value) Cell { return Cell{Number, p.String()} }
	case parquet.Float:
		return func(p parquet.Value) Cell {
			return Cell{Number, strconv.FormatFloat(float64(p.Float()), 'f', -1, 32)}
		}
	case parquet.Double:
		return func(p parquet.Value) Cell { return Cell{Number, strconv.FormatFloat(p.Double(), 'f', -1, 64)} }
	}
	return func(p parquet.Value) Cell { return Cell{Text, string(p.ByteArray())} }
}

// timeUnit returns how long one step of the type is.
func timeUnit(t *format.TimestampType) time.Duration {
	switch t.Unit.Value.(type) {
	case *format.MilliSeconds:
		return time.Millisecond
	case *format.MicroSeconds:
		return time.Microsecond
	}
	return time.Nanosecond
}

func timeText(n int64, unit time.Duration) string {
	perSecond := int64(time.Second / unit)
	seconds, rest := n/perSecond, n%perSecond
	return time.Unix(seconds, rest*int64(unit)).UTC().Format(time.RFC3339Nano)
}

// decimalText writes a decimal of the given digits after the point.
func decimalText(p parquet.Value, scale int32) string {
	n := new(big.Int)
	switch p.Kind() {
	case parquet.Int32:
		n.SetInt64(int64(p.Int32()))
	case parquet.Int64:
		n.SetInt64(p.Int64())
	default:
		b := p.ByteArray()
		n.SetBytes(b)
		if len(b) > 0 && b[0]&0x80 != 0 {
			n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
		}
	}
	return decimal.NewFromBigInt(n, -scale).String()
}
