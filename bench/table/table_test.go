package table

import (
	"strings"
	"testing"
)

func TestVerdict(t *testing.T) {
	tests := []struct {
		name string
		line Line
		want string
	}{
		{"at least, on the bound", Line{Ours: []float64{5, 1, 9}, Base: []float64{10}, Bound: AtLeast, Wanted: 0.5}, "PASS"},
		{"at least, below", Line{Ours: []float64{4.9}, Base: []float64{10}, Bound: AtLeast, Wanted: 0.5}, "FALLS SHORT"},
		{"at most, on the bound", Line{Ours: []float64{20}, Base: []float64{10}, Bound: AtMost, Wanted: 2}, "PASS"},
		{"at most, above", Line{Ours: []float64{21}, Base: []float64{10}, Bound: AtMost, Wanted: 2}, "FALLS SHORT"},
		{"no baseline", Line{Ours: []float64{61}, Bound: AtMost, Wanted: 60}, "FALLS SHORT"},
		{"informational", Line{Ours: []float64{1}, Base: []float64{1000}}, "info"},
	}
	for _, test := range tests {
		if got := test.line.Verdict(); got != test.want {
			t.Errorf("%s: verdict %q, want %q (ratio %v)", test.name, got, test.want, test.line.Ratio())
		}
	}
}

func TestMedian(t *testing.T) {
	for _, test := range []struct {
		samples []float64
		want    float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 2, 9}, 3}} {
		if got := Median(test.samples); got != test.want {
			t.Errorf("median of %v is %v, want %v", test.samples, got, test.want)
		}
	}
}

func TestPrintNamesTheLinesThatFallShort(t *testing.T) {
	lines := []Line{
		{Name: "(x) good", Unit: "req/s", Ours: []float64{100, 120, 110}, Base: []float64{50, 60, 55}, Bound: AtLeast, Wanted: 1.5},
		{Name: "(y) bad", Unit: "MB", Ours: []float64{61.25}, Bound: AtMost, Wanted: 60, Note: "a note"},
		{Name: "(z) told", Unit: "ms", Ours: []float64{1}, Base: []float64{2}},
	}
	var text, markdown strings.Builder
	if err := Print(&text, lines); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"110 req/s (100..120)", "2.00", ">= 1.50", "FALLS SHORT: (y) bad: 61.2, wanted <= 60.0 MB", "1 of 2 lines fall short."} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, text.String())
		}
	}
	if err := Markdown(&markdown, lines); err != nil {
		t.Fatal(err)
	}
	if want := "- (y) bad: a note"; !strings.Contains(markdown.String(), want) {
		t.Errorf("no %q in\n%s", want, markdown.String())
	}
}
