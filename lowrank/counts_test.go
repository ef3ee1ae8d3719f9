package lowrank

import (
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// bigSite is a site whose weight is never read.
func bigSite(kind Kind, m, k int, modes Modes) *Site {
	p := &graph.Param{Name: "w", DType: tensor.F32, Shape: tensor.Shape{m, k}}
	return &Site{Name: "big", Kind: kind, Groups: 1, M: m, K: k, Param: p, Uses: []*Use{{Batch: 1}}, modes: modes}
}

// The counts of Novikov et al. 2015 and of Yang, Krompass and Tresp 2017.
func TestPublishedTrainCounts(t *testing.T) {
	vgg := Modes{[]int{4, 4, 4, 4, 4, 4}, []int{2, 7, 8, 8, 7, 4}}
	for _, c := range []struct {
		what         string
		s            *Site
		rank         int
		params, less int64 // parameters, or the factor by which they are fewer; 0 to not check
	}{
		{"fully connected layer of VGG, rank 4", bigSite(Dense, 4096, 25088, vgg), 4, 0, 50972},
		{"rank 2", bigSite(Dense, 4096, 25088, vgg), 2, 0, 194622},
		{"rank 1", bigSite(Dense, 4096, 25088, vgg), 1, 0, 713614},
		{"1024 x 3125, rank 8", bigSite(Dense, 3125, 1024, Modes{[]int{5, 5, 5, 5, 5}, []int{4, 4, 4, 4, 4}}), 8, 4160, 0},
		{"GRU on video, rank 4", bigSite(Input, 3*256, 57600, Modes{[]int{12, 4, 4, 4}, []int{8, 20, 20, 18}}), 4, 3232, 0},
		{"LSTM on video, rank 4", bigSite(Input, 4*256, 57600, Modes{[]int{16, 4, 4, 4}, []int{8, 20, 20, 18}}), 4, 3360, 0},
	} {
		d := ttMatrix{}
		most, err := d.MaxRanks(c.s)
		if err != nil {
			t.Fatal(err)
		}
		got := d.Cost(c.s, clampRanks(Ranks{c.rank}, most)).Params
		if c.params != 0 && got != c.params {
			t.Errorf("%s: %d parameters, want %d", c.what, got, c.params)
		}
		if c.less != 0 && (c.s.Params()+got/2)/got != c.less {
			t.Errorf("%s: %d times fewer parameters, want %d", c.what, (c.s.Params()+got/2)/got, c.less)
		}
	}
}

func TestModes(t *testing.T) {
	for _, c := range []struct{ m, k int }{{1024, 1024}, {4096, 25088}, {768, 57600}, {6, 10}, {1200, 784}} {
		m := autoModes(c.m, c.k)
		if product1(m.Rows) != c.m || product1(m.Cols) != c.k || len(m.Rows) != len(m.Cols) || len(m.Rows) < 2 {
			t.Errorf("%d x %d: modes %v x %v", c.m, c.k, m.Rows, m.Cols)
		}
	}
	for _, bad := range []Modes{{[]int{2, 3}, []int{5, 2, 1}}, {[]int{2, 2}, []int{5, 2}}, {[]int{6}, []int{10}}} {
		s := denseSite(Dense, 6, 10)
		s.modes = bad
		if _, err := (ttMatrix{}).MaxRanks(s); err == nil {
			t.Errorf("modes %v x %v of a 6 x 10 matrix are accepted", bad.Rows, bad.Cols)
		}
	}
}

// Every frontier rank costs less than the dense weight, and the MACs of a chain are those of its parts.
func TestConvolutionMACs(t *testing.T) {
	s := convSite(1, 8, 6, 3, 3)
	s.Uses[0].Out = []int{4, 4} // stride 2 on an 8 x 8 map
	for _, c := range []struct {
		d    Decomposition
		r    Ranks
		macs int64
	}{
		{channel{}, Ranks{5}, 16 * (5*6*9 + 5*8)},
		{spatial{}, Ranks{5}, 4*8*5*6*3 + 16*5*8*3},
		{tucker{}, Ranks{4, 3}, 64*3*6 + 16*(4*3*9+4*8)},
		{tucker{}, Ranks{8, 3}, 64*3*6 + 16*8*3*9},
		{cp{}, Ranks{5}, 64*5*6 + 4*8*5*3 + 16*5*3 + 16*5*8},
		{ttNaive{}, Ranks{2, 3, 4}, 64*6*2 + 4*8*2*3*3 + 16*3*3*4 + 16*4*8},
		{tuckerFull{}, Ranks{4, 3, 2, 2}, 64*3*6 + 3*(4*8*3*2) + 6*(16*3*2) + 16*(4*3*2*2) + 16*4*8},
	} {
		if got := c.d.Cost(s, c.r).MACs; got != c.macs {
			t.Errorf("%s %v: %d MACs, want %d", c.d.Name(), c.r, got, c.macs)
		}
	}
}
