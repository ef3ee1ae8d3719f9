package op

import (
	"os"
	"testing"

	"github.com/compress-toolkit/compress/engine/op/optest"
)

// TestMain makes pieces tiny, so that small samples are cut into many.
func TestMain(m *testing.M) {
	pieceGrain = 5
	os.Exit(m.Run())
}

// TestContract runs every operator's samples.
func TestContract(t *testing.T) { optest.Run(t) }
