"""Whatever stands in other people's data, on every screen: it is text, it stays in its panel, and it does nothing."""

from __future__ import annotations

import asyncio
import json
import random
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from textual import events
from textual.app import App, ComposeResult
from textual.geometry import Region

from core.errors import EagerError
from core.setting_values import toml_value
from eagertui.forms.pick_file import PathInput
from eagertui.forms.settings_form import SettingsForm
from eagertui.widgets.draw import clip, fill, safe
from eagertui.widgets.row_list import RowList
from eagertui.widgets.typed_line import TypedLine
from tests.eagertui.app_tools import Eyes
from tests.eagertui.scenes import SCENES, Scene, Way, settled, stay
from tests.eagertui.terminal_tools import UNSTEADY, cells, grid, looks_whole, sent
from tests.eagertui.world import World, plain, world

NASTY = [
    "[red]x[/]", "[@click=app.bell]x[/]", "[/]", "\\[", "$accent {} %s", "\x1b[31m\x1b[2J\x1b[H", "\x1b[?1049l\x1bc",
    "\x1b]8;;http://x\x07y\x1b]8;;\x07", "\x1b]52;c;ZXZpbA==\x07", "\x1bP$q\"p\x1b\\", "\x1b_Gf=100;AAAA\x1b\\",
    "\x9b31m", "\x9d52;c;x\x9c", "\u202eabc\u202c", "\u2066x\u2069\u200f\u061c", "\u200b\u200c\u200d\u2060\ufeff",
    "e\u0301\u0327", "\u0301", "日本語", "ｗｉｄｅ", "👩\u200d💻", "🏳\ufe0f\u200d🌈", "👍🏽", "🇩🇪", "🇩", "❤\ufe0f",
    "1\ufe0f\u20e3", "\u200d \u200d\u200d", "\ud800", "\udc1b", "\0", "\a\b\t\n\r\v\f\x7f", "\x85\u2028\u2029",
    "\x80\x9f", "\u3164\u1160\uffa0", "\u00ad", "\U000e0041" * 9, "שלום ﷺ ١٢", "Z" + "\u0301\u0352" * 40, "x" * 10_000,
    "界" * 5_000, "👩\u200d👩\u200d👧" * 900, "a b " * 2_000, "", " ",
]  # fmt: skip
LETTERS = st.characters(max_codepoint=0x10FF, exclude_categories=("Mc",)) | st.characters(
    min_codepoint=0x1E00, max_codepoint=0x2600
)
"""Letters whose width terminals agree on: vowel signs of India and pieces of Hangul are another's trouble."""
MIXED = st.lists(st.sampled_from(NASTY) | st.text(LETTERS, max_size=5), min_size=1, max_size=3).map("".join)
TEXTS = st.tuples(st.permutations(NASTY), st.lists(MIXED, max_size=20)).map(
    lambda both: [*both[0][::2], *both[1], *both[0][1::2]]
)


class Words:
    """Gives every text a hostile one; the same one to the same text.

    Args:
        texts: the hostile ones.
    """

    def __init__(self, texts: list[str]) -> None:
        self.texts, self.known = texts, dict[str, str]()

    def say(self, text: str) -> str:
        """A hostile text, and then the text itself, so that no two become the same."""
        if text not in self.known:
            self.known[text] = self.texts[len(self.known) % len(self.texts)] + text
        return self.known[text]

    def file_name(self, text: str) -> str:
        """A name that a file may have, with something hostile in it."""
        hostile = self.texts[len(text) % len(self.texts)].replace("/", "").replace("\0", "")
        hostile = hostile.encode("utf-8", "ignore")[:80].decode("utf-8", "ignore")
        return f"{text}{hostile}"


# --- further steps behind a scene: what lies over it, and what hides in it --------------------------------------------


def press(*keys: str) -> Way:
    """Keys."""

    async def go(eyes: Eyes, made: World) -> None:
        await eyes.press(*keys)

    return go


def paste(opening: str, closing: str = "") -> Way:
    """A hostile text into the line that a key opens."""

    async def go(eyes: Eyes, made: World) -> None:
        await eyes.press(opening)
        eyes.app.post_message(events.Paste("nobody " + made.say("a search")[:4000]))
        await eyes.pilot.pause()
        if closing:
            await eyes.press(closing)

    return go


