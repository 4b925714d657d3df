package sqlstore

import (
	"context"
	"fmt"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/proof"
)

// A row of audit_tiles has rowHashes hashes, rowShift is the logarithm.
const (
	rowShift  = 5
	rowHashes = 1 << rowShift
	rowBytes  = rowHashes * proof.HashSize
)

// AuditTrees implements org.TreeReader.
func (r *reader) AuditTrees(ctx context.Context, logs []id.Log) ([]org.Tree, error) {
	const auditTreesSQL = `SELECT h.log_id, h.seq, COALESCE(t.size, 0), t.nodes, COALESCE(t.checkpoint, ''), COALESCE(t.time, 0)
		FROM list($1) JOIN audit_heads h ON h.log_id = value LEFT JOIN audit_trees t ON t.log_id = h.log_id ORDER BY h.log_id`
	if len(logs) == 0 {
		return nil, nil
	}
	var all []org.Tree
	err := r.query(ctx, auditTreesSQL, []any{list(r.dialect, logs)}, func(row row) error {
		var t org.Tree
		var nodes []byte
		var at int64
		if err := row.Scan((*string)(&t.Log), &t.Head, &t.Size, &nodes, &t.Checkpoint, &at); err != nil {
			return err
		}
		t.Time = moment(at)
		var err error
		if t.Nodes, err = proof.SplitHashes(nodes); err != nil {
			return fmt.Errorf("read the tree of log %s: %w", t.Log, err)
		}
		all = append(all, t)
		return nil
	})
	return all, err
}

// AuditTreesBehind implements org.TreeReader.
func (r *reader) AuditTreesBehind(ctx context.Context, after id.Log, limit int) ([]id.Log, error) {
	const treesBehindSQL = `SELECT h.log_id FROM audit_heads h LEFT JOIN audit_trees t ON t.log_id = h.log_id
		WHERE h.seq > COALESCE(t.size, 0) AND h.log_id > $1 ORDER BY h.log_id LIMIT $2`
	return r.logsBehind(ctx, treesBehindSQL, string(after), limit)
}

// AuditTreesNotCosigned implements org.TreeReader.
func (r *reader) AuditTreesNotCosigned(ctx context.Context, after id.Log, limit int) ([]id.Log, error) {
	const notCosignedSQL = `SELECT t.log_id FROM audit_trees t LEFT JOIN audit_cosignatures c ON c.log_id = t.log_id
		WHERE t.size > COALESCE(c.size, 0) AND t.checkpoint <> '' AND t.log_id > $1 ORDER BY t.log_id LIMIT $2`
	return r.logsBehind(ctx, notCosignedSQL, string(after), limit)
}

func (r *reader) logsBehind(ctx context.Context, sql string, args ...any) ([]id.Log, error) {
	var all []id.Log
	err := r.query(ctx, sql, args, func(row row) error {
		var log id.Log
		err := row.Scan((*string)(&log))
		all = append(all, log)
		return err
	})
	return all, err
}

// AuditRecordsBehind implements org.TreeReader.
func (r *reader) AuditRecordsBehind(ctx context.Context, logs []id.Log, limit int, f func(*audit.Record) error) error {
	const recordsBehindSQL = `SELECT ` + recordColumns + ` FROM (
		SELECT value AS behind, COALESCE((SELECT size FROM audit_trees t WHERE t.log_id = value), 0) AS size FROM list($1)
		) logs JOIN audit_records ON log_id = behind AND seq > size AND seq <= size + $2 ORDER BY log_id, seq LIMIT $2`
	if len(logs) == 0 {
		return nil
	}
	return r.query(ctx, recordsBehindSQL, []any{list(r.dialect, logs), limit}, eachRecord(f))
}

// AuditTiles implements org.TreeReader.
func (r *reader) AuditTiles(ctx context.Context, log id.Log, tiles []proof.Tile) ([][]byte, error) {
	all := make([][]byte, len(tiles))
	for i, t := range tiles {
		data, err := r.hashes(ctx, log, t.Level, t.Begin(), int64(t.Width))
		if err != nil {
			return nil, err
		}
		if len(data) != t.Width*proof.HashSize {
			return nil, fault.ErrNotFound("tile")
		}
		all[i] = data
	}
	return all, nil
}

