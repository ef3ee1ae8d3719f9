package kernel

// region is strips [s0,s1) of panels [p0,p1), the work of one task.
type region struct{ s0, s1, p0, p1 int }

// cut lists the tasks, as many for each thread, one thread's after the other's.
// Along N a thread's share of C is a run of tiles in column order, equal in
// vectors of work, and may begin and end within a strip; along M it is a run of
// panels. The tasks of a share shrink towards its end: they are what a thread
// that is ready early can take over.
func (j *job[T]) cut(threads int) {
	j.tasks = j.tasks[:0]
	switch {
	case j.members:
		j.tasks = append(j.tasks, region{0, j.strips, 0, j.panels})
		return
	case j.alongM:
		for t := range threads {
			j.cutPanels(t*j.panels/threads, (t+1)*j.panels/threads)
			j.even(t + 1)
		}
		return
	}
	for t := range threads {
		s, p := j.share(t, threads)
		s1, p1 := j.share(t+1, threads)
		j.cutStrips(s, p, s1, p1)
		j.even(t + 1)
	}
}

// taskCount is the number of tasks of a thread.
const taskCount = 6

// even fills the tasks of the first threads up with empty ones.
func (j *job[T]) even(threads int) {
	for len(j.tasks) < threads*taskCount {
		j.tasks = append(j.tasks, region{})
	}
}

// share returns the tile, as strip and panel, at which thread t's share begins.
// Less than snap tiles of a strip are not worth packing it for.
func (j *job[T]) share(t, threads int) (s, p int) {
	const snap = 4
	last := (j.g.N-1)%j.mk.nr()/j.mk.lanes + 1 // vectors of the last strip
	full := j.mk.nv * j.panels                 // work in a full strip
	at := t * ((j.strips-1)*full + last*j.panels) / threads
	s, p = at/full, at%full/j.mk.nv
	if s >= j.strips-1 {
		s, p = j.strips-1, (at-(j.strips-1)*full)/last
	}
	switch {
	case p == j.panels || p > max(snap, j.panels-snap):
		return s + 1, 0
	case p < snap:
		return s, 0
	}
	return s, p
}

// cutStrips makes tasks of the tiles from panel p of strip s to panel p1 of s1.
func (j *job[T]) cutStrips(s, p, s1, p1 int) {
	if s == s1 {
		j.add(region{s, s + 1, p, p1})
		return
	}
	if p > 0 {
		j.add(region{s, s + 1, p, j.panels})
		s++
	}
	for left := taskCount - 2; s < s1; left-- {
		n := min((s1-s+1)/2, max(maxStrips, 2*j.group))
		if left == 1 {
			n = s1 - s
		}
		j.add(region{s, s + n, 0, j.panels})
		s += n
	}
	j.add(region{s, s + 1, 0, p1})
}

// cutPanels makes tasks of panels [p,p1).
func (j *job[T]) cutPanels(p, p1 int) {
	for left := taskCount; p < p1; left-- {
		n := (p1 - p + 1) / 2
		if left == 1 {
			n = p1 - p
		}
		j.add(region{0, j.strips, p, p + n})
		p += n
	}
}

func (j *job[T]) add(r region) {
	if r.s0 < r.s1 && r.p0 < r.p1 {
		j.tasks = append(j.tasks, r)
	}
}
