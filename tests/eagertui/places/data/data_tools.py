"""A small project with every kind of trouble in it, and eyes for the Data place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from eagertui.places.data.screen import DataScreen
from eagertui.widgets.table.frame_table import FrameTable
from tests.eagertui.app_tools import Eyes

Open = Callable[..., Any]
HOSTILE = "[red]Bold[/] \x1b[31m\x07\u202eevil\u200b 日本語"
CONTROL = set("\x1b\x07\u202e\u200b\t")
PROJECT = """name = "readers"
[data]
interactions = "log.csv"
items = "books.csv"
user = "reader"
item = "book"
time = "when"
text = ["title", "author"]
min_user_interactions = 2
min_item_interactions = 0
max_history = 3
"""


def write_project(folder: Path) -> Path:
    """Thirty readers, twelve books, three bad rows of 186."""
    log = ["reader,book,when"]
    log += [f"r{r:02d},b{(r * 5 + n) % 12:02d},2024-{1 + n:02d}-{1 + r % 28:02d}" for r in range(30) for n in range(6)]
    log += ["lone,b01,2024-01-01", "pair,b01,2024-01-01", "pair,b02,2024-01-02"]
    log += [",b01,2024-01-01", "r01,,2024-01-01", f"r\x1b[2J02,{HOSTILE},2024-01-01"]
    books = ["book,title,author"] + [f"b{n:02d},Lighthouse {n},A. Keeper" for n in range(2, 12)]
    books += [f"b00,Bold,{HOSTILE}", f"b01,{'long ' * 2000}end,y"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "log.csv").write_text("\n".join(log) + "\n", encoding="utf-8")
    (folder / "books.csv").write_text("\n".join(books) + "\n", encoding="utf-8")
    (folder / "project.toml").write_text(PROJECT)
    return folder


def place(eyes: Eyes) -> DataScreen:
    screen = next(screen for screen in eyes.app.screen_stack if isinstance(screen, DataScreen))
    return screen


def table(eyes: Eyes) -> FrameTable:
    return place(eyes).tables.table


async def ready(eyes: Eyes) -> None:
    await eyes.until(lambda: eyes.app.current_mode == "data" and place(eyes).ready)
    await eyes.until(lambda: table(eyes).rows is not None)
    await eyes.pilot.pause()


def parted(text: str) -> tuple[list[str], str]:
    """The lines between the bars, and the keys."""
    lines = text.splitlines()
    end = max(number for number, row in enumerate(lines) if row[:1] in "╰┗") + 1
    return lines[1:end], " ".join(lines[end:])


def unclipped(text: str) -> None:
    """Every panel is closed at the right edge, and nothing dangerous reached the screen."""
    body, keys = parted(text)
    assert all(row.rstrip()[-1:] in "│┃╮╯┓┛" for row in body), text
    assert not set(text) & CONTROL
    assert "q Quit" in keys and "…" not in keys
