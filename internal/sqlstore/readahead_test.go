package sqlstore

import (
	"errors"
	"testing"

	"github.com/orgd/orgd/internal/usage"
)

// countUp reads n records into the same one, and reports that it has ended.
func countUp(n int, end error, ended *bool) func(func(*usage.Record) error) error {
	return func(each func(*usage.Record) error) error {
		defer func() { *ended = true }()
		var u usage.Record
		for i := range n {
			u.State.Events = int64(i)
			if err := each(&u); err != nil {
				return err
			}
		}
		return end
	}
}

// All records come, in their order, and then the failure of reading.
func TestReadAhead(t *testing.T) {
	broken := errors.New("broken")
	for _, n := range []int{0, 1, aheadRecords - 1, aheadRecords, aheadRecords + 1, aheadRecords * aheadBatches * 3, aheadRecords*aheadBatches*3 + 1} {
		for _, end := range []error{nil, broken} {
			next, ended := int64(0), false
			err := readAhead(countUp(n, end, &ended), func(u *usage.Record) error {
				if u.State.Events != next {
					t.Fatalf("record %d of %d comes as number %d", u.State.Events, n, next)
				}
				next++
				return nil
			})
			if err != end || !ended {
				t.Errorf("%d records: error %v, ended %t, want %v", n, err, ended, end)
			}
			if whole := n - n%aheadRecords; next < int64(whole) || end == nil && next != int64(n) {
				t.Errorf("%d of %d records have come", next, n)
			}
		}
	}
}

// Reading has ended when whoever takes the records has stopped or panicked.
func TestReadAheadStops(t *testing.T) {
	enough := errors.New("enough")
	const n = aheadRecords * aheadBatches * 10
	for _, last := range []int64{0, 1, aheadRecords, aheadRecords * aheadBatches, n - 1} {
		ended := false
		err := readAhead(countUp(n, nil, &ended), func(u *usage.Record) error {
			if u.State.Events == last {
				return enough
			}
			return nil
		})
		if err != enough || !ended {
			t.Errorf("stopped at %d: error %v, ended %t", last, err, ended)
		}
		ended = false
		func() {
			defer func() {
				if recover() == nil || !ended {
					t.Errorf("a panic at %d is lost, or reading goes on: ended %t", last, ended)
				}
			}()
			_ = readAhead(countUp(n, nil, &ended), func(u *usage.Record) error {
				if u.State.Events == last {
					panic("each")
				}
				return nil
			})
		}()
	}
}
