package distill

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/compress-toolkit/compress/internal/registry"
)

// Recipe is a list of stages as a YAML file has them:
//
//	about: one line for people
//	defaults: settings of every stage that does not have its own
//	stage1: settings of a Stage
//	stage2: ...
type Recipe struct {
	Name   string
	About  string
	stages []*yaml.Node // mappings, with the defaults of the file merged in
}

//go:embed recipes/*.yaml
var recipes embed.FS

// Recipes lists the recipes that come with the program.
func Recipes() []string {
	files, err := recipes.ReadDir("recipes")
	if err != nil {
		panic(err) // the folder is part of the program
	}
	var names []string
	for _, f := range files {
		names = append(names, strings.TrimSuffix(f.Name(), ".yaml"))
	}
	return names
}

// LoadRecipe reads the recipe of a name that Recipes lists, or else of a file.
func LoadRecipe(name string) (*Recipe, error) {
	text, err := recipes.ReadFile("recipes/" + name + ".yaml")
	if err != nil {
		text, err = os.ReadFile(name)
	}
	if errors.Is(err, os.ErrNotExist) {
		near := ""
		if n := registry.Nearest(name, Recipes()); n != "" {
			near = fmt.Sprintf(" (did you mean %q?)", n)
		}
		return nil, fmt.Errorf("recipe %s%s: there is no such file, nor a recipe of this name (%s)", name, near, strings.Join(Recipes(), ", "))
	}
	if err != nil {
		return nil, err
	}
	return ParseRecipe(name, text)
}

var stageName = regexp.MustCompile(`^stage([1-9][0-9]?)$`)

// ParseRecipe reads a recipe; name is for messages. Errors have line numbers.
func ParseRecipe(name string, text []byte) (*Recipe, error) {
	fail := func(err error) error { return fmt.Errorf("recipe %s: %w", name, err) }
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, fail(err)
	}
	if len(doc.Content) == 0 || doc.Content[0].Kind != yaml.MappingNode {
		return nil, fail(errors.New("it has no stages, as stage1: and stage2:, each with its settings"))
	}
	r := &Recipe{Name: name}
	var defaults *yaml.Node
	top := doc.Content[0].Content
	for i := 0; i < len(top); i += 2 {
		key, value := top[i], top[i+1]
		switch {
		case key.Value == "about":
			r.About = value.Value
		case key.Value == "defaults":
			defaults = value
		case stageName.MatchString(key.Value):
			if want := fmt.Sprintf("stage%d", len(r.stages)+1); key.Value != want {
				return nil, fail(fmt.Errorf("line %d: %s stands where %s is expected", key.Line, key.Value, want))
			}
			r.stages = append(r.stages, value)
		default:
			return nil, fail(fmt.Errorf("line %d: unknown key %q (known: about, defaults, stage1, stage2, ..)", key.Line, key.Value))
		}
	}
	if len(r.stages) == 0 {
		return nil, fail(errors.New("it has no stages, as stage1: and stage2:, each with its settings"))
	}
	for i, s := range r.stages {
		merged, err := overlay(defaults, s)
		if err == nil {
			_, err = decodeStage(merged)
		}
		if err != nil {
			return nil, fail(err)
		}
		r.stages[i] = merged
	}
	return r, nil
}

// NewRecipe returns a recipe of the given stages' settings; name is for
// messages and may be empty.
func NewRecipe(name string, stages ...map[string]any) (*Recipe, error) {
	r := &Recipe{Name: name}
	for _, s := range stages {
		node := &yaml.Node{}
		if err := node.Encode(s); err != nil {
			return nil, err
		}
		r.stages = append(r.stages, node)
	}
	return r, nil
}

// overlay returns the mapping a with the keys of b added or replaced. Either may be nil.
func overlay(a, b *yaml.Node) (*yaml.Node, error) {
	out := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	for _, m := range []*yaml.Node{a, b} {
		if m == nil || m.Tag == "!!null" {
			continue
		}
		if m.Kind != yaml.MappingNode {
			return nil, fmt.Errorf("line %d: want settings as KEY: VALUE", m.Line)
		}
		for i := 0; i < len(m.Content); i += 2 {
			set(out, m.Content[i], m.Content[i+1])
		}
	}
	return out, nil
}

