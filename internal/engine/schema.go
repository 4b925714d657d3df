package engine

import (
	"context"
	"errors"
)

// SchemaVersion returns the version of the schema that the store at a URL
// has, 0 without one, and the version that this program needs.
func SchemaVersion(ctx context.Context, url string) (present, needed int64, err error) {
	s, err := Open(ctx, url, Options{SQLiteReaders: 1, PostgresConns: 1})
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return s.(interface {
		SchemaVersion(ctx context.Context) (present, needed int64, err error)
	}).SchemaVersion(ctx)
}
