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
from pathlib import Path

import psutil
from walk import Terminal, environment

from core.assets import assets_path

DONE = "done-here"
HIDDEN = ("Traceback", "FutureWarning")


class Missing(Exception):
    """A screen lacks what it must show."""


class Session(Terminal):
    """A terminal whose failures are told and do not end the others."""

    def fail(self, step: str, text: str, why: str) -> None:
        """Tell it to the step."""
        raise Missing(f"{why}\n{text}")


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

    def shown(self, step: str, screen: str) -> None:
        """Keep a screen."""
        if self.keep:
            self.keep.mkdir(parents=True, exist_ok=True)
            name = re.sub(r"\W+", "-", step).strip("-")
            (self.keep / f"{name}.{self.size}.txt").write_text(f"--- {step}, {self.size}\n{screen}\n")

    def check(self, step: str, screen: str, wants: Sequence[str], hides: Sequence[str] = ()) -> None:
        """Keep the screen and say whether it shows what it must."""
        self.shown(step, screen)
        looks = [screen, re.sub(r"\s*\n\s*", " ", screen), screen.replace("\n", "")]  # lines wrap at any letter
        lacks = [one for one in wants if not any(re.search(one, look) for look in looks)]
        extra = [one for one in (*HIDDEN, *hides) if re.search(one, screen)]
        self.tried += 1
        if lacks or extra:
            self.failed.append(step)
            print(f"FAILED  {step}: lacks {lacks}, shows {extra}\n{screen}", flush=True)
        else:
            print(f"ok      {step}", flush=True)

    def command(self, step: str, command: str, *wants: str, hides: Sequence[str] = (), seconds: float = 120) -> None:
        """Type a command and look at what it prints."""
        if not self.wanted(step):
            return
        terminal = self.session()
        try:
            script = self.home / "step.sh"
            script.write_text(command + "\n")
            terminal.type(f"clear; . {script}; echo {DONE[:4]}'{DONE[4:]}'")
            terminal.keys("Enter")
            end = time.monotonic() + seconds
            while DONE not in (screen := terminal.screen()) and time.monotonic() < end:
                time.sleep(0.3)
            lines = [line for line in screen.rstrip().splitlines() if DONE not in line and line.strip() != "$"]
            self.check(step, "\n".join([*(f"$ {line}" for line in command.splitlines()), *lines]), wants, hides)
        finally:
            terminal.close()

    def app(
        self, step: str, argv: str, keys: Callable[[Session], None], *wants: str, hides: Sequence[str] = (),
        seconds: float = 60, before: str = "Quit",
    ) -> None:  # fmt: skip
        """Open the app, press keys, and look at the screen."""
        if not self.wanted(step):
            return
        terminal = self.session()
        try:
            terminal.type(f"clear; eagertui {argv}")
            terminal.keys("Enter")
            try:
                terminal.see("open", before, seconds=60, place=False)
                time.sleep(1.5)
                keys(terminal)
                with contextlib.suppress(Missing):
                    terminal.see(step, *wants, seconds=seconds, place=False)
                self.check(step, terminal.screen(), wants, hides)
                pressing("Escape", "Escape", "q")(terminal)  # as a person leaves, so that it is kept what is known
                time.sleep(1)
            except Missing as fault:
                self.check(step, str(fault), [*wants, "what comes before it"])
        finally:
            terminal.close()

    def session(self) -> Session:
        """A fresh terminal."""
        return Session(self.size, self.shell, self.home, patience=1)

    def end(self) -> None:
        """Delete what was made, and end what is left at work there."""
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if str(self.home) in " ".join(process.cmdline()):
                    process.kill()
        shutil.rmtree(self.home, ignore_errors=True)


def pressing(*keys: str) -> Callable[[Session], None]:
    """Keys one after the other; a text of several letters behind `=` is typed, `...` waits for what is slow."""

    def press(terminal: Session) -> None:
        for key in keys:
            if key == "...":
                time.sleep(3)
            elif key.startswith("="):
                terminal.type(key[1:])
            else:
                terminal.keys(key)
            time.sleep(0.4)

    return press


def after_the_list(*keys: str) -> Callable[[Session], None]:
    """Keys once Explore has a list."""

    def press(terminal: Session) -> None:
        terminal.see("list", "Next", r"1 .*-\d", seconds=90, place=False)
        pressing(*keys)(terminal)

    return press
