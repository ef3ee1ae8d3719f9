package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

func quickstartCommand() *cli.Command {
	flags := []cli.Flag{
		&cli.StringFlag{Name: "dir", Value: "quickstart", Usage: "`DIR` for the models"},
		&cli.StringFlag{Name: "data-dir", Usage: "`DIR` to look for data in first"},
	}
	return command("quickstart", "train, distil, factorise and compare on MNIST, in one go", " ", commonFlags(flags...), quickstartAction)
}

// quickstartSteps are the commands that tell the whole story, DIR standing for the
// folder. The last one prints the comparison.
var quickstartSteps = []struct{ what, line string }{
	{"a teacher learns from the labels",
		"train --data mnist --arch mlp:800,800 --augment jitter=2 --epochs 8 --metrics DIR/teacher.jsonl -o DIR/teacher.cmz"},
	{"a small student learns from the labels alone, to compare with",
		"train --data mnist --arch mlp:32 --epochs 12 --lr 4e-3 --schedule warmup:1;cosine --metrics DIR/student-labels.jsonl -o DIR/student-labels.cmz"},
	{"the same student learns from the teacher",
		"distill --data mnist --teacher DIR/teacher.cmz --student mlp:32 --epochs 12 --metrics DIR/student.jsonl -o DIR/student.cmz"},
	{"the teacher's weights are factorised, then tuned with the teacher as the target",
		"lowrank DIR/teacher.cmz --data mnist --keep 0.1 --calibrate 1024 --tune 3 --lr 5e-4 --augment jitter=1 --metrics DIR/factorised.jsonl -o DIR/factorised.cmz"},
	{"both results for other runtimes", "convert DIR/student.cmz -o DIR/student.onnx"},
	{"", "convert DIR/factorised.cmz -o DIR/factorised.onnx"},
	{"all of them side by side, on the 10,000 test images",
		"bench DIR/teacher.cmz DIR/student-labels.cmz DIR/student.cmz DIR/factorised.cmz DIR/student.onnx DIR/factorised.onnx --data mnist --html DIR/report.html"},
}

// quickstartAction runs the steps as a user would type them.
func quickstartAction(c *cli.Context) error {
	if err := args(c, 0, 0); err != nil {
		return err
	}
	dir := c.String("dir")
	if !c.Bool("dry-run") {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return err
		}
	}
	for i, s := range quickstartSteps {
		words := strings.Fields(s.line)
		for i, w := range words { // after the split: the folder's name may hold spaces
			words[i] = strings.ReplaceAll(w, "DIR/", dir+string(filepath.Separator))
		}
		if s.what != "" {
			say(c, "\n# %s", s.what)
		}
		say(c, "$ compress %s", quoteWords(words))
		if c.Bool("dry-run") {
			continue
		}
		if err := runStep(c, words, i == len(quickstartSteps)-1); err != nil {
			return fmt.Errorf("compress %s: %w", quoteWords(words), err)
		}
	}
	if !c.Bool("dry-run") {
		say(c, "\nmodels are in %s, a report is in %s", dir, filepath.Join(dir, "report.html"))
	}
	return nil
}

// runStep runs one command in this process. The last one's result is the result of
// the quickstart; the others' go with the messages.
func runStep(c *cli.Context, words []string, last bool) error {
	out := c.App.ErrWriter
	switch {
	case last:
		out = c.App.Writer
	case c.Bool("quiet"):
		out = io.Discard
	}
	line := append([]string{"compress"}, words...)
	line = append(line, "--seed", fmt.Sprint(c.Uint64("seed")), "--threads", fmt.Sprint(c.Int("threads")))
	if d := c.String("data-dir"); d != "" && slices.Contains(words, "--data") {
		line = append(line, "--data-dir", d)
	}
	if c.Bool("quiet") {
		line = append(line, "--quiet")
	}
	if c.Bool("json") && last {
		line = append(line, "--json")
	}
	app := newApp(out, c.App.ErrWriter)
	return app.RunContext(c.Context, reorder(app, line))
}

// quoteWords quotes the words that a shell would not take as they are.
func quoteWords(words []string) string {
	words = slices.Clone(words)
	for i, w := range words {
		if strings.ContainsAny(w, ";*?&|<>()$'\" ") {
			words[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(words, " ")
}
