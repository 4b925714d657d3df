// Command orgd runs the server and administers its store.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

// The exit codes.
const (
	exitFailure    = 1
	exitUsage      = 2
	exitViolations = 3
)

func main() {
	tuneCollector()
	err := newRoot().ExecuteContext(context.Background())
	if err == nil {
		return
	}
	// Several causes are several lines otherwise.
	fmt.Fprintln(os.Stderr, "orgd:", strings.ReplaceAll(err.Error(), "\n", "; "))
	os.Exit(exitCode(err))
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "orgd",
		Short: "Organizations, accounts and members behind Cloudflare's API",
		Long: `Organizations, accounts and members behind Cloudflare's API.

The exit code is 0, or 1 when something went wrong, 2 when a command was typed
or configured wrongly, and 3 when fsck or usage check found what must not be.`,
		Example: `  orgd dev                                 try it out, with demo data
  orgd bootstrap --email you@example.com   prepare a store, make the first user
  orgd serve                               run the server on that store`,
		Args:          noArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage(err) })
	root.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	root.AddCommand(newDev(), newServe(), newMigrate(), newBootstrap(), newToken(), newFsck(), newAudit(), newUsage(), newVersion(), newConfigHelp())
	return root
}

// noArgs refuses arguments, among them misspelt subcommands.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage(fmt.Errorf("%q is not an argument of %s", args[0], cmd.CommandPath()))
	}
	return nil
}

func exitCode(err error) int {
	if e, ok := errors.AsType[*failure](err); ok {
		return e.code
	}
	return exitFailure
}
