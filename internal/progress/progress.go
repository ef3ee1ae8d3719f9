// Package progress shows how far a long run is: a bar that is redrawn on a
// terminal, one line each 30 seconds elsewhere.
package progress

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// Bar reports to one writer. The nil Bar reports nothing.
type Bar struct {
	w        io.Writer
	terminal bool
	every    time.Duration
	begin    time.Time
	last     time.Time
	width    int // of what stands on the terminal's line
}

// intervals between reports.
const (
	terminalEvery = 100 * time.Millisecond
	lineEvery     = 30 * time.Second
)

// New returns a bar on w; it is redrawn in place when w is a terminal and the
// environment does not say otherwise.
func New(w io.Writer) *Bar {
	b := &Bar{w: w, every: lineEvery, begin: time.Now()}
	b.last = b.begin
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb" {
		b.terminal, b.every = true, terminalEvery
	}
	return b
}

// Update reports that a fraction done of the work is done, if a report is due.
// text says what is worth knowing and is only asked for then.
func (b *Bar) Update(done float64, text func() string) {
	if b == nil || time.Since(b.last) < b.every {
		return
	}
	b.last = time.Now()
	b.show(done, text())
}

func (b *Bar) show(done float64, text string) {
	eta := "-"
	if done > 0 {
		left := time.Since(b.begin).Seconds() * (1 - done) / done
		eta = (time.Duration(left) * time.Second).String()
	}
	line := fmt.Sprintf("%3.0f%% %s eta %s", done*100, text, eta)
	if !b.terminal {
		fmt.Fprintln(b.w, line)
		return
	}
	const cells = 20
	full := int(done * cells)
	line = "[" + strings.Repeat("#", full) + strings.Repeat(".", max(cells-full, 0)) + "] " + line
	fmt.Fprintf(b.w, "\r%-*s", b.width, line)
	b.width = len(line)
}

// Clear removes the bar from the terminal so that other text can be written.
func (b *Bar) Clear() {
	if b == nil || !b.terminal || b.width == 0 {
		return
	}
	fmt.Fprintf(b.w, "\r%s\r", strings.Repeat(" ", b.width))
	b.width = 0
}

// Println writes a line that stays.
func (b *Bar) Println(text string) {
	if b == nil {
		return
	}
	b.Clear()
	fmt.Fprintln(b.w, text)
}
