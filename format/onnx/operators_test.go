package onnx

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/compress-toolkit/compress/engine/graph"
)

//go:generate go test -run ^TestOperatorsDoc$ -update

var update = flag.Bool("update", false, "write docs/onnx-operators.md anew")

const operatorsDoc = "../../docs/onnx-operators.md"

// operators lists what the engine runs, as a page.
func operators() string {
	var b strings.Builder
	names := slices.DeleteFunc(graph.OpNames(), func(s string) bool { return strings.HasPrefix(s, graph.PrivateDomain+".") })
	known := slices.DeleteFunc(slices.Clone(names), func(s string) bool { return since[s] == nil })
	fmt.Fprintf(&b, `# ONNX operators

Made by `+"`go generate ./format/onnx`"+`; do not edit.

The engine runs %d operators of ONNX's default domain at opset %d. Files of opset %d to %d are read: a node means
what its opset says, and is brought to opset %d. All other operators, and other domains, are kept as they are: such a
model can be read, counted, factorised and written back, but only another runtime can run it.

The second column is the version of the definition that the engine follows; the third the versions that a file may
use instead, apart from changes that only add element types; the last the lowest opset that a node made by this program
can be written at ("made of older ones" where it becomes several nodes below the opset that introduced it).

| operator | definition | changed in | written from |
|---|---|---|---|
`, len(known), graph.Opset, MinOpset, MaxOpset, graph.Opset)
	for _, op := range known {
		fmt.Fprintf(&b, "| [%s](https://onnx.ai/onnx/operators/onnx__%s.html) | %d | %s | %s |\n", op, op, versionAt(op, graph.Opset), changes(op), lowest(op))
	}
	if len(known) < len(names) {
		b.WriteString("\nOther domains: ")
		b.WriteString(strings.Join(slices.DeleteFunc(names, func(s string) bool { return since[s] != nil }), ", "))
		b.WriteString(".\n")
	}
	return b.String()
}

// changes lists the versions whose change of meaning is undone on reading.
func changes(op string) string {
	var s []string
	for _, st := range steps[op] {
		if st.up != nil && slices.Contains(since[op], st.version) {
			s = append(s, fmt.Sprint(st.version))
		}
	}
	return strings.Join(s, ", ")
}

func lowest(op string) string {
	if e, ok := expansions[op]; ok {
		return fmt.Sprintf("%d, below made of older ones", e.until)
	}
	return fmt.Sprint(max(6, since[op][0]))
}

// TestOperatorsDoc compares the page with what is registered.
func TestOperatorsDoc(t *testing.T) {
	want := operators()
	if *update {
		mustDo(t, os.MkdirAll("../../docs", 0o755), os.WriteFile(operatorsDoc, []byte(want), 0o644))
	}
	got, err := os.ReadFile(operatorsDoc)
	mustDo(t, err)
	if string(got) != want {
		t.Errorf("%s is not up to date: run `go generate ./format/onnx`", operatorsDoc)
	}
}

// TestStepsAreVersions makes sure that every step is at a version that ONNX has.
func TestStepsAreVersions(t *testing.T) {
	for op, list := range steps {
		for i, s := range list {
			if !slices.Contains(since[op], s.version) && s.version > 6 {
				t.Errorf("%s has no version %d", op, s.version)
			}
			if i > 0 && list[i-1].version >= s.version {
				t.Errorf("%s: step %d is not above the one before", op, s.version)
			}
		}
	}
}

func mustDo(t testing.TB, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}