async def into_folder(eyes: Eyes, made: World) -> None:
    """Into a folder of a hostile name."""
    name = next(path.name for path in made.here.iterdir() if path.is_dir())
    eyes.app.screen.query_one(RowList).go_to(name)
    await eyes.press("enter", "slash")
    await eyes.until(lambda: name in eyes.app.screen.query_one(PathInput).value)


def on(key: str) -> Way:
    """The cursor on a setting, which is then typed."""

    async def go(eyes: Eyes, made: World) -> None:
        if eyes.app.screen.query_one(SettingsForm).editing:
            await eyes.press("escape")
        eyes.app.screen.query_one(SettingsForm).go_to(key)
        await eyes.pilot.pause()
        await eyes.press("enter")

    return go


async def complain(eyes: Eyes, made: World) -> None:
    """Messages at the corner."""
    eyes.app.complain(EagerError(made.say("cannot write"), made.say("make room")))
    eyes.app.tell(made.say("the run goes on"))
    await eyes.pilot.pause()


async def break_project(eyes: Eyes, made: World) -> None:
    """The project file is wrong, in hostile words."""
    file = eyes.app.bridge.project_file
    assert file is not None
    file.write_text(f"{toml_value(made.say('nmae').encode('utf-8', 'replace').decode())} = 1\n", encoding="utf-8")
    await eyes.until(lambda: eyes.app.project_error is not None)
    await asyncio.sleep(0.5)  # a form hears of it a moment later


async def back(eyes: Eyes, made: World) -> None:
    """Nothing lies over the place any more."""
    while len(eyes.app.screen_stack) > 1:
        await eyes.press("escape")


def odd(made: World) -> Path:
    """A project whose settings are hostile where they may be any text."""
    text = toml_value(made.say("x").encode("utf-8", "replace").decode()[:500])
    return made.project(more=f"[vectors]\nsemantic = {toml_value('file:' + text)}\n[tune]\nframe = {text}\n")


TOURS: dict[str, list[Way]] = {
    "home": [
        paste("slash", "enter"), press("question_mark"), back, press("ctrl+p"), back, press("q"), back, complain,
        break_project,
    ],
    "data": [
        press("v"), press("enter"), back, press("v"), press("enter"), press("enter"), back, press("v"),
        paste("slash", "enter"), press("u"), paste("backspace"), back, press("ctrl+r"), break_project,
    ],
    "index": [press("down", "enter"), press("i"), back, paste("slash", "enter"), back, press("v", "enter"), back],
    "index-item": [press("tab"), press("enter"), back, press("v")],
    "index-report": [press("pagedown")],
    "index-diff": [press("end")],
    "train-live": [press("x"), back, press("space"), press("o"), paste("slash", "enter")],
    "train-finished": [press("m"), press("m"), press("tab", "left")],
    "train-failed": [press("o")],
    "start": [on("tune.frame"), on("vectors.semantic"), back, press("t"), paste("slash", "enter"), break_project],
    "pick": [into_folder, paste("end"), press("tab"), press("enter")],
    "new-project": [
        on("name"), paste("end"), on("data.user"), press("escape"), on("data.text"), press("escape"),
        paste("slash", "enter"),
    ],
    "explore": [paste("slash", "enter"), press("tab", "tab")],
    "compare": [press("v"), press("v"), press("v"), press("v"), paste("slash", "enter")],
}  # fmt: skip
"""Scenes, and where one goes on from there."""
FOLDED = ("new-project", "train-failed")
"""Scenes in which an error or a command takes as many lines as it needs."""


async def tour(scene: Scene, made: World, size: tuple[int, int], steps: Sequence[Way]) -> list[dict[str, Region]]:
    """Go to a scene and on from there; everywhere check what is sent to the terminal; give the panels of each place."""
    with scene.app(made) as app:
        async with app.run_test(size=size, notifications=True) as pilot:
            eyes = Eyes(app, pilot)
            await scene.play(pilot, made)
            shown = [looks_whole(app)]
            for step in steps:
                await step(eyes, made)
                await settled(eyes)
                shown.append(looks_whole(app))
            return shown


