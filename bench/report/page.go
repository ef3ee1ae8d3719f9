package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"time"

	"github.com/compress-toolkit/compress/bench"
	"github.com/compress-toolkit/compress/bench/budget"
)

// Page is everything that a report shows. Parts that are empty are left out.
type Page struct {
	Title   string
	Created time.Time
	Data    string // the samples of the accuracies
	Version string // of the program
	Models  []Model
	Spectra []Spectrum
	Curves  []Curve
	Budget  *budget.Result
}

// Model is one model of a report.
type Model struct {
	bench.Result
	Layers     []Layer
	Confusion  *Confusion
	Provenance map[string]string
}

// Layer is a node with parameters.
type Layer struct {
	Name, Op            string
	Params, Bytes, MACs int64
}

// Confusion counts samples by their label, then by the predicted class.
type Confusion struct {
	Classes []string
	Counts  [][]int
}

// Spectrum is the singular values of one weight, as a matrix of one row for each
// output, and the ranks that other models have in its place.
type Spectrum struct {
	Site   string
	Model  string    // that the weight is of
	Values []float64 // in falling order
	Ranks  []Rank
}

// Rank is the rank that a model has in the place of a weight.
type Rank struct {
	Model string
	Rank  int
}

// Energy is the share of the squared singular values that the first rank ones hold.
func (s Spectrum) Energy(rank int) float64 {
	var kept, all float64
	for i, v := range s.Values {
		all += v * v
		if i < rank {
			kept += v * v
		}
	}
	if all == 0 {
		return 1
	}
	return kept / all
}

// Curve is the course of one training.
type Curve struct {
	Name   string
	Points []CurvePoint
}

// CurvePoint is the mean loss up to a point of a training, and the validation accuracy
// where one was measured.
type CurvePoint struct {
	Epoch, Loss float64
	Accuracy    *float64
}

//go:embed page.html
var pageHTML string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"bytes": bench.Bytes, "count": bench.Count, "name": shortName,
	"percent": func(v *float64) string {
		if v == nil {
			return "–"
		}
		return fmt.Sprintf("%.2f %%", 100**v)
	},
	"error": func(v *float64) string {
		if v == nil {
			return "–"
		}
		return fmt.Sprintf("%.2g", *v)
	},
	"key":   func(i int) int { return i % colours },
	"style": func() template.CSS { return template.CSS(plotStyle) },
}).Parse(pageHTML))

// view is what the template sees.
type view struct {
	*Page
	Frontier, LayerPlots, SpectrumPlots, CurvePlots, ConfusionPlots []figure
	BudgetRows                                                      [][]string
	BudgetHeads                                                     []string
}

// figure is a plot in the page.
type figure struct {
	Plot
	Inline template.HTML
}

// WriteHTML writes the report as one file.
func (p *Page) WriteHTML(w io.Writer) error {
	v := view{Page: p}
	for _, plot := range p.Plots() {
		f := figure{plot, template.HTML(plot.svg)}
		switch plot.kind {
		case frontier:
			v.Frontier = append(v.Frontier, f)
		case layers:
			v.LayerPlots = append(v.LayerPlots, f)
		case spectra:
			v.SpectrumPlots = append(v.SpectrumPlots, f)
		case curves:
			v.CurvePlots = append(v.CurvePlots, f)
		case confusion:
			v.ConfusionPlots = append(v.ConfusionPlots, f)
		}
	}
	if p.Budget != nil {
		v.BudgetHeads, v.BudgetRows = p.Budget.Table()
	}
	return pageTemplate.Execute(w, v)
}
