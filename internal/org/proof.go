package org

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/proof"
)

// LogProof is what can be proved about a log at one size of it.
type LogProof struct {
	Tree
	Origin      string // the name of the log in its checkpoints
	VerifierKey string
	Root        proof.Hash
	// Cosigned is the last checkpoint that witnesses have cosigned, often for
	// fewer records, "" when there is none.
	Cosigned string

	reader Reader
}

var errNoKey = fault.New(fault.NotFound, "This server gives no proofs: it has no audit_key")

// LogProof returns the proof of a log as it is now: its tree is brought up to
// its head first. It asks for no permission. A tree that cannot go on, because
// somebody has changed it or its records, is returned as it is.
func (s *Service) LogProof(ctx context.Context, log id.Log) (*LogProof, error) {
	if s.Key == nil {
		return nil, errNoKey
	}
	_, growErr := s.growTrees(ctx, []id.Log{log})
	trees, err := s.Store.AuditTrees(ctx, []id.Log{log})
	if err != nil {
		return nil, errors.Join(growErr, err)
	}
	p := &LogProof{Tree: Tree{Log: log}, Origin: s.origin(log), reader: s.Store}
	if len(trees) > 0 {
		p.Tree = trees[0]
	}
	if p.Root, err = p.Tree.Root(); err != nil {
		return nil, err
	}
	if p.Size == 0 {
		p.Time = s.now()
		p.Checkpoint, err = s.Key.Sign(proof.Checkpoint{Origin: p.Origin, Root: p.Root})
		if err != nil {
			return nil, err
		}
	}
	if p.VerifierKey, err = s.Key.VerifierKey(p.Origin); err != nil {
		return nil, err
	}
	if p.Cosigned, err = s.Store.Cosigned(ctx, log); unlessAbsent(err) != nil {
		return nil, err
	}
	return p, nil
}

func (s *Service) origin(log id.Log) string { return proof.Origin(s.Key.Name(), string(log)) }

// NewestCheckpoint returns the checkpoint for the size of the tree, with the
// lines of witnesses if they have cosigned it already.
func (p *LogProof) NewestCheckpoint() string {
	if strings.HasPrefix(p.Cosigned, p.Checkpoint) {
		return p.Cosigned
	}
	return p.Checkpoint
}

// hashes returns the hashes of nodes of the tree, held against its root.
func (p *LogProof) hashes(ctx context.Context, nodes []proof.Node) ([]proof.Hash, error) {
	return proof.Hashes(p.tiles(ctx), nodes)
}

func (p *LogProof) tiles(ctx context.Context) proof.HashReader {
	return proof.Reader(p.Size, p.Root, func(tiles []proof.Tile) ([][]byte, error) {
		return p.reader.AuditTiles(ctx, p.Log, tiles)
	})
}

// Sides returns the hashes that cover what is before the record from and what
// is behind the record to, as an export carries them. There are none where the
// tree ends before.
func (p *LogProof) Sides(ctx context.Context, from, to int64) (left, right []proof.Hash, err error) {
	if from-1 > p.Size {
		return nil, nil, nil
	}
	if left, err = p.hashes(ctx, proof.Cover(0, from-1)); err != nil {
		return nil, nil, fmt.Errorf("prove what is before record %d of log %s: %w", from, p.Log, err)
	}
	if right, err = p.hashes(ctx, proof.Cover(to, p.Size)); err != nil {
		return nil, nil, fmt.Errorf("prove what is behind record %d of log %s: %w", to, p.Log, err)
	}
	return left, right, nil
}

// Leaves returns the leaf hashes that the tree has of the records from and
// behind it: as many as there are up to the end of the same tile, or none
// behind the end of the tree.
func (p *LogProof) Leaves(ctx context.Context, from int64) ([]proof.Hash, error) {
	if from < 1 || from > p.Size {
		return nil, nil
	}
	t := proof.Tile{Index: (from - 1) / proof.TileWidth}
	t.Width = int(min(p.Size-t.Begin(), proof.TileWidth))
	data, err := p.reader.AuditTiles(ctx, p.Log, []proof.Tile{t})
	if err != nil {
		return nil, fmt.Errorf("read the leaf of record %d of log %s: %w", from, p.Log, err)
	}
	hashes, err := proof.SplitHashes(data[0])
	if err != nil {
		return nil, err
	}
	return hashes[from-1-t.Begin():], nil
}

// Proof returns what can be proved about the log of an organization.
func (s *Service) Proof(ctx context.Context, r Request, o id.Organization) (*LogProof, error) {
	if err := s.checkAudit(ctx, r, o); err != nil {
		return nil, err
	}
	return s.LogProof(ctx, id.Log(o))
}

// InclusionProof is the proof that a record is in a log.
type InclusionProof struct {
	*LogProof
	Record id.Record
	Seq    int64
	Leaf   proof.Hash
	Hashes []proof.Hash
}

