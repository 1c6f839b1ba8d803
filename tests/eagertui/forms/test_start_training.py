"""The form before a training: figures, overrides, the command, and what a start makes of them."""

from __future__ import annotations

import asyncio
import re
import shlex
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Button

from core.errors import EagerError
from core.project import Project
from eagertui.forms import start_training as start_module
from eagertui.forms.settings_form import SettingsForm
from eagertui.forms.start_training import StartChoice, StartScreen
from tests.eagertui.app_tools import Eyes
from tests.eagertui.forms.form_tools import PLAN, Errands

SIZES = [(80, 24), (60, 18), pytest.param((120, 40), marks=pytest.mark.slow)]
FRESH = {**PLAN, "continues": None}
Open = Callable[..., Any]


class Started(Eyes):
    """The form, opened over the home screen."""

    answers: list[StartChoice | None]
    errands: Errands

    @property
    def screen(self) -> StartScreen:
        assert isinstance(self.app.screen_stack[1], StartScreen)
        return self.app.screen_stack[1]

    async def go_to(self, key: str) -> None:
        self.screen.query_one(SettingsForm).go_to(key)
        await self.pilot.pause()


@pytest.fixture
def start(open_app: Open, shop: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Open the form: `async with start(size=(80, 24), overrides=("seed=1",)) as form`."""

    monkeypatch.chdir(shop)
    monkeypatch.setattr(start_module, "PATIENCE", 0.1)

    @asynccontextmanager
    async def _start(
        size: tuple[int, int] = (80, 24), overrides: tuple[str, ...] = (), plan: dict[str, Any] | EagerError = PLAN
    ) -> AsyncIterator[Started]:
        async with open_app(size=size) as eyes:
            form = Started(eyes.app, eyes.pilot)
            form.answers, form.errands = [], Errands(plan)
            eyes.app.bridge.errand = form.errands
            await eyes.app.push_screen(StartScreen(shop / "project.toml", overrides), form.answers.append)
            yield form

    return _start


@pytest.mark.parametrize("size", SIZES)
async def test_from_settings_to_a_start(start: Open, shop: Path, size: tuple[int, int]) -> None:
    async with start(size, plan=FRESH) as form:
        text = await form.see("about 15 min", "a new run", "no time column", "recipe +light", "t Start")
        assert "New run" not in text
        await form.see("eagertui --headless train")
        await form.go_to("tune.batch_tokens")
        await form.press("enter", *"33")
        await form.see("✗ must be at least 64")
        await form.press("enter", "backspace", "backspace", *"96", "enter")
        await form.see(r"• tune\.batch_tokens +96", "--set tune.batch_tokens=96", "1 changed")
        await form.go_to("evaluate.mask_seen")
        await form.press("enter")
        await form.see("2 changed")
        await form.press("t")
        await form.until(lambda: form.answers)
    (choice,) = form.answers
    assert choice == StartChoice(("tune.batch_tokens=96", "evaluate.mask_seen=true"), False)
    project = Project.load(shop, choice.overrides)
    assert (project.tune.batch_tokens, project.evaluate.mask_seen) == (96, True)


async def test_the_figures_follow_the_settings_and_older_ones_are_given_up(start: Open) -> None:
    async with start() as form:
        await form.see("about 15 min")
        assert len(form.errands.asked) == 1
        form.errands.gate = asyncio.Event()
        await form.go_to("seed")
        await form.press("enter", "5", "enter")
        await form.see("computing")
        await form.until(lambda: len(form.errands.asked) == 2)
        assert form.errands.asked[1][2:] == ("--set", "seed=5")
        await form.press("enter", "6", "enter")
        await form.until(lambda: len(form.errands.asked) == 3)
        assert form.errands.ended == [form.errands.asked[1]]
        assert form.errands.asked[2][2:] == ("--set", "seed=6")
        form.errands.plan = {**PLAN, "seconds": 20.0}
        form.errands.gate.set()
        text = await form.see("about 20 s")
        assert "computing" not in text


async def test_several_changes_are_one_question(start: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start_module, "PATIENCE", 3.0)  # longer than two edits on a loaded machine
    async with start() as form:
        await form.see("about 15 min")
        for key in ("evaluate.mask_seen", "seed"):
            await form.go_to(key)
            await form.press("enter", *(["3", "enter"] if key == "seed" else []))
        await form.until(lambda: len(form.errands.asked) > 1)
        assert [asked[2:] for asked in form.errands.asked[1:]] == [
            ("--set", "seed=3", "--set", "evaluate.mask_seen=true")
        ]


@pytest.mark.parametrize("size", SIZES[:2])
async def test_a_run_that_would_go_on(start: Open, size: tuple[int, int]) -> None:
    async with start(size) as form:
        await form.see("goes on with run", "shop_ab12", "t Go on", "n New run")
        await form.press("n")
        await form.until(lambda: form.answers)
    assert form.answers == [StartChoice((), True)]


async def test_n_is_no_key_where_nothing_could_go_on(start: Open) -> None:
    async with start(plan=FRESH) as form:
        await form.see("a new run")
        await form.press("n")
        assert form.answers == []


async def test_values_that_do_not_go_together_refuse_the_start(start: Open) -> None:
    async with start() as form:
        await form.see("about 15 min")
        await form.go_to("backbone.heads")
        await form.press("enter", "7", "enter")
        text = await form.see(r"✗ heads +7", "Mend it to start")
        assert "must be a" in text
        await form.press("home", "t")
        await form.see("✗ heads")
        assert form.answers == []
        assert form.screen.query_one(SettingsForm).current.key == "backbone.heads"
        await form.press("d")
        await form.see("about 15 min")
        await form.press("t")
        await form.until(lambda: form.answers)
        assert form.answers == [StartChoice((), False)]


async def test_back_asks_nothing_and_loses_nothing(start: Open) -> None:
    async with start(overrides=("seed=3",)) as form:
        await form.see("• seed +3")
        await form.go_to("run.threads")
        await form.press("enter", "2", "enter")
        await form.see("2 changed")
        screen = form.screen
        await form.press("escape")
        await form.until(lambda: form.answers)
        assert form.answers == [None]
        assert screen.overrides == ("seed=3", "run.threads=2")


async def test_a_start_waits_for_what_was_typed_last(start: Open) -> None:
    async with start() as form:
        await form.see("about 15 min")
        await form.go_to("seed")
        await form.pilot.press("enter", "8", "enter", "t")  # at once
        await form.until(lambda: form.answers)
        assert form.answers == [StartChoice(("seed=8",), False)]


async def test_the_command_can_be_copied(start: Open) -> None:
    async with start(overrides=("name=a b",)) as form:
        await form.see("--set 'name=a b'")
        await form.press("c")
        words = shlex.split(form.app.clipboard)
        assert words == ["eagertui", "--headless", "train", "project.toml", "--set", "name=a b"]


@pytest.mark.parametrize("size", SIZES)
async def test_a_long_command_stays_on_the_screen(start: Open, size: tuple[int, int]) -> None:
    keys = ("tune.dropout", "tune.ema", "tune.warmup", "tune.distill", "tune.token_dropout", "tune.weight_decay",
            "sasrec.dropout", "data.max_rejected")  # fmt: skip
    async with start(size, overrides=tuple(f"{key}=0.125" for key in keys)) as form:
        text = await form.see("eagertui --headless train", "8 changed", "t Go on")
        assert ("…" in text.partition("$ ")[2]) == (size[0] < 80)


@pytest.mark.parametrize("size", SIZES[:2])
async def test_a_broken_file_instead_of_a_form(start: Open, shop: Path, size: tuple[int, int]) -> None:
    (shop / "project.toml").write_text("[data]\ninteractions = 'x'\nitms = 'y'\n")
    async with start(size) as form:
        await form.see(r"✗ project\.toml:3: data\.itms: unknown key; did you mean", "esc back")
        await form.press("t", "d", "n")
        assert form.answers == []
        await form.press("escape")
        assert form.answers == [None]


async def test_an_errand_that_fails_is_told(start: Open) -> None:
    fault = EagerError("log.csv: is empty \x1b[31m", "put rows into it")
    async with start(plan=fault) as form:
        text = await form.see("✗ log.csv: is empty", "put rows into it")
        assert "\x1b" not in text
        await form.press("t")  # the engine will say so too; nobody is locked out
        await form.until(lambda: form.answers)


async def test_the_mouse_starts_and_goes_back(start: Open) -> None:
    for name, answer in (("start", StartChoice((), False)), ("new", StartChoice((), True)), ("back", None)):
        async with start() as form:
            await form.see("New run")
            await form.pilot.click(form.screen.query_one(f"#{name}", Button))
            await form.until(lambda form=form: form.answers)
            assert form.answers == [answer]


async def test_the_filter_and_escape_one_after_the_other(start: Open) -> None:
    async with start() as form:
        await form.see("about 15 min")
        await form.press("slash", *"ema")
        await form.see(r" \d+ of 1\d\d")
        await form.press("escape")
        await form.see("Most used", "recipe")
        assert form.answers == []
        await form.press("escape")
        assert form.answers == [None]


async def test_a_file_that_is_mended_while_the_form_is_open_is_read_again(
    start: Callable[..., Any], shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start_module, "FILE_INTERVAL", 0.05)
    file = shop / "project.toml"
    whole = file.read_text()
    file.write_text(f"{whole}seed = = 3\n")
    async with start(overrides=("recipe=light-large",)) as form:
        text = await form.see("cannot be read", r"project\.toml:4: Invalid value, column 8", "line 4: seed = = 3")
        assert not re.search("t Start|d Default", text)
        assert "E opens the file in your editor" in text
        await form.press("t")
        assert form.answers == []
        file.write_text(f"seed = 3\n{whole}")
        text = await form.see("What it will do", "light-large", r"seed +3")
        assert form.screen.overrides == ("recipe=light-large",)
        file.write_text(f"seed = 4\n{whole}")  # one that is whole is looked at again, too
        await form.see(r"seed +4")
        file.write_text("[")
        await form.see("cannot be read")
        await form.press("t")
        assert form.answers == []


@pytest.mark.parametrize("size", SIZES)
async def test_a_start_that_would_be_refused_is_refused_in_the_form(
    start: Callable[..., Any], size: tuple[int, int]
) -> None:
    refused = {"message": "backbone.model needs big/model, which is not here", "remedy": "name a folder that holds it"}
    async with start(size=size, plan={**FRESH, "refused": refused}) as form:
        await form.see("✗ cannot start: +backbone.model|✗ cannot start")
        await form.press("t")
        await form.see("That did not work", "name a folder")
        assert form.answers == []


async def test_the_recipes_say_what_they_need(start: Callable[..., Any]) -> None:
    async with start(size=(120, 40)) as form:
        await form.see("What it will do")
        await form.go_to("recipe")
        await form.press("enter")
        await form.see("● light", "two CPU cores, 1.9 M parameters")
        await form.press("home")
        await form.see("GPUs, 6.7 B parameters, 13 GB to load")


async def test_the_line_of_the_filter_names_its_keys(start: Callable[..., Any]) -> None:
    async with start(size=(80, 24)) as form:
        await form.see("time|memory")
        await form.press("slash")
        await form.see("enter To the list", "esc No filter")
        await form.press("escape")
        await form.see("t Start|t Go on")


async def test_on_a_small_screen_what_they_need_is_folded_between_words(start: Callable[..., Any]) -> None:
    async with start(size=(60, 18)) as form:
        await form.see("time|memory")
        await form.go_to("recipe")
        await form.press("enter", "home")
        text = await form.see("6.7 B parameters")
        assert {"parameters,", "memory,", "learns,"} <= set(re.findall(r"[\w,]+", text))
