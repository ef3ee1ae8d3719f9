package tensor

import "math"

// Rand is a counter-based random stream: its i-th number is a pure function of
// the key and i, so any element can be drawn by any worker in any order and the
// result is the same. The mixer is SplitMix64's finaliser applied twice
// (Steele, Lea, Flood 2014); it is not for cryptography.
type Rand struct{ key uint64 }

// NewRand returns the stream of a seed and a path of labels; streams with
// different seeds or labels are independent for all practical purposes.
func NewRand(seed uint64, labels ...string) Rand {
	k := mix(seed ^ 0x9e3779b97f4a7c15)
	for _, l := range labels {
		for i := 0; i < len(l); i++ {
			k = mix(k ^ uint64(l[i])*0x100000001b3)
		}
		k = mix(k + 0x632be59bd9b4e019)
	}
	return Rand{k}
}

// Sub returns the i-th child stream.
func (r Rand) Sub(i uint64) Rand { return Rand{mix(r.key ^ mix(i+0xd1342543de82ef95))} }

func mix(z uint64) uint64 {
	z ^= z >> 30
	z *= 0xbf58476d1ce4e5b9
	z ^= z >> 27
	z *= 0x94d049bb133111eb
	return z ^ z>>31
}

// Uint64 returns the i-th number of the stream.
func (r Rand) Uint64(i uint64) uint64 { return mix(mix(i*0x9e3779b97f4a7c15+r.key) + r.key) }

// Float64 returns the i-th number as a uniform value in [0, 1).
func (r Rand) Float64(i uint64) float64 { return float64(r.Uint64(i)>>11) / (1 << 53) }

// Float32 returns the i-th number as a uniform value in [0, 1).
func (r Rand) Float32(i uint64) float32 { return float32(r.Uint64(i)>>40) / (1 << 24) }

// Normal returns the i-th number as a standard normal value (Box and Muller 1958).
func (r Rand) Normal(i uint64) float64 {
	u := 1 - r.Float64(2*i)
	v := r.Float64(2*i + 1)
	return math.Sqrt(-2*math.Log(u)) * math.Cos(2*math.Pi*v)
}

// Intn returns the i-th number as a uniform integer in [0, n).
func (r Rand) Intn(i uint64, n int) int {
	return int((r.Uint64(i) >> 32) * uint64(n) >> 32)
}

// Perm returns a permutation of [0, n) (Fisher and Yates).
func (r Rand) Perm(n int) []int {
	p := make([]int, n)
	for i := range p {
		p[i] = i
	}
	for i := n - 1; i > 0; i-- {
		j := r.Intn(uint64(i), i+1)
		p[i], p[j] = p[j], p[i]
	}
	return p
}
