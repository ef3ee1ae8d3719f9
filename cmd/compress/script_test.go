package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/compress-toolkit/compress/dataset/npy"
	"github.com/compress-toolkit/compress/engine/tensor"
)

// TestScripts runs the scripts of testdata/script, each in an empty folder. A script is
// a txtar archive in the manner of the go command's own tests: commands, one a line, and
// below them files, each headed by "-- name --". Words in single quotes keep their
// spaces. A "!" in front turns a check around, and lets compress fail.
//
//	[!] compress ARGS..        run the command line
//	exits CODE                 the last run's exit code
//	[!] stdout|stderr REGEXP   matches the last run's output; ^ and $ are ends of lines
//	[!] exists FILE..
//	[!] same FILE FILE         equal contents
//	only FILE..                the folder holds these and nothing else
//	truncate FILE BYTES        cut a file short
//	samples FILE NAME N,C,..   write a .npz, or .npy, of normal numbers
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d scripts, %v", len(files), err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".txtar"), func(t *testing.T) {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			t.Chdir(t.TempDir())
			commands := unpack(t, string(text))
			s := &script{t: t}
			for i, line := range strings.Split(commands, "\n") {
				if err := s.line(line); err != nil {
					t.Fatalf("%s:%d: %s\n%v\nexit code %d\n%s%s", f, i+1, line, err, s.code, &s.stdout, &s.stderr)
				}
			}
		})
	}
}

var fileHead = regexp.MustCompile(`(?m)^-- (\S+) --\n`)

// unpack writes the archive's files to the current folder and returns its commands.
func unpack(t *testing.T, text string) (commands string) {
	heads := fileHead.FindAllStringSubmatchIndex(text, -1)
	end := len(text)
	for i := len(heads) - 1; i >= 0; i-- {
		h := heads[i]
		name := text[h[2]:h[3]]
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text[h[1]:end]), 0o666); err != nil {
			t.Fatal(err)
		}
		end = h[0]
	}
	return text[:end]
}

// script is the state of one that runs.
type script struct {
	t              *testing.T
	code           int
	stdout, stderr bytes.Buffer
}

var word = regexp.MustCompile(`'([^']*)'|\S+`)

// line runs a line; what a check did not find is an error.
func (s *script) line(line string) error {
	var words []string
	for _, m := range word.FindAllStringSubmatch(line, -1) {
		if strings.HasPrefix(m[0], "'") {
			m[0] = m[1]
		}
		words = append(words, m[0])
	}
	if len(words) == 0 || strings.HasPrefix(words[0], "#") {
		return nil
	}
	not := words[0] == "!"
	if not {
		words = words[1:]
	}
	ok, err := s.run(words[0], words[1:])
	if err == nil && ok == not {
		err = fmt.Errorf("not so")
	}
	return err
}

func (s *script) run(command string, args []string) (ok bool, err error) {
	switch command {
	case "compress":
		s.stdout.Reset()
		s.stderr.Reset()
		s.code = run(append([]string{"compress"}, args...), &s.stdout, &s.stderr)
		return s.code == 0, nil
	case "exits":
		return strconv.Itoa(s.code) == args[0], nil
	case "stdout":
		return matches(args[0], &s.stdout)
	case "stderr":
		return matches(args[0], &s.stderr)
	case "exists":
		for _, name := range args {
			if _, err := os.Stat(name); err != nil {
				return false, nil
			}
		}
		return true, nil
	case "same":
		a, err := os.ReadFile(args[0])
		if err != nil {
			return false, err
		}
		b, err := os.ReadFile(args[1])
		return bytes.Equal(a, b), err
	case "only":
		return only(args)
	case "truncate":
		n, err := strconv.ParseInt(args[1], 10, 64)
		if err == nil {
			err = os.Truncate(args[0], n)
		}
		return true, err
	case "samples":
		return true, samplesFile(args[0], args[1], args[2])
	}
	return false, fmt.Errorf("unknown command %q", command)
}

func matches(pattern string, out *bytes.Buffer) (bool, error) {
	re, err := regexp.Compile("(?m)" + pattern)
	return err == nil && re.Match(out.Bytes()), err
}

// only reports whether the current folder holds exactly these names.
func only(names []string) (bool, error) {
	left, err := os.ReadDir(".")
	if err != nil {
		return false, err
	}
	want := map[string]bool{}
	for _, n := range names {
		want[n] = true
	}
	for _, e := range left {
		if !want[e.Name()] {
			return false, fmt.Errorf("there is %s too", e.Name())
		}
	}
	return len(left) == len(want), nil
}

// samplesFile writes an array of normal numbers.
func samplesFile(file, name, dims string) error {
	var shape tensor.Shape
	for _, d := range strings.Split(dims, ",") {
		n, err := strconv.Atoi(d)
		if err != nil {
			return err
		}
		shape = append(shape, n)
	}
	x := tensor.New(tensor.F32, shape)
	r := tensor.NewRand(1, name)
	for i := range x.F32s() {
		x.F32s()[i] = float32(r.Normal(uint64(i)))
	}
	var b bytes.Buffer
	err := npy.Write(&b, x)
	if strings.HasSuffix(file, ".npz") {
		b.Reset()
		err = npy.WriteZip(&b, []npy.Entry{{Name: name, Tensor: x}})
	}
	if err != nil {
		return err
	}
	return os.WriteFile(file, b.Bytes(), 0o666)
}
