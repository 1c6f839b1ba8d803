"""What can stand on the screen: for each scene the world it needs, the app, and the way there."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textual.command import CommandList
from textual.pilot import Pilot
from textual.widgets import Input

from core.errors import EagerError
from core.jobs import errands
from eagertui import app as eager_app
from eagertui.app import EagerApp
from eagertui.cli.verbs import place_of
from eagertui.forms.editors import ChoiceSelect
from eagertui.forms.pick_file import PickFileScreen
from eagertui.forms.settings_form import SettingsForm
from eagertui.places.data.screen import DataScreen
from eagertui.widgets.row_list import RowList
from eagertui.widgets.table.frame_table import FrameTable
from tests.eagertui.app_tools import Eyes, fake_engine, screen_text
from tests.eagertui.forms.form_tools import Errands
from tests.eagertui.world import PLAN, World

ENDLESS = {"project", "projects", "watch", "file", "files", "act", "quit", "pick", "user"}
"""Groups of workers that look again and again, or wait for a person."""
FRAMES = 0.02
"""Seconds in which Textual lays out and draws whatever changed: a little more than one of its frames."""
Way = Callable[[Eyes, World], Awaitable[None]]


class SceneApp(EagerApp):
    """The app, which leaves no serving process behind."""

    CSS_PATH = str(Path(eager_app.__file__).parent / "app.tcss")

    async def on_unmount(self) -> None:
        """End the serving process."""
        if self.serving is not None:
            await self.serving.close()


class Answers(Errands):
    """Answers every errand at once, without a process: data and guess by the engine's own code.

    Args:
        world: whose words the plan is told in.
    """

    def __init__(self, world: World) -> None:
        say = world.say
        kept = ("data", "semantic", "sasrec")
        stages: list[dict[str, Any]] = [
            {"name": say(name), "state": "reuse", "note": say(f"took {seconds} s"), "seconds": 0.0}
            if name in kept
            else {
                "name": say(name),
                "state": "run",
                "note": say("from step 740") * (name == "tune"),
                "seconds": seconds,
            }
            for name, seconds in PLAN.items()
        ]
        total = sum(one["seconds"] for one in stages)
        super().__init__(
            {"stages": stages, "seconds": total, "memory_mb": 1240.0, "disk_mb": 43.0, "spread": 1.6,
             "continues": world.file_name("2026-06-14-100400_bookshop_bd3b"),
             "warnings": [say("4 items have no text: they are known by behaviour only")]}
        )  # fmt: skip

    async def __call__(self, work: str, *argv: str, on_progress: Callable[[str], None] | None = None) -> dict[str, Any]:
        """Answer."""
        if work == "data":
            options = argparse.Namespace(project=Path(argv[0]), overrides=[])
            return await asyncio.to_thread(errands.data, options, lambda text: None)
        return await super().__call__(work, *argv, on_progress=on_progress)


@dataclass(frozen=True)
class Scene:
    """One thing to look at.

    Attributes:
        build: writes what is needed and gives the project's file.
        way: from the start of the app to what should be seen.
        verb: names the place where the app begins.
    """

    build: Callable[[World], Path | None]
    way: Way
    verb: str = ""

    @contextlib.contextmanager
    def app(self, world: World) -> Iterator[SceneApp]:
        """The app in a world."""
        project = self.build(world)
        others = [path for path in world.here.glob("*/project.toml") if path != project]
        memory = world.memory(*sorted(others, reverse=True), *([project] if project else []))
        engine = fake_engine("--answers", str(world.answers)) if world.answers else fake_engine()
        app = SceneApp(project, place_of(self.verb), engine=engine, memory=memory)
        app.animation_level = "none"
        app.bridge.errand = Answers(world)  # type: ignore[method-assign]
        yield app

    async def play(self, pilot: Pilot[None], world: World) -> None:
        """Go the way, and wait until nothing moves any more."""
        app = pilot.app
        assert isinstance(app, SceneApp)
        eyes = Eyes(app, pilot)
        await eyes.until(lambda: app.runs_read and app.current_mode)
        await self.way(eyes, world)
        await settled(eyes)


async def settled(eyes: Eyes) -> None:
    """Wait until every worker is done that ever will be, what they did is drawn, and the picture stands still."""
    app = eyes.app

    def busy() -> bool:
        working = any(not worker.is_finished and worker.group not in ENDLESS for worker in app.workers)
        return working or bool(app.screen._layout_required or app.screen._layout_widgets)

    before = ""
    while True:  # what a worker ended with may begin another
        await eyes.until(lambda: not busy())
        for _ in range(2):
            await eyes.pilot.press()  # no key: every widget has then answered the messages that it has
            await eyes.pilot.pause(FRAMES)
        now = screen_text(app, styles=True)
        if not busy() and now == before:
            return
        before = now


# --- worlds -----------------------------------------------------------------------------------------------------------


def nothing(world: World) -> None:
    """No project at all."""


def shelves(world: World) -> Path:
    """Three projects; in one of them a run of every kind."""
    other = world.project("beauty")
    world.finished(other, began=9 * 86_400.0, better=-0.11)
    world.project("scientific")
    project = world.project()
    world.stopped(project)
    world.failed(project)
    world.finished(project)
    world.live(project)
    return project


def only(kind: str) -> Callable[[World], Path]:
    """One project with one run."""

    def build(world: World) -> Path:
        project = world.project()
        getattr(world, kind)(project)
        return project

    return build


def compared(world: World) -> Path:
    """Three finished runs."""
    project = world.project()
    for days, better in ((9, -0.021), (4, -0.004), (1, 0.0)):
        world.finished(project, began=days * 86_400.0, better=better)
    return project


def readers(world: World) -> Path:
    """A finished run, and answers for whoever asks its model."""
    project = world.project()
    world.finished(project)
    world.write_answers()
    return project


def indices(world: World) -> Path:
    """Two finished runs whose indices differ."""
    project = world.project()
    world.index(world.finished(project, began=4 * 86_400.0), seed=1)
    world.finished(project)
    return project


def shop(world: World) -> Path:
    """A project with its tables."""
    project = world.project()
    world.write_tables(project.parent)
    return project


def files(world: World) -> None:
    """Tables that are no project yet."""
    world.write_files()


# --- ways ----------------------------------------------------------------------------------------------------------


async def stay(eyes: Eyes, world: World) -> None:
    """Nowhere."""
    await eyes.until(lambda: eyes.app.screen.query(RowList))


async def home(eyes: Eyes, world: World) -> None:
    """The projects and the runs are read."""
    known = len(eyes.app.memory.projects)
    await eyes.until(lambda: len(eyes.app.projects) == known)
    await eyes.until(lambda: eyes.app.screen.query_one("#projects", RowList).option_count == known)


async def followed(eyes: Eyes, world: World) -> None:
    """The run that is looked at is read to its end, and its plan too."""
    await eyes.until(lambda: eyes.app.follower is not None and not eyes.app.follower.behind)
    await eyes.until(lambda: eyes.app.screen._seen is not None)  # type: ignore[attr-defined]
    await settled(eyes)
    await eyes.pilot.pause(0.3)  # the curves are drawn four times a second at most
    eyes.app.screen.query_one("#charts").draw()  # type: ignore[attr-defined]
    # A run that works is drawn and laid out again and again; this one stands still.
    eyes.app.screen.query_one("#stage-text").refresh(layout=True)
    await settled(eyes)


async def data(eyes: Eyes, world: World) -> None:
    """The data are read, their table is there, and beside it the record under the cursor where there is room."""
    screen = eyes.app.screen
    assert isinstance(screen, DataScreen)
    await eyes.until(lambda: screen.ready and screen.tables.table.rows is not None)
    await settled(eyes)
    await eyes.until(lambda: not screen.query_one("#record").display or screen.query_one("#record").border_title)


def then(way: Way, *keys: str) -> Way:
    """A way, and keys behind it."""

    async def go(eyes: Eyes, world: World) -> None:
        await way(eyes, world)
        await settled(eyes)
        await eyes.press(*keys)

    return go


async def split(eyes: Eyes, world: World) -> None:
    """The history of a user whose list is long."""
    await data(eyes, world)
    screen = eyes.app.screen
    assert isinstance(screen, DataScreen)
    screen._open_user(16)
    await eyes.until(lambda: eyes.app.screen.query("#split-table"))
    await eyes.until(lambda: eyes.app.screen.query_one(FrameTable).row)


async def index(eyes: Eyes, world: World) -> None:
    """The index is read, and a branch of it is open."""
    await eyes.press("3")
    await eyes.until(lambda: getattr(eyes.app.screen, "opened", None))
    await settled(eyes)
    await eyes.press("down", "down", "enter", "down")


async def index_item(eyes: Eyes, world: World) -> None:
    """An item that was found by its title, with the neighbours that the serving process knows."""
    await index(eyes, world)
    await eyes.press("slash")
    await eyes.until(lambda: eyes.app.screen.query("#finder-text"))
    eyes.app.screen.query_one(Input).value = "volume 24"
    await eyes.until(lambda: eyes.app.screen.query_one(RowList).option_count == 11)
    await eyes.press("enter")
    await eyes.until(lambda: eyes.app.screen.query("#near-0") and not eyes.app.screen.has_class("-waiting"))


async def index_diff(eyes: Eyes, world: World) -> None:
    """Another index beside it."""
    await index(eyes, world)
    await eyes.press("d")
    await eyes.until(lambda: eyes.app.screen.query("#finder-rows"))
    await eyes.until(lambda: eyes.app.screen.query_one(RowList).option_count == 1)
    await eyes.press("enter")
    await eyes.until(lambda: eyes.app.screen.query("#diff"))


async def explore(eyes: Eyes, world: World) -> None:
    """A reader's history and recommendations."""
    users = eyes.app.screen.query_one("#users", RowList)
    await eyes.until(lambda: users.option_count)
    await settled(eyes)
    await eyes.press("down", "enter")
    await eyes.until(lambda: eyes.app.screen.has_class("-answered"))
    why, said = eyes.app.screen.query_one("#why"), eyes.app.screen.query_one("#why-lines")
    await eyes.until(lambda: not why.display or said.size.height > 5)  # where it is shown, it is asked for


