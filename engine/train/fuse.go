package train

import (
	"slices"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/engine/optim"
)

// fused is the part of an updater that takes the steps of weights while the backward
// pass computes their gradients, which then need not go through memory three times.
// Nothing is updated before it is certain that every gradient is finite, and the bits
// are those of an update afterwards.
type fused struct {
	optimizer optim.WeightStepper
	steps     map[graph.Value]*trained
	order     []graph.Value // keys of steps as the session has them
	choose    func(graph.Value) *kernel.WeightStep[float32]
	stepped   bool    // the last backward pass has updated steps
	stepSum   float64 // squares of their gradients
}

// fuses reports whether gradients are used as the backward pass gives them, by an
// optimizer that can work on tiles.
func (c *Config) fuses() bool {
	_, ok := c.Optimizer.(optim.WeightStepper)
	return ok && c.Accumulate == 1 && c.ClipNorm == 0 && c.ClipValue == 0
}

// chooseSteps makes the parameters that the session can update steppable if they are
// most of all: the others' gradients are looked at twice then.
func (u *updater) chooseSteps(s *graph.Session) {
	of := map[graph.Value]*trained{}
	all, some := 0, 0
	for _, t := range u.params {
		all += len(t.w)
		if slices.Contains(s.Steppable(), t.param.Name) {
			of[t.param.Name] = t
			some += len(t.w)
		}
	}
	if len(of) < len(s.Steppable()) || 2*some <= all {
		return
	}
	u.optimizer, u.steps, u.order = u.c.Optimizer.(optim.WeightStepper), of, s.Steppable()
	u.choose = func(v graph.Value) *kernel.WeightStep[float32] { return u.steps[v].step }
	for _, t := range of {
		t.step = &kernel.WeightStep[float32]{W: t.w, M: t.state[0]}
	}
}

// backward computes the gradients of a batch, or of a part of one, of which the update
// is the nth and has learning rate lr.
func (u *updater) backward(s *graph.Session, lr float64, n int) error {
	u.stepped = false
	if u.steps == nil || !slices.Equal(u.order, s.Steppable()) {
		return s.Backward()
	}
	if err := s.BackwardData(); err != nil {
		return err
	}
	u.use(s)
	if bad, _ := u.sumSquares(u.apart); bad >= 0 || !s.Bounded() {
		_, err := s.BackwardParams(nil)
		return err
	}
	for _, t := range u.steps {
		t.step.Update = u.optimizer.WeightStep(optim.Step{LR: lr * t.scale, T: n, WeightDecay: t.decay})
	}
	var err error
	u.stepSum, err = s.BackwardParams(u.choose)
	u.stepped = err == nil
	return err
}

// use takes the gradients of a session for those of the batch.
func (u *updater) use(s *graph.Session) {
	for _, p := range u.params {
		p.g = s.Grad(p.param.Name).F32s()
	}
}
