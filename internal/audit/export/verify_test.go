package export_test

import (
	"bytes"
	"crypto/rand"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/audit/export"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/proof"
)

const (
	instance = "audit.example.com"
	log      = id.Log("0123456789abcdef0123456789abcdef")
	origin   = instance + "/" + string(log)
)

// fixedKey signs for the fuzzer.
const fixedKey = "PRIVATE+KEY+audit.example.com+3c36b532+AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB"

func newKey(t *testing.T) (*proof.Key, string) {
	t.Helper()
	text, err := proof.GenerateKey(rand.Reader, instance)
	if err != nil {
		t.Fatal(err)
	}
	k, err := proof.ParseKey(text, "")
	if err != nil {
		t.Fatal(err)
	}
	public, err := k.VerifierKey(instance)
	if err != nil {
		t.Fatal(err)
	}
	return k, public
}

// record returns the n'th record of the test log.
func record(n int64) *audit.Record {
	r := &audit.Record{
		Log: log, Seq: n, ID: id.Record("record" + strconv.FormatInt(n, 10)), Time: time.Unix(1_700_000_000+n/2, 0).UTC(),
		Action: audit.MemberInvite, Result: audit.Success,
		Actor: audit.Actor{ID: "user", Type: audit.ActorUser, Email: "ada@example.com", IP: "192.0.2.1", Salt: []byte("0123456789abcdef")},
		Raw:   audit.Raw{Method: "POST", URI: "/a?<b>&\u2028", UserAgent: "agent/1", Status: 200},
		Resource: audit.Resource{
			ID: "member", Type: "member", Request: []byte(`{"n":` + strconv.FormatInt(n, 10) + `, "who":{"$personal":0}}`), After: []byte("{\"é\":\"\\u0000<>\"}"),
		},
		Personal: []audit.Personal{
			{Subject: "user2", Salt: []byte("fedcba9876543210"), Value: "bob@example.com"},
			{Salt: []byte("fedcba9876543210"), Value: "nobody's"},
		},
	}
	if n%3 == 0 {
		r.Erase("user")
		r.Erase("user2")
	}
	return r
}

func logOf(size int64) []*audit.Record {
	var list []*audit.Record
	for n := int64(1); n <= size; n++ {
		list = append(list, record(n))
	}
	return list
}

// file is an export in the making. Tree is what was signed, Records what the
// database has now.
type file struct {
	header   export.Header
	tree     []proof.Hash
	signed   []proof.Hash // the tree that the checkpoint is about, if another
	records  []*audit.Record
	from, to int64
	expired  int64
	key      *proof.Key
	noLeaves bool
}

func leaves(records []*audit.Record) []proof.Hash {
	var list []proof.Hash
	for _, r := range records {
		list = append(list, audit.LeafHash(audit.Canonical(r)))
	}
	return list
}

func rootOf(leaves []proof.Hash) proof.Hash {
	r := proof.NewRange(0)
	for _, h := range leaves {
		r.Append(h)
	}
	root, err := r.Root(int64(len(leaves)), nil, nil)
	if err != nil {
		panic(err)
	}
	return root
}

// cover returns the hashes of the nodes that cover leaves.
func cover(leaves []proof.Hash, begin, end int64) []string {
	r := proof.NewRange(begin)
	for _, h := range leaves[begin:end] {
		r.Append(h)
	}
	return export.HexHashes(r.Hashes())
}

