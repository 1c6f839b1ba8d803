"""Run README's commands as a person does who has the wheel alone: an empty home, an empty folder, no checkout.

    python .ci/readme.py [--whole | --untrained]        # with the Python that has the wheel

The shop's own files are the sample's under other names. Trainings are cut short; `--whole` trains as README says,
`--untrained` says only what would be trained, and asks the demo's run. That what opens the app does open it is seen in
a pseudo-terminal. Ends with the first command that fails.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pty
import re
import select
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

README = Path(__file__).resolve().parents[1] / "README.md"
BLOCKS = {"Try it": "first", "Your own data": "own", "Questions to a trained run": "own"}
"""Sections whose commands are run, and the folder in which they are."""
READER, README_SAYS = "r0236", "4711"
SHORT = (
    "data.where=user_id < 'r0600'", "data.min_item_interactions=0", "tune.stages.epochs=1", "sasrec.epochs=1",
    "index.rq-vae.epochs=20", "tune.validate_users=100", "recommend.beams=10",
)  # fmt: skip
OPENING = 60.0
"""Seconds that the app may take to open and to close."""
OWN_FILES = """
import polars as pl
from core.assets import assets_path
sample = assets_path() / "sample"
log = pl.read_parquet(sample / "interactions.parquet")
log.with_columns(pl.col("user_id").replace({%r: %r})).write_csv("logs.csv")
pl.read_parquet(sample / "items.parquet").write_parquet("items.parquet")
"""
DEMO_RUN = """
from shutil import copytree
from core.assets import assets_path
copytree(assets_path() / "demo" / "runs", "shop/runs", dirs_exist_ok=True)
"""
OPENED = ("shop", "demo")
"""Projects which, said alone, the app opens."""


def main(train: str) -> None:
    """Run them all, and say how long each took.

    Args:
        train: whole, short, or not.
    """
    text = README.read_text(encoding="utf-8")
    if train == "not":
        text = text.replace(README_SAYS, READER)
    with tempfile.TemporaryDirectory() as scratch:
        ours = environment(Path(scratch) / "home")
        for section, name in BLOCKS.items():
            folder = Path(scratch) / name
            if not folder.exists():
                folder.mkdir()
                if name == "own":
                    _run([sys.executable, "-c", OWN_FILES % (READER, README_SAYS)], folder, ours)
            for command in commands(text, section):
                if len(command) == 2 and command[1] in OPENED:
                    _open(command, folder, ours)
                    continue
                _run([*command, *_cut_short(command, train)] if "train" in command else command, folder, ours)
                if "train" in command and train == "not" and not (folder / "shop" / "runs").exists():
                    _run([sys.executable, "-c", DEMO_RUN], folder, ours)
        run = max((Path(scratch) / "own" / "shop" / "runs").glob("[!.]*"))
        code = re.sub(r"shop/runs/[\w-]+", str(run), _block(text, "As a library", "python"))
        _run([sys.executable, "-c", code], Path(scratch) / "own", ours)


def environment(home: Path) -> dict[str, str]:
    """What a person has who has never used the program."""
    home.mkdir()
    kept = ("PATH", "LANG", "OMP_NUM_THREADS", "SSL_CERT_FILE")
    ours = {key: os.environ[key] for key in kept if key in os.environ}
    ours |= {"HOME": str(home), "TERM": "xterm-256color"}
    ours["PATH"] = f"{Path(sys.executable).parent}:{ours.get('PATH', '')}"
    return ours


def _cut_short(command: list[str], train: str) -> list[str]:
    """What a training is given besides."""
    if train == "not":
        return ["--dry-run"]
    said = " ".join(command)
    wanted = [] if train == "whole" else [text for text in SHORT if text.partition("=")[0] not in said]
    return [part for text in wanted for part in ("--set", text)]


def commands(text: str, section: str) -> list[list[str]]:
    """The commands of a section's block, without what they are said to do."""
    lines = _block(text, section, "sh").splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True)) and words[0] == "eagertui"]


def _block(text: str, section: str, language: str) -> str:
    after = text.split(f"\n## {section}\n", 1)[1]
    return after.split(f"```{language}\n", 1)[1].split("```", 1)[0]


def _run(command: list[str], folder: Path, ours: dict[str, str]) -> None:
    began = time.monotonic()
    done = subprocess.run(command, cwd=folder, env=ours, capture_output=True, text=True, check=False)
    _say(command, time.monotonic() - began, done.returncode == 0 and "Traceback" not in done.stderr, done.stderr)


def _open(command: list[str], folder: Path, ours: dict[str, str]) -> None:
    """Open the app in a terminal of its own, wait until it is drawn, and leave it by `q`."""
    began = time.monotonic()
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        os.execvpe(command[0], command, ours)
    shown, code, asked = b"", -1, False
    while time.monotonic() - began < OPENING and code < 0:
        if select.select([terminal], [], [], 0.2)[0]:
            with contextlib.suppress(OSError):  # its end, where the process is gone
                shown += os.read(terminal, 65536)
        if b"Quit" in shown and not asked:
            os.write(terminal, b"q")
            asked = True
        gone, status = os.waitpid(child, os.WNOHANG)
        code = os.waitstatus_to_exitcode(status) if gone else code
    if code < 0:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    right = asked and code == 0 and b"Traceback" not in shown
    _say(command, time.monotonic() - began, right, shown.decode("utf-8", "replace"))


def _say(command: list[str], seconds: float, right: bool, told: str) -> None:
    shown = shlex.join(command) if len(command[-1]) < 200 else f"{command[0]} -c ..."
    print(f"{'ok' if right else 'FAILED':6} {seconds:6.1f} s  {shown}", flush=True)
    if not right:
        sys.exit(told[-3000:])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--whole", dest="train", action="store_const", const="whole", default="short")
    how.add_argument("--untrained", dest="train", action="store_const", const="not")
    main(parser.parse_args().train)
