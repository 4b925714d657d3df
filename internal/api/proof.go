package api

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/audit/export"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/proof"
)

// logProof is what can be proved about a log, on the wire. Hashes are
// hexadecimal.
type logProof struct {
	Log         id.Log    `json:"log"`
	Origin      string    `json:"origin"`
	VerifierKey string    `json:"verifier_key"`
	Size        int64     `json:"size"`
	Root        string    `json:"root"`
	Time        timestamp `json:"time"`
	Checkpoint  string    `json:"checkpoint"`
	Cosigned    string    `json:"cosigned_checkpoint,omitempty"`
}

type inclusionProof struct {
	AuditID    id.Record `json:"audit_id"`
	Seq        int64     `json:"seq"`
	LeafIndex  int64     `json:"leaf_index"`
	LeafHash   string    `json:"leaf_hash"`
	TreeSize   int64     `json:"tree_size"`
	Root       string    `json:"root"`
	Hashes     []string  `json:"hashes"`
	Checkpoint string    `json:"checkpoint"`
}

type consistencyProof struct {
	From   int64    `json:"from"`
	To     int64    `json:"to"`
	Hashes []string `json:"hashes"`
}

func getProof(ctx context.Context, q *request) (reply, error) {
	req, err := q.reading()
	if err != nil {
		return reply{}, err
	}
	p, err := q.server.Service.Proof(ctx, req, q.organization())
	if err != nil {
		return reply{}, err
	}
	return reply{Result: logProof{
		Log: p.Log, Origin: p.Origin, VerifierKey: p.VerifierKey, Size: p.Size, Root: hex.EncodeToString(p.Root[:]),
		Time: timestamp(p.Time), Checkpoint: p.Checkpoint, Cosigned: p.Cosigned,
	}}, nil
}

func getInclusionProof(ctx context.Context, q *request) (reply, error) {
	text := q.query.text("audit_id")
	if text == "" {
		q.query.refuse("audit_id", "is required")
	}
	req, err := q.reading()
	if err != nil {
		return reply{}, err
	}
	p, err := q.server.Service.ProveInclusion(ctx, req, q.organization(), audit.RecordID(text))
	if err != nil {
		return reply{}, err
	}
	return reply{Result: inclusionProof{
		AuditID: p.Record, Seq: p.Seq, LeafIndex: p.Seq - 1, LeafHash: hex.EncodeToString(p.Leaf[:]),
		TreeSize: p.Size, Root: hex.EncodeToString(p.Root[:]), Hashes: export.HexHashes(p.Hashes), Checkpoint: p.Checkpoint,
	}}, nil
}

func getConsistencyProof(ctx context.Context, q *request) (reply, error) {
	from, to := q.query.number("from", 0, 0, math.MaxInt), q.query.number("to", 0, 1, math.MaxInt)
	if q.query.text("from") == "" {
		q.query.refuse("from", "is required")
	}
	req, err := q.reading()
	if err != nil {
		return reply{}, err
	}
	p, err := q.server.Service.ProveConsistency(ctx, req, q.organization(), int64(from), int64(to))
	if err != nil {
		return reply{}, err
	}
	return reply{Result: consistencyProof{From: p.From, To: p.To, Hashes: export.HexHashes(p.Hashes)}}, nil
}

// getCheckpoint answers with the signed checkpoint (C2SP tlog-tiles).
func getCheckpoint(ctx context.Context, q *request) (reply, error) {
	req, err := q.reading()
	if err != nil {
		return reply{}, err
	}
	p, err := q.server.Service.Proof(ctx, req, q.organization())
	if err != nil {
		return reply{}, err
	}
	return file("text/plain; charset=utf-8", []byte(p.NewestCheckpoint()), false), nil
}

// getTile answers with the hashes of a tile, or with a bundle of entries
// (C2SP tlog-tiles).
func getTile(ctx context.Context, q *request) (reply, error) {
	req, err := q.reading()
	if err != nil {
		return reply{}, err
	}
	t, err := proof.ParseTile(q.PathValue("path"))
	if err != nil {
		return reply{}, fault.ErrNotFound("tile")
	}
	var data []byte
	if t.Level == proof.EntriesLevel {
		data, err = entryBundle(ctx, q, req, t)
	} else {
		data, err = q.server.Service.TreeTile(ctx, req, q.organization(), t)
	}
	if err != nil {
		return reply{}, err
	}
	return file("application/octet-stream", data, t.Full()), nil
}

// entryBundle returns the entries of a bundle, each behind its length.
func entryBundle(ctx context.Context, q *request, r org.Request, t proof.Tile) ([]byte, error) {
	entries, err := q.server.Service.TreeEntries(ctx, r, q.organization(), t)
	if err != nil {
		return nil, err
	}
	var data []byte
	for i, e := range entries {
		if len(e) > math.MaxUint16 {
			return nil, fault.New(fault.NotFound, fmt.Sprintf("record %d is too long for a bundle of entries; export it", t.Begin()+int64(i)+1))
		}
		data = append(binary.BigEndian.AppendUint16(data, uint16(len(e))), e...)
	}
	return data, nil
}

// file answers with what is no JSON. What never changes may be kept by the
// caller, but by nobody who answers others: it was asked for with a credential.
func file(contentType string, data []byte, immutable bool) reply {
	header := map[string]string{"Content-Length": strconv.Itoa(len(data))}
	if immutable {
		header["Cache-Control"] = "private, max-age=31536000, immutable"
	}
	return reply{Stream: &stream{contentType: contentType, header: header, write: func(_ context.Context, w io.Writer) error {
		_, err := w.Write(data)
		return err
	}}}
}
