package kernel

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// Float is the element type of a kernel.
type Float interface{ float32 | float64 }

// isa names a set of instructions that kernels may use.
type isa uint8

const (
	isaPortable isa = iota
	isaNEON
	isaAVX2 // with FMA
	isaAVX512
)

var isaNames = [...]string{isaPortable: "portable", isaNEON: "neon", isaAVX2: "avx2", isaAVX512: "avx512"}

// String returns the name that COMPRESS_KERNEL and ForcePath take.
func (s isa) String() string { return isaNames[s] }

// supported lists the paths this machine and build can run, best first.
var supported = append(detect(), isaPortable)

// current is the path in use. It changes only in ForcePath.
var current = choose(os.Getenv("COMPRESS_KERNEL"))

// choose returns the path called name, or the best one when the machine does
// not have it: a wish from the environment must not stop the program.
func choose(name string) isa {
	for _, s := range supported {
		if s.String() == name {
			return s
		}
	}
	return supported[0]
}

// Path names the instruction set in use: avx512, avx2, neon or portable.
func Path() string { return current.String() }

// Paths lists the paths this machine can run, the best first.
func Paths() []string {
	names := make([]string, len(supported))
	for i, s := range supported {
		names[i] = s.String()
	}
	return names
}

// ForcePath switches every kernel to the named path, for tests and benchmarks.
// No kernel may be running. An unknown name changes nothing.
func ForcePath(name string) error {
	i := slices.Index(Paths(), name)
	if i < 0 {
		return fmt.Errorf("kernel: no path %q on this machine; choose one of %s", name, strings.Join(Paths(), ", "))
	}
	current = supported[i]
	return nil
}
