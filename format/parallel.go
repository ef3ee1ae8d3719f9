package format

import (
	"sync"
	"sync/atomic"
)

// forEach calls work(i) for i < n on the given number of goroutines and returns
// the error of the lowest i, the same one each time. newWorker makes what one
// goroutine keeps to itself.
func forEach(n, workers int, newWorker func() func(i int) error) error {
	var (
		next  atomic.Int64
		fault = struct {
			sync.Mutex
			at  int
			err error
		}{at: n}
		failed atomic.Bool
		wg     sync.WaitGroup
	)
	run := func() {
		work := newWorker()
		for !failed.Load() {
			i := int(next.Add(1)) - 1
			if i >= n {
				return
			}
			if err := work(i); err != nil {
				failed.Store(true)
				fault.Lock()
				if i < fault.at {
					fault.at, fault.err = i, err
				}
				fault.Unlock()
			}
		}
	}
	for range min(n, workers) {
		wg.Go(run)
	}
	wg.Wait()
	return fault.err
}

// inOrder runs the jobs that produce emits concurrently, at most ahead of them
// unconsumed, and hands their results to consume one by one in order of
// emission. emit reports false once a consumer or job has failed.
func inOrder[T any](ahead int, produce func(emit func(job func() (T, error)) bool) error, consume func(T) error) error {
	type result struct {
		v   T
		err error
	}
	queue := make(chan chan result, ahead)
	stop := make(chan struct{})
	var produced error
	go func() {
		defer close(queue)
		produced = produce(func(job func() (T, error)) bool {
			r := make(chan result, 1)
			select {
			case <-stop:
				return false
			case queue <- r:
			}
			go func() {
				v, err := job()
				r <- result{v, err}
			}()
			return true
		})
	}()
	var first error
	for r := range queue {
		res := <-r
		if first != nil {
			continue
		}
		if first = res.err; first == nil {
			first = consume(res.v)
		}
		if first != nil {
			close(stop)
		}
	}
	if first != nil {
		return first
	}
	return produced
}
