//go:build !purego

package kernel

import "golang.org/x/sys/cpu"

// detect lists the vector paths of this machine, best first.
func detect() []isa {
	var s []isa
	x := &cpu.X86
	if x.HasAVX512F && x.HasAVX512BW && x.HasAVX512DQ && x.HasAVX512VL && x.HasAVX2 && x.HasFMA {
		s = append(s, isaAVX512)
	}
	if x.HasAVX2 && x.HasFMA {
		s = append(s, isaAVX2)
	}
	return s
}
