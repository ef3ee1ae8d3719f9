//go:build !purego

package kernel

// detect lists the vector paths of this machine: every arm64 has NEON.
func detect() []isa { return []isa{isaNEON} }
