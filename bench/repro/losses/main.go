// Command losses trains one student with each of several distillation losses, side by
// side: all see the same batches of one seed, begin with the same weights and share one
// run of the teacher, which otherwise would be most of the work.
//
//	losses -data DATA -teacher MODEL -results DIR [-runs labels,kd,..] [-seeds 1,2,3] ..
//
// Every run leaves one JSON file in the folder of results and is not done again while
// that is there; interrupted runs go on from their checkpoints in -work. It prints the
// table of all runs that have results; -table trains nothing.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/compress-toolkit/compress/dataset"
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/optim"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/engine/train"
	"github.com/compress-toolkit/compress/format"
	_ "github.com/compress-toolkit/compress/format/onnx" // teachers of this format
	"github.com/compress-toolkit/compress/student"
	"github.com/compress-toolkit/compress/teacher"
)

// settings are the command line's.
type settings struct {
	data, dir, teacher, student, augment string
	teacherValues, studentValues         string
	runs, seeds, results, work, cpu      string
	epochs, batch, threads               int
	lr                                   float64
	table                                bool
}

func main() {
	var s settings
	flag.StringVar(&s.data, "data", "", "data, as --data of compress has it")
	flag.StringVar(&s.dir, "data-dir", "", "folder to look for data in first")
	flag.StringVar(&s.teacher, "teacher", "", "the teacher's file")
	flag.StringVar(&s.student, "student", "resnet:8", "architecture of the students")
	flag.StringVar(&s.augment, "augment", "", "as crop=4,flip")
	flag.StringVar(&s.teacherValues, "teacher-values", "", "the teacher's values after stages 1, 2, 3 and before the classifier, with commas between")
	flag.StringVar(&s.studentValues, "student-values", "", "the student's values that these guide")
	flag.StringVar(&s.runs, "runs", strings.Join(names(), ","), "runs, with commas between")
	flag.StringVar(&s.seeds, "seeds", "1", "seeds, with commas between")
	flag.StringVar(&s.results, "results", "", "folder of the results")
	flag.StringVar(&s.work, "work", os.TempDir(), "folder of checkpoints")
	flag.StringVar(&s.cpu, "cpu", "", "the processor's name, for the results")
	flag.IntVar(&s.epochs, "epochs", 30, "passes over the training samples")
	flag.IntVar(&s.batch, "batch", 64, "samples of one update")
	flag.IntVar(&s.threads, "threads", runtime.NumCPU(), "students that are trained at a time")
	flag.Float64Var(&s.lr, "lr", 2e-3, "Adam's learning rate, which falls along a cosine")
	flag.BoolVar(&s.table, "table", false, "print the table only")
	flag.Parse()
	runtime.GOMAXPROCS(s.threads)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := s.do(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "losses:", err)
		os.Exit(1)
	}
}

func (s *settings) do(ctx context.Context) error {
	if s.data == "" || s.results == "" || s.teacher == "" && !s.table || flag.NArg() > 0 {
		return fmt.Errorf("usage: losses -data DATA -teacher MODEL -results DIR [FLAGS]; -help lists them")
	}
	for _, text := range strings.Split(s.seeds, ",") {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return fmt.Errorf("seed %q is no number", text)
		}
		if s.table {
			break
		}
		if err := s.trainSeed(ctx, seed); err != nil {
			return err
		}
	}
	return printTable(os.Stdout, s.results)
}

// group is the runs of one seed, which share samples and teacher.
type group struct {
	*settings
	seed          uint64
	samples, test dataset.Set
	norm          *dataset.Normalize
	teacher       *teacher.Shared
	shapes        map[graph.Value]tensor.Shape // of the teacher's values, for a batch of one
	begin         time.Time
}

