package storetest

import (
	"context"
	"fmt"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/proof"
)

func treeCases() []testCase {
	return []testCase{
		{"a tree that was never built has the size 0", unbuiltTree},
		{"a tree grows, and its tiles are read in every width", growsTree},
		{"several trees grow at once", growsTrees},
		{"a growth that does not fit is refused", refusesGrowth},
		{"logs and records behind their trees are listed in order", treesBehind},
		{"the last cosigned checkpoint is kept", keepsCosigned},
	}
}

func unbuiltTree(w *world) {
	w.append(w.fullRecord("b"))
	w.append(w.fullRecord("a"))
	w.append(w.fullRecord("a"))
	found(w, "trees", []org.Tree{{Log: "a", Head: 2, Nodes: []proof.Hash{}}, {Log: "b", Head: 1, Nodes: []proof.Hash{}}})(
		w.store.AuditTrees(w.Context(), []id.Log{"b", "nothing", "a"}))
	found(w, "trees of no logs", []org.Tree(nil))(w.store.AuditTrees(w.Context(), nil))
	absent[[][]byte](w, "tile")(w.store.AuditTiles(w.Context(), "a", []proof.Tile{{Width: 1}}))
}

// appendMany appends n small records to a log.
func (w *world) appendMany(log id.Log, n int) {
	w.Helper()
	records := make([]*audit.Record, n)
	for i := range records {
		records[i] = &audit.Record{Log: log, ID: id.Record(w.id()), Time: w.now(), Action: audit.LogView, Result: audit.Success}
	}
	w.update(func(ctx context.Context, tx org.Tx) error { return tx.AppendAudits(ctx, records) })
}

// grown returns how the trees of the logs become when up to limit records
// are added to them.
func (w *world) grown(limit int, logs ...id.Log) []org.Growth {
	w.Helper()
	trees, err := w.store.AuditTrees(w.Context(), logs)
	if err != nil {
		w.Fatal(err)
	}
	var list []org.Growth
	for _, t := range trees {
		g := org.Growth{From: t.Size, Tree: t}
		run, err := proof.RestoreRange(0, t.Size, t.Nodes)
		if err != nil {
			w.Fatal(err)
		}
		run.Emit = func(n proof.Node, h proof.Hash) {
			level := n.Level / proof.TileHeight
			if n.Level%proof.TileHeight == 0 {
				for len(g.Levels) <= level {
					g.Levels = append(g.Levels, nil)
				}
				g.Levels[level] = append(g.Levels[level], h)
			}
		}
		err = w.store.AuditRecordsBehind(w.Context(), []id.Log{t.Log}, limit, func(r *audit.Record) error {
			if r.Log != t.Log || r.Seq != run.End()+1 {
				return fmt.Errorf("record %d of log %s behind %d of %s", r.Seq, r.Log, run.End(), t.Log)
			}
			run.Append(audit.LeafHash(audit.Canonical(r)))
			return nil
		})
		if err != nil {
			w.Fatal(err)
		}
		g.Size, g.Nodes, g.Time = run.End(), run.Hashes(), w.now()
		root, err := g.Root()
		if err != nil {
			w.Fatal(err)
		}
		g.Checkpoint = proof.Checkpoint{Origin: "sample/" + string(g.Log), Size: g.Size, Root: root}.Text() + "\n"
		list = append(list, g)
	}
	return list
}

// growAll lets the trees of all logs grow, with checkpoints that nobody signed.
func (w *world) growAll() {
	w.Helper()
	logs, err := w.store.AuditTreesBehind(w.Context(), "", 1000)
	if err != nil {
		w.Fatal(err)
	}
	w.grow(w.grown(1000, logs...))
}

func (w *world) grow(growths []org.Growth) {
	w.Helper()
	w.update(func(ctx context.Context, tx org.Tx) error {
		if err := tx.Lock(ctx, org.TreesLock); err != nil {
			return err
		}
		return tx.GrowTrees(ctx, growths)
	})
}

// growsTree steps over the borders of rows and of tiles.
func growsTree(w *world) {
	const size = 600
	w.appendMany("a", size)
	var leaves []proof.Hash
	for _, step := range []int{1, 1, 29, 1, 1, 31, 192, 1, 256, 87} {
		grown := w.grown(step, "a")
		leaves = append(leaves, grown[0].Levels[0]...)
		w.grow(grown)
		found(w, "tree", []org.Tree{grown[0].Tree})(w.store.AuditTrees(w.Context(), []id.Log{"a"}))
		last := int64(len(leaves)-1) / proof.TileWidth
		tiles := []proof.Tile{{Index: last, Width: len(leaves) - int(last)*proof.TileWidth}, {Width: min(len(leaves), proof.TileWidth)}}
		found(w, fmt.Sprint("tiles of ", len(leaves)), [][]byte{
			proof.JoinHashes(leaves[tiles[0].Begin():]), proof.JoinHashes(leaves[:tiles[1].Width]),
		})(w.store.AuditTiles(w.Context(), "a", tiles))
	}
	want(w, "leaves", len(leaves), size)
	for width := 1; width <= proof.TileWidth; width++ {
		found(w, fmt.Sprint("tile of ", width), [][]byte{proof.JoinHashes(leaves[256 : 256+width])})(
			w.store.AuditTiles(w.Context(), "a", []proof.Tile{{Index: 1, Width: width}}))
	}
	level1, err := w.store.AuditTiles(w.Context(), "a", []proof.Tile{{Level: 1, Width: 2}})
	if err != nil || len(level1) != 1 || len(level1[0]) != 2*proof.HashSize {
		w.Errorf("level 1: got %x, %v", level1, err)
	}
	for _, t := range []proof.Tile{{Level: 1, Width: 3}, {Level: 2, Width: 1}, {Index: 2, Width: 89}, {Index: 3, Width: 1}} {
		absent[[][]byte](w, fmt.Sprint(t))(w.store.AuditTiles(w.Context(), "a", []proof.Tile{{Width: 1}, t}))
	}
}

