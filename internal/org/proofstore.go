package org

import (
	"context"
	"time"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/proof"
)

// Tree is the Merkle tree of an audit log, as far as it is built. The leaf of
// record seq has the number seq-1.
type Tree struct {
	Log        id.Log
	Head       int64        // number of the last record of the log
	Size       int64        // records in the tree
	Nodes      []proof.Hash // of proof.Cover(0, Size)
	Checkpoint string       // signed for Size, "" if it was built without a key
	Time       time.Time    // when it got this size
}

// Root returns the root of the tree.
func (t *Tree) Root() (proof.Hash, error) {
	r, err := proof.RestoreRange(0, t.Size, t.Nodes)
	if err != nil {
		return proof.Hash{}, err
	}
	return r.Root(t.Size, nil, nil)
}

// TreeReader reads the trees of audit logs.
type TreeReader interface {
	// AuditTrees returns the trees of those of the logs that have records, in
	// order of the logs. One that was never built has the size 0.
	AuditTrees(ctx context.Context, logs []id.Log) ([]Tree, error)
	// AuditTreesBehind returns up to limit logs above after, in order, that
	// have records behind the end of their tree.
	AuditTreesBehind(ctx context.Context, after id.Log, limit int) ([]id.Log, error)
	// AuditRecordsBehind calls f for the records behind the end of the trees,
	// up to limit of them, by log and in order.
	AuditRecordsBehind(ctx context.Context, logs []id.Log, limit int, f func(*audit.Record) error) error
	// AuditTiles returns the hashes of the tiles of a log, fault.NotFound when
	// one of them is not there in its whole width.
	AuditTiles(ctx context.Context, log id.Log, tiles []proof.Tile) ([][]byte, error)
	// Cosigned returns the last checkpoint of the log that witnesses have
	// cosigned, fault.NotFound when there is none.
	Cosigned(ctx context.Context, log id.Log) (string, error)
	// AuditTreesNotCosigned returns up to limit logs above after, in order,
	// whose tree has a checkpoint for more records than the last cosigned one.
	AuditTreesNotCosigned(ctx context.Context, after id.Log, limit int) ([]id.Log, error)
}

// Growth is what becomes of a tree: From records were in it.
type Growth struct {
	From int64
	Tree
	Levels [][]proof.Hash // what each level of the tiles has got, from 0
}

// TreesLock is the key that is locked by whoever lets trees grow.
const TreesLock = "audit trees"

// TreeTx lets the trees of audit logs grow. They are made of the records, so
// that changing them is no change that would need a record of its own.
type TreeTx interface {
	// GrowTrees adds to the trees. Each has the size From when it is called,
	// and TreesLock is held.
	GrowTrees(ctx context.Context, growths []Growth) error
	// PutCosigned keeps a cosigned checkpoint for a size, unless there is one
	// for a greater size.
	PutCosigned(ctx context.Context, log id.Log, size int64, checkpoint string) error
}
