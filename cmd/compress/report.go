package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/compress-toolkit/compress/bench"
	benchreport "github.com/compress-toolkit/compress/bench/report"
	"github.com/compress-toolkit/compress/internal/atomicfile"
)

// pageFlags make bench write its result for people.
func pageFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "html", Usage: "`FILE` for a report: one page that needs no network"},
		&cli.StringFlag{Name: "svg", Usage: "`DIR` for the report's plots as SVG files"},
		&cli.BoolFlag{Name: "markdown", Usage: "print the tables as Markdown"},
		&cli.StringSliceFlag{Name: "metrics", Usage: "`FILE` of `compress train --metrics`, for the report's training curves; MODEL.jsonl beside a MODEL.cmz is found by itself"},
	}
}

// writePages writes what the flags ask for.
func writePages(c *cli.Context, b *benched, models []bench.Model, o bench.Options) error {
	if c.Bool("dry-run") || c.String("html") == "" && c.String("svg") == "" {
		return nil
	}
	page, err := newPage(c, b, models, o)
	if err != nil {
		return err
	}
	if path := c.String("html"); path != "" {
		if err := atomicfile.WriteFile(path, page.WriteHTML); err != nil {
			return err
		}
		say(c, "%s: the report", path)
	}
	return writePlots(c, page)
}

func writePlots(c *cli.Context, page *benchreport.Page) error {
	dir := c.String("svg")
	if dir == "" {
		return nil
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	plots := page.Plots()
	for _, p := range plots {
		if err := atomicfile.WriteFile(filepath.Join(dir, p.Name+".svg"), p.WriteSVG); err != nil {
			return err
		}
	}
	say(c, "%s: %d plots", dir, len(plots))
	return nil
}

// newPage collects what the report shows.
func newPage(c *cli.Context, b *benched, models []bench.Model, o bench.Options) (*benchreport.Page, error) {
	page := &benchreport.Page{Title: pageTitle(models), Created: time.Now().UTC(), Version: version(), Budget: b.result}
	if o.Data != nil {
		page.Data = o.Data.Name()
	}
	for i, m := range models {
		described, err := benchreport.Describe(m, o.Extents(m.Model), b.Models[i])
		if err != nil {
			return nil, err
		}
		if o.Data != nil && o.Data.Classes() > 0 {
			if described.Confusion, err = benchreport.Confuse(c.Context, m, o.Data); err != nil {
				return nil, err
			}
		}
		page.Models = append(page.Models, described)
	}
	var err error
	if page.Spectra, err = benchreport.Spectra(models, benchreport.SpectrumOptions{}); err != nil {
		return nil, err
	}
	page.Curves, err = trainingCurves(c, models)
	return page, err
}

func pageTitle(models []bench.Model) string {
	if len(models) == 1 {
		return filepath.Base(models[0].Path)
	}
	return fmt.Sprintf("%s and %d others", filepath.Base(models[0].Path), len(models)-1)
}

// trainingCurves reads the files of --metrics and those beside the models.
func trainingCurves(c *cli.Context, models []bench.Model) ([]benchreport.Curve, error) {
	var curves []benchreport.Curve
	for _, path := range c.StringSlice("metrics") {
		curve, err := readCurve(path)
		if err != nil {
			return nil, asUsage(err)
		}
		curves = append(curves, curve)
	}
	seen := map[string]bool{}
	for _, m := range models {
		path := strings.TrimSuffix(m.Path, filepath.Ext(m.Path)) + ".jsonl"
		if seen[path] {
			continue
		}
		seen[path] = true
		curve, err := readCurve(path)
		switch {
		case err == nil:
			curves = append(curves, curve)
		case !errors.Is(err, fs.ErrNotExist):
			say(c, "no training curve of %s: %v", m.Path, err)
		}
	}
	return curves, nil
}

func readCurve(path string) (benchreport.Curve, error) {
	f, err := os.Open(path)
	if err != nil {
		return benchreport.Curve{}, err
	}
	defer f.Close()
	return benchreport.ReadCurve(filepath.Base(path), f)
}
