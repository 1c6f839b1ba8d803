"""Small drawings as styled text. Every piece of foreign text goes through `safe`."""

from __future__ import annotations

import math
import time
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime

from rich.cells import cell_len, set_cell_size
from textual.content import Content

from core.run.listing import RunInfo
from core.run.status import Status
from core.safe_json import number as figure
from eagertui.cli.output.lists import GLYPHS
from eagertui.plain import steady, visible

Part = tuple[str, str]
"""A piece of text and its style."""
FAINT = "$foreground 70%"
"""The style of what stands back."""

STYLES = {
    "running": "$success",
    "queued": "$secondary",
    "finished": "$primary",
    "failed": "$error",
    "stopped": "$warning",
    "lost": "$error",
    "reused": "$secondary",
}
LEVELS = {"error": ("✗", "bold $error"), "warning": ("!", "bold $warning"), "info": ("i", "$primary")}
_EIGHTHS = " ▏▎▍▌▋▊▉"
LONGEST = 2000
"""Characters of one foreign text that are ever looked at; more never fit on a screen."""


def counted(items: int) -> str:
    """So many items."""
    return f"{items:,} item{'' if items == 1 else 's'}"


def safe(text: object) -> str:
    """Foreign text on one line, its control characters visible, never markup."""
    shown = steady(visible(str(text)[:LONGEST]))
    lone = not shown.isascii() and unicodedata.category(shown[0]).startswith("M")
    return f"◌{shown}" if lone else shown  # a mark without a letter would stand on whatever is drawn before it


def clip(text: object, cells: int) -> str:
    """Foreign text in at most so many cells, an ellipsis where it was cut."""
    shown = safe(text)
    if cells <= 0:
        return ""
    return shown if cell_len(shown) <= cells else set_cell_size(shown, cells - 1).rstrip() + "…"


def clip_left(text: object, cells: int) -> str:
    """Foreign text in at most so many cells, its end kept: an ellipsis stands where its beginning was."""
    shown = safe(text)
    if cells <= 0:
        return ""
    if cell_len(shown) <= cells:
        return shown
    while cell_len(shown) > cells - 1:
        shown = shown[1:]
    return f"…{shown}"


def fill(text: object, cells: int) -> str:
    """Foreign text in exactly so many cells."""
    return set_cell_size(clip(text, cells), max(0, cells))


def line(parts: Iterable[Part | str], width: int | None = None) -> Content:
    """One line; with a width, its end is cut off."""
    content = Content.assemble(*(part for part in parts if part))
    return content.truncate(width, ellipsis=True) if width is not None else content


def spread(left: Sequence[Part | str], right: Sequence[Part | str], width: int) -> Content:
    """One line with a part at either end; the right one stays whole."""
    end = line(right)
    room = width - end.cell_length - 1
    if room < 1:
        return line(left, width)
    start = line(left)
    if start.cell_length > room:  # blanks at its end need no ellipsis
        start = start.rstrip().truncate(room, ellipsis=True)
    return Content.assemble(start, " " * (room + 1 - start.cell_length), end)


def bar(share: float, cells: int) -> str:
    """A bar of eighths of a cell."""
    if not math.isfinite(share):
        share = 0.0
    eighths = round(min(1.0, max(0.0, share)) * cells * 8)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (_EIGHTHS[rest] if rest else "")).ljust(cells)


def progress_bar(share: float, cells: int, style: str = "$success") -> list[Part]:
    """A bar on a visible track."""
    drawn = bar(share, cells)
    filled = drawn.rstrip(" ")
    return [(filled, style), ("·" * (cells - len(filled)), "$foreground 30%")]


def state_word(status: Status) -> str:
    """The state with what else is true of it."""
    if status.state == "running" and not status.responding:
        return "running, silent"
    if status.live and status.stopping:
        return "stopping"
    if status.live and status.paused:
        return "paused"
    if status.state == "queued" and status.live:
        return "starting"
    return status.state


def status_parts(status: Status) -> list[Part]:
    """A status as glyph and word."""
    glyph = "‖" if status.live and status.paused else GLYPHS.get(status.state, "?")
    style = (
        "$warning" if state_word(status) in ("paused", "stopping", "running, silent") else STYLES.get(status.state, "")
    )
    return [(f"{glyph} {state_word(status)}", f"bold {style}".strip())]


def when(timestamp: float) -> str:
    """A moment: the hour of today, else the day, else the date."""
    if not timestamp:
        return "–"
    then, now = datetime.fromtimestamp(timestamp), datetime.fromtimestamp(time.time())
    if then.date() == now.date():
        return then.strftime("%H:%M")
    return then.strftime("%m-%d %H:%M") if then.year == now.year else then.strftime("%Y-%m-%d")


def metric(value: object) -> str:
    """A metric with four decimals and no leading zero."""
    known = figure(value, math.nan)
    if math.isnan(known):
        return "–"
    text = f"{known:.4f}" if abs(known) < 1e4 else f"{known:.3g}"
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text


def number(value: float) -> str:
    """Any figure of a training step in a few characters."""
    if not math.isfinite(value):
        return "–"
    if value and not 1e-3 <= abs(value) < 1e7:
        return f"{value:.1e}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def short_id(run: RunInfo) -> str:
    """What tells a run from the others of its project."""
    return safe(run.id.rsplit("_", 1)[-1])


def checkpoint_name(path: str) -> str:
    """A checkpoint's path without the folders of the store: `best`; empty where nothing else is left of it."""
    _, store, inside = path.partition(".store/")
    return safe(inside.partition("/")[2] if store else path)


def rule_of_three(done: float, total: float, unit: str) -> str:
    """How far: `9,200 / 20,000 steps`."""
    whole = f"{done:,.0f} / {total:,.0f}" if total > 0 else f"{done:,.0f}"
    return f"{whole} {safe(unit)}".rstrip()


def error_lines(message: str, remedy: str = "") -> list[Content]:
    """What went wrong and what can be done about it."""
    rows = [line([("✗ ", "bold $error"), safe(message)])]
    return [*rows, line([(safe(remedy), FAINT)])] if remedy else rows
