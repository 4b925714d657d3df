package export

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/note"

	"github.com/orgd/orgd/internal/proof"
)

// extent checks that the records are those that the last line speaks of, and
// that none is missing at either end.
func (v *verifier) extent() {
	t := v.Trailer
	if v.run == nil {
		v.begin(t.FromSeq)
	}
	if t.FromSeq < 1 || t.ToSeq < t.FromSeq-1 || t.Count != v.count {
		v.find(Finding{Kind: Malformed, Detail: fmt.Sprintf("the last line counts %d records from %d to %d, the file has %d", t.Count, t.FromSeq, t.ToSeq, v.count)})
	}
	if v.first > t.FromSeq {
		v.missing(Gap, t.FromSeq, v.first-1, "at the beginning of the export")
	}
	if v.next-1 != t.ToSeq {
		v.missing(Gap, v.next, t.ToSeq, "at the end of the export")
	}
	if v.Header.Since == nil && v.Header.First == 0 && t.FromSeq > t.Expired+1 {
		v.missing(Gap, t.Expired+1, t.FromSeq-1, "at the beginning of the log")
	}
	if v.Header.Before == nil && v.Header.Last == 0 && t.ToSeq < t.TreeSize {
		v.missing(Cut, t.ToSeq+1, t.TreeSize, fmt.Sprintf("at the end of the log, which was signed with %d records", t.TreeSize))
	}
	if t.Checkpoint != "" && t.ToSeq > t.TreeSize {
		v.find(Finding{Kind: Root, Seq: t.TreeSize + 1, Detail: fmt.Sprintf("the records %d to %d are not in the tree that was signed: the server could not add them", t.TreeSize+1, t.ToSeq)})
	}
}

// missing finds that the records from from to to are not there.
func (v *verifier) missing(kind Kind, from, to int64, where string) {
	if kind == Gap {
		v.broken = true
	}
	what := "it is missing " + where
	if to > from {
		what = fmt.Sprintf("the records %d to %d are missing %s", from, to, where)
	}
	if to < from {
		what = fmt.Sprintf("it was not expected %s, which should end with record %d", where, to)
	}
	v.find(Finding{Kind: kind, Seq: from, Detail: what})
}

// checkpoint checks who signed, and reports whether there is a checkpoint to
// go on with.
func (v *verifier) checkpoint(key note.Verifier, o Options) bool {
	if key == nil {
		v.find(Finding{Kind: Signature, Detail: "the export has a checkpoint, but does not name the log that it is of"})
		return false
	}
	c, signed, err := proof.Open(v.Trailer.Checkpoint, key, v.witnesses...)
	if err != nil {
		v.find(Finding{Kind: Signature, Detail: signatureDetail(err, key)})
		return false
	}
	v.Checkpoint = c
	for i, w := range v.witnesses {
		if slices.ContainsFunc(signed.Sigs, func(s note.Signature) bool { return s.Name == w.Name() && s.Hash == w.KeyHash() }) {
			v.Witnesses = append(v.Witnesses, w.Name())
		} else {
			v.find(Finding{Kind: Signature, Detail: "the checkpoint has no cosignature of " + o.Witnesses[i]})
		}
	}
	return true
}

func signatureDetail(err error, key note.Verifier) string {
	if _, ok := errors.AsType[*note.UnverifiedNoteError](err); ok {
		return fmt.Sprintf("the checkpoint is not signed by %s+%08x: by another key, or by nobody", key.Name(), key.KeyHash())
	}
	if _, ok := errors.AsType[*note.InvalidSignatureError](err); ok {
		return fmt.Sprintf("the checkpoint was changed: the signature of %s+%08x is of another text", key.Name(), key.KeyHash())
	}
	return err.Error()
}

// root computes the root of the tree from what the export has, and compares
// it with the one that was signed.
func (v *verifier) root() {
	if v.Checkpoint.Size != v.Trailer.TreeSize {
		v.find(Finding{Kind: Root, Detail: fmt.Sprintf("the last line speaks of a tree of %d records, the checkpoint of one of %d", v.Trailer.TreeSize, v.Checkpoint.Size)})
		return
	}
	if v.broken || v.run.End() > v.Checkpoint.Size {
		return // what is missing, or too much, was found already
	}
	root, err := v.rootFrom(v.run, v.Checkpoint.Size, v.Trailer.Right)
	switch {
	case err != nil:
		v.find(Finding{Kind: Root, Detail: "the hashes beside the records do not fit: " + err.Error()})
	case root != v.Checkpoint.Root:
		v.find(Finding{Kind: Root, Detail: fmt.Sprintf("the records make up the root %s, signed was %s: the tree was rewritten without the signing key", root, v.Checkpoint.Root)})
	}
}

func (v *verifier) rootFrom(run *proof.Range, size int64, rightSide []string) (proof.Hash, error) {
	left, err := parseHashes(v.Trailer.Left)
	if err != nil {
		return proof.Hash{}, err
	}
	right, err := parseHashes(rightSide)
	if err != nil {
		return proof.Hash{}, err
	}
	return run.Root(size, left, right)
}

// old compares the log with an older checkpoint of it.
func (v *verifier) old() {
	if v.Old == nil || v.Old.Size == 0 {
		return
	}
	was, is := v.Old.Size, v.Checkpoint.Size
	rewritten := fmt.Sprintf("its first %d records are not those that the older checkpoint was signed for: the log was rewritten", was)
	switch {
	case was > is:
		v.find(Finding{Kind: Cut, Seq: is + 1, Detail: fmt.Sprintf("the older checkpoint was signed for %d records, the log has %d now: its end was cut off, or it is an old copy of itself", was, is)})
	case was == is && v.Old.Root != v.Checkpoint.Root:
		v.find(Finding{Kind: Rewritten, Detail: rewritten})
	case was == is:
	case v.broken: // which was found already
	case v.atOld == nil:
		v.find(Finding{Kind: Unproven, Detail: fmt.Sprintf("the export cannot be compared with the older checkpoint of %d records: it needs the records from %d on without a gap", was, was)})
	case !v.beganAsOld():
		v.find(Finding{Kind: Rewritten, Detail: rewritten})
	}
}

// beganAsOld reports whether the records make up the root of the older
// checkpoint.
func (v *verifier) beganAsOld() bool {
	root, err := v.rootFrom(v.atOld, v.Old.Size, nil)
	return err == nil && root == v.Old.Root
}
