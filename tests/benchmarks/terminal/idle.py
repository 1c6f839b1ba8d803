"""What the app costs while nobody does anything.

    python tests/benchmarks/terminal/idle.py [--seconds N] [--project DIR]

The app runs on a pseudo-terminal of 120x40; every place is opened once with its number key, then it is left alone and
its CPU time is read from the kernel. Bars: at most 1 % of one core, and no learning library in the process. The
reference in the same run is an empty Textual app.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from pathlib import Path

ROOT = Path(__file__).parents[3]
HEAVY = ("torch", "transformers", "peft", "faiss", "sklearn")
EMPTY = "from textual.app import App\nApp().run()\n"
OURS = "import sys\nfrom eagertui.cli import main\nsys.exit(main(sys.argv[1:]))\n"


def drain(master: int) -> None:
    """Take what the app draws."""
    try:
        while os.read(master, 65536):
            pass
    except OSError:
        pass


def cpu_seconds(pid: int) -> float:
    """User and system time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def watch(code: str, argv: list[str], keys: str, seconds: float) -> dict[str, object]:
    """CPU share of one app while it is left alone, and which heavy libraries it has mapped."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    threading.Thread(target=drain, args=(master,), daemon=True).start()
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "TERM": "xterm-256color", "PYTHONPATH": str(ROOT), "XDG_STATE_HOME": home}
        child = subprocess.Popen(
            [sys.executable, "-c", code, *argv], stdin=slave, stdout=slave, stderr=slave, env=environment
        )
        try:
            time.sleep(3)
            for key in keys:
                os.write(master, key.encode())
                time.sleep(3)
            time.sleep(3)
            if child.poll() is not None:
                raise SystemExit(f"the app ended with exit code {child.returncode}")
            before, began = cpu_seconds(child.pid), time.monotonic()
            time.sleep(seconds)
            share = (cpu_seconds(child.pid) - before) / (time.monotonic() - began)
            maps = Path(f"/proc/{child.pid}/maps").read_text()
            memory = int(Path(f"/proc/{child.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
        finally:
            child.kill()
            child.wait()
            os.close(slave)
    bad = [name for name in HEAVY if f"/site-packages/{name}/" in maps]
    return {"cpu_percent": round(100 * share, 2), "memory_mb": round(memory), "heavy": bad}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--project", type=Path, help="a project with runs; without one, an empty project")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        project = options.project or Path(name)
        if not options.project:
            (project / "project.toml").write_text('name = "idle"\n[data]\ninteractions = "logs.csv"\n')
        empty = watch(EMPTY, [], "", options.seconds)
        result = {"eagertui": {}, "empty_app": empty, "bar": "cpu <= 1 %, nothing heavy"}
        for place, keys in (("home", "234561"), ("train", "4")):
            result["eagertui"][place] = watch(OURS, ["train", str(project)], keys, options.seconds)
    print(json.dumps(result, indent=1))
