"""How much longer a training takes beside another program that keeps two processors busy.

    python tests/benchmarks/engine/busy.py RUN [--steps 100]
    python tests/benchmarks/engine/busy.py sample

RUN is a finished run; a child trains its SASRec with two threads (`softmax.py --memory`): as engines wait for their
threads, asleep at once, and spinning on; each alone, and beside two processes that spin at its nice.
Seconds are those of the wall, for the second half of the steps (bar: at most 2.5 times those of a quiet machine).
`sample`: the first training of the sample, from the command to its end, in an empty folder. An engine whose threads
share their work goes to the processors that others leave (`core.processors`), which takes it two seconds to see.
It wants a machine that is otherwise quiet.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from core.run.launch import COMPUTING, engine_environment


def seconds(run: Path, steps: int, environment: dict[str, str]) -> float:
    """Of the second half of the steps."""
    script = Path(__file__).with_name("softmax.py")
    argv = [sys.executable, str(script), str(run), "--threads", "2", "--memory", str(steps)]
    child = subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    try:
        times = [time.perf_counter() for line in child.stdout if int(line.split()[0]) in (steps // 2, steps)]
        return times[1] - times[0]
    finally:
        child.kill()
        child.wait()


def sample_seconds(environment: dict[str, str]) -> float:
    """Of the README's first training."""
    with tempfile.TemporaryDirectory() as folder:
        cli = [sys.executable, "-m", "eagertui.cli"]
        subprocess.run([*cli, "init", f"{folder}/shop", "--sample"], env=environment, check=True, capture_output=True)
        began = time.perf_counter()
        train = [*cli, "--headless", "train", f"{folder}/shop"]
        subprocess.run(train, env=environment, check=True, capture_output=True)
        return time.perf_counter() - began


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--steps", type=int, default=100, help="a multiple of 100")
    args = parser.parse_args()
    plain = {name: value for name, value in os.environ.items() if name not in (*COMPUTING, "OMP_NUM_THREADS")}
    os.environ.clear()
    os.environ.update(plain)
    ours = engine_environment()
    spins = {"ours": ours["GOMP_SPINCOUNT"], "sleeping": "0", "spinning": "infinite"}
    ways = {name: {**ours, "GOMP_SPINCOUNT": count} for name, count in spins.items()}
    whole = str(args.run) == "sample"
    for name, environment in ({"whole": plain} if whole else ways).items():
        one = partial(seconds, args.run, args.steps, environment)
        measured = partial(sample_seconds, environment) if whole else one
        quiet = measured()
        others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
        try:
            busy = measured()
        finally:
            for other in others:
                other.kill()
                other.wait()
        print(f"{name:10} {quiet:7.1f} s alone {busy:7.1f} s beside two others  {busy / quiet:5.2f}x", flush=True)


if __name__ == "__main__":
    main()
