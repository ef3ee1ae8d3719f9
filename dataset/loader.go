package dataset

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/compress-toolkit/compress/engine/tensor"
)

// LoaderConfig says how a Loader forms batches. Only Batch is required.
type LoaderConfig struct {
	Batch     int        // samples in a batch, N
	Seed      uint64     // of the order and the augmentation
	Shuffle   bool       // a new order each epoch
	DropLast  bool       // leave out the smaller batch at an epoch's end
	Augment   []Augment  // applied in this order
	Normalize *Normalize // applied last; nil for models that normalise by themselves
	Epochs    int        // stop with io.EOF before this epoch; 0: never
	Workers   int        // batches being read at a time; 0: GOMAXPROCS
	Prefetch  int        // batches ready ahead of the consumer; 0: twice Workers
}

// Cursor is the place of a batch in the endless sequence of epochs.
type Cursor struct{ Epoch, Batch int }

// Batch is N samples, lent by a Loader until Release.
type Batch struct {
	X     *tensor.Tensor // [N, shape...] float32
	Y     *tensor.Tensor // [N] int64, -1 where there is no label
	Index []int          // [N] sample numbers in the set
	At    Cursor
	buf   *buffer
}

// Release gives the memory of the batch back to its loader; X, Y and Index must
// not be used afterwards. A second Release panics.
func (b *Batch) Release() { b.buf.loader.release(b.buf) }

// buffer is the memory of one batch and its way through the loader.
type buffer struct {
	loader *Loader
	full   Batch
	last   Batch // the smaller batch at the end of an epoch, over the same memory
	cur    *Batch
	lent   atomic.Bool
	other  []float32  // the second sample of a mixture
	ready  chan error // 1; the result of filling
}

