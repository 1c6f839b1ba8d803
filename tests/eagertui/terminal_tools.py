"""What an app really sends to its terminal, read by a grammar that knows nothing but colours and lines."""

from __future__ import annotations

import re
import unicodedata

from textual.app import App
from textual.geometry import Region
from textual.widget import Widget

TOKEN = re.compile(r"\x1b\[(?P<at>\d+;\d+)H|\x1b\[[\d;]*m|(?P<end>\n)|(?P<char>[^\x00-\x1f\x7f-\x9f])")
"""A line's beginning, a colour, a line's end, or a character that is no control."""
UNSTEADY = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\U0001f3fb-\U0001f3ff\U000e0000-\U000effff]"
)
"""Invisible, direction-changing or joining characters, and those to which each terminal gives another width."""
UPRIGHT = frozenset("│┃╭╮╰╯┏┓┗┛║╔╗╚╝▌▐▕▏█▊▎")


def sent(app: App[None]) -> str:
    """What the terminal gets for the whole screen."""
    update = app.screen._compositor.render_update(full=True, screen_stack=app._background_screens)
    return update.render_segments(app.console)  # type: ignore[union-attr]


def cells(character: str) -> int:
    """Cells of a character on a terminal that knows of no clusters."""
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def grid(text: str, width: int, height: int) -> list[list[str]]:
    """The cells of every line; the right half of a wide character is empty. Fails at whatever may not be there."""
    rows: list[list[str]] = []
    place = 0
    while place < len(text):
        found = TOKEN.match(text, place)
        assert found, f"not harmless: {text[place : place + 20]!r} after {text[max(0, place - 60) : place]!r}"
        place = found.end()
        if found["at"]:
            assert found["at"] == f"{len(rows) + 1};1", found["at"]
            rows.append([])
        elif char := found["char"]:
            assert not UNSTEADY.match(char), f"unsteady {char!r} in {''.join(rows[-1])}"
            wide = cells(char)
            if wide:
                rows[-1] += [char, *[""] * (wide - 1)]
            elif rows[-1]:
                rows[-1][-1] += char
    assert len(rows) == height
    for row in rows:
        assert len(row) == width, f"{len(row)} cells instead of {width}: {''.join(row)}"
    return rows


def panels(app: App[None]) -> dict[str, Region]:
    """Every panel of the screen on top, by its name and place, with its border."""
    found: dict[str, Region] = {}
    for number, widget in enumerate(app.screen.query(Widget)):
        if widget.display and widget.region.area and widget.styles.border_left[0] in ("round", "heavy", "solid"):
            found[f"{number} {widget.css_identifier}"] = widget.region
    return found


def looks_whole(app: App[None]) -> dict[str, Region]:
    """Check that nothing but text and colours is sent, that every line fills the screen, and every panel is closed."""
    width, height = app.size
    rows = grid(sent(app), width, height)
    shown = panels(app)
    for name, region in shown.items():
        seen = region.intersection(app.screen.region)
        edges = [x for x in (region.x, region.right - 1) if seen.x <= x < seen.right]
        for y in range(seen.y, seen.bottom):
            for x in edges:
                assert rows[y][x][:1] in UPRIGHT, f"{name} is open at {x},{y}: {''.join(rows[y])}"
    return shown