async def compare(eyes: Eyes, world: World) -> None:
    """Two marked runs, and what was read of them."""
    await home(eyes, world)
    await eyes.press("6", "space", "down", "space")
    await eyes.until(lambda: eyes.app.screen.query_one("#view", RowList).option_count > 1)


async def start(eyes: Eyes, world: World) -> None:
    """The form before a training, its figures computed."""
    await eyes.press("t")
    await eyes.until(lambda: eyes.app.screen.query(SettingsForm) and getattr(eyes.app.screen, "_plan", None))


async def pick(eyes: Eyes, world: World) -> None:
    """The choice of the log."""
    await eyes.press("n")
    await eyes.until(lambda: isinstance(eyes.app.screen, PickFileScreen))
    await eyes.until(lambda: eyes.app.screen.query_one(RowList).option_count)


async def guess(eyes: Eyes, world: World) -> None:
    """Both files are picked, and what was guessed from them is shown."""
    for name in (world.log_name, world.books_name):
        await pick(eyes, world) if name == world.log_name else await asyncio.sleep(0)
        entries = eyes.app.screen.query_one(RowList)
        await eyes.until(lambda entries=entries: entries.option_count)
        entries.go_to(name)
        before = eyes.app.screen
        await eyes.press("enter")
        await eyes.until(lambda before=before: eyes.app.screen is not before)
        await eyes.until(lambda: eyes.app.screen.query("#pick, SettingsForm"))
    await eyes.until(lambda: (draft := getattr(eyes.app.screen, "_draft", None)) and (draft.guessed or draft.failed))


