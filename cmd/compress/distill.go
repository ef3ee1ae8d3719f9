package main

import (
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/compress-toolkit/compress/distill"
)

func distillCommand() *cli.Command {
	flags := append(dataFlags("transfer and test samples, as mnist"),
		&cli.StringFlag{Name: "teacher", Usage: "trained model `T[,T2..]`; several are an ensemble"},
		&cli.StringFlag{Name: "teacher-weights", Usage: "`W,W2..` of an ensemble's members; equal when not given"},
		&cli.StringFlag{Name: "ensemble", Aliases: []string{"combine"}, Value: "probs", Usage: "combine teachers by the mean of their probs or logits"},
		&cli.StringFlag{Name: "record", Usage: "`FILE` of the teacher's outputs: used when it is there and of the same teacher, data and augmentation, else written"},
		&cli.StringFlag{Name: "record-form", Value: "f32", Usage: "what --record stores: f32, f16, or top:K classes of each sample in float16"},
		&cli.StringFlag{Name: "student", Usage: "architecture, as mlp:30; width:F or depth:F of the teacher's graph; lowrank:keep=F, the teacher factorised; or a file with an untrained graph"},
		&cli.StringFlag{Name: "unlabelled", Usage: "further samples `D`, as --data has them, that learn from the teacher alone"},
		&cli.StringFlag{Name: "init", Usage: "initialiser of the student's weights"},
		&cli.Float64Flag{Name: "temperature", Value: 2.5, Usage: "T of the soft targets"},
		&cli.StringFlag{Name: "hard-weight", Value: "0.1", Usage: "weight `W` of the cross-entropy with the labels; FROM:TO changes it linearly over the run"},
		&cli.StringFlag{Name: "soft-weight", Value: "0.9", Usage: "weight `W` or FROM:TO of the distillation loss"},
		&cli.StringFlag{Name: "loss", Value: "kd", Usage: "weighted sum of losses on logits (" + strings.Join(distill.Losses(), ", ") + ") and on values (" + strings.Join(distill.FeatureLosses(), ", ") +
			"), as '0.5*kd + dkd:beta=4 + 1000*at@TEACHERVALUE:STUDENTVALUE'; --soft-weight multiplies all of it"},
		&cli.BoolFlag{Name: "standardize", Usage: "bring both networks' logits to mean 0 and standard deviation 1 before the loss"},
		&cli.StringSliceFlag{Name: "hint", Usage: "`TEACHERVALUE:STUDENTVALUE`: a value of the teacher guides one of the student (repeatable; `compress inspect` prints the names)"},
		&cli.StringFlag{Name: "hint-loss", Value: distill.HintLoss, Usage: "loss on the values that --hint pairs, one of " + strings.Join(distill.FeatureLosses(), ", ")},
		&cli.StringFlag{Name: "hint-mode", Value: "staged", Usage: "staged: hints first, then distillation; joint: both at once; only: nothing but hints"},
		&cli.IntFlag{Name: "hint-epochs", Usage: "`N` epochs of the stage of hints; as --epochs when 0"},
		&cli.StringFlag{Name: "hint-weight", Value: "1", Usage: "weight `W` or FROM:TO of joint hints"},
		&cli.Float64Flag{Name: "hint-lr-scale", Value: 1, Usage: "`FACTOR` on the learning rate of what hints trained, in the stage after them"},
		&cli.StringFlag{Name: "recipe", Usage: "stages from a YAML `FILE`, or one of " + strings.Join(distill.Recipes(), ", ") + "; flags that are given win"},
		&cli.StringFlag{Name: "o", Aliases: []string{"out"}, Usage: "model `FILE` to write (.cmz, .onnx)"},
	)
	flags = append(flags, fitFlags(fitDefaults{epochs: 20, optimizer: "adam", lr: 4e-3, schedule: "warmup:1;cosine"})...)
	return command("distill", "train a small student from a teacher's outputs", "no arguments", commonFlags(flags...), distillAction)
}

func distillAction(c *cli.Context) error {
	r, err := newDistillRun(c)
	if err != nil {
		return err
	}
	var text strings.Builder
	if err := distill.WriteStages(&text, r.stages); err != nil {
		return err
	}
	if c.String("recipe") != "" || len(r.stages) > 1 || c.Bool("dry-run") {
		say(c, "resolved recipe:\n%s", strings.TrimRight(text.String(), "\n"))
	}
	r.text = text.String()
	if c.Bool("dry-run") {
		return r.dryRun()
	}
	f, err := r.run()
	if err != nil {
		return err
	}
	return emit(c, f, f.text)
}
