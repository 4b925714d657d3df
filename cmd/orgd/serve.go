package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
)

func newServe() *cobra.Command {
	return command(forServe, defaults(), &cobra.Command{
		Use: "serve", Short: "Run the server on a migrated store",
		Long: "Run the server on a store that orgd migrate or orgd bootstrap has prepared.\nSeveral servers on one PostgreSQL database are normal.",
	}, serve)
}

func serve(ctx context.Context, c *config, out streams) error {
	store, err := openReady(ctx, c)
	if err != nil {
		return err
	}
	i, err := newInstance(c, store, out.err)
	if err != nil {
		return errors.Join(err, store.Close())
	}
	l, err := listen(ctx, c)
	if err != nil {
		return errors.Join(err, store.Close())
	}
	return i.run(ctx, l, func() error { return readyOf(l).write(c.ReadyFile) })
}
