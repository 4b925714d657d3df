// Package proof makes a log provable: the Merkle tree of RFC 6962 over the
// leaf hashes of its records, the tiles that the tree is kept and published in
// (C2SP tlog-tiles), and the signed statements of its size and root (C2SP
// tlog-checkpoint), with the cosignatures of witnesses. It knows neither
// records nor stores.
package proof

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// Hash is the hash of a leaf, of a node or of a whole tree.
type Hash = tlog.Hash

// HashSize is the size of a Hash in bytes.
const HashSize = tlog.HashSize

// Node is the place of a complete subtree: it covers the leaves from
// Index<<Level up to, but without, (Index+1)<<Level.
type Node struct {
	Level int
	Index int64
}

// Cover returns the fewest complete subtrees that together cover the leaves
// from begin up to, but without, end, from left to right.
func Cover(begin, end int64) []Node {
	var nodes []Node
	for at := begin; at < end; {
		level := bits.Len64(uint64(end-at)) - 1
		if at > 0 {
			level = min(level, bits.TrailingZeros64(uint64(at)))
		}
		nodes = append(nodes, Node{level, at >> level})
		at += 1 << level
	}
	return nodes
}

// Range is a run of leaves, reduced to the hashes of the fewest subtrees that
// cover it. The zero value is the empty run at the beginning of a log.
type Range struct {
	begin, end int64
	nodes      []Node
	hashes     []Hash
	// Emit, when set, is told of every complete subtree as it comes to be,
	// leaves included.
	Emit func(n Node, h Hash)
}

// NewRange returns the empty run before the leaf begin.
func NewRange(begin int64) *Range { return &Range{begin: begin, end: begin} }

var errCover = errors.New("the number of hashes does not fit the range")

// RestoreRange returns the run of leaves from begin up to, but without, end,
// with the hashes of Cover(begin, end).
func RestoreRange(begin, end int64, hashes []Hash) (*Range, error) {
	nodes := Cover(begin, end)
	if begin < 0 || begin > end || len(nodes) != len(hashes) {
		return nil, fmt.Errorf("%d hashes for the leaves %d to %d: %w", len(hashes), begin, end, errCover)
	}
	return &Range{begin: begin, end: end, nodes: nodes, hashes: slices.Clone(hashes)}, nil
}

// Begin returns the number of the first leaf of the run.
func (r *Range) Begin() int64 { return r.begin }

// End returns the number of the leaf behind the run.
func (r *Range) End() int64 { return r.end }

// Hashes returns those of Cover for this run.
func (r *Range) Hashes() []Hash { return slices.Clone(r.hashes) }

// Clone returns a copy that grows on its own and emits nothing.
func (r *Range) Clone() *Range {
	return &Range{begin: r.begin, end: r.end, nodes: slices.Clone(r.nodes), hashes: slices.Clone(r.hashes)}
}

// Append adds the leaf behind the run.
func (r *Range) Append(leaf Hash) { r.push(Node{0, r.end}, leaf) }

// push adds a complete subtree behind the run, and joins what has become
// complete with it.
func (r *Range) push(n Node, h Hash) {
	r.end = (n.Index + 1) << n.Level
	r.emit(n, h)
	for last := len(r.nodes) - 1; last >= 0; last-- {
		left := r.nodes[last]
		if left.Level != n.Level || left.Index&1 == 1 || left.Index+1 != n.Index {
			break
		}
		n, h = Node{n.Level + 1, n.Index >> 1}, tlog.NodeHash(r.hashes[last], h)
		r.nodes, r.hashes = r.nodes[:last], r.hashes[:last]
		r.emit(n, h)
	}
	r.nodes, r.hashes = append(r.nodes, n), append(r.hashes, h)
}

func (r *Range) emit(n Node, h Hash) {
	if r.Emit != nil {
		r.Emit(n, h)
	}
}

// Root returns the root of the tree of size leaves in which left covers what
// is before the run and right what is behind it, as Cover has them.
func (r *Range) Root(size int64, left, right []Hash) (Hash, error) {
	all, err := RestoreRange(0, r.begin, left)
	if err != nil {
		return Hash{}, fmt.Errorf("the left side: %w", err)
	}
	after := Cover(r.end, size)
	if size < r.end || len(after) != len(right) {
		return Hash{}, fmt.Errorf("the right side: %d hashes for the leaves %d to %d: %w", len(right), r.end, size, errCover)
	}
	for i, n := range r.nodes {
		all.push(n, r.hashes[i])
	}
	for i, n := range after {
		all.push(n, right[i])
	}
	return all.fold(), nil
}

// fold returns the root of a run that begins at the first leaf.
func (r *Range) fold() Hash {
	last := len(r.hashes) - 1
	if last < 0 {
		return sha256.Sum256(nil) // Rule: the root of the empty tree is the hash of nothing (RFC 6962 §2.1)
	}
	root := r.hashes[last]
	for _, h := range slices.Backward(r.hashes[:last]) {
		root = tlog.NodeHash(h, root)
	}
	return root
}
