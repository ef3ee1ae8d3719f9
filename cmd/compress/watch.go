package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/compress-toolkit/compress/engine/train"
	"github.com/compress-toolkit/compress/internal/tfevents"
)

// watchFlags say where a run's course is written.
func watchFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "logdir", Usage: "`DIR` for TensorBoard's event files"},
		&cli.StringFlag{Name: "metrics", Usage: "`FILE` of JSON lines, one for each update and each epoch"},
	}
}

// watcher writes the course of a run. A run of several stages is one course.
type watcher struct {
	c      *cli.Context
	events *tfevents.Writer // nil without --logdir
	file   *os.File         // nil without --metrics
	lines  *bufio.Writer
	course *course
	broken bool // a write failed, and that was said
}

// course is where earlier stages of this process ended.
type course struct{ steps, epochs, step, epoch int }

const courseKey = "course"

// watch opens what the flags name, nil when they name nothing.
func watch(c *cli.Context, resume bool) (*watcher, error) {
	if c.String("logdir") == "" && c.String("metrics") == "" {
		return nil, nil
	}
	w := &watcher{c: c}
	mode := os.O_TRUNC
	if w.course, _ = c.App.Metadata[courseKey].(*course); w.course != nil || resume {
		mode = os.O_APPEND
	}
	if w.course == nil {
		w.course = &course{}
		c.App.Metadata[courseKey] = w.course
	}
	w.course.steps, w.course.epochs = w.course.step, w.course.epoch
	var err error
	if path := c.String("metrics"); path != "" {
		if w.file, err = os.OpenFile(path, os.O_CREATE|os.O_WRONLY|mode, 0o666); err != nil {
			return nil, err
		}
		w.lines = bufio.NewWriter(w.file)
	}
	if dir := c.String("logdir"); dir != "" {
		if w.events, err = tfevents.Create(dir, time.Now()); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// close ends the files.
func (w *watcher) close() {
	if w.events != nil {
		w.check(w.events.Close())
	}
	if w.file != nil {
		w.check(w.lines.Flush())
		w.check(w.file.Close())
	}
}

// check says the first failure, which does not stop the training.
func (w *watcher) check(err error) {
	if err != nil && !w.broken {
		w.broken = true
		fmt.Fprintln(w.c.App.ErrWriter, "compress: the run goes on, but its metrics cannot be written:", oneLine(err.Error()))
	}
}

// add writes one point at the current step.
func (w *watcher) add(line map[string]any, scalars map[string]float64) {
	if w.lines != nil {
		b, err := json.Marshal(line)
		if err == nil {
			_, err = w.lines.Write(append(b, '\n'))
		}
		w.check(err)
	}
	if w.events != nil {
		w.check(w.events.Scalars(time.Now(), int64(w.course.step), scalars))
	}
}

// wrap adds the watching to hooks.
func (w *watcher) wrap(h train.Hooks) train.Hooks {
	return train.Hooks{
		Step: func(i train.StepInfo) {
			h.Step(i)
			w.course.step = w.course.steps + i.Step
			w.add(map[string]any{"step": w.course.step, "epoch": float64(w.course.epochs) + i.Epoch, "loss": i.Loss, "lr": i.LR, "grad_norm": i.GradNorm},
				map[string]float64{"train/loss": i.Loss, "train/lr": i.LR, "train/grad_norm": i.GradNorm})
		},
		Epoch: func(i train.EpochInfo) {
			h.Epoch(i)
			w.course.epoch = w.course.epochs + i.Epoch
			line := map[string]any{"step": w.course.step, "epoch": w.course.epoch, "epoch_loss": i.TrainLoss}
			scalars := map[string]float64{"epoch/train_loss": i.TrainLoss}
			for name, v := range i.Metrics {
				line[name], scalars["epoch/"+name] = v, v
			}
			if i.Eval != nil {
				line["validation_accuracy"], scalars["epoch/validation_accuracy"] = i.Eval.Accuracy, i.Eval.Accuracy
			}
			w.add(line, scalars)
			if w.lines != nil {
				w.check(w.lines.Flush())
			}
			if w.events != nil {
				w.check(w.events.Flush())
			}
		},
	}
}
