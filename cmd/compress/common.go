package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"
	"go.yaml.in/yaml/v3"

	"github.com/compress-toolkit/compress/bench/budget"
	"github.com/compress-toolkit/compress/dataset"
	"github.com/compress-toolkit/compress/internal/progress"
)

// commonFlags are those that every command has.
func commonFlags(more ...cli.Flag) []cli.Flag {
	return append(more,
		&cli.Uint64Flag{Name: "seed", Value: 1, Usage: "seed of everything random"},
		&cli.IntFlag{Name: "threads", Usage: "`N` threads; all processors when 0"},
		&cli.BoolFlag{Name: "json", Usage: "print one JSON document on standard output"},
		&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "no progress and no messages"},
		&cli.StringFlag{Name: "config", Usage: "YAML `FILE` with flags by name; flags given on the command line win"},
		&cli.StringFlag{Name: "external-data-root", Usage: "`DIR` that an ONNX file's external data may not leave; the file's own folder when empty"},
		&cli.BoolFlag{Name: "dry-run", Usage: "print the resolved configuration and estimates; write nothing"},
	)
}

// dataFlags select data.
func dataFlags(usage string) []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "data", Usage: usage},
		&cli.StringFlag{Name: "data-dir", Usage: "`DIR` to look for data in first"},
	}
}

// command makes a command whose action runs with the configuration file applied.
func command(name, usage, args string, flags []cli.Flag, action func(*cli.Context) error) *cli.Command {
	return &cli.Command{
		Name: name, Usage: usage, ArgsUsage: args, Flags: flags, OnUsageError: usageError, HideHelpCommand: true,
		Action: func(c *cli.Context) error {
			if err := applyConfig(c); err != nil {
				return inCommand(c, err)
			}
			if n := c.Int("threads"); n < 0 {
				return usagef("--threads %d is negative", n)
			} else if n > 0 {
				runtime.GOMAXPROCS(n)
			}
			return inCommand(c, action(c))
		},
	}
}

// applyConfig sets flags that the command line did not set from the YAML file. Of flags that exclude
// each other the file's stand back when the command line has one.
func applyConfig(c *cli.Context) error {
	path := c.String("config")
	if path == "" {
		return nil
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var values map[string]any
	if err := yaml.Unmarshal(raw, &values); err != nil {
		return asUsage(fmt.Errorf("%s: %w", path, err))
	}
	known := c.Command.VisibleFlags()
	chosen := slices.ContainsFunc(policyFlags, c.IsSet)
	for name, v := range values {
		if !slices.ContainsFunc(known, func(f cli.Flag) bool { return slices.Contains(f.Names(), name) }) {
			return usagef("%s: %q is no flag of `compress %s`", path, name, c.Command.Name)
		}
		if c.IsSet(name) || chosen && slices.Contains(policyFlags, name) {
			continue
		}
		items, isList := v.([]any)
		if !isList {
			items = []any{v}
		}
		for _, item := range items {
			if err := c.Set(name, fmt.Sprint(item)); err != nil {
				return usagef("%s: %s: %w", path, name, err)
			}
		}
	}
	return nil
}

// reorder puts a command's flags before its arguments, so that both orders work:
// `lowrank IN -o OUT` as well as `lowrank -o OUT IN`.
func reorder(app *cli.App, args []string) []string {
	if len(args) < 3 || args[len(args)-1] == completeFlag {
		return args
	}
	at, commands := 1, app.Commands
	var known []cli.Flag
	for at < len(args) && len(commands) > 0 {
		i := slices.IndexFunc(commands, func(c *cli.Command) bool { return c.Name == args[at] })
		if i < 0 {
			return args
		}
		known, commands = commands[i].Flags, commands[i].Subcommands
		at++
	}
	flags, rest := splitFlags(known, args[at:])
	out := append(slices.Clone(args[:at]), flags...)
	if len(rest) > 0 {
		out = append(append(out, "--"), rest...)
	}
	return out
}

func splitFlags(known []cli.Flag, args []string) (flags, rest []string) {
	for i := 0; i < len(args); i++ {
		a := args[i]
		if a == "--" {
			return flags, append(rest, args[i+1:]...)
		}
		if !strings.HasPrefix(a, "-") || a == "-" {
			rest = append(rest, a)
			continue
		}
		flags = append(flags, a)
		if takesValue(known, a) && i+1 < len(args) {
			i++
			flags = append(flags, args[i])
		}
	}
	return flags, rest
}

// takesValue reports whether the flag's value is the next argument.
func takesValue(known []cli.Flag, arg string) bool {
	name := strings.TrimLeft(arg, "-")
	if strings.Contains(name, "=") {
		return false
	}
	for _, f := range known {
		if slices.Contains(f.Names(), name) {
			_, isBool := f.(*cli.BoolFlag)
			return !isBool
		}
	}
	return false
}

// bar returns the progress bar, nil when the user wants none.
func bar(c *cli.Context) *progress.Bar {
	if c.Bool("quiet") {
		return nil
	}
	return progress.New(c.App.ErrWriter)
}

// say prints a message on standard error, unless --quiet.
func say(c *cli.Context, format string, args ...any) {
	if !c.Bool("quiet") {
		fmt.Fprintf(c.App.ErrWriter, format+"\n", args...)
	}
}

// emit prints the result: as JSON with --json, else by text.
func emit(c *cli.Context, v any, text func(io.Writer) error) error {
	if !c.Bool("json") {
		return text(c.App.Writer)
	}
	enc := json.NewEncoder(c.App.Writer)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// dirs says where data is looked for.
func dirs(c *cli.Context) dataset.Dirs { return dataset.Dirs{Dir: c.String("data-dir")} }

// args checks the number of arguments.
func args(c *cli.Context, min, max int) error {
	if n := c.NArg(); n < min || max >= 0 && n > max {
		return usagef("`%s` takes %s, given %d", c.Command.HelpName, c.Command.ArgsUsage, n)
	}
	return nil
}

// required returns the flag's value or a usage error.
func required(c *cli.Context, flag string) (string, error) {
	v := c.String(flag)
	if v == "" {
		return "", usagef("-%s%s is required", strings.Repeat("-", min(1, len(flag)-1)), flag)
	}
	return v, nil
}

// size parses a number of bytes such as 900000, 2MB or 1.5MiB.
func size(text string) (int64, error) {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		v, err = budget.Bytes.Parse(text)
	}
	if err != nil || !(v >= 1) || v > 1<<60 {
		return 0, usagef("%q is not a size such as 2MB, 512KiB or 900000", text)
	}
	return int64(v), nil
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
