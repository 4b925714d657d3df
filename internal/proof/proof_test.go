package proof_test

import (
	"encoding/binary"
	"encoding/hex"
	"slices"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/orgd/orgd/internal/proof"
)

// leaf returns the hash of the n'th record of the test log.
func leaf(n int64) proof.Hash {
	return tlog.RecordHash(binary.BigEndian.AppendUint64(nil, uint64(n)))
}

// stored returns all hashes of a tree, as package tlog keeps them.
func stored(t *testing.T, size int64) tlog.HashReaderFunc {
	t.Helper()
	var hashes []proof.Hash
	read := tlog.HashReaderFunc(func(indexes []int64) ([]proof.Hash, error) {
		list := make([]proof.Hash, len(indexes))
		for i, x := range indexes {
			list[i] = hashes[x]
		}
		return list, nil
	})
	for n := range size {
		more, err := tlog.StoredHashesForRecordHash(n, leaf(n), read)
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, more...)
	}
	return read
}

// TestRootOfReferenceTree uses the inputs and roots that implementations of
// Certificate Transparency test themselves with.
func TestRootOfReferenceTree(t *testing.T) {
	t.Parallel()
	inputs := []string{"", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"}
	roots := map[int64]string{
		0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
		2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
		8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
	}
	r := proof.NewRange(0)
	for i := 0; ; i++ {
		if want, ok := roots[r.End()]; ok {
			got, err := r.Root(r.End(), nil, nil)
			if err != nil || hex.EncodeToString(got[:]) != want {
				t.Errorf("root of %d: got %x, %v, want %s", i, got, err, want)
			}
		}
		if i == len(inputs) {
			return
		}
		data, err := hex.DecodeString(inputs[i])
		if err != nil {
			t.Fatal(err)
		}
		r.Append(tlog.RecordHash(data))
	}
}

// TestRangeRoot computes the root of trees from every run in them.
func TestRangeRoot(t *testing.T) {
	t.Parallel()
	const most = 70
	all := stored(t, most)
	for size := int64(0); size <= most; size++ {
		want, err := tlog.TreeHash(size, all)
		if err != nil {
			t.Fatal(err)
		}
		for begin := int64(0); begin <= size; begin++ {
			for end := begin; end <= size; end += 1 + end%3 {
				r := proof.NewRange(begin)
				for n := begin; n < end; n++ {
					r.Append(leaf(n))
				}
				left, errLeft := proof.Hashes(all, proof.Cover(0, begin))
				right, errRight := proof.Hashes(all, proof.Cover(end, size))
				got, err := r.Root(size, left, right)
				if err != nil || errLeft != nil || errRight != nil || got != want {
					t.Fatalf("leaves %d to %d of %d: got %v, %v, %v, %v, want %v", begin, end, size, got, err, errLeft, errRight, want)
				}
				if r, err = proof.RestoreRange(begin, end, r.Hashes()); err != nil {
					t.Fatal(err)
				}
				if got, err = r.Root(size, left, right); err != nil || got != want {
					t.Fatalf("restored leaves %d to %d of %d: got %v, %v, want %v", begin, end, size, got, err, want)
				}
			}
		}
	}
}

func TestRangeRefusesHashesThatDoNotFit(t *testing.T) {
	t.Parallel()
	r := proof.NewRange(3)
	r.Append(leaf(3))
	h := leaf(0)
	for _, tt := range []struct {
		size        int64
		left, right []proof.Hash
	}{
		{4, []proof.Hash{h}, nil},
		{4, []proof.Hash{h, h}, []proof.Hash{h}},
		{5, []proof.Hash{h, h}, nil},
		{3, []proof.Hash{h, h}, nil},
		{-1, []proof.Hash{h, h}, nil},
	} {
		if got, err := r.Root(tt.size, tt.left, tt.right); err == nil {
			t.Errorf("size %d with %d and %d hashes: got %v and no error", tt.size, len(tt.left), len(tt.right), got)
		}
	}
	for _, tt := range []struct{ begin, end int64 }{{0, 2}, {2, 1}, {-1, 0}, {0, -1}} {
		if _, err := proof.RestoreRange(tt.begin, tt.end, []proof.Hash{h, h}); err == nil {
			t.Errorf("restore %d to %d from two hashes: no error", tt.begin, tt.end)
		}
	}
}

// tiles keeps a tree in tiles, as the store does.
type tiles map[int][]proof.Hash

func (s tiles) read(list []proof.Tile) ([][]byte, error) {
	data := make([][]byte, len(list))
	for i, t := range list {
		data[i] = proof.JoinHashes(s[t.Level][t.Begin() : t.Begin()+int64(t.Width)])
	}
	return data, nil
}

// grow appends leaves up to size.
func grow(r *proof.Range, s tiles, size int64) {
	r.Emit = func(n proof.Node, h proof.Hash) {
		if n.Level%proof.TileHeight == 0 {
			s[n.Level/proof.TileHeight] = append(s[n.Level/proof.TileHeight], h)
		}
	}
	for n := r.End(); n < size; n++ {
		r.Append(leaf(n))
	}
}

// TestProofsFromTiles makes and checks proofs in a tree of three levels.
func TestProofsFromTiles(t *testing.T) {
	t.Parallel()
	s, r := tiles{}, proof.NewRange(0)
	var was []proof.Checkpoint
	for _, size := range []int64{1, 2, 255, 256, 257, 600, 65_535, 65_536, 66_000} {
		grow(r, s, size)
		root, err := r.Root(size, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		for level, hashes := range s {
			if got, want := int64(len(hashes)), proof.LevelSize(level, size); got != want {
				t.Errorf("level %d of %d: got %d hashes, want %d", level, size, got, want)
			}
		}
		reader := proof.Reader(size, root, s.read)
		now := proof.Checkpoint{Size: size, Root: root}
		for _, n := range []int64{0, 1, size / 3, size - 1} {
			if n >= size {
				continue
			}
			p, err := proof.Inclusion(reader, size, n)
			if err != nil {
				t.Fatal(err)
			}
			if err := proof.CheckInclusion(p, size, root, n, leaf(n)); err != nil {
				t.Errorf("leaf %d of %d: %v", n, size, err)
			}
			if err := proof.CheckInclusion(p, size, root, n, leaf(n+1)); err == nil {
				t.Errorf("leaf %d of %d: another one passes for it", n, size)
			}
		}
		was = append(was, proof.Checkpoint{}, now)
		for _, old := range was {
			p, err := proof.Consistency(reader, old.Size, size)
			if err != nil {
				t.Fatal(err)
			}
			if err := proof.CheckConsistency(p, old, now); err != nil {
				t.Errorf("%d in %d: %v", old.Size, size, err)
			}
			if old.Root[0]++; old.Size > 0 && proof.CheckConsistency(p, old, now) == nil {
				t.Errorf("%d in %d: another root passes for it", old.Size, size)
			}
		}
	}
}

func TestReaderRefusesTilesOfAnotherTree(t *testing.T) {
	t.Parallel()
	s, r := tiles{}, proof.NewRange(0)
	grow(r, s, 600)
	root, err := r.Root(600, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	s[0][300][0] ^= 1
	if p, err := proof.Inclusion(proof.Reader(600, root, s.read), 600, 301); err == nil {
		t.Errorf("got %v from a tile that was changed", p)
	}
}

func TestParseTile(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		path string
		want proof.Tile
	}{
		{"0/000", proof.Tile{Level: 0, Index: 0, Width: 256}},
		{"0/000.p/1", proof.Tile{Level: 0, Index: 0, Width: 1}},
		{"1/x001/x234/067.p/255", proof.Tile{Level: 1, Index: 1_234_067, Width: 255}},
		{"63/001", proof.Tile{Level: 63, Index: 1, Width: 256}},
		{"entries/x001/067", proof.Tile{Level: proof.EntriesLevel, Index: 1067, Width: 256}},
		{"entries/000.p/7", proof.Tile{Level: proof.EntriesLevel, Index: 0, Width: 7}},
	} {
		if got, err := proof.ParseTile(tt.path); err != nil || got != tt.want {
			t.Errorf("%s: got %+v, %v, want %+v", tt.path, got, err, tt.want)
		}
	}
	for _, path := range []string{
		"", "0", "0/", "/000", "00/000", "-1/000", "0/0", "0/1000", "0/x000/000", "0/000/000", "0/x001/x02/003", "0/000.p/0", "0/000.p/256",
		"0/000.p/01", "0/000.p", "0/000.p/", "data/000", "entries/", "Entries/000", "64/000", "0/000/", "0/../0/000", "0/ 00", "0/+00", "a/000",
		"0/x999/x999/x999/x999/x999/x999/x999/x999/999", "0/x000/x000/x000/x000/x000/x000/x000/000",
	} {
		if got, err := proof.ParseTile(path); err == nil {
			t.Errorf("%q: got %+v and no error", path, got)
		}
	}
}

func TestTileIn(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		tile proof.Tile
		size int64
		want bool
	}{
		{proof.Tile{Level: 0, Index: 0, Width: 1}, 0, false},
		{proof.Tile{Level: 0, Index: 0, Width: 1}, 1, true},
		{proof.Tile{Level: 0, Index: 0, Width: 256}, 255, false},
		{proof.Tile{Level: 0, Index: 1, Width: 44}, 300, true},
		{proof.Tile{Level: 0, Index: 1, Width: 45}, 300, false},
		{proof.Tile{Level: 1, Index: 0, Width: 1}, 300, true},
		{proof.Tile{Level: 1, Index: 0, Width: 2}, 300, false},
		{proof.Tile{Level: 63, Index: 0, Width: 1}, 300, false},
		{proof.Tile{Level: proof.EntriesLevel, Index: 1, Width: 44}, 300, true},
		{proof.Tile{Level: proof.EntriesLevel, Index: 1, Width: 45}, 300, false},
	} {
		if got := tt.tile.In(tt.size); got != tt.want {
			t.Errorf("%+v in a tree of %d: got %t", tt.tile, tt.size, got)
		}
	}
}

func TestCover(t *testing.T) {
	t.Parallel()
	want := []proof.Node{{0, 5}, {1, 3}, {3, 1}, {1, 8}, {0, 18}}
	if got := proof.Cover(5, 19); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := proof.Cover(0, 1<<63-1); len(got) != 63 {
		t.Errorf("got %d nodes for the largest tree", len(got))
	}
}
