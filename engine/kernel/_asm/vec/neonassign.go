package main

import (
	"bytes"
	"fmt"
)

// into makes v the new value of the pinned register acc. v becomes acc at once if
// nobody reads the old value later.
func (n *neon) into(acc, v *neonReg) {
	from := -1
	for i, op := range n.code {
		if op.dst == v && from < 0 {
			from = i
		} else if from >= 0 && (op.a == acc || op.b == acc) || v.pin {
			n.push(n.move(acc, v))
			return
		}
	}
	for _, op := range n.code[from:] {
		for _, r := range []**neonReg{&op.dst, &op.a, &op.b} {
			if *r == v {
				*r = acc
			}
		}
	}
}

// assign gives every virtual register one of the machine, and reports whether
// there are enough: pinned ones from the last down, the others as they come.
func (n *neon) assign() bool {
	pins := n.spans()
	busy := [32]bool{}
	for i := range pins {
		busy[31-i] = true
	}
	for i, op := range n.code {
		for _, r := range []*neonReg{op.a, op.b} {
			if r != nil && !r.pin && r.last == i {
				busy[r.machine] = false
			}
		}
		if d := op.dst; d != nil && !d.pin && d.first == i {
			d.machine = free(&busy, op)
			if d.machine < 0 {
				return false
			}
			busy[d.machine] = d.last > i
		}
		if d := op.dst; d != nil && !d.pin && d.last == i {
			busy[d.machine] = false
		}
	}
	return true
}

// free returns a register that is not busy, that of a if there is a choice, so
// that moves vanish.
func free(busy *[32]bool, op *neonOp) int {
	if op.a != nil && !busy[op.a.machine] {
		return op.a.machine
	}
	for i, b := range busy {
		if !b {
			return i
		}
	}
	return -1
}

// spans finds where registers are used, numbers the pinned ones and returns how
// many there are.
func (n *neon) spans() (pins int) {
	seen := map[*neonReg]bool{}
	for i, op := range n.code {
		for _, r := range []*neonReg{op.a, op.b, op.dst} {
			switch {
			case r == nil:
			case seen[r]:
				r.last = i
			default:
				seen[r], r.first, r.last = true, i, i
				if r.pin {
					r.machine = 31 - pins
					pins++
				}
			}
		}
	}
	return pins
}

// text writes the instructions with their registers.
func (n *neon) text(out *bytes.Buffer) {
	for _, op := range n.code {
		switch {
		case op.text != "" && op.dst != nil:
			fmt.Fprintf(out, "\t"+op.text+"\n", op.dst.machine)
		case op.text != "" && op.a != nil:
			fmt.Fprintf(out, "\t"+op.text+"\n", op.a.machine)
		case op.text != "" && op.text[len(op.text)-1] == ':':
			fmt.Fprintln(out, op.text)
		case op.text != "":
			fmt.Fprintln(out, "\t"+op.text)
		case op.name == "MOV" && op.dst.machine == op.a.machine:
		default:
			op.encode(out)
		}
	}
}

func (op *neonOp) encode(out *bytes.Buffer) {
	word, names := op.word|uint32(op.a.machine)<<5|uint32(op.dst.machine), fmt.Sprintf("V%d", op.a.machine)
	if op.b != nil {
		word |= uint32(op.b.machine) << 16
		names = fmt.Sprintf("V%d, %s", op.b.machine, names)
	}
	fmt.Fprintf(out, "\tWORD $%#08x // %s %s, V%d\n", word, op.name, names, op.dst.machine)
}
