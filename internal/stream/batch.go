package stream

import (
	"bytes"
	"context"
	"fmt"
	"strconv"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/org"
)

// batch is what one attempt delivers: the entries of the records from one
// number to another, as many of them as are still there.
type batch struct {
	stream   org.Stream
	secrets  []string // the latest first
	from, to int64
	expired  int64 // records between from and to that are gone
	entries  []entry
	size     int // bytes of the entries, and of the one that did not fit
}

// entry is a record as its readers see it.
type entry struct {
	record *audit.Record
	json   []byte
}

// newBatch reads the batch under way of a stream. It ends early when its
// entries become too large.
func (w *Worker) newBatch(ctx context.Context, st org.Stream) (*batch, error) {
	secrets, err := w.Source.StreamSecrets(st)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errSecret, err)
	}
	b := &batch{stream: st, secrets: secrets, from: st.Delivery.Delivered + 1, to: st.Delivery.Batch}
	for after, more := st.Delivery.Delivered, true; more; {
		records, err := w.Source.StreamRecords(ctx, st, after, readAtOnce)
		if err == nil {
			more, err = w.fill(b, records)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errRecords, err)
		}
		if more {
			after = records[len(records)-1].Seq
		}
	}
	b.expired = b.to - b.from + 1 - int64(len(b.entries))
	return b, nil
}

// fill adds records to a batch. More is false when it is whole: there are no
// more, or no more that fit.
func (w *Worker) fill(b *batch, records []audit.Record) (more bool, err error) {
	for i := range records {
		text, err := w.Encode(&records[i])
		if err != nil {
			return false, err
		}
		b.size += len(text)
		if b.size > maxBatchSize && len(b.entries) > 0 {
			b.to = records[i].Seq - 1
			return false, nil
		}
		b.entries = append(b.entries, entry{&records[i], text})
	}
	return len(records) > 0, nil
}

// id names the batch: equal for every attempt to deliver it, and another one
// when somebody asks for it again.
func (b *batch) id() string {
	n := func(i int64) string { return strconv.FormatInt(i, 10) }
	return "msg_" + string(b.stream.ID) + "_" + n(b.stream.Version) + "_" + n(b.from) + "_" + n(b.to)
}

// array returns the entries as a JSON array.
func (b *batch) array() []byte { return b.joined("[", ",", "]") }

// lines returns the entries one a line.
func (b *batch) lines() []byte { return b.joined("", "\n", "\n") }

func (b *batch) joined(head, between, tail string) []byte {
	out := bytes.NewBufferString(head)
	for i := range b.entries {
		if i > 0 {
			out.WriteString(between)
		}
		out.Write(b.entries[i].json)
	}
	out.WriteString(tail)
	return out.Bytes()
}

// send delivers a batch and returns nil when the receiver has acknowledged all
// of it.
func (w *Worker) send(ctx context.Context, b *batch) error {
	switch b.stream.Target.Type {
	case org.StreamWebhook:
		return w.sendWebhook(ctx, b)
	case org.StreamS3:
		return w.sendS3(ctx, b)
	case org.StreamSyslog:
		return w.sendSyslog(ctx, b)
	}
	return fmt.Errorf("a stream of type %q", b.stream.Target.Type)
}
