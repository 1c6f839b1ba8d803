"""The terminal application: it looks at runs and asks for things; the engine does its work in other processes."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar

from textual import work
from textual.app import SystemCommand
from textual.binding import BindingType
from textual.screen import Screen

from core.errors import EagerError, EnvironmentFault
from core.run.folder import RunFolder
from core.run.status import UNFINISHED
from eagertui.actions import actions_of, app_bindings
from eagertui.bridge import Bridge
from eagertui.plain import duration, visible
from eagertui.screens.home import HomeScreen
from eagertui.screens.place import Place
from eagertui.themes import DARK, LIGHT
from eagertui.watching import WatchingApp
from eagertui.widgets.draw import line, safe
from eagertui.widgets.run_lines import summary

PLACE_OF_VERB = {"train": "train", "evaluate": "train", "recommend": "explore"}


def _train() -> Screen[None]:
    from eagertui.screens.train import TrainScreen

    return TrainScreen()


def _explore() -> Screen[None]:
    from eagertui.screens.explore import ExploreScreen

    return ExploreScreen()


class EagerApp(WatchingApp):
    """EagerTUI.

    Args:
        project: the project file or its folder; None where there is none yet.
        verb: the command line's verb, which names the place to begin at.
        overrides: `--set` texts for the runs that are started here.
        engine: the engine's command line instead of our own (tests).
    """

    TITLE = "EagerTUI"
    CSS_PATH = "app.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*app_bindings()]
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {
        "home": HomeScreen,
        "train": _train,
        "explore": _explore,
    }
    DEFAULT_MODE = "home"
    NOTIFICATION_TIMEOUT = 4.0
    # Textual declares these two as instance variables by mistake, so ClassVar is not possible.
    HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (56, "-narrow"), (76, "-normal"), (120, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-short"), (22, "-middle"), (40, "-tall")]  # noqa: RUF012

    def __init__(
        self,
        project: Path | None = None,
        verb: str = "",
        overrides: Sequence[str] = (),
        engine: Sequence[str] | None = None,
    ) -> None:
        super().__init__(Bridge(project, overrides, engine))
        self._first_place = PLACE_OF_VERB.get(verb, "home")
        self._came_from: list[str] = []
        for theme in (DARK, LIGHT):
            self.register_theme(theme)
        self.theme = DARK.name

    def on_mount(self) -> None:
        """Go to the place that was asked for."""
        if self._first_place != "home":
            self.switch_mode(self._first_place)

    def on_ready(self) -> None:
        """Begin to look at the project, now that the first frame is there."""
        self.poll_project()

    # --- places -----------------------------------------------------------------------------------------------------

    def action_go(self, place: str) -> None:
        """Go to a place."""
        if place != self.current_mode:
            self._came_from = [*self._came_from, self.current_mode][-20:]
            self.switch_mode(place)

    def action_go_back(self) -> None:
        """Go back to the place before."""
        if self._came_from:
            self.switch_mode(self._came_from.pop())
        elif self.current_mode != "home":
            self.switch_mode("home")

    def action_explore(self) -> None:
        """Go to the recommendations of the run that is meant."""
        self.chosen = self._meant() or self.chosen
        self.action_go("explore")

    def action_help(self) -> None:
        """Show every key of this place."""
        from eagertui.screens.help import HelpScreen

        self.push_screen(HelpScreen(self.current_mode))

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The palette: our own actions and Textual's themes and screenshot."""
        for action in actions_of(self.current_mode):
            if isinstance(screen, Place) and self._possible(action.run):
                run = action.run if "." in action.run else f"screen.{action.run}"
                yield SystemCommand(action.label, action.help, lambda run=run: self.run_action(run))
        for command in super().get_system_commands(screen):
            if command.title in ("Theme", "Screenshot"):
                yield command

    def _possible(self, action: str) -> bool:
        return bool(self.check_action(action.removeprefix("app.").partition("(")[0], ()))

    # --- runs -------------------------------------------------------------------------------------------------------

    def _meant(self) -> RunFolder | None:
        place = next((screen for screen in reversed(self.screen_stack) if isinstance(screen, Place)), None)
        return place.run_folder if place is not None else None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide what makes no sense here and now."""
        if action == "sample":
            return self.bridge.project_file is None
        if action in ("train", "train_new") and self.bridge.project_file is None:
            return False
        if action in ("stop_run", "pause_run", "checkpoint_run", "resume", "explore"):
            folder = self._meant()
            status = self.status_of(folder) if folder else None
            if status is None:
                return False
            if action == "resume":
                return status.state in UNFINISHED and not status.live
            if action == "explore":
                return status.state == "finished"
            return status.live
        return True

    @work(group="act", exit_on_error=False)
    async def action_train(self, new: bool = False) -> None:
        """Train the project and watch it."""
        try:
            folder, done = await asyncio.to_thread(self.bridge.train, new)
            if done != "attached":
                self.asked.pop(folder.id, None)
        except EagerError as error:
            self.complain(error)
            return
        self.look_at(folder)
        self.poll_project()
        self.action_go("train")
        self.tell(
            {"attached": "this run is at work already", "continued": "the run goes on"}.get(done, "a new run begins")
        )

    def action_train_new(self) -> None:
        """Start a new run."""
        self.action_train(new=True)

    @work(group="act", exit_on_error=False)
    async def action_resume(self) -> None:
        """Let the meant run go on."""
        folder = self._meant()
        if folder is None:
            return
        try:
            await asyncio.to_thread(self.bridge.resume, folder)
            self.asked.pop(folder.id, None)
        except EagerError as error:
            self.complain(error)
            return
        self.look_at(folder)
        self.poll_project()
        self.action_go("train")

    @work(group="act", exit_on_error=False)
    async def action_sample(self) -> None:
        """Copy the sample project and open it."""
        from eagertui.starting import copy_sample

        try:
            path = await asyncio.to_thread(copy_sample, Path("bookshop"))
        except EagerError as error:
            self.complain(error)
            return
        self.open_project(path)
        self.tell(f"the sample lies in {path.parent.absolute()}")

    def action_pause_run(self) -> None:
        """Pause the meant run, or let it go on."""
        paused = self.follower.status.paused or self.follower.state.paused if self.follower else False
        self._send("resume" if paused else "pause", "it goes on" if paused else "it pauses at the next step")

    def action_checkpoint_run(self) -> None:
        """Save a checkpoint."""
        self._send("checkpoint", "it saves a checkpoint at the next step")

    def _send(self, command: str, text: str) -> None:
        folder = self._meant()
        if folder is not None:
            try:
                self.bridge.send(folder, command)
            except EagerError as error:
                self.complain(error)
                return
            self.tell(text)

    @work(group="act", exit_on_error=False)
    async def action_stop_run(self) -> None:
        """Stop the meant run: ask first, then by signal, then at once."""
        from eagertui.screens.ask import Answer, AskScreen

        folder = self._meant()
        if folder is None:
            return
        status, asked = await asyncio.to_thread(folder.status), self.asked.get(folder.id)
        if not status.live:
            self.tell("this run is not at work")
            return
        if asked is None and not status.stopping:
            text = line(["It finishes its step, saves a checkpoint and ends. Later it goes on from there."])
            answers = [Answer("no", "esc", "Keep it running"), Answer("ask", "s", "Stop and save")]
            title = "Stop this run?"
        else:
            ago = f"{duration(time.monotonic() - asked)} ago " if asked is not None else ""
            saved = f"since {safe(status.checkpoint)}" if status.checkpoint else "so far; there is no checkpoint yet"
            text = line([f"It was asked {ago}to save and end. At once means that what it did {saved} is lost."])
            answers = [
                Answer("no", "esc", "Wait for it"),
                Answer("signal", "s", "Ask again, by signal (SIGTERM)"),
                Answer("kill", "k", "End it at once (SIGKILL)", danger=True),
            ]
            title = "Still stopping"
        answer = await self.push_screen_wait(AskScreen(title, text, answers))
        try:
            await self._stop(folder, answer)
        except EagerError as error:
            self.complain(error)

    async def _stop(self, folder: RunFolder, answer: str) -> None:
        if answer == "ask":
            self.bridge.send(folder, "stop")
            self.asked[folder.id] = time.monotonic()
        elif answer == "signal":
            self.bridge.signal(folder)
        elif answer == "kill":
            await asyncio.to_thread(self.bridge.kill, folder)
        self.run_changed.publish(None)

    # --- leaving ----------------------------------------------------------------------------------------------------

    async def action_quit(self) -> None:
        """Textual's own quit, with our manners."""
        self.action_quit_app()

    @work(group="quit", exclusive=True)
    async def action_quit_app(self) -> None:
        """Leave; where something trains, say what becomes of it."""
        from eagertui.screens.ask import Answer, AskScreen

        live = [run for run in self.runs if run.status.live]
        if live:
            names = "\n".join(summary(run) for run in live[:4])
            text = line([(names, "bold"), "\n\nTraining is a process of its own: it goes on without this window, and "
                         "eagertui attaches to it again."])  # fmt: skip
            answers = [
                Answer("leave", "l", "Quit, leave it running"),
                Answer("stop", "s", "Stop and save, then quit"),
                Answer("no", "esc", "Stay"),
            ]
            answer = await self.push_screen_wait(AskScreen("A run is at work", text, answers))
            if answer == "no":
                return
            if answer == "stop":
                for run in live:
                    with contextlib.suppress(EagerError):
                        self.bridge.send(run.folder, "stop")
        if self.serving is not None:
            await self.serving.close()
        self.exit()


def run_app(project: Path | None, verb: str = "home", overrides: Sequence[str] = ()) -> int:
    """Open the app and stay in it until the person leaves.

    Args:
        project: a project file or its folder; None: `project.toml` here, if there is one.
        verb: the command line's verb, which names the place to begin at.
        overrides: `--set` texts for the runs that are started in the app.

    Returns:
        The exit code of the process.

    Raises:
        EnvironmentFault: where there is no terminal.
    """
    if not (sys.stdin.isatty() and sys.__stderr__ is not None and sys.__stderr__.isatty()):
        raise EnvironmentFault("no terminal to draw the app on", "without a screen: eagertui --headless VERB")
    if project is None and Path("project.toml").is_file():
        project = Path("project.toml")
    app = EagerApp(project, verb, overrides)
    app.run()
    for run in app.bridge.runs():
        if run.status.live:
            print(f"{visible(run.id)} goes on without the app; `eagertui` attaches to it again", file=sys.stderr)
    return app.return_code or 0
