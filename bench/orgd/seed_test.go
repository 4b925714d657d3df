package orgd

import (
	"strconv"
	"testing"
)

func TestPlanGivesTheLimitedUserAFifth(t *testing.T) {
	nodes := plan(Size{Organizations: 10_000})
	ids := make([]string, len(nodes))
	levels := make([]int, 4)
	for i, n := range nodes {
		ids[i] = strconv.Itoa(i)
		levels[n.level]++
		if n.parent >= i {
			t.Fatalf("node %d comes before its parent %d", i, n.parent)
		}
	}
	if len(nodes) != 10_000 || levels[0] != 1 || levels[1] != 15 || levels[2] != 375 || levels[3] != 9_609 {
		t.Errorf("%d nodes, by level %v", len(nodes), levels)
	}
	if d := data(nodes, ids); d.Limited != 2_000 || len(d.FirstLevel) != 15 {
		t.Errorf("the limited user sees %d organizations of %d branches, want 2000 of 15", d.Limited, len(d.FirstLevel))
	}
}

func TestPlanOfASmallTree(t *testing.T) {
	if nodes := plan(Size{Organizations: 100}); len(nodes) != 100 {
		t.Errorf("%d nodes, want 100", len(nodes))
	}
}
