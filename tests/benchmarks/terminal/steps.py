"""Steps of a walk through the program as a new user: a command or some keys, and what must then be seen.

See `first_hour.py`.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import zip_longest
from pathlib import Path

import psutil
from walk import Terminal, environment

from core.assets import assets_path

DONE = "done-here"
HIDDEN = ("Traceback", "FutureWarning")
PROMPT = r"\$\s*$"
PATIENCE = 180.0
"""Seconds that a screen may take, on a machine that does other work too."""
LOOK = 0.1
"""Seconds between two looks at a screen."""


class Missing(Exception):
    """A screen lacks what it must show."""


Does = str | Callable[["Session"], None]
"""A key by tmux's name, a text to type behind `=`, or a wait for the screen, see `see`."""


def looks(screen: str) -> list[str]:
    """A screen as it stands, and read on over the ends of its lines: whole, and panel by panel."""
    rows = [re.split("[│┃]", row) for row in screen.splitlines()]
    panels = [" ".join(" ".join(cells).split()) for cells in zip_longest(*rows, fillvalue="")]
    return [screen, screen.replace("\n", ""), " ".join(screen.split()), *panels]


def lacking(screen: str, patterns: Sequence[str]) -> list[str]:
    """The patterns that a screen does not show."""
    shown = looks(screen)
    return [pattern for pattern in patterns if not any(re.search(pattern, look) for look in shown)]


class Session(Terminal):
    """A terminal in which one waits for what is wanted, and reads over the ends of lines."""

    def wait(self, *patterns: str, seconds: float = PATIENCE) -> None:
        """Until all of it is shown.

        Args:
            patterns: of what is waited for.
            seconds: for how long, counted by looks: a walk that was stopped meanwhile has not waited.

        Raises:
            Missing: it is not shown in time.
        """
        looks_left = int(seconds / LOOK)
        while lacks := lacking(self.screen(), patterns):
            if looks_left <= 0:
                raise Missing(f"not shown: {lacks}")
            looks_left -= 1
            time.sleep(LOOK)

    def do(self, does: Sequence[Does]) -> None:
        """Press, type and wait, one after the other."""
        for one in does:
            if not isinstance(one, str):
                one(self)
            elif one.startswith("="):
                self.type(one[1:])
            else:
                self.keys(one)


def see(*patterns: str, seconds: float = PATIENCE) -> Callable[[Session], None]:
    """A wait for what must be shown before the next key."""
    return lambda session: session.wait(*patterns, seconds=seconds)


