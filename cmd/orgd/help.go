package main

import (
	"fmt"
	"io"
	"strings"

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
YAML file that --%s or %s names, else they have their default. An
empty variable is as good as none. Each option is listed with its flag, its
variable and its key in the file, where a dot stands for a level of nesting:

  listen: 127.0.0.1:8787
  limits:
    depth: 5
  trusted_proxies: [10.0.0.0/8, 192.0.2.7]

`, fileFlag, fileVariable)
	fmt.Fprintf(w, "--%s  %s\n%s\n", fileFlag, fileVariable, paragraph(fileMeaning+". Taken by "+everyCommand+"."))
	for _, o := range options() {
		fmt.Fprintf(w, "--%s  %s  %s\n%s\n", o.flag(), o.variable(), o.key, paragraph(fmt.Sprintf("%s.%s Taken by %s.", o.meaning, o.standard(), o.users())))
	}
}

// The shape of a paragraph.
const (
	lineWidth = 80
	indent    = "      "
)

// paragraph breaks text into indented lines, each with its end.
func paragraph(text string) string {
	var b strings.Builder
	width := lineWidth // so that the first word begins a line
	for word := range strings.FieldsSeq(text) {
		if width+1+len(word) <= lineWidth {
			b.WriteString(" " + word)
			width += 1 + len(word)
			continue
		}
		if b.Len() > 0 {
			b.WriteString("\n")
		}
		b.WriteString(indent + word)
		width = len(indent) + len(word)
	}
	return b.String() + "\n"
}

// standard describes the default, if there is one, and where that of dev
// differs.
func (o *option) standard() string {
	serve, dev := o.value(defaults()).String(), o.value(devDefaults()).String()
	switch {
	case serve == "":
		return ""
	case o.use&forDev == 0 || serve == dev:
		return " Default: " + serve + "."
	case dev == "":
		dev = "none"
	}
	return " Default: " + serve + ", of dev: " + dev + "."
}

// everyCommand stands for those that take any option at all.
const everyCommand = "all commands that use a store"

// users names the commands that take the option.
func (o *option) users() string {
	if o.use == forAll {
		return everyCommand
	}
	var names []string
	for _, g := range []struct {
		group
		name string
	}{{forDev, "dev"}, {forServe, "serve"}, {forStore, "migrate, bootstrap, token"}, {forExport, "audit export"}, {forFsck, "fsck"}} {
		if o.use&g.group != 0 {
			names = append(names, g.name)
		}
	}
	return strings.Join(names, ", ")
}
