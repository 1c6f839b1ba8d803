"""The palette finds projects, runs, items, settings, themes and pages of the documentation by name."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from textual.command import CommandList

from core.run.folder import RunFolder
from eagertui.forms.settings_form import SettingsForm
from eagertui.overlays.palette_content import documents
from eagertui.places.index.item import ItemScreen
from tests.eagertui.app_tools import PROJECT, Eyes, screen_text
from tests.eagertui.places.index.index_place_tools import lookup, opened
from tests.eagertui.world import world

Open = Callable[..., Any]


async def choose(eyes: Eyes, text: str, seen: str) -> None:
    """Type into the palette and take the first find."""
    await eyes.press("ctrl+p")
    await eyes.pilot.pause()
    await eyes.press(*("space" if char == " " else char for char in text))
    await eyes.see(seen)
    found = eyes.app.screen.query_one(CommandList)
    await eyes.until(lambda: re.search(seen, str(found.get_option_at_index(found.highlighted or 0).prompt)))
    await eyes.press("enter")


async def test_a_run_a_project_a_setting_and_a_page_are_found(
    open_app: Open, shop: Path, finished: RunFolder, tmp_path: Path
) -> None:
    finished.set_label(label="wide beams")
    (tmp_path / "beauty").mkdir()
    (tmp_path / "beauty" / "project.toml").write_text(PROJECT.replace("bookshop", "beauty"))
    async with open_app() as eyes:
        eyes.app.memory.opened(tmp_path / "beauty" / "project.toml", "beauty")
        eyes.app.poll_projects()
        await eyes.see("2 known")
        await choose(eyes, "wide beams", r"wide beams \w{4}  run")
        await eyes.until(lambda: eyes.app.current_mode == "train")
        await choose(eyes, "batch_tokens", "tune.batch_tokens  setting")
        await eyes.see("What it will do")
        await eyes.until(lambda: eyes.app.screen.query_one(SettingsForm).current.key == "tune.batch_tokens")
        await eyes.press("ctrl+p")
        await eyes.press(*"beauty")
        await eyes.pilot.pause(0.3)
        assert "beauty  project" not in screen_text(eyes.app)  # over a form no other project is opened
        await eyes.press("escape", "escape")
        await choose(eyes, "glossary", "documentation")
        await eyes.see("glossary.md", "esc closes")
        await eyes.press("escape")
        await choose(eyes, "beauty", "beauty  project")
        await eyes.until(lambda: eyes.app.bridge.project_file == tmp_path / "beauty" / "project.toml")


async def test_an_item_is_found_from_anywhere_and_opened(tmp_path: Path) -> None:
    with world(tmp_path) as made:
        async with opened(made) as eyes:
            item_id, title = lookup(eyes).item_id(7), lookup(eyes).title(7)
            await eyes.press("1")
            await choose(eyes, item_id, "  item")
            await eyes.see(item_id, "esc")
            assert isinstance(eyes.app.screen, ItemScreen)
            assert title in screen_text(eyes.app)


def test_every_page_has_a_title() -> None:
    assert {path.name for path, _ in documents()} >= {"keys.md", "glossary.md", "terminal.md"}
    assert all(title and not title.startswith("#") for _, title in documents())


async def test_there_is_one_theme_entry(open_app: Open) -> None:
    async with open_app() as eyes:
        await eyes.until(lambda: eyes.app.runs_read)
        titles = [command.title for command in eyes.app.get_system_commands(eyes.app.screen)]
        assert [title for title in titles if title.startswith("Theme")] == ["Theme  (^t)"]
