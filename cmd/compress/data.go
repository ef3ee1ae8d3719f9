package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/compress-toolkit/compress/dataset"
)

func dataCommand() *cli.Command {
	dir := &cli.StringFlag{Name: "data-dir", Usage: "`DIR` to look in first, and to fetch to"}
	return &cli.Command{
		Name: "data", Usage: "list known data sets, fetch them", HideHelpCommand: true, OnUsageError: usageError,
		Subcommands: []*cli.Command{
			command("list", "known data sets and where each is looked for", "no arguments", commonFlags(dir), dataListAction),
			command("fetch", "download a data set and check it", "NAME", commonFlags(dir), dataFetchAction),
		},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usagef("`compress data` has list and fetch, not %q", c.Args().First())
			}
			return cli.ShowSubcommandHelp(c)
		},
	}
}

type knownData struct {
	Name   string   `json:"name"`
	Title  string   `json:"title"`
	Train  int      `json:"train"`
	Test   int      `json:"test"`
	Found  string   `json:"found"`
	Places []string `json:"places"`
}

type dataList struct {
	Version int         `json:"version"`
	Sets    []knownData `json:"sets"`
}

func listData(d dataset.Dirs) dataList {
	l := dataList{Version: 1}
	for _, k := range dataset.List(d) {
		l.Sets = append(l.Sets, knownData{k.Name, k.Title, k.Train, k.Test, k.Found, k.Places})
	}
	return l
}

func dataListAction(c *cli.Context) error {
	if err := args(c, 0, 0); err != nil {
		return err
	}
	l := listData(dirs(c))
	return emit(c, l, func(w io.Writer) error {
		for _, k := range l.Sets {
			fmt.Fprintf(w, "%s: %s, %d training and %d test samples\n", k.Name, k.Title, k.Train, k.Test)
			if k.Found != "" {
				fmt.Fprintf(w, "  found in %s\n", k.Found)
				continue
			}
			fmt.Fprintf(w, "  not found; looked for in\n    %s\n", strings.Join(k.Places, "\n    "))
		}
		_, err := fmt.Fprintln(w, "files: npz:FILE, csv:FILE, images:DIR, idx:DIR; noise: random:N")
		return err
	})
}

func dataFetchAction(c *cli.Context) error {
	if err := args(c, 1, 1); err != nil {
		return err
	}
	name := c.Args().First()
	b := bar(c)
	f := dataset.Fetcher{Progress: func(file string, done, total int64) {
		if total > 0 {
			b.Update(float64(done)/float64(total), func() string { return file })
		}
	}}
	if !c.Bool("dry-run") {
		if err := f.Fetch(c.Context, name, c.String("data-dir")); err != nil {
			return err
		}
	}
	b.Clear()
	l := listData(dirs(c))
	return emit(c, l, func(w io.Writer) error {
		for _, k := range l.Sets {
			if k.Name == name {
				fmt.Fprintf(w, "%s: found in %s\n", name, k.Found)
			}
		}
		return nil
	})
}
