// Command vec writes the amd64 and arm64 assembly of the vector kernels, and the
// Go files that put it in tables, into the folder that -dir names. A kernel is
// described once, in terms of a machine; see spec.
package main

import (
	"flag"
	"log"
)

var dir = flag.String("dir", "../..", "`folder` of package kernel")

func main() {
	flag.Parse()
	log.SetFlags(0)
	if err := writeX86(); err != nil {
		log.Fatalf("%+v", err)
	}
	if err := writeNEON(); err != nil {
		log.Fatal(err)
	}
}
