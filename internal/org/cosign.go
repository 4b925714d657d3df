package org

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/note"

	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/proof"
)

// Witness cosigns checkpoints of logs that it has seen to grow only.
type Witness interface {
	// Verifier checks its cosignatures.
	Verifier() note.Verifier
	// Cosign asks for the cosignature of a signed checkpoint of a log. Prove
	// returns the proof that the log begins with the size that the witness
	// has seen last. The answer is its signature lines.
	Cosign(ctx context.Context, log id.Log, signed string, prove func(old int64) ([]proof.Hash, error)) (lines string, err error)
}

// CosignTrees has the checkpoints cosigned that have grown since witnesses
// last did. The program calls it now and then, and nothing waits for it: a
// witness that does not answer is asked again the next time.
func (s *Service) CosignTrees(ctx context.Context) error {
	if s.Key == nil || len(s.Witnesses) == 0 {
		return nil
	}
	var failed error
	var after id.Log
	for {
		logs, err := s.Store.AuditTreesNotCosigned(ctx, after, roundLogs)
		if err != nil {
			return errors.Join(failed, err)
		}
		trees, err := s.Store.AuditTrees(ctx, logs)
		if err != nil {
			return errors.Join(failed, err)
		}
		for i := range trees {
			if err := s.cosign(ctx, &trees[i]); err != nil {
				failed = errors.Join(failed, fmt.Errorf("have the checkpoint of log %s cosigned: %w", trees[i].Log, err))
			}
		}
		if len(logs) < roundLogs {
			return failed
		}
		after = logs[len(logs)-1]
	}
}

// cosign asks every witness for its lines, and keeps the checkpoint with those
// that came.
func (s *Service) cosign(ctx context.Context, t *Tree) error {
	root, err := t.Root()
	if err != nil {
		return err
	}
	p := &LogProof{Tree: *t, Root: root, reader: s.Store}
	prove := func(old int64) ([]proof.Hash, error) {
		if old > t.Size {
			return nil, fmt.Errorf("the witness has seen %d records, the log has %d", old, t.Size)
		}
		return proof.Consistency(p.tiles(ctx), old, t.Size)
	}
	cosigned := t.Checkpoint
	var failed error
	for _, w := range s.Witnesses {
		lines, err := w.Cosign(ctx, t.Log, t.Checkpoint, prove)
		if err == nil {
			var more string
			if more, err = proof.Cosign(cosigned, lines, w.Verifier()); err == nil {
				cosigned = more
			}
		}
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("witness %s: %w", w.Verifier().Name(), err))
		}
	}
	if cosigned == t.Checkpoint {
		return failed
	}
	return errors.Join(failed, s.bookkeep(ctx, func(tx Tx) error { return tx.PutCosigned(ctx, t.Log, t.Size, cosigned) }))
}
