package focus

import (
	"fmt"
	"io"
	"math/big"

	"github.com/parquet-go/parquet-go"

	"github.com/orgd/orgd/internal/usage"
)

// Decimals are DECIMAL(38,18) in 16 bytes, which every reader understands.
const (
	decimalPrecision = 38
	decimalBytes     = 16
	// rowsPerGroup bounds the memory of a writer: rows are kept until their
	// group is written.
	rowsPerGroup = 20000
	rowsPerWrite = 256
)

type parquetWriter struct {
	columns []Column
	w       *parquet.GenericWriter[any]
	rows    []parquet.Row
	limit   *big.Int
}

// node returns the type of a column in a Parquet file.
func node(c *Column) parquet.Node {
	n := parquet.String()
	switch c.Type {
	case Decimal:
		n = parquet.Decimal(usage.MaxDecimals, decimalPrecision, parquet.FixedLenByteArrayType(decimalBytes))
	case DateTime:
		n = parquet.Timestamp(parquet.Microsecond)
	}
	if c.Type == String {
		n = parquet.Encoded(n, &parquet.RLEDictionary)
	}
	n = parquet.Compressed(n, &parquet.Zstd)
	return parquet.Optional(n)
}

func newParquetWriter(w io.Writer) *parquetWriter {
	columns := Written()
	group := parquet.Group{}
	for i := range columns {
		group[columns[i].Name] = node(&columns[i])
	}
	return &parquetWriter{
		columns: columns,
		limit:   new(big.Int).Exp(big.NewInt(10), big.NewInt(decimalPrecision), nil),
		w: parquet.NewGenericWriter[any](w, parquet.NewSchema("focus", group),
			parquet.MaxRowsPerRowGroup(rowsPerGroup), parquet.CreatedBy("orgd", Version, "")),
	}
}

func (p *parquetWriter) Write(r *Row) error {
	row := make(parquet.Row, len(p.columns))
	for i := range p.columns {
		v := p.columns[i].Of(r)
		value, err := p.value(&p.columns[i], &v)
		if err != nil {
			return fmt.Errorf("write %s: %w", p.columns[i].Name, err)
		}
		level := 1
		if v.IsNull() {
			level = 0
		}
		row[i] = value.Level(0, level, i)
	}
	if p.rows = append(p.rows, row); len(p.rows) < rowsPerWrite {
		return nil
	}
	return p.flush()
}

func (p *parquetWriter) flush() error {
	if _, err := p.w.WriteRows(p.rows); err != nil {
		return fmt.Errorf("write rows: %w", err)
	}
	p.rows = p.rows[:0]
	return nil
}

func (p *parquetWriter) Close() error {
	if err := p.flush(); err != nil {
		return err
	}
	if err := p.w.Close(); err != nil {
		return fmt.Errorf("write the end of the file: %w", err)
	}
	return nil
}

func (p *parquetWriter) value(c *Column, v *Value) (parquet.Value, error) {
	switch {
	case v.IsNull():
		return parquet.NullValue(), nil
	case c.Type == Decimal:
		b, err := p.decimal(v.number)
		return parquet.FixedLenByteArrayValue(b), err
	case c.Type == DateTime:
		return parquet.Int64Value(v.at.UnixMicro()), nil
	}
	return parquet.ByteArrayValue([]byte(v.text)), nil
}

// decimal writes d as two's complement with MaxDecimals digits after the
// point. What does not fit is an error: nothing is cut off.
func (p *parquetWriter) decimal(d usage.Decimal) ([]byte, error) {
	scaled := d.Shift(usage.MaxDecimals)
	if !scaled.IsInteger() {
		return nil, fmt.Errorf("%s has more than %d digits after the point", d, usage.MaxDecimals)
	}
	n := scaled.BigInt()
	if n.CmpAbs(p.limit) >= 0 {
		return nil, fmt.Errorf("%s has more than %d digits", d, decimalPrecision)
	}
	if n.Sign() < 0 {
		n.Add(n, new(big.Int).Lsh(big.NewInt(1), 8*decimalBytes))
	}
	return n.FillBytes(make([]byte, decimalBytes)), nil
}