// trainSeed trains all runs without a result at the same time.
func (s *settings) trainSeed(ctx context.Context, seed uint64) error {
	var todo []*run
	for _, name := range strings.Split(s.runs, ",") {
		r, err := runOf(name)
		if err != nil {
			return err
		}
		if _, err := os.Stat(s.resultFile(name, seed)); err != nil {
			todo = append(todo, r)
		}
	}
	if len(todo) == 0 {
		return nil
	}
	g, err := s.newGroup(seed)
	if err != nil {
		return err
	}
	errs := make([]error, len(todo))
	var seats []*teacher.Seat
	for range todo {
		seats = append(seats, g.teacher.Seat())
	}
	var wg sync.WaitGroup
	for i, r := range todo {
		wg.Go(func() {
			defer seats[i].Leave()
			errs[i] = g.train(ctx, r, seats[i], len(todo))
		})
	}
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			return fmt.Errorf("%s: %w", todo[i].name, err)
		}
	}
	return nil
}

// newGroup opens the data and the teacher, whose normalisation is that of the data.
func (s *settings) newGroup(seed uint64) (*group, error) {
	g := &group{settings: s, seed: seed, begin: time.Now()}
	spec, err := dataset.Parse(s.data)
	if err != nil {
		return nil, err
	}
	dirs := dataset.Dirs{Dir: s.dir}
	if g.samples, _, err = spec.OpenTraining(dirs); err != nil {
		return nil, err
	}
	if g.test, err = spec.Open(dataset.Test, dirs); err != nil {
		return nil, err
	}
	if g.norm, err = spec.Normalize(); err != nil {
		return nil, err
	}
	m, err := format.LoadByPath(s.teacher)
	if err != nil {
		return nil, err
	}
	inferred, err := m.Infer(m.Graph.DimsOf(append(tensor.Shape{1}, g.samples.Shape()...)))
	if err != nil {
		return nil, err
	}
	g.shapes = map[graph.Value]tensor.Shape{}
	for v, spec := range inferred.Specs {
		g.shapes[v] = spec.Shape
	}
	net := &teacher.Network{Name: s.teacher, Model: m, Normalize: g.norm, Batches: g.norm, Pool: kernel.NewPool(1)}
	e, err := teacher.NewEnsemble([]*teacher.Network{net}, nil, "")
	if err == nil {
		g.teacher = teacher.NewShared(e)
	}
	return g, err
}

// train trains and measures the student of one run and writes its result.
func (g *group) train(ctx context.Context, r *run, seat *teacher.Seat, together int) error {
	obj, err := r.objective(g.settings)
	if err != nil {
		return err
	}
	obj.Classes, obj.Shapes, obj.Seed = g.samples.Classes(), g.shapes, g.seed
	if len(obj.Logit)+len(obj.Feature) > 0 {
		obj.Teacher = seat
	} else {
		seat.Leave() // labels alone
	}
	m, err := student.Build(g.student, student.Task{Shape: g.samples.Shape(), Classes: g.samples.Classes(), Seed: g.seed})
	if err != nil {
		return err
	}
	adam, err := optim.New(optim.Config{Name: "adam"})
	if err != nil {
		return err
	}
	cosine, err := optim.ParseSchedule("cosine")
	if err != nil {
		return err
	}
	augment, err := dataset.ParseAugments(g.augment)
	if err != nil {
		return err
	}
	pool := kernel.NewPool(1)
	defer pool.Close()
	res, err := train.Run(ctx, train.Config{
		Model: m, Objective: obj, Data: g.samples, Augment: augment, Normalize: g.norm, Epochs: g.epochs, Batch: g.batch,
		Optimizer: adam, LR: g.lr, Schedule: cosine, Seed: g.seed, Pool: pool,
		Checkpoint: train.Checkpoint{Dir: g.file(g.work, r.name, g.seed, ""), Resume: true},
		Hooks:      train.Hooks{Epoch: g.progress(r)},
	})
	if err != nil {
		return err
	}
	seat.Leave() // nobody waits for its test
	eval, err := train.Accuracy(ctx, m, g.test, train.PredictConfig{Normalize: g.norm, Pool: pool})
	if err != nil {
		return err
	}
	return g.writeResult(r, obj, res, eval, together)
}

// progress prints a line after every epoch.
func (g *group) progress(r *run) func(train.EpochInfo) {
	return func(e train.EpochInfo) {
		fmt.Fprintf(os.Stderr, "%5.0f s  %s seed %d: epoch %d, loss %.4g\n", time.Since(g.begin).Seconds(), r.name, g.seed, e.Epoch, e.TrainLoss)
	}
}
