package train

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/compress-toolkit/compress/dataset/npy"
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
	"github.com/compress-toolkit/compress/internal/atomicfile"
)

// checkpointFile is the name of the state within Checkpoint.Dir: a NumPy .npz
// with the tensors and, under "state", JSON as bytes.
const checkpointFile = "checkpoint.npz"

// savedState is everything of a run that is no tensor.
type savedState struct {
	Version     int               `json:"version"`
	Fingerprint map[string]string `json:"fingerprint"`
	Step        int               `json:"step"`
	Epoch       int               `json:"epoch"`
	Micro       int               `json:"micro"`
	LossSum     float64           `json:"loss_sum"`
	LossN       float64           `json:"loss_n"`
	MetricSum   []float64         `json:"metric_sum"`
	LastLR      float64           `json:"last_lr"`
	Best        *Eval             `json:"best"`
	BestEpoch   int               `json:"best_epoch"`
	Stale       int               `json:"stale"`
	History     []EpochInfo       `json:"history"`
}

// maybeSave writes a checkpoint within an epoch when one is due.
func (r *run) maybeSave() error {
	k := r.c.Checkpoint
	due := time.Since(r.saved) >= k.Every || k.Steps > 0 && r.step%k.Steps == 0
	if k.Dir == "" || !due {
		return nil
	}
	return r.save()
}

// save writes the checkpoint, whole or not at all.
func (r *run) save() error {
	if r.c.Checkpoint.Dir == "" {
		return nil
	}
	if err := os.MkdirAll(r.c.Checkpoint.Dir, 0o777); err != nil {
		return err
	}
	state, err := json.Marshal(savedState{
		Version: 1, Fingerprint: r.fingerprint(), Step: r.step, Epoch: r.epoch, Micro: r.micro,
		LossSum: r.lossSum, LossN: r.lossN, MetricSum: r.metricSum, LastLR: r.lastLR,
		Best: r.best, BestEpoch: r.bestEpoch, Stale: r.stale, History: r.history,
	})
	if err != nil {
		return err
	}
	ts := r.tensors()
	for name, t := range r.bestData {
		ts["best/"+string(name)] = t
	}
	ts["state"] = tensor.Vec(state...)
	r.saved = time.Now()
	path := filepath.Join(r.c.Checkpoint.Dir, checkpointFile)
	return atomicfile.WriteFile(path, func(w io.Writer) error { return npy.WriteZip(w, entries(ts)) })
}

// entries lists tensors in order of their names, so that equal states give equal files.
func entries(ts map[string]*tensor.Tensor) []npy.Entry {
	var es []npy.Entry
	for _, name := range slices.Sorted(maps.Keys(ts)) {
		es = append(es, npy.Entry{Name: name, Tensor: ts[name]})
	}
	return es
}

// tensors returns the live tensors of the run's state: parameters with running
// statistics, and the optimizer's.
func (r *run) tensors() map[string]*tensor.Tensor {
	ts := map[string]*tensor.Tensor{}
	for _, p := range r.copy.Graph.Params {
		if p.DType.IsFloat() && len(p.Shape) > 0 {
			ts["param/"+string(p.Name)] = p.Data
		}
	}
	for _, p := range r.up.params {
		for k, st := range p.state {
			ts[fmt.Sprintf("optimizer/%d/%s", k, p.param.Name)] = tensor.Of(p.param.Shape, st)
		}
	}
	return ts
}

// restore goes on from the checkpoint, when resuming is asked for and there is one.
func (r *run) restore() error {
	if !r.c.Checkpoint.Resume {
		return nil
	}
	if r.c.Checkpoint.Dir == "" {
		return badConfig("to resume, name the checkpoint's directory")
	}
	path := filepath.Join(r.c.Checkpoint.Dir, checkpointFile)
	es, err := npy.ReadZipFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("train: checkpoint %s: %w", path, err)
	}
	ts := map[string]*tensor.Tensor{}
	for _, e := range es {
		ts[e.Name] = e.Tensor
	}
	if err := r.restoreFrom(ts); err != nil {
		return fmt.Errorf("train: checkpoint %s: %w", path, err)
	}
	return nil
}

func (r *run) restoreFrom(ts map[string]*tensor.Tensor) error {
	raw := ts["state"]
	if raw == nil || raw.DType() != tensor.U8 {
		return fmt.Errorf("it has no state")
	}
	var s savedState
	if err := json.Unmarshal(tensor.Data[uint8](raw), &s); err != nil {
		return err
	}
	if s.Version != 1 {
		return fmt.Errorf("version %d is not supported", s.Version)
	}
	if err := sameRun(s.Fingerprint, r.fingerprint()); err != nil {
		return err
	}
	live := r.tensors()
	for _, name := range slices.Sorted(maps.Keys(live)) {
		t := live[name]
		if saved := ts[name]; saved == nil || saved.DType() != t.DType() || !saved.Shape().Equal(t.Shape()) {
			return configError{fmt.Errorf("it is of another network: tensor %s is %v, want %v", name, saved, t)}
		}
	}
	for name, t := range live { // nothing is changed before all is known to fit
		t.CopyFrom(ts[name])
	}
	r.adopt(s, ts)
	return nil
}

// sameRun compares fingerprints; what one of them does not have is empty there.
func sameRun(was, is map[string]string) error {
	all := maps.Clone(is)
	maps.Copy(all, was)
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if was[key] != is[key] {
			return configError{fmt.Errorf("it is of another run: %s was %q, is %q; remove it or give the same settings", key, was[key], is[key])}
		}
	}
	return nil
}

func (r *run) adopt(s savedState, ts map[string]*tensor.Tensor) {
	r.step, r.epoch, r.micro = s.Step, s.Epoch, s.Micro
	r.lossSum, r.lossN, r.lastLR = s.LossSum, s.LossN, s.LastLR
	copy(r.metricSum, s.MetricSum)
	r.best, r.bestEpoch, r.stale, r.history = s.Best, s.BestEpoch, s.Stale, s.History
	for _, p := range r.c.Model.Graph.Params {
		if t := ts["best/"+string(p.Name)]; t != nil && t.DType() == p.DType && t.Shape().Equal(p.Shape) {
			if r.bestData == nil {
				r.bestData = map[graph.Value]*tensor.Tensor{}
			}
			r.bestData[p.Name] = t
		}
	}
	r.resumedAt = r.at().Epoch
}