def toured(name: str, size: tuple[int, int], words: Words | None = None) -> list[dict[str, Region]]:
    """The same in a world of its own, told in hostile words or in plain ones."""
    scene = SCENES[name] if name != "start" else replace(SCENES[name], build=odd)
    say, file_name = (words.say, words.file_name) if words else (plain, plain)
    with tempfile.TemporaryDirectory() as home, world(Path(home), say, file_name) as made:
        return asyncio.run(tour(scene, made, size, TOURS[name]))


@cache
def harmless(name: str) -> list[dict[str, Region]]:
    """Where the panels stand with plain words."""
    return toured(name, (80, 24))


def changes_nothing(name: str, texts: list[str]) -> None:
    """With these words the panels stand where they stand with plain ones."""
    for plainly, shown in zip(harmless(name), toured(name, (80, 24), Words(texts)), strict=True):
        assert shown.keys() == plainly.keys()
        for panel, region in shown.items():
            there = plainly[panel]
            assert (region.x, region.width) == (there.x, there.width), panel
            if name not in FOLDED and not panel.endswith(("#whole-record", "#question")):
                assert region == there, panel


@pytest.mark.parametrize("name", TOURS)
def test_hostile_words_do_nothing(name: str) -> None:
    changes_nothing(name, NASTY)


@pytest.mark.slow
@pytest.mark.parametrize("name", TOURS)
@settings(
    max_examples=2,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(texts=TEXTS)
def test_drawn_words_do_nothing(name: str, texts: list[str]) -> None:
    changes_nothing(name, texts)


ODD = (None, True, "x", "", -1, 0, 1e300, -1e300, float("nan"), float("inf"), [], {}, ["x"], {"x": None}, 10**30)


def spoiled(value: object, luck: random.Random) -> object:
    """A JSON value of which every third part is something else."""
    if luck.random() < 0.3:
        return luck.choice(ODD)
    if isinstance(value, dict):
        return {key: spoiled(one, luck) for key, one in value.items()}
    return [spoiled(one, luck) for one in value] if isinstance(value, list) else value


def spoil(made: World, luck: random.Random) -> None:
    """Spoil every JSON file of every run, and every event, but for what tells its place in the story."""
    for file in sorted(made.here.rglob("*.json")):
        told = {key: spoiled(value, luck) for key, value in json.loads(file.read_text()).items()}
        file.write_text(json.dumps(told))
    for file in sorted(made.here.rglob("events.jsonl")):
        rows = []
        for row in file.read_text().splitlines():
            event = json.loads(row)
            own = {key: event.pop(key) for key in ("v", "seq", "ts", "kind")}
            rows.append(json.dumps({**own, **{key: spoiled(value, luck) for key, value in event.items()}}))
        file.write_text("\n".join(rows) + "\n")


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
@pytest.mark.parametrize("kind", ["live", "finished", "failed"])
def test_spoiled_files_of_a_run_are_no_end(tmp_path: Path, kind: str, seed: int) -> None:
    def build(made: World) -> Path:
        project = made.project()
        getattr(made, kind)(project)
        spoil(made, random.Random(f"{kind} {seed}"))
        return project

    steps = [press(key) for key in "43621"]
    with world(tmp_path) as made:
        asyncio.run(tour(Scene(build, stay), made, (80, 24), steps))


@settings(derandomize=True, database=None, deadline=None)
@given(MIXED, st.integers(0, 30))
def test_a_foreign_text_has_one_width_on_every_terminal(text: str, room: int) -> None:
    for shown in (safe(text), clip(text, room), fill(text, room)):
        assert not [sign for sign in shown if UNSTEADY.match(sign) or sign < " " or sign == "\x7f"]
        assert sum(map(cells, shown)) == cell_len(shown)
    assert cell_len(clip(text, room)) <= room == cell_len(fill(text, room))


async def test_what_is_typed_or_pasted_is_harmless_and_kept() -> None:
    class Line(App[None]):
        def compose(self) -> ComposeResult:
            yield TypedLine("\x1b[2J\u202e👩\u200d💻 é\ud800", compact=True)

    async with Line().run_test(size=(40, 3)) as pilot:
        line = pilot.app.query_one(TypedLine)
        await pilot.press("end", "x", "home", "right", "backspace")
        assert line.value == "[2J\u202e👩\u200d💻 é\ud800x"
        first = "".join(grid(sent(pilot.app), 40, 3)[0])
        assert first.startswith("[2J\ufffd👩\ufffd💻 é\ufffdx ")
