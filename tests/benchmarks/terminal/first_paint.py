"""How long until the app's first frame, beside an empty Textual app: `python tests/benchmarks/terminal/first_paint.py`.

Each figure is the median over fresh processes on a pseudo-terminal of 80x24, from the start of the process to
Textual's Ready event, which comes after the first frame; the two apps take turns. The bar is a ratio of at most 3.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import pty
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from pathlib import Path

ROOT = Path(__file__).parents[3]
HOOK = """
import json, os, sys, time
def ready(self):
    bad = [m for m in ("torch", "transformers", "peft", "faiss", "sklearn", "polars", "numpy") if m in sys.modules]
    with open(os.environ["FIRST_PAINT"], "w") as file:
        json.dump({"at": time.monotonic(), "modules": len(sys.modules), "bad": bad}, file)
    self.exit()
"""
EMPTY = HOOK + "from textual.app import App\nApp.on_ready = ready\nApp().run()\n"
OURS = HOOK + (
    "from eagertui.cli import main\nimport eagertui.app as app\n"
    "app.EagerApp.on_ready = ready\nsys.exit(main(sys.argv[1:]))\n"
)


def paint(code: str, *argv: str) -> tuple[float, dict[str, object]]:
    """Seconds to the first frame of one fresh process, and what it told."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    drain = threading.Thread(target=_drain, args=(master,), daemon=True)
    drain.start()
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "told.json"
        environment = {**os.environ, "FIRST_PAINT": str(told), "TERM": "xterm-256color", "PYTHONPATH": str(ROOT)}
        began = time.monotonic()
        child = subprocess.Popen(
            [sys.executable, "-c", code, *argv], stdin=slave, stdout=slave, stderr=slave, env=environment
        )
        child.wait(timeout=60)
        os.close(slave)
        said: dict[str, object] = json.loads(told.read_text())
    drain.join(timeout=5)
    os.close(master)
    return float(str(said["at"])) - began, said


def _drain(master: int) -> None:
    try:
        while os.read(master, 65536):
            pass
    except OSError:
        pass


def measure(rounds: int) -> dict[str, object]:
    """Medians of both apps and their ratio."""
    empty: list[float] = []
    ours: list[float] = []
    said: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "project.toml"
        project.write_text('name = "paint"\n[data]\ninteractions = "logs.csv"\n')
        for number in range(rounds + 1):
            one, _ = paint(EMPTY)
            two, said = paint(OURS, "train", str(project))
            if number:  # the first round warms the disk
                empty.append(one)
                ours.append(two)
    a, b = statistics.median(empty), statistics.median(ours)
    return {"empty_s": round(a, 3), "eagertui_s": round(b, 3), "ratio": round(b / a, 2), **said, "rounds": rounds}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    result = measure(parser.parse_args().rounds)
    result.pop("at", None)
    print(json.dumps(result))
