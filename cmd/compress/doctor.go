package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/urfave/cli/v2"

	"github.com/compress-toolkit/compress/bench"
	"github.com/compress-toolkit/compress/engine/graph"
	"github.com/compress-toolkit/compress/engine/kernel"
	"github.com/compress-toolkit/compress/format"
	"github.com/compress-toolkit/compress/student"
)

func doctorCommand() *cli.Command {
	return command("doctor", "show processor, kernels, memory and data found", "no arguments",
		commonFlags(&cli.StringFlag{Name: "data-dir", Usage: "`DIR` to look for data in first"}), doctorAction)
}

type diagnosis struct {
	Version       int         `json:"version"`
	Tool          string      `json:"tool"`
	Go            string      `json:"go"`
	Platform      string      `json:"platform"`
	Processors    int         `json:"processors"`
	Threads       int         `json:"threads"`
	Kernels       string      `json:"kernels"`
	KernelPaths   []string    `json:"kernel_paths"`
	MemoryLimit   int64       `json:"memory_limit"` // of the Go runtime, bytes
	Opset         int         `json:"opset"`
	Operators     int         `json:"operators"`
	Formats       []string    `json:"formats"`
	Architectures []string    `json:"architectures"`
	Data          []knownData `json:"data"`
}

func doctorAction(c *cli.Context) error {
	if err := args(c, 0, 0); err != nil {
		return err
	}
	d := diagnosis{
		Version: 1, Tool: version(), Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		Processors: runtime.NumCPU(), Threads: kernel.Default().Threads(), Kernels: kernel.Path(), KernelPaths: kernel.Paths(),
		MemoryLimit: debug.SetMemoryLimit(-1), Opset: graph.Opset, Operators: len(graph.OpNames()),
		Formats: format.Exts(), Architectures: student.Usages(), Data: listData(dirs(c)).Sets,
	}
	return emit(c, d, d.text)
}

func (d diagnosis) text(w io.Writer) error {
	fmt.Fprintf(w, "compress %s, %s, %s\n", d.Tool, d.Go, d.Platform)
	fmt.Fprintf(w, "processors: %d, threads: %d\n", d.Processors, d.Threads)
	fmt.Fprintf(w, "kernels: %s (of %v; COMPRESS_KERNEL forces one)\n", d.Kernels, d.KernelPaths)
	if d.MemoryLimit < 1<<62 {
		fmt.Fprintf(w, "memory limit (GOMEMLIMIT): %s\n", bench.Bytes(d.MemoryLimit))
	}
	fmt.Fprintf(w, "operators: %d at opset %d; formats: %v\n", d.Operators, d.Opset, d.Formats)
	for _, a := range d.Architectures {
		fmt.Fprintf(w, "architecture: %s\n", a)
	}
	for _, k := range d.Data {
		place := k.Found
		if place == "" {
			place = "not found: `compress data fetch " + k.Name + "`"
		}
		fmt.Fprintf(w, "data: %s: %s\n", k.Name, place)
	}
	return nil
}