func set(m, key, value *yaml.Node) {
	for i := 0; i < len(m.Content); i += 2 {
		if m.Content[i].Value == key.Value {
			m.Content[i], m.Content[i+1] = key, value
			return
		}
	}
	m.Content = append(m.Content, key, value)
}

// stageKeys are the known keys of a stage, termKeys those of a loss.
var stageKeys, termKeys = keys(Stage{}), keys(Term{})

// keys returns a struct's YAML keys, in the order of its fields.
func keys(v any) (names []string) {
	t := reflect.TypeOf(v)
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
		names = append(names, name)
	}
	return names
}

// decodeStage reads a stage's mapping; unknown keys are errors with their line.
func decodeStage(m *yaml.Node) (*Stage, error) {
	if err := known(m, "setting", stageKeys); err != nil {
		return nil, err
	}
	for i := 0; i < len(m.Content); i += 2 {
		if m.Content[i].Value != "losses" {
			continue
		}
		for _, term := range m.Content[i+1].Content {
			if err := known(term, "key of a loss", termKeys); err != nil {
				return nil, err
			}
		}
	}
	s := &Stage{}
	if err := m.Decode(s); err != nil {
		return nil, errors.New(strings.ReplaceAll(err.Error(), "yaml: unmarshal errors:\n", ""))
	}
	return s, nil
}

func known(m *yaml.Node, what string, names []string) error {
	if m.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: want KEY: VALUE", m.Line)
	}
	for i := 0; i < len(m.Content); i += 2 {
		k := m.Content[i]
		if slices.Contains(names, k.Value) {
			continue
		}
		near := ""
		if n := registry.Nearest(k.Value, names); n != "" {
			near = fmt.Sprintf("did you mean %q? ", n)
		}
		return fmt.Errorf("line %d: unknown %s %q (%sknown: %s)", k.Line, what, k.Value, near, strings.Join(names, ", "))
	}
	return nil
}

// Resolve returns the stages: base fills in what the recipe leaves open, and over,
// which gets each stage so far and may be nil, has the last word.
func (r *Recipe) Resolve(base map[string]any, over func(s *Stage) map[string]any) ([]*Stage, error) {
	bottom := &yaml.Node{}
	if err := bottom.Encode(base); err != nil {
		return nil, err
	}
	var out []*Stage
	for i, node := range r.stages {
		fail := func(err error) error {
			if r.Name == "" {
				return err
			}
			return fmt.Errorf("recipe %s: stage%d: %w", r.Name, i+1, err)
		}
		s, err := layers(bottom, node)
		if err == nil && over != nil {
			top := &yaml.Node{}
			if err = top.Encode(over(s)); err == nil {
				s, err = layers(bottom, node, top)
			}
		}
		if err == nil {
			err = s.Check()
		}
		if err != nil {
			return nil, fail(err)
		}
		out = append(out, s)
	}
	return out, nil
}

func layers(nodes ...*yaml.Node) (*Stage, error) {
	var m *yaml.Node
	for _, n := range nodes {
		var err error
		if m, err = overlay(m, n); err != nil {
			return nil, err
		}
	}
	return decodeStage(m)
}

// WriteStages writes resolved stages as a recipe that gives the same run again.
func WriteStages(w io.Writer, stages []*Stage) error {
	doc := &yaml.Node{Kind: yaml.MappingNode}
	for i, s := range stages {
		var v yaml.Node
		if err := v.Encode(s); err != nil {
			return err
		}
		doc.Content = append(doc.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: fmt.Sprintf("stage%d", i+1)}, &v)
	}
	var buf bytes.Buffer
	enc := yaml.NewEncoder(&buf)
	enc.SetIndent(2)
	if err := enc.Encode(doc); err != nil {
		return err
	}
	_, err := w.Write(buf.Bytes())
	return err
}
