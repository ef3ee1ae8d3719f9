package main

import (
	"runtime"
	"runtime/debug"
)

// frugal makes the collector keep little garbage: a model and its factors are few large arrays without
// pointers, which cost it next to nothing. The function that it returns undoes that.
func frugal() (undo func()) {
	percent, limit := debug.SetGCPercent(10), debug.SetMemoryLimit(-1)
	return func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	}
}

// little garbage is not worth collecting: small models would be collected a thousand times a second.
const little = 16 << 20

// reserve gives garbage back to the system and lets the process grow by so many bytes before the
// collector does all it can; a lower limit that is set already stays.
func reserve(bytes int64) {
	debug.FreeOSMemory()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	debug.SetGCPercent(int(max(10, 100*little/max(1, s.HeapAlloc))))
	if limit := int64(s.Sys-s.HeapReleased) + bytes; limit < debug.SetMemoryLimit(-1) {
		debug.SetMemoryLimit(limit)
	}
}
