package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/orgd/orgd/internal/engine/enginetest"
)

// The shape of the test of backups.
const (
	backupWriters = 3
	backupWrites  = 15 // answered before the backup, and as many after it
)

// TestBackup copies the database of a server that is written to, in the way of
// docs/OPERATING.md, and goes on with the copy: it has all that was answered
// before, its audit log holds against an export from then, and does not against
// one that was made after the backup.
func TestBackup(t *testing.T) {
	t.Parallel()
	program := binary(t)
	for _, e := range enginetest.All(t) {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			b := &backup{program: program, key: filepath.Join(t.TempDir(), "audit.key")}
			b.verifier = strings.TrimSpace(run(t, program, "audit", "keygen", "--origin", "audit.example.com", "--out", b.key))
			url := e.URL(t)
			b.token = prepared(t, program, url)
			live := b.serve(t, url)
			root := live.must(t, "POST", "/organizations", named("Root")).id()
			before := b.export(t, live, root)

			var copied string
			answered := b.whileWritten(t, live, func() { copied = e.Backup(t, url) })
			live.must(t, "PUT", "/organizations/"+root, named("After the backup"))
			after := b.export(t, live, root)

			run(t, program, "fsck", "--store", copied)
			restored := b.serve(t, copied)
			for _, id := range answered {
				restored.must(t, "GET", "/organizations/"+id, nil)
			}
			now := b.export(t, restored, root)
			b.verify(t, now, before, "")
			b.verify(t, now, after, "cut")
			restored.must(t, "PUT", "/organizations/"+root, named("Gone on"))
			restored.must(t, "PUT", "/organizations/"+root, named("Another way"))
			now = b.export(t, restored, root)
			b.verify(t, now, before, "")
			b.verify(t, now, after, "rewritten")
			run(t, program, "fsck", "--store", copied)
		})
	}
}

// backup is what the servers of the test have in common.
type backup struct {
	program, token, key, verifier string
}

// serve starts a server that signs and returns a client of it.
func (b *backup) serve(t *testing.T, url string) *client {
	t.Helper()
	p := start(t, b.program, "serve", "--store", url, "--rate-limit", "0", "--audit-key", b.key)
	return newClient(p.BaseURL, b.token)
}

// written are the organizations that writers have created.
type written struct {
	mu   sync.Mutex
	ids  []string
	done bool
	err  error
}

// write creates organizations until it is done.
func (w *written) write(ctx context.Context, c *client) {
	for {
		r, err := c.call(ctx, "POST", "/organizations", named("Written"))
		if err == nil && !r.ok() {
			err = fmt.Errorf("create an organization: status %d: %s", r.Status, r.Text)
		}
		w.mu.Lock()
		if err != nil {
			w.err = err
		} else {
			w.ids = append(w.ids, r.id())
		}
		end := w.done || w.err != nil
		w.mu.Unlock()
		if end {
			return
		}
	}
}

// await waits until n are there, and returns them.
func (w *written) await(t *testing.T, n int) (ids []string) {
	t.Helper()
	await(t, fmt.Sprintf("%d writes are answered", n), func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.err != nil {
			t.Fatal(w.err)
		}
		ids = slices.Clone(w.ids)
		return len(ids) >= n
	})
	return ids
}

// stop lets writers finish what they are at.
func (w *written) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done = true
}

// whileWritten calls do once some writes are answered, and returns when some
// more are. Those it returns were answered before do.
func (b *backup) whileWritten(t *testing.T, c *client, do func()) (answered []string) {
	t.Helper()
	w := &written{}
	var group sync.WaitGroup
	defer group.Wait()
	defer w.stop()
	for range backupWriters {
		group.Go(func() { w.write(t.Context(), c) })
	}
	answered = w.await(t, backupWrites)
	do()
	w.await(t, len(answered)+backupWrites)
	return answered
}

// export exports the log of an organization once all of it is in the tree.
func (b *backup) export(t *testing.T, c *client, organization string) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "log.ndjson")
	await(t, "the whole log is in the tree", func() bool {
		run(t, b.program, "audit", "export", "--url", c.base, "--token", c.token, "--organization", organization, "--output", file)
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		var end struct {
			To   int64 `json:"to_seq"`
			Size int64 `json:"tree_size"`
		}
		if err := json.Unmarshal([]byte(lines[len(lines)-1]), &end); err != nil {
			t.Fatal(err)
		}
		return end.To > 0 && end.To == end.Size
	})
	return file
}

// verify checks an export with an earlier one. wrong is the kind of what it
// finds, empty when all has to hold.
func (b *backup) verify(t *testing.T, file, earlier, wrong string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, b.program, "audit", "verify", file, "--key", b.verifier, "--checkpoint", earlier).CombinedOutput()
	want, code := "the log holds", 0
	if wrong != "" {
		want, code = fmt.Sprintf(": %s: ", wrong), 1
	}
	exit := 0
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		exit, err = e.ExitCode(), nil
	}
	if err != nil || exit != code || !strings.Contains(string(out), want) {
		t.Errorf("verify ended with %d, %v, want %d and %q\n%s", exit, err, code, want, out)
	}
}
