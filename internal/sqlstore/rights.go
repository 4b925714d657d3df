package sqlstore

import "context"

// Rights implements org.TokenReader.
func (r *reader) Rights(ctx context.Context) (int64, error) {
	const rightsSQL = `SELECT CAST(COALESCE(SUM(changes), 0) AS BIGINT) FROM rights_changes`
	return r.number(ctx, rightsSQL)
}

// ChangeRights implements org.TokenTx.
func (t *tx) ChangeRights(ctx context.Context) error {
	const changeRightsSQL = `INSERT INTO rights_changes (slot, changes) VALUES ($1, 1)
		ON CONFLICT (slot) DO UPDATE SET changes = rights_changes.changes + 1`
	return t.exec(ctx, changeRightsSQL, t.slot())
}
