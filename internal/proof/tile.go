package proof

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// TileHeight is the height of a tile, TileWidth the number of hashes in a
// full one. Level l of the tiles has the hashes of the subtrees of height
// 8*l (C2SP tlog-tiles).
const (
	TileHeight = 8
	TileWidth  = 1 << TileHeight
)

// EntriesLevel is the level of a Tile that is a bundle of entries.
const EntriesLevel = -1

// Tile names a tile: its level, its place in the level and its width.
type Tile struct {
	Level int
	Index int64
	Width int
}

// Full reports whether the tile has all its hashes.
func (t Tile) Full() bool { return t.Width == TileWidth }

// Begin returns the number of the first hash of the tile in its level.
func (t Tile) Begin() int64 { return t.Index * TileWidth }

// In reports whether a tree of size leaves has all the hashes of the tile.
func (t Tile) In(size int64) bool {
	return t.Level <= tileLevels && t.Begin()+int64(t.Width) <= LevelSize(max(t.Level, 0), size)
}

// tileLevels is above the highest level that a tree can have.
const tileLevels = 63 / TileHeight

// LevelSize returns how many hashes a level of the tiles has in a tree of
// size leaves.
func LevelSize(level int, size int64) int64 { return size >> (TileHeight * level) }

// maxLevel is the highest level that an address may have.
const maxLevel = 63

var errTilePath = errors.New("malformed tile path")

// ParseTile reads what follows "tile/" in the address of a tile: the level, or
// "entries", then the number in groups of three digits, then ".p/" and the
// width if it is partial.
func ParseTile(path string) (Tile, error) {
	level, rest, found := strings.Cut(path, "/")
	switch {
	case !found || level == "data":
		return Tile{}, errTilePath
	case level == "entries":
		level = "data" // what package tlog calls it
	}
	t, err := tlog.ParseTilePath(fmt.Sprintf("tile/%d/%s/%s", TileHeight, level, rest))
	if err != nil || t.L > maxLevel {
		return Tile{}, errTilePath
	}
	return Tile{Level: t.L, Index: t.N, Width: t.W}, nil
}

// HashReader reads the hashes of nodes.
type HashReader = tlog.HashReader

// Reader returns what proofs are made from, for the tree with this
// size and root. It reads tiles with read, and refuses those that do not agree
// with the root.
func Reader(size int64, root Hash, read func([]Tile) ([][]byte, error)) HashReader {
	return tlog.TileHashReader(tlog.Tree{N: size, Hash: root}, tileReader(read))
}

// tileReader is a tlog.TileReader.
type tileReader func([]Tile) ([][]byte, error)

// Height implements tlog.TileReader.
func (tileReader) Height() int { return TileHeight }

// ReadTiles implements tlog.TileReader.
func (r tileReader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	list := make([]Tile, len(tiles))
	for i, t := range tiles {
		list[i] = Tile{Level: t.L, Index: t.N, Width: t.W}
	}
	return r(list)
}

// SaveTiles implements tlog.TileReader.
func (tileReader) SaveTiles([]tlog.Tile, [][]byte) {}

// Hashes returns those of the nodes.
func Hashes(r HashReader, nodes []Node) ([]Hash, error) {
	if len(nodes) == 0 {
		return nil, nil
	}
	indexes := make([]int64, len(nodes))
	for i, n := range nodes {
		indexes[i] = tlog.StoredHashIndex(n.Level, n.Index)
	}
	return r.ReadHashes(indexes)
}

// Inclusion returns the proof that the leaf is in the tree of size leaves.
func Inclusion(r HashReader, size, leaf int64) ([]Hash, error) {
	p, err := tlog.ProveRecord(size, leaf, r)
	if err != nil {
		return nil, fmt.Errorf("prove leaf %d of %d: %w", leaf, size, err)
	}
	return p, nil
}

// CheckInclusion checks a proof that leaf number n of the tree has a hash.
func CheckInclusion(p []Hash, size int64, root Hash, n int64, leaf Hash) error {
	return tlog.CheckRecord(p, size, root, n, leaf)
}

// Consistency returns the proof that the first of size leaves are those of
// the tree of old leaves. It is empty for the empty tree and for the same one.
func Consistency(r HashReader, old, size int64) ([]Hash, error) {
	if old == 0 || old == size {
		return nil, nil
	}
	p, err := tlog.ProveTree(size, old, r)
	if err != nil {
		return nil, fmt.Errorf("prove that %d leaves begin %d: %w", old, size, err)
	}
	return p, nil
}

// CheckConsistency checks a proof that one tree is the beginning of another.
func CheckConsistency(p []Hash, old Checkpoint, now Checkpoint) error {
	switch {
	case old.Size == 0 && len(p) == 0:
		return nil
	case old.Size == now.Size && len(p) == 0 && old.Root == now.Root:
		return nil
	case old.Size <= 0 || old.Size >= now.Size:
		return errors.New("invalid consistency proof")
	}
	return tlog.CheckTree(p, now.Size, now.Root, old.Size, old.Root)
}

// JoinHashes returns the bytes of the hashes, one after the other.
func JoinHashes(hashes []Hash) []byte {
	b := make([]byte, 0, HashSize*len(hashes))
	for _, h := range hashes {
		b = append(b, h[:]...)
	}
	return b
}

// SplitHashes is the inverse of JoinHashes.
func SplitHashes(b []byte) ([]Hash, error) {
	if len(b)%HashSize != 0 {
		return nil, fmt.Errorf("%d bytes are no hashes", len(b))
	}
	hashes := make([]Hash, len(b)/HashSize)
	for i := range hashes {
		copy(hashes[i][:], b[i*HashSize:])
	}
	return hashes, nil
}
