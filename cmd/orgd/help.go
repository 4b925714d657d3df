package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

// newConfigHelp returns the help topic `orgd help config`. It has nothing to
// run, so that it is no command.
func newConfigHelp() *cobra.Command {
	topic := &cobra.Command{Use: "config", Short: "The options, and where they may be set"}
	topic.SetHelpFunc(func(cmd *cobra.Command, _ []string) { printConfigHelp(cmd.OutOrStdout()) })
	return topic
}

func printConfigHelp(w io.Writer) {
	fmt.Fprintf(w, `Options are taken from flags, else from environment variables, else from the
YAML file that --%s or %s names, else they have their default. A dot in
a key of the file stands for a level of nesting:

  listen: 127.0.0.1:8787
  limits:
    depth: 5
  trusted_proxies: [10.0.0.0/8, 192.0.2.7]

`, fileFlag, fileVariable)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "FLAG\tVARIABLE\tFILE\tDEFAULT\tOF\tMEANING")
	fmt.Fprintf(t, "--%s\t%s\t\t\tall\t%s\n", fileFlag, fileVariable, fileMeaning)
	for _, o := range options() {
		fmt.Fprintf(t, "--%s\t%s\t%s\t%s\t%s\t%s\n", o.flag(), o.variable(), o.key, o.standard(), o.users(), o.meaning)
	}
	_ = t.Flush()
}

// standard describes the default, and where that of dev differs.
func (o *option) standard() string {
	serve, dev := o.value(defaults()).String(), o.value(devDefaults()).String()
	switch {
	case o.use&forDev == 0 || serve == dev:
		return serve
	case dev == "":
		return serve + ", dev: none"
	}
	return serve + ", dev: " + dev
}

// users names the commands that take the option.
func (o *option) users() string {
	if o.use == forAll {
		return "all"
	}
	var names []string
	for _, g := range []struct {
		group
		name string
	}{{forDev, "dev"}, {forServe, "serve"}, {forStore, "migrate, bootstrap, token, audit export"}, {forFsck, "fsck"}} {
		if o.use&g.group != 0 {
			names = append(names, g.name)
		}
	}
	return strings.Join(names, ", ")
}
