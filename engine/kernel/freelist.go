package kernel

import "sync"

// freeList keeps values for reuse, so that calls in the steady state allocate
// nothing. Unlike sync.Pool it survives garbage collections.
type freeList[R any] struct {
	mu   sync.Mutex
	free []*R
}

// take returns a kept value, whose content is arbitrary, or a new one.
func (l *freeList[R]) take() *R {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(l.free)
	if n == 0 {
		return new(R)
	}
	r := l.free[n-1]
	l.free = l.free[:n-1]
	return r
}

// put keeps r for a later take.
func (l *freeList[R]) put(r *R) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.free = append(l.free, r)
}
