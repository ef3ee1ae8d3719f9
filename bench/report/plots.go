package report

import (
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"strings"
)

// Plot is one picture.
type Plot struct {
	Name    string // of a file, without its ending
	Caption string
	kind    kind
	svg     string
}

type kind int

const (
	frontier kind = iota
	layers
	spectra
	curves
	confusion
)

// WriteSVG writes the plot as a file of its own.
func (p Plot) WriteSVG(w io.Writer) error {
	head, rest, _ := strings.Cut(p.svg, ">")
	_, err := fmt.Fprintf(w, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n%s><style>%s</style>%s\n", head, plotStyle, rest)
	return err
}

// Plots are the pictures of the page, each with a name of its own.
func (p *Page) Plots() []Plot {
	var ps []Plot
	add := func(k kind, name, caption, svg string) {
		if svg != "" {
			ps = append(ps, Plot{name, caption, k, svg})
		}
	}
	for _, cost := range []costAxis{
		{"size", "file size", func(m Model) int64 { return m.FileBytes }, bytesTick, true},
		{"macs", "multiply-accumulates", func(m Model) int64 { return m.MACs }, countTick, false},
	} {
		add(frontier, "accuracy-"+cost.file, "Accuracy against "+cost.name+"; the line joins the models that no other beats in both.", frontierPlot(p.Models, cost))
	}
	for i, m := range p.Models {
		add(layers, fmt.Sprintf("layers-%d-%s", i+1, fileName(shortName(m.Path))), shortName(m.Path)+": parameters of each layer.", layersPlot(m))
	}
	for i, s := range p.Spectra {
		add(spectra, fmt.Sprintf("spectrum-%d-%s", i+1, fileName(s.Site)), spectrumCaption(s), spectrumPlot(s))
	}
	add(curves, "training-loss", "Training loss.", curvesPlot(p.Curves, "loss"))
	add(curves, "training-accuracy", "Accuracy on the validation samples.", curvesPlot(p.Curves, "accuracy"))
	for i, m := range p.Models {
		if m.Confusion != nil {
			add(confusion, fmt.Sprintf("confusion-%d-%s", i+1, fileName(shortName(m.Path))), confusionCaption(m), confusionPlot(m))
		}
	}
	return ps
}

var notInNames = regexp.MustCompile(`[^A-Za-z0-9.-]+`)

// fileName makes a part of a file's name of a model's or a layer's.
func fileName(s string) string {
	return strings.Trim(notInNames.ReplaceAllString(s, "-"), "-.")
}

// shortName is a path's last part.
func shortName(path string) string { return filepath.Base(path) }