func growsTrees(w *world) {
	w.appendMany("a", 40)
	w.appendMany("b", 300)
	w.appendMany("c", 1)
	w.grow(w.grown(33, "a", "b", "c"))
	second := w.grown(1000, "a", "b")
	w.grow(second)
	trees, err := w.store.AuditTrees(w.Context(), []id.Log{"a", "b", "c"})
	if err != nil || len(trees) != 3 {
		w.Fatalf("got %v, %v", trees, err)
	}
	for i, size := range []int64{40, 300, 1} {
		want(w, "size", trees[i].Size, size)
	}
	want(w, "a", trees[0], second[0].Tree)
	want(w, "b", trees[1], second[1].Tree)
}

func refusesGrowth(w *world) {
	w.appendMany("a", 3)
	w.grow(w.grown(1, "a"))
	wrong := w.grown(1, "a")
	wrong[0].From = 40
	err := w.store.Update(w.Context(), func(tx org.Tx) error { return tx.GrowTrees(w.Context(), wrong) })
	if err == nil {
		w.Error("a growth from another size than the tree has was taken")
	}
	trees, err := w.store.AuditTrees(w.Context(), []id.Log{"a"})
	if err != nil || len(trees) != 1 || trees[0].Size != 1 {
		w.Errorf("got %v, %v", trees, err)
	}
}

func treesBehind(w *world) {
	for _, log := range []id.Log{"c", "a", "b", "d"} {
		w.appendMany(log, 3)
	}
	w.grow(w.grown(2, "a"))
	w.grow(w.grown(3, "b"))
	behind := func(after id.Log, limit int, logs ...id.Log) {
		w.Helper()
		got, err := w.store.AuditTreesBehind(w.Context(), after, limit)
		found(w, "logs behind "+string(after), logs)(got, err)
	}
	// The instance has a log as well.
	behind("Z", 10, "a", "c", "d")
	behind("Z", 2, "a", "c")
	behind("a", 10, "c", "d")
	behind("d", 10)
	behind("", 2, id.Instance, "a")
	records := func(limit int, logs []id.Log, places ...string) {
		w.Helper()
		var got []string
		err := w.store.AuditRecordsBehind(w.Context(), logs, limit, func(r *audit.Record) error {
			got = append(got, fmt.Sprint(r.Log, r.Seq))
			return nil
		})
		found(w, "records behind", places)(got, err)
	}
	records(10, []id.Log{"c", "b", "nothing", "a"}, "a3", "c1", "c2", "c3")
	records(2, []id.Log{"c", "a"}, "a3", "c1")
	records(10, nil)
}

func keepsCosigned(w *world) {
	w.appendMany("a", 3)
	notCosigned := func(logs ...id.Log) {
		w.Helper()
		found(w, "not cosigned", logs)(w.store.AuditTreesNotCosigned(w.Context(), "", 10))
	}
	absent[string](w, "cosigned")(w.store.Cosigned(w.Context(), "a"))
	notCosigned()
	w.grow(w.grown(2, "a"))
	notCosigned("a")
	for _, c := range []struct {
		size       int64
		text, want string
	}{{1, "one", "one"}, {2, "two", "two"}, {1, "late", "two"}, {2, "again", "again"}} {
		w.update(func(ctx context.Context, tx org.Tx) error { return tx.PutCosigned(ctx, "a", c.size, c.text) })
		found(w, "cosigned", c.want)(w.store.Cosigned(w.Context(), "a"))
	}
	notCosigned()
	w.grow(w.grown(1, "a"))
	notCosigned("a")
	absent[string](w, "cosigned")(w.store.Cosigned(w.Context(), "b"))
	trees, err := w.store.AuditTrees(w.Context(), []id.Log{"a"})
	if err != nil || len(trees) != 1 {
		w.Fatal(trees, err)
	}
	w.update(func(ctx context.Context, tx org.Tx) error {
		return tx.PutCosigned(ctx, "a", trees[0].Size, trees[0].Checkpoint)
	})
}
