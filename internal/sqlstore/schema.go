package sqlstore

import (
	"context"
	"errors"
)

// SchemaVersion returns the version of the schema that the database has, 0
// without one, and the version that this program needs.
func (s *Store) SchemaVersion(ctx context.Context) (present, needed int64, err error) {
	present, err = schemaVersion(ctx, s.backend, s.dialect)
	if err != nil && !errors.Is(err, errNoSchema) {
		return 0, 0, err
	}
	needed, err = latest(s.dialect)
	return present, needed, err
}