func checkpoint(t *testing.T, k *proof.Key, leaves []proof.Hash) string {
	t.Helper()
	text, err := k.Sign(proof.Checkpoint{Origin: origin, Size: int64(len(leaves)), Root: rootOf(leaves)})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func newFile(k *proof.Key, size int64) *file {
	records := logOf(size)
	return &file{header: export.Header{Log: log, Origin: origin}, tree: leaves(records), records: records, from: 1, to: size, key: k}
}

func (f *file) write(t *testing.T) string {
	t.Helper()
	b, err := export.AppendHeader(nil, f.header)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range f.records {
		var leaf *proof.Hash
		if !f.noLeaves && r.Seq <= int64(len(f.tree)) {
			leaf = &f.tree[r.Seq-1]
		}
		if b, err = export.AppendRecord(b, r, leaf); err != nil {
			t.Fatal(err)
		}
	}
	end := export.Trailer{FromSeq: f.from, ToSeq: f.to, Count: int64(len(f.records)), Expired: f.expired}
	if f.key != nil {
		size := int64(len(f.tree))
		end.TreeSize, end.Left, end.Right = size, cover(f.tree, 0, f.from-1), cover(f.tree, f.to, size)
		if f.signed == nil {
			f.signed = f.tree
		}
		end.Checkpoint = checkpoint(t, f.key, f.signed)
	}
	if b, err = export.AppendTrailer(b, end); err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func verify(t *testing.T, text string, o export.Options) *export.Report {
	t.Helper()
	r, err := export.Verify(strings.NewReader(text), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func findings(r *export.Report) []string {
	list := make([]string, len(r.Findings))
	for i, f := range r.Findings {
		list[i] = f.String()
	}
	return list
}

func TestUntouchedLogVerifies(t *testing.T) {
	t.Parallel()
	k, public := newKey(t)
	for _, size := range []int64{0, 1, 2, 7, 8, 300} {
		whole := newFile(k, size)
		for old := int64(0); old <= size; old += 1 + old/3 {
			r := verify(t, whole.write(t), export.Options{Key: public, Old: checkpoint(t, k, whole.tree[:old])})
			if len(r.Findings) > 0 {
				t.Errorf("%d records after %d: %s", size, old, r.Findings)
			}
			if r.Checkpoint.Size != size || r.Trailer.Count != size || r.Erased != size/3 {
				t.Errorf("got %+v", r)
			}
		}
	}
}

func TestPartOfALogVerifies(t *testing.T) {
	t.Parallel()
	k, public := newKey(t)
	since := time.Unix(0, 0)
	const size = 21
	for from := int64(1); from <= size+1; from++ {
		for to := from - 1; to <= size; to++ {
			f := newFile(k, size)
			f.header.Since, f.header.Before = &since, &since
			f.from, f.to, f.records = from, to, f.records[from-1:to]
			for _, old := range []int64{0, from - 1, min(from, size), to, size} {
				want := 0
				if old > to && old < size {
					want = 1
				}
				r := verify(t, f.write(t), export.Options{Key: public, Old: checkpoint(t, k, f.tree[:old])})
				if len(r.Findings) != want || want == 1 && r.Findings[0].Kind != export.Unproven {
					t.Fatalf("%d to %d with %d: %s", from, to, old, r.Findings)
				}
			}
		}
	}
}

// TestTampering changes a log in every way that the database of a server can
// be changed, and some more.
func TestTampering(t *testing.T) {
	t.Parallel()
	k, public := newKey(t)
	other, _ := newKey(t)
	const size = 9
	for _, tt := range []struct {
		name   string
		change func(*file)
		old    int64 // size of the older checkpoint, 0 for none
		want   []string
	}{
		{"a record edited", func(f *file) { f.records[4].Action.Type = audit.View }, 0, []string{
			"record 5 (record5): leaf: it was changed: it hashes to",
		}},
		{"its body edited", func(f *file) { f.records[4].Resource.Request = []byte("{}") }, 0, []string{
			"record 5 (record5): leaf: it was changed",
		}},
		{"deleted from the middle", func(f *file) { f.records = slices.Delete(f.records, 4, 5) }, 0, []string{
			"record 5: gap: it is missing between its neighbours",
		}},
		{"several deleted", func(f *file) { f.records = slices.Delete(f.records, 4, 7) }, 0, []string{
			"record 5: gap: the records 5 to 7 are missing between its neighbours",
		}},
		{"the first deleted", func(f *file) { f.records = f.records[1:] }, 0, []string{
			"record 1: gap: it is missing at the beginning of the export",
		}},
		{"the first cut off", func(f *file) { f.records, f.from = f.records[2:], 3 }, 0, []string{
			"record 1: gap: the records 1 to 2 are missing at the beginning of the log",
		}},
		{"the newest cut", func(f *file) { f.records, f.to = f.records[:7], 7 }, 0, []string{
			"record 8: cut: the records 8 to 9 are missing at the end of the log, which was signed with 9 records",
		}},
		{"the newest missing", func(f *file) { f.records = f.records[:8] }, 0, []string{
			"record 9: gap: it is missing at the end of the export",
		}},
		{"two swapped, numbers and all", func(f *file) { f.records[3], f.records[4] = f.records[4], f.records[3] }, 0, []string{
			"record 4: gap: it is missing between its neighbours",
			"record 4: order: it comes where record 6 should be",
			"record 5: gap: it is missing between its neighbours", // 4 is followed by 6
		}},
		{"two swapped under each other's number", func(f *file) {
			f.records[3], f.records[4] = f.records[4], f.records[3]
			f.records[3].Seq, f.records[4].Seq = 4, 5
		}, 0, []string{
			"record 4 (record5): leaf: it was changed",
			"record 5 (record4): leaf: it was changed",
		}},
		{"all rewritten without the key, tree included", func(f *file) {
			f.signed = f.tree
			f.records[2].Result = audit.Failure
			f.tree = leaves(f.records)
		}, 0, []string{"the log: root: the records make up the root"}},
		{"all rewritten without the key, signed with another", func(f *file) { f.key = other }, 0, []string{
			"the log: signature: the checkpoint is not signed by " + origin,
		}},
		{"all rewritten with the key", func(f *file) {
			f.records[2].Result = audit.Failure
			f.tree = leaves(f.records)
		}, 6, []string{"the log: rewritten: its first 6 records are not those that the older checkpoint was signed for"}},
		{"all rewritten with the key, as long as before", func(f *file) {
			f.records[2].Result = audit.Failure
			f.tree = leaves(f.records)
		}, size, []string{"the log: rewritten: its first 9 records are not those"}},
		{"an old copy of it", func(f *file) { f.records, f.tree, f.to = f.records[:5], f.tree[:5], 5 }, size, []string{
			"record 6: cut: the older checkpoint was signed for 9 records, the log has 5 now",
		}},
		{"an e-mail address edited", func(f *file) { f.records[4].Actor.Email = "eve@example.com" }, 0, []string{
			"record 5 (record5): leaf: it was changed",
		}},
		{"without checkpoints", func(f *file) { f.key = nil }, 0, []string{
			"the log: signature: the export has no checkpoint",
		}},
		{"a record of another log", func(f *file) { f.records[4].Log = "another"; f.tree = leaves(f.records) }, 0, []string{
			"record 5 (record5): order: it is a record of log another",
		}},
		{"time that goes back", func(f *file) { f.records[4].Time = time.Unix(0, 0); f.tree = leaves(f.records) }, 0, []string{
			"record 5 (record5): order: its time is before",
		}},
		{"edited, and no leaves to compare with", func(f *file) { f.records[4].Action.Type = audit.View; f.noLeaves = true }, 0, []string{
			"the log: root: the records make up the root",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFile(k, size)
			o := export.Options{Key: public}
			if tt.old > 0 {
				o.Old = checkpoint(t, k, f.tree[:tt.old])
			}
			tt.change(f)
			wantFindings(t, verify(t, f.write(t), o), tt.want...)
		})
	}
}

func wantFindings(t *testing.T, r *export.Report, want ...string) {
	t.Helper()
	got := findings(r)
	if len(got) != len(want) {
		t.Fatalf("got %q, want %q", got, want)
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("finding %d: got %q, want %q", i, got[i], want[i])
		}
	}
}

// TestLineTampering changes what stands beside the record.
func TestLineTampering(t *testing.T) {
	t.Parallel()
	k, public := newKey(t)
	text := newFile(k, 5).write(t)
	for _, tt := range []struct{ name, old, new, want string }{
		{"body", `{\"n\":4, `, `{\"n\":5, `, "record 4 (record4): body: its request was changed: SHA-256 is "},
		{"body dropped", `"bodies":{"request":"{\"n\":4, \"who\":{\"$personal\":0}}",`, `"bodies":{`, "record 4 (record4): body: its request is missing"},
		{"body added", `"bodies":{"request":"{\"n\":4`, `"bodies":{"response":"{}","request":"{\"n\":4`, "record 4 (record4): body: it has a response that it had not"},
		{"e-mail", `"ada@`, `"eve@`, `record 1 (record1): commitment: its actor_email was changed: "eve@example.com" is not`},
		{"address dropped", `"actor_ip":"192.0.2.1",`, ``, "record 1 (record1): commitment: its actor_ip is missing"},
		{"salt", `"salt":"30313233`, `"salt":"40313233`, "record 1 (record1): commitment: its actor_email was changed"},
		{"salt dropped", `,"salt":"30313233343536373839616263646566"}`, `}`, "record 1 (record1): commitment: its actor_email was changed"},
		{"no salt", `"salt":"30313233`, `"salt":"zz313233`, "record 1 (record1): malformed: the salt of its actor cannot be read"},
		{"personal data", `"bob@`, `"eve@`, `record 1 (record1): commitment: its personal data 0 was changed: "eve@`},
		{"a piece dropped", `,{"salt":"66656463626139383736353433323130","value":"nobody's"}]`, `]`, "record 1 (record1): commitment: it has 1 pieces of personal data and 2 commitments"},
		{"white space", `"record":{"account"`, `"record":{ "account"`, "record 1: malformed: the record is not in canonical form"},
		{"a member twice", `"record":{"account":"",`, `"record":{"account":"","account":"",`, "record 1: malformed: the record is not in canonical form"},
		{"version", `"v":1}`, `"v":2}`, `record 1: malformed: the record has version "2", known is 1`},
		{"number", `{"seq":2,`, `{"seq":1,`, "record 1: order: it comes where record 2 should be"},
		{"left", `"left":[]`, `"left":["00"]`, `the log: root: the hashes beside the records do not fit: "00" is no hash`},
		{"right", `"right":[]`, `"right":["` + strings.Repeat("00", 32) + `"]`, `the log: root: the hashes beside the records do not fit`},
		{"tree size", `"tree_size":5`, `"tree_size":4`, "the log: root: the last line speaks of a tree of 4 records, the checkpoint of one of 5"},
		{"count", `"count":5`, `"count":4`, "the log: malformed: the last line counts 4 records from 1 to 5, the file has 5"},
		{"checkpoint", `\n5\n`, `\n6\n`, "the log: signature: the checkpoint was changed"},
		{"origin", `\n5\n`, `\n\n5\n`, "the log: signature: the checkpoint was changed"},
		{"nothing is a record", `{"seq":3,`, `{"sex":3,`, "record 3: malformed: the line of the record cannot be read"},
		{"garbage", `{"seq":3,`, `[`, "record 3: malformed: the line of the record cannot be read"},
		{"something behind", `\n"}` + "\n", `\n"}` + "\n{}\n", "the log: malformed: something follows the last line"},
		{"cut", `{"end":true`, ``, "record 6: malformed: the line of the record cannot be read"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			changed := strings.Replace(text, tt.old, tt.new, 1)
			if changed == text {
				t.Fatalf("%s is not in %s", tt.old, text)
			}
			r := verify(t, changed, export.Options{Key: public})
			if got := findings(r); len(got) == 0 || !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, tt.want) }) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	for n := 0; n < len(text)-1; n += 61 {
		if r, err := export.Verify(strings.NewReader(text[:n]), export.Options{Key: public}); err == nil && len(r.Findings) == 0 {
			t.Fatalf("the first %d bytes verify", n)
		}
	}
}

func TestVerifyRefuses(t *testing.T) {
	t.Parallel()
	k, public := newKey(t)
	other, otherPublic := newKey(t)
	f := newFile(k, 3)
	text := f.write(t)
	for _, tt := range []struct {
		text string
		o    export.Options
		want string
	}{
		{"", export.Options{Key: public}, "this is no orgd audit export"},
		{"{}\n", export.Options{Key: public}, "this is no orgd audit export"},
		{strings.Replace(text, `"orgd_audit_export":1`, `"orgd_audit_export":2`, 1), export.Options{Key: public}, "the export has format 2, known is 1"},
		{text, export.Options{Key: ""}, "read the verifier key"},
		{text, export.Options{Key: strings.Replace(public, instance, "elsewhere", 1)}, "read the verifier key"},
		{text, export.Options{Key: public, Old: "nonsense"}, "the older checkpoint: "},
		{text, export.Options{Key: public, Old: checkpoint(t, other, f.tree)}, "the older checkpoint: "},
		{text, export.Options{Key: otherPublic, Old: checkpoint(t, k, f.tree)}, "the older checkpoint: "},
		{text, export.Options{Key: public, Witnesses: []string{public}}, "no verifier key of a witness"},
	} {
		if _, err := export.Verify(strings.NewReader(tt.text), tt.o); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("got %v, want %s", err, tt.want)
		}
	}
}

func TestManyFindings(t *testing.T) {
	t.Parallel()
	k, public := newKey(t)
	f := newFile(k, 150)
	for _, r := range f.records {
		r.Raw.Status = 500
	}
	r := verify(t, f.write(t), export.Options{Key: public})
	if len(r.Findings) != 100 || r.More != 50 {
		t.Errorf("got %d findings and %d more", len(r.Findings), r.More)
	}
}

func FuzzVerify(f *testing.F) {
	k, err := proof.ParseKey(fixedKey, "")
	if err != nil {
		f.Fatal(err)
	}
	public, err := k.VerifierKey(instance)
	if err != nil {
		f.Fatal(err)
	}
	whole := &file{header: export.Header{Log: log, Origin: origin}, records: logOf(3), from: 1, to: 3, key: k}
	whole.tree = leaves(whole.records)
	var t testing.T
	text := whole.write(&t)
	f.Add([]byte(text))
	f.Add([]byte(strings.Replace(text, `"seq":2`, `"seq":9223372036854775807`, 1)))
	f.Add([]byte(strings.Replace(text, `"seq":1`, `"seq":-9223372036854775808`, 1)))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := export.Verify(bytes.NewReader(data), export.Options{Key: public})
		if err == nil && len(r.Findings) == 0 && r.Checkpoint.Root != rootOf(whole.tree) {
			t.Errorf("verifies: %q", data)
		}
	})
}
