"""Times our program and a peer in turn and prints `name ours peer ratio`.

The names come from our program, so each table is written once, in Go; a script
gives a function that makes the peer's call from a name. A ratio above 1 means
that ours is faster.
"""

import os
import subprocess
import sys
import time


class Ours:
    """The Go program, which answers requests (see peers.go)."""

    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit("peers: our program stopped; its message is above")
        return line.rstrip("\n")

    def names(self):
        self.ask("list")
        return list(iter(self.answer, ""))

    def time(self, name, ms):
        self.ask('%d "%s"' % (ms, name))
        return float(self.answer())


def median_time(call, ms):
    """The median of as many calls as fit into ms, in seconds, after one to warm up."""
    call()
    times, start = [], time.perf_counter()
    while not times or time.perf_counter() - start < ms / 1000:
        before = time.perf_counter()
        call()
        times.append(time.perf_counter() - before)
    return sorted(times)[len(times) // 2]


def lower_quartile(times):
    """Other load on the machine only ever adds time."""
    return sorted(times)[len(times) // 4]


def compare(program, make_peer, rounds=9, ms=40, rest=0.03, columns=None, timer=median_time):
    """Compares every case whose name contains one of the command line's words.

    make_peer(name) returns the peer's call, or None to skip the case.
    After a turn of the peer the machine rests for rest seconds.
    columns(name, seconds) returns a figure to print instead of microseconds.
    timer(call, ms) times the peer.
    """
    ours, words = Ours(program), sys.argv[2:]
    print("%-34s %10s %10s %6s" % ("name", "ours", "peer", "ratio"), flush=True)
    for name in ours.names():
        if words and not any(w in name for w in words):
            continue
        call = make_peer(name)
        if call is None:
            continue
        a, b = [], []
        for _ in range(rounds):
            a.append(ours.time(name, ms))
            b.append(timer(call, ms))
            time.sleep(rest)  # the peer's idle threads spin for a while
        mine, theirs = lower_quartile(a), lower_quartile(b)
        figure = columns or (lambda _, t: "%.1f us" % (t * 1e6))
        print("%-34s %10s %10s %6.2f" % (name, figure(name, mine), figure(name, theirs), theirs / mine), flush=True)


def threads():
    """The number of threads that both sides use."""
    return int(os.environ.get("PEER_THREADS", os.cpu_count()))
