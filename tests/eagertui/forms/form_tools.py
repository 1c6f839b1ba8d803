"""A plan that somebody might get, an app around one form, and a bridge that answers as the engine would."""

from __future__ import annotations

import asyncio
import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

from textual.app import App, ComposeResult

from core.errors import EagerError
from eagertui import app as eager_app
from eagertui.app import EagerApp
from eagertui.cli.create_project import write_project
from eagertui.forms.form_model import Group
from eagertui.forms.settings_form import SettingsForm
from eagertui.themes import THEMES

PLAN: dict[str, Any] = {
    "stages": [
        {"name": "data", "state": "reuse", "note": "took 3 s", "seconds": 0.0},
        {"name": "vectors", "state": "reuse", "note": "took 41 s", "seconds": 0.0},
        {"name": "index", "state": "run", "note": "", "seconds": 4.0},
        {"name": "tune", "state": "run", "note": "goes on from where it was", "seconds": 841.0},
        {"name": "evaluate", "state": "run", "note": "", "seconds": 30.0},
    ],
    "seconds": 875.0,
    "memory_mb": 1240.0,
    "disk_mb": 43.0,
    "spread": 1.6,
    "continues": "2026-11-20_1130_shop_ab12",
    "warnings": ["no time column: the order is that of the file"],
}


class FormApp(App[None]):
    """A settings form alone; its owner writes down what is edited."""

    CSS_PATH = str(Path(eager_app.__file__).parent / "app.tcss")
    HORIZONTAL_BREAKPOINTS = EagerApp.HORIZONTAL_BREAKPOINTS
    VERTICAL_BREAKPOINTS = EagerApp.VERTICAL_BREAKPOINTS

    def __init__(self, groups: Callable[[list[tuple[str, str | None]]], tuple[Group, ...]]) -> None:
        super().__init__()
        self.edits: list[tuple[str, str | None]] = []
        self.wanted: list[str] = []
        self._groups = groups
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = THEMES[0].name

    def compose(self) -> ComposeResult:
        yield SettingsForm(classes="panel")

    def on_mount(self) -> None:
        self.form.show(self._groups(self.edits))
        self.form.focus_list()

    @property
    def form(self) -> SettingsForm:
        return self.query_one(SettingsForm)

    def on_settings_form_edited(self, event: SettingsForm.Edited) -> None:
        self.edits.append((event.key, event.text))
        self.form.show(self._groups(self.edits))

    def on_settings_form_file_wanted(self, event: SettingsForm.FileWanted) -> None:
        self.wanted.append(event.key)


class Errands:
    """Answers the errands of a bridge: `plan` from a script, `guess` by the engine's own code, in a thread.

    Args:
        plan: what `plan` answers; an error is raised.
    """

    def __init__(self, plan: dict[str, Any] | EagerError = PLAN) -> None:
        self.plan = plan
        self.asked: list[tuple[str, ...]] = []
        self.ended: list[tuple[str, ...]] = []
        self.gate: asyncio.Event | None = None

    async def __call__(self, work: str, *argv: str, on_progress: Callable[[str], None] | None = None) -> dict[str, Any]:
        self.asked.append((work, *argv))
        try:
            if self.gate is not None:
                await self.gate.wait()
            if work == "guess":
                return await asyncio.to_thread(_guess, argv)
            if isinstance(self.plan, EagerError):
                raise self.plan
            return self.plan
        except asyncio.CancelledError:
            self.ended.append((work, *argv))
            raise


def _guess(argv: tuple[str, ...]) -> dict[str, Any]:
    from core.jobs.errands import guessed_fields
    from core.jobs.project_file import guess_project, known_data

    told = dict(zip(argv[::2], argv[1::2], strict=True))
    known = known_data([text for key, text in zip(argv[::2], argv[1::2], strict=True) if key == "--set"])
    items = Path(told["--items"]) if "--items" in told else None
    text = guess_project(Path(told["--interactions"]), items, Path(told["--directory"]), known)
    return {"text": text, "fields": guessed_fields(text)}


def write_tables(folder: Path) -> Path:
    """Thirty readers who each take six of twelve books, in CSV and JSON lines, and a file that is no table."""
    folder.mkdir()
    log = ["reader,book,when,stars"]
    log += [f"r{r},b{(r + n) % 12},2024-01-{n + 1:02d},{n % 5}" for r in range(30) for n in range(6)]
    books = [{"book": f"b{n}", "title": f"[red]House\x1b[31m by the sea {n}", "author": "A. Keeper"} for n in range(12)]
    (folder / "log.csv").write_text("\n".join(log) + "\n")
    (folder / "books.jsonl").write_text("".join(json.dumps(book) + "\n" for book in books))
    (folder / "notes.md").write_text("no table\n")
    return folder


def run_init(command: str) -> Path:
    """What the command line does with an `eagertui init` command."""
    words = shlex.split(command)
    assert words[:2] == ["eagertui", "init"]
    told = {key: value for key, value in zip(words[3::2], words[4::2], strict=True) if key != "--set"}
    sets = [value for key, value in zip(words[3::2], words[4::2], strict=True) if key == "--set"]
    items = Path(told["--items"]) if "--items" in told else None
    return write_project(Path(words[2]), Path(told["--interactions"]), items, sets)
