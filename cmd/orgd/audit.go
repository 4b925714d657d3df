package main

import "github.com/spf13/cobra"

// newAudit returns the commands about audit logs.
func newAudit() *cobra.Command {
	cmd := &cobra.Command{Use: "audit", Short: "Take audit logs out of orgd, and check what was taken out", Args: noArgs}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.AddCommand(newAuditExport(), newAuditKeygen(), newAuditVerify())
	return cmd
}
