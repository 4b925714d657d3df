package sqlstore

import (
	"testing"

	"github.com/orgd/orgd/internal/usage"
)

func TestReadState(t *testing.T) {
	t.Parallel()
	var u usage.Record
	if err := readState("r2_storage 12.5 2 10 2.5 3", &u); err != nil {
		t.Fatal(err)
	}
	s := &u.State
	if u.Line.Metric != "r2_storage" || s.Sum.String() != "12.5" || s.Weight.String() != "2" || s.Max.String() != "10" || s.Last.String() != "2.5" || s.Unique != 3 {
		t.Errorf("the state is %+v", u)
	}
	for _, text := range []string{"", "m", "m 1 1 1 1", "m 1 1 1 1 ", "m 1 1 1 1 x", "m 1 1 1 1 1 1", "m x 1 1 1 0", "m 1 x 1 1 0", "m 1 1 x 1 0", "m 1 1 1 x 0", "a metric 1 1 1 1 0"} {
		if err := readState(text, &u); err == nil {
			t.Errorf("%q was read as %+v", text, u)
		}
	}
}
