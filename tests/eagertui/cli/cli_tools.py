"""Run the command line as a person does, with the real engine or a scripted one behind it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

import pytest

from core.run import launch
from eagertui.cli import main

ROOT = Path(__file__).resolve().parents[3]

FAKE = str(ROOT / "tests" / "fake_engine.py")
DRIVER = """
import sys
import core.run.launch
from core.run import launch
from eagertui.cli import main

fake = [sys.executable, *eval(sys.argv[1])]
core.run.launch.engine_command = lambda: fake
sys.exit(main(sys.argv[2:]))
"""

PROJECT = 'name = "shop"\n[data]\ninteractions = "logs.csv"\n'


OURS = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "COLUMNS": "120"}


def environment() -> dict[str, str]:
    return {**os.environ, **OURS}


def eager(*args: object, cwd: Path | None = None, engine: list[str] | None = None) -> subprocess.CompletedProcess[str]:
    """`eagertui ARGS`, called in this process, for the start of an interpreter is most of a short verb's time; no
    terminal. Engines are processes as ever, and what they say beside it is read too.

    Args:
        args: the words.
        cwd: where they are said.
        engine: the engine's command instead of the real one.
    """
    argv = list(map(str, args))
    with pytest.MonkeyPatch.context() as patch, _streams(patch) as (out, err):
        patch.chdir(cwd or ROOT)
        for name, value in OURS.items():
            patch.setenv(name, value)
        if engine:
            patch.setattr(launch, "engine_command", lambda: engine)
        try:
            code = main(argv)
        except SystemExit as end:  # argparse: help, or a word that it does not know
            code = int(end.code or 0)
        sys.stdout.flush()
        sys.stderr.flush()
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(argv, code, out.read(), err.read())


@contextlib.contextmanager
def _streams(patch: pytest.MonkeyPatch) -> Iterator[tuple[TextIO, TextIO]]:
    """Files in the place of stdout and stderr, for this process and those that it starts, and an empty stdin."""
    with contextlib.ExitStack() as stack:
        patch.setattr(sys, "stdin", stack.enter_context(Path(os.devnull).open(encoding="utf-8")))
        files = []
        for number, name in ((1, "stdout"), (2, "stderr")):
            file = stack.enter_context(tempfile.TemporaryFile("w+", encoding="utf-8"))
            kept = os.dup(number)
            stack.callback(os.close, kept)
            stack.callback(os.dup2, kept, number)
            os.dup2(file.fileno(), number)
            stream = stack.enter_context(open(number, "w", encoding="utf-8", buffering=1, closefd=False))
            patch.setattr(sys, name, stream)
            files.append(file)
        yield files[0], files[1]


def eager_process(*args: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The same in a process of its own, where the process is what is tested."""
    with _started([sys.executable, "-m", "eagertui.cli", *map(str, args)], cwd) as child:
        out, err = child.communicate(timeout=60)
    return subprocess.CompletedProcess(child.args, child.returncode, out, err)


def run_python(code: str, *args: str) -> subprocess.CompletedProcess[str]:
    """Some code in a fresh process; no terminal."""
    argv = [sys.executable, "-c", code, *args]
    return subprocess.run(
        argv, capture_output=True, text=True, env=environment(), stdin=subprocess.DEVNULL, check=False
    )  # fmt: skip


def start_eager(*args: object, engine: tuple[str, ...] = (), cwd: Path | None = None) -> subprocess.Popen[str]:
    """`eagertui ARGS` with the scripted engine, left running."""
    return _started([sys.executable, "-c", DRIVER, repr([FAKE, *engine]), *map(str, args)], cwd)


def start_real_eager(*args: object) -> subprocess.Popen[str]:
    """`eagertui ARGS` with the real engine, left running."""
    return _started([sys.executable, "-m", "eagertui.cli", *map(str, args)])


def _started(argv: list[str], cwd: Path | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        cwd=cwd or ROOT, env=environment(),
    )  # fmt: skip


def fake_eager(*args: object, engine: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """`eagertui ARGS` with the scripted engine, to its end."""
    return eager(*args, engine=[sys.executable, FAKE, *engine])


def wait_until(true: Callable[[], object], seconds: float = 30) -> None:
    """Wait for a condition, and fail where it does not come true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
