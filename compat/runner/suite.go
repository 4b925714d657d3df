package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/orgd/orgd/compat/live"
)

// job is one suite or example: a command that is run against a server.
type job struct {
	name    string
	dir     string
	command []string
}

// suiteNames are the suites and examples, in the order in which they run.
func suiteNames() []string {
	return []string{"cloudflare-go", "cloudflare-typescript", "curl", "tessera", "duckdb", "example-curl", "example-go", "example-typescript"}
}

// optionalNames are the suites that run only when they are asked for: their
// clients cannot be installed by the package managers that the others use.
func optionalNames() []string { return []string{"cloudflare-python", "terraform"} }

// unoptimized builds the Go client as it is written: it has thousands of types,
// and the optimizer takes longer with them than the suite takes to run.
const unoptimized = "-gcflags=github.com/cloudflare/cloudflare-go/v7/...=-N -l"

// prepare builds everything, so that what is timed and retried later is only
// the work itself. The result has one job for each name.
func prepare(ctx context.Context, dir string, names []string) ([]job, error) {
	if err := step(ctx, "..", "go", "build", "-trimpath", "-o", filepath.Join(dir, "orgd"), "./cmd/orgd"); err != nil {
		return nil, err
	}
	var jobs []job
	for _, name := range names {
		j, err := prepareJob(ctx, dir, name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		jobs = append(jobs, j)
	}
	return jobs, nil
}

func prepareJob(ctx context.Context, dir, name string) (job, error) {
	binary := filepath.Join(dir, name)
	switch name {
	case "cloudflare-go":
		return job{name, "gosdk", []string{binary, "-test.v"}}, step(ctx, ".", "go", "test", "-trimpath", unoptimized, "-c", "-o", binary, "./gosdk")
	case "curl":
		return job{name, "transcript", []string{binary, "-test.v"}}, step(ctx, ".", "go", "test", "-trimpath", "-c", "-o", binary, "./transcript")
	case "tessera":
		return job{name, "tlog", []string{binary, "-test.v"}}, step(ctx, ".", "go", "test", "-trimpath", "-c", "-o", binary, "./tlog")
	case "cloudflare-typescript":
		return job{name, "ts", []string{"node", "--test", "sdk.test.mjs", "lib.test.mjs"}}, installPackages(ctx, "ts")
	case "duckdb":
		return job{name, "duckdb", []string{"node", "--test", "bill.test.mjs"}}, installPackages(ctx, "duckdb")
	case "cloudflare-python":
		return job{name, "python", []string{"python3", "sdk_test.py"}}, nil
	case "terraform":
		return job{name, "terraform", []string{"./run"}}, nil
	case "example-curl":
		return job{name, "examples", []string{"bash", "curl.sh"}}, nil
	case "example-go":
		return job{name, "examples", []string{binary}}, step(ctx, ".", "go", "build", "-trimpath", unoptimized, "-o", binary, "./examples/go")
	default:
		// Read from standard input it finds the package in the folder it runs in.
		return job{name, "ts", []string{"bash", "-c", "exec node --input-type=module < ../examples/ts/first-calls.mjs"}}, installPackages(ctx, "ts")
	}
}

// installPackages runs npm ci unless the lock file is the one that the last
// npm ci was run with.
func installPackages(ctx context.Context, dir string) error {
	lock, err := os.ReadFile(filepath.Join(dir, "package-lock.json"))
	if err != nil {
		return fmt.Errorf("read the lock file: %w", err)
	}
	stamp := filepath.Join(dir, "node_modules", ".installed-lock.json")
	if installed, err := os.ReadFile(stamp); err == nil && bytes.Equal(installed, lock) {
		return nil
	}
	if err := step(ctx, dir, "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"); err != nil {
		return err
	}
	return os.WriteFile(stamp, lock, 0o600)
}

func step(ctx context.Context, dir, name string, args ...string) error {
	command := exec.CommandContext(ctx, name, args...)
	command.Dir = dir
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, output)
	}
	return nil
}

// run runs the job against the server and returns what it printed.
func (j job) run(ctx context.Context, s *server) (string, error) {
	command := exec.CommandContext(ctx, j.command[0], j.command[1:]...)
	command.Dir = j.dir
	command.Env = append(cleanEnvironment(),
		live.ReadyFileVariable+"="+s.readyFile,
		"CLOUDFLARE_BASE_URL="+s.ready.BaseURL,
		"CLOUDFLARE_API_TOKEN="+s.ready.Token,
	)
	if !strings.HasPrefix(j.name, "example-") {
		// The suites choose the credentials of each call themselves.
		command.Env = append(cleanEnvironment(), live.ReadyFileVariable+"="+s.readyFile)
	}
	output, err := command.CombinedOutput()
	return string(output), err
}

// cleanEnvironment is the environment without what the clients would read.
func cleanEnvironment() []string {
	var kept []string
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, "CLOUDFLARE_") && !strings.HasSuffix(strings.ToLower(name), "_proxy") {
			kept = append(kept, entry)
		}
	}
	return kept
}