// hashes returns n hashes of a level, beginning with one that begins a row, or
// those of them that are there.
func (r *reader) hashes(ctx context.Context, log id.Log, level int, begin, n int64) ([]byte, error) {
	const hashesSQL = `SELECT idx, data FROM audit_tiles WHERE log_id = $1 AND level = $2 AND idx >= $3 AND idx < $4 ORDER BY idx`
	first := begin / rowHashes
	all := make([]byte, 0, n*proof.HashSize)
	err := r.query(ctx, hashesSQL, []any{string(log), level, first, (begin + n + rowHashes - 1) / rowHashes}, func(row row) error {
		var idx int64
		var data []byte
		if err := row.Scan(&idx, &data); err != nil {
			return err
		}
		if int64(len(all)) == (idx-first)*rowBytes { // none is missing
			all = append(all, data...)
		}
		return nil
	})
	return all[:min(int64(len(all)), n*proof.HashSize)], err
}

// Cosigned implements org.TreeReader.
func (r *reader) Cosigned(ctx context.Context, log id.Log) (string, error) {
	const cosignedSQL = `SELECT checkpoint FROM audit_cosignatures WHERE log_id = $1`
	var text string
	err := r.one(ctx, "cosigned checkpoint", cosignedSQL, []any{string(log)}, &text)
	return text, err
}

// PutCosigned implements org.TreeTx.
func (t *tx) PutCosigned(ctx context.Context, log id.Log, size int64, checkpoint string) error {
	const putCosignedSQL = `INSERT INTO audit_cosignatures (log_id, size, checkpoint) VALUES ($1, $2, $3)
		ON CONFLICT (log_id) DO UPDATE SET size = excluded.size, checkpoint = excluded.checkpoint
		WHERE audit_cosignatures.size <= excluded.size`
	return t.exec(ctx, putCosignedSQL, string(log), size, checkpoint)
}

// GrowTrees implements org.TreeTx. It reads the rows that are not full yet, of
// all trees at once, and writes them again with what is new.
func (t *tx) GrowTrees(ctx context.Context, growths []org.Growth) error {
	begun, err := t.begunRows(ctx, growths)
	if err != nil {
		return err
	}
	const treeSQL = `INSERT INTO audit_trees (log_id, size, nodes, checkpoint, time) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (log_id) DO UPDATE SET size = excluded.size, nodes = excluded.nodes, checkpoint = excluded.checkpoint, time = excluded.time`
	for _, g := range growths {
		if err := t.exec(ctx, treeSQL, string(g.Log), g.Size, proof.JoinHashes(g.Nodes), g.Checkpoint, micros(g.Time)); err != nil {
			return err
		}
		for level, hashes := range g.Levels {
			if len(hashes) == 0 {
				continue
			}
			at := proof.LevelSize(level, g.From)
			data := append(begun[rowOf{g.Log, level}], proof.JoinHashes(hashes)...)
			if want := int(at%rowHashes+int64(len(hashes))) * proof.HashSize; len(data) != want {
				return fmt.Errorf("level %d of the tree of log %s has %d bytes behind its full rows, want %d", level, g.Log, len(data), want)
			}
			if err := t.putRows(ctx, g.Log, level, at/rowHashes, data); err != nil {
				return err
			}
		}
	}
	return nil
}

// rowOf names the last row of a level.
type rowOf struct {
	log   id.Log
	level int
}

// begunRows returns the rows that growths go on with.
func (t *tx) begunRows(ctx context.Context, growths []org.Growth) (map[rowOf][]byte, error) {
	const begunSQL = `SELECT t.log_id, s.data FROM list($1) JOIN audit_trees t ON t.log_id = value
		JOIN audit_tiles s ON s.log_id = t.log_id AND s.level = $2 AND s.idx = t.size >> $3`
	levels := make(map[int][]id.Log)
	for _, g := range growths {
		for level, hashes := range g.Levels {
			if len(hashes) > 0 && proof.LevelSize(level, g.From)%rowHashes > 0 {
				levels[level] = append(levels[level], g.Log)
			}
		}
	}
	begun := make(map[rowOf][]byte)
	for level, logs := range levels {
		err := t.query(ctx, begunSQL, []any{list(t.dialect, logs), level, proof.TileHeight*level + rowShift}, func(row row) error {
			var log id.Log
			var data []byte
			err := row.Scan((*string)(&log), &data)
			begun[rowOf{log, level}] = data
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return begun, nil
}

// putRows writes hashes into the rows from idx on.
func (t *tx) putRows(ctx context.Context, log id.Log, level int, idx int64, data []byte) error {
	const tileSQL = `INSERT INTO audit_tiles (log_id, level, idx, data) VALUES ($1, $2, $3, $4)
		ON CONFLICT (log_id, level, idx) DO UPDATE SET data = excluded.data`
	for len(data) > 0 {
		n := min(len(data), rowBytes)
		if err := t.exec(ctx, tileSQL, string(log), level, idx, data[:n]); err != nil {
			return err
		}
		data, idx = data[n:], idx+1
	}
	return nil
}
