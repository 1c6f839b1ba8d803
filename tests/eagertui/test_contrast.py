"""Every word of the places of lists can be read: at least 4.5 to 1 against what it stands on, dark and light (WCAG)."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.color import Color
from textual.color import Color as TextualColor

from core.run.folder import RunFolder
from eagertui.app import EagerApp
from eagertui.config import Config
from eagertui.themes import DARK, LIGHT
from tests.eagertui.app_tools import Eyes, fake_engine
from tests.eagertui.places.compare.test_compare_place import shop as compared_shop

Open = Callable[..., Any]
LEAST = 4.5
THEMES = (DARK.name, LIGHT.name)
compared = compared_shop


def luminance(color: TextualColor) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in color.normalized]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one: TextualColor, other: TextualColor) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def words(app: EagerApp, over: str) -> Iterator[tuple[str, float]]:
    """Every piece of text on the screen, or on what lies over it, that has a letter or a figure, and its contrast."""
    region = app.screen.query_one(over).region if over else app.screen.region
    for strip in app.screen._compositor.render_strips()[region.y : region.bottom]:
        strip = strip.crop(region.x, region.right)
        for segment in strip:
            text, style = segment.text.strip(), segment.style
            if not any(unicodedata.category(char)[0] in "LN" for char in text) or style is None:
                continue
            front, back = style.color, style.bgcolor
            assert isinstance(front, Color) and isinstance(back, Color), text
            pair = [TextualColor.from_rich_color(front), TextualColor.from_rich_color(back)]
            yield text, contrast(*(pair[::-1] if style.reverse else pair))


def check(app: EagerApp, over: str = "") -> None:
    found = dict(sorted(words(app, over), key=lambda pair: -pair[1]))  # of a text that stands twice the weaker counts
    assert len(found) > 10
    assert {text: round(value, 2) for text, value in found.items() if value < LEAST} == {}


@pytest.mark.parametrize("theme", THEMES)
async def test_explore(open_app: Open, finished: RunFolder, theme: str) -> None:
    async with open_app(size=(120, 40), verb="recommend") as eyes:
        eyes.app.theme = theme
        await eyes.see("Who\\?")
        check(eyes.app)
        await eyes.press("enter")
        await eyes.see("History of reader-000", "Code by code")
        check(eyes.app)
        await eyes.press("b")
        await eyes.see("Next by sasrec")
        eyes.app.screen.query_one("#items").focus()
        await eyes.pilot.pause()
        check(eyes.app)
        await eyes.press("t")
        await eyes.see("Level 1")
        check(eyes.app, "#over")
        await eyes.press("escape", "tab", "tab", "d")
        await eyes.see("▲|new|edited|denied")
        check(eyes.app)


@pytest.mark.parametrize("theme", THEMES)
async def test_compare(compared: Path, theme: str) -> None:
    app = EagerApp(compared, "compare", engine=fake_engine(), config=Config(theme=theme))
    async with app.run_test(size=(120, 40)) as pilot:
        eyes = Eyes(app, pilot)
        await eyes.see("Methods · N@10")
        await eyes.press("space", "down", "space")
        await eyes.see("2 marked", "worse")
        check(app)
        for title in ("Parts of the users", "Settings that differ", "Who gained and lost", "Curves"):
            await eyes.press("v")
            await eyes.see(title)
            await pilot.pause()
            check(app)


async def test_nothing_moves_where_a_person_wants_that(shop: Path) -> None:
    still = EagerApp(shop, "home", engine=fake_engine(), config=Config(animation=False))
    async with still.run_test():
        assert still.animation_level == "none"
    usual = EagerApp(shop, "home", engine=fake_engine())
    assert usual.animation_level == "full"
