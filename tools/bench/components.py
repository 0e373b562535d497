#!/usr/bin/env python3
"""Every bench of a component against its peer, one after another: the figures of docs/benchmarks.md. A quarter of an hour;
--full adds SDXL's UNet at its full size (unet_full.py says what that needs).

    tools/bench/components.py [--full] [--threads 2] [--build build/dev]
"""

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
BENCHES = (
    ("unet_step.py", "--size", "tiny"),
    ("unet_step.py", "--size", "mid", "--turns", "6", "--runs", "1"),
    ("clip_step.py",),
    ("vae_step.py",),
    ("layers.py",),
)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="SDXL's UNet at full size, too")
    parser.add_argument("--threads", default="2")
    parser.add_argument("--build", default=str(HERE.parents[1] / "build/dev"))
    arguments = parser.parse_args()
    for bench, *options in (*BENCHES, *([("unet_full.py",)] if arguments.full else [])):
        print(f"\n--- {' '.join([bench, *options])}", flush=True)
        subprocess.run([sys.executable, HERE / bench, *options, "--threads", arguments.threads, "--build", arguments.build],
                       check=True)


if __name__ == "__main__":
    main()