class Walk:
    """Steps in one size, each with a screen.

    Args:
        size: of the terminal, as 80x24.
        only: words of the steps that are tried; none = all.
        keep: folder for the screens.
    """

    def __init__(self, size: str, only: Sequence[str], keep: Path | None) -> None:
        self.size, self.only, self.keep = size, only, keep
        self.home = Path(tempfile.mkdtemp(prefix="first-hour-"))
        self.shell = environment(str(self.home), False) | {"HOME": str(self.home), "EDITOR": "cat"}
        os.environ["PATH"] = self.shell["PATH"]  # tmux takes it from whoever asks for a session
        self.failed: list[str] = []
        self.tried = 0
        for folder in ("shop", "two/shop", "read-only"):
            shutil.copytree(assets_path() / "sample", self.home / folder)
        self.finished("ours")

    @property
    def small(self) -> bool:
        """Whether some panels take turns for want of room."""
        return int(self.size.partition("x")[0]) < 70

    def finished(self, name: str) -> Path:
        """The demo as a project of one's own, which may be written."""
        folder = self.home / name
        shutil.copytree(assets_path() / "demo", folder)
        file = folder / "project.toml"
        file.write_text(file.read_text().replace("../sample/", f"{assets_path()}/sample/"))
        return folder

    def wanted(self, step: str) -> bool:
        """Whether a step is tried."""
        return not self.only or any(word in step for word in self.only)

    def check(self, step: str, screen: str, wants: Sequence[str], hides: Sequence[str] = (), why: str = "") -> None:
        """Keep the screen, and say whether it shows what it must."""
        if self.keep:
            self.keep.mkdir(parents=True, exist_ok=True)
            name = re.sub(r"\W+", "-", step).strip("-")
            (self.keep / f"{name}.{self.size}.txt").write_text(f"--- {step}, {self.size}\n{screen}\n")
        lacks, extra = lacking(screen, wants), [one for one in (*HIDDEN, *hides) if re.search(one, screen)]
        self.tried += 1
        if lacks or extra or why:
            self.failed.append(step)
            print(f"FAILED  {step}: lacks {lacks}, shows {extra} {why}\n{screen}", flush=True)
        else:
            print(f"ok      {step}", flush=True)

    def command(self, step: str, command: str, *wants: str, hides: Sequence[str] = (), seconds: float = 300) -> None:
        """Type a command and look at what it prints."""
        if not self.wanted(step):
            return
        with self.session() as terminal:
            script = self.home / "step.sh"
            script.write_text(command + "\n")
            terminal.do([f"=set +m; clear; . {script}; echo {DONE[:4]}'{DONE[4:]}'", "Enter"])
            with contextlib.suppress(Missing):
                terminal.wait(DONE, seconds=seconds)
            screen = terminal.screen()
            lines = [line for line in screen.rstrip().splitlines() if DONE not in line and line.strip() != "$"]
            self.check(step, "\n".join([*(f"$ {line}" for line in command.splitlines()), *lines]), wants, hides)

    def app(
        self, step: str, command: str, does: Sequence[Does], *wants: str, hides: Sequence[str] = (), visited: str = ""
    ) -> None:  # fmt: skip
        """Open an app that remembers nothing, press keys, and look at the screen.

        Args:
            step: its name.
            command: what is typed behind `eagertui`, or a whole command line that holds it.
            does: keys, texts and waits; the bar with `Quit` is waited for before.
            wants: patterns of what must be seen at last.
            hides: patterns of what must not.
            visited: a project that was opened before.
        """
        if not self.wanted(step):
            return
        self.forget()
        if visited:
            self.visit(visited, see("look at the data"))
        with self.session() as terminal:
            self.open(terminal, command)
            self.look(terminal, step, does, *wants, hides=hides)
            self.leave(terminal)

    def look(
        self, terminal: Session, step: str, does: Sequence[Does], *wants: str, hides: Sequence[str] = (),
        seconds: float = PATIENCE,
    ) -> bool:  # fmt: skip
        """Press keys in an app that is open, and look at the screen; false where it is not as it must be."""
        why, before = "", len(self.failed)
        try:
            terminal.do(does)
        except Missing as missing:
            why = f"before it: {missing}"
        with contextlib.suppress(Missing):
            terminal.wait(*wants, seconds=0 if why else seconds)
        self.check(step, terminal.screen(), wants, hides, why)
        return len(self.failed) == before

    def forget(self) -> None:
        """Take away what the app remembers."""
        shutil.rmtree(self.home / "state", ignore_errors=True)

    def visit(self, command: str, *does: Does) -> None:
        """Open the app, do something there and leave it, as a step before the one that is looked at."""
        with self.session() as terminal:
            self.open(terminal, command)
            with contextlib.suppress(Missing):
                terminal.do(does)
            self.leave(terminal)

    def open(self, terminal: Session, command: str) -> None:
        """Type a command that opens the app, and wait until it is drawn."""
        line = command if "eagertui" in command else f"eagertui {command}"
        with contextlib.suppress(Missing):
            terminal.do([f"=set +m; clear; {line}", "Enter", see("Quit")])

    def leave(self, terminal: Session) -> None:
        """Leave as a person does, so that the app keeps what it knows."""
        with contextlib.suppress(Missing):
            terminal.do(["Escape", "Escape", "Escape", "q", see(PROMPT, seconds=15)])

    @contextlib.contextmanager
    def session(self):  # type: ignore[no-untyped-def]
        """A fresh terminal.

        What is typed there begins with `set +m`: without job control a program that somebody stops and lets go on, as
        while something else is measured, keeps its terminal.
        """
        terminal = Session(self.size, self.shell, self.home, patience=1)
        try:
            yield terminal
        finally:
            terminal.close()

    def end(self) -> None:
        """Delete what was made, and end what is left at work there."""
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                ours = str(self.home) in " ".join(process.cmdline())
                if ours and not process.name().startswith("tmux"):  # its server may hold others' sessions
                    process.kill()
        shutil.rmtree(self.home, ignore_errors=True)
