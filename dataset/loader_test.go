package dataset

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/compress-toolkit/compress/engine/tensor"
)

var bg = context.Background()

func newLoader(t testing.TB, s Set, c LoaderConfig) *Loader {
	t.Helper()
	l, err := NewLoader(s, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// record reads n batches and returns a text of all that each holds.
func record(t *testing.T, l *Loader, at Cursor, n int) []string {
	t.Helper()
	l.Start(bg, at)
	var out []string
	for range n {
		b, err := l.Next(bg)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, fmt.Sprint(b.At, b.Index, b.Y.I64s(), b.X, b.X.F32s()))
		b.Release()
	}
	return out
}

func noise(n int) Set { return Random(n, tensor.Shape{1, 6, 6}, 4, 9) }

// TestLoaderIsAFunctionOfTheCursor compares workers, prefetching and starting
// points: none of them may change a batch.
func TestLoaderIsAFunctionOfTheCursor(t *testing.T) {
	as, err := ParseAugments("crop=1,flip,cutout=2")
	if err != nil {
		t.Fatal(err)
	}
	c := LoaderConfig{Batch: 5, Seed: 3, Shuffle: true, Augment: as, Workers: 1, Prefetch: 1,
		Normalize: &Normalize{Mean: []float32{0.5}, Std: []float32{0.3}}}
	want := record(t, newLoader(t, noise(23), c), Cursor{}, 15)
	c.Workers, c.Prefetch = 4, 7
	l := newLoader(t, noise(23), c)
	if l.BatchesPerEpoch() != 5 {
		t.Fatalf("%d batches per epoch", l.BatchesPerEpoch())
	}
	for skip := range 12 {
		at := Cursor{0, skip} // carries into later epochs
		if got := record(t, l, at, 3); !slices.Equal(got, want[skip:skip+3]) {
			t.Errorf("batches from %d differ:\n%s\n%s", skip, got[0], want[skip])
		}
	}
	c.Seed++
	if slices.Equal(record(t, newLoader(t, noise(23), c), Cursor{}, 1), want[:1]) {
		t.Error("the seed changes nothing")
	}
}

func TestLoaderCoversEachEpochOnce(t *testing.T) {
	for _, drop := range []bool{false, true} {
		l := newLoader(t, counted(11, 2), LoaderConfig{Batch: 4, Shuffle: true, DropLast: drop, Epochs: 3})
		l.Start(bg, Cursor{})
		seen := map[int][]int{}
		for {
			b, err := l.Next(bg)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			for k, i := range b.Index {
				if b.X.F32s()[k] != float32(i) || b.Y.I64s()[k] != int64(i%2) {
					t.Fatalf("sample %d came as %v, %d", i, b.X.F32s()[k], b.Y.I64s()[k])
				}
			}
			seen[b.At.Epoch] = append(seen[b.At.Epoch], b.Index...)
			b.Release()
		}
		if _, err := l.Next(bg); !errors.Is(err, io.EOF) {
			t.Errorf("behind the end: %v", err)
		}
		if len(seen) != 3 || slices.Equal(seen[0], seen[1]) {
			t.Errorf("epochs %v", seen)
		}
		for _, index := range seen {
			slices.Sort(index)
			if n := len(slices.Compact(index)); !drop && n != 11 || drop && n != 8 {
				t.Errorf("%d samples in an epoch, drop is %v", n, drop)
			}
		}
	}
}

func TestLoaderWithoutShuffle(t *testing.T) {
	l := newLoader(t, counted(5, 5), LoaderConfig{Batch: 8})
	l.Start(bg, Cursor{})
	b, err := l.Next(bg)
	if err != nil || !slices.Equal(b.Index, []int{0, 1, 2, 3, 4}) || !b.X.Shape().Equal(tensor.Shape{5, 1}) {
		t.Errorf("%v of %v, %v", b.Index, b.X, err)
	}
}

// TestLentBatchesStay holds batches across others and across a new start.
func TestLentBatchesStay(t *testing.T) {
	l := newLoader(t, noise(20), LoaderConfig{Batch: 4, Shuffle: true, Prefetch: 3, Workers: 2})
	l.Start(bg, Cursor{})
	held, err := l.Next(bg)
	if err != nil {
		t.Fatal(err)
	}
	before := fmt.Sprint(held.At, held.Index, held.X.F32s())
	record(t, l, Cursor{4, 2}, 20)
	if after := fmt.Sprint(held.At, held.Index, held.X.F32s()); after != before {
		t.Error("a lent batch was overwritten")
	}
	held.Release()
	defer func() {
		if recover() == nil {
			t.Error("a second Release passed")
		}
	}()
	held.Release()
}

func TestAllLent(t *testing.T) {
	l := newLoader(t, noise(20), LoaderConfig{Batch: 4, Prefetch: 2})
	if _, err := l.Next(bg); err == nil {
		t.Error("Next before Start passed")
	}
	l.Start(bg, Cursor{})
	for range 3 {
		if _, err := l.Next(bg); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := l.Next(bg); err == nil || !strings.Contains(err.Error(), "Release") {
		t.Errorf("with every batch lent: %v", err)
	}
}

// TestReleaseElsewhere gives batches to other goroutines, as a pipeline would.
func TestReleaseElsewhere(t *testing.T) {
	l := newLoader(t, noise(40), LoaderConfig{Batch: 4, Prefetch: 4, Workers: 3})
	l.Start(bg, Cursor{})
	slots := make(chan struct{}, 3)
	var wg sync.WaitGroup
	for range 200 {
		slots <- struct{}{}
		b, err := l.Next(bg)
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			b.X.F32s()[0]++
			b.Release()
			<-slots
		})
	}
	wg.Wait()
}

