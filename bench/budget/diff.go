package budget

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// Branch is a part of two models that is named alike: a node, or all nodes whose names
// begin alike up to a slash.
type Branch struct {
	Name     string    `json:"name"`
	Old      float64   `json:"old"`    // bytes of parameters
	New      float64   `json:"new"`    //
	Change   float64   `json:"change"` // new - old
	Branches []*Branch `json:"branches,omitempty"`
}

// Diff is where two models differ in size.
type Diff struct {
	Version int     `json:"version"`
	Old     string  `json:"old"`
	New     string  `json:"new"`
	Root    *Branch `json:"root"`
}

// NewDiff compares the layers of two models. The children of a branch are in order of
// the size of their change.
func NewDiff(old, now *Measured) *Diff {
	root := &Branch{Name: "model"}
	names := slices.Sorted(maps.Keys(old.Layers))
	for name := range now.Layers {
		if _, ok := old.Layers[name]; !ok {
			names = append(names, name)
		}
	}
	for _, name := range names {
		a, b := old.Layers[name]["param_bytes"], now.Layers[name]["param_bytes"]
		if a != 0 || b != 0 {
			root.add(strings.Split(strings.Trim(name, "/"), "/"), a, b)
		}
	}
	root.finish()
	return &Diff{1, old.Path, now.Path, root}
}

func (b *Branch) add(path []string, old, now float64) {
	b.Old += old
	b.New += now
	if len(path) == 0 {
		return
	}
	i := slices.IndexFunc(b.Branches, func(c *Branch) bool { return c.Name == path[0] })
	if i < 0 {
		i = len(b.Branches)
		b.Branches = append(b.Branches, &Branch{Name: path[0]})
	}
	b.Branches[i].add(path[1:], old, now)
}

// finish sorts, and joins a branch with its only child.
func (b *Branch) finish() {
	b.Change = b.New - b.Old
	for len(b.Branches) == 1 && b.Name != "model" {
		b.Name += "/" + b.Branches[0].Name
		b.Branches = b.Branches[0].Branches
	}
	for _, c := range b.Branches {
		c.finish()
	}
	slices.SortStableFunc(b.Branches, func(x, y *Branch) int {
		return cmp.Or(cmp.Compare(max(y.Change, -y.Change), max(x.Change, -x.Change)), cmp.Compare(x.Name, y.Name))
	})
}

// WriteTable writes the tree.
func (d *Diff) WriteTable(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "parameters of\told\tnew\tchange\t")
	var walk func(b *Branch, depth int)
	walk = func(b *Branch, depth int) {
		percent := "new"
		switch {
		case b.New == 0:
			percent = "gone"
		case b.Old > 0:
			percent = fmt.Sprintf("%+.1f %%", 100*b.Change/b.Old)
		}
		fmt.Fprintf(tw, "%s%s\t%s\t%s\t%s\t%s\n", strings.Repeat("  ", depth), b.Name, Bytes.Format(b.Old), Bytes.Format(b.New), signed(Bytes, b.Change), percent)
		for _, c := range b.Branches {
			walk(c, depth+1)
		}
	}
	walk(d.Root, 0)
	return tw.Flush()
}
