package export

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"golang.org/x/mod/sumdb/note"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/proof"
)

// Kind says what about a log does not hold.
type Kind string

// The kinds of findings.
const (
	Malformed  Kind = "malformed"  // the file is not such an export, or is cut off
	Gap        Kind = "gap"        // records are missing
	Order      Kind = "order"      // records are not in their order
	Leaf       Kind = "leaf"       // a record is not the one that the tree has a hash of
	Body       Kind = "body"       // a body is not the one that the record has a digest of
	Commitment Kind = "commitment" // personal data is not what the record commits to
	Root       Kind = "root"       // the records do not make up the tree that was signed
	Signature  Kind = "signature"  // a checkpoint is not signed by the key
	Cut        Kind = "cut"        // the log is shorter than it was
	Rewritten  Kind = "rewritten"  // the log does not begin as it did
	Unproven   Kind = "unproven"   // the export does not say enough to tell
)

// Finding is something that does not hold. Seq and ID name the record, 0 and
// "" when it is about the log as a whole.
type Finding struct {
	Kind   Kind
	Seq    int64
	ID     string
	Detail string
}

// String returns one line for people.
func (f Finding) String() string {
	about := "the log"
	if f.Seq != 0 {
		about = "record " + strconv.FormatInt(f.Seq, 10)
	}
	if f.ID != "" {
		about += " (" + f.ID + ")"
	}
	return fmt.Sprintf("%s: %s: %s", about, f.Kind, f.Detail)
}

// Report is the outcome of Verify. The log holds when there are no findings.
type Report struct {
	Header     Header
	Trailer    Trailer
	Checkpoint proof.Checkpoint
	Old        *proof.Checkpoint // the earlier one, when there was one to compare with
	Witnesses  []string          // whose cosignatures are on the checkpoint
	Erased     int64             // records with personal data that is erased
	Findings   []Finding         // the first maxFindings of them
	More       int64             // how many there were besides
}

// maxFindings bounds the report on a log that is beyond a list.
const maxFindings = 100

// maxLine bounds a line: a few bodies of the largest size, escaped.
const maxLine = 64 << 20

// Options are what an export is checked against.
type Options struct {
	Key       string   // verifier key of the log or of its instance
	Witnesses []string // verifier keys of witnesses; each has to have cosigned
	Old       string   // a checkpoint of the same log, from before, or ""
}

// Verify reads an export and checks all of it: each record against the tree,
// its bodies and personal data against the record, the tree against the
// signed checkpoint, and the checkpoint against an older one. The error is
// about what it was given to work with; what is wrong with the log is in the
// report.
func Verify(r io.Reader, o Options) (*Report, error) {
	v := &verifier{Report: &Report{}, lines: bufio.NewReaderSize(r, 64<<10)}
	if err := v.header(); err != nil {
		return nil, err
	}
	key, err := v.open(o)
	if err != nil {
		return nil, err
	}
	if !v.records() {
		return v.Report, nil
	}
	v.extent()
	if v.Trailer.Checkpoint == "" {
		v.find(Finding{Kind: Signature, Detail: "the export has no checkpoint: its server has no signing key (audit_key)"})
		return v.Report, nil
	}
	if v.checkpoint(key, o) {
		v.root()
		v.old()
	}
	return v.Report, nil
}

// verifier is one check under way.
type verifier struct {
	*Report
	lines     *bufio.Reader
	witnesses []note.Verifier
	run       *proof.Range // over the leaves of the tree, as the export has them
	atOld     *proof.Range // the run when it ended where the older log did
	first     int64        // number of the first record
	next      int64        // number that the next record has to have
	count     int64        // of the lines of records
	lastTime  int64        // of the record before
	broken    bool         // numbers are missing or out of order
}

func (v *verifier) find(f Finding) {
	if len(v.Findings) < maxFindings {
		v.Findings = append(v.Findings, f)
	} else {
		v.More++
	}
}

var errNoExport = errors.New("this is no orgd audit export: its first line does not say so (export with format=ndjson)")

func (v *verifier) header() error {
	text, err := v.line()
	if err != nil || json.Unmarshal(text, &v.Header) != nil || v.Header.Version == 0 {
		return errNoExport
	}
	if v.Header.Version != FormatVersion {
		return fmt.Errorf("the export has format %d, known is %d", v.Header.Version, FormatVersion)
	}
	return nil
}

// open reads the key and the older checkpoint. What is wrong with the older
// one is no finding about the export.
func (v *verifier) open(o Options) (note.Verifier, error) {
	for _, text := range o.Witnesses {
		w, err := proof.NewWitnessVerifier(text)
		if err != nil {
			return nil, err
		}
		v.witnesses = append(v.witnesses, w)
	}
	if v.Header.Origin == "" {
		return nil, nil
	}
	key, err := proof.LogVerifier(o.Key, v.Header.Origin)
	if err != nil || o.Old == "" {
		return key, err
	}
	old, _, err := proof.Open(o.Old, key)
	if err != nil {
		return nil, fmt.Errorf("the older checkpoint: %w", err)
	}
	v.Old = &old
	return key, nil
}