// broken fails on one sample and can be slow.
type broken struct {
	Set
	bad  int
	wait chan struct{}
}

func (b broken) Read(i int, x []float32) (int64, error) {
	if b.wait != nil {
		<-b.wait
	}
	if i == b.bad {
		return -1, badFile("7.png", "no image")
	}
	return b.Set.Read(i, x)
}

func TestLoaderErrors(t *testing.T) {
	l := newLoader(t, broken{Set: noise(20), bad: 9}, LoaderConfig{Batch: 4})
	l.Start(bg, Cursor{})
	for k := range 5 {
		b, err := l.Next(bg)
		if k < 2 {
			if err != nil {
				t.Fatal(err)
			}
			b.Release()
			continue
		}
		if !errors.Is(err, ErrBad) || !strings.Contains(err.Error(), "sample 9") {
			t.Errorf("batch %d: %v", k, err)
		}
	}
	record(t, l, Cursor{0, 3}, 2) // starts again behind the bad sample
	for want, c := range map[string]LoaderConfig{
		"batch size":   {},
		"fill no":      {Batch: 21, DropLast: true},
		"needs images": {Batch: 1, Augment: []Augment{Flip{}}},
		"mean":         {Batch: 1, Normalize: &Normalize{Mean: []float32{1, 2}, Std: []float32{1}}},
	} {
		if _, err := NewLoader(counted(20, 2), c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %q, got %v", want, err)
		}
	}
}

func TestLoaderCancel(t *testing.T) {
	wait := make(chan struct{})
	l := newLoader(t, broken{Set: noise(20), bad: -1, wait: wait}, LoaderConfig{Batch: 4, Workers: 2})
	run, stop := context.WithCancel(bg)
	l.Start(run, Cursor{})
	short, cancel := context.WithTimeout(bg, time.Millisecond)
	defer cancel()
	if _, err := l.Next(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with a short context: %v", err)
	}
	close(wait)
	b, err := l.Next(bg) // the interrupted one is not lost
	if err != nil || b.At != (Cursor{}) {
		t.Errorf("after the interruption: %v", err)
	}
	stop()
	for range 50 {
		if b, err = l.Next(bg); err != nil {
			break
		}
		b.Release()
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of the run: %v", err)
	}
}

func TestLoaderAllocatesNothing(t *testing.T) {
	as, err := ParseAugments("jitter=2,flip,cutout=2,mixup,cutmix")
	if err != nil {
		t.Fatal(err)
	}
	l := newLoader(t, noise(64), LoaderConfig{Batch: 16, Shuffle: true, Augment: as, Workers: 2})
	l.Start(bg, Cursor{})
	step := func() {
		b, err := l.Next(bg)
		if err != nil {
			t.Fatal(err)
		}
		b.Release()
	}
	step()
	if n := testing.AllocsPerRun(200, step); n != 0 {
		t.Errorf("%v allocations per batch", n)
	}
}

// TestLoaderChoosesMixer has images of one whole number each: those of two are of cutmix, those of a fraction of mixup.
func TestLoaderChoosesMixer(t *testing.T) {
	const n, side = 1000, 8
	x := tensor.New(tensor.F32, tensor.Shape{n, 1, side, side})
	for i := range x.F32s() {
		x.F32s()[i] = float32(i / (side * side))
	}
	s, err := FromTensors("numbers", x, tensor.New(tensor.U8, tensor.Shape{n}), 10)
	if err != nil {
		t.Fatal(err)
	}
	l := newLoader(t, s, LoaderConfig{Batch: n, Augment: []Augment{MixUp{}, CutMix{}}, Epochs: 1})
	l.Start(bg, Cursor{})
	b, err := l.Next(bg)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Release()
	mixed := 0
	for i := range n {
		image := b.X.F32s()[i*side*side : (i+1)*side*side]
		if whole := image[0] == float32(int(image[0])); !whole {
			mixed++
		}
	}
	if mixed < n*2/5 || mixed > n*3/5 {
		t.Errorf("mixup made %d of %d images", mixed, n)
	}
}

