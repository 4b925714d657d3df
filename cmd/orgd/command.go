package main

import (
	"context"
	"io"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/orgd/orgd/internal/org"
)

// streams are where a command writes: its result, and everything else.
type streams struct {
	out, err io.Writer
}

// command completes cmd: it takes the options of the commands in use, with
// the defaults in c, and runs with what was configured.
func command(use group, c *config, cmd *cobra.Command, run func(context.Context, *config, streams) error) *cobra.Command {
	c.addFlags(cmd.Flags(), use)
	cmd.Long += "\n\nOptions may be set in the environment or in a file as well: orgd help config."
	cmd.Args = noArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := c.load(cmd.Flags()); err != nil {
			return err
		}
		if err := c.readKey(); err != nil {
			return err
		}
		return run(cmd.Context(), c, streams{cmd.OutOrStdout(), cmd.ErrOrStderr()})
	}
	return cmd
}

// origin describes a change made at the command line, for its record.
func origin(cmd string) org.Origin {
	return org.Origin{URI: "orgd " + cmd, UserAgent: "orgd/" + release(), Status: http.StatusOK}
}