// ProveInclusion proves that a record is in the log of an organization.
func (s *Service) ProveInclusion(ctx context.Context, r Request, o id.Organization, record id.Record) (*InclusionProof, error) {
	p, err := s.Proof(ctx, r, o)
	if err != nil {
		return nil, err
	}
	absent := fault.ErrNotFound("audit log entry")
	if !id.Valid(string(record)) {
		return nil, absent
	}
	found, err := s.Store.AuditRecord(ctx, p.Log, record)
	if errors.Is(err, absent) {
		return nil, absent
	}
	if err != nil {
		return nil, err
	}
	if found.Seq > p.Size {
		return nil, fmt.Errorf("the tree of log %s ends before record %d", p.Log, found.Seq)
	}
	in := &InclusionProof{LogProof: p, Record: found.ID, Seq: found.Seq, Leaf: audit.LeafHash(audit.Canonical(&found))}
	if in.Hashes, err = proof.Inclusion(p.tiles(ctx), p.Size, found.Seq-1); err != nil {
		return nil, err
	}
	if err := proof.CheckInclusion(in.Hashes, p.Size, p.Root, found.Seq-1, in.Leaf); err != nil {
		return nil, fmt.Errorf("record %d of log %s is not the one in its tree: %w", found.Seq, p.Log, err)
	}
	return in, nil
}

// ConsistencyProof is the proof that a log begins with an earlier one.
type ConsistencyProof struct {
	From, To int64
	Hashes   []proof.Hash
}

// ProveConsistency proves that the log of an organization with to records
// begins with the same log of from records. To 0 is the log as it is now.
func (s *Service) ProveConsistency(ctx context.Context, r Request, o id.Organization, from, to int64) (*ConsistencyProof, error) {
	p, err := s.Proof(ctx, r, o)
	if err != nil {
		return nil, err
	}
	if to == 0 {
		to = p.Size
	}
	if to > p.Size {
		return nil, fault.At(fault.Invalid, "to", fmt.Sprintf("to is more than the %d records of the log", p.Size))
	}
	if from > to {
		return nil, fault.At(fault.Invalid, "from", fmt.Sprintf("from is more than to, which is %d", to))
	}
	c := &ConsistencyProof{From: from, To: to}
	c.Hashes, err = proof.Consistency(p.tiles(ctx), from, to)
	return c, err
}

// TreeTile returns the hashes of a tile of the log of an organization.
func (s *Service) TreeTile(ctx context.Context, r Request, o id.Organization, t proof.Tile) ([]byte, error) {
	if err := s.checkTile(ctx, r, o, t); err != nil {
		return nil, err
	}
	data, err := s.Store.AuditTiles(ctx, id.Log(o), []proof.Tile{t})
	if err != nil {
		return nil, err
	}
	return data[0], nil
}

// checkTile checks that the tree has the tile, and lets it grow only if it has
// not.
func (s *Service) checkTile(ctx context.Context, r Request, o id.Organization, t proof.Tile) error {
	if err := s.checkAudit(ctx, r, o); err != nil {
		return err
	}
	if s.Key == nil {
		return errNoKey
	}
	logs := []id.Log{id.Log(o)}
	trees, err := s.Store.AuditTrees(ctx, logs)
	if err != nil {
		return err
	}
	switch {
	case len(trees) == 0 || !t.In(trees[0].Head):
		return fault.ErrNotFound("tile")
	case t.In(trees[0].Size):
		return nil
	}
	_, err = s.growTrees(ctx, logs)
	return err
}

// TreeEntries returns the canonical form of the records that a bundle of
// entries of the log of an organization has, in order. Those that the
// retention of the log has removed are not found any more.
func (s *Service) TreeEntries(ctx context.Context, r Request, o id.Organization, t proof.Tile) ([][]byte, error) {
	err := s.checkTile(ctx, r, o, t)
	var records []audit.Record
	if err == nil {
		records, err = s.Store.AuditRecords(ctx, id.Log(o), t.Begin(), t.Width)
	}
	if err == nil && (len(records) != t.Width || records[0].Seq != t.Begin()+1) {
		err = fault.ErrNotFound("bundle of entries")
	}
	read := auditRead{action: audit.LogView, log: o, shows: err == nil && newTo(r, records)}
	if err := s.recordRead(ctx, r, read, err); err != nil {
		return nil, err
	}
	entries := make([][]byte, len(records))
	for i := range records {
		entries[i] = audit.Canonical(&records[i])
	}
	return entries, nil
}

// newTo reports whether the records show something that happened after the
// caller was last recorded to have read the log. Otherwise following the log
// by its bundles would make it grow for ever.
func newTo(r Request, records []audit.Record) bool {
	for i := len(records) - 1; i >= 0; i-- {
		if records[i].Action.Type != audit.View {
			return true
		}
		if records[i].Actor.ID == r.Caller.User.ID {
			return false
		}
	}
	return false
}

// TreePass says what GrowTrees has done.
type TreePass struct {
	Logs    int           // that have grown
	Records int64         // that were added
	Waited  time.Duration // how long the oldest of them had been waiting
}
