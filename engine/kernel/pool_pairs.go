package kernel

// poolRows is the argument of the kernels of 2 x 2 windows next to each other, 8
// outputs at a time: rows rows of whole vectors, and a shorter one if out is not
// 0. Two rows of x, width bytes apart, belong to a row of y and of arg. Strides
// are in bytes. The offsets are known to the assembly.
type poolRows[T Float] struct {
	x, y           *T
	arg            *int32
	rows, whole    int
	width, ldy     int
	down           int    // from an element to that below, as in arg
	out, low, high uint64 // lanes of the shorter vector, and of its two of x
}

// pairLanes is the number of outputs of a whole vector.
const pairLanes = 8

// nativePairsOf computes a plane of pairs by the assembly, y and arg from x or, in
// a gradient, x from them, and reports whether it did.
func nativePairsOf[T Float](s *PoolShape, y, x []T, arg []int32, grad bool) bool {
	fx, ok := any(x).([]float32)
	if !ok || len(y) == 0 || arg == nil {
		return false
	}
	fy, _ := any(y).([]float32)
	tail := s.OW % pairLanes
	return nativePairs(&poolRows[float32]{x: &fx[0], y: &fy[0], arg: &arg[0], rows: s.OH, whole: s.OW / pairLanes,
		width: 4 * s.W, ldy: 4 * s.OW, down: s.W,
		out: 1<<tail - 1, low: laneMask(0, pairLanes, 2*tail), high: laneMask(pairLanes, pairLanes, 2*tail)}, grad)
}
