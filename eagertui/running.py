"""What the keys do: from place to place, and to runs: start, resume, pause, stop."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from textual import work

from core.assets import demo_path, refuse_demo
from core.errors import EagerError
from core.run.folder import RunFolder
from eagertui.actions import PLACES
from eagertui.bridge import Bridge
from eagertui.config import Memory
from eagertui.places.place import Place
from eagertui.plain import duration
from eagertui.watching import WatchingApp
from eagertui.widgets.draw import line


class RunningApp(WatchingApp):
    """An app whose actions lead from place to place, start runs and steer them.

    Args:
        bridge: the way to the engine.
        memory: what is remembered from one day to the next.
    """

    def __init__(self, bridge: Bridge, memory: Memory) -> None:
        super().__init__(bridge, memory)
        self._came_from: list[str] = []

    def meant(self) -> RunFolder | None:
        """The run that the keys of the current place mean."""
        place = next((screen for screen in reversed(self.screen_stack) if isinstance(screen, Place)), None)
        return place.run_folder if place is not None and place.is_mounted else None  # it may be in the making

    # --- places -----------------------------------------------------------------------------------------------------

    def place_before(self) -> str:
        """The place where the project was left last time."""
        file = self.bridge.project_file
        first = "explore" if self.bridge.demo else "home"
        place = str(self.memory.get(f"place {file}", first))
        return place if place in PLACES and file is not None else "home"

    def action_go(self, place: str) -> None:
        """Go to a place."""
        if place != self.current_mode:
            self._came_from = [*self._came_from, self.current_mode][-20:]
            self._arrive(place)

    def action_go_back(self) -> None:
        """Go back to the place before."""
        if self._came_from:
            self._arrive(self._came_from.pop())
        elif self.current_mode != "home":
            self._arrive("home")

    def _arrive(self, place: str) -> None:
        self.switch_mode(place)
        if self.bridge.project_file is not None:
            self.memory.set(f"place {self.bridge.project_file}", place)

    # --- runs -------------------------------------------------------------------------------------------------------

    @work(group="act", exclusive=True, exit_on_error=False)
    async def action_train(self, setting: str = "") -> None:
        """Look at the settings and the cost, at first at one of them, then train the project and watch it."""
        from eagertui.forms.start_training import StartScreen

        file = self.bridge.project_file
        if file is None:
            return
        refuse_demo(file)
        screen = StartScreen(file, self.bridge.overrides if self.wanted is None else self.wanted, setting)
        choice = await self.push_screen_wait(screen)
        self.wanted = tuple(screen.overrides)
        if choice is not None:
            await self._begin(choice.overrides, choice.new)

    @work(group="act", exclusive=True, exit_on_error=False)
    async def action_build_index(self) -> None:
        """Look at the settings of the item index, then make it, and nothing behind it."""
        from eagertui.cli.verbs.index import ONLY_INDEX
        from eagertui.forms.start_training import StartScreen

        file = self.bridge.project_file
        if file is None:
            return
        refuse_demo(file)
        given = self.bridge.overrides if self.wanted is None else self.wanted
        screen = StartScreen(file, [*given, ONLY_INDEX])
        choice = await self.push_screen_wait(screen)
        self.wanted = tuple(text for text in screen.overrides if text != ONLY_INDEX)
        if choice is not None:
            await self._begin(choice.overrides, choice.new)

    async def _begin(self, overrides: tuple[str, ...], new: bool) -> None:
        """Start, continue or attach to a run."""
        try:
            folder, done = await asyncio.to_thread(self.bridge.train, new, overrides)
        except EagerError as error:
            self.complain(error)
            return
        if done != "attached":
            self.asked.pop(folder.id, None)
        self.look_at(folder)
        self.poll_project()
        self.action_go("train")
        self.tell(
            {"attached": "this run is at work already", "continued": "the run goes on"}.get(done, "a new run begins")
        )

    @work(group="act", exit_on_error=False)
    async def action_resume(self) -> None:
        """Let the meant run go on."""
        folder = self.meant()
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

    @work(group="act", exclusive=True, exit_on_error=False)
    async def action_new_project(self) -> None:
        """Make a project from two files and open it."""
        from eagertui.forms.new_project import NewProjectScreen

        path = await self.push_screen_wait(NewProjectScreen())
        if path is not None:
            self.open_project(path)
            self.action_go("data")

    @work(group="act", exit_on_error=False)
    async def action_sample(self) -> None:
        """Copy the sample project, unless it lies here already, and open it."""
        from eagertui.cli.create_project import copy_sample

        path = Path("bookshop") / "project.toml"
        if not path.is_file():  # it may be there from another day
            try:
                path = await asyncio.to_thread(copy_sample, path.parent)
            except EagerError as error:
                self.complain(error)
                return
        self.open_project(path)
        self.tell(f"the sample is now in {path.parent.absolute()}")

    def action_demo(self) -> None:
        """Open the demo at what it is for: its lists."""
        self.open_project(demo_path() / "project.toml")
        self.action_go("explore")

    def action_got_it(self) -> None:
        """Never show the hint of the tour again that is shown now."""
        place = self.screen
        if isinstance(place, Place) and (hint := place.tour_hint()) is not None:
            self.memory.set("tour", [*self.memory.get("tour", []), hint.name])
            place.show_tour()

    def action_pause_run(self) -> None:
        """Pause the meant run, or let it go on."""
        paused = self.follower.status.paused or self.follower.state.paused if self.follower else False
        self._send("resume" if paused else "pause", "it goes on" if paused else "it pauses at the next step")

    def action_checkpoint_run(self) -> None:
        """Save a checkpoint."""
        self._send("checkpoint", "it saves a checkpoint at the next step")

    def _send(self, command: str, text: str) -> None:
        folder = self.meant()
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
        from eagertui.overlays.ask import Answer, AskScreen

        folder = self.meant()
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
            since = "what it did since its last checkpoint"
            lost = since if status.checkpoint else "all it did: there is no checkpoint yet"
            text = line([f"It was asked {ago}to save and end. Ended at once, it loses {lost}."])
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
