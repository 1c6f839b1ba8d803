"""A person's whole way, in tmux with real keys.

    python tests/benchmarks/terminal/walk.py INTERACTIONS ITEMS [--size 80x24]

New project from two files, its data, a short training, `kill -9` of the app in the middle of it, the app again, the run
to its end, a user's recommendations, every other place, and out. At every step the screen must show what it should, no
traceback, and the way out at its lower edge. Screens are kept in --keep; needs tmux.

`--no-color` sets NO_COLOR, `--rate 960` puts a slow line between app and terminal (see slow_terminal.py).
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

HERE = Path(__file__).parent
EPOCHS = "2"


def environment(home: str, no_color: bool) -> dict[str, str]:
    """The shell of a person who has never used the application; what it keeps for them lies below `home`."""
    kept = {key: os.environ[key] for key in ("PYTHONPATH", "OMP_NUM_THREADS") if key in os.environ}
    own = {"XDG_STATE_HOME": f"{home}/state", "XDG_CONFIG_HOME": f"{home}/config", "PS1": "$ "}
    own |= {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    return kept | own | ({"NO_COLOR": "1"} if no_color else {})


class Terminal:
    """One tmux session."""

    def __init__(self, size: str, environment: dict[str, str], folder: Path, patience: float) -> None:
        self.name, self.patience = f"walk-{os.getpid()}-{time.monotonic_ns()}", patience
        self.pause = 0.3
        width, height = size.split("x")
        sets = [part for key, value in environment.items() for part in ("-e", f"{key}={value}")]
        self._tmux(
            "new-session", "-d", "-s", self.name, "-x", width, "-y", height, "-c", str(folder), *sets, "bash", "--norc"
        )
        self._tmux("set-option", "-t", self.name, "escape-time", "0")
        self.seen: list[tuple[str, str]] = []

    def _tmux(self, *argv: str) -> str:
        return subprocess.run(["tmux", *argv], check=True, capture_output=True, text=True).stdout

    def keys(self, *keys: str) -> None:
        """Press keys by tmux's names, as a person does: one after the other."""
        for key in keys:
            self.settle()
            self._tmux("send-keys", "-t", self.name, key)
            time.sleep(self.pause)

    def type(self, text: str) -> None:
        """Type a text."""
        self.settle()
        self._tmux("send-keys", "-t", self.name, "-l", text)
        time.sleep(self.pause)

    def settle(self) -> None:
        """Wait until a slow screen stands still, as a person does before the next key."""
        end = time.monotonic() + (15 if self.patience > 1 else 0)
        before = ""
        while time.monotonic() < end and (now := self.screen()) != before:
            before = now
            time.sleep(1.5)

    def screen(self) -> str:
        """What stands on the screen."""
        return self._tmux("capture-pane", "-p", "-t", self.name)

    def see(self, step: str, *patterns: str, seconds: float = 20.0, place: bool = True) -> str:
        """Wait until all patterns stand on the screen; in a place the last lines must name the way out."""
        end = time.monotonic() + seconds * self.patience
        while True:
            text = self.screen()
            missing = [pattern for pattern in patterns if not re.search(pattern, text)]
            if "Traceback" in text or "Error:" in text:
                self.fail(step, text, "a traceback")
            if place and not missing and "Quit" not in "".join(text.rstrip("\n").splitlines()[-2:]):
                missing = ["q Quit at the lower edge"]
            if not missing:
                break
            if time.monotonic() > end:
                self.fail(step, text, f"not seen: {missing}")
            time.sleep(0.1)
        self.seen.append((step, text))
        print(f"ok  {step}", flush=True)
        return text

    def fail(self, step: str, text: str, why: str) -> None:
        """End the walk."""
        print(text, file=sys.stderr)
        self.close()
        raise SystemExit(f"FAILED at {step}: {why}")

    def app(self) -> psutil.Process:
        """The process of the app."""
        pane = int(self._tmux("display-message", "-p", "-t", self.name, "#{pane_pid}"))
        found = [p for p in psutil.Process(pane).children(recursive=True) if "eagertui" in " ".join(p.cmdline())]
        return found[-1] if found else psutil.Process(pane)

    def close(self) -> None:
        """End the session."""
        subprocess.run(["tmux", "kill-session", "-t", self.name], check=False, capture_output=True)


