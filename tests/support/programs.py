"""The programs under test, run as a user runs them."""

import os
import subprocess
from pathlib import Path

BUILD = Path(os.environ.get("ATELIER_BUILD_DIR", Path(__file__).resolve().parents[2] / "build" / "dev"))
SOURCE = Path(os.environ.get("ATELIER_SOURCE_DIR", Path(__file__).resolve().parents[2]))


def program(name):
    """The path of a built program."""
    return BUILD / "bin" / name


def run(name, *args, check=True, **options):
    """Runs a program, its output captured as text. With `check`, a failure shows what the program said."""
    command = [str(program(name)), *map(str, args)]
    result = subprocess.run(command, capture_output=True, text=True, **options)
    if check and result.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: exit {result.returncode}\n{result.stdout}\n{result.stderr}")
    return result