// Loader reads batches in the background. The buffers circle
// free -> dispatcher -> (ordered queue, workers) -> Next -> Release -> free,
// so a running loader allocates nothing. What a batch holds is a function of
// the set, the configuration and the cursor; Workers and Prefetch do not matter.
//
// One goroutine at a time may call Start, Next and Close; Release is free.
type Loader struct {
	set     Set
	c       LoaderConfig
	shape   tensor.Shape
	size    int // elements of a sample
	batches int // per epoch
	order   tensor.Rand
	augment tensor.Rand
	perm    []int
	mixers  []Mixer // none: samples are not mixed
	views   int     // epochs after which samples look the same again; 0: never

	free, queue, work chan *buffer
	lent              atomic.Int32
	next              *buffer // taken from the queue, not ready when Next was interrupted
	err               error   // sticky until Start

	run    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// NewLoader checks the configuration against the set and takes all the memory
// that the loader will use.
func NewLoader(s Set, c LoaderConfig) (*Loader, error) {
	if c.Workers <= 0 {
		c.Workers = runtime.GOMAXPROCS(0)
	}
	if c.Prefetch <= 0 {
		c.Prefetch = 2 * c.Workers
	}
	l := &Loader{set: s, c: c, shape: s.Shape(), size: s.Shape().Size(), perm: make([]int, s.Len())}
	if err := l.check(); err != nil {
		return nil, err
	}
	l.mixers, l.views = mixersOf(c.Augment), ViewsOf(c.Augment)
	l.order, l.augment = tensor.NewRand(c.Seed, "order"), tensor.NewRand(c.Seed, "augment")
	n := c.Prefetch + 1 // one is with the consumer
	l.free, l.queue, l.work = make(chan *buffer, n), make(chan *buffer, n), make(chan *buffer, n)
	for range n {
		l.free <- l.newBuffer()
	}
	return l, nil
}

func (l *Loader) check() error {
	n := l.set.Len()
	switch {
	case n == 0:
		return fmt.Errorf("load %s: no samples", l.set.Name())
	case l.c.Batch < 1:
		return fmt.Errorf("load %s: batch size %d, expected at least 1", l.set.Name(), l.c.Batch)
	case l.c.DropLast && n < l.c.Batch:
		return fmt.Errorf("load %s: %d samples fill no batch of %d; choose a smaller batch or keep the last one", l.set.Name(), n, l.c.Batch)
	}
	l.batches = n / l.c.Batch
	if n%l.c.Batch != 0 && !l.c.DropLast {
		l.batches++
	}
	for _, a := range l.c.Augment {
		if err := a.Check(l.shape); err != nil {
			return badSpec(l.set.Name(), "", "%w", err)
		}
	}
	if l.c.Normalize != nil {
		if err := l.c.Normalize.Check(l.shape); err != nil {
			return badSpec(l.set.Name(), "", "%w", err)
		}
	}
	return nil
}

func (l *Loader) newBuffer() *buffer {
	n := min(l.c.Batch, l.set.Len())
	x, y, index := make([]float32, n*l.size), make([]int64, n), make([]int, n)
	b := &buffer{loader: l, ready: make(chan error, 1)}
	if len(l.mixers) > 0 {
		b.other = make([]float32, l.size)
	}
	view := func(n int) Batch {
		return Batch{buf: b, Index: index[:n], Y: tensor.Vec(y[:n]...),
			X: tensor.Of(append(tensor.Shape{n}, l.shape...), x[:n*l.size])}
	}
	b.full, b.last = view(n), view(l.set.Len()%n)
	return b
}

// BatchesPerEpoch returns the number of batches in an epoch.
func (l *Loader) BatchesPerEpoch() int { return l.batches }

// After returns the cursor of the batch that follows the one at c.
func (l *Loader) After(c Cursor) Cursor { return l.carry(Cursor{c.Epoch, c.Batch + 1}) }

// carry brings a cursor behind the end of an epoch into the next one.
func (l *Loader) carry(c Cursor) Cursor {
	return Cursor{c.Epoch + c.Batch/l.batches, c.Batch % l.batches}
}

// Start begins to read at a cursor, and on through the following epochs, until
// ctx ends. A running loader starts anew; batches that are lent stay valid.
func (l *Loader) Start(ctx context.Context, at Cursor) {
	l.Close()
	l.err = nil
	l.run, l.cancel = context.WithCancel(ctx)
	l.wg.Add(1 + l.c.Workers)
	go l.dispatch(l.run, l.carry(at))
	for range l.c.Workers {
		go l.fillAll(l.run)
	}
}

// Close stops reading and waits until every goroutine has ended. The loader can
// be started again.
func (l *Loader) Close() {
	if l.cancel == nil {
		return
	}
	l.cancel()
	l.wg.Wait()
	l.cancel = nil
	if l.next != nil {
		l.recycle(l.next)
		l.next = nil
	}
	for {
		select {
		case <-l.work: // each of them is in the queue too
		case b := <-l.queue:
			if b != nil { // nil marks the end
				l.recycle(b)
			}
		default:
			return
		}
	}
}

// recycle frees a buffer that was not lent.
func (l *Loader) recycle(b *buffer) {
	select {
	case <-b.ready:
	default:
	}
	l.free <- b
}

// dispatch gives free buffers their place in the sequence.
func (l *Loader) dispatch(ctx context.Context, at Cursor) {
	defer l.wg.Done()
	shuffled := -1 // the epoch that perm is of
	for ; l.c.Epochs == 0 || at.Epoch < l.c.Epochs; at = l.After(at) {
		if shuffled != at.Epoch {
			l.permute(at.Epoch)
			shuffled = at.Epoch
		}
		select {
		case <-ctx.Done():
			return
		case b := <-l.free:
			first := at.Batch * l.c.Batch
			b.cur = &b.full
			if len(l.perm)-first < len(b.full.Index) {
				b.cur = &b.last
			}
			b.cur.At = at
			copy(b.cur.Index, l.perm[first:])
			l.queue <- b
			l.work <- b
		}
	}
	select {
	case <-ctx.Done():
	case l.queue <- nil: // the end
	}
}

// permute sets the order of an epoch (Fisher and Yates).
func (l *Loader) permute(epoch int) {
	for i := range l.perm {
		l.perm[i] = i
	}
	if !l.c.Shuffle {
		return
	}
	r := l.order.Sub(uint64(epoch))
	for i := len(l.perm) - 1; i > 0; i-- {
		j := r.Intn(uint64(i), i+1)
		l.perm[i], l.perm[j] = l.perm[j], l.perm[i]
	}
}

func (l *Loader) fillAll(ctx context.Context) {
	defer l.wg.Done()
	for {
		select {
		case <-ctx.Done():
			return
		case b := <-l.work:
			b.ready <- l.fill(ctx, b.cur, b.other)
		}
	}
}

// fill reads the samples of b; other is space for the second one of a mixture.
func (l *Loader) fill(ctx context.Context, b *Batch, other []float32) error {
	x, y := b.X.F32s(), b.Y.I64s()
	view := b.At.Epoch
	if l.views > 0 {
		view %= l.views
	}
	epoch := l.augment.Sub(uint64(view))
	for k, i := range b.Index {
		if err := ctx.Err(); err != nil {
			return err
		}
		xk, r := x[k*l.size:(k+1)*l.size], epoch.Sub(uint64(i))
		label, err := l.read(r, i, xk)
		if err != nil {
			return err
		}
		if n := len(l.mixers); n > 0 {
			r = r.Sub(uint64(len(l.c.Augment)))
			if _, err := l.read(r.Sub(0), r.Intn(0, l.set.Len()), other); err != nil {
				return err
			}
			l.mixers[r.Intn(1, n)].Mix(r.Sub(1), l.shape, xk, other)
			label = -1
		}
		y[k] = label
		if l.c.Normalize != nil {
			l.c.Normalize.apply(l.shape, xk)
		}
	}
	return nil
}

// read fills x with sample i, augmented, and returns its label.
func (l *Loader) read(r tensor.Rand, i int, x []float32) (int64, error) {
	label, err := l.set.Read(i, x)
	if err != nil {
		return 0, fmt.Errorf("sample %d of %s: %w", i, l.set.Name(), err)
	}
	for s, a := range l.c.Augment {
		a.Apply(r.Sub(uint64(s)), l.shape, x)
	}
	return label, nil
}

// Next returns the next batch, in order, waiting for it when need be. The
// caller owns it until Release. It ends with the error of a sample, the error
// of either context, or io.EOF after the last of Epochs.
func (l *Loader) Next(ctx context.Context) (*Batch, error) {
	if l.cancel == nil {
		return nil, errors.New("loader: Next without Start")
	}
	if l.err != nil {
		return nil, l.err
	}
	if held := int(l.lent.Load()); held > l.c.Prefetch {
		return nil, fmt.Errorf("loader: all %d batches are lent; Release them, or raise Prefetch", held)
	}
	if l.next == nil {
		select {
		case b := <-l.queue:
			if b == nil {
				l.err = io.EOF
				return nil, l.err
			}
			l.next = b
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-l.run.Done():
			return nil, l.run.Err()
		}
	}
	select {
	case l.err = <-l.next.ready:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-l.run.Done():
		return nil, l.run.Err()
	}
	b := l.next
	l.next = nil
	if l.err != nil {
		l.free <- b
		return nil, l.err
	}
	b.lent.Store(true)
	l.lent.Add(1)
	return b.cur, nil
}

func (l *Loader) release(b *buffer) {
	if !b.lent.CompareAndSwap(true, false) {
		panic("dataset: Release of a batch that is not lent")
	}
	l.lent.Add(-1)
	l.free <- b
}
