package fsck

import (
	"context"
	"crypto/sha256"
	"hash"
	"maps"
	"slices"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/proof"
)

// tree is the tree of a log as it is stored, what its tiles make of it, and
// what its records make of those parts of it whose records are there.
type tree struct {
	org.Tree
	records []*proof.Range // runs of records without a gap
	tiles   []*proof.Range // the same runs, of the leaves in the tiles
	whole   *proof.Range   // of all leaves in the tiles
	ends    map[int]int64  // how many hashes each level of the tiles has
	made    levels         // of the tiles above the leaves, as the leaves make them
	stored  levels         // as they are stored

	cosigned proof.Checkpoint // by witnesses, of size 0 without one
	begins   proof.Hash       // the root of the tiles up to that size
}

// levels has a digest of the hashes of each level of the tiles.
type levels map[int]hash.Hash

func (l levels) add(n int, hashes []byte) {
	if l[n] == nil {
		l[n] = sha256.New()
	}
	l[n].Write(hashes)
}

func (l levels) sum(n int) []byte {
	if l[n] == nil {
		return nil
	}
	return l[n].Sum(nil)
}

func (c *checker) readTrees(ctx context.Context, in Inspector) error {
	return in.InspectTrees(ctx, func(stored org.Tree) error {
		t := &tree{Tree: stored, whole: proof.NewRange(0), ends: make(map[int]int64), made: make(levels), stored: make(levels)}
		t.whole.Emit = func(n proof.Node, h proof.Hash) {
			if n.Level > 0 && n.Level%proof.TileHeight == 0 {
				t.made.add(n.Level/proof.TileHeight, h[:])
			}
		}
		c.trees[stored.Log] = t
		return nil
	})
}

// readCosigned checks what of each log witnesses have cosigned.
func (c *checker) readCosigned(ctx context.Context, in Inspector) error {
	return in.InspectCosigned(ctx, func(log id.Log, size int64, checkpoint string) error {
		t := c.trees[log]
		if t == nil {
			return nil // a stray
		}
		text, _, _ := proof.CutSignatures(checkpoint)
		signed, err := proof.ParseCheckpoint(text)
		if err != nil || signed.Size != size || size < 1 {
			return c.violate(Tree, "log", string(log), "its cosigned checkpoint is not for %d records", size)
		}
		t.cosigned = signed
		return nil
	})
}

// addLeaf adds a record to its tree, if the tree is built so far. Records
// before it may be missing: a log has the right to remove the oldest, and
// where it has not, its numbers say so.
func (c *checker) addLeaf(r *audit.Record) {
	t := c.trees[r.Log]
	if t == nil || r.Seq > t.Size || r.Seq < 1 {
		return
	}
	last := len(t.records) - 1
	if last < 0 || t.records[last].End() != r.Seq-1 {
		t.records, last = append(t.records, proof.NewRange(r.Seq-1)), last+1
	}
	t.records[last].Append(audit.LeafHash(audit.Canonical(r)))
}

// checkTrees compares trees, tiles and records.
func (c *checker) checkTrees(ctx context.Context, in Inspector) error {
	var stray id.Log
	err := in.InspectTiles(ctx, func(log id.Log, level int, first int64, data []byte) error {
		t := c.trees[log]
		if t == nil {
			if stray == log {
				return nil
			}
			stray = log
			return c.violate(Tree, "log", string(log), "it has tiles, but no tree")
		}
		hashes, err := proof.SplitHashes(data)
		if err != nil || first != t.ends[level] {
			return c.violate(Tree, "log", string(log), "level %d of its tiles goes on with hash %d after %d", level, first, t.ends[level])
		}
		t.ends[level] += int64(len(hashes))
		if level > 0 {
			t.stored.add(level, data)
			return nil
		}
		for _, h := range hashes {
			t.addTileLeaf(h)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, log := range slices.Sorted(maps.Keys(c.trees)) {
		if err := c.checkLogTree(c.trees[log]); err != nil {
			return err
		}
	}
	return nil
}

// addTileLeaf adds the next leaf of the tiles.
func (t *tree) addTileLeaf(h proof.Hash) {
	n := t.whole.End()
	t.whole.Append(h)
	if n+1 == t.cosigned.Size {
		t.begins, _ = t.whole.Root(n+1, nil, nil) // there is nothing else to cover
	}
	at := len(t.tiles) - 1
	if at < 0 || t.tiles[at].End() == t.records[at].End() {
		at++
		if at == len(t.records) || t.records[at].Begin() != n {
			return
		}
		t.tiles = append(t.tiles, proof.NewRange(n))
	}
	t.tiles[at].Append(h)
}

func (c *checker) checkLogTree(t *tree) error {
	bad := func(format string, args ...any) error {
		return c.violate(Tree, "log", string(t.Log), format, args...)
	}
	if t.whole.End() != t.Size {
		return bad("its tree has %d records, its tiles have %d", t.Size, t.whole.End())
	}
	if !slices.Equal(t.whole.Hashes(), t.Nodes) {
		return bad("its tiles make up another tree than is stored")
	}
	for n := 1; n < max(len(t.made), len(t.stored))+1; n++ {
		if !slices.Equal(t.made.sum(n), t.stored.sum(n)) {
			return bad("level %d of its tiles is not that of its leaves", n)
		}
	}
	for i, r := range t.records {
		if !slices.Equal(r.Hashes(), t.tiles[i].Hashes()) {
			return bad("one of its records %d to %d is not the one in its tree", r.Begin()+1, r.End())
		}
	}
	if t.cosigned.Size > 0 && t.begins != t.cosigned.Root {
		return bad("its tree does not begin with the %d records that witnesses have cosigned", t.cosigned.Size)
	}
	return c.checkCheckpoint(t, bad)
}

func (c *checker) checkCheckpoint(t *tree, bad func(format string, args ...any) error) error {
	if t.Checkpoint == "" {
		return nil
	}
	text, _, _ := proof.CutSignatures(t.Checkpoint)
	signed, err := proof.ParseCheckpoint(text)
	if err != nil {
		return bad("its checkpoint cannot be read")
	}
	root, err := t.Root()
	if err != nil {
		return bad("its tree is damaged: %s", err)
	}
	if signed.Size != t.Size || signed.Root != root {
		return bad("its checkpoint is for %d records with the root %s, its tree has %d with %s", signed.Size, signed.Root, t.Size, root)
	}
	return nil
}
