//go:build purego || (!amd64 && !arm64)

package kernel

// detect lists the vector paths of this machine: none in this build.
func detect() []isa { return nil }
