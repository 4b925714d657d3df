package main

import "testing"

func TestPercentForKeepsGarbageBounded(t *testing.T) {
	for _, c := range []struct {
		live uint64
		want int
	}{{0, 400}, {4 << 20, 400}, {8 << 20, 400}, {8<<20 + 1, 300}, {12 << 20, 200}, {16 << 20, 200}, {17 << 20, 100}, {1 << 40, 100}} {
		if got := percentFor(c.live); got != c.want {
			t.Errorf("percentFor(%d) is %d, want %d", c.live, got, c.want)
		}
	}
}