func (v *verifier) line() ([]byte, error) {
	var text []byte
	for {
		part, err := v.lines.ReadSlice('\n')
		text = append(text, part...)
		if err == nil {
			return text[:len(text)-1], nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return nil, err
		}
		if len(text) > maxLine {
			return nil, bufio.ErrTooLong
		}
	}
}

// records checks every record. It reports false when the file ends, or stops
// making sense, before its last line.
func (v *verifier) records() bool {
	for {
		text, err := v.line()
		if err != nil {
			v.find(Finding{Kind: Malformed, Seq: v.next, Detail: "the file is cut off: it has no last line with \"end\""})
			return false
		}
		if bytes.HasPrefix(text, []byte(`{"end":`)) {
			if err := json.Unmarshal(text, &v.Trailer); err != nil || !v.Trailer.End {
				v.find(Finding{Kind: Malformed, Detail: "the last line cannot be read"})
				return false
			}
			return v.atEnd()
		}
		var l line
		if err := json.Unmarshal(text, &l); err != nil || l.Record == nil || l.Seq < 1 {
			v.find(Finding{Kind: Malformed, Seq: v.next, Detail: "the line of the record cannot be read"})
			return false
		}
		v.record(&l)
	}
}

// atEnd makes sure that nothing follows the last line.
func (v *verifier) atEnd() bool {
	if _, err := v.lines.Peek(1); err != io.EOF {
		v.find(Finding{Kind: Malformed, Detail: "something follows the last line"})
		return false
	}
	return true
}

// record checks one record and adds its leaf to the run.
func (v *verifier) record(l *line) {
	bad := func(kind Kind, id, format string, args ...any) {
		v.find(Finding{Kind: kind, Seq: l.Seq, ID: id, Detail: fmt.Sprintf(format, args...)})
	}
	v.place(l)
	leaf := proof.Hash(audit.LeafHash(l.Record))
	m, err := audit.ParseCanonical(l.Record)
	if err != nil {
		bad(Malformed, "", "%s", err)
	}
	if l.Leaf != "" && l.Leaf != hex.EncodeToString(leaf[:]) {
		bad(Leaf, m["id"], "it was changed: it hashes to %x, the tree has %s", leaf[:], l.Leaf)
		if committed, err := parseHash(l.Leaf); err == nil {
			leaf = committed // so that the root says whether the tree is the signed one
		}
	}
	v.append(leaf)
	if m == nil {
		return
	}
	if m["log"] != string(v.Header.Log) {
		bad(Order, m["id"], "it is a record of log %s", m["log"])
	}
	if m.Int("seq") != l.Seq {
		bad(Order, m["id"], "it says that its number is %s", m["seq"])
	}
	if at := m.Int("time"); at < v.lastTime {
		bad(Order, m["id"], "its time is before that of the record before it")
	} else {
		v.lastTime = at
	}
	v.contents(l, m, bad)
}

// place checks that the record follows the one before.
func (v *verifier) place(l *line) {
	v.count++
	if v.run == nil {
		v.begin(l.Seq)
	}
	switch {
	case l.Seq > v.next:
		v.missing(Gap, v.next, l.Seq-1, "between its neighbours")
	case l.Seq < v.next:
		v.broken = true
		v.find(Finding{Kind: Order, Seq: l.Seq, Detail: fmt.Sprintf("it comes where record %d should be", v.next)})
	}
	v.next = l.Seq + 1
}

// begin begins the run with the record seq.
func (v *verifier) begin(seq int64) {
	v.first, v.next = seq, seq
	v.run = proof.NewRange(max(seq, 1) - 1)
	v.snapshot()
}

func (v *verifier) append(leaf proof.Hash) {
	v.run.Append(leaf)
	v.snapshot()
}

// snapshot keeps the run when it ends where the older log did.
func (v *verifier) snapshot() {
	if v.Old != nil && v.run.End() == v.Old.Size {
		v.atOld = v.run.Clone()
	}
}

func parseHash(text string) (proof.Hash, error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != proof.HashSize {
		return proof.Hash{}, fmt.Errorf("%q is no hash", text)
	}
	return proof.Hash(b), nil
}

func parseHashes(list []string) ([]proof.Hash, error) {
	hashes := make([]proof.Hash, len(list))
	for i, text := range list {
		h, err := parseHash(text)
		if err != nil {
			return nil, err
		}
		hashes[i] = h
	}
	return hashes, nil
}

// maxCheckpoint bounds a file that is a checkpoint: signatures included.
const maxCheckpoint = 1 << 20

// ReadCheckpoint reads a checkpoint that is a file of its own, or is in the
// last line of an export.
func ReadCheckpoint(r io.Reader) (string, error) {
	lines := bufio.NewReaderSize(r, 64<<10)
	if first, err := lines.Peek(1); err != nil || first[0] != '{' {
		text, err := io.ReadAll(io.LimitReader(lines, maxCheckpoint))
		return string(text), err
	}
	v := &verifier{lines: lines}
	var last []byte
	for {
		text, err := v.line()
		if err == io.EOF {
			break
		}
		if err != nil {
			return "", err
		}
		last = text
	}
	var t Trailer
	if err := json.Unmarshal(last, &t); err != nil || !t.End || t.Checkpoint == "" {
		return "", errors.New("the export has no checkpoint")
	}
	return t.Checkpoint, nil
}
