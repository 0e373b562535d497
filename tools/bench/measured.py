"""One program under measurement, from start to end."""

import os
import subprocess
import time
from typing import NamedTuple


class Usage(NamedTuple):
    seconds: float
    cpu_seconds: float  # of all processors
    peak: float  # GiB resident at most, pages of mapped files included


def measured(*command):
    """The Usage of a program that must succeed.

    The peak of a new process begins with that of its parent, so nothing large may be mapped here before."""
    begin = time.perf_counter()
    process = subprocess.Popen([str(part) for part in command])
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)  # it is reaped: subprocess shall not wait again
    if process.returncode:
        raise SystemExit(f"{command[0]} ended with {process.returncode}")
    return Usage(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 2**20)
