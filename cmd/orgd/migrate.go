package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/orgd/orgd/internal/engine"
)

// storeHint helps whoever named a store that cannot be used.
const storeHint = "the store is set with --store or ORGD_STORE"

func newMigrate() *cobra.Command {
	return command(forStore, defaults(), &cobra.Command{
		Use: "migrate", Short: "Bring the store to the schema of this version",
		Long: "Bring the store to the schema of this version of orgd. An empty store is prepared.\nServers of the version before keep working meanwhile and afterwards.",
	}, migrate)
}

func migrate(ctx context.Context, c *config, out streams) error {
	from, to, err := engine.SchemaVersion(ctx, c.Store)
	if err != nil {
		return hinted(err, storeHint)
	}
	if from == to {
		fmt.Fprintf(out.out, "the schema has version %d already\n", to)
		return nil
	}
	if err := engine.Migrate(ctx, c.Store); err != nil {
		return hinted(err, storeHint)
	}
	fmt.Fprintf(out.out, "migrated the schema from version %d to version %d\n", from, to)
	return nil
}

// prepare migrates a store that nothing was ever stored in, and leaves others
// alone: upgrading a schema is for the operator to decide.
func prepare(ctx context.Context, c *config) error {
	present, _, err := engine.SchemaVersion(ctx, c.Store)
	if err == nil && present == 0 {
		err = engine.Migrate(ctx, c.Store)
	}
	return hinted(err, storeHint)
}
