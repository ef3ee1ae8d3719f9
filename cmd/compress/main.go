// Command compress makes trained neural networks smaller: it distils them into
// students, factorises their weights, and measures the result.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"
)

func main() { os.Exit(run(os.Args, os.Stdout, os.Stderr)) }

// run is main with its surroundings given, so that tests can call it.
func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	app := newApp(stdout, stderr)
	err := app.RunContext(ctx, reorder(app, args))
	if err == nil {
		return 0
	}
	report(stderr, err)
	return exitCode(err)
}

func newApp(stdout, stderr io.Writer) *cli.App {
	return &cli.App{
		Name:                   "compress",
		Usage:                  "make a trained neural network fit a size, memory or latency budget",
		Version:                version(),
		Writer:                 stdout,
		ErrWriter:              stderr,
		HideHelpCommand:        true,
		UseShortOptionHandling: false,
		EnableBashCompletion:   true,
		ExitErrHandler:         func(*cli.Context, error) {},
		OnUsageError:           usageError,
		Commands: []*cli.Command{
			quickstartCommand(), trainCommand(), distillCommand(), lowrankCommand(), benchCommand(), budgetCommand(),
			inspectCommand(), runCommand(), convertCommand(), dataCommand(), doctorCommand(), completionCommand(),
		},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usagef("unknown command %q%s", c.Args().First(), suggest(c.App, c.Args().First()))
			}
			return cli.ShowAppHelp(c)
		},
	}
}

// usageError is for flags that do not parse.
func usageError(c *cli.Context, err error, _ bool) error {
	u := &usage{err: err}
	if name, ok := strings.CutPrefix(err.Error(), "flag provided but not defined: -"); ok && c.Command != nil {
		u.err = fmt.Errorf("`%s` has no flag --%s%s", c.Command.HelpName, strings.TrimLeft(name, "-"), suggestFlag(c.Command, name))
	}
	return inCommand(c, u)
}

func suggestFlag(c *cli.Command, name string) string {
	var names []string
	for _, f := range c.VisibleFlags() {
		names = append(names, f.Names()...)
	}
	if n := nearest(strings.TrimLeft(name, "-"), names); n != "" {
		return fmt.Sprintf(" (did you mean --%s?)", n)
	}
	return ""
}

// inCommand completes the advice of an error in what the user wrote that has none.
func inCommand(c *cli.Context, err error) error {
	if err == nil || exitCode(err) != exitUsage || c.Command == nil || c.Command.HelpName == "" {
		return err
	}
	var u *usage
	var h interface{ Hint() string }
	hint := fmt.Sprintf("see `%s --help`", c.Command.HelpName)
	switch {
	case errors.As(err, &u) && u.hint == "":
		u.hint = hint
	case !errors.As(err, &h) || h.Hint() == "":
		err = withHint(err, hint)
	}
	return err
}

func suggest(app *cli.App, name string) string {
	var names []string
	for _, c := range app.Commands {
		names = append(names, c.Name)
	}
	if n := nearest(name, names); n != "" {
		return fmt.Sprintf(" (did you mean %q?)", n)
	}
	return ""
}
