"""Run the command line as a person does: in a process of its own, here with a scripted engine behind it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

DRIVER = """
import sys
import core.run.launch
from eagertui.cli import main

fake = [sys.executable, *eval(sys.argv[1])]
core.run.launch.engine_command = lambda: fake
sys.exit(main(sys.argv[2:]))
"""

PROJECT = 'name = "shop"\n[data]\ninteractions = "logs.csv"\n'


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "COLUMNS": "120"}


def eager(*args: object, cwd: Path | None = None, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """`eagertui ARGS` with the real engine; no terminal."""
    argv = [sys.executable, "-m", "eagertui.cli", *map(str, args)]
    return subprocess.run(
        argv, capture_output=True, text=True, cwd=cwd or ROOT, env=environment(), timeout=timeout,
        stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    """Some code in a fresh process; no terminal."""
    argv = [sys.executable, "-c", code]
    return subprocess.run(
        argv, capture_output=True, text=True, env=environment(), stdin=subprocess.DEVNULL, check=False
    )  # fmt: skip


def start_eager(*args: object, engine: tuple[str, ...] = (), cwd: Path | None = None) -> subprocess.Popen[str]:
    """`eagertui ARGS` with the scripted engine, left running."""
    fake = [str(ROOT / "tests" / "fake_engine.py"), *engine]
    return _started([sys.executable, "-c", DRIVER, repr(fake), *map(str, args)], cwd)


def start_real_eager(*args: object) -> subprocess.Popen[str]:
    """`eagertui ARGS` with the real engine, left running."""
    return _started([sys.executable, "-m", "eagertui.cli", *map(str, args)])


def _started(argv: list[str], cwd: Path | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        cwd=cwd or ROOT, env=environment(),
    )  # fmt: skip


def fake_eager(*args: object, engine: tuple[str, ...] = (), timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """`eagertui ARGS` with the scripted engine, to its end."""
    with start_eager(*args, engine=engine) as child:
        out, err = child.communicate(timeout=timeout)
    return subprocess.CompletedProcess(child.args, child.returncode, out, err)


def wait_until(true: Callable[[], object], seconds: float = 30) -> None:
    """Wait for a condition, and fail where it does not come true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