// TestLoaderMixes has sample i filled with the number i, so that a mixture of i and j by a is a i + (1-a) j in
// every element.
func TestLoaderMixes(t *testing.T) {
	const n = 2000
	x := tensor.New(tensor.F32, tensor.Shape{n, 1, 2, 2})
	for i := range x.F32s() {
		x.F32s()[i] = float32(i / 4)
	}
	s, err := FromTensors("numbers", x, tensor.New(tensor.U8, tensor.Shape{n}), 10)
	if err != nil {
		t.Fatal(err)
	}
	l := newLoader(t, s, LoaderConfig{Batch: n, Augment: []Augment{MixUp{}}, Epochs: 2})
	l.Start(bg, Cursor{})
	var before []float32
	for epoch := range 2 {
		b, err := l.Next(bg)
		if err != nil {
			t.Fatal(err)
		}
		got := append([]float32{}, b.X.F32s()...)
		b.Release()
		towards, far := 0.0, 0
		for i := range n {
			if v := got[4*i]; v != got[4*i+1] || v != got[4*i+3] || v < 0 || v > n-1 {
				t.Fatalf("sample %d became %v", i, got[4*i:4*i+4])
			}
			if b.Y.I64s()[i] != -1 {
				t.Fatalf("the mixture of sample %d has a label", i)
			}
			towards += float64(got[4*i]) * (float64(i) - n/2)
			if math.Abs(float64(got[4*i])-float64(i)) > n/10 {
				far++
			}
		}
		// E[a i + (1-a) j | i] = i / 2 + const, hence the sum is half the variance n^2/12 of i, n times.
		if slope := towards / (n * n * n / 12.); slope < 0.45 || slope > 0.55 {
			t.Errorf("epoch %d: half of a mixture is of its first sample: %v", epoch, slope)
		}
		if far < n/3 {
			t.Errorf("epoch %d: only %d of %d mixtures are far from their first sample", epoch, far, n)
		}
		if slices.Equal(got, before) {
			t.Error("both epochs have the same mixtures")
		}
		before = got
	}
}

// TestViewsRepeat has each sample of epochs 0 and 1 again in epochs 2 and 3, in another order,
// and other samples in epoch 1 than in epoch 0; mixtures repeat too.
func TestViewsRepeat(t *testing.T) {
	for _, text := range []string{"crop=2,views=2", "views=2,mixup", "views=2,cutmix"} {
		as, err := ParseAugments(text)
		if err != nil {
			t.Fatal(err)
		}
		l := newLoader(t, noise(23), LoaderConfig{Batch: 23, Seed: 3, Shuffle: true, Augment: as})
		l.Start(bg, Cursor{})
		var orders [4][]int
		var samples [4][23][]float32
		for e := range orders {
			b, err := l.Next(bg)
			if err != nil {
				t.Fatal(err)
			}
			orders[e] = slices.Clone(b.Index)
			for k, i := range b.Index {
				samples[e][i] = slices.Clone(b.X.F32s()[36*k : 36*(k+1)])
			}
			b.Release()
		}
		for e := range 2 {
			if slices.Equal(orders[e], orders[e+2]) {
				t.Errorf("%s: epochs %d and %d have one order", text, e, e+2)
			}
			for i, x := range samples[e] {
				if !slices.Equal(x, samples[e+2][i]) {
					t.Fatalf("%s: sample %d of epoch %d is another in epoch %d", text, i, e, e+2)
				}
			}
		}
		if reflect.DeepEqual(samples[0], samples[1]) {
			t.Errorf("%s: epochs 0 and 1 have the same samples", text)
		}
	}
}

// BenchmarkLoader reads MNIST-shaped bytes as fast as they come.
func BenchmarkLoader(b *testing.B) {
	pix := tensor.New(tensor.U8, tensor.Shape{60000, 28, 28})
	s, err := FromTensors("bytes", pix, tensor.New(tensor.U8, tensor.Shape{60000}), 10)
	if err != nil {
		b.Fatal(err)
	}
	for _, augment := range []string{"", "jitter=2", "crop=4,flip", "mixup"} {
		for _, norm := range []*Normalize{nil, {Mean: []float32{0.13}, Std: []float32{0.31}}} {
			b.Run(fmt.Sprintf("augment=%s/norm=%v", augment, norm != nil), func(b *testing.B) {
				as, err := ParseAugments(augment)
				if err != nil {
					b.Fatal(err)
				}
				l := newLoader(b, s, LoaderConfig{Batch: 128, Shuffle: true, Augment: as, Normalize: norm})
				l.Start(bg, Cursor{})
				b.ReportAllocs()
				for b.Loop() {
					x, err := l.Next(bg)
					if err != nil {
						b.Fatal(err)
					}
					x.Release()
				}
				b.ReportMetric(128*float64(b.N)/b.Elapsed().Seconds(), "samples/s")
			})
		}
	}
}
