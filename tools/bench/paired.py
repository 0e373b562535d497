"""What the benches share: two programs that answer the same lines, run in turns, so that a busy machine slows both alike.

A side is a program that says "ready SECONDS" when it has loaded and then answers each line "MODE RUNS" on stdin with
"SECONDS CPU_SECONDS VALUE"; serve() is that program's loop in Python.
"""

import os
import statistics
import subprocess
import sys
import time

# What `atelier` sets before it starts the programs that compute (tools/atelier/main.cpp); good for the peer as well.
ENVIRONMENT = {"GOMP_SPINCOUNT": "20000"}


class Side:
    """One program under measurement."""

    def __init__(self, command):
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, env=ENVIRONMENT | os.environ)
        answer = self.process.stdout.readline().split()
        if not answer or answer[0] != "ready":
            sys.exit(f"{command[0]} did not start")
        self.load_seconds = float(answer[1])
        self.load_peak = self.peak()

    def peak(self):
        """The most memory that was resident so far, in GiB."""
        status = open(f"/proc/{self.process.pid}/status").read()
        return int(status.split("VmHWM:")[1].split()[0]) / 2**20

    def run(self, mode, runs):
        """(seconds, processors' seconds) a run, and the value it computed."""
        self.process.stdin.write(f"{mode} {runs}\n")
        self.process.stdin.flush()
        seconds, cpu_seconds, value = map(float, self.process.stdout.readline().split())
        return seconds / runs, cpu_seconds / runs, value

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def serve(load_seconds, modes):
    """The loop of a side written in Python: `modes` is name -> function that returns a number."""
    print(f"ready {load_seconds:.3f}", flush=True)
    for line in sys.stdin:
        mode, runs = line.split()
        begin, cpu_begin = time.perf_counter(), time.process_time()
        for _ in range(int(runs)):
            value = modes[mode]()
        print(time.perf_counter() - begin, time.process_time() - cpu_begin, value, flush=True)


def compare(ours, peer, mode, turns, runs, warm_up=1):
    """Both sides in turns; prints the median seconds a run and the median of the turns' ratios, which it returns."""
    values = [side.run(mode, warm_up)[2] for side in (ours, peer)]
    pairs = [(ours.run(mode, runs), peer.run(mode, runs)) for _ in range(turns)]
    ratios = []
    for name, column in (("wall", 0), ("processors", 1)):
        mine, theirs = (statistics.median(pair[side][column] for pair in pairs) for side in (0, 1))
        ratios.append(statistics.median(pair[0][column] / pair[1][column] for pair in pairs))
        print(f"{mode:12} {name:10} ours {mine:8.4f} s, peer {theirs:8.4f} s, ratio {ratios[-1]:.3f}", flush=True)
    print(f"{mode:12} value      ours {values[0]:.7g}, peer {values[1]:.7g}", flush=True)
    return ratios[0]
