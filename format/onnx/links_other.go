//go:build !unix

package onnx

import "io/fs"

const nonBlocking = 0

// links returns 1: this system does not tell.
func links(fs.FileInfo) uint64 { return 1 }
