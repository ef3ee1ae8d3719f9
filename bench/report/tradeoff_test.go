package report

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestTradeoffPlot(t *testing.T) {
	p, err := TradeoffPlot([]SizeError{{100, 0.5}, {200, 0.1}, {400, 0}}, 200)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := p.WriteSVG(&b); err != nil {
		t.Fatal(err)
	}
	for d := xml.NewDecoder(strings.NewReader(b.String())); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if !strings.Contains(b.String(), "chosen: 200") || !strings.Contains(b.String(), "<polyline") {
		t.Errorf("the plot misses its curve or its choice: %s", b.String())
	}
	if _, err := TradeoffPlot([]SizeError{{100, 0}}, 100); err == nil {
		t.Error("one point is a curve")
	}
}
