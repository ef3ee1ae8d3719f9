package compress_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/compress-toolkit/compress/"

// allowed lists, for every room of the house, the rooms that its non-test code may
// import. A room includes the folders below it, unless they are listed themselves.
// ARCHITECTURE.md draws the same map.
var allowed = map[string][]string{
	"internal/registry":   {},
	"internal/atomicfile": {},
	"internal/progress":   {},
	"internal/tfevents":   {},

	"engine/kernel": {},
	"engine/tensor": {},
	"engine/linalg": {"engine/kernel", "engine/tensor"},
	"engine/graph":  {"engine/kernel", "engine/tensor", "internal/registry"},
	"engine/op":     {"engine/graph", "engine/kernel", "engine/tensor", "internal/registry"},
	"engine/nn":     {"engine/graph", "engine/linalg", "engine/op", "engine/tensor", "internal/registry"},
	"engine/optim":  {"engine/kernel", "internal/registry"},
	"engine/train": {"dataset", "engine/graph", "engine/kernel", "engine/optim", "engine/tensor",
		"internal/atomicfile"},
	"dataset": {"engine/tensor", "internal/atomicfile", "internal/registry"},

	"student": {engineRooms, "internal/registry"},
	"teacher": {engineRooms, "dataset", "internal/atomicfile", "internal/registry"},
	"distill": {engineRooms, "dataset", "internal/registry"},
	"lowrank": {engineRooms, "internal/registry"},
	"bench":   {engineRooms, "dataset", "internal/atomicfile", "internal/registry"},
	// The comparison programs import what they time, those of reproductions what they measure.
	"bench/peers/decompose":     {engineRooms, "bench", "dataset", "lowrank"},
	"bench/peers/infer":         {engineRooms, "bench", "format/onnx", "lowrank", "student"},
	"bench/peers/scaling":       {engineRooms, "bench", "dataset", "student"},
	"bench/peers/train":         {engineRooms, "bench", "dataset", "student"},
	"bench/repro/classbias":     {engineRooms, "dataset", "format"},
	"bench/repro/cpsensitivity": {engineRooms, "format", "format/onnx", "lowrank"},
	"bench/repro/losses":        {engineRooms, "dataset", "distill", "format", "format/onnx", "student", "teacher"},
	"format":                    {"engine/graph", "engine/tensor", "internal/atomicfile", "internal/registry"},
	"format/onnx": {"engine/graph", "engine/op", "engine/tensor", "format", "internal/atomicfile",
		"internal/registry"},
	"format/safetensors": {"engine/graph", "engine/tensor", "format", "internal/atomicfile", "internal/registry"},
}

// engineRooms stands for every room of the engine.
const engineRooms = "engine/*"

// free may import anything.
var free = []string{"cmd"}

// TestImportRules fails for an import that the map does not allow, and for a package
// that is in no room.
func TestImportRules(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range listPackages(t) {
		path := strings.TrimPrefix(p.ImportPath, module)
		if path == p.ImportPath || slices.ContainsFunc(free, func(f string) bool { return within(path, f) }) {
			continue
		}
		from := room(path)
		if from == "" {
			t.Errorf("package %s is in no room of the map", path)
			continue
		}
		seen[from] = true
		for _, imp := range p.Imports {
			target := strings.TrimPrefix(imp, module)
			if target == imp || room(target) == from {
				continue
			}
			if !mayImport(from, room(target)) {
				t.Errorf("%s imports %s, which the map forbids", path, target)
			}
		}
	}
	for r := range allowed {
		if !seen[r] {
			t.Errorf("the map has the room %s, the tree does not", r)
		}
	}
}

type pkg struct {
	ImportPath string
	Imports    []string
}

func listPackages(t *testing.T) []pkg {
	out, err := exec.Command("go", "list", "-e", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var ps []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return ps
		} else if err != nil {
			t.Fatal(err)
		}
		ps = append(ps, p)
	}
}

// room returns the most specific room that a package lies in, or "".
func room(path string) string {
	best := ""
	for r := range allowed {
		if within(path, r) && len(r) > len(best) {
			best = r
		}
	}
	return best
}

func within(path, folder string) bool { return path == folder || strings.HasPrefix(path, folder+"/") }

func mayImport(from, to string) bool {
	return slices.ContainsFunc(allowed[from], func(a string) bool {
		return a == to || a == engineRooms && within(to, "engine")
	})
}
