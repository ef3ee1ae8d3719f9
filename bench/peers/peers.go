// Package peers is our side of the speed comparisons with other libraries. A
// program in a folder below serves its cases to the Python script beside it,
// which runs them in turn with the peer's, in one process tree and one run, so
// that whatever else the machine does hits both alike. See README.md. It is
// meant for those programs only.
package peers

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"time"
)

// A Case is one thing to time.
type Case struct {
	Name string
	// Make returns what is timed; the last call's result is kept.
	Make func() (func(), error)
}

// Serve answers requests, one a line, on w: "list" by the names and an empty
// line, "MILLISECONDS NAME" by the median time of a call in seconds, of as many
// calls as fit into the time.
func Serve(r io.Reader, w io.Writer, cases []Case) error {
	s := server{cases: cases}
	for in := bufio.NewScanner(r); in.Scan(); {
		if err := s.answer(w, in.Text()); err != nil {
			return err
		}
	}
	return nil
}

type server struct {
	cases []Case
	name  string // of run
	run   func()
}

func (s *server) answer(w io.Writer, line string) error {
	if line == "list" {
		for _, c := range s.cases {
			fmt.Fprintln(w, c.Name)
		}
		_, err := fmt.Fprintln(w)
		return err
	}
	var ms int
	var name string
	if _, err := fmt.Sscanf(line, "%d %q", &ms, &name); err != nil {
		return fmt.Errorf("peers: request %q: %w", line, err)
	}
	if err := s.choose(name); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w, Median(s.run, time.Duration(ms)*time.Millisecond).Seconds())
	return err
}

// choose makes the case called name, unless it is the one made last.
func (s *server) choose(name string) error {
	if s.run != nil && s.name == name {
		return nil
	}
	i := slices.IndexFunc(s.cases, func(c Case) bool { return c.Name == name })
	if i < 0 {
		return fmt.Errorf("peers: no case %q; see list", name)
	}
	run, err := s.cases[i].Make()
	if err != nil {
		return fmt.Errorf("peers: %s: %w", name, err)
	}
	s.name, s.run = name, run
	return nil
}

// Median returns the median time of a call of f, which it calls once to warm
// up and then for at least the budget.
func Median(f func(), budget time.Duration) time.Duration {
	f()
	var times []time.Duration
	for start := time.Now(); len(times) == 0 || time.Since(start) < budget; {
		t := time.Now()
		f()
		times = append(times, time.Since(t))
	}
	slices.Sort(times)
	return times[len(times)/2]
}