def pick(terminal: Terminal, path: Path) -> None:
    """Type a path into the file picker."""
    terminal.keys("/")
    terminal.keys("C-u")
    terminal.type(str(path))
    terminal.see(f"typed {path.name}", re.escape(str(path)[-30:]), place=False)
    terminal.keys("Enter")


def change(terminal: Terminal, setting: str, value: str) -> None:
    """Give a setting another value in the form before a training."""
    terminal.keys("/")
    terminal.type(setting)
    terminal.see(f"found {setting}", re.escape(setting.rpartition(".")[2]), r"\b[12] of \d+", place=False)
    terminal.keys("Enter")
    terminal.keys("Enter")
    terminal.keys("C-u")
    terminal.type(value)
    terminal.keys("Enter")
    terminal.see(
        f"{setting} is {value}", rf"•.*{re.escape(setting)}\s+{value}|{re.escape(setting)}={value}", place=False
    )
    terminal.keys("/")
    terminal.keys("Escape")


def walk(terminal: Terminal, interactions: Path, items: Path, command: str) -> None:
    """The whole way."""
    started = time.monotonic()
    terminal.type(command)
    terminal.keys("Enter")
    terminal.see("first screen", "new project", "try the sample")
    terminal.keys("n")
    terminal.see("the picker", "holds the interactions")
    pick(terminal, interactions)
    terminal.see("the second picker", "describes the items")
    pick(terminal, items)
    terminal.see("the guess", "ready", "Write", seconds=60)
    terminal.keys("w")
    terminal.see("the data", r"users +[\d,]+", seconds=60)
    terminal.keys("v")
    terminal.see("another table", "Items")
    terminal.keys("?")
    terminal.see("help", "Keys of", place=False)
    terminal.keys("Escape")
    terminal.keys("t")
    terminal.see("the form", "about|not known", "recipe", seconds=60)
    change(terminal, "tune.stages.0.epochs", EPOCHS)
    change(terminal, "sasrec.epochs", EPOCHS)
    terminal.keys("t")
    terminal.see("it trains", "running", seconds=60)
    terminal.see("it computes", r"\d+ ?%|step", seconds=120)
    terminal.app().send_signal(signal.SIGKILL)
    time.sleep(1)
    terminal.type("reset")
    terminal.keys("Enter")
    time.sleep(1)
    folder = re.sub(r"\W+", "-", interactions.parent.name).strip("-")
    terminal.type(f"{command} {folder}")
    terminal.keys("Enter")
    terminal.see("the app again, attached", "running|finished", seconds=60)
    terminal.keys("4")
    terminal.see("the run's end", "finished", "model", seconds=1500)
    terminal.keys("5")
    terminal.see("users", "Users", seconds=60)
    terminal.see("the model is there", "users, ", seconds=120)
    terminal.keys("Enter")
    terminal.see("recommendations", "History of", "Next", seconds=60)
    for key, what in (("6", "best"), ("3", "codes used"), ("1", "finished")):
        terminal.keys(key)
        terminal.see(f"place {key}", what)
    terminal.keys("q")
    terminal.see("out", r"\$\s*$", place=False)
    print(f"walked in {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("interactions", type=Path)
    parser.add_argument("items", type=Path)
    parser.add_argument("--size", default="80x24")
    parser.add_argument("--no-color", action="store_true")
    parser.add_argument("--rate", type=float, default=0, help="bytes a second that the terminal takes; 0 = all")
    parser.add_argument("--keep", type=Path, help="a file for the screens that were seen")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        slow = (
            [sys.executable, str(HERE / "slow_terminal.py"), "--rate", str(options.rate), "--"] if options.rate else []
        )
        shell = environment(name, options.no_color)
        session = Terminal(options.size, shell, Path(name), patience=12 if options.rate else 1)
        try:
            files = (options.interactions.absolute(), options.items.absolute())
            walk(session, *files, shlex.join([*slow, "eagertui"]))
        finally:
            session.close()
            if options.keep:
                options.keep.write_text("".join(f"--- {step}\n{text}\n" for step, text in session.seen))
            for process in psutil.process_iter():  # an engine that a failed walk left behind
                with contextlib.suppress(psutil.Error):
                    if name in " ".join(process.cmdline()):
                        process.kill()
