package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/orgd/orgd/internal/fsck"
)

func newFsck() *cobra.Command {
	return command(forFsck, defaults(), &cobra.Command{
		Use: "fsck", Short: "Check the store for what must always be true",
		Long: `Check one moment of the store for what must always be true: of the trees, of
members, of audit logs and who reads them, of usage, charges and bills, and that
every change has its audit record and every record its change. It changes
nothing, and servers may go on meanwhile; give it the limits that they have. The
exit code is 3 when something is wrong.`,
	}, check)
}

func check(ctx context.Context, c *config, out streams) (err error) {
	store, err := openReady(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	found, err := fsck.Check(ctx, store, fsck.Options{Depth: c.LimitsDepth, Accounts: int64(c.LimitsAccounts), Now: time.Now()})
	if err != nil {
		return err
	}
	if len(found) == 0 {
		fmt.Fprintln(out.out, "no violations")
		return nil
	}
	t := tabwriter.NewWriter(out.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "RULE\tOBJECT\tDETAIL")
	for _, v := range found {
		fmt.Fprintf(t, "%s\t%s\t%s\n", v.Rule, v.Object, v.Detail)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	return &failure{code: exitViolations, err: fmt.Errorf("%d violations", len(found)), hint: "see docs/OPERATING.md, and keep a copy before you change anything"}
}
