"""The list of settings under a person's keys and mouse."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from textual.pilot import Pilot

from core.project import Project
from eagertui.forms.editors import ChoiceSelect, FieldInput, OrderedMarks
from eagertui.forms.form_model import Field, Group, grouped, project_fields
from eagertui.forms.settings_form import SettingsForm
from eagertui.widgets.filter_bar import FilterBar
from tests.eagertui.app_tools import screen_text
from tests.eagertui.forms.form_tools import FormApp

SIZES = [(80, 24), (60, 18)]
FIELDS = project_fields(Project())


def groups(edits: list[tuple[str, str | None]]) -> tuple[Group, ...]:
    """Every setting of a project, with what was edited."""
    told = {key: text for key, text in edits if text is not None}
    told = {key: text for key, text in told.items() if (key, None) not in edits[edits.index((key, text)) :]}
    fields = project_fields(Project())
    return grouped(
        [replace(one, value_text=told.get(one.key, one.value_text), changed=one.key in told) for one in fields]
    )


class Hands:
    """A form under test."""

    def __init__(self, app: FormApp, pilot: Pilot[None]) -> None:
        self.app, self.pilot, self.form = app, pilot, app.form

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def go_to(self, key: str) -> None:
        self.form.go_to(key)
        await self.pilot.pause()

    def text(self) -> str:
        return screen_text(self.app)  # type: ignore[arg-type]


@asynccontextmanager
async def opened(
    size: tuple[int, int] = (80, 24), make: Callable[..., tuple[Group, ...]] = groups
) -> AsyncIterator[Hands]:
    app = FormApp(make)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        yield Hands(app, pilot)


@pytest.mark.parametrize("size", SIZES)
async def test_a_number_wrong_then_right(size: tuple[int, int]) -> None:
    async with opened(size) as hands:
        await hands.go_to("tune.stages.0.epochs")
        await hands.press("enter", *"12x")
        assert re.search(r'✗ expected a whole number, got "12x"', hands.text())
        await hands.press("enter")
        assert hands.form.editing
        assert hands.app.edits == []
        await hands.press("backspace", "backspace", "backspace", "0")
        assert "must be at least 1 and at most 10000, got 0" in hands.text()
        await hands.press("backspace", "7", "enter")
        assert hands.app.edits == [("tune.stages.0.epochs", "7")]
        assert not hands.form.editing
        assert re.search(r"• tune\.stages\.0\.epochs +7", hands.text())
        assert "1 changed" in hands.text()
        assert hands.app.focused is hands.form.settings
        assert hands.form.current.key == "tune.stages.0.epochs"


async def test_escape_keeps_the_old() -> None:
    async with opened() as hands:
        await hands.go_to("seed")
        await hands.press("enter", "9", "escape")
        assert hands.app.edits == []
        assert hands.app.focused is hands.form.settings
        await hands.press("enter", "enter")  # unchanged is no edit
        assert hands.app.edits == []


async def test_true_and_false_change_places() -> None:
    async with opened() as hands:
        await hands.go_to("evaluate.mask_seen")
        await hands.press("enter")
        await hands.press("enter")
        assert hands.app.edits == [("evaluate.mask_seen", "true"), ("evaluate.mask_seen", "false")]


@pytest.mark.parametrize("size", SIZES)
async def test_a_choice_from_a_list(size: tuple[int, int]) -> None:
    async with opened(size) as hands:
        await hands.go_to("tune.schedule")
        await hands.press("enter")
        assert re.search(r"● cosine", hands.text())
        assert "how the step size falls" in hands.text()
        await hands.press("down", "enter")
        assert hands.app.edits == [("tune.schedule", "linear")]
        assert hands.app.focused is hands.form.settings
        await hands.press("enter", "escape")
        assert len(hands.app.edits) == 1
        assert not hands.form.editing and not hands.app.query(ChoiceSelect)
        await hands.press("enter", "q", "up", "space")  # letters are nobody's, space takes too
        assert hands.app.edits[1:] == [("tune.schedule", "cosine")]


async def test_a_choice_where_none_of_the_list_is_the_value() -> None:
    one = Field("k", "text", "old", "old", "one of two", choices=("a", "b"))

    async with opened(make=lambda edits: (Group("G", "", (one,)),)) as hands:
        await hands.press("enter")
        assert "●" not in hands.text()
        await hands.press("escape")
        assert hands.app.edits == []
        await hands.press("enter", "enter")  # the cursor stands on the first
        await hands.press("enter", "end", "enter")
        assert hands.app.edits == [("k", "a"), ("k", "b")]


async def test_a_prefix_leads_to_typing() -> None:
    async with opened() as hands:
        await hands.go_to("vectors.semantic")
        await hands.press("enter", "end", "enter")  # file:…
        assert hands.form.query_one(FieldInput).value == "file:"
        assert '"file:" is not one of lsa, contrastive, none, hf:..., file:...' in " ".join(hands.text().split())
        await hands.press(*"v.npy", "enter")
        assert hands.app.edits == [("vectors.semantic", "file:v.npy")]
        await hands.press("enter")
        assert re.search(r"● file:…", hands.text())
        await hands.press("enter")  # the cursor stands on it: type on
        assert hands.form.query_one(FieldInput).value == "file:v.npy"


@pytest.mark.parametrize("size", SIZES)
async def test_some_of_many_keep_their_order(size: tuple[int, int]) -> None:
    async with opened(size) as hands:
        await hands.go_to("index.sources")
        await hands.press("enter")
        assert re.search(r"1 semantic[^·]*2 behavior", hands.text().replace("\n", " "))
        await hands.press("space", "space", "enter")  # off and on again: it comes last
        assert hands.app.edits == [("index.sources", "behavior, semantic")]
        await hands.press("enter", "q", "down", "space", "escape")  # letters are nobody's; escape keeps the old
        assert len(hands.app.edits) == 1
        assert hands.app.focused is hands.form.settings
        await hands.press("enter", "space")
        await hands.pilot.click(offset=(6, 1))  # a heading
        await hands.pilot.pause()
        assert hands.app.edits[-1] == ("index.sources", "semantic")


@pytest.mark.parametrize("size", SIZES)
async def test_settings_of_parts_that_are_not_in_use_are_found_by_the_filter_alone(size: tuple[int, int]) -> None:
    unused = [one.key for one in FIELDS if not one.used]
    assert {key.partition(".")[0] for key in unused} == {"vectors", "index", "baselines"}
    async with opened(size) as hands:
        assert f"/ finds {len(unused)} more, not in use" in hands.text()
        await hands.press("end")
        assert hands.form.current.key == "evaluate.bootstrap"
        hands.form.filter()
        await hands.press(*"bsarec.alpha", "enter")
        assert hands.form.current.key == "baselines.bsarec.alpha"
        await hands.press("enter", *"0.4", "enter")
        hands.form.filter()
        await hands.press("escape", "end")
        assert hands.form.current.key == "baselines.bsarec.alpha"  # what was changed is in sight
        assert f"1 changed · / finds {len(unused) - 1} more, not in use" in hands.text()
        for key in unused:  # whoever asks for one gets there
            await hands.go_to(key)
            assert hands.form.current.key == key
        await hands.go_to("seed")
        assert hands.form.current.key == "seed" and not hands.form.query_one(FilterBar).text


@pytest.mark.parametrize("size", SIZES)
async def test_the_filter(size: tuple[int, int]) -> None:
    async with opened(size) as hands:
        hands.form.filter()
        await hands.press(*"batch_tok")
        assert hands.form.settings.option_count == 2  # a heading and the setting
        assert re.search(r"1 of \d\d", hands.text())
        await hands.press("enter")
        assert hands.app.focused is hands.form.settings
        assert hands.form.current.key == "tune.batch_tokens"
        await hands.press("enter", *"99", "enter")
        assert hands.app.edits == [("tune.batch_tokens", "99")]
        assert hands.form.settings.option_count == 2
        hands.form.filter()
        await hands.press(*"zzz")
        assert "no setting holds that" in hands.text()
        await hands.press("escape")
        assert hands.form.settings.option_count > 60
        assert not hands.form.query_one(FilterBar).display


async def test_the_default_again() -> None:
    async with opened() as hands:
        await hands.go_to("tune.ema")
        hands.form.default()  # nothing to give back
        await hands.press("enter", *"0.9", "enter")
        assert "· else 0.0" in hands.text()
        hands.form.default()
        await hands.pilot.pause()
        assert hands.app.edits == [("tune.ema", "0.9"), ("tune.ema", None)]


async def test_the_mouse_alone() -> None:
    async with opened() as hands:
        row = next(y for y, text in enumerate(hands.text().splitlines()) if "run.device" in text)
        await hands.pilot.click(offset=(10, row))
        assert re.search(r"● auto", hands.text())
        line = next(y for y, text in enumerate(hands.text().splitlines()) if re.search(r" cpu ", text))
        await hands.pilot.click(offset=(40, line))
        await hands.pilot.pause()
        assert hands.app.edits == [("run.device", "cpu")]


async def test_a_click_elsewhere_takes_what_is_right_and_forgets_what_is_wrong() -> None:
    async with opened() as hands:
        await hands.go_to("seed")
        for text in ("5", "x"):
            await hands.press("enter", text)
            await hands.pilot.click(offset=(6, 1))  # a heading
            await hands.pilot.pause()
            assert not hands.form.editing
        assert hands.app.edits == [("seed", "5")]


async def test_the_keys_of_a_page_and_the_first_heading() -> None:
    async with opened((60, 18)) as hands:
        await hands.press("end")
        assert hands.form.current.key == "evaluate.bootstrap"
        await hands.press("home")
        assert hands.form.current.key == "recipe"
        assert "Most used" in hands.text()


async def test_words_of_the_setting_and_its_bounds() -> None:
    async with opened() as hands:
        await hands.go_to("data.duplicates")
        text = " ".join(hands.text().split())
        assert "data.duplicates = exact" in text
        assert "drop repeats of user, item and time" in text
        await hands.go_to("run.threads")
        assert "CPU threads; 0 = all · 0 to 1024" in " ".join(hands.text().split())


async def test_hostile_texts_are_drawn_harmlessly() -> None:
    bad = "[red]x[/] \x1b[31m\u202ey\u200b 界🙂\n"
    one = Field(key="k\x07", kind="text", value_text=bad, default_text="", doc=bad, allowed=bad, problem=bad, label=bad)
    many = replace(one, key="list", kind="list of texts", choices=(bad, "b"), problem="", value_text="")

    def make(edits: list[Any]) -> tuple[Group, ...]:
        return (Group(bad, bad, (one, many)),)

    async with opened((60, 18), make) as hands:
        await hands.press("enter", "escape", "down", "enter")
        text = hands.text()
        assert "[red]x[/]" in text
        assert not re.search("[\x1b\x07\u202e\u200b]", text)
        assert hands.app.screen.query_one(OrderedMarks)
        await hands.press("escape", "enter")


async def test_a_file_is_asked_for() -> None:
    def make(edits: list[Any]) -> tuple[Group, ...]:
        return (Group("Files", "", (Field("data.items", "file", "items.csv", "items.csv", "the items"),)),)

    async with opened(make=make) as hands:
        await hands.press("enter")
        assert hands.app.wanted == ["data.items"]


async def test_a_narrow_terminal_shows_name_and_value() -> None:
    async with opened((40, 12)) as hands:
        assert isinstance(hands.form, SettingsForm)
        for row in hands.text().splitlines():
            assert len(row) <= 40
        assert re.search(r"recipe +light", hands.text())
