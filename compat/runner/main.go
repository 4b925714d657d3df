// Command runner builds orgd, starts it on every engine and runs every suite
// and every example against it: cloudflare-go, cloudflare-typescript, curl.
//
// It needs nothing but Go, Node.js with npm, curl and the programs of
// PostgreSQL 15. What is missing is a failure; nothing is skipped.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "compat:", err)
		os.Exit(1)
	}
}

type options struct {
	engines []string
	suites  []string
	verbose bool
}

func run(ctx context.Context, args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "orgd-compat-")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer os.RemoveAll(dir)

	began := time.Now()
	jobs, err := prepare(ctx, dir, o.suites)
	if err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	fmt.Printf("built orgd and %d suites in %.1f s\n", len(jobs), time.Since(began).Seconds())

	passed, failed := 0, 0
	for _, engine := range o.engines {
		p, f, err := runEngine(ctx, dir, engine, jobs, o.verbose)
		if err != nil {
			return fmt.Errorf("%s: %w", engine, err)
		}
		passed, failed = passed+p, failed+f
	}
	fmt.Printf("official clients against a live orgd, in %.1f s\ncompat: %d passed, %d failed\n", time.Since(began).Seconds(), passed, failed)
	if failed > 0 {
		return errors.New("some suites failed")
	}
	return nil
}

func parse(args []string) (options, error) {
	flags := flag.NewFlagSet("run", flag.ContinueOnError)
	engines := flags.String("engines", "sqlite,postgres", "run on these `engines` only")
	suites := flags.String("suites", strings.Join(suiteNames(), ","),
		"run these `suites` only; "+strings.Join(optionalNames(), " and ")+" run only when they are named here")
	verbose := flags.Bool("v", false, "show what passing suites print")
	if err := flags.Parse(args); err != nil {
		return options{}, err
	}
	o := options{engines: strings.Split(*engines, ","), suites: strings.Split(*suites, ","), verbose: *verbose}
	for _, name := range o.suites {
		if !slices.Contains(slices.Concat(suiteNames(), optionalNames()), name) {
			return options{}, fmt.Errorf("no suite is named %q", name)
		}
	}
	return o, nil
}

// runEngine starts orgd on the engine and runs the jobs one after the other.
func runEngine(ctx context.Context, dir, engine string, jobs []job, verbose bool) (passed, failed int, err error) {
	s, err := startServer(ctx, dir, engine)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	fmt.Printf("%s: orgd answers at %s\n", engine, s.ready.BaseURL)
	for _, j := range jobs {
		if err := ctx.Err(); err != nil {
			return passed, failed, err
		}
		began := time.Now()
		output, jobErr := j.run(ctx, s)
		verdict := "ok  "
		if jobErr != nil {
			verdict, failed = "FAIL", failed+1
		} else {
			passed++
		}
		fmt.Printf("%s  %-8s  %-22s  %5.1f s\n", verdict, engine, j.name, time.Since(began).Seconds())
		if jobErr != nil || verbose {
			fmt.Printf("%s\n", output)
		}
		if jobErr != nil {
			fmt.Printf("%s on %s: %v\nthe log of orgd ends with:\n%s\n", j.name, engine, jobErr, s.logTail())
		}
	}
	return passed, failed, s.alive()
}