async def palette(eyes: Eyes, world: World) -> None:
    """The palette, asked for a word."""
    await home(eyes, world)
    await eyes.press("ctrl+p")
    await eyes.press(*"go to")
    await eyes.until(lambda: eyes.app.screen.query_one(CommandList).option_count >= 6)
    await settled(eyes)
    eyes.app.screen.query_one(CommandList).action_first()  # hits that came in two parts leave it where the first began


async def complained(eyes: Eyes, world: World) -> None:
    """An error and a message at the corner."""
    await home(eyes, world)
    await settled(eyes)
    eyes.app.complain(EagerError(world.say("cannot write"), world.say("make room")))
    eyes.app.tell(world.say("the run goes on"))
    await eyes.pilot.pause()


async def chosen(eyes: Eyes, world: World) -> None:
    """The columns that may hold the readers."""
    await guess(eyes, world)
    await settled(eyes)
    eyes.app.screen.query_one(SettingsForm).go_to("data.user")
    await eyes.press("enter")
    await eyes.until(lambda: any(select.expanded for select in eyes.app.screen.query(ChoiceSelect)))


SCENES = {
    "home-first": Scene(nothing, stay),
    "home": Scene(shelves, home),
    "help": Scene(shelves, then(home, "question_mark")),
    "palette": Scene(shelves, palette),
    "data": Scene(shop, data, "check"),
    "split": Scene(shop, split, "check"),
    "index": Scene(only("finished"), index),
    "index-conflicts": Scene(only("finished"), then(index, "v")),
    "index-group": Scene(only("finished"), then(index, "v", "enter")),
    "index-report": Scene(only("finished"), then(index, "v", "v")),
    "index-items": Scene(only("finished"), then(index, "i")),
    "index-item": Scene(readers, index_item),
    "index-diff": Scene(indices, index_diff),
    "train-live": Scene(only("live"), then(followed, "space"), "train"),
    "train-finished": Scene(only("finished"), followed, "train"),
    "train-failed": Scene(only("failed"), followed, "train"),
    "start": Scene(shop, start, "check"),
    "pick": Scene(files, pick),
    "new-project": Scene(files, guess),
    "explore": Scene(readers, explore, "recommend"),
    "compare": Scene(compared, compare),
    "compare-slices": Scene(compared, then(compare, "v")),
    "compare-settings": Scene(compared, then(compare, "v", "v")),
    "compare-users": Scene(compared, then(compare, "v", "v", "v")),
    "compare-curves": Scene(compared, then(compare, "v", "v", "v", "v")),
    "stop": Scene(only("live"), then(followed, "x"), "train"),
    "quit": Scene(shelves, then(home, "q")),
}
"""By name, in the order of a person's way."""
