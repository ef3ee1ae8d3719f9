package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gonum.org/v1/gonum/stat"

	"github.com/compress-toolkit/compress/distill"
	"github.com/compress-toolkit/compress/engine/train"
)

// result is what a run leaves. Seconds are of all runs that were trained together.
type result struct {
	Experiment  string  `json:"experiment"`
	Run         string  `json:"run"`
	Seed        uint64  `json:"seed"`
	Objective   string  `json:"objective"`
	Command     string  `json:"command"`
	CPU         string  `json:"cpu"`
	Date        string  `json:"date"`
	Seconds     float64 `json:"seconds"`
	Together    int     `json:"trained_together"`
	Epochs      int     `json:"epochs"`
	Samples     int     `json:"train_samples"`
	TrainLoss   float64 `json:"train_loss"`
	TestErrors  int     `json:"test_errors"`
	TestSamples int     `json:"test_samples"`
}

// file is DIR/NAME-seedN with an extension.
func (s *settings) file(dir, name string, seed uint64, ext string) string {
	return filepath.Join(dir, fmt.Sprintf("%s-seed%d%s", name, seed, ext))
}

func (s *settings) resultFile(name string, seed uint64) string {
	return s.file(s.results, name, seed, ".json")
}

// writeResult writes the run's file and removes its checkpoint.
func (g *group) writeResult(r *run, obj *distill.Objective, res *train.Result, eval train.Eval, together int) error {
	text, err := json.MarshalIndent(result{
		Experiment: "losses-cifar10", Run: r.name, Seed: g.seed, Objective: obj.Describe(),
		Command: g.command(), CPU: g.cpu, Date: time.Now().UTC().Format(time.DateOnly),
		Seconds: math.Round(time.Since(g.begin).Seconds()), Together: together, Epochs: res.Epochs, Samples: g.samples.Len(),
		TrainLoss: res.TrainLoss, TestErrors: eval.Total - eval.Correct, TestSamples: eval.Total,
	}, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(g.results, 0o777); err != nil {
		return err
	}
	if err := os.WriteFile(g.resultFile(r.name, g.seed), append(text, '\n'), 0o666); err != nil {
		return err
	}
	return os.RemoveAll(g.file(g.work, r.name, g.seed, ""))
}

// command is the command line with the names of files without their folders.
func (g *group) command() string {
	return fmt.Sprintf("losses -data '%s' -teacher %s -student '%s' -augment '%s' -epochs %d -batch %d -lr %g -seeds %d",
		g.data, filepath.Base(g.settings.teacher), g.student, g.augment, g.epochs, g.batch, g.lr, g.seed)
}

// printTable prints the rows of all runs that have results, in the order of runs.
func printTable(w io.Writer, dir string) error {
	fmt.Fprintln(w, "| loss | run | errors by seed | mean +- s.d. | fewer than kd, same seeds |")
	fmt.Fprintln(w, "|---|---|---|---|---|")
	kd, err := errorsOf(dir, "kd")
	if err != nil {
		return err
	}
	for _, r := range runs {
		errors, err := errorsOf(dir, r.name)
		if err != nil {
			return err
		}
		if len(errors) == 0 {
			continue
		}
		var all, fewer []float64
		var list []string
		for _, seed := range slices.Sorted(maps.Keys(errors)) {
			all, list = append(all, errors[seed]), append(list, fmt.Sprint(errors[seed]))
			if k, ok := kd[seed]; ok {
				fewer = append(fewer, k-errors[seed])
			}
		}
		difference := ""
		if len(fewer) > 0 && r.name != "kd" {
			difference = spread(fewer)
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s |\n", r.about, r.name, strings.Join(list, ", "), spread(all), difference)
	}
	return nil
}

// errorsOf reads the test errors of a run by seed.
func errorsOf(dir, name string) (map[uint64]float64, error) {
	files, err := filepath.Glob(filepath.Join(dir, name+"-seed*.json"))
	if err != nil {
		return nil, err
	}
	out := map[uint64]float64{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		var r result
		if err := json.Unmarshal(text, &r); err != nil {
			return nil, fmt.Errorf("%s: %w", f, err)
		}
		out[r.Seed] = float64(r.TestErrors)
	}
	return out, nil
}

// spread is the mean, and where there are several numbers their standard deviation.
func spread(x []float64) string {
	mean, deviation := stat.MeanStdDev(x, nil)
	if len(x) == 1 {
		return fmt.Sprintf("%.0f", mean)
	}
	return fmt.Sprintf("%.1f +- %.1f", mean, deviation)
}
