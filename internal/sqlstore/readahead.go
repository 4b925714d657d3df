package sqlstore

import (
	"errors"

	"github.com/orgd/orgd/internal/usage"
)

const (
	aheadRecords = 128 // in a batch
	aheadBatches = 4   // of which one is being read and one is being taken
)

// errStopped ends reading whose records nobody takes any more.
var errStopped = errors.New("sqlstore: nobody reads on")

// readAhead hands the records that read reads to each, while the ones after
// them are being read. It returns when both are done.
func readAhead(read func(each func(*usage.Record) error) error, each func(*usage.Record) error) error {
	free, full := make(chan []usage.Record, aheadBatches), make(chan []usage.Record, aheadBatches)
	for range aheadBatches {
		free <- nil
	}
	stop, done := make(chan struct{}), make(chan error, 1)
	go func() {
		err := fill(read, free, full, stop)
		close(full)
		done <- err
	}()
	defer func() {
		close(stop)
		for range full { // until the other has ended, also when each has panicked
		}
	}()
	for batch := range full {
		for i := range batch {
			if err := each(&batch[i]); err != nil {
				return err
			}
		}
		free <- batch[:0]
	}
	return <-done
}

// fill reads records into batches.
func fill(read func(each func(*usage.Record) error) error, free, full chan []usage.Record, stop chan struct{}) error {
	var batch []usage.Record
	have := false
	err := read(func(u *usage.Record) error {
		if !have {
			select {
			case batch = <-free:
			case <-stop:
				return errStopped
			}
			have = true
		}
		if batch = append(batch, *u); len(batch) == aheadRecords {
			full <- batch // there is room for all
			have = false
		}
		return nil
	})
	if err == nil && have {
		full <- batch
	}
	return err
}
